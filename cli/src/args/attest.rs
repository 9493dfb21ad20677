//! `waxseal attest`, and what it shares with `attest-blob`: what is attested.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::FormatArg;
use super::registry::RegistryArgs;
use crate::signer::SignerArgs;

/// Attest images: sign a statement about them, as an SBOM, a provenance or a scan
///
/// What is signed is the predicate in an in-toto statement that names each image's digest. The JSON of the file goes in
/// byte for byte, numbers untouched. Both formats are written: a layer at the tag sha256-<hex>.att, and a bundle that
/// refers to the image. The same statement by the same key that stands there already is not written again.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_long_help = AFTER)]
pub(crate) struct AttestArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin (repeatable: each key signs)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) claim: ClaimArgs,
    /// Format of the attestation
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Take away what the same key has attested before of the same type (a scan: by the same scanner)
    #[arg(long)]
    pub(crate) replace: bool,
    /// Attest every image of an index too, nested indexes included
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Of an index: attest this platform's image, and not the index itself (repeatable)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with = "recursive")]
    pub(crate) platform: Vec<String>,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// Fail if the image does not have this digest (the tag has moved)
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// What is printed on stdout: nothing, or what was written as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: AttestOutput,
    /// Whether the attestation is written beside the image; with =false it goes to stdout and the file named
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) upload: bool,
    /// Write the bundle to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Accepted and without effect: waxseal never asks before it signs
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What is attested: a predicate, or a whole statement.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClaimArgs {
    /// File with the predicate, or - for stdin
    #[arg(long, value_name = "FILE|-", required_unless_present = "statement")]
    #[arg(conflicts_with = "statement")]
    pub(crate) predicate: Option<PathBuf>,
    /// File with a whole in-toto statement, signed byte for byte, or - for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) statement: Option<PathBuf>,
    /// Type of the predicate: custom (the default), slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx,
    /// spdxjson, cyclonedx, vuln, openvex, scan, or a URI
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) predicate_type: Option<String>,
}

/// What `attest` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AttestOutput {
    /// Nothing: what was done is told on stderr
    #[default]
    Text,
    /// One JSON document, schema waxseal/attest/v1
    Json,
}

const AFTER: &str = "\
Examples:
  An SBOM of what a build pushed:
    waxseal attest --key app.key --type spdxjson --predicate sbom.json registry.example.com/app:1.0
  Tonight's scan, in the place of yesterday's:
    waxseal attest --key app.key --replace --type vuln --predicate s.json registry.example.com/app
  Any text, about one platform's image of an index:
    waxseal attest --key app.key --platform linux/arm64 --predicate a.txt registry.example.com/app
  A statement that another tool made:
    waxseal attest --key app.key --statement build.json registry.example.com/app:1.0

custom takes any text and wraps it as cosign does: {\"Data\": text, \"Timestamp\": now}. spdx takes tag-value text (which cosign
2.6 verifies in the legacy format only, and 3.1 not at all), every other type a JSON object. A URI is compared as it is
written. With --upload=false the envelope is printed, or with --format bundle the bundle.

cosign verifies with `cosign verify-attestation --insecure-ignore-tlog`, for P-384 and P-521 keys signed with
--signing-algorithm ecdsa-sha2-256-nistp384 (or -nistp521). cosign 2.6 wants --trusted-root where there is a bundle: see
sign --help, or write --format legacy.";
