//! Why a report is not read.

use waxseal_core::json::JsonError;
use waxseal_core::limits::{REPORT_BYTES, REPORT_OBJECTS};
use waxseal_core::scan::ScanError;

use super::ReportFormat;

/// Why a report is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Larger than [`REPORT_BYTES`].
    #[error("{found} bytes, the limit of a report is {REPORT_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// More objects than [`REPORT_OBJECTS`].
    #[error("{found} objects, the limit of a report is {REPORT_OBJECTS}")]
    TooManyObjects {
        /// How many.
        found: usize,
    },
    /// Not the JSON that every reader reads alike.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// No format that we know.
    #[error("not a report that we know: expected one of {}, found {found}", ReportFormat::names())]
    Unknown {
        /// The members at the top.
        found: String,
    },
    /// It could be of more than one format.
    #[error("it could be one of {candidates}: an empty list does not say what was looked for")]
    Ambiguous {
        /// The formats.
        candidates: String,
    },
    /// It is not of the format that was named or recognised.
    #[error("not a report of format {format}: {why}")]
    Shape {
        /// The format.
        format: ReportFormat,
        /// What was expected and found.
        why: String,
    },
    /// It holds more than a scan may.
    #[error("{0}")]
    Scan(#[source] ScanError),
}

impl ReportError {
    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "report-too-large",
            Self::TooManyObjects { .. } => "report-too-many-objects",
            Self::Json(_) => "report-not-json",
            Self::Unknown { .. } => "report-unknown",
            Self::Ambiguous { .. } => "report-ambiguous",
            Self::Shape { .. } => "report-shape",
            Self::Scan(_) => "report-limit",
        }
    }
}
