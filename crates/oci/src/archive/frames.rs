//! Which zstd frames a compressed archive is made of (RFC 8878, section 3.1.1), without unpacking them.
//!
//! Each entry of a sealed archive is a frame of its own that states its size, so that any entry can be read without what
//! stands before it. Frames of any other kind are refused: what cannot be read from the middle would have to be unpacked
//! whole for each entry.

use std::io::{self, BufRead, Read as _};

use waxseal_core::limits::ARCHIVE_ENTRIES;

/// Largest window that is read, as a power of two (8 MiB); level 3 writes 2 MiB.
pub(super) const WINDOW_LOG: u32 = 23;
/// How frames begin.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Blocks may not hold less than this, on average: whoever writes smaller ones wants them counted, and not read.
const LEAST_BLOCK: u64 = 1 << 10;
/// Blocks that a frame may have beside.
const MORE_BLOCKS: u64 = 16;

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where its first byte stands in what is unpacked.
    pub(super) start: u64,
    /// How many bytes it holds.
    pub(super) size: u64,
    /// Where it begins in the file.
    pub(super) stored_start: u64,
    /// Where it ends in the file.
    pub(super) stored_end: u64,
}

/// Where a list of frames ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind the last frame stands nothing.
    Whole,
    /// The last frame breaks off.
    CutOff,
    /// What stands there is no frame of a sealed archive.
    Foreign(&'static str),
}

/// Lists the frames from the beginning on, as far as they are whole.
pub(super) fn list(from: impl BufRead) -> io::Result<(Vec<Frame>, End)> {
    let mut walk = Walk { from, at: 0 };
    let mut frames = Vec::new();
    let mut start = 0_u64;
    loop {
        if walk.from.fill_buf()?.is_empty() {
            return Ok((frames, End::Whole));
        }
        // Headers of entries, and the end.
        if frames.len() > ARCHIVE_ENTRIES {
            return Ok((frames, End::Foreign("has more frames than an archive may have entries")));
        }
        let stored_start = walk.at;
        match walk.frame() {
            Ok(Ok(size)) => {
                frames.push(Frame { start, size, stored_start, stored_end: walk.at });
                start = match start.checked_add(size) {
                    Some(start) => start,
                    None => {
                        return Ok((frames, End::Foreign("has frames of more bytes than can be counted")));
                    }
                };
            }
            Ok(Err(why)) => return Ok((frames, End::Foreign(why))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok((frames, End::CutOff)),
            Err(error) => return Err(error),
        }
    }
}

struct Walk<R> {
    from: R,
    at: u64,
}

impl<R: BufRead> Walk<R> {
    /// Passes over a frame; the size of what it holds, or why it is none of ours.
    fn frame(&mut self) -> io::Result<Result<u64, &'static str>> {
        let [a, b, c, d, descriptor] = self.bytes::<5>()?;
        if [a, b, c, d] != MAGIC {
            return Ok(Err("holds something else than zstd frames"));
        }
        let single = descriptor & 0x20 != 0;
        if descriptor & 0x1b != 0 {
            return Ok(Err("has a frame with a dictionary or with reserved bits"));
        }
        if !single {
            self.bytes::<1>()?;
        }
        let size = match (descriptor >> 6, single) {
            (0, false) => return Ok(Err("was not packed entry by entry")),
            (0, true) => u64::from(self.bytes::<1>()?[0]),
            (1, _) => u64::from(u16::from_le_bytes(self.bytes()?)).saturating_add(256),
            (2, _) => u64::from(u32::from_le_bytes(self.bytes()?)),
            _ => u64::from_le_bytes(self.bytes()?),
        };
        let most = (size / LEAST_BLOCK).saturating_add(MORE_BLOCKS);
        let mut blocks = 0_u64;
        loop {
            let [a, b, c] = self.bytes::<3>()?;
            let header = u32::from_le_bytes([a, b, c, 0]);
            let stored = match header >> 1 & 3 {
                0 | 2 => u64::from(header >> 3),
                1 => 1,
                _ => return Ok(Err("has a block of a reserved kind")),
            };
            self.pass(stored)?;
            blocks = blocks.saturating_add(1);
            if blocks > most {
                return Ok(Err("has a frame of very many blocks"));
            }
            if header & 1 == 1 {
                break;
            }
        }
        if descriptor & 4 != 0 {
            self.bytes::<4>()?;
        }
        Ok(Ok(size))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    fn pass(&mut self, count: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.from.by_ref().take(count), &mut io::sink())?;
        self.at = self.at.saturating_add(passed);
        if passed == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn frame(content: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.set_pledged_src_size(Some(content.len() as u64)).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn frames_are_found_without_unpacking() {
        let large: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let zeros = vec![0; 70_000];
        let contents = [b"".as_slice(), b"a", &[7; 300], &zeros, &large];
        let frames: Vec<Vec<u8>> = contents.iter().map(|content| frame(content)).collect();
        let bytes = frames.concat();
        let (found, end) = list(&bytes[..]).unwrap();
        assert_eq!(end, End::Whole);
        let sizes: Vec<u64> = found.iter().map(|frame| frame.size).collect();
        assert_eq!(sizes, contents.map(|content| content.len() as u64));
        let stored: Vec<u64> = found.iter().map(|frame| frame.stored_end - frame.stored_start).collect();
        assert_eq!(stored, frames.iter().map(|frame| frame.len() as u64).collect::<Vec<_>>());
        for cut in [1, 4, 5, 7, bytes.len() - 1] {
            let (found, end) = list(&bytes[..cut]).unwrap();
            assert_eq!((found.len() < 5, end), (true, End::CutOff), "{cut}");
        }
    }

    #[test]
    fn other_frames_are_refused() {
        let mut unstated = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        unstated.write_all(&vec![0; 100_000]).unwrap();
        let skippable = b"\x50\x2a\x4d\x18\x00\x00\x00\x00".to_vec();
        let mut many = b"\x28\xb5\x2f\xfd\x20\x01".to_vec();
        many.extend([0; 60]);
        for bytes in [unstated.finish().unwrap(), skippable, b"PK\x03\x04 and more".to_vec(), many] {
            assert!(matches!(list(&bytes[..]).unwrap().1, End::Foreign(_)), "{bytes:?}");
        }
    }
}
