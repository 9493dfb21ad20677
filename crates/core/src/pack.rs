//! The manifest of a transfer pack: what travels in it, and who says so.
//!
//! A pack is a tar file of an OCI layout. Its manifest lists every entry with size and digest, the images with the names
//! that they had, the pack's name and its serial number. It is the payload of a DSSE envelope with a payload type of its
//! own, so that its signature signs no image and the other way round (rule G2). What a manifest claims is read in two ways:
//! [`PackEnvelope::claimed`] gives what somebody wrote, to be compared with the bytes that it lists and to be shown;
//! [`Verifier::pack`](crate::Verifier::pack) gives it as verified, after a signature over it held. What the pack brings
//! along, policies and keys, is for people to read: nothing here trusts it (rule K1).

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::dsse::{Envelope, EnvelopeError, pae};
use crate::json::{self, JsonError, Names, Path};
use crate::key::{Scheme, SignError, Signer};
use crate::limits::{
    ARCHIVE_ENTRIES, ARCHIVE_NAME_BYTES, LAYOUT_BLOBS, PACK_IMAGES, PACK_MANIFEST_BYTES, PACK_NAME_BYTES,
};
use crate::reference::ImageRef;

/// The payload type of a pack's manifest.
pub const PACK_PAYLOAD_TYPE: &str = "application/vnd.waxseal.pack.v1+json";
/// The name and version of the manifest's form.
pub const PACK_SCHEMA: &str = "waxseal/pack/v1";
/// The greatest serial number: every reader of JSON reads it alike.
pub const PACK_SERIAL_MAX: u64 = (1 << 53) - 1;

/// What a pack holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackManifest {
    /// The name of the line of packs that it belongs to: serial numbers are compared within it.
    pub name: String,
    /// Its number in that line; a later pack has a higher one.
    pub serial: u64,
    /// When it was made, by the clock of whoever made it.
    pub created: Timestamp,
    /// The policy by which the images were verified before they were packed.
    pub policy: PackPolicy,
    /// The images.
    pub images: Vec<PackImage>,
    /// Every file of the pack, in order, except the manifest itself and the lists of checksums, which follow from these.
    pub entries: Vec<PackEntry>,
    /// Blobs of the images that were left out, because the other side is said to have them.
    pub omitted: Vec<OmittedBlob>,
}

/// A policy, by its name and the digest of its resolved form (rule Y3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackPolicy {
    /// The name.
    pub name: String,
    /// The digest.
    pub digest: Digest,
}

impl PackPolicy {
    /// A policy.
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { name: name.into(), digest }
    }
}

/// An image of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackImage {
    /// The name that it had where it came from: what a policy sees (rule Y4).
    pub name: ImageRef,
    /// The digest of its manifest or index.
    pub digest: Digest,
}

impl PackImage {
    /// An image.
    pub const fn new(name: ImageRef, digest: Digest) -> Self {
        Self { name, digest }
    }
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackEntry {
    /// Its name in the tar.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
}

impl PackEntry {
    /// A file.
    pub fn new(path: impl Into<String>, size: u64, digest: Digest) -> Self {
        Self { path: path.into(), size, digest }
    }
}

/// A blob that was left out of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OmittedBlob {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Repositories in which the other side is said to have it.
    pub at: Vec<String>,
}

impl OmittedBlob {
    /// A blob.
    pub const fn new(digest: Digest, size: u64, at: Vec<String>) -> Self {
        Self { digest, size, at }
    }
}

/// The manifest as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema: String,
    name: String,
    serial: u64,
    created: String,
    policy: PackPolicy,
    images: Vec<WireImage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<OmittedBlob>,
    entries: Vec<PackEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireImage {
    name: String,
    digest: Digest,
}

