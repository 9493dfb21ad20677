//! `waxseal verify`.

use std::path::PathBuf;

use clap::Args;

use super::registry::RegistryArgs;
use super::{Annotation, FormatArg};

/// Verify images: admitted, refused or undecided, with the reason
///
/// Looks in every place that signatures stand in, in both formats. Nobody is asked but the image's registry, that of
/// --signature-repository, the host of an https:// key, and where a registry sends its readers: to its token service,
/// and to where its bytes are stored.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct VerifyArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Public key: a file, env://VAR, https://... or - for stdin (repeatable: any one counts)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    /// How many of the keys must have signed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Key options")]
    pub(crate) threshold: usize,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// Annotation that must have been signed: everything after the first = is the value (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) annotations: Vec<Annotation>,
    /// Name under which the image must have been signed: any, same, or a pattern as registry/repo/** (repeatable)
    #[arg(long, value_name = "any|same|PATTERN")]
    pub(crate) signed_for: Vec<String>,
    /// Only signatures of this format count
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Judge the image for this platform; a signature on the index covers it
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with = "all_platforms")]
    pub(crate) platform: Option<String>,
    /// Judge the index and every image in it
    #[arg(long)]
    pub(crate) all_platforms: bool,
    /// The images are directories of OCI layouts
    #[arg(long)]
    pub(crate) local_image: bool,
    /// Repository that an image in a layout or an archive goes by (for --signed-for same)
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<VerifyOutput>,
    /// Write the verdicts to this file, one JSON document a line, whatever is printed; the file stands there when
    /// the command has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) verdict_file: Option<PathBuf>,
    /// Images that are verified at the same time
    #[arg(long, value_name = "N")]
    pub(crate) max_workers: Option<u8>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What `verify` prints on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum VerifyOutput {
    /// The verdict in words
    Text,
    /// cosign's JSON: for each admitted image the signatures that counted
    Json,
    /// waxseal's JSON, schema waxseal/verdict/v1, one verdict a line, refusals too
    Verdict,
}

const AFTER: &str = "\
Examples:
  Verify by tag; the digest that was judged is printed:
    waxseal verify --key release.pub registry.example.com/app:1.0
  Two of three keys must have signed, for the release stage:
    waxseal verify --key a.pub --key b.pub --key c.pub --threshold 2 -a stage=release registry.example.com/app:1.0
  Every platform's image, with a verdict for machines:
    waxseal verify --key release.pub --all-platforms -o verdict registry.example.com/app:1.0
  Without a registry:
    waxseal verify --key release.pub oci:transfer/app";
