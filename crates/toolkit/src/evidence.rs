//! Looking for what is attached to an image, in every place, at once (design, section 4, step 2).
//!
//! Everything found becomes a candidate, rejected or not; everything that could not be read is kept as such
//! (rules L2, L3). Nothing is judged here, and nothing is fetched twice: a blob that several layers name is
//! fetched once.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use waxseal_core::candidate::{Candidate, Evidence, EvidenceStore, Format, Origin, Unreadable};
use waxseal_core::limits::{
    BUNDLE_BYTES, CANDIDATES_PER_STORE, EVIDENCE_BYTES, SIGNATURE_LAYERS, SIMPLE_SIGNING_BYTES,
    VERIFY_SECONDS,
};
use waxseal_core::manifest::{ImageManifest, Manifest, ManifestError};
use waxseal_core::{Descriptor, Digest, Reason, media_type};
use waxseal_oci::{Attached, Error, ErrorKind, Fetched, Look, Store, Which};

/// Objects of one image that are fetched at the same time.
const CONCURRENT: usize = 16;

/// What to look for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Looking {
    /// The formats: both, unless a person narrowed it (rule L4).
    pub formats: Vec<Format>,
    /// Largest bundle that is read, in bytes.
    pub bundle_bytes: u64,
    /// Most bytes of everything that is attached to one image, manifests included (rule L5).
    pub evidence_bytes: u64,
    /// Time for everything about one image.
    pub deadline: Duration,
}

impl Default for Looking {
    fn default() -> Self {
        Self {
            formats: vec![Format::Legacy, Format::Bundle],
            bundle_bytes: BUNDLE_BYTES,
            evidence_bytes: EVIDENCE_BYTES,
            deadline: Duration::from_secs(VERIFY_SECONDS),
        }
    }
}

/// What was found beside one image.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The candidates, and what could not be read.
    pub evidence: Evidence,
    /// The manifest at the tag `.sig`, if there is one: who appends to it need not read it again.
    pub signature_tag: Option<Fetched>,
}

/// Looks for the signatures of the image with this digest in `store`.
pub async fn look(store: &Store, image: &Digest, looking: &Looking) -> Found {
    let search = Search {
        store,
        image: *image,
        looking,
        until: Instant::now().checked_add(looking.deadline).unwrap_or_else(Instant::now),
        bytes: AtomicU64::new(0),
    };
    let legacy = async {
        if looking.formats.contains(&Format::Legacy) {
            search.signature_tag().await
        } else {
            Found::default()
        }
    };
    let referrers = async {
        if looking.formats.contains(&Format::Bundle) { search.referrers().await } else { Evidence::default() }
    };
    let (mut found, referrers) = tokio::join!(legacy, referrers);
    found.evidence.extend(referrers);
    found
}

struct Search<'a> {
    store: &'a Store,
    image: Digest,
    looking: &'a Looking,
    until: Instant,
    bytes: AtomicU64,
}

