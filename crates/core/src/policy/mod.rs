//! What must hold before an image is admitted.
//!
//! A [`Policy`] has at least one requirement, and a requirement is met by one signature that meets all of it,
//! never by parts of several (rule S1). There is no default policy: whoever decides says what is wanted.

mod attestation;
mod condition;
mod error;
pub mod file;
mod key;
mod name;
mod scan;
mod set;
mod signature;
mod summary;
mod terms;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::Serialize;

pub use attestation::{AttestationRequirement, Oldest};
pub use condition::Condition;
pub(crate) use condition::{Arithmetic, Expression, Function, Loop, Order, Root};
pub use error::PolicyError;
pub use key::TrustedKey;
pub use name::{RepositoryGlob, SignedFor};
pub use scan::{
    GracePeriod, GraceStart, IgnoreRule, LicenseRules, ScanRules, ScannerRule, SecretRule, SeveritySource,
    VexRule,
};
pub use set::{
    Applied, Exemption, Group, Mirror, Mode, NamespaceGlob, PolicySet, PolicySetBuilder, Rule, RulePlatforms,
    Selector, Unmatched,
};
pub use signature::SignatureRequirement;
pub use summary::{VERIFICATION_SUMMARY, VsaRules};
pub(crate) use terms::Terms;

use crate::digest::Digest;

/// What must hold.
///
/// ```compile_fail,E0277
/// fn default<T: Default>() {}
/// default::<waxseal_core::Policy>(); // nobody trusts by default
/// ```
///
/// ```compile_fail,E0061
/// let everything = waxseal_core::Policy::requiring(); // an empty policy cannot be built
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    requirements: Vec<Requirement>,
    /// The rule of a policy file that each requirement is of; shorter where there is none.
    rules: Vec<String>,
}

impl Policy {
    /// A policy with one requirement.
    pub fn requiring(requirement: impl Into<Requirement>) -> Self {
        Self { name: "command line".to_owned(), requirements: vec![requirement.into()], rules: Vec::new() }
    }

    /// The same policy with one requirement more: all of them must be met.
    #[must_use]
    pub fn and(mut self, requirement: impl Into<Requirement>) -> Self {
        self.requirements.push(requirement.into());
        self
    }

    /// The same policy under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same policy as part of a rule, which output names beside each requirement.
    #[must_use]
    fn of_rule(mut self, rule: &str) -> Self {
        self.rules = vec![rule.to_owned(); self.requirements.len()];
        self
    }

    /// The same policy with the requirements of another one more, under its own name.
    #[must_use]
    fn with(mut self, other: Self) -> Self {
        self.rules.resize(self.requirements.len(), String::new());
        self.requirements.extend(other.requirements);
        self.rules.extend(other.rules);
        self
    }

    /// The rule of a policy file that a requirement is of.
    pub fn rule_of(&self, requirement: usize) -> Option<&str> {
        self.rules.get(requirement).map(String::as_str).filter(|rule| !rule.is_empty())
    }

    /// The name, for output.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The requirements, at least one.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether signatures of the image are asked for.
    pub fn wants_signatures(&self) -> bool {
        self.requirements.iter().any(|requirement| matches!(requirement, Requirement::Signature(_)))
    }

    /// Whether attestations are asked for: nobody looks for them otherwise (rule L4).
    pub fn wants_attestations(&self) -> bool {
        self.requirements.iter().any(|requirement| matches!(requirement, Requirement::Attestation(_)))
    }

    /// Whether what stands beside an index can count for the images that it lists (rules P2, P3).
    pub fn looks_at_indexes(&self) -> bool {
        self.requirements.iter().any(|requirement| match requirement {
            Requirement::Signature(_) => true,
            Requirement::Attestation(wanted) => wanted.inherits(),
        })
    }

    /// The digest of the resolved policy: key ids instead of files, defaults written out (rule Y3). The name is
    /// not part of it.
    pub fn digest(&self) -> Digest {
        let resolved: Vec<_> = self.requirements.iter().map(Requirement::resolved).collect();
        Digest::of(serde_json::to_vec(&resolved).unwrap_or_default())
    }
}

/// One thing that must hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Requirement {
    /// Signatures of the image.
    Signature(SignatureRequirement),
    /// Attestations about the image.
    Attestation(AttestationRequirement),
}

impl From<SignatureRequirement> for Requirement {
    fn from(requirement: SignatureRequirement) -> Self {
        Self::Signature(requirement)
    }
}

impl From<AttestationRequirement> for Requirement {
    fn from(requirement: AttestationRequirement) -> Self {
        Self::Attestation(requirement)
    }
}

impl Requirement {
    fn resolved(&self) -> Resolved<'_> {
        match self {
            Self::Signature(requirement) => Resolved::Signature(requirement.resolved()),
            Self::Attestation(requirement) => Resolved::Attestation(Box::new(requirement.resolved())),
        }
    }

    /// The requirement in a few words, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Signature(requirement) => requirement.describe(),
            Self::Attestation(requirement) => requirement.describe(),
        }
    }

    /// The keys, at least one, each once.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.terms().keys
    }

    /// What the requirement asks of each signature, whatever is signed.
    pub(crate) const fn terms(&self) -> &Terms {
        match self {
            Self::Signature(requirement) => requirement.terms(),
            Self::Attestation(requirement) => requirement.terms(),
        }
    }
}

/// A day as `2026-12-31`. A time of the day behind it makes it none: nobody would look at that time, and where it has no zone
/// nobody knows which moment is meant.
pub(crate) fn day(text: &str) -> Option<Date> {
    (text.len() == "2026-12-31".len()).then(|| text.parse().ok()).flatten()
}

/// An age in words: in days where it is whole days, else as hours, minutes and seconds.
pub(crate) fn age_words(age: SignedDuration) -> String {
    const DAY: i64 = 86_400;
    match (age.as_secs().checked_div(DAY), age.as_secs().checked_rem(DAY), age.subsec_nanos()) {
        (Some(days @ 1..), Some(0), 0) => format!("{days}d"),
        _ => format!("{age:#}"),
    }
}

/// A requirement as the digest of a policy covers it.
#[derive(Serialize)]
#[serde(untagged)]
enum Resolved<'a> {
    Signature(signature::ResolvedSignature<'a>),
    Attestation(Box<attestation::ResolvedAttestation<'a>>),
}
