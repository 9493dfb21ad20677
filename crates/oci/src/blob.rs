//! Blobs as streams, so that a layer never has to fit into memory.
//!
//! A [`BlobStream`] counts and hashes what passes through it. Its bytes are those of the descriptor once it has
//! ended without an error, and not before: who writes them somewhere makes them visible only then. This is the one
//! place where the bytes of a large blob are hashed, wherever they come from.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use waxseal_core::Descriptor;
use waxseal_core::digest::Hasher;

use crate::error::{Error, ErrorKind};

/// What the bytes of a blob are held against, piece by piece. The last piece passes only if size and digest hold, so that
/// whoever stops there has never taken a whole blob that was not checked (T-25).
pub(crate) struct Check {
    descriptor: Descriptor,
    /// How errors speak of the blob.
    name: String,
    seen: u64,
    /// Gone once the digest was compared, or the blob is known to be another one.
    hasher: Option<Box<Hasher>>,
}

impl Check {
    fn new(descriptor: Descriptor) -> Self {
        let hasher = Some(Box::new(Hasher::new(descriptor.digest.algorithm())));
        Self { name: descriptor.digest.to_string(), descriptor, seen: 0, hasher }
    }

    /// The next piece. More bytes than the descriptor says are an error.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(piece.len() as u64);
        if self.seen > self.descriptor.size {
            self.hasher = None;
            return Err(Error::new(
                ErrorKind::SizeMismatch,
                format!("{} has more than the {} bytes expected", self.name, self.descriptor.size),
            ));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(piece);
        }
        if self.seen == self.descriptor.size { self.compare() } else { Ok(()) }
    }

    /// The end of the blob.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        if self.seen == self.descriptor.size {
            self.compare()
        } else {
            self.hasher = None;
            Err(Error::new(
                ErrorKind::SizeMismatch,
                format!("{} has {} bytes, expected {}", self.name, self.seen, self.descriptor.size),
            ))
        }
    }

    /// Compares the digest, once.
    fn compare(&mut self) -> Result<(), Error> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let found = hasher.finish();
        if found == self.descriptor.digest {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("{}: the bytes are those of {found}", self.name),
            ))
        }
    }
}

/// Bytes that nobody has compared with anything.
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// The bytes of a descriptor, piece by piece.
pub struct BlobStream {
    inner: Pieces,
    check: Check,
    ended: bool,
    watch: Option<Box<dyn FnMut(u64) + Send>>,
}

impl BlobStream {
    /// The stream of `inner`, which claims to be the bytes of `descriptor`. It ends with an error of the kind
    /// `SizeMismatch` or `DigestMismatch` if they are not, before the last piece is handed out; more bytes than the
    /// descriptor says are never handed out.
    pub fn new(
        descriptor: Descriptor,
        inner: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    ) -> Self {
        Self { inner: Box::pin(inner), check: Check::new(descriptor), ended: false, watch: None }
    }

    /// A stream of bytes that are at hand.
    pub fn of(descriptor: Descriptor, bytes: Bytes) -> Self {
        Self::new(descriptor, futures_util::stream::iter([Ok(bytes)]))
    }

    /// The same stream, of which errors speak by this name; without one, by the digest.
    pub(crate) fn named(mut self, name: String) -> Self {
        self.check.name = name;
        self
    }

    /// The same stream, which calls `watch` with the number of bytes of each piece.
    #[must_use]
    pub fn watched(mut self, watch: impl FnMut(u64) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// What the stream is held to.
    pub fn descriptor(&self) -> &Descriptor {
        &self.check.descriptor
    }

    /// All bytes in memory. More than `limit` bytes are an error of the kind `LimitExceeded`.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Error> {
        if self.descriptor().size > limit {
            return Err(too_large(self.descriptor(), limit));
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }

    /// The pieces as they come, and what they have to be held against: for who hashes on another thread than the one
    /// that receives.
    pub(crate) fn unchecked(self) -> (impl Stream<Item = Result<Bytes, Error>> + Send, Check) {
        let Self { inner, check, mut watch, .. } = self;
        let pieces = inner.inspect_ok(move |piece| {
            if let Some(watch) = &mut watch {
                watch(piece.len() as u64);
            }
        });
        (pieces, check)
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let outcome = match self.inner.as_mut().poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => self.check.end().err().map(Err),
            Poll::Ready(Some(Err(error))) => Some(Err(error)),
            Poll::Ready(Some(Ok(piece))) => Some(self.check.piece(&piece).map(|()| piece)),
        };
        match &outcome {
            Some(Ok(piece)) => {
                let count = piece.len() as u64;
                if let Some(watch) = &mut self.watch {
                    watch(count);
                }
            }
            Some(Err(_)) | None => self.ended = true,
        }
        Poll::Ready(outcome)
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream")
            .field("descriptor", &self.check.descriptor)
            .field("seen", &self.check.seen)
            .finish_non_exhaustive()
    }
}

pub(crate) fn too_large(descriptor: &Descriptor, limit: u64) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("{} has {} bytes, the limit is {limit}", descriptor.digest, descriptor.size),
    )
}

pub(crate) fn size_mismatch(descriptor: &Descriptor, found: u64) -> Error {
    Error::new(
        ErrorKind::SizeMismatch,
        format!("{} has {found} bytes, expected {}", descriptor.digest, descriptor.size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxseal_core::Digest;

    async fn read(descriptor: Descriptor, pieces: &[&'static [u8]]) -> Result<Bytes, ErrorKind> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece))).collect();
        let stream = BlobStream::new(descriptor, futures_util::stream::iter(pieces));
        stream.collect(8).await.map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn the_last_piece_is_held_back_until_the_digest_holds() {
        let descriptor = Descriptor::of("t", "abcd");
        for (last, handed_out) in [(b"cd", 2), (b"cx", 1)] {
            let pieces = [Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(last))];
            let mut stream = BlobStream::new(descriptor.clone(), futures_util::stream::iter(pieces));
            let mut seen = 0;
            while let Some(Ok(_)) = stream.next().await {
                seen += 1;
            }
            assert_eq!(seen, handed_out);
            assert!(stream.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn hands_out_the_bytes_of_the_descriptor_and_no_others() {
        let descriptor = Descriptor::of("t", "abcd");
        assert_eq!(read(descriptor.clone(), &[b"ab", b"", b"cd"]).await.unwrap(), "abcd");
        assert_eq!(read(descriptor.clone(), &[b"ab", b"cx"]).await, Err(ErrorKind::DigestMismatch));
        assert_eq!(read(descriptor.clone(), &[b"ab", b"c"]).await, Err(ErrorKind::SizeMismatch));
        assert_eq!(read(descriptor, &[b"abcd", b"e"]).await, Err(ErrorKind::SizeMismatch));
        let large = Descriptor::new("t", Digest::of("abcdefghi"), 9);
        assert_eq!(read(large, &[b"abcdefghi"]).await, Err(ErrorKind::LimitExceeded));
    }
}
