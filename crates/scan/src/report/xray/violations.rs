//! Violations (`POST /xray/api/v1/violations`), a page of 25 unless more was asked for.
//!
//! They are what watches look at, not what was found: never a scan of vulnerabilities. Those about vulnerabilities are
//! listed as findings too, so that nothing that is known to be bad is left out of the score.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::{Applicability, OperationalRisk, ScanStatus, Severity, Violation, ViolationKind};

use super::summary::Extended;
use super::{counted, research, scan};
use crate::report::issue::{Cve, Hit, Issue, filled, joint_rating};
use crate::report::package::{layer_of_path, of_component_id};
use crate::report::shape::{list, object, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Page {
    total_violations: u64,
    #[serde(deserialize_with = "list")]
    violations: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "text")]
    watch_name: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    created: String,
    #[serde(default, deserialize_with = "text")]
    license_key: String,
    #[serde(default, alias = "infected_component", deserialize_with = "list")]
    infected_components: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    component_physical_paths: Vec<String>,
    #[serde(default, alias = "impacted_artifacts", deserialize_with = "list")]
    impact_artifacts: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    matched_policies: Vec<Matched>,
    #[serde(default, deserialize_with = "list")]
    properties: Vec<Property>,
    #[serde(default, deserialize_with = "list")]
    fix_versions: Vec<String>,
    #[serde(default, deserialize_with = "object")]
    extended_information: Extended,
    operational_risk: Option<Operational>,
    #[serde(default, deserialize_with = "list")]
    applicability_details: Vec<Detail>,
    ignore_rule_info: Option<IgnoreRule>,
}

#[derive(Default, Deserialize)]
struct Matched {
    #[serde(default, deserialize_with = "text")]
    policy: String,
    #[serde(default, deserialize_with = "text")]
    rule: String,
    is_build_failed: Option<bool>,
    is_blocking: Option<bool>,
    is_ignored: Option<bool>,
}

#[derive(Deserialize)]
struct IgnoreRule {
    is_expired: Option<bool>,
}

/// A CVE of a violation. Here the CVSS members hold vectors, not scores.
#[derive(Deserialize)]
struct Property {
    #[serde(default, deserialize_with = "text")]
    cve: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v2: String,
    #[serde(default, deserialize_with = "text")]
    cvss_v3: String,
    #[serde(default, deserialize_with = "list")]
    cwe: Vec<String>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default, deserialize_with = "text")]
    vulnerability_id: String,
    #[serde(default, deserialize_with = "text")]
    result: String,
}

#[derive(Deserialize)]
struct Operational {
    #[serde(default, deserialize_with = "text")]
    risk_reason: String,
    is_eol: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    latest_version: String,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let page: Page = parse(ReportFormat::XrayViolations, bytes)?;
    let mut report = Report::new(ReportFormat::XrayViolations, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.violations = Some(true);
    report.notes.push(Note::ViolationsOnly);
    let (expected, found) = (page.total_violations, u64::try_from(page.violations.len()).unwrap_or(u64::MAX));
    if expected != found {
        report.not_complete(ScanStatus::Partial, Note::MissingRows { expected, found });
    }
    let mut components = BTreeSet::new();
    for entry in page.violations {
        components.extend(entry.infected_components.iter().cloned());
        for artifact in &entry.impact_artifacts {
            report.subject.name(artifact.strip_prefix("docker://").unwrap_or(artifact));
        }
        let kind = ViolationKind::parse(&entry.kind);
        violations(&mut report, &entry, kind);
        match (kind, &entry.operational_risk) {
            (ViolationKind::OperationalRisk, Some(risk)) => risks(&mut report, &entry, risk),
            (ViolationKind::Security, _) => issue(entry, &mut report)?,
            _ => {}
        }
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

fn violations(report: &mut Report, entry: &Entry, kind: ViolationKind) {
    let cve = entry.properties.iter().map(|property| &property.cve).find(|cve| !cve.is_empty());
    let license = Some(&entry.license_key).filter(|key| !key.is_empty());
    let id = cve.or(license).unwrap_or(&entry.issue_id);
    let ignored = entry.ignore_rule_info.as_ref().is_some_and(|rule| rule.is_expired == Some(false));
    let none = [Matched::default()];
    let matched = if entry.matched_policies.is_empty() { &none[..] } else { &entry.matched_policies };
    for policy in matched {
        let mut violation = Violation::new(kind, Severity::parse(&entry.severity), id.clone());
        violation.watch.clone_from(&entry.watch_name);
        violation.policy.clone_from(&policy.policy);
        violation.rule.clone_from(&policy.rule);
        violation.fail_build = policy.is_build_failed.unwrap_or(false) || policy.is_blocking.unwrap_or(false);
        violation.ignored = ignored || policy.is_ignored.unwrap_or(false);
        report.scan.violations.push(violation);
    }
}

fn risks(report: &mut Report, entry: &Entry, risk: &Operational) {
    report.scan.run.coverage.operational_risk = Some(true);
    for component in &entry.infected_components {
        let mut found = OperationalRisk::new(of_component_id(component), Severity::parse(&entry.severity));
        found.reason = Some(risk.risk_reason.clone()).filter(|reason| !reason.is_empty());
        found.end_of_life = risk.is_eol;
        found.latest_version = Some(risk.latest_version.clone()).filter(|version| !version.is_empty());
        report.scan.operational_risk.push(found);
    }
}

fn issue(entry: Entry, report: &mut Report) -> Result<(), ReportError> {
    let mut issue = Issue::new(entry.issue_id, Severity::parse(&entry.severity));
    issue.research = research(&entry.extended_information.jfrog_research_severity);
    issue.published = time(&entry.created);
    for property in entry.properties {
        let said: Vec<_> = entry
            .applicability_details
            .iter()
            .filter(|detail| detail.vulnerability_id == property.cve && !property.cve.is_empty())
            .map(|detail| Applicability::parse(&detail.result))
            .collect();
        if !said.is_empty() {
            report.scan.run.coverage.applicability = Some(true);
        }
        // Where components differ, the one that counts is taken.
        let applicability = said.iter().copied().find(|word| word.counts()).or_else(|| said.first().copied());
        let mut cve = Cve { id: property.cve, cwe: filled(property.cwe), applicability, ..Cve::default() };
        cve.cvss.v2 = joint_rating(&property.cvss_v2);
        cve.cvss.v3 = joint_rating(&property.cvss_v3);
        issue.cves.push(cve);
    }
    let layers: Vec<_> =
        entry.component_physical_paths.iter().filter_map(|path| layer_of_path(path)).collect();
    let fixed = filled(entry.fix_versions);
    for component in entry.infected_components {
        let package = of_component_id(&component);
        issue.hits.push(Hit { package, fixed: fixed.clone(), layers: layers.clone() });
    }
    issue.spread(&mut report.scan.findings)
}
