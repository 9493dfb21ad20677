//! `sign`: what goes into files and onto stdout.

use serde_json::Value;
use waxseal_core::Digest;
use waxseal_core::digest::Algorithm;
use waxseal_core::encoding::{base64_decode, base64_encode};

use crate::room::{Room, Run, oci, small};

/// A layout with a small image by its SHA-256 and its SHA-512 digest, and the name of each.
fn images(room: &Room) -> [String; 2] {
    let image = small("app");
    let layout = room.path("app");
    image.write_layout(&layout, "1.0");
    let long = Digest::of_with(Algorithm::Sha512, &image.manifest.1);
    std::fs::create_dir_all(layout.join("blobs/sha512")).unwrap();
    std::fs::write(layout.join("blobs/sha512").join(long.hex()), &image.manifest.1).unwrap();
    let mut index: Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifests = index["manifests"].as_array_mut().unwrap();
    let mut entry = manifests[0].clone();
    entry["digest"] = long.to_string().into();
    entry["annotations"]["org.opencontainers.image.ref.name"] = "long".into();
    manifests.push(entry);
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
    [oci(&layout, "1.0"), oci(&layout, "long")]
}

fn sign(room: &Room, image: &str, more: &[&str]) -> Run {
    let [key, _, password] = room.keys("p256");
    let line = ["sign", "--identity", "r.io/app", "--key", &key, "--password-file", &password, image];
    room.run(&[&line[..], more].concat())
}

#[test]
fn a_file_for_what_is_not_made_is_a_mistake() {
    let room = Room::new();
    let [short, long] = images(&room);
    for flag in ["--output-signature", "--output-payload"] {
        // Rule G7: with both formats a SHA-512 image gets a bundle alone.
        for upload in ["--upload=true", "--upload=false"] {
            sign(&room, &long, &[flag, "file", upload]).ends(2).says(flag).says("SHA-256").prints_nothing();
        }
        assert!(!room.path("file").exists());
        sign(&room, &short, &[flag, "file"]).ends(0).prints_nothing();
        std::fs::remove_file(room.path("file")).unwrap();
    }
    room.run(&["verify", "--key", "p256.pub", &long]).ends(1).says("no-signature");
    sign(&room, &long, &["--bundle", "file"]).ends(0);
    assert!(room.path("file").exists());
}

#[test]
fn what_is_not_uploaded_is_shown_whole_or_named() {
    let room = Room::new();
    let [short, long] = images(&room);
    let made =
        |image: &str, more: &[&str]| sign(&room, image, &[&["--upload=false"][..], more].concat()).ends(0);
    // As cosign: the signature in base64, one line.
    let line = made(&short, &["--format", "legacy"]);
    let signature = line.data().trim_end().to_owned();
    base64_decode(&signature).unwrap();
    // The bundle does not stand beside it, and the talk says so.
    let both = made(&short, &[]).says("--bundle").says("--format bundle");
    assert_eq!(both.data(), line.data());
    let named = made(&short, &["--bundle", "b"]);
    assert_eq!(named.data(), line.data());
    assert!(!named.stderr.contains("--format bundle"), "{named}");
    // Where it is all that is made it is shown.
    let bundle = made(&short, &["--format", "bundle"]).json();
    assert!(bundle["dsseEnvelope"].is_object(), "{bundle}");
    assert!(made(&long, &[]).json()["dsseEnvelope"].is_object());
    // JSON is one document, with everything that was made.
    let record = made(&short, &["-o", "json", "--output-payload", "payload"]).json();
    let [legacy, new] = record["images"][0]["signatures"].as_array().unwrap().as_slice() else {
        panic!("{record}")
    };
    assert_eq!(legacy["signature"], signature.as_str());
    assert_eq!(legacy["payload"], base64_encode(room.read("payload")));
    assert_eq!(new["bundle"], bundle);
    room.run(&["verify", "--key", "p256.pub", &short]).ends(1).says("no-signature");
    // What is uploaded is named by its key and format.
    let record = sign(&room, &short, &["-o", "json"]).ends(0).json();
    assert_eq!(record["images"][0]["signatures"][0]["format"], "legacy");
    assert!(record["images"][0]["signatures"][0].get("signature").is_none(), "{record}");
}

#[test]
fn what_a_build_says_that_it_pushed_is_signed() {
    let room = Room::new().variable("WAXSEAL_PASSWORD", "example");
    let [key, ..] = room.keys("p256");
    let registry = waxseal_testkit::Registry::start();
    let (one, two) = (crate::room::pushed(&registry, "one"), crate::room::pushed(&registry, "two"));
    let line = |name: &str, digest: &Digest| format!("{}/{name}:1.0@{digest}", registry.host());
    room.write("pushed.txt", format!("{}\n", line("one", &one.digest())));
    let metadata = serde_json::json!({
        "containerimage.digest": two.digest().to_string(),
        "image.name": format!("{0}/two:1.0,{0}/two:latest", registry.host()),
    });
    room.write("metadata.json", metadata.to_string());
    let sign = |more: &[&str]| room.run(&[&["sign", "--key", &key][..], more].concat());
    let record =
        sign(&["-o", "json", "--image-file", "pushed.txt", "--image-file", "metadata.json"]).ends(0).json();
    let digests: Vec<_> = record["images"].as_array().unwrap().iter().map(|image| &image["digest"]).collect();
    assert_eq!(digests, [&Value::from(one.digest().to_string()), &two.digest().to_string().into()]);
    room.verify(&line("two", &two.digest()), &[]).ends(0);
    let piped = room.pipe(line("one", &one.digest()), &["sign", "--key", &key, "--image-file", "-"]);
    piped.ends(0).says("already signed");
    for (content, words) in [
        (format!("{}/one:1.0\n", registry.host()), "has no digest"),
        (String::new(), "names no image"),
        (metadata.to_string().replace("sha256:", "sha256"), "buildx"),
    ] {
        room.write("wrong.txt", content);
        sign(&["--image-file", "wrong.txt"]).ends(2).says(words);
    }
    sign(&["--image-file", "pushed.txt", "--image-file", "pushed.txt", "--bundle", "bundle"]).ends(2);
    sign(&[]).ends(2);
}
