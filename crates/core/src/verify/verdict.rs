//! The verdict: admit, refuse, or undecided, always with what was found.
//!
//! A refusal is a verdict and not an error; *undecided* means that we could not look and the rest did not
//! suffice (rule V1). A verdict is no bool, and nothing turns one kind into another (rule V3).

use jiff::Timestamp;
use serde::Serialize;

use super::finding::FindingJson;
use super::{Attestation, Finding, ImageSignature, Reason, Verified};
use crate::candidate::Origin;
use crate::digest::Digest;
use crate::key::KeyId;
use crate::policy::RulePlatforms;
use crate::reference::PinnedRef;

/// The name and version of the JSON form.
pub const VERDICT_SCHEMA: &str = "waxseal/verdict/v1";

/// What was decided about `T`: an image by its digest, or the digest of a blob.
///
/// ```compile_fail,E0308
/// fn gate(verdict: waxseal_core::Verdict) {
///     if verdict {} // three outcomes are no bool
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads decides nothing"]
#[non_exhaustive]
pub enum Verdict<T = PinnedRef> {
    /// What was asked for holds.
    Admit(Box<Admission<T>>),
    /// What was asked for does not hold.
    Refuse(Box<Report>),
    /// Something could not be read, and the rest did not suffice.
    Undecided(Box<Report>),
}

/// Why something was admitted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Admission<T> {
    /// On what ground.
    pub basis: Basis<T>,
    /// The signatures that counted.
    pub signatures: Vec<Verified<ImageSignature>>,
    /// The attestations that counted, once for each key that counted.
    pub attestations: Vec<Verified<Attestation>>,
    /// What was found.
    pub report: Report,
}

/// On what ground something was admitted (rule V2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Basis<T> {
    /// Every requirement is met by verified evidence.
    Verified(Verified<T>),
    /// The policy exempts it, for a reason and for a time. Nothing was looked at.
    Exempt {
        /// Why.
        reason: String,
        /// From when on it is exempt no longer.
        expires: Timestamp,
    },
    /// Only rules that warn apply, and at least one of them would have refused it.
    Warned,
    /// No rule applies, and the policy admits such images.
    Unmatched,
}

impl<T> Basis<T> {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Exempt { .. } => "exempt",
            Self::Warned => "warned",
            Self::Unmatched => "unmatched",
        }
    }
}

/// What was asked, and what was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The image or blob, as text.
    pub subject: String,
    /// The digest that was judged.
    pub digest: Digest,
    /// The name of the policy.
    pub policy: String,
    /// The digest of the resolved policy.
    pub policy_digest: Digest,
    /// The time at which it was judged.
    pub at: Timestamp,
    /// The present, if a past moment was judged (rule T2): revocations are judged at this time.
    pub looking_back_from: Option<Timestamp>,
    /// Each requirement in words, and whether it is met.
    pub requirements: Vec<RequirementReport>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Every object that was looked at, those that did not count and those that could not be read too.
    pub evidence: Vec<Origin>,
    /// What was not checked, by stable names: `transparency-log` (rule S10), `signed-name` (rule S9), `attested-result`
    /// (a scan or a verification summary counts, whatever it says).
    pub unchecked: Vec<&'static str>,
    /// What rules that only warn would have refused, or could not decide.
    pub warnings: Vec<Verdict>,
    /// Which images of an index were judged. Only the verifier sets it.
    pub(super) scope: RulePlatforms,
    /// The image and the digest of the policy, if signatures were asked for and every such requirement is met, whatever
    /// becomes of the others (rule P4). Only the verifier sets it.
    pub(super) signed: Option<(PinnedRef, Digest)>,
}

/// A requirement, and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequirementReport {
    /// The rule of a policy file that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The requirement in words.
    pub wanted: String,
    /// Whether it is met.
    pub met: bool,
    /// How many distinct keys counted.
    pub counted: usize,
    /// How many were wanted.
    pub threshold: usize,
}

impl Report {
    /// Whether signatures were asked for, and the very image that was judged met every such requirement: an index itself,
    /// and not only images that it lists (rule P4). Of several rules those that are enforced count.
    pub fn is_signed_itself(&self) -> bool {
        self.signed
            .as_ref()
            .is_some_and(|(pinned, policy)| *pinned.digest() == self.digest && *policy == self.policy_digest)
    }
}

