//! Where the images of a pack go, and what they are called there.
//!
//! Without a mapping an image keeps its path, below the place that was named: `registry.example.com/prod/app` becomes
//! `registry.site.local/prod/app`. A mapping replaces the beginning of a name, whole segments of it; the longest that
//! fits counts. The policy of the receiver still sees the name that the image had (rule Y4).

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;
use std::path::PathBuf;

use waxseal_core::{ImageRef, Repository};

use crate::error::{Error, ErrorKind};

/// A place that packs are unpacked to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// A registry, and a path in it that images are put below; empty for none.
    Registry {
        /// Host and port.
        host: String,
        /// The path.
        path: String,
    },
    /// An OCI layout directory.
    Layout(PathBuf),
}

impl FromStr for Destination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Err(Error::new(ErrorKind::Usage, format!("{text:?} is no place to unpack to: {why}")))
        };
        if let Some(directory) = text.strip_prefix("oci:") {
            if directory.is_empty() {
                return wrong("expected oci:DIRECTORY");
            }
            return Ok(Self::Layout(PathBuf::from(directory)));
        }
        if text.contains("://") || text.contains('@') {
            return wrong("expected HOST[:PORT][/PATH] or oci:DIRECTORY");
        }
        if text.starts_with("oci-archive:") || text.starts_with("docker-archive:") {
            return wrong("unpack to oci:DIRECTORY, or copy single images with `waxseal copy`");
        }
        let (host, path) =
            text.trim_end_matches('/').split_once('/').unwrap_or((text.trim_end_matches('/'), ""));
        if !host.contains(['.', ':']) && host != "localhost" {
            return wrong(
                "the first part must be a registry's host, as registry.example.com or localhost:5000",
            );
        }
        // The rules of names say whether host and path can be ones.
        let probe = if path.is_empty() { "probe" } else { path };
        match Repository::new(host, probe) {
            Ok(repository) => {
                Ok(Self::Registry { host: repository.registry().to_owned(), path: path.to_owned() })
            }
            Err(error) => wrong(&error.to_string()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { host, path } if path.is_empty() => f.write_str(host),
            Self::Registry { host, path } => write!(f, "{host}/{path}"),
            Self::Layout(path) => write!(f, "oci:{}", path.display()),
        }
    }
}

/// `FROM=TO`: names that begin with `from` begin with `to` at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The beginning of names in the pack, with the registry's host.
    pub from: String,
    /// What takes its place.
    pub to: String,
}

impl FromStr for Mapping {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Err(Error::new(
                ErrorKind::Usage,
                format!("{text:?} is no mapping: expected FROM=TO, as registry.example.com/prod=mirror/prod"),
            ))
        };
        let Some((from, to)) = text.split_once('=') else { return wrong() };
        let (from, to) = (from.trim_end_matches('/'), to.trim_end_matches('/'));
        if from.is_empty() || to.starts_with('/') || to.contains('=') {
            return wrong();
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned() })
    }
}

impl Destination {
    /// Refuses images of more than one registry that are not mapped: a registry's name is lost on the way into another one,
    /// so that `b.example/app` would pass for `a.example/app`. In a layout names stay whole.
    pub(super) fn hosts<'a>(
        &self,
        images: impl Iterator<Item = &'a ImageRef>,
        maps: &[Mapping],
    ) -> Result<(), Error> {
        if matches!(self, Self::Layout(_)) {
            return Ok(());
        }
        let plain = images
            .map(ImageRef::repository)
            .filter(|repository| mapped(&repository.to_string(), maps).is_none());
        let hosts: BTreeSet<&str> = plain.map(Repository::registry).collect();
        if hosts.len() < 2 {
            return Ok(());
        }
        let hosts: Vec<&str> = hosts.into_iter().collect();
        Err(Error::new(
            ErrorKind::Usage,
            format!(
                "images of {} would lose the name of their registry: map all but one, as --map {}=PATH",
                hosts.join(" and "),
                hosts.last().copied().unwrap_or_default()
            ),
        ))
    }

    /// The repository that an image goes to. For a layout, it is the name that it is listed under there.
    pub fn repository(&self, image: &ImageRef, maps: &[Mapping]) -> Result<Repository, Error> {
        let name = image.repository().to_string();
        match (self, mapped(&name, maps)) {
            (Self::Layout(_), None) => Ok(image.repository().clone()),
            (Self::Layout(_), Some((map, rest))) => parse(&format!("{}{rest}", map.to), &name),
            (Self::Registry { host, path }, None) => below(host, path, image.repository().path(), &name),
            (Self::Registry { host, path }, Some((map, rest))) => {
                let whole = self.to_string();
                let inside =
                    map.to == whole || map.to.strip_prefix(&whole).is_some_and(|rest| rest.starts_with('/'));
                let first = map.to.split('/').next().unwrap_or_default();
                if inside {
                    return parse(&format!("{}{rest}", map.to), &name);
                }
                if first.contains(['.', ':']) || first == "localhost" {
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!("the mapping to {} leads out of {whole}", map.to),
                    ));
                }
                below(host, path, &format!("{}{rest}", map.to), &name)
            }
        }
    }
}

