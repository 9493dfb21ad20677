//! `waxseal policy explain`.

use std::path::PathBuf;

use clap::Args;

use super::PolicyOutput;

/// Say which rules of a policy apply to an image, and what each asks for
///
/// By the image's name alone: nothing is looked at, and no registry is asked.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicyExplainArgs {
    /// Policy file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Image, by its name; its tag changes nothing, its digest chooses among exemptions
    #[arg(value_name = "IMAGE", required_unless_present = "image_name", conflicts_with = "image_name")]
    pub(crate) image: Option<String>,
    /// The same, as a flag
    #[arg(long, value_name = "NAME")]
    pub(crate) image_name: Option<String>,
    /// Namespace of a cluster in which it runs
    #[arg(long, short, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// What is printed on stdout: text, or one JSON document, schema waxseal/policy-explanation/v1
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PolicyOutput,
}

const AFTER: &str = "\
Examples:
  What must hold for an image:
    waxseal policy explain policy.yaml registry.example.com/prod/app
  In a namespace, for other programs:
    waxseal policy explain -n prod -o json policy.yaml registry.example.com/prod/app";
