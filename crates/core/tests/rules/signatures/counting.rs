//! S1: one signature meets the whole requirement. S2: distinct keys are counted, never signatures.

use p256::ecdsa::Signature as EcdsaSignature;
use waxseal_core::bundle::Bundle;
use waxseal_core::dsse::{Envelope, pae};
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::{PolicyError, SignedFor};
use waxseal_core::{
    Candidate, Format, Policy, PublicKey, Reason, SignatureRequirement, Signer as _, TrustedKey,
};
use waxseal_testkit::{fixtures, rng::now};

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, annotated, annotations, bundle, bundle_bytes, by, by_release, image,
    key, other_image, pair, refused, signed, signed_as, statement, text, trusted, with_signature,
};

const PROD: &[(&str, &str)] = &[("stage", "prod")];

fn prod_by(names: &[&str]) -> SignatureRequirement {
    by(names).annotations(annotations(PROD))
}

#[test]
pub(crate) fn s1_the_named_key_must_have_signed() {
    for format in BOTH {
        let good = Case::new(&by_release(), [signed(format, &key("release"))]);
        let bad = Case::new(&by_release(), [signed(format, &key("other"))]);
        // A bundle says which key made it; the legacy format cannot.
        let reason = if format == Format::Legacy { Reason::SignatureMismatch } else { Reason::UntrustedKey };
        pair(format.name(), &good, &bad, reason);
    }
}

#[test]
fn s1_key_of_one_and_annotation_of_another_do_not_add_up() {
    let (release, other) = (key("release"), key("other"));
    let policy = Policy::requiring(prod_by(&["release"]));
    for one in BOTH {
        for two in BOTH {
            let good = Case::new(&policy, [annotated(one, &release, PROD), annotated(two, &other, &[])]);
            let bad = Case::new(&policy, [annotated(one, &release, &[]), annotated(two, &other, PROD)]);
            pair("key and annotation", &good, &bad, Reason::AnnotationMissing);
        }
    }
}

#[test]
fn s1_name_of_one_and_annotation_of_another_do_not_add_up() {
    let release = key("release");
    let policy = Policy::requiring(prod_by(&["release"]).signed_for(SignedFor::Same));
    let elsewhere = "registry.example.com/stage/app";
    for format in BOTH {
        let make = |name, all| signed_as(format, &release, image(), name, all);
        let good = Case::new(&policy, [make(REPOSITORY, PROD), make(elsewhere, &[])]);
        let bad = Case::new(&policy, [make(REPOSITORY, &[]), make(elsewhere, PROD)]);
        pair("name and annotation", &good, &bad, Reason::SignedForMismatch);
    }
}

#[test]
fn s1_image_of_one_and_annotation_of_another_do_not_add_up() {
    let release = key("release");
    let policy = Policy::requiring(prod_by(&["release"]));
    for format in BOTH {
        let make = |digest, all| signed_as(format, &release, digest, REPOSITORY, all);
        let good = Case::new(&policy, [make(image(), PROD), make(other_image(), &[])]);
        let bad = Case::new(&policy, [make(image(), &[]), make(other_image(), PROD)]);
        pair("image and annotation", &good, &bad, Reason::AnnotationMissing);
    }
}

#[test]
fn s1_time_of_one_and_annotation_of_another_do_not_add_up() {
    let keys = || {
        vec![trusted("release"), trusted("old").valid(None, Some(now() - jiff::SignedDuration::from_secs(1)))]
    };
    let wanted = SignatureRequirement::by(keys()).unwrap().annotations(annotations(PROD));
    let policy = Policy::requiring(wanted);
    for format in BOTH {
        let make = |name, all| annotated(format, &key(name), all);
        let good = Case::new(&policy, [make("release", PROD), make("old", &[])]);
        let bad = Case::new(&policy, [make("release", &[]), make("old", PROD)]);
        pair("time and annotation", &good, &bad, Reason::KeyExpired);
    }
}

#[test]
fn s1_scheme_of_one_and_annotation_of_another_do_not_add_up() {
    let keys = || vec![trusted("release"), trusted("narrow").schemes(vec![waxseal_core::Scheme::Ed25519])];
    let policy = Policy::requiring(SignatureRequirement::by(keys()).unwrap().annotations(annotations(PROD)));
    let make = |name, all| annotated(Format::Bundle, &key(name), all);
    let good = Case::new(&policy, [make("release", PROD), make("narrow", &[])]);
    let bad = Case::new(&policy, [make("release", &[]), make("narrow", PROD)]);
    pair("scheme and annotation", &good, &bad, Reason::AnnotationMissing);
}

#[test]
fn s1_each_of_a_threshold_meets_the_whole_requirement() {
    let policy = Policy::requiring(prod_by(&["release", "security"]).threshold(2).unwrap());
    for format in BOTH {
        let with = |all| [annotated(format, &key("release"), PROD), annotated(format, &key("security"), all)];
        let (good, bad) = (Case::new(&policy, with(PROD)), Case::new(&policy, with(&[])));
        pair("one of two without", &good, &bad, Reason::ThresholdNotMet);
    }
}

/// Two requirements may be met by two signatures, or by one.
#[test]
fn s1_each_requirement_is_met_on_its_own() {
    let policy = by_release().and(prod_by(&["release", "security"]));
    let good = Case::new(
        &policy,
        [signed(Format::Legacy, &key("release")), annotated(Format::Bundle, &key("security"), PROD)],
    );
    let bad = Case::new(&policy, [annotated(Format::Bundle, &key("security"), PROD)]);
    pair("one requirement unmet", &good, &bad, Reason::UntrustedKey);
    admitted(
        "one signature for both",
        &Case::new(&policy, [annotated(Format::Bundle, &key("release"), PROD)]).verdict(),
    );
}

