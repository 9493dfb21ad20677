//! The job of downloading signatures as they stand there, for other programs. Nothing is verified.
//!
//! The shape of a legacy signature is the one in which cosign prints it; a bundle is its own bytes on one line.

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::value::RawValue;
use waxseal_core::candidate::{CERTIFICATE_ANNOTATION, Format, SIGNATURE_ANNOTATION};
use waxseal_core::limits::{BUNDLE_BYTES, EVIDENCE_BYTES, SIGNATURE_LAYERS, SIMPLE_SIGNING_BYTES};
use waxseal_core::manifest::{ImageManifest, Manifest};
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::{Descriptor, Digest, encoding, media_type};
use waxseal_oci::{Attached, Error as StoreError, ErrorKind as StoreKind, Fetched, Look, Which};

use crate::error::{Error, ErrorKind};
use crate::evidence::could_hold_a_signature;
use crate::image::Image;

/// Annotation of a `.sig` layer: the chain of the certificate, in PEM.
const CHAIN: &str = "dev.sigstore.cosign/chain";
/// Annotation of a `.sig` layer: what a transparency log said.
const LOG: &str = "dev.sigstore.cosign/bundle";
/// Annotation of a `.sig` layer: a signed timestamp.
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// Annotation of a bundle's manifest: the predicate type of the statement in it. A claim.
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";
/// Objects that are read at the same time.
const CONCURRENT: usize = 16;

/// One signature, as it stands there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Downloaded {
    /// How it is stored.
    pub format: Format,
    /// Its JSON, on one line.
    pub line: String,
    /// Whether it says of itself that it is something else than an image signature. A claim.
    pub claims_otherwise: bool,
}

/// A legacy signature as cosign prints it: the names and their order are cosign's. Certificates are printed in PEM,
/// where cosign prints the inside of a Go type.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SignedPayload<'a> {
    base64_signature: &'a str,
    payload: String,
    cert: Option<&'a str>,
    chain: Option<&'a str>,
    bundle: Option<&'a RawValue>,
    #[serde(rename = "RFC3161Timestamp")]
    timestamp: Option<&'a RawValue>,
}

/// Reads every signature that is attached to an image, in these formats: first the legacy ones, in the order of their
/// layers. Attestations among the bundles come too, because only their signed payload says what they are. Anything that
/// cannot be read is an error; nothing at all is one of the kind `NothingAttached`.
pub async fn signatures(image: &Image, formats: &[Format]) -> Result<Vec<Downloaded>, Error> {
    let mut left = EVIDENCE_BYTES;
    let mut all = Vec::new();
    if formats.contains(&Format::Legacy)
        && let Some(tag) = Attached::Signatures.tag(image.digest())
    {
        match image.evidence.manifest(&Which::Tag(tag)).await {
            Look::Found(fetched) => {
                let manifest = parse(&fetched)?;
                all.extend(layers(image, &manifest, formats, &mut left).await?);
            }
            Look::Unreadable(error) => return Err(error.into()),
            _ => {}
        }
    }
    if formats.contains(&Format::Bundle) {
        for manifest in referrers(image).await? {
            all.extend(layers(image, &manifest, formats, &mut left).await?);
        }
    }
    if all.is_empty() {
        return Err(Error::new(
            ErrorKind::NothingAttached,
            format!("no signatures are attached to {}", image.pinned()),
        ));
    }
    Ok(all)
}

/// The manifests that refer to the image and could hold a signature.
async fn referrers(image: &Image) -> Result<Vec<ImageManifest>, Error> {
    let listing = match image.evidence.referrers(image.digest()).await {
        Look::Found(listing) => listing,
        Look::Unreadable(error) => return Err(error.into()),
        _ => return Ok(Vec::new()),
    };
    let wanted: Vec<Digest> = listing
        .descriptors
        .iter()
        .filter(|listed| could_hold_a_signature(listed))
        .map(|d| d.digest)
        .collect();
    let found = stream::iter(wanted)
        .map(|digest| async move {
            let look = image.evidence.manifest(&Which::Digest(digest)).await;
            look.required(|| format!("{digest}, which is listed,"))
        })
        .buffered(CONCURRENT)
        .collect::<Vec<_>>()
        .await;
    let mut manifests = Vec::new();
    for fetched in found {
        // What does not parse, or refers to something else, is no signature of this image (rule L3, T-27).
        let Ok(manifest) = parse(&fetched?) else { continue };
        if manifest.subject.as_ref().map(|subject| subject.digest) == Some(*image.digest()) {
            manifests.push(manifest);
        }
    }
    Ok(manifests)
}

