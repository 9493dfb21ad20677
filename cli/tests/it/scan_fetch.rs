//! `scan fetch` and `scan sbom`, against a platform on loopback.

use serde_json::Value;
use waxseal_core::Digest;
use waxseal_testkit::xray::{Artifact, Xray};
use waxseal_testkit::{Behaviour, Match, Registry};

use crate::room::{Room, SECRET, small};

/// A registry of Artifactory with one image, and its platform.
struct Site {
    room: Room,
    registry: Registry,
    xray: Xray,
    name: String,
    digest: Digest,
}

const PATH: &str = "app/1.0/manifest.json";

impl Site {
    fn new(change: impl FnOnce(Artifact) -> Artifact) -> Self {
        let (registry, xray) = (Registry::start(), Xray::start().with_token(SECRET));
        let digest = small("app").push_to(&registry, "docker-local/app", "1.0");
        let key = Behaviour::Header("X-Artifactory-Docker-Registry".to_owned(), "docker-local".to_owned());
        registry.rule(Match::head("/v2/docker-local/"), key);
        xray.add(change(Artifact::new("docker-local", PATH, &digest)));
        let name = registry.image("docker-local/app", "1.0");
        let room = Room::new().variable("JF_URL", xray.url()).variable("JF_ACCESS_TOKEN", SECRET);
        Self { room, registry, xray, name, digest }
    }

    fn fetch(&self, more: &[&str]) -> crate::room::Run {
        let mut arguments = vec!["scan", "fetch", &self.name];
        arguments.extend(more);
        self.room.run(&arguments)
    }
}

fn finding(artifact: Artifact) -> Artifact {
    artifact.vulnerability("CVE-2026-0001", "High").license("Apache-2.0").violations(30)
}

#[test]
fn a_report_is_printed_and_nothing_else() {
    let site = Site::new(finding);
    let ran = site.fetch(&[]).ends(0).says_each(&[
        "docker-local/app/1.0/manifest.json",
        "score High by Xray 3.111.9 (High 1, 30 violations)",
    ]);
    let report = ran.json();
    assert_eq!(report["schema"], "waxseal/xray-report/v1");
    assert_eq!(report["image"]["digest"], site.digest.to_string());
    assert_eq!(report["violations"]["total"], 30);
    site.fetch(&["--output-file", "report.json"]).ends(0).prints_nothing();
    let written: Value = serde_json::from_slice(&site.room.read("report.json")).unwrap();
    assert_eq!(written["summary"], report["summary"]);
    // Every request is told, and no secret: that is what a room looks for.
    site.fetch(&["--verbose"]).ends(0).says("path=\"/xray/api/v1/violations\"");
    let without = site.fetch(&["--skip-violations"]).ends(0).json();
    assert_eq!(without["violations"], Value::Null);
}

