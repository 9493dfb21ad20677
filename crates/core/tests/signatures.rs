//! Signing and verifying: every kind of key with every scheme that rule S5 accepts, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at the first surprise"
)]

use getrandom::SysRng;
use waxseal_core::encoding::base64_encode;
use waxseal_core::key::{
    KeyAlgorithm, KeyFile, LocalSigner, Prehashed, Prehasher, PrivateKey, PublicKey, Scheme, SignError,
    Signer,
};

/// One key of each kind; RSA only where there is RSA, and only the size that is generated fast.
fn keys() -> Vec<PrivateKey> {
    [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::P521,
        KeyAlgorithm::Ed25519,
        KeyAlgorithm::Rsa { bits: 2048 },
    ]
    .into_iter()
    .filter(|algorithm| cfg!(feature = "aws-lc") || !matches!(algorithm, KeyAlgorithm::Rsa { .. }))
    .map(|algorithm| PrivateKey::generate(algorithm, &mut SysRng).unwrap())
    .collect()
}

/// The same key again: private keys cannot be cloned.
fn again(key: &PrivateKey) -> PrivateKey {
    KeyFile::parse(key.to_pkcs8_pem().unwrap().as_bytes()).unwrap().open(None).unwrap()
}

#[test]
fn every_accepted_scheme_signs_and_verifies_and_no_other() {
    let message = b"what is signed";
    for key in keys() {
        for scheme in Scheme::ALL {
            let signer = LocalSigner::new(again(&key)).with_scheme(*scheme);
            if !scheme.fits(key.algorithm()) {
                let error = SignError::SchemeMismatch { scheme: *scheme, key: key.algorithm() };
                assert_eq!(signer.unwrap_err(), error);
                continue;
            }
            let signer: Box<dyn Signer> = Box::new(signer.unwrap());
            assert_eq!((signer.scheme(), signer.public_key()), (*scheme, key.public_key()));
            let signature = signer.sign(message).unwrap();
            assert_eq!(signer.sign(message).unwrap(), signature, "{scheme} is deterministic");
            let public = key.public_key();
            let bytes = signature.as_bytes();
            assert_eq!(public.verify(message, bytes, &[*scheme]), Some(*scheme));
            assert_eq!(public.verify(message, bytes, Scheme::ALL), Some(*scheme));
            assert_eq!(public.verify(message, bytes, &[]), None);
            let others: Vec<Scheme> = Scheme::ALL.iter().copied().filter(|other| other != scheme).collect();
            assert_eq!(public.verify(message, bytes, &others), None, "{scheme} as another scheme");
            assert_eq!(public.verify(b"what is signeD", bytes, Scheme::ALL), None);
        }
    }
}

#[test]
fn hashes_stand_for_the_message_except_for_pure_ed25519() {
    let message = vec![7; 100_000];
    for key in keys() {
        for scheme in Scheme::accepted_for(key.algorithm()) {
            let signer = LocalSigner::new(again(&key)).with_scheme(*scheme).unwrap();
            let public = key.public_key();
            let mut prehasher = Prehasher::for_schemes(Scheme::ALL);
            message.chunks(999).for_each(|chunk| prehasher.update(chunk));
            let hashes = prehasher.finish();
            if *scheme == Scheme::Ed25519 {
                assert_eq!(signer.sign_prehashed(&hashes), Err(SignError::NeedsMessage));
                let pure = signer.sign(&message).unwrap();
                assert_eq!(public.verify_prehashed(&hashes, pure.as_bytes(), Scheme::ALL), None);
                continue;
            }
            let signature = signer.sign_prehashed(&hashes).unwrap();
            assert_eq!(signature, signer.sign(&message).unwrap());
            assert_eq!(public.verify_prehashed(&hashes, signature.as_bytes(), Scheme::ALL), Some(*scheme));
            let none = Prehashed::of(&[], &message);
            let hash = scheme.hash().unwrap();
            assert_eq!(signer.sign_prehashed(&none), Err(SignError::MissingHash { hash }));
            assert_eq!(public.verify_prehashed(&none, signature.as_bytes(), Scheme::ALL), None);
            let other = Prehashed::of(Scheme::ALL, b"another message");
            assert_eq!(public.verify_prehashed(&other, signature.as_bytes(), Scheme::ALL), None);
        }
    }
}

