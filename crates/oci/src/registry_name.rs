//! The name of a registry alone, as `login` and `doctor` take it.

use core::fmt;
use core::str::FromStr;

use waxseal_core::Repository;

use crate::error::{Error, ErrorKind};

/// The path that stands in for a repository where only the registry matters. It is never sent.
const NO_PATH: &str = "none";
/// How credential files name Docker's registry.
const DOCKER_ADDRESS: &str = "index.docker.io/v1/";

/// A registry: `host` or `host:port`, normalised. Docker's own names (`index.docker.io`, `https://index.docker.io/v1/`
/// and the like) are all `docker.io`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryName {
    repository: Repository,
}

impl RegistryName {
    /// Host and port as a person would name them.
    pub fn as_str(&self) -> &str {
        self.repository.registry()
    }

    /// The registry as the home of a repository that nobody asks for.
    pub(crate) const fn repository(&self) -> &Repository {
        &self.repository
    }
}

impl From<&Repository> for RegistryName {
    fn from(repository: &Repository) -> Self {
        Self { repository: repository.clone() }
    }
}

impl fmt::Display for RegistryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RegistryName {
    type Err = Error;

    /// Reads a name. A scheme in front is taken for what people copy from a browser; a path behind is an error, because
    /// whoever typed one means a repository.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains('@') {
            // What stands before it may be a password.
            let context = "the name of a registry carries a user: expected HOST or HOST:PORT alone";
            return Err(Error::new(ErrorKind::InvalidName, context));
        }
        let invalid =
            |why: &str| Error::new(ErrorKind::InvalidName, format!("{text:?} is no registry: {why}"));
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let host = if rest == DOCKER_ADDRESS { "docker.io" } else { rest.trim_end_matches('/') };
        if host.contains('/') {
            return Err(invalid("expected HOST or HOST:PORT, without a repository"));
        }
        let repository = Repository::new(host, NO_PATH)
            .map_err(|error| invalid("expected HOST or HOST:PORT").caused_by(error))?;
        Ok(Self { repository })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts() {
        for (text, expected) in [
            ("registry.example.com", "registry.example.com"),
            ("https://registry.example.com:5000/", "registry.example.com:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("docker.io", "docker.io"),
            ("index.docker.io", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
        ] {
            assert_eq!(text.parse::<RegistryName>().unwrap().as_str(), expected, "{text}");
        }
        for text in
            ["", "registry.example.com/app", "user:secret@registry.example.com", "a b", "ftp://a.example"]
        {
            let error = text.parse::<RegistryName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidName, "{text}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
