//! Rules G1, G3, G4 and G7: what signing writes, when others write too, and when it must not write.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use waxseal::{ErrorKind, Finding};
use waxseal_core::digest::Algorithm;
use waxseal_core::media_type::{BUNDLE_V03, OCI_INDEX, OCI_MANIFEST};
use waxseal_core::verify::Outcome;
use waxseal_core::{Descriptor, Digest, Format, Reason};
use waxseal_oci::ErrorKind as Store;
use waxseal_testkit::{Behaviour, ImageBuilder, IndexBuilder, Match, Registry};

use crate::scene::{
    BOTH, Layer, Scene, admitted, by, by_all, client, failed, manifest, refused, sign, sign_with, signing,
    status, verify,
};

/// Another signer's write of a `.sig` manifest with mallory's signature alone.
fn other_signature(scene: &Scene) -> Behaviour {
    let layer = Layer::legacy(&scene.mallory, scene.digest());
    scene.registry.put_blob(Scene::REPOSITORY, layer.bytes.clone().unwrap());
    Behaviour::LoseUpdate { media_type: OCI_MANIFEST.to_owned(), bytes: manifest(&[layer], None) }
}

async fn both_stand(scene: &Scene) {
    admitted(&verify(&scene.by_digest(), by_all(&[&scene.alice, &scene.mallory])).await);
}

#[tokio::test]
async fn g1_a_signature_that_came_between_look_and_write_is_kept() {
    let scene = Scene::new();
    scene.registry.rule(Match::get(scene.sig_tag()), other_signature(&scene));
    scene.sign(&[Format::Legacy]).await;
    both_stand(&scene).await;
}

#[tokio::test]
async fn g1_a_signature_that_was_written_over_is_added_again() {
    let scene = Scene::new();
    scene.registry.rule(Match::put(scene.sig_tag()), other_signature(&scene));
    scene.sign(&[Format::Legacy]).await;
    both_stand(&scene).await;
}

#[tokio::test]
async fn g1_an_entry_of_the_fallback_index_that_was_written_over_is_added_again() {
    let scene = Scene::of(Registry::start().without_referrers_api());
    let other =
        scene.put_referrer(&[Layer::bundle(&scene.mallory, scene.digest())], &scene.image.descriptor());
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [other] });
    let lie = Behaviour::LoseUpdate { media_type: OCI_INDEX.to_owned(), bytes: index.to_string().into() };
    scene.registry.rule(Match::put(scene.fallback_tag()), lie);
    scene.sign(&[Format::Bundle]).await;
    both_stand(&scene).await;
}

#[tokio::test]
async fn g1_somebody_who_always_writes_last_is_an_error_and_no_silent_loss() {
    let scene = Scene::new();
    // Each of the rules lies once, behind a write of its own.
    for skip in 0..8 {
        scene.registry.rule(Match::put(scene.sig_tag()).after(skip), other_signature(&scene));
    }
    let result = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await;
    failed(result, ErrorKind::Store(Store::LostUpdate));
    refused(&scene.verify().await, Reason::SignatureMismatch);
}

#[tokio::test]
async fn g1_two_signers_at_once_lose_nothing() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        // Long enough that both are at the same step, however busy the machine is.
        let scene = Scene::of(registry.with_delay(Duration::from_millis(80)));
        let name = scene.by_tag();
        let (first, second) =
            tokio::join!(sign(&name, BOTH, &scene.alice), sign(&name, BOTH, &scene.mallory));
        first.unwrap();
        second.unwrap();
        for format in BOTH {
            for signer in [&scene.alice, &scene.mallory] {
                let verdict = verify(&scene.by_digest(), by(signer)).await;
                admitted(&verdict);
                assert!(verdict.signatures().iter().any(|signature| signature.format == *format));
            }
        }
    }
}

