//! The predicate: a scan written down, and read back.
//!
//! Written: members in one order, times in UTC, the summary computed. Read: strict about types, about members that
//! stand twice or that differ in case only (rule S7), and about limits; members that we do not know are passed over, so
//! that a later version may say more.

use serde::{Deserialize, Deserializer, Serialize};

use super::list::at_most;
use super::{
    Invocation, License, OperationalRisk, Package, RawReport, Scan, ScanError, ScanFinding, ScanRun, Scanner,
    Secrets, Summary, Violation,
};
use crate::json::{self, JsonError, Names, Path};
use crate::limits::{SCAN_FINDINGS, SCAN_LIST, SCAN_PREDICATE_BYTES, SCAN_TEXT_BYTES};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    scanner: &'a Scanner,
    invocation: &'a Invocation,
    scan: &'a ScanRun,
    summary: Summary,
    findings: &'a [ScanFinding],
    licenses: &'a [License],
    violations: &'a [Violation],
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: &'a Option<Secrets>,
    operational_risk: &'a [OperationalRisk],
    #[serde(skip_serializing_if = "Option::is_none")]
    report: &'a Option<RawReport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    scanner: Scanner,
    #[serde(default)]
    invocation: Invocation,
    scan: ScanRun,
    summary: Summary,
    #[serde(deserialize_with = "many")]
    findings: Vec<ScanFinding>,
    #[serde(default, deserialize_with = "many")]
    licenses: Vec<License>,
    #[serde(default, deserialize_with = "many")]
    violations: Vec<Violation>,
    #[serde(default)]
    secrets: Option<Secrets>,
    #[serde(default, deserialize_with = "many")]
    operational_risk: Vec<OperationalRisk>,
    #[serde(default)]
    report: Option<RawReport>,
}

fn many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    at_most::<D, T, SCAN_FINDINGS>(deserializer)
}

impl Scan {
    /// Writes the predicate, without blanks. Fails where [`Scan::parse`] would not read it back.
    pub fn to_predicate(&self) -> Result<String, ScanError> {
        self.check()?;
        let written = Written {
            scanner: &self.scanner,
            invocation: &self.invocation,
            scan: &self.run,
            summary: self.summary(),
            findings: &self.findings,
            licenses: &self.licenses,
            violations: &self.violations,
            secrets: &self.secrets,
            operational_risk: &self.operational_risk,
            report: &self.report,
        };
        let text = serde_json::to_string(&written).map_err(|error| shape(&error))?;
        if text.len() > SCAN_PREDICATE_BYTES {
            return Err(ScanError::TooLarge { found: text.len() });
        }
        if self.report.as_ref().is_some_and(|report| report.embedded.is_some()) {
            json::check(text.as_bytes(), names).map_err(ScanError::Json)?;
        }
        Ok(text)
    }

    /// Reads a predicate of type [`SCAN_PREDICATE`](super::SCAN_PREDICATE).
    pub fn parse(predicate: &str) -> Result<Self, ScanError> {
        if predicate.len() > SCAN_PREDICATE_BYTES {
            return Err(ScanError::TooLarge { found: predicate.len() });
        }
        json::check(predicate.as_bytes(), names).map_err(ScanError::Json)?;
        let read: Read = serde_json::from_str(predicate).map_err(|error| shape(&error))?;
        let scan = Self {
            scanner: read.scanner,
            invocation: read.invocation,
            run: read.scan,
            findings: read.findings,
            licenses: read.licenses,
            violations: read.violations,
            secrets: read.secrets,
            operational_risk: read.operational_risk,
            report: read.report,
            stated: Some(read.summary),
        };
        scan.check()?;
        Ok(scan)
    }

    /// Holds a scan to the limits of a predicate, however it was made.
    pub fn check(&self) -> Result<(), ScanError> {
        if self.scanner.name.trim().is_empty() {
            return Err(ScanError::NoScanner);
        }
        for (what, found) in [
            ("findings", self.findings.len()),
            ("licences", self.licenses.len()),
            ("violations", self.violations.len()),
            ("operational risks", self.operational_risk.len()),
        ] {
            if found > SCAN_FINDINGS {
                return Err(ScanError::TooMany { what, found, limit: SCAN_FINDINGS });
            }
        }
        self.check_source()?;
        self.findings.iter().try_for_each(check_finding)?;
        for license in &self.licenses {
            text("a licence", &license.id)?;
            optional("a licence's name", license.name.as_ref())?;
        }
        for violation in &self.violations {
            text("a violation's watch", &violation.watch)?;
            text("a violation's policy", &violation.policy)?;
            text("a violation's rule", &violation.rule)?;
            text("a violation's id", &violation.id)?;
        }
        for risk in &self.operational_risk {
            check_package(&risk.package)?;
            optional("the reason of an operational risk", risk.reason.as_ref())?;
            optional("a latest version", risk.latest_version.as_ref())?;
        }
        Ok(())
    }

