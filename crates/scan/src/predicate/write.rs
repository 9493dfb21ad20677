//! Writes cosign's `vuln/v1` and in-toto's `vulns/v0.2`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use waxseal_core::scan::foreign::{COSIGN_VULN, ForeignError, IN_TOTO_VULNS_V02};
use waxseal_core::scan::{Scan, ScanFinding, Summary};

use super::Reports;

/// Why a scan is not written in another tool's predicate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The scan is not complete, and the predicate has no way to say so.
    #[error("the scan is not complete ({status}{}), which this predicate cannot say", if *.filtered { ", filtered" } else { "" })]
    Incomplete {
        /// Its status.
        status: waxseal_core::scan::ScanStatus,
        /// Whether findings were left out.
        filtered: bool,
    },
    /// The scan does not say when it was finished.
    #[error("the scan does not say when it was finished, which this predicate requires")]
    NoTime,
    /// The scan does not say how old the scanner's database is.
    #[error("the date of the scanner's database is not known, which this predicate requires")]
    NoDatabaseDate,
    /// The scanner has no URI.
    #[error("the scanner {name:?} has no URI, which this predicate requires")]
    NoUri {
        /// Its name.
        name: String,
    },
    /// A finding has no id.
    #[error("a finding has no id, which this predicate requires")]
    NoId,
    /// The report is not JSON.
    #[error("the report is no JSON object or list")]
    NotJson,
    /// What was written does not read back.
    #[error("what was written does not read back: {0}")]
    Unreadable(#[source] ForeignError),
    /// What was written reads back as another scan.
    #[error("what was written reads back with other figures")]
    Differs,
}

#[derive(Serialize)]
struct CosignVuln<'a> {
    invocation: Invocation<'a>,
    scanner: CosignScanner<'a>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Invocation<'a> {
    parameters: &'a [String],
    uri: &'a str,
    event_id: &'a str,
    #[serde(rename = "builder.id")]
    builder: &'static str,
}

#[derive(Serialize)]
struct CosignScanner<'a> {
    uri: String,
    version: &'a str,
    db: CosignDatabase<'a>,
    result: &'a RawValue,
}

#[derive(Serialize)]
struct CosignDatabase<'a> {
    uri: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_started_on: String,
    scan_finished_on: String,
}

/// The predicate of type [`COSIGN_VULN`]: the scanner's report as it is, with who made it and when.
///
/// Where nobody said when the scan began, its end stands in for it: the type has no empty times.
pub fn cosign_vuln(scan: &Scan, report: &[u8]) -> Result<String, WriteError> {
    let metadata = metadata(scan)?;
    let report: &RawValue = serde_json::from_slice(report).map_err(|_| WriteError::NotJson)?;
    if !report.get().starts_with(['{', '[']) {
        return Err(WriteError::NotJson);
    }
    let db = scan.scanner.db.as_ref();
    let predicate = CosignVuln {
        invocation: Invocation {
            parameters: &scan.invocation.parameters,
            uri: scan.invocation.ci_uri.as_deref().unwrap_or_default(),
            event_id: scan.invocation.event_id.as_deref().unwrap_or_default(),
            builder: "",
        },
        scanner: CosignScanner {
            uri: uri(scan)?,
            version: &scan.scanner.version,
            db: CosignDatabase {
                uri: db.and_then(|db| db.uri.as_deref()).unwrap_or_default(),
                version: db.and_then(|db| db.version.as_deref()).unwrap_or_default(),
            },
            result: report,
        },
        metadata,
    };
    let text = serde_json::to_string(&predicate).map_err(|_| WriteError::NotJson)?;
    let read = read_back(COSIGN_VULN, &text)?;
    if read.summary() != scan.summary() || read.findings.len() != scan.findings.len() {
        return Err(WriteError::Differs);
    }
    Ok(text)
}

#[derive(Serialize)]
struct InTotoVulns<'a> {
    scanner: InTotoScanner<'a>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct InTotoScanner<'a> {
    uri: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    db: InTotoDatabase<'a>,
    result: Vec<InTotoResult<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InTotoDatabase<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    last_update: String,
}

