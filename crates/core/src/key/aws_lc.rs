//! What aws-lc-rs does: RSA both ways, and the check of pure Ed25519 signatures that another library made.
//!
//! Sizes and exponents of RSA keys are judged before they come here. Ed25519 is never *verified* here: aws-lc-rs
//! accepts points of small order (rule S6).

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature as lc;
use zeroize::Zeroizing;

use super::{HashAlgorithm, KeyError};

/// A hash that was computed elsewhere.
pub(super) fn digest(hash: HashAlgorithm, hashed: &[u8]) -> Option<Digest> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &SHA256,
        HashAlgorithm::Sha384 => &SHA384,
        HashAlgorithm::Sha512 => &SHA512,
    };
    Digest::import_less_safe(hashed, algorithm).ok()
}

/// Verifies PKCS#1 v1.5 over SHA-256. `key` is an `RSAPublicKey`.
pub(super) fn verify_rsa(key: &[u8], sha256: &[u8], signature: &[u8]) -> bool {
    digest(HashAlgorithm::Sha256, sha256).is_some_and(|digest| {
        lc::UnparsedPublicKey::new(&lc::RSA_PKCS1_2048_8192_SHA256, key)
            .verify_digest(&digest, signature)
            .is_ok()
    })
}

/// Whether a pure Ed25519 signature that was just made is right.
pub(super) fn agrees_on_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    lc::UnparsedPublicKey::new(&lc::ED25519, key).verify(message, signature).is_ok()
}

/// An RSA private key. aws-lc wipes its memory when it frees it.
pub(super) struct RsaSecret(KeyPair);

impl RsaSecret {
    /// Generates with aws-lc's own random source.
    pub(super) fn generate(bits: u16) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(KeyError::RsaSize { bits: bits.into() }),
        };
        KeyPair::generate(size).map(Self).map_err(|_| KeyError::Computation { what: "RSA key generation" })
    }

    /// Reads an `RSAPrivateKey` whose size was judged, and checks that its numbers belong together.
    pub(super) fn read(der: &[u8]) -> Result<Self, KeyError> {
        KeyPair::from_der(der)
            .map(Self)
            .map_err(|_| KeyError::InvalidKey { why: "the numbers of the RSA key do not belong together" })
    }

    /// The `RSAPublicKey`.
    pub(super) fn public(&self) -> &[u8] {
        lc::KeyPair::public_key(&self.0).as_ref()
    }

    /// The PKCS#8 structure.
    pub(super) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der =
            self.0.as_der().map_err(|_| KeyError::Computation { what: "the encoding of an RSA key" })?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Signs PKCS#1 v1.5 over SHA-256.
    pub(super) fn sign(&self, sha256: &[u8]) -> Option<Vec<u8>> {
        let digest = digest(HashAlgorithm::Sha256, sha256)?;
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign_digest(&lc::RSA_PKCS1_SHA256, &digest, &mut signature).ok()?;
        Some(signature)
    }
}
