//! Scans in the predicates of other tools: read for judging, and written for verifiers that know no other.
//!
//! Neither cosign's `vuln/v1` nor in-toto's `vulns` can say that a scan is incomplete or filtered: such a scan is not
//! written as one of them. Whatever is written is read back first, and must give the same figures.

mod reader;
mod write;

pub use reader::Reports;
pub use write::{WriteError, cosign_vuln, in_toto_vulns};
