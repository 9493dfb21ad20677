//! Looking for what is attached to an image, in every place, at once (design, section 4, step 2).
//!
//! Everything found becomes a candidate, rejected or not; everything that could not be read is kept as such
//! (rules L2, L3). Nothing is judged here. Whoever wants the bytes themselves, and no candidates, reads by the same
//! `search`, with the same limits.

pub(crate) mod search;

use std::time::Duration;

use waxseal_core::candidate::{Candidate, Evidence, Format};
use waxseal_core::limits::{BUNDLE_BYTES, EVIDENCE_BYTES, VERIFY_SECONDS};
use waxseal_core::{Digest, media_type};
use waxseal_oci::{Attached, Fetched, Store};

use self::search::{Layer, Object, Search};

/// What to look for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Looking {
    /// The formats: both, unless a person narrowed it (rule L4).
    pub formats: Vec<Format>,
    /// The tags of the legacy format that are read: `.sig`, and `.att` only where an attestation is wanted (rule L4).
    pub tags: Vec<Attached>,
    /// Largest bundle or attestation that is read, in bytes.
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
            tags: vec![Attached::Signatures],
            bundle_bytes: BUNDLE_BYTES,
            evidence_bytes: EVIDENCE_BYTES,
            deadline: Duration::from_secs(VERIFY_SECONDS),
        }
    }
}

impl Looking {
    /// The same for attestations, and not for signatures.
    #[must_use]
    pub fn for_attestations(mut self) -> Self {
        self.tags = vec![Attached::Attestations];
        self
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
    /// The same of the tag `.att`.
    pub attestation_tag: Option<Fetched>,
    /// The digests of everything that refers to the image, evidence or not, as they were listed; empty where referrers
    /// were not looked for.
    pub referrers: Vec<Digest>,
}

/// Looks for the signatures, the attestations or both of the image with this digest in `store`.
pub async fn look(store: &Store, image: &Digest, looking: &Looking) -> Found {
    let search = Search::new(store, image, looking);
    let tag = async |tag: Attached| {
        if looking.formats.contains(&Format::Legacy) && looking.tags.contains(&tag) {
            search.tag(tag).await
        } else {
            (Vec::new(), None)
        }
    };
    let referrers = async {
        if looking.formats.contains(&Format::Bundle) { search.referrers().await } else { Vec::new() }
    };
    let (signatures, attestations) = (tag(Attached::Signatures), tag(Attached::Attestations));
    let ((mut objects, signature_tag), (attestations, attestation_tag), referrers) =
        tokio::join!(Box::pin(signatures), Box::pin(attestations), Box::pin(referrers));
    objects.extend(attestations);
    objects.extend(referrers);
    let evidence = evidence(objects, looking);
    Found { evidence, signature_tag, attestation_tag, referrers: search.listed() }
}

/// Makes candidates of what was read. Each object's bytes go as soon as its candidate is made.
fn evidence(objects: Vec<Object>, looking: &Looking) -> Evidence {
    let mut evidence = Evidence::new();
    for object in objects {
        match object {
            Object::Layer(layer) => evidence.candidates.push(candidate(&layer, looking)),
            Object::Rejected { origin, reason, found } => {
                evidence.candidates.push(Candidate::rejected(origin, reason, found));
            }
            Object::Unreadable(unreadable) => evidence.unreadable.push(unreadable),
        }
    }
    evidence
}

/// What a layer is before anyone has verified it.
pub(crate) fn candidate(layer: &Layer, looking: &Looking) -> Candidate {
    let (origin, bytes, limit) = (layer.origin.clone(), &layer.bytes, looking.bundle_bytes);
    match layer.descriptor.media_type.as_str() {
        media_type::SIMPLE_SIGNING => Candidate::legacy(origin, &layer.descriptor, bytes.to_vec()),
        media_type::DSSE_ENVELOPE => Candidate::attestation(origin, &layer.descriptor, bytes, limit),
        _ => Candidate::bundle(origin, bytes, limit),
    }
}
