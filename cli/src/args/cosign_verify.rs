//! `waxseal manifest verify` and `waxseal dockerfile verify`, as cosign's users type them.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::judging::{JudgingArgs, JudgingOutput};

/// Verify the images that a manifest names, as cosign does; `gate` does more
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ManifestArgs {
    #[command(subcommand)]
    pub(crate) what: ManifestWhat,
}

/// What is done with manifests.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum ManifestWhat {
    Verify(Box<ManifestVerifyArgs>),
}

/// Verify every image that a manifest names, by keys: `verify` for each of them
///
/// The same as `waxseal verify` with the images of the manifest. `waxseal gate` reads more kinds of documents, says where
/// each image is named, and pins digests.
#[derive(Debug, Args)]
#[command(after_long_help = MANIFEST_AFTER)]
#[command(group = ArgGroup::new("what").args(["key"]).required(true).multiple(true))]
pub(crate) struct ManifestVerifyArgs {
    /// File with manifests, YAML or JSON, or - for stdin
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<JudgingOutput>,
}

const MANIFEST_AFTER: &str = "\
Examples:
  Every image of a deployment:
    waxseal manifest verify --key release.pub app.yaml";

/// Verify the images that a Dockerfile names, as cosign does; `gate` does more
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct DockerfileArgs {
    #[command(subcommand)]
    pub(crate) what: DockerfileWhat,
}

/// What is done with Dockerfiles.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum DockerfileWhat {
    Verify(Box<DockerfileVerifyArgs>),
}

/// Verify every image that a Dockerfile names, by keys: `verify` for each of them
///
/// The same as `waxseal verify` with what the stages are based on, copy from and mount. Where an argument has neither a value
/// nor a default the variable of its name counts, as with cosign. `waxseal gate --dockerfile` says where each image is named,
/// and pins digests.
#[derive(Debug, Args)]
#[command(after_long_help = DOCKERFILE_AFTER)]
#[command(group = ArgGroup::new("what").args(["key"]).required(true).multiple(true))]
pub(crate) struct DockerfileVerifyArgs {
    /// Dockerfile, or - for stdin
    #[arg(value_name = "DOCKERFILE")]
    pub(crate) dockerfile: PathBuf,
    /// Only the image that the last stage is based on
    #[arg(long)]
    pub(crate) base_image_only: bool,
    /// Argument of the build; without a value that of the variable with this name (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<JudgingOutput>,
}

const DOCKERFILE_AFTER: &str = "\
Examples:
  Every image that a build uses:
    waxseal dockerfile verify --key release.pub Dockerfile
  Only what the result is based on:
    waxseal dockerfile verify --key release.pub --base-image-only Dockerfile";
