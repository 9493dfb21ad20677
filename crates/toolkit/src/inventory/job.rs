//! Taking an inventory, step by step: list, resolve each name once, look at each image once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use waxseal_core::candidate::Evidence;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::manifest::{ImageIndex, ImageManifest, Manifest};
use waxseal_core::media_type::{self, DOCKER_CONFIG, DSSE_ENVELOPE, IN_TOTO, OCI_CONFIG, SIMPLE_SIGNING};
use waxseal_core::reference::Tag;
use waxseal_core::verify::Outcome;
use waxseal_core::{Descriptor, Digest, Platform, Repository, TrustedKey, Verdict, Verifier};
use waxseal_oci::{Attached, Client, Fetched, Location, Look, Which};

use super::holdings::{Held, Holdings};
use super::image::{
    ImageKind, ImageVerdict, InventoryImage, PlatformImage, ScanState, SignerState, Trouble, Why,
};
use super::judge::{Judge, Keys, claims};
use super::source::{Named, Sources, Use, Workload, Workloads};
use super::{INVENTORY_IMAGES, INVENTORY_SCHEMA, Inventory, InventoryPolicy, Summary, registry};
use crate::decide::Decision;
use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking, look};
use crate::image::{Finding, Image};

/// Names that are resolved, and images that are looked at, at the same time, unless somebody says otherwise.
const CONCURRENT: usize = 32;
/// Images of one index that are looked at at the same time.
const CONCURRENT_PLATFORMS: usize = 4;
/// What the index of a build says that a manifest in it is.
const ROLE: &str = "vnd.docker.reference.type";
/// The word for what the build says about its images.
const BUILD_ATTESTATION: &str = "attestation-manifest";

/// A job that takes an inventory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inventorying {
    /// The keys whose signatures and scans count; none: nothing is judged.
    pub keys: Vec<TrustedKey>,
    /// The policy file that decides. Its keys count then, each for what it is asked for, and no others.
    pub decision: Option<Decision>,
    /// The choices of the deployment.
    pub verifier: Verifier,
    /// How to look. Which formats and which tags: all.
    pub looking: Looking,
    /// The oldest that a scan may be to count as one.
    pub max_scan_age: Option<SignedDuration>,
    /// Names and images at the same time.
    pub workers: usize,
    /// The time at which it is taken.
    pub now: Timestamp,
}

