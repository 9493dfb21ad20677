//! Credential files and helpers (T-54): one exact host, the longest namespace, nothing by parts of a name.
//!
//! The tests that start helpers stand in one test function: a program that was just written cannot be started while
//! another thread of the process happens to be forking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::error::Error as _;
use std::fs;
use std::path::Path;

use waxseal_core::Repository;
use waxseal_core::limits::{CREDENTIAL_FILE_BYTES, CREDENTIAL_HELPER_BYTES};
use waxseal_oci::{Credential, CredentialSources, Error, ErrorKind};

fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

/// What was found, in one line.
fn shown(credential: &Credential) -> String {
    match credential {
        Credential::Anonymous => "anonymous".to_owned(),
        Credential::Basic { user, password } => format!("{user}:{}", password.expose()),
        Credential::IdentityToken(token) => format!("identity {}", token.expose()),
        Credential::RegistryToken(token) => format!("registry {}", token.expose()),
        _ => "other".to_owned(),
    }
}

fn docker(directory: &Path, text: &str) -> CredentialSources {
    fs::write(directory.join("config.json"), text).unwrap();
    let mut sources = CredentialSources::default();
    sources.docker_config = Some(directory.to_owned());
    sources
}

async fn lookup(text: &str, name: &str) -> Result<String, Error> {
    let directory = tempfile::tempdir().unwrap();
    let sources = docker(directory.path(), text);
    sources.lookup(&repository(name)).await.map(|credential| shown(&credential))
}

/// `{"auths": {<key>: <user "u", password key>}}`
fn auths(keys: &[&str]) -> String {
    let entries: Vec<String> = keys
        .iter()
        .map(|key| {
            let auth = waxseal_core::encoding::base64_encode(format!("u:{key}"));
            format!("{key:?}:{{\"auth\":{auth:?}}}")
        })
        .collect();
    format!("{{\"auths\":{{{}}}}}", entries.join(","))
}

#[tokio::test]
async fn matches_the_exact_host_and_port() {
    let cases = [
        (&["ghcr.io"][..], "ghcr.io/a/b", Some("ghcr.io")),
        (&["GHCR.io"], "ghcr.io/a/b", Some("GHCR.io")),
        (&["https://ghcr.io"], "ghcr.io/a", Some("https://ghcr.io")),
        (&["https://ghcr.io/v2/"], "ghcr.io/a", Some("https://ghcr.io/v2/")),
        (&["ghcr.io/"], "ghcr.io/a", Some("ghcr.io/")),
        (&["cr.io"], "ghcr.io/a", None),
        (&["ghcr.io"], "cr.io/a", None),
        (&["ghcr.io.evil.example"], "ghcr.io/a", None),
        (&["ghcr.io"], "ghcr.io.evil.example/a", None),
        (&["ghcr.io"], "evil.example/ghcr.io/a", None),
        (&["https://ghcr.io@evil.example"], "evil.example/a", None),
        (&["127.0.0.1:5000"], "127.0.0.1:5000/a", Some("127.0.0.1:5000")),
        (&["127.0.0.1:5000"], "victim.127.0.0.1:5000/a", None),
        (&["127.0.0.1:5000"], "127.0.0.1:50000/a", None),
        (&["127.0.0.1:5000"], "127.0.0.1/a", None),
        (&["127.0.0.1"], "127.0.0.1:5000/a", None),
        (&["*"], "ghcr.io/a", None),
        (&["*.io"], "ghcr.io/a", None),
        (&[""], "ghcr.io/a", None),
        (&["ftp://ghcr.io"], "ghcr.io/a", None),
        (&["https://index.docker.io/v1/"], "busybox", Some("https://index.docker.io/v1/")),
        (&["docker.io"], "busybox", Some("docker.io")),
        (&["index.docker.io"], "team/app", Some("index.docker.io")),
        (&["registry-1.docker.io"], "docker.io/team/app", Some("registry-1.docker.io")),
        (&["https://index.docker.io/v1/"], "ghcr.io/a", None),
        (&["docker.io.evil.example"], "busybox", None),
        (&["auth.docker.io"], "busybox", None),
    ];
    for (keys, name, expected) in cases {
        let expected = expected.map_or_else(|| "anonymous".to_owned(), |key| format!("u:{key}"));
        assert_eq!(lookup(&auths(keys), name).await.unwrap(), expected, "{keys:?} {name}");
    }
}

