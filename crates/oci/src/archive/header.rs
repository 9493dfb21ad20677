//! The 512-byte headers of a tar file (POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Header Block"; the
//! GNU manual, "Basic Tar Format").
//!
//! Tar readers disagree about odd headers, and whoever makes an archive may count on it: what two readers could
//! read in two ways is refused (T-61). What is written has one form, the same bytes for the same content.

use waxseal_core::limits::ARCHIVE_NAME_BYTES;

/// Bytes of a header, and the multiple that content is padded to.
pub(super) const BLOCK: usize = 512;
/// The first size that the eleven octal digits of the size field cannot write.
pub(super) const OCTAL_END: u64 = 1 << 33;
/// Longest name that the name field holds.
const NAME_BYTES: usize = 100;

/// A header as it stands in the file, before extended headers are taken into account.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    /// Where a symbolic link leads; empty for everything else.
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
}

/// Why a link is refused.
pub(super) const SYMBOLIC_LINK: &str = "is a symbolic link";

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// Refused except in the archives of old versions of `docker save`.
    SymbolicLink,
    /// Records for the next header (`x`).
    Extended,
    /// Records for all headers that follow (`g`).
    Global,
    /// The name of the next header (`L`).
    LongName,
}

/// What the records of an extended header say about the next entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

/// Why a header is refused; the text ends a sentence that begins with the entry.
pub(super) type Refusal = String;

/// Reads a header block that is not all zero.
pub(super) fn read(block: &[u8; BLOCK]) -> Result<Header, Refusal> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let stated = octal(field(148, 156)).ok_or("has no checksum")?;
    let sum = block.iter().enumerate().fold(0_u64, |sum, (at, byte)| {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        sum.saturating_add(u64::from(byte))
    });
    if stated != sum {
        return Err(format!("has the checksum {stated}, expected {sum}"));
    }
    let prefix = match field(257, 265) {
        b"ustar\x0000" => text(field(345, 500)),
        // The old form of GNU tar keeps other things there.
        b"ustar  \0" => &[],
        _ => return Err("is neither of the ustar nor of the GNU form".to_owned()),
    };
    let mut name = prefix.to_vec();
    if !name.is_empty() {
        name.push(b'/');
    }
    name.extend_from_slice(text(field(0, 100)));
    let size = number(field(124, 136)).ok_or("has no size that can be read in one way only")?;
    let kind = match block.get(156) {
        Some(b'0' | 0) if name.ends_with(b"/") => {
            return Err("is a file whose name ends in a slash".to_owned());
        }
        Some(b'0' | 0) => Kind::File,
        Some(b'5') => Kind::Directory,
        Some(b'x') => Kind::Extended,
        Some(b'g') => Kind::Global,
        Some(b'L') => Kind::LongName,
        Some(b'1') => return Err("is a hard link".to_owned()),
        Some(b'2') => Kind::SymbolicLink,
        Some(b'K') => return Err(SYMBOLIC_LINK.to_owned()),
        Some(b'3' | b'4' | b'6') => return Err("is a device or a pipe".to_owned()),
        Some(b'S') => return Err("is a sparse file".to_owned()),
        other => return Err(format!("is of the unknown type {:?}", other.map(|byte| char::from(*byte)))),
    };
    if matches!(kind, Kind::Directory | Kind::SymbolicLink) && size != 0 {
        return Err("is a directory or a link with content".to_owned());
    }
    let link = if kind == Kind::SymbolicLink { text(field(157, 257)).to_vec() } else { Vec::new() };
    Ok(Header { kind, name, link, size })
}

