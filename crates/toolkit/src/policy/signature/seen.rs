//! What was seen of signed policies (rule Y7): the highest serial of each, by its signer and its name, and which policy stood at
//! which path.
//!
//! Whoever asks has verified the signature. What cannot be read here is never taken for nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use waxseal_core::{Digest, KeyId, TrustedKey};

use super::Statement;
use crate::error::{Error, ErrorKind};

/// The policy is not to be taken, or nothing can be said about it.
pub(super) enum Refusal {
    Older(String),
    Trouble(Error),
}

/// A policy whose signature holds.
pub(super) struct Found<'a> {
    /// What was signed.
    pub(super) statement: &'a Statement,
    /// The key that signed it.
    pub(super) signer: KeyId,
    /// The keys any one of which counts: an older policy by another of them is an older policy.
    pub(super) keys: &'a [TrustedKey],
    /// The file, as it was named.
    pub(super) path: &'a Path,
    /// Whether somebody has said that the policy has this name.
    pub(super) named: bool,
}

/// What is kept in a file.
trait Kept: Serialize + DeserializeOwned + PartialEq {
    const SCHEMA: &'static str;

    fn schema(&self) -> &str;
}

/// The last policy seen by a signer, with a name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    schema: String,
    signer: String,
    name: String,
    serial: u64,
    /// The digest of the text.
    text: Digest,
    /// The digest of all that was signed: the text and the ids of the keys.
    statement: Digest,
}

/// The policy that stood at a path.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stood {
    schema: String,
    path: String,
    name: String,
}

impl Kept for Last {
    const SCHEMA: &'static str = "waxseal/policy-state/v1";

    fn schema(&self) -> &str {
        &self.schema
    }
}

impl Kept for Stood {
    const SCHEMA: &'static str = "waxseal/policy-place/v1";

    fn schema(&self) -> &str {
        &self.schema
    }
}

/// Holds a policy against what was seen, and remembers it if it holds. Whoever runs at the same time waits.
pub(super) fn remember(found: &Found<'_>, folder: &Path) -> Result<(), Refusal> {
    let trouble = |error: std::io::Error| {
        let words = format!("what was seen of policies cannot be kept in {}", folder.display());
        Refusal::Trouble(Error::new(ErrorKind::PolicyNotSigned, words).caused_by(error))
    };
    std::fs::create_dir_all(folder).map_err(trouble)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(trouble)?;
    lock.lock().map_err(trouble)?;
    let name = &found.statement.name;
    let mut stood = Vec::new();
    for path in places(found.path).map_err(trouble)? {
        let file = folder.join(file_of(&[b"path", path.as_os_str().as_encoded_bytes()]));
        let seen: Option<Stood> = read(&file)?;
        if let Some(seen) = seen.as_ref().filter(|seen| seen.name != *name && !found.named) {
            return Err(Refusal::Older(format!(
                "the policy {:?} stood here, found {name:?}: where it was renamed, say that name (--policy-name)",
                seen.name
            )));
        }
        let here =
            Stood { schema: Stood::SCHEMA.to_owned(), path: path.display().to_string(), name: name.clone() };
        stood.push((file, seen, here));
    }
    let signer = found.signer.to_string();
    let here = Last {
        schema: Last::SCHEMA.to_owned(),
        signer: signer.clone(),
        name: name.clone(),
        serial: found.statement.serial,
        text: found.statement.text,
        statement: found.statement.digest().map_err(|error| trouble(error.into()))?,
    };
    let last = |signer: &str| folder.join(file_of(&[b"signer", signer.as_bytes(), name.as_bytes()]));
    let signers: BTreeSet<String> = found.keys.iter().map(|key| key.key().id().to_string()).collect();
    for other in signers.iter().filter(|other| **other != signer) {
        if let Some(seen) = read(&last(other))? {
            here.follows(&seen)?;
        }
    }
    let seen = read(&last(&signer))?;
    if let Some(seen) = &seen {
        here.follows(seen)?;
    }
    keep(&last(&signer), seen.as_ref(), &here, folder).map_err(trouble)?;
    for (file, seen, here) in &stood {
        keep(file, seen.as_ref(), here, folder).map_err(trouble)?;
    }
    Ok(())
}

impl Last {
    /// Whether this one may come behind that one: a higher serial, or the very same.
    fn follows(&self, seen: &Self) -> Result<(), Refusal> {
        let serial = self.serial;
        Err(Refusal::Older(if serial < seen.serial {
            format!("an older policy: a serial of {} was seen, found {serial}", seen.serial)
        } else if serial > seen.serial || self.statement == seen.statement {
            return Ok(());
        } else if self.text != seen.text {
            format!("serial {serial} was seen with another text: expected {}, found {}", seen.text, self.text)
        } else {
            format!(
                "serial {serial} was seen with the same text and other keys: what changes has a higher serial"
            )
        }))
    }
}

/// The names that a path is remembered by: as it was typed, made absolute, and with the links to its folder resolved. A link
/// in the place of the file itself is not followed: whoever may put one there would choose which policy is expected.
fn places(path: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let typed = std::path::absolute(path)?;
    let mut places = BTreeSet::new();
    if let (Some(folder), Some(name)) = (typed.parent(), typed.file_name()) {
        places.insert(folder.canonicalize()?.join(name));
    }
    places.insert(typed);
    Ok(places)
}

/// The name of a file, by what it is about. Each part has its length before it, so that no two things share a name.
fn file_of(parts: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    format!("{}.json", Digest::of(&bytes).hex())
}

fn keep<T: Kept>(file: &Path, seen: Option<&T>, here: &T, folder: &Path) -> std::io::Result<()> {
    if seen == Some(here) {
        return Ok(());
    }
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(&serde_json::to_vec(here)?)?;
    written.as_file().sync_all()?;
    written.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// What was seen, if anything was. What cannot be read is not taken for nothing.
fn read<T: Kept>(path: &Path) -> Result<Option<T>, Refusal> {
    let unreadable = |cause: Box<dyn std::error::Error + Send + Sync>| {
        let words = format!("what was seen of the policy cannot be read: {}", path.display());
        Refusal::Trouble(Error::new(ErrorKind::PolicyNotSigned, words).caused_by(cause))
    };
    let bytes = match super::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.into())),
    };
    let state: T = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))?;
    if state.schema() != T::SCHEMA {
        let words = format!("expected the schema {}, found {:?}", T::SCHEMA, state.schema());
        return Err(unreadable(words.into()));
    }
    Ok(Some(state))
}
