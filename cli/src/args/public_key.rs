//! `waxseal public-key`.

use std::path::PathBuf;

use clap::Args;

use super::KeyOutput;
use crate::password::PasswordArgs;

/// Print the public key that belongs to a key
///
/// A public key is printed too, in the one spelling that its id is made of: PEM, SPKI, points uncompressed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PublicKeyArgs {
    /// Private or public key: a file, env://VAR, https://... (public only), pkcs11:... or - for stdin
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// Write the PEM to this file and not to stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) outfile: Option<PathBuf>,
    /// What is printed on stdout: the PEM, or JSON with the key's kind and id
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: KeyOutput,
}

const AFTER: &str = "\
Examples:
  The public key of a private one:
    waxseal public-key --key release.key --password-file password.txt --outfile release.pub
  The id of a public key, as verdicts and policies name it:
    waxseal public-key --key release.pub -o json
  The public half of a key in a token (docs/keys.md):
    waxseal public-key --key 'pkcs11:object=app?module-name=softhsm2' --outfile app.pub";
