//! Attaching attestations that were made elsewhere: envelopes, which become layers, and bundles, which become referrers.
//!
//! With a key they are verified first, all of them before the first is written. Without one nobody has verified them, and
//! what they say of themselves decides only whether they could be about this image and how they are stored.

use jiff::Timestamp;
use serde_json::value::RawValue;
use waxseal_core::bundle::{Bundle, BundleVersion};
use waxseal_core::candidate::{Candidate, EvidenceStore, Origin};
use waxseal_core::limits::{BUNDLE_BYTES, SIGNATURE_LAYERS};
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::verify::statements_by;
use waxseal_core::{
    Descriptor, Digest, Format, KeyId, PinnedRef, Policy, PredicateType, Reason, Subject, TrustedKey,
    Verdict, Verifier, media_type,
};

use crate::beside::bundle::NewBundle;
use crate::beside::layers::{Layer, LayerChange};
use crate::beside::{Target, Writing, standing};
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking};
use crate::image::Image;

/// An attaching job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachingAttestations {
    /// The keys of which one must have signed each; none: nothing is verified.
    pub keys: Vec<TrustedKey>,
    /// The choices of the deployment.
    pub verifier: Verifier,
    /// Where and how to look for what stands there.
    pub looking: Looking,
    /// The time at which it is judged, and that is noted in manifests.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttestationsAttached {
    /// All were written, or stood there already.
    Done {
        /// The image.
        image: PinnedRef,
        /// Each attestation, in the order of the files.
        attestations: Vec<AttachedAttestation>,
    },
    /// One of them does not hold: nothing was written.
    Refused(Box<Refused>),
}

/// An attestation that was attached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachedAttestation {
    /// The predicate type: that of the signed statement where there was a key, else what it claims.
    pub predicate_type: PredicateType,
    /// How it is stored.
    pub format: Format,
    /// The key that it was verified with; none: nobody has verified it.
    pub key: Option<KeyId>,
    /// Whether it stood there: nothing was written.
    pub already: bool,
}

/// Why an attestation was not attached.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused {
    /// Which one it is, counted from 1 over all files.
    pub nth: usize,
    /// The reason.
    pub reason: Reason,
    /// What was found.
    pub found: String,
    /// The verdict, where there was a key.
    pub verdict: Option<Verdict>,
}

/// One attestation, as it is written.
struct Item {
    bytes: Vec<u8>,
    format: Format,
    predicate_type: PredicateType,
    key: Option<KeyId>,
    statement: Option<Vec<u8>>,
}

impl AttachingAttestations {
    /// A job that verifies with these keys, or not at all without one.
    pub fn new(keys: Vec<TrustedKey>, now: Timestamp) -> Self {
        Self { keys, verifier: Verifier::new(), looking: Looking::default(), now }
    }

