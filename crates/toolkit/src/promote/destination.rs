//! Where an image is promoted to: the tag that it gets there, what stands at that tag, and whether it may be moved.

use waxseal_core::reference::Tag;
use waxseal_core::{Digest, PinnedRef, Repository, Subject};
use waxseal_oci::registry::TagChange;
use waxseal_oci::{
    Client, Error as StoreError, ErrorKind as StoreTrouble, Fetched, Location, Look, Store, Which,
};

use super::TagTemplate;
use super::report::Refusal;
use crate::error::{Error, ErrorKind};
use crate::image::{Finding, Image, create, open};

/// What may become of a tag at the destination that names another image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It stays: the promotion is refused.
    #[default]
    Keep,
    /// It is moved.
    Move,
    /// It is moved if it names this digest, and written if nothing is expected and nothing stands there.
    Expect(Option<Digest>),
}

/// The destination of one image.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    location: Location,
    pub(super) tag: Tag,
    /// What the tag names now.
    pub(super) current: Option<Digest>,
    identity: Option<Repository>,
    evidence: Option<Repository>,
}

impl Destination {
    /// Works out the tag, and reads what stands there.
    pub(super) async fn find(
        client: &Client,
        to: &Location,
        source: Option<&Tag>,
        template: Option<&TagTemplate>,
        finding: &Finding,
        now: jiff::Timestamp,
    ) -> Result<Self, Error> {
        let usage = |why: &str| Error::new(ErrorKind::Usage, format!("{to}: {why}"));
        if to.digest().is_some() {
            return Err(usage("a promotion ends in a tag: name the repository, or the repository and a tag"));
        }
        if !matches!(to, Location::Registry(_) | Location::Layout { .. }) {
            return Err(usage(
                "an archive has no tags that move: promote to a registry or a layout, or use pack",
            ));
        }
        let tag = match (template, to.typed_tag()) {
            (Some(_), Some(_)) => return Err(usage("a tag and a template for tags: give one of them")),
            (Some(template), None) => {
                template.tag(source, now).map_err(|error| Error::new(ErrorKind::Usage, error.to_string()))?
            }
            (None, Some(tag)) => tag.clone(),
            (None, None) => source
                .cloned()
                .ok_or_else(|| usage("the source is named without a tag, so the destination needs one"))?,
        };
        if waxseal_oci::attached::is_attached_tag(tag.as_str()) {
            return Err(usage("that is the tag of something attached to an image, and names no image"));
        }
        let missing = matches!(to, Location::Layout { path, .. } if !path.join("index.json").exists());
        let current = if missing {
            None
        } else {
            named(&open(client, to).await?, &tag).await?.map(|standing| standing.descriptor.digest)
        };
        let identity = finding.identity.clone();
        let evidence = finding.evidence_repository.clone();
        Ok(Self { location: to.clone(), tag, current, identity, evidence })
    }

