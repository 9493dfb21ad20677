//! The document of all that was read of Xray about one image ([`crate::xray::Document`]): status, summary and violations.
//!
//! The image's digest in it is the one that was resolved when Xray was asked, so this is the one report of Xray that
//! says which bytes it is about. Without a status nothing says that the scan was finished.

use waxseal_core::scan::ScanStatus;

use super::{status, summary, violations};
use crate::report::shape::time;
use crate::report::{Note, Report, ReportError, ReportFormat};
use crate::xray::Document;

pub(in crate::report) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let format = ReportFormat::XrayDocument;
    let document =
        Document::parse(bytes).map_err(|error| ReportError::Shape { format, why: error.to_string() })?;
    let mut report = summary::read_answer(document.summary.answer.get().as_bytes())?;
    report.format = format;
    report.scan.scanner.version = document.xray.version;
    host(&document.xray.url).clone_into(&mut report.scan.scanner.instance);
    report.scan.run.finished_on = time(&document.read_on);
    match &document.status {
        Some(answer) => take_status(&mut report, status::read(answer.get().as_bytes())?),
        None => report.not_complete(ScanStatus::Partial, Note::NoStatus),
    }
    let image = &document.image;
    let colon = if image.tag.is_some() { ":" } else { "" };
    report.subject.name(&format!("{}{colon}{}", image.name, image.tag.as_deref().unwrap_or_default()));
    report.subject.digest(&image.digest);
    report.scan.run.coverage.violations = Some(document.violations.is_some());
    if let Some(found) = document.violations {
        let entries: Vec<_> = found.entries.iter().map(|entry| entry.get()).collect();
        let page = format!(r#"{{"total_violations":{},"violations":[{}]}}"#, found.total, entries.join(","));
        take_violations(&mut report, violations::read(page.as_bytes())?);
    }
    Ok(report)
}

/// The time of the status is when the scan was finished; that of the reading stands in where there is none.
fn take_status(report: &mut Report, status: Report) {
    let run = status.scan.run;
    report.scan.run.finished_on = run.finished_on.or(report.scan.run.finished_on);
    if run.status != ScanStatus::Complete && report.scan.run.status == ScanStatus::Complete {
        report.scan.run.status = run.status;
    }
    // That a scan is finished is no news.
    let done =
        [Note::NoVulnerabilityScan, Note::Status("DONE".to_owned()), Note::Status("scanned".to_owned())];
    report.notes.extend(status.notes.into_iter().filter(|note| !done.contains(note)));
}

/// The violations, and what they say about applicability: the findings are those of the summary.
fn take_violations(report: &mut Report, page: Report) {
    if page.scan.run.status != ScanStatus::Complete && report.scan.run.status == ScanStatus::Complete {
        report.scan.run.status = page.scan.run.status;
    }
    report.notes.extend(page.notes.into_iter().filter(|note| *note != Note::ViolationsOnly));
    report.scan.violations.extend(page.scan.violations);
    report.scan.operational_risk = page.scan.operational_risk;
    report.scan.run.coverage.operational_risk = page.scan.run.coverage.operational_risk;
}

/// The host of a URL, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}
