//! Archives made to be read in two ways, or to lead out of themselves (T-61). Every one of them differs from a
//! good archive in one property. The bytes are written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

use std::fs;

use waxseal_core::limits::{ARCHIVE_ENTRIES, ARCHIVE_NAME_BYTES, ARCHIVE_PADDING_BYTES};
use waxseal_oci::{Archive, ErrorKind, LocalName};
use waxseal_testkit::ImageBuilder;
use waxseal_testkit::layout::Layout as Files;

const BLOCK: usize = 512;
const OCTAL_END: u64 = 1 << 33;

/// One header with its content.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    kind: u8,
    magic: [u8; 8],
    size: Vec<u8>,
    content: Vec<u8>,
    spoil_checksum: bool,
}

impl Entry {
    fn new(kind: u8, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        Self {
            name: name.as_bytes().to_vec(),
            kind,
            magic: *b"ustar\x0000",
            size: format!("{:011o}\0", content.len()).into_bytes(),
            content,
            spoil_checksum: false,
        }
    }

    fn file(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Self::new(b'0', name, content)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0_u8; BLOCK];
        let length = self.name.len().min(100);
        block[..length].copy_from_slice(&self.name[..length]);
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(&self.size);
        block[136..148].copy_from_slice(b"00000000000\0");
        block[148..156].copy_from_slice(b"        ");
        block[156] = self.kind;
        block[257..265].copy_from_slice(&self.magic);
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let sum = if self.spoil_checksum { sum + 1 } else { sum };
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend(&self.content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let mut length = 0;
    loop {
        let text = format!("{length} {key}={value}\n");
        if text.len() == length {
            return text.into_bytes();
        }
        length = text.len();
    }
}

/// The entries of a good archive: marker, index, blobs.
fn good() -> Vec<Entry> {
    let directory = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().file("hello", "world").build();
    image.write_layout(directory.path(), "1.0");
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let mut entries = vec![
        Entry::file("oci-layout", read("oci-layout")),
        Entry::file("index.json", read("index.json")),
        Entry::new(b'5', "blobs/", ""),
        Entry::new(b'5', "blobs/sha256/", ""),
    ];
    for (digest, bytes) in Files::read(directory.path()).objects() {
        entries.push(Entry::file(&format!("blobs/sha256/{}", digest.hex()), bytes.to_vec()));
    }
    entries
}

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

/// Opens the archive and reads its image with all its blobs.
async fn open(bytes: &[u8]) -> Result<(), ErrorKind> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    fs::write(&path, bytes).unwrap();
    let archive = Archive::open(&path).await.map_err(|error| error.kind())?;
    let (_, manifest) = archive.resolve(&LocalName::Only, None).await.map_err(|error| error.kind())?;
    let manifest = waxseal_core::manifest::Manifest::parse(&manifest.bytes, None).unwrap();
    for blob in manifest.children() {
        archive.blob(blob, 1 << 20).await.map_err(|error| error.kind())?;
    }
    Ok(())
}

async fn with(change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), ErrorKind> {
    let mut entries = good();
    change(&mut entries);
    open(&tar(&entries)).await
}

const REFUSED: Result<(), ErrorKind> = Err(ErrorKind::InvalidLayout);

#[tokio::test]
async fn a_good_archive_is_read_in_every_common_form() {
    assert_eq!(open(&tar(&good())).await, Ok(()));
    let gnu = with(|entries| entries.iter_mut().for_each(|entry| entry.magic = *b"ustar  \0")).await;
    assert_eq!(gnu, Ok(()));
    let dotted = with(|entries| {
        entries.insert(0, Entry::new(b'5', "./", ""));
        for entry in entries {
            entry.name = [b"./", entry.name.as_slice()].concat();
        }
    });
    assert_eq!(dotted.await, Ok(()));
    let old = with(|entries| entries.iter_mut().filter(|entry| entry.kind == b'0').for_each(|e| e.kind = 0));
    assert_eq!(old.await, Ok(()));
    let more = with(|entries| entries.push(Entry::file("manifest.json", "[]")));
    assert_eq!(more.await, Ok(()));
    let mut padded = tar(&good());
    padded.resize(padded.len().next_multiple_of(10240), 0);
    assert_eq!(open(&padded).await, Ok(()));
}

#[tokio::test]
async fn names_that_lead_out() {
    let named = |name: &'static str| with(move |entries| entries.push(Entry::file(name, "x")));
    assert_eq!(named("x").await, Ok(()));
    for name in ["/x", "../x", "a/../../x", "./../x", "a//x", "a/./x", "a\\x", "", "x/", ".", "a\nb", "é"] {
        assert_eq!(named(name).await, REFUSED, "{name:?}");
    }
}