#[tokio::test]
async fn g1_the_same_signature_that_came_meanwhile_is_not_added_again() {
    let scene = Scene::new();
    let layer = Layer::legacy(&scene.alice, scene.digest());
    scene.registry.put_blob(Scene::REPOSITORY, layer.bytes.clone().unwrap());
    let bytes = manifest(&[layer], None);
    let lie = Behaviour::LoseUpdate { media_type: OCI_MANIFEST.to_owned(), bytes: bytes.clone() };
    scene.registry.rule(Match::get(scene.sig_tag()), lie);
    let mut job = signing(&[Format::Legacy]);
    job.identity = Some("registry.example.com/team/app".to_owned());
    sign_with(&client(), &scene.by_tag(), &Finding::default(), &job, &[&scene.alice]).await.unwrap();
    assert_eq!(scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap().bytes, bytes);
}

#[tokio::test]
async fn g1_a_registry_that_can_is_asked_to_refuse_a_write_over_a_change() {
    for etags in [true, false] {
        let registry = if etags { Registry::start().with_etags() } else { Registry::start() };
        let scene = Scene::signed(registry, &[Format::Legacy]).await;
        let standing = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap().digest;
        scene.registry.clear_requests();
        sign(&scene.by_tag(), &[Format::Legacy], &scene.mallory).await.unwrap();
        both_stand(&scene).await;
        let requests = scene.registry.requests();
        let put = requests
            .iter()
            .find(|request| request.method == "PUT" && request.path.ends_with(&scene.sig_tag()));
        let condition = put.unwrap().header("if-match");
        assert_eq!(condition.is_some(), etags);
        assert!(condition.is_none_or(|condition| condition.contains(&standing.to_string())));
    }
    // One who comes between is not written over.
    let scene = Scene::of(Registry::start().with_etags());
    scene.put_signatures(&[]);
    scene.registry.rule(Match::get(scene.sig_tag()).after(1), other_signature(&scene));
    scene.sign(&[Format::Legacy]).await;
    both_stand(&scene).await;
}

#[tokio::test]
async fn g1_two_signers_of_one_pass_write_one_manifest() {
    let scene = Scene::new();
    let signers = [&scene.alice, &scene.mallory];
    let signed =
        sign_with(&client(), &scene.by_tag(), &Finding::default(), &signing(BOTH), &signers).await.unwrap();
    assert_eq!(signed[0].signatures.len(), 4);
    assert_eq!(scene.registry.count("PUT", &scene.sig_tag()), 1);
    both_stand(&scene).await;
}

#[tokio::test]
async fn g3_what_stands_is_not_made_again_and_other_annotations_are() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let layers = |scene: &Scene| {
        let stored = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap();
        stored.json()["layers"].as_array().unwrap().len()
    };
    let mut job = signing(BOTH);
    for (annotations, already, standing) in [
        (&[][..], true, 1),
        (&[("stage", "release")], false, 2),
        (&[("stage", "release")], true, 2),
        (&[("stage", "prod")], false, 3),
        (&[("stage", "release"), ("team", "blue")], false, 4),
    ] {
        job.annotations =
            annotations.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let signed = sign_with(&client(), &scene.by_tag(), &Finding::default(), &job, &[&scene.alice]).await;
        let signed = signed.unwrap();
        assert!(signed[0].signatures.iter().all(|written| written.already == already), "{annotations:?}");
        assert_eq!(layers(&scene), standing, "{annotations:?}");
        assert_eq!(scene.registry.referrers(Scene::REPOSITORY, &scene.digest()).len(), standing);
    }
}

#[tokio::test]
async fn g3_a_signature_of_another_image_or_with_a_broken_payload_does_not_stand() {
    let scene = Scene::new();
    scene.put_signatures(&[Layer::legacy(&scene.alice, Digest::of("another image"))]);
    let signed = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await.unwrap();
    assert!(!signed[0].signatures[0].already);
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn g3_one_format_that_cannot_be_written_is_named_and_a_second_run_completes_it() {
    for code in [403, 409, 405] {
        let scene = Scene::new();
        // Somebody else's signature stands there, and the tag may not move.
        scene.put_signatures(&[Layer::legacy(&scene.mallory, scene.digest())]);
        scene.registry.change(|settings| settings.immutable_tags = Some(code));
        let error = sign(&scene.by_tag(), BOTH, &scene.alice).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PartlyWritten, "{error}");
        let text = error.to_string();
        assert!(text.contains("the bundle signature was written") && text.contains("legacy"), "{text}");
        admitted(&scene.verify().await);
        scene.registry.change(|settings| settings.immutable_tags = None);
        let signed = sign(&scene.by_tag(), BOTH, &scene.alice).await.unwrap();
        let already: BTreeMap<_, _> =
            signed[0].signatures.iter().map(|written| (written.format, written.already)).collect();
        assert_eq!(already, BTreeMap::from([(Format::Legacy, false), (Format::Bundle, true)]));
        both_stand(&scene).await;
    }
}

