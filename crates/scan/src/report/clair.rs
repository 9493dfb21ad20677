//! Clair 4: a vulnerability report of a manifest (`GET /matcher/api/v1/vulnerability_report/DIGEST`).
//!
//! It lists every package that was indexed, and names the manifest by digest.

use std::collections::BTreeMap;

use serde::Deserialize;
use waxseal_core::scan::{Package, Scan, ScanStatus, Scanner, Severity};

use super::issue::{Cve, Hit, Issue, filled};
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat};

/// Clair's package URL.
pub(super) const URI: &str = "pkg:github/quay/clair";

#[derive(Deserialize)]
struct ClairReport {
    manifest_hash: String,
    #[serde(deserialize_with = "object")]
    packages: BTreeMap<String, ClairPackage>,
    #[serde(default, deserialize_with = "object")]
    environments: BTreeMap<String, Environments>,
    #[serde(deserialize_with = "object")]
    vulnerabilities: BTreeMap<String, Vulnerability>,
    #[serde(deserialize_with = "object")]
    package_vulnerabilities: BTreeMap<String, Ids>,
}

#[derive(Deserialize)]
struct Environments(#[serde(deserialize_with = "list")] Vec<Environment>);

#[derive(Deserialize)]
struct Ids(#[serde(deserialize_with = "list")] Vec<String>);

#[derive(Deserialize)]
struct Environment {
    #[serde(default, deserialize_with = "text")]
    introduced_in: String,
}

#[derive(Deserialize)]
struct ClairPackage {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    kind: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    issued: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    normalized_severity: String,
    #[serde(default, deserialize_with = "text")]
    fixed_in_version: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: ClairReport = parse(ReportFormat::Clair, bytes)?;
    let mut report = Report::new(ReportFormat::Clair, Scan::new(Scanner::new("Clair", URI)));
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.vulnerabilities = true;
    report.scan.run.components = u64::try_from(wire.packages.len()).ok();
    report.subject.digest(&wire.manifest_hash);
    let mut listed = std::collections::BTreeSet::new();
    for (package_id, Ids(ids)) in &wire.package_vulnerabilities {
        let package = wire.packages.get(package_id).map_or_else(
            || Package::new("", package_id.clone(), ""),
            |package| Package::new(package.kind.clone(), package.name.clone(), package.version.clone()),
        );
        let environments = wire.environments.get(package_id).map_or(&[][..], |Environments(list)| list);
        let mut layers: Vec<_> = environments.iter().map(|place| place.introduced_in.clone()).collect();
        layers.sort();
        layers.dedup();
        for id in ids {
            listed.insert(id);
            let Some(vulnerability) = wire.vulnerabilities.get(id) else {
                let why = format!("package {package_id:?} has vulnerability {id:?}, which is not listed");
                return Err(ReportError::Shape { format: ReportFormat::Clair, why });
            };
            let hit = Hit { package: package.clone(), fixed: Vec::new(), layers: filled(layers.clone()) };
            vulnerability.issue(hit).spread(&mut report.scan.findings)?;
        }
    }
    let (stated, found) = (wire.vulnerabilities.len(), listed.len());
    if stated != found {
        let note = Note::FiguresDiffer {
            stated: format!("{stated} vulnerabilities"),
            found: format!("{found} of them in packages"),
        };
        report.not_complete(ScanStatus::Partial, note);
    }
    Ok(report)
}

impl Vulnerability {
    /// Names are often titles that begin with an advisory and list CVEs behind it.
    fn issue(&self, mut hit: Hit) -> Issue {
        let words = [&self.normalized_severity, &self.severity].into_iter().find(|word| !word.is_empty());
        let severity = Severity::parse(words.map_or("", String::as_str));
        let mut issue = Issue::new(String::new(), severity);
        issue.published = time(&self.issued);
        let mut ids = self.name.split([' ', ',', ':']).filter(|word| !word.is_empty());
        let first = ids.next().unwrap_or_default().to_owned();
        let aliases = ids.filter(|word| word.starts_with("CVE-")).map(ToOwned::to_owned).collect();
        issue.cves.push(Cve { id: first, aliases, ..Cve::default() });
        hit.fixed = filled(vec![self.fixed_in_version.clone()]);
        issue.hits.push(hit);
        issue
    }
}
