//! `waxseal verify-blob-attestation`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::MaxAge;

/// Verify attestations of a file, or of what comes in on a pipe
///
/// Says `Verified OK` on stderr as cosign does, and exits 0; a refusal names its reason and exits 1. The type is compared
/// in what was signed.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("evidence").required(true).multiple(true).args(["signature", "bundle"]))]
pub(crate) struct VerifyBlobAttestationArgs {
    /// File that is attested, - for stdin, or sha256:HEX where no such file stands: you vouch for the digest
    #[arg(value_name = "FILE", required_unless_present = "digest", conflicts_with = "digest")]
    pub(crate) blob: Option<String>,
    /// Public key: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable: any one counts)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    /// How many of the keys must have signed one and the same statement
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Key options")]
    pub(crate) threshold: usize,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// Type: custom, slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, scan,
    /// or a URI (repeatable: one of them is enough)
    #[arg(long = "type", value_name = "TYPE", default_value = "custom")]
    pub(crate) types: Vec<String>,
    /// The oldest that the statement may be, by the time signed in it, as 12h, 7d or unlimited
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_age: Option<MaxAge>,
    /// Condition in CEL that must be true of the statement, over predicate, predicateType, subject and annotations (repeatable:
    /// each)
    #[arg(long = "where", value_name = "EXPRESSION")]
    pub(crate) conditions: Vec<String>,
    /// File with a DSSE envelope, in JSON or in base64 (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Vec<PathBuf>,
    /// File with a Sigstore bundle, or with cosign's older bundle (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Vec<PathBuf>,
    /// Digest of the file, in place of it: HEX or sha256:HEX; you vouch for it
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<String>,
    /// Algorithm of --digest where that is HEX alone
    #[arg(long = "digestAlg", value_name = "ALGORITHM", requires = "digest", default_value = "sha256")]
    pub(crate) digest_algorithm: String,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<BlobAttestationOutput>,
}

/// What `verify-blob-attestation` prints on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BlobAttestationOutput {
    /// The verdict in words
    Text,
    /// Nothing, as cosign: the verdict stands on stderr
    Json,
    /// The envelopes that counted, one a line
    Envelope,
    /// waxseal's JSON, schema waxseal/verdict/v1, refusals too
    Verdict,
}

const AFTER: &str = "\
Examples:
  A scan, in a bundle:
    waxseal verify-blob-attestation --key release.pub --type vuln --bundle app.json app.tar.gz
  An envelope in a file of its own:
    waxseal verify-blob-attestation --key release.pub --signature app.att app.tar.gz
  By digest, where the file is elsewhere, and what was attested:
    waxseal verify-blob-attestation --key a.pub --signature app.att --digest 2c26b46b... -o envelope";
