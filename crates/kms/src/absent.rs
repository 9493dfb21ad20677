//! What there is where modules cannot be loaded: names that are read, and one error.

use core::convert::Infallible;

use waxseal_core::key::{Prehashed, Reread, SignError, Signature};
use waxseal_core::{PublicKey, Scheme, Signer};

use crate::error::Pkcs11Error;
use crate::uri::Pkcs11Uri;
use crate::{Access, KeyDescription, TokenDescription};

/// There is none: this build cannot load modules.
#[derive(Debug)]
pub struct TokenSigner(Infallible);

impl TokenSigner {
    /// [`Pkcs11Error::NotBuilt`].
    pub fn open(_: &Pkcs11Uri, _: &Access<'_>) -> Result<Self, Pkcs11Error> {
        Err(Pkcs11Error::NotBuilt)
    }

    /// Never called.
    pub fn with_scheme(self, _: Scheme) -> Result<Self, Pkcs11Error> {
        match self.0 {}
    }
}

impl Signer for TokenSigner {
    fn public_key(&self) -> &PublicKey {
        match self.0 {}
    }

    fn scheme(&self) -> Scheme {
        match self.0 {}
    }

    fn sign(&self, _: &[u8]) -> Result<Signature, SignError> {
        match self.0 {}
    }

    fn sign_prehashed(&self, _: &Prehashed) -> Result<Signature, SignError> {
        match self.0 {}
    }

    fn sign_rereadable(&self, _: Reread<'_>) -> Result<Signature, SignError> {
        match self.0 {}
    }
}

/// [`Pkcs11Error::NotBuilt`].
pub fn public_key(_: &Pkcs11Uri, _: &Access<'_>) -> Result<PublicKey, Pkcs11Error> {
    Err(Pkcs11Error::NotBuilt)
}

/// [`Pkcs11Error::NotBuilt`].
pub fn shown_public_key(_: &Pkcs11Uri, _: &Access<'_>) -> Result<PublicKey, Pkcs11Error> {
    Err(Pkcs11Error::NotBuilt)
}

/// [`Pkcs11Error::NotBuilt`].
pub fn tokens(_: &Pkcs11Uri, _: &Access<'_>) -> Result<Vec<TokenDescription>, Pkcs11Error> {
    Err(Pkcs11Error::NotBuilt)
}

/// [`Pkcs11Error::NotBuilt`].
pub fn keys(_: &Pkcs11Uri, _: &Access<'_>) -> Result<Vec<KeyDescription>, Pkcs11Error> {
    Err(Pkcs11Error::NotBuilt)
}
