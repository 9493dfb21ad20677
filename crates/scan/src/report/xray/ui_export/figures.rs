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
    let wire: Export = parse(ReportFormat::XrayUiExport, bytes).unwrap();
    let cves = |row: &Row| -> Vec<String> {
        let details: &Details = &row.component_versions.more_details;
        details.cves.iter().map(|cve| cve.id().to_owned()).filter(|id| !id.is_empty()).collect()
    };
    let all: Vec<_> = wire.data.iter().flat_map(cves).collect();
    json!({
        "total_count": wire.total_count,
        "rows": wire.data.len(),
        "rows_by_severity": tally(wire.data.iter().map(|row| folded(&row.severity))),
        "issue_types": tally(wire.data.iter().map(|row| row.issue_type.clone())),
        "fixable_rows": wire.data.iter().filter(|row| !row.component_versions.fixed_versions.is_empty()).count(),
        "rows_without_any_cve_id": wire.data.iter().filter(|row| cves(row).is_empty()).count(),
        "distinct_cves": distinct(&all),
    })
}
