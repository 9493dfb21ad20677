//! `verify-attestation`, `verify-blob-attestation` and `download attestation`, as a user meets them.

use serde_json::Value;
use waxseal_core::encoding::base64_decode;
use waxseal_testkit::{IndexBuilder, Registry, fixtures};

use crate::room::{Room, Run, image};

/// A room with two keys, and an image in a registry.
fn room() -> (Room, Registry, String) {
    let (room, registry) = (Room::new(), Registry::start());
    for name in ["p521", "p384"] {
        room.write(&format!("{name}.key"), fixtures::plain_private_key_pem(name));
        room.write(&format!("{name}.pub"), fixtures::public_key_pem(name));
    }
    let name = image(&registry);
    (room, registry, name)
}

fn attest(room: &Room, name: &str, kind: &str, predicate: &str, more: &[&str]) {
    room.write("predicate", predicate);
    let fixed = ["attest", "--key", "p521.key", "--type", kind, "--predicate", "predicate", name];
    room.run(&[&fixed[..], more].concat()).ends(0);
}

fn verify(room: &Room, name: &str, kind: &str, more: &[&str]) -> Run {
    room.run(&[&["verify-attestation", "--key", "p521.pub", "--type", kind, name][..], more].concat())
}

fn predicate(line: &str) -> String {
    let envelope: Value = serde_json::from_str(line).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    String::from_utf8(base64_decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

/// 2^53 + 1, which no float holds.
const BIG: &str = r#"{ "n": 9007199254740993 }"#;

#[test]
fn what_was_attested_is_printed_once_and_untouched() {
    let (room, _registry, name) = room();
    attest(&room, &name, "cyclonedx", BIG, &[]);
    // Both formats stand there; one claim is one line.
    let ran =
        verify(&room, &name, "cyclonedx", &[]).ends(0).says_each(&["admitted", "attested: cyclonedx by"]);
    assert_eq!(ran.data().lines().count(), 1);
    assert!(predicate(ran.data()).contains(BIG));
    attest(&room, &name, "cyclonedx", r#"{"second":true}"#, &[]);
    assert_eq!(verify(&room, &name, "cyclonedx", &[]).ends(0).data().lines().count(), 2);
    for format in ["legacy", "bundle"] {
        let ran = verify(&room, &name, "cyclonedx", &["--format", format]).ends(0);
        assert_eq!(ran.data().lines().count(), 2);
    }
    let text = verify(&room, &name, "cyclonedx", &["-o", "text"]).ends(0);
    assert!(text.data().contains("attested: cyclonedx by"));
    let verdict = verify(&room, &name, "cyclonedx", &["-o", "verdict"]).ends(0).json();
    assert_eq!(verdict["verdict"], "admit");
    assert_eq!(verdict["attestations"][0]["predicateType"], "https://cyclonedx.org/bom");
    // A link by cosign's name, with cosign's flags.
    let line = format!(
        "ln -s \"$(command -v waxseal)\" cosign && ./cosign verify-attestation --insecure-ignore-tlog --offline --check-claims=true -o text --key p521.pub --type cyclonedx {name}"
    );
    assert_eq!(room.end(&mut room.shell(&line)).ends(0).data().lines().count(), 2);
}

#[test]
fn what_is_refused_says_why() {
    let (room, _registry, name) = room();
    verify(&room, &name, "cyclonedx", &[]).ends(1).says("no-attestation").prints_nothing();
    attest(&room, &name, "cyclonedx", "{}", &[]);
    verify(&room, &name, "vuln", &[]).ends(1).says("predicate-type-mismatch").prints_nothing();
    verify(&room, &name, "custom", &["--key", "p384.pub"]).ends(1);
    room.run(&["verify-attestation", "--key", "p384.pub", "--type", "cyclonedx", &name])
        .ends(1)
        .prints_nothing();
    // A signature is no attestation, nor the other way round.
    room.run(&["verify", "--key", "p521.pub", &name]).ends(1).says("predicate-type-mismatch");
    let verdict = verify(&room, &name, "vuln", &["-o", "verdict"]).ends(1).json();
    assert_eq!(verdict["verdict"], "refuse");
    assert_eq!(verdict["nearestMiss"]["code"], "predicate-type-mismatch");
}

#[test]
fn a_signed_image_without_an_attestation() {
    let (room, _registry, name) = room();
    room.run(&["sign", "--key", "p521.key", &name]).ends(0);
    verify(&room, &name, "cyclonedx", &[]).ends(1).says("image-signature").prints_nothing();
}

#[test]
fn what_cannot_be_asked_for_is_a_mistake() {
    let (room, _registry, name) = room();
    for (more, says) in [
        (&["--policy", "p.rego"][..], "opa eval"),
        (&["--policy=p.cue"], "not evaluated here"),
        (&["--type", "cyclone-dx"], "cyclonedx"),
        (&["--type", "https://sigstore.dev/cosign/sign/v1"], "image signatures"),
        (&["--check-claims=false"], "says nothing about it"),
        (&["--max-age", "7y"], "7d"),
    ] {
        verify(&room, &name, "custom", more).ends(2).says(says).prints_nothing();
    }
    verify(&room, &name, "link", &["--max-age", "7d"])
        .ends(4)
        .says("no member of its predicate")
        .prints_nothing();
}

#[test]
fn the_newest_scan_is_judged() {
    let (room, _registry, name) = room();
    let scan = |time: &str| {
        format!(r#"{{"scanner":{{"uri":"pkg:generic/x@1"}},"metadata":{{"scanFinishedOn":"{time}"}}}}"#)
    };
    let time = |hours: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
    attest(&room, &name, "vuln", &scan(&time(100)), &[]);
    verify(&room, &name, "vuln", &["--max-age", "4d"]).ends(1).says("too-old");
    let newer = time(1);
    attest(&room, &name, "vuln", &scan(&newer), &[]);
    let ran = verify(&room, &name, "vuln", &["--max-age", "4d"]).ends(0).says("result: not judged");
    assert_eq!(ran.data().lines().count(), 1);
    assert!(predicate(ran.data()).contains(&newer));
    attest(&room, &name, "vuln", "{}", &[]);
    verify(&room, &name, "vuln", &[]).ends(1).says("time-missing");
}

#[test]
fn a_platform_has_attestations_of_its_own() {
    let (room, registry, _) = room();
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build().push_to(&registry, "index", "1.0");
    let name = registry.image("index", "1.0");
    attest(&room, &name, "cyclonedx", "{}", &[]);
    verify(&room, &name, "cyclonedx", &[]).ends(0);
    let arm = ["--platform", "linux/arm64"];
    verify(&room, &name, "cyclonedx", &arm).ends(1).says("--inherit").prints_nothing();
    verify(&room, &name, "cyclonedx", &[&arm[..], &["--inherit"]].concat()).ends(0);
    verify(&room, &name, "cyclonedx", &["--all-platforms"]).ends(1).says("--inherit");
    attest(&room, &name, "cyclonedx", "{}", &arm);
    verify(&room, &name, "cyclonedx", &arm).ends(0);
    room.run(&["download", "attestation", "--platform", "linux/arm64", &name]).ends(0);
    room.run(&["download", "attestation", "--platform", "linux/amd64", &name]).ends(1).prints_nothing();
}

#[test]
fn downloads_envelopes_and_no_signatures() {
    let (room, _registry, name) = room();
    room.run(&["sign", "--key", "p521.key", &name]).ends(0);
    let download = |more: &[&str]| room.run(&[&["download", "attestation", &name][..], more].concat());
    download(&[]).ends(1).prints_nothing();
    attest(&room, &name, "cyclonedx", BIG, &[]);
    let ran = download(&[]).ends(0).says_each(&["2 attestations", "nothing is verified"]);
    assert_eq!(ran.data().lines().count(), 2);
    assert!(ran.data().lines().all(|line| predicate(line).contains(BIG)));
    assert_eq!(download(&["--format", "bundle"]).ends(0).data().lines().count(), 1);
    download(&["--predicate-type", "cyclonedx"]).ends(0);
    download(&["--predicate-type", "vuln"]).ends(1).prints_nothing();
    download(&["--predicate-type", "no type"]).ends(2).prints_nothing();
}

#[test]
fn every_attestation_of_a_blob_that_cosign_made_is_verified() {
    let mut seen = 0;
    for case in fixtures::blobs() {
        let Some(kind) = case.attestation_type.clone() else { continue };
        seen += 1;
        let room = Room::new();
        room.write("key.pub", fixtures::public_key_pem(&case.key));
        room.write("evidence", case.signature());
        room.write("blob", case.bytes());
        room.write("other", "another blob");
        let flag = if case.file.contains(".att.sig") { "--signature" } else { "--bundle" };
        let verify = |kind: &str, more: &[&str]| {
            let fixed = ["verify-blob-attestation", "--key", "key.pub", "--type", kind, flag, "evidence"];
            room.run(&[&fixed[..], more].concat())
        };
        verify(&kind, &["blob"]).ends(0).says("Verified OK").prints_nothing();
        let run = verify(&kind, &["other"]).ends(1).says("subject-mismatch").prints_nothing();
        assert!(!run.stderr.contains("Verified OK"));
        verify("custom", &["blob"]).ends(1).says("predicate-type-mismatch").prints_nothing();
        let digest = waxseal_core::Digest::of(case.bytes());
        for named in
            [&["--digest", &digest.hex()][..], &["--digest", &digest.to_string()], &[&digest.to_string()]]
        {
            verify(&kind, named).ends(0).says_each(&["Verified OK", "from the command line"]);
        }
        verify(&kind, &["--digest", &digest.hex(), "--digestAlg", "sha512"]).ends(2);
        let line = verify(&kind, &["-o", "envelope", "blob"]).ends(0);
        assert!(predicate(line.data()).contains("CVE-2024-0001"));
    }
    assert_eq!(seen, 10);
}

#[test]
fn two_keys_over_one_statement_about_a_blob() {
    let (room, _registry, _) = room();
    room.write("blob", "a blob");
    room.write("predicate", "text");
    for name in ["p521", "p384"] {
        let key = format!("{name}.key");
        room.run(&[
            "attest-blob",
            "--key",
            &key,
            "--type",
            "https://example.com/review/v1",
            "--predicate",
            "p",
            "--bundle",
            name,
            "blob",
        ])
        .ends(3);
        room.write("p", "{}");
        room.run(&[
            "attest-blob",
            "--key",
            &key,
            "--type",
            "https://example.com/review/v1",
            "--predicate",
            "p",
            "--bundle",
            name,
            "blob",
        ])
        .ends(0);
        std::fs::remove_file(room.path("p")).unwrap();
    }
    let verify = |bundles: &[&str]| {
        let fixed = [
            "verify-blob-attestation",
            "--key",
            "p521.pub",
            "--key",
            "p384.pub",
            "--threshold",
            "2",
            "--type",
            "https://example.com/review/v1",
            "blob",
        ];
        room.run(&[&fixed[..], bundles].concat())
    };
    verify(&["--bundle", "p521", "--bundle", "p384"]).ends(0).says("Verified OK");
    verify(&["--bundle", "p521", "--bundle", "p521"]).ends(1).says("threshold-not-met");
}

/// Rules N5 and Y6: what a scan says is worth as much as it is recent, and flags that limit nothing admit everything.
#[test]
fn flags_about_scans_that_cannot_be_meant() {
    let room = Room::new();
    let [_, public, _] = room.keys("p256");
    let verify = |more: &[&str]| {
        let first = ["verify-attestation", "--key", &public, "--type", "scan"];
        room.run(&[&first, more, &["oci:nothing"]].concat())
    };
    verify(&["--max-severity", "High"]).ends(2).says("--max-age unlimited");
    for counted in [
        &["--only-fixable"][..],
        &["--scanner", "Trivy"],
        &["--severity-source", "max"],
        &["--ignore", "CVE-1,2099-01-01,why"],
        &["--grace", "3,published"],
    ] {
        verify(&[&["--max-age", "7d"], counted].concat()).ends(2).says("limit none of them");
        verify(&[&["--max-age", "7d", "--max-severity", "High"], counted].concat()).ends(3);
    }
    for (wrong, said) in [
        (["--max-severity", "Hgih"], "expected Critical"),
        (["--max-count", "High"], "High=3"),
        (["--max-count", "Unknown=0"], "unknownSeverityAs"),
        (["--ignore", "CVE-1"], "ID,DAY,REASON"),
        (["--ignore", "CVE-1,soon,why"], "2026-12-31"),
        (["--grace", "3"], "14,published"),
        (["--severity-source", "guess"], "expected scanner"),
    ] {
        verify(&[&["--max-age", "7d", "--max-severity", "High"][..2], &wrong].concat()).ends(2).says(said);
    }
}

/// Rule Y5, as flags: only what is true passes, and what is no condition is said before anything is looked at.
#[test]
fn a_condition_on_what_a_statement_says() {
    let (room, _registry, name) = room();
    let kind = "https://in-toto.io/attestation/test-result/v0.1";
    attest(&room, &name, kind, r#"{"result":"PASSED","failedTests":[]}"#, &[]);
    let condition = r#"predicate.result == "PASSED" && size(predicate.failedTests) == 0"#;
    verify(&room, &name, kind, &["--where", condition]).ends(0).says(&format!("where {condition}"));
    verify(&room, &name, kind, &["--where", r#"predicate.result == "FAILED""#])
        .ends(1)
        .says_each(&["condition-not-met", r#"expected predicate.result == "FAILED", found it is false"#]);
    verify(&room, &name, kind, &["--where", "true", "--where", "predicate.passed"])
        .ends(1)
        .says_each(&["condition-error", r#"there is no "passed""#]);
    // Without one, the result is not looked at, and the output says so.
    verify(&room, &name, kind, &["-o", "text"]).ends(0);
    assert!(verify(&room, &name, kind, &["-o", "text"]).ends(0).data().contains("result: not judged"));
    verify(&room, "oci:nothing", kind, &["--where", "predicate.result = 1"])
        .ends(2)
        .says_each(&["one = where two are meant", "docs/conditions.md"]);
    verify(&room, "oci:nothing", kind, &["--where", "result == 1"]).ends(2).says("predicateType");
}

/// Every example of the page is a condition, and every table row of its functions is one that is known.
#[test]
fn the_page_about_conditions_can_be_typed() {
    let page = include_str!("../../../docs/conditions.md");
    let examples = page.split("```cel\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(examples.lines().count() > 5);
    for line in examples.lines() {
        waxseal_core::policy::Condition::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}
