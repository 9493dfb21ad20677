//! `clean`.

use serde_json::json;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::room::{Room, image, refusal};

/// An image with two signatures in each format, and its digest.
fn signed(room: &Room, registry: &Registry) -> (String, waxseal_core::Digest) {
    let name = image(registry);
    room.sign("p256", &name, &[]);
    room.sign("ed25519", &name, &[]);
    (name, registry.manifest("app", "1.0").unwrap().digest)
}

#[test]
fn everything_goes_and_the_image_stays() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let room = Room::new();
        let (name, digest) = signed(&room, &registry);
        let (sig, list) = (format!("sha256-{}.sig", digest.hex()), format!("sha256-{}", digest.hex()));
        let ran = room.run(&["clean", "--force", &name]).ends(0).says_each(&["3 removed", "is untouched"]);
        assert_eq!(ran.data().lines().count(), 3);
        assert!(ran.data().contains(&format!("signature    {sig}\n")), "{}", ran.data());
        assert_eq!(registry.tags("app"), ["1.0"], "{list} goes with its last entry");
        assert!(registry.referrers("app", &digest).is_empty());
        assert!(registry.manifest("app", "1.0").is_some());
        let [_, public, _] = room.keys("p256");
        room.run(&["verify", "--key", &public, &name]).ends(1);
        room.run(&["clean", "-f", &name]).ends(0).says_each(&["nothing to remove"]);
        // It can be signed again.
        room.sign("p256", &name, &[]);
        room.run(&["verify", "--key", &public, &name]).ends(0);
    }
}

