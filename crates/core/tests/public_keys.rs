//! Which bytes are a public key: T-19, T-20 and T-37 of the catalogue of threats.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and reads its material from files"
)]

use waxseal_core::encoding::{base64_decode, base64_encode};
use waxseal_core::key::{KeyError, PublicKey};

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/../../testdata/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn openssl(name: &str) -> Vec<u8> {
    read(&format!("openssl-keys/{name}"))
}

fn cosign(name: &str) -> Vec<u8> {
    read(&format!("cosign/keys/{name}.pub"))
}

fn body(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64_decode(&lines).unwrap()
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64_encode(der)).into_bytes()
}

fn code(result: Result<PublicKey, KeyError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "accepted")
}

/// An honest RSA key is refused where there is no RSA.
const RSA_ACCEPTED: &str = if cfg!(feature = "aws-lc") { "accepted" } else { "key-rsa-unavailable" };

#[test]
fn one_key_has_one_identity_however_it_is_written() {
    for name in ["p256-imported", "p384", "p521"] {
        let key = PublicKey::from_pem(&cosign(name)).unwrap();
        let compressed = openssl(&format!("{name}.compressed-public.pem"));
        assert_ne!(body(&compressed), key.to_der());
        let same = PublicKey::from_pem(&compressed).unwrap();
        assert_eq!((same.id(), same.to_der()), (key.id(), key.to_der()), "{name}");
    }
    if cfg!(feature = "aws-lc") {
        let key = PublicKey::from_pem(&cosign("rsa2048"));
        assert!(key.is_ok());
        assert_eq!(PublicKey::from_pem(&openssl("rsa2048.pkcs1-public.pem")), key);
    }
    let windows = String::from_utf8(cosign("p256")).unwrap().replace('\n', "\r\n");
    assert_eq!(PublicKey::from_pem(windows.as_bytes()), PublicKey::from_pem(&cosign("p256")));
}

#[test]
fn the_identity_is_the_digest_of_the_encoding() {
    let key = PublicKey::from_pem(&cosign("p256")).unwrap();
    assert_eq!(key.id().to_string(), waxseal_core::Digest::of(body(&cosign("p256"))).to_string());
    assert_eq!(format!("{key:?}"), format!("PublicKey(ecdsa-p256 {})", key.id()));
    assert_ne!(PublicKey::from_pem(&cosign("p256-other")).unwrap(), key);
}

#[test]
fn nothing_is_no_key() {
    for blank in [b"".as_slice(), b" ", b"\n\r\n\t", &[0; 91], &[0xff; 91]] {
        assert_eq!(PublicKey::from_pem(blank), Err(KeyError::NoPem));
        assert_eq!(code(PublicKey::from_der(blank)), "key-malformed");
    }
    let empty = b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
    assert_eq!(code(PublicKey::from_pem(empty)), "key-broken-pem");
    for length in [1, 32, 65, 91] {
        assert_eq!(code(PublicKey::from_pem(&pem("PUBLIC KEY", &vec![0; length]))), "key-malformed");
    }
}

#[test]
fn what_stands_in_the_wrong_place_is_named() {
    let public = cosign("p256");
    let private = read("cosign/keys/p384.plain.pem");
    assert_eq!(PublicKey::from_pem(&private), Err(KeyError::PrivateKeyGiven));
    assert_eq!(PublicKey::from_pem(&read("cosign/keys/p256.key")), Err(KeyError::PrivateKeyGiven));
    assert_eq!(PublicKey::from_pem(&openssl("p521.sec1-parameters.pem")), Err(KeyError::PrivateKeyGiven));
    assert_eq!(PublicKey::from_pem(&[public.clone(), private].concat()), Err(KeyError::PrivateKeyGiven));
    assert_eq!(PublicKey::from_pem(&openssl("p256.certificate.pem")), Err(KeyError::CertificateGiven));
    for other in [cosign("p256-other"), public.clone()] {
        let two = [public.clone(), other].concat();
        assert_eq!(PublicKey::from_pem(&two), Err(KeyError::SeveralBlocks { found: 2 }));
    }
    assert_eq!(code(PublicKey::from_pem(&pem("PGP PUBLIC KEY BLOCK", b"x"))), "key-unexpected-label");
}

#[test]
fn labels_cannot_be_swapped() {
    let (spki, pkcs1) = (body(&cosign("rsa2048")), body(&openssl("rsa2048.pkcs1-public.pem")));
    assert_eq!(code(PublicKey::from_pem(&pem("PUBLIC KEY", &spki))), RSA_ACCEPTED);
    assert_eq!(code(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &pkcs1))), RSA_ACCEPTED);
    assert_eq!(code(PublicKey::from_pem(&pem("PUBLIC KEY", &pkcs1))), "key-malformed");
    assert_eq!(code(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &spki))), "key-malformed");
    let ec = body(&cosign("p256"));
    assert_eq!(code(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &ec))), "key-malformed");
    assert_eq!(code(PublicKey::from_pem(&pem("EC PUBLIC KEY", &ec))), "key-unexpected-label");
}

