//! The build scan, v2 (`GET /xray/api/v2/ci/build/NAME/NUMBER`).
//!
//! An answer may say that the build is not selected for indexing, or that no policy looks at it, under `info` and with
//! success: that is not a scan.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::ScanStatus;

use super::graph::{GraphViolation, Vulnerabilities, status};
use super::{counted, scan};
use crate::report::shape::{list, parse, text};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct BuildScan {
    build_name: String,
    #[serde(default, deserialize_with = "text")]
    build_number: String,
    #[serde(default, deserialize_with = "text")]
    status: String,
    #[serde(default, deserialize_with = "text")]
    info: String,
    #[serde(default, deserialize_with = "list")]
    violations: Vec<GraphViolation>,
    vulnerabilities: Option<Vulnerabilities>,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: BuildScan = parse(ReportFormat::XrayBuild, bytes)?;
    let mut report = Report::new(ReportFormat::XrayBuild, scan());
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.coverage.applicability = Some(false);
    report.subject.name(&format!("build://{}:{}", wire.build_name, wire.build_number));
    if !wire.info.trim().is_empty() {
        report.not_complete(ScanStatus::NotScanned, Note::Status(wire.info));
    }
    status(&mut report, &wire.status);
    let mut components = BTreeSet::new();
    // Left out unless `include_vulnerabilities=true` was asked for.
    match wire.vulnerabilities {
        Some(Vulnerabilities(vulnerabilities)) => {
            report.scan.run.coverage.vulnerabilities = true;
            for vulnerability in vulnerabilities {
                components.extend(vulnerability.components().cloned());
                vulnerability.add(&mut report)?;
            }
        }
        None => report.notes.push(Note::ViolationsOnly),
    }
    for violation in wire.violations {
        violation.add(&mut report)?;
    }
    report.scan.run.components = counted(components.len());
    Ok(report)
}
