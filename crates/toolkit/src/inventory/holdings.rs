//! What is known to stand in a repository.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use waxseal_core::Digest;
use waxseal_core::manifest::Manifest;
use waxseal_oci::Fetched;

/// The digests that are known to stand in one repository, layout or archive. More may stand there: what is not in the
/// list is not known to be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Holdings {
    /// The repository, as `registry/path`, or the layout or archive.
    pub repository: String,
    /// Manifests: of images, of the images of an index, and of what hangs on them.
    pub manifests: BTreeSet<Digest>,
    /// Configurations and layers that those manifests name which were read.
    pub blobs: BTreeSet<Digest>,
}

/// The holdings of several repositories.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<String, Holdings>);

impl Held {
    /// What stands in one repository.
    pub(super) fn of(&mut self, repository: &str) -> &mut Holdings {
        self.0
            .entry(repository.to_owned())
            .or_insert_with(|| Holdings { repository: repository.to_owned(), ..Holdings::default() })
    }

    /// Adds what was found elsewhere.
    pub(super) fn extend(&mut self, other: Holdings) {
        let held = self.of(&other.repository);
        held.manifests.extend(other.manifests);
        held.blobs.extend(other.blobs);
    }

    /// All of them, by name.
    pub(super) fn into_vec(self) -> Vec<Holdings> {
        self.0.into_values().collect()
    }
}

impl Holdings {
    /// Nothing yet, of this repository.
    pub(super) fn new(repository: String) -> Self {
        Self { repository, ..Self::default() }
    }

    /// A manifest that was read, and what it names: a registry does not take a manifest without its blobs. What an index
    /// names is added when it is read.
    pub(super) fn add(&mut self, fetched: &Fetched) {
        self.manifests.insert(fetched.descriptor.digest);
        if let Ok(Manifest::Image(image)) =
            Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type))
        {
            self.blobs.insert(image.config.digest);
            // Foreign layers (`urls`) stand elsewhere.
            let here = image.layers.iter().filter(|layer| layer.urls.is_empty());
            self.blobs.extend(here.map(|layer| layer.digest));
        }
    }
}
