//! Decision records: written beside a decision, replayed from a layout, and refused where somebody else signed them.

use std::path::Path;

use jiff::SignedDuration;
use waxseal::record::{self, Replaying};
use waxseal::{Decision, ErrorKind, Finding, Image, Saving};
use waxseal_core::policy::{PolicySet, Rule, SignatureRequirement};
use waxseal_core::record::Record;
use waxseal_core::{Policy, Repository, TrustedKey, Verifier, media_type};
use waxseal_oci::Location;
use waxseal_testkit::Registry;
use waxseal_testkit::rng::now;

use crate::scene::{BOTH, Layer, Scene, by, client, failed, trusted};

fn set(scene: &Scene, policy: Policy) -> PolicySet {
    let images = vec![format!("{}/team/*", scene.registry.host()).parse().unwrap()];
    PolicySet::new("test").rule(Rule::new(images, policy).unwrap()).serial(3).build().unwrap()
}

async fn found(name: &str, finding: &Finding) -> Image {
    let location: Location = name.parse().unwrap();
    Image::find(&client(), &location, finding).await.unwrap()
}

/// Decides over the image of the registry, and records it.
async fn decided(scene: &Scene, set: PolicySet) -> Record {
    let image = found(&scene.by_tag(), &Finding::default()).await;
    let recorded = record::image(&scene.by_tag(), &image);
    let decision = Decision::new(set, client(), now());
    let verdict = decision.decide(image, None).await.unwrap();
    Record::of(&verdict, &decision.policy, recorded)
}

/// Replays a record from the layout, an hour later.
async fn replayed(record: &Record, layout: &Path, set: PolicySet) -> Vec<String> {
    let mut finding = Finding::default();
    finding.identity = record.image.repository.as_ref().map(|name| name.parse().unwrap());
    let name = format!("oci:{}@{}", layout.display(), record.image.digest.unwrap());
    let image = found(&name, &finding).await;
    let present = now() + SignedDuration::from_hours(1);
    let again = Replaying::new(set, Verifier::new(), client(), present).replay(record, image).await.unwrap();
    let mut fields: Vec<_> = record.differences(&again).into_iter().map(|one| one.field).collect();
    fields.dedup();
    fields
}

#[tokio::test]
async fn a_record_is_replayed_from_a_layout() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let record = decided(&scene, set(&scene, by(&scene.alice))).await;
    assert_eq!(record.outcome(), "admit");
    assert_eq!(record.evidence.len(), 2);
    assert!(record.evidence.iter().all(|object| object.manifest.is_some() && object.blob.is_some()));
    assert_eq!((record.policy.serial, record.policy.keys.len()), (Some(3), 1));
    let folder = tempfile::tempdir().unwrap();
    let from: Location = scene.by_tag().parse().unwrap();
    Saving::default().save(&client(), &from, folder.path(), &Finding::default()).await.unwrap();
    let same = replayed(&record, folder.path(), set(&scene, by(&scene.alice))).await;
    assert_eq!(same, Vec::<String>::new());
    // Another policy, and a key that was revoked since (rule T2).
    let other = replayed(&record, folder.path(), set(&scene, by(&scene.mallory))).await;
    assert!(
        other.iter().any(|field| field == "policy.digest")
            && other.iter().any(|field| field == "verdict.verdict")
    );
    let revoked = |key: TrustedKey| key.revoked(now() + SignedDuration::from_mins(30));
    let revoked = SignatureRequirement::by(vec![revoked(trusted(&scene.alice))]).unwrap();
    let record = decided(&scene, set(&scene, Policy::requiring(revoked.clone()))).await;
    assert_eq!(record.outcome(), "admit");
    let since = replayed(&record, folder.path(), set(&scene, Policy::requiring(revoked))).await;
    assert!(since.iter().any(|field| field == "verdict.verdict"), "{since:?}");
}

/// A rule names a repository for its evidence (rule L7): a layout has taken it along, and no registry is asked.
#[tokio::test]
async fn l7_a_replay_asks_no_repository_that_a_rule_names() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let there: Repository = format!("{}/signatures/app", scene.registry.host()).parse().unwrap();
    let layer = Layer::legacy(&scene.mallory, scene.digest());
    scene.registry.put_blob("signatures/app", layer.bytes.clone().unwrap());
    scene.registry.put_blob("signatures/app", "{}");
    let manifest = crate::scene::manifest(&[layer], None);
    scene.registry.put_manifest("signatures/app", &scene.sig_tag(), media_type::OCI_MANIFEST, manifest);
    let set = || {
        let images = vec![format!("{}/team/*", scene.registry.host()).parse().unwrap()];
        let rule = Rule::new(images, by(&scene.mallory)).unwrap().signature_repository(there.clone());
        PolicySet::new("test").rule(rule).serial(3).build().unwrap()
    };
    let record = decided(&scene, set()).await;
    assert_eq!(record.outcome(), "admit");
    let folder = tempfile::tempdir().unwrap();
    let from: Location = scene.by_tag().parse().unwrap();
    let mut finding = Finding::default();
    Saving::default().save(&client(), &from, &folder.path().join("without"), &finding).await.unwrap();
    finding.evidence_repository = Some(there.clone());
    Saving::default().save(&client(), &from, &folder.path().join("with"), &finding).await.unwrap();
    let asked = scene.registry.requests().len();
    assert_eq!(replayed(&record, &folder.path().join("with"), set()).await, Vec::<String>::new());
    let without = replayed(&record, &folder.path().join("without"), set()).await;
    assert!(without.iter().any(|field| field == "verdict.verdict"), "{without:?}");
    assert_eq!(scene.registry.requests().len(), asked);
}

/// What is no longer there, and what was not there, is named.
#[tokio::test]
async fn a_replay_names_what_is_missing() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let record = decided(&scene, set(&scene, by(&scene.alice))).await;
    let folder = tempfile::tempdir().unwrap();
    let one = Scene::signed(Registry::start(), &BOTH[..1]).await;
    let from: Location = one.by_tag().parse().unwrap();
    Saving::default().save(&client(), &from, folder.path(), &Finding::default()).await.unwrap();
    let differences = replayed(&record, folder.path(), set(&scene, by(&scene.alice))).await;
    assert_eq!(differences, ["evidence", "verdict.findings", "verdict.signatures"]);
}

#[tokio::test]
async fn a_record_counts_by_the_key_that_is_named() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    let one = decided(&scene, set(&scene, by(&scene.alice))).await;
    let plain = record::line(&one, None).unwrap();
    let signed = record::line(&one, Some(&scene.alice)).unwrap();
    assert!(!plain.contains('\n') && !signed.contains('\n'));
    let read = |text: &str, keys: &[TrustedKey]| record::read(text.as_bytes(), keys, &Verifier::new(), now());
    let alice = [trusted(&scene.alice)];
    assert_eq!(read(&plain, &[]).unwrap(), std::slice::from_ref(&one));
    assert_eq!(read(&format!("{signed}\n{signed}\n"), &alice).unwrap(), [one.clone(), one]);
    failed(read(&signed, &[trusted(&scene.mallory)]), ErrorKind::RecordNotSigned);
    failed(read(&plain, &alice), ErrorKind::RecordNotSigned);
    failed(read(&format!("{signed}\n{plain}"), &alice), ErrorKind::RecordNotSigned);
    failed(read(&signed, &[]), ErrorKind::Usage);
    failed(read("", &[]), ErrorKind::Record);
    failed(read("{}", &[]), ErrorKind::Record);
}
