//! Writing legacy signatures: layers of the manifest at the tag `sha256-<hex>.sig`.
//!
//! The tag is read, changed and written, so two signers at once can lose one another's work. It is read right before
//! it is written, since a write over an older state would take away what another has signed meanwhile and read
//! back. What was written is read back too; if somebody else's write came after, ours is added again to what stands
//! there (rule G1).

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::candidate::SIGNATURE_ANNOTATION;
use waxseal_core::limits::SIGNATURE_LAYERS;
use waxseal_core::manifest::Manifest;
use waxseal_core::signing::LegacySignature;
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::registry::TagChange;
use waxseal_oci::{Attached, ErrorKind as StoreError, Fetched, Look, Store, Which};

use crate::error::{Error, ErrorKind};
use waxseal_oci::Error as StoreTrouble;

/// How often what stands there is taken up anew before it is written.
const ROUNDS: usize = 8;
/// The time that cosign writes into the configuration of a `.sig` manifest.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Adds signatures to those that stand at the tag. `standing` is the manifest there, as it was just read.
pub(crate) async fn append(
    store: &Store,
    image: &Digest,
    standing: Option<Fetched>,
    signatures: &[&LegacySignature],
) -> Result<(), Error> {
    let tag = Attached::Signatures
        .tag(image)
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{image} has no tag for legacy signatures")))?;
    let layers: Vec<_> = signatures.iter().map(|signature| layer(signature)).collect();
    let layers = layers.as_slice();
    let change = |standing: Option<Fetched>| {
        let tag = tag.clone();
        async move { upload(store, &Which::Tag(tag), standing, signatures, layers).await }
    };
    store.update_tag_from(&tag, standing, change, |fetched| holds(fetched, layers)).await?;
    Ok(())
}

/// Writes the payloads and the configuration, and says what the tag is to name. In a registry, what stands there is
/// read once more meanwhile: it was seen before the signing, which may have taken any time.
async fn upload(
    store: &Store,
    which: &Which,
    mut standing: Option<Fetched>,
    signatures: &[&LegacySignature],
    layers: &[Descriptor],
) -> Result<TagChange, StoreTrouble> {
    let payloads = async {
        let uploads = signatures
            .iter()
            .zip(layers)
            .map(|(signature, layer)| store.put_blob(layer, Bytes::copy_from_slice(&signature.payload)));
        futures_util::future::try_join_all(uploads).await
    };
    let mut payloads = Some(payloads);
    for _ in 0..ROUNDS {
        if standing.as_ref().is_some_and(|standing| holds(standing, layers)) {
            return Ok(TagChange::Keep);
        }
        let manifest = SignatureManifest::with(standing.as_ref(), layers)?;
        let payloads = async {
            match payloads.take() {
                Some(payloads) => payloads.await.map(|_| ()),
                None => Ok(()),
            }
        };
        let (payloads, config, now) = tokio::join!(
            payloads,
            store.put_blob(&manifest.config, manifest.config_bytes.clone()),
            current(store, which, standing.clone())
        );
        payloads?;
        config?;
        let now = now?;
        if digest(now.as_ref()) == digest(standing.as_ref()) {
            return Ok(TagChange::Write { bytes: manifest.bytes, media_type: manifest.media_type });
        }
        standing = now;
    }
    Err(StoreTrouble::new(
        StoreError::LostUpdate,
        format!("{which} in {}: others changed it each of {ROUNDS} times", store.shown()),
    ))
}

/// What stands at the tag now. A layout and an archive compare that themselves when they write.
async fn current(
    store: &Store,
    which: &Which,
    standing: Option<Fetched>,
) -> Result<Option<Fetched>, StoreTrouble> {
    if !store.is_registry() {
        return Ok(standing);
    }
    match store.manifest(which).await {
        Look::Absent => Ok(None),
        look => look.required(|| which.to_string()).map(Some),
    }
}

fn digest(fetched: Option<&Fetched>) -> Option<Digest> {
    fetched.map(|fetched| fetched.descriptor.digest)
}

fn layer(signature: &LegacySignature) -> Descriptor {
    let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, &signature.payload);
    layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signature.signature.clone());
    layer
}

/// Whether every layer stands in the manifest.
fn holds(fetched: &Fetched, layers: &[Descriptor]) -> bool {
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(manifest)) => layers.iter().all(|layer| manifest.layers.contains(layer)),
        _ => false,
    }
}

/// A manifest of signatures, and its configuration.
struct SignatureManifest {
    bytes: Bytes,
    media_type: String,
    config: Descriptor,
    config_bytes: Bytes,
}

impl SignatureManifest {
    /// What stands there with the new layers behind it. Everything else of it is kept as it is.
    fn with(standing: Option<&Fetched>, layers: &[Descriptor]) -> Result<Self, StoreTrouble> {
        let (mut document, media_type, mut digests) = match standing {
            None => {
                let document = json!({
                    "schemaVersion": 2,
                    "mediaType": media_type::OCI_MANIFEST,
                    "config": null,
                    "layers": [],
                });
                (document, media_type::OCI_MANIFEST.to_owned(), Vec::new())
            }
            Some(fetched) => {
                let named = fetched.descriptor.media_type.as_str();
                let Ok(Manifest::Image(manifest)) = Manifest::parse(&fetched.bytes, Some(named)) else {
                    return Err(foreign());
                };
                let document = serde_json::from_slice(&fetched.bytes).map_err(|_| foreign())?;
                let digests = manifest.layers.iter().map(|layer| layer.digest).collect();
                (document, manifest.media_type, digests)
            }
        };
        digests.extend(layers.iter().map(|layer| layer.digest));
        if digests.len() > SIGNATURE_LAYERS {
            return Err(StoreTrouble::new(
                StoreError::LimitExceeded,
                format!("{} signatures, the limit is {SIGNATURE_LAYERS}", digests.len()),
            ));
        }
        let config_bytes = configuration(&digests);
        let config = Descriptor::of(media_type::OCI_CONFIG, &config_bytes);
        let Some(members) = document.as_object_mut() else { return Err(foreign()) };
        members.insert("config".to_owned(), json!(config));
        match members.get_mut("layers").and_then(Value::as_array_mut) {
            Some(standing) => standing.extend(layers.iter().map(|layer| json!(layer))),
            None => return Err(foreign()),
        }
        Ok(Self { bytes: document.to_string().into(), media_type, config, config_bytes })
    }
}

/// The configuration that cosign writes: an image without a time or a platform, whose layers are the payloads.
fn configuration(digests: &[Digest]) -> Bytes {
    let history: Vec<_> = digests.iter().map(|_| json!({ "created": NO_TIME })).collect();
    json!({
        "architecture": "",
        "created": NO_TIME,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
        "config": {},
    })
    .to_string()
    .into()
}

fn foreign() -> StoreTrouble {
    StoreTrouble::new(
        StoreError::Malformed,
        "what stands at the tag of signatures is no list of signatures, and is not overwritten",
    )
}
