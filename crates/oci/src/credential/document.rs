//! Changing Docker's `config.json` without touching what is not meant.
//!
//! Members keep their order and their texts, byte for byte; only the entry of one registry in `auths` is written. The
//! file comes out whole or not at all, readable by its owner alone (T-62).

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use tempfile::Builder;
use waxseal_core::{Repository, encoding};
use zeroize::Zeroizing;

use super::config::{helper_key, names_registry, trouble};
use super::secret::Secret;
use crate::error::Error;
use crate::layout::contents::blocking;
use crate::members::Members;

/// The member that holds the entries.
const AUTHS: &str = "auths";
/// What one level is set in by, as Docker does it.
const INDENT: &str = "\t";

/// What becomes of the entry of a registry.
pub(super) enum Change {
    /// User and password, in base64.
    Keep {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A helper has them: the entry says only that there is one, as Docker writes it.
    Elsewhere,
    /// The entry goes.
    Remove,
}

/// The text of the file with the change made to it; none if there is nothing to change.
pub(super) fn changed(
    path: &Path,
    before: Option<&[u8]>,
    repository: &Repository,
    change: &Change,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let broken = |_| trouble(path, "it does not parse, and is not changed");
    let before = before.filter(|bytes| !bytes.iter().all(u8::is_ascii_whitespace));
    let mut document: Members = match before {
        Some(bytes) => serde_json::from_slice(bytes).map_err(broken)?,
        None => Members(Vec::new()),
    };
    let auths = document.0.iter().position(|(name, _)| name == AUTHS);
    let mut entries = match auths.and_then(|at| document.0.get(at)) {
        Some((_, raw)) => serde_json::from_str::<Option<Members>>(raw.get()).map_err(broken)?,
        None => None,
    }
    .unwrap_or_else(|| Members(Vec::new()));
    let known = entries.0.len();
    // Under every name: an old entry under another one would be found before the new one.
    let place = entries.0.iter().position(|(key, _)| names_registry(key, repository));
    entries.0.retain(|(key, _)| !names_registry(key, repository));
    let entry = match change {
        Change::Keep { user, password } => {
            let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
            let auth = Zeroizing::new(encoding::base64_encode(pair.as_bytes()));
            Some(format!("{{\n{0}{0}{0}\"auth\": \"{1}\"\n{0}{0}}}", INDENT, auth.as_str()))
        }
        Change::Elsewhere => Some("{}".to_owned()),
        Change::Remove if entries.0.len() == known => return Ok(None),
        Change::Remove => None,
    };
    if let Some(entry) = entry {
        let raw = RawValue::from_string(entry).map_err(broken)?;
        let at = place.unwrap_or(entries.0.len()).min(entries.0.len());
        entries.0.insert(at, (helper_key(repository).to_owned(), raw));
    }
    let raw = RawValue::from_string(object(&entries, 1).map_err(broken)?).map_err(broken)?;
    match auths.and_then(|at| document.0.get_mut(at)) {
        Some((_, value)) => *value = raw,
        None => document.0.push((AUTHS.to_owned(), raw)),
    }
    let mut text = object(&document, 0).map_err(broken)?.into_bytes();
    text.push(b'\n');
    Ok(Some(Zeroizing::new(text)))
}

fn object(members: &Members, depth: usize) -> serde_json::Result<String> {
    if members.0.is_empty() {
        return Ok("{}".to_owned());
    }
    let (outer, inner) = (INDENT.repeat(depth), INDENT.repeat(depth.saturating_add(1)));
    let mut lines = Vec::new();
    for (name, value) in &members.0 {
        lines.push(format!("{inner}{}: {}", serde_json::to_string(name)?, value.get()));
    }
    Ok(format!("{{\n{}\n{outer}}}", lines.join(",\n")))
}

/// The file that is really written: a symbolic link at its place is followed, because people keep their settings
/// elsewhere, but only if the link and the file belong to whoever runs this (T-62). What is there and is no plain file
/// of theirs is an error.
pub(super) struct Target {
    path: PathBuf,
    shown: PathBuf,
}

impl Target {
    /// Looks what stands at a path, after making its directory where that is missing.
    pub(super) async fn find(path: &Path) -> Result<Self, Error> {
        let shown = path.to_owned();
        blocking(move || {
            let broken = |why: &str, error: io::Error| trouble(&shown, why).caused_by(error);
            let Some(folder) = shown.parent() else { return Err(trouble(&shown, "it has no directory")) };
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| broken("its directory cannot be made", error))?;
            let path = match std::fs::symlink_metadata(&shown) {
                Ok(there) if there.is_symlink() => {
                    let path = std::fs::canonicalize(&shown)
                        .map_err(|error| broken("it is a symbolic link that leads nowhere", error))?;
                    own(&shown, &path, there.uid())?;
                    path
                }
                Ok(there) => {
                    own(&shown, &shown, there.uid())?;
                    shown.clone()
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => shown.clone(),
                Err(error) => return Err(broken("it cannot be looked at", error)),
            };
            Ok(Self { path, shown })
        })
        .await
    }

