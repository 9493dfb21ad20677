//! The job of unpacking: a pack that was checked goes to a registry or a layout.
//!
//! Blobs and manifests first, each hashed again while it is written; then the serial number is noted, then the site signs,
//! and the tags of images come last of all. A run that broke off before them leaves none, and the next one sends only what
//! is not there. This module must not decide anything: an [`AdmittedPack`] is all that it takes.

use std::sync::Arc;

use waxseal_core::pack::{OmittedBlob, PackImage};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, ImageRef, PinnedRef, Repository, Signer, Subject, media_type};
use waxseal_oci::transfer::{self, Conflict, Copied, Options, Progress, Silent};
use waxseal_oci::{Client, Layout, LocalName, Location, Store, Which};

use super::check::AdmittedPack;
use super::destination::{Destination, Mapping};
use super::serials::Noted;
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image};
use crate::sign::{Signed, Signing};

/// An unpacking job.
#[derive(Clone)]
#[non_exhaustive]
pub struct Unpacking {
    /// Where to.
    pub to: Destination,
    /// Names that change on the way.
    pub maps: Vec<Mapping>,
    /// What to do where the destination's attachments would be lost.
    pub conflict: Conflict,
    /// Whether nothing is written, and only the names are told.
    pub dry_run: bool,
    /// Hears how far it is.
    pub progress: Arc<dyn Progress>,
}

impl core::fmt::Debug for Unpacking {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Unpacking").field("to", &self.to).field("maps", &self.maps).finish_non_exhaustive()
    }
}

/// What was unpacked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unpacked {
    /// The images, in the order of the pack.
    pub images: Vec<UnpackedImage>,
    /// Whether the serial number was noted, so that no older pack is taken.
    pub noted: bool,
}

/// An image at its destination.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnpackedImage {
    /// The image in the pack.
    pub image: PackImage,
    /// The image at the destination.
    pub destination: PinnedRef,
    /// Its tag there.
    pub tag: Option<Tag>,
    /// What was written; nothing in a dry run.
    pub copied: Option<Copied>,
    /// The signatures of the site.
    pub signed: Vec<Signed>,
}

/// An image and where it goes.
struct Target<'a> {
    image: &'a PackImage,
    repository: Repository,
    tag: Option<Tag>,
    store: Store,
}

impl Unpacking {
    /// A job that unpacks to a place.
    pub fn new(to: Destination) -> Self {
        Self {
            to,
            maps: Vec::new(),
            conflict: Conflict::default(),
            dry_run: false,
            progress: Arc::new(Silent::default()),
        }
    }

    /// Writes the images of a pack, and has `site` sign each one that the receiver's own policy has verified.
    pub async fn unpack(
        &self,
        pack: &AdmittedPack,
        client: &Client,
        finding: &Finding,
        site: &[&(dyn Signer + Sync)],
    ) -> Result<Unpacked, Error> {
        if !site.is_empty() && pack.signed.is_none() {
            return Err(Error::new(
                ErrorKind::Usage,
                "the site signs names that somebody vouches for: the signature of this pack was not checked",
            ));
        }
        if !site.is_empty() && !pack.is_judged() {
            return Err(Error::new(
                ErrorKind::Usage,
                "the site signs only what its own policy has verified: the images of this pack were not judged",
            ));
        }
        let targets = self.targets(pack, client).await?;
        if self.dry_run {
            let images = targets.iter().map(|target| self.unpacked(target, None, Vec::new())).collect();
            return Ok(Unpacked { images, noted: false });
        }
        for target in &targets {
            self.there(pack, target, client).await?;
        }
        let from = pack.sealed.store();
        let mut images = Vec::new();
        for target in &targets {
            let mut options = Options::default().with_progress(Arc::clone(&self.progress));
            options.conflict = self.conflict;
            options.evidence_to = evidence(target, client, finding);
            let which = Which::Digest(target.image.digest);
            let copied = transfer::copy(&from, &which, &target.store, None, &options).await?;
            images.push((target, copied));
        }
        // Held until the tags are written, so that those of an older pack never come behind those of a newer one.
        let noted = note(pack).await?;
        let mut unpacked = Vec::new();
        for (target, copied) in images {
            let signed = if site.is_empty() {
                Vec::new()
            } else {
                self.countersign(pack, target, client, finding, site).await?
            };
            unpacked.push(self.unpacked(target, Some(copied), signed));
        }
        for target in &targets {
            let root = from.manifest(&Which::Digest(target.image.digest)).await;
            let root = root.required(|| target.image.name.to_string())?;
            let name = target.tag.as_ref().map(|tag| format!("{}:{tag}", target.repository));
            let name: Option<ImageRef> = name.and_then(|name| name.parse().ok());
            match (&target.tag, &name) {
                (Some(tag), Some(name)) => target.store.put_named_image(&root, tag, name).await?,
                _ => target.store.put_image(&root, None).await?,
            }
        }
        if let Some(target) = targets.first() {
            target.store.commit().await?;
        }
        Ok(Unpacked { images: unpacked, noted: noted.is_some() })
    }

