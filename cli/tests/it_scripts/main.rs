//! Scripts with `cosign` in them, run unchanged with a link of that name to `waxseal` (testdata/scripts), and our own
//! examples (examples).
//!
//! What a pipeline would bring (registries, pushed images, a key pair, credentials) is made for each script anew.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests end at the line that found something, and say what they skip"
)]

mod air_gap;
mod scans;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use waxseal_testkit::fixtures;
use waxseal_testkit::image::{ImageBuilder, IndexBuilder};
use waxseal_testkit::registry::Registry;

/// User and password of the second registry. Nobody may print the password.
const MIRROR: (&str, &str) = ("robot", "canary-of-the-mirror");
/// The password of the key pair in testdata.
const PASSWORD: &str = "example";

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sh"))
        .collect();
    scripts.sort();
    scripts
}

/// A program that a script needs besides cosign, if it is not on this machine.
fn missing(script: &str) -> Option<&'static str> {
    let installed = |program: &str| {
        ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
    };
    ["jq", "make", "bash", "openssl"]
        .into_iter()
        .find(|program| script.contains(*program) && !installed(program))
}

/// Runs scripts one after another in one folder.
fn run(scripts: &[PathBuf]) {
    let name = scripts.first().unwrap().file_name().unwrap().to_str().unwrap();
    let text: String = scripts.iter().map(|script| std::fs::read_to_string(script).unwrap()).collect();
    if let Some(program) = missing(&text) {
        assert!(std::env::var_os("CI").is_none(), "{name} needs {program}, which is not installed");
        eprintln!("skipped: {name} needs {program}");
        return;
    }
    let room = TempDir::new().unwrap();
    let path = |name: &str| room.path().join(name);
    let registry = Registry::start();
    let mirror = Registry::start().without_referrers_api().with_basic(MIRROR.0, MIRROR.1);
    let image = ImageBuilder::new().file("app", name.as_bytes().to_vec()).build();
    let digest = image.push_to(&registry, "team/app", "1.0");
    image.push_to(&registry, "team/app", "latest");
    let unsigned = ImageBuilder::new().file("app", b"unsigned".to_vec()).build();
    unsigned.push_to(&registry, "team/unsigned", "1.0");
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let child = index.children.first().unwrap().0.digest;
    let index_digest = index.push_to(&registry, "team/index", "1.0");

    for (from, to) in
        [("p256.key", "cosign.key"), ("p256.pub", "cosign.pub"), ("p256-imported.plain.pem", "plain.pem")]
    {
        std::fs::copy(fixtures::path("cosign/keys").join(from), path(to)).unwrap();
    }
    for folder in ["bin", "home", "docker", "work"] {
        std::fs::create_dir(path(folder)).unwrap();
    }
    for file in ["cosign.key", "cosign.pub", "plain.pem"] {
        std::fs::rename(path(file), path("work").join(file)).unwrap();
    }
    for program in ["cosign", "waxseal"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_waxseal"), path("bin").join(program)).unwrap();
    }
    let credentials = waxseal_core::encoding::base64_encode(format!("{}:{}", MIRROR.0, MIRROR.1));
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"{credentials}"}}}}}}"#, mirror.host());
    std::fs::write(path("docker").join("config.json"), config).unwrap();

    for script in scripts {
        let output = Command::new(script)
            .current_dir(path("work"))
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path("bin").display()))
            .env("HOME", path("home"))
            .env("DOCKER_CONFIG", path("docker"))
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("KEY", "cosign.key")
            .env("PUBLIC_KEY", "cosign.pub")
            .env("REGISTRY", registry.host())
            .env("MIRROR", mirror.host())
            .env("MIRROR_USER", MIRROR.0)
            .env("MIRROR_PASSWORD", MIRROR.1)
            .env("IMAGE", registry.image("team/app", "1.0"))
            .env("PUBLIC_IMAGE", registry.image("team/app", "1.0"))
            .env("TARGET", mirror.image("team/app", "1.0"))
            .env("DIGEST", digest.to_string())
            .env("UNSIGNED", registry.image("team/unsigned", "1.0"))
            .env("INDEX", registry.image("team/index", "1.0"))
            .env("INDEX_DIGEST", index_digest.to_string())
            .env("INDEX_CHILD", child.to_string())
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let name = script.display();
        assert!(output.status.success(), "{name}: {}\n{said}", output.status);
        assert!(!said.contains(MIRROR.1), "{name} printed a password:\n{said}");
    }
}

#[test]
fn at_least_twelve_scripts_stand_here() {
    let scripts = scripts(&fixtures::path("scripts"));
    assert!(scripts.len() >= 12, "{scripts:?}");
}

#[test]
fn every_script_runs_unchanged() {
    std::thread::scope(|scope| {
        let scripts = scripts(&fixtures::path("scripts"));
        let running: Vec<_> = scripts.into_iter().map(|script| scope.spawn(move || run(&[script]))).collect();
        let failed: Vec<_> = running.into_iter().filter_map(|thread| thread.join().err()).collect();
        assert!(failed.is_empty(), "{} scripts failed", failed.len());
    });
}

/// The examples are the stages of one release: each takes up what the one before it left.
#[test]
fn the_examples_run_one_after_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let examples = scripts(&folder);
    assert_eq!(examples.len(), 6, "{examples:?}");
    let book = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for example in &examples {
        assert!(book.contains(example.file_name().unwrap().to_str().unwrap()), "{}", example.display());
    }
    // The fifth has a platform of its own, the sixth keys and machines: see `scans` and `air_gap`.
    run(&examples[..4]);
}
