//! `pack` and `unpack`: what travels as one file arrives whole and verified, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_testkit::rng::Seeded;
use waxseal_testkit::{Behaviour, BuiltImage, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

use crate::room::{Room, Run, small};

/// A registry with a signed index of two platforms, and the keys of who releases, who packs, and a site.
fn prepared() -> (Room, Registry) {
    let (room, registry) = (Room::new().variable("WAXSEAL_PASSWORD", "example"), Registry::start());
    for (name, key) in [("release", "p256"), ("pack", "p256-other"), ("site", "ed25519")] {
        room.write(&format!("{name}.key"), fixtures::private_key_pem(key));
        room.write(&format!("{name}.pub"), fixtures::public_key_pem(key));
    }
    let index = IndexBuilder::new()
        .image(ImageBuilder::new().platform("linux/amd64").random_layer(50_000, 1).build())
        .image(ImageBuilder::new().platform("linux/arm64").random_layer(50_000, 2).build())
        .build();
    index.push_to(&registry, "prod/app", "1.0");
    room.ok(&["sign", "--key", "release.key", "-r", &registry.image("prod/app", "1.0")]);
    room.write("predicate.json", "{}");
    let attest = ["attest", "--key", "release.key", "--type", "custom", "--predicate", "predicate.json"];
    room.ok(&[&attest[..], &[&registry.image("prod/app", "1.0")]].concat());
    (room, registry)
}

/// The layer of an image.
fn large(image: &BuiltImage) -> Digest {
    image.blobs.iter().map(|(blob, _)| blob).max_by_key(|blob| blob.size).unwrap().digest
}

const PACK: [&str; 9] =
    ["pack", "--image-key", "release.pub", "--key", "pack.key", "--serial", "7", "--out", "app.wax.tar"];
const UNPACK: [&str; 6] = ["unpack", "--key", "pack.pub", "--image-key", "release.pub", "--to"];

fn packed(more: &[&str]) -> (Room, Registry) {
    let (room, registry) = prepared();
    room.ok(&[&PACK[..], more, &[&registry.image("prod/app", "1.0")]].concat());
    (room, registry)
}

/// Unpacks to a registry that must stay empty.
#[track_caller]
fn refused(room: &Room, more: &[&str], code: &str) -> Run {
    let site = Registry::start();
    let host = site.host();
    let to = [&UNPACK[..], &[&host], more, &["app.wax.tar"]].concat();
    let run = room.run(&to).ends(1).prints_nothing().says(&format!("[{code}"));
    assert!(site.requests().is_empty(), "{run}");
    run
}

#[test]
fn what_is_packed_arrives_and_verifies() {
    let (room, registry) = packed(&[]);
    let site = Registry::start();
    let host = site.host();
    let run = room.run(&[&UNPACK[..], &[&host, "--site-key", "site.key", "app.wax.tar"]].concat()).ends(0);
    let image = format!("{host}/prod/app");
    let digest = run.data().trim().rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(run.data(), format!("{image}@{digest}\n"));
    let tagged = format!("{image}:1.0");
    for key in ["release.pub", "site.pub"] {
        room.run(&["verify", "--key", key, &tagged]).ends(0);
    }
    room.run(&["verify", "--key", "release.pub", "--all-platforms", &tagged]).ends(0);
    room.run(&["verify-attestation", "--key", "release.pub", "--type", "custom", &tagged]).ends(0);
    room.run(&["verify", "--key", "pack.pub", &tagged]).ends(1);
    // Everything that hangs on it came along, in both formats.
    let objects = |image: &str| {
        let tree = room.run(&["tree", "-o", "json", image]).ends(0).json().to_string();
        tree.matches("\"digest\"").count()
    };
    assert!(objects(&tagged) > objects(&registry.image("prod/app", "1.0")));
    // Again: nothing is sent twice, and nothing is signed twice.
    let again =
        room.run(&[&UNPACK[..], &[&host, "--site-key", "site.key", "-o", "json", "app.wax.tar"]].concat());
    let again = again.ends(0).json();
    assert_eq!(again["schema"], "waxseal/unpack/v1");
    assert_eq!(again["images"][0]["copied"]["blobs"]["sent"], 0);
    assert_eq!((&again["serial"], &again["serialNoted"]), (&json!(7), &json!(true)));
}

#[test]
fn a_layout_takes_what_a_registry_takes() {
    let (room, registry) = packed(&[]);
    let to = [&UNPACK[..], &["oci:site", "--map", "registry.invalid=x", "app.wax.tar"]].concat();
    let run = room.run(&to).ends(0);
    assert!(run.data().starts_with("oci:site@sha256:"), "{run}");
    room.run(&["verify", "--key", "release.pub", "oci:site:1.0"]).ends(0);
    let index = room.text("site/index.json");
    let name = format!("\"io.containerd.image.name\":\"{}\"", registry.image("prod/app", "1.0"));
    assert!(index.contains(&name), "{index}");
    // A site's signature in a layout is under the name that the image has there.
    let mapped = format!("{}/prod=registry.site.example/mirror", registry.host());
    let to =
        [&UNPACK[..], &["oci:signed", "--map", &mapped, "--site-key", "site.key", "app.wax.tar"]].concat();
    room.run(&to).ends(0);
    let same =
        ["verify", "--key", "site.pub", "--signed-for", "registry.site.example/mirror/app", "oci:signed:1.0"];
    room.run(&same).ends(0);
}

#[test]
fn any_tar_and_sha256sum_read_a_pack() {
    let (room, _) = packed(&[]);
    for line in [
        "mkdir plain && tar -xf app.wax.tar -C plain && cd plain && sha256sum --quiet -c SHA256SUMS",
        "waxseal verify --key release.pub oci:plain:1.0",
        "waxseal verify --key release.pub oci-archive:app.wax.tar:1.0",
        "waxseal load --dir plain $SITE/app:1.0",
    ] {
        let site = Registry::start();
        let run = room.end(room.shell(line).env("SITE", site.host()));
        assert_eq!(run.code, 0, "{line}: {run}");
    }
    let files: Vec<_> = fs::read_dir(room.path("plain/waxseal/keys")).unwrap().collect();
    assert_eq!(files.len(), 2);
    // The list leaves nothing out but itself.
    let listed = room.text("plain/SHA256SUMS").lines().count();
    let found = room.end(&mut room.shell("cd plain && find . -type f | wc -l")).ends(0);
    assert_eq!(found.data().trim().parse::<usize>().unwrap(), listed + 1);
}

#[test]
fn a_pack_is_verified_without_writing_anything() {
    let (room, registry) = packed(&[]);
    let verify = ["pack", "verify", "--image-key", "release.pub", "app.wax.tar"];
    let run = room.run(&verify).ends(0);
    assert!(run.data().contains("signed:   not checked (no --key)"), "{run}");
    assert!(run.data().contains("serial 7") && run.data().contains("(by its own word)"), "{run}");
    let run = room.run(&["pack", "verify", "--key", "pack.pub", "-o", "json", "app.wax.tar"]).ends(0).json();
    assert_eq!((&run["schema"], &run["verdict"]), (&json!("waxseal/pack-verdict/v1"), &json!("admit")));
    assert_eq!((&run["serial"], &run["signature"]["checked"]), (&json!(7), &json!(true)));
    assert_eq!(run["images"][0]["name"], registry.image("prod/app", "1.0"));
    assert_eq!(run["images"][0]["verdict"], Value::Null);
    // Neither keeps a serial number.
    assert!(!room.path("home/.local").exists());
    room.run(&["pack", "verify", "app.wax.tar"]).ends(2).says("hint:");
    room.run(&["pack", "verify", "--key", "pack.pub", "missing.tar"]).ends(3).says("not there");
}

#[test]
fn keys_in_the_pack_and_other_keys_open_nothing() {
    let (room, _) = packed(&[]);
    let run = room
        .run(&["unpack", "--key", "site.pub", "--to", "oci:site", "app.wax.tar"])
        .ends(1)
        .prints_nothing();
    run.says_each(&["[pack-signature-untrusted]", "signature-mismatch", "hint:"]);
    assert!(!room.path("site").exists());
}

#[test]
fn only_what_is_verified_is_packed() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    let pack = ["pack", "--image-key", "site.pub", "--out", "app.wax.tar", &image];
    room.run(&pack).ends(1).prints_nothing().says_each(&["refused", "nothing was written"]);
    let json = room.run(&[&pack[..], &["-o", "json"]].concat()).ends(1).json();
    assert_eq!((&json["schema"], &json["verdict"]), (&json!("waxseal/verdict/v1"), &json!("refuse")));
    registry.rule(Match::get("/referrers/"), Behaviour::status(503));
    registry.rule(Match::get(".sig"), Behaviour::status(503));
    room.run(&["pack", "--image-key", "release.pub", "--out", "app.wax.tar", &image]).ends(3);
    registry.clear_rules();
    room.run(&["pack", "--out", "app.wax.tar", &image]).ends(2).says("--image-key");
    room.run(&["pack", "--image-key", "release.pub", &image]).ends(2).says("--out");
    room.run(&["pack", "--image-key", "release.pub", "--out", ".tar", &image]).ends(2).says("--name");
    room.run(&["pack", "--image-key", "release.pub", "--out", "release.key", &image])
        .ends(2)
        .says("private key");
    assert!(!room.names().iter().any(|name| name.contains("wax")), "{:?}", room.names());
}

