//! `waxseal policy sign`.

use std::path::PathBuf;

use clap::Args;

use crate::signer::SignerArgs;

/// Sign a policy file: its text, and the keys that it names
///
/// Writes the signature into a file beside the policy. Whoever decides with --policy-key then takes this policy and no other,
/// and none with a lower serial than one that was seen. The policy needs a `serial`, which grows with each version.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PolicySignArgs {
    /// Policy file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// File for the signature (default: the policy's name with .sig.json behind it)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  Sign a policy, beside it:
    waxseal policy sign policy.yaml --key team.key
  Decide by it, and by no other:
    waxseal verify --policy policy.yaml --policy-key team.pub registry.example.com/app:1.0
  The same where nothing can be remembered, as in a fresh container:
    waxseal verify --policy policy.yaml --policy-key team.pub --policy-serial-at-least 7 $IMAGE";