/// The statement of the one attestation of the image, out of its legacy layer.
fn statement(site: &Site) -> Value {
    let tag = format!("sha256-{}.att", site.digest.hex());
    let manifest: Value =
        serde_json::from_slice(&site.registry.manifest("docker-local/app", &tag).unwrap().bytes).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let layer: Digest = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let envelope: Value =
        serde_json::from_slice(&site.registry.blob("docker-local/app", &layer).unwrap()).unwrap();
    let payload = waxseal_core::encoding::base64_decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn what_was_fetched_is_attested_in_one_step() {
    let site = Site::new(finding);
    let [key, _, password] = site.room.keys("p256");
    let with = ["--attest", "--key", &key, "--password-file", &password];
    let report = site.fetch(&with).ends(0).says_each(&["attested by", "(bundle)", "(legacy)"]).json();
    assert_eq!(report["schema"], "waxseal/xray-report/v1");
    assert_eq!(site.registry.referrers("docker-local/app", &site.digest).len(), 1);
    let attested = statement(&site);
    assert_eq!(attested["predicateType"], "urn:waxseal:predicate:scan:v1");
    assert_eq!(attested["subject"][0]["digest"]["sha256"], site.digest.hex());
    let predicate = &attested["predicate"];
    assert_eq!(
        (&predicate["summary"]["score"], &predicate["scan"]["status"]),
        (&"High".into(), &"complete".into())
    );
    assert_eq!(predicate["scan"]["finishedOn"], "2026-11-01T10:01:00Z");
    assert_eq!(predicate["scan"]["coverage"]["violations"], true);
    assert_eq!(predicate["invocation"]["tool"], "waxseal scan fetch");
    let verify =
        |kind: &str| site.room.run(&["verify-attestation", "--key", "p256.pub", "--type", kind, &site.name]);
    verify("urn:waxseal:predicate:scan:v1").ends(0);
    verify("cyclonedx").ends(1);

    // A tag that moves, a scan that did not end: nothing is signed.
    let site = Site::new(|artifact| artifact.states(&["FAILED"]));
    let [key, _, password] = site.room.keys("p256");
    let with = ["--attest", "--key", &key, "--password-file", &password];
    site.fetch(&with).ends(3).prints_nothing();
    assert!(site.registry.referrers("docker-local/app", &site.digest).is_empty());
    // What is incomplete is attested as what it is, on request.
    site.fetch(&[&with[..], &["--allow-incomplete"]].concat()).ends(0).says("warning");
    let predicate = &statement(&site)["predicate"];
    assert_eq!(
        (&predicate["scan"]["status"], &predicate["summary"]["score"]),
        (&"failed".into(), &"Unknown".into())
    );
    // Done by its status, and a violation names a vulnerability that the summary does not list: it is printed and not signed.
    let site = Site::new(|artifact| finding(artifact).violation("XRAY-99", "Security"));
    let [key, _, password] = site.room.keys("p256");
    let with = ["--attest", "--key", &key, "--password-file", &password];
    site.fetch(&with).ends(3).says_each(&["XRAY-99", "[incomplete-scan]"]).json();
    assert!(site.registry.referrers("docker-local/app", &site.digest).is_empty());
    site.fetch(&["--attest"]).ends(2).says("--key");
    site.fetch(&["--key", &key]).ends(2).says("--attest");
}

#[test]
fn a_bill_of_materials_is_attested_in_one_step() {
    let site = Site::new(finding);
    let [key, _, password] = site.room.keys("p256");
    let with = ["--attest", "--key", &key, "--password-file", &password];
    site.room
        .run(&[&["scan", "sbom", &site.name][..], &with].concat())
        .ends(0)
        .says("https://cyclonedx.org/bom");
    let attested = statement(&site);
    assert_eq!(
        (&attested["predicateType"], &attested["predicate"]["bomFormat"]),
        (&"https://cyclonedx.org/bom".into(), &"CycloneDX".into())
    );
    let site = Site::new(finding);
    let spdx = ["scan", "sbom", "--type", "spdx", &site.name];
    let [key, _, password] = site.room.keys("p256");
    site.room.run(&[&spdx[..], &["--attest", "--key", &key, "--password-file", &password]].concat()).ends(0);
    assert_eq!(statement(&site)["predicate"]["spdxVersion"], "SPDX-2.2");
}

#[test]
fn the_token_comes_from_a_file_from_standard_input_or_the_environment() {
    let site = Site::new(finding);
    let url = site.xray.url();
    let room = Room::new();
    let file = room.write("token", format!("{SECRET}\n"));
    let fetch = ["scan", "fetch", "--xray", &url, &site.name];
    room.run(&[&fetch[..], &["--token-file", &file]].concat()).ends(0);
    room.pipe(format!("{SECRET}\n"), &[&fetch[..], &["--token-stdin"]].concat()).ends(0);
    room.run(&fetch).ends(3).says_each(&["[xray-unauthorized]", "no credentials were given", "--token-file"]);
    room.pipe("", &[&fetch[..], &["--token-stdin"]].concat()).ends(4).prints_nothing();
    let wrong = room.write("wrong", "canary-of-another\n");
    room.run(&[&fetch[..], &["--token-file", &wrong]].concat()).ends(3).says("[xray-unauthorized]");
    room.run(&[&fetch[..], &["--token-file", "nowhere"]].concat()).ends(4).says("cannot be read");
    // What was typed wins over what the environment says.
    site.fetch(&["--token-file", &wrong]).ends(3).says("[xray-unauthorized]");
    // Standard input is one thing only.
    room.run(
        &[&fetch[..], &["--token-stdin", "--registry-username", "a", "--registry-password-stdin"]].concat(),
    )
    .ends(2)
    .says("one thing only");
}

#[test]
fn user_and_password_or_token_are_sent_as_basic() {
    let site = Site::new(finding);
    let xray = Xray::start().with_basic("robot", SECRET);
    xray.add(Artifact::new("docker-local", PATH, &site.digest));
    let room = || Room::new().variable("JF_URL", xray.url());
    let with = room().variable("JF_USER", "robot").variable("JF_PASSWORD", SECRET);
    with.run(&["scan", "fetch", &site.name]).ends(0);
    let token = room().variable("JF_ACCESS_TOKEN", SECRET);
    token.run(&["scan", "fetch", &site.name]).ends(3).says("--token-user");
    token.run(&["scan", "fetch", "--token-user", "robot", &site.name]).ends(0);
    room().run(&["scan", "fetch", "--token-user", "robot", &site.name]).ends(2).says("needs a token");
}

#[test]
fn a_token_of_one_platform_is_not_sent_to_another() {
    let site = Site::new(finding);
    let other = Xray::start();
    site.fetch(&["--xray", &other.url()]).ends(2).says_each(&["two platforms", "--token-file"]);
    assert!(other.requests().is_empty());
    // The same place in other words is the same place.
    site.fetch(&["--xray", &format!("{}/xray/", site.xray.url())]).ends(0);
    let file = site.room.write("token", SECRET);
    other.add(Artifact::new("docker-local", PATH, &site.digest));
    site.fetch(&["--xray", &other.url(), "--token-file", &file]).ends(0);
}

#[test]
fn which_xray_has_to_be_said_and_it_has_to_be_safe() {
    let site = Site::new(finding);
    let room = Room::new();
    room.run(&["scan", "fetch", &site.name]).ends(2).says_each(&["which Xray?", "JF_URL"]);
    for (address, code) in [
        ("acme.jfrog.io", "[xray-configuration]"),
        ("https://robot:canary@acme.jfrog.io", "[xray-configuration]"),
        ("http://acme.example", "[xray-plain-http]"),
    ] {
        room.run(&["scan", "fetch", "--xray", address, &site.name]).ends(4).says(code);
    }
    room.run(&["scan", "fetch", "--offline", "--xray", &site.xray.url(), &site.name]).ends(3);
    assert!(site.xray.requests().is_empty());
}

#[test]
fn a_scan_is_waited_for_and_told_about() {
    let site =
        Site::new(|artifact| finding(artifact).states(&["NOT_SCANNED"]).after_trigger(&["SCANNING", "DONE"]));
    site.fetch(&[]).ends(0).says_each(&["was asked to scan", "SCANNING"]);
    let site = Site::new(|artifact| artifact.states(&["PENDING"]));
    site.fetch(&["--wait", "1s"]).ends(3).prints_nothing().says_each(&[
        "[xray-pending]",
        "PENDING",
        "--wait",
    ]);
    site.fetch(&["--timeout", "1s"]).ends(3).prints_nothing().says("[timeout]");
}

#[test]
fn what_is_no_result_is_never_printed_as_one() {
    for (word, code) in [
        ("PARTIAL", "[xray-partial]"),
        ("FAILED", "[xray-failed]"),
        ("NOT_SUPPORTED", "[xray-not-supported]"),
        ("HALF_DONE", "[xray-protocol]"),
    ] {
        Site::new(|artifact| artifact.states(&[word])).fetch(&[]).ends(3).prints_nothing().says(code);
    }
    let site = Site::new(|artifact| artifact.states(&["PARTIAL"]));
    let report = site.fetch(&["--allow-incomplete"]).ends(0).says("warning").json();
    assert_eq!(report["status"]["overall"]["status"], "PARTIAL");
    let site = Site::new(finding);
    site.xray.change(|settings| settings.wrong_total = Some(31));
    site.fetch(&[]).ends(3).prints_nothing().says("[xray-incomplete]");
    let site = Site::new(finding);
    let errors = br#"{"artifacts":[],"errors":[{"identifier":"a","error":"timed out"}]}"#;
    site.xray.rule(Match::path("summary"), Behaviour::OtherBody(errors.to_vec().into()));
    site.fetch(&[]).ends(3).prints_nothing().says_each(&["[xray-reported]", "timed out"]);
}

#[test]
fn another_image_is_refused() {
    let site = Site::new(finding);
    site.xray.change(|settings| settings.wrong_sha256 = Some(Digest::of("other").hex()));
    site.fetch(&[]).ends(1).prints_nothing().says("[xray-other-image]");
    let site = Site::new(finding);
    let other = small("other").push_to(&site.registry, "docker-local/app", "2.0");
    site.registry.rule(Match::get("/manifests/1.0"), Behaviour::TagFlips(site.digest, other));
    site.fetch(&[]).ends(1).prints_nothing().says_each(&["[tag-moved]", "@sha256:"]);
}

#[test]
fn the_repository_and_the_project_can_be_named() {
    let site = Site::new(finding);
    site.xray.add(Artifact::new("docker-prod", PATH, &site.digest));
    site.xray.change(|settings| settings.project = Some("payments".to_owned()));
    site.fetch(&[]).ends(3).says_each(&["[xray-forbidden]", "--project"]);
    let report = site.fetch(&["--project", "payments", "--repo", "docker-prod"]).ends(0).json();
    assert_eq!(
        (&report["artifact"]["repository"], &report["project"]),
        (&"docker-prod".into(), &"payments".into())
    );
    site.registry.clear_rules();
    site.fetch(&["--project", "payments"]).ends(3).says_each(&["[xray-ambiguous]", "--repo"]);
}

#[test]
fn hostile_words_of_the_server_do_not_reach_the_terminal() {
    let site = Site::new(finding);
    let body = format!(r#"{{"error":"\u001b[2J\nerror: {SECRET}"}}"#);
    let lie = Behaviour::Status { code: 403, headers: Vec::new(), body: body.into() };
    site.xray.rule(Match::path("status"), lie);
    let ran = site.fetch(&[]).ends(3).says("[xray-forbidden]");
    assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
}

#[test]
fn a_bill_of_materials_is_printed_in_the_form_that_was_asked_for() {
    let site = Site::new(finding);
    let sbom = |more: &[&str]| site.room.run(&[&["scan", "sbom", &site.name], more].concat());
    assert_eq!(sbom(&[]).ends(0).json()["bomFormat"], "CycloneDX");
    assert_eq!(sbom(&["--vex"]).ends(0).json()["bomFormat"], "CycloneDX");
    assert_eq!(sbom(&["--type", "spdx"]).ends(0).json()["spdxVersion"], "SPDX-2.2");
    sbom(&["--type", "spdx", "--vex"]).ends(2).says("--vex");
    sbom(&["--type", "cpe"]).ends(2);
    site.xray.rule(Match::path("exportDetails"), Behaviour::OtherBody(b"<html>".to_vec().into()));
    sbom(&[]).ends(3).prints_nothing().says("[xray-unsafe-archive]");
}
