//! What cosign itself wrote, read as a layout, from a registry of the kind that it was made on, and as an archive.

use std::path::{Path, PathBuf};

use serde_json::Value;
use waxseal::{Finding, Platforms, Verification};
use waxseal_core::manifest::Manifest;
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::verify::{Attestation, Outcome, Verified};
use waxseal_core::{Digest, Platform, Policy, Reason, SignatureRequirement};
use waxseal_testkit::fixtures::{Case, Expect, Kind, cases, saved};
use waxseal_testkit::layout::Layout;
use waxseal_testkit::rng::now;
use waxseal_testkit::{Registry, fixtures};

use crate::scene::{admitted, client, fixture_key, refused, verify, verify_with};

/// The nearest miss of every signature that is to be refused.
const REFUSED: [(&str, Reason); 20] = [
    ("neg-unsigned", Reason::NoSignature),
    ("neg-legacy-wrong-key", Reason::SignatureMismatch),
    ("neg-bundle-wrong-key", Reason::UntrustedKey),
    ("neg-legacy-moved", Reason::SubjectMismatch),
    ("neg-legacy-bit-flip", Reason::SignatureMismatch),
    ("neg-legacy-payload-annotation", Reason::SignatureMismatch),
    ("neg-legacy-payload-reserialised", Reason::SignatureMismatch),
    ("neg-legacy-no-signature-annotation", Reason::MissingSignature),
    ("neg-legacy-empty-signature", Reason::MissingSignature),
    ("neg-legacy-annotation-missing", Reason::AnnotationMismatch),
    ("neg-legacy-layer-annotation-lie", Reason::AnnotationMissing),
    ("neg-bundle-moved", Reason::SubjectMismatch),
    ("neg-bundle-bit-flip", Reason::SignatureMismatch),
    ("neg-bundle-payload-changed", Reason::SignatureMismatch),
    ("neg-bundle-payload-type", Reason::SignatureMismatch),
    ("neg-bundle-no-signature", Reason::MissingSignature),
    ("neg-bundle-unknown-version", Reason::UnknownVersion),
    ("neg-bundle-no-content", Reason::NoContent),
    ("neg-sig-only-attestation", Reason::PredicateTypeMismatch),
    ("neg-sig-only-attestation-legacy", Reason::NoSignature),
];

/// Every place in which the fixtures stand, by name.
struct Places {
    with_api: Registry,
    without_api: Registry,
    archives: tempfile::TempDir,
}

impl Places {
    fn new() -> Self {
        let places = Self {
            with_api: Registry::start(),
            without_api: Registry::start().without_referrers_api(),
            archives: tempfile::tempdir().unwrap(),
        };
        for case in cases() {
            places.registry(&case).push_layout(&case.layout(), &case.id);
            archive(&case.layout(), &places.archive(&case));
        }
        places
    }

    fn registry(&self, case: &Case) -> &Registry {
        if case.has_referrers_api() { &self.with_api } else { &self.without_api }
    }

    fn archive(&self, case: &Case) -> PathBuf {
        self.archives.path().join(format!("{}.tar", case.id))
    }

    /// The names of an object of a case, by digest, and by tag for the image itself.
    fn names(&self, case: &Case, digest: &Digest) -> Vec<String> {
        let mut references = vec![digest.to_string()];
        if *digest == case.digest {
            references.push(case.tag.clone());
        }
        let local = |scheme: &str, path: &Path, reference: &String| {
            let separator = if reference.contains(':') { '@' } else { ':' };
            format!("{scheme}:{}{separator}{reference}", path.display())
        };
        references
            .iter()
            .flat_map(|reference| {
                [
                    local("oci", &case.layout(), reference),
                    local("oci-archive", &self.archive(case), reference),
                    self.registry(case).image(&case.id, reference),
                ]
            })
            .collect()
    }
}

fn archive(layout: &Path, file: &Path) {
    let mut archive = tar::Builder::new(std::fs::File::create(file).unwrap());
    archive.append_dir_all(".", layout).unwrap();
    archive.finish().unwrap();
}

fn signatures() -> Vec<Case> {
    let found: Vec<_> = cases().into_iter().filter(|case| case.kind == Kind::Signature).collect();
    assert_eq!(found.len(), 56);
    found
}

fn attestations() -> Vec<Case> {
    let found: Vec<_> = cases().into_iter().filter(|case| case.kind == Kind::Attestation).collect();
    assert_eq!(found.len(), 25);
    found
}

/// An attestation of the case's type.
fn attested(case: &Case, key: &str) -> Policy {
    let kind = case.attestation_type.as_deref().unwrap().parse().unwrap();
    Policy::requiring(AttestationRequirement::by(vec![kind], vec![fixture_key(key)]).unwrap())
}

