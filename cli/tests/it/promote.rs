//! `waxseal promote` as a pipeline runs it: what it prints, how it ends, what stands at the destination.

use waxseal_core::Digest;
use waxseal_core::scan::{Package, Scan, ScanFinding, ScanStatus, Scanner, Severity};
use waxseal_testkit::{Registry, fixtures};

use crate::room::{Room, pushed};

/// A registry with a signed image `app:1.0`, and a room with the key.
fn signed() -> (Room, Registry, String) {
    let (room, registry) = (Room::new(), Registry::start());
    pushed(&registry, "app");
    let image = registry.image("app", "1.0");
    room.sign("p256", &image, &[]);
    (room, registry, image)
}

fn scanned(room: &Room, image: &str, found: &[(&str, Severity)]) {
    let mut scan = Scan::new(Scanner::new("Scanner", "pkg:generic/scanner"));
    scan.run.status = ScanStatus::Complete;
    scan.run.finished_on = Some(jiff::Timestamp::now());
    scan.run.coverage.vulnerabilities = true;
    scan.run.components = Some(1);
    scan.findings = found
        .iter()
        .map(|(id, severity)| ScanFinding::new(*id, *severity, Package::new("deb", "openssl", "1")))
        .collect();
    room.write("scan.json", scan.to_predicate().unwrap());
    let flags = ["--password-file", "p256.password", "--type", "scan", "--predicate", "scan.json"];
    room.ok(&[&["attest", "--key", "p256.key"][..], &flags, &[image]].concat());
}

#[test]
fn what_is_promoted_verifies_there_and_is_printed_by_its_digest() {
    let (room, registry, from) = signed();
    let to = format!("{}/qa/app", registry.host());
    let digest = registry.manifest("app", "1.0").unwrap().digest;
    let done = room.run(&["promote", "--key", "p256.pub", &from, &to]).ends(0);
    assert_eq!(done.data(), format!("{to}@{digest}\n"));
    let done = done.says(&format!("promoted to {to}:1.0")).says("evidence: 2 objects");
    room.verify(done.data().trim_end(), &[]).ends(0);
    room.verify(&registry.image("qa/app", "1.0"), &[]).ends(0);
    let again = room.run(&["promote", "--key", "p256.pub", "-o", "json", &from, &to]).ends(0);
    let json = again.json();
    assert_eq!((&json["schema"], &json["outcome"]), (&"waxseal/promotion/v1".into(), &"unchanged".into()));
    assert_eq!(
        (&json["verdict"]["verdict"], &json["atDestination"]["basis"]),
        (&"admit".into(), &"verified".into())
    );
    assert_eq!(json["copied"]["manifestsWritten"], 0);
}

#[test]
fn who_has_not_signed_promotes_nothing() {
    let (room, registry, from) = signed();
    room.keys("p384");
    let to = registry.image("qa/app", "1.0");
    room.run(&["promote", "--key", "p384.pub", &from, &to]).ends(1).prints_nothing().says_each(&[
        "refused, and not promoted to",
        "[not-verified]",
        "hint: ",
    ]);
    assert!(registry.tags("qa/app").is_empty());
    room.run(&["promote", &from, &to]).ends(2).says("--policy FILE, or --key KEY");
    room.run(&["promote", "--key", "p256.pub", "--when", "critical", &from, &to])
        .ends(2)
        .says("is no operator for a number of vulnerabilities: expected one of >=");
}

#[test]
fn conditions_on_the_tag_pass_over_and_those_on_the_content_refuse() {
    let (room, registry, from) = signed();
    let to = registry.image("qa/app", "1.0");
    let promote =
        |more: &[&str]| room.run(&[&["promote", "--key", "p256.pub"][..], more, &[&from, &to]].concat());
    promote(&["--when", "tag starts-with v"])
        .ends(0)
        .prints_nothing()
        .says("passed over, and not promoted to");
    promote(&["--when", "tag starts-with v", "--unmet", "refuse"]).ends(1).says("[condition-not-met]");
    promote(&["--when", "critical = 0"]).ends(1).says_each(&["[unscanned]", "nothing verified says it"]);
    promote(&["--when", "critical = 0", "--unmet", "skip"]).ends(1).says("[unscanned]");
    scanned(&room, &from, &[("CVE-2026-0001", Severity::Critical)]);
    promote(&["--when", "critical = 0"]).ends(1).says_each(&[
        "does NOT hold (1 critical vulnerabilities by Scanner: CVE-2026-0001 (Critical)",
        "[condition-not-met]",
    ]);
    promote(&["--when", "critical = 0", "--unmet", "skip"]).ends(0).says("passed over");
    assert!(registry.tags("qa/app").is_empty());
    promote(&["--when", "critical <= 1", "--when", "tag equals 1.0"])
        .ends(0)
        .says("when critical <= 1: holds");
}

