//! Where an image stands in Artifactory.
//!
//! Artifactory's registry tells the key of the repository with a manifest (`X-Artifactory-Docker-Registry`), whatever
//! form of address it was asked by, and its search finds the manifest by checksum. Where the search is not allowed the
//! place is made of the name. Neither is proof: the summary's checksum is.

use waxseal_core::{Digest, Repository};
use waxseal_oci::Store;
use waxseal_scan::xray::{ErrorKind as XrayKind, Place, Xray};

use super::fetch::Fetching;
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// The header in which Artifactory's registry tells the key of a repository.
const REPOSITORY_KEY: &str = "x-artifactory-docker-registry";
/// Most places that an error names.
const NAMED: usize = 5;

impl Fetching {
    /// Where the image stands.
    pub(super) async fn place(&self, xray: &Xray, image: &mut Image) -> Result<Place, Error> {
        let digest = *image.digest();
        let told = match &self.repository {
            Some(key) => Some(key.clone()),
            None => told(image, &digest).await,
        };
        let path = image.pinned().repository().map(Repository::path).unwrap_or_default().to_owned();
        let tag = image.tag().filter(|_| image.via().is_empty()).map(ToString::to_string);
        let mut found = match xray.places(&digest, told.as_deref()).await {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), XrayKind::Forbidden | XrayKind::NotFound) => {
                // Searching needs a right of its own: the name will do, if it has a tag.
                return by_name(image, told.as_deref(), &path, tag.as_deref())
                    .await?
                    .ok_or_else(|| error.into());
            }
            Err(error) => return Err(error.into()),
        };
        if found.is_empty() && self.repository.is_none() && told.is_some() {
            // The registry names a virtual repository, and files stand in the local ones behind it.
            found = xray.places(&digest, None).await?;
        }
        if let Some(place) = choose(found, &path, tag.as_deref(), image)? {
            return Ok(place);
        }
        let within = self.repository.as_deref().map(|key| format!(" in {key}")).unwrap_or_default();
        Err(Error::new(
            ErrorKind::Xray(XrayKind::NotFound),
            format!(
                "{}: the Artifactory of {} has no such manifest{within}, or does not show it to these credentials",
                image.pinned(),
                xray.platform().host()
            ),
        ))
    }
}

/// The key that the registry tells, if it is one of Artifactory and answers.
async fn told(image: &Image, digest: &Digest) -> Option<String> {
    let Store::Registry(registry) = &image.store else { return None };
    let key = registry.manifest_header(digest, REPOSITORY_KEY).await.ok()??;
    let fits = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    fits.then_some(key)
}

/// The place that the name says: `IMAGE/TAG` in the repository, with or without its key in front.
async fn by_name(
    image: &mut Image,
    key: Option<&str>,
    path: &str,
    tag: Option<&str>,
) -> Result<Option<Place>, Error> {
    let (Some(key), Some(tag)) = (key, tag) else { return Ok(None) };
    let is_index = image.index().await?.is_some();
    let name = path.strip_prefix(key).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
    Ok(Some(Place::of_tag(key, name, tag, is_index)?))
}

/// The one place of several that is meant: the one of the name that was typed; else any, as long as they are all in
/// one repository. The bytes are the same everywhere; watches, and so violations, are not.
fn choose(found: Vec<Place>, path: &str, tag: Option<&str>, image: &Image) -> Result<Option<Place>, Error> {
    let is_named = |place: &&Place| {
        place.image_and_tag().is_some_and(|(name, of)| {
            let tail = path.strip_suffix(name);
            Some(of) == tag && tail.is_some_and(|head| head.is_empty() || head.ends_with('/'))
        })
    };
    let named: Vec<_> = found.iter().filter(is_named).cloned().collect();
    let fitting = if named.is_empty() { found } else { named };
    let first = fitting.first().cloned();
    let elsewhere = fitting
        .iter()
        .any(|place| first.as_ref().is_some_and(|first| first.repository() != place.repository()));
    if elsewhere {
        let names: Vec<_> = fitting.iter().take(NAMED).map(ToString::to_string).collect();
        return Err(Error::new(
            ErrorKind::Xray(XrayKind::Ambiguous),
            format!("{} stands at several places in Artifactory: {}", image.pinned(), names.join(", ")),
        ));
    }
    Ok(first)
}
