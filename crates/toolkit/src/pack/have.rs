//! What the other side has, by an inventory that was taken there.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use waxseal_core::{Digest, json};

use crate::error::{Error, ErrorKind};
use crate::inventory::INVENTORY_SCHEMA;

/// Digests that are known to stand somewhere, with the repositories.
#[derive(Clone, Debug, Default)]
pub struct Have {
    repositories: Vec<String>,
    manifests: HashSet<Digest>,
    blobs: HashMap<Digest, Vec<usize>>,
}

/// An inventory, as far as it tells what stands where.
#[derive(Deserialize)]
struct Inventory {
    schema: String,
    #[serde(default)]
    holdings: Vec<Holdings>,
}

#[derive(Deserialize)]
struct Holdings {
    repository: String,
    #[serde(default)]
    manifests: Vec<Digest>,
    #[serde(default)]
    blobs: Vec<Digest>,
}

impl Have {
    /// Reads an inventory.
    pub fn parse(bytes: &[u8], shown: &str) -> Result<Self, Error> {
        let inventory: Inventory = json::parse(bytes, <[String]>::is_empty).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{shown} is no inventory")).caused_by(error)
        })?;
        if inventory.schema != INVENTORY_SCHEMA {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{shown} has the schema {:?}, expected {INVENTORY_SCHEMA}", inventory.schema),
            ));
        }
        let mut have = Self::default();
        for (number, holdings) in inventory.holdings.into_iter().enumerate() {
            have.repositories.push(holdings.repository);
            have.manifests.extend(holdings.manifests);
            for blob in holdings.blobs {
                have.blobs.entry(blob).or_default().push(number);
            }
        }
        Ok(have)
    }

    /// Whether a manifest is there.
    pub fn has_manifest(&self, digest: &Digest) -> bool {
        self.manifests.contains(digest)
    }

    /// The repositories in which a blob stands; none if it is not known to.
    pub fn blob(&self, digest: &Digest) -> Option<Vec<String>> {
        let numbers = self.blobs.get(digest)?;
        Some(numbers.iter().filter_map(|number| self.repositories.get(*number).cloned()).collect())
    }
}
