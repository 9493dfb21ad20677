//! The one birthplace of trust.
//!
//! A [`Verified`] value exists only because [`Verified::assertion`] was called, which is private to the verifier:
//! whoever reviews where trust comes from looks for that one word.

use core::ops::Deref;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::candidate::{Format, Origin};
use crate::digest::Digest;
use crate::key::{KeyId, Scheme};

/// A value and the proof that it was verified. It cannot be made, changed or read from a file elsewhere:
///
/// ```compile_fail,E0451
/// use waxseal_core::{PinnedRef, Verified};
/// fn forge(value: PinnedRef) -> Verified<PinnedRef> {
///     Verified { value, proof: unreachable!() }
/// }
/// ```
///
/// ```compile_fail,E0624
/// use waxseal_core::{PinnedRef, Verified};
/// fn forge(value: PinnedRef) -> Verified<PinnedRef> {
///     Verified::assertion(value, unreachable!())
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn read<T: serde::de::DeserializeOwned>() {}
/// read::<waxseal_core::Verified<waxseal_core::PinnedRef>>();
/// ```
///
/// ```compile_fail,E0594
/// use waxseal_core::verify::ImageSignature;
/// fn change(mut signature: waxseal_core::Verified<ImageSignature>) {
///     signature.name = None;
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    proof: Proof,
}

impl<T> Verified<T> {
    /// Creates trust. Only the verifier calls it, after every check has passed.
    pub(super) const fn assertion(value: T, proof: Proof) -> Self {
        Self { value, proof }
    }

    /// How the value was verified.
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// How a value was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The keys whose signatures counted, each once.
    pub keys: Vec<KeyId>,
    /// The digest of the policy that was met.
    pub policy: Digest,
    /// The time at which it was judged.
    pub at: Timestamp,
}

/// The content of a signature of an image that was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageSignature {
    /// How it is stored.
    pub format: Format,
    /// Where it was found.
    pub origin: Origin,
    /// The digest that it is for: the image's, or that of an index through which the image was reached (rule P2).
    pub digest: Digest,
    /// The name under which the image was signed, if there is one (rule S9).
    pub name: Option<String>,
    /// `critical.type`, or the predicate type.
    pub kind: String,
    /// The signed annotations (rule S4).
    pub annotations: BTreeMap<String, Value>,
    /// How the policy names the key.
    pub key_name: String,
    /// The key.
    pub key: KeyId,
    /// The algorithm.
    pub scheme: Scheme,
    /// The signed payload, as it was signed.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}
