//! Where a test runs the program: a folder, a home, and an environment in which nothing else stands.
//!
//! Each run is searched for secrets: the text of every private key of the folder, and every word with `canary` in it,
//! which is what tests call their passwords (T-58).

use std::fmt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder to run in.
pub(crate) struct Room {
    folder: TempDir,
    home: TempDir,
}

/// What came of a run.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
    }

    /// A room with files of `testdata`, each under its own name.
    pub(crate) fn with(files: &[&str]) -> Self {
        let room = Self::new();
        for file in files {
            let from = waxseal_testkit::fixtures::path(file);
            std::fs::copy(&from, room.path(from.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
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
        self.command(Path::new(env!("CARGO_BIN_EXE_waxseal")))
    }

    /// A shell in which `waxseal` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, line: &str) -> Command {
        let programs = self.home.path().join("bin");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_waxseal"), programs.join("waxseal")).unwrap();
        }
        let mut command = self.command(Path::new("/bin/sh"));
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).args(["-c", line]);
        command
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

    /// Runs the program with these arguments and this on its standard input.
    pub(crate) fn pipe(&self, input: impl Into<Vec<u8>>, arguments: &[&str]) -> Run {
        self.end(self.waxseal().args(arguments).write_stdin(input))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home.path()).current_dir(self.folder.path());
        command
    }

    fn search(&self, run: &Run) {
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
        assert!(!said.contains("canary"), "a secret was printed: {run}");
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
