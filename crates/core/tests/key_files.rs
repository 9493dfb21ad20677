//! Key files as cosign, OpenSSL and attackers write them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and reads its material from files"
)]

use std::collections::BTreeMap;

use der::Encode as _;
use der::asn1::OctetStringRef;
use getrandom::SysRng;
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use waxseal_core::encoding::{base64_decode, base64_encode};
use waxseal_core::key::{
    KeyAlgorithm, KeyError, KeyFile, LocalSigner, Password, PrivateKey, PublicKey, Scheme, Signer as _,
    example,
};
use waxseal_core::limits::{KDF_MEMORY_BYTES, KEY_FILE_BYTES, PBKDF2_ROUNDS};

#[derive(serde::Deserialize)]
struct Made {
    password: String,
    scrypt: BTreeMap<String, u64>,
    label: String,
}

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

fn cosign(name: &str) -> Vec<u8> {
    read(&format!("testdata/cosign/keys/{name}"))
}

fn openssl(name: &str) -> Vec<u8> {
    read(&format!("testdata/openssl-keys/{name}"))
}

fn public(name: &str) -> PublicKey {
    PublicKey::from_pem(&cosign(&format!("{name}.pub"))).unwrap()
}

fn open(file: &[u8], password: Option<&str>) -> Result<PrivateKey, KeyError> {
    KeyFile::parse(file)?.open(password.map(Password::new).as_ref())
}

fn is_available(name: &str) -> bool {
    cfg!(feature = "aws-lc") || !name.starts_with("rsa")
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64_encode(der)).into_bytes()
}

fn body(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64_decode(&lines).unwrap()
}

/// A cosign key whose JSON was changed in one place.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let json = String::from_utf8(body(&cosign("p256.key"))).unwrap();
    assert_eq!(json.matches(from).count(), 1, "{from} in {json}");
    pem("ENCRYPTED SIGSTORE PRIVATE KEY", json.replace(from, to).as_bytes())
}

#[test]
fn every_key_of_cosign_opens_and_is_the_public_key_beside_it() {
    let keys: BTreeMap<String, Made> = serde_json::from_slice(&cosign("keys.json")).unwrap();
    assert_eq!(keys.len(), 8);
    for (name, made) in &keys {
        let text = cosign(&format!("{name}.key"));
        assert!(text.starts_with(format!("-----BEGIN {}-----\n", made.label).as_bytes()));
        assert_eq!(made.scrypt["N"], 65_536);
        if !is_available(name) {
            assert_eq!(open(&text, Some(&made.password)).unwrap_err(), KeyError::RsaUnavailable);
            continue;
        }
        let key = open(&text, Some(&made.password)).unwrap();
        let expected = public(name);
        assert_eq!(key.public_key(), &expected, "{name}");
        assert_eq!(expected.to_pem().as_bytes(), cosign(&format!("{name}.pub")), "{name}");
        if !name.starts_with("p256") || name == "p256-imported" {
            let plain = cosign(&format!("{name}.plain.pem"));
            assert!(!KeyFile::parse(&plain).unwrap().is_encrypted());
            let plain = open(&plain, None).unwrap();
            assert_eq!(plain.public_key(), &expected, "{name}");
            assert_eq!(plain.to_pkcs8_pem().unwrap(), key.to_pkcs8_pem().unwrap(), "{name}");
        }
    }
}

#[test]
fn the_plain_form_is_the_one_that_openssl_writes() {
    for name in ["p256-imported", "p384", "p521", "ed25519", "rsa2048"] {
        if is_available(name) {
            let plain = cosign(&format!("{name}.plain.pem"));
            let written = open(&plain, None).unwrap().to_pkcs8_pem().unwrap();
            assert_eq!(written.as_bytes(), plain, "{name}");
        }
    }
}

#[test]
fn the_old_label_and_each_accepted_cost_are_read() {
    let json = body(&cosign("p256-empty.key"));
    let key = open(&pem("ENCRYPTED COSIGN PRIVATE KEY", &json), Some("")).unwrap();
    assert_eq!(key.public_key(), &public("p256-empty"));
    for n in ["32768", "131072"] {
        assert!(KeyFile::parse(&changed("65536", n)).unwrap().is_encrypted());
    }
}

