//! `scan attest`: reports signed about the digest of their image.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_testkit::{BuiltImage, IndexBuilder, Registry, fixtures};

use crate::attest::attested;
use crate::room::{Room, Run, pushed, small};

/// When the scans of these reports were finished.
const FINISHED: &str = "2025-03-01T12:00:00Z";
const OWN: &str = "urn:waxseal:predicate:scan:v1";

/// A report of Trivy with one finding.
fn report(metadata: &Value) -> Value {
    json!({
        "SchemaVersion": 2, "CreatedAt": FINISHED, "ArtifactName": "registry.example.com/app:1.0",
        "ArtifactType": "container_image", "Metadata": metadata,
        "Results": [{
            "Target": "debian 12", "Class": "os-pkgs", "Type": "debian",
            "Vulnerabilities": [{
                "VulnerabilityID": "CVE-2025-1234", "PkgName": "openssl", "InstalledVersion": "3.0.13-1",
                "FixedVersion": "3.0.14-1", "Severity": "HIGH",
            }],
        }],
    })
}

pub(crate) fn of(digest: &Digest) -> Value {
    report(&json!({ "RepoDigests": [format!("registry.example.com/app@{digest}")] }))
}

struct Scene {
    room: Room,
    registry: Registry,
    image: BuiltImage,
    name: String,
}

impl Scene {
    fn new() -> Self {
        let room = Room::new().variable("WAXSEAL_PASSWORD", "example");
        room.keys("p256");
        let registry = Registry::start();
        let image = pushed(&registry, "app");
        let name = registry.image("app", "1.0");
        room.write("report.json", of(&image.digest()).to_string());
        Self { room, registry, image, name }
    }

    fn digest(&self) -> Digest {
        self.image.digest()
    }

    fn write(&self, report: &Value) {
        self.room.write("report.json", report.to_string());
    }

    fn attest(&self, more: &[&str]) -> Run {
        let line = ["scan", "attest", "--key", "p256.key", "report.json", &self.name];
        self.room.run(&[&line[..], more].concat())
    }

    /// The statements that stand there, by type.
    fn statements(&self) -> Vec<Value> {
        let statements = attested(&self.registry, "app", &self.digest());
        statements.iter().map(|statement| serde_json::from_str(statement).unwrap()).collect()
    }

    #[track_caller]
    fn refused(&self, code: i32, words: &str, more: &[&str]) {
        self.attest(more).ends(code).says(words).prints_nothing();
        assert!(self.statements().is_empty());
    }
}

#[test]
fn a_report_becomes_a_signed_scan_of_its_image() {
    let scene = Scene::new();
    let text = scene.room.text("report.json");
    let run = scene.attest(&["-o", "json"]).ends(0).says("the score that was attested: High");
    assert_eq!(run.json()["images"][0]["attestations"][0]["predicateType"], OWN);
    let statements = scene.statements();
    assert_eq!(statements.len(), 1);
    let predicate = &statements[0]["predicate"];
    assert_eq!(
        (&statements[0]["predicateType"], &predicate["summary"]["score"]),
        (&OWN.into(), &"High".into())
    );
    assert_eq!(statements[0]["subject"][0]["digest"]["sha256"], scene.digest().hex());
    assert_eq!(predicate["report"]["digest"]["sha256"], Digest::of(&text).hex());
    assert_eq!(predicate["report"]["embedded"], Value::Null);
    assert_eq!(predicate["scan"]["finishedOn"], FINISHED);
    assert_eq!(scene.registry.referrers("app", &scene.digest()).len(), 1);
    scene.attest(&[]).ends(0).says("already attested");
    assert_eq!(scene.statements().len(), 1);

    scene.attest(&["--embed", "--replace"]).ends(0).says("in the place of an earlier one");
    let statements = scene.statements();
    assert_eq!(statements.len(), 1);
    let embedded: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(statements[0]["predicate"]["report"]["embedded"], embedded);
}

#[test]
fn a_report_of_another_image_is_refused() {
    let scene = Scene::new();
    let (own, other) = (scene.digest().to_string(), Digest::of("other"));
    scene.write(&of(&other));
    scene.refused(1, "[other-image]", &[]);
    scene.refused(1, "[other-image]", &["--report-is-for", &other.to_string()]);
    // A name and a tag are no digest: the tag may have moved.
    scene.write(&report(&json!({ "RepoTags": ["registry.example.com/app:1.0"] })));
    scene.refused(1, "[report-without-digest]", &[]);
    scene.refused(2, "--report-is-for", &["--report-is-for", "sha256:abc"]);
    scene.attest(&["--report-is-for", &own]).ends(0);
    assert_eq!(scene.statements().len(), 1);
}

