//! What decides about the images of a pack, and about a pack.

use std::path::PathBuf;

use clap::Args;

use crate::args::policy::PolicySignatureArgs;

/// By what images are judged.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ImagePolicyArgs {
    /// Policy file that images must meet (WAXSEAL_POLICY names one too, where --image-key does not stand)
    #[arg(long, value_name = "FILE", conflicts_with = "image_key")]
    pub(crate) policy: Option<PathBuf>,
    /// Public key that images must be signed with, where there is no policy file (repeatable: any one counts)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) image_key: Vec<String>,
    #[command(flatten)]
    pub(crate) signature: PolicySignatureArgs,
}

impl ImagePolicyArgs {
    /// The policy file that was typed, or that the environment names where nothing was.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let named = || std::env::var_os("WAXSEAL_POLICY").filter(|name| !name.is_empty()).map(PathBuf::from);
        self.policy.clone().or_else(|| if self.image_key.is_empty() { named() } else { None })
    }
}

/// What a receiver asks of a pack.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReceivingArgs {
    /// Public key of who signs packs: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable: any one counts)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: ImagePolicyArgs,
    /// Least serial number that is taken
    #[arg(long, value_name = "N", requires = "key")]
    pub(crate) serial_at_least: Option<u64>,
    /// File that keeps the serial numbers of received packs (default: waxseal/packs.json in the user's state directory)
    #[arg(long, value_name = "FILE", env = "WAXSEAL_PACK_STATE")]
    pub(crate) state: Option<PathBuf>,
    /// Keep no serial numbers and compare with none: an older pack is taken too
    #[arg(long, conflicts_with = "state")]
    pub(crate) no_state: bool,
}
