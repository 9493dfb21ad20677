//! What an author is told of a policy that can be used.

use std::collections::BTreeSet;

use waxseal_core::policy::file::ProblemCode;
use waxseal_testkit::rng::now;

use super::make::{POLICY, parse, with};

/// A change, the warning that it brings, and its line.
const CHANGES: &[(&str, &str, &str, usize)] = &[
    ("  alice: alice.pub", "  alice: alice.pub\n  carol: carol.pub", "unused-key", 9),
    ("validUntil: 2099-12-31", "validUntil: 2020-12-31", "key-expired", 7),
    ("validFrom: 2020-01-01T00:00:00Z", "validFrom: 2098-01-01", "key-not-yet-valid", 7),
    ("alice: alice.pub", "alice: { key: alice.pub, revokedAt: 2020-01-01 }", "key-revoked", 8),
    ("alice: alice.pub", "alice: { key: alice.pub, revokedAt: 2020-01-01 }", "threshold-out-of-reach", 21),
    ("expires: 2099-01-31", "expires: 2020-01-31", "exemption-expired", 33),
    (
        "    digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
        "",
        "exemption-without-digest",
        33,
    ),
    ("not reachable, expires: 2099-12-31", "not reachable, expires: 2020-12-31", "ignore-expired", 29),
    (", signedFor: same", "", "signed-for-any", 13),
    (", signedFor: same", ", signedFor: any", "signed-for-any", 13),
    ("\"registry.example.com/prod/**\"", "\"registry.site.local/prod/*\"", "unreachable-rule", 14),
    ("\"registry.example.com/prod/**\"", "\"docker.io/busybox\"", "unreachable-rule", 14),
    (
        "\"registry.example.com/prod/**\"",
        "\"registry.example.com/prod/**\", registry.example.com/prod/a",
        "covered-pattern",
        14,
    ),
    (
        "\"registry.example.com/prod/**\"",
        "\"registry.example.com/prod/**\", registry.example.com/prod/**",
        "covered-pattern",
        14,
    ),
    ("mode: enforce", "mode: warn", "nothing-enforced", 13),
    ("unmatched: refuse", "unmatched: admit", "unmatched-admitted", 37),
    ("unmatched: refuse", "unmatched: warn", "unmatched-admitted", 37),
    ("maxAge: 7d", "maxAge: unlimited", "any-age", 25),
];

fn warned(text: &str) -> Vec<(String, usize)> {
    let file = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let found = file.warnings(now());
    assert!(found.iter().all(|problem| !problem.is_error()));
    found.iter().map(|problem| (problem.code.code().to_owned(), problem.position.line)).collect()
}

#[test]
fn each_warning_has_its_place() {
    assert_eq!(warned(POLICY), []);
    let mut wrong = Vec::new();
    for (from, to, code, line) in CHANGES {
        let found = warned(&with(from, to));
        if !found.contains(&((*code).to_owned(), *line)) {
            wrong.push(format!("{to}: expected {code} at {line}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_warning_is_seen() {
    let elsewhere = ["repeated-rule", "example-key"];
    let seen: BTreeSet<_> = CHANGES.iter().map(|(_, _, code, _)| *code).chain(elsewhere).collect();
    for code in ProblemCode::ALL.iter().filter(|code| !code.is_error()) {
        assert!(seen.contains(code.code()), "{}", code.code());
    }
}

#[test]
fn a_rule_that_stands_twice() {
    let rule = "  - { images: [a.b/**], require: [{ signature: { by: [release], signedFor: same } }] }\n";
    let again = "  - { name: again, require: [{ signature: { signedFor: same, by: [release] } }], images: [a.b/**] }\n";
    assert_eq!(warned(&with("exempt:", &format!("{rule}exempt:"))), []);
    let found = warned(&with("exempt:", &format!("{rule}{again}exempt:")));
    assert_eq!(found, [("repeated-rule".to_owned(), 33)]);
}

#[test]
fn a_rule_behind_an_exemption_is_never_reached() {
    let text = POLICY
        .replace("    digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\n", "");
    let all = text.replace("registry.example.com/prod/legacy", "registry.example.com/**");
    assert!(warned(&all).iter().any(|(code, _)| code == "unreachable-rule"));
    assert!(!warned(&text).iter().any(|(code, _)| code == "unreachable-rule"));
    // Once it has expired, it hides nothing.
    let expired = all.replace("expires: 2099-01-31", "expires: 2020-01-31");
    assert!(!warned(&expired).iter().any(|(code, _)| code == "unreachable-rule"));
}

#[test]
fn another_mirror_may_lead_to_a_hidden_name() {
    let to = "mirrors:\n  - { from: other.site.local, to: registry.site.local/prod }\n";
    let text =
        with("mirrors:\n", to).replace("\"registry.example.com/prod/**\"", "\"registry.site.local/prod/*\"");
    assert_eq!(warned(&text), []);
}
