//! Redirects, retries, deadlines and settings (rule C2, T-50, T-58).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use waxseal_core::Repository;
use waxseal_core::reference::Tag;
use waxseal_oci::credential::Credential;
use waxseal_oci::registry::{AbsentStatus, ClientIdentity, Login};
use waxseal_oci::{Client, ClientOptions, ErrorKind, Secret, Which};

use crate::stub::{
    Body, MANIFEST, Reply, Request, Stub, client, digest, found, options, reply, unreadable, whole_text,
};

fn which() -> Which {
    Which::Tag("v1".parse::<Tag>().unwrap())
}

/// Wants Basic credentials before it says anything.
fn behind_basic(request: &Request, inner: impl FnOnce() -> Reply) -> Reply {
    if request.authorization() == "Basic dXNlcjpodW50ZXIy" {
        inner()
    } else {
        reply(401).header("WWW-Authenticate", "Basic realm=x")
    }
}

fn login(stub: &Stub) -> impl FnOnce(&mut ClientOptions) {
    let registry = stub.host();
    move |options| {
        options.login = Some(Login::new(registry, Credential::basic("user", Secret::new("hunter2"))));
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_carries_no_credentials() {
    let other = Stub::start(|_| reply(200).body("{}")).await;
    let host = other.host();
    let stub = Stub::start(move |request| {
        behind_basic(request, || reply(307).header("Location", format!("http://{host}/blob?sig=1")))
    })
    .await;
    let registry = stub.registry_with(login(&stub));
    assert_eq!(found(registry.manifest(&which()).await).bytes, "{}");
    assert_eq!(other.requests()[0].authorization(), "");
    // At the same origin they stay.
    let own = Stub::start(|request| {
        behind_basic(request, || match request.target.ends_with("/moved") {
            true => reply(200).body("{}"),
            false => reply(301).header("Location", "/moved"),
        })
    })
    .await;
    found(own.registry_with(login(&own)).manifest(&which()).await);
    assert!(own.requests().last().unwrap().authorization().starts_with("Basic "));
}

#[tokio::test]
async fn credentials_are_never_attached_again() {
    // The other host asks for credentials, by name of the first registry's realm.
    let other = Stub::start(|_| reply(401).header("WWW-Authenticate", "Basic realm=x")).await;
    let host = other.host();
    let stub = Stub::start(move |request| {
        behind_basic(request, || reply(307).header("Location", format!("http://{host}/x")))
    })
    .await;
    assert_eq!(
        unreadable(stub.registry_with(login(&stub)).manifest(&which()).await),
        ErrorKind::Unauthorized
    );
    assert!(other.requests().iter().all(|request| request.authorization().is_empty()));
    // The other host leads back.
    let back = Arc::new(Mutex::new(String::new()));
    let other = Stub::start({
        let back = Arc::clone(&back);
        move |_| reply(307).header("Location", format!("http://{}/back", back.lock().unwrap()))
    })
    .await;
    let host = other.host();
    let stub = Stub::start(move |request| match request.target.as_str() {
        "/back" => reply(200).body("{}"),
        _ => behind_basic(request, || reply(307).header("Location", format!("http://{host}/x"))),
    })
    .await;
    *back.lock().unwrap() = stub.host();
    found(stub.registry_with(login(&stub)).manifest(&which()).await);
    let last = stub.requests().pop().unwrap();
    assert_eq!((last.target.as_str(), last.authorization()), ("/back", ""));
}

#[tokio::test]
async fn redirects_go_only_where_a_request_may_go() {
    for location in [
        "http://localhost/x",
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://[::1]/x",
        "http://0.0.0.0/x",
        "http://2130706434/x",
        "http://r.example/x",
        "http://user@127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://r.example/x",
    ] {
        let stub = Stub::start(move |_| reply(307).header("Location", location)).await;
        let registry = stub.registry();
        assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::RefusedAddress, "{location}");
        assert_eq!(stub.lines().len(), 1, "{location}: not tried again");
    }
}

#[tokio::test]
async fn redirects_are_counted() {
    for (hops, fine) in [(3, true), (4, false)] {
        let left = Arc::new(Mutex::new(hops));
        let stub = Stub::start(move |_| {
            let mut left = left.lock().unwrap();
            if *left == 0 {
                return reply(200).body("{}");
            }
            *left -= 1;
            reply(302).header("Location", format!("/{left}"))
        })
        .await;
        let look = stub.registry().manifest(&which()).await;
        if fine {
            found(look);
        } else {
            assert_eq!(unreadable(look), ErrorKind::LimitExceeded);
        }
    }
    for location in [None, Some("http://[/"), Some("")] {
        let stub = Stub::start(move |_| match location {
            Some(location) => reply(307).header("Location", location),
            None => reply(307),
        })
        .await;
        unreadable(stub.registry().manifest(&which()).await);
    }
    let long = Stub::start(|_| reply(307).header("Location", format!("/{}", "x".repeat(10_000)))).await;
    assert_eq!(unreadable(long.registry().manifest(&which()).await), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_write_is_repeated_only_at_its_own_origin() {
    let other = Stub::start(|_| reply(201)).await;
    let host = other.host();
    for (status, location, expected) in [
        (307, "/v2/team/app/manifests/moved".to_owned(), None),
        (308, "/v2/team/app/manifests/moved".to_owned(), None),
        (302, "/v2/team/app/manifests/moved".to_owned(), Some(ErrorKind::RefusedAddress)),
        (307, format!("http://{host}/x"), Some(ErrorKind::RefusedAddress)),
    ] {
        let stub = Stub::start(move |request| match request.target.ends_with("moved") {
            true => reply(201),
            false => reply(status).header("Location", location.clone()),
        })
        .await;
        let put = stub.registry().put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await;
        assert_eq!(put.err().map(|error| error.kind()), expected, "{status}");
        if expected.is_none() {
            assert_eq!(stub.requests()[1].body, b"{}");
        }
    }
    assert_eq!(other.lines().len(), 0);
}

#[tokio::test]
async fn repeats_what_may_pass() {
    for (failure, fine) in [(429, true), (500, true), (503, true), (501, false), (400, false)] {
        let left = Arc::new(Mutex::new(2));
        let stub = Stub::start(move |_| {
            let mut left = left.lock().unwrap();
            if *left == 0 {
                return reply(200).body("{}");
            }
            *left -= 1;
            reply(failure)
        })
        .await;
        let look = stub.registry().manifest(&which()).await;
        if fine {
            found(look);
            assert_eq!(stub.lines().len(), 3, "{failure}");
        } else {
            unreadable(look);
            assert_eq!(stub.lines().len(), 1, "{failure}");
        }
    }
}

#[tokio::test]
async fn gives_up_after_a_number_of_tries() {
    for (status, kind) in [(429, ErrorKind::TooManyRequests), (502, ErrorKind::ServerTrouble)] {
        let stub = Stub::start(move |_| reply(status)).await;
        assert_eq!(unreadable(stub.registry().manifest(&which()).await), kind);
        assert_eq!(stub.lines().len(), 3);
        let put = stub.registry().put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await;
        assert_eq!(put.unwrap_err().kind(), kind);
        assert_eq!(stub.count("PUT", ""), 3);
    }
    let hangup = Stub::start(|_| reply(200).with(Body::Hangup)).await;
    assert_eq!(unreadable(hangup.registry().manifest(&which()).await), ErrorKind::Transport);
    let once = hangup.registry_with(|options| options.retries.most = 0);
    let before = hangup.lines().len();
    unreadable(once.manifest(&which()).await);
    assert_eq!(hangup.lines().len(), before + 1);
}

#[tokio::test]
async fn does_not_wait_longer_than_the_deadline() {
    let stub = Stub::start(|_| reply(429).header("Retry-After", "3600")).await;
    assert_eq!(unreadable(stub.registry().manifest(&which()).await), ErrorKind::TooManyRequests);
    assert_eq!(stub.lines().len(), 1);
    let silent = Stub::start(|_| reply(200).with(Body::Stalled(10, Vec::new()))).await;
    let registry = silent.registry_with(|options| options.deadline = Duration::from_millis(200));
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::Timeout);
    let put = registry.put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await;
    assert_eq!(put.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn offline_opens_no_connection() {
    let stub = Stub::start(|_| reply(200)).await;
    let registry = stub.registry_with(|options| options.offline = true);
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::Offline);
    assert_eq!(unreadable(registry.referrers(&digest(b"x")).await), ErrorKind::Offline);
    assert_eq!(registry.tags().await.unwrap_err().kind(), ErrorKind::Offline);
    assert_eq!(stub.lines().len(), 0);
}

#[tokio::test]
async fn nobody_there_is_a_transport_error() {
    let repository: Repository = "127.0.0.1:1/team/app".parse().unwrap();
    let registry = client(|_| {}).repository(&repository);
    let kind = unreadable(registry.manifest(&which()).await);
    assert_eq!(kind, ErrorKind::Transport);
}

#[tokio::test]
async fn a_head_of_a_mebibyte_is_refused() {
    let stub = Stub::start(|_| {
        reply(401).header("WWW-Authenticate", format!("Bearer realm=\"{}\"", "x".repeat(1 << 20)))
    })
    .await;
    unreadable(stub.registry().manifest(&which()).await);
    let stub = Stub::start(|_| {
        reply(401).header("WWW-Authenticate", format!("Bearer realm=\"{}\"", "x".repeat(64 << 10)))
    })
    .await;
    assert_eq!(unreadable(stub.registry().manifest(&which()).await), ErrorKind::LimitExceeded);
}

#[test]
fn settings_that_do_not_hold_are_errors() {
    type Change = fn(&mut ClientOptions);
    let change: [(&str, Change); 9] = [
        ("junk as PEM", |options| options.ca_certificates.push(b"junk".to_vec())),
        ("an empty PEM", |options| options.ca_certificates.push(Vec::new())),
        ("a PEM without a certificate", |options| {
            let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
            options.ca_certificates.push(key.into_bytes());
        }),
        ("a certificate that is none", |options| {
            let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            options.ca_certificates.push(pem.as_bytes().to_vec());
        }),
        ("an identity that is none", |options| {
            options.client_identity = Some(ClientIdentity::new("junk", Secret::new("junk")));
        }),
        ("a realm with a path", |options| options.auth_realms.push("auth.example/token".to_owned())),
        ("a realm with a scheme", |options| options.auth_realms.push("https://auth.example".to_owned())),
        ("an absent status of 401", |options| options.absent_statuses.push(AbsentStatus::new(None, 401))),
        ("a server name with a port", |options| options.server_name = Some("r.example:443".to_owned())),
    ];
    for (what, change) in change {
        let mut options = options();
        change(&mut options);
        let error = Client::new(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{what}");
    }
    assert!(Client::new(options()).is_ok());
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    // A registry that repeats what it was sent, wherever it may.
    let stub = Stub::start(|request| {
        let sent = request.authorization().to_owned();
        let body = format!(r#"{{"errors":[{{"code":"{sent}","message":"hunter2 {sent}"}}]}}"#);
        match sent.is_empty() {
            true => reply(401).header("WWW-Authenticate", "Basic realm=x"),
            false => reply(403).body(body),
        }
    })
    .await;
    let registry = stub.registry_with(login(&stub));
    let errors = [
        registry.manifest(&which()).await.required(String::new).unwrap_err(),
        registry.tags().await.unwrap_err(),
        registry.put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await.unwrap_err(),
        registry.delete_manifest(&which()).await.unwrap_err(),
    ];
    for error in errors {
        let text = whole_text(&error);
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        for secret in ["hunter2", "dXNlcjpodW50ZXIy"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let mut options = options();
    login(&stub)(&mut options);
    options.client_identity = Some(ClientIdentity::new("x", Secret::new("hunter2")));
    assert!(!format!("{options:?}").contains("hunter2"));
    assert!(!format!("{:?} {}", Secret::new("hunter2"), Secret::new("hunter2")).contains("hunter2"));
    assert!(!format!("{registry:?} {:?}", client(login(&stub))).contains("hunter2"));
}
