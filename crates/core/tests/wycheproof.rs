//! Project Wycheproof's vectors through the public way of a key: PEM, base64, [`PublicKey::verify`] with everything
//! that rule S5 accepts. What the vectors call "acceptable" is refused here. A missing file fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and reads its vectors from files"
)]

use serde::Deserialize;
use waxseal_core::key::{PublicKey, Scheme, Signature};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key_pem: String,
    public_key_der: String,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

/// `counts`: all cases, valid, invalid, acceptable, as in the folder's SOURCES.md.
fn run(name: &str, scheme: Scheme, counts: [usize; 4]) {
    let path = format!("{}/../../testdata/wycheproof/{name}_test.json", env!("CARGO_MANIFEST_DIR"));
    let file: File = serde_json::from_slice(&std::fs::read(&path).expect(&path)).unwrap();
    let mut found = [0; 4];
    for group in &file.test_groups {
        let key = PublicKey::from_pem(group.public_key_pem.as_bytes()).unwrap();
        assert_eq!(key.to_der(), hex(&group.public_key_der), "{name}: the key has one encoding");
        let accepted = Scheme::accepted_for(key.algorithm());
        for case in &group.tests {
            let text = Signature::from_bytes(hex(&case.sig)).to_base64();
            let signature = Signature::from_base64(&text).unwrap();
            let verified = key.verify(&hex(&case.msg), signature.as_bytes(), accepted);
            let expected = (case.result == "valid").then_some(scheme);
            assert_eq!(verified, expected, "{name} {}: {} ({})", case.tc_id, case.comment, case.result);
            found[0] += 1;
            found[["valid", "invalid", "acceptable"].iter().position(|r| *r == case.result).unwrap() + 1] +=
                1;
        }
    }
    assert_eq!(found, counts, "{name}");
    assert_eq!(file.number_of_tests, counts[0], "{name}");
}

#[test]
fn ecdsa_p256() {
    run("ecdsa_secp256r1_sha256", Scheme::EcdsaP256Sha256, [484, 174, 310, 0]);
}

#[test]
fn ecdsa_p384() {
    run("ecdsa_secp384r1_sha384", Scheme::EcdsaP384Sha384, [504, 194, 310, 0]);
}

#[test]
fn ecdsa_p521() {
    run("ecdsa_secp521r1_sha512", Scheme::EcdsaP521Sha512, [542, 232, 310, 0]);
}

#[test]
fn ed25519() {
    run("ed25519", Scheme::Ed25519, [151, 88, 63, 0]);
}

#[cfg(feature = "aws-lc")]
#[test]
fn rsa_2048() {
    run("rsa_signature_2048_sha256", Scheme::RsaPkcs1Sha256, [259, 9, 249, 1]);
}

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
