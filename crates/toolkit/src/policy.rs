//! Policy files: the text, and the keys that it names.
//!
//! The core reads the text and says which keys it wants; they are loaded here, and the policy that comes out has keys in place
//! of names (rule Y3). Everything that is wrong is told at once, each with its place in the file.

pub mod signature;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use waxseal_core::PublicKey;
use waxseal_core::limits::POLICY_BYTES;
use waxseal_core::policy::PolicySet;
use waxseal_core::policy::file::{KeyReference, KeySource, PolicyFile, PolicyFileError, Problem};

use crate::error::{Error, ErrorKind};
use crate::keys::{self, KeyName, KeyPlaces};

/// Keys that are loaded at the same time.
const CONCURRENT: usize = 8;

/// A policy file with the keys that it names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What must hold.
    pub set: PolicySet,
    /// The file as it was read.
    pub file: PolicyFile,
    /// The keys, by their names in the file.
    pub keys: BTreeMap<String, PublicKey>,
    /// The bytes of the file.
    pub text: Vec<u8>,
}

/// Reads a policy file and the keys that it names. Paths in it are relative to it.
pub async fn load(path: &Path, places: KeyPlaces<'_>) -> Result<Loaded, Error> {
    let text = read(path)?;
    parse(text, path, places).await
}

/// The bytes of a policy file, at most [`POLICY_BYTES`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let trouble = |error: std::io::Error| {
        Error::new(ErrorKind::Policy, format!("the policy {} cannot be read", path.display()))
            .caused_by(error)
    };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(trouble)?;
    file.take(POLICY_BYTES.saturating_add(1)).read_to_end(&mut text).map_err(trouble)?;
    Ok(text)
}

/// Reads the text of a policy file that stands at `path`, and the keys that it names.
pub async fn parse(text: Vec<u8>, path: &Path, places: KeyPlaces<'_>) -> Result<Loaded, Error> {
    let invalid = |error: PolicyFileError| {
        let count = error.problems().len();
        let problems = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
        Error::new(ErrorKind::Policy, format!("the policy {} cannot be used: {problems}", path.display()))
            .caused_by(error)
    };
    let file = PolicyFile::parse(&text).map_err(invalid)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let references = file.key_references();
    let found: Vec<_> = stream::iter(&references)
        .map(|reference| async move { (reference, key(reference, folder, places).await) })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut keys = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (reference, key) in found {
        match key {
            Ok(key) => {
                keys.insert(reference.name.clone(), key);
            }
            Err(error) => problems.push(file.unusable_key(&reference.name, words(&error))),
        }
    }
    if let Some(error) = PolicyFileError::from_problems(problems) {
        return Err(invalid(error));
    }
    let set = file.resolve(&keys).map_err(invalid)?;
    Ok(Loaded { set, file, keys, text })
}

/// Where a key is, seen from the folder of the policy.
pub fn place(reference: &KeyReference, folder: &Path) -> Result<Option<KeyName>, Error> {
    let beside = |path: PathBuf| Some(KeyName::File(folder.join(path)));
    Ok(match &reference.source {
        KeySource::File(path) => beside(PathBuf::from(path)),
        KeySource::Named(name) => match name.parse()? {
            KeyName::File(path) => beside(path),
            // Whoever may change what has to be signed may not thereby choose code that runs here.
            KeyName::Pkcs11(uri) if *uri != uri.without_query() => {
                return Err(Error::new(
                    ErrorKind::Policy,
                    "a policy names a key in a token and neither a module nor a PIN: leave out what stands behind the ?, \
                     and name the module in WAXSEAL_PKCS11_MODULE_PATH",
                ));
            }
            name => Some(name),
        },
        _ => None,
    })
}

async fn key(reference: &KeyReference, folder: &Path, places: KeyPlaces<'_>) -> Result<PublicKey, Error> {
    match (&reference.source, place(reference, folder)?) {
        (_, Some(name)) => keys::public_key(&name, places).await,
        (KeySource::Pem(text), None) => Ok(PublicKey::from_pem(text.as_bytes())?),
        _ => Err(Error::new(ErrorKind::Key, "its place is none that is known here")),
    }
}

/// An error with what stood behind it, in one line.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        source = cause.source();
    }
    words
}
