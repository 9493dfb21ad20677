//! Sealed archives: written and read back, broken off and gone on with, and every way to tamper with one refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "test code"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use waxseal_core::{Descriptor, Digest};
use waxseal_oci::archive::sealed::{self, Entry, File, Images, Options, Sealed};
use waxseal_oci::transfer::{self, Silent};
use waxseal_oci::{Error, ErrorKind, Layout, Location, Store, Which};
use waxseal_testkit::rng::Seeded;
use waxseal_testkit::{ImageBuilder, IndexBuilder};

const BLOCK: usize = 512;

/// An index of two images in a layout, ready to be written, and the entries that come of it.
async fn files(folder: &Path) -> (Vec<File>, Digest) {
    let layer = Seeded::named("a layer").bytes(300_000);
    let index = IndexBuilder::new()
        .image(ImageBuilder::new().platform("linux/amd64").file("a", layer.clone()).build())
        .image(ImageBuilder::new().platform("linux/arm64").file("b", layer).build())
        .build();
    let layout = folder.join("layout");
    if !layout.exists() {
        index.write_layout(&layout, "1.0");
    }
    let store = Store::from(Layout::open(&layout).await.unwrap());
    let digest = index.digest();
    let gathered =
        transfer::gather(&store, &Which::Digest(digest), &transfer::Options::default()).await.unwrap();
    let mut images = Images::new().unwrap();
    images.add(&gathered, Some(&"registry.example.com/app:1.0".parse().unwrap())).unwrap();
    let mut files = images.heads().unwrap().to_vec();
    files.insert(1, File::of("notes/readme", "notes"));
    files.extend(images.into_blobs());
    (files, digest)
}

fn entries(files: &[File]) -> Vec<Entry> {
    files.iter().map(|file| file.entry.clone()).collect()
}

async fn check(path: &Path, entries: &[Entry]) -> Result<(), Error> {
    Sealed::open(path).await?.check(entries.to_vec(), Arc::new(Silent::default())).await
}

fn options(compress: bool, split: Option<u64>) -> Options {
    let mut options = Options::default();
    (options.compress, options.split) = (compress, split);
    options
}

const FORMS: [(bool, Option<u64>); 4] =
    [(false, None), (true, None), (false, Some(100_000)), (true, Some(100_000))];

#[tokio::test]
async fn what_is_written_is_read_back_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (files, digest) = files(folder.path()).await;
    for (number, (compress, split)) in FORMS.into_iter().enumerate() {
        let target = folder.path().join(format!("{number}.tar"));
        let written = sealed::write(&target, files.clone(), &options(compress, split)).await.unwrap();
        assert_eq!(written.kept, 0);
        assert_eq!(written.files.len() > 2, split.is_some());
        assert!(written.files.iter().all(|file| file.is_file()));
        check(&target, &entries(&files)).await.unwrap();
        let sealed = Sealed::open(&target).await.unwrap();
        assert_eq!(sealed.read("notes/readme", 5).await.unwrap().unwrap(), "notes");
        assert_eq!(sealed.read("notes/readme", 4).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert!(sealed.read("notes/other", 5).await.unwrap().is_none());
        // Everything comes out again, by the ways of any archive.
        let copy = Store::from(Layout::create(folder.path().join(format!("{number}"))).await.unwrap());
        let which = Which::Digest(digest);
        transfer::copy(&sealed.store(), &which, &copy, None, &transfer::Options::default()).await.unwrap();
        // And nothing goes in.
        let more = Descriptor::of("t", "more");
        let refused = sealed.store().put_blob(&more, "more".into()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_str().unwrap().contains("partial")), "{names:?}");
    }
    // Without a part, the rest says which one is missing.
    fs::remove_file(folder.path().join("2.tar.part-0002")).unwrap();
    let missing = Sealed::open(folder.path().join("2.tar")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("2.tar.part-0002"), "{missing}");
    let name: Location =
        format!("oci-archive:{}:1.0", folder.path().join("0.tar").display()).parse().unwrap();
    assert!(Store::open_local(&name).await.unwrap().is_some());
    assert_eq!(
        sealed::write(&folder.path().join("x"), files, &options(false, Some(1))).await.unwrap_err().kind(),
        ErrorKind::Configuration
    );
}

