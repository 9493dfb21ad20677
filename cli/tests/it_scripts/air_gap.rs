//! The example of a key that meets no network and a site behind an air gap: with waxseal where the key is, with a
//! key in a token, and with openssl.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use waxseal_testkit::fixtures;
use waxseal_testkit::image::ImageBuilder;
use waxseal_testkit::registry::Registry;
use waxseal_testkit::softhsm::{PIN, SoftHsm};

/// What a command is put behind to have no network.
const NO_NETWORK: &str = "/usr/bin/unshare --map-root-user --net";

/// Whether a namespace without a network can be made here. CI has to have them.
fn has_namespaces() -> bool {
    let made = Command::new("/usr/bin/unshare").args(["--map-root-user", "--net", "true"]).output();
    let can = made.is_ok_and(|output| output.status.success());
    assert!(can || std::env::var_os("CI").is_none(), "no network namespace can be made here");
    can
}

/// Variables and their values.
type Variables = Vec<(&'static str, String)>;

/// A private key of `testdata` as a file in the home of whoever has it, named by a variable.
fn in_file(variable: &'static str, key: &str) -> impl FnOnce(&Path) -> Option<Variables> {
    move |home| {
        let file = home.join(key);
        std::fs::copy(fixtures::path("cosign/keys").join(key), &file).unwrap();
        Some(vec![(variable, file.display().to_string())])
    }
}

/// A private key in a token of `SoftHSM`, whose PIN stands in a file; nothing where it is not installed.
fn in_token(home: &Path) -> Option<Variables> {
    let hsm = SoftHsm::new(home)?;
    hsm.token("release");
    let file = fixtures::path("cosign/keys/p256-imported.plain.pem");
    hsm.import("release", &file, "signing", "01");
    let pin = home.join("pin.txt");
    std::fs::write(&pin, PIN).unwrap();
    let (module, pin) = (hsm.module().display(), pin.display());
    let key = format!("pkcs11:token=release;object=signing?module-path={module}&pin-source={pin}");
    Some(vec![("KEY", key), hsm.variable()])
}

/// Runs the example with the key that is put into the home of whoever has it; `public` is the name of the public half that
/// everybody has. Nothing where the key cannot be had.
fn round(key: impl FnOnce(&Path) -> Option<Variables>, public: &str) -> Option<(i32, String)> {
    let (registry, site) = (Registry::start(), Registry::start().without_referrers_api());
    let digest = ImageBuilder::new().file("app", "built").build().push_to(&registry, "team/app", "1.0");
    let room = TempDir::new().unwrap();
    let path = |name: &str| room.path().join(name);
    for folder in ["bin", "home", "key-home", "work"] {
        std::fs::create_dir(path(folder)).unwrap();
    }
    let keys = fixtures::path("cosign/keys");
    let variables = key(&path("key-home"))?;
    let names = || {
        let entries = std::fs::read_dir(path("key-home")).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    for file in [public, "p384.key", "p384.pub"] {
        std::fs::copy(keys.join(file), path("work").join(file)).unwrap();
    }
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
        .envs(variables)
        .env("PUBLIC_KEY", public)
        .env("PACK_KEY", "p384.key")
        .env("PACK_PUBLIC_KEY", "p384.pub")
        .env("SITE", format!("{}/mirror", site.host()))
        .env("NO_NETWORK", if has_namespaces() { NO_NETWORK } else { "" })
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    // Where the key is nothing was left behind but the key.
    assert_eq!(names(), before, "{said}");
    Some((status.code().unwrap(), said))
}

#[test]
fn a_round_from_the_build_to_a_gate_behind_the_air_gap() {
    let (code, said) = round(in_file("KEY", "p256.key"), "p256.pub").unwrap();
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
    let (code, said) = round(in_file("OPENSSL_KEY", "p256-imported.plain.pem"), "p256-imported.pub").unwrap();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn the_same_with_the_key_in_a_token() {
    let Some((code, said)) = round(in_token, "p256-imported.pub") else {
        eprintln!("skipped: SoftHSM is not installed");
        return;
    };
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("signed by") && !said.contains(PIN), "{said}");
}

#[test]
fn another_key_than_the_one_that_everybody_has_ends_the_round() {
    let (code, said) = round(in_file("KEY", "p256.key"), "p256-other.pub").unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("[untrusted-key]"), "{said}");
}
