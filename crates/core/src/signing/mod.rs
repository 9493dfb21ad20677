//! Signing in three steps: prepare, sign, assemble.
//!
//! The middle step can happen anywhere: in this process, in a token, or on a machine without a network. What is
//! signed is decided before, and assembling verifies every signature before it makes anything of it (rule G1). A
//! [`SigningRequest`] is about an image's signature, an [`AttestationRequest`] about a statement with a predicate;
//! [`detached`] has the files in which either travels to the machine with the key and back.

mod attestation;
pub mod detached;
mod image;
mod predicate;

pub use attestation::{AttestationRequest, SignedAttestation, StatementAbout};
pub use image::{LegacySignature, SignedImage, SigningRequest};
pub use predicate::{Predicate, PredicateError};

use crate::candidate::Format;
use crate::digest::Digest;
use crate::key::{PublicKey, Scheme, SignError, Signature, Signer};
use crate::predicate::PredicateTypeError;
use crate::statement::StatementError;

/// What is signed for one format.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    format: Format,
    /// What is stored.
    payload: Vec<u8>,
    /// What the signature is over.
    message: Vec<u8>,
}

/// What is signed, at most once for each format.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts(Vec<Part>);

impl Parts {
    fn new(parts: Vec<Part>) -> Result<Self, SigningError> {
        if parts.is_empty() { Err(SigningError::NoFormat) } else { Ok(Self(parts)) }
    }

    fn messages(&self) -> impl Iterator<Item = (Format, &[u8])> {
        self.0.iter().map(|part| (part.format, part.message.as_slice()))
    }

    fn sign(&self, signer: &dyn Signer) -> Result<Vec<(Format, Signature)>, SigningError> {
        self.messages()
            .map(|(format, message)| Ok((format, signer.sign(message)?)))
            .collect::<Result<_, SignError>>()
            .map_err(SigningError::Sign)
    }

    /// Each part with its signature: exactly one for each format, and verified.
    fn verified<'s>(
        self,
        key: &PublicKey,
        schemes: &[Scheme],
        signatures: &'s [(Format, Signature)],
    ) -> Result<Vec<(Part, &'s Signature)>, SigningError> {
        self.0
            .into_iter()
            .map(|part| {
                let mut of_format = signatures.iter().filter(|(format, _)| *format == part.format);
                let (Some((_, signature)), None) = (of_format.next(), of_format.next()) else {
                    return Err(SigningError::SignatureCount { format: part.format });
                };
                if key.verify(&part.message, signature.as_bytes(), schemes).is_none() {
                    return Err(SigningError::DoesNotVerify { format: part.format });
                }
                Ok((part, signature))
            })
            .collect()
    }
}

/// What no verifier would read is not written.
fn bound(format: Format, bytes: usize, limit: u64) -> Result<(), SigningError> {
    if bytes as u64 > limit { Err(SigningError::TooLarge { format, bytes, limit }) } else { Ok(()) }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// No format was asked for.
    #[error("no format was asked for")]
    NoFormat,
    /// The legacy format names the image, and it has no name (rule G4).
    #[error("the legacy format names the image's repository, and this image has no name")]
    NoName,
    /// The legacy format's tag would be too long for a SHA-512 digest (rule G7).
    #[error("the legacy format cannot hold a signature of a sha512 image")]
    LegacyNeedsSha256,
    /// What would be stored is larger than verifiers read: too many annotations.
    #[error("the {} format would take {bytes} bytes, and no more than {limit} are read", format.name())]
    TooLarge {
        /// The format.
        format: Format,
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// What is to be attested is no statement that a verifier would read.
    #[error("the statement cannot be read: {0}")]
    Statement(#[source] StatementError),
    /// The type of the predicate is none that an attestation can have.
    #[error("the statement's predicate type: {0}")]
    PredicateType(#[source] PredicateTypeError),
    /// The statement is about something else.
    #[error("the statement is not about {expected}, only about {}", listed(.found))]
    OtherSubject {
        /// The digest that has to be among the subjects.
        expected: Digest,
        /// The digests of the subjects.
        found: Vec<Digest>,
    },
    /// The key could not sign.
    #[error("signing failed")]
    Sign(#[source] SignError),
    /// There is no signature for a format of the request, or there are several.
    #[error("expected one signature for the {} format", format.name())]
    SignatureCount {
        /// The format.
        format: Format,
    },
    /// A signature does not verify with the key.
    #[error("the signature for the {} format does not verify with the key", format.name())]
    DoesNotVerify {
        /// The format.
        format: Format,
    },
}

impl SigningError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoFormat => "no-format",
            Self::NoName => "image-without-name",
            Self::LegacyNeedsSha256 => "legacy-needs-sha256",
            Self::TooLarge { .. } => "signature-too-large",
            Self::Statement(_) => "malformed-statement",
            Self::PredicateType(_) => "predicate-type",
            Self::OtherSubject { .. } => "other-subject",
            Self::Sign(_) => "signing-failed",
            Self::SignatureCount { .. } => "signature-count",
            Self::DoesNotVerify { .. } => "signature-does-not-verify",
        }
    }
}

/// A few digests, for an error.
fn listed(digests: &[Digest]) -> String {
    /// Digests that are shown.
    const SHOWN: usize = 4;
    let mut shown: Vec<_> = digests.iter().take(SHOWN).map(Digest::to_string).collect();
    if digests.is_empty() {
        shown.push("no SHA-256 or SHA-512 digest".to_owned());
    } else if digests.len() > SHOWN {
        shown.push(format!("{} more", digests.len().saturating_sub(SHOWN)));
    }
    shown.join(", ")
}