/// The mapping that counts for a name, and the rest of the name behind it.
fn mapped<'a>(name: &'a str, maps: &'a [Mapping]) -> Option<(&'a Mapping, &'a str)> {
    maps.iter()
        .filter_map(|map| {
            let rest = name.strip_prefix(&map.from)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((map, rest))
        })
        .max_by_key(|(map, _)| map.from.len())
}

fn below(host: &str, path: &str, rest: &str, name: &str) -> Result<Repository, Error> {
    let parts = [path, rest.trim_start_matches('/')];
    let path: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Repository::new(host, &path.join("/")).map_err(|error| unusable(name, &error))
}

fn parse(text: &str, name: &str) -> Result<Repository, Error> {
    text.parse().map_err(|error| unusable(name, &error))
}

fn unusable(name: &str, error: &waxseal_core::reference::ReferenceError) -> Error {
    Error::new(ErrorKind::Usage, format!("{name} has no name at the destination: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(to: &str, maps: &[&str], image: &str) -> Result<String, String> {
        let to: Destination = to.parse().map_err(|error: Error| error.to_string())?;
        let maps: Result<Vec<Mapping>, Error> = maps.iter().map(|map| map.parse()).collect();
        let maps = maps.map_err(|error| error.to_string())?;
        to.repository(&image.parse().unwrap(), &maps)
            .map(|repository| repository.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_image_keeps_its_path_unless_it_is_mapped() {
        let image = "registry.example.com/prod/app:1.0";
        for (to, maps, expected) in [
            ("registry.site.local", &[][..], "registry.site.local/prod/app"),
            ("registry.site.local/", &[], "registry.site.local/prod/app"),
            ("localhost:5000/mirror", &[], "localhost:5000/mirror/prod/app"),
            ("registry.site.local", &["registry.example.com/prod=apps"], "registry.site.local/apps/app"),
            ("registry.site.local", &["registry.example.com="], "registry.site.local/prod/app"),
            ("registry.site.local", &["registry.example.com/pro=apps"], "registry.site.local/prod/app"),
            (
                "registry.site.local/a",
                &["registry.example.com/prod=registry.site.local/a/b"],
                "registry.site.local/a/b/app",
            ),
            (
                "registry.site.local",
                &["registry.example.com=all", "registry.example.com/prod/app=the/app"],
                "registry.site.local/the/app",
            ),
            ("oci:site", &[], "registry.example.com/prod/app"),
            ("oci:site", &["registry.example.com=registry.site.local"], "registry.site.local/prod/app"),
        ] {
            assert_eq!(placed(to, maps, image).unwrap(), expected, "{to} {maps:?}");
        }
        assert_eq!(
            placed("registry.site.local", &[], "busybox").unwrap(),
            "registry.site.local/library/busybox"
        );
    }

    #[test]
    fn images_of_two_registries_do_not_pass_for_those_of_one() {
        let a = ["a.example.com/app:1", "a.example.com/more:1"];
        let both = [a[0], "b.example.com/tools:1"];
        for (to, maps, images, fits) in [
            ("registry.site.local", &[][..], a, true),
            ("registry.site.local", &[], both, false),
            ("registry.site.local", &["b.example.com=b"], both, true),
            ("registry.site.local", &["c.example.com=b"], both, false),
            ("oci:site", &[], both, true),
        ] {
            let to: Destination = to.parse().unwrap();
            let maps: Vec<Mapping> = maps.iter().map(|map| map.parse().unwrap()).collect();
            let images: Vec<ImageRef> = images.iter().map(|image| image.parse().unwrap()).collect();
            assert_eq!(to.hosts(images.iter(), &maps).is_ok(), fits, "{to} {maps:?}");
        }
    }

    #[test]
    fn nothing_leads_to_another_registry_than_the_one_that_was_named() {
        let image = "registry.example.com/prod/app:1.0";
        for (to, maps) in [
            ("registry.site.local", &["registry.example.com/prod=registry.other.local/prod"][..]),
            ("registry.site.local/a", &["registry.example.com/prod=registry.site.local/ab"]),
            ("registry.site.local", &["registry.example.com/prod=UPPER"]),
            ("registry.site.local", &["registry.example.com/prod=../prod"]),
            ("registry.site.local", &["registry.example.com/prod"]),
            ("registry.site.local", &["=prod"]),
            ("registry.site.local", &["registry.example.com/prod=/prod"]),
            ("site", &[]),
            ("https://registry.site.local", &[]),
            ("registry.site.local/app@sha256:00", &[]),
            ("registry.site.local/app:1.0", &[]),
            ("oci:", &[]),
            ("oci-archive:x.tar", &[]),
            ("", &[]),
        ] {
            assert!(placed(to, maps, image).is_err(), "{to} {maps:?}");
        }
    }
}
