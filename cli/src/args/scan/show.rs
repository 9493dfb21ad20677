//! `waxseal scan show`.

use std::path::PathBuf;

use clap::Args;

use crate::report::ReportArgs;

/// Show a scanner's report: the score, what to upgrade to what, and every finding
///
/// Reads what Xray, jf, Trivy, Grype and Clair write, SARIF, CycloneDX, SPDX and OpenVEX. A scan that is pending, partial,
/// filtered or failed says so and is never shown as clean. Nothing here is verified: a report is a file that anybody can
/// write.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanShowArgs {
    /// Report, as the scanner wrote it, or - for stdin
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ScanShowOutput,
    #[command(flatten)]
    pub(crate) format: ReportArgs,
}

/// What `scan show` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ScanShowOutput {
    /// Tables
    #[default]
    Text,
    /// One JSON document, schema waxseal/scan/v1
    Json,
    /// One page, a file that needs no other
    Html,
    /// The score alone; nothing, and exit code 3, if the scan is not complete
    Score,
}

const AFTER: &str = "\
Examples:
  What was found:
    waxseal scan show report.json
  A page for people without a terminal:
    waxseal scan show -o html --output-file report.html report.json
  The score, as a word:
    waxseal scan show -o score report.json";