#[test]
fn an_image_that_is_signed_by_nobody_whom_the_site_trusts_is_refused() {
    let (room, _) = packed(&[]);
    let site = Registry::start();
    let host = site.host();
    let unpack = ["unpack", "--key", "pack.pub", "--image-key", "site.pub", "--to", &host, "app.wax.tar"];
    let run = room.run(&unpack).ends(1).prints_nothing();
    let _ = run.says_each(&["[pack-image-refused]", "signature-mismatch", "prod/app:1.0"]);
    assert!(site.requests().is_empty());
    // Without a policy the word of who packed counts, and it is said so; then the site has nothing to sign.
    let trusting = ["unpack", "--key", "pack.pub", "--to", &host, "app.wax.tar"];
    room.run(&[&trusting[..], &["--site-key", "site.key"]].concat()).ends(2).says("--image-key");
    room.run(&trusting).ends(0).says("not judged, taken by the word of who packed");
}

#[test]
fn an_older_pack_is_refused() {
    let (room, registry) = packed(&[]);
    let site = Registry::start();
    let host = site.host();
    let unpack = |more: &[&str], pack: &str| room.run(&[&UNPACK[..], &[&host], more, &[pack]].concat());
    unpack(&[], "app.wax.tar").ends(0);
    let image = registry.image("prod/app", "1.0");
    let pack = |serial: &str, out: &str| {
        let pack = ["pack", "--image-key", "release.pub", "--key", "pack.key", "--name", "app", "--serial"];
        room.ok(&[&pack[..], &[serial, "--out", out, &image]].concat());
    };
    pack("6", "old.tar");
    unpack(&[], "old.tar").ends(1).says_each(&["[pack-serial-too-low]", "serial 6", "hint:"]);
    room.run(&["pack", "verify", "--image-key", "release.pub", "old.tar"]).ends(1).ends(1);
    unpack(&["--no-state"], "old.tar").ends(0);
    unpack(&["--no-state", "--serial-at-least", "7"], "old.tar").ends(1).says("[pack-serial-too-low]");
    pack("7", "other.tar");
    unpack(&[], "other.tar").ends(1).says("[pack-serial-reused]");
    unpack(&[], "app.wax.tar").ends(0);
    pack("8", "new.tar");
    unpack(&[], "new.tar").ends(0);
    unpack(&[], "app.wax.tar").ends(1).says("[pack-serial-too-low]");
    assert!(room.text("home/.local/state/waxseal/packs.json").contains("\"serial\": 8"));
    room.write("home/.local/state/waxseal/packs.json", "{");
    unpack(&[], "new.tar").ends(4).says("[pack-state]");
    let unsigned =
        ["unpack", "--image-key", "release.pub", "--serial-at-least", "1", "--to", &host, "new.tar"];
    room.run(&unsigned).ends(2).says("--key");
}

