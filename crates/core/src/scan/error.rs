//! Why a predicate is no scan.

use crate::json::JsonError;
use crate::limits::{SCAN_PREDICATE_BYTES, SCAN_TEXT_BYTES};

/// Why a scan is not read or not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Not the JSON that the predicate is.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// Larger than [`SCAN_PREDICATE_BYTES`].
    #[error("{found} bytes, the limit of a scan's predicate is {SCAN_PREDICATE_BYTES}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
    /// A list is longer than [`SCAN_FINDINGS`](crate::limits::SCAN_FINDINGS), or
    /// [`SCAN_LIST`](crate::limits::SCAN_LIST) inside a finding.
    #[error("{found} {what}, the limit is {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A text is longer than [`SCAN_TEXT_BYTES`].
    #[error("{what}: {found} bytes, the limit is {SCAN_TEXT_BYTES}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its size in bytes.
        found: usize,
    },
    /// A scanner without a name.
    #[error("the scanner has no name")]
    NoScanner,
    /// The embedded report is not an object or a list.
    #[error("the embedded report is not an object or a list")]
    Embedded,
}
