//! `waxseal scan diff`.

use std::path::PathBuf;

use clap::Args;
use waxseal::scan::FailOn;

use crate::report::ReportArgs;

/// Compare two reports: what appeared, what went, what changed its severity or got a fix
///
/// A vulnerability is the same in both if its id (the CVE, where there is one) and the package's name are the same; the
/// package's version may differ. Reports of different scanners or formats can be compared, but scanners differ about the
/// same image.
///
/// Exit code 1 if a condition of --fail-on is met, 3 if none is met but one of the scans is not complete: what it does not
/// show may have changed too.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanDiffArgs {
    /// Older report, or - for stdin
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Newer report, or - for stdin
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Exit with 1 on this (repeatable): new, worse (new or risen), fixable (has a fix now) or any (there at all), with the
    /// lowest severity that counts behind a colon; an unknown severity counts as High
    #[arg(long, value_name = "WHAT[:SEVERITY]", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ScanDiffOutput,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What `scan diff` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ScanDiffOutput {
    /// A table
    #[default]
    Text,
    /// One JSON document, schema waxseal/scan-diff/v1
    Json,
}

const AFTER: &str = "\
Examples:
  What changed since the last release:
    waxseal scan diff released.json report.json
  In a pipeline, fail on what is new and High or worse, and on anything that has become Critical:
    waxseal scan diff --fail-on new:High,worse:Critical released.json report.json";
