//! A `VulnerabilityReport` of the Trivy operator for Kubernetes: one container, with a summary of its own.

use serde::Deserialize;
use waxseal_core::scan::{CvssRating, CvssScore, Package, ScanStatus, Severity, SeverityCounts};

use super::{URI, scan};
use crate::report::issue::{Cve, Hit, Issue, filled};
use crate::report::shape::{list, object, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Resource {
    kind: String,
    report: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default, deserialize_with = "object")]
    artifact: Artifact,
    #[serde(default, deserialize_with = "object")]
    registry: Registry,
    #[serde(default, deserialize_with = "object")]
    scanner: OperatorScanner,
    #[serde(default, deserialize_with = "object")]
    summary: Summary,
    #[serde(default, deserialize_with = "text")]
    update_timestamp: String,
    #[serde(deserialize_with = "list")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Default, Deserialize)]
struct Artifact {
    #[serde(default, deserialize_with = "text")]
    repository: String,
    #[serde(default, deserialize_with = "text")]
    tag: String,
    #[serde(default, deserialize_with = "text")]
    digest: String,
}

#[derive(Default, Deserialize)]
struct Registry {
    #[serde(default, deserialize_with = "text")]
    server: String,
}

#[derive(Default, Deserialize)]
struct OperatorScanner {
    #[serde(default, deserialize_with = "text")]
    version: String,
}

#[derive(Default, Deserialize)]
struct Summary {
    #[serde(rename = "criticalCount")]
    critical: Option<u64>,
    #[serde(rename = "highCount")]
    high: Option<u64>,
    #[serde(rename = "mediumCount")]
    medium: Option<u64>,
    #[serde(rename = "lowCount")]
    low: Option<u64>,
    #[serde(rename = "unknownCount")]
    unknown: Option<u64>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "vulnerabilityID", default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    resource: String,
    #[serde(rename = "installedVersion", default, deserialize_with = "text")]
    version: String,
    #[serde(rename = "fixedVersion", default, deserialize_with = "text")]
    fixed: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(rename = "publishedDate", default, deserialize_with = "text")]
    published: String,
    score: Option<f64>,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: Resource = parse(ReportFormat::TrivyOperator, bytes)?;
    if !["VulnerabilityReport", "ClusterVulnerabilityReport"].contains(&wire.kind.as_str()) {
        let why = format!("the kind is {:?}, expected VulnerabilityReport", wire.kind);
        return Err(ReportError::Shape { format: ReportFormat::TrivyOperator, why });
    }
    let content = wire.report;
    let mut report = Report::new(ReportFormat::TrivyOperator, scan(&content.scanner.version));
    URI.clone_into(&mut report.scan.scanner.uri);
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.finished_on = time(&content.update_timestamp);
    report.scan.run.coverage.vulnerabilities = true;
    let artifact = &content.artifact;
    let slash = if content.registry.server.is_empty() { "" } else { "/" };
    let colon = if artifact.tag.is_empty() { "" } else { ":" };
    let repository = format!("{}{slash}{}", content.registry.server, artifact.repository);
    report.subject.name(&format!("{repository}{colon}{}", artifact.tag));
    report.subject.digest(&artifact.digest);
    let (stated, found) = (content.summary.counts(), counts(&content.vulnerabilities));
    if stated != found {
        let note = Note::FiguresDiffer { stated: shown(&stated), found: shown(&found) };
        report.not_complete(ScanStatus::Partial, note);
    }
    let mut packages = std::collections::BTreeSet::new();
    for wire in content.vulnerabilities {
        packages.insert((wire.resource.clone(), wire.version.clone()));
        wire.issue().spread(&mut report.scan.findings)?;
    }
    report.scan.run.components = u64::try_from(packages.len()).ok().filter(|packages| *packages > 0);
    Ok(report)
}

fn counts(vulnerabilities: &[Vulnerability]) -> SeverityCounts {
    vulnerabilities.iter().map(|wire| (Severity::parse(&wire.severity), 1)).collect()
}

fn shown(counts: &SeverityCounts) -> String {
    counts.iter().map(|(severity, count)| format!("{severity} {count}")).collect::<Vec<_>>().join(", ")
}

impl Summary {
    fn counts(&self) -> SeverityCounts {
        let stated = [
            (Severity::Critical, self.critical),
            (Severity::High, self.high),
            (Severity::Medium, self.medium),
            (Severity::Low, self.low),
            (Severity::Unknown, self.unknown),
        ];
        stated.into_iter().map(|(severity, count)| (severity, count.unwrap_or(0))).collect()
    }
}

impl Vulnerability {
    fn issue(self) -> Issue {
        let mut issue = Issue::new(String::new(), Severity::parse(&self.severity));
        issue.published = time(&self.published);
        let mut cve = Cve { id: self.id, ..Cve::default() };
        cve.cvss.v3 = CvssRating::new(self.score.and_then(CvssScore::new), None);
        issue.cves.push(cve);
        let package = Package::new("", self.resource, self.version);
        let fixed = self.fixed.split(',').map(|version| version.trim().to_owned()).collect();
        issue.hits.push(Hit { package, fixed: filled(fixed), layers: Vec::new() });
        issue
    }
}

#[cfg(test)]
pub(in crate::report) mod figures;
