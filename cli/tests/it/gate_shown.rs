//! What `gate` says in each situation that a person may meet: every image that is not admitted comes with its digest,
//! its rule, what was required, the nearest miss and one thing to do. What was said when somebody last read it stands in
//! `tests/shown/gate`; `WAXSEAL_WRITE_SHOWN=1` writes what is said now.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use waxseal_core::Digest;
use waxseal_core::media_type::{BUNDLE_V03, OCI_EMPTY, OCI_MANIFEST};
use waxseal_core::scan::{License, Package, Scan, ScanFinding, ScanStatus, Scanner, Secrets, Severity};
use waxseal_testkit::{BuiltImage, ImageBuilder, IndexBuilder, Match, Registry};

use crate::room::{Room, Run, pushed, refusal, small};

const RELEASE: &str = "signature: { by: [release] }";
const SCANNED: &str = "attestation: { type: scan, by: [release], maxAge: 7d, scan: { maxSeverity: High } }";

/// A registry with the image `app:1.0`, and a folder with keys.
struct Stage {
    room: Room,
    registry: Registry,
    image: BuiltImage,
}

impl Stage {
    fn new() -> Self {
        let (room, registry) = (Room::new(), Registry::start());
        for key in ["p256", "p384"] {
            room.keys(key);
        }
        let image = pushed(&registry, "app");
        Self { room, registry, image }
    }

    fn name(&self) -> String {
        self.registry.image("app", "1.0")
    }

    fn sign(&self, more: &[&str]) {
        self.room.sign("p256", &self.name(), more);
    }

    /// Attests the image with `p256`.
    fn attest(&self, kind: &str, predicate: &str) {
        let file = self.room.write("predicate.json", predicate);
        let key = ["--key", "p256.key", "--password-file", "p256.password"];
        self.room
            .ok(&[&["attest"], &key[..], &["--type", kind, "--predicate", &file, &self.name()]].concat());
    }

    /// A complete scan of today with one finding, after a change, attested.
    fn scanned(&self, change: impl FnOnce(&mut Scan)) {
        let mut scanner = Scanner::new("Scanner", "pkg:generic/scanner@2.5");
        "2.5.0".clone_into(&mut scanner.version);
        let mut scan = Scan::new(scanner);
        scan.run.finished_on = Some(Timestamp::now());
        scan.run.status = ScanStatus::Complete;
        scan.run.components = Some(3);
        scan.run.coverage.vulnerabilities = true;
        scan.run.coverage.licenses = Some(true);
        scan.run.coverage.secrets = Some(true);
        scan.secrets = Some(Secrets::new(2, 1));
        scan.licenses = vec![License::new("GPL-3.0-only", 1)];
        let mut finding =
            ScanFinding::new("CVE-2026-1", Severity::High, Package::new("deb", "openssl", "1.0"));
        finding.fixed_versions = vec!["1.1".to_owned()];
        scan.findings = vec![finding];
        change(&mut scan);
        self.attest("scan", &scan.to_predicate().unwrap());
    }

    /// What is said of an image in a manifest, by flags.
    fn gate(&self, image: &str, more: &[&str]) -> Run {
        let path = self.room.write(
            "app.yaml",
            format!(
                "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: web, namespace: prod}}\nspec:\n  template:\n    spec:\n      \
                 containers:\n      - name: app\n        image: {image}\n"
            ),
        );
        assert!(path.ends_with("app.yaml"));
        self.room.run(&[&["gate", "-f", "app.yaml"], more].concat())
    }

    fn by_key(&self, more: &[&str]) -> Run {
        self.gate(&self.name(), &[&["--key", "p256.pub"], more].concat())
    }

    /// The same by a policy file: what is said of the key, of the rule, what it requires, and what stands behind the rules.
    fn by_policy(&self, key: &str, rule: &str, require: &str, rest: &str) -> Run {
        let text = format!(
            "apiVersion: waxseal/v1\nkind: Policy\nname: production\nkeys:\n  release: {{ file: p256.pub{key} }}\nrules:\n  - name: \
             released\n    images: [\"{}/**\"]\n{rule}    require:\n      - {require}\n{rest}",
            self.registry.host()
        );
        self.room.write("policy.yaml", text);
        self.gate(&self.name(), &["--policy", "policy.yaml"])
    }

