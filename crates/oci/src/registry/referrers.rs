//! What refers to an image: the referrers API, and the fallback tag where a registry has none (distribution
//! specification 1.1, "Listing Referrers" and "Referrers Tag Schema"; rule L2).

use bytes::Bytes;
use reqwest::StatusCode;
use waxseal_core::limits::REFERRERS_BYTES;
use waxseal_core::media_type::{self, OCI_INDEX};
use waxseal_core::{Descriptor, Digest};

use super::Registry;
use super::auth::Access;
use super::listing::Pages;
use super::tag::{Known, TagUpdate};
use crate::attached::{Entries, fallback_tag, with_entry, without_entries};
use crate::error::{Error, ErrorKind};
use crate::object::{Fetched, Look, Referrers, ReferrersSource, Which};

/// What came of writing a referrer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutReferrer {
    /// The digest of the referrer.
    pub digest: Digest,
    /// Where it is listed: by the registry's own API, or in the index at the fallback tag.
    pub listed: ReferrersSource,
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
                .is_ok_and(|found| found.once().iter().all(|listed| !gone.contains(&listed.digest)))
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
