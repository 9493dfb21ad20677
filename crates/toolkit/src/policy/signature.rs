//! Signed policies (rule Y7): who wrote this policy, and that no older one stands in its place.
//!
//! What is signed is not the text alone: a policy names key files, and whoever could change one of them would change the
//! policy. So the signature covers the digest of the text, the id of each key that it names, its name and its serial number, as
//! a document of its own kind (rule G2), in a file beside the policy. A policy whose serial is below the last one seen is
//! refused; what was seen stands in a folder of state, unless somebody says the least serial.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waxseal_core::document::{self, DocumentKind};
use waxseal_core::json::{self, Names};
use waxseal_core::{Digest, Signer, TrustedKey, Verifier};

use super::Loaded;
use crate::error::{Error, ErrorKind};
use crate::keys::KeyPlaces;

/// The name and version of what is signed.
pub const SIGNED_POLICY_SCHEMA: &str = "waxseal/signed-policy/v1";
/// What the name of a signature's file ends with, behind the name of the policy's.
pub const SIGNATURE_SUFFIX: &str = ".sig.json";

/// The name and version of what is kept of the last policy seen.
const STATE_SCHEMA: &str = "waxseal/policy-state/v1";
/// Largest signature or state file, in bytes (1 MiB).
const SIGNATURE_BYTES: u64 = 1 << 20;

/// How a policy must be signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signed {
    /// Any one of these keys must have signed it.
    pub keys: Vec<TrustedKey>,
    /// Where the signature is; none for the file beside the policy.
    pub signature: Option<PathBuf>,
    /// What keeps an older policy from standing in the place of a newer one.
    pub serial: SerialGuard,
    /// Which keys may count.
    pub verifier: Verifier,
    /// The time at which the keys must count.
    pub now: Timestamp,
}

impl Signed {
    /// Signed by any one of `keys`, in the file beside the policy.
    pub const fn by(keys: Vec<TrustedKey>, serial: SerialGuard, now: Timestamp) -> Self {
        Self { keys, signature: None, serial, verifier: Verifier::new(), now }
    }
}

/// What keeps an older policy from standing in the place of a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SerialGuard {
    /// The serial is at least this one; nothing is remembered.
    AtLeast(u64),
    /// The last one seen is remembered in this folder, by the name of the policy.
    Remembered(PathBuf),
}

/// What is signed of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Statement {
    schema: String,
    name: String,
    serial: u64,
    /// The digest of the file, byte for byte.
    text: Digest,
    /// The id of each key, by its name in the file.
    keys: BTreeMap<String, String>,
}

/// What is kept of the last policy seen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: String,
    name: String,
    serial: u64,
    text: Digest,
}

/// Where the signature of a policy stands if nobody says otherwise.
pub fn beside(policy: &Path) -> PathBuf {
    let mut name = policy.as_os_str().to_owned();
    name.push(SIGNATURE_SUFFIX);
    name.into()
}

fn statement(loaded: &Loaded) -> Result<Statement, Error> {
    let Some(serial) = loaded.set.serial() else {
        return Err(Error::new(ErrorKind::PolicyNotSigned, "the policy has no serial number"));
    };
    Ok(Statement {
        schema: SIGNED_POLICY_SCHEMA.to_owned(),
        name: loaded.set.name().to_owned(),
        serial,
        text: Digest::of(&loaded.text),
        keys: loaded.keys.iter().map(|(name, key)| (name.clone(), key.id().to_string())).collect(),
    })
}

/// Signs a policy: the bytes of the file that goes beside it. It needs a serial number.
pub fn sign(loaded: &Loaded, signer: &dyn Signer) -> Result<Vec<u8>, Error> {
    let statement = serde_json::to_vec(&statement(loaded)?).unwrap_or_default();
    let mut envelope = document::sign(DocumentKind::Policy, &statement, signer)
        .map_err(|error| Error::new(ErrorKind::Key, "the policy cannot be signed").caused_by(error))?;
    envelope.push(b'\n');
    Ok(envelope)
}

/// Reads a policy file that must be signed, and the keys that it names. Nothing that it names is looked at before its
/// signature holds: somebody else's policy could name any host. What was seen is remembered when everything else holds.
pub async fn load(policy: &Path, places: KeyPlaces<'_>, wanted: &Signed) -> Result<Loaded, Error> {
    let text = super::read(policy)?;
    let signed = opened(&text, policy, wanted)?;
    let loaded = super::parse(text, policy, places).await?;
    let here = statement(&loaded)?;
    for (name, id) in &here.keys {
        if signed.keys.get(name) != Some(id) {
            let was = signed.keys.get(name).map_or("no such key", String::as_str);
            let words = format!("the key {name} is another one than was signed: expected {was}, found {id}");
            return Err(refused(policy, &words));
        }
    }
    if signed != here {
        return Err(refused(policy, "its name, serial or keys are not those that were signed"));
    }
    serial(&here, &wanted.serial).map_err(|error| match error {
        Refusal::Older(words) => refused(policy, &words),
        Refusal::Trouble(error) => error,
    })?;
    Ok(loaded)
}

