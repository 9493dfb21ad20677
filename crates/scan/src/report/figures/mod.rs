//! The figures of every sample, counted by hand from its text beside our readers, as `counts.json` has them.
//!
//! `counts.json` was made by a script that knows nothing of this crate. A sample without a row, a row without a sample, a
//! figure that differs, one that we do not make, and one that we make and the file does not have: each fails.
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use waxseal_core::scan::Severity;

use super::{Report, cyclonedx, grype, jf, openvex, sarif, spdx, trivy, xray};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/scans")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

#[test]
fn every_figure_of_every_sample_is_ours() {
    let counts: BTreeMap<String, Map<String, Value>> = serde_json::from_slice(&bytes("counts.json")).unwrap();
    assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), samples());
    assert_eq!(counts.len(), 96);
    let mut wrong = Vec::new();
    for (name, row) in &counts {
        let format = row["format"].as_str().unwrap();
        let bytes = bytes(name);
        assert_eq!(json!(bytes.len()), row["bytes"], "{name}");
        let ours = match format {
            "xray-scan" => xray::graph::figures::of(&bytes),
            "xray-summary" => xray::summary::figures::of(&bytes),
            "xray-report" => xray::rows::figures::of(&bytes),
            "xray-legacy-build" => xray::build_v1::figures::of(&bytes),
            "xray-uiexport" => xray::ui_export::figures::of(&bytes),
            "xray-status" => xray::status::figures::of(&bytes),
            "jf-simple" => jf::figures::of(&bytes),
            "jf-summary" => jf::figures::of_summary(&bytes, name),
            "sarif" => sarif::figures::of(&bytes),
            "cdx" => cyclonedx::figures::of(&bytes),
            "spdx" => spdx::figures::of(&bytes),
            "openvex" => openvex::figures::of(&bytes),
            "trivy" => trivy::figures::of(&bytes),
            "trivy-operator" => trivy::operator::figures::of(&bytes),
            "grype" => grype::figures::of(&bytes),
            "other" => {
                assert!(Report::read(&bytes, None).is_err(), "{name} is no report");
                json!({})
            }
            unknown => panic!("{name}: a format that nobody counts: {unknown}"),
        };
        if ours != row["counts"] {
            wrong.push(format!("{name}: ours {ours}, counted {}", row["counts"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn samples() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for family in
        std::fs::read_dir(folder()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir())
    {
        for file in std::fs::read_dir(family.path()).unwrap() {
            let file = file.unwrap().file_name();
            names.insert(format!("{}/{}", family.file_name().to_string_lossy(), file.to_string_lossy()));
        }
    }
    names
}

/// How many of each word.
pub(super) fn tally<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for word in words {
        *counts.entry(word.into()).or_default() += 1;
    }
    json!(counts)
}

/// A severity word as the counts fold it. Those that we read as something else keep their own name there; what we make of
/// each is asserted here.
pub(super) fn folded(word: &str) -> String {
    let known = Severity::parse(word);
    let kept = match word.to_lowercase().as_str() {
        "" => ("(absent)", Severity::Unknown),
        "major" => ("Major", Severity::High),
        "minor" => ("Minor", Severity::Low),
        "negligible" => ("Negligible", Severity::Low),
        _ => (known.as_str(), known),
    };
    assert_eq!(known, kept.1);
    kept.0.to_owned()
}

/// The severities of what was read, as the counts fold them.
pub(super) fn of_findings(report: &Report) -> Value {
    tally(report.scan.findings.iter().map(|finding| finding.severity().as_str()))
}

/// How many different texts that are not empty.
pub(super) fn distinct<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    texts.into_iter().filter(|text| !text.is_empty()).collect::<BTreeSet<_>>().len()
}
