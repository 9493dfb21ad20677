//! SARIF 2.1.0, of any tool.
//!
//! `security-severity` decides how bad a result is. Without it only the level is left, and levels cannot tell Critical
//! from High: an error is read as Critical. JFrog writes the level `info`, which SARIF does not have, and writes every
//! finding of its policies a second time in a run of their own: those are violations and not added up. A run without
//! `results` did not come to its end.

mod result;
mod tool;

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use waxseal_core::scan::{Scan, ScanStatus, Scanner, Secrets, Severity, Violation, ViolationKind};

use self::result::{Finding, Found};
use self::tool::Kind;
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat, jf};

#[derive(Deserialize)]
struct Log {
    version: String,
    #[serde(deserialize_with = "list")]
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    tool: RunTool,
    results: Option<Results>,
    #[serde(default, deserialize_with = "list")]
    invocations: Vec<Invocation>,
    #[serde(default, deserialize_with = "object")]
    properties: RunProperties,
}

#[derive(Deserialize)]
struct Results(#[serde(deserialize_with = "list")] Vec<Found>);

#[derive(Deserialize)]
struct RunTool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "list")]
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "object")]
    short_description: Message,
    #[serde(default, deserialize_with = "object")]
    full_description: Message,
    #[serde(default, deserialize_with = "object")]
    default_configuration: DefaultConfiguration,
    #[serde(default, deserialize_with = "object")]
    properties: RuleProperties,
}

#[derive(Default, Deserialize)]
struct DefaultConfiguration {
    #[serde(default, deserialize_with = "text")]
    level: String,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "text")]
    text: String,
}

#[derive(Default, Deserialize)]
struct RuleProperties {
    #[serde(rename = "security-severity", default, deserialize_with = "text")]
    security_severity: String,
    #[serde(default, deserialize_with = "list")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    purls: Vec<String>,
    #[serde(rename = "impactPaths", default, deserialize_with = "list")]
    impact_paths: Vec<Vec<Step>>,
}

impl RuleProperties {
    /// The worst severity among the tags, written as Trivy writes it: the one that it chose among its sources.
    fn tagged(&self) -> Option<Severity> {
        let known = [
            ("CRITICAL", Severity::Critical),
            ("HIGH", Severity::High),
            ("MEDIUM", Severity::Medium),
            ("LOW", Severity::Low),
        ];
        let found = known.into_iter().find(|(word, _)| self.tags.iter().any(|tag| tag == word));
        found.map(|(_, severity)| severity)
    }
}

