//! G for attestations: what is made of a predicate, and what is never attested.

use waxseal_core::bundle::{Bundle, Content};
use waxseal_core::candidate::{CERTIFICATE_ANNOTATION, Candidate, Evidence, EvidenceStore, Origin};
use waxseal_core::digest::Algorithm;
use waxseal_core::dsse::Envelope;
use waxseal_core::key::{KeyAlgorithm, LocalSigner};
use waxseal_core::limits::{BUNDLE_BYTES, JSON_DEPTH, STATEMENT_SUBJECTS};
use waxseal_core::media_type::DSSE_ENVELOPE;
use waxseal_core::signing::{AttestationRequest, Predicate, SignedAttestation, SigningError, StatementAbout};
use waxseal_core::statement::COSIGN_SIGN;
use waxseal_core::verify::statements_by;
use waxseal_core::{Descriptor, Digest, Format, Reason, Scheme, Signature, Signer as _};
use waxseal_testkit::rng::now;

use crate::make::{BOTH, Case, REPOSITORY, annotations, by_release, image, key, key_of, other_image};

/// 2^53 + 1, which no float holds.
const BIG: &str = r#"{ "n": 9007199254740993, "f": 1.0, "a": [ ] }"#;

fn about(digest: Digest) -> StatementAbout {
    StatementAbout::new(digest, Some(REPOSITORY.to_owned()))
}

fn predicate(json: &str) -> Predicate {
    Predicate::of_file("https://example.com/review/v1", json.as_bytes(), now()).unwrap()
}

fn request(formats: &[Format]) -> AttestationRequest {
    AttestationRequest::new(&[about(image())], &predicate(BIG), formats).unwrap()
}

fn statements(request: &AttestationRequest) -> Vec<String> {
    request.statements().map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()).collect()
}

fn signatures(request: &AttestationRequest, signer: &LocalSigner) -> Vec<(Format, Signature)> {
    request.messages().map(|(format, message)| (format, signer.sign(message).unwrap())).collect()
}

/// A layer of an `.att` manifest.
fn in_tag(layer: &Descriptor, bytes: &[u8]) -> Candidate {
    let origin = Origin::new(EvidenceStore::AttestationTag, image());
    Candidate::attestation(origin, layer, bytes, BUNDLE_BYTES)
}

/// Everything that was made, as it is found beside the image.
fn found(made: &SignedAttestation) -> Evidence {
    let mut evidence = Evidence::new();
    if let Some(envelope) = &made.envelope {
        let layer = Descriptor::of(DSSE_ENVELOPE, envelope);
        evidence.candidates.push(in_tag(&layer, envelope));
    }
    if let Some(bundle) = &made.bundle {
        let origin = Origin::new(EvidenceStore::Referrer, image());
        evidence.candidates.push(Candidate::bundle(origin, bundle, BUNDLE_BYTES));
    }
    evidence
}

#[test]
fn the_predicate_goes_into_both_statements_as_it_stands() {
    let subject = format!(r#"[{{"name":"{REPOSITORY}","digest":{{"sha256":"{}"}}}}]"#, image().hex());
    let of = |version: &str| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/{version}","subject":{subject},"predicateType":"https://example.com/review/v1","predicate":{BIG}}}"#
        )
    };
    // cosign writes v0.1; the bundle, which JFrog's evidence reads too, has v1.
    assert_eq!(statements(&request(&BOTH)), [of("v0.1"), of("v1")]);
    assert_eq!(request(&BOTH).predicate_type().as_str(), "https://example.com/review/v1");
}

#[test]
fn several_subjects_are_one_statement() {
    let subjects = [about(image()), StatementAbout::new(other_image(), Some("b".to_owned()))];
    let request = AttestationRequest::new(&subjects, &predicate("{}"), &BOTH).unwrap();
    for statement in statements(&request) {
        assert!(statement.contains(&image().hex()) && statement.contains(&other_image().hex()));
    }
    assert!(matches!(AttestationRequest::new(&[], &predicate("{}"), &BOTH), Err(SigningError::Statement(_))));
    let many = vec![about(image()); STATEMENT_SUBJECTS + 1];
    assert!(AttestationRequest::new(&many[1..], &predicate("{}"), &BOTH).is_ok());
    assert!(matches!(
        AttestationRequest::new(&many, &predicate("{}"), &BOTH),
        Err(SigningError::Statement(_))
    ));
}

