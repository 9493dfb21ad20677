//! Why a manifest is not read or not changed.

use super::{MANIFEST_DEPTH, MANIFEST_DOCUMENTS, MANIFEST_FILE_BYTES, MANIFEST_IMAGES, MANIFEST_NODES};

/// A manifest is not read or not changed. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file is larger than any manifest.
    #[error("larger than {MANIFEST_FILE_BYTES} bytes")]
    TooLarge,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The text is not YAML.
    #[error("line {line}: not YAML: {why}")]
    Syntax {
        /// The line.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// There are more nodes than any manifest has, or aliases make them so many.
    #[error("line {line}: more than {MANIFEST_NODES} nodes, aliases followed")]
    TooMany {
        /// The line where it was one too many.
        line: usize,
    },
    /// There are more documents than any file has.
    #[error("more than {MANIFEST_DOCUMENTS} documents")]
    TooManyDocuments,
    /// There are more images than any file has.
    #[error("line {line}: more than {MANIFEST_IMAGES} images")]
    TooManyImages {
        /// The line where it was one too many.
        line: usize,
    },
    /// Nesting goes too deep.
    #[error("line {line}: nested deeper than {MANIFEST_DEPTH} levels, aliases followed")]
    TooDeep {
        /// The line of the first node too deep.
        line: usize,
    },
    /// Readers do not agree about what is written there.
    #[error("line {line}: {why}")]
    Ambiguous {
        /// The line.
        line: usize,
        /// What could be read in two ways.
        why: String,
    },
    /// Something is not what an object of Kubernetes has there.
    #[error("line {line}: {field} is not {expected}")]
    Shape {
        /// The line.
        line: usize,
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A Compose file names images only together with something else: variables, other files.
    #[error("line {line}: {why}")]
    UnrenderedCompose {
        /// The line.
        line: usize,
        /// What is left open.
        why: String,
    },
    /// It is the source of manifests, and none itself.
    #[error("line {line}: {why}")]
    UnrenderedSource {
        /// The line.
        line: usize,
        /// What it is.
        why: String,
        /// What renders it.
        hint: &'static str,
    },
    /// The place is shared with objects that are not to be changed.
    #[error(
        "line {line}: what stands here is also used elsewhere, by an alias or a merge, where it must not change"
    )]
    Shared {
        /// The line.
        line: usize,
    },
    /// One place is to hold two values.
    #[error(
        "line {line}: two objects share this place and are to have different values, {first:?} and {second:?}"
    )]
    Conflict {
        /// The line.
        line: usize,
        /// One value.
        first: String,
        /// The other.
        second: String,
    },
    /// The text is written in a way that is not edited here.
    #[error("line {line}: {why}")]
    Unusual {
        /// The line.
        line: usize,
        /// What is unusual.
        why: &'static str,
    },
    /// The edited text does not say what was meant. It is not handed out.
    #[error("the edited text would not say what was meant ({why}); nothing was changed")]
    NotAsMeant {
        /// What differs.
        why: String,
    },
}

impl ManifestError {
    /// The line that it is about, where there is one.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { line, .. }
            | Self::TooMany { line }
            | Self::TooManyImages { line }
            | Self::TooDeep { line }
            | Self::Ambiguous { line, .. }
            | Self::Shape { line, .. }
            | Self::UnrenderedCompose { line, .. }
            | Self::UnrenderedSource { line, .. }
            | Self::Shared { line }
            | Self::Conflict { line, .. }
            | Self::Unusual { line, .. } => Some(*line),
            Self::TooLarge | Self::NotUtf8 | Self::TooManyDocuments | Self::NotAsMeant { .. } => None,
        }
    }

    /// One thing to try.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "templates are rendered first: `helm template`, `kustomize build`",
            Self::TooLarge
            | Self::TooMany { .. }
            | Self::TooManyDocuments
            | Self::TooManyImages { .. }
            | Self::TooDeep { .. } => "split the file",
            Self::UnrenderedCompose { .. } => {
                "render it first: `docker compose config` prints the whole of it"
            }
            Self::UnrenderedSource { hint, .. } => hint,
            Self::NotUtf8 => "save the file as UTF-8",
            Self::Shape { .. } => "`kubectl apply --dry-run=server` says what is wrong with it",
            Self::Ambiguous { .. } => "write it so that there is one way to read it",
            Self::Shared { .. } | Self::Conflict { .. } | Self::Unusual { .. } | Self::NotAsMeant { .. } => {
                "write this object out, without anchors, aliases and merges"
            }
        }
    }
}
