//! Attaching what came back: verified with the key that the operator names, against the request that was kept.

use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use waxseal_core::candidate::{Candidate, Evidence, EvidenceStore, Origin, SIGNATURE_ANNOTATION};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::signing::detached::{DetachedError, DetachedRequest, DetachedResponse, SignedElsewhere};
use waxseal_core::signing::{SignedAttestation, SignedImage};
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::verify::{Outcome, statements_by};
use waxseal_core::{
    Descriptor, Digest, Format, KeyId, PinnedRef, Policy, PredicateType, SignatureRequirement, Subject,
    TrustedKey, Verdict, Verifier, media_type,
};
use waxseal_oci::Attached;

use crate::beside::bundle::NewBundle;
use crate::beside::layers::{Layer, LayerChange};
use crate::beside::{Target, Writing, standing, targets};
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking};
use crate::image::Image;
use crate::sign::signed_already;

/// What came back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Returned {
    /// A response.
    Response(DetachedResponse),
    /// Bare signatures, as openssl, tokens and key services write them: each of one of the payloads.
    Signatures(Vec<Vec<u8>>),
}

/// The job that attaches it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttachingResponse {
    /// The key that must have signed.
    pub key: TrustedKey,
    /// The choices of the deployment.
    pub verifier: Verifier,
    /// The formats that are written, of those that were asked for: all of them, unless a person narrowed it.
    pub formats: Vec<Format>,
    /// The digest that the name must resolve to (rule G4).
    pub expect: Option<Digest>,
    /// Where and how to look for what stands there.
    pub looking: Looking,
    /// The time at which it is judged, and that is noted in manifests.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ResponseAttached {
    /// It was verified and written, or stood there already.
    Done {
        /// The image.
        image: PinnedRef,
        /// The key that it was verified with.
        key: KeyId,
        /// The predicate type of an attestation; none: an image's signature.
        predicate_type: Option<PredicateType>,
        /// Each format.
        written: Vec<WrittenFormat>,
    },
    /// It does not hold: nothing was written.
    Refused(Refusal),
}

/// One format, and whether it was written or stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenFormat {
    /// The format.
    pub format: Format,
    /// Whether the same by the same key stood there before: nothing was written (rule G3).
    pub already: bool,
}

/// Why it was not attached.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// What came back does not fit the request, or does not verify.
    Response(DetachedError),
    /// It verifies, and does not hold for this image or with this key.
    Verdict(Box<Verdict>),
}

/// What is written in one format.
struct Part {
    format: Format,
    candidate: Candidate,
    already: bool,
}

impl AttachingResponse {
    /// A job that verifies with this key.
    pub fn new(key: TrustedKey, now: Timestamp) -> Self {
        Self {
            key,
            verifier: Verifier::new(),
            formats: vec![Format::Legacy, Format::Bundle],
            expect: None,
            looking: Looking::default(),
            now,
        }
    }

