//! Documents of our own that are signed: policies and decision records.
//!
//! Each is the payload of a DSSE envelope under a payload type of its own, so that its signature passes neither as the
//! signature of an image, nor as an attestation, nor for a document of another kind (rule G2). Here they are signed;
//! [`Verifier::document`](crate::Verifier::document) verifies them, and nothing else gives their payload.

use crate::dsse::{Envelope, pae};
use crate::key::{KeyId, Scheme, SignError, Signer};

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DocumentKind {
    /// What a policy is: the digest of its text, its serial number and its keys.
    Policy,
    /// What was decided over an image, and on what ground.
    Record,
}

impl DocumentKind {
    /// The payload type that is signed with it.
    pub const fn payload_type(self) -> &'static str {
        match self {
            Self::Policy => "application/vnd.waxseal.policy.v1+json",
            Self::Record => "application/vnd.waxseal.record.v1+json",
        }
    }

    /// The kind in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Record => "record",
        }
    }
}

/// The content of a document whose signature was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// The payload, as it was signed.
    pub payload: Vec<u8>,
    /// How the key is called.
    pub key_name: String,
    /// The key.
    pub key: KeyId,
    /// The algorithm.
    pub scheme: Scheme,
}

/// Signs a document: the bytes of an envelope. What was signed is verified before it leaves (rule G1).
pub fn sign(kind: DocumentKind, payload: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, DocumentError> {
    let message = pae(kind.payload_type(), payload);
    let signature = signer.sign(&message).map_err(DocumentError::Sign)?;
    if signer.public_key().verify(&message, signature.as_bytes(), &[signer.scheme()]).is_none() {
        return Err(DocumentError::DoesNotVerify);
    }
    let envelope = Envelope::new(kind.payload_type(), payload.to_vec(), vec![signature.as_bytes().to_vec()]);
    Ok(envelope.to_json().into_bytes())
}

/// Whether the bytes look like a signed document: an envelope. Nothing is verified.
pub fn is_envelope(bytes: &[u8]) -> bool {
    Envelope::parse(bytes).is_ok()
}

/// Why a document was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The key could not sign.
    #[error("signing failed")]
    Sign(#[source] SignError),
    /// The signature does not verify with the key that made it.
    #[error("the signature does not verify with the key that made it")]
    DoesNotVerify,
}

impl DocumentError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sign(_) => "signing-failed",
            Self::DoesNotVerify => "signature-does-not-verify",
        }
    }
}
