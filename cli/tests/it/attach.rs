//! `attach signature`.

use serde_json::Value;
use waxseal_core::encoding::{base64_decode, base64_encode};
use waxseal_testkit::{Registry, fixtures};

use crate::room::{Room, image, small};

/// What another machine made for an image: a payload, its signature in base64, and a bundle; and a public key.
struct Made {
    payload: String,
    signature: String,
    bundle: String,
    public: String,
}

/// Signs the image in another registry, and takes the signatures from there.
fn made(room: &Room, key: &str) -> Made {
    let elsewhere = Registry::start();
    let name = image(&elsewhere);
    room.sign(key, &name, &[]);
    let printed = |format: &str| {
        let ran = room.run(&["download", "signature", "--format", format, &name]).ends(0);
        ran.data().trim_end().to_owned()
    };
    let legacy: Value = serde_json::from_str(&printed("legacy")).unwrap();
    let payload = base64_decode(legacy["Payload"].as_str().unwrap()).unwrap();
    Made {
        payload: room.write("payload.json", payload),
        signature: room.write("payload.sig", legacy["Base64Signature"].as_str().unwrap()),
        bundle: room.write("app.sigstore.json", printed("bundle")),
        public: room.keys(key)[1].clone(),
    }
}

#[test]
fn what_verifies_is_attached_and_verifies_there() {
    for key in ["p256", "ed25519"] {
        let room = Room::new();
        let made = made(&room, key);
        let registry = Registry::start();
        let name = image(&registry);
        let legacy =
            ["attach", "signature", "--key", &made.public, "--payload", &made.payload, "--signature"];
        let ran = room.run(&[&legacy[..], &[&made.signature, &name]].concat()).ends(0);
        assert!(ran.stderr.contains(": attached, signed by ") && ran.data().is_empty(), "{}", ran.stderr);
        room.run(&["verify", "--key", &made.public, "--format", "legacy", &name]).ends(0);
        room.run(&["verify", "--key", &made.public, "--format", "bundle", &name]).ends(1);

        let bundle =
            ["attach", "signature", "--key", &made.public, "-o", "json", "--bundle", &made.bundle, &name];
        let json = room.run(&bundle).ends(0).json();
        assert_eq!(json["schema"], "waxseal/attach/v1");
        assert_eq!((&json["already"], &json["format"]), (&false.into(), &"bundle".into()));
        room.run(&["verify", "--key", &made.public, "--format", "bundle", &name]).ends(0);

        // Rule G3.
        registry.clear_requests();
        room.run(&[&legacy[..], &[&made.signature, &name]].concat()).ends(0).says_each(&["already attached"]);
        assert_eq!(room.run(&bundle).ends(0).json()["already"], true);
        assert_eq!(registry.count("PUT", ""), 0);
    }
}

#[test]
fn a_signature_comes_as_a_file_a_pipe_text_or_bytes() {
    let room = Room::new();
    let made = made(&room, "p256");
    let text = std::fs::read_to_string(&made.signature).unwrap();
    let bytes = base64_decode(&text).unwrap();
    let (front, back) = text.split_at(40);
    let broken = room.write("lines.sig", format!("{front}\n{back}\n"));
    let binary = room.write("binary.sig", &bytes);
    for (signature, stdin) in
        [(text.as_str(), ""), ("-", text.as_str()), (broken.as_str(), ""), (binary.as_str(), "")]
    {
        let registry = Registry::start();
        let name = image(&registry);
        let arguments = [
            "attach",
            "signature",
            "--key",
            &made.public,
            "--payload",
            &made.payload,
            "--signature",
            signature,
            &name,
        ];
        room.pipe(stdin, &arguments).ends(0);
        room.run(&["verify", "--key", &made.public, "--format", "legacy", &name]).ends(0);
    }
}