/// Reads the records `LENGTH KEY=VALUE\n` of an extended header.
pub(super) fn read_records(mut bytes: &[u8]) -> Result<Records, Refusal> {
    let malformed = || "has an extended header that does not parse".to_owned();
    let mut records = Records::default();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let (digits, _) = bytes.split_at(space);
        let length = decimal(digits).and_then(|length| usize::try_from(length).ok()).ok_or_else(malformed)?;
        let record = bytes.get(space..length).ok_or_else(malformed)?;
        bytes = bytes.get(length..).ok_or_else(malformed)?;
        let record =
            record.strip_prefix(b" ").and_then(|record| record.strip_suffix(b"\n")).ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        let (key, value) =
            (record.get(..equals).unwrap_or_default(), record.get(equals..).unwrap_or_default());
        let value = value.strip_prefix(b"=").ok_or_else(malformed)?;
        match key {
            b"path" if records.path.is_none() => records.path = Some(value.to_vec()),
            b"size" if records.size.is_none() => {
                records.size = Some(decimal(value).ok_or_else(malformed)?);
            }
            b"path" | b"size" => return Err("has a record twice in its extended header".to_owned()),
            b"linkpath" => return Err("is a link".to_owned()),
            key if key.starts_with(b"GNU.sparse.") => return Err("is a sparse file".to_owned()),
            _ => {}
        }
    }
    Ok(records)
}

/// The name of an entry below the layout's root: relative, of plain ASCII components, without a leading `./` and
/// without the slash behind a directory. The root itself is the empty name.
pub(super) fn checked_name(name: &[u8]) -> Result<String, Refusal> {
    if name.len() > ARCHIVE_NAME_BYTES {
        return Err(format!("has a name of more than {ARCHIVE_NAME_BYTES} bytes"));
    }
    let name = core::str::from_utf8(name).map_err(|_| "has a name that is no text".to_owned())?;
    let name = name.strip_prefix("./").unwrap_or(name);
    let name = name.strip_suffix('/').unwrap_or(name);
    if matches!(name, "" | ".") {
        return Ok(String::new());
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' || byte == b' ';
    if !name.bytes().all(plain) {
        return Err("has a name with characters that a layout has no use for".to_owned());
    }
    if name.split('/').any(|component| matches!(component, "" | "." | "..")) {
        return Err("has a name that is absolute or leads out of the archive".to_owned());
    }
    Ok(name.to_owned())
}

/// The name that a symbolic link at `name` leads to, below the archive's root. A link that is absolute, leads out of the
/// archive or to the root itself is refused.
pub(super) fn link_target(name: &str, link: &[u8]) -> Result<String, Refusal> {
    let link = core::str::from_utf8(link).map_err(|_| "leads to a name that is no text".to_owned())?;
    if link.starts_with('/') {
        return Err("is a link with an absolute name".to_owned());
    }
    let mut components: Vec<&str> = name.split('/').collect();
    components.pop();
    for component in link.split('/') {
        match component {
            ".." => {
                components.pop().ok_or("is a link that leads out of the archive")?;
            }
            "" | "." => {}
            component => components.push(component),
        }
    }
    match checked_name(components.join("/").as_bytes())? {
        target if target.is_empty() => Err("is a link that leads to no file".to_owned()),
        target => Ok(target),
    }
}

/// The header, or headers, of a file: mode 0644, no owner, no time.
pub(super) fn write(name: &str, size: u64) -> Vec<u8> {
    let mut records = Vec::new();
    if name.len() > NAME_BYTES {
        records.extend(record("path", name));
    }
    if size >= OCTAL_END {
        records.extend(record("size", &size.to_string()));
    }
    let mut bytes = Vec::new();
    if !records.is_empty() {
        bytes.extend(block("pax", b'x', records.len() as u64));
        let padding = padding(records.len() as u64);
        bytes.extend(records);
        bytes.resize(bytes.len().saturating_add(padding), 0);
    }
    bytes.extend(block(name, b'0', if size < OCTAL_END { size } else { 0 }));
    bytes
}

/// Bytes between content of this size and the next header.
pub(super) fn padding(size: u64) -> usize {
    let padded = size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size);
    usize::try_from(padded.saturating_sub(size)).unwrap_or_default()
}