#[tokio::test]
async fn the_longest_namespace_wins() {
    let keys = ["quay.io", "quay.io/team", "quay.io/team/app", "https://quay.io"];
    let cases = [
        ("quay.io/team/app", "quay.io/team/app"),
        ("quay.io/team/app/sub", "quay.io/team/app"),
        ("quay.io/team/app2", "quay.io/team"),
        ("quay.io/team2/app", "quay.io"),
        ("quay.io/other", "quay.io"),
    ];
    for (name, key) in cases {
        assert_eq!(lookup(&auths(&keys), name).await.unwrap(), format!("u:{key}"), "{name}");
    }
    assert_eq!(lookup(&auths(&["quay.io/team"]), "quay.io/teams").await.unwrap(), "anonymous");
    assert_eq!(lookup(&auths(&["quay.io/team"]), "quay.io:444/team").await.unwrap(), "anonymous");
}

#[tokio::test]
async fn reads_every_kind_of_entry() {
    let entry = |entry: &str| format!("{{\"auths\":{{\"r.example\":{entry}}}}}");
    for (text, expected) in [
        (r#"{"auth":"dTpwOng="}"#, "u:p:x"),
        (r#"{"username":"u","password":"p"}"#, "u:p"),
        (r#"{"auth":"dTpw","username":"x","password":"y"}"#, "u:p"),
        (r#"{"auth":"dTpw","identitytoken":"t"}"#, "identity t"),
        (r#"{"registrytoken":"t"}"#, "registry t"),
        (r#"{"auth":"dTpwAAA="}"#, "u:p"),
        (r#"{"auth":"","identitytoken":""}"#, "anonymous"),
        (r#"{"email":"a@b.example"}"#, "anonymous"),
        ("{}", "anonymous"),
        ("null", "anonymous"),
    ] {
        assert_eq!(lookup(&entry(text), "r.example/a").await.unwrap(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_broken_file_is_an_error_and_shows_nothing_of_it() {
    let entry = |entry: &str| format!("{{\"auths\":{{\"r.example\":{entry}}}}}");
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(usize::try_from(CREDENTIAL_FILE_BYTES).unwrap()));
    for text in [
        "{",
        "[]",
        r#""s3cret""#,
        r#"{"auths":"s3cret"}"#,
        r#"{"auths":{"r.example":"s3cret"}}"#,
        r#"{"auths":{},"auths":{}}"#,
        r#"{"credHelpers":["s3cret"]}"#,
        &entry(r#"{"auth":["s3cret"]}"#),
        &entry(r#"{"auth":"s3cret!"}"#),
        &entry(r#"{"auth":"czNjcmV0"}"#),
        &entry(r#"{"auth":"gIA6"}"#),
        &large,
    ] {
        let error = lookup(text, "r.example/a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials, "{text:.60}");
        let whole = format!("{error} {error:?} {:?}", error.source());
        assert!(!whole.contains("s3cret") && !whole.contains("czNjcmV0"), "{whole}");
    }
    // A broken entry of another registry does not matter.
    assert_eq!(lookup(&entry(r#"{"auth":"!"}"#), "other.example/a").await.unwrap(), "anonymous");
}

#[tokio::test]
async fn no_file_and_an_empty_file_mean_no_credentials() {
    let name = repository("r.example/a");
    let none = CredentialSources::default();
    assert!(none.lookup(&name).await.unwrap().is_anonymous());
    let directory = tempfile::tempdir().unwrap();
    let mut absent = CredentialSources::default();
    absent.docker_config = Some(directory.path().join("absent"));
    absent.registry_auth_file = Some(directory.path().join("absent.json"));
    absent.home = Some(directory.path().to_owned());
    absent.xdg_runtime_dir = Some(directory.path().to_owned());
    assert!(absent.lookup(&name).await.unwrap().is_anonymous());
    assert_eq!(lookup("", "r.example/a").await.unwrap(), "anonymous");
    // A directory in the place of a file is not "absent".
    let mut broken = CredentialSources::default();
    broken.registry_auth_file = Some(directory.path().to_owned());
    assert_eq!(broken.lookup(&name).await.unwrap_err().kind(), ErrorKind::Credentials);
}

#[tokio::test]
async fn files_are_asked_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |path: &str, password: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let auth = waxseal_core::encoding::base64_encode(format!("u:{password}"));
        fs::write(path, format!("{{\"auths\":{{\"r.example\":{{\"auth\":{auth:?}}}}}}}")).unwrap();
    };
    write("docker/config.json", "1");
    write("auth.json", "2");
    write("home/.docker/config.json", "3");
    write("run/containers/auth.json", "4");
    write("home/.config/containers/auth.json", "5");
    let mut sources = CredentialSources::default();
    sources.docker_config = Some(root.join("docker"));
    sources.registry_auth_file = Some(root.join("auth.json"));
    sources.home = Some(root.join("home"));
    sources.xdg_runtime_dir = Some(root.join("run"));
    let name = repository("r.example/a");
    let found = |credential: Credential| shown(&credential);
    assert_eq!(found(sources.lookup(&name).await.unwrap()), "u:1");
    fs::write(root.join("docker/config.json"), "{}").unwrap();
    assert_eq!(found(sources.lookup(&name).await.unwrap()), "u:2");
    fs::remove_file(root.join("auth.json")).unwrap();
    assert_eq!(
        found(sources.lookup(&name).await.unwrap()),
        "u:4",
        "DOCKER_CONFIG takes the place of ~/.docker"
    );
    sources.docker_config = None;
    assert_eq!(found(sources.lookup(&name).await.unwrap()), "u:3");
    fs::remove_file(root.join("home/.docker/config.json")).unwrap();
    fs::remove_file(root.join("run/containers/auth.json")).unwrap();
    assert_eq!(found(sources.lookup(&name).await.unwrap()), "u:5");
}

#[cfg(unix)]
#[tokio::test]
async fn helpers() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let programs = root.join("bin");
    fs::create_dir(&programs).unwrap();
    let write = |name: &str, script: &str| {
        let path = programs.join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // Answers with what it was asked.
    write("echo", r#"read server; printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' "$1" "$server""#);
    write("token", r#"printf '{"Username":"<token>","Secret":"t"}'"#);
    write("none", "echo 'credentials not found in native keychain'; exit 1");
    write("fails", "echo s3cret; echo s3cret >&2; exit 1");
    write("junk", "echo s3cret");
    write("nobody", r#"printf '{"Username":"","Secret":"s3cret"}'"#);
    write(
        "endless",
        "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
    );
    let path = std::env::join_paths([programs.clone(), "/usr/bin".into(), "/bin".into()]).unwrap();
    let ask = |config: String, name: &str| {
        let mut sources = docker(root, &config);
        sources.helper_path = Some(path.clone());
        let name = repository(name);
        async move { sources.lookup(&name).await }
    };
    let ok = |found: Result<Credential, Error>| shown(&found.unwrap());
    let of = |helper: &str| format!("{{\"credHelpers\":{{\"r.example\":{helper:?}}}}}");

    assert_eq!(ok(ask(of("echo"), "r.example/a").await), "get:r.example");
    assert_eq!(ok(ask(of("echo"), "r.example:444/a").await), "anonymous");
    assert_eq!(ok(ask(of("echo"), "x.r.example/a").await), "anonymous");
    assert_eq!(ok(ask(of("token"), "r.example/a").await), "identity t");
    let store = r#"{"credsStore":"echo"}"#.to_owned();
    assert_eq!(ok(ask(store.clone(), "r.example:444/a").await), "get:r.example:444");
    assert_eq!(ok(ask(store, "busybox").await), "get:https://index.docker.io/v1/");
    let hub = r#"{"credsStore":"fails","credHelpers":{"docker.io":"echo"}}"#.to_owned();
    assert_eq!(ok(ask(hub, "busybox").await), "get:https://index.docker.io/v1/");
    // What a helper does not know may stand in the file.
    let mut file = auths(&["r.example"]);
    file.insert_str(1, r#""credsStore":"none","#);
    assert_eq!(ok(ask(file, "r.example/a").await), "u:r.example");
    assert_eq!(ok(ask(of("none"), "r.example/a").await), "anonymous");

    let long = "x".repeat(65);
    for helper in [
        "fails",
        "junk",
        "nobody",
        "endless",
        "absent",
        "../bin/docker-credential-echo",
        "a/b",
        "echo;echo",
        "$(echo)",
        "ECHO",
        "echo echo",
        &long,
    ] {
        let error = ask(of(helper), "r.example/a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials, "{helper}");
        let whole = format!("{error} {error:?} {:?}", error.source());
        assert!(!whole.contains("s3cret"), "{whole}");
        assert!(u64::try_from(whole.len()).unwrap() < CREDENTIAL_HELPER_BYTES);
    }
}
