//! Trying credentials on a registry before anyone keeps them.

use reqwest::{Method, StatusCode};

use super::Client;
use super::auth::Access;
use super::request::Call;
use crate::error::Error;
use crate::registry_name::RegistryName;

/// What came of trying the client's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginCheck {
    /// The registry, or its token service, took them.
    Accepted,
    /// The registry answers everybody, so nothing is known of them.
    NotAsked,
}

impl Client {
    /// Whether credentials are known for a registry: given directly, in a file, or by a helper.
    pub async fn has_credentials(&self, registry: &RegistryName) -> Result<bool, Error> {
        let credential = self.repository(registry.repository()).credential().await?;
        Ok(!credential.is_anonymous())
    }

    /// Tries the credentials that the client has for a registry, by its base endpoint and, where it names one, by its
    /// token service (rule C1 holds). Refused ones are an error of the kind `Unauthorized` or `Forbidden`; none that
    /// are known, and a registry that wants some, are `Unauthorized` too.
    pub async fn check_login(&self, registry: &RegistryName) -> Result<LoginCheck, Error> {
        let registry = self.repository(registry.repository());
        let url = registry.origin()?.url("/v2/")?;
        let answer = registry.call(Call::new(Method::GET, url, Access::Login), registry.deadline()).await?;
        let anonymous = answer.anonymous;
        answer.expect(&[StatusCode::OK], || format!("log in to {}", registry.repository().registry()))?;
        Ok(if anonymous { LoginCheck::NotAsked } else { LoginCheck::Accepted })
    }
}
