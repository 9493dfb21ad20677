//! in-toto's `vulns` (in-toto attestation, `spec/predicates/vuln.md`), v0.1, v0.2 and without a version.
//!
//! A result has an id and severities by method. It names no package, version with a fix, or number of components. v0.1
//! nests id and severity under `vulnerability` in its text, and does not in its example: both are read. An empty list
//! says that nothing was found, an absent one says nothing.

use serde::{Deserialize, Deserializer};

use super::{ForeignError, time};
use crate::json::{self, Names, Path};
use crate::limits::{SCAN_FINDINGS, SCAN_LIST};
use crate::scan::list::at_most;
use crate::scan::{CvssScore, Package, Scan, ScanFinding, ScanStatus, Scanner, ScannerDatabase, Severity};

#[derive(Deserialize)]
struct Predicate {
    scanner: WireScanner,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct WireScanner {
    uri: String,
    version: Option<String>,
    db: Option<WireDatabase>,
    #[serde(deserialize_with = "results")]
    result: Vec<WireResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDatabase {
    uri: Option<String>,
    version: Option<String>,
    last_update: Option<String>,
}

#[derive(Deserialize)]
struct WireResult {
    vulnerability: Option<Vulnerability>,
    id: Option<String>,
    #[serde(default, deserialize_with = "ratings")]
    severity: Vec<Rating>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default, deserialize_with = "ratings")]
    severity: Vec<Rating>,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(default)]
    method: String,
    score: Score,
}

/// A word or a number; the number often stands as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Score {
    Text(String),
    Number(f64),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_started_on: Option<String>,
    scan_finished_on: Option<String>,
}

fn results<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WireResult>, D::Error> {
    at_most::<D, WireResult, SCAN_FINDINGS>(deserializer)
}

fn ratings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rating>, D::Error> {
    at_most::<D, Rating, SCAN_LIST>(deserializer)
}

pub(super) fn read(predicate: &str) -> Result<Scan, ForeignError> {
    json::check(predicate.as_bytes(), names).map_err(ForeignError::Json)?;
    let wire: Predicate = serde_json::from_str(predicate)?;
    let told = |text: Option<String>| text.filter(|text| !text.is_empty());
    let uri = wire.scanner.uri;
    let mut scan = Scan::new(Scanner::new(name(&uri), uri));
    scan.scanner.version = wire.scanner.version.unwrap_or_default();
    if let Some(db) = wire.scanner.db {
        scan.scanner.db = Some(ScannerDatabase {
            uri: told(db.uri),
            version: told(db.version),
            last_update: time("lastUpdate", db.last_update.as_deref())?,
        });
    }
    scan.run.status = ScanStatus::Complete;
    scan.run.coverage.vulnerabilities = true;
    scan.run.started_on = time("scanStartedOn", wire.metadata.scan_started_on.as_deref())?;
    scan.run.finished_on = time("scanFinishedOn", wire.metadata.scan_finished_on.as_deref())?;
    for result in wire.scanner.result {
        let (id, ratings) = match result.vulnerability {
            Some(nested) => (nested.id, nested.severity.into_iter().chain(result.severity).collect()),
            None => (result.id.unwrap_or_default(), result.severity),
        };
        let mut finding = ScanFinding::new(id, severity(&ratings), Package::default());
        let score = ratings.iter().filter_map(Rating::cvss).max();
        finding.cvss.v3 = crate::scan::CvssRating::new(score, None);
        scan.findings.push(finding);
    }
    Ok(scan)
}

/// The scanner's words go before scores: of both the highest.
fn severity(ratings: &[Rating]) -> Severity {
    let words = ratings.iter().filter_map(|rating| match &rating.score {
        Score::Text(word) => Some(Severity::parse(word)).filter(|severity| *severity != Severity::Unknown),
        Score::Number(_) => None,
    });
    let scores = || ratings.iter().filter_map(Rating::cvss).map(CvssScore::severity).max();
    words.max().or_else(scores).unwrap_or(Severity::Unknown)
}

impl Rating {
    /// The score, where the method is one of CVSS.
    fn cvss(&self) -> Option<CvssScore> {
        let method = self.method.to_lowercase();
        if !["cvss", "nvd"].iter().any(|word| method.contains(word)) {
            return None;
        }
        match &self.score {
            Score::Text(text) => CvssScore::parse(text),
            Score::Number(score) => CvssScore::new(*score),
        }
    }
}

/// The last part of the scanner's URI, without its version: a name for people.
fn name(uri: &str) -> String {
    let plain = uri.split(['@', '?', '#']).next().unwrap_or_default();
    let last = plain.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if last.trim().is_empty() { uri.to_owned() } else { last.to_owned() }
}

/// Every object but annotations is read by name (rule S7).
fn names(path: Path<'_>) -> Names {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Names::Known(&["scanner", "metadata"]),
        ["scanner"] => Names::Known(&["uri", "version", "db", "result"]),
        ["scanner", "db"] => Names::Known(&["uri", "version", "lastUpdate"]),
        ["scanner", "result", ""] => Names::Known(&["vulnerability", "id", "severity"]),
        ["scanner", "result", "", "vulnerability"] => Names::Known(&["id", "severity"]),
        ["metadata"] => Names::Known(&["scanStartedOn", "scanFinishedOn"]),
        path if path.contains(&"annotations") => Names::Exact,
        _ => Names::Folded,
    }
}
