//! One credential file, Docker's or Podman's: both have the same shape.
//!
//! No text of the file goes into an error: parsers like to quote what they did not expect, and here that is a
//! password.

use std::collections::BTreeMap;
use std::io::ErrorKind as IoKind;
use std::path::Path;

use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use waxseal_core::json::{self, JsonError};
use waxseal_core::limits::CREDENTIAL_FILE_BYTES;
use waxseal_core::{Repository, encoding};
use zeroize::Zeroizing;

use super::{Credential, Secret};
use crate::error::{Error, ErrorKind};

/// The registry that Docker's own names stand for.
const DOCKER: &str = "docker.io";
/// The names under which Docker's registry stands in credential files.
const DOCKER_ALIASES: [&str; 4] =
    [DOCKER, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// How credential helpers know Docker's registry.
const DOCKER_HELPER_KEY: &str = "https://index.docker.io/v1/";

/// The key under which a helper, and a file that `login` writes, knows the registry.
pub(super) fn helper_key(repository: &Repository) -> &str {
    if repository.registry() == DOCKER { DOCKER_HELPER_KEY } else { repository.registry() }
}

/// A credential file that was read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

impl Config {
    /// Reads a file. None: it is not there. An empty file has no entries.
    pub(super) async fn read(path: &Path) -> Result<Option<Self>, Error> {
        match read(path).await? {
            Some(bytes) => Self::parse(path, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the text of a file.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let broken = |why: &str| trouble(path, why);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match json::parse(bytes, json::exact) {
            Ok(config) => Ok(config),
            Err(JsonError::Shape { .. }) => {
                Err(broken("it is JSON, but not of the shape of a credential file"))
            }
            Err(JsonError::DuplicateMember { .. }) => Err(broken("a member stands twice in one object")),
            Err(error) => Err(broken(&error.to_string())),
        }
    }

    /// The helper that keeps the credentials of this registry.
    pub(super) fn helper(&self, repository: &Repository) -> Option<&str> {
        let named = self
            .cred_helpers
            .iter()
            .flatten()
            .find_map(|(key, helper)| names_registry(key, repository).then_some(helper));
        named.or(self.creds_store.as_ref()).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The entry of the registry, or of the longest namespace that the repository stands in.
    pub(super) fn entry(&self, repository: &Repository, file: &Path) -> Result<Option<Credential>, Error> {
        let best = self
            .auths
            .iter()
            .flatten()
            .filter_map(|(key, entry)| {
                let plain = !key.contains("://");
                let key = Key::parse(key);
                key.covers(repository).then_some(((key.namespace.len(), plain), entry.as_ref()?))
            })
            .max_by_key(|(rank, _)| *rank);
        best.map_or(Ok(None), |(_, entry)| {
            entry.credential().map_err(|why| {
                Error::new(
                    ErrorKind::Credentials,
                    format!(
                        "credential file {}: the entry of {}: {why}",
                        file.display(),
                        repository.registry()
                    ),
                )
            })
        })
    }
}

/// The text of a file of at most 1 MiB. None: it is not there.
pub(super) async fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let broken = |why: &str| trouble(path, why);
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(broken("it cannot be opened").caused_by(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(CREDENTIAL_FILE_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| broken("it cannot be read").caused_by(error))?;
    if bytes.len() as u64 > CREDENTIAL_FILE_BYTES {
        return Err(broken(&format!("it is larger than {CREDENTIAL_FILE_BYTES} bytes")));
    }
    Ok(Some(bytes))
}

pub(super) fn trouble(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Credentials, format!("credential file {}: {why}", path.display()))
}

/// Whether a key of `auths` names this registry, and no namespace in it.
pub(super) fn names_registry(key: &str, repository: &Repository) -> bool {
    let key = Key::parse(key);
    key.namespace.is_empty() && key.host == repository.registry()
}

impl Entry {
    /// None: the entry only says that a helper has it.
    fn credential(&self) -> Result<Option<Credential>, &'static str> {
        fn some(text: Option<&Secret>) -> Option<Secret> {
            text.filter(|text| !text.expose().is_empty()).cloned()
        }
        if let Some(token) = some(self.identitytoken.as_ref()) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(token) = some(self.registrytoken.as_ref()) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(auth) = some(self.auth.as_ref()) {
            let bytes = encoding::base64_decode(auth.expose())
                .map(Zeroizing::new)
                .map_err(|_| "auth is not base64")?;
            let text = core::str::from_utf8(&bytes).map_err(|_| "auth is not UTF-8")?;
            let (user, password) = text.split_once(':').ok_or("auth has no colon")?;
            return Ok(Some(Credential::basic(user, Secret::new(password.trim_matches('\0')))));
        }
        match (&self.username, &self.password) {
            (Some(user), Some(password)) if !user.is_empty() => {
                Ok(Some(Credential::basic(user, password.clone())))
            }
            _ => Ok(None),
        }
    }
}

/// A key of `auths`: a host, a URL as Docker writes it, or a namespace below a host as Podman writes it.
struct Key {
    host: String,
    namespace: String,
}

impl Key {
    fn parse(key: &str) -> Self {
        let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        // Docker's keys end in the version of the registry's API, which is no namespace.
        let namespace = if matches!(path, "v1" | "v2") { "" } else { path };
        let host = host.to_ascii_lowercase();
        let host = if DOCKER_ALIASES.contains(&host.as_str()) { DOCKER.to_owned() } else { host };
        Self { host, namespace: namespace.to_owned() }
    }

    fn covers(&self, repository: &Repository) -> bool {
        self.host == repository.registry()
            && match repository.path().strip_prefix(self.namespace.as_str()) {
                Some(rest) => self.namespace.is_empty() || rest.is_empty() || rest.starts_with('/'),
                None => false,
            }
    }
}
