//! Rules C1 and C2, from the job's end: who sees the credentials of a registry.

use waxseal::{ErrorKind, Finding, Verification};
use waxseal_core::Format;
use waxseal_oci::registry::{Login, PlainHttp};
use waxseal_oci::{Client, ClientOptions, Credential, ErrorKind as Store, Secret};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, Match, Registry};

use crate::scene::{BOTH, Scene, admitted, by, failed, options, sign_with, signing, undecided, verify_with};

const USER: &str = "robot";
const PASSWORD: &str = "example-password";

fn logged_in(registry: &Registry, password: &str) -> ClientOptions {
    let mut settings = options();
    let credential = Credential::basic(USER, Secret::new(password));
    settings.login = Some(Login::new(registry.host(), credential));
    settings
}

async fn judge(scene: &Scene, settings: ClientOptions) -> waxseal_core::Verdict {
    let verification = Verification::new(by(&scene.alice), now());
    let client = Client::new(settings).unwrap();
    verify_with(&client, &scene.by_digest(), &Finding::default(), &verification).await.unwrap()
}

/// A scene whose image was signed before the registry asked who is there.
async fn signed(registry: Registry, close: impl FnOnce(Registry) -> Registry) -> Scene {
    let scene = Scene::signed(registry, BOTH).await;
    let Scene { registry, image, alice, mallory } = scene;
    Scene { registry: close(registry), image, alice, mallory }
}

#[tokio::test]
async fn credentials_open_what_is_closed_without_them() {
    let basic = |registry: Registry| registry.with_basic(USER, PASSWORD);
    let bearer = |registry: Registry| registry.with_bearer(USER, PASSWORD);
    for close in [&basic as &dyn Fn(Registry) -> Registry, &bearer] {
        let scene = signed(Registry::start(), close).await;
        admitted(&judge(&scene, logged_in(&scene.registry, PASSWORD)).await);
        undecided(&judge(&scene, logged_in(&scene.registry, "wrong")).await, Store::Unauthorized);
        undecided(&judge(&scene, options()).await, Store::Unauthorized);
        // The credentials of another registry are not tried.
        let other = Registry::start();
        undecided(&judge(&scene, logged_in(&other, PASSWORD)).await, Store::Unauthorized);
        assert_eq!(other.requests(), []);
    }
}

#[tokio::test]
async fn credentials_go_with_every_request_of_a_signing() {
    let basic = |registry: Registry| registry.with_basic(USER, PASSWORD);
    let bearer = |registry: Registry| registry.with_bearer(USER, PASSWORD);
    for close in [&basic as &dyn Fn(Registry) -> Registry, &bearer] {
        let scene = Scene::of(close(Registry::start()));
        let sign = async |settings: ClientOptions| {
            let client = Client::new(settings).unwrap();
            sign_with(&client, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice]).await
        };
        failed(sign(options()).await, ErrorKind::Store(Store::Unauthorized));
        failed(sign(logged_in(&scene.registry, "wrong")).await, ErrorKind::Store(Store::Unauthorized));
        assert!(scene.registry.tags(Scene::REPOSITORY) == ["1.0"]);
        sign(logged_in(&scene.registry, PASSWORD)).await.unwrap();
        admitted(&judge(&scene, logged_in(&scene.registry, PASSWORD)).await);
    }
}

#[tokio::test]
async fn a_public_image_is_verified_without_credentials() {
    let scene =
        signed(Registry::start(), |registry| registry.with_bearer(USER, PASSWORD).with_anonymous_pull())
            .await;
    admitted(&judge(&scene, options()).await);
    assert!(scene.registry.token_requests().iter().all(|request| request.user.is_none()));
    scene.registry.change(|settings| settings.anonymous_pull = false);
    scene.registry.expire_tokens();
    undecided(&judge(&scene, options()).await, Store::Unauthorized);
}

