//! Legacy signatures, in both directions, judged by the `sigstore` crate's cosign client.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use sigstore::cosign::constraint::{AnnotationMarker, PrivateKeySigner};
use sigstore::cosign::verification_constraint::{
    AnnotationVerifier, PublicKeyVerifier, VerificationConstraint,
};
use sigstore::cosign::{Constraint, CosignCapabilities as _, SignatureLayer, verify_constraints};
use sigstore::crypto::SigningScheme;
use sigstore::registry::Auth;
use zeroize::Zeroizing;

use crate::place::{Key, Place, sigstore_client};

const KINDS: [&str; 5] = ["p256", "p384", "p521", "rsa2048", "ed25519"];

#[tokio::test]
async fn triangulate_finds_the_signature_tag_that_was_written() {
    let place = Place::new();
    place.sign(&Key::cosign("p256"), &["--format", "legacy"]);
    let (tag, digest) = sigstore_client().triangulate(&place.reference(), &Auth::Anonymous).await.unwrap();
    assert_eq!(digest, place.digest());
    assert_eq!(tag.tag().unwrap(), format!("{}.sig", place.digest().replace(':', "-")));
    assert_eq!(layers(&place).await.len(), 1);
}

#[tokio::test]
async fn a_signature_of_each_kind_of_key_verifies_with_its_key_alone() {
    for kind in KINDS {
        let (place, key) = (Place::new(), Key::cosign(kind));
        place.sign(&key, &["--format", "legacy"]);
        let layers = layers(&place).await;
        assert!(satisfied(&layers, &[by(&key)]), "{kind}: its own key");
        let other = Key::cosign(if kind == "p256" { "p256-other" } else { "p256" });
        assert!(!satisfied(&layers, &[by(&other)]), "{kind}: another key");
        assert_eq!((place.verify(&key, &[]), place.verify(&other, &[])), (0, 1), "{kind}: the same verdicts");
    }
}

/// The crate binds a curve to its own digest, and an Ed25519 key to the pure form; waxseal takes both.
#[tokio::test]
async fn a_digest_that_is_not_the_keys_own_is_refused_by_the_crate() {
    let cases =
        [("p384", "ecdsa-sha2-256-nistp384"), ("p521", "ecdsa-sha2-256-nistp521"), ("ed25519", "ed25519-ph")];
    for (kind, algorithm) in cases {
        let (place, key) = (Place::new(), Key::cosign(kind));
        place.sign(&key, &["--format", "legacy", "--signing-algorithm", algorithm]);
        assert!(!satisfied(&layers(&place).await, &[by(&key)]), "{algorithm}");
        assert_eq!(place.verify(&key, &[]), 0, "{algorithm}");
    }
}

#[tokio::test]
async fn annotations_are_read_and_compared() {
    let (place, key) = (Place::new(), Key::cosign("p256"));
    place.sign(&key, &["--format", "legacy", "-a", "stage=release", "-a", "build=a=b<&>\u{2028}é\""]);
    let layers = layers(&place).await;
    let build = "a=b<&>\u{2028}é\"";
    assert!(satisfied(&layers, &[by(&key), annotated(&[("stage", "release"), ("build", build)])]));
    assert!(!satisfied(&layers, &[by(&key), annotated(&[("stage", "test")])]));
    assert!(!satisfied(&layers, &[by(&key), annotated(&[("other", "release")])]));
    assert_eq!(place.verify(&key, &["-a", "stage=release"]), 0);
    assert_eq!(place.verify(&key, &["-a", "stage=test"]), 1);
}

/// The crate has members of its own for two annotation names, so it cannot compare the one, and a text in the
/// other makes it drop the signature.
#[tokio::test]
async fn two_annotation_names_mean_something_else_to_the_crate() {
    let key = Key::cosign("p256");
    let place = Place::new();
    place.sign(&key, &["--format", "legacy", "-a", "creator=pipeline", "-a", "stage=release"]);
    let found = layers(&place).await;
    assert_eq!(found[0].simple_signing.optional.as_ref().unwrap().creator.as_deref(), Some("pipeline"));
    assert!(!satisfied(&found, &[annotated(&[("creator", "pipeline")])]));
    assert_eq!(place.verify(&key, &["-a", "creator=pipeline"]), 0);

    let place = Place::new();
    place.sign(&key, &["--format", "legacy", "-a", "timestamp=1763800000"]);
    assert!(layers(&place).await.is_empty());
    assert_eq!(place.verify(&key, &["-a", "timestamp=1763800000"]), 0);
}

