//! The switches of a platform: which Xray it is.

use super::Access;

/// Which Xray this is. The default is a recent one that lets everybody in.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches, each of its own")]
#[non_exhaustive]
pub struct Settings {
    /// What it calls itself.
    pub version: String,
    /// What stands before `/xray` and `/artifactory` in every address, as `/jfrog`; or nothing.
    pub base: String,
    /// Who may ask.
    pub access: Access,
    /// Whether there is `artifact/status` (3.80.9); else `scan/status/artifact` alone.
    pub artifact_status: bool,
    /// Whether there is a second version of the summary and of the export; else the first alone.
    pub second_versions: bool,
    /// Whether Artifactory finds files by their checksum; else 403, as for users without the right.
    pub checksum_search: bool,
    /// Most violations of a page, whatever is asked for.
    pub page: usize,
    /// Whether `offset` counts entries; else pages.
    pub offset_counts_entries: bool,
    /// The checksum that summaries tell in place of the true one.
    pub wrong_sha256: Option<String>,
    /// A count that the violations tell in place of the true one.
    pub wrong_total: Option<u64>,
    /// The project that requests have to name; none if they may name any.
    pub project: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "3.111.9".to_owned(),
            base: String::new(),
            access: Access::Open,
            artifact_status: true,
            second_versions: true,
            checksum_search: true,
            page: 25,
            offset_counts_entries: false,
            wrong_sha256: None,
            wrong_total: None,
            project: None,
        }
    }
}
