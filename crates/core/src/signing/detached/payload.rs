//! The payloads of a request: how each kind is named, stored and signed, and what is none.

use core::fmt;
use core::str::FromStr;

use super::DetachedError;
use crate::candidate::Format;
use crate::encoding::base64_decode;

/// Lengths of hashes in bytes: SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512.
const HASHES: [usize; 5] = [20, 28, 32, 48, 64];

/// What a payload is, by which the bytes that are signed and the place of its signature are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PayloadKind {
    /// A simple-signing payload, signed as it stands: an image's signature in the legacy format.
    SimpleSigning,
    /// A statement, signed in its DSSE encoding, for the legacy format of attestations: a layer of an `.att` manifest.
    DsseLegacy,
    /// A statement, signed in its DSSE encoding, for a bundle.
    Dsse,
}

impl PayloadKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::SimpleSigning, Self::DsseLegacy, Self::Dsse];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SimpleSigning => "simple-signing",
            Self::DsseLegacy => "dsse-legacy",
            Self::Dsse => "dsse",
        }
    }

    /// The name of a file with the bytes that are signed.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::SimpleSigning => "simple-signing.bin",
            Self::DsseLegacy => "dsse-pae-legacy.bin",
            Self::Dsse => "dsse-pae.bin",
        }
    }

    /// The format that its signature is written in.
    pub const fn format(self) -> Format {
        match self {
            Self::SimpleSigning | Self::DsseLegacy => Format::Legacy,
            Self::Dsse => Format::Bundle,
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
    }

    /// The payload as it stands in a request. A hash in its place is refused, as bytes and as text: nobody could see what
    /// is signed (rule G5).
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, DetachedError> {
        let prehashed = DetachedError::Prehashed { kind: self };
        if is_hash_text(text.as_bytes()) {
            return Err(prehashed);
        }
        let payload = base64_decode(text).map_err(|_| DetachedError::Encoding { kind: self })?;
        let is_hash = HASHES.contains(&payload.len()) && payload.first() != Some(&b'{');
        if is_hash || is_hash_text(&payload) { Err(prehashed) } else { Ok(payload) }
    }
}

/// Whether this is a hash in hexadecimal, with or without the name of its algorithm.
fn is_hash_text(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let hex = text.iter().position(|byte| *byte == b':').and_then(|at| text.get(at.saturating_add(1)..));
    let hex = hex.unwrap_or(text);
    HASHES.iter().any(|bytes| hex.len() == bytes.saturating_mul(2)) && hex.iter().all(u8::is_ascii_hexdigit)
}

impl fmt::Display for PayloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PayloadKind {
    type Err = DetachedError;

    fn from_str(name: &str) -> Result<Self, DetachedError> {
        let known = Self::ALL.iter().copied().find(|kind| kind.name() == name);
        known.ok_or_else(|| DetachedError::UnknownKind { found: name.to_owned() })
    }
}