#[test]
fn a_wrong_password_and_a_damaged_file_are_one_error() {
    let good = cosign("p256.key");
    assert!(KeyFile::parse(&good).unwrap().is_encrypted());
    assert_eq!(open(&good, None).unwrap_err(), KeyError::PasswordNeeded);
    assert_eq!(open(&good, Some("")).unwrap_err(), KeyError::WrongPassword);
    assert_eq!(open(&good, Some("example ")).unwrap_err(), KeyError::WrongPassword);
    let mut json: serde_json::Value = serde_json::from_slice(&body(&good)).unwrap();
    let mut ciphertext = base64_decode(json["ciphertext"].as_str().unwrap()).unwrap();
    ciphertext[40] ^= 1;
    for damaged in [base64_encode(&ciphertext), String::new()] {
        json["ciphertext"] = damaged.into();
        let file = pem("ENCRYPTED SIGSTORE PRIVATE KEY", json.to_string().as_bytes());
        assert_eq!(open(&file, Some("example")).unwrap_err(), KeyError::WrongPassword);
    }
}

#[test]
fn hostile_costs_names_and_lengths_are_refused_before_a_password_is_asked_for() {
    let code = |file: &[u8]| KeyFile::parse(file).map(|_| ()).unwrap_err().code();
    for (from, to) in [
        ("65536", "1073741824"),
        ("65536", "65535"),
        ("65536", "16384"),
        ("65536", "0"),
        ("65536", "18446744073709551615"),
        ("\"r\":8", "\"r\":1048576"),
        ("\"r\":8", "\"r\":0"),
        ("\"p\":1", "\"p\":1048576"),
        ("\"p\":1", "\"p\":0"),
    ] {
        assert_eq!(code(&changed(from, to)), "key-derivation-cost", "{to}");
    }
    for (from, to) in [
        ("\"scrypt\"", "\"Scrypt\""),
        ("\"scrypt\"", "\"pbkdf2\""),
        ("nacl/secretbox", "nacl/box"),
        ("nacl/secretbox", ""),
    ] {
        assert_eq!(code(&changed(from, to)), "key-unsupported-encryption", "{to}");
    }
    for (from, to) in [
        ("65536", "-1"),
        ("65536", "65536.0"),
        ("65536", "1e99"),
        ("65536", "18446744073709551616"),
        ("\"p\":1", "\"p\":1,\"p\":1"),
        ("\"p\":1", "\"p\":1,\"q\":1"),
        ("\"p\":1", "\"x\":1"),
        ("\"kdf\"", "\"KDF\""),
        ("\"salt\":\"", "\"salt\":\"AAAA"),
        ("\"nonce\":\"", "\"nonce\":\"AAAA"),
        ("\"nonce\":\"", "\"nonce\":\" "),
        ("\"ciphertext\":\"", "\"ciphertext\":\"_"),
    ] {
        assert_eq!(code(&changed(from, to)), "key-malformed", "{to}");
    }
    let mut json: serde_json::Value = serde_json::from_slice(&body(&cosign("p256.key"))).unwrap();
    json["kdf"]["salt"] = "".into();
    assert_eq!(code(&pem("ENCRYPTED SIGSTORE PRIVATE KEY", json.to_string().as_bytes())), "key-malformed");
    assert_eq!(code(&pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"{}")), "key-malformed");
}

#[test]
fn the_size_of_a_file_is_bounded() {
    let limit = usize::try_from(KEY_FILE_BYTES).unwrap();
    let mut file = public("p256").to_pem().into_bytes();
    file.resize(limit, b'\n');
    assert!(PublicKey::from_pem(&file).is_ok());
    file.push(b'\n');
    let error = KeyError::TooLarge { limit: KEY_FILE_BYTES, found: KEY_FILE_BYTES + 1 };
    assert_eq!(PublicKey::from_pem(&file), Err(error.clone()));
    assert_eq!(KeyFile::parse(&file).map(|_| ()).unwrap_err(), error);
}

