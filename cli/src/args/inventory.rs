//! `waxseal inventory`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use waxseal::inventory::RegistryPrefix;
use waxseal_core::Repository;

use super::Age;
use super::policy::PolicyArgs;
use super::registry::RegistryArgs;

/// List images: who signed them, what their scans say, how old those are, and what runs them
///
/// Images come from names, from manifests, from what a cluster says that it runs (of a running container its digest counts,
/// not its name), or from a registry's own listings. Each name is resolved once and each image is looked at once. Signers
/// and scores are those that --key verifies, and no others; without a key what is attached is listed by its own word, and
/// nothing of it is verified. With --policy the keys of the file count, each for what it is asked for, and each image gets the
/// verdict of the file, in the namespaces that it runs in.
///
/// An index without a scan of its own is scanned if each of its images is; the worst score and the oldest scan are shown.
/// What a build leaves in an index beside its images (attestation-manifest) is no image, and what is attached to an image is
/// none either. Exit code 1 for what --fail-on names, 3 if something could not be read.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("whose").args(["key", "policy"]))]
pub(crate) struct InventoryArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// File with objects of Kubernetes, or - for stdin: manifests, or what `kubectl get pods -A -o json` prints (repeatable)
    #[arg(short = 'f', long = "filename", value_name = "FILE|-")]
    pub(crate) files: Vec<PathBuf>,
    /// Everything with a tag that a registry lists, or the part of it below a path (repeatable)
    #[arg(long = "registry", value_name = "HOST[/PATH]")]
    pub(crate) registries: Vec<RegistryPrefix>,
    /// Every tag of a repository: for registries that do not show their catalogue (repeatable)
    #[arg(long, value_name = "HOST/PATH")]
    pub(crate) repository: Vec<Repository>,
    /// Take pods too that have ended
    #[arg(long)]
    pub(crate) ended: bool,
    /// Public key whose signatures and scans count: a file, env://VAR, https://..., pkcs11:... or - for stdin (repeatable)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Let waxseal's published example keys count
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
    /// The oldest that a scan may be to count as one, as 12h or 7d
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_age: Option<Age>,
    /// End with exit code 1 if there is such an image (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) fail_on: Vec<InventoryState>,
    /// List only such images (repeatable: any of them)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) only: Vec<InventoryState>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: InventoryOutput,
    /// Images that are looked at at the same time
    #[arg(long, value_name = "N")]
    pub(crate) max_workers: Option<u8>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What an image can be, for `--fail-on` and `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum InventoryState {
    /// No key has signed it
    Unsigned,
    /// No key says that it was scanned
    Unscanned,
    /// The policy file refuses it
    Refused,
}

/// What `inventory` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum InventoryOutput {
    /// A table
    #[default]
    Text,
    /// One JSON document, schema waxseal/inventory/v1, with every digest that stands in the registries that were listed
    Json,
    /// A table for spreadsheets
    Csv,
    /// One page, a file that needs no other
    Html,
    /// The images by digest, one a line
    Names,
}

const AFTER: &str = "\
Examples:
  What a cluster runs, and who signed it:
    kubectl get pods -A -o json | waxseal inventory --key release.pub -f -
  The images of manifests that nobody has signed, for a loop:
    waxseal inventory --key release.pub -f app.yaml --only unsigned -o names
  What a policy would refuse of what runs:
    waxseal inventory --policy policy.yaml -f pods.json --only refused
  What a registry holds, as a page; exit code 1 if something there was not scanned:
    waxseal inventory --key a.pub --registry registry.example.com/team --fail-on unscanned -o html
  What stands there, for a pack that leaves it out:
    waxseal inventory --registry registry.example.com -o json --output-file inventory.json";
