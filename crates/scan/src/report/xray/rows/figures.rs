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
    if ReportFormat::detect(bytes) == Ok(ReportFormat::XrayLicensesReport) {
        let page: Page<LicenseRow> = parse(ReportFormat::XrayLicensesReport, bytes).unwrap();
        return json!({
            "total_rows": page.total_rows,
            "rows": page.rows.len(),
            "rows_by_severity": {},
            "distinct_cves": 0,
            "fixable_rows": 0,
            "impacted_artifacts": distinct(page.rows.iter().map(|row| &row.artifact)),
        });
    }
    let report = Report::read(bytes, Some(ReportFormat::XrayReport)).unwrap();
    let page: Page<Row> = parse(ReportFormat::XrayReport, bytes).unwrap();
    let ids = || page.rows.iter().flat_map(|row| row.cves.iter().map(|cve| &cve.cve));
    let read: BTreeSet<_> =
        report.scan.findings.iter().filter(|finding| finding.id.starts_with("CVE-")).collect_ids();
    assert_eq!(read.len(), distinct(ids()));
    json!({
        "total_rows": page.total_rows,
        "rows": page.rows.len(),
        "rows_by_severity": tally(page.rows.iter().map(|row| folded(&row.severity))),
        "distinct_cves": distinct(ids()),
        "fixable_rows": page.rows.iter().filter(|row| !row.fixed_versions.is_empty()).count(),
        "impacted_artifacts": distinct(page.rows.iter().map(|row| &row.impacted_artifact)),
    })
}

trait Ids {
    fn collect_ids(self) -> BTreeSet<String>;
}

impl<'a, I: Iterator<Item = &'a waxseal_core::scan::ScanFinding>> Ids for I {
    fn collect_ids(self) -> BTreeSet<String> {
        self.map(|finding| finding.id.clone()).collect()
    }
}
