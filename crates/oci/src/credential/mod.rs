//! Where the credentials of a registry come from, and where a login keeps them: Docker's and Podman's files, and the
//! helpers they name.
//!
//! Nothing here reads the environment: the caller hands in what the variables say ([`CredentialSources`]). A file
//! that is not there means no credentials; a file or a helper that does not work is an error, because going on
//! without credentials would turn "could not look" into "not there". A credential belongs to one exact
//! `host[:port]`, or to a namespace below it, and is never found by a part of a name (T-54).
//!
//! Files are asked in this order, and the first one that knows the registry wins:
//!
//! 1. `$DOCKER_CONFIG/config.json`
//! 2. `$REGISTRY_AUTH_FILE`
//! 3. `~/.docker/config.json`, if `DOCKER_CONFIG` is not set
//! 4. `$XDG_RUNTIME_DIR/containers/auth.json`
//! 5. `~/.config/containers/auth.json`
//!
//! Within a file the helper of the registry (`credHelpers`) comes first, then the store of all (`credsStore`), then
//! the entry of the longest namespace in `auths`.

mod config;
mod document;
mod helper;
mod login;
mod secret;

use std::ffi::OsString;
use std::path::PathBuf;

use waxseal_core::Repository;

use crate::error::Error;

pub use login::{Forgotten, Kept};
pub use secret::Secret;

/// What opens a registry.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing is known.
    Anonymous,
    /// A user and a password, for `Basic` or for the token service.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth 2 refresh token, to be exchanged at the token service (`identitytoken`).
    IdentityToken(Secret),
    /// A token that the registry takes as it is (`registrytoken`, `--registry-token`).
    RegistryToken(Secret),
}

impl Credential {
    /// A user and a password.
    pub fn basic(user: impl Into<String>, password: Secret) -> Self {
        Self::Basic { user: user.into(), password }
    }

    /// Whether nothing is known.
    pub const fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }
}

/// The places of credential files, as environment variables name them. The default has none: no file is read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CredentialSources {
    /// `DOCKER_CONFIG`: the directory of Docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`: Podman's file.
    pub registry_auth_file: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// The search path of credential helpers, in the form of `PATH`. None: the process's own.
    pub helper_path: Option<OsString>,
}

impl CredentialSources {
    /// Looks the credentials of a repository up. Files are read anew each time, so that a login made meanwhile is seen.
    pub async fn lookup(&self, repository: &Repository) -> Result<Credential, Error> {
        for file in self.files() {
            let Some(config) = config::Config::read(&file).await? else { continue };
            if let Some(name) = config.helper(repository) {
                let found =
                    helper::ask(name, config::helper_key(repository), self.helper_path.as_deref()).await?;
                if !found.is_anonymous() {
                    return Ok(found);
                }
            }
            if let Some(found) = config.entry(repository, &file)? {
                return Ok(found);
            }
        }
        Ok(Credential::Anonymous)
    }

    fn files(&self) -> Vec<PathBuf> {
        let below =
            |directory: &Option<PathBuf>, path: &str| directory.as_ref().map(|found| found.join(path));
        let docker_home =
            if self.docker_config.is_some() { None } else { below(&self.home, ".docker/config.json") };
        [
            below(&self.docker_config, "config.json"),
            self.registry_auth_file.clone(),
            docker_home,
            below(&self.xdg_runtime_dir, "containers/auth.json"),
            below(&self.home, ".config/containers/auth.json"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
