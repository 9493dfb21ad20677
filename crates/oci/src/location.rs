//! Image names as people type them, for every place that an image can stand in.
//!
//! `registry/repo:tag@digest`, `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]` and
//! `docker-archive:FILE[:REF]`. Parsing touches neither disk nor network. A name that begins with one of the three
//! words and a colon is a path, never an image of Docker's registry; write `docker.io/library/oci:1` for that.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

use waxseal_core::limits::REFERENCE_BYTES;
use waxseal_core::reference::Tag;
use waxseal_core::{Digest, ImageRef};

use crate::error::{Error, ErrorKind};

const LAYOUT: &str = "oci:";
const ARCHIVE: &str = "oci-archive:";
const DOCKER_ARCHIVE: &str = "docker-archive:";

/// An image, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Location {
    /// In a registry.
    Registry(ImageRef),
    /// In an OCI layout directory.
    Layout {
        /// The directory.
        path: PathBuf,
        /// The image in it.
        which: LocalName,
    },
    /// In an OCI archive: a tar file of a layout.
    Archive {
        /// The file.
        path: PathBuf,
        /// The image in it.
        which: LocalName,
    },
    /// In an archive as `docker save` wrote it before it wrote OCI layouts.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// The image in it, where one is named.
        reference: Option<ImageRef>,
    },
}

/// Which image of a layout or an archive is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocalName {
    /// The only one that there is.
    #[default]
    Only,
    /// The one of this tag.
    Tag(Tag),
    /// The one of this digest.
    Digest(Digest),
}

impl Location {
    /// The tag that was typed or, for a registry, is meant where nothing was typed.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Registry(reference) => reference.tag(),
            Self::Layout { which: LocalName::Tag(tag), .. }
            | Self::Archive { which: LocalName::Tag(tag), .. } => Some(tag),
            Self::Layout { .. } | Self::Archive { .. } => None,
            Self::DockerArchive { reference, .. } => reference.as_ref().and_then(ImageRef::tag),
        }
    }

    /// The tag that was typed; none where one is only meant.
    pub fn typed_tag(&self) -> Option<&Tag> {
        match self {
            Self::Registry(reference) => reference.typed_tag(),
            Self::DockerArchive { reference, .. } => reference.as_ref().and_then(ImageRef::typed_tag),
            Self::Layout { .. } | Self::Archive { .. } => self.tag(),
        }
    }

    /// The digest that was typed.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Registry(reference) => reference.digest(),
            Self::Layout { which: LocalName::Digest(digest), .. }
            | Self::Archive { which: LocalName::Digest(digest), .. } => Some(digest),
            Self::Layout { .. } | Self::Archive { .. } => None,
            Self::DockerArchive { reference, .. } => reference.as_ref().and_then(ImageRef::digest),
        }
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > REFERENCE_BYTES {
            return Err(Error::new(
                ErrorKind::InvalidName,
                format!("an image name is longer than {REFERENCE_BYTES} bytes"),
            ));
        }
        if let Some(rest) = text.strip_prefix(LAYOUT) {
            let (path, which) = local(text, rest)?;
            return Ok(Self::Layout { path, which });
        }
        if let Some(rest) = text.strip_prefix(ARCHIVE) {
            let (path, which) = local(text, rest)?;
            return Ok(Self::Archive { path, which });
        }
        if let Some(rest) = text.strip_prefix(DOCKER_ARCHIVE) {
            let (path, reference) = match rest.split_once(':') {
                Some((path, reference)) => {
                    (path, Some(reference.parse().map_err(|error| invalid(text, error))?))
                }
                None => (rest, None),
            };
            return Ok(Self::DockerArchive { path: checked_path(text, path)?, reference });
        }
        text.parse().map(Self::Registry).map_err(|error| invalid(text, error))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Layout { path, which } => write!(f, "{LAYOUT}{}{which}", path.display()),
            Self::Archive { path, which } => write!(f, "{ARCHIVE}{}{which}", path.display()),
            Self::DockerArchive { path, reference } => {
                write!(f, "{DOCKER_ARCHIVE}{}", path.display())?;
                reference.iter().try_for_each(|reference| write!(f, ":{reference}"))
            }
        }
    }
}

impl fmt::Display for LocalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => Ok(()),
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// Splits `PATH[:TAG|@DIGEST]`. What stands behind the last `@` is a digest if it begins like one; what stands
/// behind the last colon is a tag unless it has a slash, so that a directory's name may have colons.
fn local(text: &str, rest: &str) -> Result<(PathBuf, LocalName), Error> {
    if rest.starts_with("//") {
        return Err(Error::new(
            ErrorKind::InvalidName,
            format!("{text:?} has a scheme: write registry/repository:tag, or oci:DIRECTORY for a layout"),
        ));
    }
    let digest = rest
        .rsplit_once('@')
        .filter(|(_, digest)| digest.starts_with("sha256:") || digest.starts_with("sha512:"));
    let (rest, digest) = match digest {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(|error| invalid(text, error))?)),
        None => (rest, None),
    };
    let (path, tag) = match rest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((path, tag)) => (path, Some(tag.parse().map_err(|error| invalid(text, error))?)),
        None => (rest, None),
    };
    let which = match (tag, digest) {
        (Some(_), Some(_)) => {
            return Err(Error::new(
                ErrorKind::InvalidName,
                format!("{text:?} has a tag and a digest: an image of a layout is named by one of them"),
            ));
        }
        (Some(tag), None) => LocalName::Tag(tag),
        (None, Some(digest)) => LocalName::Digest(digest),
        (None, None) => LocalName::Only,
    };
    Ok((checked_path(text, path)?, which))
}

fn checked_path(text: &str, path: &str) -> Result<PathBuf, Error> {
    if path.is_empty() {
        return Err(Error::new(ErrorKind::InvalidName, format!("{text:?} names no file or directory")));
    }
    if path.contains('\0') {
        return Err(Error::new(ErrorKind::InvalidName, format!("{text:?} has a zero byte")));
    }
    Ok(PathBuf::from(path))
}

fn invalid(text: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidName, format!("{text:?} is no image name")).caused_by(error)
}
