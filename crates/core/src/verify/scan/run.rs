//! Whether the scan itself is one to go by: how far it came, at what it looked, with what.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Reason};
use super::version;
use crate::limits::AHEAD_SECONDS;
use crate::policy::{ScanRules, ScannerRule, age_words};
use crate::scan::{Scan, ScanFinding, ScanStatus};

pub(super) fn objections(scan: &Scan, rules: &ScanRules, now: Timestamp) -> Vec<Finding> {
    let all = [
        scanner(scan, rules),
        complete(scan, rules),
        components(scan, rules),
        summary(scan),
        database(scan, rules, now),
        applicability(scan, rules),
        fixes(scan, rules),
    ];
    all.into_iter().flatten().collect()
}

/// Whether a rule names this scanner, by its name or by its uri without a version.
pub(in crate::verify) fn is_named(rule: &ScannerRule, names: &[String]) -> bool {
    names.iter().any(|name| name.trim().eq_ignore_ascii_case(rule.name.trim()))
}

/// The versions of the scanners that the rules name. A scan by another scanner is not judged at all (rule N4); one that did
/// not say whose it was before it was read is refused here.
fn scanner(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let names = [scan.scanner.name.clone(), scan.scanner.identity()];
    let named: Vec<_> = rules.scanners.iter().filter(|rule| is_named(rule, &names)).collect();
    let enough = |rule: &&ScannerRule| {
        rule.min_version.as_deref().is_none_or(|wanted| version::at_least(&scan.scanner.version, wanted))
    };
    if rules.scanners.is_empty() || named.iter().any(enough) {
        return None;
    }
    if named.is_empty() {
        let expected: Vec<_> = rules.scanners.iter().map(|rule| rule.name.as_str()).collect();
        return Some(Finding::new(Reason::OtherScanner).compared(expected.join(" or "), names.join(", ")));
    }
    let wanted: Vec<_> = named
        .iter()
        .filter_map(|rule| Some(format!("{} from {}", rule.name, rule.min_version.as_deref()?)))
        .collect();
    let found = if scan.scanner.version.is_empty() { "no version" } else { &scan.scanner.version };
    Some(Finding::new(Reason::ScannerTooOld).compared(wanted.join(" or "), found))
}

fn complete(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let run = &scan.run;
    let found = match run.status {
        // Whoever accepts a part does not accept nothing.
        ScanStatus::Failed | ScanStatus::NotScanned | ScanStatus::Pending => run.status.to_string(),
        _ if !run.coverage.vulnerabilities => "a scan that did not look for vulnerabilities".to_owned(),
        ScanStatus::Partial if rules.require_complete => run.status.to_string(),
        _ if run.filtered && rules.require_complete => {
            "a filtered report, which leaves findings out".to_owned()
        }
        _ => return None,
    };
    Some(Finding::new(Reason::ScanIncomplete).compared("a complete scan", found))
}

fn components(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let found = scan.run.components.unwrap_or_default();
    (found < rules.min_components).then(|| {
        let found = scan.run.components.map_or_else(|| "no number".to_owned(), |found| found.to_string());
        Finding::new(Reason::TooFewComponents)
            .compared(format!("at least {} components looked at", rules.min_components), found)
    })
}

/// Rule N6: a summary that says something else than the findings is a lie, or a mistake; nobody can tell which is right.
fn summary(scan: &Scan) -> Option<Finding> {
    let stated = scan.stated_summary()?;
    let computed = scan.summary();
    (*stated != computed).then(|| {
        let words = |summary: &crate::scan::Summary| {
            let counts: Vec<_> =
                summary.by_severity.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
            format!("{}, {} in all: {}", summary.score, summary.total, counts.join(", "))
        };
        Finding::new(Reason::SummaryMismatch).compared(words(&computed), words(stated))
    })
}

fn database(scan: &Scan, rules: &ScanRules, now: Timestamp) -> Option<Finding> {
    let oldest = rules.max_db_age?;
    let expected = format!("a database at most {} before {now}", age_words(oldest));
    let Some(updated) = scan.scanner.db.as_ref().and_then(|db| db.last_update) else {
        return Some(Finding::new(Reason::DatabaseTooOld).compared(expected, "no date"));
    };
    let age = now.duration_since(updated);
    let ahead = age < SignedDuration::from_secs(0).saturating_sub(SignedDuration::from_secs(AHEAD_SECONDS));
    (age > oldest || ahead)
        .then(|| Finding::new(Reason::DatabaseTooOld).compared(expected, updated.to_string()))
}

fn applicability(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    (rules.only_applicable && scan.run.coverage.applicability != Some(true))
        .then(|| super::not_covered("whether findings apply"))
}

/// That no finding has a fix says something only where the report would say it.
fn fixes(scan: &Scan, rules: &ScanRules) -> Option<Finding> {
    let said = scan.run.coverage.fixes == Some(true) || scan.findings.iter().any(ScanFinding::is_fixable);
    (rules.only_fixable && !said && !scan.findings.is_empty())
        .then(|| super::not_covered("versions with a fix"))
}
