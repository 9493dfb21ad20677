//! The images in objects of Kubernetes: what a cluster says that it runs, and what manifests name.
//!
//! Of a pod that a cluster has started, the digest that the node reports counts (`status.containerStatuses[].imageID`),
//! and not the name in its specification: a tag may have moved since. Objects are read in JSON (`kubectl get pods -A -o
//! json`, of any size up to [`DUMP_BYTES`]) or in YAML. This is no gate: nothing is decided by what is read here.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use waxseal_core::{Digest, ImageRef, Repository};

use super::source::{Named, Use, Workload};
use crate::error::{Error, ErrorKind};
use crate::manifest::{FOREIGN, Manifest, WorkloadKind};

/// Largest file with objects in JSON, in bytes (256 MiB): some twenty thousand pods.
pub const DUMP_BYTES: u64 = 256 << 20;

/// Most objects of a file.
pub const DUMP_OBJECTS: usize = 200_000;

/// Deepest nesting of lists in lists.
const LISTS: usize = 16;

/// Longest chain of owners that is followed: a pod, its replica set, its deployment.
const OWNERS: usize = 4;

/// What a file names.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) uses: Vec<Use>,
    /// Pods that have ended, and were left out.
    pub(super) ended: usize,
}

/// Reads a file with objects. `shown` is how errors call it. Pods that have ended are left out unless `with_ended`.
pub(super) fn read(shown: &str, bytes: Vec<u8>, with_ended: bool) -> Result<Objects, Error> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut objects = Vec::new();
    if matches!(first, Some(b'{')) {
        let wrong = |error: serde_json::Error| wrong(shown, &format!("not JSON: {error}"));
        for document in serde_json::Deserializer::from_slice(&bytes).into_iter::<&RawValue>() {
            listed(shown, document.map_err(wrong)?, &mut objects)?;
        }
    } else {
        let manifest =
            Manifest::read(bytes).map_err(|error| wrong(shown, &error.to_string()).caused_by(error))?;
        let documents = manifest
            .documents_as_json()
            .map_err(|error| wrong(shown, &error.to_string()).caused_by(error))?;
        for document in documents.iter().filter(|document| !document.is_null()) {
            let text = RawValue::from_string(document.to_string())
                .map_err(|error| wrong(shown, &error.to_string()))?;
            listed(shown, &text, &mut objects)?;
        }
    }
    Ok(uses(&objects, with_ended))
}

fn wrong(shown: &str, why: &str) -> Error {
    Error::new(ErrorKind::Manifest, format!("{shown}: {why}"))
}

/// What is read of any object before its kind is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    kind: Option<String>,
    api_version: Option<String>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(skip)]
    kind: String,
    #[serde(default)]
    metadata: Meta,
    spec: Option<Spec>,
    template: Option<Template>,
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    name: Option<String>,
    generate_name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
    controller: Option<Flag>,
}

/// A boolean, which out of YAML is a word.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Word(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    template: Option<Box<Template>>,
    job_template: Option<Box<Template>>,
}

impl Spec {
    /// What the pods of its template are made of.
    fn pods(&self) -> Option<&Self> {
        self.template.as_deref()?.spec.as_ref()
    }
}

/// A pod template, or the template of a job, which holds one.
#[derive(Deserialize)]
struct Template {
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Container {
    name: Option<String>,
    image: Option<String>,
}

#[derive(Deserialize)]
struct Volume {
    name: Option<String>,
    image: Option<VolumeImage>,
}

#[derive(Deserialize)]
struct VolumeImage {
    reference: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Deserialize)]
struct ContainerStatus {
    name: Option<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
}

/// Takes an object, or the objects of a list.
fn listed(shown: &str, text: &RawValue, objects: &mut Vec<Object>) -> Result<(), Error> {
    if !text.get().starts_with('{') {
        return Err(wrong(shown, "a document is not an object"));
    }
    object(shown, text, ("", None), 0, objects)
}

/// Takes what is of this kind and this version of the API where it says neither, `depth` lists down.
fn object(
    shown: &str,
    text: &RawValue,
    (default_kind, default_version): (&str, Option<&str>),
    depth: usize,
    objects: &mut Vec<Object>,
) -> Result<(), Error> {
    if objects.len() >= DUMP_OBJECTS {
        return Err(wrong(shown, &format!("more than {DUMP_OBJECTS} objects")));
    }
    let head: Head<'_> =
        serde_json::from_str(text.get()).map_err(|error| wrong(shown, &format!("an object: {error}")))?;
    let kind = head.kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| default_kind.to_owned());
    let version = head.api_version.as_deref().or(default_version);
    if let Some(items) = head.items {
        if depth >= LISTS {
            return Err(wrong(shown, &format!("lists nest deeper than {LISTS} levels")));
        }
        // A list of one kind leaves the kind of its items out. `kubectl` takes every object with items apart.
        let one = kind.strip_suffix("List");
        let default = one.map_or(("", None), |one| (one, version));
        for item in items {
            if one.is_some() || item.get().starts_with('{') {
                object(shown, item, default, depth.saturating_add(1), objects)?;
            }
        }
        if one.is_some() {
            return Ok(());
        }
    }
    let read = match serde_json::from_str::<Object>(text.get()) {
        Ok(object) => Ok(Some(object)),
        Err(_) if WorkloadKind::of(version, &kind).is_none() => foreign(text),
        Err(error) => Err(error),
    };
    if let Some(mut object) = read.map_err(|error| wrong(shown, &format!("a {kind}: {error}")))? {
        object.kind = kind;
        objects.push(object);
    }
    Ok(())
}

