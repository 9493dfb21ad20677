//! The build scan of old Xray (`POST /xray/api/v1/scanBuild`): alerts of watches, with the words Major and Minor.
//!
//! It lists what a watch alerted on, not what was found: it never counts as a scan of vulnerabilities.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::{License, ScanStatus, Severity, Violation, ViolationKind};

use super::{counted, scan};
use crate::report::issue::{Cve, Hit, Issue};
use crate::report::package::of_component_id;
use crate::report::shape::{list, object, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Build {
    #[serde(default, deserialize_with = "object")]
    summary: BuildSummary,
    #[serde(deserialize_with = "list")]
    alerts: Vec<Alert>,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<BuildLicense>,
}

#[derive(Default, Deserialize)]
struct BuildSummary {
    total_alerts: Option<u64>,
    fail_build: Option<bool>,
}

#[derive(Deserialize)]
struct Alert {
    #[serde(default, deserialize_with = "list")]
    issues: Vec<AlertIssue>,
    #[serde(default, deserialize_with = "text")]
    watch_name: String,
    #[serde(default, deserialize_with = "text")]
    top_severity: String,
}

#[derive(Deserialize)]
struct AlertIssue {
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    created: String,
    #[serde(default, deserialize_with = "text")]
    cve: String,
    #[serde(default, deserialize_with = "list")]
    component_ids: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    impacted_artifacts: Vec<Impacted>,
}

#[derive(Deserialize)]
struct Impacted {
    #[serde(default, deserialize_with = "text")]
    display_name: String,
    #[serde(default, deserialize_with = "object")]
    infected_file: Infected,
}

#[derive(Default, Deserialize)]
struct Infected {
    #[serde(default, deserialize_with = "text")]
    display_name: String,
    #[serde(default, deserialize_with = "text")]
    pkg_type: String,
}

#[derive(Deserialize)]
struct BuildLicense {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    full_name: String,
    #[serde(default, deserialize_with = "list")]
    components: Vec<String>,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: Build = parse(ReportFormat::XrayBuildV1, bytes)?;
    let mut report = Report::new(ReportFormat::XrayBuildV1, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.notes.push(Note::ViolationsOnly);
    let found = u64::try_from(wire.alerts.len()).unwrap_or(u64::MAX);
    match wire.summary.total_alerts {
        Some(expected) if expected == found => {}
        Some(expected) => report.not_complete(ScanStatus::Partial, Note::MissingRows { expected, found }),
        None => report.not_complete(ScanStatus::Partial, Note::NoStatus),
    }
    let fail_build = wire.summary.fail_build.unwrap_or(false);
    let mut components = BTreeSet::new();
    for alert in wire.alerts {
        for issue in alert.issues {
            let kind = ViolationKind::parse(&issue.kind);
            let mut violation =
                Violation::new(kind, issue_severity(&issue, &alert.top_severity), issue.cve.clone());
            violation.watch.clone_from(&alert.watch_name);
            violation.fail_build = fail_build;
            report.scan.violations.push(violation);
            if kind != ViolationKind::License {
                add(&mut report, issue, &alert.top_severity)?;
            }
        }
    }
    for wire in wire.licenses {
        let packages = u64::try_from(wire.components.len()).unwrap_or(u64::MAX);
        components.extend(wire.components);
        let mut license = License::new(wire.name, packages);
        license.name = Some(wire.full_name).filter(|name| !name.is_empty());
        report.scan.licenses.push(license);
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

/// An issue without a severity has that of its alert.
fn issue_severity(issue: &AlertIssue, top: &str) -> Severity {
    Severity::parse(if issue.severity.is_empty() { top } else { &issue.severity })
}

/// `component_ids` lists every version that is known to have the issue, hundreds of them; what the build has are the
/// infected files.
fn add(report: &mut Report, wire: AlertIssue, top: &str) -> Result<(), ReportError> {
    let mut issue = Issue::new(String::new(), issue_severity(&wire, top));
    issue.published = time(&wire.created);
    issue.cves.push(Cve { id: wire.cve, ..Cve::default() });
    for impacted in wire.impacted_artifacts {
        report.subject.name(&impacted.display_name);
        let file = impacted.infected_file;
        if !file.display_name.is_empty() {
            let id = format!("{}://{}", file.pkg_type.to_lowercase(), file.display_name);
            let hit = Hit { package: of_component_id(&id), ..Hit::default() };
            if !issue.hits.iter().any(|known| known.package == hit.package) {
                issue.hits.push(hit);
            }
        }
    }
    if issue.hits.is_empty() {
        let ids = wire.component_ids.iter();
        issue.hits.extend(ids.map(|id| Hit { package: of_component_id(id), ..Hit::default() }));
    }
    issue.spread(&mut report.scan.findings)
}

#[cfg(test)]
pub(in crate::report) mod figures;
