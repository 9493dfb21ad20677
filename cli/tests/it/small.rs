use waxseal_core::Digest;
use waxseal_core::digest::Algorithm;
use waxseal_testkit::Registry;

use crate::room::{Room, pushed};

#[test]
fn the_version_is_one_line_or_json() {
    let room = Room::new();
    let text = room.ok(&["version"]);
    assert!(text.starts_with(&format!("waxseal {} (", env!("CARGO_PKG_VERSION"))), "{text}");
    assert_eq!(text.lines().count(), 1);
    for flags in [["version", "--json"].as_slice(), &["version", "-o", "json"]] {
        let json = room.run(flags).json();
        assert_eq!(json["schema"], "waxseal/version/v1");
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(json["features"][0], "aws-lc");
    }
    assert_eq!(room.run(&["version", "--json", "-o", "text"]).code, 2);
}

#[test]
fn a_tag_is_named_as_cosign_names_it() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    let (name, hex) = (registry.image("app", "1.0"), image.digest().hex());
    let base = format!("{}/app", registry.host());
    for (kind, expected) in [
        ("signature", format!("{base}:sha256-{hex}.sig\n")),
        ("attestation", format!("{base}:sha256-{hex}.att\n")),
        ("sbom", format!("{base}:sha256-{hex}.sbom\n")),
        ("digest", format!("{base}@sha256:{hex}\n")),
    ] {
        assert_eq!(room.ok(&["triangulate", "--type", kind, &name]), expected);
    }
    assert_eq!(room.ok(&["triangulate", &name]), format!("{base}:sha256-{hex}.sig\n"));
    let elsewhere = format!("{}/signatures", registry.host());
    let expected = format!("{elsewhere}:sha256-{hex}.sig\n");
    assert_eq!(room.ok(&["triangulate", "--signature-repository", &elsewhere, &name]), expected);
    let mut command = room.waxseal();
    command.args(["triangulate", &name]);
    let done = room.end(command.env("COSIGN_REPOSITORY", &elsewhere));
    assert_eq!(done.data(), expected);
}

#[test]
fn a_digest_needs_no_registry_and_a_long_one_has_no_tag() {
    let room = Room::new();
    let digest = Digest::of("{}");
    let name = format!("app@{digest}");
    let expected = format!("index.docker.io/library/app:sha256-{}.sig\n", digest.hex());
    assert_eq!(room.ok(&["--offline", "triangulate", &name]), expected);
    let long = format!("app@{}", Digest::of_with(Algorithm::Sha512, "{}"));
    let refused = room.run(&["--offline", "triangulate", &long]);
    assert_eq!((refused.code, refused.data()), (2, ""));
    assert!(refused.stderr.contains("waxseal tree"), "{}", refused.stderr);
    assert_eq!(room.run(&["--offline", "triangulate", "app:1.0"]).code, 3);
}