#[test]
fn no_flipped_bit_no_cut_and_no_addition_verifies() {
    let message = b"what is signed";
    for key in keys() {
        let accepted = Scheme::accepted_for(key.algorithm());
        let signature = LocalSigner::new(again(&key)).sign(message).unwrap().into_bytes();
        let verifies = |bytes: &[u8]| key.public_key().verify(message, bytes, accepted).is_some();
        assert!(verifies(&signature));
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(!verifies(&flipped), "{} byte {at}", key.algorithm());
            assert!(!verifies(&signature[..at]));
        }
        assert!(!verifies(&[signature.as_slice(), &[0]].concat()));
        assert!(!verifies(&[&[0], signature.as_slice()].concat()));
    }
}

/// T-19.
#[test]
fn a_signature_of_one_key_is_none_of_another() {
    let keys = keys();
    for signing in &keys {
        let signature = LocalSigner::new(again(signing)).sign(b"m").unwrap();
        for verifying in &keys {
            let verified = verifying.public_key().verify(b"m", signature.as_bytes(), Scheme::ALL);
            assert_eq!(verified.is_some(), verifying.public_key() == signing.public_key());
        }
    }
}

/// T-41: one pair of numbers has one encoding.
#[test]
fn ecdsa_signatures_are_der_in_range_and_nothing_else() {
    let key = PrivateKey::generate(KeyAlgorithm::P256, &mut SysRng).unwrap();
    let signature = LocalSigner::new(again(&key)).sign(b"m").unwrap().into_bytes();
    let verifies = |bytes: &[u8]| key.public_key().verify(b"m", bytes, Scheme::ALL).is_some();
    let (r, s) = integers(&signature);
    assert!(verifies(&sequence(&[integer(&r), integer(&s)])));

    let content = &signature[2..];
    let length = signature[1];
    let hostile = [
        ("long form of the length", [&[0x30, 0x81, length], content].concat()),
        ("indefinite length", [&[0x30, 0x80], content, &[0, 0]].concat()),
        ("a set", [&[0x31, length], content].concat()),
        ("r with leading zeros", sequence(&[raw(&[&[0, 0], r.as_slice()].concat()), integer(&s)])),
        ("s with leading zeros", sequence(&[integer(&r), raw(&[&[0, 0], s.as_slice()].concat())])),
        ("r is zero", sequence(&[integer(&[0]), integer(&s)])),
        ("s is zero", sequence(&[integer(&r), integer(&[0])])),
        ("both are zero", sequence(&[integer(&[0]), integer(&[0])])),
        ("r is empty", sequence(&[raw(&[]), integer(&s)])),
        ("r is negative", sequence(&[raw(&[0xff]), integer(&s)])),
        ("r plus the order", sequence(&[integer(&plus_order(&r)), integer(&s)])),
        ("s plus the order", sequence(&[integer(&r), integer(&plus_order(&s))])),
        ("s is the order", sequence(&[integer(&r), integer(&ORDER)])),
        ("three numbers", sequence(&[integer(&r), integer(&s), integer(&[1])])),
        ("garbage behind", [signature.as_slice(), &[5, 0]].concat()),
        ("r and s as 64 bytes", [padded(&r), padded(&s)].concat()),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 72]),
    ];
    for (what, bytes) in hostile {
        assert!(!verifies(&bytes), "{what}");
    }
}