#[test]
fn other_kinds_are_unsupported_and_named() {
    for (file, name) in [
        ("secp256k1.public.pem", "secp256k1"),
        ("ed448.public.pem", "Ed448"),
        ("x25519.public.pem", "X25519"),
        ("dsa.public.pem", "DSA"),
        ("p256.explicit-public.pem", "parameters"),
    ] {
        let error = PublicKey::from_pem(&openssl(file)).unwrap_err();
        assert_eq!(error.code(), "key-unsupported-algorithm", "{file}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn points_must_be_on_their_curve() {
    for (name, width) in [("p256", 32), ("p384", 48), ("p521", 66)] {
        let der = body(&cosign(name));
        let point = &der[der.len() - 1 - 2 * width..];
        let algorithm_at = if der[1] < 0x80 { 2 } else { 3 };
        let algorithm = &der[algorithm_at..algorithm_at + 2 + usize::from(der[algorithm_at + 1])];
        let with = |point: &[u8]| {
            let bits = tlv(3, &[&[0], point].concat());
            code(PublicKey::from_der(&tlv(0x30, &[algorithm, &bits].concat())))
        };
        assert_eq!(with(point), "accepted", "{name}");
        let mut off = point.to_vec();
        off[2 * width] ^= 1;
        assert_eq!(with(&off), "key-invalid", "{name}: off the curve");
        assert_eq!(with(&[0]), "key-invalid", "{name}: the identity");
        assert_eq!(with(&[]), "key-invalid", "{name}: empty");
        let mut hybrid = point.to_vec();
        hybrid[0] = 6 | (point[2 * width] & 1);
        assert_eq!(with(&hybrid), "key-invalid", "{name}: hybrid");
        assert_eq!(with(&[&[4], vec![0; 2 * width].as_slice()].concat()), "key-invalid", "{name}: zero");
        assert_eq!(
            with(&[&[4], vec![0xff; 2 * width].as_slice()].concat()),
            "key-invalid",
            "{name}: too large"
        );
        assert_eq!(with(&point[..2 * width]), "key-invalid", "{name}: short");
        assert_eq!(with(&[point, &[0]].concat()), "key-invalid", "{name}: long");
        assert_eq!(with(&[&[2], &point[1..]].concat()), "key-invalid", "{name}: marked as compressed");
        assert_eq!(with(&[&[5], &point[1..=width]].concat()), "key-invalid", "{name}: compact");
    }
}

#[test]
fn ed25519_keys_have_full_order_and_one_encoding() {
    let honest = body(&cosign("ed25519"));
    let with = |point: &[u8]| code(PublicKey::from_der(&[&honest[..12], point].concat()));
    assert_eq!(with(&honest[12..]), "accepted");
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert_eq!(with(&hex(point)), "key-invalid", "{point}");
    }
    // The honest point plus the point of order two, (0, -1), is (-x, -y).
    let prime = hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    let mut mixed = honest[12..].to_vec();
    let sign = mixed[31] & 0x80;
    mixed[31] &= 0x7f;
    let mut borrow = 0;
    for (byte, prime) in mixed.iter_mut().zip(&prime) {
        let total = 256 + u16::from(*prime) - u16::from(*byte) - borrow;
        *byte = total.to_le_bytes()[0];
        borrow = u16::from(total < 256);
    }
    mixed[31] |= sign ^ 0x80;
    let error = PublicKey::from_der(&[&honest[..12], &mixed].concat()).unwrap_err();
    assert_eq!(error, KeyError::InvalidKey { why: "the point has a mixed order" });
}

#[test]
fn rsa_keys_have_an_honest_size_and_exponent() {
    assert_eq!(code(PublicKey::from_pem(&openssl("rsa1024.public.pem"))), "key-rsa-size");
    assert_eq!(code(PublicKey::from_pem(&openssl("rsa2048-e3.public.pem"))), RSA_ACCEPTED);
    let parse =
        |parts: &[Vec<u8>]| code(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &tlv(0x30, &parts.concat()))));
    let with = |modulus: &[u8], exponent: &[u8]| parse(&[integer(modulus), integer(exponent)]);
    let odd = |bytes: usize| vec![0xc3; bytes];
    let e = [1, 0, 1];
    assert_eq!(with(&odd(256), &e), RSA_ACCEPTED);
    assert_eq!(with(&odd(512), &e), RSA_ACCEPTED);
    assert_eq!(with(&odd(256), &[3]), RSA_ACCEPTED);
    assert_eq!(with(&odd(256), &[0x7f, 0xff, 0xff, 0xff]), RSA_ACCEPTED);
    assert_eq!(with(&odd(255), &e), "key-rsa-size");
    assert_eq!(with(&odd(513), &e), "key-rsa-size");
    assert_eq!(with(&[], &e), "key-rsa-size");
    let mut short = odd(256);
    short[0] = 0x7f;
    assert_eq!(with(&short, &e), "key-rsa-size", "2047 bits");
    let mut even = odd(256);
    even[255] = 0xc2;
    assert_eq!(with(&even, &e), "key-invalid");
    for exponent in [&[][..], &[1], &[2], &[4], &[1, 0, 0], &[0x80, 0, 0, 1], &[0xff; 8], &[0xff; 100]] {
        assert_eq!(with(&odd(256), exponent), "key-invalid", "{exponent:?}");
    }
    let raw = |modulus: &[u8]| parse(&[tlv(2, modulus), integer(&e)]);
    assert_eq!(raw(&[&[0], odd(256).as_slice()].concat()), RSA_ACCEPTED);
    assert_eq!(raw(&odd(256)), "key-malformed", "negative");
    assert_eq!(raw(&[&[0, 0], odd(256).as_slice()].concat()), "key-malformed", "padded");
    assert_eq!(parse(&[integer(&odd(256))]), "key-malformed", "one number");
    assert_eq!(parse(&[integer(&odd(256)), integer(&e), integer(&e)]), "key-malformed", "three numbers");
    // The parameters of an RSA key are NULL, not absent.
    let key = tlv(3, &[vec![0], tlv(0x30, &[integer(&odd(256)), integer(&e)].concat())].concat());
    let oid = hex("06092a864886f70d010101");
    let spki = |parameters: &[u8]| {
        let algorithm = tlv(0x30, &[oid.as_slice(), parameters].concat());
        code(PublicKey::from_der(&tlv(0x30, &[algorithm, key.clone()].concat())))
    };
    assert_eq!(spki(&[5, 0]), RSA_ACCEPTED);
    assert_eq!(spki(&[]), "key-malformed");
    assert_eq!(spki(&[0x30, 0]), "key-malformed");
}

