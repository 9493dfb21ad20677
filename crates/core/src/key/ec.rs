//! ECDSA on the three NIST curves.
//!
//! Points and scalars are parsed, and signatures made, by p256, p384 and p521 (RFC 6979, so that no random source is
//! needed; the generator of `k` always uses the curve's own hash). Verification is aws-lc-rs's, or theirs in a build
//! without it. In front of both stands one strict reading of the signature, so that both accept exactly the same:
//! DER, `r` and `s` from 1 to the order minus 1, nothing behind.

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{HashAlgorithm, KeyAlgorithm, KeyError};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate and of a private scalar.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The ASN.1 form of a signature that is written as its two numbers, each of the curve's width.
    pub(super) fn signature_of_numbers(self, numbers: &[u8]) -> Option<Vec<u8>> {
        let der = match self {
            Self::P256 => p256::ecdsa::Signature::from_slice(numbers).ok()?.to_der().as_bytes().to_vec(),
            Self::P384 => p384::ecdsa::Signature::from_slice(numbers).ok()?.to_der().as_bytes().to_vec(),
            Self::P521 => p521::ecdsa::Signature::from_slice(numbers).ok()?.to_der().as_bytes().to_vec(),
        };
        Some(der)
    }

    /// The curve of a kind of key.
    pub(super) const fn of(algorithm: KeyAlgorithm) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::P256 => Some(Self::P256),
            KeyAlgorithm::P384 => Some(Self::P384),
            KeyAlgorithm::P521 => Some(Self::P521),
            KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa { .. } => None,
        }
    }

    pub(super) const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::P256 => KeyAlgorithm::P256,
            Self::P384 => KeyAlgorithm::P384,
            Self::P521 => KeyAlgorithm::P521,
        }
    }
}

/// Runs the same expression for whichever curve the key is of; `curve` is that curve's crate.
macro_rules! each {
    ($key:expr, $kind:ident, $inner:ident => $body:expr) => {
        match $key {
            $kind::P256($inner) => {
                #[allow(unused_imports, reason = "not every expression names the crate")]
                use p256 as curve;
                $body
            }
            $kind::P384($inner) => {
                #[allow(unused_imports, reason = "not every expression names the crate")]
                use p384 as curve;
                $body
            }
            $kind::P521($inner) => {
                #[allow(unused_imports, reason = "not every expression names the crate")]
                use p521 as curve;
                $body
            }
        }
    };
}

