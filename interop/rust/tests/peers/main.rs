//! Two published crates as independent peers: they read what the binary wrote, and it reads what they wrote.
//!
//! `oci-client` moves bytes, `sigstore` judges legacy signatures and opens key files. Both run against the binary
//! that `WAXSEAL` names and a registry on loopback that `WAXSEAL_REGISTRY` names; `interop/rust/run` sets both.
//! What `sigstore` cannot do is asserted as its refusal, so that a release that can shows itself as a failure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod blobs;
mod bundles;
mod keys;
mod log;
mod place;
mod signatures;
mod transport;
