//! How many requests a job makes. The floors are those that the protocol leaves: what is known is not asked again.

use std::collections::BTreeSet;
use std::time::Duration;

use waxseal::{Finding, Verification};
use waxseal_core::Format;
use waxseal_testkit::Registry;
use waxseal_testkit::rng::now;

use crate::scene::{BOTH, Scene, admitted, by, client, sign, verify_with};

/// Verifies, and says what that took: requests, and how many of them had to wait for one another.
async fn cost(scene: &Scene, name: &str, formats: &[Format]) -> (usize, usize) {
    scene.registry.clear_requests();
    let mut verification = Verification::new(by(&scene.alice), now());
    verification.looking.formats = formats.to_vec();
    let verdict = verify_with(&client(), name, &Finding::default(), &verification).await.unwrap();
    admitted(&verdict);
    let lines = scene.registry.lines();
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len(), "asked twice: {lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:#?}");
    (lines.len(), scene.registry.round_trips())
}

/// A registry that takes its time: what is asked at the same time is then seen to be.
fn registry() -> Registry {
    Registry::start().with_delay(Duration::from_millis(20))
}

#[tokio::test]
async fn a_format_alone_costs_two_or_three_requests() {
    for (format, requests) in [(Format::Legacy, 2), (Format::Bundle, 3)] {
        let scene = Scene::signed(registry(), &[format]).await;
        assert_eq!(cost(&scene, &scene.by_digest(), &[format]).await, (requests, requests), "{format:?}");
        assert_eq!(
            cost(&scene, &scene.by_tag(), &[format]).await,
            (requests + 1, requests + 1),
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn looking_everywhere_costs_at_most_two_more_and_no_round_trip() {
    for (stands, requests, depth) in [(&[Format::Legacy][..], 3, 2), (&[Format::Bundle], 4, 3), (BOTH, 5, 3)]
    {
        let scene = Scene::signed(registry(), stands).await;
        assert_eq!(cost(&scene, &scene.by_digest(), BOTH).await, (requests, depth), "{stands:?}");
        assert_eq!(cost(&scene, &scene.by_tag(), BOTH).await, (requests + 1, depth + 1), "{stands:?}");
    }
}

#[tokio::test]
async fn without_the_referrers_api_one_more_is_asked_and_only_once() {
    for (stands, requests, depth) in [(&[Format::Legacy][..], 4, 2), (&[Format::Bundle], 5, 4), (BOTH, 6, 4)]
    {
        let scene = Scene::signed(registry().without_referrers_api(), stands).await;
        assert_eq!(cost(&scene, &scene.by_digest(), BOTH).await, (requests, depth), "{stands:?}");
        // A client that has seen that there is no such endpoint does not ask for it again.
        let client = client();
        let verification = Verification::new(by(&scene.alice), now());
        for more in [0, 1] {
            scene.registry.clear_requests();
            let name = scene.by_digest();
            admitted(&verify_with(&client, &name, &Finding::default(), &verification).await.unwrap());
            assert_eq!(scene.registry.requests().len(), requests - more, "{stands:?}");
        }
    }
}

#[tokio::test]
async fn many_signatures_are_fetched_beside_each_other() {
    let scene = Scene::of(registry());
    for name in 0..10 {
        let signer = crate::scene::signer(&format!("signer {name}"));
        sign(&scene.by_tag(), BOTH, &signer).await.unwrap();
    }
    scene.sign(BOTH).await;
    // The legacy payloads of one image are the same bytes, and one blob.
    let (requests, depth) = cost(&scene, &scene.by_digest(), BOTH).await;
    assert_eq!((requests, depth), (1 + 1 + 1 + 2 * 11, 3));
}

/// Signs by tag in an empty repository and says how many requests that took.
async fn writing(registry: Registry, formats: &[Format]) -> Vec<String> {
    let scene = Scene::of(registry);
    scene.sign(formats).await;
    let lines = scene.registry.lines();
    let tag = format!("/manifests/{}", scene.sig_tag());
    let fallback = format!("/manifests/{}", scene.fallback_tag());
    for line in lines.iter().collect::<BTreeSet<_>>() {
        let times = lines.iter().filter(|other| *other == line).count();
        // What can be lost in a race is read again: right before it is written, and behind that.
        let again = line.starts_with("GET ") && (line.ends_with(&tag) || line.ends_with(&fallback));
        let upload = line.ends_with("/blobs/uploads/");
        assert!(times == 1 || (again && times <= 3) || upload, "{times} times {line}: {lines:#?}");
    }
    admitted(&scene.verify().await);
    lines
}

#[tokio::test]
async fn signing_costs_few_requests() {
    for (formats, most, measured) in
        [(&[Format::Legacy][..], 8, 7), (&[Format::Bundle], 7, 5), (BOTH, 13, 11)]
    {
        let lines = writing(Registry::start(), formats).await;
        assert!(lines.len() <= most, "{formats:?}: {} {lines:#?}", lines.len());
        assert_eq!(lines.len(), measured, "{formats:?}: {lines:#?}");
    }
    // The fallback tag is looked for, read before the write, written, and read back.
    for (formats, measured) in [(&[Format::Legacy][..], 7), (&[Format::Bundle], 9), (BOTH, 15)] {
        let lines = writing(Registry::start().without_referrers_api(), formats).await;
        assert_eq!(lines.len(), measured, "{formats:?}: {lines:#?}");
    }
    // Where a blob takes two requests.
    for (formats, most) in [(&[Format::Legacy][..], 10), (&[Format::Bundle], 8), (BOTH, 15)] {
        let lines = writing(Registry::start().without_single_post(), formats).await;
        assert!(lines.len() <= most, "{formats:?}: {} {lines:#?}", lines.len());
    }
}

#[tokio::test]
async fn signing_again_writes_nothing() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let scene = Scene::signed(registry, BOTH).await;
        let signed = sign(&scene.by_tag(), BOTH, &scene.alice).await.unwrap();
        assert_eq!(signed.len(), 1);
        assert_eq!(signed[0].signatures.len(), 2);
        assert!(signed[0].signatures.iter().all(|written| written.already));
        let lines = scene.registry.lines();
        assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:#?}");
        // The twin: another key's signature does write.
        scene.registry.clear_requests();
        let signed = sign(&scene.by_tag(), BOTH, &scene.mallory).await.unwrap();
        assert!(signed[0].signatures.iter().all(|written| !written.already));
        assert!(scene.registry.count("PUT", "") > 0);
    }
}
