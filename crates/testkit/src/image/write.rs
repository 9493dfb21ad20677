//! Where a built image goes: into a registry, or into an OCI layout directory.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::media_type::OCI_INDEX;
use waxseal_core::{Descriptor, Digest};

use super::BuiltImage;
use crate::layout::REF_NAME;
use crate::registry::Registry;

impl BuiltImage {
    /// Stores everything in a registry, past its protocol, and the manifest under `tag`. Says its digest.
    pub fn push_to(&self, registry: &Registry, repository: &str, tag: &str) -> Digest {
        self.store(registry, repository);
        registry.tag(repository, tag, &self.digest());
        self.digest()
    }

    /// Stores everything in a registry, past its protocol, without a tag: a referrer, as a rule.
    pub fn push_untagged(&self, registry: &Registry, repository: &str) -> Digest {
        self.store(registry, repository);
        self.digest()
    }

    fn store(&self, registry: &Registry, repository: &str) {
        for (_, bytes) in &self.blobs {
            registry.put_blob(repository, bytes.clone());
        }
        for (descriptor, bytes) in self.children.iter().chain([&self.manifest]) {
            let digest = descriptor.digest.to_string();
            registry.put_manifest(repository, &digest, &descriptor.media_type, bytes.clone());
        }
    }

    /// Writes an OCI layout with this image under `tag`, or adds it to the layout that is there.
    pub fn write_layout(&self, directory: &Path, tag: &str) -> Digest {
        let mut descriptor = json!(self.manifest.0);
        descriptor["annotations"] = json!({ REF_NAME: tag });
        self.add(directory, descriptor);
        self.digest()
    }

    /// Adds this image to an OCI layout by its digest alone.
    pub fn write_layout_untagged(&self, directory: &Path) -> Digest {
        self.add(directory, json!(self.manifest.0));
        self.digest()
    }

    fn add(&self, directory: &Path, descriptor: Value) {
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::create_dir_all(path.parent().unwrap())
                .and_then(|()| std::fs::write(path, bytes))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        };
        write(&directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
        let objects = self.blobs.iter().chain(&self.children).chain([&self.manifest]);
        for (Descriptor { digest, .. }, bytes) in objects {
            let bytes: &Bytes = bytes;
            write(&directory.join("blobs").join(digest.algorithm().name()).join(digest.hex()), bytes);
        }
        let path = directory.join("index.json");
        let mut index = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).expect("index.json is JSON"),
            Err(_) => json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }),
        };
        index["manifests"].as_array_mut().expect("index.json lists manifests").push(descriptor);
        write(&path, index.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use waxseal_core::manifest::Manifest;

    use crate::{ImageBuilder, IndexBuilder};

    #[test]
    fn an_image_is_the_same_in_every_run_and_reads_back() {
        let build = || {
            ImageBuilder::new().file("hello", "world").random_layer(1000, 7).platform("linux/arm64").build()
        };
        let image = build();
        assert_eq!(image, build());
        assert_eq!(image.blobs.len(), 3);
        assert!(image.blobs.iter().all(|(descriptor, bytes)| descriptor.matches(bytes)));
        let manifest = Manifest::parse(&image.manifest.1, Some(&image.manifest.0.media_type)).unwrap();
        assert_eq!(manifest.children().len(), 3);
    }

    #[test]
    fn an_index_holds_what_is_below_it_once() {
        let inner = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]);
        let image = ImageBuilder::new().file("platform", "linux/amd64").platform("linux/amd64").build();
        let index =
            IndexBuilder::new().image(image.clone()).image(inner.build()).build_attestation(&image).build();
        let manifest = Manifest::parse(&index.manifest.1, None).unwrap();
        assert_eq!(manifest.children().len(), 3);
        // One image stands in both indexes: amd64, arm64, the nested index, the attestation.
        assert_eq!(index.children.len(), 4);
        let unknown = manifest.children()[2].platform.clone().unwrap();
        assert!(unknown.is_unknown());
    }

    #[test]
    fn a_layout_takes_several_images() {
        let directory = tempfile::tempdir().unwrap();
        let first = ImageBuilder::new().file("a", "1").build();
        let second = ImageBuilder::new().artifact("text/example").subject(first.descriptor()).build();
        first.write_layout(directory.path(), "1.0");
        second.write_layout_untagged(directory.path());
        let layout = crate::layout::Layout::read(directory.path());
        assert_eq!(layout.entries().len(), 2);
        assert_eq!(layout.tag("1.0"), Some(first.digest()));
        assert_eq!(layout.blob(&second.digest()), second.manifest.1);
    }
}
