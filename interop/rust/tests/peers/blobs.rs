//! Signatures of files, detached and in base64, in both directions.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore::cosign::{Client, CosignCapabilities as _};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreKeyPair;

use crate::place::{Key, waxseal};

const BLOB: &[u8] = b"a release, or what stands for one\n";
const OTHER: &[u8] = b"a release, or what stands for one!\n";

const KINDS: [(&str, SigningScheme); 5] = [
    ("p256-imported", SigningScheme::ECDSA_P256_SHA256_ASN1),
    ("p384", SigningScheme::ECDSA_P384_SHA384_ASN1),
    ("p521", SigningScheme::ECDSA_P521_SHA512_ASN1),
    ("rsa2048", SigningScheme::RSA_PKCS1_SHA256(2048)),
    ("ed25519", SigningScheme::ED25519),
];

#[test]
fn the_crate_verifies_what_sign_blob_prints() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blob");
    std::fs::write(&file, BLOB).unwrap();
    for (kind, _) in KINDS {
        let key = Key::cosign(kind);
        let mut sign = waxseal();
        sign.env("WAXSEAL_PASSWORD", &key.password).args(["sign-blob", "--key"]).arg(&key.private).arg(&file);
        let done = sign.output().unwrap();
        assert!(done.status.success(), "{kind}: {}", String::from_utf8_lossy(&done.stderr));
        let signature = String::from_utf8(done.stdout).unwrap();
        let verified = |key: &Key, blob| {
            let pem = String::from_utf8(key.public_pem()).unwrap();
            Client::verify_blob_with_public_key(&pem, signature.trim(), blob).is_ok()
        };
        assert!(verified(&key, BLOB), "{kind}");
        assert!(!verified(&key, OTHER), "{kind}: another blob");
        assert!(!verified(&Key::cosign("p256-other"), BLOB), "{kind}: another key");
    }
}

#[test]
fn verify_blob_takes_what_the_crate_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("blob"), folder.path().join("other"));
    std::fs::write(&file, BLOB).unwrap();
    std::fs::write(&other, OTHER).unwrap();
    for (kind, scheme) in KINDS {
        let key = Key::cosign(kind);
        let pair = SigStoreKeyPair::from_encrypted_pem(&key.private_pem(), key.password.as_bytes()).unwrap();
        let signature = STANDARD.encode(pair.to_sigstore_signer(&scheme).unwrap().sign(BLOB).unwrap());
        assert_eq!(verify(&key, &signature, &file), 0, "{kind}");
        assert_eq!(verify(&key, &signature, &other), 1, "{kind}: another blob");
        assert_eq!(verify(&Key::cosign("p256-other"), &signature, &file), 1, "{kind}: another key");
    }
}

/// The exit code of `verify-blob`.
fn verify(key: &Key, signature: &str, blob: &Path) -> i32 {
    let mut verify = waxseal();
    verify.args(["verify-blob", "--signature", signature, "--key"]).arg(&key.public).arg(blob);
    verify.output().unwrap().status.code().unwrap()
}
