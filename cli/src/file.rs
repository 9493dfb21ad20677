//! Files that are written: whole or not at all, never through a symbolic link, and never over a private key or what the
//! command reads (T-62).

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use waxseal_core::limits::KEY_FILE_BYTES;

use crate::fault::Fault;
use crate::output;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its owner alone: 0600.
    Secret,
    /// Everybody, less what the umask takes away: 0644.
    Public,
}

/// Says before anything is done what cannot be written: a target that the command reads too, or writes twice (`--output-file`
/// is one of its targets), one that holds a private key, a directory, a symbolic link.
pub(crate) fn fits<'a>(
    targets: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Fault> {
    let targets: Vec<_> = targets.into_iter().chain(output::redirected()).collect();
    let inputs: Vec<_> = inputs.into_iter().collect();
    for (at, target) in targets.iter().enumerate() {
        // A pipe or a device holds nothing that could be lost.
        if standing(target)? == There::Stream {
            continue;
        }
        let others = inputs.iter().chain(targets.iter().skip(at.saturating_add(1)));
        if let Some(other) = others.into_iter().find(|other| resolved(other) == resolved(target)) {
            output::forgo();
            return Err(Fault::usage(format!(
                "{} would be overwritten: this command reads it too, or writes it twice",
                other.display()
            ))
            .hint("name another file"));
        }
        spares_keys(target)?;
    }
    Ok(())
}

/// The path of a file without links and detours, whether the file stands there or not.
fn resolved(path: &Path) -> PathBuf {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let beside = || Some(real(folder(path))?.join(path.file_name()?));
    real(path).or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Writes a file in one step, over one that stands there. A pipe or a device is written to as it is.
pub(crate) fn write(target: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut file = Growing::new(target)?;
    file.write_all(bytes).map_err(|error| Fault::file(target, "written", &error))?;
    file.finish()
}

/// Replaces a file in one step; who may read and write it stays as it was.
pub(crate) fn replace(target: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::file(target, "written", &error);
    let mut file = Growing::new(target)?;
    if let (Sink::Staged(staged), Ok(there)) = (&file.sink, target.metadata()) {
        staged.as_file().set_permissions(there.permissions()).map_err(failed)?;
    }
    file.write_all(bytes).map_err(failed)?;
    file.finish()
}

/// A file that is written bit by bit, and stands under its name only when it is finished. A pipe or a device is
/// written to as it is.
#[derive(Debug)]
pub(crate) struct Growing {
    sink: Sink,
    target: PathBuf,
}

#[derive(Debug)]
enum Sink {
    Stream(File),
    Staged(NamedTempFile),
}

impl Growing {
    /// Begins to write; what stands at the target stays until the end.
    pub(crate) fn new(target: &Path) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::file(target, "written", &error);
        // The directory of the command may change under way.
        let whole = std::path::absolute(target).map_err(failed)?;
        let sink = if standing(target)? == There::Stream {
            // Whoever opened the stream may have written to it before.
            Sink::Stream(File::options().append(true).open(target).map_err(failed)?)
        } else {
            spares_keys(target)?;
            Sink::Staged(staged(&whole, Mode::Public).map_err(failed)?)
        };
        Ok(Self { sink, target: whole })
    }

    /// Puts the file in its place.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        let Sink::Staged(file) = self.sink else { return Ok(()) };
        // A key may have been made there since.
        if standing(&self.target)? == There::File {
            spares_keys(&self.target)?;
        }
        publish(file, &self.target, true)
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Stream(file) => file.write(bytes),
            Sink::Staged(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stream(file) => file.flush(),
            Sink::Staged(file) => file.flush(),
        }
    }
}

/// A private key is never replaced by something else: there is no other copy of many of them.
fn spares_keys(target: &Path) -> Result<(), Fault> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    match File::open(target) {
        Ok(file) => file.take(KEY_FILE_BYTES).read_to_end(&mut bytes).map(|_| ()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| Fault::file(target, "looked at before it is overwritten", &error))?;
    let mark = b"PRIVATE KEY-----";
    if bytes.windows(mark.len()).any(|window| window == mark) {
        return Err(Fault::usage(format!(
            "{} holds a private key, and is not overwritten",
            target.display()
        ))
        .hint("name another file"));
    }
    Ok(())
}

/// The two files of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPair {
    /// The private key, encrypted.
    pub(crate) private: PathBuf,
    /// The public key.
    pub(crate) public: PathBuf,
    overwrite: bool,
}

impl KeyPair {
    /// The files `PREFIX.key` and `PREFIX.pub`, which must not stand there unless they may be overwritten. What
    /// stands there and is no plain file is never overwritten.
    pub(crate) fn new(prefix: &str, overwrite: bool) -> Result<Self, Fault> {
        if prefix.is_empty() || prefix.ends_with('/') {
            return Err(Fault::usage("--output-key-prefix names no file"));
        }
        let pair = Self {
            private: PathBuf::from(format!("{prefix}.key")),
            public: PathBuf::from(format!("{prefix}.pub")),
            overwrite,
        };
        for target in [&pair.private, &pair.public] {
            match standing(target)? {
                There::Nothing => {}
                There::Stream => {
                    return Err(Fault::usage(format!("{} is no plain file", target.display())));
                }
                There::File if overwrite => {}
                There::File => return Err(stands(target)),
            }
        }
        Ok(pair)
    }