#[tokio::test]
async fn c1_a_token_service_elsewhere_gets_no_credentials_unless_it_is_named() {
    let elsewhere = Registry::start().with_bearer(USER, PASSWORD);
    let realm = elsewhere.url("/token");
    let scene =
        signed(Registry::start(), |registry| registry.with_bearer(USER, PASSWORD).with_realm(realm)).await;
    let scene = Scene { registry: scene.registry.with_tokens_of(&elsewhere), ..scene };
    undecided(&judge(&scene, logged_in(&scene.registry, PASSWORD)).await, Store::ForeignRealm);
    assert!(elsewhere.requests().iter().all(|request| !request.had_authorization && request.form.is_none()));
    assert!(elsewhere.token_requests().iter().all(|request| request.user.is_none() && !request.granted));
    // Signing says the same.
    let client = Client::new(logged_in(&scene.registry, PASSWORD)).unwrap();
    let result =
        sign_with(&client, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice]).await;
    failed(result, ErrorKind::Store(Store::ForeignRealm));
    // Named by a person, it is asked with them.
    let mut settings = logged_in(&scene.registry, PASSWORD);
    settings.auth_realms = vec![elsewhere.host()];
    admitted(&judge(&scene, settings).await);
    assert!(elsewhere.token_requests().iter().any(|request| request.user.as_deref() == Some(USER)));
    // Another name is another service.
    let mut settings = logged_in(&scene.registry, PASSWORD);
    settings.auth_realms = vec!["127.0.0.1:1".to_owned()];
    undecided(&judge(&scene, settings).await, Store::ForeignRealm);
}

#[tokio::test]
async fn c1_a_token_service_at_an_inner_address_is_not_asked_at_all() {
    for realm in ["http://169.254.169.254/token", "http://10.0.0.1/token", "ftp://127.0.0.1/token"] {
        let scene =
            signed(Registry::start(), |registry| registry.with_bearer(USER, PASSWORD).with_realm(realm))
                .await;
        undecided(&judge(&scene, logged_in(&scene.registry, PASSWORD)).await, Store::RefusedAddress);
    }
}

#[tokio::test]
async fn c2_a_redirect_to_another_origin_carries_no_credentials() {
    let scene = signed(Registry::start(), |registry| registry.with_basic(USER, PASSWORD)).await;
    let other = Registry::start();
    for digest in scene.registry.blobs(Scene::REPOSITORY) {
        other.put_blob(Scene::REPOSITORY, scene.registry.blob(Scene::REPOSITORY, &digest).unwrap());
    }
    let sig = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap();
    let blob = sig.json()["layers"][0]["digest"].as_str().unwrap().to_owned();
    let manifest = format!("/v2/{}/manifests/{}", Scene::REPOSITORY, scene.sig_tag());
    other.put_manifest(Scene::REPOSITORY, &scene.sig_tag(), &sig.media_type, sig.bytes);
    let path = format!("/v2/{}/blobs/{blob}", Scene::REPOSITORY);
    scene.registry.rule(Match::get(path.clone()), Behaviour::redirect(other.url(&path)));
    scene.registry.rule(Match::get(manifest.clone()), Behaviour::redirect(other.url(&manifest)));
    let judge = async || {
        let mut verification = Verification::new(by(&scene.alice), now());
        verification.looking.formats = vec![Format::Legacy];
        let client = Client::new(logged_in(&scene.registry, PASSWORD)).unwrap();
        verify_with(&client, &scene.by_digest(), &Finding::default(), &verification).await.unwrap()
    };
    admitted(&judge().await);
    assert_eq!(other.requests().len(), 2);
    assert!(other.requests().iter().all(|request| !request.had_authorization));
    // A challenge there changes nothing (T-50).
    other.change(|settings| {
        settings.access =
            waxseal_testkit::registry::Access::Basic { user: USER.to_owned(), password: PASSWORD.to_owned() };
    });
    undecided(&judge().await, Store::Unauthorized);
    assert!(other.requests().iter().all(|request| !request.had_authorization));
    scene.registry.clear_rules();
    admitted(&judge().await);
}

