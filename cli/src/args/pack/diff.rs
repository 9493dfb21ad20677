//! `waxseal pack diff`.

use std::path::PathBuf;

use clap::Args;

use super::PackOutput;
use crate::args::registry::RegistryArgs;

/// Show what the other side lacks of images, by its inventory; nothing is written and nothing is verified
///
/// Manifests and evidence are small and always travel; layers that the other side has are left out by `pack --have`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PackDiffArgs {
    /// Images, as for `pack`
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// What the other side has: its `waxseal inventory --registry ... -o json`
    #[arg(long, value_name = "FILE")]
    pub(crate) have: PathBuf,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/pack-diff/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PackOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  What a pack for the site would hold:
    waxseal pack diff --have site.json registry.example.com/app:1.0";
