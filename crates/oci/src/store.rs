//! One set of verbs for every place that images stand in.
//!
//! The set is closed: a registry, a layout, an archive. Whoever uses a [`Store`] does not ask which of them it is.

use bytes::Bytes;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, ImageRef, PinnedRef, Repository};

use crate::archive::Archive;
use crate::attached::{fallback_tag, without_entries};
use crate::blob::BlobStream;
use crate::error::{Error, ErrorKind};
use crate::layout::{Layout, contents};
use crate::location::Location;
use crate::object::{Fetched, Look, Referrers, Which};
use crate::registry::{Known, Registry, TagChange, TagUpdate};

/// How often a lost change is made again.
const ROUNDS: usize = 8;

/// A place that images stand in. Clones read and write the same place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Store {
    /// A repository of a registry.
    Registry(Registry),
    /// An OCI layout directory.
    Layout(Layout),
    /// An OCI archive.
    Archive(Archive),
}

/// An image that a name was resolved to: what the name means from now on (rule L1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// The image by its digest.
    pub pinned: PinnedRef,
    /// Its manifest.
    pub manifest: Fetched,
}

impl Store {
    /// Opens the layout or the archive of a location; nothing for a registry, which needs a client. An archive of
    /// Docker's that holds no OCI layout is an error of the kind `Unsupported`: it has no manifest with a digest.
    pub async fn open_local(location: &Location) -> Result<Option<Self>, Error> {
        match location {
            Location::Registry(_) => Ok(None),
            Location::Layout { path, .. } => {
                Layout::open(path).await.map(|layout| Some(Self::Layout(layout)))
            }
            Location::Archive { path, .. } => {
                Archive::open(path).await.map(|archive| Some(Self::Archive(archive)))
            }
            Location::DockerArchive { path, .. } => {
                Archive::open_docker(path).await.map(|archive| Some(Self::Archive(archive)))
            }
        }
    }

    /// Opens the layout or the archive of a location to copy from it: as [`Store::open_local`], and an archive of
    /// Docker's own form is converted.
    pub async fn open_source(location: &Location) -> Result<Option<Self>, Error> {
        match location {
            Location::DockerArchive { path, reference } => {
                let archive = Archive::convert_docker(path, reference.as_ref()).await?;
                Ok(Some(Self::Archive(archive)))
            }
            _ => Self::open_local(location).await,
        }
    }

    /// Opens the layout or the archive of a location, or makes one; nothing for a registry, which needs a client. Docker's
    /// own form of archives is not written.
    pub async fn create_local(location: &Location) -> Result<Option<Self>, Error> {
        match location {
            Location::Registry(_) => Ok(None),
            Location::Layout { path, .. } => {
                Layout::create(path).await.map(|layout| Some(Self::Layout(layout)))
            }
            Location::Archive { path, .. } => {
                Archive::create(path).await.map(|archive| Some(Self::Archive(archive)))
            }
            Location::DockerArchive { .. } => Err(docker_archive(location)),
        }
    }

    /// How a person named it, without the image.
    pub fn shown(&self) -> String {
        match self {
            Self::Registry(registry) => registry.repository().to_string(),
            Self::Layout(layout) => layout.shown(),
            Self::Archive(archive) => archive.shown(),
        }
    }

    /// Finds out once which image a name means. `identity` is the repository that an image of a layout or an archive
    /// goes by; without one it is that of a full name in the index, if there is one (rule G4).
    pub async fn resolve(
        &self,
        location: &Location,
        identity: Option<&Repository>,
    ) -> Result<Resolved, Error> {
        let other =
            || Error::new(ErrorKind::InvalidName, format!("{location} is no image of {}", self.shown()));
        let (pinned, manifest) = match (self, location) {
            (Self::Registry(registry), Location::Registry(name))
                if registry.repository() == name.repository() =>
            {
                let which = match (name.digest(), name.tag()) {
                    (Some(digest), _) => Which::Digest(*digest),
                    (None, Some(tag)) => Which::Tag(tag.clone()),
                    (None, None) => return Err(other()),
                };
                let manifest = registry.manifest(&which).await.required(|| name.to_string())?;
                (name.pin(manifest.descriptor.digest), manifest)
            }
            (Self::Layout(layout), Location::Layout { which, .. }) => layout.resolve(which, identity).await?,
            (Self::Archive(archive), Location::Archive { which, .. }) => {
                archive.resolve(which, identity).await?
            }
            (Self::Archive(archive), Location::DockerArchive { reference, .. }) => {
                archive.resolve_docker(reference.as_ref(), identity).await?
            }
            _ => return Err(other()),
        };
        Ok(Resolved { pinned, manifest })
    }

