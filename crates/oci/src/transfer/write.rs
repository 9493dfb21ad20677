//! Writes what was planned: blobs, then manifests from the bottom up, then what is attached, and the tag last.
//!
//! Whoever reads the destination meanwhile never finds a manifest whose parts are missing, and never a tag whose
//! image has not everything attached that it had.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::{TryStreamExt as _, stream};
use waxseal_core::manifest::Manifest;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};

use super::plan::{Blob, Node, Plan};
use super::{Conflict, Copied, Ends, Options, delivered};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Look, Which};
use crate::store::Store;

/// How often a blob is moved before the copy gives up, where connections break.
const ATTEMPTS: usize = 3;

/// A step of writing, in the order in which it is done.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// Manifests of the image, children before parents, without the root.
    pub(super) below: Vec<Digest>,
    /// Manifests below attached indexes, children before parents.
    pub(super) below_attached: Vec<Digest>,
    pub(super) tagged: Vec<(Tag, Digest)>,
    pub(super) referrers: Vec<Digest>,
}

/// What became of the blobs.
struct Moved {
    blobs: usize,
    bytes: u64,
    there: usize,
    mounted: usize,
}

/// What became of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Its bytes were sent.
    Sent,
    /// The registry took it over from another repository.
    Mounted,
    /// It was there.
    There,
}

/// What the destination lists as referrers, each subject read once.
#[derive(Default)]
struct Listed {
    by_subject: HashMap<Digest, HashSet<Digest>>,
}

impl Listed {
    /// Whether the referrer is listed, and so stands there.
    async fn has(&mut self, to: &Store, referrer: &Fetched) -> Result<bool, Error> {
        let parsed = Manifest::parse(&referrer.bytes, Some(&referrer.descriptor.media_type));
        let Some(subject) = parsed.ok().and_then(|manifest| manifest.subject().map(|found| found.digest))
        else {
            return Ok(false);
        };
        let digest = referrer.descriptor.digest;
        let is_listed = match self.by_subject.entry(subject) {
            Entry::Occupied(known) => known.get().contains(&digest),
            Entry::Vacant(unknown) => {
                let listing: HashSet<Digest> = match to.referrers(&subject).await {
                    Look::Found(listing) => listing.descriptors.iter().map(|found| found.digest).collect(),
                    Look::Absent | Look::Unsupported => HashSet::new(),
                    Look::Unreadable(error) => return Err(error),
                };
                unknown.insert(listing).contains(&digest)
            }
        };
        // A fallback tag may list what is gone.
        Ok(is_listed && to.has_manifest(&digest).await?)
    }
}

pub(super) async fn write(
    ends: &Ends<'_>,
    root: &Fetched,
    plan: Plan,
    tag: Option<&Tag>,
    options: &Options,
) -> Result<Copied, Error> {
    let steps = steps(&plan, &root.descriptor.digest);
    let moved = blobs(ends, &plan, options).await?;
    let mut written = manifests(ends.to, &plan, &steps.below, options).await?;
    let attached_below = manifests(ends.evidence_to, &plan, &steps.below_attached, options).await?;
    written = written.saturating_add(attached_below);
    let attached = steps.tagged.len().saturating_add(steps.referrers.len());
    // Before what is attached to it: not every registry takes a referrer of what it does not have.
    let early = attached > 0 && (tag.is_some() || ends.to.is_registry());
    if early {
        written = written.saturating_add(usize::from(put(ends.to, root, options).await?));
    }
    let mut kept = Vec::new();
    for (tag, digest) in &steps.tagged {
        if let Some(node) = plan.nodes.get(digest)
            && !put_tagged(ends.evidence_to, &node.manifest, tag, options).await?
        {
            kept.push(tag.clone());
        } else {
            written = written.saturating_add(1);
        }
    }
    // One by one: a registry without the referrers API has one index of them, which is read and written each time.
    let mut listed = Listed::default();
    for digest in &steps.referrers {
        if let Some(node) = plan.nodes.get(digest)
            && !(options.look_first && listed.has(ends.evidence_to, &node.manifest).await?)
        {
            ends.evidence_to.put_referrer(&node.manifest).await?;
            written = written.saturating_add(1);
        }
    }
    if tag.is_some() || !ends.to.is_registry() {
        ends.to.put_image(root, tag).await?;
        written = written.saturating_add(usize::from(!early));
    } else if !early {
        written = written.saturating_add(usize::from(put(ends.to, root, options).await?));
    }
    Ok(Copied {
        root: root.descriptor.clone(),
        manifests: plan.nodes.len(),
        written,
        blobs: moved.blobs,
        blobs_there: moved.there,
        mounted: moved.mounted,
        bytes: moved.bytes,
        attached,
        kept,
        rejected: plan.rejected,
    })
}

