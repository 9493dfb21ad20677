//! `waxseal scan fetch`.

use clap::Args;

use crate::args::registry::RegistryArgs;
use crate::xray::{AttestFetchedArgs, XrayArgs};

/// Fetch what JFrog Xray found in an image, wait for the scan if it is not over, and print the report
///
/// The name is resolved to a digest, and Xray is asked about that digest: a summary of other bytes is refused, and so is
/// a tag that moves while Xray is asked (exit code 1). Xray is asked to scan what it has not scanned. The report goes to
/// stdout, as one JSON document of the schema waxseal/xray-report/v1 that holds every answer as it came; what is done is
/// told on stderr. With --attest the scan is attested too, as waxseal's own predicate (urn:waxseal:predicate:scan:v1).
///
/// Exit code 3 if there is no result: not scanned, not over in time, partial, failed, not supported, not readable.
/// None of these is a clean one, and nothing is printed then.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanFetchArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Of an index: the image of this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Have Xray scan the image again
    #[arg(long)]
    pub(crate) rescan: bool,
    /// Leave the violations of watches out
    #[arg(long)]
    pub(crate) skip_violations: bool,
    /// Print the report of a scan that is partial or failed, too; it says so
    #[arg(long)]
    pub(crate) allow_incomplete: bool,
    #[command(flatten)]
    pub(crate) attesting: AttestFetchedArgs,
    #[command(flatten)]
    pub(crate) xray: XrayArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

const AFTER: &str = "\
Examples:
  With the address of the platform and the token in JF_URL and JF_ACCESS_TOKEN:
    waxseal scan fetch --output-file report.json registry.example.com/app:1.0
  With an address and a file with the token:
    waxseal scan fetch --xray https://acme.jfrog.io --token-file token registry.example.com/app:1.0
  A new scan, waited for at most half an hour, without the violations of watches:
    waxseal scan fetch --rescan --wait 30m --skip-violations registry.example.com/app:1.0
  The same in one step with its attestation, beside the image:
    waxseal scan fetch --attest --key scanner.key registry.example.com/app:1.0 > report.json

What the credentials must be allowed to do: read the repository in Artifactory and Xray (read), and start a scan
(Manage Xray Metadata) where the image was not scanned or --rescan is given.";