#[tokio::test]
async fn g3_the_other_format_is_named_as_well() {
    let scene = Scene::new();
    let refuse = Match::put("/manifests/sha256:");
    scene.registry.rule(refuse, status(403));
    let error = sign(&scene.by_tag(), BOTH, &scene.alice).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartlyWritten, "{error}");
    assert!(error.to_string().contains("the legacy signature was written"), "{error}");
    scene.registry.clear_rules();
    scene.sign(BOTH).await;
    assert_eq!(scene.registry.referrers(Scene::REPOSITORY, &scene.digest()).len(), 1);
}

#[tokio::test]
async fn g3_neither_format_written_is_the_registrys_own_error() {
    let scene = Scene::new();
    scene.registry.rule(Match::put(""), status(403));
    let result = sign(&scene.by_tag(), BOTH, &scene.alice).await;
    failed(result, ErrorKind::Store(Store::Forbidden));
    refused(&scene.verify().await, Reason::NoSignature);
}

#[tokio::test]
async fn g3_what_stands_there_unread_or_foreign_is_not_written_over() {
    // It cannot be read: the trouble's own kind, and nothing is written.
    for (code, kind) in [
        (401, Store::Unauthorized),
        (403, Store::Forbidden),
        (429, Store::TooManyRequests),
        (500, Store::ServerTrouble),
    ] {
        let scene = Scene::new();
        scene.registry.rule(Match::get(scene.sig_tag()), status(code));
        let result = sign(&scene.by_tag(), BOTH, &scene.alice).await;
        failed(result, ErrorKind::Store(kind));
        assert_eq!(scene.registry.count("PUT", "") + scene.registry.count("POST", ""), 0);
    }
    // It is no manifest of signatures.
    let scene = Scene::new();
    scene.registry.put_manifest(
        Scene::REPOSITORY,
        &scene.sig_tag(),
        OCI_INDEX,
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string(),
    );
    let before = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap();
    let result = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await;
    failed(result, ErrorKind::Store(Store::Malformed));
    assert_eq!(scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap(), before);
    // A full tag takes no more.
    let scene = Scene::new();
    let layers = vec![Layer::legacy(&scene.mallory, scene.digest()); 1_024];
    scene.put_signatures(&layers);
    let result = sign(&scene.by_tag(), &[Format::Legacy], &scene.alice).await;
    failed(result, ErrorKind::Store(Store::LimitExceeded));
    scene.put_signatures(&layers[..1_023]);
    scene.sign(&[Format::Legacy]).await;
    admitted(&scene.verify().await);
}

#[tokio::test]
async fn g4_a_tag_that_has_moved_is_not_signed() {
    let scene = Scene::new();
    let mut job = signing(BOTH);
    job.expect = Some(Digest::of("what was pushed"));
    let result = sign_with(&client(), &scene.by_tag(), &Finding::default(), &job, &[&scene.alice]).await;
    failed(result, ErrorKind::TagMoved);
    assert_eq!(scene.registry.count("PUT", "") + scene.registry.count("POST", ""), 0);
    job.expect = Some(scene.digest());
    let signed = sign_with(&client(), &scene.by_tag(), &Finding::default(), &job, &[&scene.alice]).await;
    assert_eq!(*signed.unwrap()[0].image.digest(), scene.digest());
}

