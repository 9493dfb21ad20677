//! Rules L3, L5 and L6: what is found. Junk, too much, and hints that lie.

use serde_json::{Value, json};
use waxseal::{ErrorKind, Finding, Image, Verification};
use waxseal_core::candidate::{CERTIFICATE_ANNOTATION, SIGNATURE_ANNOTATION};
use waxseal_core::limits::{CANDIDATES_PER_STORE, SIGNATURE_LAYERS};
use waxseal_core::media_type::{
    BUNDLE_V01, BUNDLE_V03, COSIGN_SIGNATURE_ARTIFACT, DOCKER_LIST, OCI_CONFIG, OCI_EMPTY, OCI_INDEX,
    OCI_MANIFEST, SIMPLE_SIGNING,
};
use waxseal_core::{Descriptor, Digest, Format, Reason};
use waxseal_oci::ErrorKind as Store;
use waxseal_testkit::rng::now;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::scene::{Layer, Scene, admitted, by, by_all, client, failed, refused, undecided, verify_with};

const REFERRERS: &str = "/referrers/";

/// A junk layer of a `.sig` manifest, and why it does not count.
fn junk_layers(scene: &Scene) -> Vec<(Layer, Reason)> {
    let good = || Layer::legacy(&scene.alice, scene.digest());
    let annotated = |annotations: Value| {
        let mut layer = good();
        layer.descriptor["annotations"] = annotations;
        layer
    };
    let mut certificate = good();
    certificate.descriptor["annotations"][CERTIFICATE_ANNOTATION] = "-----BEGIN CERTIFICATE-----".into();
    let mut junk = good();
    junk.descriptor = json!(Descriptor::of(SIMPLE_SIGNING, "junk"));
    junk.descriptor["annotations"] = good().descriptor["annotations"].clone();
    junk.bytes = Some("junk".into());
    vec![
        (annotated(json!({})), Reason::MissingSignature),
        (annotated(json!({ SIGNATURE_ANNOTATION: "" })), Reason::MissingSignature),
        (annotated(json!({ SIGNATURE_ANNOTATION: "%%%" })), Reason::MalformedSignature),
        (annotated(json!({ SIGNATURE_ANNOTATION: "AAAA" })), Reason::SignatureMismatch),
        (certificate, Reason::CertificateSignatureUnsupported),
        (junk, Reason::SignatureMismatch),
        (Layer::legacy(&scene.mallory, scene.digest()), Reason::SignatureMismatch),
        (Layer::legacy(&scene.alice, Digest::of("another image")), Reason::SubjectMismatch),
        (Layer::new("application/vnd.oci.image.layer.v1.tar", "layer"), Reason::NotASignature),
        (Layer::new(SIMPLE_SIGNING, vec![b' '; 65_537]), Reason::LimitExceeded),
        (Layer::new(BUNDLE_V03, "{}"), Reason::MalformedBundle),
    ]
}

#[tokio::test]
async fn l3_junk_among_the_signatures_refuses_by_name_and_hides_nothing() {
    let scene = Scene::new();
    for (junk, reason) in junk_layers(&scene) {
        scene.put_signatures(std::slice::from_ref(&junk));
        refused(&scene.verify().await, reason);
        let good = Layer::legacy(&scene.alice, scene.digest());
        scene.put_signatures(&[junk.clone(), good.clone()]);
        admitted(&scene.verify().await);
        scene.put_signatures(&[good, junk]);
        admitted(&scene.verify().await);
    }
}

#[tokio::test]
async fn l3_a_layer_that_lies_about_its_size_hides_no_other_of_the_same_bytes() {
    let scene = Scene::new();
    let good = Layer::legacy(&scene.alice, scene.digest());
    for size in [1, 60_000] {
        scene.put_signatures(&[good.clone().sized(size)]);
        undecided(&scene.verify().await, Store::SizeMismatch);
        scene.put_signatures(&[good.clone().sized(size), good.clone()]);
        admitted(&scene.verify().await);
        scene.put_signatures(&[good.clone(), good.clone().sized(size)]);
        admitted(&scene.verify().await);
    }
}

