//! Every field of the schema decides something: changed alone, it flips a verdict.

use std::collections::BTreeSet;

use serde_json::Value;
use waxseal_core::policy::file::json_schema;

use super::world::{Of, POLICY_DIGEST, World};
use crate::make::changed;

/// A policy in which almost every field stands, and which the image meets only because they do.
const FULL: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: production
serial: 1
keys:
  release: { file: release.pub }
  alice: { key: "env://ALICE", validFrom: 2020-01-01, validUntil: 2099-01-01 }
  bob: { file: bob.pub, algorithms: [ecdsa-p384-sha384], revokedAt: 2099-01-01 }
  carol: { pem: carol }
  security: security.pub
  vexer: vexer.pub
  verifier: { pem: verifier }
  builder: builder.pub
  second: second.pub
mirrors:
  - { from: registry.site.local/prod, to: registry.example.com/prod }
rules:
  - name: prod
    images: ["registry.example.com/prod/**"]
    namespaces: ["prod-*"]
    require:
      - signature: { by: [release], annotations: { stage: release }, signedFor: same }
      - signature: { by: [alice, bob, carol], threshold: 2 }
      - attestation:
          type: scan
          by: [security]
          maxAge: 7d
          scan:
            scanners: [{ name: Scanner, minVersion: 2.5.0 }]
            maxSeverity: Medium
            unknownSeverityAs: Low
            severitySource: research
            maxCount: { Medium: 1 }
            onlyFixable: true
            onlyApplicable: true
            ignore:
              - { id: CVE-IGNORED, package: c, image: "registry.example.com/prod/*", layer: "sha256:a", reason: known, expires: 2099-01-01 }
            denyIds: [CVE-OTHER]
            licenses: { allow: [MIT], allowUnknown: true, anyOf: true }
            denyMalicious: false
            secrets: { max: 1, onlyActive: true }
            maxDbAge: 7d
            requireComplete: false
            minComponents: 3
            watches: [prod]
            requireNoFailBuildViolation: true
            vex: [{ by: [vexer], justifications: [component_not_present] }]
            gracePeriod: { days: 7, basedOn: published }
      - attestation:
          type: https://slsa.dev/verification_summary/v1
          by: [verifier]
          maxAge: 7d
          vsa: { verifiers: ["https://verifier"], policyDigests: [DIGEST], resource: same, levels: [SLSA_BUILD_LEVEL_2] }
      - attestation:
          types: ["https://example.com/build/v1"]
          by: [builder, second, release]
          threshold: 2
          annotations: { stage: release }
          signedFor: ["registry.example.com/prod/*"]
          where: "predicate.builder.id == 'https://ci'"
      - attestation: { type: cyclonedx, by: [release], inherit: true }
"#;

/// One rule over an index of which one image is signed.
const INDEX: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: index
keys: { alice: alice.pub }
rules:
  - images: ["registry.site.local/**"]
    platforms: [linux/amd64]
    require: [{ signature: { by: [alice] } }]
"#;

/// One rule over evidence in another repository.
const ELSEWHERE: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: elsewhere
keys: { remote: remote.pub }
rules:
  - images: ["registry.site.local/**"]
    signatureRepository: registry.example.com/signatures
    require: [{ signature: { by: [remote] } }]
"#;

/// One rule that the image does not meet, and only warns.
const WARN: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: warn
keys: { nobody: nobody.pub }
rules:
  - images: ["registry.site.local/**"]
    mode: warn
    require: [{ signature: { by: [nobody] } }]
"#;

/// The same, with an exemption of the image.
const EXEMPT: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: exempt
keys: { nobody: nobody.pub }
rules:
  - images: ["registry.site.local/**"]
    require: [{ signature: { by: [nobody] } }]
exempt:
  - images: ["registry.site.local/prod/app"]
    digest: IMAGE
    reason: until the first quarter
    expires: 2099-01-01
"#;

/// A rule for other images.
const OTHERS: &str = r#"apiVersion: waxseal/v1
kind: Policy
name: others
keys: { nobody: nobody.pub }
rules:
  - images: ["registry.example.com/**"]
    require: [{ signature: { by: [nobody] } }]
unmatched: admit
"#;

/// A field by its object and its name; a policy; a change of that field alone; what comes of it.
struct Case {
    field: &'static str,
    policy: &'static str,
    from: &'static str,
    to: &'static str,
    comes: &'static str,
}

