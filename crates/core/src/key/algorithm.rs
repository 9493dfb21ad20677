//! Kinds of keys, and the schemes that each may sign and verify with.
//!
//! Rule S5 is written down here once: [`Scheme::accepted_for`]. Nothing in this module may depend on what a signature
//! says about itself.

use core::fmt;
use core::str::FromStr;

/// The kind of a key, with its size where the kind alone does not give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA.
    Rsa {
        /// Length of the modulus in bits, 2048 to 4096.
        bits: u16,
    },
}

impl KeyAlgorithm {
    /// What a key can be generated as, in the order in which a help text lists them.
    pub const GENERATED: &'static [Self] = &[
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::Rsa { bits: 2048 },
        Self::Rsa { bits: 3072 },
        Self::Rsa { bits: 4096 },
    ];
}

/// `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521`, `ed25519`, `rsa-<bits>`.
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("ecdsa-p256"),
            Self::P384 => f.write_str("ecdsa-p384"),
            Self::P521 => f.write_str("ecdsa-p521"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
        }
    }
}

/// Reads the name of something to generate: `ecdsa-p256` or `p256`, the same for 384 and 521, `ed25519`, `rsa-2048`,
/// `rsa-3072`, `rsa-4096`.
impl FromStr for KeyAlgorithm {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "ecdsa-p256" | "p256" => Ok(Self::P256),
            "ecdsa-p384" | "p384" => Ok(Self::P384),
            "ecdsa-p521" | "p521" => Ok(Self::P521),
            "ed25519" => Ok(Self::Ed25519),
            "rsa-2048" => Ok(Self::Rsa { bits: 2048 }),
            "rsa-3072" => Ok(Self::Rsa { bits: 3072 }),
            "rsa-4096" => Ok(Self::Rsa { bits: 4096 }),
            _ => Err(UnknownName::new(Self::GENERATED.iter().map(ToString::to_string))),
        }
    }
}

