//! What an archive holds and where: one pass over the headers, without unpacking anything.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};

use waxseal_core::limits::{
    ARCHIVE_ENTRIES, ARCHIVE_EXTENSION_BYTES, ARCHIVE_LINKS, ARCHIVE_NAME_BYTES, ARCHIVE_PADDING_BYTES,
};

use super::header::{self, BLOCK, Header, Kind, OCTAL_END, Records};
use crate::error::{Error, ErrorKind};

/// How compressed files begin, and what unpacks them.
pub(super) const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2")];

/// Where the content of a file stands, in bytes from the beginning of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) size: u64,
}

/// The files of an archive, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    names: Vec<String>,
    spans: HashMap<String, Span>,
    /// Symbolic links, and what they lead to.
    links: HashMap<String, String>,
}

/// Whether an archive may have symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    Refused,
    /// Between entries of the archive, and never as a directory.
    Noted,
}

impl Table {
    /// Reads all headers of `file`, which has `length` bytes. `shown` names it in errors.
    pub(super) fn read(
        file: &mut (impl Read + Seek),
        length: u64,
        links: Links,
        shown: &str,
    ) -> Result<Self, Error> {
        Scan::of(file, length, links, shown).run()
    }

    /// The same of an archive that is packed in frames, of which `frames` says where each begins and how much it holds.
    /// Entries must begin where frames do: to look for a header behind other content, that would have to be unpacked,
    /// once for each header, and a small file may hold any number of bytes.
    pub(super) fn read_packed(
        file: &mut (impl Read + Seek),
        frames: &[(u64, u64)],
        length: u64,
        shown: &str,
    ) -> Result<Self, Error> {
        Scan { frames: Some(frames), ..Scan::of(file, length, Links::Refused, shown) }.run()
    }

    /// Adds a file. One of the name that is there already is an error that the caller has excluded.
    pub(super) fn add(&mut self, name: &str, span: Span) {
        if self.spans.insert(name.to_owned(), span).is_none() {
            self.names.push(name.to_owned());
        }
    }

    pub(super) fn span(&self, name: &str) -> Option<Span> {
        self.spans.get(name).copied()
    }

    /// Where the file of a name stands, if need be behind a few links.
    pub(super) fn follow(&self, name: &str) -> Result<Option<Span>, String> {
        let mut name = name;
        for _ in 0..=ARCHIVE_LINKS {
            match self.links.get(name) {
                Some(target) => name = target,
                None => return Ok(self.span(name)),
            }
        }
        Err(format!("leads through more than {ARCHIVE_LINKS} symbolic links"))
    }

    /// Whether there are links.
    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, Span)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.span(name)?)))
    }
}

struct Scan<'a, F> {
    file: &'a mut F,
    length: u64,
    shown: &'a str,
    links: Links,
    /// Where frames begin, if it is packed.
    frames: Option<&'a [(u64, u64)]>,
    at: u64,
    table: Table,
    directories: HashSet<String>,
}

impl<'a, F: Read + Seek> Scan<'a, F> {
    fn of(file: &'a mut F, length: u64, links: Links, shown: &'a str) -> Self {
        let (table, directories) = (Table::default(), HashSet::new());
        Self { file, length, shown, links, frames: None, at: 0, table, directories }
    }