#[test]
fn what_does_not_verify_is_refused_with_the_reason_and_nothing_is_written() {
    let room = Room::new();
    let made = made(&room, "p256");
    let [_, other, _] = room.keys("p256-other");
    let registry = Registry::start();
    let name = image(&registry);
    let wrong = room.write("wrong.sig", base64_encode([0x30_u8; 71]));
    let altered =
        std::fs::read_to_string(&made.payload).unwrap().replace("\"optional\":null", "\"optional\":{}");
    let altered = room.write("altered.json", altered);
    let registry_two = Registry::start();
    waxseal_testkit::ImageBuilder::new().file("app", "2.0").build().push_to(&registry_two, "app", "1.0");
    let another = registry_two.image("app", "1.0");
    for (key, payload, signature, name, code) in [
        (&other, &made.payload, &made.signature, &name, "untrusted-key"),
        (&made.public, &made.payload, &wrong, &name, "signature-mismatch"),
        (&made.public, &altered, &made.signature, &name, "signature-mismatch"),
        (&made.public, &made.payload, &made.signature, &another, "subject-mismatch"),
    ] {
        let ran = room
            .run(&["attach", "signature", "--key", key, "--payload", payload, "--signature", signature, name])
            .ends(1);
        // A legacy signature does not name its key.
        let expected = if code == "untrusted-key" { "signature-mismatch" } else { code };
        assert!(ran.stderr.contains(&format!("[{expected}]")), "{code}: {}", ran.stderr);
    }
    let bundle = |key: &str, bundle: &str, name: &str| {
        room.run(&["attach", "signature", "--key", key, "--bundle", bundle, name])
    };
    bundle(&other, &made.bundle, &name).ends(1).says_each(&["[untrusted-key]"]);
    bundle(&made.public, &made.bundle, &another).ends(1).says_each(&["[subject-mismatch]"]);
    // A bundle that signs a blob, and one that is none.
    let blob = fixtures::path("cosign/blobs/p256.3x.bundle.json").display().to_string();
    bundle(&made.public, &blob, &name).ends(1).says_each(&["[not-a-signature]"]);
    bundle(&made.public, &made.payload, &name).ends(1).says_each(&["[malformed-bundle]"]);
    let verdict = room
        .run(&["attach", "signature", "-o", "json", "--key", &other, "--bundle", &made.bundle, &name])
        .ends(1)
        .json();
    assert_eq!((&verdict["schema"], &verdict["verdict"]), (&"waxseal/verdict/v1".into(), &"refuse".into()));
    for registry in [&registry, &registry_two] {
        assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
    }
}

#[test]
fn an_attestation_is_attached_by_no_key_as_a_signature() {
    let room = Room::new();
    let case = fixtures::case("att-bundle-custom-3x");
    let registry = Registry::start();
    registry.push_layout(&case.layout(), "app");
    let name = registry.image("app", &case.tag);
    let line = room.run(&["download", "signature", "--format", "bundle", &name]).ends(0);
    let line = line.says_each(&["by their own word no image signature"]).data().to_owned();
    let bundle = room.write("att.json", line.lines().next().unwrap());
    let [_, public, _] = room.keys(&case.key);
    room.run(&["attach", "signature", "--key", &public, "--bundle", &bundle, &name])
        .ends(1)
        .says_each(&["[predicate-type-mismatch]"]);
}

#[test]
fn what_was_typed_has_to_make_sense() {
    let room = Room::new();
    let made = made(&room, "p256");
    let registry = Registry::start();
    let name = image(&registry);
    let (key, payload, signature) = (made.public.as_str(), made.payload.as_str(), made.signature.as_str());
    for (arguments, code, says) in [
        // Rule G5: an operator names the key.
        (vec!["--payload", payload, "--signature", signature], 2, "--key"),
        (vec!["--key", key], 2, "--bundle"),
        (vec!["--key", key, "--payload", payload], 2, "--signature"),
        (vec!["--key", key, "--payload", payload, "--signature", "no such file"], 3, "no such file"),
        (vec!["--key", key, "--payload", "missing", "--signature", signature], 3, "missing"),
        (vec!["--key", key, "--payload", payload, "--bundle", payload], 2, "--bundle"),
    ] {
        let all = [&["attach", "signature"][..], &arguments, &[&name]].concat();
        let ran = room.run(&all);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
    // cosign takes a bundle as a payload.
    room.run(&["attach", "signature", "--key", key, "--payload", &made.bundle, &name]).ends(0);
    assert!(registry.lines().iter().any(|line| line.starts_with("PUT")));
}

#[test]
fn a_layout_takes_signatures_too() {
    let room = Room::new();
    let made = made(&room, "p256");
    let layout = room.path("layout");
    small("app").write_layout(&layout, "1.0");
    let name = format!("oci:{}:1.0", layout.display());
    for material in [
        vec!["--payload", made.payload.as_str(), "--signature", made.signature.as_str()],
        vec!["--bundle", made.bundle.as_str()],
    ] {
        let all = [&["attach", "signature", "--key", &made.public][..], &material, &[&name]].concat();
        room.run(&all).ends(0);
        room.run(&all).ends(0).says_each(&["already attached"]);
    }
    room.run(&["verify", "--key", &made.public, "--format", "legacy", &name]).ends(0);
    room.run(&["verify", "--key", &made.public, "--format", "bundle", &name]).ends(0);
}
