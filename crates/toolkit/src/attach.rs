//! The job of attaching a signature that was made elsewhere: on another machine, in a token, by another program.
//!
//! It is verified before it is written, with keys that a person names (rules G1, G5): what does not verify would only
//! look like a signature. A signature by the same key, with the same name and annotations, that stands there already is
//! not written again (rule G3).

mod attestation;

use jiff::Timestamp;
use waxseal_core::bundle::{Bundle, BundleVersion};
use waxseal_core::candidate::{Candidate, Evidence, EvidenceStore, Origin, SIGNATURE_ANNOTATION};
use waxseal_core::encoding::base64_encode;
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::signing::LegacySignature;
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::verify::ImageSignature;
use waxseal_core::{
    Descriptor, Format, PinnedRef, Policy, SignatureRequirement, Subject, TrustedKey, Verdict, Verified,
    Verifier, media_type,
};

use crate::beside::bundle::NewBundle;
use crate::beside::layers::{Layer, LayerChange};
use crate::beside::{Target, Writing, standing};
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking};
use crate::image::Image;

pub use attestation::{AttachedAttestation, AttachingAttestations, AttestationsAttached, Refused};

/// What was made elsewhere.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Material {
    /// A simple-signing payload and the signature over it.
    Legacy {
        /// The bytes that were signed.
        payload: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// A version 0.3 bundle.
    Bundle(Vec<u8>),
}

/// An attaching job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attaching {
    /// The keys of which one must have signed.
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
pub enum Attached {
    /// It was verified and written, or stood there already.
    Done {
        /// The image.
        image: PinnedRef,
        /// What was verified.
        signature: Box<Verified<ImageSignature>>,
        /// Whether it stood there: nothing was written.
        already: bool,
    },
    /// It does not verify for this image with these keys: nothing was written.
    Refused(Verdict),
}

impl Attaching {
    /// A job that verifies with these keys.
    pub fn new(keys: Vec<TrustedKey>, now: Timestamp) -> Self {
        Self { keys, verifier: Verifier::new(), looking: Looking::default(), now }
    }

    /// Verifies the material for the image, and writes it.
    pub async fn attach(&self, mut image: Image, material: &Material) -> Result<Attached, Error> {
        let fetched = image.manifest().await?;
        let pinned = image.pinned().clone();
        let candidate = candidate(material, &pinned)?;
        let mut evidence = Evidence::default();
        evidence.candidates.push(candidate);
        let verdict = self.judge(&pinned, &evidence)?;
        let Some(signature) = verdict.signatures().first().cloned() else {
            return Ok(Attached::Refused(verdict));
        };
        let looking = Looking { formats: vec![signature.format], ..self.looking.clone() };
        let Found { evidence, signature_tag, .. } = standing(&image.evidence, &pinned, &looking).await?;
        let there = self.judge(&pinned, &evidence)?;
        let already = there.signatures().iter().any(|standing| {
            standing.key == signature.key
                && standing.format == signature.format
                && standing.name == signature.name
                && standing.annotations == signature.annotations
        });
        if !already {
            let mut writing = Writing {
                what: "signature",
                tag: waxseal_oci::Attached::Signatures,
                standing: signature_tag,
                layers: LayerChange::default(),
                bundles: Vec::new(),
                gone: Vec::new(),
                now: self.now,
            };
            match material {
                Material::Legacy { payload, .. } => {
                    let written = LegacySignature::new(payload.clone(), base64_encode(&signature.signature));
                    writing.layers.new.push(Layer::signature(&written));
                }
                Material::Bundle(bytes) => {
                    writing.bundles.push(NewBundle { bytes, predicate_type: COSIGN_SIGN });
                }
            }
            let target = Target { pinned: pinned.clone(), descriptor: fetched.descriptor };
            Box::pin(writing.write(&image.evidence, &target)).await?;
            image.evidence.commit().await?;
        }
        Ok(Attached::Done { image: pinned, signature: Box::new(signature), already })
    }

    fn judge(&self, pinned: &PinnedRef, evidence: &Evidence) -> Result<Verdict, Error> {
        let policy = Policy::requiring(SignatureRequirement::by(self.keys.clone())?);
        Ok(self.verifier.verify(&Subject::new(pinned.clone()), evidence, &policy, self.now))
    }
}

fn candidate(material: &Material, image: &PinnedRef) -> Result<Candidate, Error> {
    let origin = Origin::new(EvidenceStore::File, *image.digest());
    match material {
        Material::Legacy { payload, signature } => {
            if waxseal_oci::Attached::Signatures.tag(image.digest()).is_none() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{image} has no tag for legacy signatures: attach a bundle"),
                ));
            }
            let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, payload);
            layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), base64_encode(signature));
            Ok(Candidate::legacy(origin, &layer, payload.clone()))
        }
        Material::Bundle(bytes) => {
            // Older ones are read, but have no media type to be written under.
            if Bundle::parse(bytes, BUNDLE_BYTES).is_ok_and(|bundle| bundle.version != BundleVersion::V03) {
                return Err(Error::new(ErrorKind::Usage, "only bundles of version 0.3 are attached"));
            }
            Ok(Candidate::bundle(origin, bytes, BUNDLE_BYTES))
        }
    }
}

/// Whether bytes look like a bundle: cosign takes one under the name of a payload.
pub fn is_bundle(bytes: &[u8]) -> bool {
    Bundle::parse(bytes, BUNDLE_BYTES).is_ok()
}

/// The formats, by the material.
impl Material {
    /// The format in which it is written.
    pub const fn format(&self) -> Format {
        match self {
            Self::Legacy { .. } => Format::Legacy,
            Self::Bundle(_) => Format::Bundle,
        }
    }
}
