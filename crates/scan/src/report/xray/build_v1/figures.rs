//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{folded, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let report = Report::read(bytes, None).unwrap();
    let wire: Build = parse(ReportFormat::XrayBuildV1, bytes).unwrap();
    let issues = || wire.alerts.iter().flat_map(|alert| &alert.issues);
    assert_eq!(report.scan.violations.len(), issues().count());
    assert_eq!(report.scan.licenses.len(), wire.licenses.len());
    json!({
        "alerts": wire.alerts.len(),
        "total_alerts": wire.summary.total_alerts,
        "fail_build": wire.summary.fail_build,
        "issues": issues().count(),
        "issues_by_severity": tally(issues().map(|issue| folded(&issue.severity))),
        "top_severity": wire.alerts.iter().map(|alert| &alert.top_severity).collect::<Vec<_>>(),
        "licenses": wire.licenses.len(),
    })
}