#[derive(Deserialize)]
struct Step {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    end_time_utc: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties {
    #[serde(default, deserialize_with = "text")]
    image_name: String,
    #[serde(rename = "imageID", default, deserialize_with = "text")]
    image_id: String,
    #[serde(default, deserialize_with = "list")]
    repo_digests: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    repo_tags: Vec<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let log: Log = parse(ReportFormat::Sarif, bytes)?;
    if log.version != "2.1.0" {
        let why = format!("version {:?}, expected 2.1.0", log.version);
        return Err(ReportError::Shape { format: ReportFormat::Sarif, why });
    }
    let mut report = Report::new(ReportFormat::Sarif, Scan::new(scanner(&log)?));
    report.scan.run.status = ScanStatus::Complete;
    let mut packages = BTreeSet::new();
    for run in log.runs {
        read_run(&mut report, run, &mut packages)?;
    }
    if !report.scan.run.coverage.vulnerabilities {
        report.notes.push(Note::NoVulnerabilityScan);
    }
    report.scan.run.components = u64::try_from(packages.len()).ok().filter(|packages| *packages > 0);
    Ok(report)
}

/// The scanner of the log: the tool of its first run, whose other runs must be of the same maker. Two scanners in one
/// file would hide one behind the other's name.
fn scanner(log: &Log) -> Result<Scanner, ReportError> {
    let mut scanners = log.runs.iter().map(|run| tool::scanner(&run.tool.driver.name));
    let shape = |why: String| ReportError::Shape { format: ReportFormat::Sarif, why };
    let mut first = scanners.next().ok_or_else(|| shape("no run: nothing was scanned".to_owned()))?;
    if let Some(other) = scanners.find(|other| other.identity() != first.identity()) {
        let why = format!("runs of two scanners, {:?} and {:?}: read them apart", first.name, other.name);
        return Err(shape(why));
    }
    if first.name.trim().is_empty() {
        return Err(shape("the tool has no name".to_owned()));
    }
    if let Some(run) = log.runs.iter().find(|run| !run.tool.driver.version.is_empty()) {
        first.version.clone_from(&run.tool.driver.version);
    }
    Ok(first)
}

fn read_run(
    report: &mut Report,
    run: Run,
    packages: &mut BTreeSet<(String, String)>,
) -> Result<(), ReportError> {
    let driver = run.tool.driver;
    let kind = Kind::of(&driver.name);
    for invocation in &run.invocations {
        if invocation.execution_successful == Some(false) {
            let text = format!("{}: the execution was not successful", driver.name);
            report.not_complete(ScanStatus::Failed, Note::ScannerError(text));
        }
        report.scan.run.finished_on = report.scan.run.finished_on.max(time(&invocation.end_time_utc));
    }
    subject(report, &run.properties);
    let Some(Results(results)) = run.results else {
        let text = format!("{}: no results, not even an empty list", driver.name);
        report.not_complete(ScanStatus::Failed, Note::ScannerError(text));
        return Ok(());
    };
    for rule in &driver.rules {
        for first in rule.properties.impact_paths.iter().filter_map(|path| path.first()) {
            let colon = if first.version.is_empty() { "" } else { ":" };
            report.subject.name(&format!("{}{colon}{}", first.name, first.version));
        }
    }
    let rules: HashMap<&str, &Rule> = driver.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let none = Rule::default();
    let coverage = &mut report.scan.run.coverage;
    match kind {
        Kind::Vulnerabilities => coverage.vulnerabilities = true,
        Kind::Secrets => coverage.secrets = Some(true),
        Kind::Malicious => coverage.malicious = Some(true),
        _ => {}
    }
    let (mut others, mut secrets) = (0_u64, Secrets::default());
    for found in results {
        let rule = found.rule(&driver.rules, &rules).unwrap_or(&none);
        let finding = Finding { found: &found, rule };
        finding.subject(&mut report.subject);
        match kind {
            Kind::Vulnerabilities | Kind::Any => {
                if finding.is_pass() || !finding.is_vulnerability(kind) {
                    others = others.saturating_add(u64::from(!finding.is_pass()));
                    continue;
                }
                report.scan.run.coverage.vulnerabilities = true;
                if finding.says_applicability() {
                    report.scan.run.coverage.applicability = Some(true);
                }
                let issue = finding.issue();
                packages.extend(
                    issue.hits.iter().map(|hit| (hit.package.name.clone(), hit.package.version.clone())),
                );
                issue.spread(&mut report.scan.findings)?;
            }
            Kind::Secrets => {
                secrets.total = secrets.total.saturating_add(1);
                secrets.active = secrets.active.saturating_add(u64::from(jf::works(finding.token_status())));
            }
            Kind::Policies => violations(report, &finding),
            Kind::Malicious => report.scan.findings.push(finding.malicious()),
            Kind::Applicability => {}
            Kind::Other => others = others.saturating_add(1),
        }
    }
    if kind == Kind::Secrets {
        let known = report.scan.secrets.unwrap_or_default();
        let total = known.total.saturating_add(secrets.total);
        report.scan.secrets = Some(Secrets::new(total, known.active.saturating_add(secrets.active)));
    }
    if others > 0 {
        report.notes.push(Note::OtherFindings { kind: "of a scanner for something else", found: others });
    }
    Ok(())
}

fn subject(report: &mut Report, properties: &RunProperties) {
    report.subject.name(&properties.image_name);
    for name in properties.repo_tags.iter().chain(&properties.repo_digests) {
        report.subject.name(name);
    }
    report.subject.image_id(&properties.image_id);
}

fn violations(report: &mut Report, finding: &Finding<'_>) {
    let properties = &finding.found.properties;
    let kind = match properties.kind.as_str() {
        "cve" => ViolationKind::Security,
        word => ViolationKind::parse(word),
    };
    let severity: Severity = finding.severity();
    for policy in properties.policies.split(',') {
        let mut violation = Violation::new(kind, severity, finding.id());
        violation.watch.clone_from(&properties.watch);
        policy.trim().clone_into(&mut violation.policy);
        report.scan.violations.push(violation);
    }
}

#[cfg(test)]
pub(super) mod figures;
