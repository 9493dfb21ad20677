//! `save`, `load`, and `copy` out of archives of `docker save`.

use waxseal_core::Digest;
use waxseal_testkit::layout::Layout;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry, fixtures};

use crate::room::Room;

/// A repository that cosign signed, in a registry without a referrers API.
fn signed() -> (Registry, fixtures::Case) {
    let registry = Registry::start().without_referrers_api();
    let case = fixtures::case("sig-both-formats");
    registry.push_layout(&case.layout(), "app");
    (registry, case)
}

#[test]
fn what_is_saved_on_one_side_verifies_there_and_on_the_other() {
    let (registry, case) = signed();
    let other = Registry::start();
    let room = Room::with(&[&format!("cosign/keys/{}.pub", case.key)]);
    let key = format!("{}.pub", case.key);
    let saved = room.run(&["save", "--dir", "saved", &registry.image("app", &case.tag)]).ends(0);
    assert_eq!(saved.data(), format!("oci:saved@{}\n", case.digest));
    let saved = saved.says(&format!("saved to oci:saved@{}, tag {}", case.digest, case.tag));
    assert!(!saved.stderr.contains("warning"), "{saved}");
    room.run(&["verify", "--key", &key, &format!("oci:saved:{}", case.tag)]).ends(0);
    let target = other.image("app", "2.0");
    let loaded = room.run(&["load", "--dir", "saved", "--output", "json", &target]).ends(0);
    let record = loaded.json();
    assert_eq!(record["schema"], "waxseal/copy/v1");
    assert_eq!(record["digest"], case.digest.to_string());
    assert_eq!((&record["tag"], &record["rejected"]), (&"2.0".into(), &serde_json::json!([])));
    assert!(record["attached"].as_u64().unwrap() >= 2, "{record}");
    room.run(&["verify", "--key", &key, &target]).ends(0);
    // cosign's own directory.
    let saved = fixtures::saved().into_iter().find(|saved| saved.id == "bundle-fallback-3x").unwrap();
    let (directory, target) = (saved.layout(), other.image("cosign", "1.0"));
    room.run(&["load", "--dir", directory.to_str().unwrap(), &target]).ends(0);
    room.write("saved.pub", fixtures::public_key_pem(&saved.key));
    room.run(&["verify", "--key", "saved.pub", &target]).ends(0);
}

#[test]
fn what_cannot_be_saved_or_loaded_says_why() {
    let (registry, case) = signed();
    let room = Room::new();
    let image = registry.image("app", &case.tag);
    room.run(&["save", &image]).ends(2).prints_nothing().says("--dir");
    std::fs::create_dir(room.path("mine")).unwrap();
    room.write("mine/notes", "mine");
    room.run(&["save", "--dir", "mine", &image]).ends(3).prints_nothing().says("neither a layout nor empty");
    room.run(&["load", "--dir", "mine", &image]).ends(3).prints_nothing().says("no OCI layout");
    room.run(&["load", "--dir", "missing", &image]).ends(3).says("missing").says("hint:");
    room.run(&["--offline", "save", "--dir", "saved", &image]).ends(3).says("offline");
    assert!(!room.path("saved").exists());
    registry.rule(Match::get("/blobs/"), Behaviour::status(503));
    room.run(&["save", "--dir", "saved", &image]).ends(3).prints_nothing();
    assert!(Layout::read(&room.path("saved")).entries().is_empty());
    registry.clear_rules();
    room.run(&["save", "--dir", "saved", &image]).ends(0);
    ImageBuilder::new().file("a", "1").build().push_to(&registry, "app", "other");
    room.run(&["save", "--dir", "saved", &registry.image("app", "other")]).ends(0);
    let target = registry.image("copy", "1.0");
    room.run(&["load", "--dir", "saved", &target]).ends(2).says(":other").says("waxseal copy oci:DIR:TAG");
    room.run(&["save", "--dir", "s390x", "--platform", "linux/s390x", &image]).ends(3).says("--platform");
}

#[test]
fn an_image_of_docker_save_is_copied_and_then_verified() {
    let registry = Registry::start();
    let room = Room::with(&["cosign/keys/p256.pub"]);
    let layer = vec![0; 1024];
    let config = format!(r#"{{"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#, Digest::of(&layer));
    let list = r#"[{"Config":"config.json","RepoTags":["app:1.0"],"Layers":["a/layer.tar"]}]"#;
    let mut archive = Vec::new();
    for (name, bytes) in
        [("config.json", config.as_bytes()), ("a/layer.tar", &layer), ("manifest.json", list.as_bytes())]
    {
        archive.extend(entry(name, bytes));
    }
    archive.resize(archive.len() + 1024, 0);
    room.write("app.tar", archive);
    let verify = |name: &str| room.run(&["verify", "--key", "p256.pub", name]);
    verify("docker-archive:app.tar").ends(3).says("holds no OCI layout").says("copy the image");
    let target = registry.image("app", "1.0");
    let first = room.run(&["copy", "docker-archive:app.tar", &target]).ends(0);
    verify(&target).ends(1);
    let second = room.run(&["copy", "docker-archive:app.tar:app:1.0", "oci:layout"]).ends(0).says("tag 1.0");
    let digest = |text: &str| text.trim().rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(digest(first.data()), digest(second.data()));
    room.run(&["copy", "docker-archive:app.tar:app:2.0", &target]).ends(3).says("docker.io/library/app:1.0");
    room.run(&["copy", &target, "docker-archive:out.tar"]).ends(3).says("oci-archive:");
}

/// A header and its content, as any tar writes them.
fn entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(bytes);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// The most memory that the program had, in KiB, as the kernel counts it.
#[cfg(target_os = "linux")]
fn peak(room: &Room, arguments: &[&str]) -> u64 {
    use std::process::{Command, Stdio};

    let mut child = Command::new(env!("CARGO_BIN_EXE_waxseal"))
        .args(arguments)
        .env_clear()
        .env("HOME", room.path("home"))
        .current_dir(room.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(status.success() && peak > 0, "{status} {peak}");
    peak
}

/// A layer of 64 MiB passes through, both ways, in pieces.
#[cfg(target_os = "linux")]
#[test]
fn large_layers_do_not_stay_in_memory() {
    const LIMIT_KIB: u64 = 48 << 10;
    let registry = Registry::start();
    let image = ImageBuilder::new().random_layer(64 << 20, 1).build();
    image.push_to(&registry, "app", "1.0");
    let room = Room::new();
    let saving = peak(&room, &["save", "--dir", "saved", &registry.image("app", "1.0")]);
    let again = peak(&room, &["save", "--dir", "saved", &registry.image("app", "1.0")]);
    let loading = peak(&room, &["load", "--dir", "saved", &registry.image("copy", "1.0")]);
    assert_eq!(registry.manifests("copy"), [image.digest()]);
    for peak in [saving, again, loading] {
        assert!(peak < LIMIT_KIB, "{saving} {again} {loading} KiB");
    }
}
