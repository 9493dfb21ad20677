//! Dockerfiles as text: which images a build starts from, copies from and mounts, and edits that leave every other
//! byte as it was.
//!
//! Read as `BuildKit` reads them: parser directives, comments, continued lines, here-documents, arguments before the
//! first `FROM`, names and numbers of stages. What the build would fill in and nobody said is an error, never a guess.
//! This module never looks at an image and never decides.

mod error;
mod instruction;
mod lines;
mod stages;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;

use waxseal_core::{Digest, ImageRef};

pub use error::{DockerfileError, DockerfileErrorKind};

use self::lines::Line;
use crate::mention::{Note, Place};

/// Largest Dockerfile, in bytes (1 MiB).
pub const DOCKERFILE_BYTES: usize = 1 << 20;

/// Most instructions of a Dockerfile.
pub const DOCKERFILE_INSTRUCTIONS: usize = 10_000;

/// Most images of a Dockerfile.
pub const DOCKERFILE_IMAGES: usize = 1_000;

/// Longest name of an image once its arguments are filled in, in bytes.
pub const IMAGE_NAME_BYTES: usize = 4096;

/// A Dockerfile.
#[derive(Debug)]
pub struct Dockerfile {
    text: String,
    lines: Vec<Line>,
    syntax: Option<(String, usize)>,
    escape: char,
}

/// The values of a build's arguments.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BuildArguments {
    /// As `--build-arg` gives them: they win over the defaults of the file. Those of the platforms (`TARGETARCH` and the
    /// like) may be among them.
    pub given: BTreeMap<String, String>,
    /// What the builder sets by the platforms (`TARGETARCH` and the like): a default of the file wins over it.
    pub platform: BTreeMap<String, String>,
    /// What stands in where neither this nor the file has a value.
    pub fallback: BTreeMap<String, String>,
}

/// The images of a build.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DockerfileImages {
    /// The images, in the order of the file.
    pub images: Vec<DockerfileImage>,
    /// What names no image that is judged, and should be known.
    pub notes: Vec<Note>,
    /// Which of the images is the one that the last stage is based on; none if that is `scratch`.
    pub base: Option<usize>,
}

/// An image that a build uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerfileImage {
    /// The name, arguments filled in, not parsed.
    pub name: String,
    /// Where it stands. The file is not known here.
    pub place: Place,
    /// The bytes of the name in the text, as it is written there.
    span: Range<usize>,
}

impl Dockerfile {
    /// Reads a file of at most [`DOCKERFILE_BYTES`] bytes.
    pub fn read(bytes: Vec<u8>) -> Result<Self, DockerfileError> {
        if bytes.len() > DOCKERFILE_BYTES {
            return Err(DockerfileError::new(1, DockerfileErrorKind::TooLarge));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| DockerfileError::new(1, DockerfileErrorKind::NotUtf8))?;
        let lines::Read { lines, syntax, escape } = lines::read(&text)?;
        Ok(Self { text, lines, syntax, escape })
    }

    /// The text, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every image that the build uses.
    pub fn images(&self, arguments: &BuildArguments) -> Result<DockerfileImages, DockerfileError> {
        stages::Build::new(self, arguments).images()
    }

    /// The text with a digest behind each of these names; every other byte is as it was. A name that has a digest already
    /// must not be among them. Names that are made of arguments keep them: `app:${TAG}@sha256:...`.
    pub fn pin<'a>(
        &self,
        arguments: &BuildArguments,
        pins: impl IntoIterator<Item = (&'a DockerfileImage, &'a Digest)>,
    ) -> Result<String, DockerfileError> {
        let mut edits: BTreeMap<usize, (usize, String)> = BTreeMap::new();
        for (image, digest) in pins {
            let line = image.place.line.unwrap_or(1);
            edits.insert(image.span.end, (line, format!("@{digest}")));
        }
        let mut text = String::with_capacity(self.text.len());
        let mut done = 0;
        for (at, (_, more)) in &edits {
            text.push_str(self.text.get(done..*at).unwrap_or_default());
            text.push_str(more);
            done = *at;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        self.says(arguments, &edits, &text)?;
        Ok(text)
    }

    /// Whether an edited text says what was meant: the same images, those with a digest that were to get one.
    fn says(
        &self,
        arguments: &BuildArguments,
        edits: &BTreeMap<usize, (usize, String)>,
        text: &str,
    ) -> Result<(), DockerfileError> {
        let before = self.images(arguments)?.images;
        let after = Self::read(text.as_bytes().to_vec())?.images(arguments)?.images;
        let fits = |before: &DockerfileImage, after: &DockerfileImage| {
            let more = edits.get(&before.span.end).map_or("", |(_, more)| more.as_str());
            after.name == format!("{}{more}", before.name) && after.name.parse::<ImageRef>().is_ok()
        };
        let wrong = before.iter().zip(&after).find(|(before, after)| !fits(before, after));
        let line = wrong.and_then(|(before, _)| before.place.line);
        if wrong.is_some() || before.len() != after.len() {
            return Err(DockerfileError::new(line.unwrap_or(1), DockerfileErrorKind::NotAsMeant));
        }
        Ok(())
    }
}
