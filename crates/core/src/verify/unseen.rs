//! What is said of something that could not even be looked at: it has no digest, so that there is no verdict over one, and
//! yet a record must not be silent about it (rules V1, V4).

use jiff::Timestamp;
use serde::Serialize;

use super::finding::FindingJson;
use super::{Finding, Outcome, Reason, RequirementReport, VERDICT_SCHEMA};
use crate::digest::Digest;
use crate::policy::{Policy, PolicySet, Rule};
use crate::reference::Repository;

/// Something that was to be judged and could not be looked at. It is undecided, and can be nothing else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unseen {
    /// What was to be judged, as a person named it.
    pub subject: String,
    /// The name of the policy.
    pub policy: String,
    /// The digest of the resolved policy.
    pub policy_digest: Digest,
    /// The time at which it was to be judged.
    pub at: Timestamp,
    /// Each requirement in words; none of them is met.
    pub requirements: Vec<RequirementReport>,
    /// Why it could not be looked at.
    pub finding: Finding,
}

impl Unseen {
    /// What is said of `subject`. `code` and `message` are of the error that stood in the way; the message may come from
    /// outside.
    pub fn new(subject: &str, code: &str, message: &str, policy: &Policy, now: Timestamp) -> Self {
        let finding = Finding::new(Reason::Unreadable).found(format!("{code}: {message}"));
        Self {
            subject: subject.to_owned(),
            policy: policy.name().to_owned(),
            policy_digest: policy.digest(),
            at: now,
            requirements: unmet(policy, None).collect(),
            finding,
        }
    }

    /// The same by a policy file; `place` is the repository that `subject` names, if it is one.
    pub fn by(
        subject: &str,
        code: &str,
        message: &str,
        set: &PolicySet,
        place: Option<&Repository>,
        now: Timestamp,
    ) -> Self {
        let finding = Finding::new(Reason::Unreadable).found(format!("{code}: {message}"));
        let name = place.map(|place| set.known_as(place));
        let rules = set.rules().iter().filter(|rule| rule.applies(name.as_ref(), None));
        let everywhere = set.rules().iter().all(|rule| rule.images().is_none());
        let named = |rule: &Rule| (!everywhere).then(|| rule.name());
        Self {
            subject: subject.to_owned(),
            policy: set.name().to_owned(),
            policy_digest: set.digest(),
            at: now,
            requirements: rules.flat_map(|rule| unmet(rule.policy(), named(rule))).collect(),
            finding,
        }
    }

    /// The same as JSON of the schema [`VERDICT_SCHEMA`], without a `digest`.
    pub fn to_json(&self) -> String {
        let json = Json {
            schema: VERDICT_SCHEMA,
            verdict: Outcome::Undecided.name(),
            subject: &self.subject,
            policy: PolicyJson { name: &self.policy, digest: &self.policy_digest },
            time: self.at.to_string(),
            requirements: &self.requirements,
            signatures: [],
            nearest_miss: FindingJson::from(&self.finding),
            findings: [FindingJson::from(&self.finding)],
            unchecked: [],
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// The requirements of a policy, none of them met.
fn unmet(policy: &Policy, rule: Option<String>) -> impl Iterator<Item = RequirementReport> {
    policy.requirements().iter().map(move |requirement| RequirementReport {
        rule: rule.clone(),
        wanted: requirement.describe(),
        met: false,
        counted: 0,
        threshold: requirement.terms().wanted(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    schema: &'static str,
    verdict: &'static str,
    subject: &'a str,
    policy: PolicyJson<'a>,
    time: String,
    requirements: &'a [RequirementReport],
    signatures: [(); 0],
    nearest_miss: FindingJson<'a>,
    findings: [FindingJson<'a>; 1],
    unchecked: [(); 0],
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    name: &'a str,
    digest: &'a Digest,
}
