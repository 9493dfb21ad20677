//! Whose evidence is taken along, and whose word counts for which condition.

use waxseal_core::policy::Requirement;
use waxseal_core::scan::foreign::SCAN_TYPES;
use waxseal_core::{KeyId, Policy, TrustedKey};

use super::facts::SBOM_TYPES;

/// The keys of a policy, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// Every key, those of VEX documents too.
    all: Vec<TrustedKey>,
    /// The keys that the policy names for scans.
    scans: Vec<TrustedKey>,
    /// The keys that the policy names for lists of components.
    components: Vec<TrustedKey>,
}

impl Keys {
    pub(super) fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut keys = Self::default();
        for requirement in policies.into_iter().flat_map(Policy::requirements) {
            extend(&mut keys.all, requirement.keys());
            let Requirement::Attestation(wanted) = requirement else { continue };
            let of = |types: &[&str]| wanted.types().iter().any(|one| types.contains(&one.as_str()));
            if wanted.scan_rules().is_some() || of(&SCAN_TYPES) {
                extend(&mut keys.scans, requirement.keys());
            }
            if of(&SBOM_TYPES) {
                extend(&mut keys.components, requirement.keys());
            }
            for rule in wanted.scan_rules().map(|rules| rules.vex.as_slice()).unwrap_or_default() {
                extend(&mut keys.all, rule.requirement().keys());
            }
        }
        keys
    }

    /// Every key.
    pub(super) fn all(&self) -> &[TrustedKey] {
        &self.all
    }

    /// The keys of scans: those that the policy names for scans; where it names none, every key.
    pub(super) fn of_scans(&self) -> Vec<TrustedKey> {
        if self.scans.is_empty() { self.all.clone() } else { self.scans.clone() }
    }

    /// The keys of lists of components: those that the policy names for them; where it names none, every key.
    pub(super) fn of_components(&self) -> Vec<TrustedKey> {
        if self.components.is_empty() { self.all.clone() } else { self.components.clone() }
    }
}

fn extend(keys: &mut Vec<TrustedKey>, more: &[TrustedKey]) {
    for key in more {
        let id: KeyId = key.key().id();
        if keys.iter().all(|known| known.key().id() != id) {
            keys.push(key.clone());
        }
    }
}