impl<T> Verdict<T> {
    /// Which of the three it is.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Admit(_) => Outcome::Admit,
            Self::Refuse(_) => Outcome::Refuse,
            Self::Undecided(_) => Outcome::Undecided,
        }
    }

    /// What was asked, and what was found.
    pub const fn report(&self) -> &Report {
        match self {
            Self::Admit(admission) => &admission.report,
            Self::Refuse(report) | Self::Undecided(report) => report,
        }
    }

    /// On what ground it was admitted, if it was.
    pub const fn basis(&self) -> Option<&Basis<T>> {
        match self {
            Self::Admit(admission) => Some(&admission.basis),
            Self::Refuse(_) | Self::Undecided(_) => None,
        }
    }

    pub(super) const fn report_mut(&mut self) -> &mut Report {
        match self {
            Self::Admit(admission) => &mut admission.report,
            Self::Refuse(report) | Self::Undecided(report) => report,
        }
    }

    /// The verified subject, if it was admitted on verified evidence. Only this may be promoted, packed or
    /// counter-signed (rule V2).
    pub const fn verified(&self) -> Option<&Verified<T>> {
        match self {
            Self::Admit(admission) => match &admission.basis {
                Basis::Verified(verified) => Some(verified),
                Basis::Exempt { .. } | Basis::Warned | Basis::Unmatched => None,
            },
            Self::Refuse(_) | Self::Undecided(_) => None,
        }
    }

    /// The signatures that counted, none unless it was admitted.
    pub fn signatures(&self) -> &[Verified<ImageSignature>] {
        match self {
            Self::Admit(admission) => &admission.signatures,
            Self::Refuse(_) | Self::Undecided(_) => &[],
        }
    }

    /// The attestations that counted, none unless it was admitted.
    pub fn attestations(&self) -> &[Verified<Attestation>] {
        match self {
            Self::Admit(admission) => &admission.attestations,
            Self::Refuse(_) | Self::Undecided(_) => &[],
        }
    }

    /// The finding that came closest to what was asked for, if it was not admitted.
    pub fn nearest_miss(&self) -> Option<&Finding> {
        match self {
            Self::Admit(_) => None,
            Self::Undecided(report) => {
                report.findings.iter().find(|finding| finding.reason == Reason::Unreadable)
            }
            Self::Refuse(report) => {
                let misses = report
                    .findings
                    .iter()
                    .filter(|finding| !matches!(finding.reason, Reason::Accepted | Reason::Unreadable));
                // What missed a requirement that others have met is no reason for the refusal.
                let met = |at: usize| report.requirements.get(at).is_some_and(|requirement| requirement.met);
                misses.max_by_key(|finding| (!finding.requirement.is_some_and(met), finding.reason))
            }
        }
    }

    /// The verdict as JSON of the schema [`VERDICT_SCHEMA`].
    pub fn to_json(&self) -> String {
        let report = self.report();
        let json = Json {
            schema: VERDICT_SCHEMA,
            verdict: self.outcome().name(),
            basis: self.basis().map(Basis::name),
            exempt: match self.basis() {
                Some(Basis::Exempt { reason, expires }) => {
                    Some(ExemptJson { reason, expires: expires.to_string() })
                }
                _ => None,
            },
            subject: &report.subject,
            digest: &report.digest,
            policy: PolicyJson { name: &report.policy, digest: &report.policy_digest },
            time: report.at.to_string(),
            looking_back_from: report.looking_back_from.map(|present| present.to_string()),
            requirements: &report.requirements,
            signatures: self.signatures().iter().map(SignatureJson::from).collect(),
            attestations: self.attestations().iter().map(AttestationJson::from).collect(),
            nearest_miss: self.nearest_miss().map(FindingJson::from),
            warnings: report.warnings.iter().map(WarningJson::from).collect(),
            findings: report.findings.iter().map(FindingJson::from).collect(),
            unchecked: &report.unchecked,
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// The three outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// What was asked for holds.
    Admit,
    /// What was asked for does not hold.
    Refuse,
    /// Something could not be read, and the rest did not suffice.
    Undecided,
}

impl Outcome {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Refuse => "refuse",
            Self::Undecided => "undecided",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    schema: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<ExemptJson<'a>>,
    subject: &'a str,
    digest: &'a Digest,
    policy: PolicyJson<'a>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    looking_back_from: Option<String>,
    requirements: &'a [RequirementReport],
    signatures: Vec<SignatureJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attestations: Vec<AttestationJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<FindingJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningJson<'a>>,
    findings: Vec<FindingJson<'a>>,
    unchecked: &'a [&'static str],
}

#[derive(Serialize)]
struct ExemptJson<'a> {
    reason: &'a str,
    expires: String,
}

/// What a rule that only warns has said.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WarningJson<'a> {
    verdict: &'static str,
    requirements: &'a [RequirementReport],
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<FindingJson<'a>>,
    findings: Vec<FindingJson<'a>>,
}

impl<'a> From<&'a Verdict> for WarningJson<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        let report = verdict.report();
        Self {
            verdict: verdict.outcome().name(),
            requirements: &report.requirements,
            nearest_miss: verdict.nearest_miss().map(FindingJson::from),
            findings: report.findings.iter().map(FindingJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    name: &'a str,
    digest: &'a Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignatureJson<'a> {
    format: &'static str,
    digest: &'a Digest,
    key: &'a KeyId,
    key_name: &'a str,
    algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_for: Option<&'a str>,
    annotations: &'a std::collections::BTreeMap<String, serde_json::Value>,
}

impl<'a> From<&'a Verified<ImageSignature>> for SignatureJson<'a> {
    fn from(signature: &'a Verified<ImageSignature>) -> Self {
        Self {
            format: signature.format.name(),
            digest: &signature.digest,
            key: &signature.key,
            key_name: &signature.key_name,
            algorithm: signature.scheme.code(),
            signed_for: signature.name.as_deref(),
            annotations: &signature.annotations,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttestationJson<'a> {
    predicate_type: &'a str,
    format: &'static str,
    digest: &'a Digest,
    statement: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<String>,
    key: &'a KeyId,
    key_name: &'a str,
    algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_for: Option<&'a str>,
    annotations: &'a std::collections::BTreeMap<String, serde_json::Value>,
}

impl<'a> From<&'a Verified<Attestation>> for AttestationJson<'a> {
    fn from(attestation: &'a Verified<Attestation>) -> Self {
        Self {
            predicate_type: attestation.predicate_type.as_str(),
            format: attestation.format.name(),
            digest: &attestation.digest,
            statement: Digest::of(attestation.statement()),
            finished: attestation.finished.map(|time| time.to_string()),
            key: &attestation.key,
            key_name: &attestation.key_name,
            algorithm: attestation.scheme.code(),
            signed_for: attestation.name.as_deref(),
            annotations: &attestation.annotations,
        }
    }
}
