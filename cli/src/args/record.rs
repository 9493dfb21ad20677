//! `waxseal record`, and the flags of commands that record what they decide.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};

use super::policy::PolicyArgs;
use super::registry::RegistryArgs;
use crate::fault::Fault;

/// Records of what a command decides by a policy file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RecordArgs {
    /// With --policy: write a decision record of each image to this file, one a line; `waxseal record verify` replays it
    #[arg(long, value_name = "FILE", help_heading = "Record options")]
    pub(crate) record: Option<PathBuf>,
    /// Private key that signs the records: a file or env://VAR
    #[arg(long, value_name = "KEY", requires = "record", help_heading = "Record options")]
    pub(crate) record_key: Option<String>,
    /// Read the password of --record-key from this file (default: WAXSEAL_PASSWORD)
    #[arg(long, value_name = "FILE", requires = "record_key", help_heading = "Record options")]
    pub(crate) record_password_file: Option<PathBuf>,
}

impl RecordArgs {
    /// A record says by which policy file was decided: of flags there is none.
    pub(crate) fn fits(&self, policy: Option<&Path>) -> Result<(), Fault> {
        if policy.is_none() && self.record.is_some() {
            return Err(Fault::usage("--record is for decisions by a policy file").hint("give --policy FILE"));
        }
        Ok(())
    }
}

/// Decision records: what was decided over an image, by which policy, on what evidence
///
/// `--record FILE` of verify, gate and promote writes them, one a line. A record is for people and auditors: it admits nothing.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct RecordCommandArgs {
    #[command(subcommand)]
    pub(crate) what: RecordWhat,
}

/// What is done with records.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum RecordWhat {
    Verify(Box<RecordVerifyArgs>),
}

/// Decide again what a record says was decided, and compare
///
/// Judges the recorded digest by the policy, as of the time of the record, by the evidence that stands beside the image now:
/// in a layout that was kept, without a network. Revocations are not moved back, and what was made later is passed over.
/// Exits 0 if everything came out the same, 1 with each field that differs.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("by").args(["policy"]).required(true))]
pub(crate) struct RecordVerifyArgs {
    /// File with records, one a line, or - for stdin
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,
    /// Where the image stands: oci:DIR, oci-archive:FILE or REGISTRY/REPOSITORY; without a digest the recorded one is taken
    #[arg(long, required = true, value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Public key that must have signed the record: a file, env://VAR, https://... (repeatable: any one counts)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) record_key: Vec<String>,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// Repository that the image goes by in a layout (default: the recorded one)
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: RecordOutput,
}

/// What `record verify` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RecordOutput {
    /// In words
    #[default]
    Text,
    /// One JSON document a record, schema waxseal/record-comparison/v1
    Json,
}

const AFTER: &str = "\
Examples:
  Decide, and keep the image with its evidence and the record:
    waxseal verify --policy policy.yaml --record record.json registry.example.com/app:1.0
    waxseal save --dir archive registry.example.com/app:1.0
  Later, without a network: was that decision right?
    waxseal --offline record verify record.json --image oci:archive --policy policy.yaml
  A record that the gate has signed:
    waxseal verify --policy policy.yaml --record r.json --record-key gate.key $IMAGE
    waxseal record verify r.json --record-key gate.pub --image oci:archive --policy policy.yaml";
