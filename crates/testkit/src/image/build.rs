//! Images of one platform, and artifacts.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::media_type::{OCI_CONFIG, OCI_EMPTY, OCI_MANIFEST};
use waxseal_core::{Descriptor, Platform};

use super::BuiltImage;
use crate::rng::Seeded;

/// Layers are not compressed: their digests are those of their contents.
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The date of everything in an image, and the same in seconds since 1970.
const CREATED: &str = "2026-01-01T00:00:00Z";
const CREATED_UNIX: u64 = 1_767_225_600;

/// Builds an image of one platform (linux/amd64 unless another is named), or an artifact.
///
/// ```
/// use waxseal_testkit::ImageBuilder;
/// let image = ImageBuilder::new().file("hello", "world").build();
/// assert_eq!(image, ImageBuilder::new().file("hello", "world").build());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    files: Vec<(String, u32, Bytes)>,
    layers: Vec<(String, Bytes)>,
    platform: Option<Platform>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    empty_config: bool,
    config: Option<(String, Bytes)>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    entrypoint: Vec<String>,
}

impl ImageBuilder {
    /// An image without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A file in the image's first layer, readable by everybody. The path has no slash in front.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Bytes>) -> Self {
        self.files.push((path.to_owned(), 0o644, bytes.into()));
        self
    }

    /// A program in the image's first layer.
    #[must_use]
    pub fn program(mut self, path: &str, bytes: impl Into<Bytes>) -> Self {
        self.files.push((path.to_owned(), 0o755, bytes.into()));
        self
    }

    /// One program of this machine in the first layer, as the entrypoint: for instance a static busybox at `bin/busybox`.
    #[must_use]
    pub fn program_from(self, path: &str, file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.program(path, bytes).entrypoint(&[&format!("/{path}")])
    }

    /// All files below a directory in the first layer, in the order of their names, without owners and dates.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        let mut found = Vec::new();
        walk(directory, "", &mut found);
        self.files.extend(found);
        self
    }

    /// A layer of these bytes, whatever they are.
    #[must_use]
    pub fn layer(self, bytes: impl Into<Bytes>) -> Self {
        self.layer_of(OCI_LAYER, bytes)
    }

    /// A layer of these bytes with a media type of its own.
    #[must_use]
    pub fn layer_of(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.layers.push((media_type.to_owned(), bytes.into()));
        self
    }

    /// A layer of so many random bytes, the same for the same seed.
    #[must_use]
    pub fn random_layer(self, len: usize, seed: u64) -> Self {
        let bytes = Seeded::new(seed).bytes(len);
        self.layer(bytes)
    }

    /// The platform, as in `linux/arm64/v8`.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = Some(platform.parse().unwrap_or_else(|error| panic!("{platform}: {error}")));
        self
    }

    /// The media type of the manifest, in place of OCI's.
    #[must_use]
    pub fn media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// Makes it an artifact: this type, and the empty configuration.
    #[must_use]
    pub fn artifact(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self.empty_config = true;
        self
    }

    /// A configuration of these bytes, in place of the one that is made.
    #[must_use]
    pub fn config(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.config = Some((media_type.to_owned(), bytes.into()));
        self
    }

    /// The manifest that it refers to.
    #[must_use]
    pub fn subject(mut self, subject: Descriptor) -> Self {
        self.subject = Some(subject);
        self
    }

    /// An annotation of the manifest.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A label of the configuration.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The command that the image runs.
    #[must_use]
    pub fn entrypoint(mut self, command: &[&str]) -> Self {
        self.entrypoint = command.iter().map(ToString::to_string).collect();
        self
    }

    /// The image. Its descriptor has the platform, unless it is an artifact.
    pub fn build(self) -> BuiltImage {
        let mut layers = Vec::new();
        if !self.files.is_empty() {
            let archive = archive(&self.files);
            layers.push((Descriptor::of(OCI_LAYER, &archive), archive));
        }
        for (media_type, bytes) in &self.layers {
            layers.push((Descriptor::of(media_type, bytes), bytes.clone()));
        }
        let platform = self.platform.clone().unwrap_or_else(|| Platform::new("linux", "amd64"));
        let (config_type, config) = match &self.config {
            Some((media_type, bytes)) => (media_type.clone(), bytes.clone()),
            None if self.empty_config => (OCI_EMPTY.to_owned(), Bytes::from_static(b"{}")),
            None => (OCI_CONFIG.to_owned(), self.image_config(&platform, &layers)),
        };
        let config = (Descriptor::of(config_type, &config), config);
        let media_type = self.media_type.as_deref().unwrap_or(OCI_MANIFEST);
        let layer_descriptors: Vec<&Descriptor> = layers.iter().map(|(descriptor, _)| descriptor).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.0,
            "layers": layer_descriptors,
        });
        if let Some(artifact_type) = &self.artifact_type {
            manifest["artifactType"] = artifact_type.as_str().into();
        }
        if let Some(subject) = &self.subject {
            // A subject is named by type, digest and size; its platform is its own affair.
            let subject = Descriptor::new(&subject.media_type, subject.digest, subject.size);
            manifest["subject"] = json!(subject);
        }
        if !self.annotations.is_empty() {
            manifest["annotations"] = json!(self.annotations);
        }
        let bytes = Bytes::from(manifest.to_string());
        let mut descriptor = Descriptor::of(media_type, &bytes);
        descriptor.artifact_type.clone_from(&self.artifact_type);
        if !self.empty_config {
            descriptor.platform = Some(platform);
        }
        let mut blobs: Vec<(Descriptor, Bytes)> = Vec::new();
        for blob in core::iter::once(config).chain(layers) {
            if blobs.iter().all(|(known, _)| known.digest != blob.0.digest) {
                blobs.push(blob);
            }
        }
        BuiltImage { manifest: (descriptor, bytes), children: Vec::new(), blobs }
    }

    fn image_config(&self, platform: &Platform, layers: &[(Descriptor, Bytes)]) -> Bytes {
        let diff_ids: Vec<String> =
            layers.iter().map(|(descriptor, _)| descriptor.digest.to_string()).collect();
        let history: Vec<Value> =
            layers.iter().map(|_| json!({ "created": CREATED, "created_by": "waxseal testkit" })).collect();
        let mut config = json!({
            "created": CREATED,
            "architecture": platform.architecture,
            "os": platform.os,
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        });
        if let Some(variant) = &platform.variant {
            config["variant"] = variant.as_str().into();
        }
        if !self.entrypoint.is_empty() {
            config["config"]["Entrypoint"] = json!(self.entrypoint);
        }
        if !self.labels.is_empty() {
            config["config"]["Labels"] = json!(self.labels);
        }
        config.to_string().into()
    }
}

fn archive(files: &[(String, u32, Bytes)]) -> Bytes {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(CREATED_UNIX);
        archive.append_data(&mut header, path, &bytes[..]).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    archive.into_inner().unwrap().into()
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<(String, u32, Bytes)>) {
    let read = |error| panic!("{}: {error}", directory.display());
    let mut entries: Vec<_> =
        std::fs::read_dir(directory).unwrap_or_else(read).map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().expect("file names of tests are UTF-8");
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            walk(&entry.path(), &path, found);
        } else if kind.is_file() {
            found.push((path, mode(&entry), std::fs::read(entry.path()).unwrap().into()));
        }
    }
}

#[cfg(unix)]
fn mode(entry: &std::fs::DirEntry) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    let executable = entry.metadata().unwrap().permissions().mode() & 0o111 != 0;
    if executable { 0o755 } else { 0o644 }
}

#[cfg(not(unix))]
fn mode(_: &std::fs::DirEntry) -> u32 {
    0o644
}
