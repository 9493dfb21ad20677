//! Scans for people and programs: tables, JSON, and one page.
//!
//! Everything that a report brought along is escaped: for a terminal, for JSON, for a page.

mod diff;
mod page;
pub(super) mod tables;
mod view;

pub(crate) use diff::{json as diff_json, text as diff_text};
pub(crate) use page::page;
pub(crate) use tables::text;

use serde_json::json;
use serde_json::value::RawValue;
use waxseal_scan::Report;

use crate::fault::Fault;

/// One document, schema waxseal/scan/v1: what the report says of itself, what to upgrade, and the scan as a predicate.
pub(crate) fn json(report: &Report) -> Result<String, Fault> {
    let scan = &report.scan;
    let predicate = scan.to_predicate().map_err(|error| Fault::internal(format!("the scan: {error}")))?;
    let predicate =
        RawValue::from_string(predicate).map_err(|error| Fault::internal(format!("the scan: {error}")))?;
    let notes: Vec<_> =
        report.notes.iter().map(|note| json!({ "code": note.code(), "text": note.to_string() })).collect();
    let packages: Vec<_> = view::packages(scan).iter().map(view::PackageRow::to_json).collect();
    let head = json!({
        "schema": "waxseal/scan/v1",
        "format": report.format.as_str(),
        "subject": {
            "names": report.subject.names,
            "digests": report.subject.digests,
            "imageIds": report.subject.image_ids,
        },
        "complete": scan.is_complete(),
        "score": scan.score().as_str(),
        "notes": notes,
        "packages": packages,
    });
    // The predicate is not parsed again: numbers and order stay as they are signed.
    let head = head.to_string();
    let head = head.strip_suffix('}').unwrap_or(&head);
    Ok(format!("{head},\"scan\":{predicate}}}"))
}
