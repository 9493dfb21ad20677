//! Attestations: a statement that says something about digests, signed in a DSSE envelope.
//!
//! The legacy format is the envelope itself with a statement of version 0.1, as cosign writes it; the bundle has a
//! statement of version 1. A statement that a person brings goes into both as it stands, byte for byte.

use super::{Part, Parts, Predicate, SigningError, bound};
use crate::bundle::Bundle;
use crate::candidate::Format;
use crate::digest::{Algorithm, Digest};
use crate::dsse::{Envelope, pae};
use crate::key::{PublicKey, Scheme, Signature, Signer};
use crate::limits::BUNDLE_BYTES;
use crate::media_type::IN_TOTO;
use crate::predicate::PredicateType;
use crate::statement::{STATEMENT_V01, STATEMENT_V1, Statement, StatementError};

/// What a new statement is about: one of its subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementAbout {
    /// The digest.
    pub digest: Digest,
    /// The name: of an image its repository as cosign writes it, of a blob its file name. JFrog's evidence wants one.
    pub name: Option<String>,
}

impl StatementAbout {
    /// A subject with this digest and, if it has one, this name.
    pub const fn new(digest: Digest, name: Option<String>) -> Self {
        Self { digest, name }
    }
}

/// A statement that is to be signed, in one or both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationRequest {
    predicate_type: PredicateType,
    parts: Parts,
}

impl AttestationRequest {
    /// A statement with this predicate about these subjects.
    ///
    /// The legacy format's version of statements names each subject; like the tag under which it is stored, it has
    /// no place for SHA-512 (rules G4, G7).
    pub fn new(
        subjects: &[StatementAbout],
        predicate: &Predicate,
        formats: &[Format],
    ) -> Result<Self, SigningError> {
        let of_format = |format: Format| {
            let version = match format {
                Format::Legacy => STATEMENT_V01,
                Format::Bundle => STATEMENT_V1,
            };
            if format == Format::Legacy {
                if subjects.iter().any(|subject| subject.name.is_none()) {
                    return Err(SigningError::NoName);
                }
                if subjects.iter().any(|subject| subject.digest.algorithm() != Algorithm::Sha256) {
                    return Err(SigningError::LegacyNeedsSha256);
                }
            }
            let named: Vec<_> =
                subjects.iter().map(|subject| (subject.name.as_deref(), subject.digest)).collect();
            Ok(Statement::write(version, &named, predicate.kind(), predicate.json()))
        };
        Self::of(of_format, formats)
    }

    /// A statement as it stands. It has to be one that a verifier reads, no image signature, and about `subject`
    /// among others if that is given; where it is stored beside an image, it has to be given.
    pub fn of_statement(
        subject: Option<&Digest>,
        statement: &[u8],
        formats: &[Format],
    ) -> Result<Self, SigningError> {
        if let Some(subject) = subject {
            if formats.contains(&Format::Legacy) && subject.algorithm() != Algorithm::Sha256 {
                return Err(SigningError::LegacyNeedsSha256);
            }
            let read = Statement::parse(statement).map_err(SigningError::Statement)?;
            if read.subject_with(&[subject]).is_none() {
                let found =
                    read.subjects.iter().flat_map(|subject| subject.digests.iter().copied()).collect();
                return Err(SigningError::OtherSubject { expected: *subject, found });
            }
        }
        Self::of(|_| Ok(statement.to_vec()), formats)
    }

    /// The statements of a request, each as it is stored.
    pub(super) fn of(
        statement: impl Fn(Format) -> Result<Vec<u8>, SigningError>,
        formats: &[Format],
    ) -> Result<Self, SigningError> {
        let mut parts = Vec::new();
        let mut predicate_type = None;
        for format in [Format::Legacy, Format::Bundle] {
            if !formats.contains(&format) {
                continue;
            }
            let payload = statement(format)?;
            bound(format, payload.len(), BUNDLE_BYTES)?;
            // What no verifier would read is not signed (rule G1).
            let read = Statement::parse(&payload).map_err(SigningError::Statement)?;
            predicate_type = Some(attested(&read)?);
            let message = pae(IN_TOTO, &payload);
            parts.push(Part { format, payload, message });
        }
        let predicate_type = predicate_type.ok_or(SigningError::NoFormat)?;
        Ok(Self { predicate_type, parts: Parts::new(parts)? })
    }

    /// The predicate type.
    pub const fn predicate_type(&self) -> &PredicateType {
        &self.predicate_type
    }

    /// The statement's bytes, for each format.
    pub fn statements(&self) -> impl Iterator<Item = (Format, &[u8])> {
        self.parts.0.iter().map(|part| (part.format, part.payload.as_slice()))
    }

    /// The bytes to be signed, for each format.
    pub fn messages(&self) -> impl Iterator<Item = (Format, &[u8])> {
        self.parts.messages()
    }

    /// Signs all of it with one signer.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedAttestation, SigningError> {
        let signatures = self.parts.sign(signer)?;
        self.assemble(signer.public_key(), &[signer.scheme()], &signatures)
    }

    /// Puts together what was signed elsewhere: one signature for each format of the request, each verified with
    /// `key` by one of `schemes` first.
    pub fn assemble(
        self,
        key: &PublicKey,
        schemes: &[Scheme],
        signatures: &[(Format, Signature)],
    ) -> Result<SignedAttestation, SigningError> {
        let mut signed =
            SignedAttestation { predicate_type: self.predicate_type, envelope: None, bundle: None };
        for (part, signature) in self.parts.verified(key, schemes, signatures)? {
            let envelope = Envelope::new(IN_TOTO, part.payload, vec![signature.as_bytes().to_vec()]);
            let made = match part.format {
                Format::Legacy => envelope.to_json(),
                Format::Bundle => Bundle::write_envelope(&key.id(), &envelope),
            };
            bound(part.format, made.len(), BUNDLE_BYTES)?;
            match part.format {
                Format::Legacy => signed.envelope = Some(made.into_bytes()),
                Format::Bundle => signed.bundle = Some(made.into_bytes()),
            }
        }
        Ok(signed)
    }
}

/// The predicate type of a statement that may be attested: not that of an image signature (rule S3), and a URI.
fn attested(statement: &Statement) -> Result<PredicateType, SigningError> {
    let kind: PredicateType = statement.predicate_type.parse().map_err(SigningError::PredicateType)?;
    // A short name is none where it is signed.
    if kind.as_str() != statement.predicate_type {
        let found = statement.predicate_type.clone();
        return Err(SigningError::PredicateType(crate::predicate::PredicateTypeError::Unknown { found }));
    }
    if statement.predicate.is_none() {
        return Err(SigningError::Statement(StatementError::Predicate));
    }
    Ok(kind)
}

/// An attestation, ready to be stored. Its signatures were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedAttestation {
    /// The predicate type.
    pub predicate_type: PredicateType,
    /// The legacy format: a DSSE envelope, a layer of an `.att` manifest.
    pub envelope: Option<Vec<u8>>,
    /// The bytes of a bundle.
    pub bundle: Option<Vec<u8>>,
}
