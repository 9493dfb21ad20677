//! What a key has signed already, for whoever signs with the same key again (rule G3), and which evidence is by some keys
//! at all, for whoever takes it along (rule K2).
//!
//! This is no verdict: nothing here looks at what a policy asks for, and nobody may admit anything by it. It reads a payload
//! only after the key's signature over it was verified.

use jiff::Timestamp;

use super::Verifier;
use crate::candidate::{Candidate, Evidence, Origin, Signed};
use crate::digest::Digest;
use crate::key::{PublicKey, Scheme};
use crate::limits::SIGNATURE_CHECKS;
use crate::media_type::IN_TOTO;
use crate::policy::TrustedKey;
use crate::predicate::{Claims, PredicateType};
use crate::simple_signing::{self, SimpleSigning};
use crate::statement::Statement;

/// A statement that stands beside an image and that the key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StandingStatement {
    /// Where it stands.
    pub origin: Origin,
    /// The statement, as it was signed.
    pub payload: Vec<u8>,
    succession: Option<Succession>,
}

/// In which row of statements one stands, where a later one takes the place of an earlier: those of one predicate type
/// and, where the type has a member for it, of one scanner or verifier, without its version (rule N4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    predicate_type: String,
    maker: String,
}

impl Succession {
    /// The row that a statement stands in; none where it cannot be read, or not who made it.
    pub fn of(statement: &[u8]) -> Option<Self> {
        Self::read(&Statement::parse(statement).ok()?)
    }

    fn read(statement: &Statement) -> Option<Self> {
        let predicate_type: PredicateType = statement.predicate_type.parse().ok()?;
        let maker = Claims::of(&predicate_type).readable_maker(statement.predicate.as_deref())?;
        Some(Self { predicate_type: statement.predicate_type.clone(), maker })
    }
}

impl StandingStatement {
    /// Whether the signed statement stands in this row, so that a later one in it may take its place. One whose maker
    /// cannot be read stands in none.
    pub fn is_in(&self, succession: &Succession) -> bool {
        self.succession.as_ref() == Some(succession)
    }
}

/// The statements about `image` among the evidence that `key` has signed, each with the candidate that it is.
pub fn statements_by(evidence: &Evidence, key: &PublicKey, image: &Digest) -> Vec<StandingStatement> {
    evidence.candidates.iter().filter_map(|candidate| statement_by(candidate, key, image)).collect()
}

fn statement_by(candidate: &Candidate, key: &PublicKey, image: &Digest) -> Option<StandingStatement> {
    let Some(Signed::Envelope { envelope, .. }) = candidate.signed() else { return None };
    if envelope.payload_type() != IN_TOTO {
        return None;
    }
    // One that others have signed too is theirs as well.
    let [signature] = envelope.signatures() else { return None };
    let schemes = Scheme::accepted_for(key.algorithm());
    key.verify(&envelope.signed_bytes(), &signature.signature, schemes)?;
    let statement = Statement::parse(envelope.payload()).ok()?;
    statement.subject_with(&[image])?;
    Some(StandingStatement {
        origin: candidate.origin().clone(),
        payload: envelope.payload().to_vec(),
        succession: Succession::read(&statement),
    })
}

/// More signatures than may be checked for one image (rule L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {SIGNATURE_CHECKS} signature checks for one image")]
#[non_exhaustive]
pub struct TooManyChecks;

impl Verifier {
    /// For each candidate, whether it is evidence about `about` that one of `keys` signed, a key that counts at `now`:
    /// signature or attestation, of whatever type, whatever it says. A scan that nobody would pass is such evidence too.
    pub fn evidence_by(
        &self,
        candidates: &[Candidate],
        keys: &[TrustedKey],
        about: &Digest,
        now: Timestamp,
    ) -> Result<Vec<bool>, TooManyChecks> {
        let keys: Vec<_> = keys.iter().filter(|key| self.key_counts(key, now).is_ok()).collect();
        let mut checks = 0_usize;
        candidates.iter().map(|candidate| is_evidence_by(candidate, &keys, about, &mut checks)).collect()
    }
}

fn is_evidence_by(
    candidate: &Candidate,
    keys: &[&TrustedKey],
    about: &Digest,
    checks: &mut usize,
) -> Result<bool, TooManyChecks> {
    let mut signed = |message: &[u8], signature: &[u8]| {
        for trusted in keys {
            let accepted = Scheme::accepted_for(trusted.key().algorithm());
            let schemes: Vec<_> = accepted.iter().copied().filter(|scheme| trusted.allows(*scheme)).collect();
            *checks = checks.saturating_add(schemes.len());
            if *checks > SIGNATURE_CHECKS {
                return Err(TooManyChecks);
            }
            if trusted.key().verify(message, signature, &schemes).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match candidate.signed() {
        None => Ok(false),
        Some(Signed::Legacy { payload, signature }) => Ok(signed(payload, signature)?
            && SimpleSigning::parse(payload)
                .is_ok_and(|read| read.kind == simple_signing::TYPE && read.digest == *about)),
        Some(Signed::Envelope { envelope, .. }) => {
            if envelope.payload_type() != IN_TOTO {
                return Ok(false);
            }
            let message = envelope.signed_bytes();
            for signature in envelope.signatures() {
                if signed(&message, &signature.signature)? {
                    let statement = Statement::parse(envelope.payload());
                    return Ok(statement.is_ok_and(|read| read.subject_with(&[about]).is_some()));
                }
            }
            Ok(false)
        }
    }
}
