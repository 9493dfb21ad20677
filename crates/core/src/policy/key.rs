//! A key in a policy: when it counts, and by which of its schemes.

use jiff::Timestamp;
use serde::Serialize;

use crate::key::{KeyId, PublicKey, Scheme};

/// A key that somebody trusts, and when.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    name: String,
    key: PublicKey,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    schemes: Option<Vec<Scheme>>,
}

impl TrustedKey {
    /// A key that is valid at any time and not revoked; `name` is how output speaks of it.
    pub fn new(name: impl Into<String>, key: PublicKey) -> Self {
        Self { name: name.into(), key, valid_from: None, valid_until: None, revoked_at: None, schemes: None }
    }

    /// The key counts from `from` on (inclusive) and until `until` (inclusive).
    #[must_use]
    pub fn valid(mut self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.valid_from = from;
        self.valid_until = until;
        self
    }

    /// The key no longer counts from `at` on (inclusive).
    #[must_use]
    pub fn revoked(mut self, at: Timestamp) -> Self {
        self.revoked_at = Some(at);
        self
    }

    /// Only these of the key's schemes count (rule S5).
    #[must_use]
    pub fn schemes(mut self, schemes: Vec<Scheme>) -> Self {
        self.schemes = Some(schemes);
        self
    }

    /// How output speaks of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first and the last moment at which it counts.
    pub fn validity(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.valid_from, self.valid_until)
    }

    /// When it was revoked.
    pub fn revocation(&self) -> Option<Timestamp> {
        self.revoked_at
    }

    /// Whether the policy lets this scheme count.
    pub fn allows(&self, scheme: Scheme) -> bool {
        self.schemes.as_ref().is_none_or(|schemes| schemes.contains(&scheme))
    }

    pub(super) fn resolved(&self) -> ResolvedKey {
        ResolvedKey {
            id: self.key.id(),
            valid_from: self.valid_from.map(|at| at.to_string()),
            valid_until: self.valid_until.map(|at| at.to_string()),
            revoked_at: self.revoked_at.map(|at| at.to_string()),
            algorithms: self
                .schemes
                .as_ref()
                .map(|schemes| schemes.iter().map(|scheme| scheme.code()).collect()),
        }
    }
}

/// A key as the digest of a policy covers it.
#[derive(Serialize)]
pub(super) struct ResolvedKey {
    pub(super) id: KeyId,
    valid_from: Option<String>,
    valid_until: Option<String>,
    revoked_at: Option<String>,
    algorithms: Option<Vec<&'static str>>,
}
