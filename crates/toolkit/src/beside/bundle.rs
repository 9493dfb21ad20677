//! Writing bundles, and taking them away: a manifest that refers to the image, with the bundle as its only layer.
//!
//! The form is the one of cosign's `BUNDLE_SPEC.md`; the artifact type stands in the manifest and, where cosign
//! looks for it when it cleans up, in the configuration's descriptor.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::attached::fallback_tag;
use waxseal_oci::{ErrorKind, Fetched, Store};

use crate::error::Error;

/// The content of an empty descriptor.
const EMPTY: &[u8] = b"{}";

/// A bundle around a statement of this predicate type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBundle<'a> {
    /// The bytes of the bundle.
    pub(crate) bytes: &'a [u8],
    /// The predicate type, which the manifest repeats for whoever lists it.
    pub(crate) predicate_type: &'a str,
}

/// Attaches a bundle to the image that `subject` describes.
pub(crate) async fn attach(
    store: &Store,
    subject: &Descriptor,
    bundle: &NewBundle<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let layer = Descriptor::of(media_type::BUNDLE_V03, bundle.bytes);
    let empty = Descriptor::of(media_type::OCI_EMPTY, EMPTY);
    let (first, second) = tokio::join!(
        store.put_blob(&empty, Bytes::from_static(EMPTY)),
        store.put_blob(&layer, Bytes::copy_from_slice(bundle.bytes))
    );
    first?;
    second?;
    let mut config = json!(empty);
    if let Some(config) = config.as_object_mut() {
        config.insert("artifactType".to_owned(), json!(media_type::BUNDLE_V03));
    }
    let created = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&now);
    let annotations = json!({
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": bundle.predicate_type,
        "org.opencontainers.image.created": created,
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": config,
        "layers": [layer],
        "annotations": annotations,
        "subject": Descriptor::new(subject.media_type.clone(), subject.digest, subject.size),
        "artifactType": media_type::BUNDLE_V03,
    });
    let bytes = Bytes::from(manifest.to_string());
    let fetched = Fetched::of(media_type::OCI_MANIFEST, bytes);
    store.put_referrer(&fetched).await?;
    Ok(())
}

/// Takes referrers of an image away, each by its digest.
pub(crate) async fn take_away(store: &Store, image: &Digest, gone: &[Digest]) -> Result<(), Error> {
    for digest in gone {
        match store.delete_manifest(digest).await {
            // Somebody else was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    unlist(store, image, gone).await?;
    Ok(())
}

/// Takes what is gone out of the index at the fallback tag, and the tag with the last entry.
pub(crate) async fn unlist(store: &Store, image: &Digest, gone: &[Digest]) -> Result<(), waxseal_oci::Error> {
    let left = store.unlist_referrers(image, gone).await?;
    if left.is_some_and(|left| left.is_empty()) {
        let tag = fallback_tag(image)?;
        if let Err(error) = store.remove_tag(&tag).await {
            // An index that lists nothing says what is so.
            tracing::debug!(%error, %tag, "an empty index stays");
        }
    }
    Ok(())
}
