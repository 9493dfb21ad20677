//! Downloading what stands at the tag `.sbom`: a list of components that nobody has signed.
//!
//! cosign's `attach sbom` wrote it, one file in one layer. Nothing is verified: an SBOM that somebody vouches for is an
//! attestation.

use bytes::Bytes;
use waxseal_core::limits::SBOM_BYTES;
use waxseal_core::manifest::Manifest;
use waxseal_oci::{Attached, ErrorKind as StoreKind, Look, Which};

use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// A list of components as it stands there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sbom {
    /// The media type of the layer. A claim.
    pub media_type: String,
    /// The bytes, whose digest is the layer's.
    pub bytes: Bytes,
}

/// Reads what stands at the tag `.sbom` of an image. Nothing there is an error of the kind `NothingAttached`.
pub async fn sbom(image: &Image) -> Result<Sbom, Error> {
    let nothing =
        || Error::new(ErrorKind::NothingAttached, format!("no SBOM is attached to {}", image.pinned()));
    let tag = Attached::Sbom.tag(image.digest()).ok_or_else(nothing)?;
    let fetched = match image.evidence.manifest(&Which::Tag(tag.clone())).await {
        Look::Absent => return Err(nothing()),
        look => look.required(|| tag.to_string())?,
    };
    let malformed = |why: String| Error::new(ErrorKind::Store(StoreKind::Malformed), format!("{tag}: {why}"));
    let manifest = match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(manifest)) => manifest,
        Ok(_) => return Err(malformed("an index, not a list of components".to_owned())),
        Err(error) => return Err(malformed(error.to_string())),
    };
    let [layer] = manifest.layers.as_slice() else {
        return Err(malformed(format!("{} layers, expected one", manifest.layers.len())));
    };
    let bytes = image.evidence.blob(layer, SBOM_BYTES).await?;
    Ok(Sbom { media_type: layer.media_type.clone(), bytes })
}
