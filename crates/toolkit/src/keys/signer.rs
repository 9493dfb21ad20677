//! The signer of a key that somebody named.

use core::fmt;

use waxseal_core::key::{LocalSigner, Prehashed, Reread, SignError, Signature};
use waxseal_core::{PublicKey, Scheme, Signer};
use waxseal_kms::TokenSigner;

/// Signs with a key, wherever it is: in memory, or in a PKCS#11 token.
pub struct KeySigner(Box<dyn Signer + Send + Sync>);

impl From<LocalSigner> for KeySigner {
    fn from(signer: LocalSigner) -> Self {
        Self(Box::new(signer))
    }
}

impl From<TokenSigner> for KeySigner {
    fn from(signer: TokenSigner) -> Self {
        Self(Box::new(signer))
    }
}

impl Signer for KeySigner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn scheme(&self) -> Scheme {
        self.0.scheme()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.0.sign(message)
    }

    fn sign_prehashed(&self, hashes: &Prehashed) -> Result<Signature, SignError> {
        self.0.sign_prehashed(hashes)
    }

    fn sign_rereadable(&self, read: Reread<'_>) -> Result<Signature, SignError> {
        self.0.sign_rereadable(read)
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySigner").field(self.public_key()).finish()
    }
}
