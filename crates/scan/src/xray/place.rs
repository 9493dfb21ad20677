//! Where an image stands in Artifactory: the key of a repository and the path of the manifest's file in it.
//!
//! An image's manifest is the file `IMAGE/TAG/manifest.json`; an index is `IMAGE/TAG/list.manifest.json`. A place is
//! found by the checksum of the manifest, so that no form of registry address (subdomain, path, port) and no virtual
//! repository has to be guessed; it says where to ask and proves nothing.

use core::fmt;

use reqwest::Method;
use serde::Deserialize;
use waxseal_core::Digest;

use super::error::{Error, ErrorKind};
use super::{Xray, json};

/// The file names of manifests.
const MANIFESTS: [&str; 2] = ["manifest.json", "list.manifest.json"];
/// What stands before repository and path in the address of a search result.
const STORAGE: &str = "/api/storage/";
/// Longest repository key or path, in bytes.
const PATH_BYTES: usize = 1_024;
/// Most places that a search may find.
const PLACES: usize = 1_024;
/// Largest answer of a search, in bytes (1 MiB).
const SEARCH_BYTES: u64 = 1 << 20;

const WHAT: &str = "the search for the image in Artifactory";

/// A file in Artifactory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    repository: String,
    path: String,
}

impl Place {
    /// The key of a repository and the path of a manifest's file in it.
    pub fn new(repository: &str, path: &str) -> Result<Self, Error> {
        let fits = |text: &str| {
            !text.is_empty()
                && text.len() <= PATH_BYTES
                && !text.chars().any(char::is_control)
                && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
        };
        if !fits(repository) || repository.contains('/') || !fits(path) {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("{repository:?} and {path:?} name no file of a repository in Artifactory"),
            ));
        }
        Ok(Self { repository: repository.to_owned(), path: path.to_owned() })
    }

    /// The place of an image by its name: `image` is the path in the repository.
    pub fn of_tag(repository: &str, image: &str, tag: &str, is_index: bool) -> Result<Self, Error> {
        let file = if is_index { "list.manifest.json" } else { "manifest.json" };
        Self::new(repository, &format!("{image}/{tag}/{file}"))
    }

    /// The key of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The path of the manifest's file in the repository.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The image and the tag that the path is made of: `app` and `1.0` of `app/1.0/manifest.json`.
    pub fn image_and_tag(&self) -> Option<(&str, &str)> {
        let (folder, _) = self.path.rsplit_once('/')?;
        folder.rsplit_once('/')
    }

    /// How Xray names a component: `IMAGE:TAG`.
    pub(super) fn component(&self) -> Result<String, Error> {
        self.image_and_tag().map(|(image, tag)| format!("{image}:{tag}")).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("{self} has no image and tag in its path"))
        })
    }

    /// The place of an address as a search gives it.
    fn of_uri(uri: &str) -> Option<Self> {
        let (_, behind) = uri.split_once(STORAGE)?;
        let (repository, path) = behind.split_once('/')?;
        let path = percent_decoded(path)?;
        let (_, file) = path.rsplit_once('/')?;
        if MANIFESTS.contains(&file) { Self::new(repository, &path).ok() } else { None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.path)
    }
}

#[derive(Deserialize)]
struct Found {
    results: Vec<FoundFile>,
}

#[derive(Deserialize)]
struct FoundFile {
    uri: String,
}

impl Xray {
    /// Looks in Artifactory for the manifest of a digest, in one repository or in all: `GET
    /// artifactory/api/search/checksum`. Sorted; none twice. An empty list means that Artifactory found none, or none
    /// that these credentials may see.
    pub async fn places(&self, digest: &Digest, repository: Option<&str>) -> Result<Vec<Place>, Error> {
        self.transport().told(self.places_said(digest, repository).await, WHAT)
    }

    async fn places_said(&self, digest: &Digest, repository: Option<&str>) -> Result<Vec<Place>, Error> {
        let hex = sha256(digest)?;
        let mut url = self.platform().artifactory("api/search/checksum");
        url.query_pairs_mut().append_pair("sha256", &hex);
        if let Some(repository) = repository {
            url.query_pairs_mut().append_pair("repos", repository);
        }
        let request = self.request(Method::GET, url, None, SEARCH_BYTES, WHAT);
        let body = self.transport().call(&request).await?.ok()?;
        let found: Found = json::parse(&body, request.what)?;
        if found.results.len() > PLACES {
            let context = format!("{}: more than {PLACES} places", request.what);
            return Err(Error::new(ErrorKind::LimitExceeded, context));
        }
        let mut places: Vec<_> = found.results.iter().filter_map(|file| Place::of_uri(&file.uri)).collect();
        places.sort();
        places.dedup();
        Ok(places)
    }
}

/// The hexadecimal digits of a digest by SHA-256: Xray knows images by no other.
pub(super) fn sha256(digest: &Digest) -> Result<String, Error> {
    match digest.to_string().strip_prefix("sha256:") {
        Some(hex) => Ok(hex.to_owned()),
        None => Err(Error::new(
            ErrorKind::NotSupported,
            format!("Xray knows images by their SHA-256 alone, and this one is {digest}"),
        )),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(core::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_files_of_a_repository() {
        let place = Place::of_tag("docker-local", "team/app", "1.0", false).unwrap();
        assert_eq!(place.to_string(), "docker-local/team/app/1.0/manifest.json");
        assert_eq!(place.image_and_tag(), Some(("team/app", "1.0")));
        assert_eq!(place.component().unwrap(), "team/app:1.0");
        for (repository, path) in
            [("", "a"), ("a", ""), ("a/b", "c"), ("..", "a"), ("a", "../b"), ("a", "b//c"), ("a", "b/\n")]
        {
            assert!(Place::new(repository, path).is_err(), "{repository:?} {path:?}");
        }
    }

    #[test]
    fn search_results_are_read_from_their_addresses() {
        let base = "https://acme.jfrog.io/artifactory/api/storage";
        let place = Place::of_uri(&format!("{base}/docker-local/app/1.0/manifest.json")).unwrap();
        assert_eq!(place.to_string(), "docker-local/app/1.0/manifest.json");
        let place = Place::of_uri(&format!("{base}/docker-local/app/sha256%3Aab/manifest.json")).unwrap();
        assert_eq!(place.path(), "app/sha256:ab/manifest.json");
        for other in [
            "docker-local/app/1.0/sha256__ab",
            "docker-local",
            "a/%2e%2e/manifest.json",
            "a/%zz/manifest.json",
        ] {
            assert!(Place::of_uri(&format!("{base}/{other}")).is_none(), "{other}");
        }
        assert!(Place::of_uri("https://acme.jfrog.io/x/app/1.0/manifest.json").is_none());
    }
}
