//! `jf ... --format simple-json`: rows by package, with contextual analysis and what the advanced scanners found.
//!
//! A list that is `null` may be empty or not looked at: only a list that stands there, or rows in it, show that
//! vulnerabilities were looked for. A status code that is absent means that the scanner was not run, and any but zero
//! that it failed. The number of components is not told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use waxseal_core::scan::{
    Applicability, License, OperationalRisk, Package, ScanFinding, ScanStatus, Secrets, Severity, Violation,
    ViolationKind,
};

use super::issue::{Cve, Hit, Issue, filled, rating};
use super::package::{layer_of_path, named};
use super::shape::{list, object, parse, text};
use super::{Note, Report, ReportError, ReportFormat, xray};

#[derive(Deserialize)]
struct SimpleJson {
    vulnerabilities: Option<Rows>,
    #[serde(rename = "securityViolations", default, deserialize_with = "list")]
    security_violations: Vec<Row>,
    #[serde(rename = "licensesViolations", default, deserialize_with = "list")]
    license_violations: Vec<Row>,
    #[serde(rename = "operationalRiskViolations", default, deserialize_with = "list")]
    risk_violations: Vec<Row>,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<Row>,
    #[serde(default, deserialize_with = "list")]
    secrets: Vec<Source>,
    #[serde(default, deserialize_with = "list")]
    iac: Vec<Source>,
    #[serde(default, deserialize_with = "list")]
    sast: Vec<Source>,
    #[serde(rename = "secretsViolations", default, deserialize_with = "list")]
    secrets_violations: Vec<Source>,
    #[serde(rename = "iacViolations", default, deserialize_with = "list")]
    iac_violations: Vec<Source>,
    #[serde(rename = "sastViolations", default, deserialize_with = "list")]
    sast_violations: Vec<Source>,
    #[serde(rename = "maliciousCode", default, deserialize_with = "list")]
    malicious: Vec<Source>,
    #[serde(default, deserialize_with = "list")]
    errors: Vec<Failure>,
    #[serde(rename = "scansStatus", default, deserialize_with = "object")]
    status: Status,
}

#[derive(Deserialize)]
struct Rows(#[serde(deserialize_with = "list")] Vec<Row>);

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "filePath", default, deserialize_with = "text")]
    path: String,
    #[serde(rename = "errorMessage", default, deserialize_with = "text")]
    message: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(rename = "scaScanStatusCode")]
    sca: Option<i64>,
    #[serde(rename = "sastScanStatusCode")]
    sast: Option<i64>,
    #[serde(rename = "iacScanStatusCode")]
    iac: Option<i64>,
    #[serde(rename = "secretsScanStatusCode")]
    secrets: Option<i64>,
    #[serde(rename = "ContextualAnalysisScanStatusCode")]
    contextual: Option<i64>,
    #[serde(rename = "MaliciousStatusCode")]
    malicious: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    impacted_package_name: String,
    #[serde(default, deserialize_with = "text")]
    impacted_package_version: String,
    #[serde(default, deserialize_with = "text")]
    impacted_package_type: String,
    #[serde(default, deserialize_with = "list")]
    components: Vec<Component>,
    #[serde(default, deserialize_with = "text")]
    watch: String,
    #[serde(default, deserialize_with = "list")]
    policies: Vec<String>,
    #[serde(rename = "fail_build")]
    fail_build: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "text")]
    applicable: String,
    #[serde(default, deserialize_with = "list")]
    fixed_versions: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    cves: Vec<RowCve>,
    #[serde(default, deserialize_with = "list")]
    impact_paths: Vec<Vec<Step>>,
    #[serde(default, deserialize_with = "object")]
    jfrog_research_information: Research,
    #[serde(default, deserialize_with = "text")]
    license_key: String,
    #[serde(default, deserialize_with = "text")]
    license_name: String,
    #[serde(default, deserialize_with = "text")]
    risk_reason: String,
    #[serde(default, deserialize_with = "text")]
    is_end_of_life: String,
    #[serde(default, deserialize_with = "text")]
    latest_version: String,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "object")]
    location: Location,
}

#[derive(Default, Deserialize)]
struct Location {
    #[serde(default, deserialize_with = "text")]
    file: String,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
}

#[derive(Default, Deserialize)]
struct Research {
    #[serde(default, deserialize_with = "text")]
    severity: String,
}

