//! The tags under which objects are attached to an image.
//!
//! Three kinds stand under a tag made of the image's digest (cosign's tag scheme); referrers of a registry
//! without the referrers API stand in an index under a fourth (distribution specification, "Referrers Tag Schema").
//! That index is read and changed by the same rules wherever it stands, in a registry, a layout or an archive.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use waxseal_core::limits::{REFERRERS_BYTES, REFERRERS_ENTRIES};
use waxseal_core::media_type::OCI_INDEX;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, json, manifest};

use crate::error::{Error, ErrorKind};
use crate::object::Fetched;
use crate::registry::TagChange;

/// Digits of a digest that the fallback tag keeps: the specification cuts the encoded part there.
const FALLBACK_DIGITS: usize = 64;

/// What is attached to an image under a tag of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attached {
    /// `sha256-<hex>.sig`.
    Signatures,
    /// `sha256-<hex>.att`.
    Attestations,
    /// `sha256-<hex>.sbom`.
    Sbom,
}

impl Attached {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Signatures, Self::Attestations, Self::Sbom];

    /// How the tag ends.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Signatures => ".sig",
            Self::Attestations => ".att",
            Self::Sbom => ".sbom",
        }
    }

    /// The tag of what is attached to `digest`; none for SHA-512, whose tag would be too long (rule G7).
    pub fn tag(self, digest: &Digest) -> Option<Tag> {
        format!("{}-{}{}", digest.algorithm(), digest.hex(), self.suffix()).parse().ok()
    }
}

/// Whether a tag is one of those that name something attached to an image, and no image.
pub fn is_attached_tag(tag: &str) -> bool {
    let digits = ["sha256-", "sha512-"].iter().find_map(|prefix| tag.strip_prefix(prefix));
    let Some(digits) = digits else { return false };
    let digits = Attached::ALL.iter().find_map(|kind| digits.strip_suffix(kind.suffix())).unwrap_or(digits);
    digits.len() == FALLBACK_DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The tag of the index of referrers: `sha256-<hex>`, with no more than 64 characters of the digest (rule G7).
pub fn fallback_tag(subject: &Digest) -> Result<Tag, Error> {
    let hex = subject.hex();
    let text = format!("{}-{}", subject.algorithm(), hex.get(..FALLBACK_DIGITS).unwrap_or(&hex));
    text.parse().map_err(|error| Error::new(ErrorKind::InvalidName, "a fallback tag").caused_by(error))
}

/// The entries of one or more image indexes.
#[derive(Default)]
pub(crate) struct Entries {
    descriptors: Vec<Descriptor>,
}

/// An image index, as far as a listing needs it.
#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    manifests: Option<Vec<&'a RawValue>>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

impl Entries {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut descriptors = Vec::new();
        for entry in entries(bytes)? {
            descriptors.push(descriptor(entry)?);
        }
        Ok(Self { descriptors })
    }

    pub(crate) fn extend(&mut self, page: Self) -> Result<(), Error> {
        if self.descriptors.len().saturating_add(page.descriptors.len()) > REFERRERS_ENTRIES {
            return Err(too_many());
        }
        self.descriptors.extend(page.descriptors);
        Ok(())
    }

    /// Each digest once, in the order of the listing.
    pub(crate) fn once(self) -> Vec<Descriptor> {
        let mut seen = HashSet::new();
        let mut once = self.descriptors;
        once.retain(|descriptor| seen.insert(descriptor.digest));
        once
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("more than {REFERRERS_ENTRIES} referrers"))
}

fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Malformed, "an index of referrers that does not parse").caused_by(error)
}

fn entries(bytes: &[u8]) -> Result<Vec<&RawValue>, Error> {
    json::check(bytes, manifest::interpreted).map_err(malformed)?;
    let index: Index<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
    if index.layers.is_some() || index.config.is_some() {
        return Err(malformed("it has members of an image manifest"));
    }
    let entries = index.manifests.unwrap_or_default();
    if entries.len() > REFERRERS_ENTRIES { Err(too_many()) } else { Ok(entries) }
}