/// How far an inventory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// So many repositories were listed.
    Listing {
        /// How many.
        repositories: usize,
    },
    /// So many names were resolved.
    Resolving {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// So many images were looked at.
    Looking {
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
}

/// An image by one of its names, and everything that goes by that name.
struct Group {
    location: Result<Location, String>,
    image: Option<Result<Image, Error>>,
    names: BTreeSet<String>,
    workloads: Workloads,
    running: bool,
    unknown_to_node: bool,
    /// Only a listing names it.
    listed: bool,
}

impl Group {
    fn new(named: Named) -> Self {
        Self {
            names: BTreeSet::from([named.written]),
            location: named.location,
            image: None,
            workloads: Workloads::default(),
            running: named.is_running,
            unknown_to_node: named.unknown_to_node,
            listed: named.is_listed,
        }
    }

    fn join(&mut self, other: Self) {
        self.names.extend(other.names);
        self.workloads.extend(other.workloads);
        self.running |= other.running;
        self.unknown_to_node |= other.unknown_to_node;
        self.listed &= other.listed;
    }
}

impl Inventorying {
    /// A job that looks everywhere, at `now`, and judges by these keys; by none, nothing is judged.
    pub fn new(keys: Vec<TrustedKey>, now: Timestamp) -> Self {
        Self {
            keys,
            decision: None,
            verifier: Verifier::new(),
            looking: Looking::default(),
            max_scan_age: None,
            workers: CONCURRENT,
            now,
        }
    }

    /// Takes the inventory. What cannot be read of one image does not keep the others from being looked at; a catalogue
    /// that cannot be read is an error. `said` hears how far it is.
    pub async fn take(
        &self,
        client: &Client,
        finding: &Finding,
        sources: Sources,
        said: &(dyn Fn(Step) + Sync),
    ) -> Result<Inventory, Error> {
        let keys = match &self.decision {
            Some(decision) => Keys::of(&decision.policy),
            None => Keys::all(&self.keys),
        };
        let judge = if keys.is_empty() {
            None
        } else {
            Some(Judge::new(&keys, &self.verifier, self.max_scan_age, self.now)?)
        };
        let asks_listings = sources.asks_listings();
        let listing = |repositories| said(Step::Listing { repositories });
        let listed = registry::list(client, &sources.registries, &sources.repositories, &listing).await?;
        let images = listed.images.into_iter().map(|named| Use { named, workload: None });
        let groups = grouped(sources.uses.into_iter().chain(images))?;
        let groups = self.resolved(client, finding, groups, said).await;
        let looking = One { job: self, judge: judge.as_ref(), whole: asks_listings };
        let of = groups.len();
        let mut looked =
            stream::iter(groups).map(|group| Box::pin(looking.look(group))).buffered(self.workers.max(1));
        let mut held = Held::default();
        let mut images = Vec::new();
        let mut done = 0_usize;
        while let Some((image, holdings)) = looked.next().await {
            done = done.saturating_add(1);
            images.extend(image);
            for holdings in holdings {
                held.extend(holdings);
            }
            said(Step::Looking { done, of });
        }
        let mut unreadable = listed.unreadable;
        unreadable.extend(self.attached(client, &listed.attached, &mut held).await);
        let policy = self.decision.as_ref().map(|decision| InventoryPolicy {
            name: decision.policy.name().to_owned(),
            digest: decision.policy.digest(),
        });
        let inventory = Inventory {
            schema: INVENTORY_SCHEMA,
            time: self.now.to_string(),
            verified: judge.is_some(),
            keys: keys.named(),
            policy,
            complete: false,
            summary: Summary::default(),
            images,
            unreadable,
            ended_pods: sources.ended,
            holdings: held.into_vec(),
        };
        Ok(inventory.finished())
    }

    /// Resolves every name, each once, and joins those that mean the same image.
    async fn resolved(
        &self,
        client: &Client,
        finding: &Finding,
        groups: Vec<Group>,
        said: &(dyn Fn(Step) + Sync),
    ) -> Vec<Group> {
        let of = groups.len();
        let mut named = stream::iter(groups)
            .map(|mut group| async move {
                if let Ok(location) = &group.location {
                    group.image = Some(Image::find(client, location, finding).await);
                }
                group
            })
            .buffered(self.workers.max(1));
        let mut done = 0_usize;
        let mut by_image: BTreeMap<String, Group> = BTreeMap::new();
        while let Some(group) = named.next().await {
            done = done.saturating_add(1);
            said(Step::Resolving { done, of });
            let key = match (&group.image, &group.location) {
                (Some(Ok(image)), _) => image.pinned().to_string(),
                (_, Ok(location)) => location.to_string(),
                (_, Err(_)) => group.names.first().cloned().unwrap_or_default(),
            };
            match by_image.get_mut(&key) {
                Some(known) => known.join(group),
                None => {
                    by_image.insert(key, group);
                }
            }
        }
        by_image.into_values().collect()
    }

    /// What stands at tags of attached objects whose image was not looked at.
    async fn attached(&self, client: &Client, tags: &[(Repository, Tag)], held: &mut Held) -> Vec<Trouble> {
        let unseen = tags.iter().filter(|(repository, tag)| {
            let Some((about, kind)) = attached_to(tag) else { return false };
            // What an image was looked at for was seen there.
            !(kind != Attached::Sbom && held.of(&repository.to_string()).manifests.contains(&about))
        });
        let unseen: Vec<_> = unseen.cloned().collect();
        let mut read = stream::iter(unseen)
            .map(|(repository, tag)| async move {
                let look = client.repository(&repository).manifest(&Which::Tag(tag.clone())).await;
                (repository, tag, look)
            })
            .buffered(self.workers.max(1));
        let mut troubles = Vec::new();
        while let Some((repository, tag, look)) = read.next().await {
            match look {
                Look::Found(fetched) => held.of(&repository.to_string()).add(&fetched),
                Look::Unreadable(error) => {
                    troubles.push(Trouble::of(format!("{repository}:{tag}"), &error.into()));
                }
                // Gone since it was listed.
                _ => {}
            }
        }
        troubles
    }
}

/// The digest and the kind that a tag of something attached names.
fn attached_to(tag: &Tag) -> Option<(Digest, Attached)> {
    let (name, kind) = Attached::ALL
        .into_iter()
        .find_map(|kind| tag.as_str().strip_suffix(kind.suffix()).map(|name| (name, kind)))?;
    Some((name.replacen('-', ":", 1).parse().ok()?, kind))
}

/// Joins what goes by one name.
fn grouped(uses: impl Iterator<Item = Use>) -> Result<Vec<Group>, Error> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for Use { named, workload } in uses {
        let key = match &named.location {
            Ok(location) => location.to_string(),
            // No name has a blank.
            Err(_) => format!(" {}", named.written),
        };
        let mut group = Group::new(named);
        if let Some(workload) = workload {
            group.workloads.add(workload);
        }
        match groups.get_mut(&key) {
            Some(known) => known.join(group),
            None => {
                groups.insert(key, group);
            }
        }
        if groups.len() > INVENTORY_IMAGES {
            return Err(Error::new(ErrorKind::Usage, format!("more than {INVENTORY_IMAGES} images")));
        }
    }
    Ok(groups.into_values().collect())
}

