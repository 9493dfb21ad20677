//! Each code with its pair: the policy as it is, and the same with one thing changed.

use std::collections::BTreeSet;

use waxseal_core::policy::file::{PolicyFile, ProblemCode};

use super::make::{POLICY, four, parse, problems, with};
use crate::make::key;
use waxseal_core::Signer as _;

/// A change, the code that it brings, and the line that it is told at.
const CHANGES: &[(&str, &str, &str, usize)] = &[
    ("kind: Policy", "kind: [", "syntax", 4),
    ("unmatched: refuse\n", "unmatched: refuse\n---\nname: other\n", "documents", 38),
    ("name: production", "name: !!str production", "tag", 3),
    ("name: production", "<<: {}\nname: production", "merge-key", 3),
    ("name: production", "[a]: b\nname: production", "field-name", 3),
    ("name: production", "name: production\nname: again", "duplicate-field", 4),
    ("name: production", "name: production\ncolour: red", "unknown-field", 4),
    ("maxSeverity: High", "maxseverity: High", "unknown-field", 27),
    ("name: production\n", "", "missing-field", 1),
    ("name: production", "name: [production]", "wrong-type", 3),
    ("name: production", "name: 7", "wrong-type", 3),
    ("name: production", "name: true", "wrong-type", 3),
    ("name: production", "name:", "wrong-type", 3),
    ("inherit: true", "inherit: yes", "wrong-type", 31),
    ("inherit: true", "inherit: \"true\"", "wrong-type", 31),
    ("threshold: 2", "threshold: two", "wrong-type", 21),
    ("stage: release", "stage: 1.0", "wrong-type", 20),
    ("mode: enforce", "mode: strict", "unknown-word", 16),
    ("maxSeverity: High", "maxSeverity: Severe", "unknown-word", 27),
    ("maxSeverity: High", "maxCount: { Unknown: 1 }", "unknown-word", 27),
    ("serial: 7", "serial: 0", "out-of-range", 4),
    ("serial: 7", "serial: 99999999999999999999", "out-of-range", 4),
    ("by: [security]", "by: []", "empty", 24),
    ("annotations: { stage: release }", "annotations: {}", "empty", 20),
    ("name: production", "name: \"\\u001b[31mred\"", "text", 3),
    ("name: production", "name: ' '", "text", 3),
    ("{ file: keys/release.pub }", "{ file: keys/release.pub, pem: x }", "one-of", 6),
    ("{ file: keys/release.pub }", "{ validUntil: 2099-01-01 }", "one-of", 6),
    ("type: scan", "types: [scan]\n          type: vuln", "one-of", 23),
    ("apiVersion: waxseal/v1", "apiVersion: waxseal/v2", "api-version", 1),
    ("kind: Policy", "kind: ClusterImagePolicy", "kind", 2),
    ("validUntil: 2099-12-31", "validUntil: 2099-13-31", "time", 7),
    ("expires: 2099-01-31", "expires: tomorrow", "time", 36),
    ("maxAge: 7d", "maxAge: 7 days", "age", 25),
    ("digest: sha256:00", "digest: sha256:", "digest", 34),
    ("linux/amd64", "amd64", "platform", 17),
    ("linux/arm64", "linux/amd64", "platform", 17),
    ("registry.example.com/signatures", "registry.example.com/signatures:1.0", "repository", 18),
    ("\"registry.example.com/prod/**\"", "\"registry.example.com/prod/app:1.0\"", "pattern", 14),
    ("\"registry.example.com/prod/**\"", "\"**\"", "pattern", 14),
    ("prod-*", "prod/*", "namespace", 15),
    ("from: registry.site.local/prod", "from: registry.site.local/*", "mirror", 11),
    ("mirrors:\n", "mirrors:\n  - { from: registry.site.local/prod, to: other.example.com }\n", "mirror", 12),
    ("{ file: keys/release.pub }", "{ file: \"env://RELEASE\" }", "key-reference", 6),
    ("alice: alice.pub", "alice: \"-\"", "key-reference", 8),
    ("by: [security]", "by: [securty]", "unknown-key", 24),
    ("by: [alice, bob]", "by: [alice, alice, bob]", "key-named-twice", 21),
    ("validFrom: 2020-01-01T00:00:00Z", "validFrom: 2100-01-01T00:00:00Z", "key-window", 7),
    ("[ecdsa-p256-sha256]", "[ecdsa]", "algorithm", 9),
    ("[ecdsa-p256-sha256]", "[ed25519]", "algorithm", 9),
    ("threshold: 2", "threshold: 3", "threshold", 21),
    ("threshold: 2", "threshold: 0", "threshold", 21),
    ("[cyclonedx, spdx]", "[cyclonedx, bom]", "predicate-type", 31),
    ("          maxAge: 7d\n", "", "without-max-age", 23),
    ("maxSeverity: High", "onlyFixable: true", "result-without-rule", 27),
    ("[cyclonedx, spdx]", "[vuln]", "result-without-rule", 31),
    ("[cyclonedx, spdx]", "[\"https://in-toto.io/attestation/test-result/v0.1\"]", "result-without-rule", 31),
    ("type: scan", "type: link", "content-mismatch", 23),
    ("inherit: true", "vsa: { verifiers: [x] }, maxAge: 7d", "content-mismatch", 31),
    ("inherit: true", "where: 'predicate.'", "condition", 31),
    ("inherit: true", "where: \"[1].all(a, [1].all(b, [1].all(c, a + b + c > 0)))\"", "condition", 31),
    (
        "[cyclonedx, spdx]",
        "[\"https://slsa.dev/verification_summary/v1\"], vsa: { verifiers: [x] }",
        "without-max-age",
        31,
    ),
    ("[cyclonedx, spdx], by: [release]", "[link], by: [release], maxAge: 7d", "timeless", 31),
    (
        "maxSeverity: High",
        "maxSeverity: High\n            scanners: [{ name: x, minVersion: '1' }]\n            licenses: { allow: [MIT], deny: [] }",
        "one-of",
        29,
    ),
];

