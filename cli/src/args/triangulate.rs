//! `waxseal triangulate`.

use clap::Args;

use super::registry::RegistryArgs;

/// Print where something attached to an image stands: the name of its tag
///
/// The name is made of the image's digest; nothing is said about whether something stands there (see `waxseal tree`).
/// Signatures and attestations in bundles have no tag: they are referrers of the image.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct TriangulateArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// What is looked for
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub(crate) kind: TriangulateType,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `triangulate` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TriangulateType {
    /// The tag of legacy signatures: sha256-<hex>.sig
    #[default]
    Signature,
    /// The tag of legacy attestations: sha256-<hex>.att
    Attestation,
    /// The tag of an SBOM: sha256-<hex>.sbom
    Sbom,
    /// The image itself, by its digest
    Digest,
}

const AFTER: &str = "\
Examples:
  Where cosign's legacy signatures of an image stand:
    waxseal triangulate registry.example.com/app:1.0
  The image by its digest, for a manifest:
    waxseal triangulate --type digest registry.example.com/app:1.0";
