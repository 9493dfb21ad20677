//! Why a key is not read, made or used.
//!
//! The errors carry facts about the form of a key, never its content: no secret, no password, and of a file's text
//! no more than a short label.

use super::{HashAlgorithm, KeyAlgorithm, Scheme};

/// A key, public or private, could not be read, opened, made or written. The code of a variant is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file is larger than any key.
    #[error("a key file has at most {limit} bytes, this one has {found}")]
    TooLarge {
        /// [`KEY_FILE_BYTES`](crate::limits::KEY_FILE_BYTES).
        limit: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// There is no PEM block: the file is empty, blank, or something else.
    #[error("there is no PEM block (a line -----BEGIN ...-----)")]
    NoPem,
    /// A PEM block is broken.
    #[error("the PEM block is broken: {why}")]
    BrokenPem {
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is more than one PEM block, so that it is open which key is meant.
    #[error("one PEM block is expected, there are {found}")]
    SeveralBlocks {
        /// PEM blocks of the file.
        found: usize,
    },
    /// The PEM block holds no key of a kind that is read here.
    #[error("the PEM block is labelled {found:?}, expected {expected}")]
    UnexpectedLabel {
        /// What is read here.
        expected: &'static str,
        /// The label, at most 64 upper-case letters, digits and blanks.
        found: String,
    },
    /// A private key stands where a public key belongs.
    #[error("this is a private key, a public key is expected")]
    PrivateKeyGiven,
    /// A public key stands where a private key belongs.
    #[error("this is a public key, a private key is expected")]
    PublicKeyGiven,
    /// A certificate stands where a key belongs.
    #[error("this is a certificate, a bare key is expected")]
    CertificateGiven,
    /// The bytes are not the DER encoding of such a key.
    #[error("not a DER-encoded {expected}")]
    Malformed {
        /// The structure that was expected.
        expected: &'static str,
    },
    /// The key is of a kind that is not supported.
    #[error("keys of this kind are not supported: {found}")]
    UnsupportedAlgorithm {
        /// The kind's name if it is known, and its object identifier.
        found: String,
    },
    /// The key has a form that no honest key has, and would accept forged signatures or none.
    #[error("the key is not valid: {why}")]
    InvalidKey {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The RSA modulus is too short or too long.
    #[error("an RSA key has 2048 to 4096 bits, this one has {bits}")]
    RsaSize {
        /// Bits of the modulus.
        bits: u64,
    },
    /// This build has no RSA.
    #[error("RSA keys need a build with the feature aws-lc; this build is pure Rust and has none")]
    RsaUnavailable,
    /// The private key and the public key in the same file do not belong together.
    #[error("the public key inside the file is not that of the private key")]
    KeyPairMismatch,
    /// The file uses the encryption of old OpenSSL versions (`Proc-Type: 4,ENCRYPTED`), which derives its key with
    /// one round of MD5.
    #[error("the old OpenSSL encryption is not read: convert the file with `openssl pkcs8 -topk8`")]
    LegacyEncryption,
    /// The file is encrypted in a way that is not read.
    #[error("the file's encryption is not supported: {found}")]
    UnsupportedEncryption {
        /// What is not supported.
        found: String,
    },
    /// The costs of the key derivation are not those that are accepted; they are checked before anything is computed.
    #[error("the costs of the password's key derivation are refused: {found}")]
    DerivationCost {
        /// The costs that the file names, and what is accepted.
        found: String,
    },
    /// The file is encrypted and no password was given.
    #[error("the key file is encrypted and no password was given")]
    PasswordNeeded,
    /// The password does not open the file.
    #[error("the password is wrong or the key file is damaged")]
    WrongPassword,
    /// The random source failed.
    #[error("the random source failed")]
    Randomness,
    /// The library that generates or derives the key failed.
    #[error("the key could not be computed: {what}")]
    Computation {
        /// What was computed.
        what: &'static str,
    },
}

impl KeyError {
    /// The stable codes, for the table in the documentation.
    pub const ALL: &'static [&'static str] = &[
        "key-file-too-large",
        "key-no-pem",
        "key-broken-pem",
        "key-several-blocks",
        "key-unexpected-label",
        "key-is-private",
        "key-is-public",
        "key-is-certificate",
        "key-malformed",
        "key-unsupported-algorithm",
        "key-invalid",
        "key-rsa-size",
        "key-rsa-unavailable",
        "key-pair-mismatch",
        "key-legacy-encryption",
        "key-unsupported-encryption",
        "key-derivation-cost",
        "key-password-needed",
        "key-wrong-password",
        "key-randomness",
        "key-computation",
    ];

    /// The stable code of the variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "key-file-too-large",
            Self::NoPem => "key-no-pem",
            Self::BrokenPem { .. } => "key-broken-pem",
            Self::SeveralBlocks { .. } => "key-several-blocks",
            Self::UnexpectedLabel { .. } => "key-unexpected-label",
            Self::PrivateKeyGiven => "key-is-private",
            Self::PublicKeyGiven => "key-is-public",
            Self::CertificateGiven => "key-is-certificate",
            Self::Malformed { .. } => "key-malformed",
            Self::UnsupportedAlgorithm { .. } => "key-unsupported-algorithm",
            Self::InvalidKey { .. } => "key-invalid",
            Self::RsaSize { .. } => "key-rsa-size",
            Self::RsaUnavailable => "key-rsa-unavailable",
            Self::KeyPairMismatch => "key-pair-mismatch",
            Self::LegacyEncryption => "key-legacy-encryption",
            Self::UnsupportedEncryption { .. } => "key-unsupported-encryption",
            Self::DerivationCost { .. } => "key-derivation-cost",
            Self::PasswordNeeded => "key-password-needed",
            Self::WrongPassword => "key-wrong-password",
            Self::Randomness => "key-randomness",
            Self::Computation { .. } => "key-computation",
        }
    }
}

