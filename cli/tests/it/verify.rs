//! `verify`: what is said of an image that cannot be looked at.

use serde_json::Value;
use waxseal_testkit::{Match, Registry};

use crate::room::{Room, image, refusal};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn an_image_that_cannot_be_looked_at_is_undecided_in_the_record_too() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let (missing, denied) = (registry.image("app", "2.0"), registry.image("secret", "1.0"));
    registry.rule(Match::path("/v2/secret/"), refusal(403, "DENIED", "not for \u{1b}[31myou"));
    for (images, exit, verdicts) in [
        (&[&name][..], 0, &["admit"][..]),
        (&[&missing], 3, &["undecided"]),
        (&[&name, &missing, &denied, &name], 3, &["admit", "undecided", "undecided", "admit"]),
    ] {
        let images: Vec<_> = images.iter().map(|name| name.as_str()).collect();
        let run =
            room.verify(images[0], &[&["-o", "verdict", "--verdict-file", "v"][..], &images[1..]].concat());
        let run = run.ends(exit);
        assert_eq!(room.text("v"), run.data());
        let records = lines(run.data());
        let said: Vec<_> = records.iter().map(|record| record["verdict"].as_str().unwrap()).collect();
        // The first image stands last on the line that was typed.
        let mut expected = verdicts[1..].to_vec();
        expected.push(verdicts[0]);
        assert_eq!(said, expected);
        for record in records {
            assert_eq!(record["schema"], "waxseal/verdict/v1");
            assert_eq!(record["requirements"][0]["met"], record["verdict"] == "admit");
            if record["verdict"] == "undecided" {
                assert!(record.get("digest").is_none(), "{record}");
                assert!(images.contains(&record["subject"].as_str().unwrap()), "{record}");
                assert_eq!(record["nearestMiss"]["code"], "unreadable");
                assert_eq!(record["signatures"], serde_json::json!([]));
            }
        }
    }
    // For people it stands on stderr.
    let run = room.verify(&missing, &["-o", "text"]).ends(3).says("undecided").says("[not-found]");
    run.prints_nothing();
}

#[test]
fn a_blob_that_cannot_be_read_is_undecided_in_the_record_too() {
    let room = Room::with(&["cosign/keys/p256.pub"]);
    room.write("sig", "");
    room.write("blob", "a blob");
    let verify = |blob: &str| {
        room.run(&["verify-blob", "--key", "p256.pub", "--signature", "sig", "-o", "verdict", blob])
    };
    assert_eq!(verify("blob").ends(1).json()["verdict"], "refuse");
    let record = verify("missing").ends(3).says("[io]").json();
    assert_eq!((&record["verdict"], &record["subject"]), (&"undecided".into(), &"missing".into()));
    assert_eq!(record["nearestMiss"]["code"], "unreadable");
}

/// Rule T2: as of a past moment, and never as of one that is still to come.
#[test]
fn t2_a_verdict_as_of_a_past_moment() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let (then, since) = ("2026-01-02T03:04:05Z", "2026-01-03T00:00:00+02:00");
    let record = room.verify(&name, &["--at", since, "-o", "verdict"]).ends(0).json();
    assert_eq!(record["time"], "2026-01-02T22:00:00Z");
    assert!(record["lookingBackFrom"].as_str().is_some_and(|present| present > "2026-01-03"), "{record}");
    let record = room.verify(&name, &["-o", "verdict"]).ends(0).json();
    assert!(record.get("lookingBackFrom").is_none(), "{record}");
    room.verify(&name, &["--at", then]).ends(0).says("as of:    2026-01-02T03:04:05Z (revocations as of ");
    room.verify(&name, &["--at", "9000-01-01T00:00:00Z"]).ends(2).says("still to come").prints_nothing();
    for no_moment in ["yesterday", "2026-01-02", "2026-01-02T03:04:05", ""] {
        room.verify(&name, &["--at", no_moment]).ends(2).says("a time with its zone").prints_nothing();
    }

    let [key, public, password] = room.keys("p256");
    let scan = format!(r#"{{"metadata":{{"scanFinishedOn":"{then}"}}}}"#);
    room.write("scan.json", scan);
    let attest = ["attest", "--key", &key, "--password-file", &password, "--type", "vuln"];
    room.ok(&[&attest[..], &["--predicate", "scan.json", &name]].concat());
    let at = |time: &str, exit| {
        let verify = ["verify-attestation", "--key", &public, "--type", "vuln", "--max-age", "1d"];
        room.run(&[&verify[..], &["--at", time, &name]].concat()).ends(exit)
    };
    at(then, 0);
    at("2026-01-02T03:04:04Z", 1).says("later-material").prints_nothing();
    at("2026-01-03T03:04:05Z", 0);
    at("2026-01-03T03:04:06Z", 1).says("too-old").prints_nothing();
}