#[derive(Serialize)]
struct InTotoResult<'a> {
    id: &'a str,
    severity: Vec<Rating<'a>>,
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
struct Rating<'a> {
    method: &'a str,
    score: String,
}

/// What the type has no member for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    package: &'a waxseal_core::scan::Package,
    fixed_versions: &'a [String],
}

/// The predicate of type [`IN_TOTO_VULNS_V02`]. The date of the scanner's database is required and never invented.
pub fn in_toto_vulns(scan: &Scan) -> Result<String, WriteError> {
    let metadata = metadata(scan)?;
    let db = scan.scanner.db.as_ref();
    let last_update = db.and_then(|db| db.last_update).ok_or(WriteError::NoDatabaseDate)?;
    if scan.findings.iter().any(|finding| finding.id.is_empty()) {
        return Err(WriteError::NoId);
    }
    let predicate = InTotoVulns {
        scanner: InTotoScanner {
            uri: uri(scan)?,
            version: &scan.scanner.version,
            db: InTotoDatabase {
                uri: db.and_then(|db| db.uri.as_deref()),
                version: db.and_then(|db| db.version.as_deref()),
                last_update: last_update.to_string(),
            },
            result: scan.findings.iter().map(|finding| result(scan, finding)).collect(),
        },
        metadata,
    };
    let text = serde_json::to_string(&predicate).map_err(|_| WriteError::Differs)?;
    let read = read_back(IN_TOTO_VULNS_V02, &text)?;
    // Fixes and applicability are not in the type: the severities are what it has to give back.
    if by_severity(&read.summary()) != by_severity(&scan.summary())
        || read.findings.len() != scan.findings.len()
    {
        return Err(WriteError::Differs);
    }
    Ok(text)
}

fn by_severity(summary: &Summary) -> (waxseal_core::scan::SeverityCounts, u64) {
    (summary.by_severity, summary.total)
}

fn result<'a>(scan: &'a Scan, finding: &'a ScanFinding) -> InTotoResult<'a> {
    let mut severity = vec![Rating { method: &scan.scanner.name, score: finding.severity().to_string() }];
    let ratings =
        [("CVSS_V2", &finding.cvss.v2), ("CVSS_V3", &finding.cvss.v3), ("CVSS_V4", &finding.cvss.v4)];
    // An unknown severity stays one: a score beside it would be read as the scanner's own.
    if finding.severity() != waxseal_core::scan::Severity::Unknown {
        for (method, rating) in ratings {
            if let Some(score) = rating.as_ref().and_then(|rating| rating.score) {
                severity.push(Rating { method, score: score.to_string() });
            }
        }
    }
    let annotation = Annotation { package: &finding.package, fixed_versions: &finding.fixed_versions };
    InTotoResult { id: &finding.id, severity, annotations: vec![annotation] }
}

fn metadata(scan: &Scan) -> Result<Metadata, WriteError> {
    if !scan.is_complete() {
        return Err(WriteError::Incomplete { status: scan.run.status, filtered: scan.run.filtered });
    }
    let finished = scan.run.finished_on.ok_or(WriteError::NoTime)?;
    let started: Timestamp = scan.run.started_on.unwrap_or(finished);
    Ok(Metadata { scan_started_on: started.to_string(), scan_finished_on: finished.to_string() })
}

/// The scanner's URI with its version, as Trivy writes its own.
fn uri(scan: &Scan) -> Result<String, WriteError> {
    let scanner = &scan.scanner;
    if scanner.uri.is_empty() {
        return Err(WriteError::NoUri { name: scanner.name.clone() });
    }
    let plain = scanner.version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte));
    if scanner.version.is_empty() || scanner.uri.contains('@') || !plain {
        return Ok(scanner.uri.clone());
    }
    Ok(format!("{}@{}", scanner.uri, scanner.version))
}

fn read_back(predicate_type: &str, text: &str) -> Result<Scan, WriteError> {
    match Scan::read(predicate_type, text, &Reports::new()) {
        Some(Ok(scan)) => Ok(scan),
        Some(Err(error)) => Err(WriteError::Unreadable(error)),
        None => Err(WriteError::Differs),
    }
}