#[tokio::test]
async fn equal_content_gives_equal_bytes_and_parts_make_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let at = |name: &str| folder.path().join(name);
    let whole = sealed::write(&at("a.tar"), files.clone(), &options(false, None)).await.unwrap();
    sealed::write(&at("b.tar"), files.clone(), &options(false, None)).await.unwrap();
    let bytes = fs::read(at("a.tar")).unwrap();
    assert_eq!(bytes, fs::read(at("b.tar")).unwrap());
    assert_eq!(bytes.len() as u64, whole.stored);
    let parts = sealed::write(&at("c.tar"), files.clone(), &options(false, Some(100_000))).await.unwrap();
    let numbered = &parts.files[..parts.files.len() - 2];
    let joined: Vec<u8> = numbered.iter().flat_map(|part| fs::read(part).unwrap()).collect();
    assert_eq!(joined, bytes);
    let sums = fs::read_to_string(at("c.tar.parts.sha256")).unwrap();
    for part in parts.files.iter().filter(|part| !part.ends_with("c.tar.parts.sha256")) {
        let line = format!(
            "{}  {}\n",
            Digest::of(fs::read(part).unwrap()).hex(),
            part.file_name().unwrap().display()
        );
        assert!(sums.contains(&line), "{sums} {line}");
    }
    // A smaller archive of the same name leaves no part of the larger one.
    let few: Vec<File> = files.iter().take(3).cloned().collect();
    let fewer = sealed::write(&at("c.tar"), few, &options(false, Some(100_000))).await.unwrap();
    assert_eq!(fewer.files.len(), 3);
    assert!(!at("c.tar.part-0002").exists());
    // Any tar reader reads it: it has files and nothing else.
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, entries(&files).iter().map(|entry| entry.path.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_broke_off_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let all: u64 = files.iter().map(|file| file.entry.size).sum();
    for (number, (compress, split)) in FORMS.into_iter().enumerate() {
        let options = options(compress, split);
        let target = folder.path().join(format!("{number}.tar"));
        let whole = sealed::write(&target, files.clone(), &options).await.unwrap();
        let numbered: Vec<_> =
            whole.files.iter().filter(|file| !file.to_str().unwrap().contains(".parts.")).collect();
        let stored: Vec<Vec<u8>> = numbered.iter().map(|file| fs::read(file).unwrap()).collect();
        let total: usize = stored.iter().map(Vec::len).sum();
        let mut kept = Vec::new();
        for cut in [0, 1, 700, total / 3, total / 2, total - 1025, total - 1, total] {
            for file in &whole.files {
                fs::remove_file(file).unwrap();
            }
            let mut left = cut;
            for (file, bytes) in numbered.iter().zip(&stored) {
                let now = left.min(bytes.len());
                left -= now;
                fs::write(format!("{}.partial", file.display()), &bytes[..now]).unwrap();
            }
            let again = sealed::write(&target, files.clone(), &options).await.unwrap();
            kept.push(again.kept);
            assert_eq!(again.files, whole.files);
            let found: Vec<Vec<u8>> = numbered.iter().map(|file| fs::read(file).unwrap()).collect();
            assert!(found == stored, "{compress} {split:?} {cut}");
            check(&target, &entries(&files)).await.unwrap();
        }
        assert!(kept.is_sorted() && kept[0] == 0 && *kept.last().unwrap() == all, "{kept:?}");
        assert!(kept[4] > 0, "{kept:?}");
        // What does not have its digest any more is written again, and everything behind it.
        for file in &whole.files {
            fs::remove_file(file).unwrap();
        }
        for (number, (file, bytes)) in numbered.iter().zip(&stored).enumerate() {
            let mut bytes = bytes.clone();
            if number == 0 {
                bytes[2 * BLOCK / if compress { 16 } else { 1 }] ^= 1;
            }
            fs::write(format!("{}.partial", file.display()), bytes).unwrap();
        }
        let again = sealed::write(&target, files.clone(), &options).await.unwrap();
        assert!(again.kept < 1000, "{}", again.kept);
        check(&target, &entries(&files)).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_else_writes_the_same_archive() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let target = folder.path().join("a.tar");
    let partial = fs::File::create(folder.path().join("a.tar.partial")).unwrap();
    partial.lock().unwrap();
    let refused = sealed::write(&target, files.clone(), &Options::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    drop(partial);
    sealed::write(&target, files.clone(), &Options::default()).await.unwrap();
    let link = folder.path().join("link.tar");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let refused = sealed::write(&link, files, &Options::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidLayout);
}

/// A tar entry as any program may write it.
fn entry(kind: u8, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0_u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
    block[124..148].copy_from_slice(format!("{:011o}\0{:011o}\0", content.len(), 0).as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..345].copy_from_slice(b"0000000\x000000000\0");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(content);
    block.resize(block.len().next_multiple_of(BLOCK), 0);
    block
}

/// The entries of a tar with their headers and padding, and the end.
fn pieces(bytes: &[u8], entries: &[Entry]) -> Vec<Vec<u8>> {
    let mut at = 0;
    let mut pieces: Vec<Vec<u8>> = entries
        .iter()
        .map(|entry| {
            let size = usize::try_from(entry.size).unwrap().next_multiple_of(BLOCK) + BLOCK;
            at += size;
            bytes[at - size..at].to_vec()
        })
        .collect();
    pieces.push(bytes[at..].to_vec());
    pieces
}

#[tokio::test]
async fn every_byte_follows_from_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let entries = entries(&files);
    for (compress, split) in FORMS {
        let target = folder.path().join("a.tar");
        let written = sealed::write(&target, files.clone(), &options(compress, split)).await.unwrap();
        let mut random = Seeded::named("bits");
        for _ in 0..if compress || split.is_some() { 40 } else { 400 } {
            let file = &written.files[random.below(written.files.len())];
            if file.to_str().unwrap().ends_with(".sha256") {
                // For people and their programs: this one reads the list.
                continue;
            }
            let good = fs::read(file).unwrap();
            let (at, bit) = (random.below(good.len()), random.below(8));
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            fs::write(file, &bad).unwrap();
            let outcome = check(&target, &entries).await;
            assert!(outcome.is_err(), "bit {bit} of byte {at} of {}", file.display());
            fs::write(file, good).unwrap();
        }
        check(&target, &entries).await.unwrap();
        for file in written.files {
            fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn no_other_tar_of_the_same_files_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let entries = entries(&files);
    let target = folder.path().join("a.tar");
    sealed::write(&target, files.clone(), &Options::default()).await.unwrap();
    let good = fs::read(&target).unwrap();
    let parts = pieces(&good, &entries);
    assert_eq!(parts.concat(), good);
    let last = parts.len() - 1;
    let with = |at: usize, more: Vec<u8>| {
        let mut changed = parts.clone();
        changed.insert(at, more);
        changed.concat()
    };
    let swapped = |a: usize, b: usize| {
        let mut changed = parts.clone();
        changed.swap(a, b);
        changed.concat()
    };
    let without = |at: usize| {
        let mut changed = parts.clone();
        changed.remove(at);
        changed.concat()
    };
    let longer = |name: &str, records: &[u8]| entry(b'x', name, "", records);
    let mut stamped = good.clone();
    stamped[136..148].copy_from_slice(b"00000000001\0");
    stamped[148..156].copy_from_slice(b"        ");
    let sum: u64 = stamped[..BLOCK].iter().map(|byte| u64::from(*byte)).sum();
    stamped[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("cut off in a header", good[..100].to_vec()),
        ("cut off in content", good[..good.len() / 2].to_vec()),
        ("cut off before the end", good[..good.len() - 1024].to_vec()),
        ("cut off in the end", good[..good.len() - 512].to_vec()),
        ("empty", Vec::new()),
        ("more zeros behind the end", [good.clone(), vec![0; 512]].concat()),
        ("another archive behind the end", [good.clone(), good.clone()].concat()),
        ("an added file", with(last, entry(b'0', "more", "", b"more"))),
        (
            "an added blob",
            with(last, entry(b'0', &format!("blobs/sha256/{}", Digest::of("x").hex()), "", b"x")),
        ),
        ("an added directory", with(1, entry(b'5', "blobs/", "", b""))),
        ("a file twice", with(last, parts[1].clone())),
        ("a file twice, the other first", with(1, entry(b'0', "notes/readme", "", b"other"))),
        ("a missing file", without(1)),
        ("a missing blob", without(last - 1)),
        ("another order", swapped(3, 4)),
        ("the marker last", swapped(0, last - 1)),
        ("a path that leads out", with(1, entry(b'0', "../out", "", b"x"))),
        ("an absolute path", with(1, entry(b'0', "/out", "", b"x"))),
        ("a path through a dot", with(1, entry(b'0', "a/../notes", "", b"x"))),
        ("a symbolic link", with(1, entry(b'2', "link", "/etc/passwd", b""))),
        ("a symbolic link in place of a file", {
            let mut changed = parts.clone();
            changed[1] = entry(b'2', "notes/readme", "index.json", b"");
            changed.concat()
        }),
        ("a hard link", with(2, entry(b'1', "link", "notes/readme", b""))),
        ("a character device", with(1, entry(b'3', "null", "", b""))),
        ("a block device", with(1, entry(b'4', "disk", "", b""))),
        ("a pipe", with(1, entry(b'6', "pipe", "", b""))),
        ("a sparse file", with(1, entry(b'S', "sparse", "", b""))),
        ("a contiguous file", with(1, entry(b'7', "file", "", b"x"))),
        ("a global header", with(1, entry(b'g', "pax_global_header", "", b"14 comment=ab\n"))),
        ("a path in an extended header", with(1, longer("x", b"21 path=notes/readme\n"))),
        ("a comment in an extended header", with(1, longer("x", b"14 comment=ab\n"))),
        ("a size in an extended header", with(1, longer("x", b"9 size=5\n"))),
        ("a sparse map in an extended header", with(1, longer("x", b"22 GNU.sparse.major=1\n"))),
        ("a link path in an extended header", with(1, longer("x", b"15 linkpath=x.\n"))),
        ("a long name", with(1, entry(b'L', "././@LongLink", "", b"notes/readme\0"))),
        ("a volume label", with(1, entry(b'V', "label", "", b""))),
        ("another time", stamped),
    ];
    for (what, bytes) in cases {
        fs::write(&target, bytes).unwrap();
        let refused = check(&target, &entries).await.unwrap_err();
        let kinds = [ErrorKind::InvalidLayout, ErrorKind::DigestMismatch];
        assert!(kinds.contains(&refused.kind()), "{what}: {refused} {:?}", refused.kind());
    }
    fs::write(&target, &good).unwrap();
    check(&target, &entries).await.unwrap();
    let mut twice = entries.clone();
    twice.push(entries[0].clone());
    assert!(check(&target, &twice).await.is_err());
}

#[tokio::test]
async fn a_compressed_archive_of_another_program_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let target = folder.path().join("a.tar");
    sealed::write(&target, files, &Options::default()).await.unwrap();
    let bytes = fs::read(&target).unwrap();
    for form in [zstd::encode_all(bytes.as_slice(), 3).unwrap(), b"\x1f\x8b\x08\0".to_vec()] {
        fs::write(&target, form).unwrap();
        let refused = Sealed::open(&target).await.unwrap_err();
        assert!(refused.to_string().contains("-d first"), "{refused}");
    }
}

#[tokio::test]
async fn a_list_of_parts_leads_to_files_beside_it_only() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let target = folder.path().join("a.tar");
    sealed::write(&target, files, &options(false, Some(200_000))).await.unwrap();
    let list = folder.path().join("a.tar.parts.json");
    let good = fs::read_to_string(&list).unwrap();
    Sealed::open(&list).await.unwrap();
    for (from, to) in [
        ("a.tar.part-0001", "../a.tar.part-0001"),
        ("a.tar.part-0001", "/etc/passwd"),
        ("a.tar.part-0001", ".."),
        ("waxseal/pack-parts/v1", "waxseal/pack-parts/v2"),
        ("\"size\"", "\"Size\""),
        ("200000", "199999"),
        ("{", "["),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        fs::write(&list, changed).unwrap();
        let refused = Sealed::open(&list).await.unwrap_err();
        let kinds = [ErrorKind::InvalidLayout, ErrorKind::SizeMismatch];
        assert!(kinds.contains(&refused.kind()), "{from} {to}: {refused}");
    }
}

/// A zstd frame of blocks as they are given: their kind, the size in their header, and what stands behind it.
fn frame(size: usize, blocks: &[(u32, usize, &[u8])]) -> Vec<u8> {
    let mut frame = b"\x28\xb5\x2f\xfd\xa0".to_vec();
    frame.extend(u32::try_from(size).unwrap().to_le_bytes());
    for (number, (kind, size, bytes)) in blocks.iter().enumerate() {
        let last = u32::from(number + 1 == blocks.len());
        let header = u32::try_from(*size).unwrap() << 3 | kind << 1 | last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*bytes);
    }
    frame
}

