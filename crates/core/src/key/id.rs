//! What identifies a key.

use core::fmt;
use core::str::FromStr;

use crate::digest::{Algorithm, Digest};
use crate::encoding::base64_encode;

/// The SHA-256 digest of a public key's `SubjectPublicKeyInfo` as this program encodes it (rule S2).
///
/// One key has one identity, in whichever of its spellings it was read: it is made only by
/// [`PublicKey::id`](super::PublicKey::id) or read from text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    pub(super) fn of(spki: &[u8]) -> Self {
        Self(Digest::of(spki))
    }

    /// The 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.short()
    }

    /// The bytes in standard base64: what bundles carry as `publicKey.hint` and envelopes as `keyid`. A hint only
    /// helps to find a key; nothing may be decided by it.
    pub fn hint(&self) -> String {
        base64_encode(self.as_bytes())
    }
}

/// `sha256:` and 64 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digest: Digest = text.parse().map_err(|_| KeyIdError)?;
        if digest.algorithm() == Algorithm::Sha256 { Ok(Self(digest)) } else { Err(KeyIdError) }
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not the identity of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id is sha256: and 64 lower-case hexadecimal digits")]
#[non_exhaustive]
pub struct KeyIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let id = KeyId::of(b"abc");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.short().len(), 12);
        assert_eq!(id.hint(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        let sha512 = Digest::of_with(Algorithm::Sha512, b"abc").to_string();
        for other in [id.hex().as_str(), id.hint().as_str(), sha512.as_str(), ""] {
            assert_eq!(other.parse::<KeyId>(), Err(KeyIdError), "{other}");
        }
    }
}