#[test]
fn a_trial_writes_nothing_and_a_taken_tag_stays() {
    let (room, registry, from) = signed();
    let to = registry.image("qa/app", "1.0");
    room.run(&["promote", "--key", "p256.pub", "--dry-run", &from, &to])
        .ends(0)
        .prints_nothing()
        .says_each(&["would be promoted to", "evidence: 2 objects"]);
    assert!(registry.manifests("qa/app").is_empty());
    let other = crate::room::small("other").push_to(&registry, "qa/app", "1.0").to_string();
    let promote =
        |more: &[&str]| room.run(&[&["promote", "--key", "p256.pub"][..], more, &[&from, &to]].concat());
    promote(&[]).ends(1).says_each(&["[tag-taken]", &format!("--expect-current {other}")]);
    promote(&["--expect-current", "none"]).ends(1).says("[tag-taken]");
    promote(&["--expect-current", &Digest::of("x").to_string()]).ends(1).says("[tag-moved]");
    promote(&["--expect-current", "latest"]).ends(2).says("expected sha256:... or none");
    assert_eq!(registry.manifest("qa/app", "1.0").unwrap().digest.to_string(), other);
    promote(&["--expect-current", &other]).ends(0).says(&format!("the tag named {other}"));
}

#[test]
fn a_policy_file_decides_and_what_it_only_exempts_stays() {
    let (room, registry, from) = signed();
    let host = registry.host();
    let policy = |more: &str| {
        format!(
            "apiVersion: waxseal/v1\nkind: Policy\nname: promotion\nkeys: {{ release: {{ file: p256.pub }}, other: {{ file: p384.pub }} }}\n\
             rules:\n  - images: ['{host}/app']\n    require:\n      - signature: {{ by: [{}] }}\n{more}",
            if more.is_empty() { "release" } else { "other" }
        )
    };
    room.keys("p384");
    room.write("good.yaml", policy(""));
    let exempt =
        format!("exempt:\n  - {{ images: ['{host}/app'], reason: until Q1, expires: 2999-01-01 }}\n");
    room.write("exempt.yaml", policy(&exempt));
    let to = registry.image("qa/app", "1.0");
    room.run(&["promote", "--policy", "exempt.yaml", &from, &to])
        .ends(1)
        .says_each(&["the policy exempts it (until Q1)", "[exempt]"]);
    room.run(&["promote", "--policy", "good.yaml", "--key", "p256.pub", &from, &to]).ends(2);
    room.run(&["promote", "--policy", "missing.yaml", &from, &to]).ends(4);
    // What was decided is recorded, and can be decided again.
    room.run(&["promote", "--key", "p256.pub", "--record", "r.json", &from, &to])
        .ends(2)
        .says("--policy FILE");
    room.run(&["promote", "--policy", "good.yaml", "--record", "r.json", &from, &to]).ends(0);
    room.run(&["record", "verify", "r.json", "--image", &from, "--policy", "good.yaml"]).ends(0);
}

#[test]
fn a_list_and_the_tags_of_a_repository_are_promoted_each_with_its_own_outcome() {
    let (room, registry, from) = signed();
    let host = registry.host();
    pushed(&registry, "unsigned");
    room.write(
        "list.txt",
        format!("# release\n{from} {host}/qa/app\n{host}/unsigned:1.0 {host}/qa/unsigned\n{host}/missing:1.0 {host}/qa/missing\n"),
    );
    let done = room.run(&["promote", "--key", "p256.pub", "-o", "json", "--from", "list.txt"]).ends(1);
    let outcomes: Vec<_> = done
        .data()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["promoted", "refused", "failed"]);
    let done = done.says("1 failed, 1 promoted, 1 refused");
    drop(done);
    assert_eq!((registry.tags("qa/unsigned").len(), registry.tags("qa/missing").len()), (0, 0));
    let digest = registry.manifest("app", "1.0").unwrap().digest;
    for tag in ["v1", "v2", "old"] {
        registry.tag("app", tag, &digest);
    }
    let repositories = [format!("{host}/app"), format!("{host}/all")];
    let [app, all] = repositories.each_ref().map(String::as_str);
    room.run(&["promote", "--key", "p256.pub", "--tags", "v*", app, all]).ends(0).says("2 promoted");
    let tags =
        || registry.tags("all").into_iter().filter(|tag| !tag.starts_with("sha256-")).collect::<Vec<_>>();
    assert_eq!(tags(), ["v1", "v2"]);
    room.run(&["promote", "--key", "p256.pub", "--all-tags", app, all])
        .ends(0)
        .says("2 promoted, 2 unchanged");
    assert_eq!(tags(), ["1.0", "old", "v1", "v2"]);
    room.run(&["promote", "--key", "p256.pub", "--tags", "x*", app, all])
        .ends(2)
        .says("no tag of the source");
    room.run(&["promote", "--key", "p256.pub", "--all-tags", &from, all]).ends(2);
}

#[test]
fn the_decision_is_signed_where_a_key_is_given() {
    let (room, registry, from) = signed();
    room.write("ci.key", fixtures::private_key_pem("p384"));
    room.write("ci.pub", fixtures::public_key_pem("p384"));
    room.write("ci.password", fixtures::password("p384"));
    let to = registry.image("qa/app", "1.0");
    let flags =
        ["--vsa-key", "ci.key", "--password-file", "ci.password", "--verifier-id", "https://ci.example.com"];
    let done = room.run(&[&["promote", "--key", "p256.pub"][..], &flags, &[&from, &to]].concat()).ends(0);
    drop(done.says("verification summary: signed"));
    let kind = "https://slsa.dev/verification_summary/v1";
    let verify = ["verify-attestation", "--key", "ci.pub", "--type", kind, &to];
    assert!(room.ok(&verify).contains("payload"));
    room.run(&["promote", "--key", "p256.pub", "--vsa-key", "ci.key", &from, &to])
        .ends(2)
        .says("--verifier-id");
}
