//! `waxseal demo`.

use std::path::PathBuf;

use clap::Args;

use super::registry::RegistryArgs;

/// Show on a small image what signing is good for: sign it, verify it, and see four attacks refused
///
/// Needs no registry, no network and no other program. Each step shows the command that it stands for and what that
/// command prints. Exit code 0 if everything came out as it should, 70 if not, 3 if --image cannot be read.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct DemoArgs {
    /// Show it on a copy of this image; the image itself is only read
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Keep the keys and the layouts in this new directory: the commands shown run there
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  Half a second, nothing left behind:
    waxseal demo
  Keep everything, and try the commands yourself:
    waxseal demo --keep wax && cd wax
  On an image of your own:
    waxseal demo --image registry.example.com/app:1.0";
