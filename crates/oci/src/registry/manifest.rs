//! Manifests: read by tag or digest, written, deleted.
//!
//! What a manifest is, is not judged here: bytes that are no manifest are handed out with their digest, so that
//! the caller can reject them by name (rule L3).

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use waxseal_core::digest::Algorithm;
use waxseal_core::limits::{HEADER_BYTES, MANIFEST_BYTES};
use waxseal_core::{Descriptor, Digest, media_type};

use super::Registry;
use super::auth::Access;
use super::request::{Answer, Call, Payload};
use crate::error::{Error, ErrorKind};
use crate::object::{EntityTag, Fetched, Look, Which};

/// The header in which a registry says which digest it serves or has stored.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";
/// The header in which a registry says that it has listed a referrer (distribution specification 1.1).
const SUBJECT: &str = "oci-subject";
/// Longest media type that is kept, in bytes.
const MEDIA_TYPE_BYTES: usize = 255;
/// Longest entity tag that is kept, in bytes. A write after one that is longer is made without the condition.
const ETAG_BYTES: usize = 1_024;

/// What a registry said about a manifest that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutManifest {
    /// The digest of the bytes that were sent.
    pub digest: Digest,
    /// The subject under which the registry lists it now. None: it lists nothing, and the fallback tag has to.
    pub subject: Option<Digest>,
}

impl Registry {
    /// Reads a manifest of at most 4 MiB. Asked for by digest, other bytes are an error. Asked for by tag, the
    /// digest is that of the bytes; a registry that names another one is not believed (T-24).
    pub async fn manifest(&self, which: &Which) -> Look<Fetched> {
        self.read_manifest(which, MANIFEST_BYTES, Access::Pull).await
    }

    /// What the registry says about a manifest, without its bytes. Nothing of it is proof: it is good for asking
    /// whether something is there, and for nothing else.
    pub async fn head_manifest(&self, which: &Which) -> Look<Descriptor> {
        outcome(self.head(which).await)
    }

    /// The value of a header with which the registry answers to HEAD of a manifest: some say there where the manifest
    /// stands in their own terms. None where there is no such header, or where it is no plain text. A hint.
    pub async fn manifest_header(&self, digest: &Digest, name: &str) -> Result<Option<String>, Error> {
        let which = Which::Digest(*digest);
        let url = self.url(&format!("manifests/{which}"))?;
        let call = Call::new(Method::HEAD, url, Access::Pull).accept(media_type::ACCEPT_MANIFEST);
        let answer = self.call(call, self.deadline()).await?;
        let answer = answer.expect(&[StatusCode::OK], || self.shown(&which))?;
        let value = answer.header(name).filter(|value| value.len() <= HEADER_BYTES);
        Ok(value.map(str::to_owned))
    }

