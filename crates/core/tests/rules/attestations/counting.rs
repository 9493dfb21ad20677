//! S2: how many keys stand behind one statement. S1: each of them meets the whole requirement.

use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::AttestationRequirement;
use waxseal_core::{Policy, Reason};

use super::make::{ago, attested, envelope, layer_of, materials, scanned, wanted};
use crate::make::{BOTH, Case, admitted, bundle, bundle_bytes, changed, key, pair, trusted};

fn two_of(kind: &str, keys: &[&str]) -> Policy {
    Policy::requiring(wanted(kind, keys).threshold(2).unwrap())
}

#[test]
pub(crate) fn s2_keys_count_together_over_one_statement() {
    let (a, b) = (key("a"), key("b"));
    for (kind, text) in [("cyclonedx", materials()), ("vuln", scanned(ago(60)))] {
        let policy = two_of(kind, &["a", "b", "c"]);
        // A blank makes it another statement, whatever it says.
        let other = changed(&text, ",\"subject\"", ", \"subject\"");
        for format in BOTH {
            let case = |first: &str, second: &str| {
                Case::new(&policy, [attested(format, &a, first), attested(format, &b, second)])
            };
            pair("other bytes", &case(&text, &text), &case(&text, &other), Reason::ThresholdNotMet);
            let same = |by| Case::new(&policy, [attested(format, &a, &text), attested(format, by, &text)]);
            pair("one key twice", &same(&b), &same(&a), Reason::ThresholdNotMet);
        }
        let several = |signers: &[_]| {
            let bytes = bundle_bytes(signers, IN_TOTO, text.as_bytes());
            [
                Case::new(&policy, [layer_of(envelope(signers, IN_TOTO, &text).as_bytes())]),
                Case::new(&policy, [bundle(&bytes)]),
            ]
        };
        for (good, bad) in several(&[&a, &b]).iter().zip(&several(&[&a, &a])) {
            pair("one envelope", good, bad, Reason::ThresholdNotMet);
        }
    }
}

#[test]
fn s2_both_formats_of_one_key_are_one_key() {
    let policy = two_of("cyclonedx", &["a", "b"]);
    let case = |second: &str| {
        Case::new(
            &policy,
            [attested(BOTH[0], &key("a"), &materials()), attested(BOTH[1], &key(second), &materials())],
        )
    };
    pair("both formats", &case("b"), &case("a"), Reason::ThresholdNotMet);
    let verdict = case("b").verdict();
    assert_eq!(verdict.attestations().len(), 2);
    assert_eq!(verdict.verified().unwrap().proof().keys.len(), 2);
}

/// What does not reach the threshold is not among what was verified.
#[test]
fn s2_only_what_reached_the_threshold_is_shown() {
    let policy = two_of("cyclonedx", &["a", "b"]);
    let other = changed(&materials(), ",\"subject\"", ", \"subject\"");
    let candidates = [
        attested(BOTH[1], &key("a"), &materials()),
        attested(BOTH[1], &key("b"), &materials()),
        attested(BOTH[1], &key("a"), &other),
    ];
    let verdict = Case::new(&policy, candidates).verdict();
    admitted("two of two", &verdict);
    assert!(verdict.attestations().iter().all(|one| one.statement() == materials().as_bytes()));
}

/// A threshold is met by keys that count: one that was revoked is none.
#[test]
fn s1_each_of_a_threshold_counts() {
    let now = waxseal_testkit::rng::now();
    let case = |revoked| {
        let b = if revoked { trusted("b").revoked(now) } else { trusted("b") };
        let kind = vec!["cyclonedx".parse().unwrap()];
        let wanted = AttestationRequirement::by(kind, vec![trusted("a"), b]).unwrap().threshold(2).unwrap();
        let both = ["a", "b"].map(|name| attested(BOTH[1], &key(name), &materials()));
        Case::new(&Policy::requiring(wanted), both)
    };
    pair("revoked", &case(false), &case(true), Reason::ThresholdNotMet);
}