/// T-42: (r, n - s) is a signature by the specification, so no signature may serve as an identity.
#[test]
fn the_mirrored_ecdsa_signature_verifies_too() {
    let key = PrivateKey::generate(KeyAlgorithm::P256, &mut SysRng).unwrap();
    let signature = LocalSigner::new(again(&key)).sign(b"m").unwrap().into_bytes();
    let (r, s) = integers(&signature);
    let mirrored = sequence(&[integer(&r), integer(&minus(&ORDER, &padded(&s)))]);
    assert_ne!(mirrored, signature);
    assert!(key.public_key().verify(b"m", &mirrored, Scheme::ALL).is_some());
}

/// T-43 and rule S6: an R of small order, and an S that is not reduced.
#[test]
fn ed25519_is_strict() {
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519, &mut SysRng).unwrap();
    for scheme in [Scheme::Ed25519, Scheme::Ed25519ph] {
        let signer = LocalSigner::new(again(&key)).with_scheme(scheme).unwrap();
        let signature = signer.sign(b"m").unwrap().into_bytes();
        let verifies = |bytes: &[u8]| key.public_key().verify(b"m", bytes, &[scheme]).is_some();
        assert!(verifies(&signature));
        let mut identity = signature.clone();
        identity[..32].copy_from_slice(&[[1].as_slice(), &[0; 31]].concat());
        assert!(!verifies(&identity));
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut unreduced = signature.clone();
        let mut carry = 0;
        for (byte, add) in unreduced[32..].iter_mut().zip(&order) {
            let sum = u16::from(*byte) + u16::from(*add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!verifies(&unreduced));
    }
}

/// RFC 8032, 7.1 (TEST 3) and 7.3 (Ed25519ph).
#[test]
fn ed25519_known_answers() {
    let sign = |seed: &str, scheme, message: &[u8]| {
        let body = base64_encode([hex("302e020100300506032b657004220420"), hex(seed)].concat());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = KeyFile::parse(pem.as_bytes()).unwrap().open(None).unwrap();
        LocalSigner::new(key).with_scheme(scheme).unwrap().sign(message).unwrap().into_bytes()
    };
    assert_eq!(
        sign(
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            Scheme::Ed25519,
            &hex("af82")
        ),
        hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
    );
    assert_eq!(
        sign("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", Scheme::Ed25519ph, b"abc"),
        hex("98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
             31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406")
    );
}

#[test]
fn public_keys_survive_their_own_encoding() {
    for key in keys() {
        let public = key.public_key();
        assert_eq!(PublicKey::from_der(public.to_der()).as_ref(), Ok(public));
        assert_eq!(PublicKey::from_pem(public.to_pem().as_bytes()).as_ref(), Ok(public));
    }
}

/// The order of P-256, big endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// r and s of a signature, without leading zeros.
fn integers(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
    let r = usize::from(signature[3]);
    (strip(&signature[4..4 + r]), strip(&signature[6 + r..]))
}

fn padded(number: &[u8]) -> Vec<u8> {
    [vec![0; 32 - number.len()], number.to_vec()].concat()
}

fn plus_order(number: &[u8]) -> Vec<u8> {
    let mut sum = vec![0; 33];
    let mut carry = 0;
    for (at, (a, b)) in padded(number).iter().zip(ORDER).enumerate().rev() {
        let total = u16::from(*a) + u16::from(b) + carry;
        sum[at + 1] = total.to_le_bytes()[0];
        carry = total >> 8;
    }
    sum[0] = carry.to_le_bytes()[0];
    sum
}

fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = vec![0; a.len()];
    let mut borrow = 0;
    for at in (0..a.len()).rev() {
        let total = 256 + u16::from(a[at]) - u16::from(b[at]) - borrow;
        difference[at] = total.to_le_bytes()[0];
        borrow = u16::from(total < 256);
    }
    difference
}

fn integer(number: &[u8]) -> Vec<u8> {
    let stripped: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let needs_zero = stripped.first().is_none_or(|first| *first >= 0x80);
    raw(&[if needs_zero { vec![0] } else { vec![] }, stripped].concat())
}

fn raw(content: &[u8]) -> Vec<u8> {
    [&[2, u8::try_from(content.len()).unwrap()], content].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
