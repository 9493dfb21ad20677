//! What a scan must say, from flags.

use waxseal_core::TrustedKey;
use waxseal_core::policy::{
    GracePeriod, GraceStart, IgnoreRule, LicenseRules, ScanRules, ScannerRule, SecretRule, SeveritySource,
    VexRule,
};
use waxseal_core::scan::Severity;

use crate::args::Age;
use crate::args::scan_rules::ScanRuleArgs;
use crate::fault::Fault;

impl ScanRuleArgs {
    /// The rules; none where nothing is asked of what the scan says. `vex` are the keys of `--vex-key`.
    pub(crate) fn rules(&self, vex: Vec<TrustedKey>) -> Result<Option<ScanRules>, Fault> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut rules = ScanRules::new();
        rules.max_severity =
            self.max_severity.as_deref().map(|text| severity("--max-severity", text)).transpose()?;
        if let Some(text) = &self.unknown_severity_as {
            rules.unknown_severity_as = severity("--unknown-severity-as", text)?;
        }
        if let Some(found) = &self.severity_source {
            rules.severity_source = SeveritySource::parse(found).ok_or_else(|| {
                Fault::usage(format!("--severity-source {found}: expected scanner, research, cvss3 or max"))
            })?;
        }
        for text in &self.max_count {
            let (word, most) = text
                .split_once('=')
                .and_then(|(word, most)| Some((word, most.parse().ok()?)))
                .ok_or_else(|| {
                    Fault::usage(format!("--max-count {text}: expected a severity and a number, as High=3"))
                })?;
            if rules.max_count.insert(severity("--max-count", word)?, most).is_some() {
                return Err(Fault::usage(format!("--max-count {text}: this severity is given twice")));
            }
        }
        rules.only_fixable = self.only_fixable;
        rules.only_applicable = self.only_applicable;
        rules.ignore = self.ignore.iter().map(|text| ignore(text)).collect::<Result<_, _>>()?;
        rules.deny_ids.clone_from(&self.deny_id);
        rules.licenses = self.licenses()?;
        rules.deny_malicious = !self.allow_malicious;
        rules.secrets = self.max_secrets.map(|most| SecretRule::at_most(most, self.only_active_secrets));
        rules.max_db_age = self.max_db_age.map(|Age(age)| age);
        rules.require_complete = !self.allow_incomplete;
        if let Some(least) = self.min_components {
            rules.min_components = least;
        }
        rules.scanners = self.scanner.iter().map(|text| scanner(text)).collect();
        rules.watches.clone_from(&self.watch);
        rules.require_no_fail_build_violation = self.no_fail_build_violation;
        if !vex.is_empty() {
            let rule = VexRule::by(vex, self.vex_justification.clone()).map_err(waxseal::Error::from)?;
            rules.vex = vec![rule];
        }
        rules.grace_period = self.grace.as_deref().map(grace).transpose()?;
        // Rule Y6: what only says how findings are counted refuses none of them.
        if !rules.limits_anything() {
            return Err(Fault::usage("these scan options say how findings are counted, and limit none of them").hint(
                "say what may stand: --max-severity, --max-count, --deny-id, --max-secrets, licences or --watch",
            ));
        }
        Ok(Some(rules))
    }

    fn is_empty(&self) -> bool {
        let lists = [
            &self.max_count,
            &self.ignore,
            &self.deny_id,
            &self.allow_license,
            &self.deny_license,
            &self.scanner,
            &self.watch,
            &self.vex_justification,
        ];
        let words = [&self.max_severity, &self.grace, &self.unknown_severity_as, &self.severity_source];
        let switches = [
            self.only_fixable,
            self.only_applicable,
            self.allow_malicious,
            self.allow_incomplete,
            self.no_fail_build_violation,
            self.allow_unknown_license,
            self.any_license_of,
            self.max_secrets.is_some(),
            self.max_db_age.is_some(),
            self.min_components.is_some(),
        ];
        lists.into_iter().all(Vec::is_empty)
            && words.into_iter().all(Option::is_none)
            && !switches.contains(&true)
    }

    fn licenses(&self) -> Result<Option<LicenseRules>, Fault> {
        let mut rules = match (self.allow_license.is_empty(), self.deny_license.is_empty()) {
            (true, true) if self.allow_unknown_license || self.any_license_of => {
                return Err(Fault::usage(
                    "--allow-unknown-license and --any-license-of say how licences are read: name some by \
                     --allow-license or --deny-license",
                ));
            }
            (true, true) => return Ok(None),
            (false, _) => LicenseRules::allow(self.allow_license.clone()),
            (true, false) => LicenseRules::deny(self.deny_license.clone()),
        };
        rules.allow_unknown = self.allow_unknown_license;
        rules.any_of = self.any_license_of;
        Ok(Some(rules))
    }
}

/// A severity by its exact name: a word that nobody knows is a mistake here, and not `Unknown`.
fn severity(flag: &str, text: &str) -> Result<Severity, Fault> {
    let all = [Severity::OF_FINDINGS.as_slice(), &[Severity::None]].concat();
    all.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        Fault::usage(format!(
            "{flag} {text}: expected Critical, High, Medium, Low, Unknown, Information or None"
        ))
    })
}

fn ignore(text: &str) -> Result<IgnoreRule, Fault> {
    let mut parts = text.splitn(3, ',').map(str::trim);
    let (Some(id), Some(day), Some(reason)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Fault::usage(format!(
            "--ignore {text}: expected ID,DAY,REASON, as CVE-2026-1234,2026-12-31,not reachable"
        )));
    };
    IgnoreRule::expiry(day)
        .and_then(|expires| IgnoreRule::new(id, reason, expires))
        .map_err(|error| Fault::usage(format!("--ignore {text}: {error}")))
}

fn scanner(text: &str) -> ScannerRule {
    match text.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => ScannerRule::new(name).from_version(version),
        _ => ScannerRule::new(text),
    }
}

fn grace(text: &str) -> Result<GracePeriod, Fault> {
    let read = text.split_once(',').and_then(|(days, since)| {
        let since = match since {
            "published" => GraceStart::Published,
            "fixAvailable" => GraceStart::FixAvailable,
            _ => return None,
        };
        Some(GracePeriod::new(days.parse().ok()?, since))
    });
    read.ok_or_else(|| {
        Fault::usage(format!(
            "--grace {text}: expected days and since when, as 14,published or 7,fixAvailable"
        ))
    })
}
