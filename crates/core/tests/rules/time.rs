//! T: time. `now` is passed in, and both ends of a window belong to it.

use jiff::{SignedDuration, Timestamp};
use waxseal_core::key::{KeyFile, LocalSigner, Password};
use waxseal_core::{Policy, Reason, SignatureRequirement, Signer as _, TrustedKey, Verifier};
use waxseal_testkit::rng::now;

use crate::attestations::make::{ago, attested, materials, scan, scanned};
use crate::make::{BOTH, Case, admitted, key, pair, refused, signed, trusted, with_signature};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

fn policy(key: TrustedKey) -> Policy {
    Policy::requiring(SignatureRequirement::by(vec![key]).unwrap())
}

/// The same signature by the same key at two times.
fn at_times(key: &TrustedKey, good: Timestamp, bad: Timestamp, reason: Reason) {
    for format in BOTH {
        let case =
            |now| Case::new(&policy(key.clone()), [signed(format, &crate::make::key("release"))]).at(now);
        pair(format.name(), &case(good), &case(bad), reason);
        let words = case(bad).verdict().nearest_miss().unwrap().clone();
        assert!(words.expected.unwrap().contains(&bad.to_string()), "the time of the judgement is named");
    }
}

#[test]
pub(crate) fn t1_a_key_counts_from_its_first_moment() {
    let from = trusted("release").valid(Some(now()), None);
    at_times(&from, now(), now() - NANOSECOND, Reason::KeyNotYetValid);
    at_times(&from, Timestamp::MAX, Timestamp::MIN, Reason::KeyNotYetValid);
}

#[test]
pub(crate) fn t1_a_key_counts_to_its_last_moment() {
    let until = trusted("release").valid(None, Some(now()));
    at_times(&until, now(), now() + NANOSECOND, Reason::KeyExpired);
    at_times(&until, Timestamp::MIN, Timestamp::MAX, Reason::KeyExpired);
    let moment = trusted("release").valid(Some(now()), Some(now()));
    at_times(&moment, now(), now() + NANOSECOND, Reason::KeyExpired);
    at_times(&moment, now(), now() - NANOSECOND, Reason::KeyNotYetValid);
}

#[test]
pub(crate) fn t1_a_key_no_longer_counts_at_the_moment_of_its_revocation() {
    let revoked = trusted("release").revoked(now());
    at_times(&revoked, now() - NANOSECOND, now(), Reason::KeyRevoked);
    at_times(&revoked, now() - SECOND, now() + SECOND, Reason::KeyRevoked);
    // The revocation is said, also of a key that had expired by then.
    let both = trusted("release").valid(None, Some(now() - SECOND)).revoked(now());
    at_times(&both, now() - SECOND, now(), Reason::KeyRevoked);
}

/// The same judged back from a later present.
fn back(case: &Case, present: Timestamp) -> Case {
    let mut case = case.clone();
    case.verifier = case.verifier.looking_back_from(present);
    case
}

/// Windows move with the moment that is judged, revocations do not.
#[test]
fn t2_a_past_moment_does_not_move_revocation() {
    let day = SignedDuration::from_hours(24);
    let expired = trusted("release").valid(Some(now() - day), Some(now() + day));
    for format in BOTH {
        let case =
            |key: &TrustedKey, at| Case::new(&policy(key.clone()), [signed(format, &key_release())]).at(at);
        let present = now() + day + day;
        // The key has expired since: it counted then.
        let good = back(&case(&expired, now()), present);
        pair("expired since", &good, &case(&expired, present), Reason::KeyExpired);
        assert_eq!(good.verdict().report().looking_back_from, Some(present));
        refused(
            "not valid then",
            &back(&case(&expired, now() - day - day), present).verdict(),
            Reason::KeyNotYetValid,
        );
        // A revocation since then holds, to the moment.
        let revoked = trusted("release").revoked(present);
        let before = back(&case(&revoked, now()), present - NANOSECOND);
        pair("revoked since", &before, &back(&case(&revoked, now()), present), Reason::KeyRevoked);
    }
}