impl PackManifest {
    /// A manifest without images and entries.
    pub fn new(name: impl Into<String>, serial: u64, created: Timestamp, policy: PackPolicy) -> Self {
        Self {
            name: name.into(),
            serial,
            created,
            policy,
            images: Vec::new(),
            entries: Vec::new(),
            omitted: Vec::new(),
        }
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PackError> {
        self.check()?;
        let images = self
            .images
            .iter()
            .map(|image| WireImage { name: image.name.to_string(), digest: image.digest })
            .collect();
        let wire = Wire {
            schema: PACK_SCHEMA.to_owned(),
            name: self.name.clone(),
            serial: self.serial,
            created: self.created.to_string(),
            policy: self.policy.clone(),
            images,
            omitted: self.omitted.clone(),
            entries: self.entries.clone(),
        };
        serde_json::to_vec(&wire).map_err(|error| PackError::Shape { why: error.to_string() })
    }

    fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        let wire: Wire = json::parse(bytes, interpreted).map_err(PackError::Json)?;
        if wire.schema != PACK_SCHEMA {
            return Err(PackError::Schema { found: wire.schema });
        }
        let shape = |why: String| PackError::Shape { why };
        let created =
            wire.created.parse().map_err(|_| shape(format!("created is no time: {:?}", wire.created)))?;
        let images = wire
            .images
            .into_iter()
            .map(|WireImage { name, digest }| {
                let name: ImageRef =
                    name.parse().map_err(|error| shape(format!("{name:?} is no image name: {error}")))?;
                Ok(PackImage { name, digest })
            })
            .collect::<Result<_, PackError>>()?;
        let manifest = Self {
            name: wire.name,
            serial: wire.serial,
            created,
            policy: wire.policy,
            images,
            entries: wire.entries,
            omitted: wire.omitted,
        };
        manifest.check().map(|()| manifest)
    }

    /// What holds of every manifest, written or read.
    fn check(&self) -> Result<(), PackError> {
        let shape = |why: String| Err(PackError::Shape { why });
        if !is_name(&self.name) {
            return shape(format!(
                "{:?} is no name of a pack: letters, digits, and -_. between them",
                self.name
            ));
        }
        if self.serial > PACK_SERIAL_MAX {
            return shape(format!("the serial {} is above {PACK_SERIAL_MAX}", self.serial));
        }
        if self.images.is_empty() || self.images.len() > PACK_IMAGES {
            return shape(format!("{} images, expected 1 to {PACK_IMAGES}", self.images.len()));
        }
        let listed = self.entries.len().saturating_add(self.omitted.len());
        if listed > ARCHIVE_ENTRIES {
            return shape(format!("{listed} entries, the limit is {ARCHIVE_ENTRIES}"));
        }
        let mut names = HashSet::new();
        for image in &self.images {
            let name = image.name.to_string();
            if image.name.digest().is_some_and(|digest| *digest != image.digest) {
                return shape(format!("{name} is listed with the digest {}", image.digest));
            }
            if !names.insert(name.clone()) {
                return shape(format!("{name} is listed twice"));
            }
        }
        let mut paths = HashSet::new();
        for entry in &self.entries {
            if entry.path.is_empty() || entry.path.len() > ARCHIVE_NAME_BYTES {
                return shape(format!("a path of {} bytes", entry.path.len()));
            }
            if entry.path.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return shape(format!("{:?} is no plain path", entry.path));
            }
            // What a reader looks for under this name is what the entry's bytes were held against.
            let own = || format!("blobs/{}/{}", entry.digest.algorithm(), entry.digest.hex());
            if entry.path.starts_with("blobs/") && entry.path != own() {
                return shape(format!("{:?} is listed with the digest {}", entry.path, entry.digest));
            }
            if !paths.insert(entry.path.as_str()) {
                return shape(format!("{:?} is listed twice", entry.path));
            }
        }
        let mut omitted = HashSet::new();
        match self.omitted.iter().find(|blob| !omitted.insert(blob.digest)) {
            Some(blob) => shape(format!("{} is left out twice", blob.digest)),
            None => Ok(()),
        }
    }

    /// Signs the manifest with each of `signers`; without any, the envelope proves nothing. Each signature is verified
    /// before it is returned (rule G1). What readers would not take is an error: more than [`LAYOUT_BLOBS`] blobs, or an
    /// envelope of more than [`PACK_MANIFEST_BYTES`].
    pub fn seal(&self, signers: &[&(dyn Signer + Sync)]) -> Result<PackEnvelope, PackError> {
        let blobs = self.entries.iter().filter(|entry| entry.path.starts_with("blobs/")).count();
        if blobs > LAYOUT_BLOBS {
            return Err(PackError::Shape {
                why: format!("{blobs} blobs, the limit is {LAYOUT_BLOBS}: make several packs"),
            });
        }
        let payload = self.to_bytes()?;
        // In Base64 four letters stand for three bytes. Nobody signs what is too large already.
        let letters = (payload.len() as u64).div_ceil(3).saturating_mul(4);
        if letters > PACK_MANIFEST_BYTES {
            return Err(PackError::TooLarge { bytes: letters });
        }
        let message = pae(PACK_PAYLOAD_TYPE, &payload);
        let mut signatures = Vec::new();
        for signer in signers {
            let signature = signer.sign(&message).map_err(PackError::Signing)?;
            let key = signer.public_key();
            let schemes = Scheme::accepted_for(key.algorithm());
            if key.verify(&message, signature.as_bytes(), schemes).is_none() {
                return Err(PackError::Signing(SignError::SelfCheck));
            }
            signatures.push(signature.into_bytes());
        }
        let sealed = PackEnvelope { envelope: Envelope::new(PACK_PAYLOAD_TYPE, payload, signatures) };
        match sealed.to_json().len() as u64 {
            bytes if bytes > PACK_MANIFEST_BYTES => Err(PackError::TooLarge { bytes }),
            _ => Ok(sealed),
        }
    }
}

