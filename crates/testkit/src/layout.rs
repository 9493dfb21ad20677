//! OCI layout directories: read, and pushed into a registry of either kind.
//!
//! This reads layouts that the tests themselves made or brought, so it panics where something is missing.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use waxseal_core::media_type::{is_index, is_manifest};
use waxseal_core::{Descriptor, Digest};

use crate::registry::Registry;

/// The annotation that names a tag in an index.json.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An OCI layout directory.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: PathBuf,
    entries: Vec<Descriptor>,
}

impl Layout {
    /// Reads `index.json` of a layout.
    pub fn read(directory: &Path) -> Self {
        let path = directory.join("index.json");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let index: Value =
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let entries = serde_json::from_value(index["manifests"].clone())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { directory: directory.to_owned(), entries }
    }

    /// What index.json lists.
    pub fn entries(&self) -> &[Descriptor] {
        &self.entries
    }

    /// The digest under a tag.
    pub fn tag(&self, tag: &str) -> Option<Digest> {
        self.entries
            .iter()
            .find(|entry| entry.annotations.get(REF_NAME).is_some_and(|name| name == tag))
            .map(|entry| entry.digest)
    }

    /// An object by its digest.
    pub fn blob(&self, digest: &Digest) -> Bytes {
        let path = self.directory.join("blobs").join(digest.algorithm().name()).join(digest.hex());
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
    }

    /// Every object of the layout, listed in index.json or not.
    pub fn objects(&self) -> Vec<(Digest, Bytes)> {
        let mut objects = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            let Ok(entries) = std::fs::read_dir(self.directory.join("blobs").join(algorithm)) else {
                continue;
            };
            for entry in entries {
                let name = entry.unwrap().file_name().into_string().expect("a digest");
                let digest: Digest = format!("{algorithm}:{name}").parse().expect("a digest");
                objects.push((digest, self.blob(&digest)));
            }
        }
        objects.sort_by_key(|(digest, _)| *digest);
        objects
    }
}

impl Registry {
    /// Stores a layout, past the protocol: what has a tag by its tag, every other manifest by its digest. Where the
    /// registry has a referrers API, those with a subject are referrers; where it has none, a fallback tag of
    /// the layout is a tag like others.
    pub fn push_layout(&self, directory: &Path, repository: &str) {
        let layout = Layout::read(directory);
        for (digest, bytes) in layout.objects() {
            match manifest_type(&bytes) {
                Some(media_type) => {
                    self.put_manifest(repository, &digest.to_string(), &media_type, bytes);
                }
                None => {
                    self.put_blob(repository, bytes);
                }
            }
        }
        for entry in layout.entries() {
            // The type that index.json gives wins: a body need not say its own.
            let bytes = layout.blob(&entry.digest);
            self.put_manifest(repository, &entry.digest.to_string(), &entry.media_type, bytes);
            if let Some(tag) = entry.annotations.get(REF_NAME) {
                self.tag(repository, tag, &entry.digest);
            }
        }
    }
}

/// The media type of a body that is a manifest or an index.
fn manifest_type(bytes: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    json.get("schemaVersion")?;
    let media_type = json.get("mediaType")?.as_str()?;
    (is_manifest(media_type) || is_index(media_type)).then(|| media_type.to_owned())
}