#[tokio::test]
async fn no_frame_is_unpacked_to_look_for_headers_in_it() {
    const RAW: u32 = 0;
    const REPEATED: u32 = 1;
    const PACKED: u32 = 2;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.tar");
    let mut first = entry(b'0', "first", "", &vec![0; 128 << 10]);
    first.truncate(BLOCK);
    let second = entry(b'0', "more", "", b"");
    let zeros = (REPEATED, 128 << 10, b"\0".as_slice());
    let apart = [
        frame(BLOCK + (128 << 10), &[(RAW, BLOCK, &first), zeros]),
        frame(BLOCK, &[(RAW, BLOCK, &second)]),
        frame(2 * BLOCK, &[(REPEATED, 2 * BLOCK, b"\0")]),
    ];
    let opened = async |bytes: Vec<u8>| {
        fs::write(&target, bytes).unwrap();
        let refused = Sealed::open(&target).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidLayout, "{refused}");
        refused.to_string()
    };
    // The headers are in order, and what is missed is the index of a layout.
    let missing = opened(apart.concat()).await;
    assert!(!missing.contains("frame"), "{missing}");
    // No decoder takes the last block: an error that speaks of the place of the header shows that none came so far. One
    // block in between, as a decoder may be a block ahead.
    let broken = (PACKED, 4, b"\xff\xff\xff\xff".as_slice());
    let together = frame(2 * BLOCK + (128 << 10), &[(RAW, BLOCK, &first), zeros, broken]);
    let refused = opened([together, apart[2].clone()].concat()).await;
    assert!(refused.contains("not at the beginning of a frame (byte 131584)"), "{refused}");
    // The same of the end.
    let end = frame(2 * BLOCK + (128 << 10), &[(RAW, BLOCK, &second), zeros, broken]);
    let refused = opened([apart[0].clone(), end, apart[2].clone()].concat()).await;
    assert!(refused.contains("not at the beginning of a frame (byte 132096)"), "{refused}");
}

