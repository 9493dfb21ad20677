//! What is clean, and what only looks clean.

use waxseal_core::scan::{Applicability, ScanStatus, Severity};
use waxseal_scan::{Note, Report, ReportError, ReportFormat};

use super::{bytes, read};

fn codes(report: &Report) -> Vec<&'static str> {
    report.notes.iter().map(Note::code).collect()
}

#[test]
fn a_clean_image_scores_none() {
    for name in ["xray/summary-artifact-none.json", "trivy/none.json", "grype/none.json"] {
        let report = read(name);
        assert!(report.scan.is_complete(), "{name}");
        assert_eq!(report.scan.score(), Severity::None, "{name}");
        assert!(report.scan.run.components.unwrap() > 0, "{name}");
    }
}

/// Trivy lists packages whether it looked for vulnerabilities or not: a clean report and none look alike, and say so.
#[test]
fn packages_without_a_vulnerability_are_remarked_on() {
    let text = r#"{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Class":"os-pkgs","Type":"alpine",
        "Packages":[{"Name":"musl"}]VULNERABILITIES}]}"#;
    let read = |list: &str| Report::read(text.replace("VULNERABILITIES", list).as_bytes(), None).unwrap();
    let clean = read("");
    assert_eq!(clean.scan.score(), Severity::None);
    assert!(clean.notes.contains(&Note::NoVulnerabilityListed));
    let found =
        read(r#","Vulnerabilities":[{"VulnerabilityID":"CVE-2026-1","PkgName":"musl","Severity":"LOW"}]"#);
    assert!(!found.notes.contains(&Note::NoVulnerabilityListed));
    let secrets = clean.called_with("trivy image", &["--scanners=secret".to_owned()]);
    assert_eq!(secrets.scan.score(), Severity::Unknown);
}

/// A violation about a vulnerability that has no id, or that is not listed, and a worst severity that is not listed.
#[test]
fn a_graph_whose_list_is_not_whole_is_partial() {
    let graph = |id: &str, cve: &str, top: &str| {
        let text = format!(
            r#"[{{"scan_id":"1","status":"completed","top_vuln_severity":"{top}","vulnerabilities":[{{"issue_id":"XRAY-1",
            "severity":"Medium","cves":[{{"cve":"CVE-2026-1"}}],"components":{{"deb://a:1":{{}}}}}}],
            "violations":[{{"type":"security","severity":"Medium","issue_id":"{id}","cves":[{{"cve":"{cve}"}}]}}]}}]"#
        );
        Report::read(text.as_bytes(), None).unwrap()
    };
    for (id, cve, top, code) in [
        ("XRAY-1", "", "", None),
        ("XRAY-1", "", "Medium", None),
        ("XRAY-1", "", "Low", None),
        ("", "CVE-2026-1", "Medium", None),
        ("", "CVE-2026-2", "Medium", Some("violation-not-listed")),
        ("", "", "Medium", Some("violation-not-listed")),
        ("XRAY-2", "", "Medium", Some("violation-not-listed")),
        ("XRAY-1", "", "High", Some("figures-differ")),
    ] {
        let report = graph(id, cve, top);
        let status = if code.is_some() { ScanStatus::Partial } else { ScanStatus::Complete };
        assert_eq!(report.scan.run.status, status, "{id} {cve} {top}");
        assert!(
            code.is_none_or(|code| codes(&report).contains(&code)),
            "{id} {cve} {top}: {:?}",
            report.notes
        );
    }
}

/// A summary is taken at its word, and says nothing of the end of the scan.
#[test]
fn a_summary_alone_has_no_status() {
    for name in ["xray/summary-artifact-none.json", "xray/summary-artifact-many.json"] {
        let report = read(name);
        assert!(report.scan.is_complete() && codes(&report).contains(&"no-status"), "{name}");
    }
}

