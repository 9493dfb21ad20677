//! `waxseal generate`.

use clap::Args;

use super::Annotation;
use super::registry::RegistryArgs;

/// Print the payload of an image's legacy signature, as cosign does, for a tool that signs it
///
/// Nothing but the payload goes to stdout, without a line end: it is signed byte for byte. `attach signature` attaches
/// what comes back. See `payload` for both formats, for attestations, and for a machine that shows what it signs.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct GenerateArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Annotation to be signed: everything after the first = is the value (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) annotations: Vec<Annotation>,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  The payload, to be signed by another tool:
    waxseal generate -a stage=release --output-file payload.json registry.example.com/app:1.0";
