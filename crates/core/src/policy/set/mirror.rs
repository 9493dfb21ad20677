//! The names that rules see for other places (rule Y4): mirrors, virtual repositories, the registry behind an air gap.

use super::super::PolicyError;
use crate::reference::Repository;

/// A place whose repositories go by another name in rules: everything under `from`, path segment by path segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    from: String,
    to: String,
}

impl Mirror {
    /// What stands under `from` goes by the same name under `to`. Both are a registry, or a registry and the beginning of
    /// a path; they are no patterns.
    pub fn new(from: &str, to: &str) -> Result<Self, PolicyError> {
        Ok(Self { from: prefix(from)?, to: prefix(to)? })
    }

    /// The place, normalised.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The name that it goes by, normalised.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The name of a repository under it, or nothing for another one.
    pub fn map(&self, place: &Repository) -> Option<Repository> {
        let name = place.to_string();
        let rest = name.strip_prefix(&self.from)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let (registry, path) = self.to.split_once('/').unwrap_or((&self.to, ""));
        let path = format!("{path}{rest}");
        Repository::new(registry, path.trim_start_matches('/')).ok()
    }
}

/// Reads a registry, or the beginning of a repository's name.
fn prefix(text: &str) -> Result<String, PolicyError> {
    let no = |why| PolicyError::Mirror { text: text.to_owned(), why };
    if text.contains('*') {
        return Err(no("mirrors are no patterns: write registry/path without *"));
    }
    let (registry, path) = text.split_once('/').unwrap_or((text, ""));
    if !(registry.contains(['.', ':', '[']) || registry == "localhost") {
        return Err(no("the registry is part of it, as in registry.example.com/prod"));
    }
    let wrong = |_| no("expected a registry, or a registry and a path, as in registry.example.com/prod");
    if path.is_empty() && !text.ends_with('/') {
        let known = Repository::new(registry, "path").map_err(wrong)?;
        return Ok(known.registry().to_owned());
    }
    Ok(Repository::new(registry, path).map_err(wrong)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(from: &str, to: &str, place: &str) -> Option<String> {
        Mirror::new(from, to).unwrap().map(&place.parse().unwrap()).map(|name| name.to_string())
    }

    #[test]
    fn maps_whole_segments() {
        let there = |path: &str| Some(format!("registry.example.com/{path}"));
        let (site, home) = ("site.local/prod", "registry.example.com/prod");
        assert_eq!(mapped(site, home, "site.local/prod/team/app"), there("prod/team/app"));
        assert_eq!(mapped(site, home, "site.local/prod"), there("prod"));
        assert_eq!(mapped(site, home, "site.local/production/app"), None);
        assert_eq!(mapped(site, home, "site.local.evil/prod/app"), None);
        assert_eq!(mapped("site.local", home, "site.local/app"), there("prod/app"));
        assert_eq!(mapped("site.local", "registry.example.com", "site.local/app"), there("app"));
        assert_eq!(
            mapped("site.local/hub", "index.docker.io", "site.local/hub/library/busybox"),
            Some("docker.io/library/busybox".to_owned())
        );
        // What would have no path stays what it is.
        assert_eq!(mapped("site.local/hub", "docker.io", "site.local/hub"), None);
    }

    #[test]
    fn refuses_what_is_no_place() {
        for text in
            ["", "prod/app", "site.local/*", "site.local/", "site.local//a", "Site.local/A", "a.b/c:1"]
        {
            assert!(matches!(Mirror::new(text, "b.c"), Err(PolicyError::Mirror { .. })), "{text:?}");
            assert!(matches!(Mirror::new("b.c", text), Err(PolicyError::Mirror { .. })), "{text:?}");
        }
    }
}