const fn case(field: &'static str, from: &'static str, to: &'static str, comes: &'static str) -> Case {
    Case { field, policy: FULL, from, to, comes }
}

const fn of(
    policy: &'static str,
    field: &'static str,
    from: &'static str,
    to: &'static str,
    comes: &'static str,
) -> Case {
    Case { field, policy, from, to, comes }
}

const CASES: &[Case] = &[
    case("Policy.apiVersion", "waxseal/v1", "waxseal/v2", "error api-version"),
    case("Policy.kind", "kind: Policy", "kind: Other", "error kind"),
    case("Policy.keys", "  second: second.pub", "  second: other.pub", "refuse"),
    case(
        "Policy.mirrors",
        "mirrors:\n  - { from: registry.site.local/prod, to: registry.example.com/prod }\n",
        "",
        "refuse",
    ),
    case(
        "Policy.rules",
        "rules:\n",
        "rules:\n  - { images: [\"*/**\"], require: [{ signature: { by: [carol] } }] }\n",
        "refuse",
    ),
    of(
        EXEMPT,
        "Policy.exempt",
        "exempt:",
        "mirrors: [{ from: a.b, to: c.d }]\nexempt:\n  - { images: [\"a.b/c\"], reason: x, expires: 2099-01-01 }\n",
        "admit exempt",
    ),
    of(OTHERS, "Policy.unmatched", "admit", "refuse", "refuse"),
    case("Key.file", "release.pub", "other.pub", "refuse"),
    case("Key.key", "env://ALICE", "env://OTHER", "refuse"),
    case("Key.pem", "pem: verifier", "pem: other", "refuse"),
    case("Key.validFrom", "validFrom: 2020-01-01", "validFrom: 2098-01-01", "refuse"),
    case("Key.validUntil", "validUntil: 2099-01-01", "validUntil: 2020-01-02", "refuse"),
    case("Key.revokedAt", "revokedAt: 2099-01-01", "revokedAt: 2020-01-01", "refuse"),
    case("Key.algorithms", "[ecdsa-p384-sha384]", "[ecdsa-p384-sha256]", "refuse"),
    case("Mirror.from", "from: registry.site.local/prod", "from: registry.site.local/qa", "refuse"),
    case("Mirror.to", "to: registry.example.com/prod", "to: registry.example.com/qa", "refuse"),
    case(
        "Rule.images",
        "images: [\"registry.example.com/prod/**\"]",
        "images: [\"registry.example.com/qa/**\"]",
        "refuse",
    ),
    case("Rule.namespaces", "prod-*", "dev-*", "refuse"),
    of(WARN, "Rule.mode", "mode: warn", "mode: enforce", "refuse"),
    of(INDEX, "Rule.platforms", "[linux/amd64]", "[linux/arm64]", "refuse"),
    of(INDEX, "Rule.platforms", "[linux/amd64]", "index", "refuse"),
    of(INDEX, "Rule.platforms", "[linux/amd64]", "all", "refuse"),
    of(
        ELSEWHERE,
        "Rule.signatureRepository",
        "registry.example.com/signatures",
        "registry.example.com/other",
        "refuse",
    ),
    case("Rule.require", "    require:\n", "    require:\n      - signature: { by: [carol] }\n", "refuse"),
    case(
        "Requirement.signature",
        "- signature: { by: [release]",
        "- attestation: { type: spdx, by: [release]",
        "refuse",
    ),
    case(
        "Requirement.attestation",
        "- attestation: { type: cyclonedx, by: [release], inherit: true }",
        "- signature: { by: [carol] }",
        "refuse",
    ),
    case("Signature.by", "- signature: { by: [release]", "- signature: { by: [security]", "refuse"),
    case("Signature.threshold", "threshold: 2 }", "threshold: 3 }", "refuse"),
    case(
        "Signature.annotations",
        "annotations: { stage: release }, signedFor",
        "annotations: { stage: test }, signedFor",
        "refuse",
    ),
    case("Signature.signedFor", "signedFor: same", "signedFor: [\"registry.example.com/qa/*\"]", "refuse"),
    case("Attestation.type", "type: cyclonedx", "type: spdx", "refuse"),
    case("Attestation.types", "https://example.com/build/v1", "https://example.com/build/v2", "refuse"),
    case("Attestation.by", "by: [verifier]", "by: [release]", "refuse"),
    case("Attestation.threshold", "threshold: 2\n", "threshold: 3\n", "refuse"),
    case(
        "Attestation.annotations",
        "annotations: { stage: release }\n",
        "annotations: { stage: test }\n",
        "refuse",
    ),
    case(
        "Attestation.signedFor",
        "signedFor: [\"registry.example.com/prod/*\"]",
        "signedFor: [\"registry.example.com/qa/*\"]",
        "refuse",
    ),
    case("Attestation.inherit", "inherit: true", "inherit: false", "refuse"),
    case("Attestation.maxAge", "maxAge: 7d", "maxAge: 30s", "refuse"),
    case("Attestation.where", "== 'https://ci'", "== 'https://other'", "refuse"),
    case("Attestation.scan", "maxSeverity: Medium", "maxSeverity: Low", "refuse"),
    case("Attestation.vsa", "https://verifier", "https://other", "refuse"),
    case("Scan.scanners", "[{ name: Scanner, minVersion: 2.5.0 }]", "[{ name: Other }]", "refuse"),
    case("Scanner.name", "name: Scanner", "name: Other", "refuse"),
    case("Scanner.minVersion", "minVersion: 2.5.0", "minVersion: 2.5.1", "refuse"),
    case("Scan.maxSeverity", "maxSeverity: Medium", "maxSeverity: Low", "refuse"),
    case("Scan.unknownSeverityAs", "unknownSeverityAs: Low", "unknownSeverityAs: High", "refuse"),
    case("Scan.severitySource", "severitySource: research", "severitySource: jfrog", "refuse"),
    case("Scan.maxCount", "Medium: 1", "Medium: 0", "refuse"),
    case("Scan.onlyFixable", "onlyFixable: true", "onlyFixable: false", "refuse"),
    case("Scan.onlyApplicable", "onlyApplicable: true", "onlyApplicable: false", "refuse"),
    case("Scan.ignore", "id: CVE-IGNORED", "id: CVE-OTHER", "refuse"),
    case("Ignore.id", "id: CVE-IGNORED", "id: CVE-OTHER", "refuse"),
    case("Ignore.package", "package: c", "package: d", "refuse"),
    case(
        "Ignore.image",
        "registry.example.com/prod/*\", layer",
        "registry.example.com/qa/*\", layer",
        "refuse",
    ),
    case("Ignore.layer", "layer: \"sha256:a\"", "layer: \"sha256:b\"", "refuse"),
    case("Ignore.reason", "reason: known", "reason: ' '", "error scan-rule"),
    case("Ignore.expires", "known, expires: 2099-01-01", "known, expires: 2020-01-01", "refuse"),
    case("Scan.denyIds", "CVE-OTHER", "CVE-MEDIUM", "refuse"),
    case(
        "Scan.licenses",
        "licenses: { allow: [MIT], allowUnknown: true, anyOf: true }",
        "licenses: { deny: [MIT] }",
        "refuse",
    ),
    case("Licenses.allow", "allow: [MIT]", "allow: [ISC]", "refuse"),
    case(
        "Licenses.deny",
        "allow: [MIT], allowUnknown: true, anyOf: true",
        "deny: [MIT], allowUnknown: true",
        "refuse",
    ),
    case("Licenses.allowUnknown", "allowUnknown: true", "allowUnknown: false", "refuse"),
    case("Licenses.anyOf", "anyOf: true", "anyOf: false", "refuse"),
    case("Scan.denyMalicious", "denyMalicious: false", "denyMalicious: true", "refuse"),
    case("Scan.secrets", "secrets: { max: 1, onlyActive: true }", "secrets: { max: 1 }", "refuse"),
    case("Secrets.max", "max: 1", "max: 0", "refuse"),
    case("Secrets.onlyActive", "onlyActive: true", "onlyActive: false", "refuse"),
    case("Scan.maxDbAge", "maxDbAge: 7d", "maxDbAge: 30m", "refuse"),
    case("Scan.requireComplete", "requireComplete: false", "requireComplete: true", "refuse"),
    case("Scan.minComponents", "minComponents: 3", "minComponents: 4", "refuse"),
    case("Scan.watches", "watches: [prod]", "watches: [other]", "refuse"),
    case(
        "Scan.requireNoFailBuildViolation",
        "requireNoFailBuildViolation: true",
        "requireNoFailBuildViolation: false",
        "refuse",
    ),
    case(
        "Scan.vex",
        "            vex: [{ by: [vexer], justifications: [component_not_present] }]\n",
        "",
        "refuse",
    ),
    case("Vex.by", "by: [vexer]", "by: [carol]", "refuse"),
    case("Vex.justifications", "component_not_present", "vulnerable_code_not_present", "refuse"),
    case("Scan.gracePeriod", "            gracePeriod: { days: 7, basedOn: published }\n", "", "refuse"),
    case("GracePeriod.days", "days: 7", "days: 1", "refuse"),
    case("GracePeriod.basedOn", "basedOn: published", "basedOn: fixAvailable", "refuse"),
    case("Vsa.verifiers", "verifiers: [\"https://verifier\"]", "verifiers: [\"https://other\"]", "refuse"),
    case(
        "Vsa.policyDigests",
        "[DIGEST]",
        "[\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]",
        "refuse",
    ),
    case("Vsa.resource", "resource: same", "resource: [\"registry.example.com/qa/*\"]", "refuse"),
    case("Vsa.levels", "SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3", "refuse"),
    of(
        EXEMPT,
        "Exemption.images",
        "registry.site.local/prod/app",
        "registry.site.local/prod/other",
        "refuse",
    ),
    of(
        EXEMPT,
        "Exemption.digest",
        "IMAGE",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "refuse",
    ),
    of(EXEMPT, "Exemption.reason", "until the first quarter", "\" \"", "error text"),
    of(EXEMPT, "Exemption.expires", "2099-01-01", "2020-01-01", "refuse"),
];

