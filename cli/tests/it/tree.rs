use std::process::Stdio;

use waxseal_oci::Attached;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry, fixtures};

use crate::room::{Room, oci, pushed};

#[test]
fn what_was_signed_is_listed_in_every_form() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    let name = registry.image("app", "1.0");
    assert!(room.ok(&["tree", &name]).contains("└── nothing attached"));
    room.sign("p256", &name, &[]);
    let text = room.ok(&["tree", &name]);
    let tag = Attached::Signatures.tag(&image.digest()).unwrap();
    for part in [
        name.as_str(),
        &image.digest().to_string(),
        "├── signature ",
        &format!("tag {tag}, 1 signature"),
        "└── bundle ",
        "referrer (API), 1 bundle",
        "claims:  https://sigstore.dev/cosign/sign/v1",
        "nothing here is verified",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let table = room.ok(&["tree", "-o", "table", &name]);
    assert_eq!(table.lines().filter(|line| line.contains(&image.digest().short())).count(), 2, "{table}");
    let done = room.run(&["tree", "-o", "json", &name]);
    let json = done.json();
    assert_eq!(json["schema"], "waxseal/tree/v1");
    assert_eq!((&json["complete"], &json["verified"]), (&true.into(), &false.into()));
    assert_eq!(json["root"]["attached"][1]["kind"], "bundle");
    assert_eq!(json["root"]["attached"][1]["signedWith"][0]["material"], "key");
}

#[test]
fn an_index_shows_each_platform() {
    let (room, registry) = (Room::new(), Registry::start());
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build().push_to(&registry, "app", "1.0");
    let name = registry.image("app", "1.0");
    room.sign("p256", &name, &["-r"]);
    let text = room.ok(&["tree", &name]);
    assert!(text.contains("index of 2 images"), "{text}");
    assert!(text.contains("├── linux/amd64") && text.contains("└── linux/arm64"), "{text}");
    assert_eq!(text.matches(" bundle ").count(), 3, "{text}");
}

#[test]
fn what_cannot_be_read_is_shown_and_decides_the_exit_code() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    let name = registry.image("app", "1.0");
    room.sign("p256", &name, &[]);
    assert_eq!(room.run(&["tree", &name]).code, 0);
    registry.rule(Match::path(format!("/referrers/{}", image.digest())), Behaviour::status(403));
    for form in ["text", "table"] {
        let done = room.run(&["tree", "-o", form, &name]);
        assert_eq!(done.code, 3, "{done:?}");
        assert!(
            done.data().contains("UNREADABLE") && done.data().contains("[registry-forbidden]"),
            "{done:?}"
        );
        assert!(done.data().contains("signature") && !done.data().contains("nothing attached"), "{done:?}");
        assert!(done.stderr.contains("more may hang"), "{done:?}");
    }
    let done = room.run(&["tree", "-o", "json", &name]);
    assert_eq!((done.code, &done.json()["complete"]), (3, &false.into()));
    assert_eq!(done.json()["root"]["unreadable"][0]["code"], "registry-forbidden");
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_it_is() {
    let room = Room::new();
    let layout = room.path("layout");
    let hostile = "x\u{1b}]0;owned\u{7}\u{202e}\n└── signature good\r";
    let image = ImageBuilder::new().file("a", "1").build();
    let mut child = image.descriptor();
    child.platform = Some(waxseal_core::Platform::new(hostile, hostile));
    child.annotations.insert("vnd.docker.reference.type".to_owned(), hostile.to_owned());
    IndexBuilder::new().image_as(image.clone(), child).build().write_layout(&layout, "1.0");
    let artifact = |subject| {
        ImageBuilder::new()
            .artifact(hostile)
            .annotation("dev.sigstore.bundle.predicateType", hostile)
            .annotation("org.opencontainers.image.created", hostile)
            .subject(subject)
            .build()
    };
    let first = artifact(image.descriptor());
    first.write_layout_untagged(&layout);
    artifact(first.descriptor()).write_layout_untagged(&layout);
    // A bundle with a hint of its own making.
    let bundle = serde_json::json!({
        "mediaType": waxseal_core::media_type::BUNDLE_V03,
        "verificationMaterial": { "publicKey": { "hint": hostile } },
        "messageSignature": { "signature": "AA==" },
    });
    ImageBuilder::new()
        .artifact(waxseal_core::media_type::BUNDLE_V03)
        .layer_of(waxseal_core::media_type::BUNDLE_V03, bundle.to_string())
        .subject(image.descriptor())
        .build()
        .write_layout_untagged(&layout);
    for form in ["text", "table"] {
        let text = room.ok(&["tree", "-o", form, &oci(&layout, "1.0")]);
        assert!(text.contains("x\\u{1b}]0;owned\\u{7}\\u{202e}\\u{a}"), "{text}");
        assert!(!text.chars().any(|found| found != '\n' && found.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("└── signature good")), "{text}");
    }
    let json = room.run(&["tree", "-o", "json", &oci(&layout, "1.0")]).json();
    let claimed = &json["root"]["images"][0]["attached"][0]["claimedPredicateTypes"][0];
    assert!(claimed.is_string(), "{json}");
}

#[test]
fn a_hostile_file_name_is_escaped_in_errors() {
    let room = Room::new();
    let done = room.run(&["tree", "oci:no\u{1b}[2Jsuch"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(!done.stderr.contains('\u{1b}') && done.stderr.contains("\\u{1b}[2J"), "{done:?}");
    let done = room.run(&["tree", "UPPER/\u{1b}[2J"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(!done.stderr.contains('\u{1b}'), "{done:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    let room = Room::new();
    let layout = fixtures::case("index-bundle-3x").layout();
    let name = oci(&layout, "1.0");
    for arguments in [["tree", &name].as_slice(), &["version"], &["demo"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = room.process();
        let done = command.args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success(), "{arguments:?}: {}: {stderr}", done.status);
        assert!(!stderr.contains("error"), "{arguments:?}: {stderr}");
    }
}
