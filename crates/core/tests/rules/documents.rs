//! G2, Y6, Y7: documents of our own have payload types of their own, and none of them feeds a verdict.

use jiff::SignedDuration;
use waxseal_core::document::{self, DocumentKind};
use waxseal_core::dsse::Envelope;
use waxseal_core::limits::DOCUMENT_BYTES;
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::PolicySet;
use waxseal_core::record::{Record, RecordError, RecordedImage};
use waxseal_core::{Evidence, Format, Policy, Reason, TrustedKey, Verifier};
use waxseal_testkit::rng::now;

use crate::attestations::make::{ago, attested, envelope, layer_of, materials, sbom, scan, scanned};
use crate::make::{Case, by, image, key, signed, subject, trusted};

fn opened(kind: DocumentKind, bytes: &[u8], keys: &[TrustedKey]) -> Result<Vec<u8>, Reason> {
    let document = Verifier::new().document(kind, bytes, keys, now());
    document.map(|document| document.payload.clone()).map_err(|finding| finding.reason)
}

#[test]
fn g2_a_document_is_read_by_its_key_and_its_kind() {
    let payload = b"{\"a\":1}";
    let bytes = document::sign(DocumentKind::Record, payload, &key("release")).unwrap();
    assert_eq!(opened(DocumentKind::Record, &bytes, &[trusted("release")]), Ok(payload.to_vec()));
    assert_eq!(
        opened(DocumentKind::Record, &bytes, &[trusted("other"), trusted("release")]),
        Ok(payload.to_vec())
    );
    let policy = opened(DocumentKind::Policy, &bytes, &[trusted("release")]);
    assert_eq!(policy, Err(Reason::PayloadTypeMismatch));
    assert_eq!(opened(DocumentKind::Record, &bytes, &[trusted("other")]), Err(Reason::SignatureMismatch));
    assert_eq!(opened(DocumentKind::Record, &bytes, &[]), Err(Reason::SignatureMismatch));
    // An attestation is no document.
    let statement = envelope(&[&key("release")], IN_TOTO, &materials());
    let found = opened(DocumentKind::Record, statement.as_bytes(), &[trusted("release")]);
    assert_eq!(found, Err(Reason::PayloadTypeMismatch));
}

#[test]
fn g2_a_document_that_was_changed_is_refused() {
    let text =
        String::from_utf8(document::sign(DocumentKind::Policy, b"{\"a\":1}", &key("release")).unwrap())
            .unwrap();
    let read = |text: &str| opened(DocumentKind::Policy, text.as_bytes(), &[trusted("release")]);
    assert!(read(&text).is_ok());
    let unsigned = Envelope::new(DocumentKind::Policy.payload_type(), b"{}".to_vec(), Vec::new()).to_json();
    assert_eq!(read(&unsigned), Err(Reason::MissingSignature));
    assert_eq!(read(&text.replacen("eyJhIjox", "eyJhIjoy", 1)), Err(Reason::SignatureMismatch));
    assert_eq!(read(&text.replacen("policy.v1", "policy.v2", 1)), Err(Reason::SignatureMismatch));
    assert_eq!(
        read(&text.replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1)),
        Err(Reason::DuplicateMember)
    );
    assert_eq!(read("{}"), Err(Reason::MalformedEnvelope));
    let long = " ".repeat(usize::try_from(DOCUMENT_BYTES).unwrap() + 1);
    assert_eq!(read(&long), Err(Reason::LimitExceeded));
}

#[test]
fn t1_the_key_of_a_document_counts_at_its_time() {
    let bytes = document::sign(DocumentKind::Policy, b"{}", &key("release")).unwrap();
    let read = |key: TrustedKey| opened(DocumentKind::Policy, &bytes, &[key]);
    assert!(read(trusted("release").valid(Some(now()), Some(now()))).is_ok());
    assert_eq!(read(trusted("release").revoked(now())), Err(Reason::KeyRevoked));
    let past = now() - SignedDuration::from_secs(1);
    assert_eq!(read(trusted("release").valid(None, Some(past))), Err(Reason::KeyExpired));
}

/// Y6: a record that somebody attaches is no attestation, nor a signature.
#[test]
fn y6_records_never_feed_a_verdict() {
    let record = document::sign(DocumentKind::Record, materials().as_bytes(), &key("release")).unwrap();
    let verdict = Case::new(&sbom(), [layer_of(&record)]).verdict();
    crate::make::refused("a record", &verdict, Reason::PayloadTypeMismatch);
}

fn set(policy: &Policy) -> PolicySet {
    PolicySet::everywhere(policy.clone())
}

fn record(policy: &Policy, candidates: Vec<waxseal_core::Candidate>) -> Record {
    let mut evidence = Evidence::new();
    evidence.candidates = candidates;
    let verdict = Verifier::new().verify(&subject(image()), &evidence, policy, now());
    Record::of(&verdict, &set(policy), RecordedImage::named("registry.example.com/app:1.0"))
}

