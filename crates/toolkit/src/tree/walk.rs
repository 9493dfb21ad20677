//! Going from an image to what hangs on it, to what hangs on that, and to the images of an index.
//!
//! Places are read at the same time. Nothing ends the walk: what cannot be read is noted where it would have hung.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use waxseal_core::limits::{ATTACHED_DEPTH, BUNDLE_BYTES, EVIDENCE_BYTES, INDEX_DEPTH, TREE_OBJECTS};
use waxseal_core::manifest::{ImageIndex, ImageManifest, Manifest};
use waxseal_core::{Descriptor, Digest, media_type};
use waxseal_oci::object::ReferrersSource;
use waxseal_oci::{Attached, Error, ErrorKind, Look, Store, Which};

use super::object::describe;
use super::{Attachment, FoundAt, ImageNode, UnreadablePlace};

/// Objects that hang on one manifest, or images of one index, that are read at the same time.
const CONCURRENT: usize = 8;
/// What the index of a build says that a manifest in it is.
const ROLE: &str = "vnd.docker.reference.type";

/// One walk: the places, and how much was read.
pub(super) struct Walk<'a> {
    images: &'a Store,
    evidence: &'a Store,
    objects: AtomicUsize,
    bytes: AtomicU64,
}

/// What hangs on one manifest.
#[derive(Default)]
struct Beside {
    attached: Vec<Attachment>,
    unreadable: Vec<UnreadablePlace>,
}

/// Which tags can hang on a manifest, and whether referrers can: as in a copy, nobody attaches to a `.sig` or an `.att`.
const ON_ATTACHED: &[Attached] = &[Attached::Signatures, Attached::Attestations];

impl<'a> Walk<'a> {
    pub(super) fn new(images: &'a Store, evidence: &'a Store) -> Self {
        Self { images, evidence, objects: AtomicUsize::new(0), bytes: AtomicU64::new(0) }
    }

    /// The image that was named; `index` if it is one.
    pub(super) async fn root(&self, descriptor: &Descriptor, index: Option<Box<ImageIndex>>) -> ImageNode {
        let mut node = node(descriptor);
        node.platforms.clear();
        self.image(node, index, 0).await
    }

    async fn image(&self, mut node: ImageNode, index: Option<Box<ImageIndex>>, depth: usize) -> ImageNode {
        let beside = self.beside(node.digest, &Attached::ALL, Vec::new());
        let below = async {
            match index {
                Some(index) => self.below(&index, depth).await,
                None => Vec::new(),
            }
        };
        let (beside, images) = tokio::join!(beside, below);
        node.attached = beside.attached;
        node.unreadable.extend(beside.unreadable);
        node.images = images;
        node
    }

    /// The images of an index, each once with all the platforms that it is named by.
    async fn below(&self, index: &ImageIndex, depth: usize) -> Vec<ImageNode> {
        let mut nodes: Vec<ImageNode> = Vec::new();
        for descriptor in &index.manifests {
            match nodes.iter_mut().find(|known| known.digest == descriptor.digest) {
                Some(known) => known.platforms.extend(descriptor.platform.iter().map(ToString::to_string)),
                None => nodes.push(node(descriptor)),
            }
        }
        stream::iter(nodes).map(|node| Box::pin(self.child(node, depth))).buffered(CONCURRENT).collect().await
    }

    /// An image of an index. Its own manifest is read only if that is an index again.
    async fn child(&self, mut child: ImageNode, depth: usize) -> ImageNode {
        if let Err(error) = self.count() {
            child.unreadable.push(unreadable(&child.digest.to_string(), &error));
            return child;
        }
        let mut index = None;
        if media_type::is_index(&child.media_type) {
            match self.nested(&child, depth).await {
                Ok(found) => index = Some(found),
                Err(error) => child.unreadable.push(unreadable(&child.digest.to_string(), &error)),
            }
        }
        self.image(child, index, depth.saturating_add(1)).await
    }