#[test]
fn encodings_that_are_not_der_are_refused() {
    for name in ["p256", "p384", "p521", "ed25519"] {
        let der = body(&cosign(name));
        let key = PublicKey::from_der(&der).unwrap();
        for length in 0..der.len() {
            assert_eq!(code(PublicKey::from_der(&der[..length])), "key-malformed", "{name} cut at {length}");
        }
        assert_eq!(code(PublicKey::from_der(&[der.as_slice(), &[0]].concat())), "key-malformed", "{name}");
        assert_eq!(code(PublicKey::from_der(&[der.as_slice(), &der].concat())), "key-malformed", "{name}");
        for at in 0..der.len() {
            for bit in 0..8 {
                let mut flipped = der.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(other) = PublicKey::from_der(&flipped) {
                    assert_ne!(other.id(), key.id(), "{name} byte {at} bit {bit}");
                }
            }
        }
    }
    let der = body(&cosign("p256"));
    let long = [&[0x30, 0x81, der[1]], &der[2..]].concat();
    assert_eq!(code(PublicKey::from_der(&long)), "key-malformed", "a length in the long form");
    let indefinite = [&[0x30, 0x80], &der[2..], &[0, 0]].concat();
    assert_eq!(code(PublicKey::from_der(&indefinite)), "key-malformed", "an indefinite length");
    for unused in [1, 7, 8, 255] {
        let mut bits = der.clone();
        assert_eq!(bits[25], 0);
        bits[25] = unused;
        assert_eq!(code(PublicKey::from_der(&bits)), "key-malformed", "{unused} unused bits");
    }
    let deep =
        (0..10_000).fold(Vec::new(), |inner, _| if inner.len() < 60_000 { tlv(0x30, &inner) } else { inner });
    assert_eq!(code(PublicKey::from_der(&deep)), "key-malformed", "deep nesting");
    let endless = tlv(0x30, &[tlv(0x30, &tlv(6, &[0xff; 64])), tlv(3, &[0])].concat());
    assert_eq!(code(PublicKey::from_der(&endless)), "key-malformed", "an object identifier without end");
    let point = &body(&cosign("ed25519"))[12..];
    let spki = |algorithm: &[u8]| {
        let bits = tlv(3, &[&[0], point].concat());
        code(PublicKey::from_der(&tlv(0x30, &[tlv(0x30, algorithm), bits].concat())))
    };
    assert_eq!(spki(&hex("06032b6570")), "accepted");
    assert_eq!(spki(&hex("06032b65700500")), "key-malformed", "Ed25519 with parameters");
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => der.push(short),
        Ok(byte) => der.extend([0x81, byte]),
        Err(_) => {
            der.push(0x82);
            der.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    der.extend(content);
    der
}

/// A number that is not negative; leading zeros of `number` would stay.
fn integer(number: &[u8]) -> Vec<u8> {
    let needs_zero = number.first().is_none_or(|first| *first >= 0x80);
    tlv(2, &[if needs_zero { &[0][..] } else { &[] }, number].concat())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
