//! The serial numbers of packs that were received: a pack is refused whose number is below the last one (rule K1).
//!
//! Numbers are kept by the name of the pack and every trusted key that signed it; only of packs whose signature was verified:
//! anybody could write a large number into another one, and lock out the next. The file is replaced in one step, under a
//! lock.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waxseal_core::limits::PACK_STATE_BYTES;
use waxseal_core::pack::PackManifest;
use waxseal_core::{Digest, KeyId, json};

use super::check::{PackFinding, PackReason};
use crate::error::{Error, ErrorKind};

/// The name and version of the file.
const SCHEMA: &str = "waxseal/pack-serials/v1";

/// Where serial numbers are kept.
#[derive(Clone, Debug)]
pub struct Serials {
    path: PathBuf,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    schema: String,
    packs: Vec<Last>,
}

/// The last pack of a name and a key.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Last {
    name: String,
    key: String,
    serial: u64,
    /// The digest of the manifest's bytes.
    manifest: Digest,
    /// When it was received.
    received: String,
}

/// A number that was noted, and the lock on the list.
#[derive(Debug)]
pub(super) struct Noted {
    _lock: File,
}

impl Kept {
    fn against(&self, manifest: &PackManifest, trusted: &[KeyId]) -> Result<Option<PackFinding>, Error> {
        let digest = identity(manifest)?;
        let trusted: Vec<String> = trusted.iter().map(ToString::to_string).collect();
        let known = || {
            let named = self.packs.iter().filter(|last| last.name == manifest.name);
            named.filter(|last| trusted.is_empty() || trusted.contains(&last.key))
        };
        if let Some(last) =
            known().max_by_key(|last| last.serial).filter(|last| manifest.serial < last.serial)
        {
            return Ok(Some(PackFinding::new(
                PackReason::SerialTooLow,
                format!(
                    "serial {} of {}, and {} was received on {}",
                    manifest.serial, manifest.name, last.serial, last.received
                ),
            )));
        }
        let reused = known().find(|last| last.serial == manifest.serial && last.manifest != digest);
        Ok(reused.map(|last| {
            PackFinding::new(
                PackReason::SerialReused,
                format!(
                    "serial {} of {} was received on {} with other content",
                    manifest.serial, manifest.name, last.received
                ),
            )
        }))
    }
}

impl Serials {
    /// Numbers that are kept in this file, which need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What speaks against a pack: a lower number than any of its name by the keys that the receiver trusts, or the same
    /// number with other content. All of these keys count, whichever of them signed this one: a signature that was taken
    /// away, or a key that is on its way out, brings back nothing old. Without any, the numbers of that name count whoever
    /// signed them.
    pub(super) fn against(
        &self,
        manifest: &PackManifest,
        trusted: &[KeyId],
    ) -> Result<Option<PackFinding>, Error> {
        self.read()?.against(manifest, trusted)
    }

    /// Notes a pack whose signature by `keys` was verified, unless something speaks against it by now: another one may
    /// have been received since it was checked. What comes back keeps others from noting until it is dropped.
    pub(super) fn note(
        &self,
        manifest: &PackManifest,
        keys: &[KeyId],
        trusted: &[KeyId],
        now: jiff::Timestamp,
    ) -> Result<Noted, Error> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |error: io::Error| self.failed("written", error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::open(folder).map_err(failed)?;
        match lock.lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(failed(error)),
            _ => {}
        }
        let mut kept = self.read()?;
        if let Some(finding) = kept.against(manifest, trusted)? {
            return Err(Error::new(ErrorKind::PackOvertaken, finding.found));
        }
        let manifest_digest = identity(manifest)?;
        for key in keys.iter().map(ToString::to_string) {
            let new = Last {
                name: manifest.name.clone(),
                key: key.clone(),
                serial: manifest.serial,
                manifest: manifest_digest,
                received: now.to_string(),
            };
            match kept.packs.iter_mut().find(|last| last.name == manifest.name && last.key == key) {
                Some(last) if last.serial > new.serial => {}
                Some(last) => *last = new,
                None => kept.packs.push(new),
            }
        }
        SCHEMA.clone_into(&mut kept.schema);
        let mut text = serde_json::to_vec_pretty(&kept)
            .map_err(|error| Error::new(ErrorKind::PackState, "the list of packs").caused_by(error))?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(Noted { _lock: lock })
    }

    fn read(&self) -> Result<Kept, Error> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(file) => {
                let limit = PACK_STATE_BYTES.saturating_add(1);
                file.take(limit).read_to_end(&mut bytes).map_err(|error| self.failed("read", error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(self.failed("read", error)),
        }
        let invalid = |why: String| {
            let path = self.path.display();
            Error::new(ErrorKind::PackState, format!("{path} is no list of received packs: {why}"))
        };
        if bytes.len() as u64 > PACK_STATE_BYTES {
            return Err(invalid(format!("more than {PACK_STATE_BYTES} bytes")));
        }
        let kept: Kept = json::parse(&bytes, |_| true).map_err(|error| invalid(error.to_string()))?;
        if kept.schema == SCHEMA { Ok(kept) } else { Err(invalid(format!("the schema {:?}", kept.schema))) }
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        let path = self.path.display();
        Error::new(ErrorKind::PackState, format!("the list of received packs {path} cannot be {what}"))
            .caused_by(error)
    }
}

