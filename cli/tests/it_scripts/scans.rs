//! The example of a scan that is signed and held against a limit, in every way in which it can end.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use waxseal_testkit::fixtures;
use waxseal_testkit::image::ImageBuilder;
use waxseal_testkit::registry::{Behaviour, Match, Registry};
use waxseal_testkit::xray::{Artifact, Xray};

const TOKEN: &str = "canary-of-the-platform";

/// Runs the example over an image of which Xray says what `change` makes of it.
fn ends(limit: &str, change: impl FnOnce(Artifact) -> Artifact) -> (i32, String) {
    let (registry, xray) = (Registry::start(), Xray::start().with_token(TOKEN));
    let digest =
        ImageBuilder::new().file("app", "scanned").build().push_to(&registry, "docker-local/app", "1.0");
    let key = Behaviour::Header("X-Artifactory-Docker-Registry".to_owned(), "docker-local".to_owned());
    registry.rule(Match::head("/v2/docker-local/"), key);
    let scanned = Artifact::new("docker-local", "app/1.0/manifest.json", &digest);
    xray.add(change(scanned.finished(&jiff::Timestamp::now().to_string())));
    let room = TempDir::new().unwrap();
    let path = |name: &str| room.path().join(name);
    for (from, to) in [("p256.key", "scan.key"), ("p256.pub", "scan.pub")] {
        std::fs::copy(fixtures::path("cosign/keys").join(from), path(to)).unwrap();
    }
    std::fs::create_dir(path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_waxseal"), path("bin").join("waxseal")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/5-scan-and-gate.sh");
    let Output { status, stdout, stderr } = Command::new(script)
        .current_dir(room.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path("bin").display()))
        .env("HOME", room.path())
        .env("COSIGN_PASSWORD", crate::PASSWORD)
        .env("IMAGE", registry.image("docker-local/app", "1.0"))
        .env("JF_URL", xray.url())
        .env("JF_ACCESS_TOKEN", TOKEN)
        .env("SCAN_KEY", "scan.key")
        .env("SCAN_PUBLIC_KEY", "scan.pub")
        .env("LIMIT", limit)
        .env("WAIT", "2s")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(!said.contains(TOKEN), "printed a token:\n{said}");
    (status.code().unwrap(), said)
}

#[test]
fn a_scan_within_the_limit_is_admitted() {
    let (code, said) = ends("High", |image| image.vulnerability("CVE-2026-0001", "Low"));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_scan_beyond_the_limit_is_refused_by_name() {
    let (code, said) = ends("High", |image| image.vulnerability("CVE-2026-0001", "Critical"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("CVE-2026-0001 (Critical)") && said.contains("fixed in"), "{said}");
    let (code, said) = ends("Critical", |image| image.vulnerability("CVE-2026-0001", "Critical"));
    assert_eq!(code, 0, "the same under another limit: {said}");
}

#[test]
fn no_result_is_neither() {
    for states in [&["PENDING"][..], &["FAILED"], &["NOT_SUPPORTED"], &["PARTIAL"]] {
        let (code, said) = ends("High", |image| image.states(states));
        assert_eq!(code, 3, "{states:?}: {said}");
    }
}

#[test]
fn a_scan_of_long_ago_is_too_old() {
    let (code, said) = ends("High", |image| image.finished("2026-01-01T00:00:00Z"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("too-old"), "{said}");
}
