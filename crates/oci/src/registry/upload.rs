//! Uploading blobs.
//!
//! Nothing asks first whether a blob is there: the caller knows what is new. A small blob goes in one request
//! where the registry takes that; else an upload is started, and its address has to stay at the registry (T-52).
//! What is sent is hashed on its way, and its last piece waits for the digest, so that a registry never gets the
//! whole of a wrong blob.

use core::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Body, Method, StatusCode};
use tokio::time::sleep;
use url::Url;
use waxseal_core::digest::Hasher;
use waxseal_core::{Descriptor, Digest, Repository};

use super::auth::Access;
use super::request::{Answer, Call, Payload};
use super::retry::Repeat;
use super::{Registry, address, status};
use crate::error::{Error, ErrorKind};

/// Largest blob that is tried in one request, in bytes (64 KiB).
const SINGLE_POST_BYTES: u64 = 64 << 10;
/// Largest piece that a chunked upload holds in memory, in bytes (64 MiB).
const CHUNK_BYTES: u64 = 64 << 20;
/// Bytes a second at which a registry is expected at least to take in what it has got, once all is sent (4 MiB).
const COMMIT_BYTES_PER_SECOND: u64 = 4 << 20;
/// The smallest piece that a registry takes (distribution specification, "Pushing a blob in chunks").
pub(super) const CHUNK_MINIMUM: &str = "oci-chunk-min-length";

