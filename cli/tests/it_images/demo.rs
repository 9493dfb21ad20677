use waxseal_testkit::{ImageBuilder, IndexBuilder, Registry};

use crate::{Desk, Done, oci};

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
    let desk = Desk::new();
    let temporary = desk.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = desk.command(&["demo"]);
    let done = Done::of(
        command
            .env("TMPDIR", &temporary)
            // What a person has set elsewhere does not lead it astray.
            .env("COSIGN_REPOSITORY", "registry.example.com/elsewhere")
            .env("WAXSEAL_FORMAT", "legacy")
            .env("WAXSEAL_PASSWORD", "wrong"),
    );
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    let codes: Vec<_> = shown(&done.stdout).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [0, 0, 0, 1, 1, 1, 1]);
    for part in
        ["oci:demo:1.0: admitted", "signature-mismatch", "no-signature", "subject-mismatch", "untrusted-key"]
    {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    assert!(done.stdout.contains("All 7 steps as they should be"), "{}", done.stdout);
}

#[test]
fn the_commands_run_as_they_were_shown() {
    let desk = Desk::new();
    let text = desk.ok(&["demo", "--keep", "kept"]);
    let commands = shown(&text);
    assert_eq!(commands.len(), 7);
    for (arguments, code) in &commands {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = desk.command(&arguments);
        let done = Done::of(command.current_dir(desk.path("kept")));
        assert_eq!(done.code, *code, "{arguments:?}: {done:?}");
        if arguments[0] == "verify" {
            // As on a terminal: the words that the demonstration showed.
            let mut command = desk.command(&arguments);
            let done = Done::of(command.args(["-o", "text"]).current_dir(desk.path("kept")));
            assert!(text.contains(&done.stdout), "{arguments:?}: {}", done.stdout);
        }
    }
    // It does not write over what is there.
    let again = desk.run(&["demo", "--keep", "kept"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("not empty"), "{again:?}");
}

#[cfg(unix)]
#[test]
fn the_key_and_its_password_are_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let text = desk.ok(&["demo", "--keep", "kept"]);
    let password = std::fs::read_to_string(desk.path("kept/demo.password")).unwrap();
    assert!(!text.contains(&password));
    for name in ["demo.key", "demo.password"] {
        let mode = std::fs::metadata(desk.path("kept").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    let other = Desk::new();
    other.ok(&["demo", "--keep", "kept"]);
    assert_ne!(password, std::fs::read_to_string(other.path("kept/demo.password")).unwrap());
}

#[test]
fn an_image_of_ones_own_does_as_well() {
    let registry = Registry::start();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&registry, "team/app", "2.0");
    let desk = Desk::new();
    index.write_layout(&desk.path("local"), "2.0");
    for name in [registry.image("team/app", "2.0"), "oci:local:2.0".to_owned(), "oci:local".to_owned()] {
        let keep = format!("kept-{}", name.len());
        let text = desk.ok(&["demo", "--image", &name, "--keep", &keep]);
        assert!(text.contains(&index.digest().to_string()), "{text}");
        let commands = shown(&text);
        assert_eq!(commands.len(), 8, "{text}");
        for (arguments, code) in commands {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let done = Done::of(desk.command(&arguments).current_dir(desk.path(&keep)));
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
    let desk = Desk::new();
    ImageBuilder::new().file("a", "1").build().write_layout(&desk.path("local"), "1.0");
    let name = oci(&desk.path("local"), "1.0");
    desk.sign(&name, &["--identity", "registry.example.com/app"]);
    let text = desk.ok(&["demo", "--image", &name]);
    assert!(text.contains("All 8 steps"), "{text}");
}

#[test]
fn an_image_that_cannot_be_read_ends_it() {
    let desk = Desk::new();
    let done = desk.run(&["demo", "--image", "oci:nowhere"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("error:") && done.stderr.contains("nowhere"), "{done:?}");
    assert_eq!(desk.run(&["demo", "--image", "oci:"]).code, 2);
    assert_eq!(desk.run(&["--offline", "demo", "--image", "127.0.0.1:1/app"]).code, 3);
    assert_eq!(desk.run(&["--offline", "demo"]).code, 0);
}
