//! Scores set on workloads, and scans held against each other.

use waxseal::manifest::Manifest;
use waxseal::scan::{Annotated, Annotating, Change, FailOn, ScanDiff, Scored};
use waxseal::{Error, ErrorKind};
use waxseal_core::Digest;
use waxseal_core::scan::{Package, Scan, ScanFinding, ScanStatus, Scanner, Severity};

fn pod(name: &str, images: &[&str]) -> String {
    let containers: Vec<_> = images.iter().map(|image| format!("{{name: c, image: \"{image}\"}}")).collect();
    format!("kind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{}]}}\n", containers.join(", "))
}

fn report(names: &[&str], digests: &[Digest], score: Severity) -> Scored {
    Scored {
        shown: "report.json".to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        digests: digests.to_vec(),
        score,
    }
}

fn annotating() -> Annotating {
    Annotating::new("jfrog.com/xray-score".parse().unwrap())
}

fn annotate(text: &str, reports: &[Scored]) -> Result<Annotated, Error> {
    let manifest = Manifest::read(text.as_bytes().to_vec()).unwrap();
    annotating().annotate(&[("app.yaml".to_owned(), manifest)], reports).map(|mut all| all.remove(0))
}

#[test]
fn only_workloads_that_run_the_image_get_its_score() {
    let text =
        [pod("a", &["registry.example.com/app:1"]), pod("b", &["registry.example.com/app:2"])].join("---\n");
    let annotated = annotate(&text, &[report(&["app:1"], &[], Severity::Critical)]).unwrap();
    assert_eq!(annotated.text.matches("jfrog.com/xray-score: Critical").count(), 1);
    assert!(annotated.text.starts_with("kind: Pod\nmetadata: {name: a, annotations"), "{}", annotated.text);
    let scores: Vec<_> = annotated.workloads.iter().map(|workload| workload.score).collect();
    assert_eq!(scores, [Some(Severity::Critical), None]);
    assert_eq!(annotated.workloads[1].others, ["registry.example.com/app:2"]);

    let error = annotate(&text, &[report(&["app:3"], &[], Severity::Low)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoWorkload);
    assert!(error.to_string().contains("app:3"), "{error}");
    assert_eq!(
        annotate("kind: Service\n", &[report(&["app:1"], &[], Severity::Low)]).unwrap_err().code(),
        "no-workload"
    );
}

#[test]
fn a_report_of_another_digest_is_never_set() {
    let (own, other) = (Digest::of("own"), Digest::of("other"));
    let named = |digest: &Digest| pod("a", &[&format!("registry.example.com/app:1@{digest}")]);
    let unnamed = |digest: &Digest| pod("a", &[&format!("registry.example.com/app@{digest}")]);
    let reports = [report(&["registry.example.com/app:1"], &[own], Severity::Low)];
    for text in [named(&own), unnamed(&own), pod("a", &["registry.example.com/app:1"])] {
        assert_eq!(annotate(&text, &reports).unwrap().workloads[0].score, Some(Severity::Low), "{text}");
    }
    for text in [named(&other), unnamed(&other)] {
        let error = annotate(&text, &reports).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherImage, "{text}");
        assert!(
            error.to_string().contains(&own.to_string()) && error.to_string().contains(&other.to_string())
        );
    }
    // Beside the report's own image another digest under the same tag is refused, one without a tag is left alone.
    let both = |second: String| [named(&own), second].join("---\n");
    assert_eq!(annotate(&both(named(&other)), &reports).unwrap_err().kind(), ErrorKind::OtherImage);
    let annotated = annotate(&both(unnamed(&other)), &reports).unwrap();
    assert_eq!(annotated.workloads[1].score, None);
    // Every workload is not every image.
    let mut every = annotating();
    every.every = true;
    let every = |text: String| {
        every.annotate(&[("a".to_owned(), Manifest::read(text.into_bytes()).unwrap())], &reports)
    };
    assert!(every(unnamed(&own)).is_ok());
    assert_eq!(every(unnamed(&other)).unwrap_err().kind(), ErrorKind::OtherImage);
    let text = [named(&own), pod("b", &["registry.example.com/sidecar:1"])].join("---\n");
    assert_eq!(every(text).unwrap()[0].workloads[1].score, Some(Severity::Low));
}