/// The bytes of a pack with one bit flipped.
fn flipped(good: &[u8], random: &mut Seeded) -> (usize, Vec<u8>) {
    let mut bad = good.to_vec();
    let at = random.below(bad.len());
    bad[at] ^= 1 << random.below(8);
    (at, bad)
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let (room, _) = packed(&[]);
    let good = room.read("app.wax.tar");
    let mut random = Seeded::named("a medium that is worn");
    let site = Registry::start();
    let host = site.host();
    let state = room.path("state").display().to_string();
    for number in 0..200 {
        let (at, bad) = flipped(&good, &mut random);
        room.write("app.wax.tar", bad);
        // With the key of the pack, with a policy alone, and with both.
        let asked: &[&str] = match number % 3 {
            0 => &["--key", "pack.pub"],
            1 => &["--image-key", "release.pub"],
            _ => &["--key", "pack.pub", "--image-key", "release.pub"],
        };
        let run =
            room.run(&[&["unpack", "--to", &host, "--state", &state][..], asked, &["app.wax.tar"]].concat());
        assert_eq!(run.code, 1, "byte {at}: {run}");
        assert!(run.stdout.is_empty() && run.stderr.contains("reason:"), "{run}");
    }
    assert!(site.requests().is_empty());
    assert!(!room.path("state").exists());
    room.write("app.wax.tar", good);
    room.run(&["unpack", "--to", &host, "--state", &state, "--key", "pack.pub", "app.wax.tar"]).ends(0);
}