#[test]
fn what_is_made_is_an_envelope_and_a_bundle_over_the_same_kind_of_bytes() {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Ed25519] {
        let signer = key_of(algorithm, "release");
        let messages: Vec<_> = request(&BOTH).messages().map(|(_, message)| message.to_vec()).collect();
        let made = request(&BOTH).sign(&signer).unwrap();
        let legacy = Envelope::parse(made.envelope.as_deref().unwrap()).unwrap();
        let bundle = Bundle::parse(made.bundle.as_deref().unwrap(), BUNDLE_BYTES).unwrap();
        let Content::Envelope(bundle) = bundle.content else { panic!("an envelope") };
        for (envelope, message) in [(legacy, &messages[0]), (bundle, &messages[1])] {
            assert_eq!(&envelope.signed_bytes(), message);
            let signature = &envelope.signatures()[0].signature;
            assert!(signer.public_key().verify(message, signature, &[signer.scheme()]).is_some());
        }
        // Equal input gives equal bytes.
        assert_eq!(made, request(&BOTH).sign(&signer).unwrap());
    }
}

/// S3: an attestation is no signature, whoever signed it.
#[test]
fn s3_what_attest_makes_never_passes_as_a_signature() {
    let made = request(&BOTH).sign(&key("release")).unwrap();
    let bundle = crate::make::bundle(&made.bundle.unwrap());
    let verdict = Case::new(&by_release(), [bundle]).verdict();
    crate::make::refused("an attestation", &verdict, Reason::PredicateTypeMismatch);
    // Nor can one be made that would.
    let statement = waxseal_core::statement::Statement::write_signature(None, &image(), &annotations(&[]));
    for formats in [&BOTH[..], &BOTH[..1], &BOTH[1..]] {
        let refused = AttestationRequest::of_statement(Some(&image()), &statement, formats).unwrap_err();
        assert_eq!(refused.code(), "predicate-type");
    }
    assert!(Predicate::of_file(COSIGN_SIGN, b"{}", now()).is_err());
}

#[test]
fn g1_only_what_verifies_is_assembled() {
    let release = key("release");
    let schemes = &[Scheme::EcdsaP256Sha256][..];
    let honest = signatures(&request(&BOTH), &release);
    let assemble = |signatures: &[_]| request(&BOTH).assemble(release.public_key(), schemes, signatures);
    assert_eq!(assemble(&honest).unwrap(), request(&BOTH).sign(&release).unwrap());
    let [legacy, bundle] = &honest[..] else { panic!("two formats") };
    let exchanged = [(legacy.0, bundle.1.clone()), (bundle.0, legacy.1.clone())];
    for bad in [signatures(&request(&BOTH), &key("other")), exchanged.to_vec()] {
        assert!(matches!(assemble(&bad), Err(SigningError::DoesNotVerify { .. })));
    }
    for bad in [vec![], vec![legacy.clone()], vec![legacy.clone(), bundle.clone(), bundle.clone()]] {
        assert!(matches!(assemble(&bad), Err(SigningError::SignatureCount { .. })));
    }
    let other = request(&BOTH).assemble(release.public_key(), &[Scheme::Ed25519], &honest);
    assert!(matches!(other, Err(SigningError::DoesNotVerify { .. })));
}