    /// The file's own path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the text in the place of what stands there, if that is still `before`.
    pub(super) async fn write(
        &self,
        text: Zeroizing<Vec<u8>>,
        before: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), Error> {
        let (path, shown) = (self.path.clone(), self.shown.clone());
        blocking(move || {
            let broken = |error: io::Error| trouble(&shown, "it cannot be written").caused_by(error);
            let folder = path.parent().unwrap_or(Path::new("."));
            // Others who log in at the same time wait here; Docker does not, and is noticed below.
            let lock = std::fs::File::open(folder).map_err(broken)?;
            let _ = lock.lock();
            let mut file =
                Builder::new().prefix(".waxseal-").suffix(".part").tempfile_in(folder).map_err(broken)?;
            file.write_all(&text).map_err(broken)?;
            file.as_file().sync_all().map_err(broken)?;
            let standing = match std::fs::read(&path) {
                Ok(bytes) => Some(Zeroizing::new(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(broken(error)),
            };
            if standing.as_ref().map(|bytes| bytes.as_slice())
                != before.as_ref().map(|bytes| bytes.as_slice())
            {
                return Err(trouble(&shown, "somebody else has just changed it; nothing was written"));
            }
            file.persist(&path).map_err(|error| broken(error.error))?;
            Ok(())
        })
        .await
    }
}

/// Whether what stands there belongs to whoever runs this: new files in its directory do.
fn own(shown: &Path, path: &Path, link: u32) -> Result<(), Error> {
    let there =
        std::fs::metadata(path).map_err(|error| trouble(shown, "it cannot be looked at").caused_by(error))?;
    if !there.is_file() {
        return Err(trouble(shown, "it is no plain file"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let probe = tempfile::tempfile_in(folder)
        .and_then(|file| file.metadata())
        .map_err(|error| trouble(shown, "its directory cannot be written to").caused_by(error))?;
    if there.uid() != probe.uid() || link != probe.uid() {
        return Err(trouble(shown, "it belongs to another user, and is not written"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(before: &str, registry: &str, change: &Change) -> Option<String> {
        let repository = Repository::new(registry, "a").unwrap();
        let text = changed(Path::new("config.json"), Some(before.as_bytes()), &repository, change).unwrap();
        text.map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    fn keep() -> Change {
        Change::Keep { user: "robot".to_owned(), password: Secret::new("hunter2") }
    }

    #[test]
    fn what_is_not_meant_stays_byte_for_byte() {
        let before = "{\"psFormat\":\"\\u003cx\\u003e\",\n \"big\": 12345678901234567890123.50,\n\"auths\":{\"b.example\": { \"auth\" :\"Yjpi\"} },\"credHelpers\":{}}";
        let after = edit(before, "a.example", &keep()).unwrap();
        for kept in [
            "\"\\u003cx\\u003e\"",
            "12345678901234567890123.50",
            "{ \"auth\" :\"Yjpi\"}",
            "\"credHelpers\": {}",
        ] {
            assert!(after.contains(kept), "{after}");
        }
        assert!(
            after.contains("\"a.example\": {\n\t\t\t\"auth\": \"cm9ib3Q6aHVudGVyMg==\"\n\t\t}"),
            "{after}"
        );
        let again = edit(&after, "a.example", &Change::Remove).unwrap();
        assert!(!again.contains("a.example") && again.contains("{ \"auth\" :\"Yjpi\"}"), "{again}");
        assert_eq!(edit(&again, "a.example", &Change::Remove), None);
    }

    #[test]
    fn old_entries_under_other_names_go_and_namespaces_stay() {
        let before = r#"{"auths":{"docker.io":{"auth":"YTph"},"https://index.docker.io/v1/":{"auth":"YTph"},"docker.io/me":{"auth":"bTpt"}}}"#;
        let after = edit(before, "docker.io", &Change::Elsewhere).unwrap();
        assert_eq!(after.matches("https://index.docker.io/v1/\": {}").count(), 1, "{after}");
        assert!(
            !after.contains("YTph") && after.contains("\"docker.io/me\": {\"auth\":\"bTpt\"}"),
            "{after}"
        );
    }

    #[test]
    fn an_empty_file_is_begun() {
        for before in ["", " \n", "{}", r#"{"auths":null}"#, r#"{"auths":{}}"#] {
            let after = edit(before, "a.example", &Change::Elsewhere).unwrap();
            assert_eq!(after, "{\n\t\"auths\": {\n\t\t\"a.example\": {}\n\t}\n}\n", "{before}");
        }
    }

    #[tokio::test]
    async fn nothing_is_written_over_what_somebody_else_has_just_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, "theirs").unwrap();
        let target = Target::find(&path).await.unwrap();
        let text = || Zeroizing::new(b"ours".to_vec());
        for before in [None, Some(Zeroizing::new(b"old".to_vec()))] {
            assert!(target.write(text(), before).await.is_err());
            assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
        }
        target.write(text(), Some(Zeroizing::new(b"theirs".to_vec()))).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ours");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
