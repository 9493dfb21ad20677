//! Judges bytes: what was signed, by which key, about which digest, and whether that is what was asked for.
//!
//! This crate has no files, sockets, clock, environment or randomness of its own: whoever calls it brings the
//! bytes and the time, so that the same verdict comes out in a pipeline, at a gate, in a cluster and behind an
//! air gap. It must never learn where bytes came from beyond a name to show.
//!
//! The way of an image through it: [`Candidate`]s, found beside the image and unverified, together are
//! [`Evidence`]; a [`Policy`] says what must hold; a [`Verifier`] holds one against the other and gives a
//! [`Verdict`]. The way of a signature: a [`signing::SigningRequest`] is prepared, its messages are signed here or
//! elsewhere, and what comes back is verified and assembled.

pub mod blob_guard;
pub mod bundle;
pub mod candidate;
pub mod descriptor;
pub mod digest;
pub mod document;
pub mod dsse;
pub mod encoding;
pub mod json;
pub mod key;
pub mod limits;
pub mod manifest;
pub mod media_type;
pub mod pack;
pub mod policy;
pub mod predicate;
pub mod record;
pub mod reference;
pub mod scan;
pub mod signing;
pub mod simple_signing;
pub mod statement;
pub mod verify;

pub use candidate::{Candidate, Evidence, Format};
pub use descriptor::{Descriptor, Platform};
pub use digest::Digest;
pub use key::{KeyId, PrivateKey, PublicKey, Scheme, Signature, Signer};
pub use policy::{Policy, SignatureRequirement, TrustedKey};
pub use predicate::PredicateType;
pub use reference::{ImageRef, PinnedRef, Repository};
pub use verify::{Finding, Reason, Subject, Verdict, Verified, Verifier};
