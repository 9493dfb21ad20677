//! `waxseal load`.

use std::path::PathBuf;

use clap::Args;

use super::copy::CopyOutput;
use super::registry::RegistryArgs;

/// Load an image that was saved in a directory, with everything that hangs on it, into a registry
///
/// The directory is one that `waxseal save` or `cosign save` wrote. Signatures and attestations go to their tags,
/// referrers to the registry's referrers API or to the tag that stands in for it. Bytes are copied as they are and held to
/// their digests; the tag is written last. What is there already is not sent again.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct LoadArgs {
    /// Where to: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG] or oci-archive:FILE[:TAG]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Directory that the image was saved in
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Replace the lists of signatures and attestations in the registry that hold what the directory has not
    #[arg(short, long)]
    pub(crate) force: bool,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: CopyOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  What was saved on one side, into the registry on the other:
    waxseal save --dir app registry.example.com/app:1.0
    waxseal load --dir app registry.site.example/app:1.0

Nothing is verified: run `waxseal verify` on the directory (oci:DIR) before, or on the image after. Of several images in
a directory none is chosen: copy the one that is meant with `waxseal copy oci:DIR:TAG IMAGE`. With COSIGN_REPOSITORY, what
hangs on the image is written there.";
