//! When a scanner looked, how far it came, and at what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::list::time;

/// One run of a scanner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct ScanRun {
    /// When it began.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Timestamp>,
    /// When it ended: what a judge takes as the scan's age (rule N2).
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<Timestamp>,
    /// How far it came.
    pub status: ScanStatus,
    /// What it looked for.
    pub coverage: Coverage,
    /// Whether findings were left out: by severity, by fix, by an ignore list, by a page that is missing.
    pub filtered: bool,
    /// How many components the report shows that the scanner looked at; none where it does not show that. Where a
    /// format lists only what has findings or licences, it is a lower bound.
    #[serde(default)]
    pub components: Option<u64>,
}

/// How far a scanner came. Only [`ScanStatus::Complete`] may read as clean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum ScanStatus {
    /// It came to its end.
    Complete,
    /// Parts were not looked at, or pages of the report are missing.
    Partial,
    /// It gave up.
    Failed,
    /// It did not look, or nothing says that it did.
    #[default]
    NotScanned,
    /// It has not come to its end yet.
    Pending,
}

impl ScanStatus {
    /// The word that is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::NotScanned => "not-scanned",
            Self::Pending => "pending",
        }
    }
}

impl std::fmt::Display for ScanStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a scanner looked for. None where the report does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Known vulnerabilities. False also where the report does not say: an SBOM is not a clean scan (rule N4).
    pub vulnerabilities: bool,
    /// Licences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licenses: Option<bool>,
    /// Whether what is vulnerable can be reached (Xray: contextual analysis).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<bool>,
    /// Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<bool>,
    /// Packages that are risky to depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operational_risk: Option<bool>,
    /// Malicious packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malicious: Option<bool>,
    /// The scanner's own policies (Xray: watches). An empty list of violations says something only where this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violations: Option<bool>,
    /// Versions with a fix. That a finding has none says something only where this is true, or others have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixes: Option<bool>,
}
