//! `waxseal policy`, and the flags of commands that decide by a policy file.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod schema;

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The policy file of a command that decides.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PolicyArgs {
    /// Policy file: keys, and rules for images by their names, in YAML or JSON (`waxseal policy --help`)
    #[arg(long, value_name = "FILE", env = "WAXSEAL_POLICY", help_heading = "Policy options")]
    pub(crate) policy: Option<PathBuf>,
}

/// Policy files: checked, explained, and made from what an image has today
///
/// A policy file says which keys must have signed what, for images by the names of their repositories. The same file decides
/// on a command line, in a pipeline and behind an air gap: `waxseal verify --policy FILE`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct PolicyCommandArgs {
    #[command(subcommand)]
    pub(crate) what: PolicyWhat,
}

/// What is done with policy files.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum PolicyWhat {
    Check(check::PolicyCheckArgs),
    Explain(Box<explain::PolicyExplainArgs>),
    Schema(schema::PolicySchemaArgs),
}

/// What the commands about policies print on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PolicyOutput {
    /// In words
    #[default]
    Text,
    /// One JSON document
    Json,
}
