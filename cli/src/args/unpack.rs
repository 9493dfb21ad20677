//! `waxseal unpack`.

use std::path::PathBuf;

use clap::Args;

use super::pack::receiving::ReceivingArgs;
use super::registry::RegistryArgs;
use crate::signer::SignerArgs;

/// Unpack a pack into a registry or a layout, after everything in it was verified
///
/// You name the key of who packs, or your own policy, or both. Nothing is written before every byte of the pack, its
/// signature, its serial number and its images are verified; blobs are hashed again while they are written, and tags come
/// last. A run that broke off leaves no tag; the same command completes it.
///
/// Images keep their paths below the destination; --map changes them. Your policy sees the names that they had.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct UnpackArgs {
    /// The pack: its file, the list of its parts, or the name under which it was split
    #[arg(value_name = "FILE")]
    pub(crate) pack: PathBuf,
    /// Where to: HOST[:PORT][/PATH] of a registry, or oci:DIR
    #[arg(long, value_name = "REGISTRY|oci:DIR")]
    pub(crate) to: String,
    /// Give names that begin with FROM the beginning TO, a path below the destination (repeatable; the longest counts)
    #[arg(long, value_name = "FROM=TO")]
    pub(crate) map: Vec<String>,
    #[command(flatten)]
    pub(crate) receiving: ReceivingArgs,
    /// Private key that signs each image at its destination, after your policy has verified it (repeatable)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) site_key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Replace the lists of signatures and attestations at the destination that hold what the pack has not
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Verify, show where everything would go, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: UnpackOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `unpack` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum UnpackOutput {
    /// The images at the destination, by their digests, one a line
    #[default]
    Text,
    /// One JSON document, schema waxseal/unpack/v1; of a pack that is not taken, schema waxseal/pack-verdict/v1
    Json,
}

const AFTER: &str = "\
Examples:
  Into the registry behind the air gap, if the pack and its images are signed by whom you trust:
    waxseal unpack --key pack.pub --image-key release.pub --to registry.site.example app.wax.tar
  Under other names, with a signature of the site beside the others:
    waxseal unpack --key pack.pub --image-key release.pub --site-key site.key \\
      --map registry.example.com=mirror --to registry.site.example app.wax.tar
  Into a directory:
    waxseal unpack --key pack.pub --to oci:incoming app.wax.tar";