#[test]
fn the_worst_score_of_several_images_counts() {
    let text = pod(
        "a",
        &["registry.example.com/app:1", "registry.example.com/sidecar:1", "registry.example.com/x:1"],
    );
    let app = report(&["registry.example.com/app:1"], &[], Severity::Low);
    let sidecar = report(&["registry.example.com/sidecar:1"], &[], Severity::Critical);
    for reports in [[app.clone(), sidecar.clone()], [sidecar.clone(), app.clone()]] {
        let annotated = annotate(&text, &reports).unwrap();
        assert_eq!(annotated.workloads[0].score, Some(Severity::Critical));
        assert_eq!(annotated.workloads[0].others, ["registry.example.com/x:1"]);
    }
    let mut every = annotating();
    every.every = true;
    let manifest = Manifest::read(text.into_bytes()).unwrap();
    let error = every.annotate(&[("a".to_owned(), manifest)], &[app, sidecar]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_name_without_a_registry_may_mean_one_repository_only() {
    let one = pod("a", &["registry.example.com/team/app:1"]);
    let two = [one.clone(), pod("b", &["mirror.example.com/app:1"])].join("---\n");
    let reports = [report(&["app:1"], &[], Severity::Low)];
    annotate(&one, &reports).unwrap();
    let error = annotate(&two, &reports).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OtherImage);
    assert!(error.to_string().contains("mirror.example.com/app"), "{error}");
    let full = [report(&["app:1", "registry.example.com/team/app:1"], &[], Severity::Low)];
    let scores: Vec<_> =
        annotate(&two, &full).unwrap().workloads.iter().map(|workload| workload.score).collect();
    assert_eq!(scores, [Some(Severity::Low), None]);
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    let text = "kind: Pod\nmetadata: {annotations: []}\nspec: {containers: [{image: app}]}\n";
    let error = annotate(text, &[report(&["app"], &[], Severity::Low)]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().starts_with("app.yaml: line 2: ")),
        (ErrorKind::Manifest, true)
    );
}

fn finding(id: &str, severity: Severity, package: &str, fixed: &[&str]) -> ScanFinding {
    let (name, version) = package.split_once(' ').unwrap();
    let mut finding = ScanFinding::new(id, severity, Package::new("deb", name, version));
    finding.fixed_versions = fixed.iter().map(|version| (*version).to_owned()).collect();
    finding
}

fn scan(findings: Vec<ScanFinding>) -> Scan {
    let mut scan = Scan::new(Scanner::new("Test", "pkg:test/scanner@1"));
    scan.run.status = ScanStatus::Complete;
    scan.run.coverage.vulnerabilities = true;
    scan.findings = findings;
    scan
}

/// What changed, in words.
fn words(diff: &ScanDiff) -> Vec<String> {
    let one = |changed: &waxseal::scan::Changed| {
        let changes: Vec<_> = changed.changes().into_iter().map(Change::name).collect();
        format!("{} {}: {}", changed.id, changed.package, changes.join(", "))
    };
    diff.changed.iter().map(one).collect()
}

#[test]
fn what_appeared_went_and_changed_is_told_apart() {
    let old = scan(vec![
        finding("CVE-1", Severity::High, "openssl 3.0", &[]),
        finding("CVE-2", Severity::Low, "openssl 3.0", &[]),
        finding("CVE-3", Severity::Medium, "zlib 1.2", &["1.3"]),
        finding("CVE-4", Severity::Medium, "zlib 1.2", &[]),
        finding("CVE-5", Severity::Critical, "gone 1", &[]),
        finding("CVE-6", Severity::Unknown, "bash 5", &[]),
        finding("CVE-7", Severity::Low, "bash 5", &[]),
    ]);
    let new = scan(vec![
        finding("CVE-1", Severity::High, "openssl 3.1", &[]),
        finding("CVE-2", Severity::Critical, "openssl 3.1", &["3.2"]),
        finding("CVE-3", Severity::Low, "zlib 1.2", &["1.3"]),
        finding("CVE-4", Severity::Medium, "zlib 1.2", &["1.3"]),
        finding("CVE-8", Severity::Low, "fresh 1", &[]),
        finding("CVE-6", Severity::Medium, "bash 5", &[]),
        finding("cve-7", Severity::Unknown, "bash 5", &[]),
    ]);
    let diff = ScanDiff::between(&old, &new);
    assert_eq!(
        words(&diff),
        [
            "CVE-2 openssl: worse, fixable",
            "CVE-5 gone: gone",
            "CVE-7 bash: worse",
            "CVE-4 zlib: fixable",
            "CVE-6 bash: better",
            "CVE-3 zlib: better",
            "CVE-8 fresh: new",
        ]
    );
    assert_eq!(diff.unchanged.len(), 1);
    assert!(diff.is_certain() && diff.same_scanner);
    assert!(words(&ScanDiff::between(&new, &new)).is_empty());

    let mut partial = new.clone();
    partial.run.status = ScanStatus::Partial;
    assert!(!ScanDiff::between(&old, &partial).is_certain());
    assert!(!ScanDiff::between(&partial, &old).is_certain());
}

