//! The job of taking away what is attached to an image: tags, and referrers that are signatures or alike.
//!
//! First it is looked what is there ([`Cleaning::plan`]), so that a person can be asked; then it is taken away
//! ([`Plan::carry_out`]). The image itself is never touched, nothing is deleted by a digest unless it is known that no
//! other tag names it, and what does not say that it belongs to this image stays (T-27): whoever can write a tag or a
//! listing could otherwise have any image deleted. An SBOM at a tag says nothing of an image; there the tag decides.

mod belongs;
mod carry_out;

use serde::Serialize;
use waxseal_core::manifest::{ImageManifest, Manifest};
use waxseal_core::{Digest, PinnedRef, media_type};
use waxseal_oci::object::ReferrersSource;
use waxseal_oci::{Attached, Error as StoreError, Fetched, Look, Store, Which};

use crate::error::Error;
use crate::image::Image;
use crate::tree::{AttachmentKind, FoundAt, describe, is_sbom};

/// Version of the JSON form.
pub const CLEAN_SCHEMA: &str = "waxseal/clean/v1";

/// What is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CleanType {
    /// What stands at the tag `.sig`.
    Signature,
    /// What stands at the tag `.att`.
    Attestation,
    /// What stands at the tag `.sbom`.
    Sbom,
    /// Referrers that are bundles, signatures, attestations or lists of components.
    Referrer,
    /// All of these.
    #[default]
    All,
}

impl CleanType {
    fn takes(self, tag: Attached) -> bool {
        match self {
            Self::All => true,
            Self::Signature => tag == Attached::Signatures,
            Self::Attestation => tag == Attached::Attestations,
            Self::Sbom => tag == Attached::Sbom,
            Self::Referrer => false,
        }
    }

    const fn takes_referrers(self) -> bool {
        matches!(self, Self::Referrer | Self::All)
    }
}

/// A cleaning job.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Cleaning {
    /// What is taken away.
    pub what: CleanType,
}

/// What would be taken away, and what stays. Nothing has been changed yet.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    image: PinnedRef,
    store: Store,
    /// What would be taken away.
    pub removals: Vec<Attachment>,
    /// What stays although it is attached, or listed as if it were, with the reason.
    pub kept: Vec<Kept>,
    /// What could not be looked at.
    pub failed: Vec<Failed>,
    source: ReferrersSource,
    /// Listed at the fallback tag, and not there any more.
    dangling: Vec<Digest>,
}

/// Something attached to the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Attachment {
    /// What it is, by its own bytes.
    pub kind: AttachmentKind,
    /// The tag at which it stands; none for a referrer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest of its manifest.
    pub digest: Digest,
    #[serde(skip)]
    attached: Option<Attached>,
}

/// Something that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// A tag, or a digest.
    pub what: String,
    /// Why it stays.
    pub why: String,
}

/// Something that could not be looked at or taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failed {
    /// A tag, a digest, or `referrers`.
    pub what: String,
    /// The stable code.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// What became of the job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Cleaned {
    /// [`CLEAN_SCHEMA`].
    pub schema: &'static str,
    /// The image, which is untouched.
    pub image: String,
    /// Where it was taken away.
    pub place: String,
    /// What was taken away.
    pub removed: Vec<Attachment>,
    /// What stays.
    pub kept: Vec<Kept>,
    /// What could not be looked at or taken away.
    pub failed: Vec<Failed>,
}

impl Attachment {
    /// The tag, or the digest of a referrer.
    pub fn name(&self) -> String {
        self.tag.clone().unwrap_or_else(|| self.digest.to_string())
    }
}

impl Cleaning {
    /// A job that takes this away.
    pub const fn new(what: CleanType) -> Self {
        Self { what }
    }

    /// Looks what there is to take away.
    pub async fn plan(&self, image: &Image) -> Result<Plan, Error> {
        let mut plan = Plan {
            image: image.pinned().clone(),
            store: image.evidence.clone(),
            removals: Vec::new(),
            kept: Vec::new(),
            failed: Vec::new(),
            source: ReferrersSource::Api,
            dangling: Vec::new(),
        };
        for kind in Attached::ALL {
            if self.what.takes(kind) {
                plan.look_at_tag(kind).await;
            }
        }
        plan.look_at_referrers(self.what.takes_referrers()).await;
        Ok(plan)
    }
}

impl Plan {
    /// The image that it is about.
    pub const fn image(&self) -> &PinnedRef {
        &self.image
    }