#[derive(Deserialize)]
struct RowCve {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(rename = "cvssV2", default, deserialize_with = "text")]
    cvss_v2: String,
    #[serde(rename = "cvssV2Vector", default, deserialize_with = "text")]
    cvss_v2_vector: String,
    #[serde(rename = "cvssV3", default, deserialize_with = "text")]
    cvss_v3: String,
    #[serde(rename = "cvssV3Vector", default, deserialize_with = "text")]
    cvss_v3_vector: String,
    #[serde(default, deserialize_with = "list")]
    cwe: Vec<String>,
    applicability: Option<Word>,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default, deserialize_with = "text")]
    status: String,
}

/// A row of a scanner that looks into files.
#[derive(Deserialize)]
struct Source {
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    file: String,
    #[serde(rename = "ruleId", default, deserialize_with = "text")]
    rule_id: String,
    #[serde(default, deserialize_with = "text")]
    watch: String,
    #[serde(default, deserialize_with = "list")]
    policies: Vec<String>,
    applicability: Option<Word>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: SimpleJson = parse(ReportFormat::JfSimpleJson, bytes)?;
    let mut report = Report::new(ReportFormat::JfSimpleJson, xray::scan());
    status(&mut report, &wire.status);
    for failure in &wire.errors {
        let text = format!("{}: {}", failure.path, failure.message);
        report.not_complete(ScanStatus::Failed, Note::ScannerError(text));
    }
    let mut packages = BTreeSet::new();
    match wire.vulnerabilities {
        Some(Rows(rows)) => {
            report.scan.run.coverage.vulnerabilities = true;
            for row in rows {
                row.subject(&mut report);
                packages.insert(row.package());
                row.issue().spread(&mut report.scan.findings)?;
            }
        }
        None if wire.security_violations.is_empty() => report.notes.push(Note::NoVulnerabilityScan),
        None => {
            report.notes.push(Note::ViolationsOnly);
            for row in &wire.security_violations {
                row.subject(&mut report);
                packages.insert(row.package());
                row.issue().spread(&mut report.scan.findings)?;
            }
        }
    }
    for row in &wire.risk_violations {
        report.scan.run.coverage.operational_risk = Some(true);
        report.scan.operational_risk.push(row.risk());
    }
    let kinds = [
        (ViolationKind::Security, &wire.security_violations),
        (ViolationKind::License, &wire.license_violations),
        (ViolationKind::OperationalRisk, &wire.risk_violations),
    ];
    for (kind, rows) in kinds {
        for row in rows {
            row.violations(kind, &mut report);
        }
    }
    for rows in [&wire.secrets_violations, &wire.iac_violations, &wire.sast_violations] {
        for row in rows {
            row.violations(&mut report);
        }
    }
    licenses(&mut report, &wire.licenses, &mut packages);
    if report.scan.run.coverage.secrets.is_some() || !wire.secrets.is_empty() {
        report.scan.secrets = Some(secrets(&wire.secrets));
    }
    for row in &wire.malicious {
        report.scan.run.coverage.malicious = Some(true);
        report.scan.findings.push(row.malicious());
    }
    for (kind, rows) in [("infrastructure as code", &wire.iac), ("static analysis", &wire.sast)] {
        if !rows.is_empty() {
            report
                .notes
                .push(Note::OtherFindings { kind, found: u64::try_from(rows.len()).unwrap_or(u64::MAX) });
        }
    }
    report.scan.run.components = u64::try_from(packages.len()).ok().filter(|packages| *packages > 0);
    Ok(report)
}

fn status(report: &mut Report, status: &Status) {
    let run = &mut report.scan.run;
    let ran = |code: Option<i64>| code.map(|code| code == 0);
    run.coverage.applicability = Some(ran(status.contextual).unwrap_or(false));
    run.coverage.secrets = ran(status.secrets);
    run.coverage.malicious = ran(status.malicious);
    match status.sca {
        Some(0) => run.status = ScanStatus::Complete,
        Some(code) => {
            run.status = ScanStatus::Failed;
            report.notes.push(Note::Status(format!("code {code} for software composition analysis")));
        }
        None => report.notes.push(Note::NoStatus),
    }
    let others = [
        ("contextual analysis", status.contextual),
        ("secrets", status.secrets),
        ("static analysis", status.sast),
        ("infrastructure as code", status.iac),
        ("malicious code", status.malicious),
    ];
    for (name, code) in others {
        if let Some(code) = code.filter(|code| *code != 0) {
            report.notes.push(Note::Status(format!("code {code} for {name}")));
        }
    }
}

fn secrets(rows: &[Source]) -> Secrets {
    let active = rows.iter().filter(|row| row.applicability.as_ref().is_none_or(|word| works(&word.status)));
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Secrets::new(count(rows.len()), count(active.count()))
}