#[test]
fn the_forms_of_openssl_open() {
    for (file, name, password) in [
        ("p256-imported.pbkdf2.pem", "p256-imported", Some("example")),
        ("ed25519.scrypt.pem", "ed25519", Some("example")),
        ("rsa2048.pbkdf2.pem", "rsa2048", Some("example")),
        ("p384.sec1.pem", "p384", None),
        ("p521.sec1-parameters.pem", "p521", None),
        ("rsa2048.pkcs1.pem", "rsa2048", None),
    ] {
        let text = openssl(file);
        assert_eq!(KeyFile::parse(&text).unwrap().is_encrypted(), password.is_some(), "{file}");
        if is_available(name) {
            assert_eq!(open(&text, password).unwrap().public_key(), &public(name), "{file}");
        } else {
            assert_eq!(open(&text, password).unwrap_err(), KeyError::RsaUnavailable, "{file}");
        }
        if password.is_some() {
            assert_eq!(open(&text, None).unwrap_err(), KeyError::PasswordNeeded, "{file}");
            assert_eq!(open(&text, Some("Example")).unwrap_err(), KeyError::WrongPassword, "{file}");
        }
    }
}

/// CBC has no check of its own: one password in some hundred decrypts to well-padded noise.
#[test]
fn a_wrong_password_never_opens_encrypted_pkcs8() {
    let cheap = openssl("p384.one-round.pem");
    assert_eq!(open(&cheap, Some("example")).unwrap().public_key(), &public("p384"));
    let file = KeyFile::parse(&cheap).unwrap();
    for attempt in 0..2_000 {
        let error = file.open(Some(&Password::new(format!("wrong {attempt}")))).unwrap_err();
        assert_eq!(error, KeyError::WrongPassword);
    }
}

#[test]
fn encryptions_that_are_not_read_say_so() {
    let refused = |file: &str| open(&openssl(file), Some("example")).unwrap_err();
    assert_eq!(refused("p256-imported.legacy.pem"), KeyError::LegacyEncryption);
    assert!(KeyError::LegacyEncryption.to_string().contains("openssl pkcs8 -topk8"));
    for file in ["p384.des3.pem", "p384.pbes1.pem", "p384.hmac-sha1.pem"] {
        assert_eq!(refused(file).code(), "key-unsupported-encryption", "{file}");
    }
}

fn encrypted(kdf: impl Into<pbes2::Kdf>) -> Vec<u8> {
    let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: [0; 16] };
    let info = pkcs8::EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::Pbes2(pbes2::Parameters { kdf: kdf.into(), encryption }),
        encrypted_data: OctetStringRef::new(&[0; 32]).unwrap(),
    };
    pem("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap())
}

fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Vec<u8> {
    let salt = pbes2::Salt::new([0; 8]).unwrap();
    encrypted(pbes2::ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None })
}

#[test]
fn the_costs_of_encrypted_pkcs8_are_bounded_before_anything_is_derived() {
    let code = |file: &[u8]| KeyFile::parse(file).map_or_else(|error| error.code(), |_| "parsed");
    let most = KDF_MEMORY_BYTES / 128 / 8;
    assert_eq!(code(&scrypt(most, 8, 1)), "parsed");
    for (n, r, p) in [
        (most * 2, 8, 1),
        (most, 8, 2),
        (most, 16, 1),
        (1 << 30, 8, 1),
        (1 << 63, 8, 1),
        (u64::MAX, 65_535, 65_535),
        (16_384, 8, 65_535),
        (16_384, 65_535, 1),
        (16_383, 8, 1),
        (1, 8, 1),
        (0, 8, 1),
        (16_384, 0, 1),
        (16_384, 8, 0),
    ] {
        assert_eq!(code(&scrypt(n, r, p)), "key-derivation-cost", "N={n} r={r} p={p}");
    }
    let pbkdf2 = |rounds| encrypted(pbes2::Pbkdf2Params::hmac_sha256(rounds, &[0; 8]).unwrap());
    assert_eq!(code(&pbkdf2(PBKDF2_ROUNDS)), "parsed");
    assert_eq!(code(&pbkdf2(PBKDF2_ROUNDS + 1)), "key-derivation-cost");
    assert_eq!(code(&pbkdf2(0)), "key-derivation-cost");
}