    /// A manifest by tag or digest.
    pub async fn manifest(&self, which: &Which) -> Look<Fetched> {
        match self {
            Self::Registry(registry) => registry.manifest(which).await,
            Self::Layout(layout) => layout.manifest(which).await,
            Self::Archive(archive) => archive.manifest(which).await,
        }
    }

    /// What refers to `subject`.
    pub async fn referrers(&self, subject: &Digest) -> Look<Referrers> {
        match self {
            Self::Registry(registry) => registry.referrers(subject).await,
            Self::Layout(layout) => layout.referrers(subject).await,
            Self::Archive(archive) => archive.referrers(subject).await,
        }
    }

    /// A blob of at most `limit` bytes, compared with its descriptor.
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        match self {
            Self::Registry(registry) => registry.blob(descriptor, limit).await,
            Self::Layout(layout) => layout.blob(descriptor, limit).await,
            Self::Archive(archive) => archive.blob(descriptor, limit).await,
        }
    }

    /// A blob, piece by piece.
    pub async fn blob_stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        match self {
            Self::Registry(registry) => registry.blob_stream(descriptor).await,
            Self::Layout(layout) => layout.blob_stream(descriptor).await,
            Self::Archive(archive) => archive.blob_stream(descriptor).await,
        }
    }

    /// Whether the blob is there.
    pub async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        match self {
            Self::Registry(registry) => registry.has_blob(&descriptor.digest).await,
            Self::Layout(layout) => layout.has_blob(descriptor).await,
            Self::Archive(archive) => archive.has_blob(descriptor).await,
        }
    }

    /// The tags, those of attached objects included.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        match self {
            Self::Registry(registry) => registry.tags().await,
            Self::Layout(layout) => layout.tags().await,
            Self::Archive(archive) => archive.tags().await,
        }
    }

    /// Writes a blob.
    pub async fn put_blob(&self, descriptor: &Descriptor, bytes: Bytes) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => registry.put_blob(descriptor, bytes).await,
            Self::Layout(layout) => layout.put_blob(descriptor, bytes).await,
            Self::Archive(archive) => archive.put_blob(descriptor, bytes).await,
        }
    }

    /// Writes a blob, piece by piece.
    pub async fn put_blob_stream(&self, blob: BlobStream) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => {
                let descriptor = blob.descriptor().clone();
                registry.put_blob_stream(&descriptor, blob, None).await
            }
            Self::Layout(layout) => layout.put_blob_stream(blob).await,
            Self::Archive(archive) => archive.put_blob_stream(blob).await,
        }
    }

    /// Takes a blob over from another repository of the same registry, without moving it; whether that was done.
    pub async fn mount(&self, descriptor: &Descriptor, from: &Self) -> Result<bool, Error> {
        match (self, from) {
            (Self::Registry(to), Self::Registry(from))
                if to.repository() != from.repository()
                    && to.repository().api_host() == from.repository().api_host() =>
            {
                to.mount_blob(&descriptor.digest, from.repository()).await
            }
            _ => Ok(false),
        }
    }

    /// Writes a manifest, under a tag if one is given.
    pub async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => put(registry, manifest, tag).await,
            Self::Layout(layout) => layout.put_manifest(manifest, tag).await,
            Self::Archive(archive) => archive.put_manifest(manifest, tag).await,
        }
    }

    /// Whether a registry has the manifest, by its own word. A layout and an archive say no: there it costs nothing to write
    /// it again.
    pub async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        match self {
            Self::Registry(registry) => match registry.head_manifest(&Which::Digest(*digest)).await {
                Look::Found(_) => Ok(true),
                Look::Absent | Look::Unsupported => Ok(false),
                Look::Unreadable(error) => Err(error),
            },
            Self::Layout(_) | Self::Archive(_) => Ok(false),
        }
    }

    /// Writes the manifest of an image, under a tag if one is given. A layout or an archive lists it as an image.
    pub async fn put_image(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => {
                if let Some(tag) = tag
                    && let Look::Found(standing) = registry.head_manifest(&Which::Tag(tag.clone())).await
                    && standing.digest == manifest.descriptor.digest
                {
                    // Where tags cannot be written twice, a copy that is started again ends well.
                    return Ok(());
                }
                put(registry, manifest, tag).await
            }
            Self::Layout(layout) => layout.put_image(manifest, tag).await,
            Self::Archive(archive) => archive.put_image(manifest, tag).await,
        }
    }

    /// Writes the manifest of an image under a tag. A layout or an archive lists it under its full name too, by which
    /// containerd knows it; where another image has the tag there, under its full name alone.
    pub async fn put_named_image(&self, manifest: &Fetched, tag: &Tag, name: &ImageRef) -> Result<(), Error> {
        match self {
            Self::Registry(_) => self.put_image(manifest, Some(tag)).await,
            Self::Layout(layout) => layout.put_named_image(manifest, tag, name).await,
            Self::Archive(archive) => archive.put_named_image(manifest, tag, name).await,
        }
    }

    /// Writes a manifest that refers to another one, so that it is found from there.
    pub async fn put_referrer(&self, manifest: &Fetched) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => {
                let (subject, listed) = contents::listed_referrer(manifest)?;
                registry.put_referrer(manifest.bytes.clone(), &listed, &subject).await.map(|_| ())
            }
            Self::Layout(layout) => layout.put_referrer(manifest).await,
            Self::Archive(archive) => archive.put_referrer(manifest).await,
        }
    }

    /// Changes what a tag names when others may do so at the same time (rule G1): reads it, lets `change` say what
    /// comes next, and writes that if the tag has not moved since; else does everything again. A registry cannot
    /// promise that, so there `holds` says whether what is read back still has what was to be written.
    pub async fn update_tag<F, R>(
        &self,
        tag: &Tag,
        change: F,
        holds: impl Fn(&Fetched) -> bool,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        match self {
            Self::Registry(registry) => registry.update_tag(tag, change, holds).await,
            Self::Layout(_) | Self::Archive(_) => self.update_local_tag(tag, Known::Unread, change).await,
        }
    }

    /// The same for a caller that has just read the tag: `known` is what it named then. It is read again only
    /// after a change was lost.
    pub async fn update_tag_from<F, R>(
        &self,
        tag: &Tag,
        known: Option<Fetched>,
        change: F,
        holds: impl Fn(&Fetched) -> bool,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        match self {
            Self::Registry(registry) => registry.update_tag_from(tag, known, change, holds).await,
            Self::Layout(_) | Self::Archive(_) => {
                self.update_local_tag(tag, Known::Read(Box::new(known)), change).await
            }
        }
    }

    async fn update_local_tag<F, R>(
        &self,
        tag: &Tag,
        mut known: Known,
        mut change: F,
    ) -> Result<TagUpdate, Error>
    where
        F: FnMut(Option<Fetched>) -> R,
        R: Future<Output = Result<TagChange, Error>>,
    {
        for _ in 0..ROUNDS {
            let standing = match core::mem::take(&mut known) {
                Known::Read(known) => *known,
                Known::Unread => match self.manifest(&Which::Tag(tag.clone())).await {
                    Look::Found(standing) => Some(standing),
                    Look::Absent | Look::Unsupported => None,
                    Look::Unreadable(error) => return Err(error),
                },
            };
            let expected = standing.as_ref().map(|standing| standing.descriptor.digest);
            let TagChange::Write { bytes, media_type } = change(standing).await? else {
                return Ok(TagUpdate { digest: expected, written: false });
            };
            let manifest = Fetched::of(media_type, bytes);
            if self.replace_tag(&manifest, tag, expected).await? {
                return Ok(TagUpdate { digest: Some(manifest.descriptor.digest), written: true });
            }
        }
        Err(Error::new(
            ErrorKind::LostUpdate,
            format!("{tag} in {}: others changed it each of {ROUNDS} times", self.shown()),
        ))
    }

    async fn replace_tag(
        &self,
        manifest: &Fetched,
        tag: &Tag,
        expected: Option<Digest>,
    ) -> Result<bool, Error> {
        match self {
            Self::Registry(registry) => put(registry, manifest, Some(tag)).await.map(|()| true),
            Self::Layout(layout) => layout.replace_tag(manifest, tag, expected).await,
            Self::Archive(archive) => archive.replace_tag(manifest, tag, expected).await,
        }
    }

    /// Removes a manifest.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<(), Error> {
        match self {
            Self::Registry(registry) => registry.delete_manifest(&Which::Digest(*digest)).await,
            Self::Layout(layout) => layout.delete_manifest(digest).await,
            Self::Archive(archive) => archive.delete_manifest(digest).await,
        }
    }

    /// Takes a tag away; whether there was one. In a layout and an archive the blob of its manifest goes too, unless
    /// something else names it. A registry that removes no tags says so: `Unsupported`, or `Protocol`.
    pub async fn remove_tag(&self, tag: &Tag) -> Result<bool, Error> {
        match self {
            Self::Registry(registry) => match registry.delete_manifest(&Which::Tag(tag.clone())).await {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            },
            Self::Layout(layout) => layout.remove_tag(tag).await,
            Self::Archive(archive) => archive.remove_tag(tag).await,
        }
    }

    /// Takes manifests out of the index at the fallback tag of `subject`; as [`Registry::unlist_referrers`].
    pub async fn unlist_referrers(
        &self,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<Option<Vec<Digest>>, Error> {
        match self {
            Self::Registry(registry) => registry.unlist_referrers(subject, gone).await,
            Self::Layout(_) | Self::Archive(_) => {
                let mut left = None;
                let change = |current: Option<Fetched>| {
                    let changed = without_entries(current.as_ref(), gone);
                    core::future::ready(changed.map(|(change, listed)| {
                        left = listed;
                        change
                    }))
                };
                self.update_local_tag(&fallback_tag(subject)?, Known::Unread, change).await?;
                Ok(left)
            }
        }
    }

    /// Whether it is a registry: there, what is independent is written at the same time.
    pub const fn is_registry(&self) -> bool {
        matches!(self, Self::Registry(_))
    }

    /// Makes what was put into an archive visible. Elsewhere everything is visible already.
    pub async fn commit(&self) -> Result<(), Error> {
        match self {
            Self::Registry(_) | Self::Layout(_) => Ok(()),
            Self::Archive(archive) => archive.commit().await,
        }
    }
}

impl From<Registry> for Store {
    fn from(registry: Registry) -> Self {
        Self::Registry(registry)
    }
}

impl From<Layout> for Store {
    fn from(layout: Layout) -> Self {
        Self::Layout(layout)
    }
}

impl From<Archive> for Store {
    fn from(archive: Archive) -> Self {
        Self::Archive(archive)
    }
}

async fn put(registry: &Registry, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
    let descriptor = &manifest.descriptor;
    let which = tag.map_or(Which::Digest(descriptor.digest), |tag| Which::Tag(tag.clone()));
    registry.put_manifest(manifest.bytes.clone(), &descriptor.media_type, &which).await.map(|_| ())
}

fn docker_archive(location: &Location) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{location}: archives of this form are read and not written; write an oci-archive: instead"),
    )
}
