//! A scan held against the rules on its content.
//!
//! The scan was selected, its signature, subject and time were checked (rules N1, N2); here it is only read. All rules
//! are looked at, so that who mends one thing does not find the next one tomorrow. Figures come from the findings
//! (rule N6), and what takes a finding away is listed in [`Discount`] and nowhere else.

mod count;
mod run;
mod version;

use jiff::Timestamp;

use self::count::Counted;
pub(super) use self::run::is_named;
use super::{Finding, Reason};
use crate::digest::Digest;
use crate::policy::{ScanRules, VexRule};
use crate::predicate::openvex::OpenVex;
use crate::reference::Repository;
use crate::scan::Scan;

/// What is known of the image beside the scan.
pub(super) struct Scanned<'a> {
    pub(super) repository: Option<&'a Repository>,
    /// The digest that the scan is about.
    pub(super) digest: &'a Digest,
    pub(super) now: Timestamp,
    /// The VEX documents whose word counts, each with the rule by which it does.
    pub(super) vex: &'a [(&'a VexRule, OpenVex)],
}

/// What the rules say of a scan.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    /// Why it is refused, nearest first; empty if it is not.
    pub(super) objections: Vec<Finding>,
    /// What people should know in any case: ignore rules that no longer apply.
    pub(super) notes: Vec<Finding>,
    /// The scan in a few words.
    pub(super) summary: String,
}

/// Judges a scan by all rules.
pub(super) fn judge(scan: &Scan, rules: &ScanRules, about: &Scanned<'_>) -> Judgement {
    let mut objections = run::objections(scan, rules, about.now);
    let counted = Counted::of(scan, rules, about);
    objections.extend(counted.objections(rules));
    objections.extend(licenses(scan, rules));
    objections.extend(secrets(scan, rules));
    objections.extend(violations(scan, rules));
    let summary =
        format!("{} by {}: {}{}", scan.score(), scan.scanner.name, figures(scan), counted.discounted());
    Judgement { objections, notes: counted.expired(rules, about), summary }
}

/// How many vulnerabilities of each severity.
fn figures(scan: &Scan) -> String {
    let summary = scan.summary();
    let figures: Vec<_> =
        summary.by_severity.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    if figures.is_empty() { "no vulnerabilities".to_owned() } else { figures.join(", ") }
}

fn licenses(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let wanted = rules.licenses.as_ref()?;
    if scan.run.coverage.licenses != Some(true) {
        return Some(not_covered("licences"));
    }
    let denied: Vec<_> = scan
        .licenses
        .iter()
        .filter(|license| !wanted.allows(&license.id))
        .map(|license| format!("{} in {} packages", shown(&license.id), license.packages))
        .collect();
    (!denied.is_empty())
        .then(|| Finding::new(Reason::DeniedLicense).compared(allowed_licenses(rules), some_of(&denied)))
}

fn allowed_licenses(rules: &ScanRules) -> String {
    match &rules.licenses {
        Some(wanted) if wanted.allow.is_empty() => format!("none of {}", wanted.deny.join(", ")),
        Some(wanted) => format!("only {}", wanted.allow.join(", ")),
        None => String::new(),
    }
}

fn secrets(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let wanted = rules.secrets?;
    let Some(found) = scan.secrets.filter(|_| scan.run.coverage.secrets == Some(true)) else {
        return Some(not_covered("secrets"));
    };
    let (count, word) =
        if wanted.only_active { (found.active, "active secrets") } else { (found.total, "secrets") };
    (count > wanted.max).then(|| {
        Finding::new(Reason::TooManySecrets)
            .compared(format!("at most {} {word}", wanted.max), format!("{count} {word}"))
    })
}

fn violations(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    if !rules.wants_violations() {
        return None;
    }
    if scan.run.coverage.violations != Some(true) {
        return Some(not_covered("violations of the scanner's policies"));
    }
    let watched = |watch: &String| rules.watches.is_empty() || rules.watches.contains(watch);
    let found: Vec<_> = scan
        .violations
        .iter()
        .filter(|one| !one.ignored && watched(&one.watch))
        .filter(|one| one.fail_build || !rules.require_no_fail_build_violation)
        .map(|one| format!("{} ({}, watch {})", shown(&one.id), one.severity, shown(&one.watch)))
        .collect();
    (!found.is_empty())
        .then(|| Finding::new(Reason::ScannerPolicyViolated).compared("no such violation", some_of(&found)))
}

fn not_covered(what: &str) -> Finding {
    Finding::new(Reason::NotCovered)
        .compared(format!("a scan that looked for {what}"), "one that does not say so")
}

/// A text from a report in a list of several.
fn shown(text: &str) -> String {
    /// Bytes of one text in a list.
    const MOST: usize = 120;
    match text.get(..text.floor_char_boundary(MOST)) {
        Some(begin) if begin.len() < text.len() => format!("{begin}..."),
        _ if text.is_empty() => "(no name)".to_owned(),
        _ => text.to_owned(),
    }
}

/// The first few of a list, and how many more.
fn some_of(list: &[String]) -> String {
    let shown = list.iter().take(crate::limits::SCAN_FINDINGS_SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match list.len().saturating_sub(crate::limits::SCAN_FINDINGS_SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
