//! `waxseal verify-attestation`.

use clap::{ArgGroup, Args};

use super::MaxAge;
use super::judging::{JudgingArgs, JudgingOutput};
use super::scan_rules::ScanRuleArgs;

/// Verify attestations of images: a type, a key, and about exactly the image that is judged
///
/// Looks at the tag sha256-<hex>.att and at the bundles that refer to the image. The type is compared in what was
/// signed. Of a scan, a VEX document or a verification summary the newest of each scanner counts, by the time that was
/// signed in it, and it alone; of every other type any one is enough. The scan options say what a scan must say, and ask for
/// --max-age too; with them, "scan" is every form of one (vuln and in-toto's too); without any, a scan counts whatever it found. On stdout stand the envelopes that counted, one a
/// line, the same claim once.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("what").args(["key"]).required(true).multiple(true))]
pub(crate) struct VerifyAttestationArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
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
    /// With --platform or --all-platforms: an attestation about the index counts for its images too
    #[arg(long)]
    pub(crate) inherit: bool,
    #[command(flatten)]
    pub(crate) scan: ScanRuleArgs,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<JudgingOutput>,
}

const AFTER: &str = "\
Examples:
  That there is an SBOM, signed by the release key:
    waxseal verify-attestation --key release.pub --type cyclonedx registry.example.com/app:1.0
  What it says (in the payload, in base64):
    waxseal verify-attestation --key a.pub --type cyclonedx registry.example.com/app | jq .payload
  The newest scan of the image, not older than a week:
    waxseal verify-attestation --key a.pub --type vuln --max-age 7d registry.example.com/app
  A scan of the whole image in which nothing is worse than High:
    waxseal verify-attestation --key a.pub --type scan --max-age 7d --max-severity High $IMAGE
  An in-toto link of the step that is meant, by what it says, in CEL (docs/conditions.md):
    waxseal verify-attestation --key a.pub --type link --where 'predicate.name == \"build\"' $IMAGE
  One platform's image, by what is attested about the index that lists it:
    waxseal verify-attestation --key a.pub --inherit --platform linux/arm64 registry.example.com/app";
