//! What refers to an image: the referrers API, and the fallback tag where a registry has none (distribution
//! specification 1.1, "Listing Referrers" and "Referrers Tag Schema"; rule L2).

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use waxseal_core::limits::{REFERRERS_BYTES, REFERRERS_ENTRIES};
use waxseal_core::media_type::{self, OCI_INDEX};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, json, manifest};

use super::Registry;
use super::auth::Access;
use super::listing::Pages;
use super::tag::{Known, TagChange, TagUpdate};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Look, Referrers, ReferrersSource, Which};

/// How much of a digest's hexadecimal text goes into its fallback tag, in characters.
const TAG_HEX: usize = 64;

/// What came of writing a referrer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutReferrer {
    /// The digest of the referrer.
    pub digest: Digest,
    /// Where it is listed: by the registry's own API, or in the index at the fallback tag.
    pub listed: ReferrersSource,
}

/// The tag of the index of referrers: `sha256-<hex>`, with no more than 64 characters of the digest (rule G7).
pub fn fallback_tag(subject: &Digest) -> Result<Tag, Error> {
    let hex = subject.hex();
    let text = format!("{}-{}", subject.algorithm(), hex.get(..TAG_HEX).unwrap_or(&hex));
    text.parse().map_err(|error| Error::new(ErrorKind::InvalidName, "a fallback tag").caused_by(error))
}

impl Registry {
    /// What refers to `subject`: all pages of the API, or the fallback tag where the registry has no API. An empty
    /// listing of the API is found and empty; without API and fallback tag the listing is absent. At most 1,024
    /// entries; more are an error, never a cut.
    pub async fn referrers(&self, subject: &Digest) -> Look<Referrers> {
        if !self.host().has_no_referrers(self.repository().path()) {
            match self.listed(subject).await {
                Ok(Some(descriptors)) => {
                    return Look::Found(Referrers::new(descriptors, ReferrersSource::Api));
                }
                Ok(None) => {}
                Err(error) => return Look::Unreadable(error),
            }
        }
        let which = match fallback_tag(subject) {
            Ok(tag) => Which::Tag(tag),
            Err(error) => return Look::Unreadable(error),
        };
        match self.read_manifest(&which, REFERRERS_BYTES, Access::Pull).await {
            Look::Found(fetched) => match Entries::parse(&fetched.bytes).map(Entries::once) {
                Ok(descriptors) => Look::Found(Referrers::new(descriptors, ReferrersSource::FallbackTag)),
                Err(error) => Look::Unreadable(
                    Error::new(error.kind(), format!("the referrers at {}", self.shown(&which)))
                        .caused_by(error),
                ),
            },
            other => other.map(|_| Referrers::default()),
        }
    }

    /// Writes a manifest with a subject, and sees to it that it is listed: where the registry does not say that it
    /// lists it, the index at the fallback tag is changed, and read back. `descriptor` is the manifest's, as the
    /// index is to show it, with its artifact type and annotations.
    pub async fn put_referrer(
        &self,
        bytes: Bytes,
        descriptor: &Descriptor,
        subject: &Digest,
    ) -> Result<PutReferrer, Error> {
        let digest = descriptor.digest;
        if descriptor.size != bytes.len() as u64 {
            return Err(Error::new(
                ErrorKind::SizeMismatch,
                format!("{digest} is said to have {} bytes and has {}", descriptor.size, bytes.len()),
            ));
        }
        let put = self.put_manifest(bytes, &descriptor.media_type, &Which::Digest(digest)).await?;
        if put.subject == Some(*subject) {
            return Ok(PutReferrer { digest, listed: ReferrersSource::Api });
        }
        self.list_at_fallback_tag(descriptor, subject).await?;
        Ok(PutReferrer { digest, listed: ReferrersSource::FallbackTag })
    }

