//! `waxseal scan attest`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use waxseal::scan::Also;

use crate::args::FormatArg;
use crate::args::attest::AttestOutput;
use crate::args::registry::RegistryArgs;
use crate::report::ReportArgs;
use crate::signer::SignerArgs;

/// Attest a scanner's report: sign what it says, about the digest of the image
///
/// What is signed is the scan in waxseal's own form, of the type urn:waxseal:predicate:scan:v1: the same for every scanner,
/// with every finding and the digest of the report. It names how far the scan came and when it was finished, so that a policy
/// can ask for a complete and recent one.
///
/// A report of another image is refused (exit code 1). The most specific digest in it decides: one that names the image of
/// a platform is of that image only (--platform), not of the index by which it was pulled. A report that names no digest is
/// refused too (exit code 1) unless --report-is-for says which digest was scanned: a tag may have moved since. It fills a
/// gap, and overrules no digest that the report names. A scan that is not complete is refused (exit code 3); with
/// --allow-incomplete it is signed as what it is, which no policy takes for a clean one by default.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanAttestArgs {
    /// Report, as the scanner wrote it, or - for stdin
    #[arg(value_name = "REPORT")]
    pub(crate) report_file: PathBuf,
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Private key: a file, env://VAR, pkcs11:... or - for stdin (repeatable: each key signs)
    #[arg(long, required = true, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// Digest that was scanned, only where the report does not say it: of the image, its index or its configuration
    #[arg(long, value_name = "DIGEST")]
    pub(crate) report_is_for: Option<String>,
    /// When the scan was finished, where the report does not say: a time as 2026-01-31T12:00:00Z, or now
    #[arg(long, value_name = "TIME|now")]
    pub(crate) finished_on: Option<TimeArg>,
    /// Of when the scanner's database is, where the report does not say
    #[arg(long, value_name = "TIME")]
    pub(crate) database_updated_on: Option<Timestamp>,
    /// Command line of the scanner: options in it that leave findings out make the scan a filtered one
    #[arg(long, value_name = "LINE")]
    pub(crate) scanner_command: Option<String>,
    /// Attest a scan that is not complete, as what it is
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    /// Put the report itself into the predicate, not only its digest
    #[arg(long)]
    pub(crate) embed: bool,
    /// Attest it in this form too (repeatable)
    #[arg(long, value_name = "FORM", value_enum, value_delimiter = ',')]
    pub(crate) also: Vec<AlsoArg>,
    /// Take away what the same key has attested before of the same scanner in the same forms; --also raw takes away nothing
    #[arg(long)]
    pub(crate) replace: bool,
    /// Of an index: attest this platform's image, and not the index itself
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Format of the attestation
    #[arg(long, value_enum, default_value_t, env = "WAXSEAL_FORMAT")]
    pub(crate) format: FormatArg,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// What is printed on stdout: nothing, or what was written as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: AttestOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// A form for other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AlsoArg {
    /// cosign's vuln/v1 with the report in it, for Kyverno and others
    CosignVuln,
    /// in-toto's vulns/v0.2; it wants the date of the scanner's database
    InTotoVulns,
    /// The report as it is: cyclonedx, spdxjson or openvex, else custom
    Raw,
}

impl From<AlsoArg> for Also {
    fn from(also: AlsoArg) -> Self {
        match also {
            AlsoArg::CosignVuln => Self::CosignVuln,
            AlsoArg::InTotoVulns => Self::InTotoVulns,
            AlsoArg::Raw => Self::Raw,
        }
    }
}

/// A time, or the one at which the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeArg {
    Now,
    At(Timestamp),
}

impl std::str::FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        text.parse().map(Self::At).map_err(|_| "expected a time as 2026-01-31T12:00:00Z, or now".to_owned())
    }
}

const AFTER: &str = "\
Examples:
  What waxseal scan fetch has written names the digest and the time:
    waxseal scan attest --key ci.key report.json registry.example.com/app:1.0
  A report of jf, which names neither, right behind the scan of what was pushed:
    waxseal scan attest --key ci.key --finished-on now --report-is-for sha256:... jf.json $IMAGE
  Tonight's scan in the place of yesterday's, in cosign's form too:
    waxseal scan attest --key ci.key --replace --also cosign-vuln report.json $IMAGE";
