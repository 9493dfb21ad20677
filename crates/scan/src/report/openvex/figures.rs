//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let document: Document = parse(ReportFormat::OpenVex, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    let names: Vec<_> =
        document.statements.iter().map(|statement| statement.vulnerability.id().to_owned()).collect();
    let open =
        |statement: &&Statement| ["affected", "under_investigation"].contains(&statement.status.as_str());
    let of_open: usize = document
        .statements
        .iter()
        .filter(open)
        .map(|statement| statement.products.iter().map(|product| product.parts().len()).sum::<usize>().max(1))
        .sum();
    assert_eq!(report.scan.findings.len(), of_open);
    let statements = text["statements"].as_array().unwrap().iter();
    let justifications: Vec<_> =
        statements.filter_map(|statement| statement["justification"].as_str()).collect();
    let mut figures = json!({
        "context": document.context,
        "statements": document.statements.len(),
        "by_status": tally(document.statements.iter().map(|statement| statement.status.clone())),
        "distinct_vulnerabilities": distinct(&names),
    });
    if !justifications.is_empty() {
        figures["justifications"] = tally(justifications);
    }
    figures
}
