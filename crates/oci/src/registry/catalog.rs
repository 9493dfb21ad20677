//! The repositories of a registry (distribution specification's older API, "Listing Repositories").
//!
//! Not every registry has a catalogue, and many show it to few: what it refuses is an error, never an empty list.

use reqwest::StatusCode;
use serde::Deserialize;
use waxseal_core::limits::{CATALOG_REPOSITORIES, TAG_LISTING_BYTES};
use waxseal_core::{Repository, json};

use super::Client;
use super::listing::Pages;
use crate::error::{Error, ErrorKind};
use crate::registry_name::RegistryName;

/// How many repositories a page is asked to have.
const REPOSITORIES_PER_PAGE: usize = 1_000;

/// What a registry says that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalog {
    /// The repositories, each once, in the registry's order.
    pub repositories: Vec<Repository>,
    /// Names that are none of a repository: nobody can ask for them. They come from outside.
    pub unnameable: Vec<String>,
}

impl Client {
    /// The repositories of a registry, page by page, at most [`CATALOG_REPOSITORIES`]. A registry without a catalogue, or
    /// one that does not show it, is an error.
    pub async fn catalog(&self, registry: &RegistryName) -> Result<Catalog, Error> {
        #[derive(Deserialize)]
        struct Wire {
            repositories: Option<Vec<String>>,
        }
        const WHAT: &str = "the catalogue";
        let registry = self.repository(registry.repository());
        let host = registry.repository().registry().to_owned();
        let first = registry.origin()?.url(&format!("/v2/_catalog?n={REPOSITORIES_PER_PAGE}"))?;
        let mut pages =
            Pages::new(&registry, WHAT, "application/json", TAG_LISTING_BYTES, first).of_registry();
        let mut catalog = Catalog::default();
        let mut seen = std::collections::HashSet::new();
        while let Some(answer) = pages.next().await? {
            let answer = answer.expect(&[StatusCode::OK], || format!("{WHAT} of {host}"))?;
            let wire: Wire = json::parse(&answer.body, json::exact).map_err(|error| {
                pages.error(ErrorKind::Malformed, "a page does not parse").caused_by(error)
            })?;
            for name in wire.repositories.unwrap_or_default() {
                if seen.len() >= CATALOG_REPOSITORIES {
                    let why = format!("more than {CATALOG_REPOSITORIES} repositories");
                    return Err(pages.error(ErrorKind::LimitExceeded, &why));
                }
                if !seen.insert(name.clone()) {
                    continue;
                }
                match Repository::new(&host, &name) {
                    Ok(repository) => catalog.repositories.push(repository),
                    Err(_) => catalog.unnameable.push(name),
                }
            }
        }
        Ok(catalog)
    }
}