/// Reads an object of a kind that is not known and may have anything under the names of ours. One that has containers is
/// read or is an error; any other runs nothing.
fn foreign(text: &RawValue) -> Result<Option<Object>, serde_json::Error> {
    let mut whole: serde_json::Value = serde_json::from_str(text.get())?;
    let has_containers = FOREIGN.iter().any(|way| {
        let spec = way.iter().try_fold(&whole, |value, field| value.get(field));
        let containers = spec.and_then(|spec| spec.get("containers")?.as_array());
        containers.is_some_and(|items| items.iter().any(serde_json::Value::is_object))
    });
    if !has_containers {
        return Ok(None);
    }
    // Only that of a pod says what runs.
    if let Some(members) = whole.as_object_mut() {
        members.remove("status");
    }
    serde_json::from_value(whole).map(Some)
}

/// An object's place among the others.
type Key<'a> = (Option<&'a str>, &'a str, &'a str);

impl Object {
    fn name(&self) -> Option<&str> {
        self.metadata.name.as_deref().or(self.metadata.generate_name.as_deref())
    }

    fn key(&self) -> Option<Key<'_>> {
        Some((self.metadata.namespace.as_deref(), &self.kind, self.name()?))
    }

    /// The object that controls it.
    fn controller(&self) -> Option<Key<'_>> {
        let controls = |owner: &&Owner| match &owner.controller {
            Some(Flag::Bool(is)) => *is,
            Some(Flag::Word(word)) => word == "true",
            None => false,
        };
        let owner = self.metadata.owner_references.iter().flatten().find(controls)?;
        Some((self.metadata.namespace.as_deref(), &owner.kind, &owner.name))
    }

    /// What its pods are made of: the first that has containers, of where the kinds keep it.
    fn pod_spec(&self) -> Option<&Spec> {
        let own = self.spec.as_ref();
        if self.kind == "Pod" {
            return own;
        }
        let of_job = own.and_then(|spec| spec.job_template.as_deref()?.spec.as_ref());
        let bare = self.template.as_ref().and_then(|template| template.spec.as_ref());
        let runs = |spec: &&Spec| spec.containers.is_some() || spec.init_containers.is_some();
        [own.and_then(Spec::pods), of_job.and_then(Spec::pods), bare, own].into_iter().flatten().find(runs)
    }

    fn has_ended(&self) -> bool {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    }
}

fn uses(objects: &[Object], with_ended: bool) -> Objects {
    let mut owners: HashMap<Key<'_>, Option<Key<'_>>> = HashMap::new();
    for object in objects {
        if let Some(key) = object.key() {
            owners.insert(key, object.controller());
        }
    }
    let mut found = Objects::default();
    for object in objects {
        let controller = object.controller();
        if object.kind == "Pod" {
            if object.has_ended() && !with_ended {
                found.ended = found.ended.saturating_add(1);
                continue;
            }
        } else if controller.is_some_and(|owner| owners.contains_key(&owner)) {
            // Its owner says the same, or its pods do: an old replica set runs nothing.
            continue;
        }
        let mut top = controller.or(object.key());
        for _ in 0..OWNERS {
            match top.and_then(|top| owners.get(&top).copied().flatten()) {
                Some(above) => top = Some(above),
                None => break,
            }
        }
        let (namespace, kind, name) = top.unwrap_or((None, &object.kind, ""));
        // A pod with an image in two of its containers is one pod.
        let mut counted = HashSet::new();
        let mut add = |named: Named, container: Option<&String>| {
            let first = counted.insert(named.location.as_ref().map(ToString::to_string).unwrap_or_default());
            let workload = Workload {
                kind: kind.to_owned(),
                namespace: namespace.map(ToOwned::to_owned),
                name: name.to_owned(),
                containers: container.cloned().into_iter().collect(),
                pods: usize::from(first && object.kind == "Pod"),
            };
            found.uses.push(Use { named, workload: Some(workload) });
        };
        let Some(spec) = object.pod_spec() else { continue };
        let no_status = Status::default();
        let status = object.status.as_ref().filter(|_| object.kind == "Pod").unwrap_or(&no_status);
        for (containers, statuses) in [
            (&spec.init_containers, &status.init_container_statuses),
            (&spec.containers, &status.container_statuses),
            (&spec.ephemeral_containers, &status.ephemeral_container_statuses),
        ] {
            for container in containers.iter().flatten() {
                let Some(image) = container.image.as_deref().filter(|image| !image.is_empty()) else {
                    continue;
                };
                let status = statuses.iter().flatten().find(|status| status.name == container.name);
                let id = status.and_then(|status| status.image_id.as_deref()).unwrap_or_default();
                add(named(image, id), container.name.as_ref());
            }
        }
        for volume in spec.volumes.iter().flatten() {
            if let Some(image) = volume.image.as_ref().and_then(|image| image.reference.as_deref()) {
                add(named(image, ""), volume.name.as_ref());
            }
        }
    }
    found
}

