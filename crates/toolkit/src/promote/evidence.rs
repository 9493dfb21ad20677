//! Which evidence goes along (rule K2), and how it is written: what a key of the policy signed, whatever it says, or all.
//!
//! A referrer goes as it stands, byte for byte. Lists at the tags `.sig` and `.att` are put together layer by layer: what
//! the source has and nobody's key signed stays behind, what stands at the destination stays there.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::limits::MANIFEST_BYTES;
use waxseal_core::manifest::Manifest;
use waxseal_core::{Descriptor, Digest, Verifier};
use waxseal_oci::registry::TagChange;
use waxseal_oci::{Attached, Fetched, Store};

use super::destination::named;
use super::keys::Keys;
use crate::beside::layers::{self, Layer, LayerChange};
use crate::beside::{Target, targets, trouble};
use crate::error::{Error, ErrorKind};
use crate::evidence::search::{Object, Search, kept};
use crate::evidence::{Looking, candidate};
use crate::image::Image;

/// Images of one index that are looked at at the same time.
const CONCURRENT: usize = 8;

/// The evidence of an image and of the images that it lists, in one place.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Where it stands.
    pub(super) place: Store,
    /// The referrers that go along, by the image that they refer to.
    pub(super) referrers: Arc<HashMap<Digest, Vec<Descriptor>>>,
    /// The lists at tags, as far as they go along.
    tagged: Vec<Tagged>,
    /// Layers and referrers that no key signed, and that stay behind.
    pub(super) left: usize,
    /// The manifests and layers that go along.
    pub(super) taken: Vec<Digest>,
}

/// A list at a tag, and the layers of it that go along.
#[derive(Debug)]
struct Tagged {
    image: Digest,
    at: Attached,
    manifest: Fetched,
    layers: Vec<(Descriptor, Bytes)>,
    /// Whether that is all of it.
    whole: bool,
}

/// Whose evidence is looked for, and how.
pub(super) struct Choosing<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) looking: &'a Looking,
    pub(super) keys: &'a Keys,
    pub(super) now: Timestamp,
    /// Whether everything goes along, whoever signed it.
    pub(super) all: bool,
}

impl Choosing<'_> {
    /// Looks in each place for what is attached to the image and to every image that it lists. What cannot be read is an
    /// error: nothing is left out in silence.
    pub(super) async fn choose(&self, image: &mut Image, places: &[Store]) -> Result<Vec<Chosen>, Error> {
        let targets = targets(image, None, true).await?;
        let mut all = Vec::new();
        for place in places {
            all.push(Box::pin(self.at(place, &targets)).await?);
        }
        Ok(all)
    }

    async fn at(&self, place: &Store, targets: &[Target]) -> Result<Chosen, Error> {
        let each = stream::iter(targets)
            .map(|target| async move { Box::pin(self.beside(place, target)).await })
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        let mut chosen = Chosen {
            place: place.clone(),
            referrers: Arc::default(),
            tagged: Vec::new(),
            left: 0,
            taken: Vec::new(),
        };
        let mut referrers = HashMap::new();
        for one in each {
            let one = one?;
            chosen.left = chosen.left.saturating_add(one.left);
            chosen.taken.extend(one.referrers.iter().map(|descriptor| descriptor.digest));
            for tagged in &one.tagged {
                chosen.taken.extend(tagged.layers.iter().map(|(descriptor, _)| descriptor.digest));
            }
            chosen.tagged.extend(one.tagged);
            if !one.referrers.is_empty() {
                referrers.insert(one.image, one.referrers);
            }
        }
        chosen.referrers = Arc::new(referrers);
        Ok(chosen)
    }

    async fn beside(&self, place: &Store, target: &Target) -> Result<Beside, Error> {
        let image = *target.pinned.digest();
        let mut looking = self.looking.clone();
        looking.tags = vec![Attached::Signatures, Attached::Attestations];
        let search = Search::new(place, &image, &looking);
        let ((signatures, signature_tag), (attestations, attestation_tag), referrers) = tokio::join!(
            Box::pin(search.tag(Attached::Signatures)),
            Box::pin(search.tag(Attached::Attestations)),
            Box::pin(search.referrers())
        );
        let mut beside = Beside { image, tagged: Vec::new(), referrers: Vec::new(), left: 0 };
        for (at, objects, manifest) in [
            (Attached::Signatures, signatures, signature_tag),
            (Attached::Attestations, attestations, attestation_tag),
        ] {
            let good = self.good(target, &objects, &mut beside.left)?;
            let Some(manifest) = manifest else { continue };
            let Ok(Manifest::Image(parsed)) =
                Manifest::parse(&manifest.bytes, Some(&manifest.descriptor.media_type))
            else {
                continue;
            };
            let known: HashMap<Vec<u8>, Bytes> =
                good.iter().map(|layer| (identity(&layer.descriptor), layer.bytes.clone())).collect();
            let count = parsed.layers.len();
            let layers: Vec<_> = parsed
                .layers
                .into_iter()
                .filter_map(|layer| known.get(&identity(&kept(&layer))).map(|bytes| (layer, bytes.clone())))
                .collect();
            if !layers.is_empty() {
                let whole = layers.len() == count;
                beside.tagged.push(Tagged { image, at, manifest, layers, whole });
            }
        }
        let good = self.good(target, &referrers, &mut beside.left)?;
        beside.referrers = search
            .manifests_of_referrers()
            .into_iter()
            .filter(|manifest| good.iter().any(|layer| layer.origin.manifest == Some(manifest.digest)))
            .collect();
        Ok(beside)
    }

    /// Those of the objects that go along.
    fn good<'o>(
        &self,
        target: &Target,
        objects: &'o [Object],
        left: &mut usize,
    ) -> Result<Vec<&'o crate::evidence::search::Layer>, Error> {
        let mut found = Vec::new();
        for object in objects {
            match object {
                Object::Layer(layer) => found.push(layer.as_ref()),
                Object::Rejected { .. } => *left = left.saturating_add(1),
                Object::Unreadable(unreadable) => {
                    return Err(Error::new(
                        ErrorKind::Store(trouble(unreadable)),
                        format!(
                            "what is attached to {} cannot be read, so it cannot be taken along: {}",
                            target.pinned, unreadable.message
                        ),
                    ));
                }
            }
        }
        if self.all {
            return Ok(found);
        }
        let candidates: Vec<_> = found.iter().map(|layer| candidate(layer, self.looking)).collect();
        let image = target.pinned.digest();
        let good =
            self.verifier.evidence_by(&candidates, self.keys.all(), image, self.now).map_err(|error| {
                Error::new(
                    ErrorKind::Store(waxseal_oci::ErrorKind::LimitExceeded),
                    format!("{}: {error}", target.pinned),
                )
            })?;
        let before = found.len();
        let found: Vec<_> =
            found.into_iter().zip(good).filter(|(_, good)| *good).map(|(layer, _)| layer).collect();
        *left = left.saturating_add(before.saturating_sub(found.len()));
        Ok(found)
    }
}

