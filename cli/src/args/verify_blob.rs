//! `waxseal verify-blob`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Verify a file, or what comes in on a pipe
///
/// Says `Verified OK` on stderr as cosign does, and exits 0; a refusal names its reason and exits 1.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("evidence").required(true).args(["signature", "bundle"]))]
pub(crate) struct VerifyBlobArgs {
    /// File to verify, - for stdin, or sha256:HEX where no such file stands: you vouch for the digest
    #[arg(value_name = "FILE")]
    pub(crate) blob: String,
    /// Public key: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable: any one counts)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    /// How many of the keys must have signed: a file holds one signature, so that only 1 can be met
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    pub(crate) threshold: usize,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// File with the signature, in base64 or as its bytes; or the base64 itself where no such file stands
    #[arg(long, value_name = "FILE|BASE64")]
    pub(crate) signature: Option<String>,
    /// File with a Sigstore bundle, or with cosign's older bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<BlobOutput>,
}

/// What `verify-blob` prints on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BlobOutput {
    /// The verdict in words
    Text,
    /// Nothing, as cosign: the verdict stands on stderr
    Json,
    /// waxseal's JSON, schema waxseal/verdict/v1, refusals too
    Verdict,
}

const AFTER: &str = "\
Examples:
  By a signature in a file of its own:
    waxseal verify-blob --key release.pub --signature app.tar.gz.sig app.tar.gz
  By a bundle, with a verdict for machines:
    waxseal verify-blob --key release.pub --bundle app.tar.gz.sigstore.json -o verdict app.tar.gz
  By digest, where the file is elsewhere:
    waxseal verify-blob --key release.pub --bundle app.tar.gz.sigstore.json sha256:...";
