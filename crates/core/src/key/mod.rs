//! Keys and signatures.
//!
//! A [`PublicKey`] knows what it is and which [`Scheme`]s it may verify (rule S5): the scheme comes from the key and
//! from the list of the caller, never from an envelope. A [`KeyFile`] is read strictly and within limits before any
//! password is tried. A [`Signer`] returns a [`Signature`] only after another implementation has verified it (rule
//! G1).
//!
//! This module must not open files, ask for passwords or find random numbers: bytes, passwords and the random source
//! come from the caller. The one exception is RSA key generation, which aws-lc-rs does with its own random source.
//!
//! Who does what: p256, p384, p521 and ed25519-dalek parse, generate and sign; aws-lc-rs (feature `aws-lc`) verifies
//! ECDSA and does RSA; Ed25519 is verified by ed25519-dalek alone, strictly (rule S6). Without `aws-lc` the curves'
//! own crates verify ECDSA and an RSA key is refused with [`KeyError::RsaUnavailable`].

mod algorithm;
mod asn1;
#[cfg(feature = "aws-lc")]
mod aws_lc;
mod cosign;
mod ec;
mod error;
pub mod example;
mod file;
mod id;
mod password;
mod pem;
mod prehash;
mod private;
mod public;
mod sign;
mod stream;

pub use algorithm::{HashAlgorithm, KeyAlgorithm, Scheme, UnknownName};
pub use error::{KeyError, SignError};
pub use file::KeyFile;
pub use id::{KeyId, KeyIdError};
pub use password::Password;
pub use prehash::{Prehashed, Prehasher};
pub use private::PrivateKey;
pub use public::PublicKey;
pub use sign::{LocalSigner, Signature, Signer};
pub use stream::{Ed25519Stream, Reread};
