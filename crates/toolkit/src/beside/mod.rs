//! Writing beside an image: signatures and attestations, made here or elsewhere, all go this way.
//!
//! First it is looked what stands there, and nothing is added to what cannot be read; then what is new is written, in
//! both formats at once. This room never decides what is written: that, and whether it stands there already, is the
//! job's.

pub(crate) mod bundle;
pub(crate) mod layers;

use jiff::Timestamp;
use waxseal_core::candidate::Unreadable;
use waxseal_core::digest::Algorithm;
use waxseal_core::limits::INDEX_DEPTH;
use waxseal_core::manifest::Manifest;
use waxseal_core::{Descriptor, Digest, Format, PinnedRef};
use waxseal_oci::{Attached, ErrorKind as StoreTrouble, Fetched, Store};

use crate::error::{Error, ErrorKind};
use crate::evidence::{Found, Looking, look};
use crate::image::Image;

/// An image that something is written beside.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its name and digest.
    pub(crate) pinned: PinnedRef,
    /// Its manifest.
    pub(crate) descriptor: Descriptor,
}

/// The image and, where asked, every image that it lists. `expect` is the digest that the name must resolve to (rule
/// G4).
pub(crate) async fn targets(
    image: &mut Image,
    expect: Option<&Digest>,
    recursive: bool,
) -> Result<Vec<Target>, Error> {
    let fetched = image.manifest().await?;
    if let Some(expected) = expect.filter(|expected| *expected != image.digest()) {
        return Err(Error::new(
            ErrorKind::TagMoved,
            format!("{} resolves to {}, expected {expected}", image.location, image.digest()),
        ));
    }
    // What is signed must be an image: junk with a good signature would be refused by every reader.
    Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)).map_err(|error| {
        Error::new(ErrorKind::InvalidImage, format!("{} cannot be read as an image: {error}", image.pinned()))
    })?;
    let mut targets = vec![Target { pinned: image.pinned().clone(), descriptor: fetched.descriptor }];
    if recursive {
        children(image, &mut targets, 0).await?;
    }
    Ok(targets)
}

/// Every image that an index lists, nested indexes and what they list included, each once.
async fn children(index: &mut Image, targets: &mut Vec<Target>, depth: usize) -> Result<(), Error> {
    let Some(parsed) = index.index().await? else { return Ok(()) };
    if depth >= INDEX_DEPTH {
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!("{}: indexes nest deeper than {INDEX_DEPTH} levels", index.pinned()),
        ));
    }
    for descriptor in parsed.manifests {
        if targets.iter().any(|target| *target.pinned.digest() == descriptor.digest) {
            continue;
        }
        let mut child = index.child(&descriptor.digest).await?;
        let nested = waxseal_core::media_type::is_index(&descriptor.media_type);
        let plain = Descriptor::new(descriptor.media_type, descriptor.digest, descriptor.size);
        targets.push(Target { pinned: child.pinned().clone(), descriptor: plain });
        if nested {
            Box::pin(children(&mut child, targets, depth.saturating_add(1))).await?;
        }
    }
    Ok(())
}

/// Looks what stands beside the image. What cannot be read is an error of the store's own kind: a signature might be
/// among it that would be lost.
pub(crate) async fn standing(store: &Store, pinned: &PinnedRef, looking: &Looking) -> Result<Found, Error> {
    let found = look(store, pinned.digest(), looking).await;
    match found.evidence.unreadable.first() {
        None => Ok(found),
        Some(unreadable) => Err(Error::new(
            ErrorKind::Store(trouble(unreadable)),
            format!(
                "what is attached to {pinned} cannot be read, so nothing is added to it: {}",
                unreadable.message
            ),
        )),
    }
}

/// The store's kind of what made something unreadable.
pub(crate) fn trouble(unreadable: &Unreadable) -> StoreTrouble {
    let known = StoreTrouble::ALL.iter().find(|kind| kind.code() == unreadable.code);
    known.copied().unwrap_or(StoreTrouble::Protocol)
}

/// What is new beside one image.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    /// What a person calls one of it.
    pub(crate) what: &'static str,
    /// The tag of its legacy format.
    pub(crate) tag: Attached,
    /// What that tag named when it was looked at.
    pub(crate) standing: Option<Fetched>,
    /// What is new there, and what goes.
    pub(crate) layers: layers::LayerChange,
    /// What is new among the referrers.
    pub(crate) bundles: Vec<bundle::NewBundle<'a>>,
    /// The manifests of the referrers that go, once what is new stands.
    pub(crate) gone: Vec<Digest>,
    /// The time that is noted in manifests.
    pub(crate) now: Timestamp,
}

impl Writing<'_> {
    /// Writes it. If one of two formats cannot be written, the error names what stands (rule G3).
    pub(crate) async fn write(self, store: &Store, target: &Target) -> Result<(), Error> {
        let both = !self.layers.is_empty() && !self.bundles.is_empty();
        let what = self.what;
        let legacy = async {
            if self.layers.is_empty() {
                Ok(())
            } else {
                let image = target.pinned.digest();
                layers::write(store, image, self.tag, self.standing.clone(), &self.layers).await
            }
        };
        let bundle = async {
            for bundle in &self.bundles {
                bundle::attach(store, &target.descriptor, bundle, self.now).await?;
            }
            Ok(())
        };
        // A layout is one file that both formats write: there one after the other.
        let (legacy, bundle) =
            if store.is_registry() { tokio::join!(legacy, bundle) } else { (legacy.await, bundle.await) };
        let partly = |stands: Format, missing: Format, error: Error| {
            Error::new(
                ErrorKind::PartlyWritten,
                format!(
                    "{}: the {} {what} was written, the {} {what} was not",
                    target.pinned,
                    stands.name(),
                    missing.name()
                ),
            )
            .caused_by(error)
        };
        match (legacy, bundle) {
            (Ok(()), Ok(())) => self.take_away(store, target).await,
            (Err(error), Ok(())) if both => Err(partly(Format::Bundle, Format::Legacy, error)),
            (Ok(()), Err(error)) if both => Err(partly(Format::Legacy, Format::Bundle, error)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Takes the referrers away that something new stands in the place of.
    async fn take_away(&self, store: &Store, target: &Target) -> Result<(), Error> {
        if self.gone.is_empty() {
            return Ok(());
        }
        bundle::take_away(store, target.pinned.digest(), &self.gone).await.map_err(|error| {
            let (image, what, count) = (&target.pinned, self.what, self.gone.len());
            Error::new(
                ErrorKind::PartlyWritten,
                format!(
                    "{image}: the new {what} stands, and the older ones ({count}) could not all be taken away"
                ),
            )
            .caused_by(error)
        })
    }
}

/// The formats that are written: the bundle alone for a SHA-512 image, unless only the other was asked for (rule G7).
pub(crate) fn formats_for(image: &Digest, wanted: &[Format]) -> Vec<Format> {
    let both = wanted.contains(&Format::Legacy) && wanted.contains(&Format::Bundle);
    if both && image.algorithm() != Algorithm::Sha256 { vec![Format::Bundle] } else { wanted.to_vec() }
}
