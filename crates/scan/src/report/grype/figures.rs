//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, folded, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let wire: GrypeReport = parse(ReportFormat::Grype, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    assert_eq!(report.scan.findings.len(), wire.matches.len());
    let states = text["matches"].as_array().unwrap().iter().map(|found| {
        let state = found["vulnerability"]["fix"]["state"].as_str().unwrap_or_default();
        if state.is_empty() { "(empty)" } else { state }
    });
    let built = report.scan.scanner.db.and_then(|db| db.last_update);
    json!({
        "scanner": wire.descriptor.name,
        "scanner_version": wire.descriptor.version,
        "db_built": built.map(|time| time.to_string()),
        "matches": wire.matches.len(),
        "matches_by_severity": tally(wire.matches.iter().map(|found| folded(&found.vulnerability.severity))),
        "fixable": report.scan.findings.iter().filter(|finding| finding.is_fixable()).count(),
        "fix_state": tally(states),
        "ignored": wire.ignored.len(),
        "distinct_ids": distinct(report.scan.findings.iter().map(|finding| &finding.id)),
    })
}
