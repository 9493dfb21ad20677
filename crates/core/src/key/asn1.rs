//! The ASN.1 structures around keys, read and written as DER only.
//!
//! The `der` crate refuses what is not DER; on top of that every structure is written back and compared, so that a
//! key has one encoding. Object identifiers are RFC 5480, RFC 8410 and RFC 8017.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Encode, Reader, SliceReader};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::KeyError;
use super::ec::Curve;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Kinds of keys that people may try, so that the error can name them.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.33", "P-224"),
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.113", "Ed448"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.3.1", "Diffie-Hellman"),
    ("1.2.840.113549.1.1.10", "RSA restricted to PSS"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// The kind of key that an `AlgorithmIdentifier` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ec(Curve),
    Ed25519,
    Rsa,
}

impl Kind {
    /// Reads an algorithm identifier; its parameters must be exactly those of the kind.
    pub(super) fn read(
        algorithm: &AlgorithmIdentifierRef<'_>,
        expected: &'static str,
    ) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed { expected };
        match (algorithm.oid, algorithm.parameters) {
            (EC, Some(parameters)) => {
                let curve = parameters.decode_as::<ObjectIdentifier>().map_err(|_| {
                    KeyError::UnsupportedAlgorithm { found: "a curve by its parameters".to_owned() }
                })?;
                self::curve(curve).map(Self::Ec)
            }
            (ED25519, None) => Ok(Self::Ed25519),
            (RSA, Some(parameters)) if parameters.is_null() => Ok(Self::Rsa),
            (EC | ED25519 | RSA, _) => Err(malformed),
            (other, _) => Err(unsupported(other)),
        }
    }

    pub(super) fn write(self) -> AlgorithmIdentifierRef<'static> {
        match self {
            Self::Ec(Curve::P256) => AlgorithmIdentifierRef { oid: EC, parameters: Some((&P256).into()) },
            Self::Ec(Curve::P384) => AlgorithmIdentifierRef { oid: EC, parameters: Some((&P384).into()) },
            Self::Ec(Curve::P521) => AlgorithmIdentifierRef { oid: EC, parameters: Some((&P521).into()) },
            Self::Ed25519 => AlgorithmIdentifierRef { oid: ED25519, parameters: None },
            Self::Rsa => AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) },
        }
    }
}

/// The curve of an object identifier.
pub(super) fn curve(oid: ObjectIdentifier) -> Result<Curve, KeyError> {
    match oid {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Ok(Curve::P521),
        other => Err(unsupported(other)),
    }
}

/// Splits a `SubjectPublicKeyInfo` into the kind and the bytes of the key.
pub(super) fn read_spki(der: &[u8]) -> Result<(Kind, &[u8]), KeyError> {
    const EXPECTED: &str = "public key (SubjectPublicKeyInfo)";
    let malformed = KeyError::Malformed { expected: EXPECTED };
    let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed.clone())?;
    if !spki.to_der().is_ok_and(|canonical| canonical == der) {
        return Err(malformed);
    }
    let kind = Kind::read(&spki.algorithm, EXPECTED)?;
    let key = spki.subject_public_key.as_bytes().ok_or(malformed)?;
    Ok((kind, key))
}

/// A `SubjectPublicKeyInfo` of a key that was read before.
pub(super) fn write_spki(kind: Kind, key: &[u8]) -> Result<Vec<u8>, KeyError> {
    let failed = |_| KeyError::Malformed { expected: "public key" };
    let subject_public_key = BitStringRef::from_bytes(key).map_err(failed)?;
    SubjectPublicKeyInfoRef { algorithm: kind.write(), subject_public_key }.to_der().map_err(failed)
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017, A.1.1), without leading zeros.
pub(super) fn read_rsa_public(der: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    let malformed = |_| KeyError::Malformed { expected: "RSA public key (RSAPublicKey)" };
    let read = || -> der::Result<(UintRef<'_>, UintRef<'_>)> {
        let mut reader = SliceReader::new(der)?;
        let parts = reader.sequence(|inner| Ok::<_, der::Error>((inner.decode()?, inner.decode()?)))?;
        reader.finish()?;
        Ok(parts)
    };
    let (modulus, exponent) = read().map_err(malformed)?;
    Ok((modulus.as_bytes(), exponent.as_bytes()))
}

/// Modulus and exponent of an `RSAPrivateKey` (RFC 8017, A.1.2); the rest is left to the library that computes.
#[cfg(feature = "aws-lc")]
pub(super) fn read_rsa_private_sizes(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>), KeyError> {
    let malformed = |_| KeyError::Malformed { expected: "RSA private key (RSAPrivateKey)" };
    let read = || -> der::Result<(Vec<u8>, Vec<u8>)> {
        let mut reader = SliceReader::new(der)?;
        let parts = reader.sequence(|inner| {
            let version: u8 = inner.decode()?;
            if version != 0 {
                return Err(der::Tag::Integer.value_error().into());
            }
            let modulus: UintRef<'_> = inner.decode()?;
            let exponent: UintRef<'_> = inner.decode()?;
            let parts = (modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec());
            for _ in 0..6 {
                UintRef::decode(inner)?;
            }
            Ok::<_, der::Error>(parts)
        })?;
        reader.finish()?;
        Ok(parts)
    };
    read().map_err(malformed)
}

fn unsupported(oid: ObjectIdentifier) -> KeyError {
    let oid = oid.to_string();
    let name = UNSUPPORTED.iter().find(|(known, _)| *known == oid);
    let found =
        name.map_or_else(|| format!("object identifier {oid}"), |(_, name)| format!("{name} ({oid})"));
    KeyError::UnsupportedAlgorithm { found }
}
