//! Signing, and the check of each signature before it leaves.
//!
//! Equal input gives an equal signature: RFC 6979, Ed25519 and PKCS#1 v1.5 need no random numbers. What was signed is
//! verified before it is returned (rule G1), ECDSA and pure Ed25519 by the other library: a fault while computing can
//! give away the key.

use core::fmt;

use ed25519_dalek::Signer as _;

use super::ec::Curve;
use super::private::Secret;
use super::{KeyAlgorithm, Prehashed, PrivateKey, PublicKey, Reread, Scheme, SignError};
use crate::encoding::{NotBase64, base64_decode, base64_encode};

/// A signature as it stands on the wire: ASN.1 DER for ECDSA, 64 bytes for Ed25519, the length of the modulus for RSA.
/// A value of this type proves nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes the bytes of a signature that was made elsewhere.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The signature of an ECDSA key whose two numbers stand one behind the other, each in the full width of the curve
    /// (PKCS#11 and IEEE P1363 write them so). Nothing for keys of another kind, for another length, and for a number
    /// that is zero or not below the order.
    pub fn from_ecdsa_numbers(key: KeyAlgorithm, numbers: &[u8]) -> Option<Self> {
        Curve::of(key)?.signature_of_numbers(numbers).map(Self)
    }

    /// Reads standard base64 with padding and nothing else: no line end, no URL alphabet.
    pub fn from_base64(text: &str) -> Result<Self, NotBase64> {
        base64_decode(text).map(Self)
    }

    /// Everything that bytes from another tool could be as a signature by a key of this kind: as they are, or out of base64
    /// (standard or URL alphabet, broken into lines or not) or hexadecimal; of ECDSA the two numbers too, as PKCS#11, Azure
    /// and JWS write them. Nothing is decided by it: one of them may verify.
    pub fn candidates(bytes: &[u8], key: KeyAlgorithm) -> Vec<Self> {
        let joined: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let text = core::str::from_utf8(&joined).ok();
        let spelled = [Some(bytes.to_vec()), text.and_then(any_base64), text.and_then(from_hex)];
        let mut candidates = Vec::new();
        for bytes in spelled.into_iter().flatten().filter(|bytes| !bytes.is_empty()) {
            let numbers = Curve::of(key).and_then(|curve| curve.signature_of_numbers(&bytes));
            candidates.extend(numbers.map(Self));
            candidates.push(Self(bytes));
        }
        candidates
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The bytes in standard base64.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.to_base64())
    }
}

/// Something that signs: a key in memory, or a device that only gives out signatures.
///
/// An implementation verifies what it made before it returns it (rule G1).
pub trait Signer {
    /// The public half of the key that signs.
    fn public_key(&self) -> &PublicKey;

    /// What it signs with.
    fn scheme(&self) -> Scheme;

    /// Signs a message.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;

    /// Signs a message of which only the hashes are at hand; impossible for pure Ed25519 (rule G6). Make the hashes
    /// with [`Prehasher::for_schemes`](super::Prehasher::for_schemes) and [`scheme`](Self::scheme).
    fn sign_prehashed(&self, hashes: &Prehashed) -> Result<Signature, SignError>;

    /// Signs a message that does not fit in memory and can be read again: `read` hands out all of it, piece by
    /// piece, each time it is called (rule G6).
    fn sign_rereadable(&self, read: Reread<'_>) -> Result<Signature, SignError>;
}

/// Signs with a private key in memory.
#[derive(Debug)]
pub struct LocalSigner {
    key: PrivateKey,
    scheme: Scheme,
}

impl LocalSigner {
    /// Signs with the key's default scheme ([`Scheme::default_for`]).
    pub fn new(key: PrivateKey) -> Self {
        let scheme = Scheme::default_for(key.algorithm());
        Self { key, scheme }
    }

    /// Signs with another scheme of the same kind of key.
    pub fn with_scheme(self, scheme: Scheme) -> Result<Self, SignError> {
        let key = self.key.algorithm();
        if scheme.fits(key) {
            Ok(Self { scheme, ..self })
        } else {
            Err(SignError::SchemeMismatch { scheme, key })
        }
    }

    /// The key.
    pub const fn private_key(&self) -> &PrivateKey {
        &self.key
    }
}

impl Signer for LocalSigner {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        match (self.scheme, self.key.secret()) {
            (Scheme::Ed25519, Secret::Ed25519(secret)) => {
                let signature = secret.sign(message).to_bytes();
                released(signature.to_vec(), |bytes| agrees_on_pure(self.public_key(), message, bytes))
            }
            _ => self.sign_prehashed(&Prehashed::of(&[self.scheme], message)),
        }
    }

