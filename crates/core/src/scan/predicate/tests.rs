use super::*;
use crate::scan::{
    Applicability, CvssRating, CvssScore, ScanStatus, ScannerDatabase, Severity, ViolationKind,
};

/// A scan in which every member is set.
fn full() -> Scan {
    let mut scan = Scan::new(Scanner::new("JFrog Xray", "pkg:generic/jfrog/xray"));
    scan.scanner.version = "3.111.2".to_owned();
    scan.scanner.instance = "jfrog.example.com".to_owned();
    let last_update = Some("2026-11-01T00:00:00Z".parse().unwrap());
    scan.scanner.db = Some(ScannerDatabase { last_update, ..ScannerDatabase::default() });
    scan.invocation.tool = "jf docker scan".to_owned();
    scan.invocation.parameters = vec!["--format".to_owned(), "simple-json".to_owned()];
    scan.run.started_on = Some("2026-11-02T10:00:00+01:00".parse().unwrap());
    scan.run.finished_on = Some("2026-11-02T09:00:05.25Z".parse().unwrap());
    scan.run.status = ScanStatus::Complete;
    scan.run.coverage.vulnerabilities = true;
    scan.run.coverage.applicability = Some(true);
    scan.run.components = Some(12);
    let mut finding = ScanFinding::new("CVE-2026-1", Severity::High, Package::new("deb", "openssl", "3.0"));
    finding.aliases.push("XRAY-1".to_owned());
    finding.research_severity = Some(Severity::Low);
    finding.cvss.v3 = CvssRating::new(CvssScore::parse("8.8"), Some("CVSS:3.1/AV:N".to_owned()));
    finding.package.purl = Some("pkg:deb/debian/openssl@3.0".to_owned());
    finding.fixed_versions.push("[3.0.1]".to_owned());
    finding.published_on = Some("2026-01-01T00:00:00Z".parse().unwrap());
    finding.layers.push("sha256:00".to_owned());
    finding.applicability = Some(Applicability::NotApplicable);
    finding.cwe.push("CWE-79".to_owned());
    finding.malicious = true;
    scan.findings.push(finding);
    scan.licenses.push(License::new("GPL-3.0", 2));
    scan.violations.push(Violation::new(ViolationKind::License, Severity::High, "GPL-3.0"));
    scan.secrets = Some(Secrets::new(2, 1));
    scan.operational_risk.push(OperationalRisk::new(Package::new("npm", "old", "1"), Severity::Medium));
    let mut report = RawReport::of("application/json", b"{\"a\": 1}");
    report.embedded = Some(serde_json::value::RawValue::from_string("{\"a\": 1}".to_owned()).unwrap());
    scan.report = Some(report);
    scan
}

fn changed(from: &str, to: &str) -> Result<Scan, ScanError> {
    let text = full().to_predicate().unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    Scan::parse(&text.replacen(from, to, 1))
}

#[test]
fn reads_what_it_writes() {
    let text = full().to_predicate().unwrap();
    let read = Scan::parse(&text).unwrap();
    assert_eq!(read.to_predicate().unwrap(), text);
    assert_eq!(read.stated_summary(), Some(&full().summary()));
    assert_eq!(read.findings, full().findings);
    assert_eq!(Scan { stated: None, ..read }, full());
}

#[test]
fn the_members_stand_in_one_order() {
    let text = full().to_predicate().unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"scanner":{"name":"JFrog Xray","uri":"pkg:generic/jfrog/xray","version":"3.111.2","#,
            r#""instance":"jfrog.example.com","db":{"lastUpdate":"2026-11-01T00:00:00Z"}},"#,
            r#""invocation":{"tool":"jf docker scan","toolVersion":"","format":"","#,
            r#""parameters":["--format","simple-json"]},"#,
            r#""scan":{"startedOn":"2026-11-02T09:00:00Z","finishedOn":"2026-11-02T09:00:05.25Z","#,
            r#""status":"complete","coverage":{"vulnerabilities":true,"applicability":true},"#,
            r#""filtered":false,"components":12},"#,
            r#""summary":{"score":"High","unit":"vulnerability","#,
            r#""bySeverity":{"Critical":0,"High":1,"Medium":0,"Low":0,"Unknown":0,"Information":0},"#,
            r#""fixableBySeverity":{"Critical":0,"High":1,"Medium":0,"Low":0,"Unknown":0,"Information":0},"#,
            r#""applicableBySeverity":{"Critical":0,"High":0,"Medium":0,"Low":0,"Unknown":0,"Information":0},"#,
            r#""total":1},"findings":[{"id":"CVE-2026-1","aliases":["XRAY-1"],"severity":"High","#,
            r#""researchSeverity":"Low","cvss":{"v3":{"score":8.8,"vector":"CVSS:3.1/AV:N"}},"#,
            r#""package":{"type":"deb","name":"openssl","version":"3.0","purl":"pkg:deb/debian/openssl@3.0"},"#,
            r#""fixedVersions":["[3.0.1]"],"publishedOn":"2026-01-01T00:00:00Z","layers":["sha256:00"],"#,
            r#""applicability":"not_applicable","cwe":["CWE-79"],"malicious":true}],"#,
            r#""licenses":[{"id":"GPL-3.0","packages":2}],"#,
            r#""violations":[{"type":"license","watch":"","policy":"","rule":"","severity":"High","#,
            r#""id":"GPL-3.0","failBuild":false,"ignored":false}],"secrets":{"total":2,"active":1},"#,
            r#""operationalRisk":[{"package":{"type":"npm","name":"old","version":"1"},"severity":"Medium"}],"#,
            r#""report":{"mediaType":"application/json","digest":{"sha256":"#,
            r#""9bb5d8813f64dd3992e1f98b75d94c06d50909eb7fb81fb53d4ed4e3d4f4ecff"},"size":8,"embedded":{"a": 1}}}"#,
        )
        .replace(
            "9bb5d8813f64dd3992e1f98b75d94c06d50909eb7fb81fb53d4ed4e3d4f4ecff",
            &crate::Digest::of(b"{\"a\": 1}").hex()
        )
    );
}

