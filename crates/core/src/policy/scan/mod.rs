//! What a scan must say: the rules on the content of a scan attestation.
//!
//! Every default refuses: incomplete scans, scans that looked at nothing, malicious packages. What takes a finding away
//! (an ignore rule, a fix that is missing, a VEX statement, time to mend) is written down here with its reason, and takes
//! away nothing else. This module holds what is wanted; [`crate::verify`] judges.

mod ignore;
mod license;
mod vex;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;

pub use ignore::IgnoreRule;
pub use license::LicenseRules;
pub use vex::VexRule;

use super::PolicyError;
use crate::scan::Severity;

/// The rules on the content of a scan: all of them must hold for the scan that is judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the policy of its own")]
pub struct ScanRules {
    /// Only scans by these scanners are judged; empty for any scanner (rule N4).
    pub scanners: Vec<ScannerRule>,
    /// The worst severity that a vulnerability may have.
    pub max_severity: Option<Severity>,
    /// What [`Severity::Unknown`] counts as: [`Severity::High`] unless somebody says otherwise (rule N6).
    pub unknown_severity_as: Severity,
    /// Whose severity counts.
    pub severity_source: SeveritySource,
    /// How many vulnerabilities of a severity there may be. A vulnerability counts once, in whatever number of packages.
    pub max_count: BTreeMap<Severity, u64>,
    /// Only vulnerabilities with a fix count.
    pub only_fixable: bool,
    /// Vulnerabilities that the scanner calls not applicable do not count; the scan must have looked.
    pub only_applicable: bool,
    /// Vulnerabilities that do not count, for a reason and for a time.
    pub ignore: Vec<IgnoreRule>,
    /// Vulnerabilities, by id or alias, that are refused whatever else takes them away.
    pub deny_ids: Vec<String>,
    /// The licences that packages may have.
    pub licenses: Option<LicenseRules>,
    /// Malicious packages are refused. Only an ignore rule takes one away.
    pub deny_malicious: bool,
    /// How many secrets there may be.
    pub secrets: Option<SecretRule>,
    /// The oldest that the scanner's database may be.
    pub max_db_age: Option<SignedDuration>,
    /// The scan must be complete and not filtered. One that failed, is pending or never ran is refused in any case.
    pub require_complete: bool,
    /// How many components the scanner must have looked at; 0 where nobody needs to know.
    pub min_components: u64,
    /// The scanner's own policies: only violations that these watches saw; empty for all watches.
    pub watches: Vec<String>,
    /// The scanner's own policies: no violation that fails a build. Without this, named watches may have seen none at all.
    pub require_no_fail_build_violation: bool,
    /// Whose VEX statements take a vulnerability away.
    pub vex: Vec<VexRule>,
    /// How long a vulnerability does not count.
    pub grace_period: Option<GracePeriod>,
}

impl ScanRules {
    /// The rules that hold where nobody says otherwise: a complete scan of one component at least, no malicious package.
    pub const fn new() -> Self {
        Self {
            scanners: Vec::new(),
            max_severity: None,
            unknown_severity_as: Severity::High,
            severity_source: SeveritySource::Scanner,
            max_count: BTreeMap::new(),
            only_fixable: false,
            only_applicable: false,
            ignore: Vec::new(),
            deny_ids: Vec::new(),
            licenses: None,
            deny_malicious: true,
            secrets: None,
            max_db_age: None,
            require_complete: true,
            min_components: 1,
            watches: Vec::new(),
            require_no_fail_build_violation: false,
            vex: Vec::new(),
            grace_period: None,
        }
    }

    /// Whether the rules say anything beyond what always holds (rule Y6).
    pub fn limits_anything(&self) -> bool {
        self.max_severity.is_some()
            || !self.max_count.is_empty()
            || !self.deny_ids.is_empty()
            || self.licenses.is_some()
            || self.secrets.is_some()
            || self.wants_violations()
    }

    /// Whether violations of the scanner's own policies are looked at.
    pub const fn wants_violations(&self) -> bool {
        self.require_no_fail_build_violation || !self.watches.is_empty()
    }

