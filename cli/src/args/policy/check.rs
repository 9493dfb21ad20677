//! `waxseal policy check`.

use std::path::PathBuf;

use clap::Args;

use super::PolicyOutput;

/// Check a policy file: everything that is wrong with it, and what its author should know
///
/// Says for each mistake where it stands and what to do. Warnings are about what has expired, what is never used, and what
/// lets more in than it seems to. Exit code 4 if the file cannot be used.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicyCheckArgs {
    /// Policy file
    #[arg(value_name = "FILE", env = "WAXSEAL_POLICY")]
    pub(crate) file: PathBuf,
    /// Check the text alone: the keys that it names are not read
    #[arg(long)]
    pub(crate) without_keys: bool,
    /// Exit with 4 on warnings too
    #[arg(long)]
    pub(crate) strict: bool,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/policy-check/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PolicyOutput,
}

const AFTER: &str = "\
Examples:
  Before a policy is used, with the keys that it names:
    waxseal policy check policy.yaml
  In a pipeline, where a warning stops it too:
    waxseal policy check --strict -o json policy.yaml
  The text alone, where the keys are not at hand:
    waxseal policy check --without-keys policy.yaml";
