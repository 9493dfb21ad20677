//! A small image: one file in one layer.

use bytes::Bytes;
use serde_json::json;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::{Fetched, Store};

use crate::error::{Error, ErrorKind};

/// Media type of a layer that is not compressed.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The date of the image and of the file in it.
const CREATED: &str = "2026-01-01T00:00:00Z";
const CREATED_UNIX: u64 = 1_767_225_600;

/// An image in memory.
pub(super) struct SmallImage {
    blobs: [(Descriptor, Bytes); 2],
    manifest: Fetched,
}

/// An image for linux/amd64 with one file, `hello.txt`.
pub(super) fn small(text: &str) -> Result<SmallImage, Error> {
    let layer = layer(text).map_err(|error| {
        Error::new(ErrorKind::Io, "the layer of the image cannot be made").caused_by(error)
    })?;
    let layer = (Descriptor::of(LAYER, &layer), layer);
    let config = json!({
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer.0.digest] },
        "history": [{ "created": CREATED, "created_by": "waxseal demo" }],
    });
    let config = Bytes::from(config.to_string());
    let config = (Descriptor::of(media_type::OCI_CONFIG, &config), config);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": config.0,
        "layers": [layer.0],
    });
    let manifest = Bytes::from(manifest.to_string());
    let manifest = Fetched::of(media_type::OCI_MANIFEST, manifest);
    Ok(SmallImage { blobs: [config, layer], manifest })
}

impl SmallImage {
    /// Writes the image under a tag.
    pub(super) async fn put(&self, store: &Store, tag: &Tag) -> Result<Digest, Error> {
        for (descriptor, bytes) in &self.blobs {
            store.put_blob(descriptor, bytes.clone()).await?;
        }
        store.put_image(&self.manifest, Some(tag)).await?;
        Ok(self.manifest.descriptor.digest)
    }
}

fn layer(text: &str) -> std::io::Result<Bytes> {
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(CREATED_UNIX);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "hello.txt", text.as_bytes())?;
    archive.into_inner().map(Bytes::from)
}