/// The crate asks that each constraint be met by some signature; waxseal asks one signature to meet them all.
#[tokio::test]
async fn key_and_annotation_of_two_signatures_pass_together_only_in_the_crate() {
    let (place, release, other) = (Place::new(), Key::cosign("p256"), Key::cosign("p256-other"));
    place.sign(&release, &["--format", "legacy"]);
    place.sign(&other, &["--format", "legacy", "-a", "stage=release"]);
    let layers = layers(&place).await;
    assert_eq!(layers.len(), 2);
    assert!(satisfied(&layers, &[by(&release), annotated(&[("stage", "release")])]));
    assert_eq!(place.verify(&release, &["-a", "stage=release"]), 1);
}

#[tokio::test]
async fn a_signature_that_the_crate_pushed_verifies() {
    let schemes = [
        ("p256", SigningScheme::ECDSA_P256_SHA256_ASN1),
        ("p384", SigningScheme::ECDSA_P384_SHA384_ASN1),
        ("p521", SigningScheme::ECDSA_P521_SHA512_ASN1),
        ("rsa2048", SigningScheme::RSA_PKCS1_SHA256(2048)),
        ("ed25519", SigningScheme::ED25519),
    ];
    for (kind, scheme) in schemes {
        let (place, key) = (Place::new(), Key::cosign(kind));
        push(&place, &key, &scheme, &[("stage", "release")]).await;
        let seen = place.verdict(&key, &["-a", "stage=release"]);
        assert_eq!(seen.status.code(), Some(0), "{kind}: {}", String::from_utf8_lossy(&seen.stdout));
        let verdict: Value = serde_json::from_slice(&seen.stdout).unwrap();
        assert_eq!(verdict["signatures"][0]["format"], "legacy", "{kind}");
        assert_eq!(place.verify(&key, &["-a", "stage=test"]), 1, "{kind}: another annotation");
        let other = Key::cosign(if kind == "p256" { "p256-other" } else { "p256" });
        assert_eq!(place.verify(&other, &[]), 1, "{kind}: another key");
    }
}

/// RSA-PSS is refused: cosign and its file formats mean PKCS#1 v1.5 by an RSA key.
#[tokio::test]
async fn a_pss_signature_that_the_crate_pushed_is_refused() {
    let (place, key) = (Place::new(), Key::cosign("rsa2048"));
    push(&place, &key, &SigningScheme::RSA_PSS_SHA256(2048), &[]).await;
    assert_eq!(place.verify(&key, &[]), 1);
}

/// waxseal adds to what the crate pushed; the crate puts its own in the place of what stands there.
#[tokio::test]
async fn one_of_the_two_keeps_the_signatures_of_the_other() {
    let (place, first, second) = (Place::new(), Key::cosign("p256"), Key::cosign("p256-other"));
    let scheme = SigningScheme::ECDSA_P256_SHA256_ASN1;
    push(&place, &first, &scheme, &[]).await;
    place.sign(&second, &["--format", "legacy"]);
    assert_eq!((place.verify(&first, &[]), place.verify(&second, &[])), (0, 0));
    let both = layers(&place).await;
    assert!(satisfied(&both, &[by(&first), by(&second)]));

    push(&place, &first, &scheme, &[]).await;
    assert_eq!((place.verify(&first, &[]), place.verify(&second, &[])), (0, 1));
}

async fn layers(place: &Place) -> Vec<SignatureLayer> {
    sigstore_client().trusted_signature_layers(&Auth::Anonymous, &place.reference()).await.unwrap()
}

fn satisfied(layers: &[SignatureLayer], constraints: &[Box<dyn VerificationConstraint>]) -> bool {
    verify_constraints(layers, constraints.iter()).is_ok()
}

fn by(key: &Key) -> Box<dyn VerificationConstraint> {
    Box::new(PublicKeyVerifier::try_from(&key.public_pem()).unwrap())
}

fn annotated(pairs: &[(&str, &str)]) -> Box<dyn VerificationConstraint> {
    let annotations: BTreeMap<String, String> = owned(pairs).collect();
    Box::new(AnnotationVerifier { annotations })
}

async fn push(place: &Place, key: &Key, scheme: &SigningScheme, annotations: &[(&str, &str)]) {
    let mut client = sigstore_client();
    let (tag, digest) = client.triangulate(&place.reference(), &Auth::Anonymous).await.unwrap();
    let mut layer = SignatureLayer::new_unsigned(&place.reference(), &digest).unwrap();
    if !annotations.is_empty() {
        let marker = AnnotationMarker::new(owned(annotations).collect::<HashMap<_, _>>());
        assert!(marker.add_constraint(&mut layer).unwrap());
    }
    let password = Zeroizing::new(key.password.clone().into_bytes());
    let signer = PrivateKeySigner::new_with_raw(Zeroizing::new(key.private_pem()), password, scheme).unwrap();
    assert!(signer.add_constraint(&mut layer).unwrap());
    client.push_signature(None, &Auth::Anonymous, &tag, vec![layer]).await.unwrap();
}

fn owned<'a>(pairs: &'a [(&str, &str)]) -> impl Iterator<Item = (String, String)> + 'a {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}
