//! Scanners as they are met: their reports, and Xray's API on loopback, honest and lying.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

mod reports;
mod xray;
