//! Signatures of blobs, which no registry holds.

use waxseal_core::bundle::{Bundle, MessageDigest};
use waxseal_core::key::{KeyAlgorithm, LocalSigner, Prehashed};
use waxseal_core::limits::KEY_FILE_BYTES;
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::SignedFor;
use waxseal_core::verify::BlobSignature;
use waxseal_core::{
    Digest, Format, Policy, Reason, Scheme, SignatureRequirement, Signer as _, TrustedKey, Verdict, Verifier,
};
use waxseal_testkit::rng::now;

use crate::make::{
    admitted, annotations, bundle_bytes, by, by_release, changed, key, key_of, refused, statement, trusted,
};
use crate::signatures::schemes;

/// The verdict over a blob that comes in pieces, by the bytes of a signature file.
fn judge(policy: &Policy, file: &[u8], blob: &[u8]) -> Verdict<Digest> {
    let verifier = Verifier::new();
    let mut judged = verifier.blob("a.bin", BlobSignature::parse(file), policy, now());
    blob.chunks(7).for_each(|piece| judged.update(piece));
    judged.finish()
}

/// One in 256 signatures of Ed25519 begins with a brace, as JSON does.
#[test]
fn the_bytes_of_a_signature_may_begin_as_json_does() {
    let ed25519 = key_of(KeyAlgorithm::Ed25519, "release");
    let policy = Policy::requiring(
        SignatureRequirement::by(vec![TrustedKey::new("release", ed25519.public_key().clone())]).unwrap(),
    );
    let (blob, signature) = (0_u32..)
        .map(|number| format!("blob {number}").into_bytes())
        .map(|blob| (ed25519.sign(&blob).unwrap().into_bytes(), blob))
        .find_map(|(signature, blob)| (signature[0] == b'{').then_some((blob, signature)))
        .unwrap();
    admitted("the bytes as they are", &judge(&policy, &signature, &blob));
    refused("of another blob", &judge(&policy, &signature, b"blob"), Reason::SignatureMismatch);
}

#[test]
fn l4_a_format_that_was_left_out_does_not_count() {
    let release = key("release");
    let blob = b"blob";
    let signature = release.sign(blob).unwrap();
    let bundle = Bundle::write_message(&release.public_key().id(), signature.as_bytes(), None).into_bytes();
    for (wanted, file, other) in [
        (Format::Legacy, signature.to_base64().into_bytes(), bundle.clone()),
        (Format::Bundle, bundle, signature.to_base64().into_bytes()),
    ] {
        let policy = Policy::requiring(by(&["release"]).only(wanted));
        admitted(wanted.name(), &judge(&policy, &file, blob));
        refused(wanted.name(), &judge(&policy, &other, blob), Reason::FormatExcluded);
        admitted("any format", &judge(&by_release(), &other, blob));
    }
}

const BLOB: &[u8] = b"the bytes of a release";

/// The bundle of a blob, with a digest if one is to be named.
fn message(signer: &LocalSigner, blob: &[u8], digest: Option<(MessageDigest, &[u8])>) -> String {
    let signature = signer.sign(blob).unwrap();
    Bundle::write_message(&signer.public_key().id(), signature.as_bytes(), digest)
}

#[test]
fn every_scheme_signs_blobs_in_every_form() {
    for signer in schemes::signers() {
        let wanted = SignatureRequirement::by(vec![TrustedKey::new("release", signer.public_key().clone())]);
        let policy = Policy::requiring(wanted.unwrap());
        let signature = signer.sign(BLOB).unwrap();
        let text = signature.to_base64();
        let hashes =
            Prehashed::of(&[Scheme::EcdsaP256Sha256, Scheme::EcdsaP384Sha384, Scheme::Ed25519ph], BLOB);
        for (name, file) in [
            ("base64", text.clone().into_bytes()),
            ("a line end", format!("{text}\r\n").into_bytes()),
            ("the bytes", signature.as_bytes().to_vec()),
            ("an older bundle", format!("{{\"base64Signature\":\"{text}\"}}").into_bytes()),
            (
                "an older bundle, no certificate",
                format!("{{\"base64Signature\":\"{text}\",\"cert\":\" \"}}").into_bytes(),
            ),
            ("a bundle", message(&signer, BLOB, None).into_bytes()),
            (
                "SHA-256",
                message(&signer, BLOB, Some((MessageDigest::Sha256, hashes.sha256().unwrap()))).into_bytes(),
            ),
            (
                "SHA-384",
                message(&signer, BLOB, Some((MessageDigest::Sha384, hashes.sha384().unwrap()))).into_bytes(),
            ),
            (
                "SHA-512",
                message(&signer, BLOB, Some((MessageDigest::Sha512, hashes.sha512().unwrap()))).into_bytes(),
            ),
        ] {
            let good = judge(&policy, &file, BLOB);
            admitted(name, &good);
            assert_eq!(**good.verified().unwrap(), Digest::of(BLOB));
            assert_eq!(good.signatures()[0].scheme, signer.scheme());
            let named = name.starts_with("SHA");
            let reason = if named { Reason::BlobMismatch } else { Reason::SignatureMismatch };
            refused(name, &judge(&policy, &file, b"the bytes of a releasf"), reason);
        }
    }
}

