//! The file, or the parts, that a sealed archive is written to.
//!
//! Everything stands under names that end in `.partial` until it is whole and on the disk. What a run left that broke off
//! is compared with what would be written now, entry by entry, and kept as far as it is the same.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waxseal_core::Digest;
use waxseal_core::digest::{Algorithm, Hasher};
use waxseal_core::limits::PACK_PARTS;
use zstd::stream::write::Encoder;

use super::check::pieces;
use super::parts::{self, ListedPart};
use super::{END, Entry, Written};
use crate::archive::frames;
use crate::archive::header;
use crate::archive::medium::{self, Medium};
use crate::archive::writer::standing;
use crate::direct::DirectWriter;
use crate::error::{Error, ErrorKind};
use crate::layout::contents::Pieces;
use crate::transfer::Progress;

/// How the names of files end that are not whole.
const PARTIAL: &str = ".partial";
/// How hard zstd tries: its own default.
const LEVEL: i32 = 3;

/// Where the files of an archive stand.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) target: PathBuf,
    pub(super) split: Option<u64>,
    pub(super) compress: bool,
}

/// The bytes of a tar that is not whole, how many there are, and its frames if it is packed.
type Readable = (Arc<Medium>, u64, Vec<frames::Frame>);

/// An archive that is being written.
#[derive(Debug)]
pub(super) struct Output {
    place: Place,
    /// Parts that are full.
    full: Vec<(u64, Option<Digest>)>,
    current: Option<Current>,
    /// Held against others that write the same archive, on a file beside it.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Current {
    file: Arc<File>,
    writer: DirectWriter<Arc<File>>,
    at: u64,
    hasher: Option<Hasher>,
}

/// Where an entry begins, to go back there.
struct Mark {
    full: usize,
    current: Option<(u64, Option<Hasher>)>,
}

impl Place {
    /// The file of a number, counted from zero, while it is not whole.
    fn partial(&self, number: usize) -> PathBuf {
        parts::beside(&self.whole(number), PARTIAL)
    }

    /// The same when it is whole.
    fn whole(&self, number: usize) -> PathBuf {
        if self.split.is_some() {
            parts::part(&self.target, number.saturating_add(1))
        } else {
            self.target.clone()
        }
    }

    /// What stands there of a run that broke off: the bytes, and how many. Parts behind one that is not full do not count.
    pub(super) fn left(&self) -> Result<Option<(Medium, u64)>, Error> {
        let (mut files, mut length) = (Vec::new(), 0_u64);
        for number in 0..PACK_PARTS {
            let path = self.partial(number);
            if standing(&path)?.is_none() {
                break;
            }
            let (file, size) = File::open(&path)
                .and_then(|file| file.metadata().map(|metadata| (file, metadata.len())))
                .map_err(|error| failed(&path, error))?;
            files.push((file, size));
            length = length.saturating_add(size);
            if self.split != Some(size) {
                break;
            }
        }
        Ok(if files.is_empty() { None } else { Some((Medium::of_parts(files), length)) })
    }

    /// A medium of what is left that can be read as the tar, and the number of bytes of the tar; of a packed one as far
    /// as its frames are whole.
    pub(super) fn readable(&self) -> Result<Option<Readable>, Error> {
        let Some((medium, length)) = self.left()? else { return Ok(None) };
        if !self.compress {
            return Ok(Some((Arc::new(medium), length, Vec::new())));
        }
        let medium = Arc::new(medium);
        let (found, _) =
            frames::list(medium::stored(&medium, 0)).map_err(|error| failed(&self.partial(0), error))?;
        let length = found.last().map_or(0, |frame| frame.start.saturating_add(frame.size));
        let Some(medium) = Arc::into_inner(medium) else { return Ok(None) };
        Ok(Some((Arc::new(medium.compressed(found.clone())), length, found)))
    }
}

