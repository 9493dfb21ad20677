//! The hashes of a message, computed in one pass, for signing and verifying what does not fit in memory.

use core::fmt;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{HashAlgorithm, Scheme};
use crate::digest::{Algorithm, Digest};

/// Computes the hashes that some schemes need, piece by piece, with constant memory.
#[derive(Clone)]
pub struct Prehasher {
    sha256: Option<Sha256>,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

impl Prehasher {
    /// A hasher of only what `schemes` need. Pure Ed25519 needs the whole message and adds nothing here.
    pub fn for_schemes(schemes: &[Scheme]) -> Self {
        let needs = |hash| schemes.iter().any(|scheme| scheme.hash() == Some(hash));
        Self {
            sha256: needs(HashAlgorithm::Sha256).then(Sha256::new),
            sha384: needs(HashAlgorithm::Sha384).then(Sha384::new),
            sha512: needs(HashAlgorithm::Sha512).then(Sha512::new),
        }
    }

    /// Adds the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(state) = &mut self.sha256 {
            state.update(bytes);
        }
        if let Some(state) = &mut self.sha384 {
            state.update(bytes);
        }
        if let Some(state) = &mut self.sha512 {
            state.update(bytes);
        }
    }

    /// The hashes of all bytes added.
    pub fn finish(self) -> Prehashed {
        Prehashed {
            sha256: self.sha256.map(|state| state.finalize().into()),
            sha384: self.sha384.map(|state| state.finalize().into()),
            sha512: self.sha512.as_ref().map(|state| state.clone().finalize().into()),
            sha512_state: self.sha512,
        }
    }
}

impl fmt::Debug for Prehasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prehasher").finish_non_exhaustive()
    }
}

/// The hashes of one message. Made by a [`Prehasher`], so that each is the hash of the same bytes, or
/// [vouched](Self::vouched) for by a caller who has only one of them.
#[derive(Clone)]
pub struct Prehashed {
    sha256: Option<[u8; 32]>,
    sha384: Option<[u8; 48]>,
    sha512: Option<[u8; 64]>,
    sha512_state: Option<Sha512>,
}

impl Prehashed {
    /// The hashes of `message` that `schemes` need.
    pub fn of(schemes: &[Scheme], message: &[u8]) -> Self {
        let mut hasher = Prehasher::for_schemes(schemes);
        hasher.update(message);
        hasher.finish()
    }

    /// The one hash that the caller has, and vouches for: whatever verifies was signed over a message with this
    /// digest, and only the caller knows which message that is. Neither form of Ed25519 verifies with it: pure takes
    /// the message, and ph is held against a hash that was computed here.
    pub fn vouched(digest: &Digest) -> Self {
        let mut hashes = Self { sha256: None, sha384: None, sha512: None, sha512_state: None };
        match digest.algorithm() {
            Algorithm::Sha256 => hashes.sha256 = digest.as_bytes().try_into().ok(),
            Algorithm::Sha512 => hashes.sha512 = digest.as_bytes().try_into().ok(),
        }
        hashes
    }

    /// SHA-256, if it was asked for.
    pub const fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// SHA-256 as a digest, if it was asked for.
    pub fn digest(&self) -> Option<Digest> {
        self.sha256.map(Digest::from_sha256)
    }

    /// SHA-384, if it was asked for.
    pub const fn sha384(&self) -> Option<&[u8; 48]> {
        self.sha384.as_ref()
    }

    /// SHA-512, if it was asked for.
    pub const fn sha512(&self) -> Option<&[u8; 64]> {
        self.sha512.as_ref()
    }

    /// The hash by this function, if it was asked for.
    pub fn get(&self, hash: HashAlgorithm) -> Option<&[u8]> {
        match hash {
            HashAlgorithm::Sha256 => self.sha256().map(<[u8; 32]>::as_slice),
            HashAlgorithm::Sha384 => self.sha384().map(<[u8; 48]>::as_slice),
            HashAlgorithm::Sha512 => self.sha512().map(<[u8; 64]>::as_slice),
        }
    }

    /// ed25519-dalek takes the hasher, not the hash.
    pub(super) fn sha512_state(&self) -> Option<Sha512> {
        self.sha512_state.clone()
    }
}

impl fmt::Debug for Prehashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prehashed")
            .field("sha256", &self.sha256.is_some())
            .field("sha384", &self.sha384.is_some())
            .field("sha512", &self.sha512.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_only_what_is_needed_and_the_same_in_pieces() {
        let mut hasher = Prehasher::for_schemes(&[Scheme::EcdsaP384Sha384, Scheme::EcdsaP384Sha256]);
        hasher.update(b"a");
        hasher.update(b"bc");
        let made = hasher.finish();
        assert_eq!(made.sha256(), Some(&Sha256::digest(b"abc").into()));
        assert_eq!(made.sha384(), Some(&Sha384::digest(b"abc").into()));
        assert_eq!(made.sha512(), None);
        let none = Prehashed::of(&[Scheme::Ed25519], b"abc");
        assert_eq!((none.sha256(), none.sha384(), none.sha512()), (None, None, None));
        let ph = Prehashed::of(&[Scheme::Ed25519ph], b"abc");
        assert_eq!(ph.get(HashAlgorithm::Sha512), Some(Sha512::digest(b"abc").as_slice()));
    }

    #[test]
    fn a_vouched_digest_is_the_one_hash_there_is() {
        let vouched = Prehashed::vouched(&Digest::of(b"abc"));
        assert_eq!(vouched.sha256(), Some(&Sha256::digest(b"abc").into()));
        assert_eq!((vouched.sha384(), vouched.sha512()), (None, None));
        let vouched = Prehashed::vouched(&Digest::of_with(Algorithm::Sha512, b"abc"));
        assert_eq!(vouched.get(HashAlgorithm::Sha512), Some(Sha512::digest(b"abc").as_slice()));
        assert_eq!(vouched.sha256(), None);
        assert!(vouched.sha512_state().is_none());
    }
}
