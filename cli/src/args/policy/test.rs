//! `waxseal policy test`.

use std::path::PathBuf;

use clap::Args;

use super::PolicyOutput;
use crate::args::registry::RegistryArgs;

/// Hold a policy against images whose verdicts are known: those that must get in, and those that must not
///
/// The file of cases names images or manifests, each with the verdict that it must have, and the moment as of which it is
/// judged if that is not now (docs/policy.md). Exit code 1 if one has another verdict.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicyTestArgs {
    /// File of cases, YAML or JSON
    #[arg(value_name = "CASES")]
    pub(crate) file: PathBuf,
    /// Policy file, in place of the one that the cases name
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Let waxseal's published example keys count
    #[arg(long)]
    pub(crate) allow_example_keys: bool,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/policy-test/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PolicyOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  Before a change of the policy is merged:
    waxseal policy test cases.yaml
  Another policy, for other programs:
    waxseal policy test --policy policy.yaml -o json cases.yaml";