#[test]
fn a_summary_that_disagrees_is_kept_beside_the_computed_one() {
    let read = changed(r#""score":"High""#, r#""score":"Low""#).unwrap();
    assert_eq!(read.summary().score, Severity::High);
    assert_eq!(read.stated_summary().unwrap().score, Severity::Low);
    let read = changed(r#""total":1"#, r#""total":0"#).unwrap();
    assert_ne!(read.stated_summary(), Some(&read.summary()));
}

#[test]
fn unknown_members_are_passed_over_and_unknown_words_never_lower() {
    assert!(changed(r#"{"scanner""#, r#"{"later":{"a":[1]},"scanner""#).is_ok());
    assert!(changed(r#""id":"CVE-2026-1""#, r#""epss":0.5,"id":"CVE-2026-1""#).is_ok());
    let read = changed(r#""severity":"High""#, r#""severity":"Harmless""#).unwrap();
    assert_eq!(read.findings[0].severity(), Severity::Unknown);
    let read = changed(r#""applicability":"not_applicable""#, r#""applicability":"nope""#).unwrap();
    assert!(read.findings[0].applicability.unwrap().counts());
}

#[test]
fn refuses_wrong_types_and_missing_members() {
    for (from, to) in [
        (r#""severity":"High""#, r#""severity":7"#),
        (r#""severity":"High","#, ""),
        (r#""id":"CVE-2026-1","#, ""),
        (r#""status":"complete""#, r#""status":"done""#),
        (r#""status":"complete","#, ""),
        (r#""vulnerabilities":true,"#, ""),
        (r#""vulnerabilities":true"#, r#""vulnerabilities":"true""#),
        (r#""filtered":false,"#, ""),
        (r#""components":12"#, r#""components":-1"#),
        (r#""components":12"#, r#""components":1e400"#),
        (r#""score":8.8"#, r#""score":88"#),
        (r#""score":8.8"#, r#""score":"8.8""#),
        (r#""findings":["#, r#""findings":null,"x":["#),
        (r#""finishedOn":"2026-11-02T09:00:05.25Z""#, r#""finishedOn":"yesterday""#),
        (r#""unit":"vulnerability""#, r#""unit":"row""#),
        (r#""sha256":""#, r#""sha256":"0"#),
        (r#""embedded":{"a": 1}"#, r#""embedded":"a""#),
        (r#""name":"JFrog Xray""#, r#""name":" ""#),
        (r#""total":1}"#, r#""total":1},"summary":{}"#),
        (r#""findings":["#, r#""Findings":[],"findings":["#),
        (r#""severity":"High""#, r#""severity":"High","Severity":"Low""#),
        (r#""violations":["#, r#""Violations":["#),
        (r#""malicious":true"#, r#""Malicious":true"#),
        (r#""fixedVersions":"#, r#""fixedversions":"#),
        (r#""applicability":true"#, r#""Applicability":true"#),
    ] {
        assert!(changed(from, to).is_err(), "{to}");
    }
    let cased = changed(r#""embedded":{"a": 1}"#, r#""embedded":{"a": 1,"A":2}"#);
    assert!(cased.is_ok(), "another tool's names are not ours to fold");
}

#[test]
fn a_scan_is_clean_only_if_it_looked_at_something() {
    let mut scan = full();
    scan.findings.clear();
    assert_eq!(scan.score(), Severity::None);
    for change in [
        (|scan: &mut Scan| scan.run.components = Some(0)) as fn(&mut Scan),
        |scan| scan.run.components = None,
        |scan| scan.run.filtered = true,
        |scan| scan.run.status = ScanStatus::Pending,
        |scan| scan.run.status = ScanStatus::Partial,
        |scan| scan.run.coverage.vulnerabilities = false,
    ] {
        let mut changed = scan.clone();
        change(&mut changed);
        assert_eq!(changed.score(), Severity::Unknown);
    }
}

#[test]
fn an_incomplete_scan_scores_unknown_at_least() {
    let mut scan = full();
    scan.findings = vec![ScanFinding::new("a", Severity::Information, Package::default())];
    assert_eq!(scan.score(), Severity::Information);
    scan.run.filtered = true;
    assert_eq!(scan.score(), Severity::Unknown);
    scan.findings.push(ScanFinding::new("b", Severity::Low, Package::default()));
    assert_eq!(scan.score(), Severity::Low);
}

#[test]
fn a_vulnerability_counts_once_with_its_worst_finding() {
    let mut scan = full();
    let finding = |id: &str, severity| ScanFinding::new(id, severity, Package::default());
    scan.findings = vec![
        finding("CVE-1", Severity::Low),
        finding("CVE-1", Severity::Critical),
        finding("CVE-2", Severity::Unknown),
        finding("", Severity::Medium),
        finding("", Severity::Medium),
    ];
    scan.findings[0].fixed_versions.push("2".to_owned());
    scan.findings[2].applicability = Some(Applicability::NotApplicable);
    let summary = scan.summary();
    assert_eq!(summary.total, 4);
    assert_eq!(
        summary.by_severity.iter().collect::<Vec<_>>(),
        [(Severity::Critical, 1), (Severity::Medium, 2), (Severity::Unknown, 1)]
    );
    assert_eq!(summary.fixable_by_severity.iter().collect::<Vec<_>>(), [(Severity::Critical, 1)]);
    assert_eq!(summary.applicable_by_severity.get(Severity::Unknown), 0);
}

#[test]
fn limits_are_errors_both_ways() {
    let mut scan = full();
    scan.findings[0].id = "x".repeat(SCAN_TEXT_BYTES);
    assert!(Scan::parse(&scan.to_predicate().unwrap()).is_ok());
    scan.findings[0].id.push('x');
    let long = ScanError::TooLong { what: "a finding's id", found: SCAN_TEXT_BYTES + 1 };
    assert_eq!(scan.to_predicate(), Err(long.clone()));
    let text = full().to_predicate().unwrap().replace("CVE-2026-1", &"x".repeat(SCAN_TEXT_BYTES + 1));
    assert_eq!(Scan::parse(&text), Err(long));

    let mut scan = full();
    scan.findings[0].aliases = vec!["a".to_owned(); SCAN_LIST + 1];
    assert!(matches!(scan.to_predicate(), Err(ScanError::TooMany { .. })));
    let aliases = format!(r#""aliases":[{}"x"]"#, r#""a","#.repeat(SCAN_LIST));
    assert!(changed(r#""aliases":["XRAY-1"]"#, &aliases).is_err());

    let mut scan = full();
    scan.findings = vec![ScanFinding::new("a", Severity::Low, Package::default()); SCAN_FINDINGS];
    let text = scan.to_predicate().unwrap();
    assert_eq!(Scan::parse(&text).unwrap().findings.len(), SCAN_FINDINGS);
    let more = text.replacen(
        r#""findings":["#,
        r#""findings":[{"id":"b","severity":"Low","package":{"name":"x"}},"#,
        1,
    );
    assert!(Scan::parse(&more).is_err());
    scan.findings.push(scan.findings[0].clone());
    assert!(matches!(scan.to_predicate(), Err(ScanError::TooMany { what: "findings", .. })));

    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let mut scan = full();
    scan.report.as_mut().unwrap().embedded = Some(serde_json::value::RawValue::from_string(deep).unwrap());
    assert_eq!(scan.to_predicate(), Err(ScanError::Json(JsonError::TooDeep)));
    assert!(matches!(Scan::parse(&" ".repeat(SCAN_PREDICATE_BYTES + 1)), Err(ScanError::TooLarge { .. })));
}

#[test]
fn a_scanner_is_the_same_whatever_its_version() {
    let identity = |name: &str, uri: &str| Scanner::new(name, uri).identity();
    let trivy = identity("Trivy", "pkg:github/aquasecurity/trivy");
    assert_eq!(trivy, identity("trivy", "pkg:GitHub/aquasecurity/trivy@0.50.1?x=y"));
    assert_ne!(trivy, identity("Trivy", "pkg:github/anchore/grype"));
    assert_eq!(identity("My Scanner", ""), identity("my scanner", " "));
}
