//! What a scan must say.

use super::super::check;
use super::super::document::{At, Scan, Vex};
use super::super::problem::ProblemCode;
use super::{Field, Reader, age};
use crate::policy::{
    GracePeriod, GraceStart, IgnoreRule, LicenseRules, ScanRules, ScannerRule, SecretRule, SeveritySource,
};
use crate::scan::Severity;

impl Reader<'_> {
    pub(super) fn scan(&mut self, at: &Field) -> At<Scan> {
        let mut rules = ScanRules::new();
        rules.scanners = self.items(at, "scanners").iter().map(|item| self.scanner(item)).collect();
        rules.max_severity = self.member_text(at, "maxSeverity").map(Severity::parse);
        if let Some(word) = self.member_text(at, "unknownSeverityAs") {
            rules.unknown_severity_as = Severity::parse(word);
        }
        if let Some(word) = self.member_text(at, "severitySource") {
            rules.severity_source = SeveritySource::parse(word).unwrap_or_default();
        }
        if let Some(counts) = self.member(at, "maxCount") {
            let number =
                |(word, most): (&str, Field)| Some((Severity::parse(word), self.text(&most)?.parse().ok()?));
            rules.max_count = self.members(&counts).into_iter().filter_map(number).collect();
        }
        rules.only_fixable = self.flag(at, "onlyFixable", false);
        rules.only_applicable = self.flag(at, "onlyApplicable", false);
        let mut ignore = Vec::new();
        for item in self.items(at, "ignore") {
            if let Some(rule) = self.ignore(&item) {
                rules.ignore.push(rule);
                ignore.push(self.tree.at(item.id));
            }
        }
        rules.deny_ids = self.texts(at, "denyIds");
        rules.licenses = self.member(at, "licenses").map(|field| self.licenses(&field));
        rules.deny_malicious = self.flag(at, "denyMalicious", true);
        rules.secrets = self.member(at, "secrets").and_then(|field| {
            Some(SecretRule::at_most(self.number(&field, "max")?, self.flag(&field, "onlyActive", false)))
        });
        rules.max_db_age = self.member_parsed(at, "maxDbAge", ProblemCode::Age, |text| {
            age(text)
                .ok_or_else(|| format!("expected an age as 12h, 7d or 2w, found {:?}", check::shown(text)))
        });
        rules.require_complete = self.flag(at, "requireComplete", true);
        if let Some(least) = self.number(at, "minComponents") {
            rules.min_components = least;
        }
        rules.watches = self.texts(at, "watches");
        rules.require_no_fail_build_violation = self.flag(at, "requireNoFailBuildViolation", false);
        rules.grace_period = self.member(at, "gracePeriod").and_then(|field| {
            let days = u32::try_from(self.number(&field, "days")?).ok()?;
            Some(GracePeriod::new(
                days,
                match self.member_text(&field, "basedOn")? {
                    "published" => GraceStart::Published,
                    _ => GraceStart::FixAvailable,
                },
            ))
        });
        if let Err(error) = rules.check() {
            self.problem(ProblemCode::ScanRule, at, error.to_string());
        } else if !rules.limits_anything() {
            // Rule Y6: what only says how findings are counted refuses none of them.
            let message = "these rules say how findings are counted, and limit none of them: add maxSeverity, maxCount, denyIds, licenses, secrets or watches";
            self.problem(ProblemCode::ResultWithoutRule, at, message);
        }
        let vex = self.items(at, "vex").iter().map(|item| self.vex(item)).collect();
        self.placed(at, Scan { rules, ignore, vex })
    }

    fn scanner(&self, at: &Field) -> ScannerRule {
        let rule = ScannerRule::new(self.owned(at, "name"));
        match self.member_text(at, "minVersion") {
            Some(version) => rule.from_version(version),
            None => rule,
        }
    }

    fn ignore(&mut self, at: &Field) -> Option<IgnoreRule> {
        let expires = self.expiry(at)?;
        let image = self.member(at, "image").and_then(|field| self.pattern(&field));
        let mut rule = match IgnoreRule::new(self.owned(at, "id"), self.owned(at, "reason"), expires) {
            Ok(rule) => rule,
            Err(error) => {
                self.problem(ProblemCode::ScanRule, at, error.to_string());
                return None;
            }
        };
        if let Some(package) = self.member_text(at, "package") {
            rule = rule.package(package);
        }
        if let Some(image) = image {
            rule = rule.image(image.value);
        }
        if let Some(layer) = self.member_text(at, "layer") {
            rule = rule.layer(layer);
        }
        Some(rule)
    }

    fn licenses(&self, at: &Field) -> LicenseRules {
        let mut rules = LicenseRules::allow(self.texts(at, "allow"));
        rules.deny = self.texts(at, "deny");
        rules.allow_unknown = self.flag(at, "allowUnknown", false);
        rules.any_of = self.flag(at, "anyOf", false);
        rules
    }

    fn vex(&mut self, at: &Field) -> At<Vex> {
        let by = self.by(at);
        let justifications = self.texts(at, "justifications");
        self.placed(at, Vex { by, justifications })
    }
}