#[tokio::test]
async fn g4_an_image_of_a_layout_needs_a_name_for_the_legacy_format() {
    let image = ImageBuilder::new().file("hello", "layout").build();
    let alice = crate::scene::signer("alice");
    let layout = |tag: &str| {
        let directory = tempfile::tempdir().unwrap();
        image.write_layout(directory.path(), tag);
        let name = format!("oci:{}@{}", directory.path().display(), image.digest());
        (directory, name)
    };
    let (_kept, name) = layout("1.0");
    failed(sign(&name, BOTH, &alice).await, ErrorKind::NoName);
    failed(sign(&name, &[Format::Legacy], &alice).await, ErrorKind::NoName);
    refused(&verify(&name, by(&alice)).await, Reason::NoSignature);
    sign(&name, &[Format::Bundle], &alice).await.unwrap();
    admitted(&verify(&name, by(&alice)).await);
    // A name that is given.
    let (_kept, name) = layout("1.0");
    let mut finding = Finding::default();
    finding.identity = Some("registry.example.com/team/app".parse().unwrap());
    sign_with(&client(), &name, &finding, &signing(BOTH), &[&alice]).await.unwrap();
    signed_as(&name, &alice, "registry.example.com/team/app").await;
    let (_kept, name) = layout("1.0");
    let mut job = signing(BOTH);
    job.identity = Some("registry.example.com/other/app".to_owned());
    sign_with(&client(), &name, &Finding::default(), &job, &[&alice]).await.unwrap();
    signed_as(&name, &alice, "registry.example.com/other/app").await;
    // A name that stands in the layout.
    let (_kept, name) = layout("registry.example.com/full/app:1.0");
    sign(&name, BOTH, &alice).await.unwrap();
    signed_as(&name, &alice, "registry.example.com/full/app").await;
}

