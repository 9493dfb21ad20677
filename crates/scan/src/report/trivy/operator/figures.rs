//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::of_findings;

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let wire: Resource = parse(ReportFormat::TrivyOperator, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    let summary = wire.report.summary;
    json!({
        "artifact": { "repository": wire.report.artifact.repository, "tag": wire.report.artifact.tag },
        "fixable": report.scan.findings.iter().filter(|finding| finding.is_fixable()).count(),
        "vulnerabilities_by_severity": of_findings(&report),
        "summary": {
            "criticalCount": summary.critical,
            "highCount": summary.high,
            "mediumCount": summary.medium,
            "lowCount": summary.low,
            "unknownCount": summary.unknown,
            "noneCount": text["report"]["summary"]["noneCount"],
        },
    })
}