    /// Verifies what came back to `request`, and writes it beside the image.
    pub async fn attach(
        &self,
        mut image: Image,
        request: DetachedRequest,
        returned: &Returned,
    ) -> Result<ResponseAttached, Error> {
        let refused = |error| Ok(ResponseAttached::Refused(Refusal::Response(error)));
        let has: Vec<_> = request.kinds().iter().map(|kind| kind.format()).collect();
        if let Some(missing) =
            self.formats.iter().find(|format| self.formats.len() == 1 && !has.contains(format))
        {
            let missing = missing.name();
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the request has no payload of the {missing} format"),
            ));
        }
        let shown = request.to_be_signed().clone();
        let made = request.only(&self.formats).and_then(|request| {
            let made;
            let response = match returned {
                Returned::Response(response) => response,
                Returned::Signatures(files) => {
                    made = DetachedResponse::of_bare(&request, self.key.key(), files)?;
                    &made
                }
            };
            request.assemble(self.key.key(), response)
        });
        let made = match made {
            Ok(made) => made,
            Err(error) => return refused(error),
        };
        let targets = targets(&mut image, self.expect.as_ref(), false).await?;
        let Some(target) = targets.into_iter().next() else {
            return Err(Error::new(ErrorKind::InvalidImage, format!("{} is no image", image.pinned())));
        };
        let annotations =
            shown.subjects.first().map(|subject| texts(&subject.annotations)).unwrap_or_default();
        let name = shown.subjects.first().and_then(|subject| subject.name.clone());
        match &made {
            SignedElsewhere::Signature(signed) => {
                Box::pin(self.signature(&image, &target, signed, &annotations, name.as_deref())).await
            }
            SignedElsewhere::Attestation(signed) => Box::pin(self.attestation(&image, &target, signed)).await,
            _ => Err(Error::new(ErrorKind::Usage, "a claim that nobody knows")),
        }
    }

    async fn signature(
        &self,
        image: &Image,
        target: &Target,
        signed: &SignedImage,
        annotations: &BTreeMap<String, String>,
        name: Option<&str>,
    ) -> Result<ResponseAttached, Error> {
        let mut parts = Vec::new();
        if let Some(legacy) = &signed.legacy {
            let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, &legacy.payload);
            layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), legacy.signature.clone());
            let candidate = Candidate::legacy(origin(target), &layer, legacy.payload.clone());
            parts.push(Part { format: Format::Legacy, candidate, already: false });
        }
        if let Some(bundle) = &signed.bundle {
            let candidate = Candidate::bundle(origin(target), bundle, BUNDLE_BYTES);
            parts.push(Part { format: Format::Bundle, candidate, already: false });
        }
        let policy = Policy::requiring(SignatureRequirement::by(vec![self.key.clone()])?);
        if let Some(refused) = self.refusal(target, &parts, &policy) {
            return Ok(refused);
        }
        let looking = Looking { formats: formats(&parts), ..self.looking.clone() };
        let Found { evidence, signature_tag, .. } =
            standing(&image.evidence, &target.pinned, &looking).await?;
        let there = signed_already(&target.pinned, &evidence, self.key.key(), annotations, name, self.now)?;
        for part in &mut parts {
            part.already = there.contains(&part.format);
        }
        let layer = signed.legacy.as_ref().filter(|_| is_new(&parts, Format::Legacy));
        let bundle = signed.bundle.as_deref().filter(|_| is_new(&parts, Format::Bundle));
        let writing = Writing {
            what: "signature",
            tag: Attached::Signatures,
            standing: signature_tag,
            layers: LayerChange { new: layer.map(Layer::signature).into_iter().collect(), gone: Vec::new() },
            bundles: bundle
                .map(|bytes| NewBundle { bytes, predicate_type: COSIGN_SIGN })
                .into_iter()
                .collect(),
            gone: Vec::new(),
            now: self.now,
        };
        self.write(image, target, writing, None, &parts).await
    }

    async fn attestation(
        &self,
        image: &Image,
        target: &Target,
        signed: &SignedAttestation,
    ) -> Result<ResponseAttached, Error> {
        let mut parts = Vec::new();
        if let Some(envelope) = &signed.envelope {
            let layer = Descriptor::of(media_type::DSSE_ENVELOPE, envelope);
            let candidate = Candidate::attestation(origin(target), &layer, envelope, BUNDLE_BYTES);
            parts.push(Part { format: Format::Legacy, candidate, already: false });
        }
        if let Some(bundle) = &signed.bundle {
            let candidate = Candidate::bundle(origin(target), bundle, BUNDLE_BYTES);
            parts.push(Part { format: Format::Bundle, candidate, already: false });
        }
        let kind = &signed.predicate_type;
        let wanted = AttestationRequirement::by(vec![kind.clone()], vec![self.key.clone()])?;
        if let Some(refused) = self.refusal(target, &parts, &Policy::requiring(wanted)) {
            return Ok(refused);
        }
        let looking = Looking { formats: formats(&parts), ..self.looking.clone() }.for_attestations();
        let Found { evidence, attestation_tag, .. } =
            standing(&image.evidence, &target.pinned, &looking).await?;
        let there = statements_by(&evidence, self.key.key(), target.pinned.digest());
        for part in &mut parts {
            let mut own = Evidence::default();
            own.candidates.push(part.candidate.clone());
            let own = statements_by(&own, self.key.key(), target.pinned.digest());
            part.already = there.iter().any(|one| {
                let in_tag = one.origin.store == EvidenceStore::AttestationTag;
                in_tag == (part.format == Format::Legacy) && own.iter().any(|own| own.payload == one.payload)
            });
        }
        let envelope = signed.envelope.as_deref().filter(|_| is_new(&parts, Format::Legacy));
        let bundle = signed.bundle.as_deref().filter(|_| is_new(&parts, Format::Bundle));
        let layer = envelope.map(|envelope| Layer::attestation(envelope, kind.as_str()));
        let writing = Writing {
            what: "attestation",
            tag: Attached::Attestations,
            standing: attestation_tag,
            layers: LayerChange { new: layer.into_iter().collect(), gone: Vec::new() },
            bundles: bundle
                .map(|bytes| NewBundle { bytes, predicate_type: kind.as_str() })
                .into_iter()
                .collect(),
            gone: Vec::new(),
            now: self.now,
        };
        self.write(image, target, writing, Some(kind.clone()), &parts).await
    }

    /// Every format has to hold for this image by itself.
    fn refusal(&self, target: &Target, parts: &[Part], policy: &Policy) -> Option<ResponseAttached> {
        parts.iter().find_map(|part| {
            let mut evidence = Evidence::default();
            evidence.candidates.push(part.candidate.clone());
            let subject = Subject::new(target.pinned.clone());
            let verdict = self.verifier.verify(&subject, &evidence, policy, self.now);
            let refused = verdict.outcome() != Outcome::Admit;
            refused.then(|| ResponseAttached::Refused(Refusal::Verdict(Box::new(verdict))))
        })
    }

    async fn write(
        &self,
        image: &Image,
        target: &Target,
        writing: Writing<'_>,
        predicate_type: Option<PredicateType>,
        parts: &[Part],
    ) -> Result<ResponseAttached, Error> {
        if parts.iter().any(|part| !part.already) {
            Box::pin(writing.write(&image.evidence, target)).await?;
            image.evidence.commit().await?;
        }
        let written =
            parts.iter().map(|part| WrittenFormat { format: part.format, already: part.already }).collect();
        let (image, key) = (target.pinned.clone(), self.key.key().id());
        Ok(ResponseAttached::Done { image, key, predicate_type, written })
    }
}

fn origin(target: &Target) -> Origin {
    Origin::new(EvidenceStore::File, *target.pinned.digest())
}

fn formats(parts: &[Part]) -> Vec<Format> {
    parts.iter().map(|part| part.format).collect()
}

fn is_new(parts: &[Part], format: Format) -> bool {
    parts.iter().any(|part| part.format == format && !part.already)
}

fn texts(annotations: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    annotations.iter().filter_map(text).collect()
}