/// A bundle that names another blob is refused for that, also where its signature would hold.
#[test]
pub(crate) fn the_digest_in_a_bundle_is_compared() {
    let release = key("release");
    let right = Digest::of(BLOB);
    let case = |digest: Option<(MessageDigest, &[u8])>| {
        judge(&by_release(), message(&release, BLOB, digest).as_bytes(), BLOB)
    };
    admitted("the digest", &case(Some((MessageDigest::Sha256, right.as_bytes()))));
    for (name, digest) in [
        ("of another blob", (MessageDigest::Sha256, Digest::of("other").as_bytes().to_vec())),
        ("by another hash", (MessageDigest::Sha384, right.as_bytes().to_vec())),
        ("by a longer hash", (MessageDigest::Sha512, right.as_bytes().to_vec())),
        ("a byte less", (MessageDigest::Sha256, right.as_bytes()[1..].to_vec())),
        ("nothing", (MessageDigest::Sha256, Vec::new())),
    ] {
        refused(name, &case(Some((digest.0, &digest.1))), Reason::BlobMismatch);
    }
}

#[test]
fn a_file_that_is_no_signature_of_a_blob() {
    let release = key("release");
    let honest = message(&release, BLOB, Some((MessageDigest::Sha256, Digest::of(BLOB).as_bytes())));
    let text = release.sign(BLOB).unwrap().to_base64();
    admitted("the bundle", &judge(&by_release(), honest.as_bytes(), BLOB));
    admitted("the base64", &judge(&by_release(), text.as_bytes(), BLOB));
    let change = |from: &str, to: &str| changed(&honest, from, to).into_bytes();
    let hint = format!("\"publicKey\":{{\"hint\":\"{}\"}}", release.public_key().id().hint());
    let old = |more: &str| format!("{{\"base64Signature\":\"{text}\"{more}}}").into_bytes();
    let image = bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes());
    let large = " ".repeat(usize::try_from(KEY_FILE_BYTES).unwrap());
    for (name, bad, reason) in [
        ("nothing", Vec::new(), Reason::MissingSignature),
        ("a line end", b"\n".to_vec(), Reason::MissingSignature),
        (
            "an older bundle without a signature",
            b"{\"base64Signature\":\"\"}".to_vec(),
            Reason::MissingSignature,
        ),
        ("an older bundle, no base64", b"{\"base64Signature\":\"*\"}".to_vec(), Reason::MalformedSignature),
        ("a certificate", old(",\"cert\":\"x\""), Reason::CertificateSignatureUnsupported),
        (
            "a key as a certificate",
            old(&format!(",\"cert\":{:?}", release.public_key().to_pem())),
            Reason::CertificateSignatureUnsupported,
        ),
        ("a signature twice", old(",\"Base64Signature\":\"\""), Reason::DuplicateMember),
        ("an image signature", image, Reason::NotASignature),
        (
            "a certificate in a bundle",
            change(&hint, "\"certificate\":{}"),
            Reason::CertificateSignatureUnsupported,
        ),
        (
            "an empty signature",
            change(&format!("\"signature\":\"{text}\""), "\"signature\":\"\""),
            Reason::MissingSignature,
        ),
        ("no base64", change("\"signature\":\"", "\"signature\":\"*"), Reason::MalformedSignature),
        ("a newer version", change("bundle.v0.3", "bundle.v0.4"), Reason::UnknownVersion),
        (
            "a member twice",
            change("\"signature\"", "\"Signature\":\"\",\"signature\""),
            Reason::DuplicateMember,
        ),
        ("an unknown hash", change("SHA2_256", "SHA3_256"), Reason::MalformedBundle),
        ("half a digest", change("\"algorithm\":\"SHA2_256\",", ""), Reason::MalformedBundle),
        ("no content", change("\"messageSignature\"", "\"message\""), Reason::NoContent),
        ("no JSON", b"{".to_vec(), Reason::MalformedBundle),
        ("too large", format!("{text}{large}").into_bytes(), Reason::LimitExceeded),
        ("URL base64", text.replace('/', "_").replace('+', "-").into_bytes(), Reason::SignatureMismatch),
        (
            "a line end inside",
            format!("{}\n{}", &text[..8], &text[8..]).into_bytes(),
            Reason::SignatureMismatch,
        ),
    ] {
        refused(name, &judge(&by_release(), &bad, BLOB), reason);
    }
}

