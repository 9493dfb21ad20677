//! Reports that are cut off, of wrong types, too deep, too large.

use serde_json::Value;
use waxseal_core::limits::{JSON_DEPTH, REPORT_BYTES, SCAN_FINDINGS};
use waxseal_core::scan::Severity;
use waxseal_scan::{Report, ReportError, ReportFormat};

use super::{bytes, folder};

/// One small report of each family.
const SAMPLES: &[&str] = &[
    "xray/summary-artifact-one.json",
    "xray/graph-vulnerabilities-research.json",
    "xray/api-build-scan-results-v2.json",
    "xray/report-vulnerabilities-issue13628.json",
    "xray/api-report-licenses.json",
    "xray/ui-export-many.json",
    "xray/api-artifact-status-done.json",
    "xray/scan-json-many.json",
    "jfrog-cli/docker-simple.json",
    "jfrog-cli/docker-sarif.json",
    "jfrog-cli/frogbot-vulns.cdx.json",
    "grype/image-simple.json",
    "trivy/debian-buster.json",
    "trivy/operator-vulnerabilityreport.json",
    "spdx/dd-many.spdx.json",
    "openvex/many.json",
];

#[test]
fn a_report_that_is_cut_off_is_refused() {
    for name in SAMPLES {
        let whole = bytes(name);
        let whole = whole.trim_ascii_end();
        for part in 1..16 {
            let cut = &whole[..whole.len() * part / 16];
            assert!(matches!(Report::read(cut, None), Err(ReportError::Json(_))), "{name} {part}/16");
        }
        assert!(matches!(Report::read(&whole[..whole.len() - 1], None), Err(ReportError::Json(_))), "{name}");
    }
}

#[test]
fn a_member_twice_is_refused() {
    for name in SAMPLES {
        let text = String::from_utf8(bytes(name)).unwrap();
        let at = text.find('"').unwrap();
        let end = at + 1 + text[at + 1..].find('"').unwrap() + 1;
        let twice = format!("{}{}:0,{}", &text[..at], &text[at..end], &text[at..]);
        assert!(matches!(Report::read(twice.as_bytes(), None), Err(ReportError::Json(_))), "{name}");
    }
}

