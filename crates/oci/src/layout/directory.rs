//! The files of a layout directory, and no file outside it.
//!
//! The directory is opened once and everything below it is opened from there, name by name, without following a
//! symbolic link (T-60): a directory that is swapped while it is read changes nothing. What is read must be a
//! regular file. What is written stands in a temporary file until it is whole, and is renamed then (T-62).

#[cfg(not(unix))]
compile_error!("layout directories are opened by the system calls of Unix systems");

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::direct::DirectWriter;
use crate::error::{Error, ErrorKind};

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const OPEN_DIRECTORY: OFlags = READ.union(OFlags::DIRECTORY);
const CREATE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const TEMPORARY_PREFIX: &str = ".waxseal-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

/// A file that is being written and has no name yet that anyone looks for. Dropped, it is deleted.
#[derive(Debug)]
pub(crate) struct Temporary<'a> {
    directory: &'a Directory,
    file: File,
    name: String,
}

impl Directory {
    /// Opens the directory that a person named; a link there is followed, because the person chose it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path: path.to_owned() }),
            Err(Errno::NOENT) => {
                Err(Error::new(ErrorKind::NotFound, format!("the directory {} is not there", path.display())))
            }
            Err(Errno::NOTDIR) => {
                Err(Error::new(ErrorKind::InvalidLayout, format!("{} is no directory", path.display())))
            }
            Err(error) => Err(io_error("open", path.display(), error.into())),
        }
    }

    /// Opens the directory, after making it where it is missing.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(|error| io_error("create", path.display(), error))?;
        Self::open(path)
    }

    /// The regular file at these names, or none. Its size is the one of the opened file.
    pub(crate) fn file(&self, names: &[&str]) -> Result<Option<(File, u64)>, Error> {
        let Some((last, parents)) = names.split_last() else { return Ok(None) };
        let Some(parent) = self.descend(parents)? else { return Ok(None) };
        let shown = || self.shown(names);
        let handle = match rustix::fs::openat(&parent, *last, READ, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(not_regular(&shown(), "a symbolic link")),
            Err(Errno::NXIO) => return Err(not_regular(&shown(), "a socket or a device")),
            Err(error) => return Err(io_error("open", shown(), error.into())),
        };
        let file = File::from(handle);
        let metadata = file.metadata().map_err(|error| io_error("read", shown(), error))?;
        if metadata.is_file() {
            Ok(Some((file, metadata.len())))
        } else if metadata.is_dir() {
            Err(not_regular(&shown(), "a directory"))
        } else {
            Err(not_regular(&shown(), "a pipe or a device"))
        }
    }

    /// The whole file at these names, or none; more than `limit` bytes are an error.
    pub(crate) fn read(&self, names: &[&str], limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some((file, size)) = self.file(names)? else { return Ok(None) };
        let too_large = || {
            let shown = self.shown(names);
            Error::new(ErrorKind::LimitExceeded, format!("{shown} has more than {limit} bytes"))
        };
        if size > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| io_error("read", self.shown(names), error))?;
        if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(Some(bytes)) }
    }

    /// The names in the directory at these names, in no order; none where it is missing. More than `limit` names
    /// are an error.
    pub(crate) fn names(&self, names: &[&str], limit: usize) -> Result<Vec<String>, Error> {
        let Some(handle) = self.descend(names)? else { return Ok(Vec::new()) };
        let failed = |error: Errno| io_error("list", self.shown(names), error.into());
        let mut found = Vec::new();
        for entry in Dir::read_from(&handle).map_err(failed)? {
            // A name that is no text cannot be one that a layout gives.
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            if found.len() >= limit {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{} has more than {limit} entries", self.shown(names)),
                ));
            }
            found.push(name.to_owned());
        }
        Ok(found)
    }

    /// A new temporary file, locked until it has its name.
    pub(crate) fn temporary(&self) -> Result<Temporary<'_>, Error> {
        let failed = |error| io_error("create a file in", self.path.display(), error);
        loop {
            let mut random = [0_u8; 8];
            getrandom::fill(&mut random).map_err(|error| {
                Error::new(ErrorKind::Io, "no random name for a temporary file").caused_by(error)
            })?;
            let name = format!("{TEMPORARY_PREFIX}{:016x}{TEMPORARY_SUFFIX}", u64::from_ne_bytes(random));
            let mode = Mode::from_raw_mode(0o644);
            let handle = rustix::fs::openat(&self.handle, name.as_str(), CREATE, mode)
                .map_err(|error| failed(error.into()))?;
            let file = File::from(handle);
            match file.lock() {
                // A file system without locks: nobody can tell that the file is left over, so nobody removes it.
                Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(failed(error)),
                _ => {}
            }
            // Somebody who cleans up may have been faster than the lock.
            if file.metadata().map_err(failed)?.nlink() > 0 {
                return Ok(Temporary { directory: self, file, name });
            }
        }
    }

    /// Removes the temporary files that a program left when it was killed: those that nobody has locked. More than
    /// `limit` names in the directory are left as they are.
    pub(crate) fn clean(&self, limit: usize) -> Result<(), Error> {
        let Ok(names) = self.names(&[], limit) else { return Ok(()) };
        for name in names.iter().filter(|name| is_temporary(name)) {
            let Ok(Some((file, _))) = self.file(&[name]) else { continue };
            if file.try_lock().is_ok() {
                self.remove(&[name])?;
            }
        }
        Ok(())
    }

    /// A lock that one writer holds at a time, in this process or another, until it is dropped. It is the one of
    /// the marker file `oci-layout`, which is never replaced, so that no file of its own is left behind.
    pub(crate) fn lock(&self, marker: &str) -> Result<File, Error> {
        let failed = |error| io_error("lock", self.shown(&[marker]), error);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let handle = rustix::fs::openat(&self.handle, marker, flags, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        let file = File::from(handle);
        match file.lock() {
            // A file system without locks: the index is still read again right before it is replaced.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
            Err(error) => Err(failed(error)),
            Ok(()) => Ok(file),
        }
    }

    /// Sees to it that the names in the directory at these names are on disk, if there is one.
    pub(crate) fn sync(&self, names: &[&str]) -> Result<(), Error> {
        let Some(handle) = self.descend(names)? else { return Ok(()) };
        match rustix::fs::fsync(&handle) {
            // Some file systems do not sync directories.
            Ok(()) | Err(Errno::INVAL | Errno::BADF) => Ok(()),
            Err(error) => Err(io_error("write", self.shown(names), error.into())),
        }
    }

    /// Removes the file at these names, if it is there.
    pub(crate) fn remove(&self, names: &[&str]) -> Result<(), Error> {
        let Some((last, parents)) = names.split_last() else { return Ok(()) };
        let Some(parent) = self.descend(parents)? else { return Ok(()) };
        match rustix::fs::unlinkat(&parent, *last, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(io_error("remove", self.shown(names), error.into())),
        }
    }

    /// How the file at these names is shown.
    pub(crate) fn shown(&self, names: &[&str]) -> String {
        names.iter().fold(self.path.clone(), |path, name| path.join(name)).display().to_string()
    }

    /// The directory at these names, which may be none; or nothing where one is missing.
    fn descend(&self, names: &[&str]) -> Result<Option<OwnedFd>, Error> {
        let mut current =
            self.handle.try_clone().map_err(|error| io_error("open", self.path.display(), error))?;
        for (depth, name) in names.iter().enumerate() {
            match rustix::fs::openat(&current, *name, OPEN_DIRECTORY, Mode::empty()) {
                Ok(handle) => current = handle,
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => {
                    let shown = self.shown(names.get(..=depth).unwrap_or(names));
                    return Err(match error {
                        Errno::LOOP | Errno::NOTDIR => Error::new(
                            ErrorKind::InvalidLayout,
                            format!("{shown} is no directory (a symbolic link is not followed)"),
                        ),
                        error => io_error("open", shown, error.into()),
                    });
                }
            }
        }
        Ok(Some(current))
    }

    fn make(&self, names: &[&str]) -> Result<OwnedFd, Error> {
        for depth in 0..names.len() {
            let (parents, last) = names.split_at(depth);
            let (Some(parent), Some(name)) = (self.descend(parents)?, last.first()) else { break };
            match rustix::fs::mkdirat(&parent, *name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(io_error("create", self.shown(names), error.into())),
            }
        }
        self.descend(names)?.ok_or_else(|| {
            Error::new(ErrorKind::Io, format!("{} was removed while it was written", self.shown(names)))
        })
    }
}

