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
/// last. A run that broke off before them leaves no tag; the same command completes it.
///
/// Images keep their paths below the destination; --map changes them, and is needed for those of a second registry. Your
/// policy sees the names that they had.
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
    /// Private key that signs each image at its destination, after your policy has verified it; needs --key (repeatable)
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
  Into the registry behind the air gap, if you trust who packed it and your policy admits it:
    waxseal unpack --key pack.pub --policy policy.yaml --to registry.site.example app.tar
  The same with a signature of the site beside the others (policy from WAXSEAL_POLICY):
    waxseal unpack --key pack.pub --site-key site.key --to registry.site.example app.tar
  Under other names:
    waxseal unpack --key pack.pub --map $HOST=mirror --to registry.site.example app.tar
  Into a directory:
    waxseal unpack --key pack.pub --to oci:incoming app.tar";
