//! The ZIP archive of an export, opened in memory: no path in it is ever a path of this machine.
//!
//! The archive comes from outside: entries are counted, sized and measured against what they were packed from before
//! and while they are unpacked; entries that share bytes, that are encrypted, or that are packed in another way than
//! ZIP's own two are refused. `rawzip` reads the structure, `flate2` inflates.

use std::io::{BufReader, Read};

use rawzip::{CompressionMethod, ZipArchive};

use super::error::{Error, ErrorKind};
use super::problem::plain;

/// Most entries of an archive.
const ENTRIES: usize = 64;
/// Longest name of an entry, in bytes.
const NAME_BYTES: usize = 512;
/// Most bytes of all entries that are unpacked (256 MiB).
const UNPACKED_BYTES: u64 = 256 << 20;
/// How many times larger than packed an entry may be. JSON with the same names over and over packs to a fiftieth.
const RATIO: u64 = 200;
/// Below this size, in bytes, the ratio does not matter (1 MiB).
const RATIO_FLOOR: u64 = 1 << 20;

/// A file of an archive.
#[derive(Debug)]
pub(super) struct File {
    /// Its name, for errors only.
    pub(super) name: String,
    /// Its bytes, whole and of the checksum that the archive names.
    pub(super) bytes: Vec<u8>,
}

fn unsafe_archive(why: impl core::fmt::Display) -> Error {
    Error::new(ErrorKind::UnsafeArchive, format!("the archive of the export: {why}"))
}

/// Unpacks every file whose name ends with `suffix`; the others are checked and left.
pub(super) fn files(archive: &[u8], suffix: &str) -> Result<Vec<File>, Error> {
    let broken =
        |error: rawzip::Error| unsafe_archive("it is no ZIP archive, or a broken one").caused_by(error);
    let archive = ZipArchive::from_slice(archive).map_err(broken)?;
    let announced = archive.entries_hint();
    if announced > ENTRIES as u64 {
        return Err(unsafe_archive(format!("{announced} entries, and at most {ENTRIES} are read")));
    }
    let mut files = Vec::new();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut left = UNPACKED_BYTES;
    let mut count: usize = 0;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        count = count.saturating_add(1);
        if count > ENTRIES {
            return Err(unsafe_archive(format!("more than {ENTRIES} entries")));
        }
        let raw = entry.file_path();
        let name = raw.as_ref();
        if name.len() > NAME_BYTES {
            return Err(unsafe_archive(format!("a name of more than {NAME_BYTES} bytes")));
        }
        let name = plain(&String::from_utf8_lossy(name));
        if entry.flags().is_encrypted() {
            return Err(unsafe_archive(format!("{name:?} is encrypted")));
        }
        let method = entry.compression_method();
        let (packed, size) = (entry.compressed_size_hint(), entry.uncompressed_size_hint());
        if size > left {
            return Err(unsafe_archive(format!("more than {UNPACKED_BYTES} bytes in all")));
        }
        if size > RATIO_FLOOR && size > packed.saturating_mul(RATIO) {
            return Err(unsafe_archive(format!(
                "{name:?} is more than {RATIO} times as large as its packed form"
            )));
        }
        let data = archive.get_entry(entry.wayfinder()).map_err(broken)?;
        let range = data.compressed_data_range();
        if ranges.iter().any(|other| range.0 < other.1 && other.0 < range.1) {
            return Err(unsafe_archive(format!("{name:?} shares its bytes with another entry")));
        }
        ranges.push(range);
        if entry.is_dir() || !name.ends_with(suffix) {
            continue;
        }
        let bytes = match method {
            CompressionMethod::STORE => read(data.verifying_reader(data.data()), size, &name)?,
            CompressionMethod::DEFLATE => {
                let inflater = flate2::bufread::DeflateDecoder::new(BufReader::new(data.data()));
                read(data.verifying_reader(inflater), size, &name)?
            }
            _ => return Err(unsafe_archive(format!("{name:?} is packed in a way that is not known here"))),
        };
        left = left.saturating_sub(bytes.len() as u64);
        files.push(File { name, bytes });
    }
    if count as u64 != announced {
        return Err(unsafe_archive(format!("{announced} entries are announced, and {count} are there")));
    }
    Ok(files)
}