#[test]
fn a_record_names_everything_that_was_looked_at() {
    let release = key("release");
    let candidates = vec![signed(Format::Bundle, &release), signed(Format::Legacy, &key("other"))];
    let record = record(&Policy::requiring(by(&["release"])), candidates);
    assert_eq!(record.evidence.len(), 2);
    assert_eq!(record.policy.keys.len(), 1);
    assert_eq!(record.policy.keys[0].id, trusted("release").key().id().to_string());
    assert_eq!(record.outcome(), "admit");
    assert_eq!(record.verdict["basis"], "verified");
    let again = Record::parse(record.to_json().as_bytes()).unwrap();
    assert_eq!(again, record);
    assert_eq!(record.differences(&again), []);
}

/// Each thing that differs is a difference, and what means nothing is none.
#[test]
fn records_are_compared_field_by_field() {
    let release = key("release");
    let (legacy, bundle) = (signed(Format::Legacy, &release), signed(Format::Bundle, &release));
    let wants = Policy::requiring(by(&["release"]));
    let before = record(&wants, vec![legacy.clone(), bundle.clone()]);
    let fields = |other: &Record| {
        let mut fields: Vec<_> = before.differences(other).into_iter().map(|one| one.field).collect();
        fields.dedup();
        fields
    };
    // The order of evidence and the name of the place.
    let mut same = record(&wants, vec![bundle.clone(), legacy.clone()]);
    same.image.name = "oci:archive".to_owned();
    same.verdict["subject"] = "oci:archive".into();
    same.verdict["lookingBackFrom"] = "2027-01-01T00:00:00Z".into();
    assert_eq!(fields(&same), Vec::<String>::new());
    let less = record(&wants, vec![bundle]);
    assert_eq!(fields(&less), ["evidence", "verdict.findings", "verdict.signatures"]);
    let nothing = fields(&record(&wants, Vec::new()));
    for field in
        ["evidence", "verdict.basis", "verdict.requirements", "verdict.verdict", "verdict.nearestMiss"]
    {
        assert!(nothing.iter().any(|found| found == field), "{field}: {nothing:?}");
    }
    let other = fields(&record(&Policy::requiring(by(&["release", "other"])), vec![legacy]));
    assert!(
        other.contains(&"policy.digest".to_owned()) && other.contains(&"policy.keys".to_owned()),
        "{other:?}"
    );
    for (field, change) in [
        (
            "time",
            Box::new(|record: &mut Record| record.time = "2027-01-01T00:00:00Z".to_owned())
                as Box<dyn Fn(&mut Record)>,
        ),
        ("image.digest", Box::new(|record| record.image.digest = None)),
        ("image.namespace", Box::new(|record| record.image.namespace = Some("a".to_owned()))),
        ("image.repository", Box::new(|record| record.image.repository = Some("a".to_owned()))),
        ("policy.name", Box::new(|record| record.policy.name = "x".to_owned())),
        ("policy.serial", Box::new(|record| record.policy.serial = Some(1))),
    ] {
        let mut changed = before.clone();
        change(&mut changed);
        assert_eq!(fields(&changed), [field]);
    }
}

/// T2: what was made after the recorded moment makes no difference; an older statement does.
#[test]
fn t2_what_was_made_later_makes_no_difference() {
    let release = key("release");
    let scan_of = |age| attested(Format::Bundle, &release, &scanned(ago(age)));
    let judged = |candidates: Vec<waxseal_core::Candidate>, past: bool| {
        let mut evidence = Evidence::new();
        evidence.candidates = candidates;
        let verifier = if past {
            Verifier::new().looking_back_from(now() + SignedDuration::from_hours(9))
        } else {
            Verifier::new()
        };
        let verdict = verifier.verify(&subject(image()), &evidence, &scan(), now());
        Record::of(&verdict, &set(&scan()), RecordedImage::named("a"))
    };
    let before = judged(vec![scan_of(100)], false);
    assert_eq!(before.differences(&judged(vec![scan_of(100), scan_of(-100)], true)), []);
    assert_ne!(before.differences(&judged(vec![scan_of(100), scan_of(50)], true)), []);
}

#[test]
fn what_is_no_record_is_not_read() {
    let text = record(&Policy::requiring(by(&["release"])), Vec::new()).to_json();
    assert!(Record::parse(text.as_bytes()).is_ok());
    for (from, to) in [
        ("waxseal/record/v1", "waxseal/record/v2"),
        ("\"time\"", "\"more\":1,\"time\""),
        ("\"time\"", "\"time\":\"\",\"time\""),
        ("\"policy\"", "\"Policy\""),
        ("sha256:", "sha255:"),
    ] {
        assert!(Record::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
    assert!(matches!(Record::parse(b"{}"), Err(RecordError::Json(_))));
}