/// A point on a curve that is not the identity.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum EcPublic {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl EcPublic {
    /// Reads a point, uncompressed or compressed (SEC 1, 2.3.4).
    pub(super) fn read(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let invalid = |_| KeyError::InvalidKey { why: "the point is not on the curve" };
        let (uncompressed, compressed) = (curve.width().saturating_mul(2), curve.width());
        let expected = match point.first() {
            Some(4) => uncompressed,
            Some(2 | 3) => compressed,
            Some(0) => return Err(KeyError::InvalidKey { why: "the point is the identity" }),
            _ => return Err(KeyError::InvalidKey { why: "the point has an unknown form" }),
        };
        if point.len() != expected.saturating_add(1) {
            return Err(KeyError::InvalidKey { why: "the point has the wrong length for its curve" });
        }
        Ok(match curve {
            Curve::P256 => Self::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(invalid)?),
            Curve::P384 => Self::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(invalid)?),
            Curve::P521 => Self::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(invalid)?),
        })
    }

    pub(super) const fn curve(&self) -> Curve {
        match self {
            Self::P256(_) => Curve::P256,
            Self::P384(_) => Curve::P384,
            Self::P521(_) => Curve::P521,
        }
    }

    /// The uncompressed point.
    pub(super) fn point(&self) -> Vec<u8> {
        each!(self, Self, key => key.to_sec1_point(false).as_bytes().to_vec())
    }

    /// Verifies an ASN.1 signature over a hash.
    pub(super) fn verify(&self, hash: HashAlgorithm, hashed: &[u8], signature: &[u8]) -> bool {
        self.is_strict(signature) && self.computes(hash, hashed, signature)
    }

    /// The one encoding of a signature whose numbers are in range.
    fn is_strict(&self, signature: &[u8]) -> bool {
        each!(self, Self, _key => curve::ecdsa::Signature::from_der(signature)
            .is_ok_and(|parsed| parsed.to_der().as_bytes() == signature))
    }

    #[cfg(feature = "aws-lc")]
    fn computes(&self, hash: HashAlgorithm, hashed: &[u8], signature: &[u8]) -> bool {
        use aws_lc_rs::signature as lc;
        let algorithm: &'static lc::EcdsaVerificationAlgorithm = match (self.curve(), hash) {
            (Curve::P256, HashAlgorithm::Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
            (Curve::P384, HashAlgorithm::Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
            (Curve::P384, HashAlgorithm::Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
            (Curve::P521, HashAlgorithm::Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
            (Curve::P521, HashAlgorithm::Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
            _ => return false,
        };
        super::aws_lc::digest(hash, hashed).is_some_and(|digest| {
            lc::UnparsedPublicKey::new(algorithm, self.point()).verify_digest(&digest, signature).is_ok()
        })
    }

    #[cfg(not(feature = "aws-lc"))]
    fn computes(&self, _: HashAlgorithm, hashed: &[u8], signature: &[u8]) -> bool {
        self.computes_in_rust(hashed, signature)
    }

    #[cfg(any(test, not(feature = "aws-lc")))]
    fn computes_in_rust(&self, hashed: &[u8], signature: &[u8]) -> bool {
        use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
        each!(self, Self, key => curve::ecdsa::Signature::from_der(signature)
            .is_ok_and(|parsed| key.verify_prehash(hashed, &parsed).is_ok()))
    }
}

/// A private scalar; each of the three wipes itself when it is dropped.
pub(super) enum EcSecret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl EcSecret {
    pub(super) fn generate<R: TryCryptoRng + ?Sized>(curve: Curve, rng: &mut R) -> Result<Self, KeyError> {
        use p256::elliptic_curve::Generate as _;
        let failed = |_| KeyError::Randomness;
        Ok(match curve {
            Curve::P256 => Self::P256(p256::ecdsa::SigningKey::try_generate_from_rng(rng).map_err(failed)?),
            Curve::P384 => Self::P384(p384::ecdsa::SigningKey::try_generate_from_rng(rng).map_err(failed)?),
            Curve::P521 => Self::P521(p521::ecdsa::SigningKey::try_generate_from_rng(rng).map_err(failed)?),
        })
    }

    /// Reads a scalar of the curve's full width, big endian.
    pub(super) fn read(curve: Curve, scalar: &[u8]) -> Result<Self, KeyError> {
        if scalar.len() != curve.width() {
            return Err(KeyError::InvalidKey {
                why: "the private number has the wrong length for its curve",
            });
        }
        let invalid = |_| KeyError::InvalidKey { why: "the private number is out of range" };
        Ok(match curve {
            Curve::P256 => Self::P256(p256::ecdsa::SigningKey::from_slice(scalar).map_err(invalid)?),
            Curve::P384 => Self::P384(p384::ecdsa::SigningKey::from_slice(scalar).map_err(invalid)?),
            Curve::P521 => Self::P521(p521::ecdsa::SigningKey::from_slice(scalar).map_err(invalid)?),
        })
    }

    pub(super) fn public(&self) -> EcPublic {
        match self {
            Self::P256(key) => EcPublic::P256(*key.verifying_key()),
            Self::P384(key) => EcPublic::P384(*key.verifying_key()),
            Self::P521(key) => EcPublic::P521(*key.verifying_key()),
        }
    }

    /// The scalar at the curve's full width.
    pub(super) fn scalar(&self) -> Zeroizing<Vec<u8>> {
        each!(self, Self, key => {
            let bytes = Zeroizing::new(key.to_bytes());
            Zeroizing::new(bytes.to_vec())
        })
    }

    /// Signs a hash: ASN.1 DER, the same for the same hash.
    pub(super) fn sign(&self, hashed: &[u8]) -> Option<Vec<u8>> {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        each!(self, Self, key => {
            let signature: curve::ecdsa::Signature = key.sign_prehash(hashed).ok()?;
            Some(signature.to_der().as_bytes().to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256, Sha384, Sha512};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    const KEYS: [(Curve, &str); 3] = [
        (Curve::P256, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"),
        (
            Curve::P384,
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8\
             96D5724E4C70A825F872C9EA60D2EDF5",
        ),
        (
            Curve::P521,
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75\
             CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        ),
    ];

    fn key(at: usize) -> EcSecret {
        EcSecret::read(KEYS[at].0, &hex(KEYS[at].1)).unwrap()
    }

    /// RFC 6979, A.2.5 to A.2.7, message "sample", each curve with its own hash.
    #[test]
    fn signs_the_known_answers() {
        let cases = [
            (
                0,
                Sha256::digest(b"sample").to_vec(),
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                1,
                Sha384::digest(b"sample").to_vec(),
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C\
                 81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F\
                 A329C145786E679E7B82C71A38628AC8",
            ),
            (
                2,
                Sha512::digest(b"sample").to_vec(),
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F\
                 174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF\
                 282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
            ),
        ];
        for (at, hashed, r, s) in cases {
            let signature = key(at).sign(&hashed).unwrap();
            let numbers = [hex(r), hex(s)].concat();
            let expected = match KEYS[at].0 {
                Curve::P256 => p256::ecdsa::Signature::from_slice(&numbers).unwrap().to_der().to_bytes(),
                Curve::P384 => p384::ecdsa::Signature::from_slice(&numbers).unwrap().to_der().to_bytes(),
                Curve::P521 => p521::ecdsa::Signature::from_slice(&numbers).unwrap().to_der().to_bytes(),
            };
            assert_eq!(signature, expected.as_ref());
        }
    }

    /// A hash shorter than the curve (SHA-256 with P-384 and P-521) means the same number to both libraries.
    #[test]
    fn both_implementations_agree_on_every_hash() {
        let cases = [
            (0, HashAlgorithm::Sha256),
            (1, HashAlgorithm::Sha384),
            (1, HashAlgorithm::Sha256),
            (2, HashAlgorithm::Sha512),
            (2, HashAlgorithm::Sha256),
        ];
        for (at, hash) in cases {
            let secret = key(at);
            let public = secret.public();
            for round in 0..12_u8 {
                let mut hashed = match hash {
                    HashAlgorithm::Sha256 => Sha256::digest([round]).to_vec(),
                    HashAlgorithm::Sha384 => Sha384::digest([round]).to_vec(),
                    HashAlgorithm::Sha512 => Sha512::digest([round]).to_vec(),
                };
                match round {
                    0 => hashed.fill(0xff),
                    1 => hashed.fill(0),
                    _ => {}
                }
                let signature = secret.sign(&hashed).unwrap();
                let verdicts = |hashed: &[u8]| {
                    (public.computes(hash, hashed, &signature), public.computes_in_rust(hashed, &signature))
                };
                assert_eq!(verdicts(&hashed), (true, true), "{at} {hash} {round}");
                hashed[usize::from(round)] ^= 0x10;
                assert_eq!(verdicts(&hashed), (false, false), "{at} {hash} {round}");
            }
        }
    }

    /// A hash that no scheme of the curve has never verifies.
    #[cfg(feature = "aws-lc")]
    #[test]
    fn other_pairs_of_curve_and_hash_are_refused() {
        let secret = key(0);
        let hashed = Sha512::digest(b"m");
        let signature = secret.sign(&hashed).unwrap();
        assert!(secret.public().computes_in_rust(&hashed, &signature));
        assert!(!secret.public().verify(HashAlgorithm::Sha512, &hashed, &signature));
    }
}