fn descriptor(entry: &RawValue) -> Result<Descriptor, Error> {
    serde_json::from_str(entry.get()).map_err(malformed)
}

/// The index with one more entry, sorted by digest as cosign does it. Members that are not known here stay as they
/// are, in the index and in its entries.
pub(crate) fn with_entry(
    current: Option<&Fetched>,
    digest: Digest,
    entry: &RawValue,
) -> Result<TagChange, Error> {
    let mut members: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    let mut listed: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    if let Some(current) = current {
        for old in entries(&current.bytes)? {
            listed.entry(descriptor(old)?.digest.to_string()).or_insert_with(|| old.to_owned());
        }
        if listed.contains_key(&digest.to_string()) {
            return Ok(TagChange::Keep);
        }
        members = serde_json::from_slice(&current.bytes).map_err(malformed)?;
    }
    listed.insert(digest.to_string(), entry.to_owned());
    if listed.len() > REFERRERS_ENTRIES {
        return Err(too_many());
    }
    written(members, &listed.into_values().collect::<Vec<_>>())
}

/// The index without some entries, and the digests that it lists then; none where there is no index.
pub(crate) fn without_entries(
    current: Option<&Fetched>,
    gone: &[Digest],
) -> Result<(TagChange, Option<Vec<Digest>>), Error> {
    let Some(current) = current else { return Ok((TagChange::Keep, None)) };
    let (mut kept, mut digests) = (Vec::new(), Vec::new());
    let all = entries(&current.bytes)?;
    let before = all.len();
    for entry in all {
        let digest = descriptor(entry)?.digest;
        if !gone.contains(&digest) {
            kept.push(entry.to_owned());
            digests.push(digest);
        }
    }
    if kept.len() == before {
        return Ok((TagChange::Keep, Some(digests)));
    }
    let members = serde_json::from_slice(&current.bytes).map_err(malformed)?;
    Ok((written(members, &kept)?, Some(digests)))
}

/// The index with these entries, and its other members as they are.
fn written(
    mut members: BTreeMap<String, Box<RawValue>>,
    manifests: &[Box<RawValue>],
) -> Result<TagChange, Error> {
    let raw = |value: serde_json::Result<Box<RawValue>>| value.map_err(malformed);
    members.insert("schemaVersion".to_owned(), raw(serde_json::value::to_raw_value(&2))?);
    members.insert("mediaType".to_owned(), raw(serde_json::value::to_raw_value(OCI_INDEX))?);
    members.insert("manifests".to_owned(), raw(serde_json::value::to_raw_value(manifests))?);
    let bytes: Bytes = serde_json::to_vec(&members).map_err(malformed)?.into();
    if bytes.len() as u64 > REFERRERS_BYTES {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("an index of referrers larger than {REFERRERS_BYTES} bytes"),
        ));
    }
    Ok(TagChange::Write { bytes, media_type: OCI_INDEX.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_core::digest::Algorithm;

    #[test]
    fn names_what_is_attached() {
        let digest = Digest::of("{}");
        let hex = digest.hex();
        assert_eq!(Attached::Signatures.tag(&digest).unwrap().as_str(), format!("sha256-{hex}.sig"));
        assert_eq!(fallback_tag(&digest).unwrap().as_str(), format!("sha256-{hex}"));
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert!(is_attached_tag(&format!("sha256-{hex}{suffix}")));
        }
        for other in ["1.0".to_owned(), format!("sha256-{hex}.old"), "sha256-abc".to_owned(), hex] {
            assert!(!is_attached_tag(&other), "{other}");
        }
    }

    #[test]
    fn a_longer_digest_has_a_fallback_tag_only() {
        let digest = Digest::of_with(Algorithm::Sha512, "{}");
        assert_eq!(Attached::Signatures.tag(&digest), None);
        let tag = fallback_tag(&digest).unwrap();
        assert_eq!(tag.as_str().len(), "sha512-".len() + 64);
        assert!(is_attached_tag(tag.as_str()));
    }
}
