//! `verify --policy` and `policy`: one file decides, and says what is wrong with it.

use serde_json::json;
use waxseal_testkit::{Registry, fixtures};

use crate::room::{Room, image, pushed};

/// A policy by the key p256 for every image of a registry.
pub(crate) fn policy(registry: &Registry) -> String {
    format!(
        "apiVersion: waxseal/v1
kind: Policy
name: production
keys:
  release: {{ file: keys/release.pub }}
rules:
  - name: apps
    images: [\"{}/**\"]
    require:
      - signature: {{ by: [release], signedFor: same }}
",
        registry.host()
    )
}

/// A room with the policy and its key.
fn room(registry: &Registry) -> Room {
    let room = Room::new();
    room.write("policy.yaml", policy(registry));
    room.write("keys/release.pub", fixtures::public_key_pem("p256"));
    room
}

#[test]
fn a_policy_file_decides() {
    let registry = Registry::start();
    let room = room(&registry);
    let name = image(&registry);
    let verify = |more: &[&str]| {
        room.run(&[&["verify", "--policy", "policy.yaml", "-o", "verdict", &name], more].concat())
    };
    let refused = verify(&[]).ends(1).json();
    assert_eq!(refused["nearestMiss"]["code"], "no-signature");
    assert_eq!(refused["requirements"][0]["rule"], "apps");
    room.sign("p256", &name, &[]);
    let admitted = verify(&[]).ends(0).json();
    assert_eq!((&admitted["basis"], &admitted["policy"]["name"]), (&"verified".into(), &"production".into()));
    // The same from a variable; keys are found beside the policy, wherever the command runs.
    let from = room.path("policy.yaml").display().to_string();
    let mut command = room.waxseal();
    command.args(["verify", "-o", "verdict", &name]);
    command.env("WAXSEAL_POLICY", &from).current_dir(room.path("home"));
    room.end(&mut command).ends(0);
    // Another key.
    room.write("keys/release.pub", fixtures::public_key_pem("p384"));
    assert_eq!(verify(&[]).ends(1).json()["verdict"], "refuse");
}

#[test]
fn an_image_without_a_rule_is_refused() {
    let (registry, other) = (Registry::start(), Registry::start());
    let room = room(&registry);
    let name = image(&other);
    room.sign("p256", &name, &[]);
    let verify = || room.run(&["verify", "--policy", "policy.yaml", "-o", "verdict", &name]);
    assert_eq!(verify().ends(1).json()["nearestMiss"]["code"], "unmatched");
    room.write("policy.yaml", format!("{}unmatched: admit\n", policy(&registry)));
    assert_eq!(verify().ends(0).json()["basis"], "unmatched");
}

#[test]
fn an_image_in_a_layout_is_judged_by_the_name_it_is_given() {
    let registry = Registry::start();
    let room = room(&registry);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    room.run(&["save", &name, "--dir", "app"]).ends(0);
    let verify = |more: &[&str]| {
        room.run(
            &[&["verify", "--offline", "--policy", "policy.yaml", "-o", "verdict", "oci:app"], more].concat(),
        )
    };
    verify(&[]).ends(1);
    verify(&["--identity", &format!("{}/app", registry.host())]).ends(0);
    verify(&["--identity", "registry.example.com/app"]).ends(1);
}

#[test]
fn a_policy_says_alone_what_must_hold() {
    let registry = Registry::start();
    let room = room(&registry);
    let name = image(&registry);
    for more in [
        &["--key", "keys/release.pub"][..],
        &["--threshold", "1"],
        &["-a", "a=b"],
        &["--signed-for", "same"],
        &["--format", "legacy"],
    ] {
        room.run(&[&["verify", "--policy", "policy.yaml", &name], more].concat())
            .ends(2)
            .says("cannot be used with");
    }
    room.run(&["verify", &name]).ends(2).says("--policy <FILE>");
    room.run(&["verify", "--key", "keys/release.pub", "--namespace", "a", &name]).ends(2);
    room.run(&["verify-attestation", &name]).ends(2).says("--key <KEY>");
}

#[test]
fn a_policy_that_cannot_be_used_ends_with_4() {
    let registry = Registry::start();
    let room = room(&registry);
    let name = image(&registry);
    let verify = || room.run(&["verify", "--policy", "policy.yaml", &name]);
    room.write("policy.yaml", policy(&registry).replace("by: [release]", "by: [releas], treshold: 2"));
    verify().ends(4).says_each(&["2 problems", "[unknown-key]", "[unknown-field]", "10:", "hint:"]);
    room.write("policy.yaml", policy(&registry).replace("release.pub", "missing.pub"));
    verify().ends(4).says_each(&["[key-unusable]", "missing.pub"]);
    std::fs::remove_file(room.path("policy.yaml")).unwrap();
    verify().ends(4).says("policy.yaml cannot be read");
}

#[test]
fn check_shows_the_place_of_each_mistake() {
    let registry = Registry::start();
    let room = room(&registry);
    let check = |more: &[&str]| room.run(&[&["policy", "check", "policy.yaml"], more].concat());
    let good = check(&["--strict"]).ends(0);
    assert!(good.data().starts_with(
        "policy.yaml: production: 1 key(s), 1 rule(s), 0 exemption(s), 0 warning(s), digest sha256:"
    ));

    room.write("policy.yaml", policy(&registry).replace("signature:", "signatur:"));
    let shown = check(&[]).ends(4);
    let expected = "policy.yaml:10:9: error: rules[0].require[0]: \"signatur\" is no field here, expected signature, attestation [unknown-field]
   10 |       - signatur: { by: [release], signedFor: same }
      |         ^
";
    assert!(shown.data().contains(expected), "{shown}");

    room.write("policy.yaml", policy(&registry).replace(", signedFor: same", ""));
    let warned = check(&["-o", "json"]).ends(0).json();
    assert_eq!((&warned["schema"], &warned["valid"]), (&"waxseal/policy-check/v1".into(), &true.into()));
    assert_eq!(
        (&warned["problems"][0]["code"], &warned["problems"][0]["line"]),
        (&"signed-for-any".into(), &7.into())
    );
    assert_eq!(warned["policy"]["keys"][0]["name"], "release");
    check(&["--strict"]).ends(4);

    room.write("policy.yaml", policy(&registry));
    std::fs::remove_file(room.path("keys/release.pub")).unwrap();
    assert!(
        check(&[])
            .ends(4)
            .data()
            .contains("policy.yaml:5:12: error: keys.release: the key keys/release.pub cannot be read")
    );
    check(&["--without-keys"]).ends(0);
    // What stands in a file is never a terminal's to obey.
    room.write("policy.yaml", "a: \u{1b}[31m\"red\": {\n");
    assert!(!check(&[]).ends(4).data().contains('\u{1b}'));
}

#[test]
fn keys_stand_where_a_command_line_has_them() {
    let registry = Registry::start();
    let room = room(&registry).variable("RELEASE", fixtures::public_key_pem("p256"));
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let pem = fixtures::public_key_pem("p256").replace('\n', "\n      ");
    for key in [
        "keys/release.pub".to_owned(),
        format!("{{ key: {} }}", room.path("keys/release.pub").display()),
        "{ key: \"env://RELEASE\" }".to_owned(),
        "\"env://RELEASE\"".to_owned(),
        format!("\n    pem: |\n      {pem}"),
    ] {
        room.write("policy.yaml", policy(&registry).replace("{ file: keys/release.pub }", &key));
        room.run(&["verify", "--policy", "policy.yaml", &name]).ends(0);
    }
    for key in
        ["\"k8s://a/b\"", "\"http://a.b/c\"", "{ file: \"env://RELEASE\" }", "{ pem: nothing }", "\"-\""]
    {
        room.write("policy.yaml", policy(&registry).replace("{ file: keys/release.pub }", key));
        room.run(&["verify", "--policy", "policy.yaml", &name]).ends(4).says("5:12");
    }
}

#[test]
fn explain_says_what_is_asked_of_a_name() {
    let registry = Registry::start();
    let room = room(&registry);
    let more = "mirrors: [{ from: mirror.site.local, to: HOST }]\nexempt: [{ images: [\"HOST/old\"], reason: until spring, expires: 2099-01-01 }]\n";
    let text = policy(&registry) + &more.replace("HOST", &registry.host());
    room.write("policy.yaml", text.replace("signedFor: same", "threshold: 1"));
    let explain = |name: &str, more: &[&str]| {
        room.run(&[&["policy", "explain", "--offline", "policy.yaml", name], more].concat()).ends(0)
    };
    let shown = explain("mirror.site.local/team/app:1.0", &[]);
    for words in [
        format!("known as: {}/team/app", registry.host()),
        "rule:     apps (enforce)".to_owned(),
        "required: a signature by release".to_owned(),
    ] {
        assert!(shown.data().contains(&words), "{shown}");
    }
    assert!(explain("other.example.com/app", &[]).data().contains("none (unmatched: refuse)"));
    let json = explain(&format!("{}/old", registry.host()), &["-o", "json"]).json();
    assert_eq!(json["schema"], "waxseal/policy-explanation/v1");
    assert_eq!(
        (&json["exempt"][0]["expired"], &json["rules"][0]["platforms"]),
        (&json!(false), &json!("index"))
    );
    room.run(&["policy", "explain", "policy.yaml", "--image-name", "busybox"]).ends(0);
    room.run(&["policy", "explain", "policy.yaml"]).ends(2);
}

#[test]
fn the_published_schema_is_what_the_command_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.schema.json");
    assert_eq!(Room::new().run(&["policy", "schema"]).ends(0).data(), std::fs::read_to_string(path).unwrap());
}

