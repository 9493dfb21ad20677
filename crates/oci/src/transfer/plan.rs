//! What a copy has to move: every manifest of the image and of what is attached to it, read before anything is
//! written.
//!
//! A digest is read once. What cannot be read ends the copy; what can be read and is no manifest cannot be attached
//! to anything, and is reported (rule L3).

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use waxseal_core::limits::{ATTACHED_DEPTH, COPY_MANIFEST_BYTES, COPY_MANIFESTS, INDEX_DEPTH};
use waxseal_core::manifest::Manifest;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, media_type};

use super::{Attachments, Ends, Rejected};
use crate::attached::Attached;
use crate::blob::size_mismatch;
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Look, Referrers, Which};
use crate::store::Store;

/// Everything that a copy moves.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The manifests, each once.
    pub(super) nodes: HashMap<Digest, Node>,
    /// Configurations and layers, each once, in the order of their digests.
    pub(super) blobs: Vec<Blob>,
    /// What is attached and is not what it claims to be.
    pub(super) rejected: Vec<Rejected>,
    known_blobs: HashMap<(bool, Digest), u64>,
    bytes: u64,
    /// Whether attached objects stand in stores of their own.
    apart: bool,
    attachments: Attachments,
}

/// A configuration or a layer.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) descriptor: Descriptor,
    /// Whether it belongs where attached objects stand, if that is another place.
    pub(super) attached: bool,
}

/// A manifest, and what hangs on it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) manifest: Fetched,
    /// Manifests of an index, in order.
    pub(super) children: Vec<Digest>,
    /// Its configuration and layers.
    pub(super) blobs: Vec<Digest>,
    /// What is attached by tag.
    pub(super) tagged: Vec<(Tag, Digest)>,
    /// What refers to it, in the order of the listing.
    pub(super) referrers: Vec<Digest>,
}

/// Something that has to be read.
#[derive(Clone, Debug)]
enum Want {
    Child { descriptor: Descriptor, depth: usize, place: Place },
    Tagged { subject: Digest, kind: Attached, tag: Tag, place: Place },
    Referrers { subject: Digest, place: Place },
    Referrer { subject: Digest, descriptor: Descriptor, place: Place },
}

enum Got {
    Manifest(Box<Fetched>),
    Listing(Referrers),
    Nothing,
}

/// Where a manifest stands: how many attachments deep, and what may be attached to it in turn.
#[derive(Clone, Copy, Debug)]
struct Place {
    chain: usize,
    tags: &'static [Attached],
    referrers: bool,
}

/// To an image, everything is attached.
const IMAGE: Place = Place { chain: 0, tags: &Attached::ALL, referrers: true };
/// To what is attached, whatever was said about it; nobody attaches to a `.sig` or an `.att`.
const ATTACHED_TAGS: &[Attached] = &[Attached::Signatures, Attached::Attestations];

impl Place {
    fn of_referrer(self) -> Self {
        Self { chain: self.chain.saturating_add(1), tags: ATTACHED_TAGS, referrers: true }
    }

    fn of_tagged(self, kind: Attached) -> Self {
        match kind {
            Attached::Sbom => self.of_referrer(),
            Attached::Signatures | Attached::Attestations => {
                Self { chain: self.chain.saturating_add(1), tags: &[], referrers: false }
            }
        }
    }
}

/// Reads everything below and, as `attachments` says, beside `root`.
pub(super) async fn read(
    ends: &Ends<'_>,
    root: Fetched,
    attachments: &Attachments,
    concurrency: usize,
) -> Result<Plan, Error> {
    let (from, evidence) = (ends.from, ends.evidence_from);
    let mut plan = Plan { apart: ends.apart(), attachments: attachments.clone(), ..Plan::default() };
    let attachments = *attachments == Attachments::All;
    let mut queue = VecDeque::new();
    plan.add(root, 0, IMAGE, attachments, &mut queue)?;
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < concurrency.max(1) {
            let Some(want) = queue.pop_front() else { break };
            running.push(async move { (fetch(from, evidence, &want).await, want) });
        }
        let Some((got, want)) = running.next().await else { break };
        plan.take(want, got?, attachments, &mut queue)?;
    }
    plan.sort();
    Ok(plan)
}