async fn signed_as(name: &str, signer: &waxseal_core::key::LocalSigner, expected: &str) {
    let verdict = verify(name, by(signer)).await;
    admitted(&verdict);
    assert_eq!(verdict.signatures().len(), 2);
    for signature in verdict.signatures() {
        assert_eq!(signature.name.as_deref(), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn g4_the_name_is_the_repositorys_unless_another_is_given() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let own = format!("{}/{}", scene.registry.host(), Scene::REPOSITORY);
    signed_as(&scene.by_tag(), &scene.alice, &own).await;
}

/// An image that goes by its SHA-512 digest.
fn long(registry: &Registry) -> String {
    let image = ImageBuilder::new().file("hello", "sha512").build();
    image.push_untagged(registry, Scene::REPOSITORY);
    let digest = Digest::of_with(Algorithm::Sha512, &image.manifest.1).to_string();
    registry.put_manifest(Scene::REPOSITORY, &digest, OCI_MANIFEST, image.manifest.1);
    registry.image(Scene::REPOSITORY, &digest)
}

#[tokio::test]
async fn g7_a_sha512_image_is_signed_by_bundle_only() {
    for registry in [Registry::start(), Registry::start().without_referrers_api()] {
        let alice = crate::scene::signer("alice");
        let name = long(&registry);
        failed(sign(&name, &[Format::Legacy], &alice).await, ErrorKind::Usage);
        assert_eq!(registry.count("PUT", "") + registry.count("POST", ""), 0);
        refused(&verify(&name, by(&alice)).await, Reason::NoSignature);
        // Both is what nobody chose: the format that can hold it is written.
        let signed = sign(&name, BOTH, &alice).await.unwrap();
        assert!(signed[0].signatures.iter().all(|written| written.format == Format::Bundle));
        admitted(&verify(&name, by(&alice)).await);
        let signed = sign(&name, &[Format::Bundle], &alice).await.unwrap();
        assert!(signed[0].signatures[0].already);
    }
}

#[tokio::test]
async fn what_is_no_image_is_not_signed() {
    let scene = Scene::new();
    for body in ["{}", "[]", r#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#, "junk"] {
        let digest = scene.registry.put_manifest(Scene::REPOSITORY, "junk", OCI_MANIFEST, body);
        let name = scene.registry.image(Scene::REPOSITORY, "junk");
        failed(sign(&name, BOTH, &scene.alice).await, ErrorKind::InvalidImage);
        let name = scene.registry.image(Scene::REPOSITORY, &digest.to_string());
        failed(sign(&name, BOTH, &scene.alice).await, ErrorKind::InvalidImage);
    }
    assert_eq!(scene.registry.count("PUT", "") + scene.registry.count("POST", ""), 0);
    let result = sign(&scene.registry.image(Scene::REPOSITORY, "absent"), BOTH, &scene.alice).await;
    failed(result, ErrorKind::Store(Store::NotFound));
    failed(sign(&scene.by_tag(), &[], &scene.alice).await, ErrorKind::Usage);
    let nobody = sign_with(&client(), &scene.by_tag(), &Finding::default(), &signing(BOTH), &[]).await;
    failed(nobody, ErrorKind::Usage);
}

#[tokio::test]
async fn an_index_is_signed_with_its_images_where_asked() {
    let alice = crate::scene::signer("alice");
    for recursive in [false, true] {
        let registry = Registry::start();
        let inner = IndexBuilder::of_platforms(&["linux/arm64", "linux/s390x"]).build();
        let amd64 = ImageBuilder::new().file("platform", "amd64").platform("linux/amd64").build();
        let index = IndexBuilder::new().image(amd64).image(inner).build();
        index.push_to(&registry, Scene::REPOSITORY, "1.0");
        let mut job = signing(BOTH);
        job.recursive = recursive;
        let name = registry.image(Scene::REPOSITORY, "1.0");
        let signed = sign_with(&client(), &name, &Finding::default(), &job, &[&alice]).await.unwrap();
        assert_eq!(signed.len(), if recursive { 5 } else { 1 });
        admitted(&verify(&name, by(&alice)).await);
        for (child, _) in &index.children {
            let name = registry.image(Scene::REPOSITORY, &child.digest.to_string());
            let verdict = verify(&name, by(&alice)).await;
            let expected = if recursive { Outcome::Admit } else { Outcome::Refuse };
            assert_eq!(verdict.outcome(), expected, "{}", verdict.to_json());
        }
    }
}

#[tokio::test]
async fn what_is_written_has_the_form_that_cosign_reads() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let sig = scene.registry.manifest(Scene::REPOSITORY, &scene.sig_tag()).unwrap();
    assert_eq!(sig.media_type, OCI_MANIFEST);
    assert!(sig.subject().is_none());
    let referrers = scene.registry.referrers(Scene::REPOSITORY, &scene.digest());
    let bundle = referrers[0].json();
    assert_eq!(bundle["artifactType"], BUNDLE_V03);
    assert_eq!(bundle["config"]["artifactType"], BUNDLE_V03);
    let subject: Descriptor = serde_json::from_value(bundle["subject"].clone()).unwrap();
    assert_eq!(subject.digest, scene.digest());
    assert!(subject.annotations.is_empty() && subject.platform.is_none());
}

#[tokio::test]
async fn layouts_and_archives_are_signed_with_all_their_images() {
    let alice = crate::scene::signer("alice");
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("layout");
    index.write_layout(&layout, "registry.example.com/app:1.0");
    let file = directory.path().join("images.tar");
    let mut archive = tar::Builder::new(std::fs::File::create(&file).unwrap());
    archive.append_dir_all(".", &layout).unwrap();
    archive.finish().unwrap();
    let places = [format!("oci:{}", layout.display()), format!("oci-archive:{}", file.display())];
    for place in places {
        let name = |digest: Digest| format!("{place}@{digest}");
        let mut job = signing(BOTH);
        job.recursive = true;
        for round in 0..2 {
            let signed =
                sign_with(&client(), &name(index.digest()), &Finding::default(), &job, &[&alice]).await;
            let signed = signed.unwrap();
            assert_eq!(signed.len(), 3);
            let written = signed.iter().flat_map(|signed| &signed.signatures);
            assert!(written.into_iter().all(|written| written.already == (round == 1)), "{place}");
        }
        for digest in index.children.iter().map(|(child, _)| child.digest).chain([index.digest()]) {
            let verdict = verify(&name(digest), by(&alice)).await;
            admitted(&verdict);
            assert_eq!(verdict.signatures().len(), 2, "{place}");
            refused(
                &verify(&name(digest), by(&crate::scene::signer("mallory"))).await,
                Reason::SignatureMismatch,
            );
        }
    }
}
