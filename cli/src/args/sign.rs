//! `waxseal sign`.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::registry::RegistryArgs;
use super::{Annotation, FormatArg};
use crate::signer::SignerArgs;

/// Sign images: right after the push, with one key or several, in both formats at once
///
/// The digest is what is signed; a tag is resolved once, and the digest is printed. Where a signature by the same key,
/// with the same annotations, stands there already, nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct SignArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required_unless_present = "image_file", value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// File with images that a build has pushed: lines NAME@DIGEST, as Kaniko and jf write them, or the metadata of buildx
    /// (repeatable)
    #[arg(long, value_name = "FILE|-")]
    pub(crate) image_file: Vec<PathBuf>,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin (repeatable: each key signs)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Annotation to be signed: everything after the first = is the value (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) annotations: Vec<Annotation>,
    /// Format of the signature
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Sign every image of an index too, nested indexes included
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Name to be signed in place of the image's own
    #[arg(long, value_name = "NAME")]
    pub(crate) sign_container_identity: Option<String>,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// Fail if the image does not have this digest (the tag has moved)
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// What is printed on stdout: nothing, or what was written as JSON (with --upload=false: what was made)
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: SignOutput,
    /// Whether signatures are written beside the image; with =false they go to the files named, and else to stdout: the
    /// legacy one in base64, the bundle where it is made alone
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) upload: bool,
    /// Write the legacy signature, in base64, to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) output_signature: Option<PathBuf>,
    /// Write the payload of the legacy signature to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) output_payload: Option<PathBuf>,
    /// Write the bundle to this file too
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Accepted and without effect: waxseal never asks before it signs
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `sign` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SignOutput {
    /// Nothing: what was done is told on stderr
    #[default]
    Text,
    /// One JSON document, schema waxseal/sign/v1
    Json,
}

const AFTER: &str = "\
Examples:
  Sign what a build pushed, by its digest:
    waxseal sign --key release.key registry.example.com/app@sha256:...
  Sign what Kaniko, jf or buildx says that it pushed:
    waxseal sign --key release.key --image-file pushed.txt
  Sign a tag, and fail if it has moved since the push:
    waxseal sign --key release.key --expect-digest sha256:... registry.example.com/app:1.0
  Sign an index and each platform's image, with an annotation:
    waxseal sign --key release.key -r -a stage=release registry.example.com/app:1.0
  Sign before the push, in a layout:
    waxseal sign --key release.key --identity registry.example.com/app oci:build/app

Which cosign verifies what (measured with 2.6.4 and 3.1.2, in both formats; all with --key and
--insecure-ignore-tlog):
  P-256, RSA, Ed25519 (pure)  without another flag
  P-384                       --signature-digest-algorithm sha384
  P-521                       --signature-digest-algorithm sha512
With --signing-algorithm ecdsa-sha2-256-nistp384 (or -nistp521) neither needs that flag.
cosign 2.6 wants --trusted-root where there is a bundle, also beside a legacy signature.
A file that trusts nothing will do:
  {\"mediaType\":\"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}
For readers without one write --format legacy. Kyverno: set rekor.ignoreTlog: true.";