    fn run(mut self) -> Result<Table, Error> {
        self.refuse_compressed()?;
        let mut next = Records::default();
        let mut extended = false;
        let mut entries = 0_usize;
        loop {
            // What follows an extended header stands in its frame, and near: those have a limit.
            if !extended {
                self.begins_frame()?;
            }
            let block = self.block()?;
            if block.iter().all(|byte| *byte == 0) {
                if extended {
                    return Err(self.refuse("ends behind an extended header"));
                }
                self.end()?;
                self.refuse_linked_directories()?;
                return Ok(self.table);
            }
            entries = entries.saturating_add(1);
            if entries > ARCHIVE_ENTRIES {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{} has more than {ARCHIVE_ENTRIES} entries", self.shown),
                ));
            }
            let header =
                header::read(&block).map_err(|why| self.refuse(&format!("has an entry that {why}")))?;
            match header.kind {
                Kind::Extended | Kind::LongName | Kind::Global if extended => {
                    return Err(self.refuse("has two extended headers for one entry"));
                }
                Kind::Extended => {
                    next = self.records(&header, ARCHIVE_EXTENSION_BYTES)?;
                    extended = true;
                }
                Kind::LongName => {
                    let name = self.content(&header, (ARCHIVE_NAME_BYTES as u64).saturating_add(1))?;
                    let name = name.strip_suffix(b"\0").unwrap_or(&name).to_vec();
                    next = Records { path: Some(name), size: None };
                    extended = true;
                }
                Kind::Global => {
                    if self.records(&header, ARCHIVE_EXTENSION_BYTES)? != Records::default() {
                        return Err(self.refuse("has a global header that names or sizes entries"));
                    }
                }
                Kind::SymbolicLink if self.links == Links::Refused => {
                    return Err(self.refuse(&format!("has an entry that {}", header::SYMBOLIC_LINK)));
                }
                Kind::File | Kind::Directory | Kind::SymbolicLink => {
                    self.entry(&header, &core::mem::take(&mut next))?;
                    extended = false;
                }
            }
        }
    }

    fn begins_frame(&self) -> Result<(), Error> {
        let Some(frames) = self.frames.filter(|_| self.at < self.length) else { return Ok(()) };
        match frames.binary_search_by_key(&self.at, |(start, _)| *start) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.refuse("has an entry not at the beginning of a frame")),
        }
    }

    fn entry(&mut self, header: &Header, records: &Records) -> Result<(), Error> {
        let shown = records.path.as_deref().unwrap_or(&header.name);
        let shown = String::from_utf8_lossy(shown.get(..ARCHIVE_NAME_BYTES).unwrap_or(shown)).into_owned();
        let refuse = |why: &str| {
            Error::new(ErrorKind::InvalidLayout, format!("the entry {shown:?} of {} {why}", self.shown))
        };
        let size = match records.size {
            None => header.size,
            Some(size) if size == header.size => size,
            // The header cannot write such a size, so writers leave it zero.
            Some(size) if header.size == 0 && size >= OCTAL_END => size,
            Some(size) => {
                return Err(refuse(&format!("has the sizes {} and {size}", header.size)));
            }
        };
        let name = header::checked_name(records.path.as_deref().unwrap_or(&header.name))
            .map_err(|why| refuse(&why))?;
        if header.kind == Kind::Directory {
            if self.table.span(&name).is_some() || self.table.links.contains_key(&name) {
                return Err(refuse("stands twice"));
            }
            self.directories.insert(name);
            return Ok(());
        }
        if name.is_empty() {
            return Err(refuse("has no name"));
        }
        if self.table.span(&name).is_some()
            || self.table.links.contains_key(&name)
            || self.directories.contains(&name)
        {
            return Err(refuse("stands twice"));
        }
        if header.kind == Kind::SymbolicLink {
            let target = header::link_target(&name, &header.link).map_err(|why| refuse(&why))?;
            self.table.links.insert(name, target);
            return Ok(());
        }
        let span = Span { start: self.at, size };
        self.skip(size)?;
        self.table.add(&name, span);
        Ok(())
    }

    fn records(&mut self, header: &Header, limit: u64) -> Result<Records, Error> {
        let bytes = self.content(header, limit)?;
        header::read_records(&bytes).map_err(|why| self.refuse(&format!("has an entry that {why}")))
    }

    fn content(&mut self, header: &Header, limit: u64) -> Result<Vec<u8>, Error> {
        if header.size > limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{} has an extended header of {} bytes, the limit is {limit}",
                    self.shown, header.size
                ),
            ));
        }
        let start = self.at;
        self.skip(header.size)?;
        let mut bytes = vec![0; usize::try_from(header.size).unwrap_or_default()];
        self.read_at(start, &mut bytes)?;
        Ok(bytes)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Error> {
        let mut block = [0; BLOCK];
        let start = self.at;
        self.advance(BLOCK as u64)?;
        self.read_at(start, &mut block)?;
        Ok(block)
    }

    /// Passes over content and what pads it.
    fn skip(&mut self, size: u64) -> Result<(), Error> {
        self.advance(size)?;
        self.advance(header::padding(size) as u64)
    }

    fn advance(&mut self, count: u64) -> Result<(), Error> {
        match self.at.checked_add(count).filter(|at| *at <= self.length) {
            Some(at) => {
                self.at = at;
                Ok(())
            }
            None => Err(self.refuse("is cut off")),
        }
    }

    fn read_at(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|error| self.failed(error))
    }

    /// After the first zero block: a second one, and then nothing but zeros.
    fn end(&mut self) -> Result<(), Error> {
        let left = self.length.saturating_sub(self.at);
        if left < BLOCK as u64 {
            return Err(self.refuse("is cut off in its end marker"));
        }
        if left > ARCHIVE_PADDING_BYTES {
            return Err(self.refuse("goes on behind its end marker"));
        }
        let mut rest = vec![0; usize::try_from(left).unwrap_or_default()];
        self.read_at(self.at, &mut rest)?;
        if rest.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(self.refuse("goes on behind its end marker"))
        }
    }

    /// What stands below a link would be written elsewhere by whoever unpacks the archive.
    fn refuse_linked_directories(&self) -> Result<(), Error> {
        let table = &self.table;
        let names = table.names.iter().chain(table.links.keys()).chain(&self.directories);
        for name in names.filter(|_| table.has_links()) {
            let mut above = name.as_str();
            while let Some((parent, _)) = above.rsplit_once('/') {
                if table.links.contains_key(parent) {
                    return Err(self.refuse(&format!("has {name:?} below the symbolic link {parent:?}")));
                }
                above = parent;
            }
        }
        Ok(())
    }

    fn refuse_compressed(&mut self) -> Result<(), Error> {
        let mut first = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.by_ref().take(8).read_to_end(&mut first));
        read.map_err(|error| self.failed(error))?;
        match COMPRESSED.iter().find(|(magic, _)| first.starts_with(magic)) {
            Some((_, name)) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("{} is compressed: unpack it with {name} -d first", self.shown),
            )),
            None => Ok(()),
        }
    }

    fn refuse(&self, why: &str) -> Error {
        Error::new(ErrorKind::InvalidLayout, format!("{} {why} (byte {})", self.shown, self.at))
    }

    fn failed(&self, error: io::Error) -> Error {
        super::unreadable(self.shown, error)
    }
}
