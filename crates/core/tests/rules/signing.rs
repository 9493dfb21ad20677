//! G: what is made, and what is never made.

use waxseal_core::blob_guard::BlobGuard;
use waxseal_core::digest::Algorithm;
use waxseal_core::key::LocalSigner;
use waxseal_core::limits::SIMPLE_SIGNING_BYTES;
use waxseal_core::signing::{SigningError, SigningRequest};
use waxseal_core::verify::Outcome;
use waxseal_core::{Digest, Format, Policy, Reason, Scheme, Signature, Signer as _};
use waxseal_testkit::hostile::json_mutations;

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, annotated, annotations, bundle, by, by_release, image, key,
    legacy_over, other_image, pair, payload, signed_as, subject,
};

/// What our own verifier would not read is not signed.
#[test]
fn g1_nothing_is_signed_that_could_not_be_read() {
    let room = usize::try_from(SIMPLE_SIGNING_BYTES).unwrap() - payload(&[("note", "")]).len();
    let (fits, too_long) = ("x".repeat(room), "x".repeat(room + 1));
    let good = annotated(Format::Legacy, &key("release"), &[("note", &fits)]);
    admitted("64 KiB", &Case::new(&by_release(), [good]).verdict());
    let request = |formats: &[Format]| {
        SigningRequest::image(
            image(),
            Some(REPOSITORY.to_owned()),
            annotations(&[("note", &too_long)]),
            formats,
        )
    };
    for formats in [&BOTH[..], &BOTH[..1]] {
        let error = request(formats).unwrap_err();
        assert!(matches!(error, SigningError::TooLarge { format: Format::Legacy, .. }), "{error:?}");
        assert_eq!(error.code(), "signature-too-large");
    }
    assert!(request(&BOTH[1..]).is_ok());
}

fn request(formats: &[Format]) -> SigningRequest {
    SigningRequest::image(image(), Some(REPOSITORY.to_owned()), annotations(&[]), formats).unwrap()
}

fn signatures(request: &SigningRequest, signer: &LocalSigner) -> Vec<(Format, Signature)> {
    request.messages().map(|(format, message)| (format, signer.sign(message).unwrap())).collect()
}

/// What comes back from elsewhere is verified before anything is made of it.
#[test]
fn g1_only_what_verifies_is_assembled() {
    let release = key("release");
    let schemes = &[Scheme::EcdsaP256Sha256][..];
    let honest = signatures(&request(&BOTH), &release);
    let assemble = |signatures: &[_]| request(&BOTH).assemble(release.public_key(), schemes, signatures);
    assert_eq!(assemble(&honest).unwrap(), request(&BOTH).sign(&release).unwrap());
    let [legacy, bundle] = &honest[..] else { panic!("two formats") };
    let mut flipped = bundle.1.as_bytes().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let exchanged = [(legacy.0, bundle.1.clone()), (bundle.0, legacy.1.clone())];
    for (name, bad) in [
        ("by another key", signatures(&request(&BOTH), &key("other"))),
        (
            "of another request",
            signatures(
                &SigningRequest::image(other_image(), Some(REPOSITORY.to_owned()), annotations(&[]), &BOTH)
                    .unwrap(),
                &release,
            ),
        ),
        ("exchanged", exchanged.to_vec()),
        ("one bit turned", vec![legacy.clone(), (bundle.0, Signature::from_bytes(flipped))]),
        ("an empty one", vec![legacy.clone(), (bundle.0, Signature::from_bytes([]))]),
    ] {
        assert!(matches!(assemble(&bad), Err(SigningError::DoesNotVerify { .. })), "{name}");
    }
    for bad in [
        vec![],
        vec![legacy.clone()],
        vec![bundle.clone()],
        vec![legacy.clone(), bundle.clone(), bundle.clone()],
    ] {
        assert!(matches!(assemble(&bad), Err(SigningError::SignatureCount { .. })), "{bad:?}");
    }
    for schemes in [&[][..], &[Scheme::EcdsaP384Sha256], &[Scheme::Ed25519]] {
        let error = request(&BOTH).assemble(release.public_key(), schemes, &honest);
        assert!(matches!(error, Err(SigningError::DoesNotVerify { .. })), "{schemes:?}");
    }
}

