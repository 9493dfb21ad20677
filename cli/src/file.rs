//! Files that are written: whole or not at all, and never through a symbolic link (T-62).

use std::fs::Metadata;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::fault::Fault;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its owner alone: 0600.
    Secret,
    /// Everybody, less what the umask takes away: 0644.
    Public,
}

/// Writes a file in one step, over one that stands there. A pipe or a device is written to as it is.
pub(crate) fn write(target: &Path, bytes: &[u8]) -> Result<(), Fault> {
    match standing(target)? {
        Some(there) if !there.is_file() => std::fs::OpenOptions::new()
            .write(true)
            .open(target)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| Fault::file(target, "written", &error)),
        _ => Staged::new(target, bytes, Mode::Public)?.publish(true),
    }
}

/// Says before anything is done what cannot be written: a target that the command reads too, or writes twice.
pub(crate) fn fits<'a>(
    targets: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Fault> {
    let targets: Vec<_> = targets.into_iter().collect();
    let inputs: Vec<_> = inputs.into_iter().collect();
    for (at, target) in targets.iter().enumerate() {
        let mut others = inputs.iter().chain(targets.iter().skip(at.saturating_add(1)));
        if let Some(other) = others.find(|other| is_same(target, other)) {
            return Err(Fault::usage(format!("{} would be overwritten", other.display())));
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(one) == real(other) && !one.starts_with("/dev")
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
            let Some(there) = standing(target)? else { continue };
            if !there.is_file() {
                return Err(Fault::usage(format!("{} is no plain file", target.display())));
            }
            if !overwrite {
                return Err(stands(target));
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
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let write = || -> io::Result<NamedTempFile> {
            let mut builder = Builder::new();
            builder.prefix(".waxseal-").suffix(".part");
            let mut file = permitted(&mut builder, mode).tempfile_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|error| Fault::file(target, "written", &error))?;
        Ok(Self { file, target })
    }

    fn publish(self, overwrite: bool) -> Result<(), Fault> {
        let Self { file, target } = self;
        let done = if overwrite { file.persist(target) } else { file.persist_noclobber(target) };
        match done {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(stands(target)),
            Err(failed) => Err(Fault::file(target, "written", &failed.error)),
        }
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

/// What stands at the target. A symbolic link is refused: whoever can write into the folder could lead the write
/// to any other file.
fn standing(target: &Path) -> Result<Option<Metadata>, Fault> {
    match target.symlink_metadata() {
        Ok(there) if there.is_symlink() => {
            Err(Fault::usage(format!("{} is a symbolic link, which is not followed", target.display()))
                .hint("name the file that it leads to"))
        }
        Ok(there) if there.is_dir() => Err(Fault::usage(format!("{} is a directory", target.display()))),
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::file(target, "written", &error)),
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
