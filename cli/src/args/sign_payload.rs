//! `waxseal sign-payload`.

use std::path::PathBuf;

use clap::Args;

use crate::signer::SignerArgs;

/// Sign a request of `payload`, on the machine where the key is: shows what is signed, and opens no connection
///
/// What is shown is read from the bytes that are signed: digest, repository, type and annotations. The summary in the
/// file is not looked at. A request with hashes in the place of payloads, with types that are not known, or whose payloads
/// disagree is refused (exit code 1). Without --key it is shown and not signed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct SignPayloadArgs {
    /// Request, as `payload` wrote it, or - for stdin
    #[arg(value_name = "REQUEST", required_unless_present = "from_text", conflicts_with = "from_text")]
    pub(crate) request: Option<PathBuf>,
    /// Request as pasted text, broken into lines or not: a file, or - for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) from_text: Option<PathBuf>,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Sign only if it is about this digest
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// Write the response to this file (default: stdout)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) out: Option<PathBuf>,
    /// Print the response as a QR code, in the place of its text; it has to fit the terminal
    #[arg(long, requires = "key")]
    pub(crate) qr: bool,
    /// Write the bytes that are signed into this folder, for other tools, as `payload --raw` does
    #[arg(long, value_name = "DIR")]
    pub(crate) raw: Option<PathBuf>,
}

const AFTER: &str = "\
Examples:
  Look first, then sign:
    waxseal sign-payload req.json
    waxseal sign-payload req.json --key app.key --out resp.json
  Sign nothing but the digest that was told on the phone:
    waxseal sign-payload req.json --key app.key --expect-digest sha256:... --out resp.json";
