//! Logging in: Basic, tokens, identity tokens, and rule C1 from end to end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use waxseal_core::Repository;
use waxseal_core::reference::Tag;
use waxseal_oci::credential::Credential;
use waxseal_oci::registry::Login;
use waxseal_oci::{ClientOptions, ErrorKind, Look, Secret, Which};

use crate::stub::{
    Body, MANIFEST, Reply, Request, Stub, client, digest, found, reply, unreadable, whole_text,
};

const CANARY: &str = "c4nary-p4ssword";

fn which() -> Which {
    Which::Tag("v1".parse::<Tag>().unwrap())
}

fn login(stub: &Stub, credential: Credential) -> impl FnOnce(&mut ClientOptions) {
    let registry = stub.host();
    move |options| options.login = Some(Login::new(registry, credential))
}

fn basic() -> Credential {
    Credential::basic("user", Secret::new(CANARY))
}

fn token(text: &str) -> Reply {
    reply(200).typed("application/json").body(format!(r#"{{"token":"{text}"}}"#))
}

/// A registry that wants the token `good` from `realm`, and a token service on the same port under `/token`.
fn guarded(request: &Request, realm: &str, service: impl FnOnce(&Request) -> Reply) -> Reply {
    if request.target.starts_with("/token") {
        return service(request);
    }
    if request.authorization() == "Bearer good" {
        return match request.method.as_str() {
            "PUT" => reply(201),
            _ => reply(200).body("{}"),
        };
    }
    let host = request.header("host").unwrap();
    let realm = realm.replace("HOST", host);
    reply(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}\",service=\"registry\""))
}

const OWN: &str = "http://HOST/token";

#[tokio::test]
async fn a_public_registry_sees_no_login() {
    let stub = Stub::start(|_| reply(200).body("{}")).await;
    found(stub.registry_with(login(&stub, basic())).manifest(&which()).await);
    assert_eq!(stub.requests()[0].authorization(), "");
    assert_eq!(stub.lines().len(), 1, "no ping");
}

#[tokio::test]
async fn basic_once_it_is_asked_for() {
    let stub = Stub::start(|request| match request.authorization() {
        "" => reply(401).header("WWW-Authenticate", "Basic realm=\"Registry\""),
        _ => reply(200).body("{}"),
    })
    .await;
    let client = client(login(&stub, basic()));
    found(client.repository(&stub.repository()).manifest(&which()).await);
    assert_eq!(stub.lines().len(), 2);
    // Another repository brings it along.
    let other: Repository = format!("{}/other/app", stub.host()).parse().unwrap();
    found(client.repository(&other).manifest(&which()).await);
    assert_eq!(stub.lines().len(), 3);
}

#[tokio::test]
async fn wrong_credentials_end_after_one_more_try() {
    let stub = Stub::start(|_| reply(401).header("WWW-Authenticate", "Basic realm=x")).await;
    assert_eq!(
        unreadable(stub.registry_with(login(&stub, basic())).manifest(&which()).await),
        ErrorKind::Unauthorized
    );
    assert_eq!(stub.lines().len(), 2);
    let anonymous = stub.registry().manifest(&which()).await.required(String::new).unwrap_err();
    assert_eq!(anonymous.kind(), ErrorKind::Unauthorized);
    assert!(anonymous.to_string().contains("no credentials"), "{anonymous}");
    assert_eq!(stub.lines().len(), 3);
}