    /// Where everything stands.
    pub fn place(&self) -> String {
        self.store.shown()
    }

    async fn look_at_tag(&mut self, attached: Attached) {
        let Some(tag) = attached.tag(self.image.digest()) else { return };
        let fetched = match self.store.manifest(&Which::Tag(tag.clone())).await {
            Look::Found(fetched) => fetched,
            Look::Unreadable(error) => return self.failed.push(Failed::new(tag.as_str(), &error)),
            _ => return,
        };
        if fetched.descriptor.digest == *self.image.digest() {
            self.kept.push(Kept::new(tag.as_str(), "it names the image itself"));
            return;
        }
        let Some(manifest) = list_of(&fetched, attached) else {
            let why = format!("what stands there is not what a tag {} is for", attached.suffix());
            self.kept.push(Kept::new(tag.as_str(), &why));
            return;
        };
        match belongs::objection(&self.store, &manifest, attached, self.image.digest()).await {
            Ok(None) => {}
            Ok(Some(why)) => return self.kept.push(Kept::new(tag.as_str(), &why)),
            Err(error) => return self.failed.push(Failed::new(tag.as_str(), &error)),
        }
        let kind = describe(&fetched, FoundAt::Tag { tag: tag.to_string() }, Some(attached), None).kind;
        self.removals.push(Attachment {
            kind,
            tag: Some(tag.to_string()),
            digest: fetched.descriptor.digest,
            attached: Some(attached),
        });
    }

    async fn look_at_referrers(&mut self, take: bool) {
        let listing = match self.store.referrers(self.image.digest()).await {
            Look::Found(listing) => listing,
            Look::Unreadable(error) => {
                if take {
                    self.failed.push(Failed::new("referrers", &error));
                }
                return;
            }
            _ => return,
        };
        self.source = listing.source;
        for descriptor in listing.descriptors {
            let shown = descriptor.digest.to_string();
            let fetched = match self.store.manifest(&Which::Digest(descriptor.digest)).await {
                Look::Found(fetched) => fetched,
                Look::Unreadable(error) => {
                    if take {
                        self.failed.push(Failed::new(&shown, &error));
                    }
                    continue;
                }
                _ => {
                    self.dangling.push(descriptor.digest);
                    continue;
                }
            };
            if subject(&fetched) != Some(*self.image.digest()) {
                self.kept.push(Kept::new(&shown, "it is listed, but does not refer to this image"));
                continue;
            }
            let kind = describe(&fetched, FoundAt::ReferrersApi, None, None).kind;
            match kind {
                AttachmentKind::Artifact => {
                    self.kept
                        .push(Kept::new(&shown, "it is neither a signature, an attestation nor an SBOM"));
                }
                _ if !take => {
                    self.kept.push(Kept::new(&shown, "a referrer: --type referrer or all takes it away"));
                }
                kind => self.removals.push(Attachment {
                    kind,
                    tag: None,
                    digest: descriptor.digest,
                    attached: None,
                }),
            }
        }
        if !take {
            self.dangling.clear();
        }
    }
}

impl Kept {
    fn new(what: &str, why: &str) -> Self {
        Self { what: what.to_owned(), why: why.to_owned() }
    }
}

impl Failed {
    fn new(what: &str, error: &StoreError) -> Self {
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            message = format!("{message}: {source}");
        }
        Self { what: what.to_owned(), code: error.code().to_owned(), message }
    }
}

/// The manifest, if every layer of it is of the kind that such a tag is for. Some registries delete the manifest with the
/// tag, and whoever can write a tag can put it on any image.
fn list_of(fetched: &Fetched, attached: Attached) -> Option<Box<ImageManifest>> {
    let Ok(Manifest::Image(manifest)) = Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type))
    else {
        return None;
    };
    let is = |layer: &str| match attached {
        Attached::Signatures => layer == media_type::SIMPLE_SIGNING,
        Attached::Attestations => matches!(layer, media_type::DSSE_ENVELOPE | media_type::IN_TOTO),
        Attached::Sbom => is_sbom(layer),
        _ => false,
    };
    let all = !manifest.layers.is_empty() && manifest.layers.iter().all(|layer| is(&layer.media_type));
    all.then_some(manifest)
}

/// What a manifest's own bytes refer to.
fn subject(fetched: &Fetched) -> Option<Digest> {
    let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)).ok()?;
    manifest.subject().map(|subject| subject.digest)
}