#[tokio::test]
async fn l3_a_junk_manifest_at_the_tag_refuses_by_name_and_hides_no_bundle() {
    for (media_type, body) in [
        (OCI_MANIFEST, "{}".to_owned()),
        (OCI_MANIFEST, "junk".to_owned()),
        (OCI_MANIFEST, r#"{"schemaVersion":1,"layers":[],"config":{}}"#.to_owned()),
        (OCI_MANIFEST, r#"{"schemaVersion":2,"schemaVersion":2,"layers":[],"config":{}}"#.to_owned()),
        (OCI_INDEX, json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string()),
        (DOCKER_LIST, json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string()),
        // T-26: two meanings in one body.
        (
            OCI_MANIFEST,
            json!({ "schemaVersion": 2, "manifests": [], "layers": [], "config": Descriptor::of(OCI_EMPTY, "{}") })
                .to_string(),
        ),
    ] {
        let scene = Scene::new();
        scene.registry.put_manifest(Scene::REPOSITORY, &scene.sig_tag(), media_type, body);
        refused(&scene.verify().await, Reason::MalformedManifest);
        scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
        admitted(&scene.verify().await);
    }
}

/// A junk bundle, and why it does not count.
fn junk_bundles(scene: &Scene) -> Vec<(Layer, Reason)> {
    let good = Layer::bundle(&scene.alice, scene.digest());
    let good: Value = serde_json::from_slice(&good.bytes.unwrap()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        Layer::new(BUNDLE_V03, bundle.to_string())
    };
    vec![
        (Layer::new(BUNDLE_V03, "junk"), Reason::MalformedBundle),
        (Layer::new(BUNDLE_V03, "[]"), Reason::MalformedBundle),
        (Layer::new(BUNDLE_V03, &b"\x1f\x8b\x08\x00bomb"[..]), Reason::MalformedBundle),
        (Layer::new(BUNDLE_V03, &b"\x28\xb5\x2f\xfdbomb"[..]), Reason::MalformedBundle),
        (
            changed(&|bundle| bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json".into()),
            Reason::UnknownVersion,
        ),
        (changed(&|bundle| bundle["dsseEnvelope"]["signatures"] = json!([])), Reason::MissingSignature),
        (changed(&|bundle| bundle["dsseEnvelope"]["payload"] = "e30=".into()), Reason::SignatureMismatch),
        (Layer::bundle(&scene.mallory, scene.digest()), Reason::UntrustedKey),
        (Layer::bundle(&scene.alice, Digest::of("another image")), Reason::SubjectMismatch),
        (Layer::new("application/spdx+json", "{}"), Reason::NotASignature),
    ]
}

#[tokio::test]
async fn l3_a_junk_bundle_refuses_by_name_and_hides_nothing() {
    for (junk, reason) in junk_bundles(&Scene::new()) {
        for registry in [Registry::start(), Registry::start().without_referrers_api()] {
            let scene = Scene::of(registry);
            let subject = scene.image.descriptor();
            let junk = scene.put_referrer(std::slice::from_ref(&junk), &subject);
            scene.put_fallback_index(&[json!(junk)]);
            refused(&scene.verify().await, reason);
            let good = scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &subject);
            scene.put_fallback_index(&[json!(junk), json!(good)]);
            admitted(&scene.verify().await);
        }
    }
}

#[tokio::test]
async fn l3_a_listed_object_that_is_no_referrer_refuses_by_name() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let scene = Scene::of(registry);
        let list = |entries: &[Value]| {
            scene.registry.clear_rules();
            // Without the API the lie has nothing to lie about.
            scene.list(entries);
            scene.put_fallback_index(entries);
        };
        let good =
            scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
        // T-27: its own subject is another image, or none.
        let other = ImageBuilder::new().file("hello", "other").build();
        let moved = scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &other.descriptor());
        let image = json!(scene.image.descriptor());
        let mut junk = Vec::new();
        for body in ["{}", "junk", r#"{"schemaVersion":2,"manifests":[]}"#] {
            let digest = Digest::of(body);
            scene.registry.put_manifest(Scene::REPOSITORY, &digest.to_string(), OCI_MANIFEST, body);
            junk.push(json!(Descriptor::of(OCI_MANIFEST, body)));
        }
        let mut cases = vec![(json!(moved), Reason::ReferrerMismatch), (image, Reason::ReferrerMismatch)];
        cases.extend(junk.into_iter().map(|entry| (entry, Reason::MalformedManifest)));
        for (entry, reason) in cases {
            list(std::slice::from_ref(&entry));
            refused(&scene.verify().await, reason);
            list(&[entry, json!(good)]);
            admitted(&scene.verify().await);
        }
    }
}