/// Reads to the end, but never more than the size that was announced: the checksum is compared at the end.
fn read(reader: impl Read, size: u64, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut reader = reader.take(size.saturating_add(1));
    reader
        .read_to_end(&mut bytes)
        .map_err(|error| unsafe_archive(format!("{name:?} cannot be unpacked")).caused_by(error))?;
    if bytes.len() as u64 != size {
        return Err(unsafe_archive(format!("{name:?} is not of the size that the archive says")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rawzip::ZipArchiveWriter;

    use super::*;

    /// An archive of these files, packed.
    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut bytes);
        for (name, content) in files {
            let (mut entry, config) =
                archive.new_file(name).compression_method(CompressionMethod::DEFLATE).start().unwrap();
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
            let mut writer = config.wrap(encoder);
            writer.write_all(content).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    fn why(archive: &[u8]) -> String {
        let error = files(archive, ".json").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsafeArchive);
        error.to_string()
    }

    /// Where a text stands, the last time.
    fn last(archive: &[u8], text: &[u8]) -> usize {
        archive.windows(text.len()).rposition(|window| window == text).unwrap()
    }

    #[test]
    fn unpacks_what_is_asked_for() {
        let archive = packed(&[("a.json", b"{}"), ("b.pdf", b"%PDF"), ("dir/c.json", b"[1]")]);
        let found = files(&archive, ".json").unwrap();
        let found: Vec<_> = found.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
        assert_eq!(found, [("a.json", &b"{}"[..]), ("dir/c.json", &b"[1]"[..])]);
    }

    #[test]
    fn names_are_never_paths() {
        let archive = packed(&[("../../etc/x.json", b"{}"), ("/abs.json", b"{}")]);
        assert_eq!(files(&archive, ".json").unwrap().len(), 2);
    }

    #[test]
    fn refuses_what_is_no_archive() {
        for junk in [&b""[..], b"{}", b"PK\x03\x04", b"PK\x05\x06"] {
            assert!(why(junk).contains("no ZIP archive"));
        }
        let whole = packed(&[("a.json", b"{\"a\": 1}")]);
        for end in 0..whole.len() {
            assert!(files(&whole[..end], ".json").is_err(), "{end}");
        }
    }

    #[test]
    fn refuses_bombs() {
        let zeros = vec![b' '; 4 << 20];
        assert!(why(&packed(&[("a.json", &zeros)])).contains("200 times"));
        // Below the floor it may be as empty as it likes.
        assert!(files(&packed(&[("a.json", &zeros[..1 << 20])]), ".json").is_ok());
        let many: Vec<String> = (0..65).map(|number| format!("{number}.json")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), &b"{}"[..])).collect();
        assert!(why(&packed(&many)).contains("65 entries"));
        assert!(files(&packed(&many[..64]), ".json").is_ok());
    }

    #[test]
    fn refuses_sizes_and_checksums_that_lie() {
        let honest = packed(&[("a.json", b"{\"a\": \"waxseal\"}")]);
        let directory = last(&honest, b"PK\x01\x02");
        // Offsets in the central directory's entry: checksum 16, packed 20, unpacked 24, flags 8, method 10.
        for (at, what) in [(16, "unpacked"), (24, "size"), (8, "encrypted"), (10, "not known")] {
            let mut lying = honest.clone();
            lying[directory + at] ^= if at == 10 { 0x04 } else { 0x01 };
            let why = why(&lying);
            assert!(why.contains(what) || why.contains("cannot be unpacked"), "{at}: {why}");
        }
    }

    #[test]
    fn whatever_is_changed_the_bytes_are_true_or_none() {
        let content = br#"{"bomFormat":"CycloneDX","components":[]}"#;
        let honest = packed(&[("a.json", content)]);
        for at in 0..honest.len() {
            for bit in 0..8 {
                let mut lying = honest.clone();
                lying[at] ^= 1 << bit;
                for file in files(&lying, ".json").unwrap_or_default() {
                    assert_eq!(file.bytes, content, "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn refuses_entries_that_share_their_bytes() {
        let honest = packed(&[("a.json", b"{}"), ("b.json", b"{}")]);
        let second = last(&honest, b"PK\x01\x02");
        let mut lying = honest.clone();
        // The second entry's local header offset becomes the first one's.
        lying[second + 42..second + 46].copy_from_slice(&[0; 4]);
        assert!(why(&lying).contains("shares its bytes"));
        assert!(files(&honest, ".json").is_ok());
    }
}
