//! Reads scanners' reports into one shape.
//!
//! This crate knows report formats and the words of scanners, and one scanner's REST API ([`xray`]). It must not know
//! registries, keys or policies: what a report is about, and whether it is good enough, is decided by others. Nothing
//! here ever turns a report that is pending, partial, filtered, failed or cut off into a clean one.
//!
//! ```
//! use waxseal_scan::{Report, ReportFormat};
//!
//! let text = br#"{"total_count": 30, "data": [{"severity": "High", "component": "debian:stretch:libx11",
//!     "source_comp_id": "deb://debian:stretch:libx11:2:1.6.4-3"}]}"#;
//! let report = Report::read(text, None).unwrap();
//! assert_eq!(report.format, ReportFormat::XrayUiExport);
//! assert_eq!(report.scan.findings.len(), 1);
//! assert!(!report.scan.is_complete()); // 29 of its 30 rows are missing
//! ```

pub mod evidence;
pub mod predicate;
pub mod report;
pub mod sbom;
pub mod xray;

pub use predicate::Reports;
pub use report::{Note, Report, ReportError, ReportFormat, ReportSubject};
pub use waxseal_core::scan::Scan;
