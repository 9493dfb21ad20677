//! Images made by code: small, and the same bytes in every run.
//!
//! What is built is plain data: bytes and descriptors. Nothing here is signed, and nothing reads an image back.

mod build;
mod index;
mod write;

pub use build::ImageBuilder;
pub use index::IndexBuilder;

use bytes::Bytes;
use waxseal_core::{Descriptor, Digest};

/// An image or an index with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltImage {
    /// The manifest or index that names the rest.
    pub manifest: (Descriptor, Bytes),
    /// The manifests below an index, children before parents.
    pub children: Vec<(Descriptor, Bytes)>,
    /// Configurations and layers, each once.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

impl BuiltImage {
    /// The digest of the manifest.
    pub fn digest(&self) -> Digest {
        self.manifest.0.digest
    }

    /// The descriptor of the manifest, as a subject names it.
    pub fn descriptor(&self) -> Descriptor {
        self.manifest.0.clone()
    }
}
