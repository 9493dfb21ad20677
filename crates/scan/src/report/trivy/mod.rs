//! `trivy ... --format json`, schema version 2.
//!
//! The report does not say which scanners were switched on: results of packages show that vulnerabilities were looked
//! for, unless licences are the only thing found. It does not say either which findings `--severity` or an ignore file
//! left out. Packages without a single vulnerability (`--scanners secret --list-all-pkgs`) look like a clean image: a note
//! says so. Those that it put aside and lists (`ExperimentalModifiedFindings`) are counted.

pub(super) mod operator;

use std::collections::BTreeMap;

use serde::Deserialize;
use waxseal_core::scan::{
    CvssRating, CvssScore, License, Package, Scan, ScanStatus, Scanner, Secrets, Severity,
};

use super::issue::{Cve, Hit, Issue, filled};
use super::package::kind_of_purl;
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat};

/// Trivy's package URL, as it writes it into attestations.
pub(super) const URI: &str = "pkg:github/aquasecurity/trivy";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyReport {
    schema_version: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    created_at: String,
    #[serde(default, deserialize_with = "text")]
    artifact_name: String,
    #[serde(default, deserialize_with = "object")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "list")]
    results: Vec<Target>,
    #[serde(default, deserialize_with = "object")]
    trivy: Version,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    #[serde(default, deserialize_with = "text")]
    version: String,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "OS", default, deserialize_with = "object")]
    os: System,
    #[serde(rename = "ImageID", default, deserialize_with = "text")]
    image_id: String,
    #[serde(rename = "RepoTags", default, deserialize_with = "list")]
    repo_tags: Vec<String>,
    #[serde(rename = "RepoDigests", default, deserialize_with = "list")]
    repo_digests: Vec<String>,
}

#[derive(Default, Deserialize)]
struct System {
    #[serde(rename = "Family", default, deserialize_with = "text")]
    family: String,
    #[serde(rename = "Name", default, deserialize_with = "text")]
    name: String,
    #[serde(rename = "EOSL")]
    end_of_life: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default, deserialize_with = "text")]
    class: String,
    #[serde(rename = "Type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "list")]
    packages: Vec<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "list")]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(default, deserialize_with = "list")]
    misconfigurations: Vec<Other>,
    #[serde(default, deserialize_with = "list")]
    secrets: Vec<Other>,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<Other>,
    #[serde(default, deserialize_with = "list")]
    experimental_modified_findings: Vec<PutAside>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID", default, deserialize_with = "text")]
    id: String,
    #[serde(rename = "VendorIDs", default, deserialize_with = "list")]
    vendor_ids: Vec<String>,
    #[serde(rename = "PkgName", default, deserialize_with = "text")]
    name: String,
    #[serde(rename = "InstalledVersion", default, deserialize_with = "text")]
    version: String,
    #[serde(rename = "PkgIdentifier", default, deserialize_with = "object")]
    identifier: Identifier,
    #[serde(rename = "FixedVersion", default, deserialize_with = "text")]
    fixed: String,
    #[serde(rename = "Severity", default, deserialize_with = "text")]
    severity: String,
    #[serde(rename = "CVSS", default, deserialize_with = "object")]
    cvss: BTreeMap<String, VendorCvss>,
    #[serde(rename = "CweIDs", default, deserialize_with = "list")]
    cwe: Vec<String>,
    #[serde(rename = "PublishedDate", default, deserialize_with = "text")]
    published: String,
    #[serde(rename = "Layer", default, deserialize_with = "object")]
    layer: Layer,
}

#[derive(Default, Deserialize)]
struct Identifier {
    #[serde(rename = "PURL", default, deserialize_with = "text")]
    purl: String,
}

#[derive(Default, Deserialize)]
struct Layer {
    #[serde(rename = "Digest", default, deserialize_with = "text")]
    digest: String,
    #[serde(rename = "DiffID", default, deserialize_with = "text")]
    diff_id: String,
}

#[derive(Deserialize)]
struct VendorCvss {
    #[serde(rename = "V2Score")]
    v2_score: Option<f64>,
    #[serde(rename = "V2Vector", default, deserialize_with = "text")]
    v2_vector: String,
    #[serde(rename = "V3Score")]
    v3_score: Option<f64>,
    #[serde(rename = "V3Vector", default, deserialize_with = "text")]
    v3_vector: String,
    #[serde(rename = "V40Score")]
    v4_score: Option<f64>,
    #[serde(rename = "V40Vector", default, deserialize_with = "text")]
    v4_vector: String,
}