#[test]
fn what_was_not_scanned_is_never_clean() {
    for (name, status) in [
        ("xray/api-artifact-status-pending.json", ScanStatus::Pending),
        ("xray/api-artifact-status-not-supported.json", ScanStatus::NotScanned),
        ("xray/api-artifact-status-done.json", ScanStatus::Complete),
        ("spdx/dd-many.spdx.json", ScanStatus::Complete),
        ("cyclonedx/vex-bom.json", ScanStatus::Complete),
        ("jfrog-cli/enrich.cdx.json", ScanStatus::Complete),
        ("openvex/demo.json", ScanStatus::NotScanned),
        ("trivy/licenses.json", ScanStatus::Complete),
        ("trivy/secrets.json", ScanStatus::Complete),
        ("xray/api-report-licenses.json", ScanStatus::Complete),
    ] {
        let report = read(name);
        assert_eq!(report.scan.run.status, status, "{name}");
        assert!(!report.scan.is_complete(), "{name}");
        assert_eq!(report.scan.score(), Severity::Unknown, "{name}");
        assert!(codes(&report).contains(&"no-vulnerability-scan"), "{name}");
    }
}

#[test]
fn an_image_that_xray_does_not_know_is_not_scanned() {
    for (text, status, code) in [
        (r#"{"artifacts":[]}"#, ScanStatus::NotScanned, "not-known-to-scanner"),
        (
            r#"{"artifacts":[],"errors":[{"identifier":"a","error":"not found"}]}"#,
            ScanStatus::NotScanned,
            "scanner-error",
        ),
        (
            r#"{"artifacts":[{"general":{"name":"a"},"issues":[]}],"errors":[{"identifier":"b","error":"not found"}]}"#,
            ScanStatus::Failed,
            "scanner-error",
        ),
        (r#"{"artifacts":[{"general":{},"issues":null}]}"#, ScanStatus::NotScanned, "not-known-to-scanner"),
        ("[]", ScanStatus::NotScanned, "not-known-to-scanner"),
        (r#"[{"scan_id":"1","status":"completed"}]"#, ScanStatus::Complete, "no-vulnerability-scan"),
        (r#"[{"scan_id":"1","vulnerabilities":[]}]"#, ScanStatus::Partial, "no-status"),
        (r#"[{"scan_id":"1","status":"failed","vulnerabilities":[]}]"#, ScanStatus::Failed, "scanner-status"),
        (
            r#"[{"scan_id":"1","status":"in progress","vulnerabilities":[]}]"#,
            ScanStatus::Pending,
            "scanner-status",
        ),
        (
            r#"[{"scan_id":"1","status":"completed","vulnerabilities":[]}]"#,
            ScanStatus::Complete,
            "nothing-counted",
        ),
        (
            r#"{"vulnerabilities":[],"scansStatus":{"scaScanStatusCode":0}}"#,
            ScanStatus::Complete,
            "nothing-counted",
        ),
        (
            r#"{"vulnerabilities":null,"scansStatus":{"scaScanStatusCode":0}}"#,
            ScanStatus::Complete,
            "no-vulnerability-scan",
        ),
        (
            r#"{"vulnerabilities":[],"scansStatus":{"scaScanStatusCode":1}}"#,
            ScanStatus::Failed,
            "scanner-status",
        ),
        (r#"{"vulnerabilities":[],"scansStatus":{}}"#, ScanStatus::NotScanned, "no-status"),
        (
            r#"{"vulnerabilities":[],"errors":[{"errorMessage":"x"}],"scansStatus":{"scaScanStatusCode":0}}"#,
            ScanStatus::Failed,
            "scanner-error",
        ),
        (
            r#"{"build_name":"a","status":"completed","vulnerabilities":[],"info":"not selected for indexing"}"#,
            ScanStatus::NotScanned,
            "scanner-status",
        ),
        (r#"{"build_name":"a","status":"completed"}"#, ScanStatus::Complete, "violations-only"),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy"}}}]}"#,
            ScanStatus::Failed,
            "scanner-error",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy"}},"results":[]}]}"#,
            ScanStatus::Complete,
            "nothing-counted",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"eslint"}},"results":[]}]}"#,
            ScanStatus::Complete,
            "no-vulnerability-scan",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy"}},"results":[],"invocations":[{"executionSuccessful":false}]}]}"#,
            ScanStatus::Failed,
            "scanner-error",
        ),
        (r#"{"SchemaVersion":2,"ArtifactName":"scratch"}"#, ScanStatus::Complete, "no-vulnerability-scan"),
        (r#"{"total_violations":0,"violations":[]}"#, ScanStatus::Complete, "violations-only"),
    ] {
        let report = Report::read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(report.scan.run.status, status, "{text}");
        assert!(codes(&report).contains(&code), "{text}: {:?}", report.notes);
        assert_eq!(report.scan.score(), Severity::Unknown, "{text}");
    }
}

#[test]
fn a_page_of_a_report_is_not_the_report() {
    for (name, expected, found) in [
        ("xray/report-vulnerabilities-issue13628.json", 123, 1),
        ("xray/api-report-vulnerabilities.json", 70, 2),
        ("xray/ui-export-heimdall.json", 30, 27),
    ] {
        let report = read(name);
        assert_eq!(report.scan.run.status, ScanStatus::Partial, "{name}");
        assert!(report.notes.contains(&Note::MissingRows { expected, found }), "{name}: {:?}", report.notes);
    }
    for name in [
        "xray/report-vulnerabilities.json",
        "xray/report-vulnerabilities-docker.json",
        "xray/ui-export-many.json",
    ] {
        assert!(read(name).scan.is_complete(), "{name}");
    }
}

#[test]
fn an_empty_page_says_not_what_it_is_about() {
    let text = bytes("xray/report-vulnerabilities-none.json");
    let error = Report::read(&text, None).unwrap_err();
    assert!(matches!(error, ReportError::Ambiguous { .. }), "{error}");
    let report = Report::read(&text, Some(ReportFormat::XrayReport)).unwrap();
    assert_eq!(report.scan.score(), Severity::Unknown);
    assert!(codes(&report).contains(&"nothing-counted"));
}

#[test]
fn a_named_format_is_held_to() {
    let text = bytes("trivy/none.json");
    assert!(Report::read(&text, Some(ReportFormat::Trivy)).is_ok());
    for format in ReportFormat::ALL
        .into_iter()
        .filter(|format| ![ReportFormat::Trivy, ReportFormat::XrayStatus].contains(format))
    {
        let read = Report::read(&text, Some(format));
        assert!(
            matches!(read, Err(ReportError::Shape { .. }))
                || !read.unwrap().scan.run.coverage.vulnerabilities,
            "{format}"
        );
    }
}

#[test]
fn unknown_is_not_none() {
    let report = read("xray/scan-json-docker.json");
    assert_eq!(report.scan.score(), Severity::Unknown);
    assert_eq!(report.scan.findings.len(), 4);
    assert_eq!(report.scan.summary().total, 2);
    assert!(report.scan.is_complete());
    assert_eq!(report.subject.names, ["alpine:latest"]);
}

#[test]
fn rows_by_package_are_one_vulnerability() {
    let report = read("jfrog-cli/docker-simple.json");
    assert_eq!(report.scan.findings.len(), 3);
    let summary = report.scan.summary();
    assert_eq!(
        (summary.by_severity.get(Severity::Critical), summary.by_severity.get(Severity::Unknown)),
        (1, 1)
    );
    assert_eq!(report.subject.names, ["platform.jfrog.io/swamp-docker/swamp:latest"]);
    assert_eq!(report.scan.run.coverage.applicability, Some(true));
    assert_eq!(report.scan.secrets.map(|secrets| (secrets.total, secrets.active)), Some((1, 0)));
    assert!(report.scan.findings[0].layers[0].starts_with("sha256:f21c087a"));
}

#[test]
fn only_not_applicable_takes_away() {
    let report = read("jfrog-cli/audit-simple.json");
    let counting =
        report.scan.findings.iter().filter(|finding| finding.applicability.is_none_or(Applicability::counts));
    assert_eq!((report.scan.findings.len(), counting.count()), (9, 6));
    // The plain format of the same tool has no contextual analysis, and says so.
    assert_eq!(read("xray/scan-json-pypi.json").scan.run.coverage.applicability, Some(false));
}

#[test]
fn a_finding_of_a_policy_is_not_counted_twice() {
    let report = read("jfrog-cli/docker-sarif.json");
    assert_eq!(report.scan.findings.len(), 3);
    assert_eq!(report.scan.violations.len(), 1);
    let severities: Vec<_> =
        report.scan.findings.iter().map(|finding| (finding.id.as_str(), finding.severity())).collect();
    assert_eq!(
        severities,
        [
            ("CVE-2024-6119", Severity::Unknown),
            ("CVE-2024-38428", Severity::Critical),
            ("CVE-2024-38428", Severity::Critical)
        ]
    );
    assert_eq!(report.scan.findings[1].package.name, "openssl");
    assert_eq!(report.scan.findings[1].package.version, "3.0.13-1~deb12u1");
    assert!(report.scan.findings[1].is_fixable() && !report.scan.findings[0].is_fixable());
}

#[test]
fn three_scanners_of_one_image_name_the_same_digest() {
    let digest = "sha256:13d22ec63300e16014d4a42aed735207a8b33c223cff19627dd3042e5a10a3a0".parse().unwrap();
    for (name, scanner, score) in [
        ("sarif/nginx-trivy.sarif.json", "Trivy", Severity::High),
        ("sarif/nginx-grype.sarif.json", "Grype", Severity::Critical),
        ("sarif/nginx-snyk.sarif.json", "Snyk Container", Severity::Low),
    ] {
        let report = read(name);
        assert_eq!(report.subject.digests, [digest], "{name}");
        assert_eq!(report.scan.scanner.name, scanner);
        assert_eq!(report.scan.score(), score, "{name}");
        assert!(report.scan.findings.iter().all(|finding| !finding.package.name.is_empty()), "{name}");
    }
}

#[test]
fn what_a_scanner_put_aside_is_counted() {
    let report = read("trivy/npm-with-suppressed.json");
    assert_eq!(report.scan.findings.len(), 2);
    assert!(report.notes.contains(&Note::PutAsideCounted(1)));
    let ignored = |rule: &str| {
        format!(
            r#"{{"matches":[],"ignoredMatches":[{{"vulnerability":{{"id":"CVE-1","severity":"High"}},
            "artifact":{{"name":"a","version":"1"}},"appliedIgnoreRules":[{rule}]}}],
            "descriptor":{{"name":"grype","configuration":{{"only-fixed":true}}}}}}"#
        )
    };
    let report = Report::read(ignored(r#"{"fix-state":"not-fixed"}"#).as_bytes(), None).unwrap();
    assert_eq!(report.scan.findings.len(), 1);
    assert!(report.scan.is_complete());
}

/// Only Grype's own rules put something aside without a word: a rule that differs in one member is somebody's.
#[test]
fn only_the_rules_of_grype_itself_are_believed() {
    let found = |rule: &str| {
        let text = format!(
            r#"{{"matches":[],"ignoredMatches":[{{"vulnerability":{{"id":"CVE-1","severity":"High"}},
            "artifact":{{"name":"a","version":"1"}},"appliedIgnoreRules":[{rule}]}}],"descriptor":{{"name":"grype"}}}}"#
        );
        Report::read(text.as_bytes(), None).unwrap().scan.findings.len()
    };
    let rule = |name: &str, upstream: &str, kind: &str, more: &str| {
        format!(
            r#"{{"match-type":"exact-indirect-match","package":{{"name":"{name}","upstream-name":"{upstream}","type":"{kind}"{more}}}}}"#
        )
    };
    for (name, upstream, kind) in [
        ("kernel-headers", "kernel", "rpm"),
        ("linux-headers-.*", "linux", "deb"),
        ("linux(-.*)?-headers-.*", "linux.*", "deb"),
        ("linux-libc-dev", "linux", "deb"),
        ("linux-kbuild-.*", "linux.*", "deb"),
    ] {
        assert_eq!(found(&rule(name, upstream, kind, "")), 0, "{name}");
        for other in [
            rule(&format!("{name}x"), upstream, kind, ""),
            rule(name, "", kind, ""),
            rule(name, upstream, "", ""),
            rule(name, upstream, kind, r#","version":"1""#),
            rule(name, upstream, kind, "").replace("exact-indirect", "exact-direct"),
            rule(name, upstream, kind, "").replacen('{', r#"{"namespace":"a","#, 1),
        ] {
            assert_eq!(found(&other), 1, "{other}");
        }
    }
    assert_eq!(found(&rule(".*headers.*|.*", "", "", "")), 1);
    assert_eq!(found(&rule(".*", ".*linux.*|.*", "", "")), 1);
}

/// The worse of what a rule and its result say; the level where nobody scored.
#[test]
fn a_score_of_zero_in_sarif_is_no_low_severity() {
    for (level, result, rule, tags, severity) in [
        ("error", "", "0.0", "", Severity::Critical),
        ("error", "", "0.0", r#""CRITICAL""#, Severity::Critical),
        ("error", "", "0.0", r#""vulnerability","HIGH""#, Severity::High),
        ("warning", "", "0.0", "", Severity::Medium),
        ("note", "", "0.0", "", Severity::Unknown),
        ("none", "", "0.0", "", Severity::Unknown),
        ("error", "0.0", "9.8", "", Severity::Critical),
        ("error", "3.0", "9.8", "", Severity::Critical),
        ("error", "9.8", "3.0", "", Severity::Critical),
        ("warning", "", "5.0", r#""HIGH""#, Severity::High),
        ("error", "", "9.8", r#""LOW""#, Severity::Critical),
        ("warning", "", "5.0", "", Severity::Medium),
        ("note", "", "", "", Severity::Low),
        ("info", "", "0.0", "", Severity::Information),
    ] {
        let text = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"Trivy","rules":[{{"id":"CVE-2026-1",
            "properties":{{"security-severity":"{rule}","tags":[{tags}]}}}}]}}}},"results":[{{"ruleId":"CVE-2026-1",
            "level":"{level}","message":{{"text":"Package: a"}},"properties":{{"security-severity":"{result}"}}}}]}}]}}"#
        );
        let report = Report::read(text.as_bytes(), None).unwrap();
        assert_eq!(report.scan.findings[0].severity(), severity, "{level} {result} {rule} {tags}");
    }
}

