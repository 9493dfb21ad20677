//! `waxseal verify`.

use clap::{ArgGroup, Args};

use super::judging::{JudgingArgs, JudgingOutput};
use super::policy::PolicyArgs;
use super::record::RecordArgs;

/// Verify images: admitted, refused or undecided, with the reason
///
/// Looks in every place that signatures stand in, in both formats. Nobody is asked but the image's registry, that of
/// --signature-repository, the host of an https:// key, and where a registry sends its readers: to its token service,
/// and to where its bytes are stored.
///
/// What must hold is said by --key and the flags with it, or by a policy file, which has rules for images by their names.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("what").args(["key", "policy"]).required(true))]
#[command(group = ArgGroup::new("with_key").args(WITH_KEY).multiple(true).conflicts_with("policy"))]
pub(crate) struct VerifyArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// With --policy: the namespace that the image is to run in
    #[arg(long, value_name = "NAMESPACE", help_heading = "Policy options")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// What is printed on stdout (default: text on a terminal, json elsewhere)
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<JudgingOutput>,
}

/// What says what must hold, and is the policy's where there is one.
const WITH_KEY: [&str; 4] = ["threshold", "annotations", "signed_for", "format"];

const AFTER: &str = "\
Examples:
  Verify by tag; the digest that was judged is printed:
    waxseal verify --key release.pub registry.example.com/app:1.0
  Two of three keys must have signed, for the release stage:
    waxseal verify --key a.pub --key b.pub --key c.pub --threshold 2 -a stage=release registry.example.com/app:1.0
  Every platform's image, with a verdict for machines:
    waxseal verify --key release.pub --all-platforms -o verdict registry.example.com/app:1.0
  As of the day of a release (a key that was revoked since does not count):
    waxseal verify --key release.pub --at 2026-10-01T12:00:00Z registry.example.com/app:1.0
  By the rules of a policy file, whatever the image is called:
    waxseal verify --policy policy.yaml registry.example.com/app:1.0
  Without a registry:
    waxseal verify --key release.pub oci:transfer/app";
