use waxseal_testkit::{ImageBuilder, IndexBuilder, Registry};

use crate::room::{Room, oci};

/// The commands that a demonstration showed, and the exit codes that it said they had.
fn shown(text: &str) -> Vec<(Vec<String>, i32)> {
    let mut commands: Vec<(Vec<String>, i32)> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ waxseal ") {
            commands.push((command.split(' ').map(ToOwned::to_owned).collect(), -1));
        } else if let Some(code) = line.strip_prefix("exit code ") {
            commands.last_mut().unwrap().1 = code.parse().unwrap();
        }
    }
    commands
}

#[test]
fn it_needs_nothing_and_leaves_nothing() {
    let room = Room::new();
    let temporary = room.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = room.waxseal();
    command.args(["demo"]);
    let done = room.end(
        command
            .env("TMPDIR", &temporary)
            // What a person has set elsewhere does not lead it astray.
            .env("COSIGN_REPOSITORY", "registry.example.com/elsewhere")
            .env("WAXSEAL_FORMAT", "legacy")
            .env("WAXSEAL_PASSWORD", "wrong"),
    );
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    let codes: Vec<_> = shown(done.data()).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [0, 0, 0, 1, 1, 1, 1]);
    for part in
        ["oci:demo:1.0: admitted", "signature-mismatch", "no-signature", "subject-mismatch", "untrusted-key"]
    {
        assert!(done.data().contains(part), "{part}: {}", done.data());
    }
    assert!(done.data().contains("All 7 steps as they should be"), "{}", done.data());
}

#[test]
fn the_commands_run_as_they_were_shown() {
    let room = Room::new();
    let text = room.ok(&["demo", "--keep", "kept"]);
    let commands = shown(&text);
    assert_eq!(commands.len(), 7);
    for (arguments, code) in &commands {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = room.waxseal();
        command.args(&arguments);
        let done = room.end(command.current_dir(room.path("kept")));
        assert_eq!(done.code, *code, "{arguments:?}: {done:?}");
        if arguments[0] == "verify" {
            // As on a terminal: the words that the demonstration showed.
            let mut command = room.waxseal();
            command.args(&arguments);
            let done = room.end(command.args(["-o", "text"]).current_dir(room.path("kept")));
            assert!(text.contains(done.data()), "{arguments:?}: {}", done.data());
        }
    }
    // It does not write over what is there.
    let again = room.run(&["demo", "--keep", "kept"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("not empty"), "{again:?}");
}

#[cfg(unix)]
#[test]
fn the_key_and_its_password_are_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    let text = room.ok(&["demo", "--keep", "kept"]);
    let password = std::fs::read_to_string(room.path("kept/demo.password")).unwrap();
    assert!(!text.contains(&password));
    for name in ["demo.key", "demo.password"] {
        let mode = std::fs::metadata(room.path("kept").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    let other = Room::new();
    other.ok(&["demo", "--keep", "kept"]);
    assert_ne!(password, std::fs::read_to_string(other.path("kept/demo.password")).unwrap());
}

#[test]
fn an_image_of_ones_own_does_as_well() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "team/app", "2.0");
    let room = Room::new();
    index.write_layout(&room.path("local"), "2.0");
    for name in [registry.image("team/app", "2.0"), "oci:local:2.0".to_owned(), "oci:local".to_owned()] {
        let keep = format!("kept-{}", name.len());
        let text = room.ok(&["demo", "--image", &name, "--keep", &keep]);
        assert!(text.contains(&index.digest().to_string()), "{text}");
        let commands = shown(&text);
        assert_eq!(commands.len(), 8, "{text}");
        for (arguments, code) in commands {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let done = room.end(room.waxseal().args(&arguments).current_dir(room.path(&keep)));
            assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        }
    }
    // Nothing was written where the image stands.
    assert_eq!(registry.tags("team/app"), ["2.0"]);
    assert!(registry.referrers("team/app", &index.digest()).is_empty());
    assert!(
        !registry
            .requests()
            .iter()
            .any(|request| ["PUT", "POST", "PATCH"].contains(&request.method.as_str()))
    );
}

#[test]
fn an_image_that_was_signed_before_is_refused_under_the_new_key() {
    let room = Room::new();
    ImageBuilder::new().file("a", "1").build().write_layout(&room.path("local"), "1.0");
    let name = oci(&room.path("local"), "1.0");
    room.sign("p256", &name, &["--identity", "registry.example.com/app"]);
    let text = room.ok(&["demo", "--image", &name]);
    assert!(text.contains("All 8 steps"), "{text}");
}

#[test]
fn an_image_that_cannot_be_read_ends_it() {
    let room = Room::new();
    let done = room.run(&["demo", "--image", "oci:nowhere"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("error:") && done.stderr.contains("nowhere"), "{done:?}");
    assert_eq!(room.run(&["demo", "--image", "oci:"]).code, 2);
    assert_eq!(room.run(&["--offline", "demo", "--image", "127.0.0.1:1/app"]).code, 3);
    assert_eq!(room.run(&["--offline", "demo"]).code, 0);
}