#[tokio::test]
async fn long_names_are_packed_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = files(folder.path()).await;
    files.insert(2, File::of(format!("notes/{}", "n".repeat(150)), "long"));
    let target = folder.path().join("a.tar");
    sealed::write(&target, files.clone(), &options(true, None)).await.unwrap();
    check(&target, &entries(&files)).await.unwrap();
}

#[tokio::test]
async fn what_was_read_at_the_opening_is_what_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = files(folder.path()).await;
    let entries = entries(&files);
    let target = folder.path().join("a.tar");
    sealed::write(&target, files, &Options::default()).await.unwrap();
    let good = fs::read(&target).unwrap();
    let compared = async |name: &str, from: &str, to: &str| {
        // Pieces up to the entry, and its header.
        let before: usize = pieces(&good, &entries)
            .iter()
            .zip(&entries)
            .take_while(|(_, entry)| entry.path != name)
            .map(|(piece, _)| piece.len())
            .sum();
        let (start, length) = (before + BLOCK, from.len());
        let at = start + good[start..].windows(length).position(|bytes| bytes == from.as_bytes()).unwrap();
        let mut other = good.clone();
        other[at..at + length].copy_from_slice(to.as_bytes());
        // The same file answers otherwise when it is read again.
        fs::write(&target, &other).unwrap();
        let sealed = Sealed::open(&target).await.unwrap();
        fs::write(&target, &good).unwrap();
        sealed.check(entries.clone(), Arc::new(Silent::default())).await
    };
    compared("index.json", "app:1.0", "app:1.0").await.unwrap();
    let refused = compared("index.json", "app:1.0", "app:2.0").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DigestMismatch, "{refused}");
    assert!(refused.to_string().contains("index.json"), "{refused}");
}

#[tokio::test]
async fn more_headers_than_a_reader_takes_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.tar");
    let one = File::of("a", "");
    // A name of more than a hundred bytes takes a header of its own.
    let files = |count: usize, letters: usize| -> Vec<File> {
        let name = "n".repeat(letters);
        let named = |number| {
            let mut file = one.clone();
            file.entry.path = format!("{name}{number:06}");
            file
        };
        (0..count).map(named).collect()
    };
    let most = waxseal_core::limits::ARCHIVE_ENTRIES / 2;
    let refused = sealed::write(&target, files(most + 1, 95), &Options::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
