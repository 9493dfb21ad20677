//! `download signature`.

use serde_json::Value;
use waxseal_core::encoding::base64_decode;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

use crate::room::{Room, image};

#[test]
fn prints_what_cosign_wrote_in_the_form_of_cosign() {
    let (room, registry) = (Room::new(), Registry::start());
    let case = fixtures::case("sig-legacy-p256-2x");
    registry.push_layout(&case.layout(), "app");
    let name = registry.image("app", &case.tag);
    let ran =
        room.run(&["download", "signature", &name]).ends(0).says_each(&["1 legacy", "nothing is verified"]);
    let (line, rest) = ran.data().split_once('\n').unwrap();
    assert_eq!(rest, "");
    // The members, their order and their nulls are cosign's.
    assert!(line.starts_with(r#"{"Base64Signature":"ME"#), "{line}");
    assert!(line.ends_with(r#","Cert":null,"Chain":null,"Bundle":null,"RFC3161Timestamp":null}"#), "{line}");
    let printed: Value = serde_json::from_str(line).unwrap();
    let payload = base64_decode(printed["Payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["critical"]["image"]["docker-manifest-digest"], case.digest.to_string());
}

#[test]
fn prints_bundles_on_a_line_each_and_narrows_by_format() {
    let (room, registry) = (Room::new(), Registry::start().without_referrers_api());
    let name = image(&registry);
    room.sign("p256", &name, &[]);
    room.sign("ed25519", &name, &[]);
    let all =
        room.run(&["download", "signature", &name]).ends(0).says_each(&["2 legacy signatures, 2 bundles"]);
    assert_eq!(all.data().lines().count(), 4);
    let bundles = room.run(&["download", "signature", "--format", "bundle", &name]).ends(0);
    for line in bundles.data().lines() {
        let bundle: Value = serde_json::from_str(line).unwrap();
        assert_eq!(bundle["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    }
    let legacy = room.run(&["download", "signature", "--format", "legacy", &name]).ends(0);
    assert_eq!(all.data(), format!("{}{}", legacy.data(), bundles.data()));
}

#[test]
fn a_platform_of_an_index_has_signatures_of_its_own() {
    let (room, registry) = (Room::new(), Registry::start());
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build().push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    room.sign("p256", &name, &[]);
    room.run(&["download", "signature", &name]).ends(0);
    room.run(&["download", "signature", "--platform", "linux/arm64", &name]).ends(1);
    room.run(&["download", "signature", "--platform", "linux/s390x", &name]).ends(3);
    // An image that stands in no index is for the platform that it states.
    ImageBuilder::new().file("f", "x").platform("linux/s390x").build().push_to(&registry, "single", "1.0");
    let single = registry.image("single", "1.0");
    room.sign("p256", &single, &[]);
    room.run(&["download", "signature", "--platform", "linux/s390x", &single]).ends(0);
    let other = room.run(&["download", "signature", "--platform", "linux/amd64", &single]).ends(3);
    other.says_each(&["no image for linux/amd64, only for linux/s390x"]);
    let [_, public, _] = room.keys("p256");
    room.run(&["verify", "--key", &public, "--platform", "linux/s390x", &single]).ends(0);
    let other = room.run(&["verify", "--key", &public, "--platform", "linux/amd64", &single]).ends(3);
    other.says_each(&["no image for linux/amd64, only for linux/s390x"]);
    room.run(&["download", "signature", "--platform", "linux", &name]).ends(2);
}

#[test]
fn nothing_and_not_readable_are_two_answers() {
    let (room, registry) = (Room::new(), Registry::start());
    let name = image(&registry);
    let ran = room
        .run(&["download", "signature", &name])
        .ends(1)
        .says_each(&["no signatures", "[nothing-attached]"]);
    assert_eq!(ran.data(), "");
    registry.rule(Match::get(".sig"), Behaviour::status(500));
    room.run(&["download", "signature", &name]).ends(3);
    registry.clear_rules();
    registry.rule(Match::get("/referrers/"), Behaviour::status(403));
    room.run(&["download", "signature", &name]).ends(3);
    registry.clear_rules();
    room.run(&["download", "signature", &registry.image("app", "2.0")]).ends(3).says_each(&["[not-found]"]);
}

#[test]
fn what_refers_to_another_image_is_not_its_signature() {
    let (room, registry) = (Room::new(), Registry::start().without_referrers_api());
    let name = image(&registry);
    let other = ImageBuilder::new().file("app", "2.0").build();
    other.push_to(&registry, "app", "2.0");
    room.sign("p256", &registry.image("app", "2.0"), &[]);
    // The listing of the first image names the signature of the second.
    let hex = other.digest().hex();
    let listing = registry.manifest("app", &format!("sha256-{hex}")).unwrap().digest;
    let first = registry.manifest("app", "1.0").unwrap().digest.hex();
    registry.tag("app", &format!("sha256-{first}"), &listing);
    room.run(&["download", "signature", &name]).ends(1);
}
