//! `waxseal sign-blob`.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::signer::SignerArgs;

/// Sign files, or what comes in on a pipe
///
/// Prints the signature in base64 on stdout, one line a file, unless --output-signature takes it. Nothing is uploaded
/// and no transparency log is used. What an image signature would be over is refused: sign images with `waxseal sign`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct SignBlobArgs {
    /// Files to sign, or - for stdin
    #[arg(required = true, value_name = "FILE")]
    pub(crate) blobs: Vec<PathBuf>,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Write a Sigstore bundle, version 0.3, to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the signature to this file and not to stdout (--output is cosign's older name)
    #[arg(long, value_name = "FILE", alias = "output")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Whether the signature is written in base64, or as its bytes
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) b64: bool,
    /// Write --bundle in the form that cosign had before version 3
    #[arg(long)]
    pub(crate) old_bundle: bool,
    /// Accepted and without effect: waxseal never asks before it signs
    #[arg(short, long)]
    pub(crate) yes: bool,
}

const AFTER: &str = "\
Examples:
  A signature in a file of its own:
    waxseal sign-blob --key release.key --output-signature app.tar.gz.sig app.tar.gz
  A bundle, which cosign 3 verifies too:
    waxseal sign-blob --key release.key --bundle app.tar.gz.sigstore.json app.tar.gz
  Several files, a line each:
    waxseal sign-blob --key release.key app.tar.gz notes.txt
  With a key that stays in its token (docs/keys.md); the PIN is in a file:
    waxseal sign-blob --key 'pkcs11:object=app?module-name=softhsm2&pin-source=pin.txt' app.tar.gz

cosign 3.1 verifies P-256, RSA and pure Ed25519 signatures as they stand. For P-384 and P-521 sign with
--signing-algorithm ecdsa-sha2-256-nistp384 (or -nistp521). Pure Ed25519 reads a file twice, so that of a pipe at most
64 MiB are signed: name the file, or use --signing-algorithm ed25519-ph.";