/// G2: everything that counts as an image signature is known to the guard of `sign-blob`.
#[test]
fn g2_what_signs_an_image_is_never_signed_as_a_blob() {
    let release = key("release");
    let guarded = |blob: &[u8]| {
        let mut guard = BlobGuard::new();
        blob.chunks(5).for_each(|piece| guard.update(piece));
        guard.could_be_an_image_signature()
    };
    assert!(!guarded(b"{\"note\":\"critical\"}"));
    for (_, message) in request(&BOTH).messages() {
        assert!(guarded(message));
    }
    let payload = payload(&[("stage", "prod")]);
    let mut admitted = 0;
    for mutation in json_mutations(payload.as_bytes()) {
        let verdict = Case::new(&by_release(), [legacy_over(&release, &mutation.bytes)]).verdict();
        if verdict.outcome() == Outcome::Admit {
            admitted += 1;
            assert!(guarded(&mutation.bytes), "{}", mutation.name);
        }
    }
    assert!(admitted > 10, "{admitted}");
}

#[test]
fn g4_the_legacy_format_needs_a_name() {
    let unnamed = |formats: &[Format]| SigningRequest::image(image(), None, annotations(&[]), formats);
    let signed = unnamed(&[Format::Bundle]).unwrap().sign(&key("release")).unwrap();
    let verdict = Case::new(&by_release(), [bundle(&signed.bundle.unwrap())]).verdict();
    admitted("a bundle without a name", &verdict);
    assert_eq!(verdict.signatures()[0].name, None);
    for formats in [&BOTH[..], &[Format::Legacy]] {
        assert!(matches!(unnamed(formats), Err(SigningError::NoName)));
    }
}

/// G7: a `.sig` tag cannot hold a SHA-512 digest, a bundle can.
#[test]
fn g7_sha512_images_are_signed_by_bundles() {
    let bytes = waxseal_testkit::ImageBuilder::new().file("hello", "world").build().manifest.1;
    let long = Digest::of_with(Algorithm::Sha512, &bytes);
    let of = |digest, formats: &[Format]| {
        SigningRequest::image(digest, Some(REPOSITORY.to_owned()), annotations(&[]), formats)
    };
    for formats in [&BOTH[..], &[Format::Legacy]] {
        assert!(matches!(of(long, formats), Err(SigningError::LegacyNeedsSha256)));
        assert!(of(Digest::of(&bytes), formats).is_ok());
    }
    let candidate = |digest| signed_as(Format::Bundle, &key("release"), digest, REPOSITORY, &[]);
    let case = |digest| Case::new(&by_release(), [candidate(digest)]).about(subject(long));
    pair("by the digest that was judged", &case(long), &case(Digest::of(&bytes)), Reason::SubjectMismatch);
    let other = Digest::of_with(Algorithm::Sha512, b"another");
    pair("another SHA-512", &case(long), &case(other), Reason::SubjectMismatch);
}

/// Equal input gives equal bytes, and hostile text in an annotation stays an annotation.
#[test]
fn what_is_written_reads_back() {
    let all = [
        ("quote", "\"},\"critical\":{\"type\":\"x\"},\"a\":{\""),
        ("control", "\u{0}\u{7}\n\t\u{1b}[31m"),
        ("html", "<&>\u{2028}\u{2029}"),
        ("bidi", "\u{202e}evil"),
        ("plane", "\u{1f512}"),
        ("", "a name without letters"),
        ("a.b/c", ""),
    ];
    let policy = Policy::requiring(by(&["release"]).annotations(annotations(&all)));
    for format in BOTH {
        let verdict = Case::new(&policy, [annotated(format, &key("release"), &all)]).verdict();
        admitted(format.name(), &verdict);
        assert_eq!(verdict.signatures()[0].annotations.len(), all.len());
        assert_eq!(
            request(&[format]).sign(&key("release")).unwrap(),
            request(&[format]).sign(&key("release")).unwrap()
        );
    }
}
