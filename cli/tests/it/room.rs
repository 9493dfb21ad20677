//! Where a test runs the program: a folder, a home, and an environment in which nothing else stands.
//!
//! Each run is searched for secrets: the text of every private key of the folder, and every word with `canary` in it,
//! which is what tests call their passwords (T-58).

use std::fmt;
use std::path::{Path, PathBuf};
use std::process;

use assert_cmd::Command;
use tempfile::TempDir;
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, Registry, fixtures};

/// A password that may never be seen again.
pub(crate) const SECRET: &str = "canary-5up3rs3cret";
/// The same as `Basic` sends it, with the user `robot`.
const SENT: &str = "cm9ib3Q6Y2FuYXJ5LTV1cDNyczNjcmV0";
/// The folder in the room that is the home of whoever runs the program.
const HOME: &str = "home";

/// The program that makes namespaces.
const UNSHARE: &str = "/usr/bin/unshare";

/// Whether a namespace without a network can be made here. CI has to have them.
pub(crate) fn has_namespaces() -> bool {
    let mut unshare = process::Command::new(UNSHARE);
    let made = unshare.args(["--map-root-user", "--net", "true"]).output();
    let can = made.is_ok_and(|output| output.status.success());
    assert!(can || std::env::var_os("CI").is_none(), "no network namespace can be made here");
    if !can {
        eprintln!("skipped: no network namespace can be made here");
    }
    can
}

/// Whether a program is installed. CI has to have it.
pub(crate) fn is_installed(program: &str) -> bool {
    let there = ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
    assert!(there || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// A folder to run in.
pub(crate) struct Room {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What came of a run.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        std::fs::create_dir(room.path(HOME)).unwrap();
        room
    }

    /// The same with a variable in its environment.
    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// A room with files of `testdata`, each under its own name.
    pub(crate) fn with(files: &[&str]) -> Self {
        let room = Self::new();
        for file in files {
            let from = fixtures::path(file);
            std::fs::copy(&from, room.path(from.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that it stands in; its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The names of all files, sorted. The home is none of them.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != HOME);
        names.sort();
        names
    }

    /// The mode bits of a file.
    #[cfg(unix)]
    pub(crate) fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// The program, to be given arguments, variables and input. Nothing stands on its standard input.
    pub(crate) fn waxseal(&self) -> Command {
        Command::from_std(self.process())
    }

    /// The same for a test that decides where the program reads and writes.
    pub(crate) fn process(&self) -> process::Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_waxseal")))
    }

    /// A shell in which `waxseal` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, line: &str) -> Command {
        let programs = self.path(HOME).join("bin");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_waxseal"), programs.join("waxseal")).unwrap();
        }
        let mut command = self.command(Path::new("/bin/sh"));
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).args(["-c", line]);
        Command::from_std(command)
    }

    /// Runs a prepared command.
    pub(crate) fn end(&self, command: &mut Command) -> Run {
        let output = command.output().unwrap();
        let run = Run {
            code: output.status.code().unwrap_or(-1),
            stderr: String::from_utf8(output.stderr).unwrap(),
            stdout: output.stdout,
        };
        self.search(&run);
        run
    }

    /// Runs the program with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.end(self.waxseal().args(arguments))
    }

    /// Runs the program with these arguments in a network namespace without interfaces, where the system allows one to be
    /// made; elsewhere, and only outside of CI, as it is.
    pub(crate) fn without_network(&self, arguments: &[&str]) -> Run {
        if !has_namespaces() {
            return self.run(arguments);
        }
        let mut command = self.command(Path::new(UNSHARE));
        command.args(["--map-root-user", "--net", env!("CARGO_BIN_EXE_waxseal")]).args(arguments);
        self.end(&mut Command::from_std(command))
    }

    /// Runs the program with these arguments and this on its standard input.
    pub(crate) fn pipe(&self, input: impl Into<Vec<u8>>, arguments: &[&str]) -> Run {
        self.end(self.waxseal().args(arguments).write_stdin(input))
    }

    /// A run that ends well; its data.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).ends(0).data().to_owned()
    }

    /// Puts one of cosign's key pairs here, with its password; the paths of the private key, the public key and the
    /// password.
    pub(crate) fn keys(&self, name: &str) -> [String; 3] {
        [
            self.write(&format!("{name}.key"), fixtures::private_key_pem(name)),
            self.write(&format!("{name}.pub"), fixtures::public_key_pem(name)),
            self.write(&format!("{name}.password"), fixtures::password(name)),
        ]
    }

    /// Signs an image with one of cosign's keys, which stand here afterwards.
    #[track_caller]
    pub(crate) fn sign(&self, key: &str, image: &str, more: &[&str]) {
        let [private, _, password] = self.keys(key);
        let mut arguments = vec!["sign", "--key", &private, "--password-file", &password];
        arguments.extend(more);
        arguments.push(image);
        self.ok(&arguments);
    }

    /// Verifies an image with the public key that [`Room::sign`] has put here for `p256`.
    pub(crate) fn verify(&self, image: &str, more: &[&str]) -> Run {
        let mut arguments = vec!["verify", "--key", "p256.pub"];
        arguments.extend(more);
        arguments.push(image);
        self.run(&arguments)
    }

    /// Copies a layout of `testdata` here, so that it can be changed.
    pub(crate) fn copy_layout(&self, id: &str, name: &str) {
        copy(&fixtures::case(id).layout(), &self.path(name));
    }

    fn command(&self, program: &Path) -> process::Command {
        let mut command = process::Command::new(program);
        command
            .env_clear()
            .env("HOME", self.path(HOME))
            .env("PATH", self.path("bin"))
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder.path());
        command
    }

    fn search(&self, run: &Run) {
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
        assert!(!said.contains("canary") && !said.contains(SENT), "a secret was printed: {run}");
        for name in self.names() {
            let path = self.path(&name);
            if !path.is_file() || std::fs::metadata(&path).unwrap().len() > 1 << 20 {
                continue;
            }
            let text = String::from_utf8_lossy(&self.read(&name)).into_owned();
            if !text.contains("PRIVATE KEY-----") {
                continue;
            }
            for line in text.lines().filter(|line| line.len() >= 24 && !line.starts_with('-')) {
                assert!(!said.contains(line), "a line of {name} was printed: {run}");
            }
        }
    }
}