/// The image that a container runs: by the name that is written for it, and by what the node says that it is.
fn named(image: &str, id: &str) -> Named {
    let written: Result<ImageRef, _> = image.parse();
    // `docker-pullable://` and the like stand before what the node says.
    let id = id.rsplit_once("://").map_or(id, |(_, id)| id);
    let running = id.parse::<ImageRef>().ok().filter(|_| id.contains('@'));
    let running = running.and_then(|reference| Some((reference.repository().clone(), *reference.digest()?)));
    match (written, running) {
        (Ok(written), Some((repository, digest))) => {
            // Where no registry is written, the node has chosen one.
            let repository = if is_qualified(image) { written.repository().clone() } else { repository };
            Named::running(image, &repository, &digest)
        }
        (Err(_), Some((repository, digest))) => Named::running(image, &repository, &digest),
        (Ok(written), None) => {
            let mut named = Named::reference(image, written);
            // A bare digest is that of the configuration: an image that was loaded on the node, or an old runtime.
            named.unknown_to_node = id.parse::<Digest>().is_ok();
            named
        }
        (Err(error), None) => Named::wrong(image, &error.to_string()),
    }
}

/// Whether a registry is written, as Docker tells it.
fn is_qualified(image: &str) -> bool {
    let first = image.split_once('/').map(|(first, _)| first);
    first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost")
}

