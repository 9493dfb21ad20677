//! Whose VEX statements take a vulnerability away.

use serde::Serialize;

use super::super::{AttestationRequirement, PolicyError, TrustedKey};
use crate::predicate::{OPEN_VEX, PredicateType};

/// OpenVEX documents by some keys, and the justifications that are believed.
#[derive(Clone, Debug)]
pub struct VexRule {
    requirement: Box<AttestationRequirement>,
    justifications: Vec<String>,
}

impl VexRule {
    /// Statements by any one of `keys`. A vulnerability that is said not to affect the image does not count if the
    /// statement has one of these justifications (OpenVEX 0.2: `vulnerable_code_not_present`, ...), at least one.
    pub fn by(keys: Vec<TrustedKey>, justifications: Vec<String>) -> Result<Self, PolicyError> {
        if justifications.is_empty() || justifications.iter().any(|word| word.trim().is_empty()) {
            return Err(PolicyError::ScanRule { field: "vex", why: "no justification is accepted" });
        }
        let kinds = [OPEN_VEX, "https://openvex.dev/ns/v0.2.0"].iter().map(|kind| kind.parse());
        let kinds = kinds.collect::<Result<Vec<PredicateType>, _>>();
        let kinds = kinds.map_err(|_| PolicyError::ScanRule { field: "vex", why: "no predicate type" })?;
        let requirement = Box::new(AttestationRequirement::by(kinds, keys)?);
        Ok(Self { requirement, justifications })
    }

    /// What the documents themselves must meet.
    pub const fn requirement(&self) -> &AttestationRequirement {
        &self.requirement
    }

    /// Whether a justification is believed.
    pub fn accepts(&self, justification: &str) -> bool {
        self.justifications.iter().any(|word| word == justification)
    }

    pub(super) fn resolved(&self) -> ResolvedVex<'_> {
        ResolvedVex { documents: self.requirement.resolved(), justifications: &self.justifications }
    }
}

/// The rule as the digest of a policy covers it.
#[derive(Serialize)]
pub(super) struct ResolvedVex<'a> {
    documents: super::super::attestation::ResolvedAttestation<'a>,
    justifications: &'a [String],
}