/// A hash function that a signature scheme uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// `sha256`, `sha384` or `sha512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How bytes become a signature: key kind, hash and padding together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// ECDSA on P-256 over SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 over SHA-384.
    EcdsaP384Sha384,
    /// ECDSA on P-384 over SHA-256: what cosign verifies by default.
    EcdsaP384Sha256,
    /// ECDSA on P-521 over SHA-512.
    EcdsaP521Sha512,
    /// ECDSA on P-521 over SHA-256: what cosign verifies by default.
    EcdsaP521Sha256,
    /// RSA PKCS#1 v1.5 over SHA-256.
    RsaPkcs1Sha256,
    /// Ed25519 over the message itself (RFC 8032, `PureEdDSA`).
    Ed25519,
    /// Ed25519ph over SHA-512 with an empty context: what cosign signs with.
    Ed25519ph,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &'static [Self] = &[
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP384Sha256,
        Self::EcdsaP521Sha512,
        Self::EcdsaP521Sha256,
        Self::RsaPkcs1Sha256,
        Self::Ed25519,
        Self::Ed25519ph,
    ];

    /// The stable name of the scheme in policies and in output.
    pub const fn code(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::EcdsaP384Sha256 => "ecdsa-p384-sha256",
            Self::EcdsaP521Sha512 => "ecdsa-p521-sha512",
            Self::EcdsaP521Sha256 => "ecdsa-p521-sha256",
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::Ed25519 => "ed25519",
            Self::Ed25519ph => "ed25519-ph",
        }
    }

    /// The name that cosign's `--signing-algorithm` and Sigstore's algorithm registry use, for a key of `key`'s kind;
    /// the kind decides only the size in the names of RSA schemes.
    pub fn cosign_name(self, key: KeyAlgorithm) -> String {
        match (self, key) {
            (Self::RsaPkcs1Sha256, KeyAlgorithm::Rsa { bits }) => format!("rsa-sign-pkcs1-{bits}-sha256"),
            _ => self.cosign_name_2048().to_owned(),
        }
    }

    /// What a key of this kind signs with unless told otherwise: its own digest, and pure Ed25519.
    pub const fn default_for(key: KeyAlgorithm) -> Self {
        match key {
            KeyAlgorithm::P256 => Self::EcdsaP256Sha256,
            KeyAlgorithm::P384 => Self::EcdsaP384Sha384,
            KeyAlgorithm::P521 => Self::EcdsaP521Sha512,
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Rsa { .. } => Self::RsaPkcs1Sha256,
        }
    }

    /// What is accepted from a key of this kind, most usual first (rule S5).
    pub const fn accepted_for(key: KeyAlgorithm) -> &'static [Self] {
        match key {
            KeyAlgorithm::P256 => &[Self::EcdsaP256Sha256],
            KeyAlgorithm::P384 => &[Self::EcdsaP384Sha384, Self::EcdsaP384Sha256],
            KeyAlgorithm::P521 => &[Self::EcdsaP521Sha512, Self::EcdsaP521Sha256],
            KeyAlgorithm::Ed25519 => &[Self::Ed25519, Self::Ed25519ph],
            KeyAlgorithm::Rsa { .. } => &[Self::RsaPkcs1Sha256],
        }
    }

    /// Whether a key of this kind can sign and verify with the scheme.
    pub fn fits(self, key: KeyAlgorithm) -> bool {
        Self::accepted_for(key).contains(&self)
    }

    /// The hash that is signed, or nothing for pure Ed25519, which signs the message itself.
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha256 | Self::EcdsaP521Sha256 | Self::RsaPkcs1Sha256 => {
                Some(HashAlgorithm::Sha256)
            }
            Self::EcdsaP384Sha384 => Some(HashAlgorithm::Sha384),
            Self::EcdsaP521Sha512 | Self::Ed25519ph => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }

    /// Reads what was given as `--signing-algorithm` for a key of this kind: a [`code`](Self::code) or a
    /// [`cosign_name`](Self::cosign_name). A scheme of another kind of key, or of another RSA size, is an error.
    pub fn parse_for(name: &str, key: KeyAlgorithm) -> Result<Self, UnknownName> {
        let accepted = Self::accepted_for(key);
        accepted
            .iter()
            .copied()
            .find(|scheme| scheme.code() == name || scheme.cosign_name(key) == name)
            .ok_or_else(|| UnknownName::new(accepted.iter().map(|scheme| scheme.code().to_owned())))
    }

    const fn cosign_name_2048(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-sha2-256-nistp256",
            Self::EcdsaP384Sha384 => "ecdsa-sha2-384-nistp384",
            Self::EcdsaP384Sha256 => "ecdsa-sha2-256-nistp384",
            Self::EcdsaP521Sha512 => "ecdsa-sha2-512-nistp521",
            Self::EcdsaP521Sha256 => "ecdsa-sha2-256-nistp521",
            Self::RsaPkcs1Sha256 => "rsa-sign-pkcs1-2048-sha256",
            Self::Ed25519 => "ed25519",
            Self::Ed25519ph => "ed25519-ph",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl serde::Serialize for Scheme {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Reads a [`code`](Scheme::code) or a cosign name, where the key is not known yet. Use [`Scheme::parse_for`] where it
/// is.
impl FromStr for Scheme {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if matches!(name, "rsa-sign-pkcs1-3072-sha256" | "rsa-sign-pkcs1-4096-sha256") {
            return Ok(Self::RsaPkcs1Sha256);
        }
        Self::ALL
            .iter()
            .copied()
            .find(|scheme| scheme.code() == name || scheme.cosign_name_2048() == name)
            .ok_or_else(|| UnknownName::new(Self::ALL.iter().map(|scheme| scheme.code().to_owned())))
    }
}

/// A name of a key kind or of a scheme that is none, or none that fits the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of: {known}")]
#[non_exhaustive]
pub struct UnknownName {
    /// The names that would have been understood, separated by commas.
    pub known: String,
}

impl UnknownName {
    fn new(known: impl Iterator<Item = String>) -> Self {
        Self { known: known.collect::<Vec<_>>().join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_generated_keys_read_back() {
        for algorithm in KeyAlgorithm::GENERATED {
            assert_eq!(algorithm.to_string().parse(), Ok(*algorithm));
        }
        for other in ["", "P256", "rsa-1024", "rsa-8192", "rsa", "ed448", "secp256k1"] {
            assert!(other.parse::<KeyAlgorithm>().is_err(), "{other}");
        }
    }

    #[test]
    fn each_scheme_is_read_by_both_names_and_fits_one_kind() {
        for algorithm in KeyAlgorithm::GENERATED {
            assert_eq!(Scheme::accepted_for(*algorithm)[0], Scheme::default_for(*algorithm));
            for scheme in Scheme::ALL {
                let fits = scheme.fits(*algorithm);
                assert_eq!(Scheme::parse_for(scheme.code(), *algorithm).is_ok(), fits);
                assert_eq!(Scheme::parse_for(&scheme.cosign_name(*algorithm), *algorithm).is_ok(), fits);
                assert_eq!(scheme.code().parse(), Ok(*scheme));
                assert_eq!(scheme.cosign_name(*algorithm).parse(), Ok(*scheme));
            }
        }
        for scheme in Scheme::ALL {
            assert!(KeyAlgorithm::GENERATED.iter().any(|algorithm| scheme.fits(*algorithm)), "{scheme}");
        }
    }

    #[test]
    fn a_name_for_another_size_of_rsa_is_refused() {
        let key = KeyAlgorithm::Rsa { bits: 3072 };
        assert_eq!(Scheme::parse_for("rsa-sign-pkcs1-3072-sha256", key), Ok(Scheme::RsaPkcs1Sha256));
        assert!(Scheme::parse_for("rsa-sign-pkcs1-2048-sha256", key).is_err());
        assert!("rsa-sign-pss-2048-sha256".parse::<Scheme>().is_err());
    }
}
