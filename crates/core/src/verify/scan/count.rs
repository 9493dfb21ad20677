//! Which findings of a scan count, and whether those that do may stand.

use std::collections::{BTreeMap, HashMap};

use jiff::SignedDuration;

use super::super::{Finding, Reason};
use super::{Scanned, shown, some_of};
use crate::limits::AHEAD_SECONDS;
use crate::policy::{GraceStart, IgnoreRule, ScanRules, SeveritySource};
use crate::predicate::openvex::VexStatus;
use crate::scan::{Applicability, Scan, ScanFinding, Severity};

/// Hours of a day, for grace.
const HOURS: i64 = 24;

/// Why a finding does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Discount {
    /// An ignore rule names it.
    Ignored,
    /// There is no version with a fix.
    NotFixable,
    /// The scanner says that it does not apply.
    NotApplicable,
    /// A VEX statement says that it does not affect the image, or was mended in it.
    Vex,
    /// There is still time to mend it.
    Grace,
}

impl Discount {
    const fn word(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::NotFixable => "without a fix",
            Self::NotApplicable => "not applicable",
            Self::Vex => "answered by VEX",
            Self::Grace => "in grace",
        }
    }
}

/// The findings of a scan, sorted by what becomes of them.
pub(super) struct Counted<'a> {
    denied: Vec<&'a ScanFinding>,
    malicious: Vec<&'a ScanFinding>,
    /// Those that count, with their severity.
    counting: Vec<(&'a ScanFinding, Severity)>,
    discounts: BTreeMap<Discount, usize>,
    /// Ignore rules that have expired and name a finding, by their place.
    expired: Vec<usize>,
}

impl<'a> Counted<'a> {
    pub(super) fn of(scan: &'a Scan, rules: &ScanRules, about: &Scanned<'_>) -> Self {
        let mut counted = Self {
            denied: Vec::new(),
            malicious: Vec::new(),
            counting: Vec::new(),
            discounts: BTreeMap::new(),
            expired: Vec::new(),
        };
        let ignores = Ignores::of(rules);
        for finding in &scan.findings {
            // What is denied by name is denied, whatever else is said of it.
            if rules.deny_ids.iter().any(|id| finding.is_called(id)) {
                counted.denied.push(finding);
            }
            let ignored = ignores.about(finding, about, &mut counted.expired);
            let discount = match ignored {
                true => Some(Discount::Ignored),
                // Nothing but its name takes a malicious package away.
                false if finding.malicious && rules.deny_malicious => {
                    counted.malicious.push(finding);
                    None
                }
                false => discount(finding, rules, about),
            };
            match discount {
                Some(discount) => {
                    let count = counted.discounts.entry(discount).or_default();
                    *count = count.saturating_add(1);
                }
                None => counted.counting.push((finding, severity(finding, rules))),
            }
        }
        counted
    }

    /// Which of them may not stand.
    pub(super) fn objections(&self, rules: &ScanRules) -> Vec<Finding> {
        let mut objections = Vec::new();
        if let Some(most) = rules.max_severity {
            let mut worse: Vec<_> = self.counting.iter().filter(|(_, severity)| *severity > most).collect();
            worse.sort_by_key(|(finding, severity)| (core::cmp::Reverse(*severity), &finding.id));
            if !worse.is_empty() {
                let words: Vec<_> =
                    worse.iter().map(|(finding, severity)| words(finding, *severity)).collect();
                objections.push(
                    Finding::new(Reason::SeverityTooHigh)
                        .compared(format!("nothing worse than {most}"), some_of(&words)),
                );
            }
        }
        for (severity, most) in rules.max_count.iter().rev() {
            let found = self.vulnerabilities(*severity);
            if found > *most {
                objections.push(Finding::new(Reason::TooManyVulnerabilities).compared(
                    format!("at most {most} {severity} vulnerabilities"),
                    format!("{found}: {}", self.named(*severity)),
                ));
            }
        }
        for (reason, found, expected) in [
            (Reason::MaliciousPackage, &self.malicious, "no malicious package"),
            (Reason::DeniedVulnerability, &self.denied, "none of the denied vulnerabilities"),
        ] {
            if !found.is_empty() {
                let words: Vec<_> =
                    found.iter().map(|finding| words(finding, severity(finding, rules))).collect();
                objections.push(Finding::new(reason).compared(expected, some_of(&words)));
            }
        }
        objections
    }

    /// How many vulnerabilities have this severity: each counts once, with its worst.
    fn vulnerabilities(&self, wanted: Severity) -> u64 {
        let mut worst: HashMap<String, Severity> = HashMap::new();
        let mut nameless = 0_u64;
        for (finding, severity) in &self.counting {
            if finding.id.is_empty() {
                nameless = nameless.saturating_add(u64::from(*severity == wanted));
            } else {
                let known = worst.entry(finding.id.to_ascii_uppercase()).or_insert(*severity);
                *known = (*known).max(*severity);
            }
        }
        let named = worst.values().filter(|severity| **severity == wanted).count();
        nameless.saturating_add(u64::try_from(named).unwrap_or(u64::MAX))
    }

    fn named(&self, wanted: Severity) -> String {
        let found: Vec<_> = self
            .counting
            .iter()
            .filter(|(_, severity)| *severity == wanted)
            .map(|(finding, severity)| words(finding, *severity))
            .collect();
        some_of(&found)
    }

