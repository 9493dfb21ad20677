//! V: admit, refuse, undecided. L3 and L4: what was found and does not count.

use serde_json::{Value, json};
use waxseal_core::limits::FINDING_TEXT_BYTES;
use waxseal_core::media_type::{BUNDLE_V03, IN_TOTO};
use waxseal_core::policy::SignedFor;
use waxseal_core::verify::VERDICT_SCHEMA;
use waxseal_core::{
    Candidate, Format, Policy, Reason, Scheme, SignatureRequirement, Signer as _, TrustedKey,
};
use waxseal_testkit::rng::now;

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, annotated, annotations, bundle, bundle_bytes, by, by_release, changed,
    image, key, origin, other_image, pair, payload, refused, signed, signed_as, statement, subject, trusted,
    undecided,
};

/// An unmet requirement that nothing unreadable could meet refuses, whatever could become of another one.
#[test]
fn v1_one_requirement_that_nothing_could_meet_refuses() {
    let legacy = || by(&["release"]).only(Format::Legacy);
    let bundle = || by(&["security"]).only(Format::Bundle);
    let both = Policy::requiring(legacy()).and(bundle());
    let turned = Policy::requiring(bundle()).and(legacy());
    let met = [signed(Format::Legacy, &key("release")), signed(Format::Bundle, &key("security"))];
    for policy in [&both, &turned] {
        admitted("both met", &Case::new(policy, met.clone()).unreadable(Some(Format::Bundle)).verdict());
        let one = Case::new(policy, [met[0].clone()]).unreadable(Some(Format::Bundle));
        undecided("the bundle may be what could not be read", &one.verdict());
        let none = Case::new(policy, []).unreadable(Some(Format::Bundle));
        refused("no legacy signature, and all of them were read", &none.verdict(), Reason::NoSignature);
    }
}

