//! `waxseal attest-blob`.

use std::path::PathBuf;

use clap::Args;

use super::attest::ClaimArgs;
use crate::signer::SignerArgs;

/// Attest a file, or what comes in on a pipe: sign a statement about it
///
/// Prints the signed envelope on stdout, unless --bundle or --output-signature takes it. Nothing is uploaded and no
/// transparency log is used.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct AttestBlobArgs {
    /// File to attest, or - for stdin; with --hash only its name is used
    #[arg(value_name = "FILE", required_unless_present = "statement")]
    pub(crate) blob: Option<PathBuf>,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) claim: ClaimArgs,
    /// SHA-256 of the file, in hexadecimal, for one that is not at hand
    #[arg(long, value_name = "HEX", requires = "blob")]
    pub(crate) hash: Option<String>,
    /// Write a Sigstore bundle, version 0.3, to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the envelope to this file and not to stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Write the statement of the envelope, without its signature, to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) output_attestation: Option<PathBuf>,
    /// Write --bundle in the form that cosign had before version 3
    #[arg(long)]
    pub(crate) old_bundle: bool,
    /// Accepted and without effect: waxseal never asks before it signs
    #[arg(short, long)]
    pub(crate) yes: bool,
}

const AFTER: &str = "\
Examples:
  A scan, in a bundle that cosign 3 verifies too:
    waxseal attest-blob --key app.key --type vuln --predicate s.json --bundle app.json app.tar.gz
  Any text; the envelope goes into a file of its own:
    waxseal attest-blob --key app.key --predicate a.txt --output-signature app.att app.tar.gz
  A file that is elsewhere, by its SHA-256:
    waxseal attest-blob --key app.key --predicate a.txt --hash 2c26b46b... app.tar.gz
  A statement that another tool made:
    waxseal attest-blob --key app.key --statement build.json --output-signature build.att";
