//! Where the data goes: stdout that nobody reads, a full disk, and the files that a command writes.

use std::process::Stdio;

use waxseal_testkit::{Match, Registry, fixtures};

use crate::room::{Room, Run, image, oci, refusal, small};

/// Runs the program with a stdout that nobody reads any more; the exit code and the talk.
fn closed(room: &Room, arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = room.process();
    let done = command.args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

/// A layout `app` with a small image, and a key pair with its password.
fn layout(room: &Room) -> (String, [String; 3]) {
    small("app").write_layout(&room.path("app"), "1.0");
    (oci(&room.path("app"), "1.0"), room.keys("p256"))
}

#[test]
fn a_reader_that_has_gone_leaves_the_exit_code_of_the_command() {
    let room = Room::new();
    let (name, [key, public, password]) = layout(&room);
    room.ok(&[
        "sign",
        "--key",
        &key,
        "--password-file",
        &password,
        "--bundle",
        "b",
        "--identity",
        "r.io/a",
        &name,
    ]);
    let [_, other, _] = room.keys("p256-other");
    // Refused, and done.
    let attach = ["attach", "signature", "-o", "json", "--bundle", "b", &name, "--key"];
    assert_eq!(closed(&room, &[&attach[..], &[&other]].concat()).0, Some(1));
    assert_eq!(closed(&room, &[&attach[..], &[&public]].concat()).0, Some(0));
    // Not all could be listed, and all could.
    let registry = Registry::start();
    let remote = image(&registry);
    assert_eq!(closed(&room, &["tree", &remote]).0, Some(0));
    registry.rule(Match::get("/referrers/"), refusal(403, "DENIED", "no"));
    assert_eq!(closed(&room, &["tree", &remote]).0, Some(3));
    // Not all could be removed.
    room.sign("p256", &remote, &["--format", "legacy"]);
    registry.clear_rules();
    registry.rule(Match::new("DELETE", ""), refusal(403, "DENIED", "no"));
    assert_eq!(closed(&room, &["clean", "-f", &remote]).0, Some(3));
    registry.clear_rules();
    assert_eq!(closed(&room, &["clean", "-f", &remote]).0, Some(0));
}

#[test]
fn a_reader_that_has_gone_stops_nothing_half_way() {
    let room = Room::new();
    let (name, [key, _, password]) = layout(&room);
    let keys = ["--key", key.as_str(), "--password-file", &password];
    let sign = ["sign", "--upload=false", "--bundle", "made.json", "--identity", "r.io/a", &name];
    assert_eq!(closed(&room, &[&sign[..], &keys].concat()).0, Some(0));
    assert!(room.text("made.json").contains("dsseEnvelope"));
    // The second file is missing, which the first line did not hide.
    room.write("blob", "a blob");
    assert_eq!(closed(&room, &[&["sign-blob", "blob", "missing"][..], &keys].concat()).0, Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_a_refusal_a_refusal() {
    let room = Room::new();
    let (name, [key, public, password]) = layout(&room);
    room.ok(&[
        "sign",
        "--key",
        &key,
        "--password-file",
        &password,
        "--bundle",
        "b",
        "--identity",
        "r.io/a",
        &name,
    ]);
    room.write("predicate", "{}");
    let attest =
        ["attest", "--predicate", "predicate", "--upload=false", "--bundle", "a", "--identity", "r.io/a"];
    room.ok(&[&attest[..], &["--key", &key, "--password-file", &password, &name]].concat());
    let [_, other, _] = room.keys("p256-other");
    let full = |line: String| room.end(&mut room.shell(&format!("{line} > /dev/full"))).says("[io]");
    for (key, verdict) in [(&other, 1), (&public, 3)] {
        full(format!("waxseal verify --key {key} -o verdict {name} {name}")).ends(verdict);
        full(format!("waxseal attach signature -o json --bundle b --key {key} {name}")).ends(verdict);
        full(format!("waxseal attach attestation -o json --attestation a --key {key} {name}")).ends(verdict);
    }
    room.write("blob", "a blob");
    room.ok(&["sign-blob", "--key", &key, "--password-file", &password, "--bundle", "c", "blob"]);
    for (key, verdict) in [(&other, 1), (&public, 3)] {
        full(format!("waxseal verify-blob --key {key} -o verdict --bundle c blob")).ends(verdict);
    }
}

#[test]
fn what_a_command_reads_is_never_what_it_writes() {
    let room = Room::new();
    let (name, _) = layout(&room);
    let (key, public, password) = ("p256.key", "p256.pub", "p256.password");
    let whole = room.path(key).display().to_string();
    let before = [room.text(key), room.text(public), room.text(password)];
    let secret = ["--key", key, "--password-file", password];
    let sign =
        |more: &[&str]| room.run(&[&["sign", "--identity", "r.io/a", &name][..], &secret, more].concat());
    let own = |more: &[&str]| room.run(&[&["public-key"][..], &secret, more].concat());
    let verify = |more: &[&str]| room.run(&[&["verify", "--key", public, &name][..], more].concat());
    let overwritten = |run: Run| run.ends(2).says("overwritten").prints_nothing();
    for file in [key, "./p256.key", whole.as_str(), "home/../p256.key", password] {
        overwritten(own(&["--outfile", file]));
        overwritten(own(&["--output-file", file]));
        for flag in ["--output-signature", "--output-payload", "--bundle"] {
            overwritten(sign(&[flag, file]));
        }
    }
    overwritten(sign(&["--output-signature", "new", "--output-payload", "./new"]));
    overwritten(sign(&["--output-payload", "new", "--bundle", "new"]));
    overwritten(sign(&["--output-signature", "new", "--output-file", "new"]));
    for flag in ["--verdict-file", "--output-file"] {
        overwritten(verify(&[flag, public]));
    }
    overwritten(verify(&["--verdict-file", "new", "--output-file", "./new"]));
    room.write("blob", "a blob");
    room.ok(&["sign-blob", "--key", key, "--password-file", password, "--bundle", "b", "blob"]);
    for read in ["blob", "b", public] {
        let line = ["verify-blob", "--key", public, "--bundle", "b", "--output-file", read, "blob"];
        overwritten(room.run(&line));
    }
    for read in ["b", public] {
        let line =
            ["attach", "attestation", "--key", public, "--attestation", "b", "--output-file", read, &name];
        overwritten(room.run(&line));
    }
    assert_eq!([room.text(key), room.text(public), room.text(password)], before);
    assert!(!room.path("new").exists());
    // Names of their own are written, over what stands there too.
    for _ in 0..2 {
        own(&["--outfile", "own.pub"]).ends(0);
        sign(&["--output-signature", "sig", "--output-payload", "payload", "--bundle", "bundle"]).ends(0);
        verify(&["--verdict-file", "verdict", "--output-file", "printed"]).ends(0).prints_nothing();
    }
    assert_eq!(room.text("own.pub"), before[1]);
}

#[test]
fn no_command_takes_the_place_of_a_private_key() {
    let room = Room::new();
    let (name, [key, public, password]) = layout(&room);
    let other = room.write("other.key", fixtures::private_key_pem("p384"));
    let before = room.text("other.key");
    let secret = ["--key", key.as_str(), "--password-file", &password];
    for line in [
        &["public-key", "--outfile", &other][..],
        &["public-key", "--output-file", &other],
        &["sign", "--output-signature", &other, &name],
        &["sign", "--output-file", &other, &name],
    ] {
        room.run(&[line, &secret].concat()).ends(2).says("private key").prints_nothing();
    }
    for flag in ["--verdict-file", "--output-file"] {
        room.run(&["verify", "--key", &public, flag, &other, &name])
            .ends(2)
            .says("private key")
            .prints_nothing();
    }
    room.run(&["version", "--output-file", &other]).ends(2).says("private key");
    assert_eq!(room.text("other.key"), before);
    // Nothing was signed on the way to the mistake.
    room.run(&["verify", "--key", &public, &name]).ends(1).says("no-signature");
    // A public key may be replaced.
    room.write("old.pub", fixtures::public_key_pem("p384"));
    room.run(&[&["public-key", "--outfile", "old.pub"][..], &secret].concat()).ends(0);
    assert_eq!(room.text("old.pub"), room.text("p256.pub"));
}

#[test]
fn a_file_for_stdout_holds_what_was_printed() {
    let room = Room::new();
    let (name, [_, public, _]) = layout(&room);
    let printed = room.run(&["verify", "--key", &public, "-o", "text", &name]).ends(1);
    room.write("out", "something much longer than what comes now\n".repeat(100));
    room.run(&["verify", "--key", &public, "-o", "text", "--output-file", "out", &name])
        .ends(1)
        .prints_nothing();
    assert_eq!(room.text("out"), printed.data());
    // What fails leaves nothing of an older run to be taken for its own.
    for more in [&["--key", "missing"][..], &["--key", "-", "--timeout", "200ms"]] {
        room.write("old", "{\"verdict\":\"admit\"}");
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = room.process();
        command.args(["verify", "--verdict-file", "old", &name]).args(more).stdin(reader);
        assert!(!command.output().unwrap().status.success());
        drop(writer);
        assert_eq!(room.text("old"), "", "{more:?}");
    }
    room.run(&["verify", "--key", "missing", "--output-file", "out", &name]).ends(4);
    assert_eq!(room.text("out"), "");
    let names = room.names();
    room.run(&["version", "--output-file", "missing/out"]).ends(3).says("missing/out").prints_nothing();
    assert_eq!(room.names(), names, "nothing stays behind");
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_of_an_output_is_not_followed() {
    let room = Room::new();
    let (name, [_, public, _]) = layout(&room);
    room.write("victim", "precious");
    std::os::unix::fs::symlink("victim", room.path("link")).unwrap();
    for flag in ["--output-file", "--verdict-file"] {
        let line = ["verify", "--key", public.as_str(), flag, "link", &name];
        room.run(&line).ends(2).says("symbolic link").prints_nothing();
        assert_eq!(room.text("victim"), "precious");
        let line = ["verify", "--key", public.as_str(), flag, "plain", &name];
        room.run(&line).ends(1);
        assert!(room.path("plain").exists());
        // The streams that a shell brings are links, but nobody else's.
        let line = format!("waxseal verify --key {public} -o verdict {flag} /dev/fd/7 {name} 7>> seven");
        room.write("seven", "before\n");
        room.end(&mut room.shell(&line)).ends(1);
        assert!(room.text("seven").starts_with("before\n{\"schema\":\"waxseal/verdict/v1\""), "{flag}");
    }
    room.run(&["version", "--output-file", "/dev/null"]).ends(0).prints_nothing();
    assert_eq!(
        room.end(&mut room.shell("waxseal version --output-file /dev/stdout")).ends(0).data(),
        room.ok(&["version"])
    );
}
