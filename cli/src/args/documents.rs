//! Documents that name images, as the command line names them.

use std::path::PathBuf;

use clap::Args;
use waxseal::manifest::ImagePath;

/// Manifests, Compose files, Dockerfiles and lists.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Document options")]
pub(crate) struct DocumentArgs {
    /// Kubernetes manifests or a Compose file, YAML or JSON; a directory of them, or - for stdin (repeatable)
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Read the directories in directories too
    #[arg(short = 'R', long, requires = "manifests")]
    pub(crate) recursive: bool,
    /// Where objects of unknown kinds name images, as $.spec.images[*].ref or Task:$.spec.steps[*].image (repeatable)
    #[arg(long, value_name = "[KIND:]PATH", requires = "manifests")]
    pub(crate) image_path: Vec<ImagePath>,
    /// Namespace of images by name, and of objects that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Dockerfile, or - for stdin: what its stages are based on, copy from and mount (repeatable)
    #[arg(long, value_name = "FILE|-")]
    pub(crate) dockerfile: Vec<PathBuf>,
    /// Argument of the build; without a value that of the variable with this name (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", requires = "dockerfile")]
    pub(crate) build_arg: Vec<String>,
    /// Of a Dockerfile only the image that the last stage is based on
    #[arg(long, requires = "dockerfile")]
    pub(crate) base_image_only: bool,
    /// List of images, one a line, or - for stdin (repeatable)
    #[arg(long, value_name = "FILE|-")]
    pub(crate) images_file: Vec<PathBuf>,
}
