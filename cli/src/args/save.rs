//! `waxseal save`.

use std::path::PathBuf;

use clap::Args;

use super::copy::CopyOutput;
use super::registry::RegistryArgs;

/// Save an image with everything that hangs on it in a directory: an OCI layout that cosign reads too
///
/// All platforms, and of each the signatures, attestations, SBOMs and referrers. What is in the directory already is not
/// fetched again; the image is listed last, so that a run that broke off lists none. `waxseal verify oci:DIR` and
/// `cosign verify --local-image` verify what was saved, `load` of either puts it into a registry.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct SaveArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci-archive:FILE[:TAG|@DIGEST] or docker-archive:FILE[:NAME]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Directory to save in: new, empty, or an OCI layout
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Only the image of this platform; the index, and what hangs on it, stay behind
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Replace the lists of signatures and attestations in the directory that hold what the image has not
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
  An image with its signatures in a directory, and what hangs on it there:
    waxseal save --dir app registry.example.com/app:1.0
    waxseal tree oci:app:1.0
  One platform's image:
    waxseal save --dir app-arm64 --platform linux/arm64 registry.example.com/app:1.0

Several images can be saved in one directory, each with a tag of its own. cosign takes the first of them: where it is to
read the directory, save one image. One file instead of a directory: waxseal copy IMAGE oci-archive:FILE.";
