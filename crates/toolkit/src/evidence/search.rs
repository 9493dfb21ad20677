//! Reading what is attached to an image: the objects of every place, within limits, before anything is made of them.
//!
//! Each blob is fetched once, whatever number of layers names it. What could be no signature is told apart from what
//! could not be read, and nothing is left out in silence (rules L2, L3, L5).

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use waxseal_core::candidate::{
    CERTIFICATE_ANNOTATION, EvidenceStore, Format, Origin, SIGNATURE_ANNOTATION, Unreadable,
};
use waxseal_core::limits::{CANDIDATES_PER_STORE, REFERRERS_ENTRIES, SIGNATURE_LAYERS, SIMPLE_SIGNING_BYTES};
use waxseal_core::manifest::{ImageManifest, Manifest, ManifestError};
use waxseal_core::{Descriptor, Digest, Reason, media_type};
use waxseal_oci::{Attached, Error, ErrorKind, Fetched, Look, Store, Which};

use super::Looking;

/// Objects of one image that are fetched at the same time.
const CONCURRENT: usize = 16;

/// Something that stands beside an image, or could.
#[derive(Debug)]
pub(crate) enum Object {
    /// A layer that could be a signature.
    Layer(Box<Layer>),
    /// What can be none, and why (rule L3).
    Rejected { origin: Origin, reason: Reason, found: String },
    /// What could not be read.
    Unreadable(Unreadable),
}

/// A layer of a manifest that holds evidence, and the bytes of its digest.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) origin: Origin,
    /// Its descriptor, with those annotations that somebody reads.
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Bytes,
    /// The predicate type that the manifest's annotation claims for a bundle. A hint (rule L6).
    pub(crate) claimed_predicate: Option<Arc<str>>,
}

/// Annotation of a bundle's manifest: the predicate type of the statement in it. A claim.
const PREDICATE_ANNOTATION: &str = "dev.sigstore.bundle.predicateType";
/// Annotation of a `.sig` layer: the chain of the certificate, in PEM.
pub(crate) const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";
/// Annotation of a `.sig` layer: what a transparency log said.
pub(crate) const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
/// Annotation of a `.sig` layer: a signed timestamp.
pub(crate) const TIMESTAMP_ANNOTATION: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// The annotations of layers that are kept. What nobody reads takes no memory: a manifest of 4 MiB can have half a
/// million of them.
const KEPT_ANNOTATIONS: [&str; 5] =
    [SIGNATURE_ANNOTATION, CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION, LOG_ANNOTATION, TIMESTAMP_ANNOTATION];

/// One look beside one image: what it may cost is counted over all places.
pub(crate) struct Search<'a> {
    store: &'a Store,
    image: Digest,
    looking: &'a Looking,
    until: Instant,
    bytes: AtomicU64,
    /// Everything that refers to the image, whatever it is, once it was listed.
    listed: OnceLock<Vec<Digest>>,
    /// The manifests of referrers that were read.
    referrers: Mutex<Vec<Descriptor>>,
}

impl<'a> Search<'a> {
    /// A look for what is attached to the image with this digest. Its time begins now.
    pub(crate) fn new(store: &'a Store, image: &Digest, looking: &'a Looking) -> Self {
        let until = Instant::now().checked_add(looking.deadline).unwrap_or_else(Instant::now);
        let (bytes, listed, referrers) = (AtomicU64::new(0), OnceLock::new(), Mutex::default());
        Self { store, image: *image, looking, until, bytes, listed, referrers }
    }

    /// The digests of everything that was listed as a referrer.
    pub(crate) fn listed(self) -> Vec<Digest> {
        self.listed.into_inner().unwrap_or_default()
    }

    /// The layers of the manifest at a tag, and the manifest itself if there is one.
    pub(crate) async fn tag(&self, attached: Attached) -> (Vec<Object>, Option<Fetched>) {
        let kind = match attached {
            Attached::Attestations => EvidenceStore::AttestationTag,
            _ => EvidenceStore::SignatureTag,
        };
        let origin = Origin::new(kind, self.image);
        let Some(tag) = attached.tag(&self.image) else { return (Vec::new(), None) };
        let fetched = match self.timed(self.store.manifest(&Which::Tag(tag.clone()))).await {
            Look::Found(fetched) => fetched,
            Look::Absent => return (Vec::new(), None),
            Look::Unreadable(error) => return (vec![unreadable(origin, Some(Format::Legacy), &error)], None),
            _ => {
                let error = unsupported(&format!("the tag {tag}"));
                return (vec![unreadable(origin, Some(Format::Legacy), &error)], None);
            }
        };
        let origin = origin.manifest(fetched.descriptor.digest);
        let objects = match self.count(fetched.descriptor.size).map(|()| parse(&fetched)) {
            Err(error) => vec![unreadable(origin, Some(Format::Legacy), &error)],
            Ok(Ok(manifest)) => self.layers(origin, &manifest, Format::Legacy).await,
            // Rule L5: a valid signature may be among those that are not looked at.
            Ok(Err(Unfit::TooMany(layers))) => {
                let error = limit(format!("{layers} layers of signatures, the limit is {SIGNATURE_LAYERS}"));
                vec![unreadable(origin, Some(Format::Legacy), &error)]
            }
            Ok(Err(Unfit::Malformed(found))) => vec![rejected(origin, Reason::MalformedManifest, found)],
        };
        (objects, Some(fetched))
    }

