//! `--offline`: no command opens a socket, and each does all of its work that needs none. Every command of the program runs
//! in a network namespace without interfaces.

use std::collections::BTreeSet;

use waxseal_core::Digest;
use waxseal_testkit::fixtures;

use crate::room::{Room, Run, small};

/// Work on files, layouts and archives, in this order: each line takes up what those before it left.
const LOCAL: &[&str] = &[
    "generate-key-pair --output-key-prefix new",
    "import-key-pair --key app.key --output-key-prefix imported",
    "public-key --key app.key",
    "sign --key app.key --identity r.example.com/app oci:app:1.0",
    "verify --key app.pub oci:app:1.0",
    "verify --key app.pub --at 2026-01-02T03:04:05Z oci:app:1.0",
    "attest --key app.key --identity r.example.com/app --predicate notes.txt oci:app:1.0",
    "verify-attestation --key app.pub oci:app:1.0",
    "sign-blob --key app.key --bundle notes.bundle notes.txt",
    "verify-blob --key app.pub --bundle notes.bundle notes.txt",
    "attest-blob --key app.key --predicate notes.txt --bundle notes.att notes.txt",
    "verify-blob-attestation --key app.pub --bundle notes.att notes.txt",
    "payload oci:app:1.0 --identity r.example.com/app -a a=b --out req.json",
    "sign-payload req.json --key app.key --out resp.json",
    "attach response resp.json oci:app:1.0 --key app.pub --request req.json",
    "generate --identity r.example.com/app oci:app:1.0",
    "download signature oci:app:1.0",
    "download attestation oci:app:1.0",
    "sign --key app.key --upload=false --format bundle --bundle app.bundle -a c=d oci:app:1.0",
    "attach signature --key app.pub --bundle app.bundle oci:app:1.0",
    "attest --key app.key --upload=false --format bundle --predicate pod.yaml --output-file att.json oci:app:1.0",
    "attach attestation --attestation att.json oci:app:1.0",
    "scan show report.json",
    "scan diff report.json report.json",
    "scan annotate report.json -f pod.yaml",
    "scan attest --key app.key --identity r.example.com/app report.json oci:app:1.0",
    "gate --key app.pub oci:app:1.0",
    "inventory --key app.pub -o json --output-file have.json oci:app:1.0",
    "policy check policy.yaml",
    "policy explain policy.yaml r.example.com/app",
    "policy schema",
    "policy new --key app.pub --identity r.example.com/app oci:app:1.0",
    "policy test cases.yaml",
    "policy sign policy.yaml --key app.key",
    "verify --policy policy.yaml --identity r.example.com/app --record record.json oci:app:1.0",
    "record verify record.json --image oci:app --policy policy.yaml",
    "pack --image-key app.pub --key app.key --out app.wax.tar --identity r.example.com/app oci:app:1.0",
    "pack verify --key app.pub --image-key app.pub app.wax.tar",
    "unpack --key app.pub --image-key app.pub --to oci:incoming app.wax.tar",
    "promote --key app.pub oci:app:1.0 oci:promoted:1.0",
    "tree oci:app:1.0",
    "triangulate oci:app:1.0",
    "copy oci:app:1.0 oci-archive:app.tar:1.0",
    "verify --key app.pub oci-archive:app.tar:1.0",
    "save --dir saved oci:app:1.0",
    "load --dir saved oci:loaded:1.0",
    "clean -f oci:app:1.0",
    "demo",
    "version",
    "completion bash",
    "man",
    "logout registry.example.com",
];

/// Work that needs a network: refused before anybody is asked.
const REMOTE: &[&str] = &[
    "sign --key app.key registry.example.com/app:1.0",
    "verify --key app.pub registry.example.com/app:1.0",
    "verify --key https://keys.example.com/app.pub oci:app:1.0",
    "attest --key app.key --predicate notes.txt registry.example.com/app:1.0",
    "verify-attestation --key app.pub registry.example.com/app:1.0",
    "payload registry.example.com/app:1.0",
    "attach response resp.json registry.example.com/app:1.0 --key app.pub --request req.json",
    "attach signature --key app.pub --bundle app.bundle registry.example.com/app:1.0",
    "attach attestation --attestation att.json registry.example.com/app:1.0",
    "generate registry.example.com/app:1.0",
    "download signature registry.example.com/app:1.0",
    "download attestation registry.example.com/app:1.0",
    "download sbom registry.example.com/app:1.0",
    "copy registry.example.com/app:1.0 oci:new:1.0",
    "copy oci:loaded:1.0 registry.example.com/app:1.0",
    "save --dir other registry.example.com/app:1.0",
    "load --dir saved registry.example.com/app:1.0",
    "tree registry.example.com/app:1.0",
    "triangulate registry.example.com/app:1.0",
    "clean -f registry.example.com/app:1.0",
    "gate --key app.pub -f pod.yaml",
    "manifest verify --key app.pub pod.yaml",
    "dockerfile verify --key app.pub Dockerfile",
    "inventory registry.example.com/app:1.0",
    "scan attest --key app.key report.json registry.example.com/app:1.0",
    "scan fetch registry.example.com/app:1.0",
    "scan sbom registry.example.com/app:1.0",
    "pack --image-key app.pub --key app.key --out other.wax.tar registry.example.com/app:1.0",
    "pack diff --have have.json registry.example.com/app:1.0",
    "unpack --key app.pub --image-key app.pub --to registry.example.com/in app.wax.tar",
    "promote --key app.pub registry.example.com/app:1.0 oci:promoted:2.0",
    "doctor registry.example.com",
    "login --username robot --password-stdin registry.example.com",
];

