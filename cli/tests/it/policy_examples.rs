//! The policies of examples/policies and of docs/policy.md, as they stand, against images that they admit and refuse.

use waxseal_core::predicate::SCAN;
use waxseal_core::scan::{Package, Scan, ScanFinding, ScanStatus, Scanner, Severity};
use waxseal_testkit::{BuiltImage, IndexBuilder, fixtures};

use crate::room::{Room, small};

/// A policy with its keys, and images in layouts.
struct Story {
    room: Room,
    policy: String,
}

const APP: &str = "registry.example.com/prod/app";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

impl Story {
    /// A file of examples/policies; each key with the one of cosign's that plays it.
    fn new(file: &str, keys: &[(&str, &str)]) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policies/");
        Self::of(&std::fs::read_to_string(format!("{path}{file}")).unwrap(), keys)
    }

    fn of(text: &str, keys: &[(&str, &str)]) -> Self {
        let room = Room::new();
        let policy = room.write("policies/policy.yaml", text);
        for (name, key) in keys {
            room.write(&format!("policies/keys/{name}.pub"), fixtures::public_key_pem(key));
        }
        room.run(&["policy", "check", &policy]).ends(0);
        Self { room, policy }
    }

    fn image(&self, folder: &str) -> String {
        self.built(folder, &small(folder))
    }

    fn built(&self, folder: &str, image: &BuiltImage) -> String {
        image.write_layout(&self.room.path(folder), "1.0");
        format!("oci:{}:1.0", self.room.path(folder).display())
    }

    /// Signs under a name.
    fn sign(&self, key: &str, name: &str, image: &str, more: &[&str]) {
        self.room.sign(key, image, &[&["--identity", name, "--format", "bundle"], more].concat());
    }

    fn attest(&self, key: &str, kind: &str, predicate: &str, image: &str) {
        let [private, _, password] = self.room.keys(key);
        let file = self.room.write("predicate.json", predicate);
        let made = ["attest", "--key", &private, "--password-file", &password, "--format", "bundle"];
        let what = ["--type", kind, "--predicate", &file, "--replace", "--identity", APP, image];
        self.room.ok(&[&made[..], &what].concat());
    }

    /// The code and the basis, or the nearest miss, of an image that goes by a name.
    fn judge(&self, image: &str, name: &str, more: &[&str]) -> String {
        let typed =
            ["verify", "--offline", "-o", "verdict", "--policy", &self.policy, "--identity", name, image];
        let run = self.room.run(&[&typed[..], more].concat());
        let verdict = run.json();
        let word = verdict["basis"].as_str().or(verdict["nearestMiss"]["code"].as_str()).unwrap_or_default();
        format!("{} {word}", run.code)
    }

    #[track_caller]
    fn becomes(&self, image: &str, name: &str, expected: &str) {
        assert_eq!(self.judge(image, name, &[]), expected, "{image} as {name}");
    }
}

/// A complete scan of a moment ago.
fn scanned(findings: &[(&str, Severity)]) -> String {
    let mut scan = Scan::new(Scanner::new("Scanner", "pkg:generic/scanner"));
    scan.run.status = ScanStatus::Complete;
    scan.run.finished_on = Some(jiff::Timestamp::now());
    scan.run.components = Some(1);
    let covered = &mut scan.run.coverage;
    (covered.vulnerabilities, covered.licenses, covered.fixes) = (true, Some(true), Some(true));
    let finding = |(id, severity): &(&str, Severity)| {
        let mut finding = ScanFinding::new(*id, *severity, Package::new("deb", "openssl", "1.0"));
        finding.fixed_versions = vec!["1.1".to_owned()];
        finding
    };
    scan.findings = findings.iter().map(finding).collect();
    scan.to_predicate().unwrap()
}

#[test]
fn a_single_key() {
    let story = Story::new("1-single-key.yaml", &[("release", "p256")]);
    let image = story.image("app");
    story.becomes(&image, APP, "1 no-signature");
    story.sign("p384", APP, &image, &[]);
    story.becomes(&image, APP, "1 untrusted-key");
    story.sign("p256", APP, &image, &[]);
    story.becomes(&image, APP, "0 verified");
    story.becomes(&image, "registry.example.com/prod/other", "1 signed-for-mismatch");
    story.becomes(&image, "registry.example.com/dev/app", "1 unmatched");
}

