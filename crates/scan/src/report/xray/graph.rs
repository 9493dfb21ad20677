//! Scan graphs: what Xray answers to a scan on demand, one of them or a list, as `jf ... --format json` prints it.
//!
//! They hold no contextual analysis, and count only components that have findings or licences. With watches they hold
//! violations instead of vulnerabilities.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use waxseal_core::limits::REPORT_ENTRIES;
use waxseal_core::scan::{License, Package, ScanError, ScanStatus, Severity, Violation, ViolationKind};

use super::summary::Extended;
use super::{counted, research, scan};
use crate::report::issue::{Cve, Hit, Issue, filled, rating};
use crate::report::package::{layer_of_path, named, of_component_id};
use crate::report::shape::{list, names, object, parse, text};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Graph {
    #[serde(default, deserialize_with = "text")]
    component_id: String,
    #[serde(default, deserialize_with = "text")]
    package_type: String,
    #[serde(default, deserialize_with = "text")]
    status: String,
    #[serde(default, deserialize_with = "text")]
    top_vuln_severity: String,
    vulnerabilities: Option<Vulnerabilities>,
    #[serde(default, deserialize_with = "list")]
    violations: Vec<GraphViolation>,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<GraphLicense>,
}

/// The list, told apart from no list.
#[derive(Deserialize)]
pub(super) struct Vulnerabilities(#[serde(deserialize_with = "list")] pub(super) Vec<Vulnerability>);

/// A vulnerability of a scan graph or of a build scan.
#[derive(Deserialize)]
pub(super) struct Vulnerability {
    #[serde(default, deserialize_with = "list")]
    cves: Vec<GraphCve>,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "object")]
    components: BTreeMap<String, Component>,
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "object")]
    extended_information: Extended,
}

#[derive(Deserialize)]
struct GraphCve {
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
    #[serde(default, deserialize_with = "list")]
    cwe: Vec<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default, deserialize_with = "list")]
    fixed_versions: Vec<String>,
    #[serde(default, deserialize_with = "text")]
    package_name: String,
    #[serde(default, deserialize_with = "text")]
    package_version: String,
    #[serde(default, deserialize_with = "text")]
    package_type: String,
    #[serde(default, deserialize_with = "list")]
    impact_paths: Vec<Vec<Step>>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default, deserialize_with = "text")]
    full_path: String,
}

/// A violation of a scan graph or of a build scan.
#[derive(Deserialize)]
pub(super) struct GraphViolation {
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "text")]
    watch_name: String,
    #[serde(default, deserialize_with = "text")]
    issue_id: String,
    #[serde(default, deserialize_with = "text")]
    license_key: String,
    #[serde(default)]
    fail_build: Option<bool>,
    #[serde(default, deserialize_with = "list")]
    policies: Vec<Matched>,
    #[serde(default, deserialize_with = "list")]
    cves: Vec<GraphCve>,
    #[serde(default, deserialize_with = "object")]
    components: BTreeMap<String, Component>,
    #[serde(default, deserialize_with = "object")]
    extended_information: Extended,
}

#[derive(Default, Deserialize)]
struct Matched {
    #[serde(default, deserialize_with = "text")]
    policy: String,
    #[serde(default, deserialize_with = "text")]
    rule: String,
    #[serde(default)]
    is_blocking: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    ignore_rule_id: String,
}

#[derive(Deserialize)]
struct GraphLicense {
    #[serde(default, deserialize_with = "text")]
    license_key: String,
    #[serde(default, deserialize_with = "text")]
    license_name: String,
    #[serde(default, deserialize_with = "names")]
    components: BTreeSet<String>,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let graph: Graph = parse(ReportFormat::XrayGraph, bytes)?;
    read_all(ReportFormat::XrayGraph, vec![graph])
}

