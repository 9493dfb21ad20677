//! For waxseal's own tests: valid things, and hostile things made from them.
//!
//! An in-process [`registry`] that keeps to the distribution specification and lies on request, an in-process
//! [`xray`] of the same kind, an [`image`] builder, the readers of `testdata` ([`fixtures`]), mutations of any format
//! ([`hostile`]), tokens of `SoftHSM` ([`softhsm`]), and a clock and a random source that are the same in every run
//! ([`rng`]). It knows the core alone and shares no code with the clients that it tests, so that they can disagree.
//! Production code never depends on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code: a broken fixture should end the test at the line that found it"
)]

pub mod fixtures;
pub mod hostile;
pub mod image;
pub mod layout;
pub mod registry;
pub mod rng;
mod serving;
pub mod softhsm;
pub mod xray;

pub use image::{BuiltImage, ImageBuilder, IndexBuilder};
pub use registry::{Behaviour, Match, Registry};
