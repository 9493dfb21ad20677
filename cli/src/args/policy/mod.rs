//! `waxseal policy`, and the flags of commands that decide by a policy file.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod new;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod test;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::fault::Fault;

/// The policy file of a command that decides.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PolicyArgs {
    /// Policy file: keys, and rules for images by their names, in YAML or JSON (`waxseal policy --help`)
    #[arg(long, value_name = "FILE", env = "WAXSEAL_POLICY", help_heading = "Policy options")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) signature: PolicySignatureArgs,
}

/// Whose policy counts, wherever a policy file decides (rule Y7).
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PolicySignatureArgs {
    /// Public key that must have signed the policy: a file, env://VAR or https://... (repeatable: any one counts); an older
    /// serial than the last one seen is refused, and another policy than stood at this path
    #[arg(id = "policy_key", long = "policy-key", value_name = "KEY", help_heading = "Policy options")]
    pub(crate) keys: Vec<String>,
    /// Name that the policy must have, in place of the one that stood at its path before: one key may sign several policies
    #[arg(id = "policy_name", long = "policy-name", value_name = "NAME", requires = "policy_key")]
    #[arg(help_heading = "Policy options")]
    pub(crate) name: Option<String>,
    /// Signature of the policy (default: the policy's name with .sig.json behind it)
    #[arg(id = "policy_signature", long = "policy-signature", value_name = "FILE", requires = "policy_key")]
    #[arg(help_heading = "Policy options")]
    pub(crate) path: Option<PathBuf>,
    /// Least serial that the policy may have, in place of the last one seen: nothing is remembered, so say --policy-name too
    #[arg(id = "policy_serial_at_least", long = "policy-serial-at-least", value_name = "N")]
    #[arg(requires = "policy_key", help_heading = "Policy options")]
    pub(crate) serial_at_least: Option<u64>,
}

impl PolicyArgs {
    /// The policy file, if one decides. What is asked of one is not asked of flags.
    pub(crate) fn file(&self) -> Result<Option<&Path>, Fault> {
        self.signature.fits(self.policy.as_deref())?;
        Ok(self.policy.as_deref())
    }
}

impl PolicySignatureArgs {
    /// A key for a policy where none decides is a mistake, and never passed over.
    pub(crate) fn fits(&self, policy: Option<&Path>) -> Result<(), Fault> {
        if policy.is_none() && !self.keys.is_empty() {
            return Err(Fault::usage("--policy-key is for a policy file, and none decides")
                .hint("give --policy FILE"));
        }
        Ok(())
    }
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
    New(Box<new::PolicyNewArgs>),
    Schema(schema::PolicySchemaArgs),
    Sign(Box<sign::PolicySignArgs>),
    Test(Box<test::PolicyTestArgs>),
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
