//! Scanners' reports: how they are named on the command line, and how they are read.

use std::path::Path;

use waxseal_core::limits::REPORT_BYTES;
use waxseal_scan::{Report, ReportFormat};

use crate::fault::Fault;
use crate::input;
use crate::output::{self, escape};

/// What every command takes that reads a report.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ReportArgs {
    /// Format of the report, as xray-summary, jf-simple-json, trivy, grype, sarif (default: told from what it holds)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) report_format: Option<ReportFormat>,
}

impl ReportArgs {
    /// Reads a report.
    pub(crate) fn read(&self, path: &Path) -> Result<Report, Fault> {
        self.parse(path, &bytes(path)?)
    }

    /// Reads a report from its bytes.
    pub(crate) fn parse(&self, path: &Path, bytes: &[u8]) -> Result<Report, Fault> {
        Report::read(bytes, self.report_format).map_err(|error| Fault::report(path, &error))
    }
}

/// The bytes of a report.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    input::read(path, REPORT_BYTES as u64)
}

/// Says what a reader of a report should know.
pub(crate) fn tell_notes(path: &Path, report: &Report) {
    for note in &report.notes {
        output::talk(&format!("{}: {}", escape(&path.display().to_string()), escape(&note.to_string())));
    }
}

/// Refuses a scan that is not complete: its score says nothing about what was left out.
pub(crate) fn complete(path: &Path, report: &Report) -> Result<(), Fault> {
    match why_incomplete(report) {
        None => Ok(()),
        Some(why) => Err(Fault::incomplete(path, &why)),
    }
}

/// Why a scan is not complete, in a few words.
pub(crate) fn why_incomplete(report: &Report) -> Option<String> {
    let run = &report.scan.run;
    if report.scan.is_complete() {
        return None;
    }
    let status = run.status.as_str();
    Some(if run.status != waxseal_core::scan::ScanStatus::Complete {
        format!("the scan is {status}")
    } else if !run.coverage.vulnerabilities {
        "the report does not show that vulnerabilities were looked for".to_owned()
    } else {
        "findings were left out".to_owned()
    })
}
