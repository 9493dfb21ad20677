//! Images that texts name, each with the place where it is named.
//!
//! What is not judged because nothing can be judged there, as a service that is only built, becomes a [`Note`]: it is
//! said, never skipped in silence. This module reads texts; it resolves nothing and decides nothing.

mod document;
mod error;
mod list;
mod place;

use serde::Serialize;
use waxseal_oci::Location;

pub use document::{Document, unused_paths};
pub use error::{DocumentError, DocumentErrorKind};
pub use list::{LIST_BYTES, LIST_IMAGES};
pub use place::{Place, Role, Source};

/// An image and the place where it is named.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mention {
    /// The image. What a manifest, a Compose file or a Dockerfile names is always of a registry: `oci:app` there is an
    /// image of Docker's registry, and no directory.
    pub image: Location,
    /// Where it is named.
    pub place: Place,
}

impl Mention {
    /// An image that is named at this place.
    pub const fn new(image: Location, place: Place) -> Self {
        Self { image, place }
    }
}

/// Something that names no image that could be judged, and that a person should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Note {
    /// The stable code.
    pub code: NoteCode,
    /// Where it stands.
    pub place: Place,
    /// What it is, in a few words. It may come from outside.
    pub message: String,
}

/// What a [`Note`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoteCode {
    /// A service of a Compose file that is built, and names no image.
    BuiltHere,
    /// A service or a container without an image.
    NoImage,
    /// An object of a kind that is not known has something that looks like an image, at a place that no path names.
    UnknownImage,
    /// A document of no known kind that includes other files.
    OtherFiles,
    /// A path that leads to nothing in any document.
    UnusedPath,
    /// A build from nothing (`FROM scratch`).
    Scratch,
    /// The image of a build's own reader (`# syntax=`).
    Syntax,
}
