//! `waxseal tree`.

use clap::Args;

use super::registry::RegistryArgs;

/// List what hangs on an image, in every place: signatures, attestations, SBOMs, bundles, anything
///
/// For an index each image in it is listed too. Nothing is verified: what an object says about itself is shown as a
/// claim. Exit code 3 if something could not be read.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct TreeArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TreeOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `tree` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TreeOutput {
    /// A tree for people
    #[default]
    Text,
    /// A table, one line for each thing
    Table,
    /// One JSON document, schema waxseal/tree/v1
    Json,
}

const AFTER: &str = "\
Examples:
  What hangs on an image and on each platform's image:
    waxseal tree registry.example.com/app:1.0
  The digests of all bundles on it:
    waxseal tree -o json registry.example.com/app:1.0 | jq -r '.root.attached[] | select(.kind == \"bundle\").digest'
  What a transfer holds:
    waxseal tree oci-archive:app.tar";
