//! Which hosts a job speaks to: the image's registry, and with a key nobody else.

use serde_json::json;
use waxseal::{ErrorKind, Finding, Verification};
use waxseal_core::candidate::CERTIFICATE_ANNOTATION;
use waxseal_core::media_type::{BUNDLE_V03, OCI_MANIFEST};
use waxseal_core::{Descriptor, Format, Reason, Signer as _};
use waxseal_oci::{Client, ErrorKind as Store};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry, fixtures};

use crate::scene::{
    BOTH, Layer, Scene, admitted, by, failed, fixture_key, options, refused, sign, sign_with, signing,
    undecided, verify, verify_with,
};

#[tokio::test]
async fn a_verify_speaks_to_the_images_registry_alone() {
    let other = Registry::start();
    let url = |path: &str| other.url(path);
    let scene = Scene::of(Registry::start().without_referrers_api());
    // Names of the other host stand wherever one can: in payloads, annotations, layers and listings.
    let mut job = signing(BOTH);
    job.identity = Some(format!("{}/team/app", other.host()));
    sign_with(&crate::scene::client(), &scene.by_tag(), &Finding::default(), &job, &[&scene.alice])
        .await
        .unwrap();
    let mut layer = Layer::legacy(&scene.mallory, scene.digest());
    layer.descriptor["urls"] = json!([url("/v2/team/app/blobs/foreign")]);
    layer.descriptor["annotations"]["dev.sigstore.cosign/bundle"] =
        json!({ "rekor": url("/rekor") }).to_string().into();
    layer.descriptor["annotations"][CERTIFICATE_ANNOTATION] = url("/certificate").into();
    let mut foreign = Layer::legacy(&scene.mallory, scene.digest());
    foreign.descriptor["urls"] = json!([url("/v2/team/app/blobs/foreign")]);
    foreign.bytes = None;
    scene.put_signatures(&[layer, foreign, Layer::legacy(&scene.alice, scene.digest())]);
    admitted(&scene.verify().await);
    admitted(&verify(&scene.by_tag(), by(&scene.alice)).await);
    assert_eq!(other.requests(), []);
    assert!(!scene.registry.requests().is_empty());
}

#[tokio::test]
async fn a_foreign_layer_is_not_fetched_from_where_it_says() {
    let other = Registry::start();
    let scene = Scene::new();
    let mut layer = Layer::legacy(&scene.alice, scene.digest());
    let digest = other.put_blob("team/app", layer.bytes.clone().unwrap());
    layer.descriptor["urls"] = json!([other.url(&format!("/v2/team/app/blobs/{digest}"))]);
    let mut absent = layer.clone();
    absent.bytes = None;
    scene.put_signatures(&[absent]);
    undecided(&scene.verify().await, Store::NotFound);
    scene.put_signatures(&[layer]);
    admitted(&scene.verify().await);
    assert_eq!(other.requests(), []);
}

