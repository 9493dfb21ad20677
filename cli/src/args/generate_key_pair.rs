//! `waxseal generate-key-pair`.

use clap::Args;

use super::KeyOutput;
use crate::password::PasswordArgs;

/// Make a key pair: a private key encrypted with a password, and its public key
///
/// The files are cosign's: PREFIX.key (mode 0600) and PREFIX.pub. The password comes from --password-file,
/// --password-fd, WAXSEAL_PASSWORD, COSIGN_PASSWORD, the terminal (twice), or a line on standard input.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct GenerateKeyPairArgs {
    /// Where the files go: PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    pub(crate) output_key_prefix: String,
    /// Kind of the key: ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, rsa-2048, rsa-3072 or rsa-4096
    #[arg(long, value_name = "KIND", default_value = "ecdsa-p256", help_heading = "Key options")]
    pub(crate) algorithm: String,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// Overwrite files that stand there; what they held is lost
    #[arg(short = 'y', long, visible_alias = "yes")]
    pub(crate) overwrite: bool,
    /// What is printed on stdout: nothing, or the public key as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: KeyOutput,
    /// cosign's flag for keys that live elsewhere
    #[arg(long, value_name = "KEY", hide = true)]
    pub(crate) kms: Option<String>,
    /// cosign's word for keys that live elsewhere
    #[arg(value_name = "PLACE", hide = true)]
    pub(crate) place: Option<String>,
}

const AFTER: &str = "\
Examples:
  Make release.key and release.pub, for every verifier that there is:
    waxseal generate-key-pair --output-key-prefix release --password-file password.txt
  An Ed25519 key as cosign.key and cosign.pub, with the public key as JSON:
    waxseal generate-key-pair --algorithm ed25519 --password-file password.txt -o json

Every verifier takes ecdsa-p256. cosign verifies signatures by ecdsa-p384 and ecdsa-p521 only with a flag (see sign
--help). The empty password is a password: whoever has the file then has the key.";