#[tokio::test]
async fn links_and_devices() {
    let of_kind = |kind: u8| {
        with(move |entries| {
            entries.push(Entry::new(kind, if kind == b'5' { "x/" } else { "x" }, ""));
        })
    };
    for kind in [b'0', b'5'] {
        assert_eq!(of_kind(kind).await, Ok(()), "{}", char::from(kind));
    }
    for kind in [b'1', b'2', b'3', b'4', b'6', b'7', b'S', b'K', b'V', b'A', 0xff] {
        assert_eq!(of_kind(kind).await, REFUSED, "{}", char::from(kind));
    }
    for at in [0, 1, 4] {
        assert_eq!(with(|entries| entries[at].kind = b'2').await, REFUSED);
        assert_eq!(with(|entries| entries[at].kind = b'1').await, REFUSED);
    }
    // A link, and then a file through it.
    let through = with(|entries| entries.insert(2, Entry::new(b'2', "blobs", "")));
    assert_eq!(through.await, REFUSED);
}

#[tokio::test]
async fn a_name_twice() {
    for name in ["index.json", "oci-layout", "./index.json"] {
        let twice = with(|entries| {
            let mut again = entries[usize::from(name.ends_with("index.json"))].clone();
            again.name = name.as_bytes().to_vec();
            entries.push(again);
        });
        assert_eq!(twice.await, REFUSED, "{name}");
    }
    assert_eq!(with(|entries| entries.push(entries[4].clone())).await, REFUSED);
    assert_eq!(with(|entries| entries.push(entries[2].clone())).await, Ok(()));
    assert_eq!(with(|entries| entries.push(Entry::new(b'5', "index.json/", ""))).await, REFUSED);
    assert_eq!(with(|entries| entries.push(Entry::file("blobs", ""))).await, REFUSED);
}

