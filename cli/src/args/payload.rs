//! `waxseal payload`.

use std::path::PathBuf;

use clap::Args;

use super::registry::RegistryArgs;
use super::{Annotation, FormatArg};

/// Ask for a signature by a key that is elsewhere: a request with what is to be signed
///
/// The first of three steps: `payload` here, `sign-payload` where the key is, `attach response` here again. The request
/// holds the payloads of both formats, of an image's signature or, with --predicate, of an attestation; nothing in it is
/// secret. Keep it: what comes back is held against it.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PayloadArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Write the request to this file (default: stdout)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Annotation to be signed: everything after the first = is the value (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", conflicts_with_all = ["predicate", "statement"])]
    pub(crate) annotations: Vec<Annotation>,
    /// File with the predicate of an attestation, or - for stdin
    #[arg(long, value_name = "FILE|-", conflicts_with = "statement", help_heading = "Attestations")]
    pub(crate) predicate: Option<PathBuf>,
    /// File with a whole in-toto statement, signed byte for byte, or - for stdin
    #[arg(long, value_name = "FILE|-", help_heading = "Attestations")]
    pub(crate) statement: Option<PathBuf>,
    /// Type of the predicate: custom (the default), slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx,
    /// spdxjson, cyclonedx, vuln, openvex, scan, or a URI
    #[arg(long = "type", value_name = "TYPE", help_heading = "Attestations")]
    pub(crate) predicate_type: Option<String>,
    /// Formats that are going to be written
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Of an index: the image for this platform, and not the index itself
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Name to be signed in place of the image's own
    #[arg(long, value_name = "NAME", conflicts_with_all = ["predicate", "statement"])]
    pub(crate) sign_container_identity: Option<String>,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// Fail if the image does not have this digest (the tag has moved)
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// Write the bytes that are signed into this folder too, for other tools: simple-signing.bin, dsse-pae.bin (of an
    /// attestation dsse-pae-legacy.bin, dsse-pae.bin), each with its .sha256
    #[arg(long, value_name = "DIR")]
    pub(crate) raw: Option<PathBuf>,
    /// Print the request as a QR code too, without its summary; it has to fit the terminal
    #[arg(long, requires = "out")]
    pub(crate) qr: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  A request for an image's signature, kept in a file:
    waxseal payload registry.example.com/app:1.0 --expect-digest sha256:... --out req.json
  For an attestation:
    waxseal payload registry.example.com/app --type cyclonedx --predicate sbom.json --out req.json
  The bytes to be signed as files, for openssl or a token:
    waxseal payload registry.example.com/app:1.0 -a stage=release --out req.json --raw to-sign

Where the key is, with waxseal:
    waxseal sign-payload req.json --key app.key --out resp.json
without it, for each file of --raw (attach response takes what comes out with --signature):
    openssl pkeyutl -sign -rawin -digest sha256 -inkey ec-or-rsa.pem -in dsse-pae.bin -out 1.sig
    openssl pkeyutl -sign -rawin -inkey ed25519.pem -in dsse-pae.bin -out 1.sig
And here again:
    waxseal attach response resp.json registry.example.com/app --key app.pub --request req.json";
