//! `waxseal gate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::documents::DocumentArgs;
use super::policy::PolicyArgs;
use super::record::RecordArgs;
use super::registry::RegistryArgs;
use super::reports::ReportsArgs;
use super::{Annotation, FormatArg};

/// Verify every image of a deployment: of manifests, Compose files, Dockerfiles, lists and names
///
/// Each image gets one verdict, with every place that names it. A name is resolved once and a digest is verified once, however
/// often it is named. The worst outcome decides the exit code: 1 refused, 3 undecided, 0 admitted. No cluster is asked, and
/// nobody but the registries of the images.
///
/// Of Kubernetes manifests every container counts: init and ephemeral ones, image volumes, jobs, objects in lists, and
/// objects of other kinds that hold a pod template. An image that stands elsewhere in an object of an unknown kind is noted,
/// and judged with --image-path. Templates are rendered first: helm template CHART | waxseal gate --key K -f -.
///
/// Of Compose files the images of services count; a service that is only built is noted. A file with variables, include or
/// extends is rendered first: docker compose config | waxseal gate --key K -f -.
///
/// What must hold is said by --key and the flags with it, or by a policy file, which has rules for images by their names.
///
/// With --pin the documents are printed with a digest behind each name, once every image was admitted: what is deployed is
/// then what was judged.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
#[command(group = ArgGroup::new("what").args(["key", "policy"]).required(true))]
#[command(group = ArgGroup::new("with_key").args(WITH_KEY).multiple(true).conflicts_with("policy"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct GateArgs {
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Print the documents with digests, app:1.0@sha256:..., if every image was admitted; the verdicts go to stderr
    #[arg(long)]
    pub(crate) pin: bool,
    /// Write the documents with digests in place
    #[arg(short, long, requires = "pin")]
    pub(crate) in_place: bool,
    /// No image at all is no error
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// What is only noted is an error: an image at an unknown place, a service that is built, a path that leads nowhere
    #[arg(long)]
    pub(crate) strict: bool,
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
    /// Judge the image for this platform; a signature on the index covers it
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with = "all_platforms")]
    pub(crate) platform: Option<String>,
    /// Judge the index and every image in it
    #[arg(long)]
    pub(crate) all_platforms: bool,
    /// Repository that an image in a layout or an archive goes by (for --signed-for same)
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// Write the verdicts to this file, one JSON document a line, whatever is printed; the file stands there when
    /// the command has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) verdict_file: Option<PathBuf>,
    /// Images that are verified at the same time
    #[arg(long, value_name = "N")]
    pub(crate) max_workers: Option<u8>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: GateOutput,
    #[command(flatten)]
    pub(crate) reports: ReportsArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What is printed on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GateOutput {
    /// A table of all images, and what is to be done about those that were not admitted
    #[default]
    Text,
    /// One JSON document, schema waxseal/gate/v1
    Json,
    /// waxseal's JSON, schema waxseal/verdict/v1, one verdict a line, refusals too
    Verdict,
    /// Commands of GitHub's workflows, an annotation for each place; the summary and the outputs of the step too
    Github,
}

/// What says what must hold, and is the policy's where there is one.
const WITH_KEY: [&str; 4] = ["threshold", "annotations", "signed_for", "format"];

const AFTER: &str = "\
Examples:
  What a manifest runs:
    waxseal gate --key release.pub -f app.yaml
  By the rules of a policy file:
    waxseal gate --policy policy.yaml -f app.yaml
  What Helm or Kustomize renders, on its way to the cluster:
    waxseal gate --key release.pub -f - < rendered.yaml
  The same with digests in it, so that nothing else is deployed than what was judged:
    waxseal gate --key release.pub --pin -f app.yaml --output-file pinned.yaml
  A Compose file and a Dockerfile, with every place for machines:
    waxseal gate --key release.pub -f compose.yaml --dockerfile Dockerfile -o json
  Reports for a pipeline, written whatever is decided:
    waxseal gate --key release.pub -f app.yaml --report sarif=gate.sarif --report junit=gate.xml
  Images by name, and as a list:
    waxseal gate --key release.pub registry.example.com/app:1.0
    waxseal gate --key release.pub --images-file images.txt
  A kind of object that is not known:
    waxseal gate --key release.pub -f task.yaml --image-path 'Task:$.spec.steps[*].image'";
