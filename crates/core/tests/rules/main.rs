//! The rules of decision, each as pairs: what is admitted, and the same with exactly one thing changed, refused for
//! exactly that reason.
//!
//! Everything goes through the public interface. Where a signature is not the point, the changed material is signed
//! again by the trusted key, so that nothing but the change can be what it is refused for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

mod attestations;
mod attesting;
mod blobs;
mod detached;
mod documents;
mod looking;
mod make;
mod platforms;
mod policy_files;
mod reasons;
mod scans;
mod sets;
mod signatures;
mod signing;
mod time;
mod verdict;