    fn by_rule(&self, require: &str) -> Run {
        self.by_policy("", "", require, "")
    }
}

/// What a rule on scans makes of a scan.
fn scan(rules: &str, change: impl FnOnce(&mut Scan)) -> (Stage, Run) {
    let stage = Stage::new();
    stage.scanned(change);
    let require = format!("attestation: {{ type: scan, by: [release], maxAge: 7d, scan: {{ {rules} }} }}");
    let run = stage.by_rule(&require);
    (stage, run)
}

/// The text without what is another one in every run: the port, the time, the digests of what was signed.
fn steady(stage: &Stage, run: &Run) -> String {
    let text = format!("exit {}\n{}\n-- stderr --\n{}", run.code, run.data(), run.stderr);
    let text = text.replace(&stage.registry.host(), "registry.example.com");
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(|word| word.trim_end().to_owned()).collect();
        for at in 0..words.len() {
            let found_in = at > 1 && words[at - 2] == "in";
            let word = words[at].trim_end_matches([',', ';', ')']).trim_start_matches('(');
            let is_time = word.parse::<Timestamp>().is_ok()
                && !["2020-", "2999-"].iter().any(|fixed| word.starts_with(fixed));
            if words[0] == "policy:" && at + 1 == words.len() {
                "<digest>".clone_into(&mut words[at]);
            }
            let word = words[at].trim_end_matches([',', ';', ')']).trim_start_matches('(');
            let is_digest = word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_time {
                words[at] = words[at].replace(word, "<time>");
            } else if found_in && is_digest {
                words[at] = words[at].replace(word, "<digest>");
            }
        }
        lines.push(words.join(" ").trim_end().to_owned());
    }
    format!("{}\n", lines.join("\n").trim_end())
}

