//! The status of an artifact (`POST /xray/api/v1/artifact/status`, and the older `scan/status/artifact`), and the answer
//! to a request for a scan. It has no findings: it can only say that there is no result, or where to look for one.

use serde::Deserialize;
use waxseal_core::scan::ScanStatus;

use super::scan;
use crate::report::shape::{object, parse, text, time};
use crate::report::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Answer {
    overall: Option<Part>,
    #[serde(default, deserialize_with = "text")]
    status: String,
    #[serde(default, deserialize_with = "text")]
    info: String,
    #[serde(default, deserialize_with = "object")]
    details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "object")]
    sca: Part,
    #[serde(default, deserialize_with = "object")]
    contextual_analysis: Part,
    #[serde(default, deserialize_with = "object")]
    exposures: Part,
    #[serde(default, deserialize_with = "object")]
    violations: Part,
}

#[derive(Default, Deserialize)]
struct Part {
    #[serde(default, deserialize_with = "text")]
    status: String,
    #[serde(default, deserialize_with = "text")]
    time: String,
}

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: Answer = parse(ReportFormat::XrayStatus, bytes)?;
    let mut report = Report::new(ReportFormat::XrayStatus, scan());
    let overall = wire.overall.unwrap_or_else(|| Part { status: wire.status, time: String::new() });
    report.scan.run.status = word(&overall.status);
    // The whole may be called done where the search for vulnerable components is not.
    let sca = &wire.details.sca.status;
    if report.scan.run.status == ScanStatus::Complete && !sca.is_empty() {
        report.scan.run.status = word(sca);
    }
    if overall.status.is_empty() && wire.info.to_lowercase().contains("in progress") {
        report.scan.run.status = ScanStatus::Pending;
    }
    // The time of a status that is no end is not when the scan was finished.
    if !matches!(report.scan.run.status, ScanStatus::Pending | ScanStatus::NotScanned) {
        report.scan.run.finished_on = time(&overall.time);
    }
    let told = if overall.status.is_empty() { wire.info } else { overall.status };
    report.notes.push(Note::Status(told));
    report.notes.push(Note::NoVulnerabilityScan);
    let parts = [
        ("sca", wire.details.sca),
        ("contextual analysis", wire.details.contextual_analysis),
        ("exposures", wire.details.exposures),
        ("violations", wire.details.violations),
    ];
    for (name, part) in parts {
        if !part.status.is_empty() && word(&part.status) != ScanStatus::Complete {
            report.notes.push(Note::Status(format!("{name}: {}", part.status)));
        }
    }
    Ok(report)
}

/// A status word of Xray. One that is not known is not a finished scan.
fn word(status: &str) -> ScanStatus {
    match status.trim().to_ascii_uppercase().replace(' ', "_").as_str() {
        "DONE" | "SCANNED" => ScanStatus::Complete,
        "PENDING" | "SCANNING" | "IN_PROGRESS" => ScanStatus::Pending,
        "PARTIAL" => ScanStatus::Partial,
        "FAILED" => ScanStatus::Failed,
        _ => ScanStatus::NotScanned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_of_an_end_is_when_the_scan_was_finished() {
        let finished = |status: &str| {
            let text = format!(r#"{{"overall":{{"status":"{status}","time":"2026-11-01T08:00:00Z"}}}}"#);
            Report::read(text.as_bytes(), None).unwrap().scan.run.finished_on.is_some()
        };
        assert!(["DONE", "PARTIAL", "FAILED"].into_iter().all(finished));
        assert!(!["PENDING", "SCANNING", "NOT_SCANNED", "NOT_SUPPORTED", "finest"].into_iter().any(finished));
    }

    #[test]
    fn reads_the_older_answers_too() {
        for (text, status) in [
            (r#"{"status":"scanned"}"#, ScanStatus::Complete),
            (r#"{"status":"in progress"}"#, ScanStatus::Pending),
            (r#"{"status":"not scanned"}"#, ScanStatus::NotScanned),
            (r#"{"status":"not supported"}"#, ScanStatus::NotScanned),
            (r#"{"status":"failed"}"#, ScanStatus::Failed),
            (r#"{"status":"finest"}"#, ScanStatus::NotScanned),
            (r#"{"info":"Scan of artifact is in progress"}"#, ScanStatus::Pending),
            (r#"{"info":"No such build"}"#, ScanStatus::NotScanned),
        ] {
            let report = Report::read(text.as_bytes(), None).unwrap();
            assert_eq!(report.format, ReportFormat::XrayStatus, "{text}");
            assert_eq!(report.scan.run.status, status, "{text}");
            assert!(!report.scan.is_complete(), "{text}");
        }
    }
}

#[cfg(test)]
pub(in crate::report) mod figures;
