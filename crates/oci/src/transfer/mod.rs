//! Copies images between stores, with everything that is attached to them.
//!
//! Bytes are copied as they are: digests stay, so what was said about an image holds at the destination. Nothing is
//! dropped in silence: what cannot be read ends the copy, what is no manifest is reported. A copy that broke off
//! goes on where it was when it is started again, because what is there already is not sent twice.

mod delivered;
mod gather;
mod plan;
mod progress;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, Platform};

pub use self::delivered::Delivered;
pub use self::gather::{Gathered, gather};
use self::progress::Listener;
pub use self::progress::{Progress, Silent};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Which};
use crate::platform::{self, Choice};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachments {
    /// Everything, of every image copied, and what is attached to that in turn.
    #[default]
    All,
    /// Nothing.
    None,
    /// These referrers, by the image that they refer to, and nothing that is attached by tag. Nothing is looked for: whoever
    /// chose has read the listings.
    Referrers(Arc<HashMap<Digest, Vec<Descriptor>>>),
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
    /// Whether a registry is asked for each manifest before it is written, so that a copy that is made again writes nothing.
    pub look_first: bool,
    /// What other copies have brought to registries, and this one may take over from there.
    pub delivered: Option<Delivered>,
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
            look_first: false,
            delivered: None,
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
    /// Manifests, those of attached objects included: written, or found at the destination.
    pub manifests: usize,
    /// Manifests among them that were written.
    pub written: usize,
    /// Blobs sent.
    pub blobs: usize,
    /// Blobs that were at the destination already or were mounted there.
    pub blobs_there: usize,
    /// Blobs among them that the registry took over from another of its repositories.
    pub mounted: usize,
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
    let plan = plan::read(&ends, root.clone(), &options.attachments, options.concurrency).await?;
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

/// The image of a platform, with its manifest.
async fn of_platform(from: &Store, root: Fetched, platform: &Platform) -> Result<Fetched, Error> {
    let named = root.descriptor.digest;
    let choice = platform::choose(from, root, platform).await?;
    let why = choice.why_not(platform).unwrap_or_default();
    let chosen = match choice {
        Choice::One(chosen) => chosen,
        Choice::NotOne { fitting, .. } => {
            let kind = if fitting == 0 { ErrorKind::NotFound } else { ErrorKind::InvalidName };
            return Err(Error::new(kind, format!("{named} {why}")));
        }
    };
    if let Some(fetched) = chosen.manifest {
        return Ok(fetched);
    }
    let look = from.manifest(&Which::Digest(chosen.descriptor.digest)).await;
    let mut fetched = look.required(|| format!("{} in {}", chosen.descriptor.digest, from.shown()))?;
    fetched.descriptor.media_type = chosen.descriptor.media_type;
    Ok(fetched)
}
