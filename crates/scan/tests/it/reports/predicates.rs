//! Scans in the predicates of other tools, written and read, and JFrog evidence.

use waxseal_core::scan::foreign::{COSIGN_VULN, ForeignError, IN_TOTO_VULNS_V02};
use waxseal_core::scan::{Scan, Severity};
use waxseal_scan::evidence::{Evidence, EvidenceError};
use waxseal_scan::predicate::{Reports, WriteError, cosign_vuln, in_toto_vulns};

use super::{bytes, read};

/// A report with a time of its end.
fn finished(name: &str) -> Scan {
    let mut scan = read(name).scan;
    scan.run.finished_on = Some("2026-11-02T09:00:00Z".parse().unwrap());
    scan
}

#[test]
fn what_is_written_for_cosign_reads_back_as_the_same_scan() {
    for name in [
        "xray/summary-artifact-many.json",
        "xray/scan-json-pypi.json",
        "xray/graph-scan-result.json",
        "jfrog-cli/docker-simple.json",
        "jfrog-cli/docker-sarif.json",
        "trivy/debian-buster.json",
        "trivy/operator-vulnerabilityreport.json",
        "sarif/nginx-trivy.sarif.json",
        "grype/amazon.json",
        "grype/none.json",
    ] {
        let scan = finished(name);
        let text = cosign_vuln(&scan, &bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Scan::read(COSIGN_VULN, &text, &Reports::new()).unwrap().unwrap();
        assert_eq!(again.summary(), scan.summary(), "{name}");
        assert_eq!(again.findings, scan.findings, "{name}");
        assert_eq!(again.scanner.identity(), scan.scanner.identity());
        assert_eq!(again.run.finished_on, scan.run.finished_on);
    }
}

#[test]
fn an_incomplete_scan_is_not_written_where_nobody_could_tell() {
    for name in
        ["xray/ui-export-heimdall.json", "xray/api-report-vulnerabilities.json", "spdx/dd-many.spdx.json"]
    {
        assert!(
            matches!(cosign_vuln(&finished(name), &bytes(name)), Err(WriteError::Incomplete { .. })),
            "{name}"
        );
        assert!(matches!(in_toto_vulns(&finished(name)), Err(WriteError::Incomplete { .. })), "{name}");
    }
    let name = "trivy/none.json";
    let filtered = read(name).called_with("trivy", &["--ignore-unfixed".to_owned()]).scan;
    assert!(matches!(
        cosign_vuln(&filtered, &bytes(name)),
        Err(WriteError::Incomplete { filtered: true, .. })
    ));
    assert_eq!(cosign_vuln(&read(name).scan, &bytes(name)), Err(WriteError::NoTime));
    assert_eq!(cosign_vuln(&finished(name), b"not json"), Err(WriteError::NotJson));
}

#[test]
fn another_report_than_the_scans_is_not_written() {
    let scan = finished("trivy/debian-buster.json");
    assert_eq!(cosign_vuln(&scan, &bytes("trivy/debian-stretch.json")), Err(WriteError::Differs));
    assert!(matches!(cosign_vuln(&scan, &bytes("grype/none.json")), Err(WriteError::Unreadable(_))));
}

#[test]
fn in_toto_vulns_need_a_database_date_that_somebody_knows() {
    let scan = finished("grype/amazon.json");
    let text = in_toto_vulns(&scan).unwrap();
    let again = Scan::read(IN_TOTO_VULNS_V02, &text, &Reports::new()).unwrap().unwrap();
    assert_eq!(again.summary().by_severity, scan.summary().by_severity);
    assert_eq!(again.scanner.db.unwrap().last_update, scan.scanner.db.unwrap().last_update);
    let unknown = finished("xray/summary-artifact-many.json");
    assert_eq!(in_toto_vulns(&unknown), Err(WriteError::NoDatabaseDate));
}

#[test]
fn a_result_is_read_by_the_scanner_that_is_named() {
    let scan = finished("trivy/debian-buster.json");
    let text = cosign_vuln(&scan, &bytes("trivy/debian-buster.json")).unwrap();
    let swapped = |uri: &str| {
        let changed = text.replacen("pkg:github/aquasecurity/trivy", uri, 1);
        assert!(changed != text);
        Scan::read(COSIGN_VULN, &changed, &Reports::new()).unwrap()
    };
    assert_eq!(swapped("pkg:GitHub/aquasecurity/trivy").unwrap().score(), Severity::Critical);
    for uri in ["pkg:github/anchore/grype", "pkg:github/aquasecurity/trivy-operator", "trivy", ""] {
        assert!(matches!(swapped(uri), Err(ForeignError::Report(_))), "{uri}");
    }
    // SARIF names its own scanner: it must be the one that the predicate names.
    let name = "sarif/nginx-grype.sarif.json";
    let text = cosign_vuln(&finished(name), &bytes(name)).unwrap();
    let changed = text.replacen("pkg:github/anchore/grype", "pkg:github/aquasecurity/trivy", 1);
    assert!(matches!(
        Scan::read(COSIGN_VULN, &changed, &Reports::new()),
        Some(Err(ForeignError::OtherScanner { .. }))
    ));
}

#[test]
fn cosigns_own_sample_without_a_result_is_not_clean() {
    let text = String::from_utf8(bytes("attestation/cosign-vuln-predicate.json")).unwrap();
    assert!(matches!(Scan::read(COSIGN_VULN, &text, &Reports::new()), Some(Err(ForeignError::Report(_)))));
}

#[test]
fn documents_are_read_where_they_are_wanted() {
    for (name, predicate_type, covered) in [
        ("cyclonedx/log4j.json", "https://cyclonedx.org/bom", true),
        ("cyclonedx/log4j.json", "https://cyclonedx.org/bom/v1.4", true),
        ("cyclonedx/vex-bom.json", "https://cyclonedx.org/bom", false),
        ("spdx/dd-many.spdx.json", "https://spdx.dev/Document/v2.3", false),
        ("openvex/many.json", "https://openvex.dev/ns/v0.2.0", false),
    ] {
        let text = String::from_utf8(bytes(name)).unwrap();
        let scan = Scan::read(predicate_type, &text, &Reports::new()).unwrap().unwrap();
        assert_eq!(scan.run.coverage.vulnerabilities, covered, "{name}");
    }
    let text = String::from_utf8(bytes("cyclonedx/log4j.json")).unwrap();
    assert!(Scan::read("https://cyclonedx.org/bomber", &text, &Reports::new()).is_none());
    assert!(Scan::read("https://spdx.dev/Document", &text, &Reports::new()).unwrap().is_err());
}

#[test]
fn listings_of_evidence_say_where_it_is_and_no_more() {
    let Evidence::Listing(listing) = Evidence::read(&bytes("evidence/get-output-multiple.json")).unwrap()
    else {
        panic!("no listing")
    };
    assert_eq!(listing.records.len(), 2);
    assert!(listing.records[0].download_path.starts_with("dort-generic/.evidence/"));
    assert!(listing.is_whole());
    let Evidence::Listing(listing) = Evidence::read(&bytes("evidence/graphql-multiple.json")).unwrap() else {
        panic!("no listing")
    };
    assert_eq!((listing.records.len(), listing.total), (2, Some(4)));
    assert!(!listing.is_whole());
    assert!(listing.records[1].subject.sha256.starts_with("2e173de7"));
    let whole = bytes("evidence/sigstore-bundle.json");
    assert_eq!(Evidence::read(&whole), Ok(Evidence::Bundle(whole)));
    let whole = bytes("attestation/trivy-attestation.json");
    assert_eq!(Evidence::read(&whole), Ok(Evidence::Envelope(whole)));
    assert_eq!(Evidence::read(b"{}"), Err(EvidenceError::Unknown));
    assert!(matches!(
        Evidence::read(br#"{"data":null,"errors":[{"message":"denied"}]}"#),
        Err(EvidenceError::Server(_))
    ));
    assert!(matches!(Evidence::read(br#"{"data":{}}"#), Err(EvidenceError::Json(_))));
}