    /// The layers of everything that refers to the image and could hold a signature, in the order of the listing.
    pub(crate) async fn referrers(&self) -> Vec<Object> {
        let origin = Origin::new(EvidenceStore::Referrer, self.image);
        let listing = match self.timed(self.store.referrers(&self.image)).await {
            Look::Found(listing) => listing,
            Look::Absent => return Vec::new(),
            Look::Unreadable(error) => return vec![unreadable(origin, None, &error)],
            _ => return vec![unreadable(origin, None, &unsupported("the listing of referrers"))],
        };
        // A search lists once.
        let _ = self.listed.set(listing.descriptors.iter().map(|listed| listed.digest).collect());
        let wanted: Vec<_> =
            listing.descriptors.into_iter().filter(|listed| self.could_be_wanted(listed)).collect();
        if wanted.len() > REFERRERS_ENTRIES {
            let error = limit(format!("{} referrers, the limit is {REFERRERS_ENTRIES}", wanted.len()));
            return vec![unreadable(origin, None, &error)];
        }
        let mut found = pin!(
            stream::iter(wanted)
                .map(|descriptor| self.referrer(origin.clone(), descriptor))
                .buffered(CONCURRENT)
        );
        let mut objects = Vec::new();
        // In the order of the listing, so that equal listings give equal candidates.
        while let Some(next) = found.next().await {
            if objects.len().saturating_add(next.len()) > CANDIDATES_PER_STORE {
                let error = limit(format!(
                    "more than {CANDIDATES_PER_STORE} objects in the referrers of one image; the rest is not read"
                ));
                objects.push(unreadable(origin.clone(), None, &error));
                break;
            }
            objects.extend(next);
        }
        objects
    }

