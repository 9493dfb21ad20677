//! Tokens of `SoftHSM`, in a folder of the test's own.
//!
//! Its programs are Debian's `softhsm2`. The settings are named by a variable, which a program that is to see the tokens is
//! started with: see [`SoftHsm::variable`].

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where packages put the module.
const MODULES: [&str; 6] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// The PIN of every token that is made here.
pub const PIN: &str = "canary-0815";

/// A place for tokens.
#[derive(Clone, Debug)]
pub struct SoftHsm {
    folder: PathBuf,
    module: PathBuf,
}

impl SoftHsm {
    /// A place for tokens in this folder, which stands. Nothing where `SoftHSM` is not installed: a test is passed over then,
    /// but has failed where `CI` is set.
    pub fn new(folder: &Path) -> Option<Self> {
        let module = MODULES.iter().map(PathBuf::from).find(|path| path.is_file());
        let installed = Command::new("softhsm2-util").arg("--version").output().is_ok();
        let Some(module) = module.filter(|_| installed) else {
            assert!(std::env::var_os("CI").is_none(), "SoftHSM (softhsm2) is needed, and not installed");
            return None;
        };
        let hsm = Self { folder: folder.to_owned(), module };
        std::fs::create_dir_all(folder.join("tokens")).unwrap();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            folder.join("tokens").display()
        );
        std::fs::write(hsm.settings(), settings).unwrap();
        Some(hsm)
    }

    /// The module.
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The variable that leads a program to these tokens, and its value.
    pub fn variable(&self) -> (&'static str, String) {
        ("SOFTHSM2_CONF", self.settings().display().to_string())
    }

    /// Makes a token with the PIN [`PIN`].
    pub fn token(&self, label: &str) {
        self.run(&["--init-token", "--free", "--label", label, "--so-pin", "canary-so", "--pin", PIN]);
    }

    /// Puts a key pair into a token: a file of `PKCS#8` without a password. `id` is hexadecimal.
    pub fn import(&self, token: &str, key: &Path, object: &str, id: &str) {
        let key = key.to_str().unwrap();
        self.run(&[
            "--import", key, "--token", token, "--pin", PIN, "--label", object, "--id", id, "--force",
        ]);
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    fn run(&self, arguments: &[&str]) {
        let (name, value) = self.variable();
        let output = Command::new("softhsm2-util").args(arguments).env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "softhsm2-util {arguments:?}: {said}");
    }
}
