//! What the registry holds: repositories of blobs, manifests and tags, and the uploads that are under way.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use waxseal_core::Digest;

/// A manifest as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredManifest {
    /// The digest that it is stored under.
    pub digest: Digest,
    /// The media type that it came with.
    pub media_type: String,
    /// The bytes that it came with.
    pub bytes: Bytes,
}

impl StoredManifest {
    /// The bytes as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a manifest that is stored is JSON")
    }

    /// The digest of its subject, if it has one.
    pub fn subject(&self) -> Option<Digest> {
        let json: Value = serde_json::from_slice(&self.bytes).ok()?;
        json.get("subject")?.get("digest")?.as_str()?.parse().ok()
    }

    /// Its descriptor in a referrers listing: the artifact type of the manifest, else its configuration's type.
    pub fn referrer_descriptor(&self) -> Value {
        let json: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        let artifact_type = json
            .get("artifactType")
            .and_then(text)
            .or_else(|| json.get("config").and_then(|config| config.get("mediaType")).and_then(text));
        let mut descriptor = serde_json::json!({
            "mediaType": self.media_type,
            "digest": self.digest.to_string(),
            "size": self.bytes.len(),
        });
        if let Some(artifact_type) = artifact_type {
            descriptor["artifactType"] = artifact_type.into();
        }
        if let Some(annotations) = json.get("annotations").filter(|annotations| annotations.is_object()) {
            descriptor["annotations"] = annotations.clone();
        }
        descriptor
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Store {
    repositories: BTreeMap<String, Contents>,
    pub(super) uploads: BTreeMap<String, Upload>,
    uploads_begun: u64,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) blobs: BTreeMap<Digest, Bytes>,
    pub(super) manifests: BTreeMap<Digest, StoredManifest>,
    pub(super) tags: BTreeMap<String, Digest>,
}

impl Contents {
    fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.manifests.is_empty()
    }
}

/// An upload that is under way. Its state changes with every part, and only the newest is taken.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) bytes: Vec<u8>,
    pub(super) state: u64,
}

impl Store {
    pub(super) fn repository(&mut self, name: &str) -> &mut Contents {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn known(&self, name: &str) -> Option<&Contents> {
        self.repositories.get(name).filter(|contents| !contents.is_empty())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.repositories
            .iter()
            .filter(|(_, contents)| !contents.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(super) fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Digest {
        let named = reference.parse::<Digest>().ok();
        let digest = named.map_or_else(
            || Digest::of(&bytes),
            |named| {
                let found = Digest::of_with(named.algorithm(), &bytes);
                assert_eq!(found, named, "the bytes of a manifest have another digest than its name");
                named
            },
        );
        let contents = self.repository(repository);
        let stored = StoredManifest { digest, media_type: media_type.to_owned(), bytes };
        contents.manifests.insert(digest, stored);
        if named.is_none() {
            contents.tags.insert(reference.to_owned(), digest);
        }
        digest
    }

    pub(super) fn tag(&mut self, repository: &str, tag: &str, digest: &Digest) {
        let contents = self.repository(repository);
        assert!(contents.manifests.contains_key(digest), "{repository} has no manifest {digest} to tag");
        contents.tags.insert(tag.to_owned(), *digest);
    }

    pub(super) fn remove_manifest(&mut self, repository: &str, digest: &Digest) -> bool {
        let contents = self.repository(repository);
        contents.tags.retain(|_, tagged| tagged != digest);
        contents.manifests.remove(digest).is_some()
    }

    pub(super) fn corrupt(&mut self, repository: &str, digest: &Digest, bytes: &Bytes) {
        let contents = self.repository(repository);
        let manifest = contents.manifests.get_mut(digest).map(|stored| stored.bytes = bytes.clone());
        let blob = contents.blobs.get_mut(digest).map(|stored| *stored = bytes.clone());
        assert!(manifest.or(blob).is_some(), "{repository} has nothing under {digest} to corrupt");
    }

    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Option<StoredManifest> {
        let contents = self.known(repository)?;
        let digest = match reference.parse::<Digest>() {
            Ok(digest) => digest,
            Err(_) => *contents.tags.get(reference)?,
        };
        contents.manifests.get(&digest).cloned()
    }

    pub(super) fn referrers(&self, repository: &str, subject: &Digest) -> Vec<StoredManifest> {
        self.known(repository)
            .into_iter()
            .flat_map(|contents| contents.manifests.values())
            .filter(|manifest| manifest.subject().as_ref() == Some(subject))
            .cloned()
            .collect()
    }

    pub(super) fn begin_upload(&mut self, repository: &str) -> (String, u64) {
        self.uploads_begun += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.uploads_begun);
        let upload = Upload { repository: repository.to_owned(), bytes: Vec::new(), state: 1 };
        self.uploads.insert(id.clone(), upload);
        (id, 1)
    }
}