/// Whatever a bundle says of itself, a finding stays a line.
#[test]
fn a_finding_shows_a_bounded_part_of_what_is_outside() {
    let good = String::from_utf8(bundle_bytes(&[&key("other")], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let hint = key("other").public_key().id().hint();
    for (bytes, shown_whole) in [(100, true), (100_000, false)] {
        let text = "\u{e9}".repeat(bytes / 2);
        for bad in [
            Case::new(&by_release(), [bundle(changed(&good, &hint, &text).as_bytes())]),
            Case::new(&by_release(), [bundle(changed(&good, BUNDLE_V03, &text).as_bytes())]),
            Case::new(
                &by_release(),
                [Candidate::rejected(origin(Format::Bundle), Reason::NotASignature, &text)],
            ),
        ] {
            let verdict = bad.verdict();
            let found = verdict.nearest_miss().unwrap().found.clone().unwrap();
            assert_eq!(found.contains(&text), shown_whole, "{found:.100}");
            assert_eq!(found.ends_with(" bytes)"), !shown_whole);
            assert!(found.len() < FINDING_TEXT_BYTES + 32 && verdict.to_json().len() < 4_096);
        }
    }
}

/// What is unreadable does not undo what is met, and could have met what is not.
#[test]
fn v1_the_three_outcomes() {
    let (release, other) = (key("release"), key("other"));
    let junk = || Candidate::rejected(origin(Format::Bundle), Reason::MalformedManifest, "junk");
    let policy = by_release();
    let case = |candidates: &[Candidate]| Case::new(&policy, candidates.to_vec());
    for format in BOTH {
        let (good, foreign) = (signed(format, &release), signed(format, &other));
        for place in [None, Some(Format::Legacy), Some(Format::Bundle)] {
            admitted("met", &case(core::slice::from_ref(&good)).unreadable(place).verdict());
            admitted("met, with junk", &case(&[junk(), good.clone()]).unreadable(place).verdict());
            undecided("nothing", &case(&[]).unreadable(place).verdict());
            undecided("junk alone", &case(&[junk()]).unreadable(place).verdict());
            undecided("a foreign one", &case(core::slice::from_ref(&foreign)).unreadable(place).verdict());
        }
        admitted("junk and a good one", &case(&[junk(), good.clone()]).verdict());
        refused("junk alone", &case(&[junk()]).verdict(), Reason::MalformedManifest);
        admitted("a foreign one and a good one", &case(&[foreign.clone(), good]).verdict());
    }
}

/// T-28: a place that could hold only another format could not have met the requirement.
#[test]
pub(crate) fn v1_what_does_not_count_is_not_missed() {
    for (wanted, other) in [(Format::Legacy, Format::Bundle), (Format::Bundle, Format::Legacy)] {
        let policy = Policy::requiring(by(&["release"]).only(wanted));
        let case = |candidates: &[Candidate]| Case::new(&policy, candidates.to_vec());
        refused("nothing", &case(&[]).unreadable(Some(other)).verdict(), Reason::NoSignature);
        let excluded = signed(other, &key("release"));
        refused("excluded", &case(&[excluded]).unreadable(Some(other)).verdict(), Reason::FormatExcluded);
        undecided("of the format", &case(&[]).unreadable(Some(wanted)).verdict());
        undecided("of any format", &case(&[]).unreadable(None).verdict());
        undecided("of both", &case(&[]).unreadable(Some(other)).unreadable(Some(wanted)).verdict());
        admitted("met", &case(&[signed(wanted, &key("release"))]).unreadable(Some(other)).verdict());
    }
}

#[test]
pub(crate) fn l4_only_the_wanted_format_counts() {
    for (wanted, other) in [(Format::Legacy, Format::Bundle), (Format::Bundle, Format::Legacy)] {
        let policy = Policy::requiring(by(&["release"]).only(wanted));
        let case = |format| Case::new(&policy, [signed(format, &key("release"))]);
        pair(wanted.name(), &case(wanted), &case(other), Reason::FormatExcluded);
        admitted("any format", &Case::new(&by_release(), [signed(other, &key("release"))]).verdict());
    }
}

/// T-05: nothing is never enough.
#[test]
pub(crate) fn v1_nothing_at_all_is_a_refusal_of_its_own() {
    let good = Case::new(&by_release(), [signed(Format::Bundle, &key("release"))]);
    pair("nothing", &good, &Case::new(&by_release(), []), Reason::NoSignature);
    let threshold = Policy::requiring(by(&["release", "security"]).threshold(2).unwrap());
    refused("nothing of two", &Case::new(&threshold, []).verdict(), Reason::NoSignature);
}

/// What the stores report is a reason like any other, and never undecided.
#[test]
pub(crate) fn l3_junk_is_a_rejected_candidate() {
    let good = signed(Format::Bundle, &key("release"));
    for reason in
        [Reason::MalformedManifest, Reason::ReferrerMismatch, Reason::UnknownVersion, Reason::NotASignature]
    {
        let junk = || Candidate::rejected(origin(Format::Bundle), reason, "junk");
        pair(
            "junk",
            &Case::new(&by_release(), [junk(), good.clone()]),
            &Case::new(&by_release(), [junk()]),
            reason,
        );
    }
}

/// The finding that a refusal names came closest, wherever it stands.
#[test]
fn the_nearest_miss_does_not_depend_on_the_order() {
    let policy = Policy::requiring(by(&["release"]).annotations(annotations(&[("stage", "prod")])));
    let near = annotated(Format::Bundle, &key("release"), &[("stage", "test")]);
    let far = Candidate::rejected(origin(Format::Bundle), Reason::MalformedManifest, "junk");
    let farther = signed(Format::Legacy, &key("other"));
    let mut candidates = vec![near, far, farther];
    for _ in 0..candidates.len() {
        candidates.rotate_left(1);
        let verdict = Case::new(&policy, candidates.clone()).verdict();
        refused("turned", &verdict, Reason::AnnotationMismatch);
        let finding = verdict.nearest_miss().unwrap();
        assert_eq!(finding.expected.as_deref(), Some("stage=prod"));
        assert_eq!(finding.found.as_deref(), Some("stage=test"));
        assert_eq!(finding.requirement, Some(0));
        assert_eq!(finding.origin.as_ref(), Some(&origin(Format::Bundle)));
        assert_eq!(verdict.report().findings.len(), 3);
    }
}

/// V2: what was verified says how.
#[test]
fn v2_an_admission_holds_its_proof() {
    let policy = by_release().and(by(&["security", "release"])).named("production");
    let candidates = [signed(Format::Legacy, &key("release")), signed(Format::Bundle, &key("security"))];
    let verdict = Case::new(&policy, candidates).verdict();
    admitted("both", &verdict);
    let verified = verdict.verified().unwrap();
    assert_eq!(**verified, *subject(image()).pinned());
    let mut keys = [key("release").public_key().id(), key("security").public_key().id()];
    keys.sort_unstable();
    assert_eq!(verified.proof().keys, keys);
    assert_eq!(verified.proof().policy, policy.digest());
    assert_eq!(verified.proof().at, now());
    assert_eq!(verdict.report().policy, "production");
    for signature in verdict.signatures() {
        assert_eq!(signature.digest, image());
        assert_eq!(signature.name.as_deref(), Some(REPOSITORY));
        let payload = if signature.format == Format::Legacy { payload(&[]) } else { statement(&[]) };
        assert_eq!(signature.payload, payload.as_bytes());
    }
}

/// T-18: the digest of a policy changes with each thing that it decides by, and with nothing else.
#[test]
fn y3_the_digest_of_a_policy_covers_what_it_decides_by() {
    let digest = |wanted: SignatureRequirement| Policy::requiring(wanted).digest();
    let one = |key: TrustedKey| digest(SignatureRequirement::by(vec![key]).unwrap());
    let two = || by(&["release", "security"]);
    let glob = |text: &str| SignedFor::Globs(vec![text.parse().unwrap()]);
    let all = [
        digest(two()),
        digest(two().threshold(2).unwrap()),
        digest(two().annotations(annotations(&[("a", "b")]))),
        digest(two().annotations(annotations(&[("a", "c")]))),
        digest(two().signed_for(SignedFor::Same)),
        digest(two().signed_for(SignedFor::Globs(Vec::new()))),
        digest(two().signed_for(glob("a/any"))),
        digest(two().signed_for(glob("a/same"))),
        digest(two().only(Format::Legacy)),
        digest(two().only(Format::Bundle)),
        by_release().digest(),
        by_release().and(by(&["release"])).digest(),
        one(trusted("release").valid(Some(now()), None)),
        one(trusted("release").valid(None, Some(now()))),
        one(trusted("release").revoked(now())),
        one(trusted("release").schemes(vec![Scheme::EcdsaP256Sha256])),
        one(trusted("release").schemes(Vec::new())),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(digest(by(&["security", "release"])), all[0], "the order of keys decides nothing");
    assert_eq!(one(TrustedKey::new("another name", key("release").public_key().clone())), all[10]);
    assert_eq!(by_release().named("x").digest(), all[10]);
}

/// The JSON of an admission, member by member.
#[test]
fn the_json_of_an_admission() {
    let policy =
        Policy::requiring(by(&["release"]).annotations(annotations(&[("stage", "prod")]))).named("gate");
    let good = annotated(Format::Bundle, &key("release"), &[("stage", "prod")]);
    let verdict = Case::new(&policy, [good]).unreadable(Some(Format::Legacy)).verdict();
    let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
    let digest = image().to_string();
    let expected = json!({
        "schema": "waxseal/verdict/v1",
        "verdict": "admit",
        "basis": "verified",
        "subject": format!("{REPOSITORY}@{digest}"),
        "digest": digest,
        "policy": { "name": "gate", "digest": policy.digest().to_string() },
        "time": "2026-12-01T12:00:00Z",
        "requirements": [
            { "wanted": "a signature by release, with stage=prod", "met": true, "counted": 1, "threshold": 1 },
        ],
        "signatures": [{
            "format": "bundle",
            "digest": digest,
            "key": key("release").public_key().id().to_string(),
            "keyName": "release",
            "algorithm": "ecdsa-p256-sha256",
            "signedFor": REPOSITORY,
            "annotations": { "stage": "prod" },
        }],
        "findings": [
            {
                "code": "accepted",
                "message": "the signature counts",
                "requirement": 0,
                "store": "referrer",
                "beside": digest,
                "key": "release",
            },
            {
                "code": "unreadable",
                "message": "evidence could not be read",
                "store": "signature-tag",
                "beside": digest,
                "found": "unavailable: the registry answered 503",
            },
        ],
        "unchecked": ["transparency-log", "signed-name"],
    });
    assert_eq!(json, expected);
}

/// The JSON of a refusal, member by member: no signature is shown, since none counted.
#[test]
fn the_json_of_a_refusal() {
    let bad = signed_as(Format::Bundle, &key("release"), other_image(), REPOSITORY, &[]);
    let verdict = Case::new(&by_release(), [bad]).verdict();
    let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
    let digest = image().to_string();
    let miss = json!({
        "code": "subject-mismatch",
        "message": "the signature is for another image",
        "requirement": 0,
        "store": "referrer",
        "beside": digest,
        "key": "release",
        "expected": digest,
        "found": other_image().to_string(),
    });
    let expected = json!({
        "schema": "waxseal/verdict/v1",
        "verdict": "refuse",
        "subject": format!("{REPOSITORY}@{digest}"),
        "digest": digest,
        "policy": { "name": "command line", "digest": by_release().digest().to_string() },
        "time": "2026-12-01T12:00:00Z",
        "requirements": [{ "wanted": "a signature by release", "met": false, "counted": 0, "threshold": 1 }],
        "signatures": [],
        "nearestMiss": miss,
        "findings": [miss],
        "unchecked": ["transparency-log", "signed-name"],
    });
    assert_eq!(json, expected);
    assert_eq!(VERDICT_SCHEMA, "waxseal/verdict/v1");
}

/// The JSON of what was not decided names what could not be read.
#[test]
fn the_json_of_an_undecided_verdict() {
    let verdict = Case::new(&by_release(), []).unreadable(None).verdict();
    let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!(json["verdict"], "undecided");
    assert_eq!(json["nearestMiss"]["code"], "unreadable");
    assert_eq!(json["nearestMiss"]["found"], "unavailable: the registry answered 503");
    assert!(json.get("basis").is_none());
}