#[test]
fn what_stands_in_the_wrong_place_is_named() {
    let parsed = |file: &[u8]| KeyFile::parse(file).map(|_| ()).unwrap_err();
    assert_eq!(parsed(&cosign("p256.pub")), KeyError::PublicKeyGiven);
    assert_eq!(parsed(&openssl("p256.certificate.pem")), KeyError::CertificateGiven);
    assert_eq!(parsed(&pem("OPENSSH PRIVATE KEY", b"x")).code(), "key-unexpected-label");
    let two = [cosign("p384.plain.pem"), cosign("p521.plain.pem")].concat();
    assert_eq!(parsed(&two), KeyError::SeveralBlocks { found: 2 });
    let beside = [openssl("p384.sec1.pem"), b"\n".to_vec(), cosign("p256.pub")].concat();
    assert_eq!(parsed(&beside), KeyError::SeveralBlocks { found: 2 });
    for blank in [b"".as_slice(), b"\n", b"   ", &[0; 64]] {
        assert_eq!(parsed(blank), KeyError::NoPem);
    }
}

#[test]
fn private_keys_under_a_swapped_label_or_of_other_kinds_are_refused() {
    let refused = |file: &[u8]| open(file, None).unwrap_err().code();
    let of_rsa = |code| if cfg!(feature = "aws-lc") { code } else { "key-rsa-unavailable" };
    let (pkcs8, sec1) = (body(&cosign("p384.plain.pem")), body(&openssl("p384.sec1.pem")));
    assert!(open(&pem("PRIVATE KEY", &pkcs8), None).is_ok());
    assert!(open(&pem("EC PRIVATE KEY", &sec1), None).is_ok());
    assert_eq!(refused(&pem("PRIVATE KEY", &sec1)), "key-malformed");
    assert_eq!(refused(&pem("EC PRIVATE KEY", &pkcs8)), "key-malformed");
    assert_eq!(refused(&pem("RSA PRIVATE KEY", &pkcs8)), of_rsa("key-malformed"));
    for file in ["secp256k1.private.pem", "secp256k1.sec1.pem", "ed448.private.pem", "x25519.private.pem"] {
        assert_eq!(refused(&openssl(file)), "key-unsupported-algorithm", "{file}");
    }
    assert_eq!(refused(&openssl("rsa1024.private.pem")), of_rsa("key-rsa-size"));
}

