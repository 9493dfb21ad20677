//! Why a document cannot be read, or not be pinned.

use crate::dockerfile::DockerfileError;
use crate::manifest::ManifestError;

/// A document cannot be read, or not be pinned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {kind}")]
#[non_exhaustive]
pub struct DocumentError {
    /// The file, as it was named.
    pub file: String,
    /// What is wrong.
    pub kind: DocumentErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentErrorKind {
    /// A manifest or a Compose file.
    #[error(transparent)]
    Manifest(ManifestError),
    /// A Dockerfile.
    #[error(transparent)]
    Dockerfile(DockerfileError),
    /// A list is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A list is longer than any list.
    #[error("longer than any list of images")]
    TooLong,
    /// Something stands in the place of an image and is none.
    #[error("line {line}: {name:?} is no name of an image: {why}")]
    Name {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl DocumentError {
    /// The line that it is about, from 1, where there is one.
    pub const fn line(&self) -> Option<usize> {
        match &self.kind {
            DocumentErrorKind::Manifest(error) => error.line(),
            DocumentErrorKind::Dockerfile(error) => Some(error.line),
            DocumentErrorKind::Name { line, .. } => Some(*line),
            DocumentErrorKind::NotUtf8 | DocumentErrorKind::TooLong => None,
        }
    }

    /// One thing to try.
    pub fn hint(&self) -> &'static str {
        match &self.kind {
            DocumentErrorKind::Manifest(error) => error.hint(),
            DocumentErrorKind::Dockerfile(error) => error.hint(),
            DocumentErrorKind::NotUtf8 => "save the file as UTF-8",
            DocumentErrorKind::TooLong => "split the file",
            DocumentErrorKind::Name { name, .. } if name.contains("{{") || name.contains("${") => {
                "templates are rendered first: `helm template`, `kustomize build`"
            }
            DocumentErrorKind::Name { .. } => {
                "write it as registry/repository:tag or registry/repository@sha256:..."
            }
        }
    }
}