impl Output {
    /// Begins to write, or goes on where another run ended: how many entries stand there already, and their bytes.
    pub(super) fn begin(
        place: Place,
        entries: &[Entry],
        progress: &dyn Progress,
    ) -> Result<(Self, usize, u64), Error> {
        standing(&place.target)?;
        let first = place.partial(0);
        standing(&first)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&first)
            .map_err(|error| failed(&first, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} is being written by another run", place.target.display()),
                ));
            }
            // A file system without locks.
            Err(fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(fs::TryLockError::Error(error)) => return Err(failed(&first, error)),
        }
        let (mut kept, mut bytes, mut end) = (0_usize, 0_u64, 0_u64);
        if let Some((medium, length, frames)) = place.readable()? {
            let mut at = 0_u64;
            for entry in entries {
                let whole = entry.whole(&entry.header());
                let next = at.saturating_add(whole);
                let frame = frames.get(kept);
                let there = if place.compress {
                    frame.is_some_and(|frame| frame.start == at && frame.size == whole)
                } else {
                    next <= length
                };
                if !there || !is_same(&medium, entry, at, progress) {
                    break;
                }
                (at, kept, bytes) = (next, kept.saturating_add(1), bytes.saturating_add(entry.size));
                end = if place.compress { frame.map_or(end, |frame| frame.stored_end) } else { next };
            }
        }
        let mut output = Self { place, full: Vec::new(), current: None, _lock: Some(lock) };
        output.go_to(end)?;
        Ok((output, kept, bytes))
    }

    /// Cuts off what stands behind `end` of the stored bytes, and writes on from there.
    fn go_to(&mut self, end: u64) -> Result<(), Error> {
        let mut left = end;
        while let Some(split) = self.place.split.filter(|split| left >= *split) {
            let path = self.place.partial(self.full.len());
            let digest = hash(&path, split)?.finish();
            self.full.push((split, Some(digest)));
            left = left.saturating_sub(split);
        }
        let path = self.place.partial(self.full.len());
        let hasher = match self.place.split {
            Some(_) if left > 0 => Some(hash(&path, left)?),
            Some(_) => Some(Hasher::new(Algorithm::Sha256)),
            None => None,
        };
        self.open(left, hasher)?;
        let mut number = self.full.len().saturating_add(1);
        // Parts of a run that came further, with other bytes.
        while self.place.split.is_some()
            && fs::remove_file(self.place.partial(number)).is_ok()
            && number < PACK_PARTS
        {
            number = number.saturating_add(1);
        }
        Ok(())
    }

    /// Opens the file that comes behind the full parts, and keeps its first `at` bytes.
    fn open(&mut self, at: u64, hasher: Option<Hasher>) -> Result<(), Error> {
        if self.full.len() >= PACK_PARTS {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {PACK_PARTS} parts: split into larger ones"),
            ));
        }
        let path = self.place.partial(self.full.len());
        standing(&path)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(at).map(|()| Arc::new(file)))
            .map_err(|error| failed(&path, error))?;
        let writer = DirectWriter::begin(Arc::clone(&file), at, u64::MAX);
        self.current = Some(Current { file, writer, at, hasher });
        Ok(())
    }

    /// Writes bytes as they are stored, into the next part where one is full.
    fn store(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (split, path) = (self.place.split, self.place.partial(self.full.len()));
            let Some(current) = &mut self.current else {
                self.open(0, split.map(|_| Hasher::new(Algorithm::Sha256)))?;
                continue;
            };
            let room = split.map_or(u64::MAX, |split| split.saturating_sub(current.at));
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(count);
            current.writer.write(now).map_err(|error| failed(&path, error))?;
            current.at = current.at.saturating_add(now.len() as u64);
            if let Some(hasher) = &mut current.hasher {
                hasher.update(now);
            }
            bytes = later;
            if Some(current.at) == split {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Puts the current file on the disk.
    fn close(&mut self) -> Result<(), Error> {
        let Some(Current { file, writer, at, hasher }) = self.current.take() else { return Ok(()) };
        let path = self.place.partial(self.full.len());
        writer.end().and_then(|()| file.sync_all()).map_err(|error| failed(&path, error))?;
        self.full.push((at, hasher.map(Hasher::finish)));
        Ok(())
    }

    /// Writes an entry. Where it breaks off, nothing of it stays, and it can be written again.
    pub(super) fn entry(&mut self, entry: &Entry, content: Source<'_>) -> Result<(), Error> {
        let current = self.current.as_ref().map(|current| (current.at, current.hasher.clone()));
        let mark = Mark { full: self.full.len(), current };
        let header = entry.header();
        let written = if self.place.compress {
            self.packed(entry.whole(&header), |stored| fill(stored, entry, &header, content))
        } else {
            fill(&mut |bytes| self.store(bytes), entry, &header, content)
        };
        if written.is_err() {
            // Its own error would hide the first one; whoever goes on compares everything again.
            let _ = self.back(mark);
        }
        written
    }

    /// One frame around what `write` writes.
    fn packed(
        &mut self,
        size: u64,
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = self.place.target.clone();
        let failed = |error| failed(&path, error);
        let mut trouble = None;
        let mut encoder =
            Encoder::new(Stored { output: self, trouble: &mut trouble }, LEVEL).map_err(failed)?;
        encoder
            .set_pledged_src_size(Some(size))
            .and_then(|()| encoder.include_checksum(true))
            .map_err(failed)?;
        let written = write(&mut |bytes| encoder.write_all(bytes).map_err(failed));
        let finished = written.and_then(|()| encoder.finish().map(|_| ()).map_err(failed));
        match trouble {
            Some(error) => Err(error),
            None => finished,
        }
    }

    fn back(&mut self, mark: Mark) -> Result<(), Error> {
        if let Some(Current { writer, .. }) = self.current.take() {
            let _ = writer.end();
        }
        self.full.truncate(mark.full);
        if let Some((at, hasher)) = mark.current {
            self.open(at, hasher)?;
        }
        Ok(())
    }

    /// Writes the end, and gives everything its name.
    pub(super) fn finish(&mut self) -> Result<Written, Error> {
        if self.place.compress {
            self.packed(END.len() as u64, |stored| stored(&END))?;
        } else {
            self.store(&END)?;
        }
        self.close()?;
        let mut files = Vec::new();
        if self.place.split.is_some() {
            // While there are new and old parts side by side, no list says that they belong together.
            for list in parts::lists(&self.place.target) {
                gone(&list)?;
            }
        }
        for number in 0..self.full.len() {
            let (from, to) = (self.place.partial(number), self.place.whole(number));
            standing(&to)?;
            fs::rename(&from, &to).map_err(|error| failed(&to, error))?;
            files.push(to);
        }
        let stored = self.full.iter().fold(0_u64, |sum, (size, _)| sum.saturating_add(*size));
        if self.place.split.is_some() {
            let listed = self.full.iter().zip(&files).filter_map(|((size, digest), path)| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                Some(ListedPart { name, size: *size, digest: (*digest)? })
            });
            files.extend(parts::write(&self.place.target, listed.collect())?);
            let mut number = self.full.len();
            // Parts of an older archive of the same name.
            while fs::remove_file(self.place.whole(number)).is_ok() && number < PACK_PARTS {
                number = number.saturating_add(1);
            }
        }
        if let Ok(folder) = File::open(parts::folder(&self.place.target)) {
            // Some file systems do not sync directories.
            let _ = folder.sync_all();
        }
        Ok(Written { files, stored, kept: 0 })
    }
}

