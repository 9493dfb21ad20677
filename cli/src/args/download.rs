//! `waxseal download`.

use clap::{Args, Subcommand};

use super::FormatArg;
use super::registry::RegistryArgs;

/// Print what is attached to an image, for other programs; nothing is verified
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct DownloadArgs {
    #[command(subcommand)]
    pub(crate) what: DownloadWhat,
}

/// What is downloaded.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum DownloadWhat {
    Signature(Box<DownloadSignatureArgs>),
    Attestation(Box<DownloadAttestationArgs>),
    Sbom(Box<DownloadSbomArgs>),
}

/// Print the signatures of an image, one JSON document a line, in cosign's form; nothing is verified
///
/// A legacy signature is printed as `{"Base64Signature":...,"Payload":...}` with the payload in base64, a bundle as it
/// is. Every bundle is printed, attestations too: only what was signed says what it is. Exit code 1 if there is none,
/// 3 if something could not be read.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct DownloadSignatureArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Of an index: the signatures of this platform's image
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Which signatures
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  What the first legacy signature is over:
    waxseal download signature --format legacy registry.example.com/app:1.0 | head -n1 | jq -r .Payload | base64 -d
  The bundle of an image, for a program that takes a file:
    waxseal download signature --format bundle registry.example.com/app:1.0 > app.sigstore.json
  Of one platform's image:
    waxseal download signature --platform linux/arm64 registry.example.com/app:1.0";

/// Print the attestations of an image, one DSSE envelope a line, in cosign's form; nothing is verified
///
/// First those of the tag sha256-<hex>.att, then those in bundles, of which the envelope alone is printed. Image signatures are
/// left out. What an envelope claims to be, nobody has checked: `waxseal verify-attestation` does. Exit code 1 if there
/// is none, 3 if something could not be read.
#[derive(Debug, Args)]
#[command(after_long_help = ATTESTATION_AFTER)]
pub(crate) struct DownloadAttestationArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Only those that claim this type: a short name, as cyclonedx or vuln, or a URI
    #[arg(long, value_name = "TYPE")]
    pub(crate) predicate_type: Option<String>,
    /// Of an index: the attestations of this platform's image
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Which attestations
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const ATTESTATION_AFTER: &str = "\
Examples:
  Every attestation, as it stands there:
    waxseal download attestation registry.example.com/app:1.0
  What the SBOMs claim to say (in base64):
    waxseal download attestation --predicate-type cyclonedx registry.example.com/app | jq .payload";

/// Print the list of components at the tag sha256-<hex>.sbom of an image, as it stands there; nothing is verified
///
/// Nobody has signed what stands there: whoever may push can write it. A list that somebody vouches for is an
/// attestation: `waxseal verify-attestation --type cyclonedx` or spdxjson. Exit code 1 if there is none.
#[derive(Debug, Args)]
#[command(after_long_help = SBOM_AFTER)]
pub(crate) struct DownloadSbomArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Of an index: the list of this platform's image
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const SBOM_AFTER: &str = "\
Examples:
  What an older pipeline attached:
    waxseal download sbom registry.example.com/app:1.0 > sbom.json
  Sign it from now on:
    waxseal attest --key app.key --type spdxjson --predicate sbom.json registry.example.com/app:1.0";