#[test]
fn a_report_may_name_the_configuration_or_the_index() {
    let scene = Scene::new();
    let manifest: Value = serde_json::from_slice(&scene.image.manifest.1).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap();
    scene.write(&report(&json!({ "ImageID": Digest::of("other").to_string() })));
    scene.refused(1, "[other-image]", &[]);
    scene.write(&report(&json!({ "ImageID": config })));
    scene.attest(&[]).ends(0);

    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&scene.registry, "app", "2.0");
    let name = scene.registry.image("app", "2.0");
    scene.write(&of(&index.digest()));
    let line = ["scan", "attest", "--key", "p256.key", "report.json", &name];
    let run = scene.room.run(&[&line[..], &["--platform", "linux/arm64", "-o", "json"]].concat()).ends(0);
    assert_ne!(run.json()["images"][0]["digest"], index.digest().to_string());
    let run = scene.room.run(&[&line[..], &["-o", "json"]].concat()).ends(0);
    assert_eq!(run.json()["images"][0]["digest"], index.digest().to_string());
    // What is of the image of one platform is not of the index.
    scene.write(&of(&small("other").digest()));
    scene.room.run(&line).ends(1).says("[other-image]");
}

#[test]
fn a_report_of_one_platform_is_of_no_other_and_not_of_the_index() {
    let scene = Scene::new();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&scene.registry, "app", "2.0");
    let name = scene.registry.image("app", "2.0");
    let attest = |more: &[&str]| {
        let line = ["scan", "attest", "--key", "p256.key", "report.json", &name];
        scene.room.run(&[&line[..], more].concat())
    };
    let parsed: Value = serde_json::from_slice(&index.manifest.1).unwrap();
    let amd64 = parsed["manifests"][0]["digest"].as_str().unwrap();
    let child = index.children.iter().find(|(child, _)| child.digest.to_string() == amd64).unwrap();
    let manifest: Value = serde_json::from_slice(&child.1).unwrap();
    // As Trivy writes it: the index by which it was pulled, and the image that was looked at.
    scene.write(&report(&json!({
        "RepoDigests": [format!("registry.example.com/app@{}", index.digest())],
        "ImageID": manifest["config"]["digest"],
    })));
    let whole = index.digest().to_string();
    attest(&["--platform", "linux/arm64"]).ends(1).says("[other-image]");
    attest(&["--platform", "linux/arm64", "--report-is-for", &whole]).ends(1).says("[other-image]");
    attest(&[]).ends(1).says("[report-without-digest]").says("--platform");
    let run = attest(&["--platform", "linux/amd64", "-o", "json"]).ends(0);
    assert_eq!(run.json()["images"][0]["digest"], amd64);
    // Who knows that it is of all of them may say so.
    attest(&["--report-is-for", &whole]).ends(0);
}

#[test]
fn what_a_person_says_overrules_no_digest_of_the_report() {
    let scene = Scene::new();
    let (own, other) = (scene.digest().to_string(), Digest::of("other"));
    scene.write(&of(&other));
    scene.refused(1, &format!("names itself {other}"), &["--report-is-for", &own]);
    scene.write(&of(&scene.digest()));
    scene.attest(&["--report-is-for", &own]).ends(0);
}

#[test]
fn a_scan_says_when_it_was_finished() {
    let scene = Scene::new();
    let mut timeless = of(&scene.digest());
    timeless.as_object_mut().unwrap().remove("CreatedAt");
    scene.write(&timeless);
    scene.refused(2, "[scan-without-time]", &[]);
    scene.refused(2, "in the future", &["--finished-on", "2999-01-01T00:00:00Z"]);
    scene.refused(2, "expected a time", &["--finished-on", "yesterday"]);
    scene.attest(&["--finished-on", FINISHED]).ends(0);
    assert_eq!(scene.statements()[0]["predicate"]["scan"]["finishedOn"], FINISHED);
    scene.attest(&["--finished-on", "now", "--replace"]).ends(0);
    assert_ne!(scene.statements()[0]["predicate"]["scan"]["finishedOn"], FINISHED);

    let scene = Scene::new();
    scene.refused(2, "says itself", &["--finished-on", "now"]);
    scene.attest(&["--finished-on", FINISHED]).ends(0);
}