fn wanted(case: &Case, key: &str) -> Policy {
    let requirement = SignatureRequirement::by(vec![fixture_key(key)]).unwrap();
    Policy::requiring(requirement.annotations(case.wanted_annotations().into_iter().collect()))
}

fn children(case: &Case) -> Vec<Digest> {
    let layout = Layout::read(&case.layout());
    let Manifest::Index(index) = Manifest::parse(&layout.blob(&case.digest), None).unwrap() else {
        panic!("{} is no index", case.id);
    };
    assert!(index.manifests.len() > 1);
    index.manifests.iter().map(|descriptor| descriptor.digest).collect()
}

#[tokio::test]
async fn every_signature_ends_as_expected_in_every_place() {
    let places = Places::new();
    let mut refusals = 0;
    for case in signatures() {
        for name in places.names(&case, &case.digest) {
            let verdict = verify(&name, wanted(&case, &case.key)).await;
            assert_eq!(verdict.report().digest, case.digest, "{name}");
            match case.expect {
                Expect::Admit => {
                    assert_eq!(verdict.outcome(), Outcome::Admit, "{name} {}", verdict.to_json());
                }
                Expect::Refuse => {
                    let reason = REFUSED.iter().find(|(id, _)| *id == case.id).unwrap().1;
                    refused(&verdict, reason);
                    refusals += 1;
                }
                _ => panic!("{}: a new outcome", case.id),
            }
        }
    }
    assert_eq!(refusals, REFUSED.len() * 6);
}

/// The nearest miss of every attestation that is to be refused.
const ATTESTATIONS_REFUSED: [(&str, Reason); 5] = [
    ("neg-att-bundle-type-lie", Reason::PredicateTypeMismatch),
    ("neg-att-only-signature", Reason::ImageSignature),
    ("neg-att-wrong-type", Reason::PredicateTypeMismatch),
    ("neg-att-wrong-key", Reason::UntrustedKey),
    ("neg-att-legacy-moved", Reason::SubjectMismatch),
];

#[tokio::test]
async fn every_attestation_ends_as_expected_in_every_place() {
    let places = Places::new();
    let mut refusals = 0;
    for case in attestations() {
        for name in places.names(&case, &case.digest) {
            let verdict = verify(&name, attested(&case, &case.key)).await;
            assert_eq!(verdict.report().digest, case.digest, "{name}");
            match case.expect {
                Expect::Admit => {
                    assert_eq!(verdict.outcome(), Outcome::Admit, "{name} {}", verdict.to_json());
                    let found = verdict.attestations();
                    assert!(found.iter().all(|one| one.digest == case.digest), "{name}");
                    predicate_is_the_one_that_was_attested(&case, found);
                    // Neither another type nor another key will do, nor does it sign the image.
                    let other = AttestationRequirement::by(
                        vec!["https://example.com/other".parse().unwrap()],
                        vec![fixture_key(&case.key)],
                    );
                    refused(
                        &verify(&name, Policy::requiring(other.unwrap())).await,
                        Reason::PredicateTypeMismatch,
                    );
                    let verdict = verify(&name, attested(&case, "p384")).await;
                    assert_eq!(verdict.outcome(), Outcome::Refuse, "{name}");
                    if !case.id.starts_with("att-and-sig") {
                        assert_eq!(
                            verify(&name, wanted(&case, &case.key)).await.outcome(),
                            Outcome::Refuse,
                            "{name}"
                        );
                    }
                }
                Expect::Refuse => {
                    let reason = ATTESTATIONS_REFUSED.iter().find(|(id, _)| *id == case.id).unwrap().1;
                    refused(&verdict, reason);
                    refusals += 1;
                }
                _ => panic!("{}: a new outcome", case.id),
            }
        }
    }
    assert_eq!(refusals, ATTESTATIONS_REFUSED.len() * 6);
}

/// What cosign attested is read as the JSON that it was given, or as the text, whatever cosign made of its blanks.
fn predicate_is_the_one_that_was_attested(case: &Case, found: &[Verified<Attestation>]) {
    let Some(file) = &case.predicate else { return };
    let given = fixtures::text(&format!("cosign/{file}"));
    for attestation in found {
        let read: Value = serde_json::from_str(attestation.predicate.as_ref().unwrap().get()).unwrap();
        match case.attestation_type.as_deref().unwrap() {
            "custom" => assert_eq!(read["Data"], given.as_str(), "{}", case.id),
            "spdx" => assert_eq!(read, Value::from(given.as_str()), "{}", case.id),
            kind if kind.starts_with("slsa") || kind == "link" => assert!(read.is_object(), "{}", case.id),
            _ => {
                let mut given: Value = serde_json::from_str(&given).unwrap();
                // cosign reads numbers as floats: what it signed is another one, and stays that.
                if let Some(big) = given.get_mut("big") {
                    assert_ne!(read["big"], *big, "{}", case.id);
                    *big = read["big"].clone();
                }
                assert_eq!(read, given, "{}", case.id);
            }
        }
    }
}