async fn fetch(from: &Store, evidence: &Store, want: &Want) -> Result<Got, Error> {
    match want {
        Want::Child { descriptor, place, .. } => {
            let store = if place.chain == 0 { from } else { evidence };
            by_descriptor(store, descriptor).await.map(manifest)
        }
        Want::Referrer { descriptor, .. } => by_descriptor(evidence, descriptor).await.map(manifest),
        Want::Tagged { tag, .. } => match evidence.manifest(&Which::Tag(tag.clone())).await {
            Look::Found(fetched) => Ok(manifest(fetched)),
            Look::Absent | Look::Unsupported => Ok(Got::Nothing),
            Look::Unreadable(error) => Err(error),
        },
        Want::Referrers { subject, .. } => match evidence.referrers(subject).await {
            Look::Found(referrers) => Ok(Got::Listing(referrers)),
            Look::Absent | Look::Unsupported => Ok(Got::Nothing),
            Look::Unreadable(error) => Err(error),
        },
    }
}

fn manifest(fetched: Fetched) -> Got {
    Got::Manifest(Box::new(fetched))
}

async fn by_descriptor(store: &Store, descriptor: &Descriptor) -> Result<Fetched, Error> {
    let look = store.manifest(&Which::Digest(descriptor.digest)).await;
    let mut fetched = look.required(|| format!("{} in {}", descriptor.digest, store.shown()))?;
    let found = fetched.bytes.len() as u64;
    if found != descriptor.size {
        return Err(size_mismatch(descriptor, found));
    }
    // Whoever refers to it says what it is; a store without content types can only guess.
    fetched.descriptor.media_type.clone_from(&descriptor.media_type);
    Ok(fetched)
}

impl Plan {
    fn take(
        &mut self,
        want: Want,
        got: Got,
        attachments: bool,
        queue: &mut VecDeque<Want>,
    ) -> Result<(), Error> {
        match (want, got) {
            (Want::Child { depth, place, .. }, Got::Manifest(fetched)) => {
                self.add(*fetched, depth, place, attachments, queue)
            }
            (Want::Tagged { subject, kind, tag, place }, Got::Manifest(fetched)) => {
                let digest = fetched.descriptor.digest;
                if self.attach(*fetched, place.of_tagged(kind), None, queue)?
                    && let Some(node) = self.nodes.get_mut(&subject)
                {
                    node.tagged.push((tag, digest));
                }
                Ok(())
            }
            (Want::Referrers { subject, place }, Got::Listing(listing)) => {
                if let Some(node) = self.nodes.get_mut(&subject) {
                    node.referrers = listing.descriptors.iter().map(|found| found.digest).collect();
                }
                queue.extend(listing.descriptors.into_iter().map(|descriptor| Want::Referrer {
                    subject,
                    descriptor,
                    place,
                }));
                Ok(())
            }
            (Want::Referrer { subject, descriptor, place }, Got::Manifest(fetched)) => {
                let digest = descriptor.digest;
                if !self.attach(*fetched, place.of_referrer(), Some(subject), queue)?
                    && let Some(node) = self.nodes.get_mut(&subject)
                {
                    node.referrers.retain(|known| *known != digest);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds an attached manifest, or notes why it is none. Whether it was added.
    fn attach(
        &mut self,
        fetched: Fetched,
        place: Place,
        subject: Option<Digest>,
        queue: &mut VecDeque<Want>,
    ) -> Result<bool, Error> {
        if place.chain > ATTACHED_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{} is attached to an attached object more than {ATTACHED_DEPTH} times over",
                    fetched.descriptor.digest
                ),
            ));
        }
        let descriptor = fetched.descriptor.clone();
        let why = match Manifest::parse(&fetched.bytes, Some(&descriptor.media_type)) {
            Err(error) => Some(error.to_string()),
            Ok(manifest) => match (subject, manifest.subject()) {
                (Some(wanted), Some(found)) if found.digest != wanted => {
                    Some(format!("refers to {}, not to {wanted}", found.digest))
                }
                (Some(_), None) => Some("refers to nothing".to_owned()),
                _ => None,
            },
        };
        if let Some(why) = why {
            self.rejected.push(Rejected { descriptor, why });
            return Ok(false);
        }
        let attachments = self.attachments == Attachments::All;
        self.add(fetched, 0, place, attachments, queue)?;
        Ok(true)
    }