impl Search<'_> {
    async fn signature_tag(&self) -> Found {
        let origin = Origin::new(EvidenceStore::SignatureTag, self.image);
        let Some(tag) = Attached::Signatures.tag(&self.image) else { return Found::default() };
        let fetched = match self.timed(self.store.manifest(&Which::Tag(tag))).await {
            Look::Found(fetched) => fetched,
            Look::Absent => return Found::default(),
            Look::Unreadable(error) => return unreadable_found(origin, &error),
            _ => return unreadable_found(origin, &unsupported("the tag of signatures")),
        };
        let origin = origin.manifest(fetched.descriptor.digest);
        let evidence = match self.count(fetched.descriptor.size).map(|()| parse(&fetched)) {
            Err(error) => unreadable(origin, Some(Format::Legacy), &error),
            Ok(Ok(manifest)) => self.layers(origin, &manifest, Format::Legacy).await,
            // Rule L5: a valid signature may be among those that are not looked at.
            Ok(Err(Unfit::TooMany(layers))) => {
                let error = Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{layers} layers of signatures, the limit is {SIGNATURE_LAYERS}"),
                );
                unreadable(origin, Some(Format::Legacy), &error)
            }
            Ok(Err(Unfit::Malformed(found))) => rejected(origin, Reason::MalformedManifest, found),
        };
        Found { evidence, signature_tag: Some(fetched) }
    }

    async fn referrers(&self) -> Evidence {
        let origin = Origin::new(EvidenceStore::Referrer, self.image);
        let listing = match self.timed(self.store.referrers(&self.image)).await {
            Look::Found(listing) => listing,
            Look::Absent => return Evidence::default(),
            Look::Unreadable(error) => return unreadable(origin, None, &error),
            _ => return unreadable(origin, None, &unsupported("the listing of referrers")),
        };
        let wanted: Vec<_> = listing.descriptors.into_iter().filter(could_hold_a_signature).collect();
        if wanted.len() > CANDIDATES_PER_STORE {
            let error = Error::new(
                ErrorKind::LimitExceeded,
                format!("{} referrers, the limit is {CANDIDATES_PER_STORE}", wanted.len()),
            );
            return unreadable(origin, None, &error);
        }
        let found = stream::iter(wanted)
            .map(|descriptor| self.referrer(origin.clone(), descriptor))
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        found.into_iter().fold(Evidence::default(), |mut all, one| {
            all.extend(one);
            all
        })
    }

    async fn referrer(&self, origin: Origin, descriptor: Descriptor) -> Evidence {
        let origin = origin.manifest(descriptor.digest);
        let fetched = match self.timed(self.store.manifest(&Which::Digest(descriptor.digest))).await {
            Look::Found(fetched) => fetched,
            Look::Unreadable(error) => return unreadable(origin, None, &error),
            // Listed, and not there: what it was, nobody knows (rule N3's sibling for signatures).
            _ => {
                let error =
                    Error::new(ErrorKind::NotFound, format!("{} is listed and not there", descriptor.digest));
                return unreadable(origin, None, &error);
            }
        };
        if let Err(error) = self.count(fetched.descriptor.size) {
            return unreadable(origin, None, &error);
        }
        let manifest = match parse(&fetched) {
            Ok(manifest) => manifest,
            Err(Unfit::TooMany(layers)) => {
                let found = format!("{layers} layers, the limit is {SIGNATURE_LAYERS}");
                return rejected(origin, Reason::LimitExceeded, found);
            }
            Err(Unfit::Malformed(found)) => return rejected(origin, Reason::MalformedManifest, found),
        };
        // T-27: the listing may claim anything; the manifest's own bytes say what it refers to.
        if manifest.subject.as_ref().map(|subject| subject.digest) != Some(self.image) {
            let subject = manifest.subject.as_ref().map(|subject| subject.digest.to_string());
            let found = format!("a referrer of {}", subject.unwrap_or_else(|| "nothing".to_owned()));
            return rejected(origin, Reason::ReferrerMismatch, found);
        }
        self.layers(origin, &manifest, Format::Bundle).await
    }

    /// Fetches the layers that could be signatures, each blob once, and makes candidates of them in their order.
    async fn layers(&self, origin: Origin, manifest: &ImageManifest, place: Format) -> Evidence {
        let mut seen = HashSet::new();
        let wanted = manifest.layers.iter().filter(|layer| {
            self.limit(&layer.media_type).is_some_and(|limit| layer.size <= limit)
                && seen.insert(named(layer))
        });
        let fetched: HashMap<_, Result<Bytes, Error>> = stream::iter(wanted)
            .map(|layer| async move { (named(layer), self.blob(layer).await) })
            .buffered(CONCURRENT)
            .collect()
            .await;
        let mut evidence = Evidence::default();
        for layer in &manifest.layers {
            let origin = origin.clone().blob(layer.digest);
            let Some(limit) = self.limit(&layer.media_type) else {
                let found = format!("a layer of type {:?}", shortened(&layer.media_type));
                evidence.candidates.push(Candidate::rejected(origin, Reason::NotASignature, found));
                continue;
            };
            match fetched.get(&named(layer)) {
                Some(Ok(bytes)) if layer.media_type == media_type::SIMPLE_SIGNING => {
                    evidence.candidates.push(Candidate::legacy(origin, layer, bytes.to_vec()));
                }
                Some(Ok(bytes)) => {
                    evidence.candidates.push(Candidate::bundle(origin, bytes, self.looking.bundle_bytes));
                }
                Some(Err(error)) => evidence.unreadable.push(unreadable_object(origin, Some(place), error)),
                None => {
                    let found = format!("{} bytes, the limit is {limit}", layer.size);
                    evidence.candidates.push(Candidate::rejected(origin, Reason::LimitExceeded, found));
                }
            }
        }
        evidence
    }

    /// The largest layer of this type that is read; none for types that hold no signature.
    fn limit(&self, layer: &str) -> Option<u64> {
        if layer == media_type::SIMPLE_SIGNING {
            Some(SIMPLE_SIGNING_BYTES)
        } else if media_type::is_bundle(layer) {
            Some(self.looking.bundle_bytes)
        } else {
            None
        }
    }

    async fn blob(&self, layer: &Descriptor) -> Result<Bytes, Error> {
        self.count(layer.size)?;
        match tokio::time::timeout_at(self.until, self.store.blob(layer, layer.size)).await {
            Ok(result) => result,
            Err(_) => Err(self.timeout()),
        }
    }

    /// Rule L5: counts bytes, of blobs before they are fetched, and of manifests, whose size nobody vouches for, behind.
    fn count(&self, bytes: u64) -> Result<(), Error> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let limit = self.looking.evidence_bytes;
        if before.saturating_add(bytes) > limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {limit} bytes of evidence for one image"),
            ));
        }
        Ok(())
    }

    async fn timed<T>(&self, work: impl Future<Output = Look<T>>) -> Look<T> {
        match tokio::time::timeout_at(self.until, work).await {
            Ok(look) => look,
            Err(_) => Look::Unreadable(self.timeout()),
        }
    }

    fn timeout(&self) -> Error {
        let seconds = self.looking.deadline.as_secs();
        Error::new(ErrorKind::Timeout, format!("not read within {seconds} s"))
    }
}

