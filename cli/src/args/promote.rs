//! `waxseal promote`.

use std::path::PathBuf;

use clap::Args;
use waxseal::promote::{Condition, TagGlob, TagTemplate};

use super::Annotation;
use super::policy::PolicyArgs;
use super::record::RecordArgs;
use super::registry::RegistryArgs;
use crate::signer::SignerArgs;

/// Promote images: verify, copy with all platforms and evidence, verify there, and write the tag last
///
/// Only what is verified is promoted: an image that a policy exempts, that rules only warn about or that no rule is for is
/// refused with that reason. The image is copied by its digest, with the signatures, attestations and scans that a key of
/// the policy made, failing scans included; at the destination it is verified again with what is there, and only then the
/// tag is written. A promotion that broke off has moved no tag, and goes on when it is started again.
///
/// Exit codes: 0 promoted, or passed over by a condition on the tag; 1 refused; 3 something could not be read. Of several
/// images the worst decides.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct PromoteArgs {
    /// Image: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "SOURCE", required_unless_present = "from", requires = "destination")]
    pub(crate) source: Option<String>,
    /// Where to: REGISTRY/REPOSITORY[:TAG] or oci:DIR[:TAG]; without a tag it gets the source's
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: Option<String>,
    /// Promote what this file lists: lines of SOURCE DESTINATION, or YAML with from, to, when and tagTemplate (- for stdin)
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["source", "destination", "all_tags", "tags"])]
    pub(crate) from: Option<PathBuf>,
    /// Promote every tag of the source's repository
    #[arg(long, conflicts_with = "tags")]
    pub(crate) all_tags: bool,
    /// Promote the tags of the source's repository that this pattern matches: * stands for any characters
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tags: Option<TagGlob>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Public key, in place of a policy file: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable: any one counts)
    #[arg(long, value_name = "KEY", help_heading = "Policy options")]
    pub(crate) key: Vec<String>,
    /// How many of the keys must have signed
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Policy options")]
    pub(crate) threshold: usize,
    /// Annotation that must have been signed: everything after the first = is the value (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", help_heading = "Policy options")]
    pub(crate) annotations: Vec<Annotation>,
    /// Condition: tag, component or license with equals, starts-with, ends-with, contains, one-of or not-one-of; all, critical,
    /// major, minor, high, medium or low with >=, >, =, !=, <= or < and a number (repeatable: all must hold)
    #[arg(long, value_name = "CONDITION", help_heading = "Policy options")]
    pub(crate) when: Vec<Condition>,
    /// What becomes of an image of which a condition does not hold
    #[arg(long, value_enum, default_value_t, help_heading = "Policy options")]
    pub(crate) unmet: UnmetArg,
    /// Tag at the destination: %n is the source's tag, %Y %m %d %H %M ... parts of the date in UTC
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) tag_template: Option<TagTemplate>,
    /// Which evidence goes along
    #[arg(long, value_enum, default_value_t)]
    pub(crate) evidence: EvidenceArg,
    /// Move the destination's tag if it names this digest; with none, write it if it is not there
    #[arg(long, value_name = "DIGEST|none")]
    pub(crate) expect_current: Option<String>,
    /// Move the destination's tag whatever image it names
    #[arg(short, long, conflicts_with = "expect_current")]
    pub(crate) force: bool,
    /// Sign a verification summary (SLSA VSA) beside the promoted image with this private key: a file, env://VAR, pkcs11:... or -
    #[arg(long, value_name = "KEY", requires = "verifier_id", help_heading = "Key options")]
    pub(crate) vsa_key: Option<String>,
    /// Whose summary that is: a URI that stands for this pipeline
    #[arg(long, value_name = "URI", requires = "vsa_key", help_heading = "Key options")]
    pub(crate) verifier_id: Option<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Look at everything, write nothing, and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// Images that are promoted at the same time
    #[arg(long, value_name = "N")]
    pub(crate) max_workers: Option<u8>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PromoteOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What becomes of an image of which a condition does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum UnmetArg {
    /// A condition on the tag passes it over (exit 0), every other one refuses it (exit 1)
    #[default]
    Auto,
    /// It is passed over (exit 0); what nobody has scanned is refused all the same
    Skip,
    /// It is refused (exit 1)
    Refuse,
}

/// Which evidence goes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EvidenceArg {
    /// What a key of the policy signed, whatever it says
    #[default]
    Verified,
    /// Everything that hangs on the image, as `copy` takes it along
    All,
}

/// What `promote` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PromoteOutput {
    /// The images at the destination, by their digests
    #[default]
    Text,
    /// One JSON document an image, schema waxseal/promotion/v1
    Json,
}

const AFTER: &str = "\
Examples:
  From development to test, if a key signed it and the newest scan found nothing critical:
    waxseal promote --key release.pub --when 'critical = 0' $FROM registry.example.com/qa/app
  By the rules of a policy file, with a signed summary of the decision:
    waxseal promote --policy p.yaml --vsa-key ci.key --verifier-id https://ci.example.com $FROM $TO
  Every release of a repository, each under its tag and the day:
    waxseal promote --key release.pub --tags 'v*' --tag-template '%n-%Y%m%d' $REPOSITORY $ARCHIVE
  Move a tag that names the image that one expects:
    waxseal promote --key release.pub --expect-current sha256:... $FROM $ARCHIVE:current
  What would be done of a list, and what stands in the way:
    waxseal promote --key release.pub --dry-run -o json --from release.txt

A tag at the destination that names another image is not moved without --expect-current or --force. Conditions are held
against statements that a key of the policy signed: against the newest scan of each scanner, and against every SBOM; of an
index, against those of each of its images. See docs/promotion.md.";