#[test]
pub(crate) fn t2_later_material_is_ignored() {
    for format in BOTH {
        let release = key_release();
        let of = |time: Timestamp| attested(format, &release, &scanned(time));
        let (then, since) = (ago(100), ago(50));
        // At the moment itself it stands there already; a nanosecond before it does not.
        let one = Case::new(&scan(), [of(then)]);
        let (good, bad) =
            (back(&one.clone().at(then), now()), back(&one.clone().at(then - NANOSECOND), now()));
        pair("one scan", &good, &bad, Reason::LaterMaterial);
        // The one of today says nothing about then, and the one of then is the newest again.
        let both = Case::new(&scan(), [of(then), of(since)]);
        let verdict = back(&both.clone().at(then), now()).verdict();
        admitted("both", &verdict);
        assert_eq!(verdict.attestations()[0].finished, Some(then));
        assert_eq!(both.verdict().attestations()[0].finished, Some(since), "not looking back");
        // What has no time is there at every time.
        let sbom = Case::new(&crate::attestations::make::sbom(), [attested(format, &release, &materials())]);
        admitted("no time", &back(&sbom.at(then), now()).verdict());
    }
    // Ages are counted to the moment that is judged.
    let aged = Policy::requiring(
        crate::attestations::make::wanted("vuln", &["release"])
            .max_age(SignedDuration::from_secs(60))
            .unwrap(),
    );
    let old = Case::new(&aged, [attested(BOTH[1], &key_release(), &scanned(ago(100)))]);
    pair("its age then", &back(&old.clone().at(ago(50)), now()), &old, Reason::TooOld);
}

/// A window without any moment in it admits nothing.
#[test]
fn t1_a_window_that_ends_before_it_begins() {
    let empty = trusted("release").valid(Some(now() + SECOND), Some(now() - SECOND));
    let case = |key: &TrustedKey| Case::new(&policy(key.clone()), [signed(BOTH[0], &key_release())]);
    pair("nothing", &case(&trusted("release")), &case(&empty), Reason::KeyNotYetValid);
    refused("behind it", &case(&empty).at(now() + SECOND + SECOND).verdict(), Reason::KeyExpired);
}

fn key_release() -> LocalSigner {
    key("release")
}

/// Time does not make a signature of what is none.
#[test]
fn t1_a_broken_signature_is_no_question_of_time() {
    let expired = trusted("release").valid(None, Some(now() - SECOND));
    for format in BOTH {
        let bad = Case::new(&policy(expired.clone()), [with_signature(format, &key_release(), b"x")]);
        refused(format.name(), &bad.verdict(), Reason::SignatureMismatch);
    }
}

fn example(pem: &[u8]) -> LocalSigner {
    let password = Password::new("waxseal-example");
    LocalSigner::new(KeyFile::parse(pem).unwrap().open(Some(&password)).unwrap())
}

#[test]
pub(crate) fn the_example_keys_count_only_where_they_are_allowed() {
    for pem in [
        &include_bytes!("../../../../keys-example/release.key")[..],
        include_bytes!("../../../../keys-example/security.key"),
    ] {
        let signer = example(pem);
        let trusted = TrustedKey::new("example", signer.public_key().clone());
        for format in BOTH {
            let bad = Case::new(&policy(trusted.clone()), [signed(format, &signer)]);
            let mut good = bad.clone();
            good.verifier = Verifier::new().allow_example_keys();
            pair(format.name(), &good, &bad, Reason::ExampleKey);
            let mut revoked = good.clone();
            revoked.policy = policy(trusted.clone().revoked(now()));
            refused("allowed, and revoked", &revoked.verdict(), Reason::KeyRevoked);
        }
    }
    // It does not count for a threshold either, and does not stand in the way of another key.
    let signer = example(include_bytes!("../../../../keys-example/security.key"));
    let keys = || vec![TrustedKey::new("example", signer.public_key().clone()), trusted("release")];
    let any = Policy::requiring(SignatureRequirement::by(keys()).unwrap());
    let two = Policy::requiring(SignatureRequirement::by(keys()).unwrap().threshold(2).unwrap());
    let candidates = || [signed(BOTH[0], &signer), signed(BOTH[1], &key_release())];
    admitted("any one", &Case::new(&any, candidates()).verdict());
    refused("both", &Case::new(&two, candidates()).verdict(), Reason::ThresholdNotMet);
}
