//! Kubernetes manifests and Compose files as text: which workloads they hold, which images these run, and edits that
//! leave every other byte as it was.
//!
//! A manifest is read by a YAML parser that says where each node stands ([`Manifest::read`]); JSON is read as the YAML
//! that it is. What is to be changed is changed in the text, at those places, so that comments, order, quotes and
//! anchors stay. Then the new text is read again and compared, as data, with what was meant: where the two differ
//! nothing is handed out (`edit`). This module never looks at an image and never decides; whoever gates or pins builds
//! on [`Manifest::workloads`] and [`Manifest::images`].
//!
//! What two readers could take in two ways is refused rather than guessed at: a key twice, a key that a later merge
//! overrides in some readers, a document that begins on the line of its `---` (`kubectl` drops that line), line ends
//! that only YAML 1.1 knows.

mod annotation;
mod annotation_name;
mod compose;
mod data;
mod edit;
mod error;
mod image_path;
mod images;
mod layout;
mod lookup;
mod pin;
mod source;
mod tree;
mod workload;

pub use annotation::AnnotationChange;
pub use annotation_name::{AnnotationName, AnnotationNameError};
pub(crate) use compose::{INCLUDES, is_compose_name};
pub(crate) use data::Value;
pub use error::ManifestError;
pub use image_path::{ImagePath, ImagePathError};
pub use images::{ManifestImage, ManifestImages};
pub use source::Manifest;
pub(crate) use tree::Tree;
pub(crate) use workload::FOREIGN;
pub use workload::{Container, ContainerRole, ForeignWorkload, ImageText, Workload, WorkloadKind};

/// Largest file with manifests, in bytes (16 MiB).
pub const MANIFEST_FILE_BYTES: usize = 16 << 20;

/// Most nodes of a file, counted once for each way that aliases lead to them.
pub const MANIFEST_NODES: usize = 1_000_000;

/// Most documents of a file.
pub const MANIFEST_DOCUMENTS: usize = 10_000;

/// Deepest nesting, aliases followed.
pub const MANIFEST_DEPTH: usize = 128;

/// Most images of a file, counted once for each place that names one.
pub const MANIFEST_IMAGES: usize = 100_000;

/// Longest path to names of images, in bytes.
pub const IMAGE_PATH_BYTES: usize = 1024;

/// Most steps of such a path.
pub const IMAGE_PATH_STEPS: usize = 64;