    fn check_source(&self) -> Result<(), ScanError> {
        text("the scanner's name", &self.scanner.name)?;
        text("the scanner's uri", &self.scanner.uri)?;
        text("the scanner's version", &self.scanner.version)?;
        text("the scanner's instance", &self.scanner.instance)?;
        if let Some(db) = &self.scanner.db {
            optional("the database's uri", db.uri.as_ref())?;
            optional("the database's version", db.version.as_ref())?;
        }
        text("the tool", &self.invocation.tool)?;
        text("the tool's version", &self.invocation.tool_version)?;
        text("the report's format", &self.invocation.format)?;
        list("parameters", "a parameter", &self.invocation.parameters)?;
        optional("the pipeline's uri", self.invocation.ci_uri.as_ref())?;
        optional("the pipeline's run", self.invocation.event_id.as_ref())?;
        let Some(report) = &self.report else { return Ok(()) };
        text("the report's media type", &report.media_type)?;
        optional("the report's uri", report.uri.as_ref())?;
        match &report.embedded {
            Some(value) if !value.get().starts_with(['{', '[']) => Err(ScanError::Embedded),
            _ => Ok(()),
        }
    }
}

fn check_finding(finding: &ScanFinding) -> Result<(), ScanError> {
    text("a finding's id", &finding.id)?;
    list("aliases of one finding", "an alias", &finding.aliases)?;
    check_package(&finding.package)?;
    list("fixed versions of one finding", "a fixed version", &finding.fixed_versions)?;
    list("layers of one finding", "a layer", &finding.layers)?;
    list("weaknesses of one finding", "a weakness", &finding.cwe)?;
    for rating in [&finding.cvss.v2, &finding.cvss.v3, &finding.cvss.v4].into_iter().flatten() {
        optional("a CVSS vector", rating.vector.as_ref())?;
    }
    Ok(())
}

fn check_package(package: &Package) -> Result<(), ScanError> {
    text("a package's type", &package.kind)?;
    text("a package's name", &package.name)?;
    text("a package's version", &package.version)?;
    optional("a package URL", package.purl.as_ref())
}

fn text(what: &'static str, text: &str) -> Result<(), ScanError> {
    if text.len() > SCAN_TEXT_BYTES {
        return Err(ScanError::TooLong { what, found: text.len() });
    }
    Ok(())
}

fn optional(what: &'static str, found: Option<&String>) -> Result<(), ScanError> {
    found.map_or(Ok(()), |found| text(what, found))
}

fn list(what: &'static str, item: &'static str, found: &[String]) -> Result<(), ScanError> {
    if found.len() > SCAN_LIST {
        return Err(ScanError::TooMany { what, found: found.len(), limit: SCAN_LIST });
    }
    found.iter().try_for_each(|found| text(item, found))
}

fn shape(error: &serde_json::Error) -> ScanError {
    ScanError::Json(JsonError::Shape { why: error.to_string() })
}

/// Every object but the embedded report is read by name (rule S7).
fn names(path: Path<'_>) -> Names {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Names::Known(&[
            "scanner",
            "invocation",
            "scan",
            "summary",
            "findings",
            "licenses",
            "violations",
            "secrets",
            "operationalRisk",
            "report",
        ]),
        ["scanner"] => Names::Known(&["name", "uri", "version", "instance", "db"]),
        ["scanner", "db"] => Names::Known(&["uri", "version", "lastUpdate"]),
        ["scan"] => {
            Names::Known(&["startedOn", "finishedOn", "status", "coverage", "filtered", "components"])
        }
        ["scan", "coverage"] => Names::Known(&[
            "vulnerabilities",
            "licenses",
            "applicability",
            "secrets",
            "operationalRisk",
            "malicious",
            "violations",
        ]),
        ["findings", ""] => Names::Known(&[
            "id",
            "aliases",
            "severity",
            "researchSeverity",
            "cvss",
            "package",
            "fixedVersions",
            "publishedOn",
            "fixAvailableOn",
            "layers",
            "applicability",
            "cwe",
            "malicious",
        ]),
        ["findings", "", "package"] => Names::Known(&["type", "name", "version", "purl"]),
        ["violations", ""] => {
            Names::Known(&["type", "watch", "policy", "rule", "severity", "id", "failBuild", "ignored"])
        }
        ["secrets"] => Names::Known(&["total", "active"]),
        ["report", "embedded", ..] => Names::Exact,
        _ => Names::Folded,
    }
}

#[cfg(test)]
mod tests;
