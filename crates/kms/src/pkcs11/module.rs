//! Modules: which one, and loading it.
//!
//! A module is code that runs in this process with all that it may do. So it is loaded only where somebody named it, by an
//! absolute path, or by a name that is looked for in the system's own folders and nowhere else. It stays loaded until the
//! process ends: modules do not take well to being started twice.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};

use super::connection::said;
use crate::error::Pkcs11Error;
use crate::limits::MODULES;
use crate::uri::Pkcs11Uri;
use crate::{Access, MODULE_VARIABLES};

/// Folders that systems put modules in; those of this machine's architecture come first.
const FOLDERS: [&str; 10] = [
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib64/softhsm",
    "/usr/lib/softhsm",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib/softhsm",
    "/usr/local/lib",
    "/opt/homebrew/lib",
    "/opt/homebrew/lib/softhsm",
];

/// Modules that are looked for to tell of them, by the names of their packages.
const KNOWN: [&str; 6] =
    ["softhsm2", "ykcs11", "yubihsm_pkcs11", "opensc-pkcs11", "tpm2_pkcs11", "p11-kit-proxy"];

static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

/// A module that was loaded and started.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) path: PathBuf,
    pub(super) context: Pkcs11,
}

impl Module {
    /// The module that the URI names, else that of the environment.
    pub(super) fn of(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Self, Pkcs11Error> {
        Self::load(&chosen(uri, access)?)
    }

    fn load(path: &Path) -> Result<Self, Pkcs11Error> {
        let trouble =
            |why: &dyn std::fmt::Display| Pkcs11Error::Module { path: path.to_owned(), why: why.to_string() };
        let path = path.canonicalize().map_err(|error| trouble(&error))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, context)) = loaded.iter().find(|(known, _)| *known == path) {
            return Ok(Self { path: path.clone(), context: context.clone() });
        }
        if loaded.len() >= MODULES {
            return Err(Pkcs11Error::TooMany { what: "PKCS#11 modules", limit: MODULES });
        }
        let context = Pkcs11::new(&path).map_err(|error| trouble(&error))?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Somebody else in this process has started it.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => {}
            Err(error) => return Err(trouble(&said(&error))),
        }
        loaded.push((path.clone(), context.clone()));
        Ok(Self { path, context })
    }
}

fn chosen(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<PathBuf, Pkcs11Error> {
    let file = |path: &Path| {
        if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(Pkcs11Error::ModuleMissing { name: path.display().to_string(), looked: Vec::new() })
        }
    };
    match (&uri.module_path, &uri.module_name) {
        (Some(folder), Some(name)) if folder.is_dir() => named(name, vec![folder.clone()]),
        (Some(path), _) => file(path),
        (None, Some(name)) => named(name, folders()),
        (None, None) => match access.variable(&MODULE_VARIABLES) {
            Some(path) if !Path::new(&path).is_absolute() => Err(Pkcs11Error::Module {
                path: path.into(),
                why: "the path in the environment is not absolute".to_owned(),
            }),
            Some(path) => file(Path::new(&path)),
            None => Err(Pkcs11Error::NoModule { there: there() }),
        },
    }
}

/// The file of that name in the first folder that has it.
fn named(name: &str, folders: Vec<PathBuf>) -> Result<PathBuf, Pkcs11Error> {
    let found = folders
        .iter()
        .flat_map(|folder| files(name).map(|file| folder.join(file)))
        .find(|path| path.is_file());
    found.ok_or(Pkcs11Error::ModuleMissing { name: name.to_owned(), looked: folders })
}

/// A module's file by its name, which has neither `lib` nor an ending (RFC 7512, 2.4).
fn files(name: &str) -> [String; 3] {
    let ending = std::env::consts::DLL_SUFFIX;
    [format!("lib{name}{ending}"), format!("{name}{ending}"), format!("lib{name}.so")]
}

fn folders() -> Vec<PathBuf> {
    let own = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let own = [own.join("pkcs11"), own.join("softhsm"), own];
    own.into_iter().chain(FOLDERS.iter().map(PathBuf::from)).filter(|folder| folder.is_dir()).collect()
}

fn there() -> Vec<PathBuf> {
    KNOWN.iter().filter_map(|name| named(name, folders()).ok()).collect()
}