/// A signature could not be made. The code of a variant is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The scheme is one of another kind of key.
    #[error("{scheme} is no scheme of a key of kind {key}")]
    SchemeMismatch {
        /// The scheme that was asked for.
        scheme: Scheme,
        /// The kind of the key.
        key: KeyAlgorithm,
    },
    /// Pure Ed25519 signs the message itself; there is no signature over a hash (rule G6).
    #[error("pure Ed25519 signs the whole message, not its hash")]
    NeedsMessage,
    /// The hash that the scheme signs was not computed.
    #[error("the {hash} of the message was not computed")]
    MissingHash {
        /// The hash of the scheme.
        hash: HashAlgorithm,
    },
    /// The library that signs failed.
    #[error("the signature could not be computed")]
    Computation,
    /// The signature does not verify. It was discarded: a faulty signature can give away the key (rule G1).
    #[error("the signature just made does not verify and was discarded")]
    SelfCheck,
    /// The message could not be read, or was not the same each time it was read.
    #[error("the message to be signed: {why}")]
    Message {
        /// What happened.
        why: String,
    },
    /// The device that holds the key did not sign.
    #[error("the device that holds the key: {why}")]
    Device {
        /// What it says, and what can be done.
        why: String,
    },
}

impl SignError {
    /// The stable codes, for the table in the documentation.
    pub const ALL: &'static [&'static str] = &[
        "sign-scheme-mismatch",
        "sign-needs-message",
        "sign-missing-hash",
        "sign-computation",
        "sign-self-check",
        "sign-message",
        "sign-device",
    ];

    /// The stable code of the variant.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SchemeMismatch { .. } => "sign-scheme-mismatch",
            Self::NeedsMessage => "sign-needs-message",
            Self::MissingHash { .. } => "sign-missing-hash",
            Self::Computation => "sign-computation",
            Self::SelfCheck => "sign-self-check",
            Self::Message { .. } => "sign-message",
            Self::Device { .. } => "sign-device",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once() {
        let text = String::new;
        let keys = [
            KeyError::TooLarge { limit: 0, found: 0 },
            KeyError::NoPem,
            KeyError::BrokenPem { why: "" },
            KeyError::SeveralBlocks { found: 2 },
            KeyError::UnexpectedLabel { expected: "", found: text() },
            KeyError::PrivateKeyGiven,
            KeyError::PublicKeyGiven,
            KeyError::CertificateGiven,
            KeyError::Malformed { expected: "" },
            KeyError::UnsupportedAlgorithm { found: text() },
            KeyError::InvalidKey { why: "" },
            KeyError::RsaSize { bits: 0 },
            KeyError::RsaUnavailable,
            KeyError::KeyPairMismatch,
            KeyError::LegacyEncryption,
            KeyError::UnsupportedEncryption { found: text() },
            KeyError::DerivationCost { found: text() },
            KeyError::PasswordNeeded,
            KeyError::WrongPassword,
            KeyError::Randomness,
            KeyError::Computation { what: "" },
        ];
        assert_eq!(keys.iter().map(KeyError::code).collect::<Vec<_>>(), KeyError::ALL);
        let (scheme, key) = (Scheme::Ed25519, KeyAlgorithm::P256);
        let signs = [
            SignError::SchemeMismatch { scheme, key },
            SignError::NeedsMessage,
            SignError::MissingHash { hash: HashAlgorithm::Sha256 },
            SignError::Computation,
            SignError::SelfCheck,
            SignError::Message { why: text() },
            SignError::Device { why: text() },
        ];
        assert_eq!(signs.iter().map(SignError::code).collect::<Vec<_>>(), SignError::ALL);
    }
}
