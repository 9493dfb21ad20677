//! Whether what stands at a tag says itself that it belongs to the image.
//!
//! A tag says nothing: whoever can write one can put another image's signatures there, and some registries delete the
//! manifest with the tag. So what is signed is read, as a claim, and what names another image stays. Nothing is verified
//! here, and nothing that is read here makes anything trusted.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use waxseal_core::encoding::base64_decode;
use waxseal_core::limits::{BUNDLE_BYTES, EVIDENCE_BYTES, SIMPLE_SIGNING_BYTES};
use waxseal_core::manifest::ImageManifest;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::{Attached, Error, ErrorKind, Store};

/// Layers that are read at the same time.
const CONCURRENT: usize = 16;

/// Why this manifest stays where it is, if it does not say that it belongs to the image. An SBOM at a tag says nothing of
/// any image: there the tag has to do.
pub(super) async fn objection(
    store: &Store,
    manifest: &ImageManifest,
    attached: Attached,
    image: &Digest,
) -> Result<Option<String>, Error> {
    let most = match attached {
        Attached::Signatures => SIMPLE_SIGNING_BYTES,
        Attached::Attestations => BUNDLE_BYTES,
        _ => return Ok(None),
    };
    let mut seen = HashSet::new();
    let layers: Vec<_> = manifest.layers.iter().filter(|layer| seen.insert(layer.digest)).collect();
    let bytes = layers.iter().fold(0_u64, |all, layer| all.saturating_add(layer.size));
    if bytes > EVIDENCE_BYTES {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{bytes} bytes, of which at most {EVIDENCE_BYTES} are read to see what they belong to"),
        ));
    }
    let mut said = pin!(
        stream::iter(layers)
            .map(|layer| async move { (layer, claimed(store, layer, attached, most).await) })
            .buffered(CONCURRENT)
    );
    while let Some((layer, claimed)) = said.next().await {
        let claimed = claimed?;
        if claimed.is_empty() {
            return Ok(Some(format!("its layer {} does not say which image it is about", layer.digest)));
        }
        if !claimed.contains(image) {
            let other = claimed.first().map(ToString::to_string).unwrap_or_default();
            return Ok(Some(format!("its layer {} says that it is about {other}", layer.digest)));
        }
    }
    Ok(None)
}

/// The digests that a layer says it is about; none if it says nothing that can be read.
async fn claimed(
    store: &Store,
    layer: &Descriptor,
    attached: Attached,
    most: u64,
) -> Result<Vec<Digest>, Error> {
    let bytes = store.blob(layer, most).await?;
    Ok(match attached {
        Attached::Signatures => signed_image(&bytes).into_iter().collect(),
        _ => subjects(&bytes),
    })
}

/// What a simple-signing payload says that it is about.
fn signed_image(payload: &[u8]) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "docker-manifest-digest")]
        digest: Digest,
    }

    serde_json::from_slice::<Payload>(payload).ok().map(|payload| payload.critical.image.digest)
}

/// What the statement in an envelope says that it is about.
fn subjects(envelope: &[u8]) -> Vec<Digest> {
    #[derive(Deserialize)]
    struct Envelope {
        payload: String,
    }
    #[derive(Deserialize)]
    struct Statement {
        subject: Vec<Subject>,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: BTreeMap<String, String>,
    }

    let statement = || {
        let envelope: Envelope = serde_json::from_slice(envelope).ok()?;
        let payload = base64_decode(&envelope.payload).ok()?;
        serde_json::from_slice::<Statement>(&payload).ok()
    };
    let subjects = statement().map(|statement| statement.subject).unwrap_or_default();
    let digests = subjects.iter().flat_map(|subject| &subject.digest);
    digests.filter_map(|(algorithm, hex)| format!("{algorithm}:{hex}").parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_claimed_and_nothing_else() {
        let digest = Digest::of("image");
        let payload =
            |name: &str| format!(r#"{{"critical":{{"image":{{"{name}":"{digest}"}}}},"optional":null}}"#);
        assert_eq!(signed_image(payload("docker-manifest-digest").as_bytes()), Some(digest));
        assert_eq!(signed_image(payload("digest").as_bytes()), None);
        let envelope = |statement: &str| {
            format!(
                r#"{{"payload":"{}","signatures":[]}}"#,
                waxseal_core::encoding::base64_encode(statement.as_bytes())
            )
        };
        let statement = format!(r#"{{"subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#, digest.hex());
        assert_eq!(subjects(envelope(&statement).as_bytes()), [digest]);
        for nothing in ["{}", r#"{"subject":[]}"#, r#"{"subject":[{"digest":{"sha256":"x"}}]}"#, "["] {
            assert_eq!(subjects(envelope(nothing).as_bytes()), [], "{nothing}");
        }
        assert_eq!(subjects(statement.as_bytes()), []);
    }
}
