//! A room of one's own: a folder, a home, an environment, and what came of a run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use waxseal_testkit::{Behaviour, ImageBuilder, Registry, fixtures};

/// A password that may never be seen again.
pub(crate) const SECRET: &str = "canary-5up3rs3cret";
/// The same as `Basic` sends it, with the user `robot`.
const SENT: &str = "cm9ib3Q6Y2FuYXJ5LTV1cDNyczNjcmV0";

pub(crate) struct Room {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// The same with a variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs the program with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waxseal"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", self.path("bin"))
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        std::fs::create_dir_all(self.path("home")).unwrap();
        let mut child = command.spawn().unwrap();
        // A program that does not read its input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let ran = Ran {
            code: output.status.code().expect("the program ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for canary in [SECRET, SENT] {
            let seen = ran.stdout.contains(canary) || ran.stderr.contains(canary);
            assert!(!seen, "a password was printed by {arguments:?}");
        }
        ran
    }

    /// Copies a layout of testdata into the room, so that it can be changed.
    pub(crate) fn copy_layout(&self, id: &str, name: &str) {
        copy(&fixtures::case(id).layout(), &self.path(name));
    }

    /// A key of testdata, written into the room: private and public.
    pub(crate) fn keys(&self, name: &str) -> (String, String) {
        let private = self.write(&format!("{name}.key"), fixtures::private_key_pem(name));
        let public = self.write(&format!("{name}.pub"), fixtures::public_key_pem(name));
        (private, public)
    }

    /// Signs an image with a key of testdata, in both formats.
    pub(crate) fn sign(&self, key: &str, image: &str) {
        let (private, _) = self.keys(key);
        let password = self.write("password.txt", fixtures::password(key));
        let ran = self.run(&["sign", "--key", &private, "--password-file", &password, image]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Fails unless the run ended so.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless stderr holds every one of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not in: {}", self.stderr);
        }
        self
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Pushes a small image, and says its name.
pub(crate) fn image(registry: &Registry) -> String {
    ImageBuilder::new().file("app", "1.0").build().push_to(registry, "app", "1.0");
    registry.image("app", "1.0")
}

/// An error answer, in the form of the distribution specification.
pub(crate) fn refusal(code: u16, error: &str, message: &str) -> Behaviour {
    let body = serde_json::json!({ "errors": [{ "code": error, "message": message }] });
    Behaviour::Status { code, headers: Vec::new(), body: body.to_string().into() }
}
