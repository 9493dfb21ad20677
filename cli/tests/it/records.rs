//! `--record`, `record verify`, `policy sign` and `--policy-key`, as a user meets them.

use serde_json::Value;
use waxseal_testkit::{Registry, fixtures};

use crate::policies::policy;
use crate::room::{Room, Run, image};

/// A room with a policy by the key p256, and keys of somebody who signs policies and records.
fn room(registry: &Registry, serial: u64) -> Room {
    let room = Room::new();
    write(&room, registry, serial);
    room.write("keys/release.pub", fixtures::public_key_pem("p256"));
    for name in ["p384", "p521"] {
        room.write(&format!("{name}.key"), fixtures::plain_private_key_pem(name));
        room.write(&format!("{name}.pub"), fixtures::public_key_pem(name));
    }
    room
}

fn write(room: &Room, registry: &Registry, serial: u64) {
    room.write("policy.yaml", policy(registry).replace("keys:\n", &format!("serial: {serial}\nkeys:\n")));
}

fn record(room: &Room, name: &str, more: &[&str]) -> Run {
    room.run(&[&["verify", "--policy", "policy.yaml", "--record", "record.json", name], more].concat())
}

fn replay(room: &Room, more: &[&str]) -> Run {
    let fixed =
        ["--offline", "record", "verify", "record.json", "--image", "oci:archive", "--policy", "policy.yaml"];
    room.run(&[&fixed[..], more].concat())
}

/// What stands on stdout.
trait Shows {
    fn shows(self, words: &str) -> Self;
}

impl Shows for Run {
    fn shows(self, words: &str) -> Self {
        assert!(self.data().contains(words), "{words:?}\n{self}");
        self
    }
}

fn saved(room: &Room, name: &str) {
    room.run(&["save", "--dir", "archive", name]).ends(0);
}

#[test]
fn a_decision_is_recorded_and_replayed_without_a_network() {
    let registry = Registry::start();
    let room = room(&registry, 3);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    record(&room, &name, &[]).ends(0);
    let written: Value = serde_json::from_str(&room.text("record.json")).unwrap();
    assert_eq!(written["schema"], "waxseal/record/v1");
    assert_eq!(written["verdict"]["schema"], "waxseal/verdict/v1");
    assert_eq!(written["policy"]["serial"], 3);
    assert_eq!(written["policy"]["keys"][0]["name"], "release");
    assert_eq!(written["evidence"].as_array().unwrap().len(), 2);
    saved(&room, &name);
    replay(&room, &[]).ends(0).says("not signed").shows("the same decision");
    let same = replay(&room, &["-o", "json"]).ends(0).json();
    assert_eq!((&same["same"], &same["replayed"]), (&true.into(), &"admit".into()));
    // Another policy is another decision.
    room.write("keys/release.pub", fixtures::public_key_pem("p384"));
    let run = replay(&room, &[]).ends(1).shows("NOT the same decision");
    assert!(run.data().contains("policy.digest: recorded"), "{run}");
    // A record that somebody has changed.
    room.write("keys/release.pub", fixtures::public_key_pem("p256"));
    room.write(
        "record.json",
        room.text("record.json").replace("\"keyName\":\"release\"", "\"keyName\":\"root\""),
    );
    replay(&room, &[])
        .ends(1)
        .shows("verdict.signatures: no longer")
        .shows("the same outcome, but not by the same");
}

/// A refusal is recorded too, and an image that cannot be looked at.
#[test]
fn what_was_not_admitted_is_recorded_too() {
    let registry = Registry::start();
    let room = room(&registry, 1);
    let name = image(&registry);
    record(&room, &name, &[]).ends(1);
    saved(&room, &name);
    replay(&room, &[]).ends(0).shows("recorded: refuse");
    room.sign("p256", &name, &[]);
    saved(&room, &name);
    let run = replay(&room, &[]).ends(1);
    assert!(run.data().contains("evidence: only now"), "{run}");
    record(&room, &registry.image("team/none", "1.0"), &[]).ends(3);
    replay(&room, &[]).ends(1).shows("nothing was decided");
    // A policy is needed: a record says by which one.
    room.run(&["verify", "--key", "p384.pub", "--record", "r.json", &name]).ends(2).says("--policy");
}

