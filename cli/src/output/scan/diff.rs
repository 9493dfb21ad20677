//! What changed between two scans, as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};
use waxseal::scan::{Change, Changed, ScanDiff, Seen};

use super::tables::{add, new, versions};
use crate::output::escape;

/// A table, the worst first.
pub(crate) fn text(diff: &ScanDiff) -> String {
    let mut text = String::new();
    if diff.changed.is_empty() {
        let _ = writeln!(text, "nothing changed: {} findings in both", diff.unchanged.len());
        return text;
    }
    let mut table = new(["change", "severity", "id", "package", "version", "fixed in"]);
    for changed in &diff.changed {
        let Some(seen) = changed.new.as_ref().or(changed.old.as_ref()) else { continue };
        let severity = match (&changed.old, &changed.new) {
            (Some(old), Some(new)) if old.severity != new.severity => {
                format!("{} -> {}", old.severity, new.severity)
            }
            _ => seen.severity.to_string(),
        };
        table.add_row([
            words(changed).join(", "),
            severity,
            escape(&changed.id),
            escape(&changed.package),
            versions(seen.versions.iter().map(String::as_str)),
            versions(seen.fixed_versions.iter().map(String::as_str)),
        ]);
    }
    add(&mut text, &table);
    let count = |change| diff.changed.iter().filter(|changed| changed.changes().contains(&change)).count();
    let _ = writeln!(
        text,
        "\n{} new, {} gone, {} worse, {} better, {} fixable now, {} unchanged",
        count(Change::New),
        count(Change::Gone),
        count(Change::Worse),
        count(Change::Better),
        count(Change::Fixable),
        diff.unchanged.len()
    );
    text
}

/// One document, schema waxseal/scan-diff/v1.
pub(crate) fn json(diff: &ScanDiff, failing: &[&Changed]) -> Value {
    let one = |changed: &Changed| {
        json!({
            "id": changed.id,
            "package": { "type": changed.kind, "name": changed.package },
            "changes": words(changed),
            "old": changed.old.as_ref().map(seen),
            "new": changed.new.as_ref().map(seen),
            "fails": failing.iter().any(|other| core::ptr::eq(*other, changed)),
        })
    };
    json!({
        "schema": "waxseal/scan-diff/v1",
        "oldIsComplete": diff.old_is_complete,
        "newIsComplete": diff.new_is_complete,
        "sameScanner": diff.same_scanner,
        "fails": !failing.is_empty(),
        "changed": diff.changed.iter().map(one).collect::<Vec<_>>(),
        "unchanged": diff.unchanged.iter().map(one).collect::<Vec<_>>(),
    })
}

fn words(changed: &Changed) -> Vec<&'static str> {
    changed.changes().into_iter().map(Change::name).collect()
}

fn seen(seen: &Seen) -> Value {
    json!({
        "severity": seen.severity.as_str(),
        "versions": seen.versions,
        "fixedVersions": seen.fixed_versions,
        "findings": seen.count,
    })
}
