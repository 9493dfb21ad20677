//! S3: what an image signature is, and what never passes as one. S8: certificates.

use waxseal_core::bundle::Bundle;
use waxseal_core::candidate::CERTIFICATE_ANNOTATION;
use waxseal_core::digest::Algorithm;
use waxseal_core::dsse::{Envelope, pae};
use waxseal_core::limits::{ENVELOPE_SIGNATURES, STATEMENT_SUBJECTS, SUBJECT_DIGESTS};
use waxseal_core::media_type::{DSSE_ENVELOPE, IN_TOTO, SIMPLE_SIGNING};
use waxseal_core::simple_signing;
use waxseal_core::statement::{COSIGN_SIGN, STATEMENT_V01, STATEMENT_V1};
use waxseal_core::{Candidate, Digest, Format, Reason, Signer as _};

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, bundle, bundle_bytes, bundle_over, by_release, changed, image, key,
    layer, legacy_over, origin, other_image, over, pair, payload, refused, signed, signed_as, statement,
    text,
};

/// The honest signature beside the text with one change, signed as validly.
fn pairs(format: Format, cases: &[(&str, String, Reason)]) {
    let release = key("release");
    let good = Case::new(&by_release(), [over(format, &release, &text(format))]);
    for (name, bad, reason) in cases {
        pair(name, &good, &Case::new(&by_release(), [over(format, &release, bad)]), *reason);
    }
}

#[test]
pub(crate) fn s3_a_legacy_payload_of_another_kind() {
    let kind = |to: &str| changed(&payload(&[]), simple_signing::TYPE, to);
    pairs(
        Format::Legacy,
        &[
            ("another type", kind("atomic container signature"), Reason::PayloadTypeMismatch),
            ("a type in other case", kind("Cosign container image signature"), Reason::PayloadTypeMismatch),
            ("no type", kind(""), Reason::PayloadTypeMismatch),
            (
                "a blank behind the type",
                kind("cosign container image signature "),
                Reason::PayloadTypeMismatch,
            ),
        ],
    );
}

