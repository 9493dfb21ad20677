//! Where passwords come from, which one counts, and what a wrong one gives away.

use crate::room::{Room, Run};

/// A room with a key whose password is `example`, one with the empty password, and a blob.
fn room() -> Room {
    let room = Room::with(&["cosign/keys/p256.key", "cosign/keys/p256.pub", "cosign/keys/p256-empty.key"]);
    room.write("blob", "a blob");
    room
}

const SIGN: &[&str] = &["sign-blob", "--key", "p256.key", "blob"];
const SIGN_EMPTY: &[&str] = &["sign-blob", "--key", "p256-empty.key", "blob"];

fn with(room: &Room, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    room.end(room.waxseal().envs(variables.iter().copied()).args(arguments))
}

#[test]
fn a_password_comes_from_each_source() {
    let room = room();
    room.write("password", "example\n");
    room.write("windows", "example\r\n");
    let signature = with(&room, &[("COSIGN_PASSWORD", "example")], SIGN).ends(0).stdout;
    for (variables, extra, input) in [
        (&[("WAXSEAL_PASSWORD", "example")][..], &[][..], ""),
        (&[], &["--password-file", "password"], ""),
        (&[], &["--password-file", "windows"], ""),
        (&[], &["--password-fd", "0"], "example\n"),
        (&[], &[], "example\n"),
        (&[], &[], "example"),
        // The nearer source counts.
        (&[("WAXSEAL_PASSWORD", "example"), ("COSIGN_PASSWORD", "canary")], &[], "canary\n"),
        (&[("WAXSEAL_PASSWORD", "canary")], &["--password-file", "password"], "canary\n"),
    ] {
        let mut command = room.waxseal();
        command.envs(variables.iter().copied()).args(SIGN).args(extra).write_stdin(input);
        assert_eq!(room.end(&mut command).ends(0).stdout, signature, "{variables:?} {extra:?} {input:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_password_comes_on_an_open_descriptor() {
    let room = room();
    room.write("password", "example");
    room.end(&mut room.shell("waxseal sign-blob --key p256.key --password-fd 7 blob 7<password")).ends(0);
    room.end(&mut room.shell("waxseal sign-blob --key p256.key --password-fd 7 blob"))
        .ends(4)
        .says("/dev/fd/7");
}

#[test]
fn the_empty_password_is_given_on_purpose() {
    let room = room();
    with(&room, &[("COSIGN_PASSWORD", "")], SIGN_EMPTY).ends(0);
    with(&room, &[("WAXSEAL_PASSWORD", ""), ("COSIGN_PASSWORD", "canary")], SIGN_EMPTY).ends(0);
    room.pipe("\n", SIGN_EMPTY).ends(0);
    // A pipeline that forgot its secret is told so, and makes no key that is open to everybody.
    room.run(SIGN_EMPTY).ends(4).says("none was given").says("WAXSEAL_PASSWORD").prints_nothing();
    room.run(&["generate-key-pair"]).ends(4).says("none was given");
    assert!(!room.names().contains(&"cosign.key".to_owned()));
    with(&room, &[("COSIGN_PASSWORD", "")], &["generate-key-pair"]).ends(0);
    with(&room, &[("COSIGN_PASSWORD", "")], &["sign-blob", "--key", "cosign.key", "blob"]).ends(0);
}

#[test]
fn a_wrong_password_and_a_damaged_file_are_told_in_the_same_words() {
    let room = room();
    let wrong = with(&room, &[("COSIGN_PASSWORD", "canary")], SIGN).ends(4).says("[key]").prints_nothing();
    // One character of the ciphertext, which stands in the last lines.
    let mut lines: Vec<String> = room.text("p256.key").lines().map(str::to_owned).collect();
    let at = lines.len() - 4;
    let changed = if lines[at].starts_with('M') { "N" } else { "M" };
    lines[at].replace_range(0..1, changed);
    room.write("p256.key", lines.join("\n"));
    let damaged = with(&room, &[("COSIGN_PASSWORD", "example")], SIGN).ends(4);
    assert_eq!(wrong.stderr, damaged.stderr);
}

#[test]
fn standard_input_that_brings_something_else_brings_no_password() {
    let room = room();
    room.pipe("example\n", &["sign-blob", "--key", "p256.key", "-"]).ends(2).says("--password-file");
    room.pipe(room.read("p256.key"), &["sign-blob", "--key", "-", "blob"]).ends(2).says("--password-file");
    room.pipe(room.read("p256.key"), &["sign-blob", "--key", "-", "-"]).ends(2).says("standard input");
    room.pipe("blob", &["sign-blob", "--key", "p256.key", "-", "-"]).ends(2).says("standard input");
    let mut command = room.waxseal();
    command.env("COSIGN_PASSWORD", "example").args(["sign-blob", "--key", "-", "blob"]);
    room.end(command.write_stdin(room.read("p256.key"))).ends(0);
    room.pipe("blob", &["verify-blob", "--key", "-", "--signature", "sig", "-"])
        .ends(2)
        .says("standard input");
    let (file, key) = ("app.sig", "p256.pub");
    room.write(file, "");
    for twice in [
        &["sign", "--key", "-", "--key", "-", "oci:app"][..],
        &["sign", "--key", "-", "--registry-username", "robot", "--registry-password-stdin", "oci:app"][..],
        &["verify", "--key", "-", "--key", "-", "oci:app"][..],
        &["verify", "--key", "-", "--registry-username", "robot", "--registry-password-stdin", "oci:app"][..],
        &["attach", "signature", "--key", "-", "--payload", file, "--signature", "-", "oci:app"][..],
    ] {
        room.pipe("canary", twice).ends(2).says("standard input can be one thing only").prints_nothing();
    }
    room.pipe("", &["attach", "signature", "--key", key, "--payload", file, "--signature", "-", "oci:app"])
        .ends(2)
        .says("the signature is empty");
}

#[test]
fn verifying_asks_for_no_password() {
    let room = room();
    room.write("sig", "");
    let verify = |key| {
        with(
            &room,
            &[("COSIGN_PASSWORD", "example")],
            &["verify-blob", "--key", key, "--signature", "sig", "blob"],
        )
    };
    verify("p256.key").ends(4).says("a public key is expected");
    verify("p256.pub").ends(1).says("missing-signature");
}

#[test]
fn a_password_has_no_flag_of_its_own() {
    let room = room();
    room.run(&["sign-blob", "--key", "p256.key", "--password=canary", "blob"]).ends(2).says("--password");
    room.write("long", vec![b'x'; 1 << 20]);
    room.run(&["sign-blob", "--key", "p256.key", "--password-file", "long", "blob"])
        .ends(4)
        .says("too large");
    room.pipe(vec![b'x'; 1 << 20], SIGN).ends(4).says("too long");
}

#[test]
fn a_file_of_the_configuration_that_is_missing_is_a_bad_configuration() {
    let room = room();
    room.run(&["sign-blob", "--key", "p256.key", "--password-file", "missing", "blob"])
        .ends(4)
        .says("missing cannot be read")
        .says("[configuration]");
    room.run(&["import-key-pair", "--key", "p256.key", "--import-password-file", "missing"]).ends(4);
    for flag in ["--registry-cacert", "--registry-client-cert"] {
        let mut line = vec!["verify", "--key", "p256.pub", flag, "missing", "registry.example.com/app:1.0"];
        if flag == "--registry-client-cert" {
            line.extend(["--registry-client-key", "missing"]);
        }
        room.run(&line).ends(4).says("missing cannot be read");
    }
    // What was to be judged is no configuration.
    room.run(&["verify-blob", "--key", "p256.pub", "--signature", "missing.sig", "blob"]).ends(3);
    room.run(&["verify-blob", "--key", "p256.pub", "--bundle", "missing.json", "blob"]).ends(3);
}