#[test]
fn wrong_types_are_refused_or_read_as_worse_never_as_better() {
    for (name, from, to) in [
        ("xray/summary-artifact-one.json", r#""issues": ["#, r#""issues": 7, "x": ["#),
        ("xray/summary-artifact-one.json", r#""severity": "Critical""#, r#""severity": ["Critical"]"#),
        ("xray/scan-json-many.json", r#""components":"#, r#""components": [], "x":"#),
        ("trivy/debian-buster.json", r#""Vulnerabilities": ["#, r#""Vulnerabilities": {}, "x": ["#),
        ("trivy/debian-buster.json", r#""SchemaVersion": 2"#, r#""SchemaVersion": "2""#),
        ("trivy/debian-buster.json", r#""SchemaVersion": 2"#, r#""SchemaVersion": 3"#),
        ("grype/image-simple.json", r#""severity": "#, r#""severity": {}, "x": "#),
        ("openvex/many.json", r#""status": "affected""#, r#""status": "fine""#),
        ("xray/ui-export-many.json", r#""total_count": 3"#, r#""total_count": -3"#),
        ("xray/ui-export-many.json", r#""total_count": 3"#, r#""total_count": 1e400"#),
        ("xray/report-vulnerabilities-docker.json", r#""total_rows" : 3"#, r#""total_rows" : 3.5"#),
    ] {
        let text = String::from_utf8(bytes(name)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert!(changed != text, "{name}: {from}");
        assert!(Report::read(changed.as_bytes(), None).is_err(), "{name}: {to}");
    }
    for word in [r#""Harmless""#, "7", "null", r#""""#, r#""critical;x""#] {
        let text = String::from_utf8(bytes("xray/summary-artifact-one.json")).unwrap();
        let changed = text.replacen(r#""severity": "Critical""#, &format!(r#""severity": {word}"#), 1);
        assert!(changed != text);
        assert_eq!(Report::read(changed.as_bytes(), None).unwrap().scan.score(), Severity::Unknown, "{word}");
    }
}

/// A member that is not there, or has another name in a later version, must not make a report clean. Trivy alone leaves the
/// list out where nothing was found, so there it cannot be told.
#[test]
fn a_member_that_is_missing_makes_nothing_clean() {
    let mut removed = 0;
    for name in SAMPLES {
        let whole: Value = serde_json::from_slice(&bytes(name)).unwrap();
        let before = Report::read(&bytes(name), None).unwrap().scan.score();
        assert_ne!(before, Severity::None, "{name}");
        for path in paths(&whole, 4) {
            let mut changed = whole.clone();
            remove(&mut changed, &path);
            removed += 1;
            let Ok(report) = Report::read(changed.to_string().as_bytes(), None) else { continue };
            if report.scan.score() == Severity::None {
                assert!(
                    name.starts_with("trivy/") && path.last().unwrap() == "Vulnerabilities",
                    "{name}: {path:?}"
                );
            }
        }
    }
    assert!(removed > 500, "{removed}");
}

/// The members of objects down to a depth, lists by their places.
fn paths(value: &Value, depth: usize) -> Vec<Vec<String>> {
    let below = |name: String, value: &Value, is_member: bool| {
        let own = is_member.then(|| vec![name.clone()]);
        let deeper = if depth > 1 { paths(value, depth - 1) } else { Vec::new() };
        let deeper = deeper.into_iter().map(move |path| [vec![name.clone()], path].concat());
        own.into_iter().chain(deeper).collect::<Vec<_>>()
    };
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| below(name.clone(), value, true)).collect()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().take(3);
            items.flat_map(|(place, value)| below(place.to_string(), value, false)).collect()
        }
        _ => Vec::new(),
    }
}

fn remove(value: &mut Value, path: &[String]) {
    match (value, path) {
        (Value::Object(members), [last]) => {
            members.shift_remove(last);
        }
        (Value::Object(members), [first, rest @ ..]) => remove(&mut members[first], rest),
        (Value::Array(items), [first, rest @ ..]) => {
            remove(&mut items[first.parse::<usize>().unwrap()], rest);
        }
        _ => panic!("no such member"),
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!(r#"{{"artifacts":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    for depth in [JSON_DEPTH, 100, 100_000] {
        let error = Report::read(nested(depth).as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), "report-not-json", "{depth}");
    }
    let large = vec![b' '; REPORT_BYTES + 1];
    assert_eq!(Report::read(&large, None).unwrap_err().code(), "report-too-large");
    let objects = format!("[{}]", vec!["{}"; 4_000_001].join(","));
    assert_eq!(Report::read(objects.as_bytes(), None).unwrap_err().code(), "report-too-many-objects");
    let many = format!(
        r#"{{"artifacts":[{{"general":{{}},"issues":[{}]}}]}}"#,
        vec!["{}"; SCAN_FINDINGS + 1].join(",")
    );
    assert!(Report::read(many.as_bytes(), None).is_err());
    let long = format!(
        r#"{{"artifacts":[{{"general":{{"name":"a"}},"issues":[{{"issue_id":"{}"}}]}}]}}"#,
        "x".repeat(10_000)
    );
    assert_eq!(Report::read(long.as_bytes(), None).unwrap_err().code(), "report-limit");
}

#[test]
fn huge_numbers_are_no_scores() {
    let text = r#"{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Class":"os-pkgs","Vulnerabilities":[
        {"VulnerabilityID":"CVE-1","PkgName":"a","Severity":"HIGH","CVSS":{"nvd":{"V3Score":1e300},"x":{"V3Score":-1}}}]}]}"#;
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert!(report.scan.findings[0].cvss.v3.is_none());
    assert_eq!(report.scan.score(), Severity::High);
}

#[test]
fn two_scanners_in_one_log_are_refused() {
    let run = |name: &str| format!(r#"{{"tool":{{"driver":{{"name":"{name}"}}}},"results":[]}}"#);
    let log = |runs: &[String]| format!(r#"{{"version":"2.1.0","runs":[{}]}}"#, runs.join(","));
    let one = log(&[run("Trivy"), run("trivy")]);
    assert!(Report::read(one.as_bytes(), None).is_ok());
    for runs in [&[run("Trivy"), run("Grype")][..], &[run("")], &[]] {
        let error = Report::read(log(runs).as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), "report-shape");
    }
}

#[test]
fn every_sample_is_read_or_refused_for_a_reason() {
    let not_reports =
        ["attestation/", "evidence/", "counts.json", "-summary.json", "report-vulnerabilities-none.json"];
    let mut read = 0;
    for folder_name in [
        "attestation",
        "cyclonedx",
        "evidence",
        "grype",
        "jfrog-cli",
        "openvex",
        "sarif",
        "spdx",
        "trivy",
        "xray",
    ] {
        for entry in std::fs::read_dir(folder().join(folder_name)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder_name}/{}", path.file_name().unwrap().to_string_lossy());
            let found = Report::read(&std::fs::read(&path).unwrap(), None);
            if not_reports.iter().any(|mark| name.contains(mark)) {
                let error = found.unwrap_err();
                assert!(["report-unknown", "report-ambiguous"].contains(&error.code()), "{name}: {error}");
                continue;
            }
            let report = found.unwrap_or_else(|error| panic!("{name}: {error}"));
            let predicate = report.scan.to_predicate().unwrap();
            let again = waxseal_core::scan::Scan::parse(&predicate).unwrap();
            assert_eq!(again.stated_summary(), Some(&report.scan.summary()), "{name}");
            assert_eq!(again.to_predicate().unwrap(), predicate, "{name}");
            read += 1;
        }
    }
    assert_eq!(read, 96 - 3 - 4 - 2 - 1);
}

/// Bytes changed at random, always the same ones: whatever comes of it, nothing panics, and what is read can be written.
#[test]
fn changed_bytes_are_read_or_refused() {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let parts: [&[u8]; 12] =
        [b"0", b"9", b"-", b"\"", b"{}", b"[]", b"null", b"true", b"1e400", b",", b":", b"\\u0000"];
    let (mut read, mut refused) = (0, 0);
    for name in SAMPLES {
        let whole = bytes(name);
        for _ in 0..60 {
            let mut changed = whole.clone();
            for _ in 0..=random(2) {
                let at = random(changed.len());
                let end = (at + random(6)).min(changed.len());
                changed.splice(at..end, parts[random(parts.len())].iter().copied());
            }
            let Ok(report) = Report::read(&changed, None) else {
                refused += 1;
                continue;
            };
            read += 1;
            let predicate = report.scan.to_predicate().unwrap();
            let again = waxseal_core::scan::Scan::parse(&predicate).unwrap();
            assert_eq!(again.summary(), report.scan.summary(), "{name}");
            let mut changed = predicate.into_bytes();
            let at = random(changed.len());
            changed[at] = parts[random(parts.len())][0];
            if let Ok(text) = String::from_utf8(changed) {
                let _ = waxseal_core::scan::Scan::parse(&text);
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} {refused}");
}

/// 50,000 findings, as a large image of many packages has them.
#[test]
fn a_large_report_is_read() {
    let row = |number: usize| {
        format!(
            r#"{{"VulnerabilityID":"CVE-2026-{number}","PkgName":"package-{}","InstalledVersion":"1.0","FixedVersion":"1.1",
            "Severity":"LOW","Title":"A title that nobody keeps","CVSS":{{"nvd":{{"V3Score":3.1,"V3Vector":"CVSS:3.1/AV:L"}}}}}}"#,
            number % 700
        )
    };
    let rows: Vec<_> = (0..50_000).map(row).collect();
    let text = format!(
        r#"{{"SchemaVersion":2,"ArtifactName":"a","Results":[{{"Class":"os-pkgs","Type":"debian","Vulnerabilities":[{}]}}]}}"#,
        rows.join(",")
    );
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert_eq!(report.format, ReportFormat::Trivy);
    assert_eq!(report.scan.summary().total, 50_000);
    let predicate = report.scan.to_predicate().unwrap();
    assert!(predicate.len() < 32 << 20);
    let again = waxseal_core::scan::Scan::parse(&predicate).unwrap();
    assert_eq!(again.stated_summary(), Some(&again.summary()));
}
