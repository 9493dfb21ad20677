//! The jobs about scans: what a scanner found in an image, fetched, shown and attested.

pub mod fetch;
mod place;
mod wait;

pub use fetch::{FetchedReport, FetchedSbom, Fetching, Step};