/// Rule L6: a descriptor is skipped only when its type names something else. cosign 2.6's fallback index says
/// `application/vnd.oci.empty.v1+json` of a bundle, others leave the type out.
pub(crate) fn could_hold_a_signature(descriptor: &Descriptor) -> bool {
    descriptor.artifact_type.as_deref().is_none_or(|named| {
        media_type::is_bundle(named)
            || matches!(
                named,
                "" | media_type::OCI_EMPTY | media_type::OCI_CONFIG | media_type::COSIGN_SIGNATURE_ARTIFACT
            )
    })
}

/// What a layer says of its bytes. Two that name the same blob with different sizes are not the same: one of them
/// lies, and takes nothing along.
fn named(layer: &Descriptor) -> (Digest, u64) {
    (layer.digest, layer.size)
}

/// Why a manifest gives no candidates.
enum Unfit {
    /// It has this many layers.
    TooMany(usize),
    /// It does not parse.
    Malformed(String),
}

fn parse(fetched: &Fetched) -> Result<Box<ImageManifest>, Unfit> {
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(manifest)) if manifest.layers.len() > SIGNATURE_LAYERS => {
            Err(Unfit::TooMany(manifest.layers.len()))
        }
        Ok(Manifest::Image(manifest)) => Ok(manifest),
        Ok(_) => Err(Unfit::Malformed("an index, not a manifest".to_owned())),
        Err(ManifestError::TooManyDescriptors { found }) => Err(Unfit::TooMany(found)),
        Err(error) => Err(Unfit::Malformed(error.to_string())),
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} cannot be read"))
}

fn unreadable_found(origin: Origin, error: &Error) -> Found {
    Found { evidence: unreadable(origin, Some(Format::Legacy), error), signature_tag: None }
}

fn unreadable(origin: Origin, format: Option<Format>, error: &Error) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.unreadable.push(unreadable_object(origin, format, error));
    evidence
}

fn unreadable_object(origin: Origin, format: Option<Format>, error: &Error) -> Unreadable {
    Unreadable::new(origin, format, error.code(), error.to_string())
}

fn rejected(origin: Origin, reason: Reason, found: String) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.candidates.push(Candidate::rejected(origin, reason, found));
    evidence
}

/// Text from outside, short enough for a finding.
fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}
