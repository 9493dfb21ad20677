//! `waxseal copy`.

use clap::Args;

use super::registry::RegistryArgs;

/// Copy an image with everything that hangs on it: all platforms, signatures, attestations, SBOMs, referrers
///
/// Bytes are copied as they are, so that what was signed at the source verifies at the destination. What is there
/// already is not sent again; a copy that broke off goes on when it is started again. The tag is written last.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct CopyArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST], oci-archive:FILE[:TAG|@DIGEST] or
    /// docker-archive:FILE[:NAME]
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Where to: REGISTRY/REPOSITORY[:TAG], oci:DIR[:TAG] or oci-archive:FILE[:TAG]
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
    /// Only the image of this platform; the index, and what hangs on it, stay behind
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with = "all_platforms")]
    pub(crate) platform: Option<String>,
    /// Every platform (this is the default)
    #[arg(long)]
    pub(crate) all_platforms: bool,
    /// cosign's flag: sig,att,sbom copies without moving the destination's tag; parts of it are not copied alone
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<OnlyKind>,
    /// Replace the lists of signatures and attestations at the destination that hold what the source has not
    #[arg(short, long)]
    pub(crate) force: bool,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: CopyOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// cosign's names for what is attached by tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnlyKind {
    /// Signatures
    Sig,
    /// Attestations
    Att,
    /// SBOMs
    Sbom,
}

impl OnlyKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Sig, Self::Att, Self::Sbom];
}

/// What `copy` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CopyOutput {
    /// The image at the destination, by its digest
    #[default]
    Text,
    /// One JSON document, schema waxseal/copy/v1
    Json,
}

const AFTER: &str = "\
Examples:
  From one registry to another, with its signatures:
    waxseal copy registry.example.com/app:1.0 registry.site.example/app:1.0
  Out of a registry into one file, and into the registry behind the air gap:
    waxseal copy registry.example.com/app:1.0 oci-archive:app.tar
    waxseal copy oci-archive:app.tar registry.site.example/app:1.0
  What `docker save` wrote, into a registry where it can be signed:
    waxseal copy docker-archive:app.tar registry.example.com/app:1.0
  One platform's image, with what hangs on it:
    waxseal copy --platform linux/arm64 registry.example.com/app:1.0 oci:transfer/app:1.0

An archive of `docker save` is taken as the OCI layout that it holds; one of before Docker 25 is converted, always to
the same digest, and its layers are compared with the image's configuration.

Credentials for each registry come from the files that `docker login` and `podman login` write; --registry-username
and --registry-token do for one registry only. With COSIGN_REPOSITORY, signatures are read there; a registry's stay
there, a layout or an archive takes them along.";