    /// Writes both files or none.
    pub(crate) fn write(&self, private: &str, public: &str) -> Result<(), Fault> {
        let private = Staged::new(&self.private, private.as_bytes(), Mode::Secret)?;
        let staged = Staged::new(&self.public, public.as_bytes(), Mode::Public)?;
        let before = if self.overwrite { std::fs::read(&self.public).ok() } else { None };
        // The private key comes last: an old one is never lost for a new one that cannot be written.
        staged.publish(self.overwrite)?;
        private.publish(self.overwrite).inspect_err(|_| {
            // Nothing more can be done where this fails too.
            let _ = match before {
                Some(before) => {
                    Staged::new(&self.public, &before, Mode::Public).and_then(|staged| staged.publish(true))
                }
                None => std::fs::remove_file(&self.public).map_err(Fault::from),
            };
        })
    }
}

/// A file that is whole and stands beside its target under another name, until it is published or dropped.
struct Staged<'a> {
    file: NamedTempFile,
    target: &'a Path,
}

impl<'a> Staged<'a> {
    fn new(target: &'a Path, bytes: &[u8], mode: Mode) -> Result<Self, Fault> {
        let write = || -> io::Result<NamedTempFile> {
            let mut file = staged(target, mode)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|error| Fault::file(target, "written", &error))?;
        Ok(Self { file, target })
    }

    fn publish(self, overwrite: bool) -> Result<(), Fault> {
        publish(self.file, self.target, overwrite)
    }
}

/// An empty file beside its target.
fn staged(target: &Path, mode: Mode) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".waxseal-").suffix(".part");
    permitted(&mut builder, mode).tempfile_in(folder(target))
}

fn publish(file: NamedTempFile, target: &Path, overwrite: bool) -> Result<(), Fault> {
    file.as_file().sync_all().map_err(|error| Fault::file(target, "written", &error))?;
    let done = if overwrite { file.persist(target) } else { file.persist_noclobber(target) };
    match done {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(stands(target)),
        Err(failed) => Err(Fault::file(target, "written", &failed.error)),
    }
}

fn folder(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn permitted<'a, 'b, 'c>(builder: &'c mut Builder<'a, 'b>, mode: Mode) -> &'c mut Builder<'a, 'b> {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(std::fs::Permissions::from_mode(match mode {
        Mode::Secret => 0o600,
        Mode::Public => 0o644,
    }))
}

#[cfg(not(unix))]
fn permitted<'a, 'b, 'c>(builder: &'c mut Builder<'a, 'b>, _: Mode) -> &'c mut Builder<'a, 'b> {
    builder
}

/// What stands at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    File,
    /// A pipe, a device, or a stream that the program was started with.
    Stream,
}

/// What stands at the target. A symbolic link is refused: whoever can write into the folder could lead the write
/// to any other file. The links of the system to the streams of this process are nobody else's.
fn standing(target: &Path) -> Result<There, Fault> {
    if is_own_stream(target) {
        return Ok(There::Stream);
    }
    match target.symlink_metadata() {
        Ok(there) if there.is_symlink() => {
            Err(Fault::usage(format!("{} is a symbolic link, which is not followed", target.display()))
                .hint("name the file that it leads to"))
        }
        Ok(there) if there.is_dir() => Err(Fault::usage(format!("{} is a directory", target.display()))),
        Ok(there) if there.is_file() => Ok(There::File),
        Ok(_) => Ok(There::Stream),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(There::Nothing),
        Err(error) => Err(Fault::file(target, "written", &error)),
    }
}

fn is_own_stream(target: &Path) -> bool {
    let number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    match target.to_str() {
        Some("/dev/stdout" | "/dev/stderr") => true,
        Some(path) => {
            path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/")).is_some_and(number)
        }
        None => false,
    }
}

fn stands(target: &Path) -> Fault {
    Fault::usage(format!("{} stands there already", target.display()))
        .hint("choose another --output-key-prefix; --overwrite (-y) destroys the old key for good")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("app").display().to_string();
        let pair = KeyPair::new(&prefix, false).unwrap();
        // Somebody else is faster with the second file.
        std::fs::write(&pair.private, "theirs").unwrap();
        assert_eq!(pair.write("private", "public").unwrap_err().exit(), crate::exit::Exit::Usage);
        assert_eq!(std::fs::read_to_string(&pair.private).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        std::fs::remove_file(&pair.private).unwrap();
        pair.write("private", "public").unwrap();
        assert_eq!(std::fs::read_to_string(&pair.private).unwrap(), "private");
        assert_eq!(std::fs::read_to_string(&pair.public).unwrap(), "public");
        assert!(KeyPair::new(&prefix, false).is_err());
    }

    #[test]
    fn an_old_pair_survives_a_new_one_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("app").display().to_string();
        let pair = KeyPair::new(&prefix, true).unwrap();
        std::fs::write(&pair.public, "old").unwrap();
        std::fs::create_dir(&pair.private).unwrap();
        assert!(pair.write("private", "public").is_err());
        assert_eq!(std::fs::read_to_string(&pair.public).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
