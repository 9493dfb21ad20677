//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, folded, of_findings, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let report = Report::read(bytes, None).unwrap();
    let wire: Summary = parse(ReportFormat::XraySummary, bytes).unwrap();
    let issues = || wire.artifacts.iter().flat_map(|artifact| &artifact.issues);
    let cves = || issues().flat_map(|issue| &issue.cves);
    let by_severity = tally(issues().map(|issue| folded(&issue.severity)));
    if issues().all(|issue| issue.cves.len() == 1 && issue.components.len() <= 1) {
        assert_eq!(of_findings(&report), by_severity);
    }
    let mut names: Vec<_> = report.scan.licenses.iter().map(|license| license.id.clone()).collect();
    names.sort();
    names.dedup();
    json!({
        "artifacts": wire.artifacts.len(),
        "issues": issues().count(),
        "issues_by_severity": by_severity,
        "issue_types": tally(issues().map(|issue| issue.issue_type.clone())),
        "issues_without_issue_id": issues().filter(|issue| issue.issue_id.is_empty()).count(),
        "issues_with_a_fixed_version": issues()
            .filter(|issue| issue.components.iter().any(|component| !component.fixed_versions.is_empty()))
            .count(),
        "cve_entries_without_id": cves().filter(|cve| cve.cve.is_empty()).count(),
        "distinct_cves": distinct(cves().map(|cve| &cve.cve)),
        "license_entries": wire.artifacts.iter().map(|artifact| artifact.licenses.len()).sum::<usize>(),
        "license_names": names,
    })
}
