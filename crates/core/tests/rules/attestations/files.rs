//! Attestations about blobs, in files.

use waxseal_core::digest::Algorithm;
use waxseal_core::encoding::base64_encode;
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::predicate::CYCLONE_DX;
use waxseal_core::verify::{BlobSignature, attestation_file};
use waxseal_core::{Candidate, Digest, Policy, Reason, Signer as _, Verdict, Verifier};
use waxseal_testkit::rng::now;

use super::make::{about, envelope, sbom, wanted};
use crate::make::{admitted, bundle_bytes, by_release, changed, key, refused, statement};

fn blob() -> Digest {
    Digest::of("a blob")
}

fn judge_by(policy: &Policy, files: impl IntoIterator<Item = Candidate>) -> Verdict<Digest> {
    Verifier::new().blob_attestation("a blob", blob(), &[], files, policy, now())
}

fn judge(file: &[u8]) -> Verdict<Digest> {
    judge_by(&sbom(), [attestation_file(file, blob())])
}

fn honest() -> String {
    envelope(&[&key("release")], IN_TOTO, &about(blob(), CYCLONE_DX, "{}"))
}

#[test]
fn every_form_of_a_file() {
    let text = about(blob(), CYCLONE_DX, "{}");
    let bundle = bundle_bytes(&[&key("release")], IN_TOTO, text.as_bytes());
    let old =
        format!("{{\"base64Signature\":\"{}\",\"rekorBundle\":null}}", base64_encode(honest().as_bytes()));
    let files = [
        honest().into_bytes(),
        format!("\n{}\n", honest()).into_bytes(),
        base64_encode(honest().as_bytes()).into_bytes(),
        bundle,
        old.clone().into_bytes(),
    ];
    for file in files {
        let verdict = judge(&file);
        admitted("a form", &verdict);
        assert_eq!(verdict.attestations()[0].statement(), text.as_bytes());
        assert_eq!(**verdict.verified().unwrap(), blob());
    }
    let certified = changed(&old, "\"rekorBundle\":null", "\"cert\":\"x\"");
    refused("a certificate", &judge(certified.as_bytes()), Reason::CertificateSignatureUnsupported);
}

