//! `--timeout`: it ends every command, those too that wait for something else than a network.

use std::time::{Duration, Instant};

use waxseal_testkit::fixtures;

use crate::room::Room;

#[test]
fn a_command_that_waits_for_standard_input_ends_in_time() {
    let room = Room::with(&["cosign/keys/p256.key", "cosign/keys/p256.pub"]);
    room.write("plain", fixtures::plain_private_key_pem("p256-imported"));
    room.write("blob", "a blob");
    for line in [
        &["sign-blob", "--key", "plain", "-"][..],
        &["sign-blob", "--key", "-", "blob"],
        // A password is awaited.
        &["sign-blob", "--key", "p256.key", "blob"],
        &["sign", "--key", "-", "oci:app"],
        &["verify", "--key", "-", "oci:app"],
        &["verify-blob", "--key", "p256.pub", "--signature", "blob", "-"],
        &["public-key", "--key", "-"],
        &["import-key-pair", "--key", "-"],
        &["generate-key-pair"],
    ] {
        // Somebody holds standard input open, and says nothing.
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = room.process();
        command.args(["--timeout", "300ms", "--output-file", "out"]).args(line).stdin(reader);
        let begun = Instant::now();
        let done = command.output().unwrap();
        drop(writer);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(3), "{line:?}: {said}");
        assert!(said.contains("300ms") && said.contains("[timeout]"), "{line:?}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{line:?}");
    }
    let names = room.names();
    assert!(!names.iter().any(|name| name.starts_with(".waxseal-")), "{names:?}");
    room.pipe("a blob", &["--timeout", "60s", "sign-blob", "--key", "plain", "-"]).ends(0);
    room.pipe(room.read("plain"), &["--timeout", "60s", "public-key", "--key", "-"]).ends(0);
    room.run(&["--timeout", "60s", "verify", "--key", "missing", "oci:app"]).ends(4);
}
