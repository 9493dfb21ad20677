//! Decision records that were replayed, in words and as JSON.

use std::fmt::Write as _;

use serde_json::json;
use waxseal_core::record::{Difference, Record};

use super::escape;

/// The name and version of the JSON form.
const COMPARISON_SCHEMA: &str = "waxseal/record-comparison/v1";
/// Differences that are shown; the rest is counted.
const SHOWN: usize = 12;
/// Characters of a value that are shown.
const VALUE: usize = 160;

/// What came out, in words.
pub(crate) fn text(record: &Record, again: Option<&Record>, differences: &[Difference]) -> String {
    let mut text = String::new();
    let word = match (again, differences.is_empty()) {
        (None, _) => "nothing was decided",
        (Some(_), true) => "the same decision",
        (Some(again), false) if outcome(again) == outcome(record) => "the same outcome, but not by the same",
        (Some(_), false) => "NOT the same decision",
    };
    let _ = writeln!(text, "{}: {word}", escape(&record.image.name));
    if let Some(digest) = record.image.digest {
        let _ = writeln!(text, "  digest:   {digest}");
    }
    let _ = writeln!(text, "  recorded: {} at {}", outcome(record), escape(&record.time));
    if let Some(again) = again {
        let _ = writeln!(text, "  replayed: {}", outcome(again));
    }
    let policy = &record.policy;
    let serial = policy.serial.map(|serial| format!(", serial {serial}")).unwrap_or_default();
    let _ = writeln!(text, "  policy:   {}{serial}, {}", escape(&policy.name), policy.digest.short());
    let _ = writeln!(text, "  evidence: {} objects", record.evidence.len());
    for difference in differences.iter().take(SHOWN) {
        let _ = writeln!(text, "  differs:  {}", line(difference));
    }
    if differences.len() > SHOWN {
        let _ = writeln!(text, "  differs:  {} more (see -o json)", differences.len().saturating_sub(SHOWN));
    }
    text
}

fn outcome(record: &Record) -> String {
    let basis = record.verdict.get("basis").and_then(serde_json::Value::as_str);
    let basis = basis.map(|basis| format!(" ({})", escape(basis))).unwrap_or_default();
    format!("{}{basis}", escape(record.outcome()))
}

fn line(difference: &Difference) -> String {
    let field = escape(&difference.field);
    match (&difference.recorded, &difference.found) {
        (Some(recorded), Some(found)) => {
            format!("{field}: recorded {}, now {}", short(recorded), short(found))
        }
        (Some(recorded), None) => format!("{field}: no longer {}", short(recorded)),
        (None, Some(found)) => format!("{field}: only now {}", short(found)),
        (None, None) => field,
    }
}

fn short(value: &str) -> String {
    let mut shown: String = value.chars().take(VALUE).collect();
    if shown.len() < value.len() {
        shown.push_str("...");
    }
    escape(&shown)
}

/// What came out, for programs.
pub(crate) fn json(record: &Record, again: Option<&Record>, differences: &[Difference]) -> String {
    let differences: Vec<_> = differences
        .iter()
        .map(|one| json!({ "field": one.field, "recorded": one.recorded, "found": one.found }))
        .collect();
    json!({
        "schema": COMPARISON_SCHEMA,
        "same": again.is_some() && differences.is_empty(),
        "image": record.image.name,
        "digest": record.image.digest,
        "time": record.time,
        "policy": record.policy.digest,
        "recorded": record.outcome(),
        "replayed": again.map(Record::outcome),
        "differences": differences,
    })
    .to_string()
}
