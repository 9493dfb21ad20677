//! Content addresses.
//!
//! A [`Digest`] is an algorithm and its bytes, never a string: every comparison in the program is between two
//! parsed values. The text form is the one of the OCI image specification ("Digests"): `sha256:` or `sha512:`
//! and lower-case hexadecimal of the exact length. Nothing else parses, so a digest can be used in a path or a
//! URL as it stands.

use core::fmt;
use core::str::FromStr;

use sha2::Digest as _;

/// A hash function that a registry may address content by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// The name in the text form of a digest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The number of bytes of a digest.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The digest of some bytes.
///
/// ```
/// use waxseal_core::Digest;
/// let digest = Digest::of(b"{}");
/// assert_eq!(
///     digest.to_string(),
///     "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
/// );
/// assert!("sha256:44136FA3".parse::<Digest>().is_err());
/// ```
///
/// The bytes cannot be put in from outside:
///
/// ```compile_fail,E0451
/// let forged = waxseal_core::Digest { bytes: unreachable!() };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    bytes: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Bytes {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::of_with(Algorithm::Sha256, bytes)
    }

    /// The digest of `bytes` by `algorithm`.
    pub fn of_with(algorithm: Algorithm, bytes: impl AsRef<[u8]>) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes.as_ref());
        hasher.finish()
    }

    /// A digest from an algorithm and hexadecimal text, as in-toto statements write it.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, DigestError> {
        let bytes = match algorithm {
            Algorithm::Sha256 => Bytes::Sha256(decode(algorithm, hex)?),
            Algorithm::Sha512 => Bytes::Sha512(decode(algorithm, hex)?),
        };
        Ok(Self { bytes })
    }

    /// The digest that these bytes are, computed elsewhere in this crate.
    pub(crate) const fn from_sha256(bytes: [u8; 32]) -> Self {
        Self { bytes: Bytes::Sha256(bytes) }
    }

    /// The hash function.
    pub const fn algorithm(&self) -> Algorithm {
        match self.bytes {
            Bytes::Sha256(_) => Algorithm::Sha256,
            Bytes::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Sha256(bytes) => bytes,
            Bytes::Sha512(bytes) => bytes,
        }
    }

    /// The bytes in lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        hex(self.as_bytes())
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> String {
        hex(self.as_bytes().get(..6).unwrap_or_default())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        let algorithm = Algorithm::from_name(name).ok_or(DigestError::UnknownAlgorithm)?;
        Self::from_hex(algorithm, hex)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream piece by piece, with constant memory.
#[derive(Clone)]
pub struct Hasher {
    state: State,
}

#[derive(Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        };
        Self { state }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> Digest {
        let bytes = match self.state {
            State::Sha256(state) => Bytes::Sha256(state.finalize().into()),
            State::Sha512(state) => Bytes::Sha512(state.finalize().into()),
        };
        Digest { bytes }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no colon between algorithm and value.
    #[error("a digest needs an algorithm and a colon, as in sha256:<64 hexadecimal digits>")]
    NoAlgorithm,
    /// The algorithm is neither `sha256` nor `sha512`.
    #[error("the digest's algorithm is neither sha256 nor sha512")]
    UnknownAlgorithm,
    /// The value has another number of digits than its algorithm gives.
    #[error("a digest of this algorithm has {expected} hexadecimal digits, this one has {found}")]
    Length {
        /// Digits of the algorithm.
        expected: usize,
        /// Bytes of the text.
        found: usize,
    },
    /// A character is not one of `0-9a-f`; upper case is refused because two spellings of one digest would differ.
    #[error("a digest is written in lower-case hexadecimal digits only")]
    Alphabet,
}

fn decode<const N: usize>(algorithm: Algorithm, hex: &str) -> Result<[u8; N], DigestError> {
    let expected = algorithm.digest_bytes().saturating_mul(2);
    if hex.len() != expected {
        return Err(DigestError::Length { expected, found: hex.len() });
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return Err(DigestError::Alphabet) };
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Ok(bytes)
}

const fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(DigestError::Alphabet),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_OBJECT: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn parses_what_it_prints() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::of_with(algorithm, b"abc");
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }

    #[test]
    fn streams_to_the_same_digest() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"{");
        hasher.update(b"}");
        assert_eq!(hasher.finish().to_string(), EMPTY_OBJECT);
    }

    #[test]
    fn refuses_every_other_spelling() {
        let upper = EMPTY_OBJECT.to_uppercase().replace("SHA256", "sha256");
        let cases = [
            ("44136fa3", DigestError::NoAlgorithm),
            ("md5:44136fa3", DigestError::UnknownAlgorithm),
            ("SHA256:44136fa3", DigestError::UnknownAlgorithm),
            ("sha256:../../etc", DigestError::Length { expected: 64, found: 9 }),
            ("sha256:44136fa3", DigestError::Length { expected: 64, found: 8 }),
            (upper.as_str(), DigestError::Alphabet),
            (&EMPTY_OBJECT.replace("44136f", "44136/"), DigestError::Alphabet),
            (&EMPTY_OBJECT.replace("44136f", "4413é"), DigestError::Alphabet),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
    }
}