pub(in crate::report) fn read_list(bytes: &[u8]) -> Result<Report, ReportError> {
    #[derive(Deserialize)]
    struct Graphs(#[serde(deserialize_with = "list")] Vec<Graph>);
    let Graphs(graphs) = parse(ReportFormat::JfJson, bytes)?;
    read_all(ReportFormat::JfJson, graphs)
}

fn read_all(format: ReportFormat, graphs: Vec<Graph>) -> Result<Report, ReportError> {
    let mut report = Report::new(format, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.applicability = Some(false);
    if graphs.is_empty() {
        report.not_complete(ScanStatus::NotScanned, Note::NotKnownToScanner);
    }
    let mut components = BTreeSet::new();
    let mut licensed = BTreeMap::new();
    for graph in graphs {
        let image = of_component_id(&graph.component_id);
        if image.kind.eq_ignore_ascii_case("docker") || graph.package_type.eq_ignore_ascii_case("docker") {
            let colon = if image.version.is_empty() { "" } else { ":" };
            report.subject.name(&format!("{}{colon}{}", image.name, image.version));
        }
        status(&mut report, &graph.status);
        graph.hold_top_against_list(&mut report);
        if let Some(Vulnerabilities(vulnerabilities)) = graph.vulnerabilities {
            report.scan.run.coverage.vulnerabilities = true;
            for vulnerability in vulnerabilities {
                components.extend(vulnerability.components.keys().cloned());
                vulnerability.add(&mut report)?;
            }
        }
        for violation in graph.violations {
            components.extend(violation.components.keys().cloned());
            violation.add(&mut report)?;
        }
        if !graph.licenses.is_empty() {
            report.scan.run.coverage.licenses = Some(true);
        }
        for license in graph.licenses {
            let (_, packages) =
                licensed.entry(license.license_key).or_insert((license.license_name, BTreeSet::new()));
            packages.extend(license.components);
        }
    }
    for (key, (name, packages)) in licensed {
        let mut license = License::new(key, u64::try_from(packages.len()).unwrap_or(u64::MAX));
        license.name = Some(name).filter(|name| !name.is_empty());
        report.scan.licenses.push(license);
        components.extend(packages);
    }
    if !report.scan.run.coverage.vulnerabilities {
        // Clean, or asked for violations only: an answer without the list does not say which.
        let watched = !report.scan.violations.is_empty();
        report.notes.push(if watched { Note::ViolationsOnly } else { Note::NoVulnerabilityScan });
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}

impl Graph {
    /// Xray's own word for the worst vulnerability: a list with nothing as bad is not whole.
    fn hold_top_against_list(&self, report: &mut Report) {
        let Some(Vulnerabilities(listed)) = &self.vulnerabilities else { return };
        let top = Severity::parse(&self.top_vuln_severity);
        let words = listed.iter().map(|found| (&found.severity, &found.extended_information));
        let words =
            words.chain(self.violations.iter().map(|found| (&found.severity, &found.extended_information)));
        let worst = words
            .flat_map(|(severity, extended)| [severity, &extended.jfrog_research_severity])
            .filter(|word| !word.trim().is_empty())
            .map(|word| Severity::parse(word))
            .max();
        if top != Severity::Unknown && worst.is_none_or(|worst| worst < top) {
            let stated = format!("that the worst is {}", top.as_str());
            let found = worst.map_or("none", Severity::as_str);
            let found = format!("none worse than {found}");
            report.not_complete(ScanStatus::Partial, Note::FiguresDiffer { stated, found });
        }
    }
}

/// Reads the status of a scan graph or a build scan.
pub(super) fn status(report: &mut Report, status: &str) {
    let word = status.trim().to_ascii_lowercase();
    match word.as_str() {
        "completed" | "done" | "scanned" => {}
        "" => report.not_complete(ScanStatus::Partial, Note::NoStatus),
        "failed" | "error" => report.not_complete(ScanStatus::Failed, Note::Status(status.to_owned())),
        "partial" => report.not_complete(ScanStatus::Partial, Note::Status(status.to_owned())),
        "not_scanned" | "not_supported" | "not scanned" | "not supported" => {
            report.not_complete(ScanStatus::NotScanned, Note::Status(status.to_owned()));
        }
        _ => report.not_complete(ScanStatus::Pending, Note::Status(status.to_owned())),
    }
}

impl Vulnerability {
    pub(super) fn add(self, report: &mut Report) -> Result<(), ReportError> {
        let mut issue = Issue::new(self.issue_id, Severity::parse(&self.severity));
        issue.research = research(&self.extended_information.jfrog_research_severity);
        issue.cves = self.cves.into_iter().map(Cve::from).collect();
        if self.components.len() > REPORT_ENTRIES {
            let (found, limit) = (self.components.len(), REPORT_ENTRIES);
            return Err(ReportError::Scan(ScanError::TooMany { what: "components", found, limit }));
        }
        issue.hits = self.components.into_iter().map(|(id, component)| component.hit(&id)).collect();
        issue.spread(&mut report.scan.findings)
    }

    /// The ids of the components that have it.
    pub(super) fn components(&self) -> impl Iterator<Item = &String> {
        self.components.keys()
    }
}

impl Component {
    fn hit(self, id: &str) -> Hit {
        let package = if self.package_name.is_empty() {
            of_component_id(id)
        } else {
            let known: Package = of_component_id(id);
            let kind = if known.kind.is_empty() { self.package_type } else { known.kind };
            named(&kind, &self.package_name, &self.package_version)
        };
        let steps = self.impact_paths.iter().flatten();
        let mut layers: Vec<_> = steps.filter_map(|step| layer_of_path(&step.full_path)).collect();
        layers.sort();
        layers.dedup();
        Hit { package, fixed: filled(self.fixed_versions), layers }
    }
}

impl From<GraphCve> for Cve {
    fn from(wire: GraphCve) -> Self {
        let mut cve = Self { id: wire.cve, cwe: filled(wire.cwe), ..Self::default() };
        cve.cvss.v2 = rating(&wire.cvss_v2_score, &wire.cvss_v2_vector);
        cve.cvss.v3 = rating(&wire.cvss_v3_score, &wire.cvss_v3_vector);
        cve
    }
}

impl GraphViolation {
    /// Adds the violation: once for each policy, or once. What it is about is a finding too, unless it stands among
    /// the vulnerabilities: nothing that is known to be bad is left out of the score.
    pub(super) fn add(self, report: &mut Report) -> Result<(), ReportError> {
        let kind = ViolationKind::parse(&self.kind);
        let id = if kind == ViolationKind::License && !self.license_key.is_empty() {
            self.license_key
        } else if kind == ViolationKind::Security && self.issue_id.is_empty() {
            let named = self.cves.iter().map(|cve| &cve.cve).find(|id| !id.is_empty());
            named.cloned().unwrap_or_default()
        } else {
            self.issue_id.clone()
        };
        if kind == ViolationKind::Security && !report.scan.run.coverage.vulnerabilities {
            let vulnerability = Vulnerability {
                cves: self.cves,
                severity: self.severity.clone(),
                components: self.components,
                issue_id: self.issue_id,
                extended_information: self.extended_information,
            };
            vulnerability.add(report)?;
        }
        let mut policies = self.policies;
        if policies.is_empty() {
            policies.push(Matched::default());
        }
        for policy in policies {
            let mut violation = Violation::new(kind, Severity::parse(&self.severity), id.clone());
            violation.watch.clone_from(&self.watch_name);
            violation.policy = policy.policy;
            violation.rule = policy.rule;
            violation.fail_build = self.fail_build.unwrap_or(false) || policy.is_blocking.unwrap_or(false);
            violation.ignored = !policy.ignore_rule_id.is_empty();
            report.scan.violations.push(violation);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(in crate::report) mod figures;
