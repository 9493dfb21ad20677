//! Every image that a file names, with the object and the container that it is for.

use std::collections::HashSet;

use waxseal_core::ImageRef;

use super::source::Manifest;
use super::tree::{Id, Kind};
use super::workload::{Finder, ForeignWorkload, Object};
use super::{Container, ContainerRole, ImagePath, ImageText, MANIFEST_IMAGES, ManifestError};
use crate::mention::{Note, NoteCode, Place, Role, Source};

/// Names that objects of unknown kinds give the field of an image.
const IMAGE_FIELDS: [&str; 2] = ["image", "containerImage"];

/// The images of a file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ManifestImages {
    /// The images, in the order of the file.
    pub images: Vec<ManifestImage>,
    /// What names no image that could be judged, and should be known.
    pub notes: Vec<Note>,
    /// For each path that was given, whether it led to an image.
    pub used: Vec<bool>,
}

/// An image that a file names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ManifestImage {
    /// The name, not parsed.
    pub image: ImageText,
    /// Where it stands. The file is not known here.
    pub place: Place,
}

impl Manifest {
    /// Every image that the file names: in workloads of the known kinds, in objects of other kinds that have a pod
    /// template, at `paths`, and in services of Compose files. An image in an object of an unknown kind that no path leads
    /// to is noted.
    pub fn images(&self, paths: &[ImagePath]) -> Result<ManifestImages, ManifestError> {
        let mut found = ManifestImages { used: vec![false; paths.len()], ..ManifestImages::default() };
        for object in self.objects()? {
            match &object.kind {
                None => self.compose(&object.place, &mut found)?,
                Some(kind) => self.object(&object, kind, paths, &mut found)?,
            }
            if found.images.len() > MANIFEST_IMAGES {
                let line = self.tree.node(object.place.node).line;
                return Err(ManifestError::TooManyImages { line });
            }
        }
        Ok(found)
    }

    fn object(
        &self,
        object: &Object,
        kind: &str,
        paths: &[ImagePath],
        found: &mut ManifestImages,
    ) -> Result<(), ManifestError> {
        let finder = Finder { tree: &self.tree };
        let node = object.place.node;
        let group =
            object.api_version.as_deref().map(|version| version.split_once('/').map_or("", |two| two.0));
        if kind == "Kustomization" && group.is_some_and(|group| group == "kustomize.config.k8s.io") {
            return Err(ManifestError::UnrenderedSource {
                line: self.tree.node(node).line,
                why: "this is what manifests are made from, and may change the images in them".to_owned(),
                hint: "render it first, and gate what comes out: `kustomize build DIR`, `kubectl kustomize DIR`",
            });
        }
        let mut place = Place::of(Source::Kubernetes);
        place.kind = Some(kind.to_owned());
        let known = object.workload();
        let containers = if let Some(known) = known {
            let workload = finder.workload(known, &object.place)?;
            place.name = workload.name().map(ToOwned::to_owned);
            place.namespace = workload.namespace().map(ToOwned::to_owned);
            workload.into_containers()
        } else if let Some(ForeignWorkload { name, namespace, containers, .. }) = finder.foreign(object)? {
            (place.name, place.namespace) = (name, namespace);
            containers
        } else {
            place.name = finder.metadata(node, "name")?;
            place.namespace = finder.metadata(node, "namespace")?;
            Vec::new()
        };
        let mut taken: HashSet<Id> = HashSet::new();
        for container in containers {
            Self::container(container, &place, &mut taken, found);
        }
        for (path, used) in paths.iter().zip(0_usize..).filter(|(path, _)| path.is_for(kind)) {
            for at in path.places(&self.tree, &object.place)? {
                let image = finder.image(&at, path.as_str())?;
                if let Some(used) = found.used.get_mut(used) {
                    *used = true;
                }
                if taken.insert(at.node) {
                    let mut place = place.clone().at(image.line, image.column);
                    (place.role, place.container) = (Some(Role::Path), Some(path.as_str().to_owned()));
                    found.images.push(ManifestImage { image, place });
                }
            }
        }
        // What the API server itself defines holds no other images that run.
        let built_in = group.is_some_and(|group| !group.contains('.') || group.ends_with(".k8s.io"));
        if known.is_none() && !built_in {
            self.unknown(node, &place, &taken, found);
        }
        Ok(())
    }

    fn container(container: Container, object: &Place, taken: &mut HashSet<Id>, found: &mut ManifestImages) {
        let Container { role, name, image } = container;
        let mut place = object.clone();
        place.role = Some(match role {
            ContainerRole::Init => Role::Init,
            ContainerRole::Main => Role::Container,
            ContainerRole::Ephemeral => Role::Ephemeral,
            ContainerRole::Volume => Role::Volume,
        });
        place.container = name;
        match image {
            Some(image) => {
                taken.insert(image.at.node);
                let place = place.at(image.line, image.column);
                found.images.push(ManifestImage { image, place });
            }
            None => found.notes.push(Note {
                code: NoteCode::NoImage,
                place,
                message: "it names no image, so that nothing is judged".to_owned(),
            }),
        }
    }

    /// Notes what looks like an image in an object of an unknown kind.
    fn unknown(&self, object: Id, place: &Place, taken: &HashSet<Id>, found: &mut ManifestImages) {
        let mut seen: HashSet<Id> = HashSet::new();
        let mut waiting = vec![object];
        let mut images = Vec::new();
        while let Some(id) = waiting.pop() {
            let id = self.tree.resolve(id);
            if !seen.insert(id) {
                continue;
            }
            match &self.tree.node(id).kind {
                Kind::Sequence { items, .. } => waiting.extend(items),
                Kind::Mapping { entries, .. } => {
                    for entry in entries {
                        let value = self.tree.resolve(entry.value);
                        let is_image =
                            self.tree.text(entry.key).is_some_and(|key| IMAGE_FIELDS.contains(&key))
                                && self.tree.text(value).is_some_and(|text| text.parse::<ImageRef>().is_ok());
                        if is_image && !taken.contains(&value) {
                            images.push(value);
                        }
                        waiting.push(entry.value);
                    }
                }
                Kind::Scalar { .. } | Kind::Alias { .. } => {}
            }
        }
        images.sort_unstable();
        images.dedup();
        found.notes.extend(images.into_iter().map(|id| {
            let node = self.tree.node(id);
            let name = self.tree.text(id).unwrap_or_default();
            Note {
                code: NoteCode::UnknownImage,
                place: place.clone().at(node.line, node.column.saturating_add(1)),
                message: format!("{name} stands in an object of a kind that is not known, and is not judged"),
            }
        }));
    }
}