/// Whether `text` is the name of a line of packs: 1 to 128 ASCII letters, digits, `-`, `_` and `.`, beginning with a
/// letter or a digit.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= PACK_NAME_BYTES
        && text.bytes().all(plain)
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

/// A manifest in its envelope, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackEnvelope {
    envelope: Envelope,
}

impl PackEnvelope {
    /// Reads an envelope of a pack's manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackError> {
        if bytes.len() as u64 > PACK_MANIFEST_BYTES {
            return Err(PackError::TooLarge { bytes: bytes.len() as u64 });
        }
        let envelope = Envelope::parse(bytes).map_err(PackError::Envelope)?;
        if envelope.payload_type() != PACK_PAYLOAD_TYPE {
            return Err(PackError::PayloadType { found: envelope.payload_type().to_owned() });
        }
        Ok(Self { envelope })
    }

    /// The envelope as JSON, with a line end.
    pub fn to_json(&self) -> String {
        let mut text = self.envelope.to_json();
        text.push('\n');
        text
    }

    /// What the manifest says, whoever wrote it. It is there to be compared with the pack and to be shown, and decides
    /// nothing.
    pub fn claimed(&self) -> Result<PackManifest, PackError> {
        PackManifest::parse(self.envelope.payload())
    }

    /// How many signatures there are.
    pub fn signatures(&self) -> usize {
        self.envelope.signatures().len()
    }

    /// Whether exactly these signers signed it, each once: for who made it, and would not sign again.
    pub fn is_sealed_by(&self, signers: &[&(dyn Signer + Sync)]) -> bool {
        let signatures = self.envelope.signatures();
        let message = self.envelope.signed_bytes();
        signatures.len() == signers.len()
            && signers.iter().zip(signatures).all(|(signer, signature)| {
                let key = signer.public_key();
                let schemes = Scheme::accepted_for(key.algorithm());
                key.verify(&message, &signature.signature, schemes).is_some()
            })
    }

    pub(crate) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

/// The levels whose members are read by name.
fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => {
            Names::Known(&["schema", "name", "serial", "created", "policy", "images", "omitted", "entries"])
        }
        _ => Names::Folded,
    }
}

/// Why bytes are no manifest of a pack, or why one cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The envelope does not parse.
    #[error("the envelope does not parse: {0}")]
    Envelope(#[source] EnvelopeError),
    /// The envelope is of another type.
    #[error("an envelope of the type {found:?}, expected {PACK_PAYLOAD_TYPE}")]
    PayloadType {
        /// The type.
        found: String,
    },
    /// The manifest is not the JSON that it should be.
    #[error("the manifest does not parse: {0}")]
    Json(#[source] JsonError),
    /// The manifest is of another version.
    #[error("the schema {found:?}, expected {PACK_SCHEMA}")]
    Schema {
        /// The schema.
        found: String,
    },
    /// The manifest holds what it may not.
    #[error("{why}")]
    Shape {
        /// What was found.
        why: String,
    },
    /// The manifest is larger than [`PACK_MANIFEST_BYTES`].
    #[error("a manifest of {bytes} bytes, the limit is {PACK_MANIFEST_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// A key did not sign.
    #[error("the manifest cannot be signed: {0}")]
    Signing(#[source] SignError),
}