/// What was found beside one image and goes along.
struct Beside {
    image: Digest,
    tagged: Vec<Tagged>,
    referrers: Vec<Descriptor>,
    left: usize,
}

/// Two layers of one list may share a payload and differ in the signature.
fn identity(layer: &Descriptor) -> Vec<u8> {
    serde_json::to_vec(layer).unwrap_or_default()
}

impl Chosen {
    /// Whether nothing goes along from there.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Writes the lists at tags beside the destination's images; how many were written. Lists that stand there are added
    /// to; with `standing_only`, no others are written.
    pub(super) async fn write_lists(&self, to: &Store, standing_only: bool) -> Result<usize, Error> {
        let mut written = 0_usize;
        for list in &self.tagged {
            written = written.saturating_add(usize::from(list.write(&self.place, to, standing_only).await?));
        }
        Ok(written)
    }
}

impl Tagged {
    /// Whether anything was written.
    async fn write(&self, from: &Store, to: &Store, standing_only: bool) -> Result<bool, Error> {
        let Some(tag) = self.at.tag(&self.image) else { return Ok(false) };
        let standing = named(to, &tag).await?;
        let new =
            self.layers.iter().map(|(descriptor, bytes)| Layer::standing(descriptor.clone(), bytes.clone()));
        let all = LayerChange { new: new.collect(), gone: Vec::new() };
        match standing {
            Some(standing) if layers::has_all(&standing, &all) => Ok(false),
            None if standing_only => Ok(false),
            None if self.whole => self.copy(from, to, &tag).await.map(|()| true),
            standing => {
                let missing = match &standing {
                    None => all,
                    Some(standing) => self.missing(standing),
                };
                layers::write(to, &self.image, self.at, standing, &missing).await.map(|()| true)
            }
        }
    }

    /// The layers that do not stand there yet.
    fn missing(&self, standing: &Fetched) -> LayerChange {
        let there = match Manifest::parse(&standing.bytes, Some(&standing.descriptor.media_type)) {
            Ok(Manifest::Image(manifest)) => manifest.layers,
            _ => Vec::new(),
        };
        let missing = self.layers.iter().filter(|(descriptor, _)| !there.contains(descriptor));
        let new = missing.map(|(descriptor, bytes)| Layer::standing(descriptor.clone(), bytes.clone()));
        LayerChange { new: new.collect(), gone: Vec::new() }
    }

    /// Writes the list as it stands at the source: its blobs, then its manifest under the tag, if nobody has written one
    /// meanwhile.
    async fn copy(&self, from: &Store, to: &Store, tag: &waxseal_core::reference::Tag) -> Result<(), Error> {
        if let Ok(Manifest::Image(manifest)) =
            Manifest::parse(&self.manifest.bytes, Some(&self.manifest.descriptor.media_type))
            && !to.has_blob(&manifest.config).await?
        {
            let config = from.blob(&manifest.config, MANIFEST_BYTES).await?;
            to.put_blob(&manifest.config, config).await?;
        }
        let mut sent = std::collections::HashSet::new();
        for (descriptor, bytes) in &self.layers {
            if sent.insert(descriptor.digest) && !to.has_blob(descriptor).await? {
                to.put_blob(descriptor, bytes.clone()).await?;
            }
        }
        let own = &self.manifest;
        let change = |standing: Option<Fetched>| async move {
            Ok(match standing {
                None => TagChange::Write {
                    bytes: own.bytes.clone(),
                    media_type: own.descriptor.media_type.clone(),
                },
                Some(_) => TagChange::Keep,
            })
        };
        let holds = |fetched: &Fetched| fetched.descriptor.digest == own.descriptor.digest;
        let update = to.update_tag_from(tag, None, change, holds).await?;
        if update.digest == Some(own.descriptor.digest) {
            return Ok(());
        }
        // Somebody was faster: ours is added to it.
        Box::pin(self.write(from, to, false)).await.map(|_| ())
    }
}
