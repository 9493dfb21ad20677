use waxseal_oci::Attached;
use waxseal_testkit::{ImageBuilder, IndexBuilder, Registry};

use crate::room::{Room, oci, pushed};

/// Signs in one place, copies to others, verifies there.
#[test]
fn a_signature_verifies_wherever_the_image_was_copied() {
    for (from_api, to_api) in [(true, true), (true, false), (false, true)] {
        let kind = |api: bool| {
            if api { Registry::start() } else { Registry::start().without_referrers_api() }
        };
        let (room, from, to) = (Room::new(), kind(from_api), kind(to_api));
        let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64/v8"]).build();
        index.push_to(&from, "app", "1.0");
        let source = from.image("app", "1.0");
        room.sign("p256", &source, &["--recursive"]);
        let archive = "oci-archive:app.tar:1.0".to_owned();
        let layout = oci(&room.path("layout"), "1.0");
        let hops = [source, to.image("mirror/app", "1.0"), layout, archive, from.image("back", "1.0")];
        for hop in hops.windows(2) {
            let pinned = room.ok(&["copy", &hop[0], &hop[1]]);
            assert!(pinned.trim_end().ends_with(&format!("@{}", index.digest())), "{pinned}");
            for format in ["legacy", "bundle"] {
                for platforms in [["--all-platforms"].as_slice(), &["--platform", "linux/arm64"]] {
                    let mut flags = vec!["--format", format];
                    flags.extend(platforms);
                    let done = room.verify(&hop[1], &flags);
                    assert_eq!(done.code, 0, "{}: {done:?}", hop[1]);
                }
            }
        }
        // One platform's image has its own signatures; another key still made none of them.
        let one = oci(&room.path("one"), "1.0");
        room.ok(&["copy", "--platform", "linux/arm64", &hops[1], &one]);
        assert_eq!(room.verify(&one, &[]).code, 0);
        room.keys("p384");
        assert_eq!(room.run(&["verify", "--key", "p384.pub", &one]).code, 1);
    }
}

#[test]
fn stdout_is_the_image_and_stderr_the_talk() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    room.sign("p256", &registry.image("app", "1.0"), &[]);
    let to = registry.image("copy", "2.0");
    let done = room.run(&["copy", &registry.image("app", "1.0"), &to]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.data(), format!("{}/copy@{}\n", registry.host(), image.digest()));
    assert!(
        done.stderr.contains(", tag 2.0") && done.stderr.contains("3 manifests, 2 of them attached"),
        "{done:?}"
    );
    assert!(
        !done.stderr.contains('\r') && !done.stderr.contains('\u{1b}'),
        "no bar off a terminal: {done:?}"
    );
    // What a copy printed is what verify takes.
    assert_eq!(room.verify(done.data().trim_end(), &[]).code, 0);
    let again = room.run(&["copy", "-o", "json", &registry.image("app", "1.0"), &to]);
    let json = again.json();
    assert_eq!(json["schema"], "waxseal/copy/v1");
    assert_eq!(json["digest"], image.digest().to_string());
    assert_eq!((&json["tag"], &json["attached"]), (&"2.0".into(), &2.into()));
    assert_eq!((&json["blobs"]["sent"], &json["blobs"]["bytesSent"]), (&0.into(), &0.into()));
}

#[test]
fn a_platform_that_is_not_there_lists_those_that_are() {
    let (room, registry) = (Room::new(), Registry::start());
    IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build().push_to(&registry, "app", "1.0");
    let (from, to) = (registry.image("app", "1.0"), registry.image("copy", "1.0"));
    let done = room.run(&["copy", "--platform", "linux/s390x", &from, &to]);
    assert_eq!((done.code, done.data()), (3, ""));
    assert!(
        done.stderr.contains("linux/amd64, linux/arm64") && done.stderr.contains("hint: name one"),
        "{done:?}"
    );
    assert!(registry.tags("copy").is_empty());
    room.ok(&["copy", "--platform", "linux/arm64", &from, &to]);
    assert_eq!(room.run(&["copy", "--platform", "linux", &from, &to]).code, 2);
    assert_eq!(room.run(&["copy", "--platform", "linux/arm64", "--all-platforms", &from, &to]).code, 2);
    room.ok(&["copy", "--all-platforms", &from, &to]);
}