/// A record of an image that the archive does not have does not silence the others.
#[test]
fn a_record_that_cannot_be_replayed_does_not_end_the_command() {
    let registry = Registry::start();
    let room = room(&registry, 1);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    record(&room, &name, &[]).ends(0);
    saved(&room, &name);
    let good = room.text("record.json");
    let mut other: Value = serde_json::from_str(&good).unwrap();
    other["image"]["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    other["image"]["name"] = "registry.example.com/other:1".into();
    let mut future: Value = serde_json::from_str(&good).unwrap();
    future["time"] = "2999-01-01T00:00:00Z".into();
    let mut refused: Value = serde_json::from_str(&good).unwrap();
    refused["verdict"]["verdict"] = "refuse".into();
    let lines = |lines: &[&Value]| {
        let lines: Vec<_> = lines.iter().map(ToString::to_string).chain([good.trim().to_owned()]).collect();
        room.write("record.json", lines.join("\n"));
    };
    lines(&[&other]);
    let run = replay(&room, &[]).ends(3).says("registry.example.com/other:1 cannot be replayed");
    assert_eq!(run.shows("the same decision").data().matches("recorded: admit").count(), 1);
    lines(&[&other, &refused]);
    replay(&room, &[]).ends(1).shows("NOT the same decision").shows(": the same decision");
    lines(&[&future, &refused, &other]);
    let run = replay(&room, &[]).ends(4).says_each(&["still to come", "other:1 cannot be replayed"]);
    run.shows(": the same decision");
}

#[test]
fn a_record_is_signed_and_counts_by_its_key() {
    let registry = Registry::start();
    let room = room(&registry, 1);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    record(&room, &name, &["--record-key", "p384.key"]).ends(0);
    let written: Value = serde_json::from_str(&room.text("record.json")).unwrap();
    assert_eq!(written["payloadType"], "application/vnd.waxseal.record.v1+json");
    saved(&room, &name);
    replay(&room, &["--record-key", "p384.pub"]).ends(0).shows("the same decision");
    replay(&room, &["--record-key", "p521.pub"]).ends(1).says("record-not-signed");
    replay(&room, &[]).ends(2).says("--record-key");
    room.write("record.json", "{}");
    replay(&room, &[]).ends(4).says("the record cannot be read");
}

#[test]
fn y7_a_policy_is_signed_and_does_not_go_back() {
    let registry = Registry::start();
    let room = room(&registry, 2);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let verify = |more: &[&str]| {
        room.run(&[&["verify", "--policy", "policy.yaml", "--policy-key", "p384.pub", &name], more].concat())
    };
    verify(&[]).ends(4).says_each(&["policy-not-signed", "no signature can be read"]);
    let sign = |key: &str| room.run(&["policy", "sign", "policy.yaml", "--key", key]).ends(0);
    sign("p384.key").says("serial 2");
    verify(&[]).ends(0);
    verify(&["--policy-signature", "policy.yaml.sig.json"]).ends(0);
    // The text, a key that it names, and another signer.
    let text = room.text("policy.yaml");
    room.write("policy.yaml", format!("{text}\n"));
    verify(&[]).ends(4).says("another text was signed");
    room.write("policy.yaml", text);
    room.write("keys/release.pub", fixtures::public_key_pem("p521"));
    verify(&[]).ends(4).says("the key release is another one");
    room.write("keys/release.pub", fixtures::public_key_pem("p256"));
    sign("p521.key");
    verify(&[]).ends(4).says("does not count");
    // A newer one, and the older one again.
    write(&room, &registry, 3);
    sign("p384.key");
    verify(&[]).ends(0);
    write(&room, &registry, 2);
    sign("p384.key");
    verify(&[]).ends(4).says("a serial of 3 was seen, found 2");
    verify(&["--policy-serial-at-least", "2"]).ends(0);
    verify(&["--policy-serial-at-least", "3"]).ends(4).says("at least 3");
    room.write("policy.yaml", policy(&registry));
    room.run(&["policy", "sign", "policy.yaml", "--key", "p384.key"]).ends(4).says("serial: 1");
    // Nobody says which policy, or by whom.
    room.run(&["verify", "--policy-key", "p384.pub", "--key", "p384.pub", &name]).ends(2);
}

/// One key signs two policies: neither stands in the place of the other.
#[test]
fn y7_a_policy_is_the_one_that_is_meant() {
    let registry = Registry::start();
    let room = room(&registry, 2);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let verify = |more: &[&str]| {
        room.run(&[&["verify", "--policy", "policy.yaml", "--policy-key", "p384.pub", &name], more].concat())
    };
    let sign = || room.run(&["policy", "sign", "policy.yaml", "--key", "p384.key"]).ends(0);
    sign();
    verify(&[]).ends(0);
    let text = room.text("policy.yaml");
    let other = text.replace("serial: 2", "serial: 2\nname: dev");
    let other = other.lines().filter(|line| !line.starts_with("name: ") || *line == "name: dev");
    room.write("policy.yaml", other.collect::<Vec<_>>().join("\n"));
    sign().says("signed dev");
    verify(&[]).ends(4).says_each(&["policy-not-signed", "stood here, found \"dev\"", "--policy-name"]);
    let least = ["--policy-serial-at-least", "1", "--policy-name"];
    verify(&[&least[..], &["prod"]].concat()).ends(4).says("expected the policy \"prod\", found \"dev\"");
    verify(&[&least[..], &["dev"]].concat()).ends(0);
    verify(&[]).ends(4);
    verify(&["--policy-name", "dev"]).ends(0);
    verify(&[]).ends(0);
    room.run(&["verify", "--policy", "policy.yaml", "--policy-name", "dev", &name])
        .ends(2)
        .says("--policy-key");
}

/// The gate records each image that it decides about, and what it records is replayed.
#[test]
fn a_gate_records_what_it_decides() {
    let registry = Registry::start();
    let room = room(&registry, 1);
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    let other = registry.image("team/none", "1.0");
    let gate =
        |more: &[&str]| room.run(&[&["gate", "--record", "record.json", &name, &other], more].concat());
    gate(&["--policy", "policy.yaml"]).ends(3);
    let lines = room.text("record.json");
    let outcomes: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[0]["verdict"]["verdict"], "admit");
    assert_eq!(outcomes[1]["verdict"]["verdict"], "undecided");
    room.write("record.json", lines.lines().next().unwrap());
    saved(&room, &name);
    replay(&room, &[]).ends(0).shows("the same decision");
    gate(&["--key", "p384.pub"]).ends(2).says("give --policy FILE");
    room.run(&["gate", "--key", "p384.pub", "--policy-key", "p384.pub", &name]).ends(2).says("none decides");
    room.run(&["gate", "--policy", "policy.yaml", "--policy-key", "p384.pub", &name])
        .ends(4)
        .says("policy-not-signed");
}
