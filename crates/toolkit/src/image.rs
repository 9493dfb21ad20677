//! An image as a job takes it: resolved once, to one digest, with the places where it and its evidence stand.

use waxseal_core::manifest::{ImageIndex, Manifest};
use waxseal_core::reference::Tag;
use waxseal_core::{Digest, PinnedRef, Platform, Repository, Subject};
use waxseal_oci::platform::{self, Choice};
use waxseal_oci::{Client, Fetched, Location, Store, Which};

use crate::error::{Error, ErrorKind};

/// An image that a name was resolved to (rule L1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Image {
    /// The name as it was typed.
    pub location: Location,
    /// Where the image stands.
    pub store: Store,
    /// Where its evidence stands: the same place, or the one that `COSIGN_REPOSITORY` names (rule L7).
    pub evidence: Store,
    /// The image, and the indexes through which it was reached.
    pub subject: Subject,
    /// The manifest, if it was read.
    manifest: Option<Fetched>,
    /// The indexes through which it was reached, outermost first, as they were read.
    via: Vec<Fetched>,
}

/// How images are found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Finding {
    /// Where evidence stands, if not beside the image (rule L7).
    pub evidence_repository: Option<Repository>,
    /// The name that an image in a layout or an archive goes by (rule G4).
    pub identity: Option<Repository>,
}

impl Image {
    /// Resolves a name. A digest in it is taken as it is, without a request: what is read later is held to it.
    pub async fn find(client: &Client, location: &Location, finding: &Finding) -> Result<Self, Error> {
        let store = open(client, location).await?;
        Self::find_in(store, client, location, finding).await
    }

    /// Resolves the name of an image that is only copied: as [`Image::find`], and an archive of Docker's own form is
    /// converted.
    pub async fn find_source(client: &Client, location: &Location, finding: &Finding) -> Result<Self, Error> {
        match Store::open_source(location).await? {
            Some(store) => Self::find_in(store, client, location, finding).await,
            None => Self::find(client, location, finding).await,
        }
    }

    async fn find_in(
        store: Store,
        client: &Client,
        location: &Location,
        finding: &Finding,
    ) -> Result<Self, Error> {
        let evidence = match &finding.evidence_repository {
            Some(repository) => Store::Registry(client.repository(repository)),
            None => store.clone(),
        };
        let (pinned, manifest) =
            if let (Location::Registry(name), Some(digest)) = (location, location.digest()) {
                (name.pin(*digest), None)
            } else {
                let resolved = store.resolve(location, finding.identity.as_ref()).await?;
                (resolved.pinned, Some(resolved.manifest))
            };
        Ok(Self {
            location: location.clone(),
            store,
            evidence,
            subject: Subject::new(pinned),
            manifest,
            via: Vec::new(),
        })
    }

    /// An image of a store that is open already, with its evidence beside it; its manifest is read when it is needed.
    pub const fn in_store(location: Location, store: Store, evidence: Store, subject: Subject) -> Self {
        Self { location, store, evidence, subject, manifest: None, via: Vec::new() }
    }

    /// The image by its digest.
    pub const fn pinned(&self) -> &PinnedRef {
        self.subject.pinned()
    }

    /// The digest.
    pub fn digest(&self) -> &Digest {
        self.subject.pinned().digest()
    }

    /// The tag that was typed, if the image was named by one.
    pub fn tag(&self) -> Option<&Tag> {
        if self.location.digest().is_some() { None } else { self.location.tag() }
    }

    /// The indexes through which it was reached, outermost first, as they were read.
    pub fn via(&self) -> &[Fetched] {
        &self.via
    }

    /// The manifest's bytes, read once and held to the digest.
    pub async fn manifest(&mut self) -> Result<Fetched, Error> {
        if let Some(manifest) = &self.manifest {
            return Ok(manifest.clone());
        }
        let digest = *self.digest();
        let look = self.store.manifest(&Which::Digest(digest)).await;
        let shown = self.pinned().to_string();
        let fetched = look.required(|| shown)?;
        self.manifest = Some(fetched.clone());
        Ok(fetched)
    }

    /// The manifest as an index, or nothing if the image is of one platform.
    pub async fn index(&mut self) -> Result<Option<Box<ImageIndex>>, Error> {
        let fetched = self.manifest().await?;
        match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
            Ok(Manifest::Index(index)) => Ok(Some(index)),
            Ok(_) => Ok(None),
            Err(error) => Err(Error::new(
                ErrorKind::InvalidImage,
                format!("{} cannot be read as an image: {error}", self.pinned()),
            )),
        }
    }

    /// An image of this index, by its digest: a signature on the index covers it (rule P2).
    pub async fn child(&mut self, digest: &Digest) -> Result<Self, Error> {
        let index = self.manifest().await?;
        let subject = self
            .subject
            .child(&index.bytes, Some(&index.descriptor.media_type), digest)
            .map_err(|error| Error::new(ErrorKind::InvalidImage, error.to_string()))?;
        let mut via = self.via.clone();
        via.push(index);
        Ok(Self {
            location: self.location.clone(),
            store: self.store.clone(),
            evidence: self.evidence.clone(),
            subject,
            manifest: None,
            via,
        })
    }

    /// The image for a platform: one that this index lists, nested indexes included, or the image itself if its
    /// configuration states that platform. None and several that fit are errors: nobody should be admitted by the order
    /// of a list, or as what was not asked for.
    pub async fn for_platform(mut self, platform: &Platform) -> Result<Self, Error> {
        let root = self.manifest().await?;
        // The same words for what is no image, whatever was asked of it.
        self.index().await?;
        let choice = platform::choose(&self.store, root, platform).await?;
        if let Some(why) = choice.why_not(platform) {
            return Err(Error::new(ErrorKind::InvalidImage, format!("{} {why}", self.pinned())));
        }
        let Choice::One(chosen) = choice else { return Ok(self) };
        let steps = chosen.via.into_iter().map(|index| (index.descriptor.digest, Some(index))).skip(1);
        if self.digest() == &chosen.descriptor.digest {
            return Ok(self);
        }
        let mut image = self;
        for (digest, manifest) in steps.chain([(chosen.descriptor.digest, chosen.manifest)]) {
            image = image.child(&digest).await?;
            image.manifest = manifest;
        }
        Ok(image)
    }
}

/// The place that a name stands in.
pub async fn open(client: &Client, location: &Location) -> Result<Store, Error> {
    match (Store::open_local(location).await?, location) {
        (Some(store), _) => Ok(store),
        (None, Location::Registry(name)) => Ok(Store::Registry(client.repository(name.repository()))),
        (None, _) => {
            Err(Error::new(ErrorKind::Usage, format!("{location} names no place that images stand in")))
        }
    }
}

/// The place that a name stands in, made if it is a layout or an archive that is not there.
pub async fn create(client: &Client, location: &Location) -> Result<Store, Error> {
    match (Store::create_local(location).await?, location) {
        (Some(store), _) => Ok(store),
        (None, Location::Registry(name)) => Ok(Store::Registry(client.repository(name.repository()))),
        (None, _) => {
            Err(Error::new(ErrorKind::Usage, format!("{location} names no place that images stand in")))
        }
    }
}