#[test]
fn all_platforms_widens_what_a_policy_judges() {
    let registry = Registry::start();
    let room = room(&registry);
    let index = waxseal_testkit::IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "app", "2.0");
    let name = registry.image("app", "2.0");
    room.sign("p256", &name, &[]);
    for more in [&[][..], &["--all-platforms"], &["--platform", "linux/arm64"]] {
        room.run(&[&["verify", "--policy", "policy.yaml", &name], more].concat()).ends(0);
    }
    pushed(&registry, "app");
}

#[test]
fn new_writes_what_is_there_and_it_admits() {
    let registry = Registry::start();
    let room = Room::new();
    let name = image(&registry);
    let new = |more: &[&str]| room.run(&[&["policy", "new", "--key", "p256.pub", &name], more].concat());
    room.write("p256.pub", fixtures::public_key_pem("p256"));
    new(&[]).ends(1).says("no signature that is there verifies").prints_nothing();
    room.sign("p256", &name, &["-a", "stage=release"]);
    room.sign("ed25519", &name, &[]);
    let [private, _, password] = room.keys("ed25519");
    room.write("sbom.json", r#"{"bomFormat":"CycloneDX"}"#);
    room.write("result.json", r#"{"result":"PASSED"}"#);
    for (kind, file) in
        [("cyclonedx", "sbom.json"), ("https://in-toto.io/attestation/test-result/v0.1", "result.json")]
    {
        let made = ["attest", "--key", &private, "--password-file", &password];
        room.ok(&[&made[..], &["--type", kind, "--predicate", file, &name]].concat());
    }
    room.keys("p384");
    let made =
        new(&["--key", "ed25519.pub", "--key", "p384.pub", "--name", "made"]).ends(0).data().to_owned();
    for words in [
        "by: [\"ed25519\",\"p256\"], threshold: 2, signedFor: same",
        "# nothing that is there verifies with it: \"p384\"",
        "# Signed with an annotation: annotations: { \"stage\": \"release\" }",
        "type: \"https://cyclonedx.org/bom\", by: [\"ed25519\"]",
        "# It has a result",
    ] {
        assert!(made.contains(words), "{words}: {made}");
    }
    room.write("made.yaml", &made);
    room.run(&["policy", "check", "--strict", "made.yaml"]).ends(0);
    room.run(&["verify", "--policy", "made.yaml", &name]).ends(0);
    let other = registry.image("other", "1.0");
    pushed(&registry, "other");
    room.run(&["verify", "--policy", "made.yaml", &other]).ends(1);
}

#[test]
fn cases_have_the_verdicts_that_they_must_have() {
    let registry = Registry::start();
    let room = room(&registry);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    room.run(&["save", &name, "--dir", "tests/app"]).ends(0);
    room.write("tests/pod.yaml", format!("kind: Pod\nspec: {{containers: [{{image: '{name}'}}]}}\n"));
    let host = registry.host();
    let cases = format!(
        "apiVersion: waxseal/v1
kind: PolicyTest
policy: ../policy.yaml
cases:
  - {{ name: a release, image: \"oci:app\", as: {host}/app, expect: admit, basis: verified }}
  - {{ name: elsewhere, image: \"oci:app\", as: {host}/other, expect: refuse, reason: signed-for-mismatch }}
  - {{ image: \"oci:app\", expect: refuse, reason: unmatched }}
  - {{ name: in a registry, image: \"{name}\", namespace: prod, expect: admit }}
  - {{ name: a pod, manifest: pod.yaml, expect: admit }}
"
    );
    room.write("tests/cases.yaml", &cases);
    let test = |more: &[&str]| room.run(&[&["policy", "test", "tests/cases.yaml"], more].concat());
    assert!(test(&[]).ends(0).data().ends_with("5 case(s), 0 failed\n"));
    let json = test(&["-o", "json"]).ends(0).json();
    assert_eq!((&json["schema"], &json["failed"]), (&"waxseal/policy-test/v1".into(), &0.into()));
    // The key is not valid yet at that time; and of a case that has another verdict the table says which.
    let key = "{ file: keys/release.pub, validFrom: 2026-01-01 }";
    room.write("policy.yaml", policy(&registry).replace("{ file: keys/release.pub }", key));
    room.write("tests/cases.yaml", cases.replace("basis: verified", "at: 2025-12-31T00:00:00Z"));
    let shown = test(&[]).ends(1);
    let line = shown.data().lines().find(|line| line.contains("FAILED")).unwrap_or_default();
    assert!(line.contains("a release") && line.contains("refuse (key-not-yet-valid)"), "{shown}");
    assert!(shown.data().ends_with("5 case(s), 1 failed\n"));
    for (from, to, code) in [
        ("expect: admit, basis", "expect: yes, basis", "[unknown-word]"),
        ("manifest: pod.yaml", "manifest: pod.yaml, image: x", "[one-of]"),
        ("kind: PolicyTest", "kind: Policy", "[kind]"),
        ("cases:\n", "cases: []\nmore:\n", "[unknown-field]"),
    ] {
        room.write("tests/cases.yaml", cases.replace(from, to));
        test(&[]).ends(4).says(code);
    }
    room.write("tests/cases.yaml", cases.replace("policy: ../policy.yaml\n", ""));
    test(&[]).ends(2);
    test(&["--policy", "policy.yaml"]).ends(0);
}
