//! Reports of Xray, page by page: vulnerabilities, licences, violations (`POST /xray/api/v1/reports/KIND/ID`).
//!
//! `total_rows` says how many rows there are: a page of them is not the report. A report may span many artifacts, and
//! be narrowed by filters that it does not name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use waxseal_core::scan::{Applicability, License, ScanStatus, Severity, Violation, ViolationKind};

use super::{counted, scan};
use crate::report::issue::{Cve, Hit, Issue, filled, rating};
use crate::report::package::{layer_of_path, of_component_id};
use crate::report::shape::{list, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Page<T> {
    total_rows: u64,
    #[serde(deserialize_with = "list", bound(deserialize = "T: Deserialize<'de>"))]
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "list")]
    cves: Vec<RowCve>,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    vulnerable_component: String,
    #[serde(default, deserialize_with = "text")]
    component_physical_path: String,
    #[serde(default, deserialize_with = "text")]
    impacted_artifact: String,
    #[serde(default, deserialize_with = "list")]
    fixed_versions: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    published: String,
    #[serde(default, deserialize_with = "text")]
    artifact_scan_time: String,
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "text")]
    summary: String,
    #[serde(default, deserialize_with = "text")]
    applicability_result: String,
    #[serde(default, deserialize_with = "text")]
    watch_name: String,
    #[serde(default, deserialize_with = "list")]
    policy_names: Vec<String>,
}

#[derive(Deserialize)]
struct RowCve {
    #[serde(default, deserialize_with = "text")]
    cve: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v2_score: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v2_vector: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v3_score: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v3_vector: String,
}

#[derive(Deserialize)]
struct LicenseRow {
    #[serde(default, deserialize_with = "text")]
    license: String,
    #[serde(default, deserialize_with = "text")]
    license_name: String,
    #[serde(default, deserialize_with = "text")]
    component: String,
    #[serde(default, deserialize_with = "text")]
    artifact: String,
    #[serde(default, deserialize_with = "text")]
    artifact_scan_time: String,
}

pub(in crate::report) fn read_vulnerabilities(bytes: &[u8]) -> Result<Report, ReportError> {
    let page: Page<Row> = parse(ReportFormat::XrayReport, bytes)?;
    let mut report = begun(ReportFormat::XrayReport, page.total_rows, page.rows.len());
    report.scan.run.coverage.vulnerabilities = true;
    let mut components = BTreeSet::new();
    for row in page.rows {
        components.insert(row.vulnerable_component.clone());
        if !row.applicability_result.is_empty() {
            report.scan.run.coverage.applicability = Some(true);
        }
        seen(&mut report, &row.impacted_artifact, &row.artifact_scan_time);
        issue(row).spread(&mut report.scan.findings)?;
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

pub(in crate::report) fn read_licenses(bytes: &[u8]) -> Result<Report, ReportError> {
    let page: Page<LicenseRow> = parse(ReportFormat::XrayLicensesReport, bytes)?;
    let mut report = begun(ReportFormat::XrayLicensesReport, page.total_rows, page.rows.len());
    report.scan.run.coverage.licenses = Some(true);
    report.notes.push(Note::NoVulnerabilityScan);
    let mut components = BTreeSet::new();
    let mut licenses: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for row in page.rows {
        seen(&mut report, &row.artifact, &row.artifact_scan_time);
        components.insert(row.component.clone());
        licenses.entry(row.license).or_insert((row.license_name, BTreeSet::new())).1.insert(row.component);
    }
    for (id, (name, packages)) in licenses {
        let mut license = License::new(id, u64::try_from(packages.len()).unwrap_or(u64::MAX));
        license.name = Some(name).filter(|name| !name.is_empty());
        report.scan.licenses.push(license);
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

/// Violations of policies: what of it is about vulnerabilities is listed as findings too, so that nothing that is
/// known to be bad is left out of the score.
pub(in crate::report) fn read_violations(bytes: &[u8]) -> Result<Report, ReportError> {
    let page: Page<Row> = parse(ReportFormat::XrayViolationsReport, bytes)?;
    let mut report = begun(ReportFormat::XrayViolationsReport, page.total_rows, page.rows.len());
    report.notes.push(Note::ViolationsOnly);
    let mut components = BTreeSet::new();
    for row in page.rows {
        components.insert(row.vulnerable_component.clone());
        seen(&mut report, &row.impacted_artifact, &row.artifact_scan_time);
        let kind = ViolationKind::parse(&row.kind);
        let severity = Severity::parse(&row.severity);
        let named = row.cves.iter().map(|cve| &cve.cve).find(|cve| !cve.is_empty());
        let id = named.or_else(|| [&row.issue_id, &row.summary].into_iter().find(|id| !id.is_empty()));
        let id = id.cloned().unwrap_or_default();
        for policy in if row.policy_names.is_empty() { vec![String::new()] } else { row.policy_names.clone() }
        {
            let mut violation = Violation::new(kind, severity, id.clone());
            violation.watch.clone_from(&row.watch_name);
            violation.policy = policy;
            report.scan.violations.push(violation);
        }
        if kind == ViolationKind::Security {
            issue(row).spread(&mut report.scan.findings)?;
        }
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

fn begun(format: ReportFormat, expected: u64, found: usize) -> Report {
    let mut report = Report::new(format, scan());
    report.scan.run.status = ScanStatus::Complete;
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    if expected != found {
        report.not_complete(ScanStatus::Partial, Note::MissingRows { expected, found });
    }
    report
}

/// Notes the artifact, and the oldest of the times at which artifacts were scanned.
fn seen(report: &mut Report, artifact: &str, scanned: &str) {
    report.subject.name(artifact.strip_prefix("docker://").unwrap_or(artifact));
    if let Some(time) = time(scanned) {
        let oldest = report.scan.run.finished_on.map_or(time, |known| known.min(time));
        report.scan.run.finished_on = Some(oldest);
    }
}

fn issue(row: Row) -> Issue {
    let mut issue = Issue::new(row.issue_id, Severity::parse(&row.severity));
    issue.published = time(&row.published);
    let applicability =
        (!row.applicability_result.is_empty()).then(|| Applicability::parse(&row.applicability_result));
    issue.cves = row.cves.into_iter().map(|wire| Cve { applicability, ..Cve::from(wire) }).collect();
    if issue.cves.is_empty() {
        issue.cves.push(Cve { applicability, ..Cve::default() });
    }
    issue.hits.push(Hit {
        package: of_component_id(&row.vulnerable_component),
        fixed: filled(row.fixed_versions),
        layers: layer_of_path(&row.component_physical_path).into_iter().collect(),
    });
    issue
}

impl From<RowCve> for Cve {
    fn from(wire: RowCve) -> Self {
        let mut cve = Self { id: wire.cve, ..Self::default() };
        cve.cvss.v2 = rating(&wire.cvss_v2_score, &wire.cvss_v2_vector);
        cve.cvss.v3 = rating(&wire.cvss_v3_score, &wire.cvss_v3_vector);
        cve
    }
}

#[cfg(test)]
pub(in crate::report) mod figures;
