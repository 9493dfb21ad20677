//! Material found beside an image, before anyone has verified it.
//!
//! A [`Candidate`] can be inspected (where it was found, of what kind it seems) but gives no access to its
//! payload as data: that comes out of a verification only. Bytes with the right hash that do not parse are a
//! candidate too, one that was rejected with a reason: junk that anyone with push rights can attach must never
//! make a verdict undecided (rule L3). What could not be read at all is [`Unreadable`].

use std::sync::Arc;

use crate::bundle::{Bundle, Content, Material};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::encoding::base64_decode;
use crate::limits::SIMPLE_SIGNING_BYTES;
use crate::media_type;
use crate::predicate::PredicateType;
use crate::statement::Statement;
use crate::verify::Reason;

/// Annotation of a `.sig` layer: the signature, in base64.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Annotation of a `.sig` or `.att` layer: the certificate, in PEM.
pub const CERTIFICATE_ANNOTATION: &str = "dev.sigstore.cosign/certificate";

/// The two ways in which an image signature or an attestation is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A layer of its own: a simple-signing payload in a `.sig` tag, a DSSE envelope in an `.att` tag, or either as a
    /// referrer.
    Legacy,
    /// A Sigstore bundle in a referrer.
    Bundle,
}

impl Format {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Bundle => "bundle",
        }
    }
}

/// Where material was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Origin {
    /// The kind of place.
    pub store: EvidenceStore,
    /// The image beside which it was found.
    pub beside: Digest,
    /// The manifest that holds it.
    pub manifest: Option<Digest>,
    /// The blob that it is.
    pub blob: Option<Digest>,
}

/// The kinds of places beside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EvidenceStore {
    /// The tag `sha256-<hex>.sig`.
    SignatureTag,
    /// The tag `sha256-<hex>.att`.
    AttestationTag,
    /// A referrer, listed by the referrers API, by the fallback tag, or found in a layout.
    Referrer,
    /// A file that the caller named.
    File,
}

impl EvidenceStore {
    /// The name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignatureTag => "signature-tag",
            Self::AttestationTag => "attestation-tag",
            Self::Referrer => "referrer",
            Self::File => "file",
        }
    }
}

impl Origin {
    /// A place beside an image.
    pub const fn new(store: EvidenceStore, beside: Digest) -> Self {
        Self { store, beside, manifest: None, blob: None }
    }

    /// The same place with the manifest that holds the material.
    #[must_use]
    pub const fn manifest(mut self, manifest: Digest) -> Self {
        self.manifest = Some(manifest);
        self
    }

    /// The same place with the blob that the material is.
    #[must_use]
    pub const fn blob(mut self, blob: Digest) -> Self {
        self.blob = Some(blob);
        self
    }
}

/// Material found beside an image, unverified. Copies share what they hold.
///
/// ```compile_fail,E0616
/// fn read(candidate: &waxseal_core::Candidate) -> &[u8] {
///     &candidate.payload // nobody reads a payload before it was verified
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Candidate {
    origin: Origin,
    content: Arc<Result<Signed, Rejection>>,
}

/// What a candidate holds, for the verifier alone.
pub(crate) enum Signed {
    /// A simple-signing payload and the signature over it.
    Legacy { payload: Vec<u8>, signature: Vec<u8> },
    /// A DSSE envelope, from a bundle, or as it is from an `.att` layer or a file. An image signature stands in a bundle
    /// only.
    Envelope { envelope: Envelope, hint: Option<String>, bundled: bool },
}

/// Sizes alone: a payload must not be read in a log before it was verified.
impl core::fmt::Debug for Signed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Legacy { payload, signature } => f
                .debug_struct("Legacy")
                .field("payload_bytes", &payload.len())
                .field("signature_bytes", &signature.len())
                .finish(),
            Self::Envelope { envelope, hint, bundled } => f
                .debug_struct("Envelope")
                .field("envelope", envelope)
                .field("hint", hint)
                .field("bundled", bundled)
                .finish(),
        }
    }
}

/// What an attestation says of itself, before anyone has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedStatement {
    /// The predicate type that it claims.
    pub predicate_type: PredicateType,
    /// The digests that it claims to be about.
    pub digests: Vec<Digest>,
}

/// Why a candidate was rejected before any key was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The reason.
    pub reason: Reason,
    /// What was found.
    pub found: String,
}