#[test]
pub(crate) fn a_file_that_holds_no_attestation() {
    admitted("an honest one", &judge(honest().as_bytes()));
    let cases: [(&str, &[u8], Reason); 6] = [
        ("nothing", b"", Reason::MalformedEnvelope),
        ("no text", &[0xff, 0xfe], Reason::MalformedEnvelope),
        ("no base64", b"hello, world", Reason::MalformedEnvelope),
        ("an object", b"{}", Reason::MalformedEnvelope),
        ("a list", b"[]", Reason::MalformedEnvelope),
        ("another type", br#"{"mediaType":7}"#, Reason::MalformedBundle),
    ];
    for (name, file, reason) in cases {
        refused(name, &judge(file), reason);
    }
    let twice = changed(&honest(), "\"payload\"", "\"Payload\":\"\",\"payload\"");
    refused("twice", &judge(twice.as_bytes()), Reason::DuplicateMember);
    refused("cut off", &judge(&honest().as_bytes()[..40]), Reason::MalformedEnvelope);
    let none = waxseal_core::dsse::Envelope::new(IN_TOTO, b"{}".to_vec(), Vec::new()).to_json();
    refused("unsigned", &judge(none.as_bytes()), Reason::MissingSignature);
    assert_eq!(judge_by(&sbom(), []).nearest_miss().unwrap().reason, Reason::NoAttestation);
}

#[test]
fn an_attestation_is_about_the_blob() {
    let of = |digest| envelope(&[&key("release")], IN_TOTO, &about(digest, CYCLONE_DX, "{}"));
    admitted("this blob", &judge(of(blob()).as_bytes()));
    refused("another blob", &judge(of(Digest::of("other")).as_bytes()), Reason::SubjectMismatch);
    refused("another type", &judge(changed_type().as_bytes()), Reason::PredicateTypeMismatch);
    // By another algorithm, if whoever asks brings that digest too.
    let sha512 = Digest::of_with(Algorithm::Sha512, "a blob");
    let text = changed(
        &about(blob(), CYCLONE_DX, "{}"),
        &format!("\"sha256\":\"{}\"", blob().hex()),
        &format!("\"sha512\":\"{}\"", sha512.hex()),
    );
    let file = attestation_file(envelope(&[&key("release")], IN_TOTO, &text).as_bytes(), blob());
    refused("not brought", &judge_by(&sbom(), [file.clone()]), Reason::SubjectMismatch);
    let also = [sha512];
    let verdict = Verifier::new().blob_attestation("a blob", blob(), &also, [file], &sbom(), now());
    admitted("brought", &verdict);
    assert_eq!(verdict.attestations()[0].digest, sha512);
}

fn changed_type() -> String {
    envelope(&[&key("release")], IN_TOTO, &about(blob(), waxseal_core::predicate::SPDX, "{}"))
}

/// Rule S3: a blob's signature, an image's and an attestation are three things.
#[test]
fn s3_nothing_about_a_blob_passes_as_something_else() {
    let release = key("release");
    let signed = attestation_file(&bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes()), blob());
    refused("an image signature", &judge_by(&sbom(), [signed.clone()]), Reason::ImageSignature);
    refused("asked for a signature", &judge_by(&by_release(), [signed]), Reason::NotASignature);
    let honest = attestation_file(honest().as_bytes(), blob());
    refused("an attestation", &judge_by(&by_release(), [honest]), Reason::NoSignature);
    // A blob's signature meets no requirement of an attestation.
    let message = waxseal_core::bundle::Bundle::write_message(
        &release.public_key().id(),
        release.sign(b"a blob").unwrap().as_bytes(),
        None,
    );
    let file = attestation_file(message.as_bytes(), blob());
    refused("a blob's signature", &judge_by(&sbom(), [file]), Reason::NotAnAttestation);
    let verifier = Verifier::new();
    let judge_blob = |policy: &Policy| {
        let mut judged = verifier.blob("a blob", BlobSignature::parse(message.as_bytes()), policy, now());
        judged.update(b"a blob");
        judged.finish()
    };
    admitted("a signature", &judge_blob(&by_release()));
    refused("as an attestation", &judge_blob(&sbom()), Reason::NotAnAttestation);
}

/// Rule S2: several files count together over one statement.
#[test]
fn s2_several_files() {
    let policy = Policy::requiring(wanted("cyclonedx", &["a", "b"]).threshold(2).unwrap());
    let by = |name: &str| {
        let text = envelope(&[&key(name)], IN_TOTO, &about(blob(), CYCLONE_DX, "{}"));
        attestation_file(text.as_bytes(), blob())
    };
    admitted("two keys", &judge_by(&policy, [by("a"), by("b")]));
    refused("one key", &judge_by(&policy, [by("a"), by("a")]), Reason::ThresholdNotMet);
}

/// An evidence file of Artifactory: the alias of a key for its id, members of JFrog's own, and a subject without a name. Its
/// signed content says what it is about, and nothing beside it does.
#[test]
fn evidence_of_artifactory_is_an_envelope_like_any_other() {
    let statement = |digest: Digest| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"{CYCLONE_DX}","predicate":{{}},"createdAt":"2026-01-02T03:04:05.678Z","createdBy":"ci","markdown":"IyBIaQ==","stage":"PROD","attachments":[]}}"#,
            digest.hex()
        )
    };
    let evidence = |digest| {
        let text = envelope(&[&key("release")], IN_TOTO, &statement(digest));
        changed(&text, "{\"sig\"", "{\"keyid\":\"release-alias\",\"sig\"")
    };
    admitted("evidence", &judge(evidence(blob()).as_bytes()));
    refused("of another", &judge(evidence(Digest::of("another")).as_bytes()), Reason::SubjectMismatch);
}
