//! Downloading attestations as they stand there: their envelopes. Nothing is verified.
//!
//! Which type a statement has, its payload says, and here nobody has verified that: what is chosen by type is chosen by
//! a claim.

use serde::Deserialize;
use serde_json::value::RawValue;
use waxseal_core::candidate::Format;
use waxseal_core::encoding::base64_decode;
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::{PredicateType, media_type};

use super::{malformed, objects, one_line, passed_over, unread};
use crate::error::{Error, ErrorKind};
use crate::evidence::Looking;
use crate::evidence::search::{Layer, Object};
use crate::image::Image;

/// One attestation, as it stands there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DownloadedAttestation {
    /// How it is stored.
    pub format: Format,
    /// Its DSSE envelope in JSON, on one line.
    pub envelope: String,
    /// The predicate type that its payload claims; none if the payload is no statement.
    pub claimed_type: Option<String>,
}

/// Reads the envelope of every attestation that is attached to an image, in these formats, and of this type if one is
/// named: first those of the tag `.att`, then those in bundles. Image signatures in bundles are left out. It is the look
/// of a verification, with its limits: anything that cannot be read is an error, what can be read and is no attestation
/// is passed over, and nothing at all is an error of the kind `NothingAttached`.
pub async fn attestations(
    image: &Image,
    formats: &[Format],
    wanted: Option<&PredicateType>,
) -> Result<Vec<DownloadedAttestation>, Error> {
    let looking = Looking { formats: formats.to_vec(), ..Looking::default() }.for_attestations();
    let mut all = Vec::new();
    for object in objects(image, &looking).await {
        match object {
            Object::Layer(layer) => all.extend(downloaded(&layer, wanted)?),
            Object::Rejected { origin, reason, found } => passed_over(&origin, reason, &found)?,
            Object::Unreadable(unreadable) => return Err(unread(&unreadable)),
        }
    }
    if all.is_empty() {
        let of_type = wanted.map(|wanted| format!(" of type {wanted}")).unwrap_or_default();
        return Err(Error::new(
            ErrorKind::NothingAttached,
            format!("no attestations{of_type} are attached to {}", image.pinned()),
        ));
    }
    Ok(all)
}

/// A bundle, of which only the envelope is printed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundled<'a> {
    #[serde(borrow)]
    dsse_envelope: Option<&'a RawValue>,
}

/// The payload of an envelope, in base64.
#[derive(Deserialize)]
struct Enveloped {
    payload: String,
}

/// What a payload claims to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claimed {
    predicate_type: String,
}

fn downloaded(layer: &Layer, wanted: Option<&PredicateType>) -> Result<Option<DownloadedAttestation>, Error> {
    let (format, envelope) = match layer.descriptor.media_type.as_str() {
        media_type::SIMPLE_SIGNING => return Ok(None),
        media_type::DSSE_ENVELOPE => (Format::Legacy, one_line(&layer.bytes)?),
        _ => {
            let bundle: Bundled<'_> = serde_json::from_slice(&layer.bytes).map_err(|error| {
                malformed(format!("{} is no bundle", layer.descriptor.digest)).caused_by(error)
            })?;
            let Some(envelope) = bundle.dsse_envelope else { return Ok(None) };
            (Format::Bundle, one_line(envelope.get().as_bytes())?)
        }
    };
    let claimed_type = claimed(&envelope);
    let named = claimed_type.as_deref();
    let chosen = match wanted {
        Some(wanted) => named == Some(wanted.as_str()),
        None => named != Some(COSIGN_SIGN),
    };
    Ok(chosen.then_some(DownloadedAttestation { format, envelope, claimed_type }))
}

/// The predicate type that the payload of an envelope claims.
fn claimed(envelope: &str) -> Option<String> {
    let envelope: Enveloped = serde_json::from_str(envelope).ok()?;
    let payload = base64_decode(&envelope.payload).ok()?;
    let claimed: Claimed = serde_json::from_slice(&payload).ok()?;
    Some(claimed.predicate_type)
}
