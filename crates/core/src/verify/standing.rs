//! What a key has signed already, for whoever signs with the same key again (rule G3).
//!
//! This is no verdict: nothing here looks at policies, windows of validity or revocations, and nobody may admit
//! anything by it. It reads a payload only after the key's signature over it was verified.

use crate::candidate::{Candidate, Evidence, Origin, Signed};
use crate::digest::Digest;
use crate::key::{PublicKey, Scheme};
use crate::media_type::IN_TOTO;
use crate::predicate::{Claims, PredicateType};
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
