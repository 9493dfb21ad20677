//! `login` and `logout`.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};
use waxseal_testkit::Registry;

use crate::room::{Room, SECRET, image};

const FILE: &str = "home/.docker/config.json";

fn login(room: &Room, registry: &str) -> crate::room::Run {
    room.pipe(format!("{SECRET}\n"), &["login", registry, "-u", "robot", "--password-stdin"])
}

fn file(room: &Room) -> Value {
    serde_json::from_str(&room.text(FILE)).unwrap()
}

#[test]
fn what_the_registry_takes_is_kept_and_used() {
    for registry in
        [Registry::start().with_basic("robot", SECRET), Registry::start().with_bearer("robot", SECRET)]
    {
        let room = Room::new();
        let name = image(&registry);
        room.run(&["tree", &name]).ends(3);
        let ran = login(&room, &registry.host()).ends(0).says_each(&["logged in as robot", "not encrypted"]);
        assert_eq!(ran.data(), "");
        room.run(&["tree", &name]).ends(0);
        // A login asks for no repository.
        let asked = registry.token_requests();
        if let Some(asked) = asked.iter().find(|asked| asked.user.is_some()) {
            assert!(asked.scopes.is_empty(), "{asked:?}");
        }
        let mode = |name: &str| std::fs::metadata(room.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(FILE), mode("home/.docker")), (0o600, 0o700));
        assert_eq!(
            std::fs::read_dir(room.path("home/.docker")).unwrap().count(),
            1,
            "nothing is left beside it"
        );

        room.run(&["logout", &registry.host()]).ends(0).says_each(&["were removed from"]);
        room.run(&["tree", &name]).ends(3);
        room.run(&["logout", &registry.host()]).ends(0).says_each(&["no credentials were kept"]);
        assert_eq!(file(&room), json!({ "auths": {} }));
    }
}

#[test]
fn what_the_registry_refuses_is_not_kept() {
    for registry in
        [Registry::start().with_basic("robot", "another"), Registry::start().with_bearer("robot", "another")]
    {
        let room = Room::new();
        login(&room, &registry.host()).ends(4).says_each(&["answered 401", "[registry-unauthorized]"]);
        assert!(!room.path(FILE).exists());
    }
    let room = Room::new();
    login(&room, "127.0.0.1:1").ends(3).says_each(&["[transport]"]);
    room.pipe(SECRET, &["--offline", "login", "127.0.0.1:1", "-u", "robot", "--password-stdin"])
        .ends(3)
        .says_each(&["[offline]"]);
    assert!(!room.path(FILE).exists());
}

#[test]
fn credentials_do_not_go_to_a_token_service_that_nobody_named() {
    let elsewhere = Registry::start().with_bearer("robot", SECRET);
    let registry = Registry::start().with_bearer("robot", SECRET).with_realm(elsewhere.url("/token"));
    let registry = registry.with_tokens_of(&elsewhere);
    let room = Room::new();
    login(&room, &registry.host()).ends(4).says_each(&["--auth-realm", "[foreign-realm]"]);
    assert!(elsewhere.token_requests().iter().all(|asked| asked.user.is_none()));
    assert!(!room.path(FILE).exists());
    let named =
        ["login", &registry.host(), "-u", "robot", "--password-stdin", "--auth-realm", &elsewhere.host()];
    room.pipe(SECRET, &named).ends(0);
    assert!(room.path(FILE).exists());
}

#[test]
fn a_registry_that_asks_nobody_cannot_try_them() {
    let (room, registry) = (Room::new(), Registry::start());
    login(&room, &registry.host()).ends(0).says_each(&["could not be tried"]);
    assert!(file(&room)["auths"][registry.host()]["auth"].is_string());
}

#[test]
fn the_rest_of_the_file_stays_as_it_is() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let room = Room::new();
    room.write(FILE, "{\n  \"psFormat\": \"\\u003cx\\u003e\",\n  \"auths\": {\"a.example\": {\"auth\":\"YTph\"}},\n  \"x\": 1.50\n}");
    login(&room, &registry.host()).ends(0);
    let text = room.text(FILE);
    for kept in ["\"\\u003cx\\u003e\"", "{\"auth\":\"YTph\"}", "1.50"] {
        assert!(text.contains(kept), "{text}");
    }
    room.run(&["logout", "a.example"]).ends(0);
    assert_eq!(file(&room)["auths"].as_object().unwrap().len(), 1);
    for broken in ["{", "[]", "{\"auths\":[]}", "{\"auths\":{},\"auths\":{}}"] {
        room.write(FILE, broken);
        login(&room, &registry.host()).ends(4).says_each(&["[credentials]"]);
        assert_eq!(room.text(FILE), broken);
    }
}

#[test]
fn a_link_is_followed_to_a_file_of_ones_own_and_nowhere_else() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let room = Room::new();
    room.write("dotfiles/docker.json", "{\"x\":1}");
    std::fs::create_dir_all(room.path("home/.docker")).unwrap();
    symlink(room.path("dotfiles/docker.json"), room.path(FILE)).unwrap();
    login(&room, &registry.host()).ends(0);
    assert!(std::fs::symlink_metadata(room.path(FILE)).unwrap().is_symlink());
    assert!(room.text("dotfiles/docker.json").contains(&registry.host()));

    std::fs::remove_file(room.path(FILE)).unwrap();
    for target in ["/dev/null", "missing"] {
        symlink(target, room.path(FILE)).unwrap();
        login(&room, &registry.host()).ends(4).says_each(&["[credentials]"]);
        std::fs::remove_file(room.path(FILE)).unwrap();
    }
    std::fs::create_dir(room.path(FILE)).unwrap();
    login(&room, &registry.host()).ends(4);
}