#[test]
fn what_is_not_complete_is_attested_only_as_what_it_is() {
    let scene = Scene::new();
    let filtered = ["--scanner-command", "trivy image --ignore-unfixed app:1.0"];
    scene.refused(3, "[incomplete-scan]", &filtered);
    scene.refused(3, "[incomplete-scan]", &[&filtered[..], &["--also", "raw"]].concat());
    // cosign's form has no word for it.
    scene.refused(
        3,
        "not complete",
        &[&filtered[..], &["--allow-incomplete", "--also", "cosign-vuln"]].concat(),
    );
    let run = scene.attest(&[&filtered[..], &["--allow-incomplete"]].concat()).ends(0);
    assert!(run.stderr.contains("warning: this scan is not complete"), "{run}");
    assert_eq!(scene.statements()[0]["predicate"]["scan"]["filtered"], true);

    let scene = Scene::new();
    scene.attest(&["--scanner-command", "trivy image app:1.0"]).ends(0);
    let predicate = scene.statements()[0]["predicate"].clone();
    assert_eq!(
        (&predicate["scan"]["filtered"], &predicate["invocation"]["tool"]),
        (&false.into(), &"trivy image app:1.0".into())
    );
}

#[test]
fn other_tools_get_the_scan_in_their_form() {
    let scene = Scene::new();
    let text = scene.room.text("report.json");
    // The date of the database is required, and never invented.
    scene.refused(3, "in-toto-vulns", &["--also", "cosign-vuln,in-toto-vulns"]);
    let date = ["--database-updated-on", "2025-03-01T06:00:00Z"];
    scene.attest(&[&date[..], &["--also", "cosign-vuln,in-toto-vulns", "--also", "raw"]].concat()).ends(0);
    let statements = scene.statements();
    let of_type = |kind: &str| {
        let found = statements.iter().find(|statement| statement["predicateType"] == kind);
        found.unwrap_or_else(|| panic!("{kind}: {statements:?}"))["predicate"].clone()
    };
    assert_eq!(statements.len(), 4);
    assert_eq!(of_type(OWN)["summary"]["score"], "High");
    let cosign = of_type("https://cosign.sigstore.dev/attestation/vuln/v1");
    assert_eq!(cosign["scanner"]["result"], serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(cosign["metadata"]["scanFinishedOn"], FINISHED);
    let in_toto = of_type("https://in-toto.io/attestation/vulns/v0.2");
    assert_eq!(in_toto["scanner"]["db"]["lastUpdate"], "2025-03-01T06:00:00Z");
    assert_eq!(of_type("https://cosign.sigstore.dev/attestation/v1")["Data"], text);
}

#[test]
fn replace_leaves_what_another_scanner_found() {
    let scene = Scene::new();
    let count =
        |kind: &str| scene.statements().iter().filter(|statement| statement["predicateType"] == kind).count();
    let raw = "https://cosign.sigstore.dev/attestation/v1";
    scene.attest(&["--also", "raw"]).ends(0);
    assert_eq!((count(OWN), count(raw)), (1, 1));
    // A clean scan by another scanner, with the same key.
    let grype = json!({
        "matches": [], "source": { "type": "image", "target": {
            "userInput": "app", "manifestDigest": scene.digest().to_string(), "repoDigests": [], "tags": [],
        } },
        "distro": { "name": "debian", "version": "12" },
        "descriptor": { "name": "grype", "version": "0.90.0", "timestamp": FINISHED },
    });
    scene.write(&grype);
    scene.attest(&["--replace", "--also", "raw"]).ends(0);
    assert_eq!((count(OWN), count(raw)), (2, 2));
    // Its own of yesterday goes.
    let mut newer = grype.clone();
    newer["descriptor"]["timestamp"] = "2025-03-02T12:00:00Z".into();
    scene.write(&newer);
    scene.attest(&["--replace"]).ends(0).says("in the place of an earlier one");
    assert_eq!((count(OWN), count(raw)), (2, 2));
}

#[test]
fn a_report_that_is_none_is_not_attested() {
    let scene = Scene::new();
    for (file, code) in [
        ("xray/api-artifact-status-pending.json", 3),
        ("openvex/many.json", 3),
        ("evidence/graphql-multiple.json", 3),
        ("xray/scan-json-docker.json", 1),
    ] {
        let bytes = fixtures::read(&format!("scans/{file}"));
        scene.room.write("report.json", bytes);
        let digest = scene.digest().to_string();
        let is_for: &[&str] = if code == 3 { &["--report-is-for", &digest] } else { &[] };
        scene.attest(is_for).ends(code);
        assert!(scene.statements().is_empty(), "{file}");
    }
    scene.room.write("report.json", "");
    scene.refused(3, "report.json", &[]);
    std::fs::remove_file(scene.room.path("report.json")).unwrap();
    scene.refused(3, "report.json", &[]);
    let line = ["scan", "attest", "--key", "-", "-", &scene.name];
    scene.room.run(&line).ends(2).says("standard input");
}
