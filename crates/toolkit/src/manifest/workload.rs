//! Workloads: the objects that run containers, where their pod templates stand, and which images they name.

use core::fmt;
use std::ops::Range;

use super::lookup::Found;
use super::tree::{Id, Tree};
use super::{Manifest, ManifestError};

/// What kind of object runs the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkloadKind {
    /// `v1`.
    Pod,
    /// `v1`.
    PodTemplate,
    /// `v1`.
    ReplicationController,
    /// `apps/v1`, and `extensions` of old.
    Deployment,
    /// `apps/v1`, and `extensions` of old.
    ReplicaSet,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`, and `extensions` of old.
    DaemonSet,
    /// `batch/v1`.
    Job,
    /// `batch/v1`.
    CronJob,
}

/// Each kind with its name and the groups of the API that have it.
const KINDS: &[(WorkloadKind, &str, &[&str])] = &[
    (WorkloadKind::Pod, "Pod", &[""]),
    (WorkloadKind::PodTemplate, "PodTemplate", &[""]),
    (WorkloadKind::ReplicationController, "ReplicationController", &[""]),
    (WorkloadKind::Deployment, "Deployment", &["apps", "extensions"]),
    (WorkloadKind::ReplicaSet, "ReplicaSet", &["apps", "extensions"]),
    (WorkloadKind::StatefulSet, "StatefulSet", &["apps"]),
    (WorkloadKind::DaemonSet, "DaemonSet", &["apps", "extensions"]),
    (WorkloadKind::Job, "Job", &["batch"]),
    (WorkloadKind::CronJob, "CronJob", &["batch"]),
];

impl WorkloadKind {
    /// Its name, as it stands under `kind`.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    /// The kind of an object. A group that has another kind of this name is none of ours; no group at all is any.
    pub(crate) fn of(api_version: Option<&str>, name: &str) -> Option<Self> {
        let group = api_version.map(|version| version.split_once('/').map_or("", |(group, _)| group));
        let known = KINDS
            .iter()
            .find(|(_, known, groups)| *known == name && group.is_none_or(|group| groups.contains(&group)))?;
        Some(known.0)
    }

    /// Where the pod template stands in the object; a pod is its own.
    const fn template(self) -> &'static [&'static str] {
        match self {
            Self::Pod => &[],
            Self::PodTemplate => &["template"],
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            _ => &["spec", "template"],
        }
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An object that runs containers.
#[derive(Clone, Debug)]
pub struct Workload {
    kind: WorkloadKind,
    name: Option<String>,
    namespace: Option<String>,
    line: usize,
    containers: Vec<Container>,
    pub(super) object: Place,
    pub(super) template: Place,
}

impl Workload {
    /// What kind of object it is.
    pub const fn kind(&self) -> WorkloadKind {
        self.kind
    }

    /// Its name, or what its name is generated from.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its namespace, where the manifest names one.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The line that it begins on, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Everything that it takes from an image.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    pub(super) fn into_containers(self) -> Vec<Container> {
        self.containers
    }
}

/// An object that has a pod template, or containers, and is of a kind that is not known: nothing is changed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignWorkload {
    /// Its kind, as it stands there.
    pub kind: String,
    /// Its name.
    pub name: Option<String>,
    /// Its namespace, where the manifest names one.
    pub namespace: Option<String>,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// What it takes from images.
    pub containers: Vec<Container>,
}

/// Where kinds that are not known keep their containers, as those of Argo and Knative do.
pub(crate) const FOREIGN: &[&[&str]] = &[
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["template", "spec"],
    &["spec"],
];

/// What takes something from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerRole {
    /// `initContainers`.
    Init,
    /// `containers`.
    Main,
    /// `ephemeralContainers`.
    Ephemeral,
    /// A volume that is an image (`volumes[].image`).
    Volume,
}

/// A container, or a volume that is an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// What it is.
    pub role: ContainerRole,
    /// Its name.
    pub name: Option<String>,
    /// The image, where one is named.
    pub image: Option<ImageText>,
}

/// The name of an image and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageText {
    /// The name as it stands there, not parsed.
    pub text: String,
    /// The line, from 1. Where an alias leads to the name, the line of the name.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of the name in the text, with its quotes.
    pub span: Range<usize>,
    /// The node that is the name, aliases followed, and the way there on which none is followed.
    pub(super) at: Place,
}

/// A node, and the way there from the beginning of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) document: usize,
    pub(super) path: Vec<Step>,
    pub(super) node: Id,
}

/// One step of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

impl Place {
    pub(super) fn key(&self, key: &str, node: Id) -> Self {
        let mut place = Self { node, ..self.clone() };
        place.path.push(Step::Key(key.to_owned()));
        place
    }

    pub(super) fn item(&self, at: usize, node: Id) -> Self {
        let mut place = Self { node, ..self.clone() };
        place.path.push(Step::Item(at));
        place
    }
}

/// An object of a file, those of lists one by one.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Its kind; none where the document is of no kind, as a Compose file.
    pub(super) kind: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) place: Place,
}

impl Object {
    /// What kind of workload it is, if it is one that is known.
    pub(super) fn workload(&self) -> Option<WorkloadKind> {
        WorkloadKind::of(self.api_version.as_deref(), self.kind.as_deref()?)
    }
}

impl Manifest {
    /// Every workload of the file, in its order, those in lists too. Objects of other kinds are passed over.
    pub fn workloads(&self) -> Result<Vec<Workload>, ManifestError> {
        let finder = Finder { tree: &self.tree };
        let mut found = Vec::new();
        for object in self.objects()? {
            if let Some(kind) = object.workload() {
                found.push(finder.workload(kind, &object.place)?);
            }
        }
        Ok(found)
    }

    /// The objects that run containers and are of kinds that are not known.
    pub fn foreign_workloads(&self) -> Result<Vec<ForeignWorkload>, ManifestError> {
        let finder = Finder { tree: &self.tree };
        let mut found = Vec::new();
        for object in self.objects()?.iter().filter(|object| object.workload().is_none()) {
            found.extend(finder.foreign(object)?);
        }
        Ok(found)
    }

    /// Every object of the file, in its order.
    pub(super) fn objects(&self) -> Result<Vec<Object>, ManifestError> {
        let mut objects = Vec::new();
        for (document, node) in self.tree.documents().iter().copied().enumerate() {
            if self.tree.is_null(node) {
                continue;
            }
            let place = Place { document, path: Vec::new(), node };
            Finder { tree: &self.tree }.objects(&place, None, &mut objects)?;
        }
        Ok(objects)
    }
}

pub(super) struct Finder<'a> {
    pub(super) tree: &'a Tree,
}

impl<'a> Finder<'a> {
    /// Takes an object, or the objects of a list. `default` is the kind of what a list of one kind holds. `kubectl` applies
    /// what stands in `items` whatever the kind around it: there, what is an object of its own counts too.
    fn objects(
        &self,
        place: &Place,
        default: Option<&str>,
        objects: &mut Vec<Object>,
    ) -> Result<(), ManifestError> {
        if self.tree.entries(place.node).is_none() {
            return Err(self.shape(place.node, "a document", "an object"));
        }
        let Some(kind) = self.word(place.node, "kind")?.or(default.map(ToOwned::to_owned)) else {
            objects.push(Object { kind: None, api_version: None, place: place.clone() });
            return Ok(());
        };
        let api_version = self.word(place.node, "apiVersion")?;
        if let Some(one) = kind.strip_suffix("List")
            && let Some(items) = self.value(place.node, "items")?
        {
            let one = Some(one).filter(|one| !one.is_empty());
            let list = place.key("items", items);
            for (at, item) in self.list(items, "items")?.iter().enumerate() {
                self.objects(&list.item(at, *item), one, objects)?;
            }
            return Ok(());
        }
        if let Some(items) = self.value(place.node, "items")? {
            let list = place.key("items", items);
            for (at, item) in self.tree.items(items).unwrap_or_default().iter().enumerate() {
                if self.look(*item, &["kind"])?.is_some() {
                    self.objects(&list.item(at, *item), None, objects)?;
                }
            }
        }
        objects.push(Object { kind: Some(kind), api_version, place: place.clone() });
        Ok(())
    }

    /// An object of an unknown kind that runs containers. Once it has containers, they are read as strictly as those of a
    /// pod: what cannot be read is an error, and never an object without images.
    pub(super) fn foreign(&self, object: &Object) -> Result<Option<ForeignWorkload>, ManifestError> {
        let Some(kind) = object.kind.clone() else { return Ok(None) };
        let node = object.place.node;
        for way in FOREIGN {
            let Some(spec) = self.follow(&object.place, way)? else { continue };
            if !self.has_containers(spec.node)? {
                continue;
            }
            return Ok(Some(ForeignWorkload {
                kind,
                name: self.metadata(node, "name")?,
                namespace: self.metadata(node, "namespace")?,
                line: self.tree.node(node).line,
                containers: self.containers(&spec)?,
            }));
        }
        Ok(None)
    }

    /// Whether there are containers as a pod has them. A list without a single object, as one of names, holds none.
    fn has_containers(&self, spec: Id) -> Result<bool, ManifestError> {
        let containers = self.look(spec, &["containers"])?.and_then(|containers| self.tree.items(containers));
        Ok(containers.is_some_and(|items| {
            items.is_empty() || items.iter().any(|item| self.tree.entries(*item).is_some())
        }))
    }

    /// A field of an object's metadata, where it is a text.
    pub(super) fn metadata(&self, object: Id, field: &str) -> Result<Option<String>, ManifestError> {
        let found = self.look(object, &["metadata", field])?;
        Ok(found.and_then(|found| self.tree.text(found)).map(ToOwned::to_owned))
    }

    /// What stands at the end of a way; nothing where an object of an unknown kind has something else there.
    fn look(&self, object: Id, way: &[&str]) -> Result<Option<Id>, ManifestError> {
        let mut node = object;
        for field in way {
            let Some(found) = self.tree.get(node, field)? else { return Ok(None) };
            node = found.entry.value;
        }
        Ok(Some(node))
    }

    /// The place at the end of a way, as [`Self::look`] finds it.
    fn follow(&self, object: &Place, way: &[&str]) -> Result<Option<Place>, ManifestError> {
        let mut place = object.clone();
        for field in way {
            let Some(value) = self.look(place.node, &[field])? else { return Ok(None) };
            place = place.key(field, value);
        }
        Ok(Some(place))
    }

    pub(super) fn workload(&self, kind: WorkloadKind, object: &Place) -> Result<Workload, ManifestError> {
        let mut template = object.clone();
        for field in kind.template() {
            let Some(value) = self.value(template.node, field)? else {
                return Err(self.shape(
                    object.node,
                    &format!("{kind}: {}", kind.template().join(".")),
                    "there",
                ));
            };
            template = template.key(field, value);
        }
        if self.tree.entries(template.node).is_none() {
            return Err(self.shape(template.node, &kind.template().join("."), "an object"));
        }
        let containers = match self.value(template.node, "spec")? {
            Some(spec) => self.containers(&template.key("spec", spec))?,
            None => Vec::new(),
        };
        let metadata = self.value(object.node, "metadata")?;
        let word = |field| match metadata {
            Some(metadata) => self.word(metadata, field),
            None => Ok(None),
        };
        let name = match word("name")? {
            Some(name) => Some(name),
            None => word("generateName")?,
        };
        let namespace = word("namespace")?;
        let line = self.tree.node(object.node).line;
        Ok(Workload { kind, name, namespace, line, containers, object: object.clone(), template })
    }

    fn containers(&self, spec: &Place) -> Result<Vec<Container>, ManifestError> {
        let mut containers = Vec::new();
        for (field, role) in [
            ("initContainers", ContainerRole::Init),
            ("containers", ContainerRole::Main),
            ("ephemeralContainers", ContainerRole::Ephemeral),
        ] {
            for item in self.places(spec, field)? {
                containers.push(self.container(role, item.node, &item, "image")?);
            }
        }
        for item in self.places(spec, "volumes")? {
            if let Some(image) = self.value(item.node, "image")? {
                let image = item.key("image", image);
                containers.push(self.container(ContainerRole::Volume, item.node, &image, "reference")?);
            }
        }
        Ok(containers)
    }

    fn container(
        &self,
        role: ContainerRole,
        item: Id,
        holder: &Place,
        field: &str,
    ) -> Result<Container, ManifestError> {
        let name = self.word(item, "name")?;
        let image = match self.value(holder.node, field)? {
            None => None,
            Some(value) => Some(self.image(&holder.key(field, value), field)?),
        };
        Ok(Container { role, name, image })
    }

    /// The name of an image that stands at this place.
    pub(super) fn image(&self, place: &Place, field: &str) -> Result<ImageText, ManifestError> {
        let Some(text) = self.tree.text(place.node) else {
            return Err(self.shape(place.node, field, "a text"));
        };
        let at = Place { node: self.tree.resolve(place.node), ..place.clone() };
        let node = self.tree.node(at.node);
        let (line, column) = (node.line, node.column.saturating_add(1));
        Ok(ImageText { text: text.to_owned(), line, column, span: node.span.clone(), at })
    }

    /// The places of the items of a list.
    pub(super) fn places(&self, object: &Place, field: &str) -> Result<Vec<Place>, ManifestError> {
        let Some(value) = self.value(object.node, field)? else { return Ok(Vec::new()) };
        let list = object.key(field, value);
        let items = self.list(value, field)?.iter().enumerate();
        Ok(items.map(|(at, item)| list.item(at, *item)).collect())
    }

    /// The value of a field that is there and not null. Where `object` is none, that is an error.
    pub(super) fn value(&self, object: Id, field: &str) -> Result<Option<Id>, ManifestError> {
        if self.tree.entries(object).is_none() {
            return Err(self.shape(object, &format!("what should have the field {field:?}"), "an object"));
        }
        let found = self.tree.get(object, field)?;
        Ok(found.map(|Found { entry, .. }| entry.value).filter(|value| !self.tree.is_null(*value)))
    }

    pub(super) fn word(&self, object: Id, field: &str) -> Result<Option<String>, ManifestError> {
        let Some(value) = self.value(object, field)? else { return Ok(None) };
        match self.tree.text(value) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.shape(value, field, "a text")),
        }
    }

    fn list(&self, value: Id, field: &str) -> Result<&'a [Id], ManifestError> {
        self.tree.items(value).ok_or_else(|| self.shape(value, field, "a list"))
    }

    pub(super) fn shape(&self, node: Id, field: &str, expected: &'static str) -> ManifestError {
        ManifestError::Shape { line: self.tree.node(node).line, field: field.to_owned(), expected }
    }
}
