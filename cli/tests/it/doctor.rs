//! `doctor`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::room::{Room, SECRET, image, refusal};

fn outcomes(report: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["name"]), text(&check["outcome"]))).collect()
}

fn examine(room: &Room, arguments: &[&str]) -> Value {
    room.run(&[&["doctor", "-o", "json"][..], arguments].concat()).ends(0).json()
}

#[test]
fn a_registry_that_can_do_everything() {
    let (room, registry) = (Room::new(), Registry::start().with_etags());
    image(&registry);
    ImageBuilder::new().file("b", "b").build().push_to(&registry, "second", "1.0");
    let before = (registry.manifests("app"), registry.tags("app"), registry.blobs("second"));
    let (app, second) = (format!("{}/app", registry.host()), format!("{}/second", registry.host()));
    let report = examine(&room, &["--write", "--second-repository", &second, &app]);
    assert_eq!(report["schema"], "waxseal/doctor/v1");
    let outcomes = outcomes(&report);
    for name in [
        "missing-tag",
        "referrers-api",
        "digest-header",
        "etag",
        "write",
        "single-post",
        "chunked-upload",
        "overwrite-tag",
        "subject-header",
        "mount",
        "delete-tag",
        "delete-manifest",
        "delete-blob",
    ] {
        assert_eq!(outcomes.get(name).map(String::as_str), Some("yes"), "{name} of {report}");
    }
    assert_eq!(
        (&report["advice"]["format"], &report["advice"]["listing"]),
        (&json!("both"), &json!("referrers-api"))
    );
    assert_eq!((&report["left"], &report["advice"]["remarks"]), (&json!([]), &json!([])));
    assert_eq!(before, (registry.manifests("app"), registry.tags("app"), registry.blobs("second")));
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn reading_alone_writes_nothing() {
    let (room, registry) = (Room::new(), Registry::start());
    image(&registry);
    for target in [registry.host(), format!("{}/app", registry.host()), registry.image("app", "1.0")] {
        let report = examine(&room, &[&target]);
        assert!(report["checks"].as_array().unwrap().iter().all(|check| check["name"] != "write"));
    }
    assert!(registry.requests().iter().all(|request| matches!(request.method.as_str(), "GET" | "HEAD")));
    assert_eq!(outcomes(&examine(&room, &[&registry.image("app", "1.0")]))["digest-header"], "yes");
}

#[test]
fn what_is_missing_is_found_and_what_follows_is_said() {
    let room = Room::new();
    let of = |registry: &Registry, name: &str| {
        image(registry);
        let report = examine(&room, &["--write", &format!("{}/app", registry.host())]);
        (outcomes(&report).remove(name).unwrap_or_default(), report)
    };
    let (outcome, report) = of(&Registry::start().without_referrers_api(), "subject-header");
    assert_eq!((outcome.as_str(), &report["advice"]["listing"]), ("no", &json!("fallback-tag")));
    assert_eq!(of(&Registry::start().without_referrers_api(), "referrers-api").0, "no");
    let (outcome, report) = of(&Registry::start().with_immutable_tags(409), "overwrite-tag");
    assert_eq!((outcome.as_str(), &report["advice"]["format"]), ("no", &json!("bundle")));
    let (outcome, report) =
        of(&Registry::start().with_immutable_tags(409).without_referrers_api(), "overwrite-tag");
    assert_eq!((outcome.as_str(), &report["advice"]["format"]), ("no", &json!("both")));
    assert!(report["advice"]["remarks"][0].as_str().unwrap().contains("signed once"));
    assert_eq!(of(&Registry::start().without_single_post(), "single-post").0, "no");
    assert_eq!(of(&Registry::start(), "etag").0, "no");
    assert_eq!(of(&Registry::start(), "mount").0, "not-tested");

    let lying = Registry::start().with_rule(Match::get("/manifests/"), Behaviour::WrongDigestHeader);
    assert_eq!(of(&lying, "digest-header").0, "no");

    let forbidding = Registry::start().with_rule(Match::path("/manifests/"), Behaviour::ForbiddenForMissing);
    let (outcome, report) = of(&forbidding, "missing-tag");
    assert_eq!(outcome, "no");
    assert_eq!(report["advice"]["absentStatus"], json!(format!("{}=403", forbidding.host())));
}

#[test]
fn what_cannot_be_taken_away_is_named() {
    let (room, registry) = (Room::new(), Registry::start().without_deletes());
    image(&registry);
    let ran = room.run(&["doctor", "--write", "-o", "json", &format!("{}/app", registry.host())]).ends(0);
    let report = ran.json();
    let left = report["left"].as_array().unwrap();
    assert!(left.len() >= 4, "{report}");
    assert_eq!(outcomes(&report)["delete-manifest"], "no");
    assert!(ran.stderr.lines().filter(|line| line.contains("left behind")).count() == left.len());
    for digest in registry.manifests("app").iter().filter(|digest| {
        registry
            .manifest("app", &digest.to_string())
            .unwrap()
            .bytes
            .windows(14)
            .any(|part| part == b"waxseal doctor")
    }) {
        assert!(report["left"].to_string().contains(&digest.to_string()));
    }
}

#[test]
fn credentials_are_tried_and_their_way_is_told() {
    let registry = Registry::start().with_bearer("robot", SECRET);
    image(&registry);
    let app = format!("{}/app", registry.host());
    let room = Room::new();
    let known = room.run(&["doctor", "-o", "json", &app]).ends(0).json();
    assert_eq!(outcomes(&known)["credentials"], "not-tested");
    assert_eq!(outcomes(&known)["missing-tag"], "unclear");

    let flags = ["--registry-username", "robot", "--registry-password-stdin"];
    let with = |password: &str, target: &str| {
        let all = [&["doctor", "--write", "-o", "json"][..], &flags, &[target]].concat();
        room.pipe(password, &all)
    };
    let report = with(SECRET, &app).ends(0).json();
    assert_eq!(
        (outcomes(&report)["credentials"].as_str(), outcomes(&report)["write"].as_str()),
        ("yes", "yes")
    );
    with("wrong", &app).ends(4).says_each(&["[registry-unauthorized]"]);

    let elsewhere = Registry::start().with_bearer("robot", SECRET);
    let foreign = Registry::start().with_bearer("robot", SECRET).with_realm(elsewhere.url("/token"));
    let report = with(SECRET, &format!("{}/app", foreign.host())).ends(0).json();
    assert_eq!(report["advice"]["authRealm"], json!(elsewhere.host()));
    assert_eq!(outcomes(&report)["write"], "no");
    assert!(elsewhere.token_requests().iter().all(|asked| asked.user.is_none()));
}

#[test]
fn a_registry_that_is_not_there_is_no_finding() {
    let room = Room::new();
    room.run(&["doctor", "127.0.0.1:1"]).ends(3).says_each(&["[transport]"]);
    room.run(&["doctor", "--offline", "127.0.0.1:1"]).ends(3).says_each(&["[offline]"]);
    room.run(&["doctor", "--write", "127.0.0.1:1"]).ends(2).says_each(&["--write needs a repository"]);
    room.run(&["doctor", "--second-repository", "127.0.0.1:1/b", "127.0.0.1:1/a"]).ends(2);
    let registry = Registry::start();
    let app = format!("{}/app", registry.host());
    for second in ["other.example/b", app.as_str()] {
        room.run(&["doctor", "--write", "--second-repository", second, &app]).ends(2);
    }
    assert!(registry.requests().is_empty());
}

#[test]
fn people_get_a_table() {
    let (room, registry) = (Room::new(), Registry::start());
    image(&registry);
    let ran = room.run(&["doctor", "--write", &format!("{}/app", registry.host())]).ends(0);
    for line in ["has the referrers API", "lets a tag be moved", "For signatures here:", "--format both"] {
        assert!(ran.data().contains(line), "{}", ran.data());
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn words_of_a_registry_do_nothing_to_a_terminal() {
    let evil = "\u{1b}[2J\u{202e}evil";
    let registry = Registry::start();
    image(&registry);
    registry.rule(Match::path("/blobs/uploads/"), refusal(403, evil, evil));
    registry.rule(Match::get("/referrers/"), refusal(404, evil, evil));
    let ran = Room::new().run(&["doctor", "--write", &format!("{}/app", registry.host())]).ends(0);
    assert!(!ran.data().contains(['\u{1b}', '\u{202e}']), "{:?}", ran.data());
    assert!(ran.data().contains("evil"));
}