/// Holds what is said against what was said, and against what must always be there.
#[track_caller]
fn shown(name: &str, exit: i32, reason: Option<&str>, (stage, run): &(Stage, Run)) {
    assert_eq!(run.code, exit, "{name}: {run}");
    let said = run.data();
    if let Some(reason) = reason {
        let missing = |what: &&&str| !said.contains(**what);
        let required = if reason == "unmatched" { "reason:" } else { "required: " };
        let always =
            ["named in: app.yaml:9:16: Deployment prod/web, container app", required, "  try:      "];
        assert_eq!(always.iter().find(missing), None, "{name}: {run}");
        assert!(said.contains(&format!("  reason:   {reason}: ")), "{name}: expected {reason}: {run}");
        let known = exit == 3 || said.contains("  digest:   sha256:");
        assert!(known, "{name}: {run}");
    }
    let now = steady(stage, run);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shown/gate").join(name).with_extension("txt");
    if std::env::var_os("WAXSEAL_WRITE_SHOWN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, before, "{}: WAXSEAL_WRITE_SHOWN=1 writes it anew", path.display());
}

/// Prepares a stage, and says what is said on it.
fn on(prepare: impl FnOnce(&Stage), gate: impl FnOnce(&Stage) -> Run) -> (Stage, Run) {
    let stage = Stage::new();
    prepare(&stage);
    let run = gate(&stage);
    (stage, run)
}

fn signed(stage: &Stage) {
    stage.sign(&[]);
}

#[test]
fn keys_and_signatures() {
    shown("unsigned", 1, Some("no-signature"), &on(|_| {}, |stage| stage.by_key(&[])));
    let wrong = on(signed, |stage| stage.gate(&stage.name(), &["--key", "p384.pub"]));
    shown("wrong-key", 1, Some("signature-mismatch"), &wrong);
    let policy = |key: &'static str| on(signed, |stage| stage.by_policy(key, "", RELEASE, ""));
    shown("admitted-by-policy", 0, None, &policy(""));
    shown("revoked", 1, Some("key-revoked"), &policy(", revokedAt: 2020-01-01T00:00:00Z"));
    shown("expired", 1, Some("key-expired"), &policy(", validUntil: 2020-01-01T00:00:00Z"));
    shown("not-yet-valid", 1, Some("key-not-yet-valid"), &policy(", validFrom: 2999-01-01T00:00:00Z"));
    let two = ["--key", "p384.pub", "--threshold", "2"];
    shown("threshold", 1, Some("threshold-not-met"), &on(signed, |stage| stage.by_key(&two)));
    let example =
        on(|stage| stage.sign(&["--format", "bundle"]), |stage| stage.by_key(&["--format", "legacy"]));
    shown("format-excluded", 1, Some("no-signature"), &example);
    let moved = on(
        |stage| {
            stage.sign(&[]);
            ImageBuilder::new().file("other", "other").build().push_to(&stage.registry, "app", "1.0");
        },
        |stage| stage.by_key(&[]),
    );
    shown("moved-tag", 1, Some("no-signature"), &moved);
    let foreign = on(
        |stage| {
            stage.sign(&["--format", "legacy"]);
            let other = ImageBuilder::new().file("other", "other").build();
            other.push_to(&stage.registry, "app", "1.0");
            let tag = |digest: &Digest| format!("sha256-{}.sig", digest.hex());
            let signatures = stage.registry.manifest("app", &tag(&stage.image.digest())).unwrap();
            stage.registry.put_manifest("app", &tag(&other.digest()), OCI_MANIFEST, signatures.bytes);
        },
        |stage| stage.by_key(&[]),
    );
    shown("signature-of-another-image", 1, Some("subject-mismatch"), &foreign);
}

#[test]
fn what_was_signed() {
    let stage = ["-a", "stage=release"];
    shown("annotation-missing", 1, Some("annotation-missing"), &on(signed, |on| on.by_key(&stage)));
    let other = on(|on| on.sign(&["-a", "stage=dev"]), |on| on.by_key(&stage));
    shown("annotation-mismatch", 1, Some("annotation-mismatch"), &other);
    let name = ["--signed-for", "registry.example.net/prod/**"];
    shown("signed-for", 1, Some("signed-for-mismatch"), &on(signed, |on| on.by_key(&name)));
    let malformed = on(
        |on| {
            let bundle = b"{\"mediaType\": 1".to_vec();
            let blob = on.registry.put_blob("app", bundle.clone());
            let empty = on.registry.put_blob("app", b"{}".to_vec());
            let image = on.registry.manifest("app", "1.0").unwrap();
            let manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE_V03,
                "config": {"mediaType": OCI_EMPTY, "digest": empty.to_string(), "size": 2},
                "layers": [{"mediaType": BUNDLE_V03, "digest": blob.to_string(), "size": bundle.len()}],
                "subject": {"mediaType": OCI_MANIFEST, "digest": on.image.digest().to_string(), "size": image.bytes.len()},
            });
            let manifest = manifest.to_string();
            let digest = Digest::of(&manifest).to_string();
            on.registry.put_manifest("app", &digest, OCI_MANIFEST, manifest);
        },
        |on| on.by_key(&[]),
    );
    shown("malformed-bundle", 1, Some("malformed-bundle"), &malformed);
}

#[test]
fn attestations() {
    shown("scan-missing", 1, Some("no-attestation"), &on(|_| {}, |on| on.by_rule(SCANNED)));
    shown("scan-missing-signed", 1, Some("image-signature"), &on(signed, |on| on.by_rule(SCANNED)));
    let other = on(|on| on.attest("custom", "{}"), |on| on.by_rule(SCANNED));
    shown("other-predicate-type", 1, Some("predicate-type-mismatch"), &other);
    let old =
        |scan: &mut Scan| scan.run.finished_on = Some(Timestamp::now() - SignedDuration::from_hours(24 * 30));
    shown("scan-old", 1, Some("too-old"), &scan("maxSeverity: Critical", old));
    let pending = |scan: &mut Scan| scan.run.status = ScanStatus::Pending;
    shown("scan-pending", 1, Some("scan-incomplete"), &scan("maxSeverity: Critical", pending));
    let partial = |scan: &mut Scan| scan.run.status = ScanStatus::Partial;
    shown("scan-partial", 1, Some("scan-incomplete"), &scan("maxSeverity: Critical", partial));
    shown("scan-too-severe", 1, Some("severity-too-high"), &scan("maxSeverity: Medium", |_| {}));
    shown("scan-too-many", 1, Some("too-many-vulnerabilities"), &scan("maxCount: { High: 0 }", |_| {}));
    shown("scan-denied-id", 1, Some("denied-vulnerability"), &scan("denyIds: [CVE-2026-1]", |_| {}));
    shown("scan-licence", 1, Some("denied-license"), &scan("licenses: { deny: [GPL-3.0-only] }", |_| {}));
    shown("scan-secrets", 1, Some("too-many-secrets"), &scan("secrets: { max: 0 }", |_| {}));
    let ignored =
        "maxSeverity: Medium, ignore: [{ id: CVE-2026-1, reason: not reachable, expires: 2020-01-01 }]";
    shown("scan-ignore-expired", 1, Some("severity-too-high"), &scan(ignored, |_| {}));
    let malicious = |scan: &mut Scan| scan.findings[0].malicious = true;
    shown(
        "scan-malicious",
        1,
        Some("malicious-package"),
        &scan("maxSeverity: Critical, denyMalicious: true", malicious),
    );
}

