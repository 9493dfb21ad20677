//! Attestations about the image.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;

use super::scan::ResolvedScan;
use super::summary::ResolvedSummary;
use super::terms::{ResolvedTerms, Terms};
use super::{
    Condition, PolicyError, ScanRules, SignedFor, TrustedKey, VERIFICATION_SUMMARY, VsaRules, age_words,
};
use crate::candidate::Format;
use crate::predicate::{Claims, PredicateType};

/// Attestations of some types about the image, by some keys.
///
/// Where a later statement can take an earlier one back (a scan, a VEX document, a verification summary), the newest of
/// each scanner is judged, and it alone (rules N1 to N4); any one statement of another type is enough.
#[derive(Clone, Debug)]
pub struct AttestationRequirement {
    types: Vec<PredicateType>,
    terms: Terms,
    inherit: bool,
    max_age: Option<SignedDuration>,
    scan: Option<Box<ScanRules>>,
    summary: Option<Box<VsaRules>>,
    conditions: Vec<Condition>,
}

/// How old a scan may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oldest {
    /// At most so old, by the time that is signed in it.
    Age(SignedDuration),
    /// Of any age: somebody has said so.
    Unlimited,
}

impl AttestationRequirement {
    /// An attestation of any one of `types` by any one of `keys`.
    pub fn by(types: Vec<PredicateType>, keys: Vec<TrustedKey>) -> Result<Self, PolicyError> {
        let mut types = types;
        types.sort_unstable();
        types.dedup();
        if types.is_empty() {
            return Err(PolicyError::NoType);
        }
        let requirement = Self {
            types,
            terms: Terms::by(keys)?,
            inherit: false,
            max_age: None,
            scan: None,
            summary: None,
            conditions: Vec::new(),
        };
        if requirement.newest_counts() {
            requirement.timed()?;
        }
        Ok(requirement)
    }

    /// Whether the statements of all types say their time.
    fn timed(&self) -> Result<(), PolicyError> {
        match self.types.iter().find(|one| !Claims::of(one).has_time()) {
            Some(timeless) => Err(PolicyError::Timeless { predicate_type: timeless.to_string() }),
            None => Ok(()),
        }
    }

    /// At least this many distinct keys over one and the same statement, byte for byte (rule S2).
    pub fn threshold(mut self, threshold: usize) -> Result<Self, PolicyError> {
        self.terms = self.terms.threshold(threshold)?;
        Ok(self)
    }