/// A finding of another kind.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Other {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    pkg_name: String,
    #[serde(default, deserialize_with = "text")]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutAside {
    #[serde(rename = "Type", default, deserialize_with = "text")]
    kind: String,
    finding: Option<Vulnerability>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: TrivyReport = parse(ReportFormat::Trivy, bytes)?;
    let mut report = Report::new(ReportFormat::Trivy, scan(&wire.trivy.version));
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.finished_on = time(&wire.created_at);
    if wire.schema_version != Some(2) {
        let why = match wire.schema_version {
            Some(version) => format!("schema version {version}, expected 2"),
            None => "no schema version, expected 2".to_owned(),
        };
        return Err(ReportError::Shape { format: ReportFormat::Trivy, why });
    }
    subject(&mut report, &wire);
    let os = &wire.metadata.os;
    if os.end_of_life == Some(true) {
        report.notes.push(Note::EndOfLife(format!("{} {}", os.family, os.name)));
    }
    let mut components: u64 = 0;
    let (mut misconfigurations, mut put_aside, mut secrets) = (0_u64, 0_u64, None);
    let mut licenses: BTreeMap<String, u64> = BTreeMap::new();
    let (mut of_packages, mut lists_packages) = (false, false);
    for target in wire.results {
        let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
        if matches!(target.class.as_str(), "os-pkgs" | "lang-pkgs") || !target.vulnerabilities.is_empty() {
            of_packages = true;
            // The system or the lock file itself is a component, also where its packages are not listed.
            let listed = count(target.packages.len()).max(1);
            components = components.saturating_add(listed);
        }
        lists_packages |= !target.packages.is_empty();
        if target.class == "secret" {
            let known: u64 = secrets.unwrap_or(0);
            secrets = Some(known.saturating_add(count(target.secrets.len())));
        }
        let failed =
            target.misconfigurations.iter().filter(|found| !found.status.eq_ignore_ascii_case("PASS"));
        misconfigurations = misconfigurations.saturating_add(count(failed.count()));
        for found in target.licenses {
            let packages = licenses.entry(found.name).or_default();
            *packages = packages.saturating_add(u64::from(!found.pkg_name.is_empty()));
        }
        for vulnerability in target.vulnerabilities {
            vulnerability.issue(&target.kind).spread(&mut report.scan.findings)?;
        }
        for found in target.experimental_modified_findings {
            if let Some(vulnerability) = found.finding.filter(|_| found.kind == "vulnerability") {
                put_aside = put_aside.saturating_add(1);
                vulnerability.issue(&target.kind).spread(&mut report.scan.findings)?;
            }
        }
    }
    if put_aside > 0 {
        report.notes.push(Note::PutAsideCounted(put_aside));
    }
    if misconfigurations > 0 {
        report.notes.push(Note::OtherFindings { kind: "misconfigurations", found: misconfigurations });
    }
    report.scan.secrets = secrets.map(|total| Secrets::new(total, total));
    let coverage = &mut report.scan.run.coverage;
    coverage.secrets = secrets.map(|_| true);
    coverage.licenses = (!licenses.is_empty()).then_some(true);
    coverage.vulnerabilities = of_packages && (!report.scan.findings.is_empty() || licenses.is_empty());
    if !coverage.vulnerabilities {
        report.notes.push(Note::NoVulnerabilityScan);
    } else if lists_packages && report.scan.findings.is_empty() {
        report.notes.push(Note::NoVulnerabilityListed);
    }
    report.scan.licenses = licenses.into_iter().map(|(id, packages)| License::new(id, packages)).collect();
    report.scan.run.components = Some(components);
    Ok(report)
}

fn scan(version: &str) -> Scan {
    let mut scanner = Scanner::new("Trivy", URI);
    version.clone_into(&mut scanner.version);
    Scan::new(scanner)
}

fn subject(report: &mut Report, wire: &TrivyReport) {
    report.subject.name(&wire.artifact_name);
    for name in wire.metadata.repo_tags.iter().chain(&wire.metadata.repo_digests) {
        report.subject.name(name);
    }
    report.subject.image_id(&wire.metadata.image_id);
}

impl Vulnerability {
    fn issue(self, target_kind: &str) -> Issue {
        let mut issue = Issue::new(String::new(), Severity::parse(&self.severity));
        issue.published = time(&self.published);
        let mut cve = Cve { id: self.id, aliases: self.vendor_ids, cwe: filled(self.cwe), ..Cve::default() };
        for vendor in self.cvss.values() {
            higher(&mut cve.cvss.v2, vendor.v2_score, &vendor.v2_vector);
            higher(&mut cve.cvss.v3, vendor.v3_score, &vendor.v3_vector);
            higher(&mut cve.cvss.v4, vendor.v4_score, &vendor.v4_vector);
        }
        issue.cves.push(cve);
        let purl = self.identifier.purl;
        let kind = kind_of_purl(&purl).unwrap_or(target_kind);
        let mut package = Package::new(kind, self.name, self.version);
        package.purl = Some(purl).filter(|purl| !purl.is_empty());
        let layer = if self.layer.digest.is_empty() { self.layer.diff_id } else { self.layer.digest };
        let fixed = self.fixed.split(',').map(|version| version.trim().to_owned()).collect();
        issue.hits.push(Hit { package, fixed: filled(fixed), layers: filled(vec![layer]) });
        issue
    }
}

/// Keeps the higher of two ratings of the same version of CVSS: vendors differ.
fn higher(known: &mut Option<CvssRating>, score: Option<f64>, vector: &str) {
    let found = CvssRating::new(
        score.and_then(CvssScore::new),
        Some(vector.to_owned()).filter(|vector| !vector.is_empty()),
    );
    let score_of = |rating: &Option<CvssRating>| rating.as_ref().and_then(|rating| rating.score);
    if known.is_none() || score_of(&found) > score_of(known) {
        *known = found.or_else(|| known.take());
    }
}

#[cfg(test)]
pub(super) mod figures;