    /// The repository that the image is in there, or goes by.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match &self.location {
            Location::Registry(name) => Some(name.repository()),
            _ => self.identity.as_ref(),
        }
    }

    /// The name with the tag, as a person would type it.
    pub(super) fn shown(&self) -> String {
        match &self.location {
            Location::Registry(name) => format!("{}:{}", name.repository(), self.tag),
            Location::Layout { path, .. } => format!("oci:{}:{}", path.display(), self.tag),
            other => other.to_string(),
        }
    }

    /// The image there by its digest.
    pub(super) fn pinned(&self, digest: Digest) -> PinnedRef {
        match &self.location {
            Location::Registry(name) => name.pin(digest),
            Location::Layout { path, .. } => {
                PinnedRef::local(format!("oci:{}", path.display()), self.identity.clone(), digest)
            }
            other => PinnedRef::local(other.to_string(), self.identity.clone(), digest),
        }
    }

    /// The place, made if it is a layout that is not there, and the place of evidence.
    pub(super) async fn stores(&self, client: &Client) -> Result<(Store, Store), Error> {
        let store = create(client, &self.location).await?;
        let evidence = match &self.evidence {
            // A layout takes evidence along, a registry has it where it is looked for (rule L7).
            Some(repository) if store.is_registry() => Store::Registry(client.repository(repository)),
            _ => store.clone(),
        };
        Ok((store, evidence))
    }

    /// The image there, to be judged under a name.
    pub(super) fn image(&self, stores: &(Store, Store), judged_as: PinnedRef) -> Image {
        Image::in_store(self.location.clone(), stores.0.clone(), stores.1.clone(), Subject::new(judged_as))
    }

    /// Whether the tag may come to name this image.
    pub(super) fn may(&self, standing: Standing, wanted: &Digest) -> Result<(), Refusal> {
        let shown = self.shown();
        match (standing, &self.current) {
            (_, Some(current)) if current == wanted => Ok(()),
            (Standing::Move, _) | (Standing::Keep | Standing::Expect(None), None) => Ok(()),
            (Standing::Expect(Some(expected)), Some(current)) if *current == expected => Ok(()),
            (Standing::Keep, Some(current)) => Err(Refusal::new(
                "tag-taken",
                format!("{shown} names {current}, and would come to name {wanted}"),
                format!("move it with --expect-current {current}, or with --force whatever it names"),
            )),
            (Standing::Expect(None), Some(current)) => Err(Refusal::new(
                "tag-taken",
                format!("{shown} was expected not to be there, and names {current}"),
                format!("look who has written it; --expect-current {current} moves it"),
            )),
            (Standing::Expect(Some(expected)), Some(current)) => Err(Refusal::new(
                "tag-moved",
                format!("{shown} was expected to name {expected}, and names {current}"),
                format!("look who has moved it; --expect-current {current} moves it on"),
            )),
            (Standing::Expect(Some(expected)), None) => Err(Refusal::new(
                "tag-moved",
                format!("{shown} was expected to name {expected}, and is not there"),
                "look who has taken it away; --expect-current none writes it".to_owned(),
            )),
        }
    }

    /// Puts the tag on the image, if it still names what it did; whether it had to be written.
    pub(super) async fn put_tag(&self, store: &Store, manifest: &Fetched) -> Result<bool, Error> {
        let wanted = manifest.descriptor.digest;
        let moved = |found: Option<Digest>| {
            let words = |digest: Option<Digest>| {
                digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string())
            };
            StoreError::new(
                StoreTrouble::LostUpdate,
                format!(
                    "{} named {} when the promotion began, and names {} now",
                    self.shown(),
                    words(self.current),
                    words(found)
                ),
            )
        };
        if !store.is_registry() {
            let found = named(store, &self.tag).await?.map(|standing| standing.descriptor.digest);
            if found == Some(wanted) {
                return Ok(false);
            }
            if found != self.current {
                return Err(moved(found).into());
            }
            store.put_image(manifest, Some(&self.tag)).await?;
            return Ok(true);
        }
        let change = |standing: Option<Fetched>| {
            let found = standing.map(|standing| standing.descriptor.digest);
            let next = if found == Some(wanted) {
                Ok(TagChange::Keep)
            } else if found == self.current {
                let (bytes, media_type) = (manifest.bytes.clone(), manifest.descriptor.media_type.clone());
                Ok(TagChange::Write { bytes, media_type })
            } else {
                Err(moved(found))
            };
            core::future::ready(next)
        };
        let holds = |fetched: &Fetched| fetched.descriptor.digest == wanted;
        Ok(store.update_tag(&self.tag, change, holds).await?.written)
    }
}

/// What a tag names. What cannot be read is an error, and not nothing (rule L2).
pub(super) async fn named(store: &Store, tag: &Tag) -> Result<Option<Fetched>, Error> {
    match store.manifest(&Which::Tag(tag.clone())).await {
        Look::Absent | Look::Unsupported => Ok(None),
        look => Ok(Some(look.required(|| format!("{tag} in {}", store.shown()))?)),
    }
}