    /// Annotations that the subject must have in the signed statement, all of them (rule S4).
    #[must_use]
    pub fn annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        self.terms.annotations = annotations;
        self
    }

    /// The names that the subject may have in the signed statement (rule S9).
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

    /// An attestation about the index counts for the images that it lists. Without this, an attestation covers its own
    /// subject and nothing else (rule P3).
    #[must_use]
    pub const fn inherit(mut self, inherit: bool) -> Self {
        self.inherit = inherit;
        self
    }

    /// The oldest that the statement may be, by the time that it has in its signed predicate.
    pub fn max_age(mut self, max_age: SignedDuration) -> Result<Self, PolicyError> {
        self.timed()?;
        if max_age.is_negative() {
            return Err(PolicyError::NegativeAge);
        }
        self.max_age = Some(max_age);
        Ok(self)
    }

    /// What the scan must say, and how old it may be: nobody can ask for the one and forget the other (rule N5). Each of the
    /// types must be one of a scan, or of a document that can state what was found; the newest is judged, whatever the type
    /// (rule N4).
    pub fn scan(mut self, rules: ScanRules, oldest: Oldest) -> Result<Self, PolicyError> {
        rules.check()?;
        if let Some(other) = self.types.iter().find(|one| !Claims::of(one).can_be_scan()) {
            return Err(PolicyError::NoScan { predicate_type: other.to_string() });
        }
        self.timed()?;
        self.scan = Some(Box::new(rules));
        match oldest {
            Oldest::Age(age) => self.max_age(age),
            Oldest::Unlimited => Ok(self),
        }
    }

    /// What a verification summary must say, and how old it may be (rule Y6). The only type is the one of SLSA's summaries,
    /// [`VERIFICATION_SUMMARY`]; the newest of each verifier is judged.
    pub fn summary(mut self, rules: VsaRules, oldest: Oldest) -> Result<Self, PolicyError> {
        rules.check()?;
        if let Some(other) = self.types.iter().find(|one| one.as_str() != VERIFICATION_SUMMARY) {
            return Err(PolicyError::NoSummary { predicate_type: other.to_string() });
        }
        self.summary = Some(Box::new(rules));
        match oldest {
            Oldest::Age(age) => self.max_age(age),
            Oldest::Unlimited => Ok(self),
        }
    }

    /// A condition that must be true of the statement; of several, each. Where the newest is judged, it is held against it
    /// alone (rules N1, Y5).
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// An error if a type that carries a result (a scan, a test result, a verification summary) is asked for and no rule
    /// looks at the result (rule Y6): of such a statement, one that failed counts like one that passed. For policy files; a
    /// person at a command line is told in the verdict.
    pub fn reads_results(&self) -> Result<(), PolicyError> {
        match self.types.iter().find(|one| Claims::of(one).has_result()) {
            Some(unread) if !self.reads_content() => {
                Err(PolicyError::ResultUnread { predicate_type: unread.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Whether any rule looks at what the statement says.
    pub(crate) fn reads_content(&self) -> bool {
        self.scan.as_ref().is_some_and(|rules| rules.limits_anything())
            || self.summary.is_some()
            || !self.conditions.is_empty()
    }

    /// The types that count, at least one, each once.
    pub fn types(&self) -> &[PredicateType] {
        &self.types
    }

    /// The keys, at least one, each once.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.terms.keys
    }

    /// How many distinct keys must have signed one statement.
    pub fn wanted(&self) -> usize {
        self.terms.wanted()
    }

    /// The annotations that the subject must have.
    pub fn wanted_annotations(&self) -> &BTreeMap<String, String> {
        &self.terms.annotations
    }

    /// The names that the subject may have.
    pub fn wanted_name(&self) -> &SignedFor {
        &self.terms.signed_for
    }

    /// The formats that count.
    pub fn formats(&self) -> &[Format] {
        &self.terms.formats
    }

    /// Whether an attestation about the index counts too.
    pub const fn inherits(&self) -> bool {
        self.inherit
    }

    /// The oldest that the statement may be.
    pub const fn oldest(&self) -> Option<SignedDuration> {
        self.max_age
    }

    /// What the scan must say, if anything is asked.
    pub fn scan_rules(&self) -> Option<&ScanRules> {
        self.scan.as_deref()
    }

    /// What a verification summary must say, if anything is asked.
    pub fn summary_rules(&self) -> Option<&VsaRules> {
        self.summary.as_deref()
    }

    /// The conditions on the statement.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the newest statement is judged, and it alone: if of one type a later statement takes an earlier one back,
    /// then among all types here.
    pub fn newest_counts(&self) -> bool {
        self.scan.is_some() || self.types.iter().any(|one| Claims::of(one).can_be_taken_back())
    }

    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The types in words: by their short names where they have one.
    pub(crate) fn describe_types(&self) -> String {
        let words =
            |one: &PredicateType| one.short_name().map_or(one.as_str(), |name| name.as_str()).to_owned();
        self.types.iter().map(words).collect::<Vec<_>>().join(" or ")
    }

    pub(super) fn describe(&self) -> String {
        let types = self.describe_types();
        let mut text =
            self.terms.describe(&format!("an attestation ({types})"), &format!("attestations ({types})"));
        if let Some(max_age) = self.max_age {
            text = format!("{text}, at most {} old", age_words(max_age));
        }
        if let Some(rules) = &self.scan {
            let rules = rules.describe();
            if !rules.is_empty() {
                text = format!("{text}, {rules}");
            }
        }
        if let Some(rules) = &self.summary {
            text = format!("{text}, {}", rules.describe());
        }
        for condition in &self.conditions {
            text = format!("{text}, where {}", condition.as_str());
        }
        if self.inherit {
            text.push_str(", of the image or of the index that lists it");
        }
        text
    }

    pub(super) fn resolved(&self) -> ResolvedAttestation<'_> {
        ResolvedAttestation {
            kind: "attestation",
            types: self.types.iter().map(PredicateType::as_str).collect(),
            terms: self.terms.resolved(),
            inherit: self.inherit,
            max_age_seconds: self.max_age.map(|age| age.as_secs()),
            max_age_nanoseconds: self.max_age.map(|age| age.subsec_nanos()),
            scan: self.scan.as_ref().map(|rules| rules.resolved()),
            summary: self.summary.as_ref().map(|rules| rules.resolved()),
            conditions: {
                let mut texts: Vec<_> = self.conditions.iter().map(Condition::as_str).collect();
                texts.sort_unstable();
                texts
            },
        }
    }
}

/// The requirement as the digest of a policy covers it.
#[derive(Serialize)]
pub(super) struct ResolvedAttestation<'a> {
    kind: &'static str,
    types: Vec<&'a str>,
    #[serde(flatten)]
    terms: ResolvedTerms<'a>,
    inherit: bool,
    max_age_seconds: Option<i64>,
    max_age_nanoseconds: Option<i32>,
    scan: Option<ResolvedScan<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<ResolvedSummary<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<&'a str>,
}