    /// Adds a manifest and asks for what hangs on it.
    fn add(
        &mut self,
        fetched: Fetched,
        depth: usize,
        place: Place,
        attachments: bool,
        queue: &mut VecDeque<Want>,
    ) -> Result<(), Error> {
        let digest = fetched.descriptor.digest;
        if self.nodes.contains_key(&digest) {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(fetched.bytes.len() as u64);
        if self.nodes.len() >= COPY_MANIFESTS || self.bytes > COPY_MANIFEST_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {COPY_MANIFESTS} manifests or {COPY_MANIFEST_BYTES} bytes of them"),
            ));
        }
        let manifest =
            Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)).map_err(|error| {
                Error::new(ErrorKind::Malformed, format!("{digest} is no image")).caused_by(error)
            })?;
        let mut node = Node {
            manifest: fetched,
            children: Vec::new(),
            blobs: Vec::new(),
            tagged: Vec::new(),
            referrers: Vec::new(),
        };
        let index = matches!(manifest, Manifest::Index(_));
        let mut seen = HashSet::new();
        for descriptor in manifest.children() {
            let below = index && is_manifest(&descriptor.media_type);
            if below && depth >= INDEX_DEPTH {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("indexes are nested more than {INDEX_DEPTH} levels deep"),
                ));
            }
            if !below {
                self.blob(descriptor, place)?;
                node.blobs.push(descriptor.digest);
            } else if seen.insert(descriptor.digest) {
                node.children.push(descriptor.digest);
                let depth = depth.saturating_add(1);
                queue.push_back(Want::Child { descriptor: descriptor.clone(), depth, place });
            }
        }
        if attachments {
            for kind in place.tags {
                if let Some(tag) = kind.tag(&digest) {
                    queue.push_back(Want::Tagged { subject: digest, kind: *kind, tag, place });
                }
            }
            if place.referrers {
                queue.push_back(Want::Referrers { subject: digest, place });
            }
        }
        if let Attachments::Referrers(chosen) = &self.attachments
            && place.chain == 0
        {
            for descriptor in chosen.get(&digest).into_iter().flatten() {
                node.referrers.push(descriptor.digest);
                queue.push_back(Want::Referrer { subject: digest, descriptor: descriptor.clone(), place });
            }
        }
        self.nodes.insert(digest, node);
        Ok(())
    }

    fn blob(&mut self, descriptor: &Descriptor, place: Place) -> Result<(), Error> {
        let attached = self.apart && place.chain > 0;
        match self.known_blobs.insert((attached, descriptor.digest), descriptor.size) {
            None => self.blobs.push(Blob { descriptor: descriptor.clone(), attached }),
            Some(size) if size == descriptor.size => {}
            Some(size) => return Err(size_mismatch(descriptor, size)),
        }
        Ok(())
    }

    /// Configurations and layers of everything that is attached, by tag or as a referrer, and of what is below that;
    /// whatever else has them.
    pub(super) fn attached_blobs(&self) -> HashSet<Digest> {
        let attached = self.nodes.values().flat_map(|node| {
            node.tagged.iter().map(|(_, digest)| *digest).chain(node.referrers.iter().copied())
        });
        let (mut queue, mut seen, mut blobs) = (attached.collect::<Vec<_>>(), HashSet::new(), HashSet::new());
        while let Some(digest) = queue.pop() {
            if let Some(node) = self.nodes.get(&digest)
                && seen.insert(digest)
            {
                queue.extend(&node.children);
                blobs.extend(&node.blobs);
            }
        }
        blobs
    }

    /// What was read in any order is kept in one.
    fn sort(&mut self) {
        for node in self.nodes.values_mut() {
            node.tagged.sort();
            node.referrers.retain({
                let mut seen = HashSet::new();
                move |digest| seen.insert(*digest)
            });
        }
        self.blobs.sort_by_key(|blob| (blob.attached, blob.descriptor.digest));
        self.rejected.sort_by_key(|rejected| rejected.descriptor.digest);
    }
}

fn is_manifest(media_type: &str) -> bool {
    media_type::is_index(media_type) || media_type::is_manifest(media_type)
}
