//! Keys in tokens of `SoftHSM`.
//!
//! A module reads its settings from the environment of its process, and is loaded once. So each test runs in a process of
//! its own: this program again, with one test and one variable.
#![cfg(all(feature = "pkcs11", not(target_env = "musl")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

mod finding;
mod logging_in;
mod room;
mod signing;
