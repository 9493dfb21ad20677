//! What one attached manifest is, by its own bytes.
//!
//! Types in the manifest decide; where they say nothing, the tag does. Annotations are copied out as claims.

use core::fmt::Write as _;

use waxseal_core::bundle::{Bundle, Material};
use waxseal_core::encoding::base64_decode;
use waxseal_core::key::KeyId;
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::manifest::{ImageManifest, Manifest};
use waxseal_core::{Digest, Reason, media_type};
use waxseal_oci::{Attached, Fetched};

use super::{Attachment, AttachmentKind, FoundAt, Problem, SignerHint};

/// Annotation of a bundle's manifest: the predicate type of the statement in it (cosign `BUNDLE_SPEC.md`).
const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";
/// Annotation of a layer of an `.att` manifest.
const LAYER_PREDICATE: &str = "predicateType";
/// When a manifest was made (image specification, "Pre-Defined Annotation Keys").
const CREATED: &str = "org.opencontainers.image.created";
/// Configuration of an SBOM that cosign attached as a referrer.
const COSIGN_SBOM: &str = "application/vnd.dev.cosign.artifact.sbom.v1+json";
/// How the types of component lists begin.
const SBOM_TYPES: [&str; 5] =
    ["text/spdx", "application/spdx", "application/vnd.cyclonedx", "application/vnd.syft", COSIGN_SBOM];

/// An attachment as its manifest describes it.
pub(super) struct Described {
    pub(super) attachment: Attachment,
    /// The manifest, if it is one of an image: its layers can be read.
    pub(super) manifest: Option<Box<ImageManifest>>,
}

/// Describes a manifest that was found at `place`. `subject` is what a referrer must refer to.
pub(super) fn describe(
    fetched: &Fetched,
    place: FoundAt,
    tagged: Option<Attached>,
    subject: Option<&Digest>,
) -> Described {
    let descriptor = &fetched.descriptor;
    let mut attachment = Attachment {
        kind: tagged.map_or(AttachmentKind::Artifact, by_tag),
        places: vec![place],
        digest: descriptor.digest,
        media_type: descriptor.media_type.clone(),
        size: descriptor.size,
        artifact_type: None,
        layers: 0,
        claimed_predicate_types: Vec::new(),
        claimed_created: None,
        signed_with: Vec::new(),
        problems: Vec::new(),
        attached: Vec::new(),
        unreadable: Vec::new(),
    };
    let manifest = match Manifest::parse(&fetched.bytes, Some(&descriptor.media_type)) {
        Ok(manifest) => manifest,
        Err(error) => {
            attachment.problem(Reason::MalformedManifest, error.to_string());
            return Described { attachment, manifest: None };
        }
    };
    manifest.media_type().clone_into(&mut attachment.media_type);
    if let Some(wanted) = subject
        && manifest.subject().map(|found| &found.digest) != Some(wanted)
    {
        let found =
            manifest.subject().map_or_else(|| "nothing".to_owned(), |subject| subject.digest.to_string());
        attachment.problem(Reason::ReferrerMismatch, format!("it refers to {found}"));
    }
    match manifest {
        Manifest::Image(image) => {
            attachment.image(&image, tagged);
            Described { attachment, manifest: Some(image) }
        }
        Manifest::Index(index) => {
            attachment.layers = index.manifests.len();
            attachment.claimed_created = index.annotations.get(CREATED).cloned();
            attachment.artifact_type = index.artifact_type;
            if tagged.is_some() {
                attachment.problem(Reason::MalformedManifest, "an index, not a manifest");
            }
            Described { attachment, manifest: None }
        }
        _ => Described { attachment, manifest: None },
    }
}

impl Attachment {
    fn image(&mut self, image: &ImageManifest, tagged: Option<Attached>) {
        let named = image.artifact_type.as_deref().unwrap_or(&image.config.media_type);
        self.kind = kind(image, named).unwrap_or_else(|| tagged.map_or(AttachmentKind::Artifact, by_tag));
        // An image's configuration type says nothing about what a list of signatures is.
        self.artifact_type =
            (image.artifact_type.is_some() || named != media_type::OCI_CONFIG).then(|| named.to_owned());
        self.layers = image.layers.len();
        self.claimed_created = image.annotations.get(CREATED).cloned();
        let layers = image.layers.iter().filter_map(|layer| layer.annotations.get(LAYER_PREDICATE));
        for claim in image.annotations.get(BUNDLE_PREDICATE).into_iter().chain(layers) {
            if !self.claimed_predicate_types.contains(claim) {
                self.claimed_predicate_types.push(claim.clone());
            }
        }
    }

    /// Reads a bundle for what it says that it was signed with.
    pub(super) fn bundle(&mut self, bytes: &[u8]) {
        let hint = match Bundle::parse(bytes, BUNDLE_BYTES) {
            Ok(bundle) => match bundle.material {
                Material::Key { hint } => {
                    let key_id = hint.as_deref().and_then(key_id);
                    SignerHint::Key { hint, key_id }
                }
                _ => SignerHint::Certificate,
            },
            Err(error) => return self.problem(error.reason(), error.to_string()),
        };
        if !self.signed_with.contains(&hint) {
            self.signed_with.push(hint);
        }
    }

    pub(super) fn problem(&mut self, reason: Reason, message: impl Into<String>) {
        self.problems.push(Problem { code: reason.code().to_owned(), message: message.into() });
    }
}

/// Whether a media type is one of a list of components.
pub(super) fn is_sbom(named: &str) -> bool {
    SBOM_TYPES.iter().any(|start| named.starts_with(start))
}

/// What the types in a manifest say that it is.
fn kind(image: &ImageManifest, named: &str) -> Option<AttachmentKind> {
    let types = || core::iter::once(named).chain(image.layers.iter().map(|layer| layer.media_type.as_str()));
    let any = |is: &dyn Fn(&str) -> bool| types().any(is);
    if any(&media_type::is_bundle) {
        Some(AttachmentKind::Bundle)
    } else if any(&|name| matches!(name, media_type::SIMPLE_SIGNING | media_type::COSIGN_SIGNATURE_ARTIFACT))
    {
        Some(AttachmentKind::Signature)
    } else if any(&|name| matches!(name, media_type::DSSE_ENVELOPE | media_type::IN_TOTO)) {
        Some(AttachmentKind::Attestation)
    } else if any(&is_sbom) {
        Some(AttachmentKind::Sbom)
    } else {
        None
    }
}

const fn by_tag(tag: Attached) -> AttachmentKind {
    match tag {
        Attached::Signatures => AttachmentKind::Signature,
        Attached::Attestations => AttachmentKind::Attestation,
        Attached::Sbom => AttachmentKind::Sbom,
        _ => AttachmentKind::Artifact,
    }
}

/// The fingerprint that a hint is, for cosign and for us: base64 of a SHA-256.
fn key_id(hint: &str) -> Option<String> {
    let bytes = base64_decode(hint).ok().filter(|bytes| bytes.len() == 32)?;
    let mut text = "sha256:".to_owned();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.parse::<KeyId>().ok().map(|key| key.to_string())
}
