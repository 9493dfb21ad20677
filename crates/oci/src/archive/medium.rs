//! The bytes of a tar file, wherever they stand: in one file, in several parts of one, or in zstd frames.
//!
//! Everything is read at a position of the tar, by as many readers at once as there are, and nothing is kept in memory
//! but a list of frames. This module must not know what a tar holds.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use zstd::stream::read::Decoder;

use super::frames::{Frame, WINDOW_LOG};

/// Bytes that are read at once for a decoder.
const COMPRESSED_PIECE: usize = 256 << 10;

/// The bytes of a tar file.
#[derive(Debug)]
pub(super) struct Medium {
    parts: Vec<Part>,
    /// Where each frame begins, if the tar is compressed.
    frames: Option<Vec<Frame>>,
}

/// One of the files that the bytes stand in.
#[derive(Debug)]
struct Part {
    file: File,
    /// Where its first byte stands in the whole.
    start: u64,
}

impl Medium {
    /// The bytes of one file. It may still grow.
    pub(super) fn of(file: File) -> Self {
        Self { parts: vec![Part { file, start: 0 }], frames: None }
    }

    /// The bytes of several files, one behind the other, with their sizes.
    pub(super) fn of_parts(files: impl IntoIterator<Item = (File, u64)>) -> Self {
        let mut start = 0_u64;
        let parts = files.into_iter().map(|(file, size)| {
            let part = Part { file, start };
            start = start.saturating_add(size);
            part
        });
        Self { parts: parts.collect(), frames: None }
    }

    /// The same, read through a decoder of zstd.
    pub(super) fn compressed(self, frames: Vec<Frame>) -> Self {
        Self { frames: Some(frames), ..self }
    }

    /// Reads the bytes as they stand in the files, at a position of the whole. Fewer than asked for, or none, where a
    /// file ends.
    pub(super) fn stored_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let next = self.parts.partition_point(|part| part.start <= at);
        let Some(part) = next.checked_sub(1).and_then(|index| self.parts.get(index)) else { return Ok(0) };
        let mut wanted = bytes;
        if let Some(end) = self.parts.get(next).map(|next| next.start) {
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(wanted.len());
            wanted = wanted.get_mut(..left).unwrap_or_default();
        }
        part.file.read_at(wanted, at.saturating_sub(part.start))
    }

    /// The bytes of the tar from `at` on, at most `size`.
    pub(super) fn slice(self: &Arc<Self>, at: u64, size: u64) -> Slice {
        Slice { medium: Arc::clone(self), at, left: size, decoder: None }
    }

    /// The whole tar, for who goes from place to place.
    pub(super) fn cursor(self: &Arc<Self>) -> Cursor {
        Cursor(self.slice(0, u64::MAX))
    }

    /// A decoder that stands at `at`, and how many bytes are left in its frame; none behind the last frame.
    fn decoder(self: &Arc<Self>, frames: &[Frame], at: u64) -> io::Result<Option<Decoding>> {
        let next = frames.partition_point(|frame| frame.start <= at);
        let Some(frame) = next.checked_sub(1).and_then(|index| frames.get(index)) else { return Ok(None) };
        let before = at.saturating_sub(frame.start);
        let Some(left) = frame.size.checked_sub(before).filter(|left| *left > 0) else { return Ok(None) };
        let stored = Stored { medium: Arc::clone(self), at: frame.stored_start, end: frame.stored_end };
        let mut decoder = Decoder::with_buffer(BufReader::with_capacity(COMPRESSED_PIECE, stored))?;
        decoder.window_log_max(WINDOW_LOG)?;
        let mut decoding = Decoding { decoder: Box::new(decoder.single_frame()), left };
        let skipped =
            io::copy(&mut decoding.decoder.by_ref().take(before), &mut io::sink()).map_err(decoded)?;
        if skipped == before { Ok(Some(decoding)) } else { Err(short()) }
    }
}

/// Bytes of a tar, read at their own position.
#[derive(Debug)]
pub(super) struct Slice {
    medium: Arc<Medium>,
    at: u64,
    left: u64,
    decoder: Option<Decoding>,
}

/// A frame that is being read.
struct Decoding {
    decoder: Box<dyn Read + Send>,
    left: u64,
}

impl std::fmt::Debug for Decoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoding").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Slice {
    fn stored(&mut self, wanted: &mut [u8]) -> io::Result<usize> {
        let Some(frames) = &self.medium.frames else { return self.medium.stored_at(wanted, self.at) };
        if self.decoder.as_ref().is_none_or(|decoding| decoding.left == 0) {
            self.decoder = self.medium.decoder(frames, self.at)?;
        }
        let Some(decoding) = &mut self.decoder else { return Ok(0) };
        let count = usize::try_from(decoding.left).unwrap_or(usize::MAX).min(wanted.len());
        let read = decoding.decoder.read(wanted.get_mut(..count).unwrap_or_default()).map_err(decoded)?;
        if read == 0 && count > 0 {
            return Err(short());
        }
        decoding.left = decoding.left.saturating_sub(read as u64);
        if decoding.left == 0 {
            // The checksum stands behind the last byte, and is compared only by who reads on.
            let mut more = [0; 1];
            if decoding.decoder.read(&mut more).map_err(decoded)? != 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame holds more than it says"));
            }
        }
        Ok(read)
    }
}

impl Read for Slice {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let Some(wanted) = bytes.get_mut(..count).filter(|wanted| !wanted.is_empty()) else { return Ok(0) };
        let count = self.stored(wanted)?;
        self.at = self.at.saturating_add(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// The bytes of a tar, from any place on.
#[derive(Debug)]
pub(super) struct Cursor(Slice);

impl Read for Cursor {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        let ahead = at.checked_sub(self.0.at);
        let within = |ahead: &u64| self.0.decoder.as_ref().is_some_and(|decoding| *ahead < decoding.left);
        match ahead {
            Some(0) => {}
            // A decoder that stands there already would begin at its frame again.
            Some(ahead) if within(&ahead) => {
                let passed = io::copy(&mut self.0.by_ref().take(ahead), &mut io::sink())?;
                if passed != ahead {
                    return Err(short());
                }
            }
            _ => self.0 = self.0.medium.slice(at, u64::MAX),
        }
        Ok(at)
    }
}

/// Bytes as they stand in the files, up to an end.
#[derive(Debug)]
struct Stored {
    medium: Arc<Medium>,
    at: u64,
    end: u64,
}

impl Read for Stored {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = left.min(bytes.len());
        let read = self.medium.stored_at(bytes.get_mut(..count).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

/// What a decoder does not take is the fault of the bytes; what the system says is the medium's.
fn decoded(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(_) => error,
        None => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a frame holds less than it says")
}

/// Bytes of a medium from one place on, for who reads what stands between frames.
pub(super) fn stored(medium: &Arc<Medium>, at: u64) -> impl BufRead {
    BufReader::new(Stored { medium: Arc::clone(medium), at, end: u64::MAX })
}
