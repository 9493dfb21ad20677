//! A scan as tables for a terminal.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use waxseal_core::scan::{Scan, Severity};
use waxseal_scan::Report;

use super::view::{self, PackageRow};
use crate::output::escape;
use crate::report::why_incomplete;

/// Longest list of fixed versions in a cell, in versions.
const VERSIONS: usize = 4;

/// Everything about a report, as text.
pub(crate) fn text(report: &Report) -> String {
    let scan = &report.scan;
    let mut text = head(report);
    counts(&mut text, scan);
    upgrades(&mut text, &view::packages(scan));
    findings(&mut text, scan);
    rest(&mut text, scan);
    if !report.notes.is_empty() {
        text.push_str("\nnotes:\n");
        for note in &report.notes {
            let _ = writeln!(text, "  {}", escape(&note.to_string()));
        }
    }
    text
}

/// What scanner, what image, what score.
fn head(report: &Report) -> String {
    let scan = &report.scan;
    let mut text = String::new();
    let version = if scan.scanner.version.is_empty() { "" } else { " " };
    let _ = writeln!(
        text,
        "{}{version}{} ({})",
        escape(&scan.scanner.name),
        escape(&scan.scanner.version),
        report.format.as_str()
    );
    for name in &report.subject.names {
        let _ = writeln!(text, "image: {}", escape(name));
    }
    for digest in &report.subject.digests {
        let _ = writeln!(text, "digest: {digest}");
    }
    if let Some(time) = scan.run.finished_on {
        let _ = writeln!(text, "scanned: {time}");
    }
    match why_incomplete(report) {
        None => {
            let _ = writeln!(text, "score: {}", scan.score());
        }
        Some(why) => {
            let _ = writeln!(text, "score: {} or worse: {why}", scan.score());
        }
    }
    text
}

fn counts(text: &mut String, scan: &Scan) {
    let summary = scan.summary();
    if summary.total == 0 {
        text.push_str("no vulnerability in the report\n");
        return;
    }
    let mut table = new(["severity", "vulnerabilities", "with a fix"]);
    for severity in Severity::OF_FINDINGS {
        let all = summary.by_severity.get(severity);
        if all > 0 {
            let fixable = summary.fixable_by_severity.get(severity);
            table.add_row([severity.to_string(), all.to_string(), fixable.to_string()]);
        }
    }
    table.add_row([
        "all".to_owned(),
        summary.total.to_string(),
        summary.fixable_by_severity.total().to_string(),
    ]);
    add(text, &table);
}

fn upgrades(text: &mut String, packages: &[PackageRow<'_>]) {
    if packages.is_empty() {
        return;
    }
    text.push_str("\nwhat to upgrade to what:\n");
    let mut table = new(["worst", "package", "version", "fixed in", "fixes"]);
    for package in packages {
        table.add_row([
            package.worst.to_string(),
            or_none(package.name),
            escape(package.version),
            if package.fixable == 0 {
                "no fix".to_owned()
            } else {
                versions(package.fixed_versions.iter().copied())
            },
            format!("{} of {}", package.fixable, package.vulnerabilities),
        ]);
    }
    add(text, &table);
}

fn findings(text: &mut String, scan: &Scan) {
    if scan.findings.is_empty() {
        return;
    }
    text.push_str("\nfindings:\n");
    let mut table = new(["severity", "id", "package", "version", "fixed in", ""]);
    for (finding, count) in view::findings(scan) {
        let mut remarks = view::remarks(finding);
        if count > 1 {
            remarks.push(format!("{count} times"));
        }
        table.add_row([
            finding.severity().to_string(),
            or_none(view::called(finding)),
            or_none(&finding.package.name),
            escape(&finding.package.version),
            versions(finding.fixed_versions.iter().map(String::as_str)),
            remarks.join(", "),
        ]);
    }
    add(text, &table);
}

/// A name that the report leaves out.
fn or_none(name: &str) -> String {
    if name.is_empty() { "-".to_owned() } else { escape(name) }
}

fn rest(text: &mut String, scan: &Scan) {
    if !scan.licenses.is_empty() {
        let licenses: Vec<_> = scan
            .licenses
            .iter()
            .map(|license| format!("{} ({})", escape(&license.id), license.packages))
            .collect();
        let _ = writeln!(text, "\nlicences (packages): {}", licenses.join(", "));
    }
    if let Some(secrets) = &scan.secrets {
        let _ = writeln!(
            text,
            "\nsecrets: {}, {} of them active or not known not to be",
            secrets.total, secrets.active
        );
    }
    if !scan.violations.is_empty() {
        text.push_str("\nviolations of the scanner's own policies:\n");
        let mut table = new(["severity", "id", "watch", "policy", "rule", ""]);
        for violation in &scan.violations {
            let mut remarks = Vec::new();
            if violation.fail_build {
                remarks.push("fails the build");
            }
            if violation.ignored {
                remarks.push("ignored");
            }
            table.add_row([
                violation.severity.to_string(),
                escape(&violation.id),
                escape(&violation.watch),
                escape(&violation.policy),
                escape(&violation.rule),
                remarks.join(", "),
            ]);
        }
        add(text, &table);
    }
    if !scan.operational_risk.is_empty() {
        let _ = writeln!(text, "\npackages at operational risk: {}", scan.operational_risk.len());
    }
}

/// A few versions, and how many more.
pub(super) fn versions<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = versions.map(escape).collect();
    let shown = all.get(..VERSIONS.min(all.len())).unwrap_or_default().join(", ");
    match all.len().saturating_sub(VERSIONS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(in crate::output) fn new<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(head);
    table
}

/// Adds a table without blanks at its sides.
pub(in crate::output) fn add(text: &mut String, table: &Table) {
    for line in table.to_string().lines() {
        let _ = writeln!(text, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()));
    }
}
