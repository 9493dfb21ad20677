//! `waxseal version`.

use clap::Args;

/// Print the version and what was built in
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: VersionOutput,
    /// The same as -o json
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,
}

/// What `version` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum VersionOutput {
    /// One line
    #[default]
    Text,
    /// One JSON document, schema waxseal/version/v1
    Json,
}
