//! The job of signing images: resolve, look what stands there, sign what is missing, write, read back.
//!
//! Several signers and both formats go through in one pass: what stands there is read once, each blob and each
//! manifest is written once. A signature that already stands there is not written again (rule G3).

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::candidate::{Evidence, Format};
use waxseal_core::signing::{SignedImage, SigningError, SigningRequest};
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::{
    Digest, KeyId, PinnedRef, Policy, PublicKey, SignatureRequirement, Signer, Subject, TrustedKey, Verifier,
};
use waxseal_oci::{Attached, Fetched};

use crate::beside::bundle::NewBundle;
use crate::beside::layers::{Layer, LayerChange};
use crate::beside::{Target, Writing, formats_for, standing, targets};
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking};
use crate::image::Image;

/// Images of one index that are signed at the same time.
const CONCURRENT: usize = 4;

/// A signing job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signing {
    /// The formats to be written: both, unless a person narrowed it.
    pub formats: Vec<Format>,
    /// Annotations to be signed.
    pub annotations: BTreeMap<String, String>,
    /// The name to be signed, if not the image's own (`--sign-container-identity`).
    pub identity: Option<String>,
    /// Whether every image of an index is signed too.
    pub recursive: bool,
    /// Whether signatures are written beside the image; if not, they are only made.
    pub upload: bool,
    /// The digest that the name must resolve to (rule G4).
    pub expect: Option<Digest>,
    /// Where and how to look for what stands there.
    pub looking: Looking,
    /// The time that is noted in manifests.
    pub now: Timestamp,
}

impl Signing {
    /// A job that writes both formats for the named digest.
    pub fn new(now: Timestamp) -> Self {
        Self {
            formats: vec![Format::Legacy, Format::Bundle],
            annotations: BTreeMap::new(),
            identity: None,
            recursive: false,
            upload: true,
            expect: None,
            looking: Looking::default(),
            now,
        }
    }
}

/// What became of one image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signed {
    /// The image.
    pub image: PinnedRef,
    /// Each signer's signatures, in the order of the signers.
    pub signatures: Vec<Written>,
}

/// One signature, and whether it was written or stood there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// The key.
    pub key: KeyId,
    /// The format.
    pub format: Format,
    /// Whether it stood there before: nothing was written.
    pub already: bool,
    /// What was signed and the signature. Where it stood there already this was made again and not written.
    pub signed: SignedImage,
}

impl Signing {
    /// Signs an image with each of `signers`.
    pub async fn sign(
        &self,
        mut image: Image,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Vec<Signed>, Error> {
        if signers.is_empty() || self.formats.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "signing needs a key and a format"));
        }
        let targets = targets(&mut image, self.expect.as_ref(), self.recursive).await?;
        let image = &image;
        let results = stream::iter(targets)
            .map(|target| Box::pin(self.one(image, target, signers)))
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        image.evidence.commit().await?;
        results.into_iter().collect()
    }

    async fn one(
        &self,
        image: &Image,
        target: Target,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Signed, Error> {
        let pinned = target.pinned.clone();
        let formats = self.formats_for(pinned.digest());
        let looking = Looking { formats: formats.clone(), ..self.looking.clone() };
        let Found { evidence, signature_tag, .. } =
            if self.upload { standing(&image.evidence, &pinned, &looking).await? } else { Found::default() };
        let name = match &self.identity {
            Some(name) => Some(name.clone()),
            None => pinned.repository().map(waxseal_core::Repository::docker_reference),
        };
        let mut signatures = Vec::new();
        for signer in signers {
            let there = signed_already(
                &pinned,
                &evidence,
                signer.public_key(),
                &self.annotations,
                self.identity.as_deref(),
                self.now,
            )?;
            for format in formats.iter().copied() {
                let annotations = self.annotations.clone();
                let request = SigningRequest::image(*pinned.digest(), name.clone(), annotations, &[format])
                    .map_err(|error| unsignable(&pinned, &error))?;
                let signed = request.sign(*signer).map_err(|error| unsignable(&pinned, &error))?;
                let key = signer.public_key().id();
                signatures.push(Written { key, format, already: there.contains(&format), signed });
            }
        }
        signatures.sort_by_key(|written| written.format);
        if self.upload {
            self.write(image, &target, signature_tag, &signatures).await?;
        }
        Ok(Signed { image: pinned, signatures })
    }

    /// The formats that are written for an image of this digest: the bundle alone for a SHA-512 image, unless only the
    /// other was asked for (rule G7).
    pub fn formats_for(&self, image: &Digest) -> Vec<Format> {
        formats_for(image, &self.formats)
    }

    /// Writes what is new.
    async fn write(
        &self,
        image: &Image,
        target: &Target,
        signature_tag: Option<Fetched>,
        signatures: &[Written],
    ) -> Result<(), Error> {
        let new = || signatures.iter().filter(|written| !written.already).map(|written| &written.signed);
        let writing = Writing {
            what: "signature",
            tag: Attached::Signatures,
            standing: signature_tag,
            layers: LayerChange {
                new: new().filter_map(|signed| signed.legacy.as_ref()).map(Layer::signature).collect(),
                gone: Vec::new(),
            },
            bundles: new()
                .filter_map(|signed| signed.bundle.as_deref())
                .map(|bytes| NewBundle { bytes, predicate_type: COSIGN_SIGN })
                .collect(),
            gone: Vec::new(),
            now: self.now,
        };
        Box::pin(writing.write(&image.evidence, target)).await
    }
}

/// The formats in which this key's signature stands there, valid, with the same annotations and, where one is given, the
/// same name (rule G3).
pub(crate) fn signed_already(
    pinned: &PinnedRef,
    evidence: &Evidence,
    key: &PublicKey,
    annotations: &BTreeMap<String, String>,
    name: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Format>, Error> {
    let key = TrustedKey::new("the signer", key.clone());
    let policy = Policy::requiring(SignatureRequirement::by(vec![key])?);
    // No clock is needed: the key has no window.
    let verdict =
        Verifier::new().allow_example_keys().verify(&Subject::new(pinned.clone()), evidence, &policy, now);
    let same = |signed: &BTreeMap<String, serde_json::Value>| {
        signed.len() == annotations.len()
            && annotations
                .iter()
                .all(|(name, value)| signed.get(name).and_then(serde_json::Value::as_str) == Some(value))
    };
    let mut formats: Vec<_> = verdict
        .signatures()
        .iter()
        .filter(|signature| {
            same(&signature.annotations) && (name.is_none() || signature.name.as_deref() == name)
        })
        .map(|signature| signature.format)
        .collect();
    formats.sort_unstable();
    formats.dedup();
    Ok(formats)
}

pub(crate) fn unsignable(pinned: &PinnedRef, error: &SigningError) -> Error {
    let kind = match error {
        SigningError::NoName => ErrorKind::NoName,
        SigningError::LegacyNeedsSha256 | SigningError::NoFormat | SigningError::TooLarge { .. } => {
            ErrorKind::Usage
        }
        _ => ErrorKind::Key,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let error = Error::new(kind, format!("{pinned} cannot be signed: {error}"));
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}
