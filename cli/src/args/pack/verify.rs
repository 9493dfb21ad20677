//! `waxseal pack verify`.

use std::path::PathBuf;

use clap::Args;

use super::receiving::ReceivingArgs;
use crate::args::registry::RegistryArgs;

/// Verify a pack, and write nothing: every byte, its signature and serial number, and its images by your policy
///
/// What the pack brings along, policy and keys, is not trusted. Exit codes: 0 admitted, 1 refused, 3 undecided.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PackVerifyArgs {
    /// The pack: its file, the list of its parts, or the name under which it was split
    #[arg(value_name = "FILE")]
    pub(crate) pack: PathBuf,
    #[command(flatten)]
    pub(crate) receiving: ReceivingArgs,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PackVerdictOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What is printed of a verdict over a pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PackVerdictOutput {
    /// The verdict in words
    #[default]
    Text,
    /// One JSON document, schema waxseal/pack-verdict/v1
    Json,
}

const AFTER: &str = "\
Examples:
  Who packed it, and whether every image in it meets your policy:
    waxseal pack verify --key pack.pub --policy policy.yaml app.tar
  Whether every image in it is signed by your release key, whoever packed it:
    waxseal pack verify --image-key release.pub app.tar
  For a program:
    waxseal pack verify --key pack.pub -o json app.tar";