#[test]
fn an_unsigned_pack_is_judged_by_its_images_alone() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    room.ok(&["pack", "--image-key", "release.pub", "--out", "app.wax.tar", &image]);
    refused(&room, &[], "pack-unsigned");
    let site = Registry::start();
    let host = site.host();
    // Nobody vouches for the names in it: the site does not sign them.
    let signing =
        ["unpack", "--image-key", "release.pub", "--site-key", "site.key", "--to", &host, "app.wax.tar"];
    room.run(&signing).ends(2).prints_nothing().says_each(&["--site-key", "--key"]);
    assert!(site.requests().is_empty());
    let unpack = ["unpack", "--image-key", "release.pub", "--to", &host, "-o", "json", "app.wax.tar"];
    let json = room.run(&unpack).ends(0).json();
    assert_eq!(json["serialNoted"], false);
    assert!(!room.path("home/.local/state/waxseal").exists());
}

#[test]
fn a_pack_travels_in_parts_and_packed() {
    for more in [&["--zstd"][..], &["--split", "64K"], &["--zstd", "--split", "64K"]] {
        let (room, _) = packed(more);
        let site = Registry::start();
        let host = site.host();
        if more.contains(&"--split") {
            let whole = "sha256sum --quiet -c app.wax.tar.parts.sha256";
            room.end(&mut room.shell(whole)).ends(0);
            assert!(room.path("app.wax.tar.part-0002").exists());
            // A part that is missing is named; one that is damaged too.
            let part = room.read("app.wax.tar.part-0002");
            fs::remove_file(room.path("app.wax.tar.part-0002")).unwrap();
            let missing = room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(3);
            missing.says("app.wax.tar.part-0002");
            room.write("app.wax.tar.part-0002", &part[..part.len() - 1]);
            refused(&room, &[], "pack-malformed");
            let mut worn = part.clone();
            worn[100] ^= 4;
            room.write("app.wax.tar.part-0002", worn);
            let run = room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(1);
            // What is at that place depends on the length of the signatures: a blob, or the head of an entry.
            let named = ["part-0002", "blobs/", "checksum"].iter().any(|word| run.stderr.contains(word));
            assert!(named, "{run}");
            room.write("app.wax.tar.part-0002", part);
            room.run(&[&UNPACK[..], &[&host, "app.wax.tar.parts.json"]].concat()).ends(0);
        }
        room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(0);
        room.run(&["verify", "--key", "release.pub", &format!("{host}/prod/app:1.0")]).ends(0);
    }
}

#[test]
fn a_pack_that_broke_off_goes_on_where_it_was() {
    let (room, registry) = packed(&[]);
    let image = registry.image("prod/app", "1.0");
    let whole = room.read("app.wax.tar");
    fs::remove_file(room.path("app.wax.tar")).unwrap();
    // The registry breaks off in the middle.
    let layer = ImageBuilder::new().platform("linux/arm64").random_layer(50_000, 2).build();
    let blob = large(&layer).to_string();
    registry.rule(Match::get(&blob), Behaviour::status(503));
    let pack = [&PACK[..], &["-o", "json", &image]].concat();
    room.run(&pack).ends(3).prints_nothing();
    assert!(room.path("app.wax.tar.partial").exists() && !room.path("app.wax.tar").exists());
    registry.clear_rules();
    let record = room.run(&pack).ends(0).json();
    assert!(record["bytesKept"].as_u64().unwrap() > 0, "{record}");
    assert_eq!(record["schema"], "waxseal/packed/v1");
    assert!(!room.path("app.wax.tar.partial").exists());
    // A later moment is another manifest, and the rest is the same.
    assert_eq!(room.read("app.wax.tar").len(), whole.len());
    room.run(&["pack", "verify", "--key", "pack.pub", "--image-key", "release.pub", "app.wax.tar"]).ends(0);
}

