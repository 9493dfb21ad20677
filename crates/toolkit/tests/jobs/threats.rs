//! T-24, T-28 and T-30 to T-32: registries that lie about bytes, that never end, and that downgrade.

use std::time::Duration;

use serde_json::json;
use waxseal::{ErrorKind, Finding, Platforms, Verification};
use waxseal_core::limits::{MANIFEST_BYTES, REFERRERS_BYTES};
use waxseal_core::media_type::{BUNDLE_V03, OCI_INDEX, OCI_MANIFEST, SIMPLE_SIGNING};
use waxseal_core::{Digest, Format, Reason, Verdict};
use waxseal_oci::registry::Retries;
use waxseal_oci::{Client, ClientOptions, ErrorKind as Store};
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::{
    BOTH, Layer, Scene, admitted, by, client, failed, manifest, options, refused, sign, status, undecided,
    verify, verify_with,
};

/// Settings that wait for nothing long.
fn hasty() -> ClientOptions {
    let mut settings = options();
    settings.retries = Retries::new(0, Duration::from_millis(1));
    settings.deadline = Duration::from_millis(300);
    settings.stall = Duration::from_millis(300);
    settings
}

async fn judge_hastily(scene: &Scene) -> Verdict {
    let verification = Verification::new(by(&scene.alice), now());
    let client = Client::new(hasty()).unwrap();
    verify_with(&client, &scene.by_digest(), &Finding::default(), &verification).await.unwrap()
}

/// Another manifest in the place of every one whose path holds `place`; the header says what was asked for.
fn lie(scene: &Scene, place: &str) {
    let other = manifest(&[Layer::legacy(&scene.alice, scene.digest())], None);
    scene.registry.rule(Match::get(place), Behaviour::OtherBody(other));
}

#[tokio::test]
async fn t24_a_tag_whose_bytes_are_not_those_of_the_digest_beside_them_is_not_resolved() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    admitted(&verify(&scene.by_tag(), by(&scene.alice)).await);
    let verification = Verification::new(by(&scene.alice), now());
    let judge = async || verify_with(&client(), &scene.by_tag(), &Finding::default(), &verification).await;
    lie(&scene, "/manifests/1.0");
    failed(judge().await, ErrorKind::Store(Store::DigestMismatch));
    failed(sign(&scene.by_tag(), BOTH, &scene.mallory).await, ErrorKind::Store(Store::DigestMismatch));
    scene.registry.clear_rules();
    scene.registry.rule(Match::get("/manifests/1.0"), Behaviour::WrongDigestHeader);
    failed(judge().await, ErrorKind::Store(Store::DigestMismatch));
    // Without the header the bytes alone decide.
    scene.registry.clear_rules();
    let silent = Behaviour::WithoutHeader("Docker-Content-Digest".to_owned());
    scene.registry.rule(Match::path("/manifests/"), silent);
    admitted(&judge().await.unwrap());
}

#[tokio::test]
async fn t24_a_digest_is_never_answered_with_other_bytes() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let other = ImageBuilder::new().file("hello", "evil").build();
    scene.registry.corrupt(Scene::REPOSITORY, &scene.digest(), other.manifest.1);
    // The digest is the name: what is signed under it is signed, and nothing else is ever read as it.
    admitted(&scene.verify().await);
    failed(sign(&scene.by_digest(), BOTH, &scene.mallory).await, ErrorKind::Store(Store::DigestMismatch));
    let mut verification = Verification::new(by(&scene.alice), now());
    verification.platforms = Platforms::One("linux/amd64".parse().unwrap());
    let judged = verify_with(&client(), &scene.by_digest(), &Finding::default(), &verification).await;
    failed(judged, ErrorKind::Store(Store::DigestMismatch));
    let honest = Scene::signed(Registry::start(), BOTH).await;
    sign(&honest.by_digest(), BOTH, &honest.mallory).await.unwrap();
}

