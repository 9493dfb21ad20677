//! Scanners' reports: one file for each family of formats.
//!
//! Every reader keeps three rules. What a report does not show is not assumed: no status, no page count, no component
//! means that the scan is not complete. What it lists is kept, also what the scanner itself put aside: whether that
//! matters is the policy's to say. A shape that is not known is an error, never an empty report.

mod clair;
mod cyclonedx;
mod error;
#[cfg(test)]
mod figures;
mod flags;
mod format;
mod grype;
mod issue;
mod jf;
mod note;
mod openvex;
mod package;
mod sarif;
pub(crate) mod shape;
mod spdx;
mod subject;
mod trivy;
mod xray;

use std::collections::HashSet;

use waxseal_core::json;
use waxseal_core::limits::{REPORT_BYTES, REPORT_OBJECTS};
use waxseal_core::scan::{RawReport, Scan, ScanStatus, ViolationKind};

pub use error::ReportError;
pub use format::{ReportFormat, UnknownFormat};
pub use note::Note;
pub use subject::{Concern, ImageDigests, ReportSubject};

/// The package URLs of the scanners that we know, without a version.
pub(crate) mod uris {
    pub(crate) const XRAY: &str = super::xray::URI;
    pub(crate) const TRIVY: &str = super::trivy::URI;
    pub(crate) const GRYPE: &str = super::grype::URI;
    pub(crate) const CLAIR: &str = super::clair::URI;
}

/// What a report says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The format that it was read as.
    pub format: ReportFormat,
    /// What the scanner found.
    pub scan: Scan,
    /// Which image the report says that it is about.
    pub subject: ReportSubject,
    /// What a reader should know: why it is not complete, what was read in which way.
    pub notes: Vec<Note>,
}

impl Report {
    /// Reads a report: in `format`, or in the format that it is recognised as.
    pub fn read(bytes: &[u8], format: Option<ReportFormat>) -> Result<Self, ReportError> {
        if bytes.len() > REPORT_BYTES {
            return Err(ReportError::TooLarge { found: bytes.len() });
        }
        #[expect(clippy::naive_bytecount, reason = "counted once; the walk below takes many times as long")]
        let objects = bytes.iter().filter(|byte| **byte == b'{').count();
        if objects > REPORT_OBJECTS {
            return Err(ReportError::TooManyObjects { found: objects });
        }
        json::check(bytes, json::exact).map_err(ReportError::Json)?;
        let format = match format {
            Some(format) => format,
            None => ReportFormat::detect(bytes)?,
        };
        let mut report = format.reader()(bytes)?;
        report.hold_violations_against_findings();
        report.scan.invocation.format = format.to_string();
        report.scan.report = Some(RawReport::of(format.media_type(), bytes));
        if report.scan.findings.is_empty()
            && report.scan.is_complete()
            && report.scan.run.components.is_none()
        {
            report.notes.push(Note::NothingCounted);
        }
        // Formats that have a place for versions with a fix.
        if !matches!(
            format,
            ReportFormat::Sarif | ReportFormat::CycloneDx | ReportFormat::Spdx | ReportFormat::OpenVex
        ) {
            report.scan.run.coverage.fixes = Some(true);
        }
        report.scan.check().map_err(ReportError::Scan)?;
        Ok(report)
    }

    /// Notes the command line of the scanner. Options that make it leave findings out make the scan a filtered one.
    #[must_use]
    pub fn called_with(mut self, tool: &str, parameters: &[String]) -> Self {
        tool.clone_into(&mut self.scan.invocation.tool);
        self.scan.invocation.parameters = parameters.to_vec();
        for flag in flags::that_leave_out(tool, parameters) {
            self.scan.run.filtered = true;
            self.notes.push(Note::Option(flag));
        }
        self
    }

    fn new(format: ReportFormat, scan: Scan) -> Self {
        Self { format, scan, subject: ReportSubject::default(), notes: Vec::new() }
    }

    /// Scanners that were asked for violations may list no vulnerability beside them, and look clean: a violation about a
    /// vulnerability that is not among the findings says that the list is not whole. Xray's violations about secrets and
    /// other exposures (`EXP-1552-00002`) are of the same type, and about no vulnerability.
    fn hold_violations_against_findings(&mut self) {
        let violations =
            self.scan.violations.iter().filter(|violation| violation.kind == ViolationKind::Security);
        let mut named =
            violations.map(|violation| violation.id.as_str()).filter(|id| !id.starts_with("EXP-"));
        if !self.scan.is_complete() {
            return;
        }
        let findings = self.scan.findings.iter();
        let ids: HashSet<&str> = findings
            .flat_map(|found| [&found.id].into_iter().chain(&found.aliases))
            .map(String::as_str)
            .collect();
        let missing = named.find(|id| id.is_empty() || !ids.contains(id));
        // What has no name cannot be held against anything, so nothing shows that it is listed.
        let missing =
            missing.map(|id| if id.is_empty() { "a vulnerability without an id" } else { id }.to_owned());
        if let Some(id) = missing {
            self.not_complete(ScanStatus::Partial, Note::ViolationNotListed(id));
        }
    }

    /// Says that the scan is not complete, and why. A status that is worse already stays.
    fn not_complete(&mut self, status: ScanStatus, note: Note) {
        if self.scan.run.status == ScanStatus::Complete {
            self.scan.run.status = status;
        }
        self.notes.push(note);
    }
}
