//! Reads scanners' reports into one shape.
//!
//! This crate knows report formats and the words of scanners, and one scanner's REST API ([`xray`]). It must not know registries, keys or policies: what a
//! report is about, and whether it is good enough, is decided by others. Nothing here ever turns a report that is
//! pending, partial, filtered, failed or cut off into a clean one.

pub mod xray;

pub use waxseal_core::scan::Scan;
