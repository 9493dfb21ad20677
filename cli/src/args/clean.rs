//! `waxseal clean`.

use clap::Args;

use super::registry::RegistryArgs;

/// Remove the signatures, attestations and SBOMs of an image; the image stays
///
/// Asks before it removes anything, unless --force is given. What is listed as attached but does not say so itself,
/// other artifacts that refer to the image, and what hangs on the images of an index stay. Exit code 3 if something
/// could not be read or removed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct CleanArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// What is removed
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub(crate) what: CleanTypeArg,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: CleanOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What is removed, by cosign's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CleanTypeArg {
    /// The legacy signatures, at the tag .sig
    Signature,
    /// The legacy attestations, at the tag .att
    Attestation,
    /// Bundles, and other signatures, attestations and SBOMs that refer to the image
    Referrer,
    /// The SBOM at the tag .sbom
    Sbom,
    /// All of these
    #[default]
    All,
}

/// What `clean` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CleanOutput {
    /// One line for each thing that was removed
    #[default]
    Text,
    /// One JSON document, schema waxseal/clean/v1
    Json,
}

const AFTER: &str = "\
Examples:
  Look first, then remove everything:
    waxseal tree registry.example.com/app:1.0
    waxseal clean registry.example.com/app:1.0
  In a pipeline, the legacy signatures alone:
    waxseal clean --force --type signature registry.example.com/app:1.0";
