//! Writing the legacy format: layers of the manifest at the tag `sha256-<hex>.sig` or `.att`.
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
/// Annotation of an `.att` layer: the predicate type of the statement in it.
const PREDICATE_TYPE: &str = "predicateType";
/// The time that cosign writes into the configuration of such a manifest.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A layer that is written.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    descriptor: Descriptor,
    bytes: Bytes,
}

impl Layer {
    /// A legacy signature.
    pub(crate) fn signature(signature: &LegacySignature) -> Self {
        let mut descriptor = Descriptor::of(media_type::SIMPLE_SIGNING, &signature.payload);
        descriptor.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signature.signature.clone());
        Self { descriptor, bytes: Bytes::copy_from_slice(&signature.payload) }
    }

    /// A layer that stands somewhere else already, as it stands there.
    pub(crate) const fn standing(descriptor: Descriptor, bytes: Bytes) -> Self {
        Self { descriptor, bytes }
    }

    /// An attestation: an envelope around a statement of this predicate type, which an annotation repeats.
    pub(crate) fn attestation(envelope: &[u8], predicate_type: &str) -> Self {
        let mut descriptor = Descriptor::of(media_type::DSSE_ENVELOPE, envelope);
        descriptor.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), String::new());
        descriptor.annotations.insert(PREDICATE_TYPE.to_owned(), predicate_type.to_owned());
        Self { descriptor, bytes: Bytes::copy_from_slice(envelope) }
    }
}

/// What is to become of the layers at a tag.
#[derive(Debug, Default)]
pub(crate) struct LayerChange {
    /// Those that are added.
    pub(crate) new: Vec<Layer>,
    /// The blobs of those that are taken out.
    pub(crate) gone: Vec<Digest>,
}

impl LayerChange {
    /// Whether there is nothing to do.
    pub(crate) const fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty()
    }
}

/// Whether all of these layers stand in a manifest.
pub(crate) fn has_all(fetched: &Fetched, layers: &LayerChange) -> bool {
    holds(fetched, layers)
}

/// Changes the layers that stand at the tag. `standing` is the manifest there, as it was just read.
pub(crate) async fn write(
    store: &Store,
    image: &Digest,
    at: Attached,
    standing: Option<Fetched>,
    layers: &LayerChange,
) -> Result<(), Error> {
    let tag = at.tag(image).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{image} has no tag {} for the legacy format", at.suffix()))
    })?;
    let change = |standing: Option<Fetched>| {
        let tag = tag.clone();
        async move { upload(store, &Which::Tag(tag), standing, layers).await }
    };
    store.update_tag_from(&tag, standing, change, |fetched| holds(fetched, layers)).await?;
    Ok(())
}

/// Writes the layers and the configuration, and says what the tag is to name. In a registry, what stands there is
/// read once more meanwhile: it was seen before the signing, which may have taken any time.
async fn upload(
    store: &Store,
    which: &Which,
    mut standing: Option<Fetched>,
    layers: &LayerChange,
) -> Result<TagChange, StoreTrouble> {
    let blobs = async {
        let uploads = layers.new.iter().map(|layer| store.put_blob(&layer.descriptor, layer.bytes.clone()));
        futures_util::future::try_join_all(uploads).await
    };
    let mut blobs = Some(blobs);
    for _ in 0..ROUNDS {
        if standing.as_ref().is_some_and(|standing| holds(standing, layers)) {
            return Ok(TagChange::Keep);
        }
        let manifest = LayerManifest::with(standing.as_ref(), layers)?;
        let blobs = async {
            match blobs.take() {
                Some(blobs) => blobs.await.map(|_| ()),
                None => Ok(()),
            }
        };
        let (blobs, config, now) = tokio::join!(
            blobs,
            store.put_blob(&manifest.config, manifest.config_bytes.clone()),
            current(store, which, standing.clone())
        );
        blobs?;
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

/// Whether the manifest is as it is to become.
fn holds(fetched: &Fetched, layers: &LayerChange) -> bool {
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(manifest)) => {
            layers.new.iter().all(|layer| manifest.layers.contains(&layer.descriptor))
                && !manifest.layers.iter().any(|layer| layers.gone.contains(&layer.digest))
        }
        _ => false,
    }
}

/// A manifest of layers, and its configuration.
struct LayerManifest {
    bytes: Bytes,
    media_type: String,
    config: Descriptor,
    config_bytes: Bytes,
}

impl LayerManifest {
    /// What stands there, without what goes and with the new layers behind it. Everything else is kept as it is.
    fn with(standing: Option<&Fetched>, layers: &LayerChange) -> Result<Self, StoreTrouble> {
        let (mut document, media_type, there) = match standing {
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
                let there: Vec<_> = manifest.layers.iter().map(|layer| layer.digest).collect();
                (document, manifest.media_type, there)
            }
        };
        let stays = |digest: &Digest| !layers.gone.contains(digest);
        let mut digests: Vec<_> = there.iter().copied().filter(stays).collect();
        digests.extend(layers.new.iter().map(|layer| layer.descriptor.digest));
        if digests.len() > SIGNATURE_LAYERS {
            return Err(StoreTrouble::new(
                StoreError::LimitExceeded,
                format!("{} layers, the limit is {SIGNATURE_LAYERS}", digests.len()),
            ));
        }
        let config_bytes = configuration(&digests);
        let config = Descriptor::of(media_type::OCI_CONFIG, &config_bytes);
        let Some(members) = document.as_object_mut() else { return Err(foreign()) };
        members.insert("config".to_owned(), json!(config));
        match members.get_mut("layers").and_then(Value::as_array_mut) {
            Some(standing) => {
                // The two lists are one, read twice.
                let mut stay = there.iter().map(stays);
                standing.retain(|_| stay.next().unwrap_or(true));
                standing.extend(layers.new.iter().map(|layer| json!(layer.descriptor)));
            }
            None => return Err(foreign()),
        }
        Ok(Self { bytes: document.to_string().into(), media_type, config, config_bytes })
    }
}

/// The configuration that cosign writes: an image without a time or a platform, whose layers are what was signed.
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
        "what stands at the tag is no list of signatures or attestations, and is not overwritten",
    )
}
