//! Attestations, looked for and judged: what is read, how many requests that takes, and what an unread place means.

use std::time::Duration;

use serde_json::json;
use waxseal::blob::{BlobSource, BlobSubject, verify_blob_attestation};
use waxseal::{ErrorKind, Finding, Image, Platforms, Verification, download};
use waxseal_core::key::LocalSigner;
use waxseal_core::media_type::{DSSE_ENVELOPE, IN_TOTO, OCI_MANIFEST};
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Format, Policy, Reason, Verdict, Verifier};
use waxseal_oci::{ErrorKind as Store, Location};
use waxseal_testkit::fixtures::{self, Expect};
use waxseal_testkit::rng::now;
use waxseal_testkit::{IndexBuilder, Match, Registry};

use crate::attesting::{att_tag, attest_with, claim, job};
use crate::scene::{
    BOTH, Layer, Scene, admitted, by, client, failed, fixture_key, refused, status, trusted, undecided,
    verify, verify_with,
};

/// A scan that was finished this many minutes before the verdict.
fn scan(minutes: i64) -> String {
    let time = now() - jiff::SignedDuration::from_mins(minutes);
    format!(r#"{{"scanner":{{"uri":"pkg:generic/scanner@1"}},"metadata":{{"scanFinishedOn":"{time}"}}}}"#)
}

fn wanted(kind: &str, signer: &LocalSigner) -> AttestationRequirement {
    AttestationRequirement::by(vec![kind.parse().unwrap()], vec![trusted(signer)]).unwrap()
}

fn wants(kind: &str, signer: &LocalSigner) -> Policy {
    Policy::requiring(wanted(kind, signer))
}

/// Attests the image in these formats.
async fn attest(scene: &Scene, formats: &[Format], kind: &str, predicate: &str) {
    let name = scene.by_digest();
    attest_with(&job(formats), &name, &claim(kind, predicate), &[&scene.alice]).await.unwrap();
}

/// A registry that takes its time: what is asked at the same time is then seen to be.
fn registry() -> Registry {
    Registry::start().with_delay(Duration::from_millis(20))
}

async fn cost(scene: &Scene, policy: Policy) -> (usize, usize) {
    scene.registry.clear_requests();
    admitted(&verify(&scene.by_digest(), policy).await);
    assert!(scene.registry.lines().iter().all(|line| line.starts_with("GET ")));
    (scene.registry.requests().len(), scene.registry.round_trips())
}

/// L4: the tag of attestations is read where one is wanted, the tag of signatures where one is, and both at once.
#[tokio::test]
async fn l4_only_what_is_wanted_is_looked_for() {
    for (formats, requests, depth) in [(&[Format::Legacy][..], 3, 2), (&[Format::Bundle], 4, 3), (BOTH, 5, 3)]
    {
        let scene = Scene::of(registry());
        attest(&scene, formats, "cyclonedx", "{}").await;
        assert_eq!(cost(&scene, wants("cyclonedx", &scene.alice)).await, (requests, depth), "{formats:?}");
        assert_eq!(scene.registry.count("", &scene.sig_tag()), 0);
        assert_eq!(scene.registry.count("", &att_tag(&scene.digest())), 1);
    }
    let scene = Scene::signed(registry(), &[Format::Legacy]).await;
    attest(&scene, &[Format::Legacy], "cyclonedx", "{}").await;
    let both = by(&scene.alice).and(wanted("cyclonedx", &scene.alice));
    assert_eq!(cost(&scene, both).await, (5, 2));
    cost(&scene, by(&scene.alice)).await;
    assert_eq!(scene.registry.count("", &att_tag(&scene.digest())), 0);
}

/// L6: cosign's other way to store an attestation, as a referrer with the envelope in a layer.
#[tokio::test]
async fn l6_an_envelope_in_a_referrer_is_read_where_an_attestation_is_wanted() {
    let scene = Scene::new();
    attest(&scene, &[Format::Legacy], "cyclonedx", "{}").await;
    let policy = wants("cyclonedx", &scene.alice);
    let tag = att_tag(&scene.digest());
    let stored = scene.registry.manifest(Scene::REPOSITORY, &tag).unwrap().json();
    let envelope = stored["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let envelope = scene.registry.blob(Scene::REPOSITORY, &envelope).unwrap();
    scene.registry.rule(Match::get(&tag), status(404));
    refused(&verify(&scene.by_digest(), policy.clone()).await, Reason::NoAttestation);
    let subject = scene.image.descriptor();
    let descriptor = scene.put_referrer(&[Layer::new(DSSE_ENVELOPE, envelope)], &subject);
    for named in [IN_TOTO, DSSE_ENVELOPE, "", "application/vnd.oci.empty.v1+json"] {
        let entry = |named: &str| json!({ "mediaType": OCI_MANIFEST, "digest": descriptor.digest, "size": descriptor.size, "artifactType": named });
        scene.list(&[entry(named)]);
        admitted(&verify(&scene.by_digest(), policy.clone()).await);
        let kind = [IN_TOTO, DSSE_ENVELOPE].contains(&named);
        let reason = if kind { Reason::NoSignature } else { Reason::NotASignature };
        refused(&verify(&scene.by_digest(), by(&scene.alice)).await, reason);
        // A type that names something else is not even fetched.
        scene.list(&[entry("application/spdx+json")]);
        scene.registry.clear_requests();
        refused(&verify(&scene.by_digest(), policy.clone()).await, Reason::NoAttestation);
        assert_eq!(scene.registry.count("", &descriptor.digest.to_string()), 0);
    }
}

/// N3: what could be newer and could not be read leaves the verdict open; of a bill of materials one is enough.
#[tokio::test]
async fn n3_a_place_that_cannot_be_read_leaves_a_scan_open() {
    let scene = Scene::new();
    attest(&scene, BOTH, "vuln", &scan(10)).await;
    attest(&scene, BOTH, "cyclonedx", "{}").await;
    let (scans, materials) = (wants("vuln", &scene.alice), wants("cyclonedx", &scene.alice));
    let name = scene.by_digest();
    admitted(&verify(&name, scans.clone()).await);
    let tag = att_tag(&scene.digest());
    for place in ["/referrers/", tag.as_str()] {
        scene.registry.rule(Match::get(place), status(403));
        undecided(&verify(&name, scans.clone()).await, Store::Forbidden);
        admitted(&verify(&name, materials.clone()).await);
        scene.registry.clear_rules();
    }
    // A listed object that is not there is not read either.
    let gone = json!({ "mediaType": OCI_MANIFEST, "digest": Digest::of("gone"), "size": 4 });
    scene.list(&[gone]);
    undecided(&verify(&name, scans).await, Store::NotFound);
    admitted(&verify(&name, materials).await);
}

/// N1: a newer scan in either place takes the place of the older one.
#[tokio::test]
async fn n1_the_newest_of_both_places_is_judged() {
    for newest in BOTH {
        let scene = Scene::new();
        let older = if *newest == Format::Legacy { Format::Bundle } else { Format::Legacy };
        attest(&scene, &[older], "vuln", &scan(60)).await;
        attest(&scene, &[*newest], "vuln", &scan(10)).await;
        let age = |minutes| {
            let age = jiff::SignedDuration::from_mins(minutes);
            Policy::requiring(wanted("vuln", &scene.alice).max_age(age).unwrap())
        };
        let verdict = verify(&scene.by_digest(), age(20)).await;
        admitted(&verdict);
        assert_eq!(verdict.attestations().len(), 1);
        assert_eq!(verdict.attestations()[0].format, *newest);
        refused(&verify(&scene.by_digest(), age(5)).await, Reason::TooOld);
    }
}

async fn judged(name: &str, policy: Policy, platforms: Platforms) -> Verdict {
    let mut verification = Verification::new(policy, now());
    verification.platforms = platforms;
    verify_with(&client(), name, &Finding::default(), &verification).await.unwrap()
}

/// P3: with a platform, an attestation about the index counts only where the requirement inherits; nobody looks
/// there otherwise.
#[tokio::test]
async fn p3_an_attestation_about_the_index_is_inherited_only_on_request() {
    let scene = Scene::new();
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    index.push_to(&scene.registry, "index", "1.0");
    let name = scene.registry.image("index", "1.0");
    attest_with(&job(BOTH), &name, &claim("cyclonedx", "{}"), &[&scene.alice]).await.unwrap();
    let own = || wanted("cyclonedx", &scene.alice);
    let inherited = || Policy::requiring(own().inherit(true));
    let arm = || Platforms::One("linux/arm64".parse().unwrap());
    admitted(&judged(&name, inherited(), arm()).await);
    scene.registry.clear_requests();
    refused(&judged(&name, Policy::requiring(own()), arm()).await, Reason::NoAttestation);
    assert_eq!(scene.registry.count("", &att_tag(&index.digest())), 0);
    admitted(&judged(&name, Policy::requiring(own()), Platforms::Named).await);
    admitted(&judged(&name, inherited(), Platforms::All).await);
    refused(&judged(&name, Policy::requiring(own()), Platforms::All).await, Reason::PlatformNotAdmitted);
    // Each image by its own.
    let mut each = job(BOTH);
    each.recursive = true;
    attest_with(&each, &name, &claim("cyclonedx", "{}"), &[&scene.alice]).await.unwrap();
    let verdict = judged(&name, Policy::requiring(own()), Platforms::All).await;
    admitted(&verdict);
    let about: std::collections::BTreeSet<_> = verdict.attestations().iter().map(|one| one.digest).collect();
    assert_eq!(about.len(), 3);
}

async fn downloaded(
    name: &str,
    kind: Option<&str>,
) -> Result<Vec<download::DownloadedAttestation>, waxseal::Error> {
    let location: Location = name.parse().unwrap();
    let image = Image::find(&client(), &location, &Finding::default()).await?;
    let kind = kind.map(|kind| kind.parse().unwrap());
    download::attestations(&image, BOTH, kind.as_ref()).await
}

#[tokio::test]
async fn what_is_downloaded_is_every_envelope_and_no_signature() {
    let scene = Scene::signed(Registry::start(), BOTH).await;
    failed(downloaded(&scene.by_digest(), None).await, ErrorKind::NothingAttached);
    attest(&scene, BOTH, "cyclonedx", "{}").await;
    attest(&scene, BOTH, "vuln", &scan(1)).await;
    let all = downloaded(&scene.by_digest(), None).await.unwrap();
    assert_eq!(all.iter().map(|one| one.format).collect::<Vec<_>>(), [BOTH[0], BOTH[0], BOTH[1], BOTH[1]]);
    for one in &all {
        assert!(!one.envelope.contains('\n'));
        let envelope = waxseal_core::dsse::Envelope::parse(one.envelope.as_bytes()).unwrap();
        assert_eq!(envelope.payload_type(), IN_TOTO);
    }
    let of_type = downloaded(&scene.by_digest(), Some("vuln")).await.unwrap();
    assert_eq!(of_type.len(), 2);
    assert!(of_type.iter().all(|one| one.claimed_type.as_deref() == Some(waxseal_core::predicate::VULN)));
    failed(downloaded(&scene.by_digest(), Some("openvex")).await, ErrorKind::NothingAttached);
    scene.registry.rule(Match::get(att_tag(&scene.digest())), status(403));
    failed(downloaded(&scene.by_digest(), None).await, ErrorKind::Store(Store::Forbidden));
}

#[test]
fn every_attestation_of_a_blob_that_cosign_made() {
    let mut seen = 0;
    for case in fixtures::blobs() {
        let Some(kind) = &case.attestation_type else { continue };
        assert_eq!(case.expect, Expect::Admit);
        seen += 1;
        let judge = |blob: &[u8], kind: &str, key: &str| {
            let policy = AttestationRequirement::by(vec![kind.parse().unwrap()], vec![fixture_key(key)]);
            let source = BlobSource::Pipe(Box::new(std::io::Cursor::new(blob.to_vec())));
            let files = [case.signature().to_vec()];
            let (policy, verifier) = (Policy::requiring(policy.unwrap()), Verifier::new());
            let subject = BlobSubject::Blob(source);
            verify_blob_attestation(subject, "artifact.bin", &files, &policy, &verifier, now()).unwrap()
        };
        let outcome = |verdict: Verdict<Digest>| verdict.nearest_miss().map(|miss| miss.reason);
        let blob = case.bytes().to_vec();
        let good = judge(&blob, kind, &case.key);
        assert_eq!(good.outcome(), Outcome::Admit, "{} {}", case.file, good.to_json());
        assert_eq!(outcome(judge(b"other", kind, &case.key)), Some(Reason::SubjectMismatch), "{}", case.file);
        assert_eq!(
            outcome(judge(&blob, "cyclonedx", &case.key)),
            Some(Reason::PredicateTypeMismatch),
            "{}",
            case.file
        );
        let other = outcome(judge(&blob, kind, "p256-other"));
        assert!(
            matches!(other, Some(Reason::SignatureMismatch | Reason::UntrustedKey)),
            "{} {other:?}",
            case.file
        );
    }
    assert_eq!(seen, 10);
}