    /// How many findings do not count, and why: `; not counted: 2 ignored`.
    pub(super) fn discounted(&self) -> String {
        let words: Vec<_> =
            self.discounts.iter().map(|(discount, count)| format!("{count} {}", discount.word())).collect();
        if words.is_empty() { String::new() } else { format!("; not counted: {}", words.join(", ")) }
    }

    /// Ignore rules that would have named a finding, and have expired.
    pub(super) fn expired(&self, rules: &ScanRules, about: &Scanned<'_>) -> Vec<Finding> {
        let rules = self.expired.iter().filter_map(|at| rules.ignore.get(*at));
        rules
            .map(|rule| {
                Finding::new(Reason::IgnoreExpired).compared(
                    format!("a rule that ignores {} after {}", rule.id(), about.now),
                    format!("one that expired at {} ({})", rule.expires(), rule.reason()),
                )
            })
            .collect()
    }
}

/// The ignore rules by the id that they name, so that many findings and many rules stay cheap.
struct Ignores<'r> {
    by_id: HashMap<String, Vec<(usize, &'r IgnoreRule)>>,
}

impl<'r> Ignores<'r> {
    fn of(rules: &'r ScanRules) -> Self {
        let mut by_id: HashMap<String, Vec<_>> = HashMap::new();
        for (at, rule) in rules.ignore.iter().enumerate() {
            by_id.entry(rule.id().to_ascii_lowercase()).or_default().push((at, rule));
        }
        Self { by_id }
    }

    /// Whether a rule takes the finding away. Rules that have expired and would have are noted.
    fn about(&self, finding: &ScanFinding, about: &Scanned<'_>, expired: &mut Vec<usize>) -> bool {
        if self.by_id.is_empty() {
            return false;
        }
        let mut ignored = false;
        for id in core::iter::once(&finding.id).chain(&finding.aliases) {
            for (at, rule) in self.by_id.get(&id.to_ascii_lowercase()).into_iter().flatten() {
                if !rule.names(finding, about.repository) {
                    continue;
                }
                if !rule.has_expired(about.now) {
                    ignored = true;
                } else if !expired.contains(at) {
                    expired.push(*at);
                }
            }
        }
        ignored
    }
}

fn discount(finding: &ScanFinding, rules: &ScanRules, about: &Scanned<'_>) -> Option<Discount> {
    if rules.only_fixable && !finding.is_fixable() {
        return Some(Discount::NotFixable);
    }
    if rules.only_applicable && finding.applicability.is_some_and(|word| !Applicability::counts(word)) {
        return Some(Discount::NotApplicable);
    }
    if vex(finding, about) {
        return Some(Discount::Vex);
    }
    grace(finding, rules, about).then_some(Discount::Grace)
}

/// Whether a document takes the finding away, and none says that it counts.
fn vex(finding: &ScanFinding, about: &Scanned<'_>) -> bool {
    let mut answered = false;
    for (rule, document) in about.vex {
        match document.about(finding, about.digest) {
            None => {}
            Some(VexStatus::NotAffected { justification }) if rule.accepts(justification) => answered = true,
            Some(VexStatus::Fixed) => answered = true,
            Some(_) => return false,
        }
    }
    answered
}

/// Whether there is still time. A date that is missing, or still to come, gives none.
fn grace(finding: &ScanFinding, rules: &ScanRules, about: &Scanned<'_>) -> bool {
    let Some(grace) = rules.grace_period else { return false };
    let since = match grace.based_on {
        GraceStart::Published => finding.published_on,
        GraceStart::FixAvailable => finding.fix_available_on,
    };
    let Some(since) = since else { return false };
    let passed = about.now.duration_since(since);
    let allowed = SignedDuration::from_hours(i64::from(grace.days).saturating_mul(HOURS));
    passed <= allowed && passed >= SignedDuration::from_secs(AHEAD_SECONDS.saturating_neg())
}

/// How bad a finding is by the rules: what is unknown counts as they say, and what was found is something.
fn severity(finding: &ScanFinding, rules: &ScanRules) -> Severity {
    let known = |severity| match severity {
        Severity::Unknown => rules.unknown_severity_as,
        Severity::None => Severity::Information,
        severity => severity,
    };
    let own = known(finding.severity());
    let research = finding.research_severity.map(known);
    let score = finding.cvss.v3.as_ref().and_then(|rating| rating.score).map(|score| known(score.severity()));
    match rules.severity_source {
        SeveritySource::Scanner => own,
        SeveritySource::Research => research.unwrap_or(own),
        SeveritySource::Cvss3 => score.unwrap_or(own),
        SeveritySource::Max => own.max(research.unwrap_or(own)).max(score.unwrap_or(own)),
    }
}

/// A finding in words: what, where, and what to do.
fn words(finding: &ScanFinding, severity: Severity) -> String {
    let package = &finding.package;
    let id =
        if finding.id.is_empty() { "a vulnerability without an id".to_owned() } else { shown(&finding.id) };
    let fix = match finding.fixed_versions.first() {
        Some(first) => format!("fixed in {}", shown(first)),
        None => "no fix".to_owned(),
    };
    format!("{id} ({severity}) in {} {}, {fix}", shown(&package.name), shown(&package.version))
}
