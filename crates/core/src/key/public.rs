//! Public keys: what may be one, and what it verifies.
//!
//! A key is judged when it is read, so that no usable value exists for a key that would accept forgeries: points off
//! the curve, the identity, Ed25519 keys of small or mixed order, RSA keys that are too short or have a senseless
//! exponent. Nothing here takes a scheme from a signature or an envelope.

use core::fmt;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey as Ed25519Key;

use super::asn1::{self, Kind};
use super::ec::EcPublic;
use super::{KeyAlgorithm, KeyError, KeyId, Prehashed, Scheme, pem};

/// Least and most bits of an RSA modulus (rule S5).
const RSA_BITS: core::ops::RangeInclusive<u64> = 2048..=4096;
/// Largest RSA exponent; Go's verifiers, cosign among them, go no further.
const RSA_EXPONENT: u64 = (1 << 31) - 1;

/// A public key that was judged when it was read. Cheap to clone; equal when the encodings are.
///
/// ```
/// use waxseal_core::PublicKey;
/// let key = PublicKey::from_pem(
///     b"-----BEGIN PUBLIC KEY-----\n\
///       MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
///       -----END PUBLIC KEY-----\n",
/// )?;
/// assert_eq!(key.algorithm().to_string(), "ed25519");
/// assert_eq!(key.id().short(), "06e3fd8fda29");
/// # Ok::<(), waxseal_core::key::KeyError>(())
/// ```
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    id: KeyId,
    der: Vec<u8>,
    material: Material,
}

enum Material {
    Ec(EcPublic),
    Ed25519(Ed25519Key),
    /// An `RSAPublicKey` (PKCS#1).
    #[cfg(feature = "aws-lc")]
    Rsa(Vec<u8>),
}