    async fn nested(&self, child: &ImageNode, depth: usize) -> Result<Box<ImageIndex>, Error> {
        if depth >= INDEX_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("indexes nest deeper than {INDEX_DEPTH} levels"),
            ));
        }
        let look = self.images.manifest(&Which::Digest(child.digest)).await;
        let fetched = look.required(|| format!("{} in {}", child.digest, self.images.shown()))?;
        match Manifest::parse(&fetched.bytes, Some(&child.media_type)) {
            Ok(Manifest::Index(index)) => Ok(index),
            Ok(_) => Err(Error::new(ErrorKind::Malformed, format!("{} is no index", child.digest))),
            Err(error) => Err(Error::new(ErrorKind::Malformed, format!("{}: {error}", child.digest))),
        }
    }

    /// What hangs on `digest`: by tag and as referrers. `above` are the attachments on the way here, outermost first.
    async fn beside(&self, digest: Digest, tags: &[Attached], above: Vec<Digest>) -> Beside {
        let above = above.as_slice();
        let tagged = async {
            stream::iter(tags.iter().copied())
                .map(|kind| self.tagged(digest, kind, above))
                .buffered(Attached::ALL.len())
                .collect::<Vec<_>>()
                .await
        };
        let (tagged, referrers) = tokio::join!(tagged, self.referrers(digest, above));
        let mut beside = Beside::default();
        for one in tagged {
            beside.extend(one);
        }
        beside.extend(referrers);
        beside
    }

    async fn tagged(&self, digest: Digest, kind: Attached, above: &[Digest]) -> Beside {
        let Some(tag) = kind.tag(&digest) else { return Beside::default() };
        let shown = tag.to_string();
        let fetched = match self.evidence.manifest(&Which::Tag(tag)).await {
            Look::Found(fetched) => fetched,
            Look::Unreadable(error) => return Beside::unreadable(&shown, &error),
            _ => return Beside::default(),
        };
        if let Err(error) = self.count() {
            return Beside::unreadable(&shown, &error);
        }
        let described = describe(&fetched, FoundAt::Tag { tag: shown }, Some(kind), None);
        let mut attachment = described.attachment;
        self.bundles(&mut attachment, described.manifest.as_deref()).await;
        if kind == Attached::Sbom {
            self.on(&mut attachment, above).await;
        }
        Beside { attached: vec![attachment], unreadable: Vec::new() }
    }

    async fn referrers(&self, digest: Digest, above: &[Digest]) -> Beside {
        let listing = match self.evidence.referrers(&digest).await {
            Look::Found(listing) => listing,
            Look::Unreadable(error) => return Beside::unreadable("referrers", &error),
            _ => return Beside::default(),
        };
        let place = match listing.source {
            ReferrersSource::FallbackTag => FoundAt::FallbackTag,
            ReferrersSource::Layout => FoundAt::Layout,
            _ => FoundAt::ReferrersApi,
        };
        let found = stream::iter(listing.descriptors)
            .map(|descriptor| Box::pin(self.referrer(digest, descriptor, place.clone(), above)))
            .buffered(CONCURRENT)
            .collect::<Vec<_>>()
            .await;
        let mut beside = Beside::default();
        for one in found {
            beside.extend(one);
        }
        beside
    }

    async fn referrer(
        &self,
        subject: Digest,
        descriptor: Descriptor,
        place: FoundAt,
        above: &[Digest],
    ) -> Beside {
        let shown = descriptor.digest.to_string();
        if let Err(error) = self.count() {
            return Beside::unreadable(&shown, &error);
        }
        let look = self.evidence.manifest(&Which::Digest(descriptor.digest)).await;
        // Listed, and not there: what it was, nobody knows.
        let mut fetched = match look.required(|| format!("{shown}, which is listed,")) {
            Ok(fetched) => fetched,
            Err(error) => return Beside::unreadable(&shown, &error),
        };
        fetched.descriptor.media_type = descriptor.media_type;
        let described = describe(&fetched, place, None, Some(&subject));
        let mut attachment = described.attachment;
        self.bundles(&mut attachment, described.manifest.as_deref()).await;
        self.on(&mut attachment, above).await;
        Beside { attached: vec![attachment], unreadable: Vec::new() }
    }

    /// What hangs on an attachment in turn.
    async fn on(&self, attachment: &mut Attachment, above: &[Digest]) {
        // A tag can lead back to where it hangs; a chain of digests cannot.
        if above.contains(&attachment.digest) {
            return;
        }
        let mut above = above.to_vec();
        above.push(attachment.digest);
        if above.len() > ATTACHED_DEPTH {
            let error = Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {ATTACHED_DEPTH} attachments hang on one another"),
            );
            attachment.unreadable.push(unreadable("what hangs on it", &error));
            return;
        }
        let beside = Box::pin(self.beside(attachment.digest, ON_ATTACHED, above)).await;
        attachment.attached = beside.attached;
        attachment.unreadable.extend(beside.unreadable);
    }

    /// Reads the bundles of an attachment for what they say that they were signed with.
    async fn bundles(&self, attachment: &mut Attachment, manifest: Option<&ImageManifest>) {
        let layers = manifest.map(|manifest| manifest.layers.as_slice()).unwrap_or_default();
        for layer in layers.iter().filter(|layer| media_type::is_bundle(&layer.media_type)) {
            match self.blob(layer).await {
                Ok(bytes) => attachment.bundle(&bytes),
                Err(error) => attachment.unreadable.push(unreadable(&layer.digest.to_string(), &error)),
            }
        }
    }

    async fn blob(&self, layer: &Descriptor) -> Result<bytes::Bytes, Error> {
        let before = self.bytes.fetch_add(layer.size, Ordering::Relaxed);
        if before.saturating_add(layer.size) > EVIDENCE_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("more than {EVIDENCE_BYTES} bytes of bundles hang on one image"),
            ));
        }
        self.evidence.blob(layer, BUNDLE_BYTES).await
    }

    fn count(&self) -> Result<(), Error> {
        if self.objects.fetch_add(1, Ordering::Relaxed) < TREE_OBJECTS {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("more than {TREE_OBJECTS} objects hang on one image"),
        ))
    }
}

impl Beside {
    fn unreadable(what: &str, error: &Error) -> Self {
        Self { attached: Vec::new(), unreadable: vec![unreadable(what, error)] }
    }

    /// Adds what was found elsewhere; the same manifest at two places is one attachment.
    fn extend(&mut self, other: Self) {
        for attachment in other.attached {
            match self.attached.iter_mut().find(|known| known.digest == attachment.digest) {
                Some(known) => known.places.extend(attachment.places),
                None => self.attached.push(attachment),
            }
        }
        self.unreadable.extend(other.unreadable);
    }
}

fn node(descriptor: &Descriptor) -> ImageNode {
    ImageNode {
        digest: descriptor.digest,
        media_type: descriptor.media_type.clone(),
        size: descriptor.size,
        platforms: descriptor.platform.iter().map(ToString::to_string).collect(),
        claimed_role: descriptor.annotations.get(ROLE).cloned(),
        attached: Vec::new(),
        unreadable: Vec::new(),
        images: Vec::new(),
    }
}

fn unreadable(what: &str, error: &Error) -> UnreadablePlace {
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        message = format!("{message}: {source}");
    }
    UnreadablePlace { what: what.to_owned(), code: error.code().to_owned(), message }
}
