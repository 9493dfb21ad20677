//! What the pages of Xray export: `total_count` and `data`. Rows may be missing, and the count says so.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::{ScanStatus, Severity, Violation, ViolationKind};

use super::summary::XrayCve;
use super::{counted, scan};
use crate::report::issue::{Cve, Hit, Issue, filled};
use crate::report::package::of_component_id;
use crate::report::shape::{list, object, parse, text};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Export {
    total_count: u64,
    #[serde(deserialize_with = "list")]
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    issue_type: String,
    #[serde(default, deserialize_with = "text")]
    component: String,
    #[serde(default, deserialize_with = "text")]
    source_comp_id: String,
    #[serde(default, deserialize_with = "object")]
    component_versions: Versions,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default, deserialize_with = "list")]
    fixed_versions: Vec<String>,
    #[serde(default, deserialize_with = "object")]
    more_details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "list")]
    cves: Vec<XrayCve>,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: Export = parse(ReportFormat::XrayUiExport, bytes)?;
    let mut report = Report::new(ReportFormat::XrayUiExport, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.vulnerabilities = true;
    let (expected, found) = (wire.total_count, u64::try_from(wire.data.len()).unwrap_or(u64::MAX));
    if expected != found {
        report.not_complete(ScanStatus::Partial, Note::MissingRows { expected, found });
    }
    let mut components = BTreeSet::new();
    for row in wire.data {
        let severity = Severity::parse(&row.severity);
        let kind = ViolationKind::parse(&row.issue_type);
        if kind == ViolationKind::License {
            report.scan.violations.push(Violation::new(kind, severity, row.id));
            continue;
        }
        let component = if row.source_comp_id.is_empty() { row.component } else { row.source_comp_id };
        let mut issue = Issue::new(row.id, severity);
        issue.cves = row.component_versions.more_details.cves.into_iter().map(Cve::from).collect();
        let fixed = filled(row.component_versions.fixed_versions);
        issue.hits.push(Hit { package: of_component_id(&component), fixed, ..Hit::default() });
        components.insert(component);
        issue.spread(&mut report.scan.findings)?;
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

#[cfg(test)]
pub(in crate::report) mod figures;