impl PublicKey {
    /// Reads a file that holds one PEM block: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1), at most
    /// [`KEY_FILE_BYTES`](crate::limits::KEY_FILE_BYTES).
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let blocks = pem::blocks(file)?;
        if blocks.iter().any(|block| block.label.ends_with("PRIVATE KEY")) {
            return Err(KeyError::PrivateKeyGiven);
        }
        let [block] = blocks.as_slice() else {
            return Err(KeyError::SeveralBlocks { found: blocks.len() });
        };
        match block.label.as_str() {
            "PUBLIC KEY" => Self::from_der(&block.der),
            "RSA PUBLIC KEY" => Self::from_rsa(&block.der),
            label if label.ends_with("CERTIFICATE") => Err(KeyError::CertificateGiven),
            label => Err(KeyError::UnexpectedLabel { expected: "PUBLIC KEY", found: label.to_owned() }),
        }
    }

    /// Reads a DER-encoded `SubjectPublicKeyInfo` (RFC 5280, 4.1) with nothing behind it. A compressed point is
    /// accepted and stands for the same key.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (kind, key) = asn1::read_spki(der)?;
        match kind {
            Kind::Ec(curve) => Self::from_ec(EcPublic::read(curve, key)?),
            Kind::Ed25519 => Self::from_ed25519(key),
            Kind::Rsa => Self::from_rsa(key),
        }
    }

    /// One PEM block `PUBLIC KEY`, with line feeds and 64 columns.
    pub fn to_pem(&self) -> String {
        core::mem::take(&mut *pem::write("PUBLIC KEY", &self.0.der))
    }

    /// The `SubjectPublicKeyInfo` as this program encodes it: points are uncompressed.
    pub fn to_der(&self) -> &[u8] {
        &self.0.der
    }

    /// The kind of the key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.0.algorithm
    }

    /// The identity of the key (rule S2).
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// The first of `schemes` under which `signature` is this key's signature of `message`; schemes of other kinds of
    /// keys are passed over. [`Scheme::accepted_for`] is the widest list that makes sense.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8], schemes: &[Scheme]) -> Option<Scheme> {
        let fitting: Vec<Scheme> = self.fitting(schemes).collect();
        let mut hashes = None;
        fitting.iter().copied().find(|scheme| {
            if let (None, Material::Ed25519(key)) = (scheme.hash(), &self.0.material) {
                return verify_pure(key, message, signature);
            }
            let hashes = hashes.get_or_insert_with(|| Prehashed::of(&fitting, message));
            self.verify_one(hashes, signature, *scheme)
        })
    }

    /// The same for a message of which only the hashes are at hand. Pure Ed25519 is passed over, and so is a scheme
    /// whose hash was not computed: make the hashes with [`Prehasher::for_schemes`](super::Prehasher::for_schemes) and
    /// the same list.
    #[must_use]
    pub fn verify_prehashed(
        &self,
        hashes: &Prehashed,
        signature: &[u8],
        schemes: &[Scheme],
    ) -> Option<Scheme> {
        self.fitting(schemes).find(|scheme| self.verify_one(hashes, signature, *scheme))
    }

    pub(super) fn from_ec(key: EcPublic) -> Result<Self, KeyError> {
        let curve = key.curve();
        Self::assemble(curve.algorithm(), Kind::Ec(curve), &key.point(), Material::Ec(key))
    }

    pub(super) fn from_ed25519(key: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] =
            key.try_into().map_err(|_| KeyError::InvalidKey { why: "an Ed25519 key has 32 bytes" })?;
        let key = Ed25519Key::from_bytes(bytes)
            .map_err(|_| KeyError::InvalidKey { why: "the point is not on the curve" })?;
        let point = key.to_edwards();
        if key.is_weak() {
            return Err(KeyError::InvalidKey { why: "the point has a small order" });
        }
        if point.compress().as_bytes() != bytes {
            return Err(KeyError::InvalidKey { why: "the point is not encoded canonically" });
        }
        if !point.is_torsion_free() {
            return Err(KeyError::InvalidKey { why: "the point has a mixed order" });
        }
        Self::assemble(KeyAlgorithm::Ed25519, Kind::Ed25519, bytes, Material::Ed25519(key))
    }

    pub(super) fn from_rsa(key: &[u8]) -> Result<Self, KeyError> {
        let (modulus, exponent) = asn1::read_rsa_public(key)?;
        let bits = judge_rsa(modulus, exponent)?;
        #[cfg(feature = "aws-lc")]
        return Self::assemble(KeyAlgorithm::Rsa { bits }, Kind::Rsa, key, Material::Rsa(key.to_vec()));
        #[cfg(not(feature = "aws-lc"))]
        {
            let _ = bits;
            Err(KeyError::RsaUnavailable)
        }
    }

    /// The 32 bytes of an Ed25519 key.
    pub(super) fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.0.material {
            Material::Ed25519(key) => Some(key.as_bytes()),
            Material::Ec(_) => None,
            #[cfg(feature = "aws-lc")]
            Material::Rsa(_) => None,
        }
    }

    fn assemble(
        algorithm: KeyAlgorithm,
        kind: Kind,
        key: &[u8],
        material: Material,
    ) -> Result<Self, KeyError> {
        let der = asn1::write_spki(kind, key)?;
        Ok(Self(Arc::new(Inner { algorithm, id: KeyId::of(&der), der, material })))
    }

    fn fitting<'a>(&'a self, schemes: &'a [Scheme]) -> impl Iterator<Item = Scheme> + 'a {
        schemes.iter().copied().filter(|scheme| scheme.fits(self.algorithm()))
    }

    fn verify_one(&self, hashes: &Prehashed, signature: &[u8], scheme: Scheme) -> bool {
        let Some(hash) = scheme.hash() else { return false };
        let Some(digest) = hashes.get(hash) else { return false };
        match &self.0.material {
            Material::Ec(key) => key.verify(hash, digest, signature),
            Material::Ed25519(key) => verify_ph(key, hashes, signature),
            #[cfg(feature = "aws-lc")]
            Material::Rsa(key) => super::aws_lc::verify_rsa(key, digest, signature),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.id())
    }
}

/// The size of an RSA modulus, if modulus and exponent (without leading zeros) are those of an honest key.
pub(super) fn judge_rsa(modulus: &[u8], exponent: &[u8]) -> Result<u16, KeyError> {
    let zeros = modulus.first().map_or(0, |first| u64::from(first.leading_zeros()));
    let bytes = u64::try_from(modulus.len()).unwrap_or(u64::MAX);
    let bits = bytes.saturating_mul(8).saturating_sub(zeros);
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaSize { bits });
    }
    if modulus.last().is_none_or(|last| last & 1 == 0) {
        return Err(KeyError::InvalidKey { why: "the RSA modulus is even" });
    }
    let mut value = 0_u64;
    for byte in exponent {
        value = value.saturating_mul(256).saturating_add(u64::from(*byte));
    }
    if value < 3 || value & 1 == 0 || value > RSA_EXPONENT {
        return Err(KeyError::InvalidKey { why: "the RSA exponent is even, below 3 or above 2^31 - 1" });
    }
    u16::try_from(bits).map_err(|_| KeyError::RsaSize { bits })
}

fn verify_pure(key: &Ed25519Key, message: &[u8], signature: &[u8]) -> bool {
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

fn verify_ph(key: &Ed25519Key, hashes: &Prehashed, signature: &[u8]) -> bool {
    let Some(state) = hashes.sha512_state() else { return false };
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_prehashed_strict(state, None, &signature).is_ok())
}
