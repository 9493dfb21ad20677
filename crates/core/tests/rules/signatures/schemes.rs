//! S5: which schemes of which keys count. S6: Ed25519 is strict.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::DecodePrivateKey as _;
use waxseal_core::dsse::pae;
use waxseal_core::encoding::base64_decode;
use waxseal_core::key::{KeyAlgorithm, KeyFile, LocalSigner, Password};
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::{Digest, Format, Policy, Reason, Scheme, SignatureRequirement, Signer as _, TrustedKey};
use waxseal_testkit::fixtures;

use crate::make::{BOTH, Case, admitted, key, key_of, key_with, pair, refused, signed, text, with_signature};

fn trust(signer: &LocalSigner) -> TrustedKey {
    TrustedKey::new("release", signer.public_key().clone())
}

fn policy(key: TrustedKey) -> Policy {
    Policy::requiring(SignatureRequirement::by(vec![key]).unwrap())
}

/// A signer for each scheme that is accepted.
pub(crate) fn signers() -> Vec<LocalSigner> {
    let mut all = Vec::new();
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::P521, KeyAlgorithm::Ed25519] {
        for scheme in Scheme::accepted_for(algorithm) {
            all.push(key_with(algorithm, "release", *scheme));
        }
    }
    if cfg!(feature = "aws-lc") {
        all.push(rsa());
    }
    all
}

fn rsa() -> LocalSigner {
    let file = fixtures::plain_private_key_pem("rsa2048");
    LocalSigner::new(KeyFile::parse(file.as_bytes()).unwrap().open(None::<&Password>).unwrap())
}

/// The private key as PKCS#8.
fn pkcs8(signer: &LocalSigner) -> Vec<u8> {
    let pem = signer.private_key().to_pkcs8_pem().unwrap();
    let text: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    base64_decode(&text).unwrap()
}

/// The bytes that are signed in either format.
fn message(format: Format) -> Vec<u8> {
    let text = text(format).into_bytes();
    if format == Format::Legacy { text } else { pae(IN_TOTO, &text) }
}

#[test]
fn s5_each_scheme_counts_and_no_other_key_of_its_kind_does() {
    for signer in signers() {
        for format in BOTH {
            let verdict = Case::new(&policy(trust(&signer)), [signed(format, &signer)]).verdict();
            admitted(signer.scheme().code(), &verdict);
            assert_eq!(verdict.signatures()[0].scheme, signer.scheme());
            let other = match signer.public_key().algorithm() {
                KeyAlgorithm::Rsa { .. } => key("release"),
                algorithm => key_of(algorithm, "other"),
            };
            let reason =
                if format == Format::Legacy { Reason::SignatureMismatch } else { Reason::UntrustedKey };
            let bad = Case::new(&policy(trust(&other)), [signed(format, &signer)]);
            refused(signer.scheme().code(), &bad.verdict(), reason);
        }
    }
}

#[test]
pub(crate) fn s5_a_policy_narrows_the_schemes_of_a_key() {
    for signer in signers() {
        for format in BOTH {
            let case = |schemes: Vec<Scheme>| {
                Case::new(&policy(trust(&signer).schemes(schemes)), [signed(format, &signer)])
            };
            let others = Scheme::ALL.iter().copied().filter(|scheme| *scheme != signer.scheme()).collect();
            let good = case(vec![signer.scheme()]);
            pair(signer.scheme().code(), &good, &case(others), Reason::AlgorithmNotAllowed);
            pair("none at all", &good, &case(Vec::new()), Reason::AlgorithmNotAllowed);
        }
    }
}

/// T-19: the scheme comes from the key. A signature by another scheme of the same key is none.
#[test]
fn s5_schemes_that_are_not_accepted() {
    // The same key in a library that signs anything.
    let ecdsa = p256::ecdsa::SigningKey::from_pkcs8_der(&pkcs8(&key("release"))).unwrap();
    for format in BOTH {
        let digest = waxseal_core::key::Prehashed::of(
            &[Scheme::EcdsaP384Sha384, Scheme::EcdsaP521Sha512, Scheme::EcdsaP256Sha256],
            &message(format),
        );
        let by = |hashed: &[u8]| {
            let signature: p256::ecdsa::Signature = ecdsa.sign_prehash(hashed).unwrap();
            Case::new(
                &policy(trust(&key("release"))),
                [with_signature(format, &key("release"), signature.to_der().as_bytes())],
            )
        };
        let good = by(digest.sha256().unwrap());
        pair("P-256 over SHA-384", &good, &by(digest.sha384().unwrap()), Reason::SignatureMismatch);
        pair("P-256 over SHA-512", &good, &by(digest.sha512().unwrap()), Reason::SignatureMismatch);
        let fixed: p256::ecdsa::Signature = ecdsa.sign_prehash(digest.sha256().unwrap()).unwrap();
        let bad = Case::new(
            &policy(trust(&key("release"))),
            [with_signature(format, &key("release"), &fixed.to_bytes())],
        );
        pair("r and s without ASN.1", &good, &bad, Reason::SignatureMismatch);
    }
}

