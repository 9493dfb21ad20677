//! Everything that a copy would move, without moving it: for who writes it in an order of his own.

use std::collections::HashSet;

use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};

use super::plan::{self, Plan};
use super::write::{Steps, steps};
use super::{Ends, Options, Platforms, Rejected, of_platform};
use crate::error::Error;
use crate::object::{Fetched, Which};
use crate::store::Store;

/// An image and everything that hangs on it: manifests that were read, and blobs that were not.
#[derive(Debug)]
pub struct Gathered {
    root: Fetched,
    plan: Plan,
    steps: Steps,
    from: Store,
    evidence_from: Store,
}

/// Reads the manifests of `which`, and of what is attached to it, by the same rules and limits as a copy.
pub async fn gather(from: &Store, which: &Which, options: &Options) -> Result<Gathered, Error> {
    let root = from.manifest(which).await.required(|| format!("{which} in {}", from.shown()))?;
    let root = match &options.platforms {
        Platforms::All => root,
        Platforms::Only(platform) => of_platform(from, root, platform).await?,
    };
    let evidence_from = options.evidence_from.as_ref().unwrap_or(from);
    let ends = Ends { from, to: from, evidence_from, evidence_to: from };
    let plan = plan::read(&ends, root.clone(), &options.attachments, options.concurrency).await?;
    let steps = steps(&plan, &root.descriptor.digest);
    Ok(Gathered { root, plan, steps, from: from.clone(), evidence_from: evidence_from.clone() })
}

impl Gathered {
    /// The image.
    pub const fn root(&self) -> &Fetched {
        &self.root
    }

    /// Every manifest, the image's own included, in no order.
    pub fn manifests(&self) -> impl Iterator<Item = &Fetched> {
        self.plan.nodes.values().map(|node| &node.manifest)
    }

    /// Configurations and layers, each with the store that holds it.
    pub fn blobs(&self) -> impl Iterator<Item = (&Descriptor, &Store)> {
        self.plan
            .blobs
            .iter()
            .map(|blob| (&blob.descriptor, if blob.attached { &self.evidence_from } else { &self.from }))
    }

    /// Configurations and layers of what is attached, by tag or as a referrer, even where the image has them too.
    pub fn attached_blobs(&self) -> HashSet<Digest> {
        self.plan.attached_blobs()
    }

    /// What is attached by tag.
    pub fn tagged(&self) -> impl Iterator<Item = (&Tag, &Fetched)> {
        self.steps
            .tagged
            .iter()
            .filter_map(|(tag, digest)| Some((tag, &self.plan.nodes.get(digest)?.manifest)))
    }

    /// What refers to an image or to what is attached to one, in the order in which it is listed.
    pub fn referrers(&self) -> impl Iterator<Item = &Fetched> {
        self.steps.referrers.iter().filter_map(|digest| Some(&self.plan.nodes.get(digest)?.manifest))
    }

    /// What is attached and is not what it claims to be. It is not among the others.
    pub fn rejected(&self) -> &[Rejected] {
        &self.plan.rejected
    }
}
