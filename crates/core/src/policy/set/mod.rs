//! A policy file, resolved: rules for images by the names that they go by, exceptions from them, and what becomes of images
//! that no rule knows.
//!
//! The set says which rules an image is judged by (rules Y1, Y2, Y4); each rule's requirements are a [`Policy`], which
//! [`crate::Verifier`] holds against evidence. Nothing here reads a file or a key: whoever loads the text brings keys.

mod exemption;
mod mirror;
mod namespace;
mod rule;
mod select;

use jiff::Timestamp;
use serde::Serialize;

pub use exemption::Exemption;
pub use mirror::Mirror;
pub use namespace::NamespaceGlob;
pub use rule::{Mode, Rule, RulePlatforms};
pub use select::{Applied, Group, Selector};

use super::{Policy, PolicyError};
use crate::digest::Digest;
use crate::limits::{POLICY_EXEMPTIONS, POLICY_MIRRORS, POLICY_RULES};
use crate::reference::Repository;

/// A resolved policy file. It has at least one rule.
///
/// ```compile_fail,E0277
/// fn default<T: Default>() {}
/// default::<waxseal_core::policy::PolicySet>(); // nobody trusts by default
/// ```
#[derive(Clone, Debug)]
pub struct PolicySet {
    name: String,
    rules: Vec<Rule>,
    exemptions: Vec<Exemption>,
    mirrors: Vec<Mirror>,
    unmatched: Unmatched,
    serial: Option<u64>,
}

/// What becomes of an image that no rule applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmatched {
    /// It is refused.
    #[default]
    Refuse,
    /// It is admitted, unverified, with a warning.
    Warn,
    /// It is admitted, unverified.
    Admit,
}

impl Unmatched {
    /// The word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
            Self::Admit => "admit",
        }
    }
}

impl PolicySet {
    /// A set in the making.
    #[expect(clippy::new_ret_no_self, reason = "a set without a rule cannot be built")]
    pub fn new(name: impl Into<String>) -> PolicySetBuilder {
        PolicySetBuilder {
            set: Self {
                name: name.into(),
                rules: Vec::new(),
                exemptions: Vec::new(),
                mirrors: Vec::new(),
                unmatched: Unmatched::Refuse,
                serial: None,
            },
        }
    }

    /// One enforcing rule for every image, whatever it is called and whether it has a name: what the flags of a command
    /// line ask for.
    pub fn everywhere(policy: Policy) -> Self {
        Self {
            name: policy.name().to_owned(),
            rules: vec![Rule::everywhere(policy)],
            exemptions: Vec::new(),
            mirrors: Vec::new(),
            unmatched: Unmatched::Refuse,
            serial: None,
        }
    }

    /// The same set, with these images of each index judged, whatever the rules said.
    #[must_use]
    pub fn with_platforms(mut self, platforms: &RulePlatforms) -> Self {
        self.rules = self.rules.into_iter().map(|rule| rule.platforms(platforms.clone())).collect();
        self
    }

    /// The name, for output.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules, at least one.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The images that are admitted without being looked at.
    pub fn exemptions(&self) -> &[Exemption] {
        &self.exemptions
    }

    /// The names that rules see for other places.
    pub fn mirrors(&self) -> &[Mirror] {
        &self.mirrors
    }

    /// What becomes of an image that no rule applies to.
    pub const fn unmatched(&self) -> Unmatched {
        self.unmatched
    }

    /// The number that grows with each version of the policy, if it has one (rule Y7).
    pub const fn serial(&self) -> Option<u64> {
        self.serial
    }

    /// The name that rules see for a place: that of the longest mirror prefix which it begins with, else its own (rule Y4).
    pub fn known_as(&self, place: &Repository) -> Repository {
        let longest =
            self.mirrors.iter().filter_map(|mirror| Some((mirror.from().len(), mirror.map(place)?)));
        longest.max_by_key(|(length, _)| *length).map_or_else(|| place.clone(), |(_, name)| name)
    }

    /// The digest of the resolved policy: key ids instead of files, defaults written out (rule Y3). Names are not part of
    /// it, nor is the order in which rules, exemptions and mirrors stand.
    pub fn digest(&self) -> Digest {
        let plain = self.exemptions.is_empty() && self.mirrors.is_empty() && self.serial.is_none();
        if let [rule] = self.rules.as_slice()
            && rule.is_everywhere()
            && *rule.platforms_of() == RulePlatforms::Index
            && plain
        {
            return rule.policy().digest();
        }
        let resolved = Resolved {
            rules: sorted(self.rules.iter().map(Rule::resolved)),
            exemptions: sorted(self.exemptions.iter().map(Exemption::resolved)),
            mirrors: sorted(self.mirrors.iter().map(|mirror| (mirror.from(), mirror.to()))),
            unmatched: self.unmatched.as_str(),
            serial: self.serial,
        };
        Digest::of(serde_json::to_vec(&resolved).unwrap_or_default())
    }
}

/// Each value as JSON, in an order that does not depend on theirs.
fn sorted<T: Serialize>(values: impl Iterator<Item = T>) -> Vec<String> {
    let mut texts: Vec<_> = values.map(|value| serde_json::to_string(&value).unwrap_or_default()).collect();
    texts.sort_unstable();
    texts
}

/// A set as its digest covers it.
#[derive(Serialize)]
struct Resolved {
    rules: Vec<String>,
    exemptions: Vec<String>,
    mirrors: Vec<String>,
    unmatched: &'static str,
    serial: Option<u64>,
}

/// A [`PolicySet`] in the making.
#[derive(Clone, Debug)]
#[must_use = "a set in the making decides nothing"]
pub struct PolicySetBuilder {
    set: PolicySet,
}

impl PolicySetBuilder {
    /// One rule more.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.set.rules.push(rule);
        self
    }

    /// One exemption more.
    pub fn exempt(mut self, exemption: Exemption) -> Self {
        self.set.exemptions.push(exemption);
        self
    }

    /// One mirror more.
    pub fn mirror(mut self, mirror: Mirror) -> Self {
        self.set.mirrors.push(mirror);
        self
    }

    /// What becomes of images that no rule applies to: without this, they are refused.
    pub const fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.set.unmatched = unmatched;
        self
    }

    /// The number that grows with each version of the policy.
    pub const fn serial(mut self, serial: u64) -> Self {
        self.set.serial = Some(serial);
        self
    }

    /// The set. It needs a rule, and no place may have two names.
    pub fn build(self) -> Result<PolicySet, PolicyError> {
        let set = self.set;
        let most = [
            ("rules", set.rules.len(), POLICY_RULES),
            ("exempt", set.exemptions.len(), POLICY_EXEMPTIONS),
            ("mirrors", set.mirrors.len(), POLICY_MIRRORS),
        ];
        if let Some((field, count, limit)) = most.into_iter().find(|(_, count, limit)| count > limit) {
            return Err(PolicyError::TooMany { field, count, limit });
        }
        if set.rules.is_empty() {
            return Err(PolicyError::NoRule);
        }
        for (at, mirror) in set.mirrors.iter().enumerate() {
            if set.mirrors.iter().take(at).any(|before| before.from() == mirror.from()) {
                return Err(PolicyError::Mirror {
                    text: mirror.from().to_owned(),
                    why: "it stands there twice: a place has one name",
                });
            }
        }
        Ok(set)
    }
}

/// Whether an entry that ends at `expires` no longer applies.
pub(super) fn has_expired(expires: Timestamp, now: Timestamp) -> bool {
    now >= expires
}
