//! The artifact summary, v1 and v2 (`POST /xray/api/v1/summary/artifact`).
//!
//! An artifact that is listed is one that Xray has indexed. One that Xray does not know stands under `errors`, or
//! nowhere. Whether the scan is finished the summary does not say: whoever asks for it asks for the status first. Alone
//! it is taken at its word, with a note; in the document of a fetched report ([`super::document`]), an image is not a
//! component of itself, and a summary that lists nothing shows nothing.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::{License, ScanStatus, Severity, Violation, ViolationKind};

use super::{counted, scan};
use crate::report::issue::{Cve, Hit, Issue, filled, joint_rating};
use crate::report::package::{layer_of_path, of_component_id};
use crate::report::shape::{list, object, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Summary {
    #[serde(deserialize_with = "list")]
    artifacts: Vec<Artifact>,
    #[serde(default, deserialize_with = "list")]
    errors: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default, deserialize_with = "text")]
    identifier: String,
    #[serde(default, deserialize_with = "text")]
    error: String,
}

#[derive(Deserialize)]
struct Artifact {
    general: General,
    #[serde(deserialize_with = "list")]
    issues: Vec<XrayIssue>,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<XrayLicense>,
}

#[derive(Deserialize)]
struct General {
    #[serde(default, deserialize_with = "text")]
    component_id: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    sha256: String,
}

#[derive(Deserialize)]
struct XrayIssue {
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "text")]
    issue_type: String,
    #[serde(default, deserialize_with = "text")]
    summary: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    created: String,
    #[serde(default, deserialize_with = "list")]
    cves: Vec<XrayCve>,
    #[serde(default, deserialize_with = "list")]
    components: Vec<Component>,
    #[serde(default, deserialize_with = "list")]
    component_physical_paths: Vec<String>,
    #[serde(default, deserialize_with = "object")]
    extended_information: Extended,
}

/// A CVE as the summary and the exports of the pages write it.
#[derive(Deserialize)]
pub(super) struct XrayCve {
    #[serde(default, deserialize_with = "text")]
    cve: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v2: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v3: String,
    #[serde(default, deserialize_with = "list")]
    cwe: Vec<String>,
}

impl XrayCve {
    #[cfg(test)]
    pub(super) fn id(&self) -> &str {
        &self.cve
    }
}

impl From<XrayCve> for Cve {
    fn from(wire: XrayCve) -> Self {
        let mut cve = Self { id: wire.cve, cwe: filled(wire.cwe), ..Self::default() };
        cve.cvss.v2 = joint_rating(&wire.cvss_v2);
        cve.cvss.v3 = joint_rating(&wire.cvss_v3);
        cve
    }
}

#[derive(Deserialize)]
struct Component {
    #[serde(default, deserialize_with = "text")]
    component_id: String,
    #[serde(default, deserialize_with = "list")]
    fixed_versions: Vec<String>,
}

/// What Xray adds for those who pay for it.
#[derive(Default, Deserialize)]
pub(super) struct Extended {
    #[serde(default, deserialize_with = "text")]
    pub(super) jfrog_research_severity: String,
}

#[derive(Deserialize)]
struct XrayLicense {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    full_name: String,
    #[serde(default, deserialize_with = "list")]
    components: Vec<String>,
}

/// Reads a summary that stands alone. The artifact that it lists is what was looked at, where nothing else is shown.
pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let mut report = read_answer(bytes)?;
    if report.scan.run.status == ScanStatus::Complete {
        report.scan.run.components = report.scan.run.components.or(Some(1));
        report.notes.push(Note::NoStatus);
    }
    Ok(report)
}

/// Reads the summary of an image. The artifact itself is no component that was looked at: Xray lists it before and
/// without a scan, and an index too.
pub(super) fn read_answer(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: Summary = parse(ReportFormat::XraySummary, bytes)?;
    let mut report = Report::new(ReportFormat::XraySummary, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.vulnerabilities = true;
    report.scan.run.coverage.licenses = Some(true);
    if wire.artifacts.is_empty() {
        report.not_complete(ScanStatus::NotScanned, Note::NotKnownToScanner);
    }
    for failure in &wire.errors {
        let text = format!("{}: {}", failure.identifier, failure.error);
        report.not_complete(ScanStatus::Failed, Note::ScannerError(text));
    }
    let (mut components, mut own) = (BTreeSet::new(), BTreeSet::from([String::new()]));
    for artifact in wire.artifacts {
        let general = artifact.general;
        if [&general.component_id, &general.name, &general.sha256].iter().all(|name| name.is_empty()) {
            report.not_complete(ScanStatus::NotScanned, Note::NotKnownToScanner);
        }
        report.subject.name(if general.name.is_empty() { &general.component_id } else { &general.name });
        report.subject.digest(&general.sha256);
        own.extend([general.component_id, general.name]);
        for issue in artifact.issues {
            components.extend(issue.components.iter().map(|component| component.component_id.clone()));
            add(&mut report, issue)?;
        }
        for wire in artifact.licenses {
            let packages = u64::try_from(wire.components.len()).unwrap_or(u64::MAX);
            components.extend(wire.components);
            let mut license = License::new(wire.name, packages);
            license.name = Some(wire.full_name).filter(|name| !name.is_empty());
            report.scan.licenses.push(license);
        }
    }
    report.scan.run.components = counted(components.difference(&own).count());
    Ok(report)
}

fn add(report: &mut Report, wire: XrayIssue) -> Result<(), ReportError> {
    let severity = Severity::parse(&wire.severity);
    let kind = ViolationKind::parse(&wire.issue_type);
    if kind == ViolationKind::License {
        let id = if wire.issue_id.is_empty() { wire.summary } else { wire.issue_id };
        report.scan.violations.push(Violation::new(kind, severity, id));
        return Ok(());
    }
    let mut issue = Issue::new(wire.issue_id, severity);
    issue.research = super::research(&wire.extended_information.jfrog_research_severity);
    issue.published = time(&wire.created);
    issue.cves = wire.cves.into_iter().map(Cve::from).collect();
    let mut layers: Vec<_> =
        wire.component_physical_paths.iter().filter_map(|path| layer_of_path(path)).collect();
    layers.sort();
    layers.dedup();
    for component in wire.components {
        issue.hits.push(Hit {
            package: of_component_id(&component.component_id),
            fixed: filled(component.fixed_versions),
            layers: layers.clone(),
        });
    }
    issue.spread(&mut report.scan.findings)
}

#[cfg(test)]
pub(in crate::report) mod figures;
