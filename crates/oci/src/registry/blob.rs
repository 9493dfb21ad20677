//! Blobs: read whole within a limit, or as a stream with constant memory.
//!
//! A connection that breaks is taken up again where it broke. Hashing is [`BlobStream`]'s.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::time::{timeout, timeout_at};
use waxseal_core::{Descriptor, Digest};

use super::Registry;
use super::auth::Access;
use super::request::Call;
use super::transport;
use crate::blob::BlobStream;
use crate::error::{Error, ErrorKind};

/// Bytes a second that a blob which is read whole has to come with (64 KiB).
const SLOWEST: u64 = 64 << 10;

impl Registry {
    /// Reads a blob whole. A descriptor of more than `limit` bytes is an error before anything is asked. The blob has
    /// to come within the deadline, with a second more for each 64 KiB, so that a trickle is no way to hold us up.
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        if descriptor.size > limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{}: {} bytes, of which at most {limit} are read",
                    self.blob_name(&descriptor.digest),
                    descriptor.size
                ),
            ));
        }
        let slow = Duration::from_secs(descriptor.size.checked_div(SLOWEST).unwrap_or(0));
        let until = self.deadline();
        let until = until.checked_add(slow).unwrap_or(until);
        let read = async {
            let mut stream = self.blob_stream(descriptor).await?;
            let mut all: Vec<u8> = Vec::new();
            while let Some(piece) = stream.next().await {
                all.extend_from_slice(&piece?);
            }
            Ok(all.into())
        };
        timeout_at(until, read).await.unwrap_or_else(|_| {
            let context = format!("{} did not come in time", self.blob_name(&descriptor.digest));
            Err(Error::new(ErrorKind::Timeout, context))
        })
    }

    /// Reads a blob of any size piece by piece. A connection that breaks is taken up again where it broke.
    pub async fn blob_stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        let mut pieces = Pieces {
            registry: self.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
            at: 0,
            skip: 0,
            response: None,
            resumed: 0,
        };
        pieces.ask().await?;
        Ok(BlobStream::new(descriptor.clone(), pieces.into_stream())
            .named(self.blob_name(&descriptor.digest)))
    }

    /// Whether the registry says that it has a blob.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let call = Call::new(Method::HEAD, self.url(&format!("blobs/{digest}"))?, Access::Pull);
        let answer = self.call(call, self.deadline()).await?;
        if self.is_absent(&answer) {
            return Ok(false);
        }
        answer.expect(&[StatusCode::OK], || self.blob_name(digest)).map(|_| true)
    }

    /// Deletes a blob. What is not there is an error (`NotFound`).
    pub async fn delete_blob(&self, digest: &Digest) -> Result<(), Error> {
        let call = Call::new(Method::DELETE, self.url(&format!("blobs/{digest}"))?, Access::Delete);
        let what = || format!("delete {}", self.blob_name(digest));
        self.call(call, self.deadline())
            .await?
            .expect(&[StatusCode::ACCEPTED, StatusCode::OK, StatusCode::NO_CONTENT], what)?;
        Ok(())
    }

    pub(super) fn blob_name(&self, digest: &Digest) -> String {
        format!("blob {}@{digest}", self.repository())
    }
}

/// A blob that is being read, not yet compared with its digest.
struct Pieces {
    registry: Registry,
    digest: Digest,
    size: u64,
    at: u64,
    /// Bytes of a repeated answer that were already handed out.
    skip: u64,
    /// Gone once the blob has ended.
    response: Option<Response>,
    resumed: u32,
}

impl Pieces {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, |mut pieces| async move {
            Ok(pieces.advance().await?.map(|piece| (piece, pieces)))
        })
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(response) = &mut self.response else { return Ok(None) };
            let stall = self.registry.shared().options.stall;
            let chunk = match timeout(stall, response.chunk()).await {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(error)) => {
                    self.resume(transport::broken(&self.registry.origin()?.to_string(), error).error).await?;
                    continue;
                }
                Err(_) => {
                    let context = format!("{} stood still for {} seconds", self.name(), stall.as_secs());
                    self.resume(Error::new(ErrorKind::Timeout, context)).await?;
                    continue;
                }
            };
            let Some(mut chunk) = chunk else {
                self.response = None;
                return if self.at == self.size {
                    Ok(None)
                } else {
                    Err(self.size_mismatch("ended", self.at))
                };
            };
            let skipped = self.skip.min(chunk.len() as u64);
            self.skip = self.skip.saturating_sub(skipped);
            let _ = chunk.split_to(usize::try_from(skipped).unwrap_or(chunk.len()));
            if chunk.is_empty() {
                continue;
            }
            self.at = self.at.saturating_add(chunk.len() as u64);
            if self.at > self.size {
                return Err(self.size_mismatch("has at least", self.at));
            }
            return Ok(Some(chunk));
        }
    }

    /// Asks again from where it broke, if there are tries left.
    async fn resume(&mut self, error: Error) -> Result<(), Error> {
        let most = self.registry.shared().options.retries.most;
        if self.resumed >= most {
            return Err(error);
        }
        self.resumed = self.resumed.saturating_add(1);
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), Error> {
        let registry = &self.registry;
        let mut call = Call::new(Method::GET, registry.url(&format!("blobs/{}", self.digest))?, Access::Pull);
        if self.at > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.at))
                .map_err(|error| Error::new(ErrorKind::Protocol, "a range").caused_by(error))?;
            call = call.with(RANGE, range);
        }
        let good: &[StatusCode] =
            if self.at > 0 { &[StatusCode::OK, StatusCode::PARTIAL_CONTENT] } else { &[StatusCode::OK] };
        let response = registry.open(call, good, registry.deadline(), &self.name()).await?;
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        if partial {
            let expected = format!("bytes {}-", self.at);
            let range = response
                .headers()
                .get(CONTENT_RANGE)
                .and_then(|range| range.to_str().ok())
                .unwrap_or_default();
            if !range.starts_with(&expected) {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!("{}: another range than was asked for", self.name()),
                ));
            }
        }
        self.skip = if partial { 0 } else { self.at };
        let expected = if partial { self.size.saturating_sub(self.at) } else { self.size };
        if let Some(length) = response.content_length().filter(|length| *length != expected) {
            return Err(self.size_mismatch(
                "is announced with",
                length.saturating_add(if partial { self.at } else { 0 }),
            ));
        }
        self.response = Some(response);
        Ok(())
    }

    fn name(&self) -> String {
        self.registry.blob_name(&self.digest)
    }

    fn size_mismatch(&self, verb: &str, found: u64) -> Error {
        let context = format!("{}: it is said to have {} bytes and {verb} {found}", self.name(), self.size);
        Error::new(ErrorKind::SizeMismatch, context)
    }
}