impl Registry {
    /// Writes a blob that is in memory. Bytes that are not those of the descriptor are an error before anything is
    /// sent.
    pub async fn put_blob(&self, descriptor: &Descriptor, bytes: Bytes) -> Result<(), Error> {
        if descriptor.size != bytes.len() as u64 {
            return Err(self.wrong_size(descriptor, bytes.len() as u64));
        }
        let found = Digest::of_with(descriptor.digest.algorithm(), &bytes);
        if found != descriptor.digest {
            return Err(self.wrong_digest(descriptor, found));
        }
        let small = descriptor.size <= SINGLE_POST_BYTES;
        let session = if small && !self.host().no_single_post.load(Ordering::Acquire) {
            match self.single_post(&descriptor.digest, bytes.clone()).await? {
                Single::Done => return Ok(()),
                Single::Session(session) => Some(session),
                Single::Refused => None,
            }
        } else {
            None
        };
        let most = self.shared().options.retries.most;
        let until = self.deadline();
        let mut session = session;
        let mut count = 0;
        loop {
            let url = match session.take() {
                Some(url) => url,
                None => self.start(Access::Push, "").await?.0,
            };
            let error = match self.send_whole(&url, descriptor, bytes.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let passing = matches!(
                error.kind(),
                ErrorKind::Transport | ErrorKind::ServerTrouble | ErrorKind::TooManyRequests
            );
            let pause = super::retry::pause(&self.shared().options.retries, count, None);
            let in_time = tokio::time::Instant::now().checked_add(pause).is_some_and(|then| then < until);
            if !passing || count >= most || !in_time {
                return Err(error);
            }
            sleep(pause).await;
            count = count.saturating_add(1);
        }
    }

    /// Writes a blob from a stream: in one request of known length, or, with `chunk`, in pieces of that many bytes
    /// (no fewer than the registry asks for, at most 64 MiB). A stream that is not the blob of the descriptor is an
    /// error, and its last piece is not sent.
    pub async fn put_blob_stream<S, E>(
        &self,
        descriptor: &Descriptor,
        body: S,
        chunk: Option<u64>,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (url, minimum) = self.start(Access::Push, "").await?;
        let checked = Checked::new(self, descriptor, body);
        let outcome = match chunk {
            Some(size) => self.send_chunks(url.clone(), descriptor, checked, size.max(minimum)).await,
            None => self.send_stream(&url, descriptor, checked).await,
        };
        if outcome.is_err() {
            self.cancel(&url).await;
        }
        outcome
    }

    /// Lets the registry take a blob over from another of its repositories. False: it does not, and the blob has
    /// to be sent.
    pub async fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<bool, Error> {
        if from.api_host() != self.repository().api_host() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{} cannot take a blob over from {from}: another registry", self.repository()),
            ));
        }
        let url = self.url(&format!("blobs/uploads/?mount={digest}&from={}", from.path()))?;
        let access = Access::Mount { from: from.path().to_owned() };
        let call = Call::new(Method::POST, url.clone(), access)
            .repeat(Repeat::Start)
            .payload(Payload::Bytes(Bytes::new()));
        let what = || format!("take {} over from {from}", self.blob_name(digest));
        let answer = match self.call(call, self.deadline()).await {
            Ok(answer) => answer,
            // The token service may refuse a token for both; the blob can still be sent.
            Err(error) if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        match answer.status {
            StatusCode::CREATED => Ok(true),
            StatusCode::ACCEPTED => {
                let session = self.session(&url, &answer)?;
                self.cancel(&session).await;
                Ok(false)
            }
            StatusCode::TOO_MANY_REQUESTS => Err(status::error(&answer, &what())),
            status if status.is_client_error() => Ok(false),
            _ => Err(status::error(&answer, &what())),
        }
    }

    async fn single_post(&self, digest: &Digest, bytes: Bytes) -> Result<Single, Error> {
        let url = self.url(&format!("blobs/uploads/?digest={digest}"))?;
        let call = Call::new(Method::POST, url.clone(), Access::Push)
            .with(CONTENT_TYPE, octets())
            .repeat(Repeat::Start)
            .payload(Payload::Bytes(bytes));
        let answer = self.call(call, self.deadline()).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Single::Done),
            StatusCode::ACCEPTED => {
                self.host().no_single_post.store(true, Ordering::Release);
                self.session(&url, &answer).map(Single::Session)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                Err(status::error(&answer, &format!("write {}", self.blob_name(digest))))
            }
            status if status.is_client_error() => {
                self.host().no_single_post.store(true, Ordering::Release);
                Ok(Single::Refused)
            }
            _ => Err(status::error(&answer, &format!("write {}", self.blob_name(digest)))),
        }
    }

    /// Starts an upload: its address, and the smallest piece that the registry takes.
    async fn start(&self, access: Access, query: &str) -> Result<(Url, u64), Error> {
        let url = self.url(&format!("blobs/uploads/{query}"))?;
        let call = Call::new(Method::POST, url.clone(), access)
            .repeat(Repeat::Start)
            .payload(Payload::Bytes(Bytes::new()));
        let answer = self.call(call, self.deadline()).await?;
        let answer =
            answer.expect(&[StatusCode::ACCEPTED], || format!("start an upload to {}", self.repository()))?;
        let minimum =
            answer.header(CHUNK_MINIMUM).and_then(|minimum| minimum.trim().parse().ok()).unwrap_or(0);
        Ok((self.session(&url, &answer)?, minimum))
    }

    /// The address of an upload, which has to be at the registry.
    pub(super) fn session(&self, base: &Url, answer: &Answer) -> Result<Url, Error> {
        let location = answer.header(LOCATION).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!("an upload to {} was started without an address", self.repository()),
            )
        })?;
        let origin = self.origin()?;
        address::stay(&origin.rebase(base)?, location, &origin, "the address of an upload")
    }

    /// Ends an upload that will not be completed. The registry forgets it anyway some day.
    pub(super) async fn cancel(&self, session: &Url) {
        let call = Call::new(Method::DELETE, session.clone(), Access::Push).repeat(Repeat::Never);
        if let Err(error) = self.call(call, self.deadline()).await {
            tracing::debug!(%error, "an upload could not be ended");
        }
    }

    async fn send_whole(&self, url: &Url, descriptor: &Descriptor, bytes: Bytes) -> Result<(), Error> {
        let checked =
            Checked::new(self, descriptor, stream::iter(pieces(bytes).map(Ok::<_, std::io::Error>)));
        self.send_stream(url, descriptor, checked).await
    }

    async fn send_stream(&self, url: &Url, descriptor: &Descriptor, checked: Checked) -> Result<(), Error> {
        let Checked { stream, trouble, sent } = checked;
        let length = HeaderValue::from(descriptor.size);
        let call = Call::new(Method::PUT, closing(url, &descriptor.digest), Access::Push)
            .with(CONTENT_TYPE, octets())
            .with(CONTENT_LENGTH, length)
            .repeat(Repeat::Never)
            .payload(Payload::Stream(Some(Body::wrap_stream(stream))));
        let answer = self.moving(self.pour(call), &sent, descriptor.size).await;
        if let Some(error) = trouble.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        self.stored(answer?, descriptor)
    }

    async fn send_chunks(
        &self,
        mut url: Url,
        descriptor: &Descriptor,
        checked: Checked,
        size: u64,
    ) -> Result<(), Error> {
        if size == 0 || size > CHUNK_BYTES {
            let context = format!("an upload in pieces of {size} bytes: 1 to {CHUNK_BYTES} are possible");
            return Err(Error::new(ErrorKind::LimitExceeded, context));
        }
        let Checked { mut stream, trouble, sent } = checked;
        let failed = || trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut waiting: Vec<u8> = Vec::new();
        let mut at: u64 = 0;
        loop {
            let next = stream.next().await;
            if let Some(error) = failed() {
                return Err(error);
            }
            let ended = next.is_none();
            if let Some(Ok(piece)) = next {
                waiting.extend_from_slice(&piece);
            }
            while waiting.len() as u64 >= size || (ended && !waiting.is_empty()) {
                let rest = waiting.split_off(usize::try_from(size).unwrap_or(usize::MAX).min(waiting.len()));
                let piece = Bytes::from(core::mem::replace(&mut waiting, rest));
                url = self.patch(&url, at, &piece, &sent).await?;
                at = at.saturating_add(piece.len() as u64);
            }
            if ended {
                break;
            }
        }
        let call = Call::new(Method::PUT, closing(&url, &descriptor.digest), Access::Push)
            .repeat(Repeat::Never)
            .payload(Payload::Bytes(Bytes::new()));
        let answer = self.moving(self.pour(call), &sent, descriptor.size).await?;
        self.stored(answer, descriptor)
    }

    async fn patch(&self, url: &Url, at: u64, piece: &Bytes, sent: &AtomicU64) -> Result<Url, Error> {
        let size = piece.len() as u64;
        let end = at.saturating_add(size).saturating_sub(1);
        let range = HeaderValue::from_str(&format!("{at}-{end}"))
            .map_err(|error| Error::new(ErrorKind::Protocol, "a range").caused_by(error))?;
        let moved = Arc::new(AtomicU64::new(0));
        let counted = stream::iter(pieces(piece.clone()).map({
            let moved = Arc::clone(&moved);
            move |piece| {
                moved.fetch_add(piece.len() as u64, Ordering::Relaxed);
                Ok::<_, std::io::Error>(piece)
            }
        }));
        let call = Call::new(Method::PATCH, url.clone(), Access::Push)
            .with(CONTENT_TYPE, octets())
            .with(CONTENT_LENGTH, HeaderValue::from(size))
            .with(CONTENT_RANGE, range)
            .repeat(Repeat::Never)
            .payload(Payload::Stream(Some(Body::wrap_stream(counted))));
        let answer = self.moving(self.pour(call), &moved, size).await?;
        sent.fetch_add(size, Ordering::Relaxed);
        let answer =
            answer.expect(&[StatusCode::ACCEPTED], || format!("upload a piece to {}", self.repository()))?;
        self.session(url, &answer)
    }

    fn stored(&self, answer: Answer, descriptor: &Descriptor) -> Result<(), Error> {
        let what = || format!("write {}", self.blob_name(&descriptor.digest));
        answer.expect(&[StatusCode::CREATED, StatusCode::OK, StatusCode::NO_CONTENT], what)?;
        Ok(())
    }

    /// Waits for a transfer as long as it moves, and behind its end as long as the registry may need to take it in.
    async fn moving(
        &self,
        transfer: impl Future<Output = Result<Answer, Error>>,
        sent: &AtomicU64,
        size: u64,
    ) -> Result<Answer, Error> {
        let stall = self.shared().options.stall;
        let commit =
            stall.saturating_add(Duration::from_secs(size.checked_div(COMMIT_BYTES_PER_SECOND).unwrap_or(0)));
        let mut transfer = core::pin::pin!(transfer);
        let mut before = None;
        loop {
            let now = sent.load(Ordering::Relaxed);
            if before == Some(now) {
                let context =
                    format!("an upload to {} stood still at byte {now} of {size}", self.repository());
                return Err(Error::new(ErrorKind::Timeout, context));
            }
            before = Some(now);
            tokio::select! {
                answer = &mut transfer => return answer,
                () = sleep(if now >= size { commit } else { stall }) => {}
            }
        }
    }

    fn wrong_size(&self, descriptor: &Descriptor, found: u64) -> Error {
        let name = self.blob_name(&descriptor.digest);
        Error::new(
            ErrorKind::SizeMismatch,
            format!("write {name}: {} bytes were announced, {found} came", descriptor.size),
        )
    }

    fn wrong_digest(&self, descriptor: &Descriptor, found: Digest) -> Error {
        let name = self.blob_name(&descriptor.digest);
        Error::new(ErrorKind::DigestMismatch, format!("write {name}: the bytes are those of {found}"))
    }
}

