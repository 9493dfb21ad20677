//! Rules and what they require.

use super::super::check;
use super::super::document::{At, Requirement, Rule};
use super::super::problem::ProblemCode;
use super::{Field, Reader, reason};
use crate::policy::{Mode, NamespaceGlob, RulePlatforms, SignedFor};
use crate::reference::Repository;

impl Reader<'_> {
    pub(super) fn rule(&mut self, at: &Field) -> At<Rule> {
        let mut namespaces = Vec::new();
        for item in self.items(at, "namespaces") {
            let read = |text: &str| text.parse::<NamespaceGlob>().map_err(|error| reason(&error));
            namespaces.extend(self.parsed(&item, ProblemCode::Namespace, read));
        }
        let require = self.items(at, "require");
        let rule = Rule {
            name: self.member_text(at, "name").map(ToOwned::to_owned),
            images: self.patterns(at, "images"),
            namespaces,
            mode: if self.member_text(at, "mode") == Some("warn") { Mode::Warn } else { Mode::Enforce },
            platforms: self.platforms(at),
            signature_repository: self.member_parsed(
                at,
                "signatureRepository",
                ProblemCode::Repository,
                |text| {
                    text.parse::<Repository>().map_err(|error| format!("{:?}: {error}", check::shown(text)))
                },
            ),
            require: require.iter().filter_map(|item| self.requirement(item)).collect(),
        };
        self.placed(at, rule)
    }

    fn platforms(&mut self, of: &Field) -> RulePlatforms {
        let Some(at) = self.member(of, "platforms") else { return RulePlatforms::Index };
        match self.text(&at) {
            Some("all") => RulePlatforms::All,
            Some(_) => RulePlatforms::Index,
            None => {
                let mut listed = Vec::new();
                for item in self.list(&at) {
                    let read = |text: &str| {
                        text.parse().map_err(|_| format!("{:?} is no platform", check::shown(text)))
                    };
                    let Some(platform) = self.parsed(&item, ProblemCode::Platform, read) else { continue };
                    if listed.contains(&platform) {
                        self.problem(ProblemCode::Platform, &item, "this platform stands here twice");
                    } else {
                        listed.push(platform);
                    }
                }
                RulePlatforms::Listed(listed)
            }
        }
    }

    fn requirement(&mut self, item: &Field) -> Option<At<Requirement>> {
        if let Some(at) = self.member(item, "signature") {
            let requirement = self.terms(&at);
            return Some(self.placed(&at, requirement));
        }
        let at = self.member(item, "attestation")?;
        let mut requirement = self.terms(&at);
        requirement.attestation = Some(Box::new(self.attestation(&at)));
        Some(self.placed(&at, requirement))
    }

    /// What signatures and attestations have in common.
    fn terms(&mut self, at: &Field) -> Requirement {
        let by = self.by(at);
        let named = self.items(at, "by").len();
        let threshold = self.member(at, "threshold").and_then(|field| {
            let wanted: usize = self.text(&field)?.parse().ok()?;
            // Names that are none have been told: how many keys there are is not known then.
            if (wanted == 0 || wanted > by.len()) && named == by.len() {
                let message = format!("{wanted} of {} key(s), expected 1 to {}", by.len(), by.len());
                self.problem(ProblemCode::Threshold, &field, message);
            }
            Some(wanted)
        });
        Requirement {
            by,
            threshold,
            annotations: self.annotations(at),
            signed_for: self.names(at, "signedFor"),
            attestation: None,
        }
    }

    /// Names under which something may have been signed.
    pub(super) fn names(&mut self, of: &Field, member: &str) -> Option<SignedFor> {
        let at = self.member(of, member)?;
        Some(match self.text(&at) {
            Some("same") => SignedFor::Same,
            Some(_) => SignedFor::Any,
            None => {
                let globs = self.patterns(of, member);
                SignedFor::Globs(globs.into_iter().map(|glob| glob.value).collect())
            }
        })
    }
}
