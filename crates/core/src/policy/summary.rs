//! What a verification summary must say (SLSA, `verification_summary/v1`): the rules on its content (rule Y6).

use serde::Serialize;

use super::{PolicyError, RepositoryGlob, SignedFor};
use crate::digest::Digest;

/// The predicate type to which these rules apply.
pub const VERIFICATION_SUMMARY: &str = "https://slsa.dev/verification_summary/v1";

/// The rules on the content of a verification summary: all of them must hold for the one that is judged. It must have passed
/// in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VsaRules {
    /// Only summaries by these verifiers are judged, by `verifier.id`, byte for byte. At least one.
    pub verifiers: Vec<String>,
    /// The policies that may have been met, by one of the digests in `policy.digest`; empty for any policy.
    pub policy_digests: Vec<Digest>,
    /// The repositories for which it may have been made, by `resourceUri`. One for another repository is not judged: what
    /// holds for one place says nothing of another.
    pub resource: SignedFor,
    /// What must be among `verifiedLevels`. Of SLSA's own, a higher level of the same track holds too.
    pub levels: Vec<String>,
}

impl VsaRules {
    /// A summary that passed, by one of these verifiers, against any policy, for any resource.
    pub const fn by(verifiers: Vec<String>) -> Self {
        Self { verifiers, policy_digests: Vec::new(), resource: SignedFor::Any, levels: Vec::new() }
    }

    /// Refuses rules that cannot be meant.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let no = |field, why| Err(PolicyError::SummaryRule { field, why });
        let empty = |texts: &[String]| texts.iter().any(|text| text.trim().is_empty());
        if self.verifiers.is_empty() {
            return no("verifiers", "nobody's summary would count: name at least one verifier");
        }
        if empty(&self.verifiers) {
            return no("verifiers", "a verifier without an id");
        }
        if empty(&self.levels) {
            return no("levels", "an empty level");
        }
        if matches!(&self.resource, SignedFor::Globs(globs) if globs.is_empty()) {
            return no("resource", "no pattern, which nothing matches");
        }
        Ok(())
    }

    /// Whether a level that was verified is the wanted one, or a higher one of the same SLSA track.
    pub(crate) fn level_holds(wanted: &str, verified: &str) -> bool {
        fn track(level: &str) -> Option<(&str, u32)> {
            let (track, number) = level.strip_prefix("SLSA_")?.rsplit_once("_LEVEL_")?;
            Some((track, number.parse().ok()?))
        }
        wanted == verified
            || matches!((track(wanted), track(verified)), (Some((wanted, least)), Some((verified, number)))
                if wanted == verified && number >= least)
    }

    pub(super) fn describe(&self) -> String {
        let mut text = format!("verified by {}", self.verifiers.join(" or "));
        if !self.policy_digests.is_empty() {
            let digests: Vec<_> = self.policy_digests.iter().map(Digest::short).collect();
            text = format!("{text} against the policy {}", digests.join(" or "));
        }
        match &self.resource {
            SignedFor::Any => {}
            SignedFor::Same => text.push_str(" for the image's own repository"),
            SignedFor::Globs(globs) => {
                let globs: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
                text = format!("{text} for {}", globs.join(" or "));
            }
        }
        if !self.levels.is_empty() {
            text = format!("{text}, at {}", self.levels.join(" and "));
        }
        text
    }

    pub(super) fn resolved(&self) -> ResolvedSummary<'_> {
        ResolvedSummary {
            verifiers: sorted(&self.verifiers),
            policy_digests: {
                let mut digests: Vec<_> = self.policy_digests.iter().map(Digest::to_string).collect();
                digests.sort_unstable();
                digests
            },
            resource: self.resource.resolved(),
            levels: sorted(&self.levels),
        }
    }
}

fn sorted(texts: &[String]) -> Vec<&str> {
    let mut texts: Vec<_> = texts.iter().map(String::as_str).collect();
    texts.sort_unstable();
    texts
}

/// The rules as the digest of a policy covers them.
#[derive(Serialize)]
pub(super) struct ResolvedSummary<'a> {
    verifiers: Vec<&'a str>,
    policy_digests: Vec<String>,
    resource: Vec<&'a str>,
    levels: Vec<&'a str>,
}