/// What came of a blob in one request.
enum Single {
    Done,
    Session(Url),
    Refused,
}

/// A stream that counts and hashes what goes through it, and holds its last piece back until size and digest hold.
struct Checked {
    stream: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    trouble: Arc<Mutex<Option<Error>>>,
    sent: Arc<AtomicU64>,
}

impl Checked {
    fn new<S, E>(registry: &Registry, descriptor: &Descriptor, body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let trouble = Arc::new(Mutex::new(None));
        let sent = Arc::new(AtomicU64::new(0));
        let state = Passing {
            body: Box::pin(body.map(|piece| piece.map_err(Into::into))),
            hasher: Some(Hasher::new(descriptor.digest.algorithm())),
            held: None,
            seen: 0,
            registry: registry.clone(),
            descriptor: descriptor.clone(),
            sent: Arc::clone(&sent),
        };
        let slot = Arc::clone(&trouble);
        let stream = stream::try_unfold((state, slot), |(mut state, slot)| async move {
            match state.next().await {
                Ok(Some(piece)) => Ok(Some((piece, (state, slot)))),
                Ok(None) => Ok(None),
                Err(error) => {
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Err(std::io::Error::other("the upload was given up"))
                }
            }
        });
        Self { stream: Box::pin(stream), trouble, sent }
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

struct Passing {
    body: Pin<Box<dyn Stream<Item = Result<Bytes, Boxed>> + Send>>,
    hasher: Option<Hasher>,
    held: Option<Bytes>,
    seen: u64,
    registry: Registry,
    descriptor: Descriptor,
    sent: Arc<AtomicU64>,
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(hasher) = &mut self.hasher else { return Ok(None) };
            match self.body.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.seen = self.seen.saturating_add(piece.len() as u64);
                    if self.seen > self.descriptor.size {
                        return Err(self.registry.wrong_size(&self.descriptor, self.seen));
                    }
                    hasher.update(&piece);
                    if let Some(before) = self.held.replace(piece) {
                        return Ok(Some(self.passed(before)));
                    }
                }
                Some(Err(error)) => {
                    let name = self.registry.blob_name(&self.descriptor.digest);
                    return Err(Error::new(
                        ErrorKind::Io,
                        format!("write {name}: its source cannot be read"),
                    )
                    .caused_by(error));
                }
                None => {
                    if self.seen != self.descriptor.size {
                        return Err(self.registry.wrong_size(&self.descriptor, self.seen));
                    }
                    if let Some(hasher) = self.hasher.take() {
                        let found = hasher.finish();
                        if found != self.descriptor.digest {
                            return Err(self.registry.wrong_digest(&self.descriptor, found));
                        }
                    }
                    return Ok(self.held.take().map(|last| self.passed(last)));
                }
            }
        }
    }

    fn passed(&self, piece: Bytes) -> Bytes {
        self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        piece
    }
}

/// Bytes in pieces of 64 KiB, so that a transfer can be seen to move.
fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> + Send + 'static {
    core::iter::from_fn(move || {
        (!bytes.is_empty())
            .then(|| bytes.split_to(bytes.len().min(usize::try_from(SINGLE_POST_BYTES).unwrap_or(1))))
    })
}

/// The address that closes an upload. What the registry wrote into it stays as it is.
fn closing(session: &Url, digest: &Digest) -> Url {
    let mut url = session.clone();
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&digest={digest}"),
        _ => format!("digest={digest}"),
    };
    url.set_query(Some(&query));
    url
}

const fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}
