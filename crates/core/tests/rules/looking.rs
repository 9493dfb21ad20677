//! L: what was found, as far as the judge decides about it.

use waxseal_core::bundle::Bundle;
use waxseal_core::candidate::{EvidenceStore, Origin};
use waxseal_core::dsse::{Envelope, pae};
use waxseal_core::encoding::base64_decode;
use waxseal_core::limits::{BUNDLE_BYTES, ENVELOPE_SIGNATURES, SIGNATURE_CHECKS, SIMPLE_SIGNING_BYTES};
use waxseal_core::media_type::{BUNDLE_V01, BUNDLE_V02, BUNDLE_V03, BUNDLE_V03_PARAMETER, IN_TOTO};
use waxseal_core::{Candidate, Digest, Format, Reason, Signer as _};
use waxseal_testkit::hostile::{base64_oddities, member, replace_member};

use crate::make::{
    BOTH, Case, admitted, annotated, bundle, bundle_bytes, by, by_release, changed, image, key, layer,
    legacy_over, origin, other_image, pair, payload, signed, statement, undecided,
};

/// So many signatures by a key that nobody asked for, as few envelopes as can hold them.
fn foreign_signatures(count: usize) -> Vec<Candidate> {
    let other = key("other");
    let payload = statement(&[]).into_bytes();
    let signature = other.sign(&pae(IN_TOTO, &payload)).unwrap().into_bytes();
    let bundle = |count| {
        let envelope = Envelope::new(IN_TOTO, payload.clone(), vec![signature.clone(); count]);
        bundle(Bundle::write_envelope(&other.public_key().id(), &envelope).as_bytes())
    };
    (0..count)
        .step_by(ENVELOPE_SIGNATURES)
        .map(|from| bundle(ENVELOPE_SIGNATURES.min(count - from)))
        .collect()
}

#[test]
fn l5_the_number_of_checks_is_bounded_and_says_so() {
    let good = signed(Format::Bundle, &key("release"));
    let with = |count| Case::new(&by_release(), foreign_signatures(count).into_iter().chain([good.clone()]));
    admitted("as many as can be checked", &with(SIGNATURE_CHECKS - 1).verdict());
    undecided("one more", &with(SIGNATURE_CHECKS).verdict());
    // What was checked first still counts: it is met, whatever is left.
    let mut first = with(SIGNATURE_CHECKS);
    first.evidence.candidates.reverse();
    admitted("the other way round", &first.verdict());
}

/// All were checked, none was left out: that is a refusal.
#[test]
fn l5_exactly_as_many_as_can_be_checked_is_decided() {
    let release = signed(Format::Bundle, &key("release"));
    let good =
        Case::new(&by_release(), foreign_signatures(SIGNATURE_CHECKS - 1).into_iter().chain([release]));
    let bad = Case::new(&by_release(), foreign_signatures(SIGNATURE_CHECKS));
    pair("2048 of another key", &good, &bad, Reason::UntrustedKey);
}

/// A check that was made for one requirement is known to the next.
#[test]
fn l5_what_was_checked_for_one_requirement_is_not_lost_for_another() {
    let policy = by_release().and(by(&["security", "release"]));
    let candidates = || {
        core::iter::once(signed(Format::Bundle, &key("release"))).chain(foreign_signatures(SIGNATURE_CHECKS))
    };
    admitted("the second key is known", &Case::new(&policy, candidates()).verdict());
    let policy = by_release().and(by(&["security"]));
    undecided("the second key was not tried", &Case::new(&policy, candidates()).verdict());
}

/// What was not verified yet can be inspected, but is not read, not even in a log.
#[test]
fn a_candidate_does_not_show_its_payload() {
    let text = payload(&[("stage", "release")]);
    let bytes = format!("{:?}", &text.as_bytes()[..8]);
    let bytes = bytes.trim_matches(['[', ']']);
    for format in BOTH {
        let candidate = annotated(format, &key("release"), &[("stage", "release")]);
        let shown = format!("{candidate:?}");
        assert!(!shown.contains("stage") && !shown.contains(bytes), "{shown}");
        assert!(shown.contains("origin"), "{shown}");
    }
}

