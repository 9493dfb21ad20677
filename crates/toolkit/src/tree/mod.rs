//! The job of listing what hangs on an image, in every place: nothing is judged, everything is shown.
//!
//! Tags, referrers, referrers of referrers, and the same for each image of an index. What an object says about itself
//! is a claim and is named so (rule L6); what is not there and what could not be read are kept apart (rule L2).

mod object;
mod walk;

use serde::Serialize;
use waxseal_core::Digest;
use waxseal_oci::{Attached, Fetched};

use crate::error::Error;
use crate::image::Image;

/// Version of the JSON form.
pub const TREE_SCHEMA: &str = "waxseal/tree/v1";

/// An image and what hangs on it. Nothing of it is verified.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tree {
    /// [`TREE_SCHEMA`].
    pub schema: &'static str,
    /// The image, by its digest.
    pub image: String,
    /// Always false: what hangs on an image says nothing before it is verified.
    pub verified: bool,
    /// Whether everything could be read.
    pub complete: bool,
    /// The image, or the index with its images.
    pub root: ImageNode,
}

/// An image or an index.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageNode {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// The platforms by which the index names it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// What the index says that it is, if it is no image of its own (`attestation-manifest`). A claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_role: Option<String>,
    /// What hangs on it.
    pub attached: Vec<Attachment>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadablePlace>,
    /// The images of an index, each once, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Self>,
}

/// A manifest that hangs on an image, or on another attachment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Attachment {
    /// What it is, by its own bytes.
    pub kind: AttachmentKind,
    /// Where it was found; one manifest can stand in several places.
    pub places: Vec<FoundAt>,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// Type of the artifact: of the manifest or, where it has none, of its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Number of layers: in a list of signatures or attestations one each.
    pub layers: usize,
    /// The predicate types that annotations name. Claims: what was signed may say otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claimed_predicate_types: Vec<String>,
    /// When it was made, by its annotation. A claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_created: Option<String>,
    /// What its bundles say they were signed with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signed_with: Vec<SignerHint>,
    /// What is wrong with it, though it could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What hangs on it in turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<Self>,
    /// What could not be read of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadablePlace>,
}

/// What an attachment is, by the types in its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AttachmentKind {
    /// Simple-signing payloads.
    Signature,
    /// DSSE envelopes.
    Attestation,
    /// A list of components.
    Sbom,
    /// A Sigstore bundle: a signature or an attestation.
    Bundle,
    /// Something else.
    Artifact,
}

impl AttachmentKind {
    /// The name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Attestation => "attestation",
            Self::Sbom => "sbom",
            Self::Bundle => "bundle",
            Self::Artifact => "artifact",
        }
    }
}

/// Where an attachment was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "place", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FoundAt {
    /// At a tag made of the image's digest.
    Tag {
        /// The tag.
        tag: String,
    },
    /// Listed by the referrers API of a registry.
    ReferrersApi,
    /// Listed by the index at the fallback tag.
    FallbackTag,
    /// Found among the objects of a layout or an archive.
    Layout,
}

/// What a bundle says that it was signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "material", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignerHint {
    /// A key.
    Key {
        /// The hint as it is written.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The same as a key's fingerprint, `sha256:<hex>`, if it can be one.
        #[serde(skip_serializing_if = "Option::is_none", rename = "keyId")]
        key_id: Option<String>,
    },
    /// A certificate.
    Certificate,
}

/// What is wrong with something that could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The stable code.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// Something that could not be read: what stands there, nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadablePlace {
    /// What was to be read: a tag, `referrers`, or a digest.
    pub what: String,
    /// The stable code.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// Describes one attached manifest by its own bytes, without what hangs on it; as in a tree.
pub(crate) fn describe(
    fetched: &Fetched,
    place: FoundAt,
    tagged: Option<Attached>,
    subject: Option<&Digest>,
) -> Attachment {
    object::describe(fetched, place, tagged, subject).attachment
}

/// Whether a media type is one of a list of components.
pub(crate) fn is_sbom(named: &str) -> bool {
    object::is_sbom(named)
}

/// Lists what hangs on an image.
pub async fn tree(image: &mut Image) -> Result<Tree, Error> {
    let index = image.index().await?;
    let manifest = image.manifest().await?;
    let walk = walk::Walk::new(&image.store, &image.evidence);
    let root = walk.root(&manifest.descriptor, index).await;
    Ok(Tree {
        schema: TREE_SCHEMA,
        image: image.pinned().to_string(),
        verified: false,
        complete: root.is_complete(),
        root,
    })
}

impl ImageNode {
    /// Whether everything on it and below it could be read.
    pub fn is_complete(&self) -> bool {
        self.unreadable.is_empty()
            && self.attached.iter().all(Attachment::is_complete)
            && self.images.iter().all(Self::is_complete)
    }
}

impl Attachment {
    /// Whether everything of it and on it could be read.
    pub fn is_complete(&self) -> bool {
        self.unreadable.is_empty() && self.attached.iter().all(Self::is_complete)
    }
}
