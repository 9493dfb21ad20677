//! Signatures of the image.

use std::collections::BTreeMap;

use serde::Serialize;

use super::terms::{ResolvedTerms, Terms};
use super::{PolicyError, SignedFor, TrustedKey};
use crate::candidate::Format;

/// Signatures of the image by some keys.
#[derive(Clone, Debug)]
pub struct SignatureRequirement {
    terms: Terms,
}

impl SignatureRequirement {
    /// A signature by any one of `keys`.
    pub fn by(keys: Vec<TrustedKey>) -> Result<Self, PolicyError> {
        Ok(Self { terms: Terms::by(keys)? })
    }

    /// Signatures by at least this many distinct keys (rule S2).
    pub fn threshold(self, threshold: usize) -> Result<Self, PolicyError> {
        Ok(Self { terms: self.terms.threshold(threshold)? })
    }

    /// Annotations that each counting signature must have signed, all of them (rule S4).
    #[must_use]
    pub fn annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        self.terms.annotations = annotations;
        self
    }

    /// The names under which the image may have been signed (rule S9).
    #[must_use]
    pub fn signed_for(mut self, signed_for: SignedFor) -> Self {
        self.terms.signed_for = signed_for;
        self
    }

    /// Only this format counts. For a person at a command line: a policy file has no such word (rule L4).
    #[must_use]
    pub fn only(mut self, format: Format) -> Self {
        self.terms.formats = vec![format];
        self
    }

    /// The keys, at least one, each once.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.terms.keys
    }

    /// How many distinct keys must have signed.
    pub fn wanted(&self) -> usize {
        self.terms.wanted()
    }

    /// The annotations that must have been signed.
    pub fn wanted_annotations(&self) -> &BTreeMap<String, String> {
        &self.terms.annotations
    }

    /// The names under which the image may have been signed.
    pub fn wanted_name(&self) -> &SignedFor {
        &self.terms.signed_for
    }

    /// The formats that count.
    pub fn formats(&self) -> &[Format] {
        &self.terms.formats
    }

    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) fn describe(&self) -> String {
        self.terms.describe("a signature", "signatures")
    }

    pub(super) fn resolved(&self) -> ResolvedSignature<'_> {
        ResolvedSignature { kind: "signature", terms: self.terms.resolved() }
    }
}

/// The requirement as the digest of a policy covers it.
#[derive(Serialize)]
pub(super) struct ResolvedSignature<'a> {
    kind: &'static str,
    #[serde(flatten)]
    terms: ResolvedTerms<'a>,
}