#[test]
fn hostile_private_der_is_refused() {
    for name in ["p256-imported.plain.pem", "ed25519.plain.pem", "rsa2048.plain.pem"] {
        if !is_available(name) {
            continue;
        }
        let der = body(&cosign(name));
        let refused = |der: &[u8]| open(&pem("PRIVATE KEY", der), None).unwrap_err();
        for length in (1..der.len()).step_by(if name.starts_with("rsa") { 61 } else { 1 }) {
            refused(&der[..length]);
        }
        refused(&[der.as_slice(), &[0]].concat());
    }
    let with = |scalar: &str| {
        let der = [hex("30310201010420"), hex(scalar), hex("a00a06082a8648ce3d030107")].concat();
        open(&pem("EC PRIVATE KEY", &der), None).map_or_else(|error| error.code(), |_| "opened")
    };
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    assert_eq!(with(&format!("{}01", "00".repeat(31))), "opened");
    assert_eq!(with(&order.replace("2551", "2550")), "opened");
    for scalar in ["00".repeat(32), order.to_owned(), "ff".repeat(32)] {
        assert_eq!(with(&scalar), "key-invalid", "{scalar}");
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn rsa_numbers_must_belong_together() {
    let mut der = body(&openssl("rsa2048.pkcs1.pem"));
    let last = der.len() - 1;
    der[last] ^= 2;
    assert_eq!(open(&pem("RSA PRIVATE KEY", &der), None).unwrap_err().code(), "key-invalid");
}

#[test]
fn a_public_key_of_another_private_key_is_refused() {
    let mut der = body(&cosign("p256-imported.plain.pem"));
    let point = public("p256").to_der()[26..].to_vec();
    let at = der.len() - 65;
    assert_eq!(der[at], 4);
    der[at..].copy_from_slice(&point);
    assert_eq!(open(&pem("PRIVATE KEY", &der), None).unwrap_err(), KeyError::KeyPairMismatch);

    // RFC 5958 version 2, with the public key behind the seed.
    let seed = body(&cosign("ed25519.plain.pem"))[16..].to_vec();
    let own = public("ed25519").to_der()[12..].to_vec();
    let with = |public: &[u8]| {
        let der = [&hex("3051020101300506032b657004220420"), &seed, &hex("812100"), public].concat();
        open(&pem("PRIVATE KEY", &der), None)
    };
    assert_eq!(with(&own).unwrap().public_key(), &public("ed25519"));
    let mut other = own;
    other[0] ^= 1;
    assert_eq!(with(&other).unwrap_err(), KeyError::KeyPairMismatch);
}

#[test]
fn what_is_sealed_opens_again() {
    let password = Password::new("pass\nword \u{e9}");
    for algorithm in [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::P521,
        KeyAlgorithm::Ed25519,
        KeyAlgorithm::Rsa { bits: 2048 },
    ] {
        if !is_available(&algorithm.to_string()) {
            assert_eq!(PrivateKey::generate(algorithm, &mut SysRng).unwrap_err(), KeyError::RsaUnavailable);
            continue;
        }
        let key = PrivateKey::generate(algorithm, &mut SysRng).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let text = key.seal(&password, &mut SysRng).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
        let json = String::from_utf8(body(text.as_bytes())).unwrap();
        assert!(
            json.starts_with(r#"{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":""#),
            "{json}"
        );
        assert!(json.contains(r#""},"cipher":{"name":"nacl/secretbox","nonce":""#), "{json}");
        assert!(json.contains(r#""},"ciphertext":""#), "{json}");
        let file = KeyFile::parse(text.as_bytes()).unwrap();
        assert_eq!(file.open(Some(&Password::new(""))).unwrap_err(), KeyError::WrongPassword);
        assert_eq!(file.open(Some(&password)).unwrap().public_key(), key.public_key());
        let plain = open(key.to_pkcs8_pem().unwrap().as_bytes(), None).unwrap();
        assert_eq!(plain.public_key(), key.public_key());
        let again = key.seal(&password, &mut SysRng).unwrap();
        assert_ne!(text, again, "salt and nonce are fresh");
    }
}

#[test]
fn rsa_is_generated_in_three_sizes_only() {
    let code = |bits| PrivateKey::generate(KeyAlgorithm::Rsa { bits }, &mut SysRng).unwrap_err().code();
    let expected = if cfg!(feature = "aws-lc") { "key-rsa-size" } else { "key-rsa-unavailable" };
    for bits in [0, 1024, 2047, 2049, 8192] {
        assert_eq!(code(bits), expected, "{bits}");
    }
}

/// A random source that fails.
struct Broken;

impl rand_core::TryRng for Broken {
    type Error = std::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(std::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(std::fmt::Error)
    }
}

impl rand_core::TryCryptoRng for Broken {}

#[test]
fn a_broken_random_source_gives_no_key() {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::P521, KeyAlgorithm::Ed25519] {
        assert_eq!(PrivateKey::generate(algorithm, &mut Broken).unwrap_err(), KeyError::Randomness);
    }
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519, &mut SysRng).unwrap();
    assert_eq!(key.seal(&Password::new(""), &mut Broken).unwrap_err(), KeyError::Randomness);
}

/// T-58.
#[test]
fn no_secret_is_shown() {
    let text = cosign("ed25519.plain.pem");
    let file = KeyFile::parse(&text).unwrap();
    let key = file.open(None).unwrap();
    let signer = LocalSigner::new(open(&text, None).unwrap());
    let shown = format!("{file:?} {key:?} {signer:?} {:?}", Password::new("canary"));
    assert!(shown.contains("ed25519") && !shown.contains("canary"), "{shown}");
    let seed = body(&text)[16..].to_vec();
    let hexadecimal = seed.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let decimal = seed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for secret in [base64_encode(&seed), hexadecimal, decimal] {
        assert!(!shown.contains(&secret));
    }
}

#[test]
fn the_example_keys_are_known() {
    let mut found = Vec::new();
    for (name, algorithm) in [("release", KeyAlgorithm::P256), ("security", KeyAlgorithm::Ed25519)] {
        let public = PublicKey::from_pem(&read(&format!("keys-example/{name}.pub"))).unwrap();
        let private = open(&read(&format!("keys-example/{name}.key")), Some("waxseal-example")).unwrap();
        assert_eq!(private.public_key(), &public);
        assert_eq!(public.algorithm(), algorithm);
        assert!(example::is_example(&public.id()));
        found.push(public.id().to_string());
    }
    assert_eq!(found, example::FINGERPRINTS);
    let readme = String::from_utf8(read("keys-example/README.md")).unwrap();
    assert!(found.iter().all(|id| readme.contains(id)) && readme.contains("waxseal-example"));
    assert!(!example::is_example(&public("p256").id()));
}

#[test]
fn blobs_signed_by_cosign_verify() {
    let artifact = read("testdata/cosign/blobs/artifact.bin");
    let folder = format!("{}/../../testdata/cosign/blobs", env!("CARGO_MANIFEST_DIR"));
    let mut verified = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let key = name.split('.').next().unwrap();
        let is_signature = name.strip_suffix(".sig").is_some_and(|rest| !rest.contains(".att"));
        if !is_signature || !is_available(key) {
            continue;
        }
        let key = public(key);
        let text = String::from_utf8(read(&format!("testdata/cosign/blobs/{name}"))).unwrap();
        let signature = base64_decode(text.trim_end()).unwrap();
        let accepted = Scheme::accepted_for(key.algorithm());
        let scheme = key.verify(&artifact, &signature, accepted).expect(&name);
        assert_eq!(key.verify(&artifact[1..], &signature, accepted), None, "{name}");
        assert_eq!(public("p256-other").verify(&artifact, &signature, Scheme::ALL), None, "{name}");
        verified.push(format!("{name} {scheme}"));
    }
    assert_eq!(verified.len(), if is_available("rsa") { 9 } else { 7 }, "{verified:?}");
}

#[test]
fn a_signer_signs_with_a_key_of_cosign() {
    let key = open(&cosign("p256.key"), Some("example")).unwrap();
    let signature = LocalSigner::new(key).sign(b"bytes").unwrap();
    let verified = public("p256").verify(b"bytes", signature.as_bytes(), Scheme::ALL);
    assert_eq!(verified, Some(Scheme::EcdsaP256Sha256));
}

proptest::proptest! {
    /// Whatever a file holds, it is refused or read, and nothing panics.
    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>, label in 0_usize..8) {
        let labels = [
            "PUBLIC KEY",
            "RSA PUBLIC KEY",
            "PRIVATE KEY",
            "EC PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PARAMETERS",
            "ENCRYPTED PRIVATE KEY",
            "ENCRYPTED SIGSTORE PRIVATE KEY",
        ];
        for file in [bytes.clone(), pem(labels[label], &bytes)] {
            assert!(PublicKey::from_pem(&file).is_err());
            assert!(open(&file, None).is_err());
        }
    }

    /// A damaged file of OpenSSL is judged without a panic, before and after its encryption.
    #[test]
    fn damaged_files_are_judged(at in 0_usize..500, value: u8, which in 0_usize..5) {
        let files = [
            openssl("p384.one-round.pem"),
            openssl("p384.sec1.pem"),
            cosign("p256-imported.plain.pem"),
            cosign("ed25519.plain.pem"),
            cosign("p521.pub"),
        ];
        let label = ["ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "PRIVATE KEY", "PUBLIC KEY"][which];
        let mut der = body(&files[which]);
        let at = at % der.len();
        der[at] = value;
        let file = pem(label, &der);
        if which == 4 {
            drop(PublicKey::from_pem(&file));
        } else if KeyFile::parse(&file).is_ok_and(|file| !file.is_encrypted()) || at > 110 {
            drop(open(&file, Some("example")));
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
