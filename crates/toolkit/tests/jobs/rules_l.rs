//! Rules L1, L2 and L7: looking. What is absent, unsupported or unreadable, and what a verdict makes of each.

use waxseal::{Finding, Verification};
use waxseal_core::media_type::OCI_INDEX;
use waxseal_core::{Format, Reason};
use waxseal_oci::registry::AbsentStatus;
use waxseal_oci::{Client, ErrorKind as Store};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::scene::{
    BOTH, Layer, Scene, admitted, by, client, options, refused, sign, sign_with, signing, status, undecided,
    verify, verify_with,
};

const REFERRERS: &str = "/referrers/";

#[tokio::test]
async fn l1_a_tag_is_read_once_and_the_verdict_names_what_it_was() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let other = ImageBuilder::new().file("hello", "other").build();
    other.push_untagged(&scene.registry, Scene::REPOSITORY);
    let cases = [(scene.digest(), other.digest(), true), (other.digest(), scene.digest(), false)];
    for (first, later, admits) in cases {
        scene.registry.clear_rules();
        scene.registry.clear_requests();
        scene.registry.rule(Match::path("/manifests/1.0"), Behaviour::TagFlips(first, later));
        let verdict = verify(&scene.by_tag(), by(&scene.alice)).await;
        if admits {
            admitted(&verdict);
        } else {
            refused(&verdict, Reason::NoSignature);
        }
        assert_eq!(verdict.report().digest, first);
        assert!(verdict.report().subject.contains(&first.to_string()));
        assert_eq!(scene.registry.count("", "/manifests/1.0"), 1);
    }
}

#[tokio::test]
async fn l1_signing_reads_the_tag_once_and_signs_what_it_was() {
    let scene = Scene::new();
    let other = ImageBuilder::new().file("hello", "other").build();
    other.push_untagged(&scene.registry, Scene::REPOSITORY);
    let flips = Behaviour::TagFlips(scene.digest(), other.digest());
    scene.registry.rule(Match::path("/manifests/1.0"), flips);
    let signed = sign(&scene.by_tag(), BOTH, &scene.alice).await.unwrap();
    assert_eq!(*signed[0].image.digest(), scene.digest());
    assert_eq!(scene.registry.count("", "/manifests/1.0"), 1);
    admitted(&scene.verify().await);
    let other = scene.registry.image(Scene::REPOSITORY, &other.digest().to_string());
    refused(&verify(&other, by(&scene.alice)).await, Reason::NoSignature);
}

/// What a registry without the endpoint answers to a request for referrers.
fn unsupported() -> Vec<Behaviour> {
    let mut answers: Vec<_> = [404, 400, 405, 406, 501].into_iter().map(status).collect();
    answers.push(Behaviour::WrongContentType("text/html; charset=utf-8".to_owned()));
    answers.push(Behaviour::Status { code: 200, headers: Vec::new(), body: "<html>welcome</html>".into() });
    answers
}