/// Looks at images one by one.
struct One<'a> {
    job: &'a Inventorying,
    judge: Option<&'a Judge>,
    /// Whether everything that stands there is to be listed, platforms' images too.
    whole: bool,
}

impl One<'_> {
    /// What is said of one image, and what stands in its place; no image where it turns out to be something else.
    async fn look(&self, group: Group) -> (Option<InventoryImage>, Vec<Holdings>) {
        let Group { location, image, names, workloads, running, unknown_to_node, listed } = group;
        let shown = match &location {
            Ok(location) => location.to_string(),
            Err(_) => names.first().cloned().unwrap_or_default(),
        };
        let mut entry = InventoryImage {
            image: shown,
            repository: None,
            digest: None,
            names,
            kind: None,
            artifact_type: None,
            platforms: Vec::new(),
            signature: SignerState::NotVerified,
            scan: ScanState::NotVerified,
            verdict: None,
            attached: None,
            workloads: workloads.into_vec(),
            running,
            running_digest_unknown: unknown_to_node,
            troubles: Vec::new(),
        };
        let mut holdings = Vec::new();
        match (image, location) {
            (Some(Ok(image)), _) => self.fill(&mut entry, image, listed, &mut holdings).await,
            (Some(Err(error)), _) => entry.fail(Trouble::of(entry.image.clone(), &error)),
            (None, location) => entry.fail(Trouble {
                what: entry.image.clone(),
                code: waxseal_oci::ErrorKind::InvalidName.code().to_owned(),
                message: location.err().unwrap_or_default(),
            }),
        }
        // A listing names everything that has a tag.
        let is_image = !(listed && entry.kind == Some(ImageKind::Evidence));
        (is_image.then_some(entry), holdings)
    }

    async fn fill(
        &self,
        entry: &mut InventoryImage,
        mut image: Image,
        listed: bool,
        holdings: &mut Vec<Holdings>,
    ) {
        entry.image = image.pinned().to_string();
        entry.repository = Some(image.store.shown());
        entry.digest = Some(*image.digest());
        let fetched = match image.manifest().await {
            Ok(fetched) => fetched,
            Err(error) => return entry.fail(Trouble::of(entry.image.clone(), &error)),
        };
        let mut held = Holdings::new(image.store.shown());
        held.add(&fetched);
        let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type));
        let index = match manifest {
            Ok(Manifest::Image(manifest)) => {
                let (kind, artifact_type) = kind(&manifest);
                entry.kind = Some(kind);
                entry.artifact_type = artifact_type;
                None
            }
            Ok(Manifest::Index(index)) => {
                entry.kind = Some(ImageKind::Index);
                entry.artifact_type.clone_from(&index.artifact_type);
                Some(index)
            }
            Ok(_) => None,
            Err(error) => {
                entry.fail(Trouble {
                    what: entry.image.clone(),
                    code: ErrorKind::InvalidImage.code().to_owned(),
                    message: error.to_string(),
                });
                None
            }
        };
        holdings.push(held);
        if listed && entry.kind == Some(ImageKind::Evidence) {
            return;
        }
        let found = self.beside(&image, holdings).await;
        match self.judge {
            Some(judge) if entry.kind.is_some() => {
                entry.signature = judge.signers(&image.subject, &found.evidence);
                entry.scan = judge.scan(&image.subject, &found.evidence);
            }
            Some(_) => {}
            None => {
                entry.attached = Some(claims(&found.evidence));
                entry.troubles.extend(found.evidence.unreadable.iter().map(|place| Trouble {
                    what: format!("what hangs on {}", place.origin.beside),
                    code: place.code.clone(),
                    message: place.message.clone(),
                }));
            }
        }
        if let Some(decision) = &self.job.decision {
            entry.verdict = Some(decided(decision, &image, found.evidence, &entry.workloads).await);
        }
        if let Some(index) = index {
            self.platforms(entry, &mut image, &index, holdings).await;
        }
    }

    /// What hangs on one image, in all formats; what stands there is added to the holdings.
    async fn beside(&self, image: &Image, holdings: &mut Vec<Holdings>) -> Found {
        let mut looking = self.job.looking.clone();
        looking.tags = vec![Attached::Signatures, Attached::Attestations];
        let found = look(&image.evidence, image.digest(), &looking).await;
        let mut held = Holdings::new(image.evidence.shown());
        for tagged in [&found.signature_tag, &found.attestation_tag].into_iter().flatten() {
            held.add(tagged);
        }
        held.manifests.extend(&found.referrers);
        holdings.push(held);
        found
    }

    /// The images of an index, and what their own scans say where there is none about the index.
    async fn platforms(
        &self,
        entry: &mut InventoryImage,
        image: &mut Image,
        index: &ImageIndex,
        holdings: &mut Vec<Holdings>,
    ) {
        let mut leaves = Vec::new();
        if let Err(error) = self.leaves(image, index, 0, &mut leaves, holdings).await {
            entry.troubles.push(Trouble::of(entry.image.clone(), &error));
        }
        let wants_scans = self.judge.filter(|_| matches!(entry.scan, ScanState::Unscanned { .. }));
        let looked: Vec<_> = stream::iter(leaves)
            .map(|leaf| async move {
                let mut holdings = Vec::new();
                let mut trouble = None;
                let Leaf { mut image, platform, is_image } = leaf;
                let seen = if wants_scans.is_some() || self.whole {
                    Some(self.beside(&image, &mut holdings).await)
                } else {
                    None
                };
                if self.whole {
                    match image.manifest().await {
                        Ok(fetched) => add(&mut holdings, &image, &fetched),
                        // Copies of one platform leave the others out.
                        Err(error) if is_missing(&error) => {}
                        Err(error) => trouble = Some(Trouble::of(image.pinned().to_string(), &error)),
                    }
                }
                let scan = wants_scans
                    .zip(seen.as_ref())
                    .map(|(judge, found)| judge.scan(&image.subject, &found.evidence));
                let of = PlatformImage { digest: *image.digest(), platform, scan };
                (of, is_image, trouble, holdings)
            })
            .buffered(CONCURRENT_PLATFORMS)
            .collect()
            .await;
        for (platform, is_image, trouble, held) in looked {
            holdings.extend(held);
            entry.troubles.extend(trouble);
            if is_image {
                entry.platforms.push(platform);
            }
        }
        if let Some(judge) = wants_scans {
            let states: Vec<_> = entry
                .platforms
                .iter()
                .filter_map(|one| {
                    let name = one.platform.clone().unwrap_or_else(|| one.digest.short());
                    Some((name, one.scan.clone()?))
                })
                .collect();
            // An index that none of whose images was scanned is told as what it is.
            if states.iter().any(|(_, state)| !is_plainly_unscanned(state)) {
                entry.scan = judge.together(&states);
            }
        }
    }

    /// The manifests that an index lists, nested indexes opened.
    async fn leaves(
        &self,
        image: &mut Image,
        index: &ImageIndex,
        depth: usize,
        leaves: &mut Vec<Leaf>,
        holdings: &mut Vec<Holdings>,
    ) -> Result<(), Error> {
        for descriptor in &index.manifests {
            if leaves.iter().any(|known| *known.image.digest() == descriptor.digest) {
                continue;
            }
            let mut child = image.child(&descriptor.digest).await?;
            if media_type::is_index(&descriptor.media_type) {
                if depth >= INDEX_DEPTH {
                    return Err(Error::new(
                        ErrorKind::InvalidImage,
                        format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", child.pinned()),
                    ));
                }
                if let Some(inner) = child.index().await? {
                    let fetched = child.manifest().await?;
                    add(holdings, &child, &fetched);
                    Box::pin(self.leaves(&mut child, &inner, depth.saturating_add(1), leaves, holdings))
                        .await?;
                }
                continue;
            }
            let platform = descriptor.platform.as_ref().map(ToString::to_string);
            leaves.push(Leaf { image: child, platform, is_image: !is_build_attestation(descriptor) });
        }
        Ok(())
    }
}