#[test]
fn names_of_docker_are_one_registry() {
    let room = Room::new();
    let auths = json!({ "auths": {
        "https://index.docker.io/v1/": { "auth": "YTph" },
        "docker.io": { "auth": "YTph" },
        "docker.io/me": { "auth": "bTpt" },
    } });
    for name in ["docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"] {
        room.write(FILE, auths.to_string());
        room.run(&["logout", name]).ends(0);
        assert_eq!(file(&room)["auths"], json!({ "docker.io/me": { "auth": "bTpt" } }), "{name}");
    }
}

#[test]
fn a_file_that_wins_is_named() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let room = Room::new();
    let other = json!({ "auths": { registry.host(): { "auth": "YTph" } } });
    let other = room.write("podman.json", other.to_string());
    let room = room.variable("REGISTRY_AUTH_FILE", other);
    login(&room, &registry.host()).ends(0).says_each(&["REGISTRY_AUTH_FILE"]);
    room.run(&["logout", &registry.host()]).ends(0).says_each(&["REGISTRY_AUTH_FILE"]);
}

#[test]
fn what_was_typed_has_to_make_sense() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let host = registry.host();
    let room = Room::new();
    room.run(&["login", &host]).ends(2).says_each(&["a user is needed"]);
    room.run(&["login", &host, "-u", "robot"]).ends(2).says_each(&["a password is needed"]);
    room.run(&["login", &format!("{host}/app"), "-u", "robot", "-p", SECRET]).ends(2);
    room.run(&["login", &format!("robot:{SECRET}@{host}"), "-u", "robot", "-p", SECRET]).ends(2);
    room.run(&["login", "-u", "robot", "-p", SECRET]).ends(2);
    room.run(&["login", &host, "-u", "robot", "-p", SECRET, "--nonsense"]).ends(2);
    room.run(&["login", &host, "-u", "ro:bot", "-p", SECRET]).ends(4);
    assert!(!room.path(FILE).exists());
    // As a flag, and as a variable.
    room.run(&["login", &host, "-u", "robot", "-p", SECRET]).ends(0);
    room.run(&["logout", &host]).ends(0);
    let room = room.variable("WAXSEAL_REGISTRY_PASSWORD", SECRET);
    room.run(&["login", &host, "-u", "robot"]).ends(0);
    assert!(file(&room)["auths"][&host]["auth"].is_string());
}

#[test]
fn a_helper_keeps_and_forgets() {
    let registry = Registry::start().with_basic("robot", SECRET);
    let room = Room::new();
    let helper = |name: &str, script: &str| {
        let path = room.write(&format!("bin/docker-credential-{name}"), format!("#!/bin/sh\n{script}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    };
    // Keeps what it is given in a file of its own; shell builtins alone, as the path has nothing else.
    helper(
        "safe",
        r#"read -r question
case "$1" in
  store) printf '%s' "$question" > "$HOME/kept" ;;
  get) if [ -s "$HOME/kept" ]; then read -r kept < "$HOME/kept"; printf '%s' "$kept"; else printf 'credentials not found in native keychain'; exit 1; fi ;;
  erase) printf '%s' "$question" > "$HOME/erased"; : > "$HOME/kept" ;;
esac
"#,
    );
    helper("angry", &format!("read -r question; echo {SECRET}; echo {SECRET} >&2; exit 1\n"));
    let host = registry.host();
    for member in [json!({ "credsStore": "safe" }), json!({ "credHelpers": { host.clone(): "safe" } })] {
        let mut config = member.clone();
        config["auths"] = json!({ host.clone(): { "auth": "YTph" } });
        room.write(FILE, config.to_string());
        let ran = login(&room, &host).ends(0).says_each(&["docker-credential-safe keeps the credentials"]);
        assert!(!ran.stderr.contains("not encrypted"));
        let kept: Value = serde_json::from_str(&room.text("home/kept")).unwrap();
        assert_eq!(kept, json!({ "ServerURL": host.clone(), "Username": "robot", "Secret": SECRET }));
        assert_eq!(file(&room)["auths"], json!({ host.clone(): {} }), "the old password is gone");
        room.run(&["tree", &image(&registry)]).ends(0);
        room.run(&["logout", &host]).ends(0).says_each(&["docker-credential-safe has forgotten"]);
        assert_eq!((room.text("home/erased"), file(&room)["auths"].clone()), (host.clone(), json!({})));
    }
    let before = json!({ "credsStore": "angry" }).to_string();
    room.write(FILE, &before);
    login(&room, &host).ends(4).says_each(&["did not take the credentials", "[credentials]"]);
    room.run(&["logout", &host]).ends(4).says_each(&["[credentials]"]);
    assert_eq!(room.text(FILE), before);
    room.write(FILE, json!({ "credsStore": "../evil" }).to_string());
    login(&room, &host).ends(4);
}
