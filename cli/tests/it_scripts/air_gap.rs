//! The example of a key that meets no network and a site behind an air gap: with waxseal where the key is, and with openssl.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use waxseal_testkit::fixtures;
use waxseal_testkit::image::ImageBuilder;
use waxseal_testkit::registry::Registry;

/// What a command is put behind to have no network.
const NO_NETWORK: &str = "/usr/bin/unshare --map-root-user --net";

/// Whether a namespace without a network can be made here. CI has to have them.
fn has_namespaces() -> bool {
    let made = Command::new("/usr/bin/unshare").args(["--map-root-user", "--net", "true"]).output();
    let can = made.is_ok_and(|output| output.status.success());
    assert!(can || std::env::var_os("CI").is_none(), "no network namespace can be made here");
    can
}

/// Runs the example; `key` is a variable with the private key, `public` the name of its public half.
fn round(key: (&str, &str), public: &str) -> (i32, String) {
    let (registry, site) = (Registry::start(), Registry::start().without_referrers_api());
    let digest = ImageBuilder::new().file("app", "built").build().push_to(&registry, "team/app", "1.0");
    let room = TempDir::new().unwrap();
    let path = |name: &str| room.path().join(name);
    for folder in ["bin", "home", "key-home", "work"] {
        std::fs::create_dir(path(folder)).unwrap();
    }
    let keys = fixtures::path("cosign/keys");
    let (variable, private) = key;
    std::fs::copy(keys.join(private), path("key-home").join(private)).unwrap();
    std::fs::copy(keys.join(public), path("work").join(public)).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_waxseal"), path("bin").join("waxseal")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/6-air-gap.sh");
    let Output { status, stdout, stderr } = Command::new(script)
        .current_dir(path("work"))
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path("bin").display()))
        .env("HOME", path("home"))
        .env("KEY_HOME", path("key-home"))
        .env("WAXSEAL_PASSWORD", crate::PASSWORD)
        .env("IMAGE", registry.image("team/app", "1.0"))
        .env("DIGEST", digest.to_string())
        .env(variable, path("key-home").join(private))
        .env("PUBLIC_KEY", public)
        .env("SITE", format!("{}/mirror", site.host()))
        .env("NO_NETWORK", if has_namespaces() { NO_NETWORK } else { "" })
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    // Where the key is nothing was left behind but the key.
    assert_eq!(std::fs::read_dir(path("key-home")).unwrap().count(), 1, "{said}");
    (status.code().unwrap(), said)
}

#[test]
fn a_round_from_the_build_to_a_gate_behind_the_air_gap() {
    let (code, said) = round(("KEY", "p256.key"), "p256.pub");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("to be signed: an image's signature") && said.contains("stage=release"), "{said}");
}

#[test]
fn the_same_with_openssl_where_the_key_is() {
    if crate::missing("openssl").is_some() {
        assert!(std::env::var_os("CI").is_none(), "openssl is not installed");
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let (code, said) = round(("OPENSSL_KEY", "p256-imported.plain.pem"), "p256-imported.pub");
    assert_eq!(code, 0, "{said}");
}

#[test]
fn another_key_than_the_one_that_everybody_has_ends_the_round() {
    let (code, said) = round(("KEY", "p256.key"), "p256-other.pub");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("[untrusted-key]"), "{said}");
}
