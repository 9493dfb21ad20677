//! `waxseal doctor`.

use clap::Args;

use super::registry::RegistryArgs;

/// Find out what a registry can do, and which settings signatures need there
///
/// Reads only, unless --write is given: then small objects are written to the repository, under names that nobody
/// else uses, and removed again where the registry lets that be done; what is left is named. Exit code 0 whatever
/// the registry cannot do, 3 if it cannot be reached, 4 if it refuses the credentials.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct DoctorArgs {
    /// Registry, or a repository of it: HOST[:PORT][/REPOSITORY[:TAG]]; the tag's manifest is read
    #[arg(value_name = "REGISTRY[/REPOSITORY]")]
    pub(crate) target: String,
    /// Write to the repository too: name one that is for trials
    #[arg(long)]
    pub(crate) write: bool,
    /// Another repository for trials, in the same registry: whether blobs are taken over from one to the other
    #[arg(long, value_name = "REPOSITORY", requires = "write")]
    pub(crate) second_repository: Option<String>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: DoctorOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `doctor` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DoctorOutput {
    /// A table
    #[default]
    Text,
    /// One JSON document, schema waxseal/doctor/v1
    Json,
}

const AFTER: &str = "\
Examples:
  What can be found out without writing:
    waxseal doctor registry.example.com/app
  Everything, in a repository for trials:
    waxseal doctor --write registry.example.com/scratch/doctor";
