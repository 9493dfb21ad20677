//! What the commands that judge images have in common: whose signatures count, which images, and where verdicts go.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::registry::RegistryArgs;
use super::reports::ReportsArgs;
use super::{Annotation, FormatArg};

/// Keys, images and verdicts.
#[derive(Debug, Args)]
pub(crate) struct JudgingArgs {
    /// Public key: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable: any one counts)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
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
    /// Only this format counts
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Judge the image for this platform; a signature on the index covers it, an attestation only with --inherit
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
    /// Judge as of a past moment, as 2026-10-01T12:00:00Z: validity of keys and ages are held against it, what says a later
    /// time is ignored; a key that was revoked since does not count
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
    /// Write the verdicts to this file, one JSON document a line, whatever is printed; the file stands there when
    /// the command has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) verdict_file: Option<PathBuf>,
    /// Images that are verified at the same time
    #[arg(long, value_name = "N")]
    pub(crate) max_workers: Option<u8>,
    #[command(flatten)]
    pub(crate) reports: ReportsArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// A moment, with the zone that it is said in.
fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "expected a time with its zone, as 2026-10-01T12:00:00Z".to_owned())
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum JudgingOutput {
    /// The verdict in words
    Text,
    /// What cosign prints, of admitted images: a list of signatures in JSON, or envelopes, one a line
    Json,
    /// waxseal's JSON, schema waxseal/verdict/v1, one verdict a line, refusals too
    Verdict,
}
