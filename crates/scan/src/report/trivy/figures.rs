//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, folded, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let wire: TrivyReport = parse(ReportFormat::Trivy, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    let found = || wire.results.iter().flat_map(|target| &target.vulnerabilities);
    let aside = wire.results.iter().flat_map(|target| &target.experimental_modified_findings).count();
    assert_eq!(report.scan.findings.len(), found().count() + aside);
    let fixable = || found().filter(|wire| !wire.fixed.is_empty());
    let in_text = |list: &'static str, word: &'static str| -> Vec<String> {
        let results = text["Results"].as_array().into_iter().flatten();
        let entries = results.flat_map(move |target| target[list].as_array().into_iter().flatten());
        entries.filter_map(|entry| entry[word].as_str()).map(ToOwned::to_owned).collect()
    };
    let secrets = in_text("Secrets", "Severity");
    assert_eq!(report.scan.secrets.map_or(0, |secrets| secrets.total), u64::try_from(secrets.len()).unwrap());
    let mut figures = json!({
        "SchemaVersion": wire.schema_version,
        "RepoDigests": text["Metadata"].get("RepoDigests"),
        "results": wire.results.len(),
        "vulnerabilities": found().count(),
        "vulnerabilities_by_severity": tally(found().map(|wire| folded(&wire.severity))),
        "fixable": fixable().count(),
        "fixable_by_severity": tally(fixable().map(|wire| folded(&wire.severity))),
        "distinct_ids": distinct(found().map(|wire| &wire.id)),
    });
    let members = figures.as_object_mut().unwrap();
    let statuses = in_text("Vulnerabilities", "Status");
    for (name, words) in [
        ("status", statuses),
        ("suppressed", in_text("ExperimentalModifiedFindings", "Status")),
        ("licenses_by_severity", in_text("Licenses", "Severity").iter().map(|word| folded(word)).collect()),
        ("secrets_by_severity", secrets.iter().map(|word| folded(word)).collect()),
        (
            "misconfigurations_by_severity",
            in_text("Misconfigurations", "Severity").iter().map(|word| folded(word)).collect(),
        ),
    ] {
        if !words.is_empty() {
            members.insert(name.to_owned(), tally(words));
        }
    }
    figures
}