async fn layers(
    image: &Image,
    manifest: &ImageManifest,
    formats: &[Format],
    left: &mut u64,
) -> Result<Vec<Downloaded>, Error> {
    if manifest.layers.len() > SIGNATURE_LAYERS {
        return Err(limit(format!("{} layers, the limit is {SIGNATURE_LAYERS}", manifest.layers.len())));
    }
    let mut all = Vec::new();
    for layer in &manifest.layers {
        let (format, most) = if layer.media_type == media_type::SIMPLE_SIGNING {
            (Format::Legacy, SIMPLE_SIGNING_BYTES)
        } else if media_type::is_bundle(&layer.media_type) {
            (Format::Bundle, BUNDLE_BYTES)
        } else {
            continue;
        };
        if !formats.contains(&format) {
            continue;
        }
        *left = left
            .checked_sub(layer.size)
            .ok_or_else(|| limit(format!("more than {EVIDENCE_BYTES} bytes of signatures")))?;
        let bytes = image.evidence.blob(layer, most).await?;
        let line = match format {
            Format::Legacy => legacy(layer, &bytes)?,
            _ => one_line(&bytes)?,
        };
        let claimed = manifest.annotations.get(PREDICATE);
        let claims_otherwise = claimed.is_some_and(|claimed| claimed != COSIGN_SIGN);
        all.push(Downloaded { format, line, claims_otherwise });
    }
    Ok(all)
}

fn legacy(layer: &Descriptor, payload: &[u8]) -> Result<String, Error> {
    let text =
        |name: &str| layer.annotations.get(name).map(String::as_str).filter(|value| !value.trim().is_empty());
    let json = |name: &str| {
        text(name).map(serde_json::from_str::<&RawValue>).transpose().map_err(|error| {
            malformed(format!("the annotation {name} of {} is no JSON", layer.digest)).caused_by(error)
        })
    };
    let printed = SignedPayload {
        base64_signature: text(SIGNATURE_ANNOTATION).unwrap_or_default(),
        payload: encoding::base64_encode(payload),
        cert: text(CERTIFICATE_ANNOTATION),
        chain: text(CHAIN),
        bundle: json(LOG)?,
        timestamp: json(TIMESTAMP)?,
    };
    let line = serde_json::to_vec(&printed)
        .map_err(|error| malformed(format!("{} cannot be printed", layer.digest)).caused_by(error))?;
    one_line(&line)
}

/// JSON without line ends; as it is where it has none.
fn one_line(bytes: &[u8]) -> Result<String, Error> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        malformed("a bundle that is no JSON".to_owned()).caused_by(error)
    };
    let text = core::str::from_utf8(bytes).map_err(|error| wrong(error.into()))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| wrong(error.into()))?;
    if !value.get().contains(['\n', '\r']) {
        return Ok(value.get().to_owned());
    }
    // Between members only: in a string a line end is written as two characters.
    Ok(value.get().replace(['\n', '\r'], ""))
}

fn parse(fetched: &Fetched) -> Result<ImageManifest, Error> {
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(manifest)) => Ok(*manifest),
        Ok(_) => {
            Err(malformed(format!("{} is an index, not a list of signatures", fetched.descriptor.digest)))
        }
        Err(error) => Err(malformed(format!("{}: {error}", fetched.descriptor.digest))),
    }
}

fn malformed(context: String) -> Error {
    Error::new(ErrorKind::Store(StoreKind::Malformed), context)
}

fn limit(context: String) -> Error {
    StoreError::new(StoreKind::LimitExceeded, context).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_legacy_signature_as_cosign_does() {
        let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, b"{}");
        layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), "AA==".to_owned());
        layer.annotations.insert(CERTIFICATE_ANNOTATION.to_owned(), "\n".to_owned());
        assert_eq!(
            legacy(&layer, b"{}").unwrap(),
            r#"{"Base64Signature":"AA==","Payload":"e30=","Cert":null,"Chain":null,"Bundle":null,"RFC3161Timestamp":null}"#
        );
        layer.annotations.insert(LOG.to_owned(), "{\n\"Payload\": {}}".to_owned());
        assert!(legacy(&layer, b"{}").unwrap().contains(r#""Bundle":{"Payload": {}}"#));
        layer.annotations.insert(LOG.to_owned(), "{".to_owned());
        assert!(legacy(&layer, b"{}").is_err());
    }

    #[test]
    fn a_bundle_is_one_line_of_its_own_bytes() {
        assert_eq!(one_line(b"{\"a\": 1.0}\n").unwrap(), "{\"a\": 1.0}");
        assert_eq!(one_line(b"{\r\n \"a\":\"\\n\"\n}").unwrap(), "{ \"a\":\"\\n\"}");
        for wrong in [&b"{"[..], b"\xff", b"{} {}"] {
            assert!(one_line(wrong).is_err());
        }
    }
}