#[tokio::test]
async fn sizes_that_disagree() {
    let extended =
        |records: Vec<u8>| with(move |entries| entries.insert(4, Entry::new(b'x', "pax", records)));
    let size = good()[4].content.len() as u64;
    assert_eq!(extended(record("size", &size.to_string())).await, Ok(()));
    assert_eq!(extended(record("mtime", "1")).await, Ok(()));
    for other in [size - 1, size + 1, 0, OCTAL_END] {
        assert_eq!(extended(record("size", &other.to_string())).await, REFUSED, "{other}");
    }
    let twice = [record("size", &size.to_string()), record("size", &size.to_string())].concat();
    assert_eq!(extended(twice).await, REFUSED);
    assert_eq!(extended(b"7 size=1".to_vec()).await, REFUSED);
    // Zero in the header stands for a size that its digits cannot write, and for no other.
    let zero = with(|entries| {
        entries[4].size = b"00000000000\0".to_vec();
        entries.insert(4, Entry::new(b'x', "pax", record("size", &size.to_string())));
    });
    assert_eq!(zero.await, REFUSED);
    let binary = with(|entries| {
        let size = entries[4].content.len() as u64;
        entries[4].size = [&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat();
    });
    assert_eq!(binary.await, Ok(()));
    for size in [&b"-0000000001\0"[..], b"0000000000x\0", &[0xff; 12], b"            "] {
        assert_eq!(with(|entries| entries[4].size = size.to_vec()).await, REFUSED, "{size:?}");
    }
    assert_eq!(with(|entries| entries[2].size = b"00000000001\0".to_vec()).await, REFUSED);
}

#[tokio::test]
async fn names_in_extended_headers() {
    let renamed = |records: Vec<u8>, kind: u8| {
        with(move |entries| {
            let name = String::from_utf8(entries[4].name.clone()).unwrap();
            entries[4].name = b"short".to_vec();
            let content =
                if kind == b'x' { record("path", &name) } else { [name.as_bytes(), b"\0"].concat() };
            entries.insert(4, Entry::new(kind, "././@LongLink", [content, records].concat()));
        })
    };
    assert_eq!(renamed(Vec::new(), b'x').await, Ok(()));
    assert_eq!(renamed(Vec::new(), b'L').await, Ok(()));
    assert_eq!(renamed(record("path", "other"), b'x').await, REFUSED);
    assert_eq!(renamed(record("linkpath", "/etc/passwd"), b'x').await, REFUSED);
    assert_eq!(renamed(record("GNU.sparse.major", "1"), b'x').await, REFUSED);
    let before = |entries: Vec<Entry>| {
        with(move |all| {
            all.splice(4..4, entries);
        })
    };
    let path = |path: &str| Entry::new(b'x', "pax", record("path", path));
    assert_eq!(before(vec![path("../x")]).await, REFUSED);
    assert_eq!(before(vec![path("index.json")]).await, REFUSED);
    assert_eq!(before(vec![path("x"), path("y")]).await, REFUSED);
    assert_eq!(before(vec![Entry::new(b'g', "pax", record("comment", "x"))]).await, Ok(()));
    assert_eq!(before(vec![Entry::new(b'g', "pax", record("path", "x"))]).await, REFUSED);
    assert_eq!(before(vec![Entry::new(b'g', "pax", record("size", "1"))]).await, REFUSED);
    let long = |length: usize| before(vec![path(&"a".repeat(length)), Entry::file("x", "")]);
    assert_eq!(long(ARCHIVE_NAME_BYTES).await, Ok(()));
    assert_eq!(long(ARCHIVE_NAME_BYTES + 1).await, REFUSED);
    let large = Entry::new(b'x', "pax", vec![b' '; 65 << 10]);
    assert_eq!(before(vec![large]).await, Err(ErrorKind::LimitExceeded));
}

#[tokio::test]
async fn headers_that_are_none() {
    assert_eq!(with(|entries| entries[4].spoil_checksum = true).await, REFUSED);
    assert_eq!(with(|entries| entries[4].magic = [0; 8]).await, REFUSED);
    assert_eq!(with(|entries| entries[4].magic = *b"ustar\x0011").await, REFUSED);
}

#[tokio::test]
async fn an_archive_that_is_cut_off() {
    let bytes = tar(&good());
    let content = bytes.len() - 2 * BLOCK;
    for length in
        [0, 1, BLOCK - 1, BLOCK, content - 1, content - BLOCK, content, content + 1, content + BLOCK]
    {
        assert_eq!(open(&bytes[..length]).await, REFUSED, "{length}");
    }
    let mut entries = good();
    entries.push(Entry::new(b'x', "pax", record("path", "x")));
    assert_eq!(open(&tar(&entries)).await, REFUSED);
}

#[tokio::test]
async fn an_archive_that_goes_on_behind_its_end() {
    let mut bytes = tar(&good());
    bytes.extend(Entry::file("more", "x").bytes());
    assert_eq!(open(&bytes).await, REFUSED);
    // One empty block is no end for some readers, and one for others.
    let mut bytes: Vec<u8> = good().iter().flat_map(Entry::bytes).collect();
    bytes.resize(bytes.len() + BLOCK, 0);
    bytes.extend(Entry::file("more", "x").bytes());
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    assert_eq!(open(&bytes).await, REFUSED);
    let mut bytes = tar(&good());
    let padding = usize::try_from(ARCHIVE_PADDING_BYTES).unwrap() - BLOCK;
    bytes.resize(bytes.len() + padding, 0);
    assert_eq!(open(&bytes).await, Ok(()));
    bytes.push(0);
    assert_eq!(open(&bytes).await, REFUSED);
}

#[tokio::test]
async fn too_many_entries() {
    let entry = Entry::new(b'5', "x/", "").bytes();
    let archive = |count: usize| {
        let good = good();
        let mut bytes = entry.repeat(count - good.len());
        bytes.extend(tar(&good));
        bytes
    };
    assert_eq!(open(&archive(ARCHIVE_ENTRIES)).await, Ok(()));
    assert_eq!(open(&archive(ARCHIVE_ENTRIES + 1)).await, Err(ErrorKind::LimitExceeded));
}

#[tokio::test]
async fn what_a_layout_needs_is_missing_or_damaged() {
    for at in [0, 1] {
        assert_eq!(with(|entries| drop(entries.remove(at))).await, REFUSED);
    }
    assert_eq!(with(|entries| entries[0].content[3] ^= 1).await, REFUSED);
    assert_eq!(with(|entries| entries[4].content[3] ^= 1).await, Err(ErrorKind::DigestMismatch));
    let shorter = with(|entries| {
        for entry in entries.iter_mut().skip(4) {
            entry.content.pop();
            entry.size = format!("{:011o}\0", entry.content.len()).into_bytes();
        }
    });
    assert_eq!(shorter.await, Err(ErrorKind::SizeMismatch));
}

#[tokio::test]
async fn compressed_archives_are_named_as_such() {
    for magic in [&b"\x1f\x8b\x08\0"[..], b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9"] {
        let bytes = [magic, &[0; 2048]].concat();
        assert_eq!(open(&bytes).await, Err(ErrorKind::Unsupported));
    }
}

#[tokio::test]
async fn a_pipe_or_a_directory_is_no_archive() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), directory.path()] {
        assert_eq!(Archive::open(path).await.unwrap_err().kind(), ErrorKind::InvalidLayout);
    }
    let missing = directory.path().join("missing.tar");
    assert_eq!(Archive::open(&missing).await.unwrap_err().kind(), ErrorKind::NotFound);
}