#[test]
fn two_of_three() {
    let keys = [
        ("pipeline", "p384"),
        ("alice", "p521"),
        ("bob", "ed25519"),
        ("carol", "p256-other"),
        ("dave", "p256-imported"),
    ];
    let story = Story::new("2-two-of-three.yaml", &keys);
    let image = story.image("app");
    story.sign("p384", APP, &image, &["-a", "stage=release"]);
    story.sign("p521", APP, &image, &[]);
    story.becomes(&image, APP, "1 threshold-not-met");
    // The one who left does not count, nor does one person twice.
    story.sign("p256-other", APP, &image, &[]);
    story.sign("p521", APP, &image, &["-a", "again=yes"]);
    assert!(story.judge(&image, APP, &[]).starts_with('1'));
    story.sign("ed25519", APP, &image, &[]);
    story.becomes(&image, APP, "0 verified");
    let other = story.image("unstaged");
    for key in ["p384", "p521", "ed25519"] {
        story.sign(key, APP, &other, &[]);
    }
    story.becomes(&other, APP, "1 annotation-missing");
}

#[test]
fn a_scan_gate() {
    let story =
        Story::new("3-scan-gate.yaml", &[("release", "p256"), ("scanner", "ed25519"), ("security", "p384")]);
    let image = story.image("app");
    story.sign("p256", APP, &image, &[]);
    story.attest("p256", "cyclonedx", r#"{"bomFormat":"CycloneDX"}"#, &image);
    assert!(story.judge(&image, APP, &[]).starts_with('1'));
    let scan = |findings: &[(&str, Severity)], expected: &str| {
        story.attest("ed25519", SCAN, &scanned(findings), &image);
        story.becomes(&image, APP, expected);
    };
    scan(&[("CVE-2026-1", Severity::High)], "0 verified");
    scan(&[("CVE-2026-1", Severity::Critical)], "1 severity-too-high");
    scan(&[("CVE-2026-1234", Severity::Critical)], "0 verified");
    scan(&[("CVE-2024-3094", Severity::Low)], "1 denied-vulnerability");
    let six: Vec<_> =
        ["CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5", "CVE-6"].map(|id| (id, Severity::High)).into();
    scan(&six, "1 too-many-vulnerabilities");
    scan(&[], "0 verified");
    // A week later it is too old.
    let late = story.judge(&image, APP, &["--at", "2026-01-01T00:00:00Z"]);
    assert!(late.starts_with('1'), "{late}");
}

#[test]
fn a_promotion() {
    let story = Story::new("4-promotion.yaml", &[("build", "p256"), ("qa", "p384")]);
    let image = story.image("app");
    story.sign("p256", "registry.example.com/dev/app", &image, &[]);
    let build = |kind: &str| {
        let predicate = format!(r#"{{"buildDefinition":{{"buildType":"{kind}"}},"runDetails":{{}}}}"#);
        story.attest("p256", PROVENANCE, &predicate, &image);
    };
    build("https://somewhere.example.com/build/v1");
    story.becomes(&image, "registry.example.com/qa/app", "1 condition-not-met");
    build("https://ci.example.com/build/v1");
    story.becomes(&image, "registry.example.com/qa/app", "0 verified");
    assert!(story.judge(&image, APP, &[]).starts_with('1'));
    let tested = |result: &str| {
        let predicate = format!(r#"{{"result":"{result}"}}"#);
        story.attest("p384", "https://in-toto.io/attestation/test-result/v0.1", &predicate, &image);
    };
    tested("FAILED");
    story.becomes(&image, APP, "1 condition-not-met");
    tested("PASSED");
    story.becomes(&image, APP, "0 verified");
}

#[test]
fn behind_an_air_gap() {
    let postgres = small("postgres");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policies/5-air-gap.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, behind) = text.split_once("sha256:").unwrap();
    let text = format!("{before}{}{}", postgres.digest(), &behind[64..]);
    let story = Story::of(&text, &[("release", "p256")]);
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let image = story.built("app", &index);
    let site = "registry.site.local/prod/app";
    assert!(story.judge(&image, site, &[]).starts_with('1'));
    story.sign("p256", APP, &image, &[]);
    story.becomes(&image, site, "0 verified");
    story.becomes(&image, APP, "0 verified");
    story.becomes(&image, "registry.site.local/qa/app", "1 unmatched");
    let old = story.built("postgres", &postgres);
    story.becomes(&old, "registry.site.local/hub/library/postgres", "0 exempt");
    let new = story.image("postgres-2");
    story.becomes(&new, "registry.site.local/hub/library/postgres", "1 unmatched");
}

#[test]
fn a_rollout_that_warns_first() {
    let story = Story::new("6-warn-first.yaml", &[("release", "p256"), ("scanner", "ed25519")]);
    let image = story.image("app");
    story.becomes(&image, APP, "1 no-signature");
    story.sign("p256", APP, &image, &[]);
    story.becomes(&image, APP, "0 verified");
    let shown = story
        .room
        .run(&["verify", "-o", "text", "--policy", &story.policy, "--identity", APP, &image])
        .ends(0);
    assert!(shown.data().contains("warning:"), "{shown}");
    let team = "registry.example.com/teams/a/app";
    let unsigned = story.image("team");
    assert_eq!(story.judge(&unsigned, team, &["--namespace", "team-a"]), "0 warned");
    assert_eq!(story.judge(&unsigned, team, &["--namespace", "other"]), "0 unmatched");
}

/// The fenced blocks of the page on policies.
fn blocks() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_policy_of_the_page_decides() {
    let whole = blocks().into_iter().find(|block| block.starts_with("apiVersion")).unwrap();
    let keys = [
        ("release", "p256"),
        ("security", "ed25519"),
        ("alice", "p384"),
        ("bob", "p521"),
        ("carol", "p256-other"),
    ];
    let story = Story::of(&whole, &keys);
    let image = story.image("app");
    story.sign("p256", APP, &image, &["-a", "stage=release"]);
    for key in ["p384", "p521"] {
        story.sign(key, APP, &image, &[]);
    }
    story.attest("p256", "cyclonedx", r#"{"bomFormat":"CycloneDX"}"#, &image);
    let provenance = r#"{"buildDefinition":{"buildType":"https://ci.example.com"},"runDetails":{}}"#;
    story.attest("p256", PROVENANCE, provenance, &image);
    story.attest("ed25519", SCAN, &scanned(&[("CVE-2026-1", Severity::High)]), &image);
    story.becomes(&image, APP, "0 verified");
    story.becomes(&image, "registry.site.local/prod/app", "0 verified");
    story.attest("ed25519", SCAN, &scanned(&[("CVE-2026-1", Severity::Critical)]), &image);
    story.becomes(&image, APP, "1 severity-too-high");
    story.attest("ed25519", SCAN, &scanned(&[("CVE-2026-1234", Severity::Critical)]), &image);
    story.becomes(&image, APP, "0 verified");
}

#[test]
fn the_page_names_every_field_and_every_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md")).unwrap();
    let schema = waxseal_core::policy::file::json_schema();
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for field in objects.flat_map(|object| object["properties"].as_object().unwrap().keys()) {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
    for code in waxseal_core::policy::file::ProblemCode::ALL {
        assert!(page.contains(&format!("`{}`", code.code())), "{}", code.code());
    }
    // Pieces of policies are pieces of rules, keys or requirements: each is read as part of a policy.
    let room = Room::new();
    for (at, block) in blocks().into_iter().enumerate().filter(|(_, block)| !block.starts_with("apiVersion"))
    {
        let head = "apiVersion: waxseal/v1\nkind: Policy\nname: piece\n";
        let keys = "keys: { release: r.pub, alice: a.pub, bob: b.pub, security: s.pub, site: v.pub }\n";
        let rules = "rules:\n  - images: [registry.example.com/**]\n    require: [{ signature: { by: [release] } }]\n";
        let keys = if block.contains("keys:") { "" } else { keys };
        let rules = if block.contains("rules:") { "" } else { rules };
        let file = room.write(&format!("{at}.yaml"), format!("{head}{keys}{rules}{block}"));
        room.run(&["policy", "check", "--without-keys", &file]).ends(0);
    }
}