/// T-41: one encoding of an ECDSA signature, and numbers in range.
#[test]
fn s5_one_encoding_of_an_ecdsa_signature() {
    let release = key("release");
    for format in BOTH {
        let der = release.sign(&message(format)).unwrap().into_bytes();
        let case = |signature: &[u8]| {
            Case::new(&policy(trust(&release)), [with_signature(format, &release, signature)])
        };
        let long_length = [&der[..1], &[0x81, der[1]], &der[2..]].concat();
        let indefinite = [&[0x30, 0x80], &der[2..], &[0, 0]].concat();
        let zeros = [0x30, 6, 2, 1, 0, 2, 1, 0];
        let one = [0x30, 6, 2, 1, 1, 2, 1, 1];
        let (r_len, rest) = (usize::from(der[3]), &der[2..]);
        let padded =
            [&[0x30, der[1] + 1, 2, der[3] + 1, 0][..], &rest[2..2 + r_len], &rest[2 + r_len..]].concat();
        for (name, bad) in [
            ("a length in two bytes", long_length),
            ("an indefinite length", indefinite),
            ("a byte behind it", [&der[..], &[0]].concat()),
            ("a byte less", der[..der.len() - 1].to_vec()),
            ("a zero in front of r", padded),
            ("r and s zero", zeros.to_vec()),
            ("r and s one", one.to_vec()),
            ("twice", [&der[..], &der[..]].concat()),
        ] {
            pair(name, &case(&der), &case(&bad), Reason::SignatureMismatch);
        }
    }
}

/// ph is a scheme of its own, and never pure Ed25519 over a hash.
#[test]
fn s5_ph_is_not_pure_over_a_hash() {
    let pure = key_of(KeyAlgorithm::Ed25519, "release");
    for format in BOTH {
        let message = message(format);
        let hash = waxseal_core::key::Prehashed::of(&[Scheme::Ed25519ph], &message);
        let good = Case::new(
            &policy(trust(&pure)),
            [signed(format, &key_with(KeyAlgorithm::Ed25519, "release", Scheme::Ed25519ph))],
        );
        for hashed in [hash.sha512().unwrap().to_vec(), Digest::of(&message).as_bytes().to_vec()] {
            let signature = pure.sign(&hashed).unwrap();
            let bad = Case::new(&policy(trust(&pure)), [with_signature(format, &pure, signature.as_bytes())]);
            pair("pure over a hash", &good, &bad, Reason::SignatureMismatch);
        }
    }
}

/// T-43: S is below the order of the group, and the length is the length.
#[test]
fn s6_one_encoding_of_an_ed25519_signature() {
    /// The order of the group, little endian (RFC 8032, 5.1).
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    for scheme in [Scheme::Ed25519, Scheme::Ed25519ph] {
        let signer = key_with(KeyAlgorithm::Ed25519, "release", scheme);
        for format in BOTH {
            let honest = signer.sign(&message(format)).unwrap().into_bytes();
            let case = |signature: &[u8]| {
                Case::new(&policy(trust(&signer)), [with_signature(format, &signer, signature)])
            };
            let mut carry = 0_u16;
            let mut added = honest.clone();
            for (byte, order) in added[32..].iter_mut().zip(ORDER) {
                let sum = u16::from(*byte) + u16::from(order) + carry;
                *byte = u8::try_from(sum & 0xff).unwrap();
                carry = sum >> 8;
            }
            let identity = [&[1][..], &[0; 31], &honest[32..]].concat();
            for (name, bad) in [
                ("the order added to S", added),
                ("R of small order", identity),
                ("R and S zero", vec![0; 64]),
                ("a byte behind it", [&honest[..], &[0]].concat()),
                ("a byte less", honest[..63].to_vec()),
                ("halves exchanged", [&honest[32..], &honest[..32]].concat()),
            ] {
                pair(name, &case(&honest), &case(&bad), Reason::SignatureMismatch);
            }
        }
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn s5_rsa_pss_is_refused() {
    use aws_lc_rs::rsa::KeyPair;
    use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding};

    let rsa_pair = KeyPair::from_pkcs8(&pkcs8(&rsa())).unwrap();
    for format in BOTH {
        let by = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; rsa_pair.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            rsa_pair.sign(padding, &random, &message(format), &mut signature).unwrap();
            Case::new(&policy(trust(&rsa())), [with_signature(format, &rsa(), &signature)])
        };
        let good = by(&RSA_PKCS1_SHA256);
        pair("PSS", &good, &by(&RSA_PSS_SHA256), Reason::SignatureMismatch);
        pair("SHA-512", &good, &by(&RSA_PKCS1_SHA512), Reason::SignatureMismatch);
    }
}