/// A manifest of an index.
struct Leaf {
    image: Image,
    platform: Option<String>,
    is_image: bool,
}

impl InventoryImage {
    /// Nothing could be found out.
    fn fail(&mut self, trouble: Trouble) {
        let why = Why::new(trouble.code.clone(), trouble.message.clone());
        self.signature = SignerState::Unknown { why: why.clone() };
        self.scan = ScanState::Unknown { why };
        self.troubles.push(trouble);
    }
}

/// What the policy decides about an image in each of the namespaces that it runs in: where it comes out worst.
async fn decided(
    decision: &Decision,
    image: &Image,
    known: Evidence,
    workloads: &[Workload],
) -> ImageVerdict {
    // Where no rule asks for a namespace, there is one answer.
    let asks = decision.policy.rules().iter().any(|rule| !rule.namespaces_of().is_empty());
    let named: BTreeSet<Option<&str>> =
        workloads.iter().filter(|_| asks).map(|workload| workload.namespace.as_deref()).collect();
    let mut namespaces: Vec<_> = named.into_iter().collect();
    if namespaces.is_empty() {
        namespaces.push(None);
    }
    let verdicts = match Box::pin(decision.decide_knowing(image.clone(), &namespaces, Some(known))).await {
        Ok(verdicts) => verdicts,
        Err(error) => return ImageVerdict::undecided(Why::new(error.code(), error.to_string())),
    };
    let rank = |verdict: &Verdict| match verdict.outcome() {
        Outcome::Admit => 0,
        Outcome::Undecided => 1,
        _ => 2,
    };
    let worst = verdicts.iter().zip(&namespaces).max_by_key(|(verdict, _)| rank(verdict));
    match worst {
        Some((verdict, namespace)) => ImageVerdict::of(verdict, *namespace),
        None => ImageVerdict::undecided(Why::new(ErrorKind::Policy.code(), "no verdict")),
    }
}

