//! `waxseal policy new`.

use clap::Args;

use crate::args::registry::RegistryArgs;

/// Write a policy from what images carry today: by which of these keys they are signed and attested
///
/// The policy asks for what verifies now, and has comments on what to decide. Nothing counts that no key of yours has signed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicyNewArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Public key that may have signed: a file, env://VAR or https://... (repeatable)
    #[arg(long, required = true, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// The policy's name
    #[arg(long, value_name = "NAME", default_value = "policy")]
    pub(crate) name: String,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  A policy to begin with, kept in a file:
    waxseal policy new --key release.pub --output-file new.yaml registry.example.com/app:1.0";