#[test]
fn a_filter_in_the_report_or_on_the_command_line_makes_it_incomplete() {
    let text = r#"{"matches":[],"distro":{"name":"debian"},"descriptor":{"name":"grype","configuration":{"only-fixed":true}}}"#;
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert!(report.scan.run.filtered && report.scan.score() == Severity::Unknown);
    let report = Report::read(text.replace("true", "false").as_bytes(), None).unwrap();
    assert!(!report.scan.run.filtered && report.scan.score() == Severity::None);
    let report = read("trivy/none.json").called_with("trivy image", &["--severity=CRITICAL".to_owned()]);
    assert!(report.scan.run.filtered && report.scan.score() == Severity::Unknown);
    let report = read("trivy/none.json").called_with("trivy image", &["--format=json".to_owned()]);
    assert!(!report.scan.run.filtered && report.scan.score() == Severity::None);
}

#[test]
fn clair_names_the_manifest_and_all_packages() {
    let digest = waxseal_core::Digest::of("manifest");
    let text = format!(
        r#"{{"manifest_hash":"{digest}","packages":{{"1":{{"name":"bash","version":"5","kind":"binary"}},"2":{{"name":"zsh"}}}},
        "environments":{{"1":[{{"introduced_in":"sha256:aa"}}]}},
        "vulnerabilities":{{"9":{{"name":"CVE-2020-1 on Debian","normalized_severity":"Negligible","severity":"","fixed_in_version":"6"}}}},
        "package_vulnerabilities":{{"1":["9"]}}}}"#
    );
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert_eq!(report.format, ReportFormat::Clair);
    assert_eq!(report.subject.digests, [digest]);
    assert_eq!(report.scan.run.components, Some(2));
    assert!(report.scan.is_complete());
    let finding = &report.scan.findings[0];
    assert_eq!(
        (finding.id.as_str(), finding.severity(), finding.is_fixable()),
        ("CVE-2020-1", Severity::Low, true)
    );
    assert_eq!(finding.layers, ["sha256:aa"]);
    let dangling = text.replace(r#""1":["9"]"#, r#""1":["8"]"#);
    assert!(matches!(Report::read(dangling.as_bytes(), None), Err(ReportError::Shape { .. })));
    let lost = text.replace(r#""1":["9"]"#, r#""1":[]"#);
    assert!(!Report::read(lost.as_bytes(), None).unwrap().scan.is_complete());
}

#[test]
fn the_operators_own_summary_is_checked() {
    let text = String::from_utf8(bytes("trivy/operator-vulnerabilityreport.json")).unwrap();
    assert!(Report::read(text.as_bytes(), None).unwrap().scan.is_complete());
    let changed = text.replacen(r#""criticalCount": 2"#, r#""criticalCount": 3"#, 1);
    assert!(changed != text);
    let report = Report::read(changed.as_bytes(), None).unwrap();
    assert!(codes(&report).contains(&"figures-differ") && !report.scan.is_complete());
}

#[test]
fn violations_are_read_as_such() {
    let text = r#"{"total_violations":2,"violations":[
        {"type":"security","issue_id":"XRAY-1","watch_name":"w","severity":"High","created":"2026-01-01T00:00:00Z",
         "infected_components":["deb://debian:bookworm:openssl:3.0"],"impacted_artifacts":["docker://app:1"],
         "properties":[{"cve":"CVE-1","cvss_v3":"CVSS:3.1/AV:N"}],"fix_versions":["3.1"],
         "matched_policies":[{"policy":"p","rule":"r","is_build_failed":true}],
         "applicability_details":[{"vulnerability_id":"CVE-1","result":"not_applicable"}]},
        {"type":"operational_risk","issue_id":"OP-1","severity":"Medium","infected_components":["npm://old:1"],
         "operational_risk":{"risk_reason":"old","is_eol":true}}]}"#;
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert_eq!(report.format, ReportFormat::XrayViolations);
    assert_eq!(report.scan.findings.len(), 1);
    assert_eq!(report.scan.findings[0].applicability, Some(Applicability::NotApplicable));
    let violation = &report.scan.violations[0];
    assert_eq!(
        (violation.id.as_str(), violation.policy.as_str(), violation.fail_build),
        ("CVE-1", "p", true)
    );
    assert_eq!(report.scan.operational_risk[0].end_of_life, Some(true));
    assert_eq!(report.subject.names, ["app:1"]);
    let short = text.replace(r#""total_violations":2"#, r#""total_violations":26"#);
    assert_eq!(Report::read(short.as_bytes(), None).unwrap().scan.run.status, ScanStatus::Partial);
}

#[test]
fn a_violations_report_is_no_vulnerability_scan() {
    let text = r#"{"total_rows":2,"rows":[
        {"type":"security","vulnerable_component":"npm://lodash:4","impacted_artifact":"docker://app:1","watch_name":"w",
         "policy_names":["p"],"severity":"High","issue_id":"XRAY-1","cves":[{"cvss_v2_score":7.1}]},
        {"type":"license","vulnerable_component":"gav://a:b:1","watch_name":"w","policy_names":["p","q"],"severity":"High",
         "summary":"Apache-2.0"}]}"#;
    let report = Report::read(text.as_bytes(), None).unwrap();
    assert_eq!(report.format, ReportFormat::XrayViolationsReport);
    assert_eq!((report.scan.findings.len(), report.scan.violations.len()), (1, 3));
    assert!(!report.scan.is_complete());
    assert_eq!(report.scan.score(), Severity::High);
}