impl Drop for Output {
    /// What was written whole is there for a run that goes on.
    fn drop(&mut self) {
        if let Some(Current { writer, .. }) = self.current.take() {
            let _ = writer.end();
        }
    }
}

/// Where the content of an entry comes from, while it is written.
pub(super) enum Source<'a> {
    Bytes(&'a [u8]),
    Pieces(&'a mut Pieces),
}

/// Writes header, content and padding of an entry.
fn fill(
    stored: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    entry: &Entry,
    header: &[u8],
    content: Source<'_>,
) -> Result<(), Error> {
    stored(header)?;
    match content {
        Source::Bytes(bytes) => stored(bytes)?,
        Source::Pieces(pieces) => {
            while let Some(piece) = pieces.next()? {
                stored(&piece)?;
            }
        }
    }
    stored(END.get(..header::padding(entry.size)).unwrap_or_default())
}

/// What an encoder writes to.
struct Stored<'a> {
    output: &'a mut Output,
    /// An encoder hands on no other errors than those of the system.
    trouble: &'a mut Option<Error>,
}

impl Write for Stored<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.output.store(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                *self.trouble = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an entry stands whole at a place. What cannot be read is written again.
fn is_same(medium: &Arc<Medium>, entry: &Entry, at: u64, progress: &dyn Progress) -> bool {
    let header = entry.header();
    let mut slice = medium.slice(at, entry.whole(&header));
    let mut found = vec![0; header.len()];
    if slice.read_exact(&mut found).is_err() || found != header {
        return false;
    }
    let mut hasher = Hasher::new(entry.digest.algorithm());
    if pieces(&mut slice, entry.size, |piece| hasher.update(piece)).is_err()
        || hasher.finish() != entry.digest
    {
        return false;
    }
    let mut padding = Vec::new();
    let padded = slice.read_to_end(&mut padding).is_ok() && padding.iter().all(|byte| *byte == 0);
    if padded {
        progress.advance(entry.size);
    }
    padded
}

/// Hashes the first bytes of a file.
fn hash(path: &Path, size: u64) -> Result<Hasher, Error> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    File::open(path)
        .and_then(|mut file| pieces(&mut file, size, |piece| hasher.update(piece)))
        .map_err(|error| failed(path, error))?;
    Ok(hasher)
}

fn gone(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path, error: io::Error) -> Error {
    let context = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("no room is left for {}: what is written stays for a run that goes on", path.display())
        }
        _ => format!("cannot write {}", path.display()),
    };
    Error::new(ErrorKind::Io, context).caused_by(error)
}
