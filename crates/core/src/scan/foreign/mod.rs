//! What other tools sign about an image, read into a [`Scan`] for judging (rules N4 and N6).
//!
//! Two families are scans by their type: cosign's `vuln/v1` and in-toto's `vulns`. CycloneDX, SPDX and OpenVEX are read
//! where a policy lists them; that they are no scan unless they state vulnerability coverage shows in
//! [`Coverage::vulnerabilities`](super::Coverage::vulnerabilities).
//!
//! # The seam
//!
//! The `result` of cosign's type is the scanner's own report, and the readers of reports live in `waxseal-scan`, which
//! builds on this crate. So whoever judges hands in a [`ReportReader`]. It is told `scanner.uri` and reads what that
//! scanner writes, and nothing else: a report that is guessed at could be read as that of a scanner which finds less.
//! There is no reader by default: without one, or for a scanner that it does not know, the predicate is unreadable, and
//! what is unreadable never meets a requirement. The alternative, to move the readers here, would put every scanner's
//! shape into the crate that has to be reviewed as a whole.
//!
//! Times are those of the predicate, which was signed, not of the report in it (rule N2).

mod cosign_vuln;
mod in_toto_vulns;

use jiff::Timestamp;

use super::{SCAN_PREDICATE, Scan, ScanError};
use crate::json::JsonError;
use crate::limits::SCAN_PREDICATE_BYTES;

/// The predicate type of cosign's `vuln`.
pub const COSIGN_VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// The predicate type of in-toto's `vulns` as tools write it without a version.
pub const IN_TOTO_VULNS: &str = "https://in-toto.io/attestation/vulns";
/// The predicate type of in-toto's `vulns`, version 0.1.
pub const IN_TOTO_VULNS_V01: &str = "https://in-toto.io/attestation/vulns/v0.1";
/// The predicate type of in-toto's `vulns`, version 0.2.
pub const IN_TOTO_VULNS_V02: &str = "https://in-toto.io/attestation/vulns/v0.2";

/// The predicate types that are scans by themselves (rule N4).
pub const SCAN_TYPES: [&str; 5] =
    [SCAN_PREDICATE, COSIGN_VULN, IN_TOTO_VULNS, IN_TOTO_VULNS_V01, IN_TOTO_VULNS_V02];

/// Reads scanners' own reports.
pub trait ReportReader {
    /// Reads the `result` of a predicate whose `scanner.uri` is this one: JSON text. An error says why in words.
    fn read_result(&self, scanner_uri: &str, result: &str) -> Result<Scan, String>;

    /// Reads a predicate that is a document of its own: CycloneDX, SPDX, OpenVEX. None for a type that is none.
    fn read_document(&self, predicate_type: &str, document: &str) -> Option<Result<Scan, String>>;
}

/// Reads no report: what needs one is unreadable.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReports(());

impl NoReports {
    /// No reader.
    pub const fn new() -> Self {
        Self(())
    }
}

impl ReportReader for NoReports {
    fn read_result(&self, _: &str, _: &str) -> Result<Scan, String> {
        Err("scanners' reports are not read here".to_owned())
    }

    fn read_document(&self, _: &str, _: &str) -> Option<Result<Scan, String>> {
        None
    }
}

impl Scan {
    /// Reads a predicate of any type that can be a scan; none for a type that cannot.
    pub fn read(
        predicate_type: &str,
        predicate: &str,
        reports: &dyn ReportReader,
    ) -> Option<Result<Self, ForeignError>> {
        if predicate.len() > SCAN_PREDICATE_BYTES {
            return Some(Err(ForeignError::Scan(ScanError::TooLarge { found: predicate.len() })));
        }
        let read = match predicate_type {
            SCAN_PREDICATE => Self::parse(predicate).map_err(ForeignError::Scan),
            COSIGN_VULN => cosign_vuln::read(predicate, reports),
            IN_TOTO_VULNS | IN_TOTO_VULNS_V01 | IN_TOTO_VULNS_V02 => in_toto_vulns::read(predicate),
            other => reports.read_document(other, predicate)?.map_err(ForeignError::Report),
        };
        Some(read.and_then(|scan| {
            scan.check().map_err(ForeignError::Scan)?;
            Ok(scan)
        }))
    }
}

/// Why a foreign predicate is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// Not the JSON that the predicate is.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// It holds more than a scan may, or is no scan of ours.
    #[error("{0}")]
    Scan(#[source] ScanError),
    /// The report in it is not read.
    #[error("the scanner's report: {0}")]
    Report(String),
    /// The report says that it is of another scanner than the predicate.
    #[error("scanner.uri is {stated:?}, the report is one of {found:?}")]
    OtherScanner {
        /// The scanner of the predicate.
        stated: String,
        /// The scanner of the report.
        found: String,
    },
}

impl From<serde_json::Error> for ForeignError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(JsonError::Shape { why: error.to_string() })
    }
}

/// A time of a predicate. Absent and the year 1, which Go writes for it, are none; what is no time is an error.
fn time(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, ForeignError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let time: Timestamp = text.parse().map_err(|_| {
        ForeignError::Json(JsonError::Shape {
            why: format!("{member} is {text:?}, which is no time as RFC 3339 has it"),
        })
    })?;
    Ok((time > Timestamp::UNIX_EPOCH).then_some(time))
}

#[cfg(test)]
mod tests;