#[test]
fn the_document_of_a_fetch_is_clean_only_with_a_finished_status() {
    let digest = waxseal_core::Digest::of("image");
    let document = |status: &str, entries: &str, total: usize| {
        format!(
            r#"{{"schema":"waxseal/xray-report/v1","image":{{"name":"registry.example.com/app","tag":"1","digest":"{digest}"}},
            "xray":{{"url":"https://jfrog.example.com:8443/xray","version":"3.111.2"}},"artifact":null,"project":null,
            "readOn":"2026-11-02T09:00:00Z","status":{status},
            "summary":{{"version":2,"answer":{{"artifacts":[{{"general":{{"component_id":"docker://app:1","sha256":"{}"}},"issues":[],
            "licenses":[{{"name":"MIT","components":["deb://a:1"]}}]}}]}}}},
            "violations":{{"total":{total},"entries":[{entries}]}}}}"#,
            digest.hex()
        )
    };
    let read = |status: &str| Report::read(document(status, "", 0).as_bytes(), None).unwrap();
    let report = read(r#"{"overall":{"status":"DONE","time":"2026-11-01T08:00:00Z"}}"#);
    assert_eq!(report.format, ReportFormat::XrayDocument);
    assert_eq!(report.scan.score(), Severity::None);
    assert_eq!(report.scan.run.finished_on.unwrap().to_string(), "2026-11-01T08:00:00Z");
    assert_eq!(report.scan.scanner.instance, "jfrog.example.com:8443");
    assert_eq!(report.subject.digests, [digest]);
    for (status, found) in [
        (r#"{"overall":{"status":"PENDING"}}"#, ScanStatus::Pending),
        (r#"{"overall":{"status":"PARTIAL"}}"#, ScanStatus::Partial),
        (r#"{"overall":{"status":"FAILED"}}"#, ScanStatus::Failed),
        (r#"{"status":"not supported"}"#, ScanStatus::NotScanned),
        ("null", ScanStatus::Partial),
    ] {
        let report = read(status);
        assert_eq!((report.scan.run.status, report.scan.score()), (found, Severity::Unknown), "{status}");
    }
    let entry =
        r#"{"type":"license","issue_id":"","license_key":"GPL-3.0","severity":"High","watch_name":"w"}"#;
    let done = r#"{"overall":{"status":"DONE"}}"#;
    let report = Report::read(document(done, entry, 1).as_bytes(), None).unwrap();
    assert_eq!(report.scan.violations[0].id, "GPL-3.0");
    assert!(Report::read(document(done, entry, 2).as_bytes(), None).is_err());
}

#[test]
fn a_violation_that_is_not_listed_says_that_vulnerabilities_are_missing() {
    let text = |listed: &str| {
        format!(
            r#"{{"vulnerabilities":[{{"severity":"Low","issueId":"XRAY-1","cves":[{{"id":"{listed}"}}]}}],
            "securityViolations":[{{"severity":"Critical","issueId":"XRAY-2","cves":[{{"id":"CVE-2026-2"}}]}}],
            "scansStatus":{{"scaScanStatusCode":0}}}}"#
        )
    };
    let read = |text: String| Report::read(text.as_bytes(), None).unwrap();
    assert!(read(text("CVE-2026-2")).scan.is_complete());
    let report = read(text("CVE-2026-1"));
    assert_eq!(report.scan.run.status, ScanStatus::Partial);
    assert!(report.notes.contains(&Note::ViolationNotListed("CVE-2026-2".to_owned())), "{:?}", report.notes);
    let run = |name: &str, results: &str| {
        format!(r#"{{"tool":{{"driver":{{"name":"{name}"}}}},"results":[{results}]}}"#)
    };
    let result = r#"{"ruleId":"CVE-2026-2_a_1","level":"error","properties":{"type":"cve","watch":"w","policies":"p"}}"#;
    let log = |listed: &str| {
        let runs = [run("JFrog Xray Scanner", listed), run("JFrog Policy Enforcer", result)];
        format!(r#"{{"version":"2.1.0","runs":[{}]}}"#, runs.join(","))
    };
    assert!(read(log(result)).scan.is_complete());
    assert!(!read(log("")).scan.is_complete());
}

#[test]
fn levels_of_sarif_never_say_less_than_they_could_mean() {
    let read = |level: &str, rule: &str| {
        let text = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"Grype","rules":[{{"id":"CVE-1"{rule}}}]}}}},
            "results":[{{"ruleId":"CVE-1"{level}}}]}}]}}"#
        );
        Report::read(text.as_bytes(), None).unwrap().scan.score()
    };
    let rated = |score: &str| format!(r#","properties":{{"security-severity":"{score}"}}"#);
    for (level, rule, severity) in [
        ("", String::new(), Severity::Unknown),
        (r#","level":"error""#, String::new(), Severity::Critical),
        (r#","level":"warning""#, String::new(), Severity::Medium),
        (r#","level":"note""#, String::new(), Severity::Low),
        (r#","level":"info""#, String::new(), Severity::Information),
        (r#","level":"none""#, String::new(), Severity::Unknown),
        (r#","level":"fine""#, String::new(), Severity::Unknown),
        ("", r#","defaultConfiguration":{"level":"error"}"#.to_owned(), Severity::Critical),
        (r#","level":"error""#, rated("8.9"), Severity::High),
        (r#","level":"note""#, rated("10.0"), Severity::Critical),
        (r#","level":"none""#, rated("0.0"), Severity::Unknown),
        (r#","level":"info""#, rated("0.0"), Severity::Information),
        (r#","level":"error""#, rated("a lot"), Severity::Critical),
    ] {
        assert_eq!(read(level, &rule), severity, "{level} {rule}");
    }
}