#[tokio::test]
async fn a_next_page_at_another_host_is_not_asked() {
    let other = Registry::start();
    let scene = Scene::new();
    scene.put_referrer(&[Layer::bundle(&scene.mallory, scene.digest())], &scene.image.descriptor());
    refused(&scene.verify().await, Reason::UntrustedKey);
    let link = format!(r#"<{}>; rel="next""#, other.url("/v2/team/app/referrers/x"));
    scene.registry.rule(Match::get("/referrers/"), Behaviour::Header("Link".to_owned(), link));
    undecided(&scene.verify().await, Store::RefusedAddress);
    assert_eq!(other.requests(), []);
}

#[tokio::test]
async fn an_upload_at_another_host_is_not_made() {
    let other = Registry::start();
    let scene = Scene::of(Registry::start().without_single_post());
    let location = Behaviour::UploadLocation(format!("{}{{path}}", other.url("")));
    scene.registry.rule(Match::post("/uploads/"), location);
    let result = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await;
    failed(result, ErrorKind::Store(Store::RefusedAddress));
    assert_eq!(other.requests(), []);
    scene.registry.clear_rules();
    scene.sign(&[Format::Legacy]).await;
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn a_redirect_is_followed_for_reading_and_never_for_writing() {
    let other = Registry::start();
    let scene = Scene::signed(Registry::start(), &[Format::Legacy]).await;
    for digest in scene.registry.blobs(Scene::REPOSITORY) {
        other.put_blob(Scene::REPOSITORY, scene.registry.blob(Scene::REPOSITORY, &digest).unwrap());
    }
    let sig = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap().json();
    let blob = sig["layers"][0]["digest"].as_str().unwrap().to_owned();
    let path = format!("/v2/{}/blobs/{blob}", Scene::REPOSITORY);
    scene.registry.rule(Match::get("/blobs/"), Behaviour::redirect(other.url(&path)));
    admitted(&scene.verify().await);
    assert_eq!(other.lines(), [format!("GET {path}")]);
    // Other bytes behind the redirect are other bytes.
    other.corrupt(Scene::REPOSITORY, &blob.parse().unwrap(), vec![b' '; 10]);
    undecided(&scene.verify().await, Store::SizeMismatch);
    // What is written stays.
    other.clear_requests();
    for (method, path) in [("POST", "/uploads/"), ("PUT", "/manifests/")] {
        let scene = Scene::new();
        let away = Behaviour::redirect(other.url("/v2/team/app/blobs/uploads/"));
        scene.registry.rule(Match::new(method, path), away);
        let result = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await;
        failed(result, ErrorKind::Store(Store::RefusedAddress));
    }
    assert_eq!(other.requests(), []);
}

#[tokio::test]
async fn offline_opens_no_connection_and_reads_layouts() {
    let mut settings = options();
    settings.offline = true;
    let offline = Client::new(settings).unwrap();
    let case = fixtures::case("sig-bundle-p256-3x");
    let keys = waxseal_core::SignatureRequirement::by(vec![fixture_key(&case.key)]).unwrap();
    let verification = Verification::new(waxseal_core::Policy::requiring(keys), now());
    let layout = format!("oci:{}:{}", case.layout().display(), case.tag);
    admitted(&verify_with(&offline, &layout, &Finding::default(), &verification).await.unwrap());

    let scene = Scene::signed(Registry::start(), BOTH).await;
    let verification = Verification::new(by(&scene.alice), now());
    let judged = verify_with(&offline, &scene.by_tag(), &Finding::default(), &verification).await;
    failed(judged, ErrorKind::Store(Store::Offline));
    // By digest nothing has to be resolved: nothing could be read, and the verdict says so.
    let judged = verify_with(&offline, &scene.by_digest(), &Finding::default(), &verification).await;
    undecided(&judged.unwrap(), Store::Offline);
    let signed =
        sign_with(&offline, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice]).await;
    failed(signed, ErrorKind::Store(Store::Offline));
    assert_eq!(scene.registry.requests(), []);
    // Evidence of a layout that is said to stand in a registry.
    let mut finding = Finding::default();
    finding.evidence_repository = Some(format!("{}/evidence", scene.registry.host()).parse().unwrap());
    let image = ImageBuilder::new().file("a", "b").build();
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "1.0");
    let name = format!("oci:{}:1.0", directory.path().display());
    undecided(&verify_with(&offline, &name, &finding, &verification).await.unwrap(), Store::Offline);
    assert_eq!(scene.registry.requests(), []);
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn a_layout_is_signed_and_verified_without_a_network() {
    let mut settings = options();
    settings.offline = true;
    let offline = Client::new(settings).unwrap();
    let alice = crate::scene::signer("alice");
    let image = ImageBuilder::new().file("hello", "offline").build();
    let directory = tempfile::tempdir().unwrap();
    image.write_layout(directory.path(), "registry.example.com/app:1.0");
    let name = format!("oci:{}@{}", directory.path().display(), image.digest());
    let verification = Verification::new(by(&alice), now());
    let finding = Finding::default();
    let judge = || verify_with(&offline, &name, &finding, &verification);
    refused(&judge().await.unwrap(), Reason::NoSignature);
    sign_with(&offline, &name, &Finding::default(), &signing(BOTH), &[&alice]).await.unwrap();
    let verdict = judge().await.unwrap();
    admitted(&verdict);
    assert_eq!(verdict.signatures().len(), 2);
    assert!(verdict.signatures().iter().all(|signature| signature.key == alice.public_key().id()));
    let again = sign_with(&offline, &name, &Finding::default(), &signing(BOTH), &[&alice]).await.unwrap();
    assert!(again[0].signatures.iter().all(|written| written.already));
}

#[tokio::test]
async fn evidence_in_another_registry_is_asked_there_and_the_image_here() {
    let (images, evidence) = (Registry::start(), Registry::start());
    let scene = Scene::of(images);
    let mut finding = Finding::default();
    finding.evidence_repository = Some(format!("{}/evidence", evidence.host()).parse().unwrap());
    let client = crate::scene::client();
    sign_with(&client, &scene.by_tag(), &finding, &signing(BOTH), &[&scene.alice]).await.unwrap();
    assert_eq!(scene.registry.lines(), [format!("GET /v2/{}/manifests/1.0", Scene::REPOSITORY)]);
    assert!(evidence.lines().iter().all(|line| line.contains("/v2/evidence/")));
    // What stands there refers to the image, and to nothing else.
    let subject: Vec<_> = evidence.referrers("evidence", &scene.digest());
    assert_eq!(subject.len(), 1);
    let entry: Descriptor = serde_json::from_value(subject[0].referrer_descriptor()).unwrap();
    assert_eq!((entry.media_type.as_str(), entry.artifact_type.as_deref()), (OCI_MANIFEST, Some(BUNDLE_V03)));
}