/// What leaves nothing known, and the trouble that it is.
fn unreadable() -> Vec<(Behaviour, Store)> {
    let page = |body: &str| Behaviour::OtherBody(body.to_owned().into());
    vec![
        (status(401), Store::Unauthorized),
        (status(403), Store::Forbidden),
        (status(429), Store::TooManyRequests),
        (status(500), Store::ServerTrouble),
        (status(503), Store::ServerTrouble),
        (status(418), Store::Protocol),
        (Behaviour::ResetConnection, Store::Transport),
        (Behaviour::TruncateAt(10), Store::Transport),
        (page("junk"), Store::Malformed),
        (page("[]"), Store::Malformed),
        (page(r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:abc"}]}"#), Store::Malformed),
        (page(r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#), Store::Malformed),
        (page(r#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#), Store::Malformed),
    ]
}

#[tokio::test]
async fn l2_without_the_endpoint_the_fallback_tag_is_read() {
    for answer in unsupported() {
        let scene = Scene::signed(Registry::start().without_referrers_api(), &[Format::Bundle]).await;
        scene.registry.change(|settings| settings.referrers_api = true);
        scene.registry.rule(Match::get(REFERRERS), answer.clone());
        admitted(&scene.verify().await);
        // Neither endpoint nor tag: nothing is there, and that is known.
        scene.registry.remove_tag(Scene::REPOSITORY, &scene.fallback_tag());
        refused(&scene.verify().await, Reason::NoSignature);
    }
}

#[tokio::test]
async fn l2_referrers_that_cannot_be_listed_leave_a_verdict_open() {
    for (answer, kind) in unreadable() {
        let scene = Scene::new();
        scene.registry.rule(Match::get(REFERRERS), answer.clone());
        undecided(&scene.verify().await, kind);
        // A fallback tag is no way round an endpoint that is there and does not answer.
        assert_eq!(scene.registry.count("GET", &format!("{}?", scene.fallback_tag())), 0);
        // A signature by another key changes nothing; a valid one at the other place does (rule V1).
        scene.put_signatures(&[Layer::legacy(&scene.mallory, scene.digest())]);
        undecided(&scene.verify().await, kind);
        scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
        admitted(&scene.verify().await);
    }
}

#[tokio::test]
async fn l2_a_fallback_tag_that_cannot_be_read_leaves_a_verdict_open() {
    for (answer, kind) in unreadable() {
        let scene = Scene::of(Registry::start().without_referrers_api());
        scene.put_fallback_index(&[]);
        let tag = Match::get(format!("/manifests/{}", scene.fallback_tag())).after(1);
        // The tag of signatures begins alike and comes first.
        scene.registry.rule(Match::get(scene.sig_tag()), status(404));
        scene.registry.rule(tag, answer.clone());
        // Other bytes under a tag contradict the digest that the registry names beside them.
        let kind = if kind == Store::Malformed { Store::DigestMismatch } else { kind };
        undecided(&scene.verify().await, kind);
        scene.registry.clear_rules();
        refused(&scene.verify().await, Reason::NoSignature);
    }
    for body in ["junk", "[]", r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:abc"}]}"#] {
        let scene = Scene::of(Registry::start().without_referrers_api());
        scene.registry.put_manifest(Scene::REPOSITORY, &scene.fallback_tag(), OCI_INDEX, body);
        undecided(&scene.verify().await, Store::Malformed);
        scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
        admitted(&scene.verify().await);
    }
}

#[tokio::test]
async fn l2_a_signature_tag_that_cannot_be_read_leaves_a_verdict_open() {
    let mut troubles: Vec<_> =
        unreadable().into_iter().filter(|(_, kind)| *kind != Store::Malformed).collect();
    troubles.push((status(400), Store::Protocol));
    troubles.push((status(405), Store::Unsupported));
    troubles.push((status(501), Store::Unsupported));
    troubles.push((Behaviour::WrongDigestHeader, Store::DigestMismatch));
    troubles.push((Behaviour::OtherBody("{}".into()), Store::DigestMismatch));
    for (answer, kind) in troubles {
        let scene = Scene::new();
        scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
        admitted(&scene.verify().await);
        scene.registry.rule(Match::get(scene.sig_tag()), answer);
        undecided(&scene.verify().await, kind);
        // A valid bundle is found all the same.
        scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
        admitted(&scene.verify().await);
    }
    // 404 alone says that there is none.
    let scene = Scene::new();
    scene.registry.rule(Match::get(scene.sig_tag()), status(404));
    refused(&scene.verify().await, Reason::NoSignature);
}

#[tokio::test]
async fn l2_a_later_page_that_is_missing_is_not_the_end_of_a_listing() {
    for (answer, kind) in [
        (status(404), Store::NotFound),
        (status(405), Store::Unsupported),
        (Behaviour::WrongContentType("text/html".to_owned()), Store::Protocol),
    ] {
        let scene = Scene::of(Registry::start().with_page_size(1));
        let subject = scene.image.descriptor();
        scene.put_referrer(&[Layer::bundle(&scene.mallory, scene.digest())], &subject);
        scene.put_referrer(&[Layer::bundle(&crate::scene::signer("carol"), scene.digest())], &subject);
        refused(&scene.verify().await, Reason::UntrustedKey);
        scene.registry.rule(Match::get(REFERRERS).after(1), answer);
        undecided(&scene.verify().await, kind);
    }
    // All pages are read.
    let scene = Scene::of(Registry::start().with_page_size(1));
    for name in ["a", "b", "c", "alice"] {
        let layer = Layer::bundle(&crate::scene::signer(name), scene.digest());
        scene.put_referrer(&[layer], &scene.image.descriptor());
    }
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn l2_absent_status_is_for_registries_that_say_403_for_nothing() {
    let scene = Scene::of(Registry::start().without_referrers_api());
    scene.registry.rule(Match::any(), Behaviour::ForbiddenForMissing);
    undecided(&scene.verify().await, Store::Forbidden);
    let host = scene.registry.host();
    for (registry, counts) in
        [(None, true), (Some(host), true), (Some("registry.example.com".to_owned()), false)]
    {
        let mut settings = options();
        settings.absent_statuses = vec![AbsentStatus::new(registry, 403)];
        let client = Client::new(settings).unwrap();
        let verification = Verification::new(by(&scene.alice), now());
        let (name, finding) = (scene.by_tag(), Finding::default());
        let judge = || verify_with(&client, &name, &finding, &verification);
        if counts {
            refused(&judge().await.unwrap(), Reason::NoSignature);
            sign_with(&client, &scene.by_tag(), &Finding::default(), &signing(BOTH), &[&scene.alice])
                .await
                .unwrap();
            admitted(&judge().await.unwrap());
            for tag in [scene.sig_tag(), scene.fallback_tag()] {
                scene.registry.remove_tag(Scene::REPOSITORY, &tag);
            }
        } else {
            undecided(&judge().await.unwrap(), Store::Forbidden);
        }
    }
}

#[tokio::test]
async fn l7_evidence_stands_where_the_setting_says_for_signing_and_verifying_alike() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        for elsewhere in [None, Some(Registry::start())] {
            let scene = Scene::of(registry_like(&registry));
            let host = elsewhere.as_ref().unwrap_or(&scene.registry).host();
            let mut finding = Finding::default();
            finding.evidence_repository = Some(format!("{host}/signatures/all").parse().unwrap());
            sign_with(&client(), &scene.by_tag(), &finding, &signing(BOTH), &[&scene.alice]).await.unwrap();
            // Nothing was written beside the image.
            assert_eq!(scene.registry.tags(Scene::REPOSITORY), ["1.0"]);
            assert_eq!(scene.registry.manifests(Scene::REPOSITORY), [scene.digest()]);
            refused(&scene.verify().await, Reason::NoSignature);
            for name in [scene.by_tag(), scene.by_digest()] {
                let verification = Verification::new(by(&scene.alice), now());
                let verdict = verify_with(&client(), &name, &finding, &verification).await.unwrap();
                admitted(&verdict);
                assert_eq!(verdict.signatures().len(), 2);
            }
            // Again: it stands there.
            let again =
                sign_with(&client(), &scene.by_tag(), &finding, &signing(BOTH), &[&scene.alice]).await;
            assert!(again.unwrap()[0].signatures.iter().all(|written| written.already));
            // What stands beside the image is then not looked at.
            let scene = Scene::signed(registry_like(&registry), BOTH).await;
            finding.evidence_repository =
                Some(format!("{}/empty/all", scene.registry.host()).parse().unwrap());
            let verification = Verification::new(by(&scene.alice), now());
            let verdict = verify_with(&client(), &scene.by_digest(), &finding, &verification).await.unwrap();
            refused(&verdict, Reason::NoSignature);
        }
    }
}

/// A new registry of the same kind.
fn registry_like(registry: &Registry) -> Registry {
    let mut api = true;
    registry.change(|settings| api = settings.referrers_api);
    let new = Registry::start();
    new.change(|settings| settings.referrers_api = api);
    new
}