/// Lists the manifests in the order in which they are written.
pub(super) fn steps(plan: &Plan, root: &Digest) -> Steps {
    let mut steps = Steps::default();
    let (mut done, mut listed) = (HashSet::from([*root]), HashSet::new());
    let mut queue = vec![*root];
    let mut below = Vec::new();
    descend(plan, root, &mut done, &mut below);
    queue.extend(below.iter().copied());
    steps.below = below;
    let mut at = 0;
    while let Some(subject) = queue.get(at).copied() {
        at = at.saturating_add(1);
        let Some(node) = plan.nodes.get(&subject) else { continue };
        steps.tagged.extend(node.tagged.iter().cloned());
        let referrers: Vec<Digest> =
            node.referrers.iter().filter(|digest| plan.nodes.contains_key(digest)).copied().collect();
        // One that is also an image of the index is written there, and has to be listed all the same.
        steps.referrers.extend(referrers.iter().filter(|digest| listed.insert(**digest)));
        for digest in node.tagged.iter().map(|(_, digest)| digest).chain(&referrers) {
            if done.insert(*digest) {
                let mut below = Vec::new();
                descend(plan, digest, &mut done, &mut below);
                queue.push(*digest);
                queue.extend(below.iter().copied());
                steps.below_attached.extend(below);
            }
        }
    }
    steps
}

/// Adds what is below `digest`, children before parents. Indexes are nested a few levels deep at most.
fn descend(plan: &Plan, digest: &Digest, done: &mut HashSet<Digest>, below: &mut Vec<Digest>) {
    let children = plan.nodes.get(digest).map(|node| node.children.as_slice()).unwrap_or_default();
    for child in children {
        if done.insert(*child) {
            descend(plan, child, done, below);
            below.push(*child);
        }
    }
}

/// Manifests without children at once, then the indexes in their order; how many were written.
async fn manifests(to: &Store, plan: &Plan, digests: &[Digest], options: &Options) -> Result<usize, Error> {
    let nodes = || digests.iter().filter_map(|digest| plan.nodes.get(digest));
    let written = AtomicUsize::new(0);
    let count = &written;
    stream::iter(nodes().filter(|node| node.children.is_empty()).map(Ok))
        .try_for_each_concurrent(options.concurrency.max(1), |node: &Node| async move {
            count.fetch_add(usize::from(put(to, &node.manifest, options).await?), Ordering::Relaxed);
            Ok::<_, Error>(())
        })
        .await?;
    for node in nodes().filter(|node| !node.children.is_empty()) {
        count.fetch_add(usize::from(put(to, &node.manifest, options).await?), Ordering::Relaxed);
    }
    Ok(written.load(Ordering::Relaxed))
}

/// Writes a manifest by its digest; whether that was needed.
async fn put(to: &Store, manifest: &Fetched, options: &Options) -> Result<bool, Error> {
    if options.look_first && to.has_manifest(&manifest.descriptor.digest).await? {
        return Ok(false);
    }
    to.put_manifest(manifest, None).await.map(|()| true)
}

