//! An archive that is being written: a temporary file beside the target, which takes its place when it is whole.
//!
//! The headers carry no time and no owner, so that equal content in equal order gives equal bytes. The index comes
//! last: an archive that broke off has none, and no reader takes it for one.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::header;
use super::medium::Medium;
use super::table::{Span, Table};
use crate::direct::DirectWriter;
use crate::error::{Error, ErrorKind};

const END: [u8; 1024] = [0; 1024];

/// The temporary file and where its next header goes.
#[derive(Debug)]
pub(super) struct Writer {
    file: NamedTempFile,
    target: PathBuf,
    at: u64,
}

/// Which file stood at the target when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
    mode: u32,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            mode: metadata.mode(),
        }
    }
}

impl Writer {
    /// Begins a file beside `target`.
    pub(super) fn begin(target: &Path) -> Result<Self, Error> {
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".waxseal-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(parent)
            .map_err(|error| failed(target, error))?;
        Ok(Self { file, target: target.to_owned(), at: 0 })
    }

    /// A second handle on what was written, for reading.
    pub(super) fn reader(&self) -> Result<File, Error> {
        self.file.reopen().map_err(|error| failed(&self.target, error))
    }

    /// Begins a file of the archive. Content follows by [`Self::write`] or [`Self::content`], then [`Self::end_file`].
    pub(super) fn begin_file(&mut self, name: &str, size: u64) -> Result<Span, Error> {
        let header = header::write(name, size);
        self.seek()?;
        self.write(&header)?;
        Ok(Span { start: self.at.saturating_add(header.len() as u64), size })
    }

    /// A writer of the content of a file that may be large.
    pub(super) fn content(&self, span: Span) -> Content<'_> {
        let writer = DirectWriter::begin(self.file.as_file(), span.start, span.size);
        Content { writer, target: &self.target }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.as_file_mut().write_all(bytes).map_err(|error| failed(&self.target, error))
    }

    /// Pads the content of a file. Only now does it count as written.
    pub(super) fn end_file(&mut self, span: Span) -> Result<(), Error> {
        let padding = header::padding(span.size);
        let end = span.start.saturating_add(span.size);
        self.file.as_file_mut().seek(SeekFrom::Start(end)).map_err(|error| failed(&self.target, error))?;
        self.write(END.get(..padding).unwrap_or_default())?;
        self.at = end.saturating_add(padding as u64);
        Ok(())
    }

    /// A whole small file.
    pub(super) fn file(&mut self, name: &str, bytes: &[u8]) -> Result<Span, Error> {
        let span = self.begin_file(name, bytes.len() as u64)?;
        self.write(bytes)?;
        self.end_file(span)?;
        Ok(span)
    }

    /// Copies a file of another archive.
    pub(super) fn copy(&mut self, name: &str, from: &Arc<Medium>, span: Span) -> Result<Span, Error> {
        let written = self.begin_file(name, span.size)?;
        let copied = io::copy(&mut from.slice(span.start, span.size), self.file.as_file_mut());
        if copied.map_err(|error| failed(&self.target, error))? != span.size {
            return Err(Error::new(
                ErrorKind::InvalidLayout,
                format!("{name} of {} is cut off", self.target.display()),
            ));
        }
        self.end_file(written)?;
        Ok(written)
    }

    /// Writes the end marker and puts the file in the place of the target. `before` is what stood there when it
    /// was read: another file there now is an error, and stays.
    pub(super) fn finish(mut self, before: Option<Identity>) -> Result<Identity, Error> {
        self.seek()?;
        self.write(&END)?;
        let target = self.target.clone();
        let failed = |error| failed(&target, error);
        if let Some(before) = before {
            let permissions = Permissions::from_mode(before.mode & 0o7777);
            self.file.as_file().set_permissions(permissions).map_err(failed)?;
        }
        self.file.as_file().sync_all().map_err(failed)?;
        // Two writers of one archive: the second waits here, then finds another file than the one it read.
        let lock = match File::open(&target) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if let Some(Err(error)) = lock.as_ref().map(File::lock)
            && error.kind() != io::ErrorKind::Unsupported
        {
            return Err(failed(error));
        }
        if standing(&target)? != before {
            return Err(Error::new(
                ErrorKind::LostUpdate,
                format!("{} was written by somebody else at the same time", target.display()),
            ));
        }
        let file = match before {
            Some(_) => self.file.persist(&target),
            None => self.file.persist_noclobber(&target),
        };
        let file = file.map_err(|error| failed(error.error))?;
        if let Some(parent) = target.parent()
            && let Ok(parent) =
                File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
        {
            // Some file systems do not sync directories.
            let _ = parent.sync_all();
        }
        Ok(Identity::of(&file.metadata().map_err(failed)?))
    }

    /// Goes to where the next header belongs, and forgets a file that broke off there.
    fn seek(&mut self) -> Result<(), Error> {
        let at = self.at;
        let file = self.file.as_file_mut();
        let seek = file.set_len(at).and_then(|()| file.seek(SeekFrom::Start(at)));
        seek.map(|_| ()).map_err(|error| failed(&self.target, error))
    }
}

/// The content of a file of the archive.
pub(super) struct Content<'a> {
    writer: DirectWriter<&'a File>,
    target: &'a Path,
}

impl Content<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.write(bytes).map_err(|error| failed(self.target, error))
    }

    pub(super) fn end(self) -> Result<(), Error> {
        self.writer.end().map_err(|error| failed(self.target, error))
    }
}

/// What stands at the target: nothing or a regular file. A link there is not followed (T-62).
pub(super) fn standing(target: &Path) -> Result<Option<Identity>, Error> {
    match std::fs::symlink_metadata(target) {
        Ok(metadata) if metadata.is_file() => Ok(Some(Identity::of(&metadata))),
        Ok(_) => Err(Error::new(
            ErrorKind::InvalidLayout,
            format!("{} is no regular file, so it is not written to", target.display()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(target, error)),
    }
}

/// Copies what an archive holds, except some names, and gives the new table.
pub(super) fn copy_all(
    writer: &mut Writer,
    from: &Arc<Medium>,
    table: &Table,
    keep: impl Fn(&str) -> bool,
) -> Result<Table, Error> {
    let mut copied = Table::default();
    for (name, span) in table.files().filter(|(name, _)| keep(name)) {
        let span = writer.copy(name, from, span)?;
        copied.add(name, span);
    }
    Ok(copied)
}

fn failed(target: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write {}", target.display())).caused_by(error)
}