#[test]
fn a_statement_is_signed_byte_for_byte() {
    let hex = image().hex();
    let statement = format!(
        "{{ \"predicateType\": \"urn:a:b\", \"_type\": \"https://in-toto.io/Statement/v1\",\n \"createdAt\": 1e2,\
         \"subject\": [ {{ \"digest\": {{ \"sha256\": \"{hex}\" }} }} ], \"predicate\": {BIG} }}\n"
    );
    let request = AttestationRequest::of_statement(Some(&image()), statement.as_bytes(), &BOTH).unwrap();
    assert_eq!(statements(&request), [statement.as_str(), &statement]);
    assert_eq!(request.predicate_type().as_str(), "urn:a:b");
    let of = |statement: &str| AttestationRequest::of_statement(Some(&image()), statement.as_bytes(), &BOTH);
    assert!(of(&statement.replace("Statement/v1", "Statement/v0.1")).is_ok());
    let other = other_image().hex();
    let deep = format!("{}1{}", "{\"a\":".repeat(JSON_DEPTH), "}".repeat(JSON_DEPTH));
    for (from, to, code) in [
        (hex.as_str(), other.as_str(), "other-subject"),
        ("\"sha256\"", "\"sha1\"", "other-subject"),
        ("urn:a:b", COSIGN_SIGN, "predicate-type"),
        ("urn:a:b", "vuln", "predicate-type"),
        ("urn:a:b", "", "predicate-type"),
        ("Statement/v1", "Statement/v2", "malformed-statement"),
        ("\"createdAt\"", "\"predicate\"", "malformed-statement"),
        ("\"createdAt\"", "\"Subject\"", "malformed-statement"),
        ("\"n\"", "\"f\"", "malformed-statement"),
        (BIG, "[]", "malformed-statement"),
        (BIG, "\"text\"", "malformed-statement"),
        (BIG, "null", "malformed-statement"),
        (BIG, &deep, "malformed-statement"),
        ("\"predicate\":", "\"p\":", "malformed-statement"),
        ("{ \"predicateType\"", "[ \"predicateType\"", "malformed-statement"),
    ] {
        let changed = statement.replacen(from, to, 1);
        assert_ne!(changed, statement, "{from}");
        assert_eq!(of(&changed).unwrap_err().code(), code, "{from}: {to}");
    }
    // One that is about others too is about this image.
    let several = statement.replace(
        "\"subject\": [",
        &format!("\"subject\": [ {{ \"name\": \"x\", \"digest\": {{ \"sha256\": \"{other}\" }} }},"),
    );
    assert!(of(&several).is_ok());
    let nobodys = statement.replace(&hex, &other);
    assert!(AttestationRequest::of_statement(None, nobodys.as_bytes(), &BOTH).is_ok());
    let words = of(&statement.replace(&hex, &other)).unwrap_err().to_string();
    assert!(words.contains(&hex) && words.contains(&other), "{words}");
}

#[test]
fn g4_g7_the_legacy_format_needs_a_name_and_sha256() {
    let of = |digest, name: Option<&str>, formats: &[Format]| {
        let subject = StatementAbout::new(digest, name.map(ToOwned::to_owned));
        AttestationRequest::new(&[subject], &predicate("{}"), formats).map(|request| statements(&request))
    };
    let long = Digest::of_with(Algorithm::Sha512, "image");
    for formats in [&BOTH[..], &BOTH[..1]] {
        assert!(matches!(of(image(), None, formats), Err(SigningError::NoName)));
        assert!(matches!(of(long, Some("a"), formats), Err(SigningError::LegacyNeedsSha256)));
    }
    assert!(!of(image(), None, &BOTH[1..]).unwrap()[0].contains("name"));
    assert!(of(long, Some("a"), &BOTH[1..]).unwrap()[0].contains(&format!("\"sha512\":\"{}\"", long.hex())));
    assert!(matches!(of(image(), Some("a"), &[]), Err(SigningError::NoFormat)));
}

#[test]
fn g1_nothing_is_attested_that_could_not_be_read() {
    // In a statement it stands one level deeper.
    let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let of = |json: &str| AttestationRequest::new(&[about(image())], &predicate(json), &BOTH);
    assert!(of(&deep(JSON_DEPTH - 1)).is_ok());
    assert_eq!(of(&deep(JSON_DEPTH)).unwrap_err().code(), "malformed-statement");
    // The payload stands in the bundle as base64, which takes a third more.
    let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    let limit = usize::try_from(BUNDLE_BYTES).unwrap();
    let large = of(&sized(limit / 4 * 3)).unwrap().sign(&key("release")).unwrap_err();
    assert!(matches!(large, SigningError::TooLarge { .. }), "{large}");
    assert!(of(&sized(limit / 4 * 3 - 4096)).unwrap().sign(&key("release")).is_ok());
}

