//! cosign's key files: each opens what the other sealed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreKeyPair;

use crate::place::{Key, Place, waxseal};

#[test]
fn the_crate_opens_keys_that_waxseal_sealed() {
    for name in ["release", "security"] {
        let key = Key::example(name);
        assert_eq!(scrypt(&key.private_pem()), json!({ "N": 65536, "r": 8, "p": 1 }), "{name}");
        assert_eq!(opened(&key), body(&key.public_pem()), "{name}");
        assert!(SigStoreKeyPair::from_encrypted_pem(&key.private_pem(), b"another password").is_err());
    }
}

#[test]
fn the_crate_opens_keys_that_waxseal_generates() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"] {
        for password in ["a password of ours: \u{fc}", ""] {
            let prefix = folder.path().join(kind);
            let mut generate = waxseal();
            generate.env("WAXSEAL_PASSWORD", password).args(["generate-key-pair", "-y", "--algorithm", kind]);
            let done = generate.arg("--output-key-prefix").arg(&prefix).output().unwrap();
            assert!(done.status.success(), "{kind}: {}", String::from_utf8_lossy(&done.stderr));
            let key = Key::of_files(&prefix, password);
            assert_eq!(opened(&key), body(&key.public_pem()), "{kind}");
        }
    }
}

#[test]
fn the_crate_opens_the_keys_of_the_test_data() {
    for name in ["p256", "p256-other", "p256-imported", "p384", "p521", "rsa2048", "ed25519"] {
        let key = Key::cosign(name);
        assert_eq!(opened(&key), body(&key.public_pem()), "{name}");
    }
}

#[test]
fn waxseal_signs_with_keys_that_the_crate_sealed() {
    let schemes = [
        SigningScheme::ECDSA_P256_SHA256_ASN1,
        SigningScheme::ECDSA_P384_SHA384_ASN1,
        SigningScheme::ECDSA_P521_SHA512_ASN1,
        SigningScheme::ED25519,
        SigningScheme::RSA_PKCS1_SHA256(2048),
    ];
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    for scheme in schemes {
        for password in ["a password of the crate's", ""] {
            let pair = scheme.create_signer().unwrap().to_sigstore_keypair().unwrap();
            let key = Key::of_files(&folder.path().join(scheme.to_string()), password);
            let sealed = pair.private_key_to_encrypted_pem(password.as_bytes()).unwrap();
            std::fs::write(&key.private, sealed.as_bytes()).unwrap();
            std::fs::write(&key.public, pair.public_key_to_pem().unwrap()).unwrap();
            assert_eq!(scrypt(&key.private_pem()), json!({ "N": 32768, "r": 8, "p": 1 }), "{scheme}");
            assert_eq!(place.verify(&key, &[]), 1, "{scheme}: not signed yet");
            place.sign(&key, &[]);
            assert_eq!(place.verify(&key, &[]), 0, "{scheme}");
        }
    }
}

/// The public key, in DER, of what the crate opened.
fn opened(key: &Key) -> Vec<u8> {
    let pair = SigStoreKeyPair::from_encrypted_pem(&key.private_pem(), key.password.as_bytes()).unwrap();
    pair.public_key_to_der().unwrap()
}

/// The parameters of the key derivation that stand in a key file.
fn scrypt(pem: &[u8]) -> Value {
    let file: Value = serde_json::from_slice(&body(pem)).unwrap();
    file["kdf"]["params"].clone()
}

/// What stands between the two lines of a PEM file.
fn body(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}
