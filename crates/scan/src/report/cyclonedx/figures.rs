//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::tally;

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let bom: Bom = parse(ReportFormat::CycloneDx, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    assert_eq!(report.scan.run.components, Some(u64::try_from(bom.components.len()).unwrap()));
    let highest = bom.vulnerabilities.iter().map(|found| {
        if found.ratings.iter().all(|rating| rating.severity.is_empty()) {
            "(no severity)"
        } else {
            found.severity().as_str()
        }
    });
    let states: Vec<_> = bom
        .vulnerabilities
        .iter()
        .map(|found| found.analysis.state.clone())
        .filter(|state| !state.is_empty())
        .collect();
    let mut figures = json!({
        "specVersion": bom.spec_version,
        "components": bom.components.len(),
        "vulnerabilities": bom.vulnerabilities.len(),
        "vulnerabilities_by_highest_rating": tally(highest),
        "with_recommendation": bom.vulnerabilities.iter().filter(|found| !found.recommendation.is_empty()).count(),
    });
    if !states.is_empty() {
        figures["analysis_state"] = tally(states);
    }
    figures
}
