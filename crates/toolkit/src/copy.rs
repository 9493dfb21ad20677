//! The job of copying: an image with everything that is attached to it, from one place to another.
//!
//! Bytes stay as they are, so that whatever was said about the image holds at the destination. This module knows which
//! places are meant (rule L7); moving is the store's.

use waxseal_core::reference::Tag;
use waxseal_core::{Digest, PinnedRef};
use waxseal_oci::attached::is_attached_tag;
use waxseal_oci::transfer::{self, Copied, Options, Platforms};
use waxseal_oci::{Client, Location, Store, Which};

use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image, create};

/// A copying job.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Copying {
    /// Which platforms, with what is attached or without, what to do about conflicts, and who hears how far it is.
    /// The places of evidence in it are set by [`Copying::copy`].
    pub options: Options,
    /// Whether the destination's tag stays where it is: the image is written by its digest alone.
    pub keep_tag: bool,
    /// Whether evidence is read beside the image, although it stands in a repository of its own otherwise (rule L7): a
    /// layout has taken it along.
    pub evidence_in_source: bool,
}

/// An image that was copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopiedImage {
    /// What the source's name resolved to: an index, if one platform of it was copied.
    pub source: PinnedRef,
    /// The image at the destination.
    pub destination: PinnedRef,
    /// The tag that names it there.
    pub tag: Option<Tag>,
    /// What was moved.
    pub copied: Copied,
}

impl Copying {
    /// Copies `from` to `to`. The source's tag is read once (rule L1). Where `to` is a layout or an archive without a
    /// tag, the source's tag is taken over, so that several images can stand there.
    ///
    /// An archive of Docker's own form is converted on the way: it has no digest until it stands somewhere else.
    ///
    /// Evidence is read from where `finding` says it stands. It is written there too if the destination is a registry,
    /// because that is where it is looked for; a layout and an archive take it along (rule L7).
    pub async fn copy(
        &self,
        client: &Client,
        from: &Location,
        to: &Location,
        finding: &Finding,
    ) -> Result<CopiedImage, Error> {
        let expected = self.expected(to)?;
        let mut image = Image::find_source(client, from, finding).await?;
        // Nothing is made at the destination for an image that is not there.
        image.manifest().await?;
        if let Some(expected) = expected.filter(|expected| expected != image.digest()) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the destination names {expected}, but {from} is {}", image.digest()),
            ));
        }
        let store = create(client, to).await?;
        let tag = if self.keep_tag { None } else { tag(&image, to).await? };
        let mut options = self.options.clone();
        if let Some(repository) = &finding.evidence_repository {
            if !self.evidence_in_source {
                options.evidence_from = Some(image.evidence.clone());
            }
            if store.is_registry() {
                options.evidence_to = Some(Store::Registry(client.repository(repository)));
            }
        }
        let which = Which::Digest(*image.digest());
        let copied = transfer::copy(&image.store, &which, &store, tag.as_ref(), &options).await?;
        store.commit().await?;
        let destination = match to {
            Location::Registry(name) => name.pin(copied.root.digest),
            _ => PinnedRef::local(store.shown(), None, copied.root.digest),
        };
        Ok(CopiedImage { source: image.pinned().clone(), destination, tag, copied })
    }

    /// The digest that the destination's name demands.
    fn expected(&self, to: &Location) -> Result<Option<Digest>, Error> {
        let Some(digest) = to.digest() else { return Ok(None) };
        if self.options.platforms != Platforms::All {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{to}: a destination with a digest does not go together with one platform"),
            ));
        }
        Ok(Some(*digest))
    }
}

/// The tag at the destination.
async fn tag(image: &Image, to: &Location) -> Result<Option<Tag>, Error> {
    if let Some(tag) = to.tag() {
        return Ok(Some(tag.clone()));
    }
    if to.digest().is_some() {
        return Ok(None);
    }
    if let Location::DockerArchive { reference: None, .. } = &image.location {
        // The only image of the archive, and the name that it has there, if it has one.
        let tags = image.store.tags().await?;
        let mut tags = tags.into_iter().filter(|tag| !is_attached_tag(tag.as_str()));
        return Ok(tags.next().filter(|_| tags.next().is_none()));
    }
    Ok(image.tag().cloned())
}