    /// Takes manifests out of the index at the fallback tag of `subject`; the digests that are listed after that. None:
    /// there is no such index. What the API lists is the registry's own and is not changed.
    pub async fn unlist_referrers(
        &self,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<Option<Vec<Digest>>, Error> {
        let tag = fallback_tag(subject)?;
        let mut left = None;
        let change = |current: Option<Fetched>| {
            let changed = without_entries(current.as_ref(), gone);
            core::future::ready(changed.map(|(change, listed)| {
                left = listed;
                change
            }))
        };
        let holds = |found: &Fetched| {
            Entries::parse(&found.bytes)
                .is_ok_and(|found| found.descriptors.iter().all(|listed| !gone.contains(&listed.digest)))
        };
        self.update_tag_within(&tag, REFERRERS_BYTES, Known::Unread, change, holds).await?;
        Ok(left)
    }

    async fn list_at_fallback_tag(
        &self,
        descriptor: &Descriptor,
        subject: &Digest,
    ) -> Result<TagUpdate, Error> {
        let tag = fallback_tag(subject)?;
        let entry = serde_json::value::to_raw_value(descriptor)
            .map_err(|error| Error::new(ErrorKind::Malformed, "a descriptor").caused_by(error))?;
        let change = |current: Option<Fetched>| {
            let changed = with_entry(current.as_ref(), descriptor.digest, &entry);
            core::future::ready(changed)
        };
        let holds = |found: &Fetched| {
            Entries::parse(&found.bytes)
                .map(Entries::once)
                .is_ok_and(|listed| listed.iter().any(|listed| listed.digest == descriptor.digest))
        };
        self.update_tag_within(&tag, REFERRERS_BYTES, Known::Unread, change, holds).await
    }

    /// The listing of the API; none if the registry has no such endpoint.
    async fn listed(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>, Error> {
        const WHAT: &str = "the referrers";
        let first = self.url(&format!("referrers/{subject}"))?;
        let mut pages = Pages::new(self, WHAT, OCI_INDEX, REFERRERS_BYTES, first);
        let mut all = Entries::default();
        loop {
            let at_start = pages.is_at_start();
            let Some(answer) = pages.next().await? else { break };
            let type_of =
                answer.header(reqwest::header::CONTENT_TYPE).map(media_type::essence).unwrap_or_default();
            let is_listing = answer.status == StatusCode::OK && media_type::is_index(&type_of);
            if at_start && !is_listing {
                // A missing repository or manifest says nothing about what there is for those that are there.
                let missing = answer.problem().is_some_and(|problem| {
                    matches!(problem.code.as_str(), "NAME_UNKNOWN" | "MANIFEST_UNKNOWN")
                });
                match answer.status.as_u16() {
                    404 if missing => return Ok(None),
                    404 | 405 | 501 => {
                        self.host().note_no_referrers(self.repository().path());
                        return Ok(None);
                    }
                    // This may be about the one request, or somebody on the way: it is asked again next time.
                    200 | 400 | 406 => return Ok(None),
                    // Where 403 stands for "not there", it stands for "no such endpoint" too.
                    403 if self.is_absent(&answer) => return Ok(None),
                    _ => {}
                }
            }
            let what = || format!("{WHAT} of {subject} in {}", self.repository());
            let answer = answer.expect(&[StatusCode::OK], what)?;
            if !is_listing {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("{}: a page that is no image index", what()),
                ));
            }
            let page = Entries::parse(&answer.body)
                .map_err(|error| Error::new(error.kind(), what()).caused_by(error))?;
            all.extend(page)?;
        }
        Ok(Some(all.once()))
    }
}

/// The entries of one or more image indexes.
#[derive(Default)]
struct Entries {
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
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut descriptors = Vec::new();
        for entry in entries(bytes)? {
            descriptors.push(descriptor(entry)?);
        }
        Ok(Self { descriptors })
    }

    fn extend(&mut self, page: Self) -> Result<(), Error> {
        if self.descriptors.len().saturating_add(page.descriptors.len()) > REFERRERS_ENTRIES {
            return Err(too_many());
        }
        self.descriptors.extend(page.descriptors);
        Ok(())
    }

    /// Each digest once, in the order of the listing.
    fn once(self) -> Vec<Descriptor> {
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
fn with_entry(current: Option<&Fetched>, digest: Digest, entry: &RawValue) -> Result<TagChange, Error> {
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