/// A shell in which no file grows beyond so many blocks of 512 bytes.
#[cfg(target_os = "linux")]
fn limited(room: &Room, blocks: usize, line: &str) -> Run {
    // Writing beyond is an error then, and no signal.
    room.end(&mut room.shell(&format!("trap '' XFSZ; ulimit -f {blocks}; exec waxseal {line}")))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_a_clear_error_and_no_tag() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    let pack = format!("{} {image}", PACK.join(" "));
    let run =
        limited(&room, 100, &pack).ends(3).prints_nothing().says_each(&["[io]", "app.wax.tar", "hint:"]);
    assert!(!room.path("app.wax.tar").exists(), "{run}");
    let again = room.run(&[&PACK[..], &["-o", "json", &image]].concat()).ends(0).json();
    assert!(again["bytesKept"].as_u64().unwrap() > 0, "{again}");
    let unpack = format!("{} oci:site app.wax.tar", UNPACK.join(" "));
    limited(&room, 40, &unpack).ends(3).prints_nothing().says_each(&["[io]", "hint:"]);
    assert!(!room.text("site/index.json").contains("ref.name"), "{}", room.text("site/index.json"));
    room.run(&["verify", "--key", "release.pub", "oci:site:1.0"]).ends(3);
    room.end(&mut room.shell(&format!("waxseal {unpack}"))).ends(0);
    room.run(&["verify", "--key", "release.pub", "oci:site:1.0"]).ends(0);
}

#[test]
fn a_destination_that_breaks_off_has_no_tag_and_a_rerun_completes() {
    let (room, _) = packed(&[]);
    let site = Registry::start();
    let host = site.host();
    let unpack = [&UNPACK[..], &[&host, "app.wax.tar"]].concat();
    site.rule(Match::new("PUT", "/manifests/sha256:"), Behaviour::status(500));
    room.run(&unpack).ends(3).prints_nothing();
    room.run(&["verify", "--key", "release.pub", &format!("{host}/prod/app:1.0")]).ends(3);
    site.clear_rules();
    room.run(&unpack).ends(0);
    room.run(&["verify", "--key", "release.pub", &format!("{host}/prod/app:1.0")]).ends(0);
}

#[test]
fn nothing_is_written_in_a_dry_run() {
    let (room, registry) = packed(&[]);
    let site = Registry::start();
    let to = format!("{}/below", site.host());
    let map = format!("{}/prod=moved", registry.host());
    let run = room.run(&[&UNPACK[..], &[&to, "--map", &map, "--dry-run", "app.wax.tar"]].concat()).ends(0);
    assert!(run.data().starts_with(&format!("{to}/moved/app@sha256:")), "{run}");
    assert!(site.requests().is_empty());
    room.run(&[&UNPACK[..], &["oci:none", "--dry-run", "app.wax.tar"]].concat()).ends(0);
    assert!(!room.path("none").exists());
    let out = format!("{}=registry.other.example/x", registry.host());
    room.run(&[&UNPACK[..], &[&to, "--map", &out, "app.wax.tar"]].concat()).ends(2).says("leads out");
    room.run(&[&UNPACK[..], &["nowhere", "app.wax.tar"]].concat()).ends(2).says("registry's host");
}

#[test]
fn layers_that_the_other_side_has_stay_at_home() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    let site = Registry::start();
    let host = site.host();
    // The site has the first platform's image, in another repository.
    let amd64 = ImageBuilder::new().platform("linux/amd64").random_layer(50_000, 1).build();
    amd64.push_to(&site, "old/app", "0.9");
    let blobs = [large(&amd64).to_string()];
    let inventory = json!({
        "schema": "waxseal/inventory/v1",
        "more": { "is": "ignored" },
        "holdings": [{
            "repository": format!("{host}/old/app"),
            "manifests": [amd64.digest().to_string()],
            "blobs": blobs,
        }],
    });
    room.write("site.json", inventory.to_string());
    let diff = room.run(&["pack", "diff", "--have", "site.json", &image]).ends(0);
    assert!(diff.data().contains("1 there already (50"), "{diff}");
    let diff = room.run(&["pack", "diff", "--have", "site.json", "-o", "json", &image]).ends(0).json();
    assert_eq!(diff["omitted"].as_array().unwrap().len(), 1);
    room.ok(&[&PACK[..], &["--have", "site.json", &image]].concat());
    assert!(room.read("app.wax.tar").len() < 110_000);
    // Another registry lacks it: nothing gets a tag there.
    let other = Registry::start();
    let run = room.run(&[&UNPACK[..], &[&other.host(), "app.wax.tar"]].concat()).ends(3);
    run.says_each(&["[pack-incomplete]", &blobs[0], "hint:"]);
    assert!(other.requests().iter().all(|request| request.method != "PUT"));
    room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(0);
    room.run(&["verify", "--key", "release.pub", "--all-platforms", &format!("{host}/prod/app:1.0")]).ends(0);
    room.write("site.json", "{\"schema\":\"waxseal/inventory/v2\"}");
    room.run(&["pack", "diff", "--have", "site.json", &image]).ends(2).says("waxseal/inventory/v1");
}

