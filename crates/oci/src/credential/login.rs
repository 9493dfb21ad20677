//! Keeping and forgetting the credentials of a registry, where Docker would.
//!
//! What is kept goes to the helper that Docker's file names for the registry, else into the file itself, where it is
//! encoded and not encrypted. Podman's files are read ([`CredentialSources::lookup`]) and never written.

use std::path::PathBuf;

use super::config::{self, Config, helper_key};
use super::document::{self, Change, Target};
use super::{Credential, CredentialSources, helper};
use crate::error::{Error, ErrorKind};
use crate::registry_name::RegistryName;

/// Where credentials were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// In the file, in base64: not encrypted.
    File {
        /// The file.
        path: PathBuf,
    },
    /// By a helper.
    Helper {
        /// Its name, without `docker-credential-`.
        name: String,
        /// The file that names it.
        path: PathBuf,
    },
}

/// Where credentials were forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// The file from which an entry was taken.
    pub path: Option<PathBuf>,
    /// The helper that knew some.
    pub helper: Option<String>,
}

impl CredentialSources {
    /// Keeps a user and a password for a registry: with Docker's helper for it, or in Docker's file, which is made if
    /// it is missing. Other members of the file stay as they are. Other credentials than a user and a password are an
    /// error, and so is a user with a colon, which the file cannot hold.
    pub async fn keep(&self, registry: &RegistryName, credential: &Credential) -> Result<Kept, Error> {
        let Credential::Basic { user, password } = credential else {
            return Err(Error::new(ErrorKind::Credentials, "only a user and a password can be kept"));
        };
        if user.is_empty() || user.contains(':') || user.contains(char::is_control) {
            return Err(Error::new(
                ErrorKind::Credentials,
                "a user is not empty, and has neither a colon nor control characters",
            ));
        }
        let repository = registry.repository();
        let path = self.docker_file()?;
        let target = Target::find(&path).await?;
        let before = config::read(target.path()).await?;
        let config = Config::parse(&path, before.as_deref().map_or(&[], Vec::as_slice))?;
        let (kept, change) = if let Some(name) = config.helper(repository) {
            let server = helper_key(repository);
            helper::store(name, server, user, password, self.helper_path.as_deref()).await?;
            (Kept::Helper { name: name.to_owned(), path: path.clone() }, Change::Elsewhere)
        } else {
            let change = Change::Keep { user: user.clone(), password: password.clone() };
            (Kept::File { path: path.clone() }, change)
        };
        let text = document::changed(&path, before.as_deref().map(Vec::as_slice), repository, &change)?;
        if let Some(text) = text {
            target.write(text, before).await?;
        }
        Ok(kept)
    }

    /// Forgets the credentials of a registry, in Docker's file and with its helper. Entries of namespaces below the
    /// registry stay. Nothing that was known is no error.
    pub async fn forget(&self, registry: &RegistryName) -> Result<Forgotten, Error> {
        let repository = registry.repository();
        let path = self.docker_file()?;
        let Some(standing) = config::read(&path).await? else { return Ok(Forgotten::default()) };
        let config = Config::parse(&path, &standing)?;
        let mut forgotten = Forgotten::default();
        if let Some(name) = config.helper(repository)
            && helper::erase(name, helper_key(repository), self.helper_path.as_deref()).await?
        {
            forgotten.helper = Some(name.to_owned());
        }
        let change = document::changed(&path, Some(&standing), repository, &Change::Remove)?;
        if let Some(text) = change {
            Target::find(&path).await?.write(text, Some(standing)).await?;
            forgotten.path = Some(path);
        }
        Ok(forgotten)
    }

    /// The credentials that commands would use for a registry.
    pub async fn of_registry(&self, registry: &RegistryName) -> Result<Credential, Error> {
        self.lookup(registry.repository()).await
    }

    /// Docker's file.
    fn docker_file(&self) -> Result<PathBuf, Error> {
        match (&self.docker_config, &self.home) {
            (Some(folder), _) => Ok(folder.join("config.json")),
            (None, Some(home)) => Ok(home.join(".docker/config.json")),
            (None, None) => Err(Error::new(
                ErrorKind::Credentials,
                "neither DOCKER_CONFIG nor HOME is set, so there is no place for credentials",
            )),
        }
    }
}