async fn blobs(ends: &Ends<'_>, plan: &Plan, options: &Options) -> Result<Moved, Error> {
    let total = plan.blobs.iter().fold(0_u64, |total, blob| total.saturating_add(blob.descriptor.size));
    options.progress().add(total);
    let (moved, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (there, mounted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (moved, bytes, there, mounted) = (&moved, &bytes, &there, &mounted);
    stream::iter(plan.blobs.iter().map(Ok))
        .try_for_each_concurrent(options.concurrency.max(1), |blob: &Blob| async move {
            let (from, to) =
                if blob.attached { (ends.evidence_from, ends.evidence_to) } else { (ends.from, ends.to) };
            match delivered::deliver(from, to, &blob.descriptor, options).await? {
                Way::Sent => {
                    moved.fetch_add(1, Ordering::Relaxed);
                    bytes.fetch_add(blob.descriptor.size, Ordering::Relaxed);
                }
                Way::Mounted => {
                    there.fetch_add(1, Ordering::Relaxed);
                    mounted.fetch_add(1, Ordering::Relaxed);
                }
                Way::There => {
                    there.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(Moved {
        blobs: moved.load(Ordering::Relaxed),
        bytes: bytes.load(Ordering::Relaxed),
        there: there.load(Ordering::Relaxed),
        mounted: mounted.load(Ordering::Relaxed),
    })
}

/// Sends a blob that is not there.
pub(super) async fn send_blob(
    from: &Store,
    to: &Store,
    descriptor: &Descriptor,
    options: &Options,
) -> Result<(), Error> {
    if is_foreign(descriptor) && !from.has_blob(descriptor).await? {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "{} is not in {}: its descriptor names other places ({}), and those are never followed",
                descriptor.digest,
                from.shown(),
                descriptor.media_type,
            ),
        ));
    }
    let mut attempt = 1;
    loop {
        let progress = Arc::clone(options.progress());
        let sent = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&sent);
        let watch = move |count| {
            counted.fetch_add(count, Ordering::Relaxed);
            progress.advance(count);
        };
        let moved = match from.blob_stream(descriptor).await {
            Ok(blob) => to.put_blob_stream(blob.watched(watch)).await,
            Err(error) => Err(error),
        };
        match moved {
            Ok(()) => return Ok(()),
            Err(error) if attempt < ATTEMPTS && broke(&error) => {
                options.progress().retreat(sent.load(Ordering::Relaxed));
                attempt = attempt.saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether another attempt may do better.
fn broke(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Transport | ErrorKind::Timeout | ErrorKind::ServerTrouble)
}

/// Whether a layer may stand elsewhere than in its repository (T-53).
fn is_foreign(descriptor: &Descriptor) -> bool {
    !descriptor.urls.is_empty()
        || descriptor.media_type.contains(".nondistributable.")
        || descriptor.media_type.contains(".foreign.")
}

/// Writes what is attached by tag; whether it was written, and not contained in what stands there already.
async fn put_tagged(to: &Store, manifest: &Fetched, tag: &Tag, options: &Options) -> Result<bool, Error> {
    let standing = match to.manifest(&Which::Tag(tag.clone())).await {
        Look::Found(standing) => standing,
        Look::Absent | Look::Unsupported => {
            to.put_manifest(manifest, Some(tag)).await?;
            return Ok(true);
        }
        Look::Unreadable(error) => return Err(error),
    };
    let (held, brought) = (layers(&standing), layers(manifest));
    let (held, brought) = (held.as_deref(), brought.as_deref());
    if standing.descriptor.digest == manifest.descriptor.digest || contains(held, brought) {
        return Ok(false);
    }
    if options.conflict == Conflict::Refuse && !contains(brought, held) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("{tag} in {} has something attached that would be lost", to.shown()),
        ));
    }
    to.put_manifest(manifest, Some(tag)).await?;
    Ok(true)
}

/// The layers of what is attached by tag; none where it cannot be read as an image.
fn layers(manifest: &Fetched) -> Option<Vec<Descriptor>> {
    match Manifest::parse(&manifest.bytes, Some(&manifest.descriptor.media_type)) {
        Ok(Manifest::Image(image)) => Some(image.layers),
        _ => None,
    }
}

/// Whether everything in `inner` is in `outer` too, annotations included.
fn contains(outer: Option<&[Descriptor]>, inner: Option<&[Descriptor]>) -> bool {
    match (outer, inner) {
        (Some(outer), Some(inner)) => inner.iter().all(|layer| outer.contains(layer)),
        _ => false,
    }
}