/// Evidence always travels: a site that holds the signed image already gets a pack that verifies by itself.
#[test]
fn evidence_travels_even_where_the_other_side_has_it() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    let site = Registry::start();
    let host = site.host();
    room.ok(&["copy", &image, &format!("{host}/prod/app:1.0")]);
    let listed = room.run(&["inventory", "--registry", &host, "-o", "json"]);
    let holdings = &listed.json()["holdings"];
    assert!(holdings[0]["blobs"].as_array().unwrap().len() > 4, "{listed}");
    room.write("site.json", listed.stdout.clone());
    let diff = room.run(&["pack", "diff", "--have", "site.json", "-o", "json", &image]).ends(0).json();
    // Two platforms, a layer and a configuration each.
    assert_eq!(diff["omitted"].as_array().unwrap().len(), 4, "{diff}");
    room.ok(&[&PACK[..], &["--have", "site.json", &image]].concat());
    room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(0);
    room.run(&["verify", "--key", "release.pub", "--all-platforms", &format!("{host}/prod/app:1.0")]).ends(0);
}

#[test]
fn several_images_of_one_tag_travel_together() {
    let (room, registry) = prepared();
    let chart = ImageBuilder::new()
        .config("application/vnd.cncf.helm.config.v1+json", r#"{"name":"chart"}"#)
        .layer_of("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &b"chart"[..])
        .build();
    chart.push_to(&registry, "charts/app", "1.0");
    let names = [registry.image("prod/app", "1.0"), registry.image("charts/app", "1.0")];
    room.ok(&["sign", "--key", "release.key", &names[1]]);
    room.ok(&[&PACK[..], &[&names[0], &names[1]]].concat());
    let site = Registry::start();
    let host = site.host();
    let run = room.run(&[&UNPACK[..], &[&host, "app.wax.tar"]].concat()).ends(0);
    assert_eq!(run.data().lines().count(), 2);
    room.run(&[&UNPACK[..], &["oci:site", "app.wax.tar"]].concat()).ends(0);
    for path in ["prod/app:1.0", "charts/app:1.0"] {
        room.run(&["verify", "--key", "release.pub", &format!("{host}/{path}")]).ends(0);
    }
    let digest = chart.digest();
    room.run(&["verify", "--key", "release.pub", &format!("oci:site@{digest}")]).ends(0);
    assert!(room.text("site/index.json").contains(&names[1]));
    // Two images may not become one.
    let maps = [format!("{}/prod=x", registry.host()), format!("{}/charts=x", registry.host())];
    let unpack = [&UNPACK[..], &[&host, "--map", &maps[0], "--map", &maps[1], "app.wax.tar"]].concat();
    room.run(&unpack).ends(2).says("would both become");
}

/// Writes a policy for the images of a registry's `prod`, with a rule of this mode and with what else stands in it.
fn policy(room: &Room, name: &str, images: &str, mode: &str, more: &str) {
    let text = format!(
        "apiVersion: waxseal/v1\nkind: Policy\nname: {name}\nkeys:\n  \
         release: {{ file: release.pub, validUntil: 2029-06-01T00:00:00Z }}\nrules:\n  - images: [\"{images}\"]\n    \
         mode: {mode}\n    require:\n      - signature: {{ by: [release] }}\n{more}"
    );
    room.write(&format!("{name}.yaml"), text);
}

#[test]
fn a_policy_goes_by_the_name_that_the_image_had() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    policy(&room, "production", &format!("{}/prod/**", registry.host()), "enforce", "");
    policy(&room, "elsewhere", "registry.example.com/**", "enforce", "");
    let pack = ["pack", "--key", "pack.key", "--out", "app.wax.tar", &image, "--policy"];
    room.run(&[&pack[..], &["elsewhere.yaml"]].concat()).ends(1).prints_nothing();
    room.ok(&[&pack[..], &["production.yaml"]].concat());
    let held = room.end(&mut room.shell("tar -xOf app.wax.tar waxseal/policy.yaml")).ends(0);
    assert_eq!(held.data(), room.text("production.yaml"));
    let site = Registry::start();
    let to = format!("{}/mirror", site.host());
    let unpack = ["unpack", "--key", "pack.pub", "--to", &to, "app.wax.tar", "--policy"];
    room.run(&[&unpack[..], &["elsewhere.yaml"]].concat()).ends(1).says("[pack-image-refused]");
    assert!(site.requests().is_empty());
    room.run(&[&unpack[..], &["production.yaml"]].concat()).ends(0);
    // Keys that were typed count, and not the file of the environment; both at once are a mistake.
    let mut typed = room.waxseal();
    typed.env("WAXSEAL_POLICY", "elsewhere.yaml");
    room.end(typed.args(["pack", "verify", "--image-key", "release.pub", "app.wax.tar"])).ends(0);
    let both = ["pack", "verify", "--image-key", "release.pub", "--policy", "production.yaml", "app.wax.tar"];
    room.run(&both).ends(2).says("--image-key");
}

#[test]
fn what_is_let_through_without_proof_is_neither_packed_nor_unpacked() {
    let (room, registry) = prepared();
    let host = registry.host();
    let unsigned = small("prod/unsigned");
    unsigned.push_to(&registry, "prod/unsigned", "1.0");
    let image = registry.image("prod/unsigned", "1.0");
    let exempt = format!(
        "exempt:\n  - {{ images: [\"{host}/prod/unsigned\"], digest: \"{}\", reason: old, expires: 2029-01-01 }}\n",
        unsigned.digest()
    );
    policy(&room, "exempt", &format!("{host}/**"), "enforce", &exempt);
    policy(&room, "warn", &format!("{host}/**"), "warn", "");
    policy(&room, "unmatched", "registry.example.com/**", "enforce", "unmatched: admit\n");
    // A sender who is less strict makes a pack of it all the same, under another key.
    room.ok(&["sign", "--key", "site.key", &image]);
    let lax = ["pack", "--image-key", "site.pub", "--key", "pack.key", "--out", "lax.tar", &image];
    room.ok(&lax);
    for name in ["exempt.yaml", "warn.yaml", "unmatched.yaml"] {
        room.run(&["verify", "--policy", name, &image]).ends(0);
        let pack = ["pack", "--policy", name, "--out", "app.wax.tar", &image];
        room.run(&pack).ends(1).prints_nothing().says("only what is verified is packed");
        let unpack = ["unpack", "--key", "pack.pub", "--policy", name, "--to", "oci:site", "lax.tar"];
        room.run(&unpack).ends(1).prints_nothing().says("[pack-image-refused]");
        assert!(!room.path("site").exists() && !room.path("app.wax.tar").exists());
    }
}

#[test]
fn what_will_be_too_late_is_said_before() {
    let (room, registry) = prepared();
    let image = registry.image("prod/app", "1.0");
    policy(&room, "production", &format!("{}/**", registry.host()), "enforce", "");
    let pack =
        ["pack", "--policy", "production.yaml", "--out", "app.wax.tar", "-o", "json", &image, "--arrives-by"];
    let run = room.run(&[&pack[..], &["2029-05-31"]].concat()).ends(0);
    assert!(!run.stderr.contains("warning"), "{run}");
    let run = room.run(&[&pack[..], &["2029-06-02"]].concat()).ends(0);
    let run = run.says_each(&["warning", "when it arrives", "key-expired"]);
    assert_eq!(run.json()["notAdmittedOnArrival"][0]["verdict"]["verdict"], "refuse");
    room.run(&[&pack[..], &["tomorrow"]].concat()).ends(2);
}

/// The members of a tar, with their headers.
fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut members = Vec::new();
    let mut at = 0;
    while bytes[at] != 0 {
        let name = String::from_utf8(bytes[at..at + 100].to_vec()).unwrap().trim_end_matches('\0').to_owned();
        let size =
            usize::from_str_radix(std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap(), 8).unwrap();
        let end = at + 512 + size.next_multiple_of(512);
        members.push((name, bytes[at..end].to_vec()));
        at = end;
    }
    members
}

