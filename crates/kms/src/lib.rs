//! Keys that never leave their device.
//!
//! A [`Pkcs11Uri`] names a key in a PKCS#11 token (RFC 7512); [`TokenSigner`] signs with it, and [`public_key`] reads its
//! public half. What a token signs is verified here before it leaves (rule G1): a token is a computer like any other.
//!
//! This room asks nobody: where the module is, and what the PIN is, comes from the URI, from the environment that was
//! passed in, or from the caller. A wrong PIN costs one of few tries, so that it is tried once, never again by itself,
//! and not at all where the token says that it cannot be right. It must not know registries, images or policies.
//!
//! Without the feature `pkcs11`, and where programs cannot load modules (musl), the names are read all the same, and using
//! one is [`Pkcs11Error::NotBuilt`].

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "tests end at the line that found something"
    )
)]

mod error;
pub mod limits;
mod pin;
mod uri;

#[cfg(all(feature = "pkcs11", not(target_env = "musl")))]
mod pkcs11;
#[cfg(not(all(feature = "pkcs11", not(target_env = "musl"))))]
#[path = "absent.rs"]
mod pkcs11;

pub use error::{Pkcs11Error, Tries};
pub use pin::{Pin, PinSource};
pub use pkcs11::{TokenSigner, keys, public_key, shown_public_key, tokens};
pub use uri::{ObjectType, Pkcs11Uri, UriError};

use std::path::PathBuf;

/// Variables that may hold the PIN, first come first served; one that is empty counts as none.
pub const PIN_VARIABLES: [&str; 2] = ["WAXSEAL_PKCS11_PIN", "COSIGN_PKCS11_PIN"];
/// Variables that may hold the path of the module, first come first served; one that is empty counts as none.
pub const MODULE_VARIABLES: [&str; 2] = ["WAXSEAL_PKCS11_MODULE_PATH", "COSIGN_PKCS11_MODULE_PATH"];

/// What a URI leaves open.
#[non_exhaustive]
pub struct Access<'a> {
    /// The environment, for [`PIN_VARIABLES`] and [`MODULE_VARIABLES`].
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Asks a person for the PIN of the token of that name. Nothing where there is nobody to ask.
    pub ask: &'a dyn Fn(&str) -> Result<Option<Pin>, String>,
}

impl core::fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl<'a> Access<'a> {
    /// The environment, and whom to ask.
    pub const fn new(
        environment: &'a dyn Fn(&str) -> Option<String>,
        ask: &'a dyn Fn(&str) -> Result<Option<Pin>, String>,
    ) -> Self {
        Self { environment, ask }
    }

    #[cfg(all(feature = "pkcs11", not(target_env = "musl")))]
    fn variable(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.environment)(name).filter(|value| !value.is_empty()))
    }
}

/// A token, as its module tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenDescription {
    /// The URI that names it, with the path of the module.
    pub uri: Pkcs11Uri,
    /// The slot that it is in.
    pub slot: u64,
    /// Its label.
    pub label: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// The module that leads to it.
    pub module: PathBuf,
    /// What it says about the tries that are left for its PIN.
    pub tries: Tries,
}

/// A key in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyDescription {
    /// The URI that names it, with the path of the module and without a PIN.
    pub uri: Pkcs11Uri,
    /// What kind of key it is, in the words of PKCS#11 where waxseal cannot sign with it.
    pub kind: String,
}
