//! `waxseal scan annotate`.

use std::path::PathBuf;

use clap::Args;
use waxseal::manifest::AnnotationName;

use crate::report::ReportArgs;

/// Set a report's score on the workloads that run its image: the annotation jfrog.com/xray-score
///
/// The annotation goes on the object and on its pod template: of a Pod, Deployment, ReplicaSet, StatefulSet, DaemonSet,
/// Job, CronJob, ReplicationController or PodTemplate, in lists and in files with several documents. Every other byte of
/// a manifest stays as it was: comments, order, quotes, anchors, line ends. An older value is replaced; where all have
/// their value nothing is changed. The edited text is read again and compared with what was meant before it is printed.
///
/// A workload runs the image of a report if a container names the digest that the report names, or, where one of them has
/// no digest, the name and tag. Of several images the worst score counts. A report of another digest of the same image
/// is refused (exit code 1), and so is one of an image that nothing runs, or a scan that is not complete (exit code 3).
///
/// The annotation is a hint: whoever may edit the object may edit it. What a gate can rely on is a signed scan.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ScanAnnotateArgs {
    /// Reports, as the scanner wrote them, or - for stdin
    #[arg(required = true, value_name = "REPORT")]
    pub(crate) reports: Vec<PathBuf>,
    /// File with manifests, YAML or JSON, or - for stdin (repeatable)
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE|-")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Write the files in place; without it the manifests go to stdout
    #[arg(short, long)]
    pub(crate) in_place: bool,
    /// Set the score on every workload, whatever it runs
    #[arg(long)]
    pub(crate) all: bool,
    /// Name of the annotation
    #[arg(long, value_name = "NAME", default_value = "jfrog.com/xray-score")]
    pub(crate) annotation_key: AnnotationName,
    /// Image or digest that the report is of, where it does not say so itself
    #[arg(long, value_name = "IMAGE|DIGEST")]
    pub(crate) report_is_for: Option<String>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

const AFTER: &str = "\
Examples:
  What is deployed with the score in it:
    waxseal scan annotate report.json -f app.yaml --output-file scored.yaml
  Several files in place:
    waxseal scan annotate report.json -f app.yaml -f jobs.yaml --in-place
  What Helm or Kustomize renders, on its way to the cluster, every workload:
    waxseal scan annotate report.json --all -f - < app.yaml
  A report that names its image without a registry:
    waxseal scan annotate report.json -f app.yaml --report-is-for registry.example.com/app:1.0";
