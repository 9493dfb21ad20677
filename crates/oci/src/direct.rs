//! Writes large files past the page cache, where the system can (Linux, `O_DIRECT`).
//!
//! What is written here is synced to the disk before it gets its name. Through the page cache that means a second
//! round of work for the processor and a wait at the end; past it the disk writes while the next piece arrives, memory
//! is left to others, and a progress bar shows what is on the medium. File systems without it are written to as any
//! file is. This module must not decide when a file is whole: it places bytes.

use core::borrow::Borrow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Files of at least this many bytes are written past the page cache (4 MiB).
const LARGE: u64 = 4 << 20;
/// Bytes that are written at once (1 MiB).
const BUFFER: usize = 1 << 20;
/// Where a write may begin, in the file and in memory, and of what its length is a multiple: the largest block size in
/// common use.
const ALIGNMENT: usize = 4096;

/// Bytes on their way to a place in a file.
#[derive(Debug)]
pub(crate) struct DirectWriter<F: Borrow<File>> {
    file: F,
    /// Where in the file the buffer goes.
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer an aligned address is.
    start: usize,
    filled: usize,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Through the page cache, this time.
    Cached,
    /// Past it.
    Direct,
    /// Through the page cache, always.
    CachedOnly,
}

impl<F: Borrow<File>> DirectWriter<F> {
    /// Begins to write `size` bytes at the offset `at` of a file.
    pub(crate) fn begin(file: F, at: u64, size: u64) -> Self {
        let mode = if size >= LARGE { Mode::Cached } else { Mode::CachedOnly };
        let buffer = match mode {
            Mode::CachedOnly => Vec::new(),
            _ => vec![0; BUFFER.saturating_add(ALIGNMENT)],
        };
        let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { file, at, buffer, start, filled: 0, mode }
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.mode == Mode::CachedOnly && self.filled == 0 {
            return self.cached(bytes);
        }
        while !bytes.is_empty() {
            let room = self.room();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            let from = self.start.saturating_add(self.filled);
            if let Some(free) = self.buffer.get_mut(from..from.saturating_add(now.len())) {
                free.copy_from_slice(now);
            }
            self.filled = self.filled.saturating_add(now.len());
            bytes = later;
            if now.len() == room {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left. The bytes are in the file after this, and on the disk after it was synced.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()
    }

    /// How much still fits before the buffer is written: up to where a whole write may begin, then a whole one.
    fn room(&self) -> usize {
        let block = ALIGNMENT as u64;
        let astray = self.at.checked_rem(block).unwrap_or_default();
        let capacity = if astray == 0 {
            BUFFER
        } else {
            usize::try_from(block.saturating_sub(astray)).unwrap_or(BUFFER)
        };
        capacity.saturating_sub(self.filled)
    }

    fn flush(&mut self) -> io::Result<()> {
        let block = ALIGNMENT as u64;
        let whole = self.filled == BUFFER && self.at.checked_rem(block) == Some(0);
        self.switch(whole)?;
        let buffer = core::mem::take(&mut self.buffer);
        let bytes = buffer.get(self.start..self.start.saturating_add(self.filled)).unwrap_or_default();
        let written = match self.file.borrow().write_all_at(bytes, self.at) {
            // A file system that takes the flag and not the write, or larger blocks than we know.
            Err(error) if self.mode == Mode::Direct && error.kind() == io::ErrorKind::InvalidInput => {
                self.switch(false)?;
                self.mode = Mode::CachedOnly;
                self.file.borrow().write_all_at(bytes, self.at)
            }
            written => written,
        };
        self.at = self.at.saturating_add(bytes.len() as u64);
        self.buffer = buffer;
        self.filled = 0;
        written
    }

    fn cached(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.borrow().write_all_at(bytes, self.at)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn switch(&mut self, direct: bool) -> io::Result<()> {
        self.mode = match (self.mode, direct) {
            (Mode::Cached, true) if flag(self.file.borrow(), true).is_ok() => Mode::Direct,
            (Mode::Cached, true) => Mode::CachedOnly,
            (Mode::Direct, false) => {
                flag(self.file.borrow(), false)?;
                Mode::Cached
            }
            (mode, _) => mode,
        };
        Ok(())
    }
}

impl<F: Borrow<File>> Drop for DirectWriter<F> {
    /// Whoever writes on after an error finds the file as it was.
    fn drop(&mut self) {
        let _ = self.switch(false);
    }
}

#[cfg(target_os = "linux")]
fn flag(file: &File, direct: bool) -> io::Result<()> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn flag(_: &File, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes `bytes` at `at` in pieces of `piece` bytes, and gives the whole file.
    fn written(directory: &std::path::Path, at: u64, bytes: &[u8], piece: usize) -> Vec<u8> {
        let path = directory.join("file");
        let file = File::create(&path).unwrap();
        file.set_len(at).unwrap();
        let mut writer = DirectWriter::begin(&file, at, bytes.len() as u64);
        for piece in bytes.chunks(piece) {
            writer.write(piece).unwrap();
        }
        writer.end().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn every_byte_is_at_its_place() {
        let bytes: Vec<u8> = (0..LARGE + 12_345).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
        // A file system on the disk, and one that may be without.
        for directory in [tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap()] {
            for (at, piece) in [(0, 262_144), (0, 999_999), (512, 262_144), (4096, 100_000), (4097, 1 << 22)]
            {
                let found = written(directory.path(), at, &bytes, piece);
                let (before, after) = found.split_at(usize::try_from(at).unwrap());
                assert!(before.iter().all(|byte| *byte == 0) && after == bytes, "{at} {piece}");
            }
            let small = written(directory.path(), 3, b"small", 2);
            assert_eq!(small, b"\0\0\0small");
        }
    }

    #[test]
    fn what_broke_off_leaves_a_file_that_can_be_written_on() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("file")).unwrap();
        let mut writer = DirectWriter::begin(&file, 0, LARGE);
        writer.write(&vec![7; 3 << 20]).unwrap();
        drop(writer);
        file.set_len(0).unwrap();
        file.write_all_at(b"five", 1).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 5);
    }
}