fn add(holdings: &mut Vec<Holdings>, image: &Image, fetched: &Fetched) {
    let mut held = Holdings::new(image.store.shown());
    held.add(fetched);
    holdings.push(held);
}

fn is_missing(error: &Error) -> bool {
    error.kind() == ErrorKind::Store(waxseal_oci::ErrorKind::NotFound)
}

fn is_plainly_unscanned(state: &ScanState) -> bool {
    matches!(state, ScanState::Unscanned { why } if why.code == waxseal_core::Reason::NoAttestation.code())
}

/// What a build says about its images stands in their index as if it were one, for no platform.
fn is_build_attestation(descriptor: &Descriptor) -> bool {
    descriptor.annotations.get(ROLE).is_some_and(|role| role == BUILD_ATTESTATION)
        && descriptor.platform.as_ref().is_some_and(Platform::is_unknown)
}

/// What a manifest is, by its own bytes, and the type of an artifact.
fn kind(manifest: &ImageManifest) -> (ImageKind, Option<String>) {
    let is_evidence = |layer: &Descriptor| {
        let name = layer.media_type.as_str();
        matches!(name, SIMPLE_SIGNING | DSSE_ENVELOPE | IN_TOTO) || media_type::is_bundle(name)
    };
    let all_evidence = !manifest.layers.is_empty() && manifest.layers.iter().all(is_evidence);
    let config = manifest.config.media_type.as_str();
    let named = manifest.artifact_type.as_deref().unwrap_or(config).to_owned();
    if all_evidence {
        return (ImageKind::Evidence, Some(named));
    }
    // A runtime asks neither for the artifact type nor for a subject before it runs what has such a configuration.
    if matches!(config, OCI_CONFIG | DOCKER_CONFIG) {
        return (ImageKind::Image, None);
    }
    let kind = if manifest.subject.is_some() { ImageKind::Evidence } else { ImageKind::Artifact };
    (kind, Some(named))
}