#[tokio::test]
async fn each_of_several_signers_is_found_and_all_of_them_together() {
    let places = Places::new();
    let mut several = 0;
    for case in signatures().iter().filter(|case| !case.signers.is_empty()) {
        several += 1;
        for name in places.names(case, &case.digest) {
            for key in &case.signers {
                admitted(&verify(&name, wanted(case, key)).await);
            }
            let all = |more: &[&str]| {
                let keys = case.signers.iter().map(String::as_str).chain(more.iter().copied());
                SignatureRequirement::by(keys.map(fixture_key).collect()).unwrap()
            };
            let both = all(&[]).threshold(2).unwrap();
            admitted(&verify(&name, Policy::requiring(both)).await);
            let three = all(&["p384"]).threshold(3).unwrap();
            refused(&verify(&name, Policy::requiring(three)).await, Reason::ThresholdNotMet);
        }
    }
    assert_eq!(several, 3);
}

#[tokio::test]
async fn a_platform_counts_by_its_own_signature_or_through_the_index() {
    let places = Places::new();
    let mut indexes = 0;
    for case in signatures().iter().filter(|case| case.id.starts_with("index-")) {
        indexes += 1;
        for child in children(case) {
            for name in places.names(case, &child) {
                let verdict = verify(&name, wanted(case, &case.key)).await;
                if case.recursive {
                    admitted(&verdict);
                } else {
                    refused(&verdict, Reason::NoSignature);
                }
            }
        }
        for name in places.names(case, &case.digest) {
            for platform in ["linux/amd64", "linux/arm64"] {
                let mut verification = Verification::new(wanted(case, &case.key), now());
                verification.platforms = Platforms::One(platform.parse::<Platform>().unwrap());
                let verdict =
                    verify_with(&client(), &name, &Finding::default(), &verification).await.unwrap();
                admitted(&verdict);
                assert!(children(case).contains(&verdict.report().digest), "{name} {platform}");
                verification.platforms = Platforms::All;
                let verdict =
                    verify_with(&client(), &name, &Finding::default(), &verification).await.unwrap();
                admitted(&verdict);
                assert_eq!(verdict.report().digest, case.digest);
            }
        }
    }
    assert_eq!(indexes, 4);
}

#[tokio::test]
async fn every_layout_that_cosign_saved_verifies() {
    let mut indexes = 0;
    for saved in saved() {
        let keys = SignatureRequirement::by(vec![fixture_key(&saved.key)]).unwrap();
        let policy = Policy::requiring(keys);
        let name = |digest: &Digest| format!("oci:{}@{digest}", saved.layout().display());
        let verdict = verify(&name(&saved.digest), policy.clone()).await;
        assert_eq!(verdict.outcome(), Outcome::Admit, "{} {}", saved.id, verdict.to_json());
        // A name without tag or digest means the only image that there is.
        let verdict = verify(&format!("oci:{}", saved.layout().display()), policy.clone()).await;
        assert_eq!(
            (verdict.outcome(), verdict.report().digest),
            (Outcome::Admit, saved.digest),
            "{}",
            saved.id
        );
        let other = SignatureRequirement::by(vec![fixture_key("p521")]).unwrap();
        let verdict = verify(&name(&saved.digest), Policy::requiring(other)).await;
        assert_eq!(verdict.outcome(), Outcome::Refuse, "{}", saved.id);
        if saved.id.starts_with("index-") {
            indexes += 1;
            for child in children(&fixtures::case(&saved.of)) {
                let verdict = verify(&name(&child), policy.clone()).await;
                // cosign saves what hangs on the index alone: its images count through the index.
                refused(&verdict, Reason::NoSignature);
            }
            let mut verification = Verification::new(policy.clone(), now());
            verification.platforms = Platforms::One("linux/arm64".parse().unwrap());
            let found =
                verify_with(&client(), &name(&saved.digest), &Finding::default(), &verification).await;
            admitted(&found.unwrap());
        }
    }
    assert_eq!(indexes, 2);
}

#[tokio::test]
async fn what_cosign_saved_keeps_its_attestations() {
    let mut seen = 0;
    for saved in saved().iter().filter(|saved| saved.of == "att-and-sig-mixed") {
        seen += 1;
        let case = fixtures::case("att-and-sig-mixed-att");
        let name = format!("oci:{}@{}", saved.layout().display(), saved.digest);
        let verdict = verify(&name, attested(&case, &case.key)).await;
        assert_eq!(verdict.outcome(), Outcome::Admit, "{} {}", saved.id, verdict.to_json());
        // The key that signs the image attests nothing about it.
        let verdict = verify(&name, attested(&case, &saved.key)).await;
        assert_eq!(verdict.outcome(), Outcome::Refuse, "{}", saved.id);
    }
    assert_eq!(seen, 2);
}