#[test]
fn each_type_takes_its_own() {
    let room = Room::new();
    for (what, expected) in [
        ("signature", vec!["signature"]),
        ("referrer", vec!["bundle", "bundle"]),
        ("attestation", vec!["attestation"]),
        ("sbom", vec!["sbom"]),
    ] {
        let registry = Registry::start();
        let (name, digest) = signed(&room, &registry);
        let attached = |layer: &str, bytes: String, suffix: &str| {
            ImageBuilder::new().layer_of(layer, bytes).build().push_to(
                &registry,
                "app",
                &format!("sha256-{}{suffix}", digest.hex()),
            );
        };
        let statement = format!(r#"{{"subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#, digest.hex());
        let payload = waxseal_core::encoding::base64_encode(statement.as_bytes());
        attached("application/vnd.dsse.envelope.v1+json", format!(r#"{{"payload":"{payload}"}}"#), ".att");
        attached("text/spdx+json", "{}".to_owned(), ".sbom");
        let json = room.run(&["clean", "-f", "-o", "json", "--type", what, &name]).ends(0).json();
        assert_eq!((&json["schema"], &json["failed"]), (&json!("waxseal/clean/v1"), &json!([])));
        let kinds: Vec<_> =
            json["removed"].as_array().unwrap().iter().map(|removed| removed["kind"].clone()).collect();
        assert_eq!(kinds, expected);
        // What else is there, and how to take it away.
        let kept = json["kept"].to_string();
        assert_eq!(kept.contains("--type referrer"), what != "referrer", "{kept}");
        assert_eq!(registry.tags("app").len(), if what == "referrer" { 4 } else { 3 });
    }
    room.run(&["clean", "-f", "--type", "image", "registry.example.com/app"]).ends(2);
}

#[test]
fn nobody_to_ask_is_no_consent() {
    let (room, registry) = (Room::new(), Registry::start());
    let (name, _) = signed(&room, &registry);
    registry.clear_requests();
    room.pipe("y\n", &["clean", &name]).ends(2).says_each(&["--force"]);
    assert!(registry.requests().is_empty());
}

#[test]
fn a_registry_that_removes_no_tags_gets_the_digest() {
    let (room, registry) = (Room::new(), Registry::start());
    let (name, digest) = signed(&room, &registry);
    let sig = format!("sha256-{}.sig", digest.hex());
    let refused = refusal(400, "DIGEST_INVALID", "by digest only");
    registry.rule(Match::new("DELETE", format!("/manifests/{sig}")), refused);
    room.run(&["clean", "-f", "--type", "signature", &name]).ends(0).says_each(&["1 removed"]);
    assert!(registry.manifest("app", &sig).is_none());

    // The pair: another tag names the same manifest.
    room.sign("p256", &name, &[]);
    let list = registry.manifest("app", &sig).unwrap().digest;
    registry.tag("app", "kept", &list);
    let ran = room.run(&["clean", "-f", "--type", "signature", &name]).ends(3);
    ran.says_each(&["is named by kept too", "[conflict]", "nothing was removed"]);
    assert!(registry.manifest("app", "kept").is_some());

    // Whatever that tag is for: these could be another image's signatures.
    registry.remove_tag("app", "kept");
    let other = format!("sha256-{}.sig", waxseal_core::Digest::of("other").hex());
    registry.tag("app", &other, &list);
    let ran = room.run(&["clean", "-f", "--type", "signature", &name]).ends(3);
    ran.says_each(&[&format!("is named by {other} too"), "[conflict]", "nothing was removed"]);
    registry.remove_tag("app", &other);

    // What a tag names has to be known.
    registry.tag("app", "locked", &digest);
    registry.rule(Match::new("HEAD", "/manifests/locked"), Behaviour::status(403));
    let ran = room.run(&["clean", "-f", "--type", "signature", &name]).ends(3);
    ran.says_each(&["locked could name it too", "own tools", "[conflict]", "nothing was removed"]);
    registry.remove_tag("app", "locked");

    // And of more tags than are asked, any could.
    for number in 0..1_024 {
        registry.tag("app", &format!("v{number}"), &digest);
    }
    let ran = room.run(&["clean", "-f", "--type", "signature", &name]).ends(3);
    ran.says_each(&["1025 other tags", "own tools", "[limit-exceeded]", "nothing was removed"]);
    assert_eq!(registry.manifest("app", &sig).unwrap().digest, list);
    registry.remove_tag("app", "v0");
    room.run(&["clean", "-f", "--type", "signature", &name]).ends(0).says_each(&["1 removed"]);
}

/// T-27: what stands at a tag says itself what it is about.
#[test]
fn what_is_about_another_image_stays() {
    let (room, registry) = (Room::new(), Registry::start());
    let (name, digest) = signed(&room, &registry);
    let victim = waxseal_core::Digest::of("victim");
    let payload = |image: &waxseal_core::Digest| {
        waxseal_core::simple_signing::SimpleSigning::write("app", image, &std::collections::BTreeMap::new())
    };
    let envelope = |image: &waxseal_core::Digest| {
        let statement = format!(r#"{{"subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#, image.hex());
        let payload = waxseal_core::encoding::base64_encode(statement.as_bytes());
        format!(r#"{{"payload":"{payload}","payloadType":"t","signatures":[]}}"#).into_bytes()
    };
    let simple = "application/vnd.dev.cosign.simplesigning.v1+json";
    let dsse = "application/vnd.dsse.envelope.v1+json";
    for (what, suffix, layer, own, other) in [
        ("signature", ".sig", simple, payload(&digest), payload(&victim)),
        ("attestation", ".att", dsse, envelope(&digest), envelope(&victim)),
    ] {
        let tag = format!("sha256-{}{suffix}", digest.hex());
        let put = |layers: &[&[u8]]| {
            let add = |image: ImageBuilder, bytes: &&[u8]| image.layer_of(layer, bytes.to_vec());
            layers.iter().fold(ImageBuilder::new(), add).build().push_to(&registry, "app", &tag);
        };
        put(&[&own, &other]);
        let ran = room.run(&["clean", "-f", "--type", what, &name]).ends(0);
        ran.says_each(&[&format!("says that it is about {victim}"), "nothing to remove"]);
        put(&[&own, b"{}"]);
        let ran = room.run(&["clean", "-f", "--type", what, &name]).ends(0);
        ran.says_each(&["does not say which image it is about", "nothing to remove"]);
        assert!(registry.manifest("app", &tag).is_some());
        put(&[&own]);
        room.run(&["clean", "-f", "--type", what, &name]).ends(0).says_each(&["1 removed"]);
    }
}

#[test]
fn no_tag_and_no_listing_has_another_image_deleted() {
    let (room, registry) = (Room::new(), Registry::start().without_referrers_api());
    let name = image(&registry);
    let digest = registry.manifest("app", "1.0").unwrap().digest;
    let victim = ImageBuilder::new().file("victim", "1").build();
    victim.push_untagged(&registry, "app");
    for suffix in [".sig", ".att", ".sbom"] {
        registry.tag("app", &format!("sha256-{}{suffix}", digest.hex()), &victim.digest());
    }
    let listing = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [victim.descriptor()],
    });
    registry.put_manifest(
        "app",
        &format!("sha256-{}", digest.hex()),
        "application/vnd.oci.image.index.v1+json",
        listing.to_string(),
    );
    room.run(&["clean", "-f", &name]).ends(0).says_each(&[
        "is not what a tag .sig is for",
        "does not refer to this image",
        "nothing to remove",
    ]);
    assert!(registry.manifest("app", &victim.digest().to_string()).is_some());
    assert_eq!(registry.count("DELETE", ""), 0);

    // The image itself under a tag of its own.
    registry.tag("app", &format!("sha256-{}.sig", digest.hex()), &digest);
    room.run(&["clean", "-f", "--type", "signature", &name]).ends(0).says_each(&["names the image itself"]);
    assert!(registry.manifest("app", "1.0").is_some());
}

#[test]
fn other_artifacts_stay() {
    let (room, registry) = (Room::new(), Registry::start());
    let (name, digest) = signed(&room, &registry);
    let subject = waxseal_core::Descriptor::of(
        "application/vnd.oci.image.manifest.v1+json",
        registry.manifest("app", "1.0").unwrap().bytes,
    );
    let notes = ImageBuilder::new().artifact("text/example").subject(subject).build();
    notes.push_untagged(&registry, "app");
    room.run(&["clean", "-f", &name]).ends(0).says_each(&["3 removed", "neither a signature"]);
    assert_eq!(registry.referrers("app", &digest).len(), 1);
}

#[test]
fn a_registry_that_deletes_nothing_says_so() {
    let (room, registry) = (Room::new(), Registry::start().without_deletes().without_referrers_api());
    let (name, digest) = signed(&room, &registry);
    let ran = room.run(&["clean", "-f", &name]).ends(3);
    let ran = ran.says_each(&["[unsupported]", "nothing was removed", "use its own tools"]);
    assert_eq!(ran.data(), "");
    // Nothing was half taken away.
    let [_, public, _] = room.keys("p256");
    for format in ["legacy", "bundle"] {
        room.run(&["verify", "--key", &public, "--format", format, &name]).ends(0);
    }
    assert_eq!(registry.tags("app").len(), 3, "{digest}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let (room, registry) = (Room::new(), Registry::start());
    let (name, _) = signed(&room, &registry);
    registry.rule(Match::get("/referrers/"), Behaviour::status(403));
    let json = room.run(&["clean", "-f", "-o", "json", &name]).ends(3).json();
    assert_eq!(json["failed"][0]["code"], "registry-forbidden");
    assert_eq!(json["removed"].as_array().unwrap().len(), 1);
}

#[test]
fn evidence_that_stands_elsewhere_is_taken_from_there() {
    let registry = Registry::start();
    let name = image(&registry);
    let room = Room::new().variable("COSIGN_REPOSITORY", format!("{}/signatures", registry.host()));
    room.sign("p256", &name, &[]);
    assert_eq!(registry.tags("signatures").len(), 1);
    room.run(&["clean", "-f", &name]).ends(0).says_each(&["signatures: 2 removed"]);
    assert!(registry.tags("signatures").is_empty());
    assert_eq!(registry.tags("app"), ["1.0"]);
}

#[test]
fn layouts_and_archives_are_cleaned_too() {
    let room = Room::new();
    let layout = room.path("layout");
    ImageBuilder::new().file("app", "1.0").build().write_layout(&layout, "1.0");
    let local = format!("oci:{}:1.0", layout.display());
    let archive = format!("oci-archive:{}:1.0", room.path("app.tar").display());
    room.run(&["copy", &local, &archive]).ends(0);
    let [private, public, password] = room.keys("p256");
    for name in [&local, &archive] {
        room.run(&[
            "sign",
            "--key",
            &private,
            "--password-file",
            &password,
            "--identity",
            "registry.example.com/app",
            name,
        ])
        .ends(0);
        room.run(&["verify", "--key", &public, name]).ends(0);
        let ran = room.run(&["clean", "-f", name]).ends(0);
        assert_eq!(ran.data().lines().count(), 2, "{}", ran.stderr);
        room.run(&["verify", "--key", &public, name]).ends(1);
        room.run(&["clean", "-f", name]).ends(0).says_each(&["nothing to remove"]);
    }
}

#[test]
fn what_cosign_saved_is_cleaned() {
    for id in ["sig-legacy-p256-2x", "sig-bundle-p256-3x", "sig-both-formats"] {
        let room = Room::new();
        room.copy_layout(id, "layout");
        let case = waxseal_testkit::fixtures::case(id);
        let name = format!("oci:{}:{}", room.path("layout").display(), case.tag);
        let public = &room.keys(&case.key)[1];
        room.run(&["verify", "--key", public, &name]).ends(0);
        room.run(&["clean", "-f", &name]).ends(0);
        room.run(&["verify", "--key", public, &name]).ends(1).says_each(&["no-signature"]);
    }
}
