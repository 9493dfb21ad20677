//! The job of downloading signatures and attestations as they stand there, for other programs. Nothing is verified.
//!
//! The shape of a legacy signature is the one in which cosign prints it; a bundle is its own bytes on one line.

mod attestation;
mod sbom;

use serde::Serialize;
use serde_json::value::RawValue;
use waxseal_core::candidate::{
    CERTIFICATE_ANNOTATION, EvidenceStore, Format, Origin, SIGNATURE_ANNOTATION, Unreadable,
};
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::{Descriptor, Reason, encoding, media_type};
use waxseal_oci::ErrorKind as StoreKind;

use crate::beside::trouble;
use crate::error::{Error, ErrorKind};
use crate::evidence::Looking;
use crate::evidence::search::{
    CHAIN_ANNOTATION, LOG_ANNOTATION, Layer, Object, Search, TIMESTAMP_ANNOTATION,
};
use crate::image::Image;

pub use attestation::{DownloadedAttestation, attestations};
pub use sbom::{Sbom, sbom};

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
/// layers. Attestations among the bundles come too, because only their signed payload says what they are. It is the look
/// of a verification, with its limits: anything that cannot be read is an error, what can be read and is no signature is
/// passed over, and nothing at all is an error of the kind `NothingAttached`.
pub async fn signatures(image: &Image, formats: &[Format]) -> Result<Vec<Downloaded>, Error> {
    let looking = Looking { formats: formats.to_vec(), ..Looking::default() };
    let objects = objects(image, &looking).await;
    let mut all = Vec::new();
    for object in objects {
        match object {
            Object::Layer(layer) => all.extend(downloaded(&layer, formats)?),
            Object::Rejected { origin, reason, found } => passed_over(&origin, reason, &found)?,
            Object::Unreadable(unreadable) => return Err(unread(&unreadable)),
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

/// Reads what stands beside the image, in the order of the places.
async fn objects(image: &Image, looking: &Looking) -> Vec<Object> {
    let search = Search::new(&image.evidence, image.digest(), looking);
    let mut objects = Vec::new();
    if looking.formats.contains(&Format::Legacy) {
        for tag in &looking.tags {
            objects.extend(search.tag(*tag).await.0);
        }
    }
    if looking.formats.contains(&Format::Bundle) {
        objects.extend(search.referrers().await);
    }
    objects
}

/// A layer as it is printed; none if it is of another format than was asked for.
fn downloaded(layer: &Layer, formats: &[Format]) -> Result<Option<Downloaded>, Error> {
    let format = if layer.descriptor.media_type == media_type::SIMPLE_SIGNING {
        Format::Legacy
    } else {
        Format::Bundle
    };
    if !formats.contains(&format) {
        return Ok(None);
    }
    let line = match format {
        Format::Legacy => legacy(&layer.descriptor, &layer.bytes)?,
        _ => one_line(&layer.bytes)?,
    };
    let claims_otherwise = layer.claimed_predicate.as_deref().is_some_and(|claimed| claimed != COSIGN_SIGN);
    Ok(Some(Downloaded { format, line, claims_otherwise }))
}

/// What is no signature is passed over (rule L3, T-27). What is too large to be read might be one, and a tag of
/// signatures that holds something else is no place where anybody may say that nothing is attached.
fn passed_over(origin: &Origin, reason: Reason, found: &str) -> Result<(), Error> {
    let where_it_stands = origin.blob.or(origin.manifest).unwrap_or(origin.beside);
    match reason {
        Reason::LimitExceeded => {
            Err(Error::new(ErrorKind::Store(StoreKind::LimitExceeded), format!("{where_it_stands}: {found}")))
        }
        Reason::MalformedManifest if origin.store != EvidenceStore::Referrer => {
            Err(malformed(format!("{where_it_stands}: {found}")))
        }
        _ => Ok(()),
    }
}

fn unread(unreadable: &Unreadable) -> Error {
    Error::new(ErrorKind::Store(trouble(unreadable)), unreadable.message.clone())
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
        chain: text(CHAIN_ANNOTATION),
        bundle: json(LOG_ANNOTATION)?,
        timestamp: json(TIMESTAMP_ANNOTATION)?,
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

fn malformed(context: String) -> Error {
    Error::new(ErrorKind::Store(StoreKind::Malformed), context)
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
        layer.annotations.insert(LOG_ANNOTATION.to_owned(), "{\n\"Payload\": {}}".to_owned());
        assert!(legacy(&layer, b"{}").unwrap().contains(r#""Bundle":{"Payload": {}}"#));
        layer.annotations.insert(LOG_ANNOTATION.to_owned(), "{".to_owned());
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
