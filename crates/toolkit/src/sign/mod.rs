//! The job of signing images: resolve, look what stands there, sign what is missing, write, read back.
//!
//! Several signers and both formats go through in one pass: what stands there is read once, each blob and each
//! manifest is written once. A signature that already stands there is not written again (rule G3).

pub(crate) mod bundle;
pub(crate) mod legacy;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use waxseal_core::candidate::{Evidence, Format, Unreadable};
use waxseal_core::digest::Algorithm;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::manifest::Manifest;
use waxseal_core::signing::{SignedImage, SigningError, SigningRequest};
use waxseal_core::{
    Descriptor, Digest, KeyId, PinnedRef, Policy, SignatureRequirement, Signer, Subject, TrustedKey, Verifier,
};
use waxseal_oci::ErrorKind as StoreTrouble;

use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking, look};
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
        let fetched = image.manifest().await?;
        if let Some(expected) = self.expect.filter(|expected| expected != image.digest()) {
            return Err(Error::new(
                ErrorKind::TagMoved,
                format!("{} resolves to {}, expected {expected}", image.location, image.digest()),
            ));
        }
        // What is signed must be an image: junk with a good signature would be refused by every reader.
        Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)).map_err(|error| {
            Error::new(
                ErrorKind::InvalidImage,
                format!("{} cannot be read as an image: {error}", image.pinned()),
            )
        })?;
        let mut targets = vec![(image.pinned().clone(), fetched.descriptor.clone())];
        if self.recursive {
            children(&mut image, &mut targets, 0).await?;
        }
        let image = &image;
        let results = stream::iter(targets)
            .map(|(pinned, descriptor)| Box::pin(self.one(image, pinned, descriptor, signers)))
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        image.evidence.commit().await?;
        results.into_iter().collect()
    }

    async fn one(
        &self,
        image: &Image,
        pinned: PinnedRef,
        descriptor: Descriptor,
        signers: &[&(dyn Signer + Sync)],
    ) -> Result<Signed, Error> {
        let formats = self.formats_for(pinned.digest());
        let looking = Looking { formats: formats.clone(), ..self.looking.clone() };
        let Found { evidence, signature_tag } = if self.upload {
            look(&image.evidence, pinned.digest(), &looking).await
        } else {
            Found::default()
        };
        if let Some(unreadable) = evidence.unreadable.first() {
            return Err(Error::new(
                ErrorKind::Store(trouble(unreadable)),
                format!(
                    "what is attached to {pinned} cannot be read, so nothing is added to it: {}",
                    unreadable.message
                ),
            ));
        }
        let name = match &self.identity {
            Some(name) => Some(name.clone()),
            None => pinned.repository().map(waxseal_core::Repository::docker_reference),
        };
        let mut signatures = Vec::new();
        for signer in signers {
            let standing = self.standing(&pinned, &evidence, *signer)?;
            for format in formats.iter().copied() {
                let annotations = self.annotations.clone();
                let request = SigningRequest::image(*pinned.digest(), name.clone(), annotations, &[format])
                    .map_err(|error| unsignable(&pinned, &error))?;
                let signed = request.sign(*signer).map_err(|error| unsignable(&pinned, &error))?;
                let key = signer.public_key().id();
                signatures.push(Written { key, format, already: standing.contains(&format), signed });
            }
        }
        signatures.sort_by_key(|written| written.format);
        if self.upload {
            Box::pin(self.write(image, &pinned, &descriptor, signature_tag, &signatures)).await?;
        }
        Ok(Signed { image: pinned, signatures })
    }

    /// The formats that are written: the bundle alone for a SHA-512 image, unless only the other was asked for (rule
    /// G7).
    fn formats_for(&self, image: &Digest) -> Vec<Format> {
        let both = self.formats.contains(&Format::Legacy) && self.formats.contains(&Format::Bundle);
        if both && image.algorithm() != Algorithm::Sha256 {
            vec![Format::Bundle]
        } else {
            self.formats.clone()
        }
    }

    /// The formats in which this signer's signature stands there, valid and with the same annotations (rule G3).
    fn standing(
        &self,
        pinned: &PinnedRef,
        evidence: &Evidence,
        signer: &(dyn Signer + Sync),
    ) -> Result<Vec<Format>, Error> {
        let key = TrustedKey::new("the signer", signer.public_key().clone());
        let policy = Policy::requiring(SignatureRequirement::by(vec![key])?);
        // No clock is needed: the key has no window.
        let verdict = Verifier::new().allow_example_keys().verify(
            &Subject::new(pinned.clone()),
            evidence,
            &policy,
            self.now,
        );
        let same = |annotations: &BTreeMap<String, serde_json::Value>| {
            annotations.len() == self.annotations.len()
                && self.annotations.iter().all(|(name, value)| {
                    annotations.get(name).and_then(serde_json::Value::as_str) == Some(value.as_str())
                })
        };
        let named = |name: Option<&str>| self.identity.is_none() || name == self.identity.as_deref();
        let mut formats: Vec<_> = verdict
            .signatures()
            .iter()
            .filter(|signature| same(&signature.annotations) && named(signature.name.as_deref()))
            .map(|signature| signature.format)
            .collect();
        formats.sort_unstable();
        formats.dedup();
        Ok(formats)
    }

    /// Writes what is new. If one of two formats cannot be written, the error names what stands (rule G3).
    async fn write(
        &self,
        image: &Image,
        pinned: &PinnedRef,
        descriptor: &Descriptor,
        signature_tag: Option<waxseal_oci::Fetched>,
        signatures: &[Written],
    ) -> Result<(), Error> {
        let new = || signatures.iter().filter(|written| !written.already).map(|written| &written.signed);
        let layers: Vec<_> = new().filter_map(|signed| signed.legacy.as_ref()).collect();
        let bundles: Vec<_> = new().filter_map(|signed| signed.bundle.as_ref()).collect();
        let legacy = async {
            if layers.is_empty() {
                Ok(())
            } else {
                legacy::append(&image.evidence, pinned.digest(), signature_tag, &layers).await
            }
        };
        let bundle = async {
            for bytes in &bundles {
                bundle::attach(&image.evidence, descriptor, bytes, self.now).await?;
            }
            Ok(())
        };
        let both = !layers.is_empty() && !bundles.is_empty();
        // A layout is one file that both formats write: there one after the other.
        let (legacy, bundle) = if image.evidence.is_registry() {
            tokio::join!(legacy, bundle)
        } else {
            (legacy.await, bundle.await)
        };
        match (legacy, bundle) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) if both => Err(partly(pinned, Format::Bundle, Format::Legacy, error)),
            (Ok(()), Err(error)) if both => Err(partly(pinned, Format::Legacy, Format::Bundle, error)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// Every image that an index lists, nested indexes and what they list included, each once.
async fn children(
    index: &mut Image,
    targets: &mut Vec<(PinnedRef, Descriptor)>,
    depth: usize,
) -> Result<(), Error> {
    let Some(parsed) = index.index().await? else { return Ok(()) };
    if depth >= INDEX_DEPTH {
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", index.pinned()),
        ));
    }
    for descriptor in parsed.manifests {
        if targets.iter().any(|(pinned, _)| *pinned.digest() == descriptor.digest) {
            continue;
        }
        let mut child = index.child(&descriptor.digest).await?;
        let nested = waxseal_core::media_type::is_index(&descriptor.media_type);
        let plain = Descriptor::new(descriptor.media_type, descriptor.digest, descriptor.size);
        targets.push((child.pinned().clone(), plain));
        if nested {
            Box::pin(children(&mut child, targets, depth.saturating_add(1))).await?;
        }
    }
    Ok(())
}

/// The store's kind of what made something unreadable.
fn trouble(unreadable: &Unreadable) -> StoreTrouble {
    let known = StoreTrouble::ALL.iter().find(|kind| kind.code() == unreadable.code);
    known.copied().unwrap_or(StoreTrouble::Protocol)
}

fn unsignable(pinned: &PinnedRef, error: &SigningError) -> Error {
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

fn partly(pinned: &PinnedRef, stands: Format, missing: Format, error: Error) -> Error {
    Error::new(
        ErrorKind::PartlyWritten,
        format!(
            "{pinned}: the {} signature was written, the {} signature was not",
            stands.name(),
            missing.name()
        ),
    )
    .caused_by(error)
}
