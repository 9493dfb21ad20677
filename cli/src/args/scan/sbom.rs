//! `waxseal scan sbom`.

use clap::{Args, ValueEnum};

use crate::args::registry::RegistryArgs;
use crate::xray::{AttestFetchedArgs, XrayArgs};

/// Fetch the bill of materials that JFrog Xray writes of an image, and print it
///
/// The scan is waited for as by `scan fetch`. The export is opened in memory and the one document of the form that was
/// asked for goes to stdout, as it stands there. With --attest it is signed too, as `attest --type cyclonedx` (or
/// `--type spdxjson`) would do it.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanSbomArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Of an index: the image of this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// Form of the document, as JSON
    #[arg(long = "type", value_enum, default_value_t)]
    pub(crate) form: SbomForm,
    /// Have Xray put what it knows of vulnerabilities into it (CycloneDX only)
    #[arg(long)]
    pub(crate) vex: bool,
    /// Have Xray scan the image again
    #[arg(long)]
    pub(crate) rescan: bool,
    #[command(flatten)]
    pub(crate) attesting: AttestFetchedArgs,
    #[command(flatten)]
    pub(crate) xray: XrayArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// The forms of a bill of materials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomForm {
    /// CycloneDX
    #[default]
    Cyclonedx,
    /// SPDX
    Spdx,
}

const AFTER: &str = "\
Examples:
  With the address of the platform and the token in JF_URL and JF_ACCESS_TOKEN:
    waxseal scan sbom registry.example.com/app:1.0 > app.cdx.json
  As SPDX:
    waxseal scan sbom --type spdx registry.example.com/app:1.0 > app.spdx.json
  In one step with its attestation, beside the image:
    waxseal scan sbom --attest --key build.key registry.example.com/app:1.0 > app.cdx.json";