/// A member as any program writes it.
fn member(kind: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
    block[124..148].copy_from_slice(format!("{:011o}\0{:011o}\0", content.len(), 0).as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

#[test]
fn a_pack_that_was_tampered_with_is_refused_before_anything_is_written() {
    let (room, _) = packed(&[]);
    let good = room.read("app.wax.tar");
    let members = members(&good);
    let whole: Vec<Vec<u8>> = members.iter().map(|(_, bytes)| bytes.clone()).collect();
    let last = whole.len();
    let put = |at: usize, more: Vec<u8>| {
        let mut changed = whole.clone();
        changed.insert(at, more);
        [changed.concat(), vec![0; 1024]].concat()
    };
    let mut swapped = whole.clone();
    swapped.swap(last - 1, last - 2);
    let mut missing = whole.clone();
    missing.remove(last - 1);
    let other = Digest::of("other");
    let cases = [
        ("cut off", good[..good.len() - 2048].to_vec()),
        ("in another order", [swapped.concat(), vec![0; 1024]].concat()),
        ("without an entry", [missing.concat(), vec![0; 1024]].concat()),
        (
            "with an entry more",
            put(last, member(b'0', &format!("blobs/sha256/{}", other.hex()), "", b"other")),
        ),
        ("with an entry twice", put(last, whole[last - 1].clone())),
        ("with a manifest twice", put(last, whole[1].clone())),
        ("with a path that leads out", put(last, member(b'0', "../../home/.profile", "", b"x"))),
        ("with an absolute path", put(last, member(b'0', "/etc/passwd", "", b"x"))),
        ("with a symbolic link", put(last, member(b'2', "blobs/link", "/etc", b""))),
        ("with a hard link", put(last, member(b'1', "blobs/link", "index.json", b""))),
        ("with a device", put(last, member(b'3', "dev", "", b""))),
        ("with a sparse file", put(last, member(b'S', "sparse", "", b""))),
        ("with a path in an extended header", put(1, member(b'x', "x", "", b"18 path=index.json"))),
        ("with a global header", put(0, member(b'g', "x", "", b"13 path=../x\n"))),
        ("with more behind its end", [good.clone(), good.clone()].concat()),
    ];
    for (what, bytes) in cases {
        room.write("app.wax.tar", bytes);
        let run = refused(&room, &[], "pack-");
        assert!(!run.stderr.contains("admitted"), "{what}: {run}");
    }
    // A manifest that lists what was changed needs a signature of its own.
    let (other, _) = packed(&["--name", "other"]);
    room.write("app.wax.tar", other.read("app.wax.tar"));
    assert_ne!(other.read("app.wax.tar"), good);
    room.run(&["pack", "verify", "--key", "site.pub", "app.wax.tar"]).ends(1);
}

/// Files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_layout_with_a_name_is_packed_too() {
    let (room, registry) = prepared();
    room.ok(&["copy", &registry.image("prod/app", "1.0"), "oci:local:1.0"]);
    let pack = [&PACK[..], &["oci:local:1.0"]].concat();
    room.run(&pack).ends(4).says("--identity");
    let named = [&pack[..], &["--identity", "registry.example.com/prod/app"]].concat();
    room.ok(&named);
    let json = room.run(&["pack", "verify", "--key", "pack.pub", "-o", "json", "app.wax.tar"]).ends(0).json();
    assert_eq!(json["images"][0]["name"], "registry.example.com/prod/app:1.0");
    assert!(!below(&room.path("local")).is_empty());
    // Two images of one name are a mistake, and neither stays behind unseen.
    small("another").write_layout(&room.path("other"), "1.0");
    room.ok(&[
        "sign",
        "--key",
        "release.key",
        "--identity",
        "registry.example.com/prod/app",
        "oci:other:1.0",
    ]);
    let two = [&named[..], &["oci:other:1.0"]].concat();
    room.run(&two).ends(2).prints_nothing().says("registry.example.com/prod/app:1.0 is both");
    // The file that is read is never the one that is written.
    let same = ["pack", "--image-key", "release.pub", "--out", "app.wax.tar", "oci-archive:app.wax.tar:1.0"];
    room.run(&same).ends(2).says("overwritten");
}
