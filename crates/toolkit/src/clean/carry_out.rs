//! Taking away what was found: tags by their name, referrers by their digest.
//!
//! A registry that removes no tags gets the digest that the tag names instead, but only if no other tag names it.

use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use waxseal_core::Digest;
use waxseal_core::reference::Tag;
use waxseal_oci::object::ReferrersSource;
use waxseal_oci::{Attached, Error, ErrorKind, Look, Store, Which};

use crate::beside::bundle::unlist;

use super::{Attachment, CLEAN_SCHEMA, Cleaned, Failed, Plan};

/// Most other tags that are asked what they name before a manifest is deleted by its digest. With more, nothing is.
const OTHER_TAGS: usize = 1_024;
/// Tags that are asked at the same time.
const CONCURRENT: usize = 16;

impl Plan {
    /// Takes away what was found. What cannot be taken away is told in the outcome; the rest goes nevertheless.
    pub async fn carry_out(self) -> Result<Cleaned, crate::Error> {
        let mut cleaned = Cleaned {
            schema: CLEAN_SCHEMA,
            image: self.image.to_string(),
            place: self.place(),
            removed: Vec::new(),
            kept: self.kept,
            failed: self.failed,
        };
        let image = *self.image.digest();
        let mut gone = self.dangling;
        for removal in self.removals {
            let outcome = match removal.attached {
                Some(attached) => take_tag(&self.store, &image, attached, &removal).await,
                None => match self.store.delete_manifest(&removal.digest).await {
                    // Somebody else was faster.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    outcome => outcome,
                },
            };
            match outcome {
                Ok(()) => {
                    if removal.attached.is_none() {
                        gone.push(removal.digest);
                    }
                    cleaned.removed.push(removal);
                }
                Err(error) => cleaned.failed.push(Failed::new(&removal.name(), &error)),
            }
        }
        if self.source != ReferrersSource::Api
            && !gone.is_empty()
            && let Err(error) = unlist(&self.store, &image, &gone).await
        {
            cleaned.failed.push(Failed::new("referrers", &error));
        }
        if !cleaned.removed.is_empty() {
            self.store.commit().await?;
        }
        Ok(cleaned)
    }
}

/// Takes a tag away, by its name or, where the registry wants that, by the digest behind it; and looks that it is gone.
async fn take_tag(
    store: &Store,
    image: &Digest,
    attached: Attached,
    removal: &Attachment,
) -> Result<(), Error> {
    let Some(tag) = attached.tag(image) else { return Ok(()) };
    match store.remove_tag(&tag).await {
        Ok(_) => {}
        Err(error) if store.is_registry() && wants_a_digest(&error) => {
            by_digest(store, &tag, removal.digest, error).await?;
        }
        Err(error) => return Err(error),
    }
    match store.manifest(&Which::Tag(tag.clone())).await {
        Look::Found(_) => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{tag} was removed and stands there again: somebody writes it, or the registry did nothing"
            ),
        )),
        Look::Unreadable(error) => Err(error),
        _ => Ok(()),
    }
}

/// Registries that remove no tags answer 400, 405 or 501.
fn wants_a_digest(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Protocol)
}

async fn by_digest(store: &Store, tag: &Tag, digest: Digest, refusal: Error) -> Result<(), Error> {
    if let Some(other) = other_name(store, tag, digest).await? {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{tag}: the registry removes no tags, and {digest}, which it names, is named by {other} too; remove \
                 the tag with the registry's own tools"
            ),
        ));
    }
    match store.delete_manifest(&digest).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // Neither tags nor digests: the first answer is the one about what was asked.
        Err(error) if error.kind() == ErrorKind::Unsupported => Err(refusal),
        Err(error) => Err(error),
    }
}

/// Another tag that names the digest, whatever that tag is for. Not to know is an error: what is deleted by its digest is
/// gone under every name.
async fn other_name(store: &Store, tag: &Tag, digest: Digest) -> Result<Option<Tag>, Error> {
    let Store::Registry(registry) = store else { return Ok(None) };
    let refused = |kind, why: String| {
        Error::new(
            kind,
            format!(
                "{tag}: the registry removes no tags, and {digest} is not deleted, because {why}; remove the tag with \
                 the registry's own tools"
            ),
        )
    };
    let others: Vec<_> = store.tags().await?.into_iter().filter(|other| other != tag).collect();
    if others.len() > OTHER_TAGS {
        let why = format!(
            "any of {} other tags could name it too, of which at most {OTHER_TAGS} are asked",
            others.len()
        );
        return Err(refused(ErrorKind::LimitExceeded, why));
    }
    let mut asked = pin!(
        stream::iter(others)
            .map(|other| async {
                let look = registry.head_manifest(&Which::Tag(other.clone())).await;
                (other, look)
            })
            .buffered(CONCURRENT)
    );
    while let Some((other, look)) = asked.next().await {
        match look {
            Look::Found(descriptor) if descriptor.digest == digest => return Ok(Some(other)),
            Look::Found(_) | Look::Absent => {}
            Look::Unreadable(error) => {
                let why = format!("{other} could name it too and cannot be read");
                return Err(refused(ErrorKind::Conflict, why).caused_by(error));
            }
            _ => return Err(refused(ErrorKind::Conflict, format!("{other} could name it too"))),
        }
    }
    Ok(None)
}
