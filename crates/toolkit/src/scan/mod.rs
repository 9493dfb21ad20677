//! The jobs about scans: what a scanner found in an image, fetched, set on workloads, compared and attested.
//!
//! A scan is what `waxseal-scan` has read from a report. Nothing here makes it cleaner than it is: one that is pending,
//! partial or filtered is refused where its score would be taken for the truth.

pub mod annotate;
pub mod attest;
pub mod diff;
pub mod fetch;
mod name;
mod place;
mod wait;

pub use annotate::{Annotated, AnnotatedWorkload, Annotating, Scored};
pub use attest::{Also, AttestingScan};
pub use diff::{Change, Changed, FailOn, FailOnError, FailOnWhat, ScanDiff, Seen};
pub use fetch::{FetchedReport, FetchedSbom, Fetching, Step};