    fn sign_prehashed(&self, hashes: &Prehashed) -> Result<Signature, SignError> {
        let hash = self.scheme.hash().ok_or(SignError::NeedsMessage)?;
        let digest = hashes.get(hash).ok_or(SignError::MissingHash { hash })?;
        let signature = match self.key.secret() {
            Secret::Ec(secret) => secret.sign(digest),
            Secret::Ed25519(secret) => hashes.sha512_state().and_then(|state| {
                secret.sign_prehashed(state, None).ok().map(|signature| signature.to_bytes().to_vec())
            }),
            #[cfg(feature = "aws-lc")]
            Secret::Rsa(secret) => secret.sign(digest),
        };
        released(signature.ok_or(SignError::Computation)?, |bytes| {
            self.public_key().verify_prehashed(hashes, bytes, &[self.scheme]).is_some()
        })
    }

    fn sign_rereadable(&self, read: Reread<'_>) -> Result<Signature, SignError> {
        self.sign_rereadable_with(read)
    }
}

/// Base64 in either alphabet, padded or not.
fn any_base64(text: &str) -> Option<Vec<u8>> {
    let mut standard = text.replace('-', "+").replace('_', "/");
    if !standard.contains('=') {
        standard.extend(core::iter::repeat_n('=', standard.len().wrapping_neg() % 4));
    }
    base64_decode(&standard).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from((high << 4) | low).ok(),
            _ => None,
        })
        .collect()
}

fn released(bytes: Vec<u8>, verifies: impl Fn(&[u8]) -> bool) -> Result<Signature, SignError> {
    if verifies(&bytes) { Ok(Signature(bytes)) } else { Err(SignError::SelfCheck) }
}

#[cfg(feature = "aws-lc")]
fn agrees_on_pure(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.ed25519_bytes().is_some_and(|key| super::aws_lc::agrees_on_ed25519(key, message, signature))
}

#[cfg(not(feature = "aws-lc"))]
fn agrees_on_pure(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.verify(message, signature, &[Scheme::Ed25519]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_does_not_verify_is_not_released() {
        assert_eq!(released(vec![1], |_| true), Ok(Signature(vec![1])));
        assert_eq!(released(vec![1], |_| false), Err(SignError::SelfCheck));
    }

    /// One signature in every form that tools write it in.
    #[test]
    fn a_signature_of_another_tool_is_found_in_any_of_its_forms() {
        let numbers: Vec<u8> = (1..=64).collect();
        let der = Curve::P256.signature_of_numbers(&numbers).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}"));
        for bytes in [&numbers, &der] {
            let base64 = base64_encode(bytes);
            let url = base64.replace('+', "-").replace('/', "_").replace('=', "");
            let (first, second) = base64.split_at(20);
            let forms = [
                base64.clone(),
                format!("{first}\r\n{second}\n"),
                url,
                hex(bytes),
                hex(bytes).to_lowercase(),
            ];
            for form in forms.iter().map(String::as_bytes).chain([bytes.as_slice()]) {
                let found = Signature::candidates(form, KeyAlgorithm::P256);
                assert!(found.contains(&Signature(der.clone())), "{}", String::from_utf8_lossy(form));
            }
        }
        // The numbers of a curve have its width; other keys have none.
        assert!(!Signature::candidates(&numbers, KeyAlgorithm::P384).contains(&Signature(der.clone())));
        assert_eq!(Signature::candidates(&numbers, KeyAlgorithm::Ed25519), [Signature(numbers.clone())]);
        for none in [&b""[..], b" \n"] {
            assert!(Signature::candidates(none, KeyAlgorithm::P256).iter().all(|found| found.0 == none));
        }
    }

    #[test]
    fn the_numbers_of_an_ecdsa_signature_are_written_as_der() {
        let files = [
            include_bytes!("../../../../testdata/cosign/keys/p256-imported.plain.pem").as_slice(),
            include_bytes!("../../../../testdata/cosign/keys/p384.plain.pem").as_slice(),
        ];
        for file in files {
            let key = super::super::KeyFile::parse(file).unwrap().open(None).unwrap();
            let kind = key.algorithm();
            let width = if kind == KeyAlgorithm::P256 { 32 } else { 48 };
            let mut numbers = vec![0; width * 2];
            numbers[width - 1] = 1;
            numbers[width * 2 - 1] = 0x80;
            let der = [0x30, 0x07, 0x02, 0x01, 0x01, 0x02, 0x02, 0x00, 0x80];
            assert_eq!(Signature::from_ecdsa_numbers(kind, &numbers), Some(Signature::from_bytes(der)));
            for wrong in [&numbers[1..], &[0; 96][..width * 2], &[0xff; 96][..width * 2], &[]] {
                assert_eq!(Signature::from_ecdsa_numbers(kind, wrong), None, "{kind} {}", wrong.len());
            }
            assert_eq!(Signature::from_ecdsa_numbers(KeyAlgorithm::Ed25519, &numbers), None);
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let signature = Signature::from_bytes([0xfb, 0xff]);
        assert_eq!(Signature::from_base64(&signature.to_base64()), Ok(signature));
        for other in ["-_8=", "+/8", "+/9=", "+/8=\n", "+/\n8=", " +/8=", "+/8\0", "+/8é", "+/8=="] {
            assert!(Signature::from_base64(other).is_err(), "{other:?}");
        }
    }
}
