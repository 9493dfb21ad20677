//! What JFrog Xray answers and exports.
//!
//! No answer of Xray says all of: that the scan is finished, which bytes were scanned, how many components there were,
//! and what was found. What an answer does not say is not assumed.

pub(super) mod build;
pub(super) mod build_v1;
pub(super) mod document;
pub(super) mod graph;
pub(super) mod rows;
pub(super) mod status;
pub(super) mod summary;
pub(super) mod ui_export;
pub(super) mod violations;

use waxseal_core::scan::{Scan, Scanner, Severity};

/// The package URL under which Xray is known: it has none of its own.
pub(super) const URI: &str = "pkg:generic/jfrog/xray";

pub(super) fn scan() -> Scan {
    Scan::new(Scanner::new("JFrog Xray", URI))
}

/// The research severity, if the answer has one.
fn research(word: &str) -> Option<Severity> {
    (!word.trim().is_empty()).then(|| Severity::parse(word))
}

/// So many components; none if not one is shown.
fn counted(components: usize) -> Option<u64> {
    u64::try_from(components).ok().filter(|components| *components > 0)
}
