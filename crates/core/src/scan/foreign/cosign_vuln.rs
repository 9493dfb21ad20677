//! cosign's `vuln/v1` (cosign `specs/COSIGN_VULN_ATTESTATION_SPEC.md`): the scanner's own report under `scanner.result`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ForeignError, ReportReader, time};
use crate::json::{self, Names, Path};
use crate::scan::{Scan, Scanner, ScannerDatabase};

#[derive(Deserialize)]
struct Predicate<'a> {
    #[serde(borrow)]
    scanner: WireScanner<'a>,
    #[serde(default)]
    invocation: Option<WireInvocation>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct WireScanner<'a> {
    uri: String,
    version: Option<String>,
    db: Option<WireDatabase>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireDatabase {
    uri: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct WireInvocation {
    uri: Option<String>,
    event_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_started_on: Option<String>,
    scan_finished_on: Option<String>,
}

pub(super) fn read(predicate: &str, reports: &dyn ReportReader) -> Result<Scan, ForeignError> {
    json::check(predicate.as_bytes(), names).map_err(ForeignError::Json)?;
    let wire: Predicate<'_> = serde_json::from_str(predicate)?;
    let result = wire.scanner.result.map(RawValue::get).filter(|result| *result != "null");
    let result = result.ok_or_else(|| ForeignError::Report("there is none".to_owned()))?;
    let uri = wire.scanner.uri;
    let mut scan = reports.read_result(&uri, result).map_err(ForeignError::Report)?;
    let stated = Scanner::new(scan.scanner.name.clone(), uri).identity();
    if stated != scan.scanner.identity() {
        return Err(ForeignError::OtherScanner { stated, found: scan.scanner.identity() });
    }
    let told = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(version) = told(wire.scanner.version) {
        scan.scanner.version = version;
    }
    if let Some(db) = wire.scanner.db {
        let known = scan.scanner.db.get_or_insert_with(ScannerDatabase::default);
        known.uri = told(db.uri).or(known.uri.take());
        known.version = told(db.version).or(known.version.take());
    }
    if let Some(invocation) = wire.invocation {
        scan.invocation.ci_uri = told(invocation.uri);
        scan.invocation.event_id = told(invocation.event_id);
    }
    scan.run.started_on = time("scanStartedOn", wire.metadata.scan_started_on.as_deref())?;
    scan.run.finished_on = time("scanFinishedOn", wire.metadata.scan_finished_on.as_deref())?;
    Ok(scan)
}

/// Every object but the scanner's report and what it was called with is read by name (rule S7).
fn names(path: Path<'_>) -> Names {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Names::Known(&["invocation", "scanner", "metadata"]),
        ["scanner"] => Names::Known(&["uri", "version", "db", "result"]),
        ["scanner", "db"] => Names::Known(&["uri", "version"]),
        ["metadata"] => Names::Known(&["scanStartedOn", "scanFinishedOn"]),
        ["scanner", "result", ..] | ["invocation", "parameters", ..] => Names::Exact,
        _ => Names::Folded,
    }
}
