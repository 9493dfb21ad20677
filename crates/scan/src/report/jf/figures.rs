//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::report::figures::{distinct, folded, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let wire: SimpleJson = parse(ReportFormat::JfSimpleJson, bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    let rows = wire.vulnerabilities.map(|Rows(rows)| rows).unwrap_or_default();
    assert_eq!(report.scan.findings.len(), rows.len());
    let severities = |rows: &[Row]| tally(rows.iter().map(|row| folded(&row.severity)));
    let applicable = |rows: &[Row]| tally(rows.iter().map(|row| row.applicable.clone()));
    let every = || rows.iter().chain(&wire.security_violations);
    let mut figures = json!({
        "vulnerabilities": rows.len(),
        "vulnerabilities_by_severity": severities(&rows),
        "vulnerability_rows_by_applicable": applicable(&rows),
        "fixable_vulnerability_rows": rows.iter().filter(|row| !row.fixed_versions.is_empty()).count(),
        "distinct_cves": distinct(every().flat_map(|row| row.cves.iter().map(|cve| &cve.id))),
        "distinct_issueIds": distinct(every().map(|row| &row.issue_id)),
        "securityViolations": wire.security_violations.len(),
        "securityViolations_by_severity": severities(&wire.security_violations),
        "securityViolations_by_applicable": applicable(&wire.security_violations),
        "licensesViolations": wire.license_violations.len(),
    });
    let members = figures.as_object_mut().unwrap();
    let mut add = |name: &str, words: Vec<String>| {
        if !words.is_empty() {
            members.insert(name.to_owned(), json!(words.len()));
            members.insert(format!("{name}_by_severity"), tally(words));
        }
    };
    let of_rows = |rows: &[Row]| rows.iter().map(|row| folded(&row.severity)).collect::<Vec<_>>();
    let of_files = |rows: &[Source]| rows.iter().map(|row| folded(&row.severity)).collect::<Vec<_>>();
    add("licensesViolations", of_rows(&wire.license_violations));
    add("secrets", of_files(&wire.secrets));
    add("secretsViolations", of_files(&wire.secrets_violations));
    add("iac", of_files(&wire.iac));
    add("iacViolations", of_files(&wire.iac_violations));
    add("sast", of_files(&wire.sast));
    add("sastViolations", of_files(&wire.sast_violations));
    let empty = |word: String| if word == "(absent)" { "(empty)".to_owned() } else { word };
    add("licenses", of_rows(&wire.licenses).into_iter().map(empty).collect());
    let mut codes = Map::new();
    for (name, code) in [
        ("scaScanStatusCode", wire.status.sca),
        ("sastScanStatusCode", wire.status.sast),
        ("iacScanStatusCode", wire.status.iac),
        ("secretsScanStatusCode", wire.status.secrets),
        ("ContextualAnalysisScanStatusCode", wire.status.contextual),
        ("MaliciousStatusCode", wire.status.malicious),
    ] {
        if let Some(code) = code {
            codes.insert(name.to_owned(), json!(code));
        }
    }
    members.insert("scansStatus".to_owned(), Value::Object(codes));
    if wire.license_violations.is_empty() {
        members.insert("licensesViolations".to_owned(), json!(0));
    }
    for name in ["securityViolations", "licensesViolations"] {
        if members[name] == json!(0) {
            members.remove(name);
        }
    }
    figures
}

/// A summary of `jf` is no report: it has no ids. What it says of a scan must be what we make of the same scan's rows.
pub(in crate::report) fn of_summary(bytes: &[u8], name: &str) -> Value {
    let error = Report::read(bytes, None).unwrap_err();
    assert_eq!(error.code(), "report-unknown");
    let mut summary: Value = serde_json::from_slice(bytes).unwrap();
    if name.ends_with("docker-summary.json") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/scans/jfrog-cli/docker-simple.json");
        let report = Report::read(&std::fs::read(path).unwrap(), None).unwrap();
        let mut ours: BTreeMap<String, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
        for finding in &report.scan.findings {
            let word = match finding.applicability {
                Some(Applicability::Applicable) => "Applicable",
                _ => "Undetermined",
            };
            let of_severity = ours.entry(finding.severity().to_string()).or_default();
            of_severity.entry(word.to_owned()).or_default().insert(&finding.id);
        }
        let ours: BTreeMap<_, BTreeMap<_, _>> = ours
            .into_iter()
            .map(|(severity, words)| {
                (severity, words.into_iter().map(|(word, ids)| (word, ids.len())).collect())
            })
            .collect();
        assert_eq!(summary["scans"][0]["vulnerabilities"]["sca"]["security"], json!(ours));
    }
    for scan in summary["scans"].as_array_mut().unwrap() {
        let scan = scan.as_object_mut().unwrap();
        scan.remove("target");
        scan.entry("name").or_insert(Value::Null);
    }
    summary
}
