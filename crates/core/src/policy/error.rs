//! Why a policy cannot be built.

use crate::key::KeyId;

/// Why a policy cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A requirement has no key.
    #[error("a requirement needs at least one key")]
    NoKey,
    /// An attestation requirement has no type.
    #[error("an attestation requirement needs at least one predicate type")]
    NoType,
    /// A greatest age, or the newest of several types, is asked of one whose statements say no time.
    #[error("{predicate_type} has no age and no newest: no member of its predicate is known to be its time")]
    Timeless {
        /// The type.
        predicate_type: String,
    },
    /// Rules on the content of a scan are asked of a type that is none.
    #[error("{predicate_type} is no scan: what a scan must say cannot be asked of it")]
    NoScan {
        /// The type.
        predicate_type: String,
    },
    /// Rules on the content of a verification summary are asked of another type.
    #[error("{predicate_type} is no verification summary: what one must say cannot be asked of it")]
    NoSummary {
        /// The type.
        predicate_type: String,
    },
    /// A rule on the content of a verification summary cannot be meant.
    #[error("{field}: {why}")]
    SummaryRule {
        /// The field of the rules.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A type that carries a result is asked for, and no rule looks at the result (rule Y6).
    #[error("{predicate_type} carries a result, and nothing here looks at it: one that failed would count")]
    ResultUnread {
        /// The type.
        predicate_type: String,
    },
    /// A greatest age is below zero.
    #[error("a greatest age below zero")]
    NegativeAge,
    /// A rule on the content of a scan cannot be meant.
    #[error("{field}: {why}")]
    ScanRule {
        /// The field of the rules.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two names stand for one key, which would count twice (rule S2).
    #[error("{first} and {second} are the same key, {id}: a key counts once")]
    SameKeyTwice {
        /// The first name.
        first: String,
        /// The second name.
        second: String,
        /// The key.
        id: KeyId,
    },
    /// The threshold is zero or above the number of keys.
    #[error("a threshold of {threshold} with {keys} key(s): expected 1 to {keys}")]
    Threshold {
        /// What was asked for.
        threshold: usize,
        /// How many keys there are.
        keys: usize,
    },
    /// A policy has no rule.
    #[error("a policy needs at least one rule")]
    NoRule,
    /// A rule has no pattern over images.
    #[error("a rule needs at least one pattern over images")]
    NoImage,
    /// A policy has more entries than are read.
    #[error("{field}: {count} entries, of which at most {limit} are read")]
    TooMany {
        /// The field of the policy.
        field: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An exemption cannot be meant.
    #[error("exempt: {why}")]
    Exemption {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A mirror is no place, or has two names.
    #[error("mirrors: {text:?}: {why}")]
    Mirror {
        /// The place or the name.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A pattern over namespaces is none.
    #[error(
        "{text:?} is no pattern for namespaces: expected lower-case letters, digits, '-' and '*', at most 63"
    )]
    Namespace {
        /// The pattern.
        text: String,
    },
    /// A pattern over repository names is none.
    #[error("{text:?} is no pattern for repositories: {why}")]
    Glob {
        /// The pattern.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A condition is none (rule Y5).
    #[error("the condition cannot be used: {why}")]
    Condition {
        /// Where in its text, in bytes.
        at: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl PolicyError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "policy-without-key",
            Self::NoType => "policy-without-type",
            Self::Timeless { .. } => "policy-timeless-type",
            Self::NoScan { .. } => "policy-no-scan",
            Self::NoSummary { .. } => "policy-no-summary",
            Self::SummaryRule { .. } => "policy-summary-rule",
            Self::ResultUnread { .. } => "policy-result-unread",
            Self::NegativeAge => "policy-max-age",
            Self::ScanRule { .. } => "policy-scan-rule",
            Self::SameKeyTwice { .. } => "policy-same-key-twice",
            Self::Threshold { .. } => "policy-threshold",
            Self::NoRule => "policy-without-rule",
            Self::NoImage => "policy-without-image",
            Self::TooMany { .. } => "policy-too-many",
            Self::Exemption { .. } => "policy-exemption",
            Self::Mirror { .. } => "policy-mirror",
            Self::Namespace { .. } => "policy-namespace",
            Self::Glob { .. } => "policy-pattern",
            Self::Condition { .. } => "policy-condition",
        }
    }
}