#[tokio::test]
async fn l5_one_layer_too_many_is_unreadable_and_says_so() {
    let scene = Scene::new();
    let mut layers = vec![Layer::legacy(&scene.mallory, scene.digest()); SIGNATURE_LAYERS - 1];
    layers.push(Layer::legacy(&scene.alice, scene.digest()));
    scene.put_signatures(&layers);
    admitted(&scene.verify().await);
    layers.push(Layer::legacy(&scene.alice, scene.digest()));
    scene.put_signatures(&layers);
    undecided(&scene.verify().await, Store::LimitExceeded);
    // What is unreadable does not undo what is met elsewhere.
    scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn l5_one_referrer_too_many_is_unreadable_and_says_so() {
    let scene = Scene::new();
    let good = scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
    let entry = |number: usize| {
        let mut entry = json!(Descriptor::of(OCI_MANIFEST, format!("sbom {number}")));
        entry["artifactType"] = "application/spdx+json".into();
        entry
    };
    let mut entries: Vec<_> = (1..CANDIDATES_PER_STORE).map(entry).collect();
    entries.push(json!(good));
    scene.list(&entries);
    admitted(&scene.verify().await);
    // What names something else is not fetched: tag of signatures, listing, manifest, bundle.
    assert_eq!(scene.registry.requests().len(), 4);
    entries.push(entry(0));
    scene.registry.clear_rules();
    scene.list(&entries);
    undecided(&scene.verify().await, Store::LimitExceeded);
    scene.put_signatures(&[Layer::legacy(&scene.alice, scene.digest())]);
    admitted(&scene.verify().await);
}

/// An image signed by nobody, with one referrer for each list of layers, listed in this order.
fn referred(referrers: &[Vec<Layer>]) -> Scene {
    let scene = Scene::new();
    let entries: Vec<_> =
        referrers.iter().map(|layers| json!(scene.put_referrer(layers, &scene.image.descriptor()))).collect();
    scene.list(&entries);
    scene
}

#[tokio::test]
async fn l5_candidates_are_counted_and_not_the_manifests_that_hold_them() {
    let alice = crate::scene::signer("alice");
    let junk = |count| vec![Layer::new("application/x-junk", ""); count];
    let half = CANDIDATES_PER_STORE / 2;
    // The image of every scene is the same.
    let good = Layer::bundle(&alice, Scene::new().digest());
    for (second, admits) in [(half, true), (half + 1, false)] {
        let scene = referred(&[junk(half), [junk(second - 1), vec![good.clone()]].concat()]);
        let verdict = scene.verify().await;
        if admits {
            admitted(&verdict);
        } else {
            undecided(&verdict, Store::LimitExceeded);
        }
        assert!(verdict.report().findings.len() <= CANDIDATES_PER_STORE, "{}", verdict.to_json());
    }
    // What comes behind the limit is not even asked for, and what came before it counts.
    let scene = referred(&[vec![good], junk(half), junk(half), junk(1)]);
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn l5_a_bundle_is_one_candidate_however_often_it_is_listed() {
    let scene = Scene::new();
    let one = Layer::bundle(&scene.mallory, scene.digest());
    let other = Layer::bundle(&scene.alice, scene.digest());
    let mut layers = vec![one; SIGNATURE_LAYERS - 1];
    scene.put_referrer(&layers, &scene.image.descriptor());
    let verdict = scene.verify().await;
    refused(&verdict, Reason::UntrustedKey);
    assert_eq!(verdict.report().findings.len(), 1, "{}", verdict.to_json());
    layers.push(other);
    scene.put_referrer(&layers, &scene.image.descriptor());
    admitted(&scene.verify().await);
}

/// Downloading reads by the same search: what a verification would call unreadable is an error.
#[tokio::test]
async fn l5_a_download_has_the_limits_of_a_verification() {
    let alice = crate::scene::signer("alice");
    let bundle = Layer::bundle(&alice, Scene::new().digest());
    let junk = |count| vec![Layer::new("application/x-junk", ""); count];
    let download = async |scene: &Scene| {
        let image = Image::find(&client(), &scene.by_digest().parse().unwrap(), &Finding::default()).await;
        waxseal::download::signatures(&image.unwrap(), crate::scene::BOTH).await
    };
    let scene = referred(&[vec![bundle.clone(); SIGNATURE_LAYERS]]);
    assert_eq!(download(&scene).await.unwrap().len(), 1);
    let scene = referred(&[vec![bundle.clone()], junk(CANDIDATES_PER_STORE - 1)]);
    assert_eq!(download(&scene).await.unwrap().len(), 1);
    let scene = referred(&[vec![bundle], junk(CANDIDATES_PER_STORE)]);
    failed(download(&scene).await, ErrorKind::Store(Store::LimitExceeded));
}

#[tokio::test]
async fn l5_a_payload_counts_for_each_signature_over_it() {
    let scene = Scene::new();
    // The payload is the same whoever signs it.
    let mut layers = vec![Layer::padded(&scene.mallory, scene.digest(), 50_000); 20];
    layers.push(Layer::padded(&scene.alice, scene.digest(), 50_000));
    scene.put_signatures(&layers);
    for (limit, admits) in [(2_000_000, true), (900_000, false)] {
        let mut verification = Verification::new(by(&scene.alice), now());
        verification.looking.evidence_bytes = limit;
        let verdict =
            verify_with(&client(), &scene.by_digest(), &Finding::default(), &verification).await.unwrap();
        if admits { admitted(&verdict) } else { undecided(&verdict, Store::LimitExceeded) }
    }
}

#[tokio::test]
async fn l5_a_payload_or_a_bundle_over_its_limit_does_not_count() {
    for (pad, admits) in [(60_000, true), (70_000, false)] {
        let scene = Scene::new();
        scene.put_signatures(&[Layer::padded(&scene.alice, scene.digest(), pad)]);
        let verdict = scene.verify().await;
        if admits { admitted(&verdict) } else { refused(&verdict, Reason::LimitExceeded) }
    }
    let scene = Scene::new();
    let layer = Layer::bundle(&scene.alice, scene.digest());
    let size = layer.bytes.as_ref().unwrap().len() as u64;
    scene.put_referrer(&[layer], &scene.image.descriptor());
    for (limit, admits) in [(size, true), (size - 1, false)] {
        let mut verification = Verification::new(by(&scene.alice), now());
        verification.looking.bundle_bytes = limit;
        let verdict =
            verify_with(&client(), &scene.by_digest(), &Finding::default(), &verification).await.unwrap();
        if admits { admitted(&verdict) } else { refused(&verdict, Reason::LimitExceeded) }
    }
}

#[tokio::test]
async fn l5_all_evidence_of_an_image_together_has_a_limit() {
    let scene = Scene::new();
    let two = [Layer::bundle(&scene.alice, scene.digest()), Layer::bundle(&scene.mallory, scene.digest())];
    let bytes: usize = two.iter().map(|layer| layer.bytes.as_ref().unwrap().len()).sum();
    let bytes = u64::try_from(bytes).unwrap();
    for layer in two {
        scene.put_referrer(&[layer], &scene.image.descriptor());
    }
    // Both are wanted, so that it does not matter which of them comes too late.
    for (limit, admits) in [(bytes + 20_000, true), (bytes - 1, false)] {
        let mut verification = Verification::new(by_all(&[&scene.alice, &scene.mallory]), now());
        verification.looking.evidence_bytes = limit;
        let verdict =
            verify_with(&client(), &scene.by_digest(), &Finding::default(), &verification).await.unwrap();
        if admits { admitted(&verdict) } else { undecided(&verdict, Store::LimitExceeded) }
    }
    // Manifests are evidence too, whatever size a listing gives them.
    let scene = Scene::new();
    let pad = Layer::new("application/x-pad", "");
    let padded = vec![pad; 50];
    for name in ["b", "c", "d"] {
        let mut layers = padded.clone();
        layers.push(Layer::bundle(&crate::scene::signer(name), scene.digest()));
        scene.put_referrer(&layers, &scene.image.descriptor());
    }
    let [b, c, d] = ["b", "c", "d"].map(crate::scene::signer);
    for (limit, admits) in [(100_000, true), (12_000, false)] {
        let mut verification = Verification::new(by_all(&[&b, &c, &d]), now());
        verification.looking.evidence_bytes = limit;
        let verdict =
            verify_with(&client(), &scene.by_digest(), &Finding::default(), &verification).await.unwrap();
        if admits { admitted(&verdict) } else { undecided(&verdict, Store::LimitExceeded) }
    }
}

#[tokio::test]
async fn l6_a_type_in_a_listing_hides_nothing_unless_it_names_something_else() {
    let scene = Scene::signed(Registry::start(), &[Format::Bundle]).await;
    for named in [BUNDLE_V03, BUNDLE_V01, OCI_EMPTY, OCI_CONFIG, COSIGN_SIGNATURE_ARTIFACT, ""] {
        scene.registry.clear_rules();
        scene.registry.rule(Match::get(REFERRERS), Behaviour::ReferrersWrongType(named.to_owned()));
        admitted(&scene.verify().await);
    }
    for named in ["application/spdx+json", "application/vnd.cyclonedx+json", "text/plain"] {
        scene.registry.clear_rules();
        scene.registry.rule(Match::get(REFERRERS), Behaviour::ReferrersWrongType(named.to_owned()));
        refused(&scene.verify().await, Reason::NoSignature);
    }
    // The other way round: what is listed as a bundle is none.
    let scene = Scene::new();
    let sbom = ImageBuilder::new()
        .artifact("application/spdx+json")
        .layer_of("application/spdx+json", "{}")
        .subject(scene.image.descriptor())
        .build();
    sbom.push_untagged(&scene.registry, Scene::REPOSITORY);
    refused(&scene.verify().await, Reason::NoSignature);
    scene.registry.rule(Match::get(REFERRERS), Behaviour::ReferrersWrongType(BUNDLE_V03.to_owned()));
    refused(&scene.verify().await, Reason::NotASignature);
}

#[tokio::test]
async fn l6_annotations_of_a_listing_change_nothing() {
    let scene = Scene::new();
    let good = scene.put_referrer(&[Layer::bundle(&scene.alice, scene.digest())], &scene.image.descriptor());
    let mut entry = json!(good);
    entry["annotations"] = json!({
        "dev.sigstore.bundle.content": "message-signature",
        "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
    });
    scene.list(&[entry]);
    admitted(&scene.verify().await);
    // Nor do they make a signature of an attestation's kind of another image.
    let moved = scene
        .put_referrer(&[Layer::bundle(&scene.alice, Digest::of("another image"))], &scene.image.descriptor());
    let mut entry = json!(moved);
    entry["annotations"] =
        json!({ "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1" });
    scene.registry.clear_rules();
    scene.list(&[entry]);
    refused(&scene.verify().await, Reason::SubjectMismatch);
}
