//! G5: what is signed elsewhere is shown from the bytes, and what comes back is held against the request.

use serde_json::{Value, json};
use waxseal_core::digest::Algorithm;
use waxseal_core::encoding::{base64_decode, base64_encode};
use waxseal_core::key::{KeyAlgorithm, LocalSigner};
use waxseal_core::limits::{REQUEST_SUBJECTS, SIGNING_REQUEST_BYTES, SIGNING_RESPONSE_BYTES};
use waxseal_core::predicate::CYCLONE_DX;
use waxseal_core::signing::detached::{
    DetachedError, DetachedRequest, DetachedResponse, PayloadKind, SignedElsewhere,
};
use waxseal_core::signing::{AttestationRequest, Predicate, SigningRequest, StatementAbout};
use waxseal_core::statement::{COSIGN_SIGN, STATEMENT_V1};
use waxseal_core::{Digest, Format, Signature, Signer as _};
use waxseal_testkit::rng::now;

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, annotations, bundle, by_release, changed, image, key, key_of, layer,
    origin, other_image,
};

fn signature(all: &[(&str, &str)]) -> DetachedRequest {
    let name = Some(REPOSITORY.to_owned());
    DetachedRequest::signature(SigningRequest::image(image(), name, annotations(all), &BOTH).unwrap())
}

fn attestation(predicate: &str) -> DetachedRequest {
    let predicate = Predicate::of_file(CYCLONE_DX, predicate.as_bytes(), now()).unwrap();
    let about = StatementAbout::new(image(), Some(REPOSITORY.to_owned()));
    DetachedRequest::attestation(AttestationRequest::new(&[about], &predicate, &BOTH).unwrap()).unwrap()
}

/// The texts of a request's payloads.
fn payloads(request: &DetachedRequest) -> Vec<(&'static str, String)> {
    let payloads = request.payloads().into_iter();
    payloads.map(|(kind, bytes)| (kind.name(), String::from_utf8(bytes.to_vec()).unwrap())).collect()
}

fn encoded(payloads: &[(&str, String)]) -> Value {
    let entries = payloads.iter().map(|(kind, text)| ((*kind).to_owned(), base64_encode(text).into()));
    json!({ "schema": "waxseal/signing-request/v1", "payloads": Value::Object(entries.collect()) })
}

fn parse(document: &Value) -> Result<DetachedRequest, DetachedError> {
    DetachedRequest::parse(document.to_string().as_bytes())
}

