//! A verification summary held against the rules on its content (rule Y6).
//!
//! Whose it is and for which repository is looked at when it is selected: the newest of each verifier for each repository is
//! judged, and only here whether it passed, and what.

use super::{Finding, Reason};
use crate::digest::Digest;
use crate::policy::{RepositoryGlob, SignedFor, VsaRules};
use crate::predicate::summary::{PASSED, Summary};
use crate::reference::Repository;

/// Whether a summary is by a wanted verifier and for a wanted repository: what is not is not judged. `own` is where the image
/// is verified.
pub(super) fn wanted(summary: &Summary, rules: &VsaRules, own: Option<&Repository>) -> Result<(), Finding> {
    if !rules.verifiers.contains(&summary.verifier) {
        let expected = rules.verifiers.join(" or ");
        return Err(Finding::new(Reason::OtherVerifier).compared(expected, summary.verifier.clone()));
    }
    let repository = summary.repository();
    let (holds, expected) = match &rules.resource {
        SignedFor::Any => return Ok(()),
        SignedFor::Same => {
            let expected =
                own.map_or_else(|| "the name of the image, which has none".to_owned(), ToString::to_string);
            (own.is_some() && own == repository.as_ref(), expected)
        }
        SignedFor::Globs(globs) => {
            let expected = globs.iter().map(RepositoryGlob::as_str).collect::<Vec<_>>().join(" or ");
            (repository.as_ref().is_some_and(|name| globs.iter().any(|glob| glob.matches(name))), expected)
        }
    };
    if holds {
        Ok(())
    } else {
        Err(Finding::new(Reason::OtherResource).compared(expected, summary.resource.clone()))
    }
}

/// Whose it is, and for what: in which row the newest is looked for.
pub(super) fn maker(summary: &Summary, rules: &VsaRules) -> String {
    match (&rules.resource, summary.repository()) {
        (SignedFor::Any, _) => summary.verifier.clone(),
        (_, Some(repository)) => format!("{} for {repository}", summary.verifier),
        (_, None) => format!("{} for {}", summary.verifier, summary.resource),
    }
}

/// Why a summary that was selected is refused, nearest first; empty if it is not.
pub(super) fn objections(summary: &Summary, rules: &VsaRules) -> Vec<Finding> {
    let mut objections = Vec::new();
    if summary.result != PASSED {
        objections.push(Finding::new(Reason::VerificationFailed).compared(PASSED, summary.result.clone()));
    }
    if !rules.policy_digests.is_empty()
        && !summary.policy.iter().any(|digest| rules.policy_digests.contains(digest))
    {
        let all = |digests: &[Digest]| digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(" or ");
        let found = if summary.policy.is_empty() { "no digest".to_owned() } else { all(&summary.policy) };
        objections.push(Finding::new(Reason::OtherPolicy).compared(all(&rules.policy_digests), found));
    }
    for level in &rules.levels {
        if !summary.levels.iter().any(|verified| VsaRules::level_holds(level, verified)) {
            let found =
                if summary.levels.is_empty() { "no level".to_owned() } else { summary.levels.join(", ") };
            objections.push(Finding::new(Reason::LevelNotMet).compared(level.clone(), found));
        }
    }
    objections
}
