//! What a store hands out, and the four outcomes of looking for it.

use bytes::Bytes;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};

use crate::error::Error;

/// The outcome of a look (rule L2). The four are never mixed up: what is absent is known not to be there, what
/// is unreadable might be anything.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub enum Look<T> {
    /// It is there.
    Found(T),
    /// It is known not to be there.
    Absent,
    /// The store has no such endpoint, so another place has to be asked.
    Unsupported,
    /// It could not be read: nothing is known.
    Unreadable(Error),
}

impl<T> Look<T> {
    /// The object, or an error of the kind `NotFound`, `Unsupported` or what made it unreadable.
    pub fn required(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        match self {
            Self::Found(found) => Ok(found),
            Self::Absent => Err(Error::new(crate::ErrorKind::NotFound, format!("{} is not there", what()))),
            Self::Unsupported => {
                Err(Error::new(crate::ErrorKind::Unsupported, format!("{} cannot be read here", what())))
            }
            Self::Unreadable(error) => Err(error),
        }
    }

    /// The same outcome with another object.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Self::Found(found) => Look::Found(change(found)),
            Self::Absent => Look::Absent,
            Self::Unsupported => Look::Unsupported,
            Self::Unreadable(error) => Look::Unreadable(error),
        }
    }
}

/// How a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Which {
    /// By tag: the store says which manifest that is, and its bytes say which digest.
    Tag(Tag),
    /// By digest: other bytes are an error.
    Digest(Digest),
}

impl From<Digest> for Which {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl From<Tag> for Which {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl core::fmt::Display for Which {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A manifest as it was read: its bytes, hashed, and the media type that the store or the body gives it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// Media type, digest and size of the bytes. The digest was computed, not believed.
    pub descriptor: Descriptor,
    /// The bytes.
    pub bytes: Bytes,
    /// What a registry calls this state of the tag, for a write that is to fail if it has changed (`If-Match`).
    pub(crate) etag: Option<EntityTag>,
}

/// A strong entity tag, as a registry gave it (RFC 9110, section 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(pub(crate) Bytes);

impl Fetched {
    /// Hashes `bytes` by SHA-256, and keeps both together.
    pub fn of(media_type: impl Into<String>, bytes: Bytes) -> Self {
        Self { descriptor: Descriptor::of(media_type, &bytes), bytes, etag: None }
    }

    /// Bytes that were hashed a moment ago, with the digest that came of it.
    pub(crate) fn hashed(media_type: impl Into<String>, digest: Digest, bytes: Bytes) -> Self {
        let descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
        Self { descriptor, bytes, etag: None }
    }
}

/// What refers to an image.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Referrers {
    /// The descriptors, each digest once, in the order of the listing.
    pub descriptors: Vec<Descriptor>,
    /// Where the listing came from.
    pub source: ReferrersSource,
}

impl Referrers {
    /// A listing.
    pub fn new(descriptors: Vec<Descriptor>, source: ReferrersSource) -> Self {
        Self { descriptors, source }
    }
}

/// Where a listing of referrers came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferrersSource {
    /// The referrers API of a registry.
    #[default]
    Api,
    /// The index at the fallback tag `sha256-<hex>` (distribution specification, "Referrers Tag Schema").
    FallbackTag,
    /// The objects of a layout or an archive.
    Layout,
}
