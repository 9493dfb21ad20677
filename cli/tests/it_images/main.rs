//! The commands that show and move images, run as people run them: copy, tree, triangulate, version, demo.
//!
//! Nothing of the machine reaches them: no variable, no home, no network but a registry of the test on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that finds something else than it expects ends there"
)]

mod copy;
mod demo;
mod small;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use waxseal_testkit::{ImageBuilder, Registry, fixtures};

/// A place to run commands in: an empty directory that is home and working directory.
struct Desk {
    directory: TempDir,
}

/// What a command came to.
#[derive(Debug)]
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waxseal"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Done {
        Done::of(&mut self.command(arguments))
    }

    /// A run that ends well; its stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
        done.stdout
    }

    /// Puts one of cosign's keys on the desk, to sign and to verify with.
    fn key(&self, name: &str) -> [String; 4] {
        let file = |suffix: &str, text: String| {
            let path = self.path(&format!("{name}.{suffix}"));
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let private = file("key", fixtures::private_key_pem(name));
        let password = file("password", fixtures::password(name));
        file("pub", fixtures::public_key_pem(name));
        ["--key".to_owned(), private, "--password-file".to_owned(), password]
    }

    fn sign(&self, image: &str, more: &[&str]) {
        let key = self.key("p256");
        let mut arguments = vec!["sign"];
        arguments.extend(key.iter().map(String::as_str));
        arguments.extend(more);
        arguments.push(image);
        self.ok(&arguments);
    }

    fn verify(&self, image: &str, more: &[&str]) -> Done {
        let mut arguments = vec!["verify", "--key", "p256.pub"];
        arguments.extend(more);
        arguments.push(image);
        self.run(&arguments)
    }
}

impl Done {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().expect("no signal ends it"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A small image in a registry.
fn pushed(registry: &Registry, repository: &str) -> waxseal_testkit::BuiltImage {
    let image = ImageBuilder::new().file("hello", repository.to_owned()).build();
    image.push_to(registry, repository, "1.0");
    image
}

fn oci(directory: &Path, tag: &str) -> String {
    format!("oci:{}:{tag}", directory.display())
}
