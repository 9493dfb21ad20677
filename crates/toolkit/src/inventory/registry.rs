//! What a registry holds, by its own listings: repositories of its catalogue, and the tags of each.
//!
//! Images without a tag are in no listing, and tags that name what is attached to an image are no images.

use core::fmt;
use core::str::FromStr;
use std::collections::HashSet;

use futures_util::{StreamExt as _, stream};
use waxseal_core::reference::Tag;
use waxseal_core::{ImageRef, Repository};
use waxseal_oci::attached::is_attached_tag;
use waxseal_oci::{Client, ErrorKind as Store, RegistryName};

use super::image::Trouble;
use super::source::Named;
use crate::error::{Error, ErrorKind};

/// Repositories whose tags are listed at the same time.
const CONCURRENT: usize = 8;

/// A registry, or the part of it below a path: `HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryPrefix {
    registry: RegistryName,
    path: Option<String>,
}

impl RegistryPrefix {
    /// The registry.
    pub const fn registry(&self) -> &RegistryName {
        &self.registry
    }

    /// Whether a repository stands below it, by whole segments of its path.
    fn holds(&self, repository: &Repository) -> bool {
        self.path.as_deref().is_none_or(|path| {
            let rest = repository.path().strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl FromStr for RegistryPrefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (host, path) = match text.split_once('/') {
            Some((host, path)) if !text.contains("://") => (host, path.trim_end_matches('/')),
            _ => (text, ""),
        };
        let registry: RegistryName = host.parse()?;
        if path.is_empty() {
            return Ok(Self { registry, path: None });
        }
        Repository::new(registry.as_str(), path).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{text:?} names no repositories: {error}"))
        })?;
        Ok(Self { registry, path: Some(path.to_owned()) })
    }
}

impl fmt::Display for RegistryPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}/{path}", self.registry),
            None => self.registry.fmt(f),
        }
    }
}

/// What listings name.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The images, by tag.
    pub(super) images: Vec<Named>,
    /// Tags that name what is attached to an image.
    pub(super) attached: Vec<(Repository, Tag)>,
    /// What could not be listed.
    pub(super) unreadable: Vec<Trouble>,
}

/// Lists the repositories below each prefix, and the tags of those and of `repositories`. A catalogue that cannot be read
/// is an error: nothing would be known of what it holds.
pub(super) async fn list(
    client: &Client,
    prefixes: &[RegistryPrefix],
    repositories: &[Repository],
    said: &(dyn Fn(usize) + Sync),
) -> Result<Listed, Error> {
    let mut listed = Listed::default();
    // A repository that a person named has to be there; one of a catalogue may have lost its last tag.
    let mut known = HashSet::new();
    let mut all: Vec<(Repository, bool)> = Vec::new();
    for repository in repositories.iter().filter(|one| known.insert((*one).clone())) {
        all.push((repository.clone(), true));
    }
    for prefix in prefixes {
        let catalog = client.catalog(prefix.registry()).await?;
        let held = catalog.repositories.into_iter().filter(|repository| prefix.holds(repository));
        all.extend(held.filter(|one| known.insert(one.clone())).map(|one| (one, false)));
        listed.unreadable.extend(catalog.unnameable.iter().map(|name| Trouble {
            what: format!("{}/{name}", prefix.registry()),
            code: Store::InvalidName.code().to_owned(),
            message: "the catalogue lists a name that is none of a repository".to_owned(),
        }));
    }
    let mut tags = stream::iter(all)
        .map(|(repository, is_named)| async move {
            let tags = client.repository(&repository).tags().await;
            (repository, is_named, tags)
        })
        .buffered(CONCURRENT);
    let mut done = 0_usize;
    while let Some((repository, is_named, tags)) = tags.next().await {
        done = done.saturating_add(1);
        said(done);
        match tags {
            Ok(tags) => {
                for tag in tags {
                    listed.add(&repository, tag);
                }
            }
            Err(error) if error.kind() == Store::NotFound && !is_named => {}
            Err(error) => {
                listed.unreadable.push(Trouble::of(format!("the tags of {repository}"), &error.into()));
            }
        }
    }
    Ok(listed)
}

impl Listed {
    fn add(&mut self, repository: &Repository, tag: Tag) {
        if is_attached_tag(tag.as_str()) {
            self.attached.push((repository.clone(), tag));
            return;
        }
        let written = format!("{repository}:{tag}");
        let named = match written.parse::<ImageRef>() {
            Ok(reference) => Named::reference(&written, reference),
            Err(error) => Named::wrong(&written, &error.to_string()),
        };
        self.images.push(Named { is_listed: true, ..named });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_registry_and_whole_segments() {
        let prefix: RegistryPrefix = "registry.example.com:5000/team/".parse().unwrap();
        assert_eq!(prefix.to_string(), "registry.example.com:5000/team");
        let holds = |path: &str| prefix.holds(&Repository::new("registry.example.com:5000", path).unwrap());
        assert!(holds("team") && holds("team/app") && !holds("teams/app") && !holds("app"));
        let whole: RegistryPrefix = "registry.example.com".parse().unwrap();
        assert!(whole.holds(&Repository::new("registry.example.com", "any/thing").unwrap()));
        for wrong in ["", "registry.example.com/UPPER", "user@registry.example.com", "a b"] {
            assert!(wrong.parse::<RegistryPrefix>().is_err(), "{wrong}");
        }
    }
}
