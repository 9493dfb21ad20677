use super::*;
use crate::scan::{Package, ScanFinding, ScanStatus, Scanner, Severity};

/// Reads reports of one scanner: a list of severity words.
struct Words;

impl ReportReader for Words {
    fn read_result(&self, uri: &str, result: &str) -> Result<Scan, String> {
        if !uri.starts_with("pkg:github/example/words") {
            return Err(format!("no reader for {uri:?}"));
        }
        let words: Vec<String> = serde_json::from_str(result).map_err(|error| error.to_string())?;
        let mut scan = Scan::new(Scanner::new("Words", "pkg:github/example/words"));
        scan.run.status = ScanStatus::Complete;
        scan.run.coverage.vulnerabilities = true;
        scan.run.finished_on = Some("2020-01-01T00:00:00Z".parse().unwrap());
        for word in words {
            scan.findings.push(ScanFinding::new("CVE-1", Severity::parse(&word), Package::default()));
        }
        Ok(scan)
    }

    fn read_document(&self, predicate_type: &str, _: &str) -> Option<Result<Scan, String>> {
        (predicate_type == "https://cyclonedx.org/bom").then(|| Err("an SBOM".to_owned()))
    }
}

fn vuln(uri: &str, result: &str, finished: &str) -> Result<Scan, ForeignError> {
    let text = format!(
        r#"{{"invocation":{{"parameters":{{"A":1,"a":2}},"uri":"https://ci.example.com/1","event_id":"","builder.id":""}},
        "scanner":{{"uri":"{uri}","version":"2","db":{{"uri":"","version":""}},"result":{result}}},
        "metadata":{{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":{finished}}}}}"#
    );
    Scan::read(COSIGN_VULN, &text, &Words).unwrap()
}

const URI: &str = "pkg:github/example/words@2";
const TIME: &str = r#""2026-01-01T00:10:00Z""#;

#[test]
fn the_times_are_those_that_were_signed() {
    let scan = vuln(URI, r#"["High"]"#, TIME).unwrap();
    assert_eq!(scan.run.finished_on.unwrap().to_string(), "2026-01-01T00:10:00Z");
    assert_eq!(scan.score(), Severity::High);
    assert_eq!(scan.scanner.version, "2");
    assert_eq!(scan.invocation.ci_uri.as_deref(), Some("https://ci.example.com/1"));
    for none in ["null", r#""""#, r#""0001-01-01T00:00:00Z""#] {
        assert_eq!(vuln(URI, "[]", none).unwrap().run.finished_on, None, "{none}");
    }
    for no_time in [r#""yesterday""#, "5"] {
        assert!(matches!(vuln(URI, "[]", no_time), Err(ForeignError::Json(_))), "{no_time}");
    }
}

#[test]
fn a_report_that_is_not_read_is_not_clean() {
    for (uri, result) in [
        ("fakescanner.example.com/cosign-testing", "[]"),
        (URI, "null"),
        (URI, "{}"),
        (URI, "\"clean\""),
        ("pkg:github/example/words-that-lie", "[]"),
    ] {
        let error = vuln(uri, result, TIME).unwrap_err();
        assert!(
            matches!(error, ForeignError::Report(_) | ForeignError::OtherScanner { .. }),
            "{uri} {result}: {error}"
        );
    }
    let text = r#"{"scanner":{"uri":"x","result":[]},"metadata":{"scanFinishedOn":"2026-01-01T00:10:00Z"}}"#;
    assert!(matches!(Scan::read(COSIGN_VULN, text, &NoReports::new()), Some(Err(ForeignError::Report(_)))));
}

#[test]
fn members_that_readers_could_mix_up_are_refused() {
    for text in [
        r#"{"scanner":{"uri":"pkg:github/example/words","URI":"x","result":[]},"metadata":{}}"#,
        r#"{"scanner":{"uri":"pkg:github/example/words","result":[],"result":["High"]},"metadata":{}}"#,
        r#"{"scanner":{"uri":"pkg:github/example/words","result":[]},"metadata":{"ScanFinishedOn":"2026-01-01T00:10:00Z"}}"#,
        r#"{"scanner":{"uri":"pkg:github/example/words","result":[]}}"#,
        r#"{"scanner":{"result":[]},"metadata":{}}"#,
    ] {
        assert!(matches!(Scan::read(COSIGN_VULN, text, &Words), Some(Err(ForeignError::Json(_)))), "{text}");
    }
}

fn vulns(result: &str) -> Result<Scan, ForeignError> {
    let text = format!(
        r#"{{"scanner":{{"uri":"pkg:github/aquasecurity/trivy@0.24","version":"0.24","db":{{"lastUpdate":"2026-01-01T00:00:00Z"}}
        {result}}},"metadata":{{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:10:00Z"}}}}"#
    );
    Scan::read(IN_TOTO_VULNS_V02, &text, &NoReports::new()).unwrap()
}

#[test]
fn in_toto_results_are_read_flat_and_nested() {
    for (result, severity) in [
        (r#"{"id":"CVE-1","severity":[{"method":"nvd","score":"MEDIUM"}]}"#, Severity::Medium),
        (
            r#"{"vulnerability":{"id":"CVE-1","severity":[{"method":"nvd","score":"MEDIUM"}]}}"#,
            Severity::Medium,
        ),
        (r#"{"id":"CVE-1","severity":[{"method":"CVSS_V3","score":"9.8"}]}"#, Severity::Critical),
        (r#"{"id":"CVE-1","severity":[{"method":"cvss_score","score":5.0}]}"#, Severity::Medium),
        (
            r#"{"id":"CVE-1","severity":[{"method":"Trivy","score":"Low"},{"method":"nvd","score":"9.8"}]}"#,
            Severity::Low,
        ),
        (r#"{"id":"CVE-1","severity":[{"method":"epss","score":"0.02"}]}"#, Severity::Unknown),
        (r#"{"id":"CVE-1","severity":[{"method":"nvd","score":"99"}]}"#, Severity::Unknown),
        (r#"{"id":"CVE-1","severity":[]}"#, Severity::Unknown),
        (r#"{"id":"CVE-1"}"#, Severity::Unknown),
    ] {
        let scan = vulns(&format!(r#","result":[{result}]"#)).unwrap();
        assert_eq!((scan.findings[0].id.as_str(), scan.score()), ("CVE-1", severity), "{result}");
        assert_eq!(scan.scanner.name, "trivy");
        assert_eq!(scan.scanner.identity(), "pkg:github/aquasecurity/trivy");
    }
}

#[test]
fn an_absent_list_is_not_an_empty_one() {
    assert!(vulns(r#","result":[]"#).unwrap().is_complete());
    for absent in ["", r#","result":null"#, r#","result":{}"#, r#","result":"none""#] {
        assert!(vulns(absent).is_err(), "{absent}");
    }
    // Nothing in it says how much was looked at.
    assert_eq!(vulns(r#","result":[]"#).unwrap().score(), Severity::Unknown);
}

#[test]
fn types_that_are_no_scan_are_none() {
    for name in SCAN_TYPES {
        assert!(matches!(Scan::read(name, "{}", &Words), Some(Err(_))), "{name}");
    }
    for other in ["https://slsa.dev/provenance/v1", "https://in-toto.io/attestation/vulns/v0.3", ""] {
        assert!(Scan::read(other, "{}", &Words).is_none(), "{other}");
    }
    assert!(matches!(
        Scan::read("https://cyclonedx.org/bom", "{}", &Words),
        Some(Err(ForeignError::Report(_)))
    ));
    assert!(Scan::read("https://cyclonedx.org/bom", "{}", &NoReports::new()).is_none());
    let large = " ".repeat(SCAN_PREDICATE_BYTES + 1);
    assert!(matches!(Scan::read(COSIGN_VULN, &large, &Words), Some(Err(ForeignError::Scan(_)))));
}