    /// Attaches what the files hold: each a version 0.3 bundle, or one or several envelopes, one behind the other.
    pub async fn attach(&self, mut image: Image, files: &[Vec<u8>]) -> Result<AttestationsAttached, Error> {
        let fetched = image.manifest().await?;
        let pinned = image.pinned().clone();
        let mut texts = Vec::new();
        for file in files {
            texts.extend(documents(file)?);
        }
        let mut items = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            match self.judge(&pinned, text.as_bytes())? {
                Ok(item) => items.push(item),
                Err(mut refused) => {
                    refused.nth = at.saturating_add(1);
                    return Ok(AttestationsAttached::Refused(refused));
                }
            }
        }
        let mut formats: Vec<_> = items.iter().map(|item| item.format).collect();
        formats.sort_unstable();
        formats.dedup();
        let looking = Looking { formats, ..self.looking.clone() }.for_attestations();
        let Found { evidence, attestation_tag, .. } = standing(&image.evidence, &pinned, &looking).await?;
        let stands = |item: &Item| {
            let digest = Digest::of(&item.bytes);
            let same_bytes = evidence.candidates.iter().any(|candidate| {
                candidate.format() == item.format && candidate.origin().blob == Some(digest)
            });
            let same_statement = self.keys.iter().filter(|key| Some(key.key().id()) == item.key).any(|key| {
                statements_by(&evidence, key.key(), pinned.digest()).iter().any(|one| {
                    let tag = one.origin.store == EvidenceStore::AttestationTag;
                    tag == (item.format == Format::Legacy) && Some(&one.payload) == item.statement.as_ref()
                })
            });
            same_bytes || same_statement
        };
        let mut new: Vec<&Item> = Vec::new();
        let mut attestations = Vec::new();
        for item in &items {
            let again = new.iter().any(|other| other.format == item.format && other.bytes == item.bytes);
            let already = again || stands(item);
            if !already {
                new.push(item);
            }
            attestations.push(AttachedAttestation {
                predicate_type: item.predicate_type.clone(),
                format: item.format,
                key: item.key,
                already,
            });
        }
        if !new.is_empty() {
            let of = |format: Format| new.iter().filter(move |item| item.format == format);
            let writing = Writing {
                what: "attestation",
                tag: waxseal_oci::Attached::Attestations,
                standing: attestation_tag,
                layers: LayerChange {
                    new: of(Format::Legacy)
                        .map(|item| Layer::attestation(&item.bytes, item.predicate_type.as_str()))
                        .collect(),
                    gone: Vec::new(),
                },
                bundles: of(Format::Bundle)
                    .map(|item| NewBundle {
                        bytes: &item.bytes,
                        predicate_type: item.predicate_type.as_str(),
                    })
                    .collect(),
                gone: Vec::new(),
                now: self.now,
            };
            let target = Target { pinned: pinned.clone(), descriptor: fetched.descriptor };
            Box::pin(writing.write(&image.evidence, &target)).await?;
            image.evidence.commit().await?;
        }
        Ok(AttestationsAttached::Done { image: pinned, attestations })
    }

    /// Holds one attestation against the image, and the keys if there are any.
    fn judge(&self, image: &PinnedRef, bytes: &[u8]) -> Result<Result<Item, Box<Refused>>, Error> {
        let refuse =
            |reason, found: String, verdict| Ok(Err(Box::new(Refused { nth: 0, reason, found, verdict })));
        let (candidate, format) = candidate(image, bytes)?;
        if let Some(rejection) = candidate.rejection() {
            return refuse(rejection.reason, rejection.found.clone(), None);
        }
        let Some(claimed) = candidate.claimed() else {
            let found = "no in-toto statement with a predicate type of an attestation".to_owned();
            return refuse(Reason::NotAnAttestation, found, None);
        };
        if !claimed.digests.contains(image.digest()) {
            let found: Vec<_> = claimed.digests.iter().take(4).map(Digest::to_string).collect();
            return refuse(Reason::SubjectMismatch, found.join(", "), None);
        }
        let mut item = Item {
            bytes: bytes.to_vec(),
            format,
            predicate_type: claimed.predicate_type,
            key: None,
            statement: None,
        };
        if self.keys.is_empty() {
            return Ok(Ok(item));
        }
        let requirement = AttestationRequirement::by(vec![item.predicate_type.clone()], self.keys.clone())?;
        let mut evidence = waxseal_core::Evidence::new();
        evidence.candidates.push(candidate);
        let policy = Policy::requiring(requirement);
        let verdict = self.verifier.verify(&Subject::new(image.clone()), &evidence, &policy, self.now);
        let Some(verified) = verdict.attestations().first() else {
            let miss = verdict.nearest_miss();
            let reason = miss.map_or(Reason::SignatureMismatch, |miss| miss.reason);
            let found = miss.and_then(|miss| miss.found.clone()).unwrap_or_default();
            return refuse(reason, found, Some(verdict));
        };
        item.predicate_type = verified.predicate_type.clone();
        item.key = Some(verified.key);
        item.statement = Some(verified.statement().to_vec());
        Ok(Ok(item))
    }
}

fn candidate(image: &PinnedRef, bytes: &[u8]) -> Result<(Candidate, Format), Error> {
    let origin = Origin::new(EvidenceStore::File, *image.digest());
    match Bundle::parse(bytes, BUNDLE_BYTES) {
        // Older ones are read, but have no media type to be written under.
        Ok(bundle) if bundle.version != BundleVersion::V03 => {
            Err(Error::new(ErrorKind::Usage, "only bundles of version 0.3 are attached"))
        }
        Ok(_) => Ok((Candidate::bundle(origin, bytes, BUNDLE_BYTES), Format::Bundle)),
        Err(_) => {
            if waxseal_oci::Attached::Attestations.tag(image.digest()).is_none() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{image} has no tag for envelopes: attach a bundle"),
                ));
            }
            let layer = Descriptor::of(media_type::DSSE_ENVELOPE, bytes);
            Ok((Candidate::attestation(origin, &layer, bytes, BUNDLE_BYTES), Format::Legacy))
        }
    }
}

/// The JSON documents of a file, one behind the other, each as it stands.
fn documents(file: &[u8]) -> Result<Vec<String>, Error> {
    let unreadable =
        || Error::new(ErrorKind::Usage, "an attestation is a DSSE envelope or a bundle, in JSON");
    let mut all = Vec::new();
    for document in serde_json::Deserializer::from_slice(file).into_iter::<Box<RawValue>>() {
        if all.len() >= SIGNATURE_LAYERS {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a file with more than {SIGNATURE_LAYERS} attestations"),
            ));
        }
        all.push(document.map_err(|error| unreadable().caused_by(error))?.get().to_owned());
    }
    if all.is_empty() { Err(unreadable()) } else { Ok(all) }
}
