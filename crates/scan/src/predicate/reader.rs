//! Reads the reports inside foreign predicates: by the scanner that the predicate names, never by guessing (rule N6).

use waxseal_core::scan::Scan;
use waxseal_core::scan::foreign::ReportReader;

use crate::report::{Report, ReportFormat, uris};

/// Reads the reports of the scanners that we know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reports(());

impl Reports {
    /// The readers of this crate.
    pub const fn new() -> Self {
        Self(())
    }
}

impl ReportReader for Reports {
    fn read_result(&self, scanner_uri: &str, result: &str) -> Result<Scan, String> {
        let plain = scanner_uri.split(['@', '?', '#']).next().unwrap_or_default().trim().to_lowercase();
        let formats: &[ReportFormat] = match plain.as_str() {
            uris::XRAY => &XRAY,
            uris::TRIVY => &[
                ReportFormat::Trivy,
                ReportFormat::TrivyOperator,
                ReportFormat::Sarif,
                ReportFormat::CycloneDx,
            ],
            uris::GRYPE => &[ReportFormat::Grype, ReportFormat::Sarif, ReportFormat::CycloneDx],
            uris::CLAIR => &[ReportFormat::Clair],
            _ => return Err(format!("no reader for the scanner {scanner_uri:?}")),
        };
        let format = ReportFormat::detect(result.as_bytes()).map_err(|error| error.to_string())?;
        if !formats.contains(&format) {
            return Err(format!("{scanner_uri} does not write reports of format {format}"));
        }
        let report = Report::read(result.as_bytes(), Some(format)).map_err(|error| error.to_string())?;
        Ok(report.scan)
    }

    fn read_document(&self, predicate_type: &str, document: &str) -> Option<Result<Scan, String>> {
        let of = |base: &str| {
            let rest = predicate_type.strip_prefix(base);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
        };
        let format = if of("https://cyclonedx.org/bom") {
            ReportFormat::CycloneDx
        } else if of("https://spdx.dev/Document") {
            ReportFormat::Spdx
        } else if of("https://openvex.dev/ns") {
            ReportFormat::OpenVex
        } else {
            return None;
        };
        let read = Report::read(document.as_bytes(), Some(format));
        Some(read.map(|report| report.scan).map_err(|error| error.to_string()))
    }
}

/// The formats of Xray that list vulnerabilities.
const XRAY: [ReportFormat; 10] = [
    ReportFormat::XraySummary,
    ReportFormat::XrayGraph,
    ReportFormat::XrayBuild,
    ReportFormat::XrayReport,
    ReportFormat::XrayUiExport,
    ReportFormat::XrayDocument,
    ReportFormat::JfJson,
    ReportFormat::JfSimpleJson,
    ReportFormat::Sarif,
    ReportFormat::CycloneDx,
];