#[tokio::test]
async fn c2_https_is_not_left_for_http() {
    let (registry, other) = (Registry::start_tls(), Registry::start());
    let scene = Scene::of(registry);
    let settings = || {
        let mut settings = options();
        settings.ca_certificates = vec![scene.registry.ca_pem().as_bytes().to_vec()];
        settings
    };
    let client = Client::new(settings()).unwrap();
    sign_with(&client, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice]).await.unwrap();
    admitted(&judge(&scene, settings()).await);
    // A certificate of an authority that nobody named.
    let mut strangers = options();
    strangers.ca_certificates = vec![Registry::start_tls().ca_pem().as_bytes().to_vec()];
    undecided(&judge(&scene, strangers).await, Store::Tls);
    for path in ["/manifests/", "/referrers/"] {
        let path = Match::get(path);
        scene.registry.rule(path, Behaviour::redirect(other.url("/v2/team/app/manifests/x")));
    }
    undecided(&judge(&scene, settings()).await, Store::RefusedAddress);
    assert_eq!(other.requests(), []);
}

#[tokio::test]
async fn c2_plain_http_is_for_loopback_and_named_hosts() {
    // No such host: the request is not even made in the clear.
    let mut settings = options();
    settings.offline = false;
    settings.plain_http = PlainHttp::Named(vec!["not a host".to_owned()]);
    assert_eq!(Client::new(settings).unwrap_err().kind(), Store::Configuration);
    let scene = Scene::signed(Registry::start(), BOTH).await;
    admitted(&judge(&scene, options()).await);
    // A registry that speaks TLS is not asked in the clear where an authority is named.
    let mut settings = options();
    settings.ca_certificates = vec![Registry::start_tls().ca_pem().as_bytes().to_vec()];
    undecided(&judge(&scene, settings).await, Store::Tls);
}

#[tokio::test]
async fn no_secret_is_in_what_a_job_says() {
    let scene = signed(Registry::start(), |registry| registry.with_basic(USER, PASSWORD)).await;
    let echo = Behaviour::Status {
        code: 500,
        headers: Vec::new(),
        body: format!(
            r#"{{"errors":[{{"code":"X","message":"{PASSWORD} cm9ib3Q6ZXhhbXBsZS1wYXNzd29yZA=="}}]}}"#
        )
        .into(),
    };
    scene.registry.rule(Match::get("/referrers/"), echo.clone());
    scene.registry.rule(Match::get(scene.sig_tag()), echo);
    let verdict = judge(&scene, logged_in(&scene.registry, PASSWORD)).await;
    undecided(&verdict, Store::ServerTrouble);
    let said = format!("{} {verdict:?}", verdict.to_json());
    assert!(!said.contains(PASSWORD) && !said.contains("cm9ib3Q6"), "{said}");
    scene.registry.clear_rules();
    admitted(&judge(&scene, logged_in(&scene.registry, PASSWORD)).await);
}

#[tokio::test]
async fn c2_where_insecure_is_allowed_tls_is_tried_first_and_http_follows() {
    let insecure = || {
        let mut settings = options();
        settings.allow_insecure = true;
        settings
    };
    let scene = Scene::signed(Registry::start(), BOTH).await;
    admitted(&judge(&scene, insecure()).await);
    // A certificate of nobody is accepted there, and nowhere else.
    let scene = Scene::of(Registry::start_tls());
    let client = Client::new(insecure()).unwrap();
    sign_with(&client, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice]).await.unwrap();
    admitted(&judge(&scene, insecure()).await);
    let mut strangers = options();
    strangers.ca_certificates = vec![Registry::start_tls().ca_pem().as_bytes().to_vec()];
    undecided(&judge(&scene, strangers).await, Store::Tls);
}
