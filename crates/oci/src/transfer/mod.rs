//! Copies images between stores, with everything that is attached to them.
//!
//! Bytes are copied as they are: digests stay, so what was said about an image holds at the destination. Nothing is
//! dropped in silence: what cannot be read ends the copy, what is no manifest is reported. A copy that broke off
//! goes on where it was when it is started again, because what is there already is not sent twice.

mod plan;
mod progress;
mod write;

use std::sync::Arc;

use serde::Deserialize;
use waxseal_core::limits::{INDEX_DEPTH, MANIFEST_BYTES};
use waxseal_core::manifest::Manifest;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Platform, media_type};

use self::progress::Listener;
pub use self::progress::{Progress, Silent};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Which};
use crate::store::Store;

/// Blobs and manifests that are moved at once, unless the options say otherwise.
const CONCURRENCY: usize = 4;

/// What is copied of an image with several platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platforms {
    /// What the name resolves to, an index with all its images.
    #[default]
    All,
    /// The image of one platform. It becomes the image at the destination, and the index that named it stays
    /// behind, with what is attached to the index.
    Only(Platform),
}

/// Whether what is attached is copied too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachments {
    /// Everything, of every image copied, and what is attached to that in turn.
    #[default]
    All,
    /// Nothing.
    None,
}

/// What to do where a tag of the destination has other things attached than the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// End with an error of the kind `Conflict`, unless one of both holds everything of the other.
    #[default]
    Refuse,
    /// Replace what is there.
    Replace,
}

/// How to copy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Which platforms.
    pub platforms: Platforms,
    /// With what is attached, or without.
    pub attachments: Attachments,
    /// What to do where the destination's attachments would be lost.
    pub conflict: Conflict,
    /// Where attached objects are read, if they stand in another repository (rule L7).
    pub evidence_from: Option<Store>,
    /// Where attached objects are written, if that is another repository (rule L7).
    pub evidence_to: Option<Store>,
    /// Blobs and manifests that are moved at once; 0 counts as 1.
    pub concurrency: usize,
    progress: Listener,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            platforms: Platforms::default(),
            attachments: Attachments::default(),
            conflict: Conflict::default(),
            evidence_from: None,
            evidence_to: None,
            concurrency: CONCURRENCY,
            progress: Listener(Arc::new(Silent)),
        }
    }
}

impl Options {
    /// The same options, with somebody who hears how far the copy is.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Listener(progress);
        self
    }

    fn progress(&self) -> &Arc<dyn Progress> {
        &self.progress.0
    }
}

/// What was copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Copied {
    /// The image at the destination: the one asked for, or the one of its platform.
    pub root: Descriptor,
    /// Manifests written, those of attached objects included.
    pub manifests: usize,
    /// Blobs sent.
    pub blobs: usize,
    /// Blobs that were at the destination already or were mounted there.
    pub blobs_there: usize,
    /// Bytes of the blobs sent.
    pub bytes: u64,
    /// Attached objects, by tag and as referrers.
    pub attached: usize,
    /// Tags of attached objects at which the destination had everything already, and kept what it had.
    pub kept: Vec<Tag>,
    /// What is attached at the source and is not what it claims to be. It was not copied.
    pub rejected: Vec<Rejected>,
}

/// Something attached that cannot be: it is no manifest, or refers to something else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// What it was said to be.
    pub descriptor: Descriptor,
    /// Why it was not copied.
    pub why: String,
}

/// Copies `which` from one store to another, under `tag` if one is given. An archive has to be committed by the
/// caller afterwards, so that several images can be put into it at once.
pub async fn copy(
    from: &Store,
    which: &Which,
    to: &Store,
    tag: Option<&Tag>,
    options: &Options,
) -> Result<Copied, Error> {
    let root = from.manifest(which).await.required(|| format!("{which} in {}", from.shown()))?;
    let root = match &options.platforms {
        Platforms::All => root,
        Platforms::Only(platform) => of_platform(from, root, platform).await?,
    };
    let ends = Ends {
        from,
        to,
        evidence_from: options.evidence_from.as_ref().unwrap_or(from),
        evidence_to: options.evidence_to.as_ref().unwrap_or(to),
    };
    let attachments = options.attachments == Attachments::All;
    let plan = plan::read(&ends, root.clone(), attachments, options.concurrency).await?;
    write::write(&ends, &root, plan, tag, options).await
}