/// What a policy asks for beside the key: met by none of a blob's signatures, or judged as for an image.
#[test]
fn what_is_asked_of_a_blobs_signature() {
    let file = message(&key("release"), BLOB, None).into_bytes();
    let release = || by(&["release"]);
    let keys = |key: TrustedKey| Policy::requiring(SignatureRequirement::by(vec![key]).unwrap());
    let moment = jiff::SignedDuration::from_nanos(1);
    for (good, bad, reason) in [
        (by_release(), Policy::requiring(by(&["other"])), Reason::UntrustedKey),
        (
            by_release(),
            Policy::requiring(release().annotations(annotations(&[("a", "b")]))),
            Reason::AnnotationMissing,
        ),
        (by_release(), Policy::requiring(release().signed_for(SignedFor::Same)), Reason::SignedForMismatch),
        (
            by_release(),
            Policy::requiring(release().signed_for(SignedFor::Globs(Vec::new()))),
            Reason::SignedForMismatch,
        ),
        (
            Policy::requiring(by(&["release", "other"])),
            Policy::requiring(by(&["release", "other"]).threshold(2).unwrap()),
            Reason::ThresholdNotMet,
        ),
        (by_release().and(by(&["release", "other"])), by_release().and(by(&["other"])), Reason::UntrustedKey),
        (
            keys(trusted("release").valid(Some(now()), None)),
            keys(trusted("release").valid(Some(now() + moment), None)),
            Reason::KeyNotYetValid,
        ),
        (
            keys(trusted("release").valid(None, Some(now()))),
            keys(trusted("release").valid(None, Some(now() - moment))),
            Reason::KeyExpired,
        ),
        (
            keys(trusted("release").revoked(now() + moment)),
            keys(trusted("release").revoked(now())),
            Reason::KeyRevoked,
        ),
        (
            keys(trusted("release").schemes(vec![Scheme::EcdsaP256Sha256])),
            keys(trusted("release").schemes(vec![Scheme::Ed25519])),
            Reason::AlgorithmNotAllowed,
        ),
    ] {
        admitted(reason.code(), &judge(&good, &file, BLOB));
        refused(reason.code(), &judge(&bad, &file, BLOB), reason);
    }
}

/// Several Ed25519 keys over several requirements: each stream belongs to its own key.
#[test]
fn pure_ed25519_is_streamed_for_the_right_key() {
    let ed25519 = |name: &str| key_of(KeyAlgorithm::Ed25519, name);
    let trust = |name: &str| TrustedKey::new(name, ed25519(name).public_key().clone());
    let by =
        |names: &[&str]| SignatureRequirement::by(names.iter().map(|name| trust(name)).collect()).unwrap();
    let file = ed25519("c").sign(BLOB).unwrap().to_base64().into_bytes();
    let good = judge(&Policy::requiring(by(&["a", "b", "c"])).and(by(&["c", "d"])), &file, BLOB);
    admitted("c in both", &good);
    assert!(good.signatures().iter().all(|signature| signature.key_name == "c"));
    let bad = judge(&Policy::requiring(by(&["a", "b", "c"])).and(by(&["d", "a"])), &file, BLOB);
    refused("c in one", &bad, Reason::SignatureMismatch);
}