    /// Where each image goes. Two images that would get one name are an error.
    async fn targets<'a>(&self, pack: &'a AdmittedPack, client: &Client) -> Result<Vec<Target<'a>>, Error> {
        let mut targets: Vec<Target<'a>> = Vec::new();
        let layout = match &self.to {
            Destination::Layout(path) if self.dry_run && !path.exists() => None,
            Destination::Layout(path) => Some(Store::Layout(Layout::create(path).await?)),
            Destination::Registry { .. } => None,
        };
        self.to.hosts(pack.manifest.images.iter().map(|image| &image.name), &self.maps)?;
        for image in &pack.manifest.images {
            let repository = self.to.repository(&image.name, &self.maps)?;
            let tag = image.name.tag().cloned();
            let same = |target: &&Target<'_>| {
                target.repository == repository
                    && target.tag == tag
                    && tag.is_some()
                    && target.image.digest != image.digest
            };
            if let Some(other) = targets.iter().find(same) {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{} and {} would both become {repository}", other.image.name, image.name),
                ));
            }
            let store = layout.clone().unwrap_or_else(|| Store::Registry(client.repository(&repository)));
            targets.push(Target { image, repository, tag, store });
        }
        Ok(targets)
    }

    /// Sees to it that blobs which the pack left out are at the destination, before anything is written to a tag. What
    /// stands in another repository of the same registry is taken over from there.
    async fn there(&self, pack: &AdmittedPack, target: &Target<'_>, client: &Client) -> Result<(), Error> {
        if pack.manifest.omitted.is_empty() {
            return Ok(());
        }
        let gathered =
            transfer::gather(&pack.sealed.store(), &target.image.digest.into(), &Options::default()).await?;
        for (blob, _) in gathered.blobs() {
            let Some(omitted) = pack.manifest.omitted.iter().find(|known| known.digest == blob.digest) else {
                continue;
            };
            if !self.has(target, omitted, client).await? {
                return Err(Error::new(
                    ErrorKind::PackIncomplete,
                    format!(
                        "{} of {} was left out of the pack, and is not in {}",
                        blob.digest,
                        target.image.name,
                        target.store.shown()
                    ),
                ));
            }
        }
        Ok(())
    }

    async fn has(&self, target: &Target<'_>, blob: &OmittedBlob, client: &Client) -> Result<bool, Error> {
        let descriptor = Descriptor::new(media_type::OCI_EMPTY, blob.digest, blob.size);
        if target.store.has_blob(&descriptor).await? {
            return Ok(true);
        }
        for place in &blob.at {
            // What the inventory calls a place may be none here.
            let Ok(repository) = place.parse::<Repository>() else { continue };
            if repository.registry() != target.repository.registry() || !target.store.is_registry() {
                continue;
            }
            let from = Store::Registry(client.repository(&repository));
            if target.store.mount(&descriptor, &from).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Signs an image at its destination, under the name that it has there.
    async fn countersign(
        &self,
        pack: &AdmittedPack,
        target: &Target<'_>,
        client: &Client,
        finding: &Finding,
        site: &[&(dyn Signer + Sync)],
    ) -> Result<Vec<Signed>, Error> {
        let destination = self.destination(target);
        let location = match &self.to {
            Destination::Layout(path) => {
                Location::Layout { path: path.clone(), which: LocalName::Digest(target.image.digest) }
            }
            Destination::Registry { .. } => destination.to_string().parse::<Location>()?,
        };
        let pinned = match &self.to {
            Destination::Layout(_) => {
                let repository = Some(target.repository.clone());
                PinnedRef::local(target.store.shown(), repository, target.image.digest)
            }
            Destination::Registry { .. } => destination,
        };
        let evidence = evidence(target, client, finding).unwrap_or_else(|| target.store.clone());
        let image = Image::in_store(location, target.store.clone(), evidence, Subject::new(pinned));
        Signing::new(pack.now).sign(image, site).await
    }

    fn destination(&self, target: &Target<'_>) -> PinnedRef {
        match &self.to {
            Destination::Layout(_) => PinnedRef::local(target.store.shown(), None, target.image.digest),
            Destination::Registry { .. } => target.repository.pin(target.image.digest),
        }
    }

    fn unpacked(&self, target: &Target<'_>, copied: Option<Copied>, signed: Vec<Signed>) -> UnpackedImage {
        UnpackedImage {
            image: target.image.clone(),
            destination: match (&self.to, self.dry_run) {
                // A layout that is not there yet has no store that could name it.
                (Destination::Layout(_), true) => {
                    PinnedRef::local(self.to.to_string(), None, target.image.digest)
                }
                _ => self.destination(target),
            },
            tag: target.tag.clone(),
            copied,
            signed,
        }
    }
}

/// Where evidence is written, if that is a repository of its own (rule L7). A layout takes it along.
fn evidence(target: &Target<'_>, client: &Client, finding: &Finding) -> Option<Store> {
    let repository = finding.evidence_repository.as_ref().filter(|_| target.store.is_registry())?;
    Some(Store::Registry(client.repository(repository)))
}

/// Notes the serial number of a pack whose signature was verified.
async fn note(pack: &AdmittedPack) -> Result<Option<Noted>, Error> {
    let (Some(serials), Some(signed)) = (pack.serials.clone(), &pack.signed) else { return Ok(None) };
    let (manifest, keys) = (pack.manifest.clone(), signed.proof().keys.clone());
    let (trusted, now) = (pack.trusted.clone(), pack.now);
    // Waiting for the lock blocks.
    let noting = tokio::task::spawn_blocking(move || serials.note(&manifest, &keys, &trusted, now));
    let noted = noting.await;
    noted.map_err(|error| Error::new(ErrorKind::PackState, "the list of packs").caused_by(error))?.map(Some)
}