/// The two ends of a copy.
struct Ends<'a> {
    from: &'a Store,
    to: &'a Store,
    evidence_from: &'a Store,
    evidence_to: &'a Store,
}

impl Ends<'_> {
    /// Whether attached objects come from or go to a place of their own.
    fn apart(&self) -> bool {
        !core::ptr::eq(self.from, self.evidence_from) || !core::ptr::eq(self.to, self.evidence_to)
    }
}

/// The image of a platform: the only one of an index that it accepts, or `root` itself if it is of that platform.
async fn of_platform(from: &Store, root: Fetched, platform: &Platform) -> Result<Fetched, Error> {
    let mut level = vec![root];
    let mut found: Vec<Fetched> = Vec::new();
    let mut offered: Vec<String> = Vec::new();
    for _ in 0..=INDEX_DEPTH {
        let mut below = Vec::new();
        for fetched in core::mem::take(&mut level) {
            let digest = fetched.descriptor.digest;
            let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type));
            let index = match manifest {
                Ok(Manifest::Index(index)) => index,
                Ok(Manifest::Image(image)) => {
                    let own = platform_of(from, &image.config).await?;
                    offered.push(own.to_string());
                    if platform.accepts(&own) && !known(&found, &fetched.descriptor) {
                        found.push(fetched);
                    }
                    continue;
                }
                Ok(_) => continue,
                Err(error) => {
                    let context = format!("{digest} is no image");
                    return Err(Error::new(ErrorKind::Malformed, context).caused_by(error));
                }
            };
            for child in index.manifests {
                let nested = media_type::is_index(&child.media_type);
                let accepted = match &child.platform {
                    Some(own) => {
                        offered.push(own.to_string());
                        platform.accepts(own)
                    }
                    // Without a platform in the index, the image's own configuration says it.
                    None => nested || media_type::is_manifest(&child.media_type),
                };
                if !accepted || known(&found, &child) {
                    continue;
                }
                let look = from.manifest(&Which::Digest(child.digest)).await;
                let mut fetched = look.required(|| format!("{} in {}", child.digest, from.shown()))?;
                fetched.descriptor.media_type.clone_from(&child.media_type);
                if nested || child.platform.is_none() {
                    below.push(fetched);
                } else {
                    found.push(fetched);
                }
            }
        }
        level = below;
        if level.is_empty() {
            break;
        }
    }
    offered.sort();
    offered.dedup();
    let offered = offered.join(", ");
    match found.len() {
        1 => found.pop().ok_or_else(|| Error::new(ErrorKind::NotFound, "no image")),
        0 => Err(Error::new(ErrorKind::NotFound, format!("no image for {platform}; there are {offered}"))),
        count => Err(Error::new(
            ErrorKind::InvalidName,
            format!("{count} images for {platform}: name one of {offered} more closely"),
        )),
    }
}

fn known(found: &[Fetched], descriptor: &Descriptor) -> bool {
    found.iter().any(|fetched| fetched.descriptor.digest == descriptor.digest)
}

/// The platform that a configuration states.
async fn platform_of(from: &Store, config: &Descriptor) -> Result<Platform, Error> {
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

    let bytes = from.blob(config, MANIFEST_BYTES).await?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Malformed, format!("{} is no image configuration", config.digest))
            .caused_by(error)
    })?;
    let mut platform = Platform::new(config.os, config.architecture);
    platform.variant = config.variant;
    platform.os_version = config.os_version;
    Ok(platform)
}