#[tokio::test]
async fn t24_a_child_of_an_index_is_never_other_bytes() {
    let registry = Registry::start();
    let alice = crate::scene::signer("alice");
    let inner = IndexBuilder::of_platforms(&["linux/amd64"]).build();
    let index = IndexBuilder::new().image(inner.clone()).build();
    index.push_to(&registry, Scene::REPOSITORY, "1.0");
    let name = registry.image(Scene::REPOSITORY, "1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    let mut verification = Verification::new(by(&alice), now());
    verification.platforms = Platforms::All;
    let judge = async || verify_with(&client(), &name, &Finding::default(), &verification).await;
    admitted(&judge().await.unwrap());
    let evil = IndexBuilder::of_platforms(&["linux/arm64"]).build();
    registry.corrupt(Scene::REPOSITORY, &inner.digest(), evil.manifest.1);
    failed(judge().await, ErrorKind::Store(Store::DigestMismatch));
}

#[tokio::test]
async fn t24_evidence_that_is_other_bytes_is_unreadable_in_every_place() {
    // The referrer's manifest.
    let scene = Scene::signed(Registry::start(), &[Format::Bundle]).await;
    admitted(&scene.verify().await);
    lie(&scene, "/manifests/sha256:");
    undecided(&scene.verify().await, Store::DigestMismatch);
    // The blob: of another length, and of the same.
    for format in [Format::Legacy, Format::Bundle] {
        for same_length in [false, true] {
            let scene = Scene::signed(Registry::start(), &[format]).await;
            admitted(&scene.verify().await);
            for digest in scene.registry.blobs(Scene::REPOSITORY) {
                let length = scene.registry.blob(Scene::REPOSITORY, &digest).unwrap().len();
                let length = if same_length { length } else { length + 1 };
                scene.registry.corrupt(Scene::REPOSITORY, &digest, vec![b' '; length]);
            }
            let kind = if same_length { Store::DigestMismatch } else { Store::SizeMismatch };
            undecided(&scene.verify().await, kind);
        }
    }
    // The fallback tag, and the tag of signatures.
    for (format, registry) in [
        (Format::Bundle, Registry::start().without_referrers_api()),
        (Format::Legacy, Registry::start().without_referrers_api()),
    ] {
        let scene = Scene::signed(registry, &[format]).await;
        admitted(&scene.verify().await);
        let tag = if format == Format::Legacy { scene.sig_tag() } else { scene.fallback_tag() };
        scene.registry.rule(Match::get(tag), Behaviour::WrongDigestHeader);
        undecided(&scene.verify().await, Store::DigestMismatch);
    }
}

#[tokio::test]
async fn t28_a_listing_that_fails_is_no_downgrade_to_unsigned() {
    for answer in [status(500), status(503), Behaviour::ResetConnection, Behaviour::TruncateAt(5)] {
        // Signed by a bundle that nobody can list any more; an old signature of another key stands in `.sig`.
        let scene = Scene::signed(Registry::start(), &[Format::Bundle]).await;
        scene.put_signatures(&[Layer::legacy(&scene.mallory, scene.digest())]);
        admitted(&scene.verify().await);
        scene.registry.rule(Match::get("/referrers/"), answer);
        assert_eq!(scene.verify().await.outcome(), waxseal_core::verify::Outcome::Undecided);
        // A valid `.sig` suffices (V1).
        scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
        admitted(&scene.verify().await);
        // Signing adds nothing to what it cannot see.
        scene.registry.clear_requests();
        let result = sign(&scene.by_digest(), BOTH, &scene.mallory).await;
        assert!(matches!(result.unwrap_err().kind(), ErrorKind::Store(_)));
        assert_eq!(scene.registry.count("PUT", "") + scene.registry.count("POST", ""), 0);
    }
}

/// An index or a manifest of so many small descriptors.
fn many(member: &str, count: usize) -> String {
    let digest = Digest::of("{}");
    let entry = format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":2}}"#);
    let entries = vec![entry.as_str(); count].join(",");
    let config = if member == "layers" { format!(r#","config":{entry}"#) } else { String::new() };
    format!(r#"{{"schemaVersion":2,"{member}":[{entries}]{config}}}"#)
}

#[tokio::test]
async fn t30_a_hundred_thousand_referrers_are_refused_at_the_listing() {
    let scene = Scene::new();
    // Those of 60,000 fit into the bytes that a listing may have.
    for entries in [100_000, 60_000] {
        scene.registry.clear_rules();
        scene.registry.clear_requests();
        let listing = Behaviour::OtherBody(many("manifests", entries).into());
        scene.registry.rule(Match::get("/referrers/"), listing);
        undecided(&scene.verify().await, Store::LimitExceeded);
        // One listing and the tag of signatures: none of them was fetched.
        assert_eq!(scene.registry.requests().len(), 2);
    }
    scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
    admitted(&scene.verify().await);
    scene.registry.clear_rules();
    scene.registry.clear_requests();
    scene.registry.rule(Match::get("/referrers/"), Behaviour::ReferrersMany(1_025));
    scene.registry.remove_tag(Scene::REPOSITORY, &scene.sig_tag());
    undecided(&scene.verify().await, Store::LimitExceeded);
    assert_eq!(scene.registry.requests().len(), 2);
}

#[tokio::test]
async fn t30_a_listing_without_end_or_in_a_circle_ends() {
    let scene = Scene::new();
    scene.registry.rule(Match::get("/referrers/"), Behaviour::ReferrersLoop);
    undecided(&scene.verify().await, Store::Protocol);
    assert_eq!(scene.registry.count("GET", "/referrers/"), 1);
    scene.registry.clear_rules();
    scene.registry.clear_requests();
    scene.registry.rule(Match::get("/referrers/"), Behaviour::ReferrersWithoutEnd);
    undecided(&scene.verify().await, Store::LimitExceeded);
    assert!(scene.registry.count("GET", "/referrers/") <= 1_025);
    assert_eq!(scene.registry.count("GET", "/manifests/sha256:"), 0);
    scene.registry.clear_rules();
    refused(&scene.verify().await, Reason::NoSignature);
}

#[tokio::test]
async fn t30_a_hundred_thousand_layers_are_refused_at_the_manifest() {
    let scene = Scene::new();
    // Those of 30,000 fit into the bytes that a manifest may have.
    for layers in [100_000, 30_000] {
        scene.registry.clear_requests();
        let body = many("layers", layers);
        scene.registry.put_manifest(Scene::REPOSITORY, &scene.sig_tag(), OCI_MANIFEST, body);
        undecided(&scene.verify().await, Store::LimitExceeded);
        assert_eq!(scene.registry.requests().len(), 2);
    }
    // A fallback index likewise.
    let scene = Scene::of(Registry::start().without_referrers_api());
    for entries in [100_000, 1_025] {
        let body = many("manifests", entries);
        scene.registry.put_manifest(Scene::REPOSITORY, &scene.fallback_tag(), OCI_INDEX, body);
        undecided(&scene.verify().await, Store::LimitExceeded);
    }
    scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn t31_bodies_without_end_are_cut_off_by_an_error() {
    for place in ["/referrers/", ".sig"] {
        let scene = Scene::new();
        scene.put_signatures(&[Layer::legacy(&scene.mallory, scene.digest())]);
        refused(&scene.verify().await, Reason::SignatureMismatch);
        scene.registry.rule(Match::get(place), Behaviour::Endless);
        undecided(&scene.verify().await, Store::LimitExceeded);
    }
    let scene = Scene::new();
    scene.registry.rule(Match::get("/manifests/1.0"), Behaviour::Endless);
    let verification = Verification::new(by(&scene.alice), now());
    let judged = verify_with(&client(), &scene.by_tag(), &Finding::default(), &verification).await;
    failed(judged, ErrorKind::Store(Store::LimitExceeded));
    // A blob has the length of its descriptor.
    for format in [Format::Legacy, Format::Bundle] {
        let scene = Scene::signed(Registry::start(), &[format]).await;
        admitted(&scene.verify().await);
        scene.registry.rule(Match::get("/blobs/"), Behaviour::Endless);
        undecided(&scene.verify().await, Store::SizeMismatch);
    }
}

#[tokio::test]
async fn t31_a_length_that_is_a_lie_is_found_out() {
    for (place, limit) in [("/referrers/", REFERRERS_BYTES), (".sig", MANIFEST_BYTES)] {
        let scene = Scene::signed(Registry::start(), &[Format::Legacy]).await;
        let scene = Scene { mallory: crate::scene::signer("carol"), ..scene };
        let judge = async || verify(&scene.by_digest(), by(&scene.mallory)).await;
        refused(&judge().await, Reason::SignatureMismatch);
        scene.registry.rule(Match::get(place), Behaviour::ContentLengthLie(limit + 1));
        undecided(&judge().await, Store::LimitExceeded);
        scene.registry.clear_rules();
        scene.registry.rule(Match::get(place), Behaviour::ContentLengthLie(100_000));
        undecided(&judge().await, Store::Transport);
    }
}

#[tokio::test]
async fn t31_a_body_that_trickles_or_an_answer_that_never_comes_ends_at_the_deadline() {
    for place in ["/referrers/", ".sig"] {
        for lie in [Behaviour::Slow(Duration::from_millis(50)), Behaviour::Delay(Duration::from_secs(30))] {
            let scene = Scene::signed(Registry::start(), BOTH).await;
            let scene = Scene { alice: crate::scene::signer("carol"), ..scene };
            scene.registry.rule(Match::get(place), lie);
            undecided(&judge_hastily(&scene).await, Store::Timeout);
        }
    }
    let scene = Scene::signed(Registry::start(), BOTH).await;
    admitted(&judge_hastily(&scene).await);
}

#[tokio::test]
async fn t31_the_time_for_one_image_holds_for_all_of_it_together() {
    // Each blob moves all the time, and would take minutes.
    let scene = Scene::signed(Registry::start(), BOTH).await;
    scene.registry.rule(Match::get("/blobs/"), Behaviour::Slow(Duration::from_millis(100)));
    let mut verification = Verification::new(by(&scene.alice), now());
    verification.looking.deadline = Duration::from_millis(300);
    let judge = async |verification: &Verification| {
        verify_with(&client(), &scene.by_digest(), &Finding::default(), verification).await.unwrap()
    };
    undecided(&judge(&verification).await, Store::Timeout);
    scene.registry.clear_rules();
    verification.looking.deadline = Duration::from_secs(30);
    admitted(&judge(&verification).await);
}

#[tokio::test]
async fn t31_a_manifest_of_a_hundred_mebibytes_is_not_read() {
    let scene = Scene::new();
    scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
    admitted(&scene.verify().await);
    let huge = Behaviour::OtherBody(vec![b' '; 100 << 20].into());
    scene.registry.rule(Match::get(scene.sig_tag()), huge);
    undecided(&scene.verify().await, Store::LimitExceeded);
}

#[tokio::test]
async fn t32_a_blob_is_what_its_descriptor_says_or_nothing() {
    // Declared small, sent large.
    let scene = Scene::new();
    let good = Layer::bundle(&scene.alice, scene.digest());
    let subject = scene.image.descriptor();
    scene.put_referrer(std::slice::from_ref(&good), &subject);
    admitted(&scene.verify().await);
    let huge = Behaviour::OtherBody(vec![b' '; 40 << 20].into());
    scene.registry.rule(Match::get("/blobs/"), huge);
    undecided(&scene.verify().await, Store::SizeMismatch);
    // Declared with 10 GiB: it is not asked for.
    for layer in [good.sized(10 << 30), Layer::legacy(&scene.alice, scene.digest()).sized(10 << 30)] {
        let scene = Scene::new();
        scene.put_referrer(std::slice::from_ref(&layer), &subject);
        scene.put_signatures(&[layer]);
        refused(&scene.verify().await, Reason::LimitExceeded);
        assert_eq!(scene.registry.count("GET", "/blobs/"), 0);
    }
}

#[tokio::test]
async fn t32_compressed_bytes_are_not_unpacked() {
    // A small gzip member of a bundle media type is what it is: no bundle.
    let gzip: &[u8] =
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    for media_type in [BUNDLE_V03.to_owned(), format!("{BUNDLE_V03}+gzip")] {
        let scene = Scene::new();
        scene.put_referrer(&[Layer::new(&media_type, gzip)], &scene.image.descriptor());
        refused(&scene.verify().await, Reason::MalformedBundle);
    }
    let scene = Scene::new();
    scene.put_signatures(&[Layer::new(&format!("{SIMPLE_SIGNING}+gzip"), gzip)]);
    refused(&scene.verify().await, Reason::NotASignature);
    // `Content-Encoding` unpacks nothing either.
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let encoded = Behaviour::Header("Content-Encoding".to_owned(), "gzip".to_owned());
    scene.registry.rule(Match::get(""), encoded);
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn t05_nothing_at_all_is_never_enough() {
    let empty = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string();
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let scene = Scene::of(registry);
        refused(&scene.verify().await, Reason::NoSignature);
        scene.registry.put_manifest(Scene::REPOSITORY, &scene.fallback_tag(), OCI_INDEX, empty.clone());
        refused(&scene.verify().await, Reason::NoSignature);
        scene.put_signatures(&[]);
        refused(&scene.verify().await, Reason::NoSignature);
        // An image that is not there is signed by nobody.
        let absent = scene.registry.image(Scene::REPOSITORY, &Digest::of("absent").to_string());
        refused(&verify(&absent, by(&scene.alice)).await, Reason::NoSignature);
        let absent = scene.registry.image("team/absent", &Digest::of("absent").to_string());
        refused(&verify(&absent, by(&scene.alice)).await, Reason::NoSignature);
        let verification = Verification::new(by(&scene.alice), now());
        for name in ["absent", "1.1"] {
            let name = scene.registry.image(Scene::REPOSITORY, name);
            let judged = verify_with(&client(), &name, &Finding::default(), &verification).await;
            failed(judged, ErrorKind::Store(Store::NotFound));
        }
    }
}

#[tokio::test]
async fn t01_a_signature_of_another_image_names_both() {
    for format in [Format::Legacy, Format::Bundle] {
        let scene = Scene::new();
        let other = Digest::of("another image");
        match format {
            Format::Bundle => {
                let layer = Layer::bundle(&scene.alice, other);
                scene.put_referrer(&[layer], &scene.image.descriptor());
            }
            _ => {
                scene.put_signatures(&[Layer::legacy(&scene.alice, other)]);
            }
        }
        let verdict = scene.verify().await;
        refused(&verdict, Reason::SubjectMismatch);
        let miss = verdict.nearest_miss().unwrap();
        assert_eq!(miss.expected.as_deref(), Some(scene.digest().to_string().as_str()));
        assert_eq!(miss.found.as_deref(), Some(other.to_string().as_str()));
    }
}