    /// The manifests of the referrers that were read, as they are.
    pub(crate) fn manifests_of_referrers(&self) -> Vec<Descriptor> {
        self.referrers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn referrer(&self, origin: Origin, descriptor: Descriptor) -> Vec<Object> {
        let origin = origin.manifest(descriptor.digest);
        let fetched = match self.timed(self.store.manifest(&Which::Digest(descriptor.digest))).await {
            Look::Found(fetched) => fetched,
            Look::Unreadable(error) => return vec![unreadable(origin, None, &error)],
            // Listed, and not there: what it was, nobody knows (rule N3's sibling for signatures).
            _ => {
                let error =
                    Error::new(ErrorKind::NotFound, format!("{} is listed and not there", descriptor.digest));
                return vec![unreadable(origin, None, &error)];
            }
        };
        if let Err(error) = self.count(fetched.descriptor.size) {
            return vec![unreadable(origin, None, &error)];
        }
        let (digest, size) = (fetched.descriptor.digest, fetched.descriptor.size);
        let read = Descriptor::new(fetched.descriptor.media_type.clone(), digest, size);
        self.referrers.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        let manifest = match parse(&fetched) {
            Ok(manifest) => manifest,
            Err(Unfit::TooMany(layers)) => {
                let found = format!("{layers} layers, the limit is {SIGNATURE_LAYERS}");
                return vec![rejected(origin, Reason::LimitExceeded, found)];
            }
            Err(Unfit::Malformed(found)) => return vec![rejected(origin, Reason::MalformedManifest, found)],
        };
        // T-27: the listing may claim anything; the manifest's own bytes say what it refers to.
        if manifest.subject.as_ref().map(|subject| subject.digest) != Some(self.image) {
            let subject = manifest.subject.as_ref().map(|subject| subject.digest.to_string());
            let found = format!("a referrer of {}", subject.unwrap_or_else(|| "nothing".to_owned()));
            return vec![rejected(origin, Reason::ReferrerMismatch, found)];
        }
        self.layers(origin, &manifest, Format::Bundle).await
    }

    /// Fetches the layers that could be signatures, each blob once, and gives them in their order: a payload once for
    /// each signature over it, a bundle, which holds its signatures itself, once.
    async fn layers(&self, origin: Origin, manifest: &ImageManifest, place: Format) -> Vec<Object> {
        let mut asked = HashSet::new();
        let wanted = manifest.layers.iter().filter(|layer| {
            self.limit(&layer.media_type).is_some_and(|limit| layer.size <= limit)
                && asked.insert(named(layer))
        });
        let fetched: HashMap<_, Result<Bytes, Error>> = stream::iter(wanted)
            .map(|layer| async move { (named(layer), self.blob(layer).await) })
            .buffered(CONCURRENT)
            .collect()
            .await;
        let claimed_predicate: Option<Arc<str>> =
            manifest.annotations.get(PREDICATE_ANNOTATION).map(|claimed| claimed.as_str().into());
        let mut objects = Vec::new();
        let mut seen = HashSet::new();
        for layer in &manifest.layers {
            let origin = origin.clone().blob(layer.digest);
            let Some(limit) = self.limit(&layer.media_type) else {
                let found = format!("a layer of type {:?}", shortened(&layer.media_type));
                objects.push(rejected(origin, Reason::NotASignature, found));
                continue;
            };
            let is_bundle = media_type::is_bundle(&layer.media_type);
            let again = !seen.insert((named(layer), is_bundle));
            if again && is_bundle {
                continue;
            }
            let Some(result) = fetched.get(&named(layer)) else {
                let found = format!("{} bytes, the limit is {limit}", layer.size);
                objects.push(rejected(origin, Reason::LimitExceeded, found));
                continue;
            };
            // Each candidate holds its bytes: those of the first were counted when they were fetched.
            let counted = if again { self.count(layer.size) } else { Ok(()) };
            objects.push(match (result, counted) {
                (Ok(bytes), Ok(())) => Object::Layer(Box::new(Layer {
                    origin,
                    descriptor: kept(layer),
                    bytes: bytes.clone(),
                    claimed_predicate: claimed_predicate.clone(),
                })),
                (Err(error), _) => unreadable(origin, Some(place), error),
                (Ok(_), Err(error)) => unreadable(origin, Some(place), &error),
            });
        }
        objects
    }

    /// The largest layer of this type that is read; none for types that hold no signature.
    fn limit(&self, layer: &str) -> Option<u64> {
        if layer == media_type::SIMPLE_SIGNING {
            Some(SIMPLE_SIGNING_BYTES)
        } else if media_type::is_bundle(layer)
            || (layer == media_type::DSSE_ENVELOPE && self.wants_attestations())
        {
            Some(self.looking.bundle_bytes)
        } else {
            None
        }
    }

    /// Rule L4.
    fn wants_attestations(&self) -> bool {
        self.looking.tags.contains(&Attached::Attestations)
    }

    /// Rule L6: a descriptor is skipped only when its type names something else. cosign 2.6's fallback index says
    /// `application/vnd.oci.empty.v1+json` of a bundle, others leave the type out. The two kinds of legacy referrers are
    /// read only where their kind is wanted (rule L4).
    fn could_be_wanted(&self, descriptor: &Descriptor) -> bool {
        descriptor.artifact_type.as_deref().is_none_or(|named| match named {
            "" | media_type::OCI_EMPTY | media_type::OCI_CONFIG => true,
            media_type::COSIGN_SIGNATURE_ARTIFACT => self.looking.tags.contains(&Attached::Signatures),
            media_type::IN_TOTO | media_type::DSSE_ENVELOPE => self.wants_attestations(),
            other => media_type::is_bundle(other),
        })
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
        let most = self.looking.evidence_bytes;
        if before.saturating_add(bytes) > most {
            return Err(limit(format!("more than {most} bytes of evidence for one image")));
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

/// The descriptor with the annotations that somebody reads.
pub(crate) fn kept(layer: &Descriptor) -> Descriptor {
    let mut kept = Descriptor::new(layer.media_type.clone(), layer.digest, layer.size);
    for name in KEPT_ANNOTATIONS {
        if let Some(value) = layer.annotations.get(name) {
            kept.annotations.insert(name.to_owned(), value.clone());
        }
    }
    kept
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

fn limit(context: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, context)
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} cannot be read"))
}

fn unreadable(origin: Origin, format: Option<Format>, error: &Error) -> Object {
    Object::Unreadable(Unreadable::new(origin, format, error.code(), error.to_string()))
}

fn rejected(origin: Origin, reason: Reason, found: String) -> Object {
    Object::Rejected { origin, reason, found }
}

/// Text from outside, short enough for a finding.
fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}
