//! `waxseal attach`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FormatArg;
use super::registry::RegistryArgs;

/// Attach what was signed elsewhere to an image, after verifying it
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct AttachArgs {
    #[command(subcommand)]
    pub(crate) what: AttachWhat,
}

/// What is attached.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum AttachWhat {
    Signature(Box<AttachSignatureArgs>),
    Attestation(Box<AttachAttestationArgs>),
    Response(Box<AttachResponseArgs>),
    Sbom(Box<AttachSbomArgs>),
}

/// Attach a signature that was made elsewhere: with a token, a KMS, on a machine without a network
///
/// It is verified before it is written: with a key that you name, against the digest that the image's name resolves
/// to. What does not verify is refused (exit code 1) and nothing is written. A signature by the same key, with the
/// same name and annotations, that stands there already is not written again.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct AttachSignatureArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Public key that the signature must verify with: a file, env://VAR, https://... or pkcs11:... (repeatable: any one counts)
    #[expect(clippy::doc_markdown, reason = "help is shown as it is written")]
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    /// Let waxseal's published example keys count, which prove nothing
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// Signature over the payload: a file (base64, or as openssl writes it), - for stdin, or the base64 itself
    #[arg(long, value_name = "FILE|-|BASE64", conflicts_with = "bundle")]
    pub(crate) signature: Option<String>,
    /// Payload, the bytes that were signed; or a bundle, as with --bundle
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub(crate) payload: Option<PathBuf>,
    /// Sigstore bundle, version 0.3, that holds payload and signature
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// What is printed on stdout: nothing, or what was attached as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: AttachOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `attach` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AttachOutput {
    /// Nothing: what was done is told on stderr
    #[default]
    Text,
    /// One JSON document, schema waxseal/attach/v1
    Json,
}

const AFTER: &str = "\
Examples:
  A payload that was signed with openssl:
    openssl dgst -sha256 -sign token.key -out payload.sig payload.json
    waxseal attach signature --key release.pub --payload payload.json --signature payload.sig \\
      registry.example.com/app@sha256:...
  A bundle that another machine made:
    waxseal attach signature --key release.pub --bundle app.sigstore.json registry.example.com/app:1.0";

/// Attach an attestation that was made elsewhere: a DSSE envelope, several of them a line each, or a bundle
///
/// With --key it is verified before it is written, for the digest that the image's name resolves to; what does not
/// verify is refused (exit code 1) and nothing is written. Without --key nobody has verified it, and it is told so; that it
/// says of itself that it is about this image is looked at even then. What stands there already is not written again.
#[derive(Debug, Args)]
#[command(after_long_help = ATTESTATION_AFTER)]
pub(crate) struct AttachAttestationArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// File with the attestation, or - for stdin (repeatable)
    #[arg(long, required = true, value_name = "FILE|-")]
    pub(crate) attestation: Vec<PathBuf>,
    /// Public key that each must verify with: a file, env://VAR, https://... or pkcs11:... (repeatable: any one counts)
    #[expect(clippy::doc_markdown, reason = "help is shown as it is written")]
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    /// Let waxseal's published example keys count, which prove nothing
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// What is printed on stdout: nothing, or what was attached as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: AttachOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const ATTESTATION_AFTER: &str = "\
Examples:
  What another machine signed about an image:
    waxseal attach attestation --key app.pub --attestation app.att registry.example.com/app:1.0
  A bundle too; what stands there already is not written again:
    waxseal attach attestation --attestation app.att --attestation b.json registry.example.com/app";

/// Attach what came back to a request of `payload`: verified with a key that you name, against the request that you kept
///
/// Both formats are written as `sign` and `attest` write them. What does not verify, is of another request or of another
/// image is refused (exit code 1) and nothing is written; what stands there already is not written again. In place of a
/// response it takes bare signatures of the files that `payload --raw` wrote, as openssl, tokens and key services make them:
/// as they are or in base64 or hexadecimal, ECDSA in ASN.1 or as two numbers. Which payload each is of is found out.
#[derive(Debug, Args)]
#[command(after_long_help = RESPONSE_AFTER, allow_missing_positional = true)]
pub(crate) struct AttachResponseArgs {
    /// Response, as `sign-payload` wrote it, or - for stdin
    #[arg(value_name = "RESPONSE", conflicts_with_all = ["from_text", "signature"])]
    pub(crate) response: Option<PathBuf>,
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Request that was sent, as it was kept
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    /// Public key that must have signed: a file, env://VAR or https://...
    #[expect(clippy::doc_markdown, reason = "help is shown as it is written")]
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: String,
    /// Let waxseal's published example keys count, which prove nothing
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// Response as pasted text, broken into lines or not: a file, or - for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) from_text: Option<PathBuf>,
    /// Bare signature of one of the payloads: a file (repeatable: one for each payload)
    #[arg(long, value_name = "FILE|-", conflicts_with = "from_text")]
    pub(crate) signature: Vec<PathBuf>,
    /// Formats that are written, of those that were asked for
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    /// Fail if the image does not have this digest (the tag has moved)
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// Of an index: the image for this platform, as in the request
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// What is printed on stdout: nothing, or what was attached as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: AttachOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const RESPONSE_AFTER: &str = "\
Examples:
  What came back from the machine with the key:
    waxseal attach response resp.json registry.example.com/app --key app.pub --request req.json
  Signatures that openssl made of the files of payload --raw:
    waxseal attach response $IMAGE --key app.pub --request req.json --signature s1 --signature s2
  The text of a QR code, as it was scanned (- for text that is pasted):
    waxseal attach response $IMAGE --key app.pub --request req.json --from-text scanned.txt";

/// Refused, with what to do instead: a list of components is attested, so that somebody vouches for it
///
/// cosign's `attach sbom` writes an unsigned file under a tag that whoever may push can write. Sign it:
/// `waxseal attest --type spdxjson --predicate sbom.json` (or cyclonedx, or spdx for tag-value text).
#[derive(Debug, Args)]
pub(crate) struct AttachSbomArgs {
    /// Image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}