#[tokio::test]
async fn a_login_is_for_its_registry() {
    let stub = Stub::start(|request| match request.authorization() {
        "" => reply(401).header("WWW-Authenticate", "Basic realm=x"),
        _ => reply(200).body("{}"),
    })
    .await;
    let host = stub.host();
    let own = stub.registry_with(|options| options.login = Some(Login::new(host, basic())));
    found(own.manifest(&which()).await);
    let other = stub.registry_with(|options| options.login = Some(Login::new("127.0.0.1", basic())));
    assert_eq!(unreadable(other.manifest(&which()).await), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_token_is_fetched_once_for_each_kind_of_access() {
    let stub = Stub::start(|request| guarded(request, OWN, |_| token("good"))).await;
    let registry = stub.registry_with(login(&stub, basic()));
    for _ in 0..3 {
        found(registry.manifest(&which()).await);
    }
    assert_eq!(stub.count("GET", "/token"), 1);
    let question = stub.requests().into_iter().find(|request| request.is("GET", "/token")).unwrap();
    assert_eq!(question.target, "/token?service=registry&scope=repository%3Ateam%2Fapp%3Apull");
    assert_eq!(
        question.authorization(),
        format!("Basic {}", waxseal_core::encoding::base64_encode(format!("user:{CANARY}")))
    );
    registry.put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await.unwrap();
    assert_eq!(stub.count("GET", "pull%2Cpush"), 1);
    found(registry.manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 2);
    assert_eq!(stub.lines().len(), 2 + 1 + 2 + 2 + 1, "one 401, and tokens are brought along after it");
}

#[tokio::test]
async fn a_writing_token_also_reads() {
    let stub = Stub::start(|request| guarded(request, OWN, |_| token("good"))).await;
    let registry = stub.registry_with(login(&stub, basic()));
    registry.put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await.unwrap();
    found(registry.manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_token() {
    let stub = Stub::start(|request| guarded(request, OWN, |_| token("good"))).await;
    let registry = stub.registry_with(login(&stub, basic()));
    let looks = (0..16).map(|_| {
        let registry = registry.clone();
        async move { registry.manifest(&which()).await }
    });
    for look in futures_util::future::join_all(looks).await {
        found(look);
    }
    assert_eq!(stub.count("GET", "/token"), 1);
}

#[tokio::test]
async fn repositories_do_not_share_tokens() {
    let stub = Stub::start(|request| guarded(request, OWN, |_| token("good"))).await;
    let client = client(login(&stub, basic()));
    let other: Repository = format!("{}/other/app", stub.host()).parse().unwrap();
    found(client.repository(&stub.repository()).manifest(&which()).await);
    found(client.repository(&other).manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 2);
    assert_eq!(stub.count("GET", "repository%3Aother%2Fapp%3Apull"), 1);
}

#[tokio::test]
async fn a_token_that_ended_is_fetched_anew() {
    let stub = Stub::start(|request| {
        guarded(request, OWN, |_| reply(200).body(r#"{"access_token":"good","expires_in":1}"#))
    })
    .await;
    let registry = stub.registry_with(login(&stub, basic()));
    found(registry.manifest(&which()).await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    found(registry.manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_once_more() {
    let tokens = Arc::new(Mutex::new(vec!["good", "stale"]));
    let stub = Stub::start(move |request| {
        guarded(request, OWN, |_| token(tokens.lock().unwrap().pop().unwrap_or("good")))
    })
    .await;
    let registry = stub.registry_with(login(&stub, basic()));
    // The first token is refused at once: that is a 401 after logging in, and the end.
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::Unauthorized);
    // The next request brings the stale one, and gets another.
    found(registry.manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 2);
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let stub = Stub::start(|request| {
        guarded(request, OWN, |request| {
            let form = String::from_utf8(request.body.clone()).unwrap();
            let expected = format!(
                "grant_type=refresh_token&client_id=waxseal&service=registry&scope=repository%3Ateam%2Fapp%3Apull\
                 &refresh_token={CANARY}"
            );
            match request.method == "POST" && form == expected && request.authorization().is_empty() {
                true => reply(200).body(r#"{"access_token":"good"}"#),
                false => reply(400),
            }
        })
    })
    .await;
    let registry = stub.registry_with(login(&stub, Credential::IdentityToken(Secret::new(CANARY))));
    found(registry.manifest(&which()).await);
    let redirected =
        Stub::start(|request| guarded(request, OWN, |_| reply(307).header("Location", "/token2"))).await;
    let registry =
        redirected.registry_with(login(&redirected, Credential::IdentityToken(Secret::new(CANARY))));
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::RefusedAddress);
    assert_eq!(redirected.count("POST", "/token2"), 0);
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let stub = Stub::start(|request| guarded(request, OWN, |_| reply(500))).await;
    let registry = stub.registry_with(login(&stub, Credential::RegistryToken(Secret::new("good"))));
    found(registry.manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 0);
}

#[tokio::test]
async fn answers_of_a_token_service_are_bounded_and_read_strictly() {
    type Service = fn() -> Reply;
    let cases: [(Service, ErrorKind); 11] = [
        (|| reply(200).with(Body::Endless), ErrorKind::LimitExceeded),
        (|| token(&"x".repeat(65 << 10)), ErrorKind::LimitExceeded),
        (|| reply(200).body("{}"), ErrorKind::Protocol),
        (|| reply(200).body(r#"{"token":""}"#), ErrorKind::Protocol),
        (|| reply(200).body(r#"{"token":"a","token":"b"}"#), ErrorKind::Protocol),
        (|| reply(200).body("token"), ErrorKind::Protocol),
        (|| reply(200).body(r#"{"token":"a\nb"}"#), ErrorKind::Credentials),
        (|| reply(401), ErrorKind::Unauthorized),
        (|| reply(403).with(Body::Endless), ErrorKind::Forbidden),
        (|| reply(404), ErrorKind::Protocol),
        (|| reply(500), ErrorKind::ServerTrouble),
    ];
    for (service, kind) in cases {
        let stub = Stub::start(move |request| guarded(request, OWN, |_| service())).await;
        assert_eq!(unreadable(stub.registry_with(login(&stub, basic())).manifest(&which()).await), kind);
    }
    // Dots are not counted, because nobody here takes a token apart.
    let stub = Stub::start(|request| guarded(request, OWN, |_| token(&".".repeat(50_000)))).await;
    assert_eq!(
        unreadable(stub.registry_with(login(&stub, basic())).manifest(&which()).await),
        ErrorKind::Unauthorized
    );
}

#[tokio::test]
async fn a_token_service_with_trouble_is_asked_again() {
    let left = Arc::new(Mutex::new(2));
    let stub = Stub::start(move |request| {
        guarded(request, OWN, |_| {
            let mut left = left.lock().unwrap();
            if *left == 0 {
                return token("good");
            }
            *left -= 1;
            reply(503)
        })
    })
    .await;
    found(stub.registry_with(login(&stub, basic())).manifest(&which()).await);
    assert_eq!(stub.count("GET", "/token"), 3);
}

#[tokio::test]
async fn rule_c1_a_foreign_realm_gets_no_credentials() {
    let realm = Stub::start(|request| match request.authorization() {
        "" => reply(401),
        _ => token("good"),
    })
    .await;
    let name = realm.host();
    let address = format!("http://{name}/token");
    let stub = Stub::start(move |request| guarded(request, &address, |_| reply(500))).await;
    let error =
        stub.registry_with(login(&stub, basic())).manifest(&which()).await.required(String::new).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignRealm);
    assert!(error.to_string().contains(&format!("--auth-realm {name}")), "{error}");
    assert!(realm.requests().iter().all(|request| request.authorization().is_empty()));
    // Named, it gets them.
    let named = stub.registry_with(|options| {
        login(&stub, basic())(options);
        options.auth_realms.push(name.clone());
    });
    found(named.manifest(&which()).await);
    assert!(realm.requests().last().unwrap().authorization().starts_with("Basic "));
    // Named by another port, it does not.
    let other = stub.registry_with(|options| {
        login(&stub, basic())(options);
        options.auth_realms.push("127.0.0.1".to_owned());
    });
    assert_eq!(unreadable(other.manifest(&which()).await), ErrorKind::ForeignRealm);
    // Without credentials nothing was withheld.
    assert_eq!(unreadable(stub.registry().manifest(&which()).await), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn rule_c1_a_foreign_realm_may_still_give_a_public_token() {
    let realm = Stub::start(|_| token("good")).await;
    let address = format!("http://{}/token", realm.host());
    let stub = Stub::start({
        let address = address.clone();
        move |request| guarded(request, &address, |_| reply(500))
    })
    .await;
    found(stub.registry_with(login(&stub, basic())).manifest(&which()).await);
    assert!(realm.requests().iter().all(|request| request.authorization().is_empty()));
    // If that token does not suffice, the error says why.
    for status in [401, 403] {
        let address = address.clone();
        let stub = Stub::start(move |request| match request.authorization() {
            "" => guarded(request, &address, |_| reply(500)),
            _ => reply(status).header("WWW-Authenticate", format!("Bearer realm=\"{address}\"")),
        })
        .await;
        let registry = stub.registry_with(login(&stub, basic()));
        assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::ForeignRealm, "{status}");
        let put = registry.put_manifest(Bytes::from_static(b"{}"), MANIFEST, &which()).await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::ForeignRealm, "{status}");
    }
}

#[tokio::test]
async fn rule_c1_an_absent_status_does_not_hide_withheld_credentials() {
    let realm = Stub::start(|_| token("public")).await;
    let address = format!("http://{}/token", realm.host());
    let stub = Stub::start(move |request| match request.authorization() {
        "" => guarded(request, &address, |_| reply(500)),
        _ => reply(403),
    })
    .await;
    let absent = |options: &mut ClientOptions| {
        options.absent_statuses.push(waxseal_oci::registry::AbsentStatus::new(None, 403));
    };
    assert!(matches!(stub.registry_with(absent).manifest(&which()).await, Look::Absent));
    let registry = stub.registry_with(|options| {
        absent(options);
        login(&stub, basic())(options);
    });
    assert_eq!(unreadable(registry.manifest(&which()).await), ErrorKind::ForeignRealm);
}

#[tokio::test]
async fn rule_c1_realms_where_no_request_may_go() {
    for realm in [
        "http://169.254.169.254/token",
        "http://10.0.0.1/token",
        "http://localhost/token",
        "http://[::1]/token",
        "http://auth.example/token",
        "http://user:pass@HOST/token",
        "file:///etc/passwd",
    ] {
        let stub = Stub::start(move |request| guarded(request, realm, |_| reply(500))).await;
        let look = stub.registry_with(login(&stub, basic())).manifest(&which()).await;
        assert_eq!(unreadable(look), ErrorKind::RefusedAddress, "{realm}");
    }
}

#[tokio::test]
async fn a_token_service_that_redirects_loses_the_credentials() {
    let other = Stub::start(|_| token("good")).await;
    let elsewhere = format!("http://{}/token", other.host());
    for (location, expected) in [
        ("/token/2".to_owned(), None),
        (elsewhere, None),
        ("http://10.0.0.1/token".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("http://auth.example/token".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("/token".to_owned(), Some(ErrorKind::LimitExceeded)),
    ] {
        let stub = Stub::start(move |request| {
            guarded(request, OWN, |request| match request.target.as_str() {
                "/token/2" => match request.authorization().is_empty() {
                    true => reply(401),
                    false => token("good"),
                },
                _ => reply(307).header("Location", location.clone()),
            })
        })
        .await;
        let look = stub.registry_with(login(&stub, basic())).manifest(&which()).await;
        match expected {
            None => drop(found(look)),
            Some(kind) => assert_eq!(unreadable(look), kind),
        }
    }
    assert!(other.requests().iter().all(|request| request.authorization().is_empty()));
    assert_eq!(other.lines().len(), 1);
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories() {
    let stub = Stub::start(|request| {
        match request.is("POST", "mount=") && request.authorization() == "Bearer good" {
            true => reply(201),
            false => guarded(request, OWN, |_| token("good")),
        }
    })
    .await;
    let from: Repository = format!("{}/base/os", stub.host()).parse().unwrap();
    assert!(stub.registry_with(login(&stub, basic())).mount_blob(&digest(b"x"), &from).await.unwrap());
    let question = stub.requests().into_iter().find(|request| request.is("GET", "/token")).unwrap();
    assert!(question.target.contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush"), "{}", question.target);
    assert!(question.target.contains("scope=repository%3Abase%2Fos%3Apull"), "{}", question.target);
    // A service that gives no token for both is no reason to fail.
    let stub = Stub::start(|request| guarded(request, OWN, |_| reply(403))).await;
    let from: Repository = format!("{}/base/os", stub.host()).parse().unwrap();
    assert!(!stub.registry_with(login(&stub, basic())).mount_blob(&digest(b"x"), &from).await.unwrap());
}

#[tokio::test]
async fn no_error_shows_a_password_or_a_token() {
    let leak = |request: &Request| {
        let sent = format!("{} {}", request.authorization(), String::from_utf8_lossy(&request.body));
        reply(403).body(format!(r#"{{"errors":[{{"code":"X","message":"{CANARY} {sent}"}}]}}"#))
    };
    let service = Stub::start(move |request| guarded(request, OWN, leak)).await;
    let registry = Stub::start(move |request| match request.authorization() {
        "Bearer t0ken-c4nary" => leak(request),
        _ => guarded(request, OWN, |_| token("t0ken-c4nary")),
    })
    .await;
    for stub in [&service, &registry] {
        for credential in [basic(), Credential::IdentityToken(Secret::new(CANARY))] {
            let error = stub.registry_with(login(stub, credential)).tags().await.unwrap_err();
            let text = whole_text(&error);
            let encoded = waxseal_core::encoding::base64_encode(format!("user:{CANARY}"));
            for secret in ["t0ken-c4nary", &encoded] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