impl Candidate {
    /// A layer of a `.sig` manifest, or of cosign's `oci-1-1` referrer: its descriptor and its bytes.
    pub fn legacy(origin: Origin, layer: &Descriptor, payload: Vec<u8>) -> Self {
        Self::of(origin, legacy(layer, payload))
    }

    /// A layer of an `.att` manifest: its descriptor and the envelope; `limit` is the number of bytes that it may have.
    /// Its annotation with a predicate type is a hint, and not looked at (rule L6).
    pub fn attestation(origin: Origin, layer: &Descriptor, bytes: &[u8], limit: u64) -> Self {
        Self::of(origin, attestation(layer, bytes, limit))
    }

    /// A bundle's bytes; `limit` is the number of bytes that it may have.
    pub fn bundle(origin: Origin, bytes: &[u8], limit: u64) -> Self {
        let content = Bundle::parse(bytes, limit)
            .map_err(|error| Rejection { reason: error.reason(), found: error.to_string() })
            .and_then(bundle);
        Self::of(origin, content)
    }

    /// Something that was found and is no candidate for anything, with the reason.
    pub fn rejected(origin: Origin, reason: Reason, found: impl Into<String>) -> Self {
        Self::of(origin, Err(Rejection { reason, found: found.into() }))
    }

    /// What an attestation says of itself, and nobody has verified: a hint for whoever stores or prints it, and never a
    /// reason to admit anything (rule L6). None if it is no statement that could be an attestation.
    pub fn claimed(&self) -> Option<ClaimedStatement> {
        let Some(Signed::Envelope { envelope, .. }) = self.signed() else { return None };
        if envelope.payload_type() != media_type::IN_TOTO {
            return None;
        }
        let statement = Statement::parse(envelope.payload()).ok()?;
        let predicate_type: PredicateType = statement.predicate_type.parse().ok()?;
        // A short name is none where it is signed.
        (predicate_type.as_str() == statement.predicate_type).then(|| ClaimedStatement {
            predicate_type,
            digests: statement.subjects.into_iter().flat_map(|subject| subject.digests).collect(),
        })
    }

    fn of(origin: Origin, content: Result<Signed, Rejection>) -> Self {
        Self { origin, content: Arc::new(content) }
    }

    /// Where it was found.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Why it was rejected, if it was.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.content.as_ref().as_ref().err()
    }

    /// How it is stored.
    pub fn format(&self) -> Format {
        match (self.content.as_ref(), self.origin.store) {
            (Ok(Signed::Legacy { .. } | Signed::Envelope { bundled: false, .. }), _)
            | (_, EvidenceStore::AttestationTag)
            | (Err(_), EvidenceStore::SignatureTag) => Format::Legacy,
            _ => Format::Bundle,
        }
    }

    /// Whether it could be a signature of the image, by its place and its kind. What stands in an `.att` tag is read only
    /// if an attestation is wanted, and must not make a difference for a signature (rule L4).
    pub(crate) fn could_sign(&self) -> bool {
        self.origin.store != EvidenceStore::AttestationTag
            && !matches!(self.content.as_ref(), Ok(Signed::Envelope { bundled: false, .. }))
    }

    /// Whether it could be an attestation, by its place and its kind.
    pub(crate) fn could_attest(&self) -> bool {
        self.origin.store != EvidenceStore::SignatureTag
            && !matches!(self.content.as_ref(), Ok(Signed::Legacy { .. }))
    }

    pub(crate) fn signed(&self) -> Option<&Signed> {
        self.content.as_ref().as_ref().ok()
    }
}

fn legacy(layer: &Descriptor, payload: Vec<u8>) -> Result<Signed, Rejection> {
    let reject = |reason, found: &str| Err(Rejection { reason, found: found.to_owned() });
    if layer.media_type != media_type::SIMPLE_SIGNING {
        return reject(Reason::NotASignature, &format!("a layer of type {:?}", layer.media_type));
    }
    if payload.len() as u64 > SIMPLE_SIGNING_BYTES {
        return reject(Reason::LimitExceeded, &format!("a payload of {} bytes", payload.len()));
    }
    // A certificate of nothing but white space is none (cosign #4760).
    if layer.annotations.get(CERTIFICATE_ANNOTATION).is_some_and(|pem| !pem.trim().is_empty()) {
        return reject(Reason::CertificateSignatureUnsupported, "a signature with a certificate");
    }
    match layer.annotations.get(SIGNATURE_ANNOTATION).map(String::as_str) {
        None => reject(
            Reason::MissingSignature,
            &format!("a layer without the annotation {SIGNATURE_ANNOTATION}"),
        ),
        Some("") => reject(Reason::MissingSignature, &format!("an empty annotation {SIGNATURE_ANNOTATION}")),
        Some(text) => match base64_decode(text) {
            Ok(signature) => Ok(Signed::Legacy { payload, signature }),
            Err(error) => reject(Reason::MalformedSignature, &error.to_string()),
        },
    }
}