#[test]
pub(crate) fn s3_a_legacy_payload_that_does_not_read() {
    let payload = payload(&[]);
    let hex = image().hex();
    let change = |from: &str, to: &str| changed(&payload, from, to);
    let pae = String::from_utf8(pae(IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let cases = [
        ("a digest in upper case", change(&hex, &hex.to_uppercase())),
        ("a short digest", change(&hex, &hex[..62])),
        ("a digest without algorithm", change("\"sha256:", "\"")),
        ("a digest of another algorithm", change("sha256:", "sha384:")),
        ("no digest", change("docker-manifest-digest", "manifest-digest")),
        ("a digest of null", change(&format!("\"sha256:{hex}\""), "null")),
        ("no identity", change("\"identity\"", "\"id\"")),
        ("annotations that are a list", change("\"optional\":null", "\"optional\":[]")),
        ("an in-toto statement", statement(&[])),
        ("what a bundle signs", pae),
        ("no JSON", "image".to_owned()),
        ("nothing", String::new()),
        ("cut off", payload[..payload.len() - 1].to_owned()),
        ("something behind it", format!("{payload}{{}}")),
        ("a byte-order mark", format!("\u{feff}{payload}")),
        (
            "deep",
            change(
                "\"optional\":null",
                &format!("\"optional\":{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64)),
            ),
        ),
    ];
    pairs(Format::Legacy, &cases.map(|(name, bad)| (name, bad, Reason::MalformedPayload)));
    let mut bytes = payload.into_bytes();
    bytes.push(0xff);
    let bad = Case::new(&by_release(), [legacy_over(&key("release"), &bytes)]);
    refused("not UTF-8", &bad.verdict(), Reason::MalformedPayload);
}

#[test]
pub(crate) fn s3_an_attestation_never_passes_as_a_signature() {
    let kind = |to: &str| changed(&statement(&[]), COSIGN_SIGN, to);
    let cases = [
        ("provenance", kind("https://slsa.dev/provenance/v1")),
        ("a scan", kind("https://cosign.sigstore.dev/attestation/vuln/v1")),
        ("any other type", kind("https://example.com/sign/v1")),
        ("a version more", kind("https://sigstore.dev/cosign/sign/v2")),
        ("a slash more", kind("https://sigstore.dev/cosign/sign/v1/")),
        ("upper case", kind("https://SIGSTORE.dev/cosign/sign/v1")),
        ("http", kind("http://sigstore.dev/cosign/sign/v1")),
        ("no type", kind("")),
        // What stands in the predicate says nothing about what it is.
        (
            "the type in the predicate",
            changed(
                &kind("https://example.com/x"),
                "\"predicate\":{}",
                &format!("\"predicate\":{{\"predicateType\":\"{COSIGN_SIGN}\"}}"),
            ),
        ),
    ];
    pairs(Format::Bundle, &cases.map(|(name, bad)| (name, bad, Reason::PredicateTypeMismatch)));
}

#[test]
fn s3_a_statement_that_does_not_read() {
    let statement = statement(&[]);
    let change = |from: &str, to: &str| changed(&statement, from, to);
    let cases = [
        ("a version that is not known", change(STATEMENT_V1, "https://in-toto.io/Statement/v2")),
        ("another _type", change(STATEMENT_V1, "https://in-toto.io/Layout/v1")),
        ("a predicate that is text", change("\"predicate\":{}", "\"predicate\":\"\"")),
        ("a predicate that is a list", change("\"predicate\":{}", "\"predicate\":[]")),
        ("no predicate type", change("\"predicateType\"", "\"type\"")),
        ("a simple-signing payload", payload(&[])),
        ("cut off", statement[..statement.len() - 1].to_owned()),
        ("no JSON", "statement".to_owned()),
        ("something behind it", format!("{statement} 1")),
        ("a byte-order mark", format!("\u{feff}{statement}")),
        (
            "deep",
            change(
                "\"predicate\":{}",
                &format!("\"predicate\":{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64)),
            ),
        ),
    ];
    pairs(Format::Bundle, &cases.map(|(name, bad)| (name, bad, Reason::MalformedPayload)));
    let old = changed(&statement, STATEMENT_V1, STATEMENT_V01);
    admitted(
        "version 0.1",
        &Case::new(&by_release(), [bundle_over(&key("release"), old.as_bytes())]).verdict(),
    );
}

/// T-01: a signature of one image, found beside another.
#[test]
pub(crate) fn s3_a_signature_of_another_image() {
    for format in BOTH {
        let of = |digest| signed_as(format, &key("release"), digest, REPOSITORY, &[]);
        let (good, bad) =
            (Case::new(&by_release(), [of(image())]), Case::new(&by_release(), [of(other_image())]));
        pair(format.name(), &good, &bad, Reason::SubjectMismatch);
        let verdict = bad.verdict();
        let finding = verdict.nearest_miss().unwrap();
        assert_eq!(finding.expected.as_deref(), Some(image().to_string().as_str()));
        assert_eq!(finding.found.as_deref(), Some(other_image().to_string().as_str()));
        assert_eq!(finding.key.as_deref(), Some("release"));
    }
}

/// T-02, T-03: what a subject must name.
#[test]
fn s3_a_subject_names_the_image_by_the_digest_that_was_judged() {
    let statement = statement(&[]);
    let (hex, other) = (image().hex(), other_image().hex());
    let long = Digest::of_with(Algorithm::Sha512, "the image").hex();
    let honest = format!("{{\"sha256\":\"{hex}\"}}");
    let digest = |to: &str| changed(&statement, &honest, to);
    let subject = |to: &str| {
        let (front, behind) = statement.split_once("\"subject\":[").unwrap();
        format!("{front}\"subject\":{to}{}", &behind[behind.find(']').unwrap() + 1..])
    };
    let of = |hex: &str| format!("{{\"digest\":{{\"sha256\":\"{hex}\"}}}}");
    let digests = |count: usize| {
        let more: Vec<_> = (1..count).map(|at| format!("\"x{at}\":\"00\"")).collect();
        digest(&format!("{{{},\"sha256\":\"{hex}\"}}", more.join(",")))
    };
    let subjects = |count| subject(&format!("[{}]", vec![of(&hex); count].join(",")));
    pairs(
        Format::Bundle,
        &[
            ("another image", digest(&format!("{{\"sha256\":\"{other}\"}}")), Reason::SubjectMismatch),
            (
                "another image's SHA-256 and our SHA-512",
                digest(&format!("{{\"sha256\":\"{other}\",\"sha512\":\"{long}\"}}")),
                Reason::SubjectMismatch,
            ),
            ("SHA-512 alone", digest(&format!("{{\"sha512\":\"{long}\"}}")), Reason::SubjectMismatch),
            (
                "an unknown algorithm",
                digest(&format!("{{\"gitCommit\":\"{hex}\"}}")),
                Reason::SubjectMismatch,
            ),
            (
                "an algorithm in upper case",
                digest(&format!("{{\"SHA256\":\"{hex}\"}}")),
                Reason::SubjectMismatch,
            ),
            ("no digest", digest("{}"), Reason::MalformedPayload),
            ("a digest map of null", digest("null"), Reason::MalformedPayload),
            ("a digest that is text", digest(&format!("\"sha256:{hex}\"")), Reason::MalformedPayload),
            ("a digest of null", digest("{\"sha256\":null}"), Reason::MalformedPayload),
            (
                "upper case",
                digest(&format!("{{\"sha256\":\"{}\"}}", hex.to_uppercase())),
                Reason::MalformedPayload,
            ),
            ("too short", digest(&format!("{{\"sha256\":\"{}\"}}", &hex[..62])), Reason::MalformedPayload),
            (
                "with its algorithm",
                digest(&format!("{{\"sha256\":\"sha256:{hex}\"}}")),
                Reason::MalformedPayload,
            ),
            ("no subjects", subject("[]"), Reason::MalformedPayload),
            ("subjects of null", subject("null"), Reason::MalformedPayload),
            ("a subject of null", subject("[null]"), Reason::MalformedPayload),
            (
                "a subject without a digest",
                subject(&format!("[{},{{}}]", of(&hex))),
                Reason::MalformedPayload,
            ),
            ("a subject that is no list", subject(&of(&hex)), Reason::MalformedPayload),
            ("too many subjects", subjects(STATEMENT_SUBJECTS + 1), Reason::MalformedPayload),
            ("too many digests", digests(SUBJECT_DIGESTS + 1), Reason::MalformedPayload),
        ],
    );
    for (name, good) in [
        ("as many subjects as may be", subjects(STATEMENT_SUBJECTS)),
        ("as many digests as may be", digests(SUBJECT_DIGESTS)),
        ("the second subject", subject(&format!("[{},{}]", of(&other), of(&hex)))),
    ] {
        let verdict = Case::new(&by_release(), [bundle_over(&key("release"), good.as_bytes())]).verdict();
        admitted(name, &verdict);
        assert_eq!(
            verdict.signatures()[0].digest,
            image(),
            "the digest that is shown is the one that matched"
        );
    }
}

/// T-07: the type is part of what is signed.
#[test]
fn s3_the_payload_type_is_signed() {
    let release = key("release");
    let statement = statement(&[]);
    let typed = |payload_type: &str| bundle(&bundle_bytes(&[&release], payload_type, statement.as_bytes()));
    let good = Case::new(&by_release(), [typed(IN_TOTO)]);
    for other in [SIMPLE_SIGNING, "", "application/vnd.in-toto+json;v=1", "Application/vnd.in-toto+json"] {
        let bad = Case::new(&by_release(), [typed(other)]);
        pair("a type that was signed", &good, &bad, Reason::PayloadTypeMismatch);
        let bytes = String::from_utf8(bundle_bytes(&[&release], other, statement.as_bytes())).unwrap();
        let relabelled = changed(
            &bytes,
            &format!("\"payloadType\":\"{other}\""),
            &format!("\"payloadType\":\"{IN_TOTO}\""),
        );
        let bad = Case::new(&by_release(), [bundle(relabelled.as_bytes())]);
        pair("a type that was changed since", &good, &bad, Reason::SignatureMismatch);
    }
    // A signature over the payload alone, as the legacy format makes them, is none of an envelope.
    let bare = release.sign(statement.as_bytes()).unwrap().into_bytes();
    let envelope = Envelope::new(IN_TOTO, statement.clone().into_bytes(), vec![bare]);
    let bad = bundle(Bundle::write_envelope(&release.public_key().id(), &envelope).as_bytes());
    refused("without the encoding", &Case::new(&by_release(), [bad]).verdict(), Reason::SignatureMismatch);
}

#[test]
fn s3_what_was_changed_since_does_not_verify() {
    let release = key("release");
    let honest = String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let other =
        String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[("stage", "prod")]).as_bytes()))
            .unwrap();
    let member =
        |text: &str, name: &str| text.split_once(name).unwrap().1.split('"').next().unwrap().to_owned();
    let swapped = changed(&honest, &member(&honest, "\"payload\":\""), &member(&other, "\"payload\":\""));
    let good = Case::new(&by_release(), [bundle(honest.as_bytes())]);
    let bad = Case::new(&by_release(), [bundle(swapped.as_bytes())]);
    pair("another payload", &good, &bad, Reason::SignatureMismatch);
    let signature = release.sign(payload(&[]).as_bytes()).unwrap().to_base64();
    let legacy = |payload: String| {
        let candidate = Candidate::legacy(
            origin(Format::Legacy),
            &layer(payload.as_bytes(), &signature),
            payload.into_bytes(),
        );
        Case::new(&by_release(), [candidate])
    };
    for other in [payload(&[("stage", "prod")]), changed(&payload(&[]), ",\"optional\"", ", \"optional\"")] {
        pair("another payload", &legacy(payload(&[])), &legacy(other), Reason::SignatureMismatch);
    }
}

#[test]
pub(crate) fn s3_a_message_signature_signs_no_image() {
    let release = key("release");
    let good = Case::new(&by_release(), [signed(Format::Bundle, &release)]);
    for blob in
        [payload(&[]).into_bytes(), pae(IN_TOTO, statement(&[]).as_bytes()), image().as_bytes().to_vec()]
    {
        let signature = release.sign(&blob).unwrap();
        let message = Bundle::write_message(&release.public_key().id(), signature.as_bytes(), None);
        let bad = Case::new(&by_release(), [bundle(message.as_bytes())]);
        pair("a message signature", &good, &bad, Reason::NotASignature);
    }
    let payload = payload(&[]).into_bytes();
    let signature = release.sign(&payload).unwrap().to_base64();
    let mut other = layer(&payload, &signature);
    other.media_type = DSSE_ENVELOPE.to_owned();
    let bad = Candidate::legacy(origin(Format::Legacy), &other, payload);
    refused("a layer of another type", &Case::new(&by_release(), [bad]).verdict(), Reason::NotASignature);
}

/// T-08: an envelope with other signatures beside the good one, without any, with too many.
#[test]
pub(crate) fn s3_the_signatures_of_an_envelope() {
    let (release, other) = (key("release"), key("other"));
    let with = |signers: &[_]| {
        Case::new(&by_release(), [bundle(&bundle_bytes(signers, IN_TOTO, statement(&[]).as_bytes()))])
    };
    let good = with(&[&release, &other]);
    pair("a foreign one first", &with(&[&other, &release]), &with(&[&other, &other]), Reason::UntrustedKey);
    let empty = Envelope::new(IN_TOTO, statement(&[]).into_bytes(), Vec::new());
    let empty = bundle(Bundle::write_envelope(&release.public_key().id(), &empty).as_bytes());
    pair("none", &good, &Case::new(&by_release(), [empty]), Reason::MissingSignature);
    let mut many = vec![&other; ENVELOPE_SIGNATURES - 1];
    many.push(&release);
    let full = with(&many);
    many.push(&release);
    pair("too many", &full, &with(&many), Reason::LimitExceeded);
}

#[test]
pub(crate) fn s3_a_layer_without_a_signature() {
    let release = key("release");
    let payload = payload(&[]).into_bytes();
    let text = release.sign(&payload).unwrap().to_base64();
    let with = |signature: Option<&str>| {
        let mut layer = layer(&payload, signature.unwrap_or_default());
        if signature.is_none() {
            layer.annotations.clear();
        }
        Case::new(&by_release(), [Candidate::legacy(origin(Format::Legacy), &layer, payload.clone())])
    };
    let good = with(Some(&text));
    pair("no annotation", &good, &with(None), Reason::MissingSignature);
    pair("an empty annotation", &good, &with(Some("")), Reason::MissingSignature);
    for oddity in waxseal_testkit::hostile::base64_oddities(&text) {
        let text = String::from_utf8(oddity.bytes).unwrap();
        let bad = with(Some(&text)).verdict();
        // A letter more or less may be standard base64 of other bytes.
        let reason = match waxseal_core::encoding::base64_decode(&text) {
            Ok(_) => Reason::SignatureMismatch,
            Err(_) => Reason::MalformedSignature,
        };
        refused(&oddity.name, &bad, reason);
    }
}

/// A bundle's own word for its key is a hint: it changes what a refusal says and nothing else.
#[test]
fn s3_hints_choose_nothing() {
    let release = key("release");
    let honest =
        |signer| String::from_utf8(bundle_bytes(&[signer], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let hint = release.public_key().id().hint();
    for other in [key("other").public_key().id().hint(), "x".to_owned(), String::new()] {
        let hinted = bundle(changed(&honest(&release), &hint, &other).as_bytes());
        admitted("another hint", &Case::new(&by_release(), [hinted]).verdict());
    }
    let keyed = changed(&honest(&release), "{\"sig\"", "{\"keyid\":\"other\",\"sig\"");
    admitted("another key id", &Case::new(&by_release(), [bundle(keyed.as_bytes())]).verdict());
    let claimed = changed(&honest(&key("other")), &key("other").public_key().id().hint(), &hint);
    let bad = Case::new(&by_release(), [bundle(claimed.as_bytes())]).verdict();
    refused("a foreign key under our hint", &bad, Reason::SignatureMismatch);
}

#[test]
pub(crate) fn s8_a_certificate_is_refused_and_not_undecided() {
    let release = key("release");
    let payload = payload(&[]).into_bytes();
    let signature = release.sign(&payload).unwrap().to_base64();
    let certified = |pem: &str| {
        let mut layer = layer(&payload, &signature);
        layer.annotations.insert(CERTIFICATE_ANNOTATION.to_owned(), pem.to_owned());
        Case::new(&by_release(), [Candidate::legacy(origin(Format::Legacy), &layer, payload.clone())])
    };
    for pem in ["-----BEGIN CERTIFICATE-----", "x", &release.public_key().to_pem()] {
        pair("an annotation", &certified(" \n"), &certified(pem), Reason::CertificateSignatureUnsupported);
    }
    let honest = String::from_utf8(bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let public_key = format!("\"publicKey\":{{\"hint\":\"{}\"}}", release.public_key().id().hint());
    let with = |material: &str| {
        Case::new(&by_release(), [bundle(changed(&honest, &public_key, material).as_bytes())])
    };
    let more = format!("{public_key},\"x\":{{}}");
    for material in [
        "\"certificate\":{\"rawBytes\":\"AA==\"}",
        "\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"AA==\"}]}",
    ] {
        pair("material", &with(&more), &with(material), Reason::CertificateSignatureUnsupported);
        let both = format!("{public_key},{material}");
        pair("both", &with(&more), &with(&both), Reason::MalformedBundle);
    }
}
