//! Why a Dockerfile is not read or not changed.

use super::{DOCKERFILE_BYTES, DOCKERFILE_IMAGES, DOCKERFILE_INSTRUCTIONS, IMAGE_NAME_BYTES};

/// A Dockerfile is not read or not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
#[non_exhaustive]
pub struct DockerfileError {
    /// The line that the instruction begins on, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: DockerfileErrorKind,
}

/// What is wrong with a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DockerfileErrorKind {
    /// The file is larger than any Dockerfile.
    #[error("larger than {DOCKERFILE_BYTES} bytes")]
    TooLarge,
    /// There are more instructions than any Dockerfile has.
    #[error("more than {DOCKERFILE_INSTRUCTIONS} instructions")]
    TooMany,
    /// There are more images than any build uses.
    #[error("more than {DOCKERFILE_IMAGES} images")]
    TooManyImages,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A parser directive says something that is not known, or twice.
    #[error("the parser directive {name} cannot be {value:?}")]
    Directive {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
    },
    /// A here-document has no end.
    #[error("the here-document {name} has no end")]
    HereDocument {
        /// Its name.
        name: String,
    },
    /// Builders differ on whether a here-document begins here, and with it on what the next lines are.
    #[error("{text:?} may begin a here-document or not: {because}")]
    MaybeHereDocument {
        /// The instruction, shortened.
        text: String,
        /// Why it is not clear.
        because: &'static str,
    },
    /// No builder knows this instruction, or not in this place.
    #[error("{name:?} is no instruction here")]
    UnknownInstruction {
        /// What stands in its place, shortened.
        name: String,
    },
    /// A flag, or a key of `--mount`, that is not known or not written plainly.
    #[error("{instruction}: {flag:?} is not read: {because}")]
    Flag {
        /// The instruction.
        instruction: String,
        /// The flag or the key, as it is written, shortened.
        flag: String,
        /// What is wrong with it.
        because: &'static str,
    },
    /// There is no `FROM` before an instruction that needs one, or none at all.
    #[error("no FROM stands before {before}")]
    NoFrom {
        /// The instruction, or the end.
        before: String,
    },
    /// An instruction is written in a way that a build does not take.
    #[error("{instruction}: expected {expected}")]
    Instruction {
        /// The instruction.
        instruction: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The value of an argument is not known.
    #[error("the argument {name} has no value here")]
    Argument {
        /// Its name.
        name: String,
    },
    /// A substitution is not known, or not filled in here.
    #[error("{text:?} is not filled in here")]
    Substitution {
        /// The substitution.
        text: String,
    },
    /// The name of an image is too long once its arguments are filled in.
    #[error("the name of an image is longer than {IMAGE_NAME_BYTES} bytes")]
    NameTooLong,
    /// A number of a stage that is not there.
    #[error("there is no stage {number} before this one")]
    NoStage {
        /// The number.
        number: String,
    },
    /// The edited text does not say what was meant. It is not handed out.
    #[error("the edited text would not say what was meant; nothing was changed")]
    NotAsMeant,
}

/// Longest part of a file that an error shows, in characters.
const SHOWN: usize = 80;

/// A part of a file, shortened for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

impl DockerfileError {
    pub(super) const fn new(line: usize, kind: DockerfileErrorKind) -> Self {
        Self { line, kind }
    }

    /// One thing to try.
    pub const fn hint(&self) -> &'static str {
        match self.kind {
            DockerfileErrorKind::TooLarge
            | DockerfileErrorKind::TooMany
            | DockerfileErrorKind::TooManyImages => "is this a Dockerfile?",
            DockerfileErrorKind::NotUtf8 => "save the file as UTF-8",
            DockerfileErrorKind::Argument { .. } => {
                "give the value that the build gets: --build-arg NAME=VALUE"
            }
            DockerfileErrorKind::MaybeHereDocument { .. } => {
                "write it with balanced quotes, a plain name behind <<, and plain ${NAME}"
            }
            DockerfileErrorKind::Flag { .. } => "write the flag out, without quotes and escapes in its name",
            DockerfileErrorKind::Substitution { .. } | DockerfileErrorKind::NotAsMeant => {
                "write the name of the image out"
            }
            _ => "`docker build --check` says what is wrong with it",
        }
    }
}