fn block(name: &str, kind: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    put(0, name.as_bytes().get(..NAME_BYTES).unwrap_or(name.as_bytes()));
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\0{:011o}\0", 0).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    let sum = block.iter().fold(0_u64, |sum, byte| sum.saturating_add(u64::from(*byte)));
    for (to, from) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    block
}

/// A record, whose length counts its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    loop {
        let text = format!("{length}{rest}");
        if text.len() == length {
            return text.into_bytes();
        }
        length = text.len();
    }
}

/// The bytes of a field before its first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A size: octal digits, or the binary form of GNU tar.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, 0, 0, 0, rest @ ..] => {
            let bytes = <[u8; 8]>::try_from(rest).ok()?;
            Some(u64::from_be_bytes(bytes)).filter(|size| i64::try_from(*size).is_ok())
        }
        _ => octal(field),
    }
}

/// Octal digits, perhaps with blanks before them, and with blanks or zeros behind them.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|byte| *byte != b' ')?;
    let digits = field.get(start..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() || !rest.iter().all(|byte| matches!(byte, b' ' | 0)) {
        return None;
    }
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, 8).ok()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> Header {
        read(bytes.last_chunk().unwrap()).unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        let short = write("index.json", 7);
        assert_eq!(short.len(), BLOCK);
        assert_eq!((header(&short).name.as_slice(), header(&short).size), (&b"index.json"[..], 7));
        let name = format!("blobs/sha512/{}", "a".repeat(128));
        let long = write(&name, OCTAL_END);
        assert_eq!(long.len(), 3 * BLOCK);
        let extended = read(long[..BLOCK].try_into().unwrap()).unwrap();
        assert_eq!(extended.kind, Kind::Extended);
        let end = BLOCK + usize::try_from(extended.size).unwrap();
        let expected = Records { path: Some(name.into_bytes()), size: Some(OCTAL_END) };
        assert_eq!(read_records(&long[BLOCK..end]).unwrap(), expected);
        assert_eq!(header(&long).size, 0);
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for (count, length) in [(1, 9), (90, 99), (91, 101), (92, 102)] {
            let record = record("path", &"a".repeat(count));
            assert_eq!(record.len(), length);
            assert!(record.starts_with(format!("{length} path=").as_bytes()));
        }
    }

    #[test]
    fn records_are_read_in_one_way_only() {
        assert_eq!(read_records(b"8 size=7").unwrap_err(), "has an extended header that does not parse");
        assert_eq!(read_records(b"9 size=7\n").unwrap().size, Some(7));
        for bad in [
            &b"9 size=7\n9 size=7\n"[..],
            b"11 size=7\n",
            b"0 size=7\n",
            b" size=7\n",
            b"+9 size=7\n",
            b"10 size=-7\n",
            b"9 size:7\n",
            b"99999999999999999999 a=b\n",
            b"22 GNU.sparse.major=1\n",
        ] {
            assert!(read_records(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn sizes_are_read_in_one_way_only() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"         17 "), Some(15));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]), Some(OCTAL_END));
        for bad in [
            &b"00000000018\0"[..],
            b"0000000 017\0",
            b"-0000000017\0",
            b"            ",
            &[0; 12],
            &[0xff; 12],
            &[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_stay_inside() {
        for (name, checked) in [
            (&b"index.json"[..], "index.json"),
            (b"./blobs/sha256/", "blobs/sha256"),
            (b"./", ""),
            (b".", ""),
            (b"a b/c", "a b/c"),
        ] {
            assert_eq!(checked_name(name).unwrap(), checked);
        }
        for bad in
            [&b"/index.json"[..], b"../x", b"a/../b", b"a//b", b"a/./b", b"./../x", b"a\\b", b"a\nb", b"\xff"]
        {
            assert!(checked_name(bad).is_err(), "{bad:?}");
        }
        assert!(checked_name(&[b'a'; ARCHIVE_NAME_BYTES]).is_ok());
        assert!(checked_name(&[b'a'; ARCHIVE_NAME_BYTES + 1]).is_err());
    }
}