impl Run {
    /// The run ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// The talk contains this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "expected {words:?}: {self}");
        self
    }

    /// The talk contains each of these.
    #[track_caller]
    pub(crate) fn says_each(self, words: &[&str]) -> Self {
        words.iter().fold(self, |run, words| run.says(words))
    }

    /// There is no data.
    #[track_caller]
    pub(crate) fn prints_nothing(self) -> Self {
        assert!(self.stdout.is_empty(), "{self}");
        self
    }

    /// The data as text.
    #[track_caller]
    pub(crate) fn data(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap_or_else(|_| panic!("stdout is not UTF-8: {self}"))
    }

    /// The data as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(f, "exit {}\nstdout:\n{stdout}\nstderr:\n{}", self.code, self.stderr)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

/// A small image, the same one for the same name.
pub(crate) fn small(repository: &str) -> BuiltImage {
    ImageBuilder::new().file("hello", repository.to_owned()).build()
}

/// Pushes a small image with the tag 1.0.
pub(crate) fn pushed(registry: &Registry, repository: &str) -> BuiltImage {
    let image = small(repository);
    image.push_to(registry, repository, "1.0");
    image
}

/// Pushes a small image, and says its name.
pub(crate) fn image(registry: &Registry) -> String {
    pushed(registry, "app");
    registry.image("app", "1.0")
}

/// The name of an image in a layout.
pub(crate) fn oci(directory: &Path, tag: &str) -> String {
    format!("oci:{}:{tag}", directory.display())
}

/// An error answer, in the form of the distribution specification.
pub(crate) fn refusal(code: u16, error: &str, message: &str) -> Behaviour {
    let body = serde_json::json!({ "errors": [{ "code": error, "message": message }] });
    Behaviour::Status { code, headers: Vec::new(), body: body.to_string().into() }
}