/// The other signature (r, n - s) that anyone can make of an ECDSA signature (T-42).
fn other_form(signature: &[u8]) -> Vec<u8> {
    let (r, s) = EcdsaSignature::from_der(signature).unwrap().split_scalars();
    EcdsaSignature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap().to_der().as_bytes().to_vec()
}

/// The bytes that are signed in either format.
fn message(format: Format) -> Vec<u8> {
    let text = text(format).into_bytes();
    if format == Format::Legacy { text } else { pae(IN_TOTO, &text) }
}

#[test]
pub(crate) fn s2_a_threshold_counts_keys_and_not_signatures() {
    let (release, security) = (key("release"), key("security"));
    let policy = Policy::requiring(by(&["release", "security"]).threshold(2).unwrap());
    let first = |format| signed(format, &release);
    let both = bundle(&bundle_bytes(&[&release, &security], IN_TOTO, statement(&[]).as_bytes()));
    let goods: [(&str, Vec<Candidate>); 3] = [
        ("two keys in two formats", vec![first(Format::Legacy), signed(Format::Bundle, &security)]),
        ("two keys in one format", vec![first(Format::Legacy), signed(Format::Legacy, &security)]),
        ("two keys in one envelope", vec![both]),
    ];
    for (name, candidates) in goods {
        admitted(name, &Case::new(&policy, candidates).verdict());
    }
    let made = |format| release.sign(&message(format)).unwrap().into_bytes();
    let other = |format| with_signature(format, &release, &other_form(&made(format)));
    for format in BOTH {
        admitted("(r, n - s)", &Case::new(&by_release(), [other(format)]).verdict());
    }
    let twice = Envelope::new(
        IN_TOTO,
        statement(&[]).into_bytes(),
        vec![made(Format::Bundle), made(Format::Bundle), other_form(&made(Format::Bundle))],
    );
    let twice = bundle(Bundle::write_envelope(&release.public_key().id(), &twice).as_bytes());
    let bads: [(&str, Vec<Candidate>); 8] = [
        ("one signature", vec![first(Format::Bundle)]),
        ("the same signature twice", vec![first(Format::Bundle), first(Format::Bundle)]),
        ("one key in both formats", vec![first(Format::Legacy), first(Format::Bundle)]),
        ("one key over two payloads", vec![first(Format::Legacy), annotated(Format::Legacy, &release, PROD)]),
        (
            "one key over two statements",
            vec![first(Format::Bundle), annotated(Format::Bundle, &release, PROD)],
        ),
        ("one key twice in one envelope", vec![twice]),
        ("(r, s) and (r, n - s)", vec![first(Format::Bundle), other(Format::Bundle), other(Format::Legacy)]),
        ("the second by a foreign key", vec![first(Format::Bundle), signed(Format::Bundle, &key("other"))]),
    ];
    for (name, candidates) in bads {
        refused(name, &Case::new(&policy, candidates).verdict(), Reason::ThresholdNotMet);
    }
    let words = Case::new(&policy, [first(Format::Bundle)]).verdict().nearest_miss().unwrap().clone();
    assert_eq!(words.expected.as_deref(), Some("2 distinct keys"));
    assert_eq!(words.found.as_deref(), Some("1 of 2 keys"));
}

#[test]
fn s2_without_a_threshold_any_one_key_suffices() {
    let policy = Policy::requiring(by(&["release", "security", "third"]));
    for name in ["release", "security", "third"] {
        let good = Case::new(&policy, [signed(Format::Bundle, &key(name))]);
        let bad = Case::new(&policy, [signed(Format::Bundle, &key("other"))]);
        pair(name, &good, &bad, Reason::UntrustedKey);
    }
    assert!(policy.requirements()[0].describe().contains("any one of release, security, third"));
}

#[test]
fn s2_two_names_for_one_key_are_a_policy_error() {
    let named = |name: &str, key: &PublicKey| TrustedKey::new(name, key.clone());
    let first = PublicKey::from_pem(fixtures::public_key_pem("p256-imported").as_bytes()).unwrap();
    // The same point in another encoding is the same key.
    let second =
        PublicKey::from_pem(&fixtures::read("openssl-keys/p256-imported.compressed-public.pem")).unwrap();
    let other = key("other").public_key().clone();
    assert!(SignatureRequirement::by(vec![named("alice", &first), named("bob", &other)]).is_ok());
    for again in [&first, &second] {
        let error = SignatureRequirement::by(vec![
            named("alice", &first),
            named("carol", &other),
            named("bob", again),
        ]);
        let error = error.unwrap_err();
        let expected =
            PolicyError::SameKeyTwice { first: "alice".into(), second: "bob".into(), id: first.id() };
        assert_eq!(error, expected);
        assert_eq!(error.code(), "policy-same-key-twice");
    }
}

#[test]
fn s2_a_threshold_that_means_nothing_is_a_policy_error() {
    for wanted in [1, 2] {
        assert_eq!(by(&["release", "security"]).threshold(wanted).unwrap().wanted(), wanted);
    }
    for wanted in [0, 3, usize::MAX] {
        let error = by(&["release", "security"]).threshold(wanted).unwrap_err();
        assert_eq!(error, PolicyError::Threshold { threshold: wanted, keys: 2 });
        assert_eq!(error.code(), "policy-threshold");
    }
    assert_eq!(SignatureRequirement::by(Vec::new()).unwrap_err(), PolicyError::NoKey);
}
