//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let document: Document = parse(ReportFormat::Spdx, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    assert!(report.scan.findings.is_empty());
    let security = text["packages"].as_array().into_iter().flatten();
    let security = security.flat_map(|package| package["externalRefs"].as_array().into_iter().flatten());
    json!({
        "spdxVersion": document.spdx_version,
        "packages": report.scan.run.components,
        "relationships": text["relationships"].as_array().map_or(0, Vec::len),
        "security_external_refs": security.filter(|found| found["referenceCategory"] == "SECURITY").count(),
    })
}
