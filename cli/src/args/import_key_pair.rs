//! `waxseal import-key-pair`.

use clap::Args;

use super::KeyOutput;
use crate::password::{ImportPasswordArgs, PasswordArgs};

/// Import a private key from elsewhere: it is encrypted with a new password
///
/// Read are PKCS#8, encrypted or not, EC (SEC 1) and RSA (PKCS#1) keys in PEM, and cosign's own files. The file that is
/// read has a password of its own: --import-password-file, WAXSEAL_IMPORT_PASSWORD, the terminal, or a line on standard
/// input before that of the new password.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ImportKeyPairArgs {
    /// Private key to import: a file, env://VAR or - for stdin
    #[arg(short, long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) import_password: ImportPasswordArgs,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// Where the files go: PREFIX.key and PREFIX.pub
    #[arg(short, long, value_name = "PREFIX", default_value = "import-cosign")]
    pub(crate) output_key_prefix: String,
    /// Overwrite files that stand there; what they held is lost
    #[arg(short = 'y', long, visible_alias = "yes")]
    pub(crate) overwrite: bool,
    /// What is printed on stdout: nothing, or the public key as JSON
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: KeyOutput,
}

const AFTER: &str = "\
Examples:
  A key made with OpenSSL:
    waxseal import-key-pair --key openssl.pem --output-key-prefix release --password-file new.txt
  One that OpenSSL has encrypted:
    waxseal import-key-pair --key old.pem --import-password-file old.txt --password-file new.txt";
