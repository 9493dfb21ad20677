//! Compares an archive with the list of its entries.
//!
//! First names and their order, so that what was added or left out is named; then every byte: headers as they would be
//! written, content by its digest, padding and the end by their zeros. Several threads read at once, each an entry.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use waxseal_core::Digest;
use waxseal_core::digest::Hasher;

use super::super::medium::Slice;
use super::{END, Entry, Sealed};
use crate::error::{Error, ErrorKind};
use crate::transfer::Progress;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 << 10;
/// Most threads that read.
const THREADS: usize = 4;

/// Something that is hashed: an entry at its place, or a part as it is stored.
enum Work<'a> {
    Entry { entry: &'a Entry, start: u64 },
    Part(&'a super::parts::Part),
}

pub(super) fn check(sealed: &Sealed, entries: &[Entry], progress: &dyn Progress) -> Result<(), Error> {
    names(sealed, entries)?;
    heads(sealed, entries)?;
    let mut work: Vec<Work<'_>> = sealed.parts.iter().map(Work::Part).collect();
    let mut at = 0_u64;
    let mut frames = sealed.frames.iter().flatten();
    for entry in entries {
        let whole = entry.whole(&entry.header());
        if sealed.frames.is_some() && frames.next() != Some(&(at, whole)) {
            return Err(invalid(sealed, format!("has {} not in a frame of its own", entry.path)));
        }
        work.push(Work::Entry { entry, start: at });
        at = at.saturating_add(whole);
    }
    let length = at.saturating_add(END.len() as u64);
    if sealed.length != length {
        return Err(invalid(sealed, format!("has {} bytes, expected {length}", sealed.length)));
    }
    if sealed.frames.is_some() && (frames.next(), frames.next()) != (Some(&(at, END.len() as u64)), None) {
        return Err(invalid(sealed, "has other frames than its entries"));
    }
    zeros(&mut sealed.medium.slice(at, END.len() as u64), END.len(), sealed, "the end")?;
    progress.add(entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.size)));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = match work {
                        Work::Entry { entry, start } => self::entry(sealed, entry, *start, progress),
                        Work::Part(part) => self::part(sealed, part),
                    };
                    if let Err(error) = outcome {
                        // The rest need not be read.
                        next.store(usize::MAX >> 1, Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return;
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// The names and their order.
fn names(sealed: &Sealed, entries: &[Entry]) -> Result<(), Error> {
    let listed: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    if listed.len() != entries.len() {
        return Err(invalid(sealed, "is listed with an entry twice"));
    }
    if let Some(path) = sealed.paths().find(|path| !listed.contains(path)) {
        return Err(invalid(sealed, format!("has an entry that is not listed: {path}")));
    }
    if let Some(entry) = entries.iter().find(|entry| sealed.table.span(&entry.path).is_none()) {
        return Err(invalid(sealed, format!("has not the entry {} that is listed", entry.path)));
    }
    match sealed.paths().zip(entries).find(|(path, entry)| *path != entry.path) {
        Some((path, entry)) => {
            Err(invalid(sealed, format!("has its entries in another order: {path}, expected {}", entry.path)))
        }
        None => Ok(()),
    }
}

/// What was read at the opening: the file may have been another one then, and the images are found by it.
fn heads(sealed: &Sealed, entries: &[Entry]) -> Result<(), Error> {
    for (name, bytes) in sealed.heads.files() {
        let Some(entry) = entries.iter().find(|entry| entry.path == name) else {
            return Err(invalid(sealed, format!("is listed without {name}")));
        };
        let mut hasher = Hasher::new(entry.digest.algorithm());
        hasher.update(bytes);
        compare(sealed, entry, &hasher.finish())?;
    }
    Ok(())
}

fn compare(sealed: &Sealed, entry: &Entry, digest: &Digest) -> Result<(), Error> {
    if *digest == entry.digest {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DigestMismatch,
        format!("{} of {} has the digest {digest}, expected {}", entry.path, sealed.shown, entry.digest),
    ))
}

fn entry(sealed: &Sealed, entry: &Entry, start: u64, progress: &dyn Progress) -> Result<(), Error> {
    let header = entry.header();
    let span = sealed.table.span(&entry.path);
    let content = start.saturating_add(header.len() as u64);
    if span.is_none_or(|span| span.start != content || span.size != entry.size) {
        return Err(invalid(sealed, format!("has {} at another place, or of another size", entry.path)));
    }
    let mut slice = sealed.medium.slice(start, entry.whole(&header));
    let mut found = vec![0; header.len()];
    slice.read_exact(&mut found).map_err(|error| unreadable(sealed, &entry.path, error))?;
    if found != header {
        return Err(invalid(
            sealed,
            format!("has {} with another header than it is written with", entry.path),
        ));
    }
    let mut hasher = Hasher::new(entry.digest.algorithm());
    pieces(&mut slice, entry.size, |piece| {
        hasher.update(piece);
        progress.advance(piece.len() as u64);
    })
    .map_err(|error| unreadable(sealed, &entry.path, error))?;
    compare(sealed, entry, &hasher.finish())?;
    let padding = super::header::padding(entry.size);
    zeros(&mut slice, padding, sealed, &format!("the padding of {}", entry.path))
}

fn part(sealed: &Sealed, part: &super::parts::Part) -> Result<(), Error> {
    let mut hasher = Hasher::new(part.digest.algorithm());
    let mut stored = super::medium::stored(&sealed.medium, part.start).take(part.size);
    pieces(&mut stored, part.size, |piece| hasher.update(piece))
        .map_err(|error| unreadable(sealed, &part.name, error))?;
    let digest = hasher.finish();
    if digest == part.digest {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DigestMismatch,
        format!("{} has the digest {digest}, expected {}: copy this part again", part.name, part.digest),
    ))
}

fn zeros(slice: &mut Slice, count: usize, sealed: &Sealed, what: &str) -> Result<(), Error> {
    let mut found = vec![0; count];
    slice.read_exact(&mut found).map_err(|error| unreadable(sealed, what, error))?;
    if found.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(invalid(sealed, format!("has other bytes than zeros in {what}")))
    }
}

/// Reads `size` bytes.
pub(super) fn pieces(from: &mut impl Read, size: u64, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut left = size;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = buffer.get_mut(..count).unwrap_or_default();
        from.read_exact(piece)?;
        take(piece);
        left = left.saturating_sub(count as u64);
    }
    Ok(())
}

fn unreadable(sealed: &Sealed, what: &str, error: std::io::Error) -> Error {
    super::super::unreadable(&format!("{what} of {}", sealed.shown), error)
}

fn invalid(sealed: &Sealed, why: impl core::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidLayout, format!("{} {why}", sealed.shown))
}
