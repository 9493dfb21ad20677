//! Indexes of images: several platforms, nested, with build attestations.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use waxseal_core::media_type::OCI_INDEX;
use waxseal_core::{Descriptor, Platform};

use super::{BuiltImage, ImageBuilder};

/// Builds an image index.
///
/// ```
/// use waxseal_testkit::{ImageBuilder, IndexBuilder};
/// let image = |platform| ImageBuilder::new().file("platform", platform).platform(platform).build();
/// let index = IndexBuilder::new().image(image("linux/amd64")).image(image("linux/arm64/v8")).build();
/// assert_eq!(index.children.len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct IndexBuilder {
    entries: Vec<Descriptor>,
    children: Vec<(Descriptor, Bytes)>,
    blobs: Vec<(Descriptor, Bytes)>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl IndexBuilder {
    /// An index without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// An index of one small image for each platform.
    pub fn of_platforms(platforms: &[&str]) -> Self {
        let image = |platform: &&str| {
            ImageBuilder::new().file("platform", (*platform).to_owned()).platform(platform).build()
        };
        platforms.iter().map(image).fold(Self::new(), Self::image)
    }

    /// An image, or a nested index, with the descriptor that it was built with.
    #[must_use]
    pub fn image(self, image: BuiltImage) -> Self {
        let descriptor = image.descriptor();
        self.image_as(image, descriptor)
    }

    /// An image with another descriptor: a platform or type that it does not have.
    #[must_use]
    pub fn image_as(mut self, image: BuiltImage, descriptor: Descriptor) -> Self {
        self.entries.push(descriptor);
        for child in image.children.into_iter().chain([image.manifest]) {
            if self.children.iter().all(|(known, _)| known.digest != child.0.digest) {
                self.children.push(child);
            }
        }
        for blob in image.blobs {
            if self.blobs.iter().all(|(known, _)| known.digest != blob.0.digest) {
                self.blobs.push(blob);
            }
        }
        self
    }

    /// A build attestation of an image in this index, as build tools write them: for the platform unknown/unknown.
    #[must_use]
    pub fn build_attestation(self, image: &BuiltImage) -> Self {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{ "name": "image", "digest": { "sha256": image.digest().hex() } }],
            "predicate": {},
        });
        let attestation = ImageBuilder::new()
            .layer_of("application/vnd.in-toto+json", statement.to_string())
            .platform("unknown/unknown")
            .build();
        let mut descriptor = attestation.descriptor();
        descriptor.platform = Some(Platform::new("unknown", "unknown"));
        descriptor.annotations = BTreeMap::from([
            ("vnd.docker.reference.digest".to_owned(), image.digest().to_string()),
            ("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned()),
        ]);
        self.image_as(attestation, descriptor)
    }

    /// An entry for something that is not there.
    #[must_use]
    pub fn entry(mut self, descriptor: Descriptor) -> Self {
        self.entries.push(descriptor);
        self
    }

    /// The media type of the index, in place of OCI's.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// The artifact type of the index.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// The manifest that it refers to.
    #[must_use]
    pub fn subject(mut self, subject: Descriptor) -> Self {
        self.subject = Some(subject);
        self
    }

    /// An annotation of the index.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The index.
    pub fn build(self) -> BuiltImage {
        let media_type = self.media_type.as_deref().unwrap_or(OCI_INDEX);
        let mut index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": self.entries });
        if let Some(artifact_type) = &self.artifact_type {
            index["artifactType"] = artifact_type.as_str().into();
        }
        if let Some(subject) = &self.subject {
            index["subject"] = json!(Descriptor::new(&subject.media_type, subject.digest, subject.size));
        }
        if !self.annotations.is_empty() {
            index["annotations"] = json!(self.annotations);
        }
        let bytes = Bytes::from(index.to_string());
        let mut descriptor = Descriptor::of(media_type, &bytes);
        descriptor.artifact_type = self.artifact_type;
        BuiltImage { manifest: (descriptor, bytes), children: self.children, blobs: self.blobs }
    }
}