#[track_caller]
fn refused(document: &Value, code: &str) {
    let error = parse(document).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

#[test]
fn what_is_asked_for_reads_back_and_is_shown_from_the_bytes() {
    let request = signature(&[("stage", "release")]);
    let mut document: Value = serde_json::from_str(&request.to_json(now())).unwrap();
    // The summary may claim anything: nobody looks at it.
    document["summary"] = json!({ "subjects": [{ "digest": other_image().to_string() }] });
    for read in [&document, &serde_json::from_str(&request.to_compact_json()).unwrap()] {
        let read = parse(read).unwrap();
        let shown = read.to_be_signed();
        assert!(shown.predicate_type.is_none() && shown.predicate.is_none());
        assert_eq!(shown.subjects.len(), 1);
        assert_eq!(shown.subjects[0].digests, [image()]);
        assert_eq!(shown.subjects[0].name.as_deref(), Some(REPOSITORY));
        assert_eq!(shown.subjects[0].annotations["stage"], "release");
        assert_eq!(read.id(), request.id());
        assert_eq!(payloads(&read), payloads(&request));
    }
    let read = DetachedRequest::parse(attestation(r#"{"n":9007199254740993}"#).to_compact_json().as_bytes());
    let shown = read.unwrap().to_be_signed().clone();
    assert_eq!(shown.predicate_type.unwrap().as_str(), CYCLONE_DX);
    assert_eq!(shown.predicate.unwrap().get(), r#"{"n":9007199254740993}"#);
    assert_ne!(signature(&[]).id(), request.id());
}

#[test]
fn g5_payloads_that_disagree_are_refused() {
    let image_signature = payloads(&signature(&[("stage", "release")]));
    let attested = payloads(&attestation("{}"));
    let (hex, other) = (image().hex(), other_image().hex());
    for (payloads, at, from, to, about) in [
        (&image_signature, 0, hex.as_str(), other.as_str(), "digest"),
        (&image_signature, 1, &hex, &other, "digest"),
        (&image_signature, 0, REPOSITORY, "registry.example.com/other", "repository"),
        (&image_signature, 1, REPOSITORY, "registry.example.com/other", "repository"),
        (&image_signature, 0, "release", "test", "annotations"),
        (&image_signature, 1, "\"annotations\":{\"stage\":\"release\"}", "\"annotations\":{}", "annotations"),
        (&image_signature, 1, COSIGN_SIGN, CYCLONE_DX, "type"),
        (&attested, 0, &hex, &other, "digest"),
        (&attested, 1, &hex, &other, "digest"),
        (&attested, 0, REPOSITORY, "registry.example.com/other", "repository"),
        (&attested, 1, CYCLONE_DX, "https://example.com/review/v1", "type"),
        (&attested, 1, CYCLONE_DX, COSIGN_SIGN, "type"),
        (&attested, 0, "\"digest\"", "\"annotations\":{\"a\":\"b\"},\"digest\"", "annotations"),
        (&attested, 0, "\"predicate\":{}", "\"predicate\":{\"a\":1}", "predicate"),
        // What is not shown may not differ either.
        (&attested, 0, "\"sha256\"", "\"gitCommit\":\"00\",\"sha256\"", "bytes behind the version"),
    ] {
        assert!(parse(&encoded(payloads)).is_ok());
        let mut bad = payloads.clone();
        bad[at].1 = changed(&bad[at].1, from, to);
        let error = parse(&encoded(&bad)).unwrap_err();
        assert_eq!(error.code(), "payloads-disagree", "{error}");
        assert!(matches!(error, DetachedError::Disagree { about: found, .. } if found == about), "{error}");
    }
    // An image's signature beside an attestation.
    let mixed = [image_signature[0].clone(), attested[1].clone()];
    refused(&encoded(&mixed), "payloads-disagree");
    let mixed = [image_signature[0].clone(), attested[0].clone()];
    refused(&encoded(&mixed), "payloads-disagree");
}

#[test]
fn g5_nothing_is_signed_that_is_not_shown() {
    let whole = payloads(&signature(&[("stage", "release")]));
    let reference = "\"docker-reference\":";
    for (at, from, to) in [
        (0, "\"optional\"", "\"more\":1,\"optional\""),
        (0, "{\"critical\"", "{ \"critical\""),
        (0, reference, &format!("\"more\":\"x\",{reference}") as &str),
        (0, "\"release\"", "\"r\\u0065lease\""),
        (1, "\"predicate\":{}", "\"predicate\":{\"a\":1}"),
        (1, "\"_type\"", "\"more\":1,\"_type\""),
        (1, "\"sha256\"", "\"gitCommit\":\"00\",\"sha256\""),
        (1, "}],\"predicateType\"", "},{\"digest\":{\"gitCommit\":\"00\"}}],\"predicateType\""),
    ] {
        // Alone, too.
        for bad in [whole.clone(), vec![whole[at].clone()]] {
            assert!(parse(&encoded(&bad)).is_ok());
            let mut bad = bad;
            let text = bad.iter_mut().find(|(kind, _)| *kind == whole[at].0).unwrap();
            text.1 = changed(&text.1, from, to);
            refused(&encoded(&bad), "payload-not-canonical");
        }
    }
    let mut number = whole.clone();
    number[0].1 = changed(&number[0].1, "\"release\"", "1");
    refused(&encoded(&number), "payload-not-canonical");
}

/// A statement is shown but for its predicate; what holds more than that is refused, on its own and in both formats.
#[test]
fn g5_a_statement_that_is_not_shown_whole_is_not_signed() {
    let whole = payloads(&attestation("{}"));
    let subject = |hex: &str| format!("{{\"digest\":{{\"sha256\":\"{hex}\"}}}}");
    let end = "}],\"predicateType\"";
    let more = |count: usize| {
        let list: Vec<_> = (0..count).map(|at| subject(&Digest::of(at.to_string()).hex())).collect();
        format!("}},{}],\"predicateType\"", list.join(","))
    };
    let sha512 = format!("\"sha512\":\"{}\",\"sha256\"", Digest::of_with(Algorithm::Sha512, "x").hex());
    let (most, too_many) = (more(REQUEST_SUBJECTS - 1), more(REQUEST_SUBJECTS));
    for (from, to, code) in [
        ("\"_type\"", "\"more\":1,\"_type\"", Some("payload-not-shown")),
        ("\"_type\"", " \"_type\"", None),
        ("\"digest\"", "\"uri\":\"x\",\"digest\"", Some("payload-not-shown")),
        ("\"digest\"", "\"annotations\":{\"uri\":\"x\"},\"digest\"", None),
        ("\"sha256\"", "\"gitCommit\":\"00\",\"sha256\"", Some("payload-not-shown")),
        ("\"sha256\"", &sha512, None),
        (end, "},{\"digest\":{\"sha1\":\"00\"}}],\"predicateType\"", Some("payload-not-shown")),
        (end, &too_many, Some("too-many-subjects")),
        (end, &most, None),
    ] {
        for payloads in [vec![whole[0].clone()], vec![whole[1].clone()]] {
            let changed: Vec<_> =
                payloads.iter().map(|(kind, text)| (*kind, changed(text, from, to))).collect();
            let read = parse(&encoded(&changed));
            assert_eq!(read.as_ref().err().map(DetachedError::code), code, "{to}");
        }
        let statement = changed(&whole[1].1, from, to);
        let request = AttestationRequest::of_statement(Some(&image()), statement.as_bytes(), &BOTH).unwrap();
        let made = DetachedRequest::attestation(request);
        assert_eq!(made.as_ref().err().map(DetachedError::code), code, "{to}");
    }
}

#[test]
fn g5_what_is_expected_is_all_that_it_is_about() {
    let whole = payloads(&attestation("{}"));
    let about = |from: &str, to: &str| {
        let payload = [(whole[1].0, changed(&whole[1].1, from, to))];
        parse(&encoded(&payload)).unwrap().to_be_signed().is_only_about(&image())
    };
    assert!(about("\"predicate\":{}", "\"predicate\":{\"a\":1}"));
    assert!(signature(&[]).to_be_signed().is_only_about(&image()));
    assert!(!signature(&[]).to_be_signed().is_only_about(&other_image()));
    let end = "}],\"predicateType\"";
    let with = |hex: &str| format!("}},{{\"digest\":{{\"sha256\":\"{hex}\"}}}}],\"predicateType\"");
    assert!(about(end, &with(&image().hex())));
    assert!(!about(end, &with(&other_image().hex())), "another subject beside it");
    let sha512 = format!("\"sha512\":\"{}\",\"sha256\"", Digest::of_with(Algorithm::Sha512, "x").hex());
    assert!(!about("\"sha256\"", &sha512), "another digest beside it");
}

#[test]
fn g5_hashes_and_unknown_types_are_refused() {
    let whole = payloads(&signature(&[]));
    let message = base64_decode(&base64_encode(&whole[0].1)).unwrap();
    let hash = Digest::of(message);
    let mut document = encoded(&whole);
    let hashes = [
        base64_encode(hash.as_bytes()),
        base64_encode([7; 64]),
        base64_encode([7; 48]),
        base64_encode([7; 20]),
        base64_encode(hash.hex()),
        base64_encode(format!("{hash}\n")),
        hash.hex(),
        hash.to_string(),
    ];
    for kind in ["simple-signing", "dsse", "dsse-legacy"] {
        for bad in &hashes {
            let mut document = document.clone();
            document["payloads"] = json!({ kind: bad });
            refused(&document, "prehashed-payload");
        }
    }
    for (at, from, to, code) in [
        (0, "cosign container image signature", "atomic container signature", "payload-type-mismatch"),
        (1, STATEMENT_V1, "https://example.com/Statement/v9", "payload-type-mismatch"),
        (0, "{", "[", "malformed-payload"),
        (1, "{", "[", "malformed-payload"),
        (0, "{\"critical\"", "{\"critical\":{},\"critical\"", "malformed-payload"),
    ] {
        let mut bad = vec![whole[at].clone()];
        bad[0].1 = changed(&bad[0].1, from, to);
        refused(&encoded(&bad), code);
    }
    // An image's signature as an attestation in the legacy format (rule S3).
    let as_attestation = [("dsse-legacy", whole[1].1.clone())];
    refused(&encoded(&as_attestation), "predicate-type");
    document["payloads"]["raw"] = json!(base64_encode("x"));
    refused(&document, "unknown-payload-kind");
}

#[test]
fn a_request_is_read_strictly() {
    let good = encoded(&payloads(&signature(&[])));
    assert!(parse(&good).is_ok());
    let with = |change: fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    refused(&with(|bad| bad["schema"] = json!("waxseal/signing-request/v2")), "detached-schema");
    refused(&with(|bad| bad["schema"] = json!("waxseal/signing-response/v1")), "detached-schema");
    refused(&with(|bad| bad["schema"] = Value::Null), "detached-schema");
    refused(&with(|bad| bad["more"] = json!(1)), "detached-malformed");
    refused(&with(|bad| bad["payloads"] = json!([])), "detached-malformed");
    refused(&with(|bad| bad["payloads"] = json!({})), "detached-empty");
    refused(&with(|bad| bad["payloads"]["dsse"] = json!("e30")), "detached-encoding");
    let text = good.to_string();
    let twice = changed(&text, "\"dsse\":", "\"dsse\":\"e30=\",\"dsse\":");
    assert_eq!(DetachedRequest::parse(twice.as_bytes()).unwrap_err().code(), "duplicate-member");
    let folded = changed(&text, "\"dsse\":", "\"DSSE\":\"e30=\",\"dsse\":");
    assert!(DetachedRequest::parse(folded.as_bytes()).is_err());
    let large = vec![b' '; usize::try_from(SIGNING_REQUEST_BYTES).unwrap() + 1];
    assert_eq!(DetachedRequest::parse(&large).unwrap_err().code(), "detached-too-large");
}

fn verdict_of(made: SignedElsewhere) {
    let SignedElsewhere::Signature(signed) = made else { panic!("an attestation") };
    let legacy = signed.legacy.unwrap();
    let candidates = [
        waxseal_core::Candidate::legacy(
            origin(Format::Legacy),
            &layer(&legacy.payload, &legacy.signature),
            legacy.payload,
        ),
        bundle(&signed.bundle.unwrap()),
    ];
    for candidate in candidates {
        admitted("what came back", &Case::new(&by_release(), [candidate]).verdict());
    }
}

#[test]
fn g5_what_comes_back_is_held_against_the_request_that_was_kept() {
    let (request, release) = (signature(&[("stage", "release")]), key("release"));
    let response = request.sign(&release).unwrap();
    let text = response.to_json();
    let read = DetachedResponse::parse(text.as_bytes()).unwrap();
    assert_eq!(read, response);
    let public = release.public_key();
    verdict_of(request.clone().assemble(public, &read).unwrap());
    let codes = |request: &DetachedRequest, response: &str| {
        let response = DetachedResponse::parse(response.as_bytes()).unwrap();
        request.clone().assemble(public, &response).unwrap_err().code()
    };
    // Another request, another key, another signature.
    assert_eq!(codes(&signature(&[]), &text), "other-request");
    let other = request.sign(&key("other")).unwrap().to_json();
    assert_eq!(codes(&request, &other), "untrusted-key");
    let claims = changed(&other, &key("other").public_key().id().to_string(), &public.id().to_string());
    assert_eq!(codes(&request, &claims), "signature-mismatch");
    let pretends = signature(&[]).sign(&release).unwrap();
    let pretends = changed(&pretends.to_json(), &signature(&[]).id().to_string(), &request.id().to_string());
    assert_eq!(codes(&request, &pretends), "signature-mismatch");
    let document: Value = serde_json::from_str(&text).unwrap();
    let with = |change: fn(&mut Value)| {
        let mut changed = document.clone();
        change(&mut changed);
        changed.to_string()
    };
    let exchanged = with(|bad| {
        let one = bad["signatures"]["dsse"].take();
        bad["signatures"]["dsse"] = bad["signatures"]["simple-signing"].take();
        bad["signatures"]["simple-signing"] = one;
    });
    assert_eq!(codes(&request, &exchanged), "signature-mismatch");
    let one = with(|bad| _ = bad["signatures"].as_object_mut().unwrap().remove("dsse"));
    assert_eq!(codes(&request, &one), "missing-signature");
    let more = with(|bad| bad["signatures"]["dsse-legacy"] = bad["signatures"]["dsse"].clone());
    assert_eq!(codes(&request, &more), "superfluous-signature");
    // One format alone: what is there for it is enough, and what is there for the other is left.
    let legacy = request.clone().only(&[Format::Legacy]).unwrap();
    assert_eq!((legacy.id(), legacy.messages().count()), (request.id(), 1));
    for text in [&one, &text] {
        let response = DetachedResponse::parse(text.as_bytes()).unwrap();
        assert!(legacy.clone().assemble(public, &response).is_ok());
    }
    assert_eq!(codes(&request.clone().only(&[Format::Bundle]).unwrap(), &one), "missing-signature");

    let malformed = |text: String| DetachedResponse::parse(text.as_bytes()).unwrap_err().code();
    assert_eq!(malformed(with(|bad| bad["schema"] = json!("waxseal/signing-request/v1"))), "detached-schema");
    assert_eq!(malformed(with(|bad| bad["more"] = json!(1))), "detached-malformed");
    assert_eq!(malformed(with(|bad| bad["key"] = json!("sha256:00"))), "detached-malformed");
    assert_eq!(malformed(with(|bad| bad["request"] = json!("sha256:00"))), "detached-malformed");
    assert_eq!(malformed(with(|bad| bad["signatures"] = json!({}))), "detached-empty");
    assert_eq!(malformed(with(|bad| bad["signatures"]["dsse"] = json!("!"))), "detached-encoding");
    assert_eq!(malformed(with(|bad| bad["signatures"]["x"] = json!(""))), "unknown-payload-kind");
    let large = " ".repeat(usize::try_from(SIGNING_RESPONSE_BYTES).unwrap());
    assert_eq!(malformed(format!("{text}{large}")), "detached-too-large");
}

#[test]
fn an_attestation_is_signed_elsewhere_too() {
    let (request, release) = (attestation("{}"), key("release"));
    let response = request.sign(&release).unwrap();
    let kinds: Vec<_> = response.signatures().keys().copied().collect();
    assert_eq!(kinds, [PayloadKind::DsseLegacy, PayloadKind::Dsse]);
    let made = request.clone().assemble(release.public_key(), &response).unwrap();
    let SignedElsewhere::Attestation(signed) = made else { panic!("a signature") };
    let at_home = {
        let predicate = Predicate::of_file(CYCLONE_DX, b"{}", now()).unwrap();
        let about = StatementAbout::new(image(), Some(REPOSITORY.to_owned()));
        AttestationRequest::new(&[about], &predicate, &BOTH).unwrap().sign(&release).unwrap()
    };
    assert_eq!(signed, at_home, "the same as where the key is at hand");
    assert_eq!(request.only(&[Format::Bundle]).unwrap().messages().count(), 1);
    // A statement that a person brings is one and the same in both formats.
    let statement = crate::attestations::make::materials();
    let whole = AttestationRequest::of_statement(Some(&image()), statement.as_bytes(), &BOTH).unwrap();
    let read = DetachedRequest::attestation(whole).unwrap().to_compact_json();
    assert!(DetachedRequest::parse(read.as_bytes()).is_ok());
}

/// Signatures as other tools write them, by every kind of key, in any order.
#[test]
fn bare_signatures_find_their_payloads() {
    let request = signature(&[]);
    let kinds = [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::P521, KeyAlgorithm::Ed25519];
    for algorithm in kinds {
        let signer = key_of(algorithm, "release");
        let raw = |signer: &LocalSigner, message: &[u8]| signer.sign(message).unwrap().into_bytes();
        let made: Vec<_> = request.messages().map(|(_, message)| raw(&signer, message)).collect();
        let public = signer.public_key();
        let assemble = |files: &[Vec<u8>]| {
            let response = DetachedResponse::of_bare(&request, public, files)?;
            request.clone().assemble(public, &response)
        };
        let base64 = base64_encode(&made[1]).into_bytes();
        for files in [vec![made[0].clone(), made[1].clone()], vec![base64, made[0].clone()]] {
            assert!(assemble(&files).is_ok(), "{algorithm}");
        }
        let code = |files: &[Vec<u8>]| assemble(files).unwrap_err().code();
        assert_eq!(code(&made[..1]), "missing-signature", "{algorithm}");
        let other = raw(&key_of(algorithm, "other"), request.messages().next().unwrap().1);
        assert_eq!(code(&[made[0].clone(), other]), "signature-mismatch", "{algorithm}");
        // A signature over the hash of a payload is none of the payload.
        let hash = Digest::of(request.messages().next().unwrap().1);
        let of_hash = raw(&signer, hash.as_bytes());
        assert_eq!(code(&[of_hash, made[1].clone()]), "signature-mismatch", "{algorithm}");
        assert_eq!(code(&[made[0].clone(), Vec::new()]), "signature-mismatch", "{algorithm}");
        let twice = [made[0].clone(), made[0].clone()];
        assert_eq!(code(&twice), "missing-signature", "{algorithm}");
    }
    assert!(Signature::candidates(b"", KeyAlgorithm::P256).is_empty());
}