#[test]
fn rules_and_exceptions() {
    let elsewhere = on(signed, |on| {
        let policy = on.by_policy("", "", RELEASE, "");
        assert_eq!(policy.code, 0);
        let text = on.room.text("policy.yaml").replace(&on.registry.host(), "registry.example.net");
        on.room.write("policy.yaml", text);
        on.gate(&on.name(), &["--policy", "policy.yaml"])
    });
    shown("unmatched", 1, Some("unmatched"), &elsewhere);
    let exempt = |expires: &'static str| {
        on(
            |_| {},
            move |on| {
                let rest = format!(
                    "exempt:\n  - {{ images: [\"{}/app\"], reason: \"until it is rebuilt\", expires: {expires} }}\n",
                    on.registry.host()
                );
                on.by_policy("", "", RELEASE, &rest)
            },
        )
    };
    shown("exempt", 0, None, &exempt("2999-01-01"));
    shown("exemption-expired", 1, Some("no-signature"), &exempt("2020-01-01"));
    shown("warn-mode", 0, None, &on(|_| {}, |on| on.by_policy("", "    mode: warn\n", RELEASE, "")));
    let index = |more: &'static [&'static str]| {
        on(
            |on| {
                let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
                index.push_to(&on.registry, "multi", "1.0");
            },
            move |on| {
                let name = on.registry.image("multi", "1.0");
                on.gate(&name, &[&["--key", "p256.pub"], more].concat())
            },
        )
    };
    shown("platform-missing", 3, Some("unreadable"), &index(&["--platform", "linux/s390x"]));
    shown("platforms-unsigned", 1, Some("platform-not-admitted"), &index(&["--all-platforms"]));
    let list = on(signed, |on| {
        let text = format!(
            "{}\n{}\n{}\n",
            on.name(),
            on.registry.image("app", "2.0"),
            on.registry.image("none", "1")
        );
        pushed(&on.registry, "none");
        on.registry.tag("none", "1", &small("none").digest());
        on.room.write("images.txt", text);
        on.room.run(&["gate", "--key", "p256.pub", "--images-file", "images.txt"])
    });
    shown("several", 1, None, &list);
}

#[test]
fn registries_that_do_not_answer() {
    let denied = |code: u16, error: &'static str| {
        on(
            |on| {
                on.registry.rule(Match::path("/v2/app/"), refusal(code, error, "not for you"));
            },
            |on| on.by_key(&[]),
        )
    };
    shown("forbidden", 3, Some("unreadable"), &denied(403, "DENIED"));
    let unauthorized = on(
        |on| {
            on.registry.change(|settings| {
                settings.access = waxseal_testkit::registry::Access::Basic {
                    user: "robot".to_owned(),
                    password: "x".to_owned(),
                };
            });
        },
        |on| on.by_key(&[]),
    );
    shown("unauthorized", 3, Some("unreadable"), &unauthorized);
    let missing = on(signed, |on| on.gate(&on.registry.image("app", "2.0"), &["--key", "p256.pub"]));
    shown("tag-not-found", 3, Some("unreadable"), &missing);
    let down = on(|_| {}, |on| on.gate("127.0.0.1:1/app:1.0", &["--key", "p256.pub"]));
    shown("registry-down", 3, Some("unreadable"), &down);
    let offline = on(|_| {}, |on| on.by_key(&["--offline"]));
    shown("offline", 3, Some("unreadable"), &offline);
    let hidden = on(
        |on| {
            on.registry.rule(Match::path("/referrers/"), refusal(403, "DENIED", "not for you"));
        },
        |on| on.by_key(&[]),
    );
    shown("evidence-unreadable", 3, Some("unreadable"), &hidden);
}