#[test]
fn what_would_be_lost_is_refused_without_force() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    image.push_to(&registry, "copy", "1.0");
    let tag = Attached::Signatures.tag(&image.digest()).unwrap().to_string();
    for (repository, layer) in [("app", "one"), ("copy", "two")] {
        ImageBuilder::new()
            .layer_of(waxseal_core::media_type::SIMPLE_SIGNING, layer)
            .build()
            .push_to(&registry, repository, &tag);
    }
    let (from, to) = (registry.image("app", "1.0"), registry.image("copy", "1.0"));
    let done = room.run(&["copy", &from, &to]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("[conflict]") && done.stderr.contains("--force"), "{done:?}");
    room.ok(&["copy", "--force", &from, &to]);
    assert_eq!(
        registry.manifest("copy", &tag).unwrap().digest,
        registry.manifest("app", &tag).unwrap().digest
    );
}

#[test]
fn only_is_all_kinds_without_the_tag() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    let (from, to) = (registry.image("app", "1.0"), registry.image("copy", "1.0"));
    let done = room.run(&["copy", "--only", "sig", &from, &to]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("hint: leave --only out"), "{done:?}");
    room.ok(&["copy", "--only=sig,att,sbom", &from, &to]);
    assert!(registry.tags("copy").is_empty());
    assert_eq!(registry.manifests("copy"), [image.digest()]);
    room.ok(&["copy", &from, &to]);
    assert_eq!(registry.tags("copy"), ["1.0"]);
}

#[test]
fn one_password_is_not_sent_to_two_registries() {
    let room = Room::new();
    let (from, to) =
        (Registry::start().with_basic("robot", "first"), Registry::start().with_basic("robot", "second"));
    pushed(&from, "app");
    let (source, target) = (from.image("app", "1.0"), to.image("app", "1.0"));
    let mut command = room.waxseal();
    command.args(["copy", "--registry-username", "robot", &source, &target]);
    let refused = room.end(command.env("WAXSEAL_REGISTRY_PASSWORD", "first"));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("waxseal login") && !refused.stderr.contains("first"), "{refused:?}");
    assert_eq!(to.requests().len() + from.requests().len(), 0);
    // Within one registry it is meant.
    let mut command = room.waxseal();
    command.args(["copy", "--registry-username", "robot", &source, &from.image("copy", "1.0")]);
    assert_eq!(room.end(command.env("WAXSEAL_REGISTRY_PASSWORD", "first")).code, 0);
    // And files have one for each.
    let auth = |registry: &Registry, password: &str| {
        let text = waxseal_core::encoding::base64_encode(format!("robot:{password}"));
        format!(r#""{}":{{"auth":"{text}"}}"#, registry.host())
    };
    let config = format!(r#"{{"auths":{{{},{}}}}}"#, auth(&from, "first"), auth(&to, "second"));
    room.write("home/.docker/config.json", config);
    room.ok(&["copy", &source, &target]);
    assert_eq!(to.tags("app"), ["1.0"]);
}

#[test]
fn a_destination_that_names_another_digest_is_a_mistake() {
    let (room, registry) = (Room::new(), Registry::start());
    let image = pushed(&registry, "app");
    let other = pushed(&registry, "other");
    let from = registry.image("app", "1.0");
    let to = |digest: waxseal_core::Digest| registry.image("copy", &digest.to_string());
    assert_eq!(room.run(&["copy", &from, &to(other.digest())]).code, 2);
    assert_eq!(room.ok(&["copy", &from, &to(image.digest())]).trim_end(), to(image.digest()));
}
