//! What an inventory is taken of: names of images, and the workloads that run them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use waxseal_core::{ImageRef, Repository};
use waxseal_oci::{Location, RegistryName};

use super::cluster;
use super::registry::RegistryPrefix;
use crate::error::Error;

/// The images of an inventory, before anybody has looked at one. An image that is named twice is looked at once.
#[derive(Debug, Default)]
pub struct Sources {
    pub(super) uses: Vec<Use>,
    pub(super) ended: usize,
    pub(super) registries: Vec<RegistryPrefix>,
    pub(super) repositories: Vec<Repository>,
}

/// An image, and what runs it.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) named: Named,
    pub(super) workload: Option<Workload>,
}

/// An image as it is named somewhere.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// As it is written.
    pub(super) written: String,
    /// Where it is, or why that is no name.
    pub(super) location: Result<Location, String>,
    /// A node says that it runs this digest.
    pub(super) is_running: bool,
    /// A node runs it, and does not say by which digest it could be asked for.
    pub(super) unknown_to_node: bool,
    /// A registry's own listing names it, and nobody else.
    pub(super) is_listed: bool,
}

/// What runs an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Workload {
    /// The kind of the object: of a pod's owner, where it has one.
    pub kind: String,
    /// Its namespace, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name; empty where it has none.
    pub name: String,
    /// The containers, and volumes that are images.
    pub containers: BTreeSet<String>,
    /// How many pods run it; 0 where manifests were read, and no cluster.
    pub pods: usize,
}

impl Sources {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image by its name, in any place that a name can mean.
    pub fn add_name(&mut self, name: &str) {
        let location = name.parse::<Location>().map_err(|error| error.to_string());
        let named = Named {
            written: name.to_owned(),
            location,
            is_running: false,
            unknown_to_node: false,
            is_listed: false,
        };
        self.uses.push(Use { named, workload: None });
    }

    /// Adds the images of a file with objects of Kubernetes: manifests in YAML or JSON, or what `kubectl get -o json`
    /// says of a cluster. `shown` is how errors call the file. Pods that have ended are left out unless `with_ended`.
    pub fn add_objects(&mut self, shown: &str, bytes: Vec<u8>, with_ended: bool) -> Result<(), Error> {
        let read = cluster::read(shown, bytes, with_ended)?;
        self.uses.extend(read.uses);
        self.ended = self.ended.saturating_add(read.ended);
        Ok(())
    }

    /// Adds what a registry holds, or the part of it below a path, by its own listings.
    pub fn add_registry(&mut self, registry: RegistryPrefix) {
        self.registries.push(registry);
    }

    /// Adds every tag of a repository.
    pub fn add_repository(&mut self, repository: Repository) {
        self.repositories.push(repository);
    }

    /// Whether nothing is named, neither images nor where they are listed.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty() && !self.asks_listings()
    }

    /// Whether registries are asked what they hold.
    pub(super) fn asks_listings(&self) -> bool {
        !self.registries.is_empty() || !self.repositories.is_empty()
    }

    /// How many pods were left out because they have ended.
    pub const fn ended(&self) -> usize {
        self.ended
    }

    /// The registries that are asked.
    pub fn registry_names(&self) -> Vec<RegistryName> {
        let named = self.uses.iter().filter_map(|one| match &one.named.location {
            Ok(Location::Registry(reference)) => Some(RegistryName::from(reference.repository())),
            _ => None,
        });
        let listed = self.registries.iter().map(|prefix| prefix.registry().clone());
        named.chain(listed).chain(self.repositories.iter().map(RegistryName::from)).collect()
    }
}

impl Named {
    /// An image of a registry.
    pub(super) fn reference(written: &str, reference: ImageRef) -> Self {
        Self {
            written: written.to_owned(),
            location: Ok(Location::Registry(reference)),
            is_running: false,
            unknown_to_node: false,
            is_listed: false,
        }
    }

    /// What is no name.
    pub(super) fn wrong(written: &str, why: &str) -> Self {
        Self {
            written: written.to_owned(),
            location: Err(why.to_owned()),
            is_running: false,
            unknown_to_node: false,
            is_listed: false,
        }
    }
}

/// Workloads by namespace, kind and name: one object that runs an image in several containers or pods stands there once.
#[derive(Clone, Debug, Default)]
pub(super) struct Workloads(BTreeMap<(Option<String>, String, String), Workload>);

impl Workloads {
    /// Adds one.
    pub(super) fn add(&mut self, one: Workload) {
        let key = (one.namespace.clone(), one.kind.clone(), one.name.clone());
        match self.0.entry(key) {
            Entry::Vacant(place) => {
                place.insert(one);
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.containers.extend(one.containers);
                known.pods = known.pods.saturating_add(one.pods);
            }
        }
    }

    /// Adds others.
    pub(super) fn extend(&mut self, others: Self) {
        for one in others.0.into_values() {
            self.add(one);
        }
    }

    /// All of them, in order.
    pub(super) fn into_vec(self) -> Vec<Workload> {
        self.0.into_values().collect()
    }
}