impl Temporary<'_> {
    /// A writer of all of the file, which will have about `size` bytes.
    pub(crate) fn writer(&self, size: u64) -> DirectWriter<&File> {
        DirectWriter::begin(&self.file, 0, size)
    }

    /// Gives the file its name, once its bytes are on disk. What stood there is replaced. The name itself is on disk
    /// after [`Directory::sync`].
    pub(crate) fn place(self, names: &[&str]) -> Result<(), Error> {
        let Some((last, parents)) = names.split_last() else { return Ok(()) };
        let failed = |error: io::Error| io_error("write", self.directory.shown(names), error);
        self.file.sync_all().map_err(failed)?;
        let parent = self.directory.make(parents)?;
        rustix::fs::renameat(&self.directory.handle, self.name.as_str(), &parent, *last)
            .map_err(|error| failed(error.into()))
    }
}

impl Write for Temporary<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // After `place` the name is gone already.
        let _ = rustix::fs::unlinkat(&self.directory.handle, self.name.as_str(), AtFlags::empty());
    }
}

/// Whether a file has the name of one that is being written.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY_PREFIX).is_some_and(|name| name.ends_with(TEMPORARY_SUFFIX))
}

fn not_regular(shown: &str, found: &str) -> Error {
    Error::new(ErrorKind::InvalidLayout, format!("{shown} is {found}, expected a regular file"))
}

pub(crate) fn io_error(verb: &str, what: impl core::fmt::Display, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {verb} {what}")).caused_by(error)
}