impl Named {
    fn running(written: &str, repository: &Repository, digest: &Digest) -> Self {
        match format!("{repository}@{digest}").parse::<ImageRef>() {
            Ok(reference) => Self { is_running: true, ..Self::reference(written, reference) },
            Err(error) => Self::wrong(written, &error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn asked(text: &str) -> Vec<String> {
        let shown = |one: &Use| {
            let workload = one.workload.as_ref().unwrap();
            let place = match &one.named.location {
                Ok(location) => location.to_string(),
                Err(why) => why.clone(),
            };
            format!("{}/{} {place} {}", workload.kind, workload.name, one.named.is_running)
        };
        read("a", text.as_bytes().to_vec(), false).unwrap().uses.iter().map(shown).collect()
    }

    fn pod(status: &str) -> String {
        format!(
            r#"{{"kind":"Pod","metadata":{{"name":"app-5d-x","namespace":"prod","ownerReferences":[
                {{"kind":"ReplicaSet","name":"app-5d","controller":true}}]}},
                "spec":{{"containers":[{{"name":"app","image":"registry.example.com/app:1.0"}}]}},"status":{status}}}"#
        )
    }

    #[test]
    fn what_a_node_runs_counts_and_not_the_name() {
        let status = |id: &str| {
            format!(r#"{{"phase":"Running","containerStatuses":[{{"name":"app","imageID":"{id}"}}]}}"#)
        };
        let running = format!("ReplicaSet/app-5d registry.example.com/app@{A} true");
        for id in [
            format!("registry.example.com/app@{A}"),
            format!("docker-pullable://registry.example.com/app@{A}"),
            // The same image, pulled under another name before.
            format!("registry.example.com/other@{A}"),
        ] {
            assert_eq!(asked(&pod(&status(&id))), [running.as_str()], "{id}");
        }
        // Not started, and known by its configuration only.
        for id in ["", B, &format!("docker://{B}")] {
            let by_name = "ReplicaSet/app-5d registry.example.com/app:1.0 false";
            assert_eq!(asked(&pod(&status(id))), [by_name], "{id}");
        }
        assert_eq!(asked(&pod("{}")), ["ReplicaSet/app-5d registry.example.com/app:1.0 false"]);
        assert!(asked(&pod(r#"{"phase":"Succeeded"}"#)).is_empty());
        let all = read("a", pod(r#"{"phase":"Failed"}"#).into_bytes(), true).unwrap();
        assert_eq!((all.uses.len(), all.ended), (1, 0));
    }

    #[test]
    fn owners_are_followed_and_old_replica_sets_run_nothing() {
        let set = r#"{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{"name":"app-5d","namespace":"prod",
            "ownerReferences":[{"kind":"Deployment","name":"app","controller":true}]},
            "spec":{"template":{"spec":{"containers":[{"image":"registry.example.com/app:old"}]}}}}"#;
        let deployment = r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"app","namespace":"prod"},
            "spec":{"template":{"spec":{"containers":[{"image":"registry.example.com/app:1.0"}]}}}}"#;
        let list = |items: &[&str]| format!(r#"{{"kind":"List","items":[{}]}}"#, items.join(","));
        let all = asked(&list(&[deployment, set, &pod("{}")]));
        assert_eq!(all, ["Deployment/app registry.example.com/app:1.0 false"; 2]);
        // One whose owner is not there is not passed over.
        assert_eq!(asked(&list(&[set])), ["Deployment/app registry.example.com/app:old false"]);
    }

    #[test]
    fn an_object_of_an_unknown_kind_that_has_containers_is_read_or_is_an_error() {
        let of = |spec: &str, status: &str| {
            format!(r#"{{"kind":"Rollout","metadata":{{"name":"x"}},"spec":{spec},"status":{status}}}"#)
        };
        let template = |more: &str| {
            format!(r#"{{"template":{{"spec":{{"containers":[{{"image":"a.example/a"}}{more}]}}}}}}"#)
        };
        let one = ["Rollout/x a.example/a:latest false"];
        assert_eq!(asked(&of(&template(""), "{}")), one);
        // What the status of such a kind says is of no interest.
        assert_eq!(asked(&of(&template(""), r#"{"phase":{"of":1}}"#)), one);
        for more in [r#","text""#, r#",{"image":{"name":"b"}}"#] {
            let error = read("a", of(&template(more), "{}").into_bytes(), false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Manifest, "{more}");
        }
        assert!(asked(&of(r#"{"containers":["a","b"]}"#, "{}")).is_empty());
        // A template without containers beside them, and one that a pod does not look at.
        let own = r#"{"template":{"spec":{}},"containers":[{"image":"a.example/a"}]}"#;
        assert_eq!(asked(&of(own, "{}")), one);
        let pod =
            r#"{"template":{"spec":{"containers":[{"image":"b"}]}},"containers":[{"image":"a.example/a"}]}"#;
        assert_eq!(asked(&of(pod, "{}").replace("Rollout", "Pod")), ["Pod/x a.example/a:latest false"]);
    }

    #[test]
    fn lists_in_lists_are_opened_and_items_of_every_kind() {
        let pod = r#"{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"image":"a.example/a"}]}}"#;
        let within = |kind: &str, inner: &str| format!(r#"{{"kind":"{kind}","items":[{inner}]}}"#);
        let one = ["Pod/x a.example/a:latest false"];
        assert_eq!(asked(&within("List", &within("List", pod))), one);
        assert_eq!(asked(&within("ConfigMap", pod)), one);
        let deep = (0..=LISTS).fold(pod.to_owned(), |inner, _| within("List", &inner));
        assert_eq!(read("a", deep.into_bytes(), false).unwrap_err().kind(), ErrorKind::Manifest);
    }

    #[test]
    fn objects_of_every_kind_are_read_in_json_and_in_yaml() {
        let yaml = "kind: CronJob\napiVersion: batch/v1\nmetadata: {name: 7}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        \
            spec:\n          initContainers: [{image: a.example/init}]\n          containers: [{image: a.example/job}]\n          \
            volumes: [{name: data, image: {reference: a.example/data}}]\n---\nkind: Rollout\nmetadata: {name: x}\nspec: {template: \
            {spec: {containers: [{image: a.example/rollout}]}}}\n---\nkind: ConfigMap\ndata: {a: b}\n---\nkind: Odd\nspec: {template: 1}\n";
        assert_eq!(
            asked(yaml),
            [
                "CronJob/7 a.example/init:latest false",
                "CronJob/7 a.example/job:latest false",
                "CronJob/7 a.example/data:latest false",
                "Rollout/x a.example/rollout:latest false",
            ]
        );
        let bare = r#"{"kind":"PodList","items":[{"metadata":{"name":"a"},"spec":{"containers":[{"image":"UPPER"}]}}]}"#;
        assert!(asked(bare)[0].starts_with("Pod/a "), "{:?}", asked(bare));
        // Names of places on this machine are no images here.
        assert!(!asked(&bare.replace("UPPER", "oci:/etc")).iter().any(|one| one.contains("oci:/etc false")));
        for wrong in ["{", "[]", "kind: [", r#"{"kind":"Pod","spec":{"containers":"x"}}"#] {
            assert_eq!(read("a", wrong.into(), false).unwrap_err().kind(), ErrorKind::Manifest, "{wrong}");
        }
    }
}
