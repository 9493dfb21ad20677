//! Which rules an image is judged by.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Exemption, Mode, PolicySet, RulePlatforms, Unmatched};
use crate::digest::Digest;
use crate::policy::Policy;
use crate::reference::{PinnedRef, Repository};

/// The image, and where it is to run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Selector<'a> {
    pinned: &'a PinnedRef,
    namespace: Option<&'a str>,
    exemptions: bool,
    now: Timestamp,
}

impl<'a> Selector<'a> {
    /// An image at a time, in no namespace that is known.
    pub const fn new(pinned: &'a PinnedRef, now: Timestamp) -> Self {
        Self { pinned, namespace: None, exemptions: true, now }
    }

    /// The same image in a namespace.
    #[must_use]
    pub const fn namespace(mut self, namespace: Option<&'a str>) -> Self {
        self.namespace = namespace;
        self
    }

    /// The same image, with exemptions left out of account: what is promoted or packed must be verified (rule V2).
    #[must_use]
    pub const fn without_exemptions(mut self) -> Self {
        self.exemptions = false;
        self
    }
}

/// What a set says about one image: which of its rules apply. Only [`PolicySet::select`] makes one.
#[derive(Clone, Debug)]
pub struct Applied<'a> {
    pub(crate) set: &'a PolicySet,
    pub(crate) digest: Digest,
    pub(crate) name: Option<Repository>,
    pub(crate) exempt: Option<&'a Exemption>,
    pub(crate) expired: Vec<&'a Exemption>,
    pub(crate) groups: Vec<Group>,
    pub(crate) now: Timestamp,
}

/// Rules that are judged together: of one mode, over the same images of an index, with evidence in the same place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The requirements of all of them.
    pub policy: Policy,
    /// What becomes of an image that they refuse.
    pub mode: Mode,
    /// Which images of an index.
    pub platforms: RulePlatforms,
    /// Where evidence is read, if not beside the image.
    pub signature_repository: Option<Repository>,
}

impl PolicySet {
    /// Which rules apply to an image (rules Y1, Y2, Y4): all whose patterns match the name that it goes by.
    pub fn select(&self, image: &Selector<'_>) -> Applied<'_> {
        let digest = *image.pinned.digest();
        let name = image.pinned.repository().map(|place| self.known_as(place));
        let named = self
            .exemptions()
            .iter()
            .filter(|exemption| name.as_ref().is_some_and(|name| exemption.names(name, &digest)));
        let (expired, valid): (Vec<_>, Vec<_>) =
            named.partition(|exemption| exemption.has_expired(image.now));
        // Of several the one that holds longest: the order in which they stand decides nothing.
        let exempt = valid.into_iter().max_by_key(|exemption| (exemption.expires(), exemption.reason()));
        let exempt = exempt.filter(|_| image.exemptions);
        let mut groups: BTreeMap<_, Group> = BTreeMap::new();
        for rule in self.rules().iter().filter(|rule| rule.applies(name.as_ref(), image.namespace)) {
            let place = rule.signature_repository_of().cloned();
            let key = (rule.mode_of(), rule.platforms_of().clone(), place.clone());
            let policy = rule.policy().clone();
            let policy = if rule.is_everywhere() { policy } else { policy.of_rule(&rule.name()) };
            match groups.entry(key) {
                std::collections::btree_map::Entry::Occupied(mut group) => {
                    let group = group.get_mut();
                    group.policy = group.policy.clone().with(policy);
                }
                std::collections::btree_map::Entry::Vacant(place_for) => {
                    let policy = policy.named(self.name());
                    let (mode, platforms) = (rule.mode_of(), rule.platforms_of().clone());
                    place_for.insert(Group { policy, mode, platforms, signature_repository: place });
                }
            }
        }
        let groups = if exempt.is_some() { Vec::new() } else { groups.into_values().collect() };
        Applied { set: self, digest, name, exempt, expired, groups, now: image.now }
    }
}

impl Applied<'_> {
    /// The groups of rules that the image is judged by, each alone; none if it is exempt, or no rule applies.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The name that the rules see, if the image has one.
    pub const fn name(&self) -> Option<&Repository> {
        self.name.as_ref()
    }

    /// The exemption that admits the image.
    pub const fn exemption(&self) -> Option<&Exemption> {
        self.exempt
    }

    /// Exemptions that named the image and no longer apply.
    pub fn expired(&self) -> &[&Exemption] {
        &self.expired
    }

    /// What becomes of the image if no rule applies.
    pub const fn unmatched(&self) -> Unmatched {
        self.set.unmatched()
    }
}