    /// Refuses rules that cannot be meant.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let no = |field, why| Err(PolicyError::ScanRule { field, why });
        let empty = |texts: &[String]| texts.iter().any(|text| text.trim().is_empty());
        if self.scanners.iter().any(|scanner| scanner.name.trim().is_empty()) {
            return no("scanners", "a scanner without a name");
        }
        if self.unknown_severity_as == Severity::Unknown {
            return no("unknownSeverityAs", "unknown is what it stands for");
        }
        if self.max_count.contains_key(&Severity::Unknown) {
            return no("maxCount", "what is unknown counts as unknownSeverityAs says: limit that severity");
        }
        if self.max_count.contains_key(&Severity::None) {
            return no("maxCount", "None is the severity of nothing");
        }
        if empty(&self.deny_ids) {
            return no("denyIds", "an empty id");
        }
        if empty(&self.watches) {
            return no("watches", "an empty name");
        }
        if self.max_db_age.is_some_and(|age| age.is_negative()) {
            return no("maxDbAge", "an age below zero");
        }
        self.licenses.as_ref().map_or(Ok(()), LicenseRules::check)
    }

    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(most) = self.max_severity {
            parts.push(format!("nothing worse than {most}"));
        }
        for (severity, most) in self.max_count.iter().rev() {
            parts.push(format!("at most {most} {severity}"));
        }
        if self.only_fixable {
            parts.push("where there is a fix".to_owned());
        }
        if self.only_applicable {
            parts.push("where it applies".to_owned());
        }
        if !self.deny_ids.is_empty() {
            parts.push(format!("without {}", self.deny_ids.join(", ")));
        }
        if let Some(licenses) = &self.licenses {
            parts.push(licenses.describe());
        }
        if let Some(secrets) = self.secrets {
            parts.push(format!("at most {} secrets", secrets.max));
        }
        if self.wants_violations() {
            let kind = if self.require_no_fail_build_violation { " that fails a build" } else { "" };
            let watches =
                if self.watches.is_empty() { "any watch".to_owned() } else { self.watches.join(", ") };
            parts.push(format!("no violation{kind} seen by {watches}"));
        }
        if !self.scanners.is_empty() {
            let names: Vec<_> = self.scanners.iter().map(|scanner| scanner.name.as_str()).collect();
            parts.push(format!("scanned by {}", names.join(" or ")));
        }
        parts.join(", ")
    }

    pub(super) fn resolved(&self) -> ResolvedScan<'_> {
        ResolvedScan {
            scanners: self
                .scanners
                .iter()
                .map(|one| (one.name.as_str(), one.min_version.as_deref()))
                .collect(),
            max_severity: self.max_severity,
            unknown_severity_as: self.unknown_severity_as,
            severity_source: self.severity_source.as_str(),
            max_count: self.max_count.iter().map(|(severity, most)| (severity.as_str(), *most)).collect(),
            only_fixable: self.only_fixable,
            only_applicable: self.only_applicable,
            ignore: self.ignore.iter().map(IgnoreRule::resolved).collect(),
            deny_ids: &self.deny_ids,
            licenses: self.licenses.as_ref(),
            deny_malicious: self.deny_malicious,
            secrets: self.secrets.map(|rule| (rule.max, rule.only_active)),
            max_db_age: self.max_db_age.map(|age| age.to_string()),
            require_complete: self.require_complete,
            min_components: self.min_components,
            watches: &self.watches,
            require_no_fail_build_violation: self.require_no_fail_build_violation,
            vex: self.vex.iter().map(VexRule::resolved).collect(),
            grace_period: self.grace_period.map(|grace| (grace.days, grace.based_on.as_str())),
        }
    }
}

impl Default for ScanRules {
    fn default() -> Self {
        Self::new()
    }
}

/// A scanner whose scans are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScannerRule {
    /// Its name or its uri without a version, in any case: `JFrog Xray`, `pkg:github/aquasecurity/trivy`.
    pub name: String,
    /// The oldest version that counts: numbers with dots, compared number by number.
    pub min_version: Option<String>,
}

impl ScannerRule {
    /// A scanner of any version.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), min_version: None }
    }

    /// The same scanner from this version on.
    #[must_use]
    pub fn from_version(mut self, version: impl Into<String>) -> Self {
        self.min_version = Some(version.into());
        self
    }
}

/// Whose severity counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeveritySource {
    /// The scanner's (`jfrog` with Xray).
    #[default]
    Scanner,
    /// The scanner's researchers', and the scanner's where they have none.
    Research,
    /// The band of the CVSS 3 score, and the scanner's where there is none.
    Cvss3,
    /// The worst of all three.
    Max,
}

impl SeveritySource {
    /// The word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scanner => "jfrog",
            Self::Research => "research",
            Self::Cvss3 => "cvss3",
            Self::Max => "max",
        }
    }

    /// Reads the word of a policy; `scanner` says the same as `jfrog`.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "jfrog" | "scanner" => Self::Scanner,
            "research" => Self::Research,
            "cvss3" => Self::Cvss3,
            "max" => Self::Max,
            _ => return None,
        })
    }
}

/// How many secrets there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretRule {
    /// At most so many.
    pub max: u64,
    /// Only those that the scanner found to work.
    pub only_active: bool,
}

impl SecretRule {
    /// At most `max` secrets.
    pub const fn at_most(max: u64, only_active: bool) -> Self {
        Self { max, only_active }
    }
}

/// How long a vulnerability does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GracePeriod {
    /// So many days.
    pub days: u32,
    /// From when on. A vulnerability without that date has no grace.
    pub based_on: GraceStart,
}

impl GracePeriod {
    /// So many days from then on.
    pub const fn new(days: u32, based_on: GraceStart) -> Self {
        Self { days, based_on }
    }
}

/// From when on a vulnerability has grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraceStart {
    /// Since it became public.
    Published,
    /// Since there is a fix.
    FixAvailable,
}

impl GraceStart {
    /// The word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::FixAvailable => "fixAvailable",
        }
    }
}

/// The rules as the digest of a policy covers them.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the policy of its own")]
pub(super) struct ResolvedScan<'a> {
    scanners: Vec<(&'a str, Option<&'a str>)>,
    max_severity: Option<Severity>,
    unknown_severity_as: Severity,
    severity_source: &'static str,
    max_count: BTreeMap<&'static str, u64>,
    only_fixable: bool,
    only_applicable: bool,
    ignore: Vec<ignore::ResolvedIgnore<'a>>,
    deny_ids: &'a [String],
    licenses: Option<&'a LicenseRules>,
    deny_malicious: bool,
    secrets: Option<(u64, bool)>,
    max_db_age: Option<String>,
    require_complete: bool,
    min_components: u64,
    watches: &'a [String],
    require_no_fail_build_violation: bool,
    vex: Vec<vex::ResolvedVex<'a>>,
    grace_period: Option<(u32, &'static str)>,
}