/// G3: what a key has signed already, and nothing that it has not.
#[test]
fn g3_a_standing_statement_is_the_signers_own() {
    let release = key("release");
    let made = request(&BOTH).sign(&release).unwrap();
    let standing = statements_by(&found(&made), release.public_key(), &image());
    assert_eq!(standing.len(), 2);
    for (one, statement) in standing.iter().zip(statements(&request(&BOTH))) {
        assert_eq!(one.payload, statement.as_bytes());
    }
    // By another key, about another image, of another payload type, or a signature: none of its own.
    assert!(statements_by(&found(&made), key("other").public_key(), &image()).is_empty());
    assert!(statements_by(&found(&made), release.public_key(), &other_image()).is_empty());
    let statement = statements(&request(&BOTH[1..]))[0].clone();
    let mut foreign = Evidence::new();
    let bytes = crate::make::bundle_bytes(&[&release], "text/plain", statement.as_bytes());
    foreign.candidates.push(crate::make::bundle(&bytes));
    // One that somebody else has signed as well is theirs too.
    let two = crate::make::bundle_bytes(
        &[&release, &key("other")],
        waxseal_core::media_type::IN_TOTO,
        statement.as_bytes(),
    );
    foreign.candidates.push(crate::make::bundle(&two));
    foreign.candidates.push(crate::make::signed(Format::Legacy, &release));
    assert!(statements_by(&foreign, release.public_key(), &image()).is_empty());
}

/// L3, L6: a layer of an `.att` manifest is an envelope with a signature, whatever its annotations say.
#[test]
fn l3_a_layer_is_an_attestation_by_its_bytes() {
    let release = key("release");
    let made = request(&BOTH[..1]).sign(&release).unwrap().envelope.unwrap();
    let mut hinted = Descriptor::of(DSSE_ENVELOPE, &made);
    hinted.annotations.insert("predicateType".to_owned(), "a lie".to_owned());
    hinted.annotations.insert(CERTIFICATE_ANNOTATION.to_owned(), " \n".to_owned());
    let accepted = in_tag(&hinted, &made);
    assert!(accepted.rejection().is_none() && accepted.format() == Format::Legacy);
    let unsigned = Envelope::new("application/vnd.in-toto+json", b"{}".to_vec(), Vec::new()).to_json();
    let mut certified = Descriptor::of(DSSE_ENVELOPE, &made);
    certified.annotations.insert(CERTIFICATE_ANNOTATION.to_owned(), "a certificate".to_owned());
    for (layer, bytes, reason) in [
        (Descriptor::of("text/plain", &made), &made[..], Reason::NotASignature),
        (certified, &made, Reason::CertificateSignatureUnsupported),
        (Descriptor::of(DSSE_ENVELOPE, &unsigned), unsigned.as_bytes(), Reason::MissingSignature),
        (Descriptor::of(DSSE_ENVELOPE, b"{}"), b"{}", Reason::MalformedEnvelope),
    ] {
        let candidate = in_tag(&layer, bytes);
        assert_eq!(candidate.rejection().map(|rejection| rejection.reason), Some(reason));
        assert_eq!(candidate.format(), Format::Legacy);
    }
    let origin = Origin::new(EvidenceStore::AttestationTag, image());
    let short = Candidate::attestation(origin, &hinted, &made, made.len() as u64 - 1);
    assert_eq!(short.rejection().map(|rejection| rejection.reason), Some(Reason::LimitExceeded));
}

/// L6: what an attestation claims is told of attestations only, and nobody has verified it.
#[test]
fn l6_only_an_attestation_claims_anything() {
    let made = request(&BOTH).sign(&key("anybody")).unwrap();
    for candidate in found(&made).candidates {
        let claimed = candidate.claimed().unwrap();
        assert_eq!(claimed.predicate_type.as_str(), "https://example.com/review/v1");
        assert_eq!(claimed.digests, [image()]);
    }
    let release = key("release");
    let of = |payload_type: &str, statement: &str| {
        let bytes = crate::make::bundle_bytes(&[&release], payload_type, statement.as_bytes());
        crate::make::bundle(&bytes).claimed()
    };
    let statement = statements(&request(&BOTH[1..]))[0].clone();
    assert!(of("application/vnd.in-toto+json", &statement).is_some());
    assert!(of("text/plain", &statement).is_none());
    for (from, to) in [
        ("https://example.com/review/v1", COSIGN_SIGN),
        ("https://example.com/review/v1", "vuln"),
        ("Statement/v1", "Statement/v2"),
        ("\"subject\"", "\"subjects\""),
    ] {
        assert!(of("application/vnd.in-toto+json", &statement.replace(from, to)).is_none(), "{to}");
    }
    assert!(crate::make::signed(Format::Legacy, &release).claimed().is_none());
    assert!(crate::make::signed(Format::Bundle, &release).claimed().is_none());
}
