//! What goes into a pack: images with everything that hangs on them, less what the other side has.

use std::collections::{BTreeMap, HashSet};

use waxseal_core::pack::{OmittedBlob, PackImage};
use waxseal_core::{Digest, ImageRef};
use waxseal_oci::Store;
use waxseal_oci::archive::sealed::{File, Images};
use waxseal_oci::transfer::{self, Gathered, Options, Rejected};

use super::have::Have;
use crate::error::{Error, ErrorKind};
use crate::image::Image;

/// Everything that goes into a pack.
#[derive(Debug)]
#[non_exhaustive]
pub struct Contents {
    /// The images, in the order in which they were named.
    pub images: Vec<PackedImage>,
    /// Blobs that are left out.
    pub omitted: Vec<OmittedBlob>,
    /// Blobs that are not left out, and their bytes.
    pub blobs: Blobs,
    files: Images,
}

/// A number of blobs, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blobs {
    /// How many.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// An image of a pack, and what goes with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackedImage {
    /// Its name and its digest.
    pub image: PackImage,
    /// Manifests, its own and those of its platforms and of what hangs on it.
    pub manifests: usize,
    /// Those that the other side is not known to have.
    pub new_manifests: Vec<Digest>,
    /// Objects that hang on it, by tag and as referrers.
    pub attached: usize,
    /// What hangs on it and is not what it claims to be. It does not travel.
    pub rejected: Vec<Rejected>,
}

impl Contents {
    /// Reads what would go with each image, less what the other side has. Nothing is judged: what is packed comes by
    /// [`Packing::contents`](super::Packing::contents).
    pub async fn of(images: &[Image], have: Option<&Have>) -> Result<Self, Error> {
        let images: Vec<_> = images.iter().map(|image| (image.clone(), Vec::new())).collect();
        Self::gather(&images, have).await
    }

    /// Reads what goes with each image. `beside` says where evidence stands for each of them besides where the image's
    /// own is looked for (rule L7).
    pub(super) async fn gather(images: &[(Image, Vec<Store>)], have: Option<&Have>) -> Result<Self, Error> {
        let mut files = Images::new()?;
        let mut all: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut evidence_blobs: HashSet<Digest> = HashSet::new();
        let mut packed: Vec<PackedImage> = Vec::new();
        for (image, beside) in images {
            let name = name(image)?;
            let digest = *image.digest();
            match packed.iter().find(|known| known.image.name == name) {
                Some(known) if known.image.digest == digest => continue,
                Some(known) => {
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!(
                            "{name} is both {} and {digest}: an image of a pack has a name of its own",
                            known.image.digest
                        ),
                    ));
                }
                None => {}
            }
            let mut whole = PackedImage {
                image: PackImage::new(name.clone(), digest),
                manifests: 0,
                new_manifests: Vec::new(),
                attached: 0,
                rejected: Vec::new(),
            };
            for evidence in std::iter::once(&image.evidence).chain(beside) {
                let mut options = Options::default();
                options.evidence_from = Some(evidence.clone());
                let gathered = transfer::gather(&image.store, &digest.into(), &options).await?;
                files.add(&gathered, Some(&name))?;
                all.extend(gathered.blobs().map(|(blob, _)| (blob.digest, blob.size)));
                evidence_blobs.extend(gathered.attached_blobs());
                whole.add(&gathered, have);
            }
            packed.push(whole);
        }
        let mut omitted = Vec::new();
        // Evidence always travels: the pack is judged by what is in it.
        for digest in all.keys().filter(|digest| !evidence_blobs.contains(*digest)) {
            let Some(at) = have.and_then(|have| have.blob(digest)) else { continue };
            if let Some(size) = files.leave_out(digest) {
                omitted.push(OmittedBlob::new(*digest, size, at));
            }
        }
        for blob in &omitted {
            all.remove(&blob.digest);
        }
        let bytes = all.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        let blobs = Blobs { count: all.len(), bytes };
        Ok(Self { images: packed, omitted, blobs, files })
    }

    /// The files of the layout: what begins it, and the blobs.
    pub(super) fn into_files(self) -> Result<([File; 2], Vec<File>), Error> {
        Ok((self.files.heads()?, self.files.into_blobs()))
    }
}

impl PackedImage {
    fn add(&mut self, gathered: &Gathered, have: Option<&Have>) {
        self.manifests = self.manifests.max(gathered.manifests().count());
        for manifest in gathered.manifests() {
            let digest = manifest.descriptor.digest;
            let there = have.is_some_and(|have| have.has_manifest(&digest));
            if !there && !self.new_manifests.contains(&digest) {
                self.new_manifests.push(digest);
            }
        }
        self.new_manifests.sort();
        let attached = gathered.tagged().count().saturating_add(gathered.referrers().count());
        self.attached = self.attached.saturating_add(attached);
        self.rejected.extend(gathered.rejected().iter().cloned());
    }
}

/// The name that an image has in a pack: what was typed, or the repository that it goes by and its tag.
fn name(image: &Image) -> Result<ImageRef, Error> {
    if let waxseal_oci::Location::Registry(name) = &image.location {
        return Ok(name.clone());
    }
    let Some(repository) = image.pinned().repository() else {
        return Err(Error::new(
            ErrorKind::NoName,
            format!("{} has no name that a policy could go by on the other side", image.pinned()),
        ));
    };
    let text = match image.tag() {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}@{}", image.digest()),
    };
    text.parse()
        .map_err(|error| Error::new(ErrorKind::Usage, format!("{text} is no image name")).caused_by(error))
}