#[test]
fn one_vulnerability_is_one_whatever_the_scanner_calls_it() {
    let mut xray = finding("XRAY-1", Severity::High, "openssl 3.0", &[]);
    xray.aliases = vec!["CVE-1".to_owned()];
    let diff = ScanDiff::between(
        &scan(vec![xray]),
        &scan(vec![finding("CVE-1", Severity::High, "openssl 3.0", &[])]),
    );
    assert!(words(&diff).is_empty());
    let other = finding("CVE-1", Severity::High, "openssl3 3.0", &[]);
    let diff = ScanDiff::between(
        &scan(vec![finding("CVE-1", Severity::High, "openssl 3.0", &[])]),
        &scan(vec![other]),
    );
    assert_eq!(words(&diff), ["CVE-1 openssl: gone", "CVE-1 openssl3: new"]);
    // Without an id their number is all there is.
    let unnamed = |many: usize| scan(vec![finding("", Severity::Low, "a 1", &[]); many]);
    assert_eq!(words(&ScanDiff::between(&unnamed(1), &unnamed(2))), [" a: new"]);
    assert_eq!(words(&ScanDiff::between(&unnamed(2), &unnamed(1))), [" a: gone"]);
    assert!(words(&ScanDiff::between(&unnamed(2), &unnamed(2))).is_empty());
}

#[test]
fn a_comparison_fails_on_what_was_named() {
    let old = scan(vec![
        finding("CVE-1", Severity::High, "a 1", &[]),
        finding("CVE-2", Severity::Low, "a 1", &[]),
        finding("CVE-3", Severity::Low, "a 1", &[]),
    ]);
    let new = scan(vec![
        finding("CVE-1", Severity::High, "a 1", &[]),
        finding("CVE-2", Severity::Medium, "a 1", &[]),
        finding("CVE-3", Severity::Low, "a 1", &["2"]),
        finding("CVE-4", Severity::Medium, "a 1", &[]),
        finding("CVE-5", Severity::Unknown, "a 1", &[]),
    ]);
    let diff = ScanDiff::between(&old, &new);
    let failing = |condition: &str| {
        let conditions: [FailOn; 1] = [condition.parse().unwrap()];
        let mut ids: Vec<_> = diff.failing(&conditions).map(|changed| changed.id.clone()).collect();
        ids.sort();
        ids.join(" ")
    };
    for (condition, ids) in [
        ("new", "CVE-4 CVE-5"),
        ("new:Medium", "CVE-4 CVE-5"),
        // What nobody knows counts as High (rule N6).
        ("new:High", "CVE-5"),
        ("new:critical", ""),
        ("worse:Medium", "CVE-2 CVE-4 CVE-5"),
        ("worse:High", "CVE-5"),
        ("fixable", "CVE-3"),
        ("fixable:Medium", ""),
        ("any:High", "CVE-1 CVE-5"),
        ("any", "CVE-1 CVE-2 CVE-3 CVE-4 CVE-5"),
    ] {
        assert_eq!(failing(condition), ids, "{condition}");
        let parsed: FailOn = condition.parse().unwrap();
        assert_eq!(parsed.to_string().parse::<FailOn>().unwrap(), parsed);
    }
    for wrong in ["", "old", "new:", "new:Hihg", "new:Unknown", "new:None", ":High", "new:High:Low", "NEW"] {
        assert!(wrong.parse::<FailOn>().is_err(), "{wrong}");
    }
    assert_eq!(diff.failing(&[]).count(), 0);
}