/// L3: bytes with the right hash that do not read are refused with a reason of their own.
#[test]
pub(crate) fn l3_a_bundle_that_does_not_read() {
    let release = key("release");
    let honest = String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let good = Case::new(&by_release(), [bundle(honest.as_bytes())]);
    let change = |from: &str, to: &str| changed(&honest, from, to).into_bytes();
    let envelope = honest.find(",\"dsseEnvelope\"").unwrap();
    let message = ",\"messageSignature\":{\"signature\":\"AQID\"}";
    for (name, bad, reason) in [
        ("no JSON", b"junk".to_vec(), Reason::MalformedBundle),
        ("nothing", Vec::new(), Reason::MalformedBundle),
        ("not UTF-8", [honest.as_bytes(), &[0xff]].concat(), Reason::MalformedBundle),
        ("cut off", honest.as_bytes()[..honest.len() - 1].to_vec(), Reason::MalformedBundle),
        (
            "deep",
            change("\"publicKey\"", &format!("\"x\":{}{},\"publicKey\"", "[".repeat(63), "]".repeat(63))),
            Reason::MalformedBundle,
        ),
        ("no material", change("\"publicKey\"", "\"key\""), Reason::MalformedBundle),
        (
            "two contents",
            change(",\"dsseEnvelope\"", &format!("{message},\"dsseEnvelope\"")),
            Reason::MalformedBundle,
        ),
        ("a newer version", change("bundle.v0.3", "bundle.v0.4"), Reason::UnknownVersion),
        ("no bundle at all", change(BUNDLE_V03, "application/json"), Reason::UnknownVersion),
        ("no content", [&honest.as_bytes()[..envelope], b"}"].concat(), Reason::NoContent),
        (
            "a payload that is no base64",
            change("\"payload\":\"", "\"payload\":\"*"),
            Reason::MalformedEnvelope,
        ),
        (
            "a payload in another alphabet",
            change("\"payload\":\"e", "\"payload\":\"-"),
            Reason::MalformedEnvelope,
        ),
        ("a signature that is no base64", change("\"sig\":\"", "\"sig\":\"*"), Reason::MalformedSignature),
        (
            "a signature of another shape",
            change("\"sig\":\"", "\"sig\":[],\"x\":\""),
            Reason::MalformedBundle,
        ),
    ] {
        pair(name, &good, &Case::new(&by_release(), [bundle(&bad)]), reason);
    }
    for version in [BUNDLE_V01, BUNDLE_V02, BUNDLE_V03_PARAMETER] {
        let old = bundle(&change(BUNDLE_V03, version));
        admitted(version, &Case::new(&by_release(), [old]).verdict());
    }
}

/// T-41: one spelling of base64.
#[test]
fn l3_base64_in_a_bundle_has_one_spelling() {
    let release = key("release");
    let honest = bundle_bytes(&[&release], IN_TOTO, statement(&[("note", "x")]).as_bytes());
    let good = Case::new(&by_release(), [bundle(&honest)]);
    for (pointer, reason) in [
        ("/dsseEnvelope/signatures/0/sig", Reason::MalformedSignature),
        ("/dsseEnvelope/payload", Reason::MalformedEnvelope),
    ] {
        let text: String = serde_json::from_slice(&member(&honest, pointer)).unwrap();
        for oddity in base64_oddities(&text) {
            let Ok(odd) = String::from_utf8(oddity.bytes) else { continue };
            let bad = bundle(&replace_member(&honest, pointer, &odd.as_str().into()));
            // Standard base64 of other bytes is read, and does not verify.
            let reason = if base64_decode(&odd).is_ok() { Reason::SignatureMismatch } else { reason };
            pair(&oddity.name, &good, &Case::new(&by_release(), [bad]), reason);
        }
    }
}

#[test]
pub(crate) fn l5_sizes_are_bounded() {
    let release = key("release");
    let bytes = bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes());
    let sized = |limit: usize| {
        let candidate = Candidate::bundle(origin(Format::Bundle), &bytes, limit as u64);
        Case::new(&by_release(), [candidate])
    };
    pair("a bundle", &sized(bytes.len()), &sized(bytes.len() - 1), Reason::LimitExceeded);
    let most = usize::try_from(SIMPLE_SIGNING_BYTES).unwrap();
    let padded = |len: usize| {
        let text = payload(&[]);
        let padding = " ".repeat(len - text.len());
        Case::new(&by_release(), [legacy_over(&release, format!("{text}{padding}").as_bytes())])
    };
    pair("a payload", &padded(most), &padded(most + 1), Reason::LimitExceeded);
}

/// L6: where a candidate stands and what its descriptor says beside are hints.
#[test]
fn l6_the_place_decides_nothing() {
    let release = key("release");
    let payload = payload(&[]).into_bytes();
    let signature = release.sign(&payload).unwrap().to_base64();
    let mut hinted = layer(&payload, &signature);
    hinted.artifact_type = Some("application/vnd.example".to_owned());
    hinted.annotations.insert("org.example".to_owned(), "x".to_owned());
    for store in [EvidenceStore::SignatureTag, EvidenceStore::Referrer, EvidenceStore::File] {
        let place = Origin::new(store, image()).manifest(other_image()).blob(Digest::of(&payload));
        let legacy = Candidate::legacy(place.clone(), &hinted, payload.clone());
        admitted(store.name(), &Case::new(&by_release(), [legacy]).verdict());
        let bytes = bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes());
        let bundle = Candidate::bundle(place.clone(), &bytes, BUNDLE_BYTES);
        let verdict = Case::new(&by_release(), [bundle]).verdict();
        admitted(store.name(), &verdict);
        assert_eq!(verdict.signatures()[0].origin, place);
    }
}
