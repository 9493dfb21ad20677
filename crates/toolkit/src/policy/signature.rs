//! Signed policies (rule Y7): who wrote this policy, and that no older one stands in its place.
//!
//! What is signed is not the text alone: a policy names key files, and whoever could change one of them would change the
//! policy. So the signature covers the digest of the text, the id of each key that it names, its name and its serial number, as
//! a document of its own kind (rule G2), in a file beside the policy. A policy whose serial is below the last one seen is
//! refused, and so is one of another name than stood at its path; what was seen stands in a folder of state, unless somebody
//! says the least serial.

mod seen;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waxseal_core::document::{self, DocumentKind};
use waxseal_core::json::{self, Names};
use waxseal_core::{Digest, KeyId, Signer, TrustedKey, Verifier};

use self::seen::{Found, Refusal};
use super::Loaded;
use crate::error::{Error, ErrorKind};
use crate::keys::KeyPlaces;

/// The name and version of what is signed.
pub const SIGNED_POLICY_SCHEMA: &str = "waxseal/signed-policy/v1";
/// What the name of a signature's file ends with, behind the name of the policy's.
pub const SIGNATURE_SUFFIX: &str = ".sig.json";

/// Largest signature or state file, in bytes (1 MiB).
const SIGNATURE_BYTES: u64 = 1 << 20;

/// How a policy must be signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Signed {
    /// Any one of these keys must have signed it.
    pub keys: Vec<TrustedKey>,
    /// The name that the policy must have; none for the one that stood at its path before.
    pub name: Option<String>,
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
        Self { keys, name: None, signature: None, serial, verifier: Verifier::new(), now }
    }
}

/// What keeps an older policy from standing in the place of a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SerialGuard {
    /// The serial is at least this one; nothing is remembered.
    AtLeast(u64),
    /// The last one seen is remembered in this folder, by its signer and its name, and its name by the path of the file.
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

impl Statement {
    /// The digest of all that is signed.
    fn digest(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of(serde_json::to_vec(self)?))
    }
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
    let (signed, signer) = opened(&text, policy, wanted)?;
    if let Some(name) = wanted.name.as_ref().filter(|name| **name != signed.name) {
        return Err(refused(policy, &format!("expected the policy {name:?}, found {:?}", signed.name)));
    }
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
    let named = wanted.name.is_some();
    let found = Found { statement: &here, signer, keys: &wanted.keys, path: policy, named };
    serial(&found, &wanted.serial).map_err(|error| match error {
        Refusal::Older(words) => refused(policy, &words),
        Refusal::Trouble(error) => error,
    })?;
    Ok(loaded)
}

fn refused(policy: &Path, words: &str) -> Error {
    Error::new(ErrorKind::PolicyNotSigned, format!("{}: {words}", policy.display()))
}

/// What was signed of this text, and by which key.
fn opened(text: &[u8], policy: &Path, wanted: &Signed) -> Result<(Statement, KeyId), Error> {
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
    Ok((signed, document.key))
}

fn serial(found: &Found<'_>, guard: &SerialGuard) -> Result<(), Refusal> {
    let serial = found.statement.serial;
    match guard {
        SerialGuard::AtLeast(least) if serial < *least => Err(Refusal::Older(format!(
            "an older policy: expected a serial of at least {least}, found {serial}"
        ))),
        SerialGuard::AtLeast(_) => Ok(()),
        SerialGuard::Remembered(folder) => seen::remember(found, folder),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SIGNATURE_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIGNATURE_BYTES {
        return Err(std::io::Error::other(format!("larger than {SIGNATURE_BYTES} bytes")));
    }
    Ok(bytes)
}