fn attestation(layer: &Descriptor, bytes: &[u8], limit: u64) -> Result<Signed, Rejection> {
    let reject = |reason, found: String| Err(Rejection { reason, found });
    if layer.media_type != media_type::DSSE_ENVELOPE {
        return reject(Reason::NotASignature, format!("a layer of type {:?}", layer.media_type));
    }
    if bytes.len() as u64 > limit {
        return reject(Reason::LimitExceeded, format!("an envelope of {} bytes", bytes.len()));
    }
    if layer.annotations.get(CERTIFICATE_ANNOTATION).is_some_and(|pem| !pem.trim().is_empty()) {
        let found = "an attestation with a certificate".to_owned();
        return reject(Reason::CertificateSignatureUnsupported, found);
    }
    match Envelope::parse(bytes) {
        Ok(envelope) if envelope.signatures().is_empty() => {
            reject(Reason::MissingSignature, "an envelope without signatures".to_owned())
        }
        Ok(envelope) => Ok(Signed::Envelope { envelope, hint: None, bundled: false }),
        Err(error) => reject(error.reason(), error.to_string()),
    }
}

fn bundle(bundle: Bundle) -> Result<Signed, Rejection> {
    let reject = |reason, found: &str| Err(Rejection { reason, found: found.to_owned() });
    let Content::Envelope(envelope) = bundle.content else {
        return reject(Reason::NotASignature, "the signature of a blob, which names no image");
    };
    let Material::Key { hint } = bundle.material else {
        return reject(Reason::CertificateSignatureUnsupported, "a bundle with a certificate");
    };
    if envelope.signatures().is_empty() {
        return reject(Reason::MissingSignature, "an envelope without signatures");
    }
    Ok(Signed::Envelope { envelope, hint, bundled: true })
}

/// A place or an object that could not be read: nothing is known of it (rules L2, V1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// Where it is.
    pub origin: Origin,
    /// What it could have held; none where it could have been of any format.
    pub format: Option<Format>,
    /// The stable code of the trouble, as the store says it.
    pub code: String,
    /// What happened.
    pub message: String,
}

impl Unreadable {
    /// A place or an object that could not be read.
    pub fn new(
        origin: Origin,
        format: Option<Format>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { origin, format, code: code.into(), message: message.into() }
    }

    /// Whether a signature of one of these formats could have stood there.
    pub(crate) fn could_sign(&self, formats: &[Format]) -> bool {
        self.origin.store != EvidenceStore::AttestationTag && self.could_be(formats)
    }

    /// Whether an attestation of one of these formats could have stood there.
    pub(crate) fn could_attest(&self, formats: &[Format]) -> bool {
        self.origin.store != EvidenceStore::SignatureTag && self.could_be(formats)
    }

    fn could_be(&self, formats: &[Format]) -> bool {
        self.format.is_none_or(|format| formats.contains(&format))
    }
}

/// All that was found beside an image, and all that could not be read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Evidence {
    /// What was found.
    pub candidates: Vec<Candidate>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl Evidence {
    /// Nothing was found, and everything could be read.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Adds what was found in other places, for example beside the index through which an image was reached.
impl Extend<Self> for Evidence {
    fn extend<I: IntoIterator<Item = Self>>(&mut self, others: I) {
        for other in others {
            self.candidates.extend(other.candidates);
            self.unreadable.extend(other.unreadable);
        }
    }
}

/// What was found in several places, in their order.
impl FromIterator<Self> for Evidence {
    fn from_iter<I: IntoIterator<Item = Self>>(all: I) -> Self {
        let mut evidence = Self::new();
        evidence.extend(all);
        evidence
    }
}