#[test]
fn each_mistake_has_its_code_and_its_place() {
    assert_eq!(problems(POLICY), []);
    let mut wrong = Vec::new();
    for (from, to, code, line) in CHANGES {
        let found = problems(&with(from, to));
        let at =
            found.iter().find(|problem| problem.code.code() == *code).map(|problem| problem.position.line);
        if at != Some(*line) {
            let told: Vec<_> = found.iter().map(ToString::to_string).collect();
            wrong.push(format!("{to}: expected {code} at {line}: {}", told.join(" | ")));
        }
        assert!(found.iter().all(|problem| problem.is_error() && problem.position.column > 0), "{to}");
        assert!(found.iter().all(|problem| !problem.message.is_empty() && !problem.hint.is_empty()), "{to}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_error_is_seen() {
    // Those that this table does not make: limits have tests of their own, and a key is loaded by whoever has files.
    let elsewhere = [
        "too-large",
        "not-utf8",
        "too-many-nodes",
        "too-deep",
        "alias",
        "too-many-items",
        "key-unusable",
        "same-key-twice",
        "scan-rule",
        "invalid",
    ];
    let seen: BTreeSet<_> = CHANGES.iter().map(|(_, _, code, _)| *code).chain(elsewhere).collect();
    for code in ProblemCode::ALL.iter().filter(|code| code.is_error()) {
        assert!(seen.contains(code.code()), "{}", code.code());
    }
}

#[test]
fn codes_are_stable_words_and_say_what_to_do() {
    let mut seen = BTreeSet::new();
    for code in ProblemCode::ALL {
        assert!(seen.insert(code.code()), "{}", code.code());
        assert!(code.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'8'));
        assert!(code.what_to_do().len() > 10 && !code.what_to_do().ends_with('.'), "{}", code.code());
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text =
        with("mode: enforce", "mode: strict").replace("threshold: 2", "threshold: 3").replace("7d", "a week");
    let found: Vec<_> = problems(&text).iter().map(|problem| problem.code.code()).collect();
    assert_eq!(found, ["unknown-word", "threshold", "age"]);
    let error = parse(&text).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("16:11: rules[0].mode: expected enforce, warn, found \"strict\" [unknown-word]")
    );
}

#[test]
fn a_wrong_name_is_corrected() {
    let found = problems(&with("maxSeverity", "maxseverity"));
    assert_eq!(found[0].hint, "did you mean maxSeverity?");
}

/// Rule S2.
#[test]
fn s2_one_key_under_two_names_is_an_error() {
    let mut keys = four();
    keys.insert("bob".to_owned(), key("alice").public_key().clone());
    let error = parse(POLICY).unwrap().resolve(&keys).unwrap_err();
    assert_eq!(error.problems()[0].code, ProblemCode::SameKeyTwice);
    assert_eq!(error.problems()[0].position.line, 9);
    assert!(error.problems()[0].message.contains("alice and bob"), "{error}");
}

#[test]
fn a_key_that_was_not_loaded_is_an_error() {
    let mut keys = four();
    keys.remove("alice");
    let error = parse(POLICY).unwrap().resolve(&keys).unwrap_err();
    assert_eq!(error.problems()[0].code, ProblemCode::KeyUnusable);
}

#[test]
fn json_is_read_like_yaml() {
    let json = r#"{
	"apiVersion": "waxseal/v1", "kind": "Policy", "name": "a\/b \u00e9",
	"keys": {"release": {"file": "release.pub"}},
	"rules": [{"images": ["registry.example.com/**"], "require": [{"signature": {"by": ["release"], "threshold": 1}}]}]
}"#;
    let file = parse(json).unwrap();
    assert_eq!(file.name(), "a/b \u{e9}");
    assert_eq!(
        parse(&json.replace("\"kind\"", "\"name\"")).unwrap_err().problems()[0].code.code(),
        "duplicate-field"
    );
}

#[test]
fn what_is_no_policy_is_refused() {
    for text in [
        "",
        "# nothing\n",
        "null",
        "7",
        "[]",
        "policy",
        "{}",
        "---\n...\n",
        "\u{0}",
        "\u{feff}",
        "a: b: c",
        "%YAML 9.9\n---\n{}",
    ] {
        assert!(PolicyFile::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(PolicyFile::parse(b"\xff").unwrap_err().problems()[0].code, ProblemCode::NotUtf8);
}

#[test]
fn aliases_stand_for_values() {
    let text = with("[\"registry.example.com/prod/**\"]", "&prod [\"registry.example.com/prod/**\"]");
    let text = text.replace("[\"registry.example.com/prod/legacy\"]", "*prod");
    let found = problems(&text);
    assert_eq!(found, []);
}