    /// Writes a manifest. By digest, the bytes have to be those of the digest; by tag, the digest is their SHA-256.
    pub async fn put_manifest(
        &self,
        bytes: Bytes,
        media_type: &str,
        which: &Which,
    ) -> Result<PutManifest, Error> {
        if bytes.len() as u64 > MANIFEST_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("a manifest of {} bytes: at most {MANIFEST_BYTES} are written", bytes.len()),
            ));
        }
        self.write_manifest(bytes, media_type, which, None, self.deadline()).await
    }

    /// Deletes a manifest, or a tag where the registry knows how to. What is not there is an error (`NotFound`).
    pub async fn delete_manifest(&self, which: &Which) -> Result<(), Error> {
        let call = Call::new(Method::DELETE, self.url(&format!("manifests/{which}"))?, Access::Delete);
        let what = || format!("delete {}", self.shown(which));
        self.call(call, self.deadline())
            .await?
            .expect(&[StatusCode::ACCEPTED, StatusCode::OK, StatusCode::NO_CONTENT], what)?;
        Ok(())
    }

    pub(super) async fn read_manifest(&self, which: &Which, limit: u64, access: Access) -> Look<Fetched> {
        outcome(self.try_manifest(which, limit, access).await)
    }

    pub(super) async fn try_manifest(
        &self,
        which: &Which,
        limit: u64,
        access: Access,
    ) -> Result<Option<Fetched>, Error> {
        let url = self.url(&format!("manifests/{which}"))?;
        let call = Call::new(Method::GET, url, access).accept(media_type::ACCEPT_MANIFEST).limit(limit);
        let answer = self.call(call, self.deadline()).await?;
        if self.is_absent(&answer) {
            return Ok(None);
        }
        let answer = answer.expect(&[StatusCode::OK], || self.shown(which))?;
        let claimed = self.claimed(&answer, which)?;
        let algorithm = match (which, claimed) {
            (Which::Digest(digest), _) => digest.algorithm(),
            (Which::Tag(_), Some(claimed)) => claimed.algorithm(),
            (Which::Tag(_), None) => Algorithm::Sha256,
        };
        let digest = Digest::of_with(algorithm, &answer.body);
        if let Which::Digest(wanted) = which
            && *wanted != digest
        {
            return Err(self.mismatch(which, "the bytes are those of", digest));
        }
        if let Some(claimed) =
            claimed.filter(|claimed| claimed.algorithm() == algorithm && *claimed != digest)
        {
            return Err(self.mismatch(
                which,
                &format!("the registry says {claimed}, the bytes are those of"),
                digest,
            ));
        }
        let etag = answer.headers.get(ETAG).map(HeaderValue::as_bytes);
        let etag = etag.filter(|etag| etag.starts_with(b"\"") && etag.len() <= ETAG_BYTES);
        let etag = etag.map(|etag| EntityTag(Bytes::copy_from_slice(etag)));
        let media_type = media_type_of(&answer);
        let mut fetched = Fetched::hashed(media_type, digest, answer.body);
        fetched.etag = etag;
        Ok(Some(fetched))
    }

    async fn head(&self, which: &Which) -> Result<Option<Descriptor>, Error> {
        let url = self.url(&format!("manifests/{which}"))?;
        let call = Call::new(Method::HEAD, url, Access::Pull).accept(media_type::ACCEPT_MANIFEST);
        let answer = self.call(call, self.deadline()).await?;
        if self.is_absent(&answer) {
            return Ok(None);
        }
        let answer = answer.expect(&[StatusCode::OK], || self.shown(which))?;
        let missing = |what: &str| {
            Error::new(
                ErrorKind::Protocol,
                format!("{}: the answer to HEAD has no {what}", self.shown(which)),
            )
        };
        let claimed = self.claimed(&answer, which)?;
        let digest = match which {
            Which::Digest(digest) if claimed.is_none_or(|claimed| claimed == *digest) => *digest,
            Which::Digest(_) => {
                return Err(Error::new(
                    ErrorKind::DigestMismatch,
                    format!("{}: the registry names another digest", self.shown(which)),
                ));
            }
            Which::Tag(_) => claimed.ok_or_else(|| missing("digest"))?,
        };
        let size = answer
            .header(CONTENT_LENGTH)
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| missing("length"))?;
        Ok(Some(Descriptor::new(content_type(&answer), digest, size)))
    }

    pub(super) async fn write_manifest(
        &self,
        bytes: Bytes,
        media_type: &str,
        which: &Which,
        if_match: Option<EntityTag>,
        until: Instant,
    ) -> Result<PutManifest, Error> {
        let digest = match which {
            Which::Digest(wanted) => {
                let found = Digest::of_with(wanted.algorithm(), &bytes);
                if found != *wanted {
                    return Err(self.mismatch(which, "the bytes to be written are those of", found));
                }
                found
            }
            Which::Tag(_) => Digest::of(&bytes),
        };
        let content_type = HeaderValue::from_str(media_type).map_err(|error| {
            Error::new(ErrorKind::Malformed, "a media type that cannot be sent").caused_by(error)
        })?;
        let url = self.url(&format!("manifests/{which}"))?;
        let mut call = Call::new(Method::PUT, url, Access::Push)
            .with(CONTENT_TYPE, content_type)
            .payload(Payload::Bytes(bytes));
        if let Some(EntityTag(etag)) = if_match {
            let etag = HeaderValue::from_maybe_shared(etag).map_err(|error| {
                Error::new(ErrorKind::Protocol, "an entity tag that cannot be sent back").caused_by(error)
            })?;
            call = call.with(IF_MATCH, etag);
        }
        let answer = self.call(call, until).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Err(Error::new(
                ErrorKind::LostUpdate,
                format!("{} was changed meanwhile", self.shown(which)),
            ));
        }
        let answer = answer
            .expect(&[StatusCode::CREATED, StatusCode::OK], || format!("write {}", self.shown(which)))?;
        if let Some(claimed) = self.claimed(&answer, which)?
            && claimed.algorithm() == digest.algorithm()
            && claimed != digest
        {
            return Err(self.mismatch(
                which,
                &format!("the registry says that it stored {claimed}, sent was"),
                digest,
            ));
        }
        Ok(PutManifest {
            digest,
            subject: answer.header(SUBJECT).and_then(|subject| subject.trim().parse().ok()),
        })
    }

    /// How an object is called in an error.
    pub(super) fn shown(&self, which: &Which) -> String {
        let separator = if matches!(which, Which::Tag(_)) { ':' } else { '@' };
        format!("{}{separator}{which}", self.repository())
    }

    fn claimed(&self, answer: &Answer, which: &Which) -> Result<Option<Digest>, Error> {
        let Some(value) = answer.headers.get(CONTENT_DIGEST) else { return Ok(None) };
        let parsed = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        parsed.map(Some).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!("{}: the registry names a digest that is none", self.shown(which)),
            )
        })
    }

    fn mismatch(&self, which: &Which, why: &str, found: Digest) -> Error {
        Error::new(ErrorKind::DigestMismatch, format!("{}: {why} {found}", self.shown(which)))
    }
}

pub(super) fn outcome<T>(result: Result<Option<T>, Error>) -> Look<T> {
    match result {
        Ok(Some(found)) => Look::Found(found),
        Ok(None) => Look::Absent,
        Err(error) => Look::Unreadable(error),
    }
}

fn content_type(answer: &Answer) -> String {
    let text = answer.header(CONTENT_TYPE).map(media_type::essence).unwrap_or_default();
    if text.len() <= MEDIA_TYPE_BYTES { text } else { String::new() }
}

/// The media type that the registry gives, if it is one of a manifest; else the one that the body gives itself.
/// Where both are known and differ, the registry's is kept, so that whoever parses the body sees the contradiction.
fn media_type_of(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let given = content_type(answer);
    if media_type::is_index(&given) || media_type::is_manifest(&given) {
        return given;
    }
    let named = serde_json::from_slice::<Named>(&answer.body).ok().and_then(|named| named.media_type);
    named.filter(|named| named.len() <= MEDIA_TYPE_BYTES).unwrap_or(given)
}
