//! Sealed archives: tar files of which every byte follows from a list of entries, to travel where nobody can ask back.
//!
//! Whoever writes one says in which order which files stand in it; headers, padding and the end have one form. So a
//! reader that knows the list compares the whole file with it, byte for byte, and no tar that means the same passes:
//! nothing is added, doubled, moved or hidden between the entries (T-61). A sealed archive may be split into parts and
//! may be packed with zstd, each entry by itself. Writing that broke off goes on where it was. Where the list comes from,
//! and who vouches for it, this module must not know.

mod begun;
mod check;
mod images;
mod output;
mod parts;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use waxseal_core::{Descriptor, Digest};

pub use self::begun::begun;
pub use self::images::Images;
use self::parts::Parts;
pub use self::parts::{PARTS_SCHEMA, PARTS_SUFFIX};
pub use self::write::{Options, Written, write};
use super::frames::{self, End, MAGIC};
use super::header::{self, BLOCK};
use super::medium::{self, Medium};
use super::table::{Links, Table};
use super::{Archive, Heads, Tape, View, open_file, small};
use crate::error::{Error, ErrorKind};
use crate::layout::contents::blocking;
use crate::store::Store;
use crate::transfer::Progress;

/// Bytes behind the last entry: two blocks of zeros.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// A file of a sealed archive: its name in the tar, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name, relative to the root of the archive.
    pub path: String,
    /// Bytes that it holds.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

impl Entry {
    /// An entry.
    pub fn new(path: impl Into<String>, size: u64, digest: Digest) -> Self {
        Self { path: path.into(), size, digest }
    }

    /// The bytes in front of the content.
    fn header(&self) -> Vec<u8> {
        header::write(&self.path, self.size)
    }

    /// Bytes that the entry takes, header and padding included.
    fn whole(&self, header: &[u8]) -> u64 {
        let padding = header::padding(self.size) as u64;
        (header.len() as u64).saturating_add(self.size).saturating_add(padding)
    }
}

/// An entry that is to be written, and where its bytes come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct File {
    /// The entry.
    pub entry: Entry,
    /// Its content.
    pub content: Content,
}

/// Where the bytes of an entry come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// They are at hand.
    Bytes(Bytes),
    /// They are a blob of a store.
    Blob {
        /// The store.
        from: Box<Store>,
        /// The blob.
        descriptor: Box<Descriptor>,
    },
}

impl File {
    /// A file of these bytes.
    pub fn of(path: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let entry = Entry::new(path, bytes.len() as u64, Digest::of(&bytes));
        Self { entry, content: Content::Bytes(bytes) }
    }
}

/// A sealed archive that was opened. Its entries were listed, and not compared with anything.
#[derive(Clone, Debug)]
pub struct Sealed {
    medium: Arc<Medium>,
    table: Table,
    /// Bytes of the tar, unpacked.
    length: u64,
    /// Where each frame begins in the tar, if it is packed.
    frames: Option<Vec<(u64, u64)>>,
    parts: Vec<parts::Part>,
    /// What the images are found by. It was read once, and is compared with the list as the bytes in the file are.
    heads: Arc<Heads>,
    archive: Archive,
    shown: String,
}

impl Sealed {
    /// Opens the archive at `path`: a file, the index of its parts, or the name under which it was split.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || Self::open_here(path)).await
    }

    fn open_here(path: PathBuf) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let (medium, stored, parts) = if let Some(found) = Parts::find(&path)? {
            found.open()?
        } else {
            let (file, metadata) = open_file(&path)?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("the archive {shown} is not there"))
            })?;
            (Medium::of(file), metadata.len(), Vec::new())
        };
        let trouble = |error: std::io::Error| {
            Error::new(ErrorKind::Io, format!("cannot read {shown}")).caused_by(error)
        };
        let mut magic = [0; MAGIC.len()];
        let read = medium.stored_at(&mut magic, 0).map_err(trouble)?;
        let (medium, length, frames) = if read == MAGIC.len() && magic == MAGIC {
            let medium = Arc::new(medium);
            let (frames, end) = frames::list(medium::stored(&medium, 0)).map_err(trouble)?;
            match end {
                End::Whole => {}
                End::CutOff => {
                    return Err(Error::new(ErrorKind::InvalidLayout, format!("{shown} is cut off")));
                }
                End::Foreign(why) => {
                    return Err(Error::new(
                        ErrorKind::InvalidLayout,
                        format!("{shown} {why}: unpack it with zstd -d first"),
                    ));
                }
            }
            let length = frames.last().map_or(0, |frame| frame.start.saturating_add(frame.size));
            let starts: Vec<_> = frames.iter().map(|frame| (frame.start, frame.size)).collect();
            let medium = Arc::into_inner(medium).ok_or_else(|| {
                Error::new(ErrorKind::Io, format!("{shown} is read by somebody else at the same time"))
            })?;
            (Arc::new(medium.compressed(frames)), length, Some(starts))
        } else {
            (Arc::new(medium), stored, None)
        };
        let mut cursor = medium.cursor();
        let table = match &frames {
            Some(frames) => Table::read_packed(&mut cursor, frames, length, &shown)?,
            None => Table::read(&mut cursor, length, Links::Refused, &shown)?,
        };
        let heads = Heads::read(&medium, &table, &shown)?;
        let mut view = View::with(Arc::clone(&medium), None, table.clone(), &heads, &shown)?;
        view.sealed = true;
        let archive = Archive::with(Tape::layout(path, view));
        Ok(Self { medium, table, length, frames, parts, heads: Arc::new(heads), archive, shown })
    }

    /// The images in it, to be read.
    pub fn store(&self) -> Store {
        Store::Archive(self.archive.clone())
    }

    /// How a person named it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Bytes of the tar, unpacked.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The names of the entries, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.table.files().map(|(path, _)| path)
    }

    /// The bytes of an entry of at most `limit` bytes, compared with nothing; none if there is no such entry.
    pub async fn read(&self, path: &str, limit: u64) -> Result<Option<Bytes>, Error> {
        let (medium, span, shown) = (Arc::clone(&self.medium), self.table.span(path), self.shown.clone());
        blocking(move || Ok(small(&medium, span, limit, &shown)?.map(Bytes::from))).await
    }

    /// Compares the whole archive with a list of its entries, byte for byte. What differs is an error of the kind
    /// `InvalidLayout` or `DigestMismatch` that names the first entry found to differ.
    pub async fn check(&self, entries: Vec<Entry>, progress: Arc<dyn Progress>) -> Result<(), Error> {
        let sealed = self.clone();
        blocking(move || check::check(&sealed, &entries, progress.as_ref())).await
    }
}
