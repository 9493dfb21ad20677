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
    let wire: Answer = parse(ReportFormat::XrayStatus, bytes).unwrap();
    let details = wire.details;
    json!({
        "overall": wire.overall.unwrap().status,
        "details": {
            "sca": details.sca.status,
            "contextual_analysis": details.contextual_analysis.status,
            "exposures": details.exposures.status,
            "violations": details.violations.status,
        },
    })
}
