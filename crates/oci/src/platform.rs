//! Which image a platform means: the one resolver for whatever is named with `--platform`.
//!
//! An index says what its images are for, nested indexes included; where it does not say, and for an image that stands in
//! no index, the image's own configuration does. Several images that fit are several: nobody should get one by the order
//! of a list. What is found is a choice among the bytes that were read, and no word about trust.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use waxseal_core::limits::{COPY_MANIFEST_BYTES, INDEX_DEPTH, MANIFEST_BYTES, PLATFORM_MANIFESTS};
use waxseal_core::manifest::Manifest;
use waxseal_core::media_type::{self, DOCKER_CONFIG, OCI_CONFIG};
use waxseal_core::{Descriptor, Digest, Platform, json};

use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Which};
use crate::store::Store;

/// What a platform means in an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Choice {
    /// One image.
    One(Box<Chosen>),
    /// None, or several.
    NotOne {
        /// How many fit.
        fitting: usize,
        /// The platforms that there are, in order, separated by commas; images that state none are left out.
        offered: String,
    },
}

/// The image of a platform.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Chosen {
    /// The indexes through which it was reached, outermost first, as they were read; none if the name itself is the
    /// image.
    pub via: Vec<Fetched>,
    /// The image.
    pub descriptor: Descriptor,
    /// Its manifest, where it had to be read.
    pub manifest: Option<Fetched>,
}

/// Looks for the image of `platform`: `root` itself, or one that `root` lists. What cannot be read is an error, because
/// it could be the image, or a second one.
pub async fn choose(store: &Store, root: Fetched, platform: &Platform) -> Result<Choice, Error> {
    let mut search = Search { store, platform, found: Vec::new(), offered: BTreeSet::new() };
    let mut level = vec![(Vec::new(), root)];
    let (mut read, mut bytes) = (HashSet::<Digest>::new(), 0_u64);
    for depth in 0..=INDEX_DEPTH {
        for (via, fetched) in core::mem::take(&mut level) {
            for (via, child) in search.look_at(via, fetched, depth).await? {
                if !read.insert(child.digest) {
                    continue;
                }
                let look = store.manifest(&Which::Digest(child.digest)).await;
                let mut fetched = look.required(|| format!("{} in {}", child.digest, store.shown()))?;
                fetched.descriptor.media_type = child.media_type;
                bytes = bytes.saturating_add(fetched.bytes.len() as u64);
                if read.len() > PLATFORM_MANIFESTS || bytes > COPY_MANIFEST_BYTES {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded,
                        format!(
                            "more than {PLATFORM_MANIFESTS} manifests or {COPY_MANIFEST_BYTES} bytes of them would \
                             have to be read to find the image for {platform}: name it by its digest"
                        ),
                    ));
                }
                level.push((via, fetched));
            }
        }
    }
    Ok(search.chosen())
}

struct Search<'a> {
    store: &'a Store,
    platform: &'a Platform,
    found: Vec<(Platform, Chosen)>,
    offered: BTreeSet<String>,
}

impl Search<'_> {
    /// Notes what fits; the outcome are the descriptors that have to be read to know.
    async fn look_at(
        &mut self,
        mut via: Vec<Fetched>,
        fetched: Fetched,
        depth: usize,
    ) -> Result<Vec<(Vec<Fetched>, Descriptor)>, Error> {
        let digest = fetched.descriptor.digest;
        let index = match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
            Ok(Manifest::Index(index)) => index,
            Ok(Manifest::Image(image)) => {
                if let Some(own) = stated(self.store, &image.config).await? {
                    let descriptor = fetched.descriptor.clone();
                    self.offer(own, Chosen { via, descriptor, manifest: Some(fetched) });
                }
                return Ok(Vec::new());
            }
            Ok(_) => return Ok(Vec::new()),
            Err(error) => {
                let context = format!("{digest} is no image");
                return Err(Error::new(ErrorKind::Malformed, context).caused_by(error));
            }
        };
        if depth >= INDEX_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("indexes nest deeper than {INDEX_DEPTH} levels"),
            ));
        }
        via.push(fetched);
        let mut unknown = Vec::new();
        for child in index.manifests {
            let nested = media_type::is_index(&child.media_type);
            match child.platform.clone() {
                Some(own) if nested && self.platform.accepts(&own) => unknown.push((via.clone(), child)),
                Some(own) => self.offer(own, Chosen { via: via.clone(), descriptor: child, manifest: None }),
                None if nested || media_type::is_manifest(&child.media_type) => {
                    unknown.push((via.clone(), child));
                }
                None => {}
            }
        }
        Ok(unknown)
    }

    fn offer(&mut self, own: Platform, chosen: Chosen) {
        self.offered.insert(own.to_string());
        let known = |(_, found): &(Platform, Chosen)| found.descriptor.digest == chosen.descriptor.digest;
        if self.platform.accepts(&own) && !self.found.iter().any(known) {
            self.found.push((own, chosen));
        }
    }

    fn chosen(mut self) -> Choice {
        // Where no variant was typed, an exact match is meant.
        if self.found.len() > 1 {
            let exact = |(own, _): &(Platform, Chosen)| own == self.platform;
            if self.found.iter().filter(|found| exact(found)).count() == 1 {
                self.found.retain(exact);
            }
        }
        let fitting = self.found.len();
        match self.found.pop() {
            Some((_, chosen)) if fitting == 1 => Choice::One(Box::new(chosen)),
            _ => {
                let offered = self.offered.into_iter().collect::<Vec<_>>().join(", ");
                Choice::NotOne { fitting, offered }
            }
        }
    }
}

impl Choice {
    /// What is wrong where it is not one, as the end of a sentence that begins with the image.
    pub fn why_not(&self, platform: &Platform) -> Option<String> {
        match self {
            Self::One(_) => None,
            Self::NotOne { fitting: 0, offered } if offered.is_empty() => {
                Some(format!("has no image for {platform}, and none that states its platform"))
            }
            Self::NotOne { fitting: 0, offered } => {
                Some(format!("has no image for {platform}, only for {offered}"))
            }
            Self::NotOne { fitting, offered } => Some(format!(
                "has {fitting} images for {platform}: name one of {offered} more closely, or by its digest"
            )),
        }
    }
}

/// The platform that a configuration states; none where it is no configuration of an image, or states none.
async fn stated(store: &Store, config: &Descriptor) -> Result<Option<Platform>, Error> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        os: String,
        #[serde(default)]
        architecture: String,
        variant: Option<String>,
        #[serde(rename = "os.version")]
        os_version: Option<String>,
    }

    // Docker's first images named no type.
    if !matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG | "application/octet-stream") {
        return Ok(None);
    }
    let bytes = store.blob(config, MANIFEST_BYTES).await?;
    let names = |path: json::Path<'_>| match path {
        [] => json::Names::Known(&["os", "architecture", "variant", "os.version"]),
        _ => json::Names::Exact,
    };
    let stated: Config = json::parse(&bytes, names).map_err(|error| {
        Error::new(ErrorKind::Malformed, format!("{} is no image configuration", config.digest))
            .caused_by(error)
    })?;
    if stated.os.is_empty() || stated.architecture.is_empty() {
        return Ok(None);
    }
    let mut platform = Platform::new(stated.os, stated.architecture);
    platform.variant = stated.variant.filter(|variant| !variant.is_empty());
    platform.os_version = stated.os_version.filter(|version| !version.is_empty());
    Ok(Some(platform))
}