/// What is shown and not judged: the verdict says it.
const SHOWN: &[(&str, &str, &str)] = &[
    ("Policy.name", "name: production", "name: other"),
    ("Policy.serial", "serial: 1", "serial: 2"),
    ("Rule.name", "name: prod\n", "name: other\n"),
];

fn filled(world: &World, text: &str) -> String {
    text.replace("DIGEST", &format!("sha256:{POLICY_DIGEST}")).replace("IMAGE", &world.image().to_string())
}

fn about(policy: &str) -> Of {
    if policy == INDEX { Of::Index } else { Of::Image }
}

#[test]
fn each_field_flips_a_verdict() {
    let world = World::new();
    for (policy, comes) in [
        (FULL, "admit verified"),
        (INDEX, "admit verified"),
        (ELSEWHERE, "admit verified"),
        (WARN, "admit warned"),
        (EXEMPT, "admit exempt"),
        (OTHERS, "admit unmatched"),
    ] {
        let text = filled(&world, policy);
        let verdict = world.judge(&text, about(policy)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(world.word(&text, about(policy)), comes, "{:#?}", verdict.report());
    }
    let mut wrong = Vec::new();
    for Case { field, policy, from, to, comes } in CASES {
        // The field alone: the text differs in nothing else.
        let (before, after) = (filled(&world, policy), filled(&world, &changed(policy, from, to)));
        let (before, after) = (world.word(&before, about(policy)), world.word(&after, about(policy)));
        if after != *comes || (before == after && *field != "Policy.exempt") {
            wrong.push(format!("{field}: {to}: {before} became {after}, expected {comes}"));
        }
    }
    // An exemption that goes is the change that `exempt` itself can have.
    let without = EXEMPT.split("exempt:").next().unwrap();
    assert_eq!(world.word(without, Of::Image), "refuse");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_shown_stands_in_the_verdict() {
    let world = World::new();
    let text = filled(&world, FULL);
    let before = world.judge(&text, Of::Image).unwrap().to_json();
    for (field, from, to) in SHOWN {
        let after = world.judge(&changed(&text, from, to), Of::Image).unwrap().to_json();
        assert_ne!(before, after, "{field}");
    }
}

#[test]
fn every_field_of_the_schema_has_a_case() {
    let schema = json_schema();
    let mut fields = BTreeSet::new();
    let mut collect = |name: &str, object: &Value| {
        for field in object["properties"].as_object().unwrap().keys() {
            fields.insert(format!("{name}.{field}"));
        }
    };
    collect("Policy", &schema);
    for (name, object) in schema["$defs"].as_object().unwrap() {
        collect(name, object);
    }
    let shown = SHOWN.iter().map(|(field, ..)| (*field).to_owned());
    let cases: BTreeSet<_> = CASES.iter().map(|case| case.field.to_owned()).chain(shown).collect();
    assert_eq!(cases, fields);
}