/// Commands that do nothing but say what to do instead.
const ADVICE: &[&str] = &["attach sbom"];

/// Commands that ask a token, and nobody else: see `tokens`.
const TOKENS: &[&str] = &["pkcs11-tool list-tokens", "pkcs11-tool list-keys-uris"];

/// What a policy file says of the image.
const POLICY: &str = r#"
apiVersion: waxseal/v1
kind: Policy
name: offline
serial: 1
keys: { app: { file: app.pub } }
rules:
  - images: ["r.example.com/**"]
    require:
      - signature: { by: [app], signedFor: same }
"#;

/// What the policy must say of it.
const CASES: &str = r#"
apiVersion: waxseal/v1
kind: PolicyTest
policy: policy.yaml
cases:
  - { name: the image, image: "oci:app:1.0", as: r.example.com/app, expect: admit }
"#;

fn room() -> Room {
    let room = Room::new()
        .variable("WAXSEAL_PASSWORD", "")
        .variable("JF_URL", "https://acme.jfrog.io")
        .variable("JF_ACCESS_TOKEN", "token");
    let image = small("app");
    image.write_layout(&room.path("app"), "1.0");
    room.write("app.key", fixtures::plain_private_key_pem("p256-imported"));
    room.write("app.pub", fixtures::public_key_pem("p256-imported"));
    room.write("notes.txt", "notes");
    room.write(
        "pod.yaml",
        "kind: Pod\nspec: {containers: [{name: app, image: registry.example.com/app:1.0}]}\n",
    );
    room.write("Dockerfile", "FROM registry.example.com/app:1.0\n");
    room.write("policy.yaml", POLICY);
    room.write("cases.yaml", CASES);
    room.write("report.json", report(&image.digest()));
    room
}

fn report(image: &Digest) -> String {
    crate::scan_attest::of(image).to_string()
}

fn run(room: &Room, line: &str) -> Run {
    let arguments: Vec<_> = std::iter::once("--offline").chain(line.split(' ')).collect();
    // A person who pipes a password in.
    if line.contains("-stdin") {
        room.pipe("password\n", &arguments)
    } else {
        room.without_network(&arguments)
    }
}

#[test]
fn every_command_works_without_a_network_or_says_that_it_is_needed() {
    let room = room();
    for line in LOCAL {
        let run = run(&room, line);
        assert_eq!(run.code, 0, "{line}: {run}");
    }
    for line in REMOTE {
        let run = run(&room, line);
        assert_eq!(run.code, 3, "{line}: {run}");
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
        assert!(said.contains("offline"), "{line}: {run}");
        assert!(!said.contains("transport"), "{line}: somebody was asked: {run}");
    }
    // The variable says the same.
    let other = self::room().variable("WAXSEAL_OFFLINE", "true");
    other.run(&["verify", "--key", "app.pub", "registry.example.com/app:1.0"]).ends(3).says("[offline]");
}

/// The commands of the program, those with commands of their own as two words.
fn commands(room: &Room) -> BTreeSet<String> {
    let of = |words: &[&str]| -> Vec<String> {
        let help = room.ok(&[words, &["--help"]].concat());
        let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
        let lines = list.lines().take_while(|line| !line.trim().is_empty());
        // The words of a command stand behind two blanks; what it is for is set further in.
        let names = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
        names.filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    for name in of(&[]) {
        let inner = of(&[&name]);
        if inner.is_empty() {
            all.insert(name);
        } else {
            all.extend(inner.iter().map(|second| format!("{name} {second}")));
        }
    }
    all
}

/// A command that is not tried above could ask somebody.
#[test]
fn every_command_is_tried() {
    let commands = commands(&Room::new());
    assert!(commands.len() > 30 && commands.contains("attach response"), "{commands:?}");
    for command in commands {
        let tried = LOCAL.iter().chain(REMOTE).chain(ADVICE).chain(TOKENS).any(|line| {
            line.strip_prefix(&command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        assert!(tried, "`{command}` has no line in LOCAL or REMOTE of {}", file!());
    }
}