/// What two packs have in common that are the same.
fn identity(manifest: &PackManifest) -> Result<Digest, Error> {
    manifest
        .to_bytes()
        .map(Digest::of)
        .map_err(|error| Error::new(ErrorKind::InvalidImage, "the manifest of the pack").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_core::pack::{PackImage, PackPolicy};

    fn pack(name: &str, serial: u64, created: i64) -> PackManifest {
        let created = jiff::Timestamp::from_second(created).unwrap();
        let mut manifest = PackManifest::new(name, serial, created, PackPolicy::new("p", Digest::of("p")));
        manifest.images.push(PackImage::new("r.io/a:1".parse().unwrap(), Digest::of("a")));
        manifest
    }

    fn keys() -> [KeyId; 2] {
        ["one", "two"].map(|text| Digest::of(text).to_string().parse().unwrap())
    }

    #[test]
    fn a_lower_number_is_refused_and_the_same_only_with_the_same_content() {
        let folder = tempfile::tempdir().unwrap();
        let serials = Serials::at(folder.path().join("state/packs.json"));
        let [one, two] = keys();
        let reason = |manifest: &PackManifest, keys: &[KeyId]| {
            serials.against(manifest, keys).unwrap().map(|finding| finding.reason)
        };
        assert_eq!(reason(&pack("app", 5, 1), &[one]), None);
        let note = |manifest: &PackManifest, trusted: &[KeyId]| {
            let noted = serials.note(manifest, &[one], trusted, jiff::Timestamp::UNIX_EPOCH);
            noted.map(drop).map_err(|error| error.kind())
        };
        note(&pack("app", 5, 1), &[one]).unwrap();
        assert_eq!(reason(&pack("app", 5, 1), &[one]), None);
        assert_eq!(reason(&pack("app", 5, 2), &[one]), Some(PackReason::SerialReused));
        assert_eq!(reason(&pack("app", 4, 1), &[one]), Some(PackReason::SerialTooLow));
        assert_eq!(reason(&pack("app", 6, 1), &[one]), None);
        assert_eq!(reason(&pack("other", 4, 1), &[one]), None);
        // Every key that is trusted counts, whichever signed; another one not; without a key, all of them.
        assert_eq!(reason(&pack("app", 4, 1), &[two, one]), Some(PackReason::SerialTooLow));
        assert_eq!(reason(&pack("app", 4, 1), &[two]), None);
        assert_eq!(reason(&pack("app", 4, 1), &[]), Some(PackReason::SerialTooLow));
        // What was overtaken since it was checked is not noted.
        assert_eq!(note(&pack("app", 4, 1), &[one, two]), Err(ErrorKind::PackOvertaken));
        assert_eq!(note(&pack("app", 5, 2), &[one, two]), Err(ErrorKind::PackOvertaken));
        assert_eq!(note(&pack("app", 5, 1), &[one, two]), Ok(()));
        assert_eq!(reason(&pack("app", 4, 1), &[one]), Some(PackReason::SerialTooLow));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error_and_no_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packs.json");
        let serials = Serials::at(&path);
        for text in ["", "{}", "[]", r#"{"schema":"waxseal/pack-serials/v2","packs":[]}"#] {
            std::fs::write(&path, text).unwrap();
            let error = serials.against(&pack("app", 1, 1), &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PackState, "{text}");
            assert!(serials.note(&pack("app", 1, 1), &keys(), &keys(), jiff::Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