fn refused(policy: &Path, words: &str) -> Error {
    Error::new(ErrorKind::PolicyNotSigned, format!("{}: {words}", policy.display()))
}

/// What was signed of this text.
fn opened(text: &[u8], policy: &Path, wanted: &Signed) -> Result<Statement, Error> {
    let place = wanted.signature.clone().unwrap_or_else(|| beside(policy));
    let bytes = read(&place).map_err(|error| {
        refused(policy, &format!("no signature can be read at {}", place.display())).caused_by(error)
    })?;
    let document = wanted.verifier.document(DocumentKind::Policy, &bytes, &wanted.keys, wanted.now);
    let document = document.map_err(|finding| {
        let detail = match (finding.expected.as_deref(), finding.found.as_deref()) {
            (Some(expected), Some(found)) => format!("; expected {expected}, found {found}"),
            (_, Some(found)) => format!("; found {found}"),
            _ => String::new(),
        };
        refused(policy, &format!("its signature does not count: {}{detail}", finding.reason.meaning()))
    })?;
    let unreadable = || refused(policy, "what was signed cannot be read");
    json::check(&document.payload, |_| Names::Exact).map_err(|error| unreadable().caused_by(error))?;
    let signed: Statement =
        serde_json::from_slice(&document.payload).map_err(|error| unreadable().caused_by(error))?;
    if signed.schema != SIGNED_POLICY_SCHEMA {
        let words = format!("expected the schema {SIGNED_POLICY_SCHEMA}, found {:?}", signed.schema);
        return Err(refused(policy, &words));
    }
    let found = Digest::of(text);
    if signed.text != found {
        return Err(refused(
            policy,
            &format!("another text was signed: expected {}, found {found}", signed.text),
        ));
    }
    Ok(signed)
}

enum Refusal {
    Older(String),
    Trouble(Error),
}

fn serial(here: &Statement, guard: &SerialGuard) -> Result<(), Refusal> {
    match guard {
        SerialGuard::AtLeast(least) if here.serial < *least => Err(Refusal::Older(format!(
            "an older policy: expected a serial of at least {least}, found {}",
            here.serial
        ))),
        SerialGuard::AtLeast(_) => Ok(()),
        SerialGuard::Remembered(folder) => remember(here, folder),
    }
}

/// Holds the serial against the last one seen, and remembers it. Whoever runs at the same time waits.
fn remember(here: &Statement, folder: &Path) -> Result<(), Refusal> {
    let trouble = |error: std::io::Error| {
        let words = format!("what was seen of policies cannot be kept in {}", folder.display());
        Refusal::Trouble(Error::new(ErrorKind::PolicyNotSigned, words).caused_by(error))
    };
    std::fs::create_dir_all(folder).map_err(trouble)?;
    let path = folder.join(format!("{}.json", Digest::of(&here.name).hex()));
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(trouble)?;
    lock.lock().map_err(trouble)?;
    if let Some(seen) = seen(&path)? {
        if here.serial < seen.serial {
            return Err(Refusal::Older(format!(
                "an older policy: a serial of {} was seen, found {}",
                seen.serial, here.serial
            )));
        }
        if here.serial == seen.serial {
            if here.text != seen.text {
                return Err(Refusal::Older(format!(
                    "serial {} was seen with another text: expected {}, found {}",
                    here.serial, seen.text, here.text
                )));
            }
            return Ok(());
        }
    }
    let state = State {
        schema: STATE_SCHEMA.to_owned(),
        name: here.name.clone(),
        serial: here.serial,
        text: here.text,
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(trouble)?;
    let text = serde_json::to_vec(&state).unwrap_or_default();
    file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(trouble)?;
    file.persist(&path).map_err(|error| trouble(error.error))?;
    Ok(())
}

/// What was seen, if anything was. What cannot be read is not taken for nothing.
fn seen(path: &Path) -> Result<Option<State>, Refusal> {
    let unreadable = |cause: Box<dyn std::error::Error + Send + Sync>| {
        let words = format!("what was seen of the policy cannot be read: {}", path.display());
        Refusal::Trouble(Error::new(ErrorKind::PolicyNotSigned, words).caused_by(cause))
    };
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.into())),
    };
    let state: State = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))?;
    if state.schema != STATE_SCHEMA {
        return Err(unreadable(
            format!("expected the schema {STATE_SCHEMA}, found {:?}", state.schema).into(),
        ));
    }
    Ok(Some(state))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SIGNATURE_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIGNATURE_BYTES {
        return Err(std::io::Error::other(format!("larger than {SIGNATURE_BYTES} bytes")));
    }
    Ok(bytes)
}