/// Whether a secret of this token status may work: all but two words.
pub(super) fn works(status: &str) -> bool {
    !["inactive", "not a token"].iter().any(|word| status.trim().eq_ignore_ascii_case(word))
}

fn licenses(report: &mut Report, rows: &[Row], packages: &mut BTreeSet<Package>) {
    let mut found: BTreeMap<&str, (&str, BTreeSet<Package>)> = BTreeMap::new();
    for row in rows {
        report.scan.run.coverage.licenses = Some(true);
        let package = row.package();
        packages.insert(package.clone());
        found.entry(&row.license_key).or_insert((&row.license_name, BTreeSet::new())).1.insert(package);
    }
    for (key, (name, packages)) in found {
        let mut license = License::new(key, u64::try_from(packages.len()).unwrap_or(u64::MAX));
        license.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        report.scan.licenses.push(license);
    }
}

impl Row {
    fn package(&self) -> Package {
        named(&self.impacted_package_type, &self.impacted_package_name, &self.impacted_package_version)
    }

    /// What every impact path begins with is what was scanned.
    fn subject(&self, report: &mut Report) {
        for first in self.impact_paths.iter().filter_map(|path| path.first()) {
            let colon = if first.version.is_empty() { "" } else { ":" };
            report.subject.name(&format!("{}{colon}{}", first.name, first.version));
        }
    }

    fn issue(&self) -> Issue {
        let mut issue = Issue::new(self.issue_id.clone(), Severity::parse(&self.severity));
        issue.research = (!self.jfrog_research_information.severity.is_empty())
            .then(|| Severity::parse(&self.jfrog_research_information.severity));
        let of_row = (!self.applicable.is_empty()).then(|| Applicability::parse(&self.applicable));
        for wire in &self.cves {
            let word =
                wire.applicability.as_ref().map(|word| word.status.as_str()).filter(|word| !word.is_empty());
            let applicability = word.map(Applicability::parse).or(of_row);
            let mut cve =
                Cve { id: wire.id.clone(), cwe: filled(wire.cwe.clone()), applicability, ..Cve::default() };
            cve.cvss.v2 = rating(&wire.cvss_v2, &wire.cvss_v2_vector);
            cve.cvss.v3 = rating(&wire.cvss_v3, &wire.cvss_v3_vector);
            issue.cves.push(cve);
        }
        if issue.cves.is_empty() {
            issue.cves.push(Cve { applicability: of_row, ..Cve::default() });
        }
        let mut layers: Vec<_> = self
            .components
            .iter()
            .flat_map(|component| [&component.name, &component.location.file])
            .filter_map(|path| layer_of_path(path))
            .collect();
        layers.sort();
        layers.dedup();
        issue.hits.push(Hit { package: self.package(), fixed: filled(self.fixed_versions.clone()), layers });
        issue
    }

    fn violations(&self, kind: ViolationKind, report: &mut Report) {
        let cve = self.cves.iter().map(|cve| &cve.id).find(|id| !id.is_empty());
        let id = match kind {
            ViolationKind::License => &self.license_key,
            _ => cve.unwrap_or(&self.issue_id),
        };
        let none = [String::new()];
        for policy in if self.policies.is_empty() { &none[..] } else { &self.policies } {
            let mut violation = Violation::new(kind, Severity::parse(&self.severity), id.clone());
            violation.watch.clone_from(&self.watch);
            violation.policy.clone_from(policy);
            violation.fail_build = self.fail_build.unwrap_or(false);
            report.scan.violations.push(violation);
        }
    }

    fn risk(&self) -> OperationalRisk {
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty() && text != "N/A");
        let mut risk = OperationalRisk::new(self.package(), Severity::parse(&self.severity));
        risk.reason = told(&self.risk_reason);
        risk.latest_version = told(&self.latest_version);
        risk.end_of_life = told(&self.is_end_of_life).map(|word| word.eq_ignore_ascii_case("true"));
        risk
    }
}

impl Source {
    fn violations(&self, report: &mut Report) {
        let none = [String::new()];
        for policy in if self.policies.is_empty() { &none[..] } else { &self.policies } {
            let severity = Severity::parse(&self.severity);
            let mut violation = Violation::new(ViolationKind::Exposure, severity, self.rule_id.clone());
            violation.watch.clone_from(&self.watch);
            violation.policy.clone_from(policy);
            report.scan.violations.push(violation);
        }
    }

    fn malicious(&self) -> ScanFinding {
        let package = Package::new("file", self.file.clone(), "");
        let mut finding = ScanFinding::new(self.rule_id.clone(), Severity::Critical, package);
        finding.malicious = true;
        finding
    }
}

#[cfg(test)]
pub(super) mod figures;
