//! Blobs as streams, so that a layer never has to fit into memory.
//!
//! A [`BlobStream`] counts and hashes what passes through it. Its bytes are those of the descriptor once it has
//! ended without an error, and not before: who writes them somewhere makes them visible only then.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use waxseal_core::Descriptor;
use waxseal_core::digest::Hasher;

use crate::error::{Error, ErrorKind};

/// What is still compared.
enum Check {
    Hash(Box<Hasher>),
    /// Whoever made the stream hashes it.
    Size,
    /// The stream has ended, well or badly.
    Done,
}

/// The bytes of a descriptor, piece by piece.
pub struct BlobStream {
    descriptor: Descriptor,
    inner: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
    seen: u64,
    check: Check,
    watch: Option<Box<dyn FnMut(u64) + Send>>,
}

impl BlobStream {
    /// The stream of `inner`, which claims to be the bytes of `descriptor`. It ends with an error of the kind
    /// `SizeMismatch` or `DigestMismatch` if they are not; more bytes than the descriptor says are never handed out.
    pub fn new(
        descriptor: Descriptor,
        inner: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    ) -> Self {
        let check = Check::Hash(Box::new(Hasher::new(descriptor.digest.algorithm())));
        Self { descriptor, inner: Box::pin(inner), seen: 0, check, watch: None }
    }

    /// The stream of `inner`, which hashes what it gives and ends with an error if the digest is another one.
    pub(crate) fn hashed(
        descriptor: Descriptor,
        inner: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    ) -> Self {
        Self { descriptor, inner: Box::pin(inner), seen: 0, check: Check::Size, watch: None }
    }

    /// A stream of bytes that are at hand.
    pub fn of(descriptor: Descriptor, bytes: Bytes) -> Self {
        Self::new(descriptor, futures_util::stream::iter([Ok(bytes)]))
    }

    /// The same stream, which calls `watch` with the number of bytes of each piece.
    #[must_use]
    pub fn watched(mut self, watch: impl FnMut(u64) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// What the stream is held to.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// All bytes in memory. More than `limit` bytes are an error of the kind `LimitExceeded`.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Error> {
        if self.descriptor.size > limit {
            return Err(too_large(&self.descriptor, limit));
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.seen != self.descriptor.size {
            return Err(size_mismatch(&self.descriptor, self.seen));
        }
        let Check::Hash(hasher) = core::mem::replace(&mut self.check, Check::Done) else { return Ok(()) };
        let found = hasher.finish();
        if found == self.descriptor.digest {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("the bytes of {} have the digest {found}", self.descriptor.digest),
            ))
        }
    }

    fn piece(&mut self, piece: &Bytes) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(piece.len() as u64);
        if self.seen > self.descriptor.size {
            return Err(Error::new(
                ErrorKind::SizeMismatch,
                format!(
                    "{} has more than the {} bytes expected",
                    self.descriptor.digest, self.descriptor.size
                ),
            ));
        }
        if let Check::Hash(hasher) = &mut self.check {
            hasher.update(piece);
        }
        if let Some(watch) = &mut self.watch {
            watch(piece.len() as u64);
        }
        Ok(())
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if matches!(self.check, Check::Done) {
            return Poll::Ready(None);
        }
        let outcome = match self.inner.as_mut().poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => match self.end() {
                Ok(()) => None,
                Err(error) => Some(Err(error)),
            },
            Poll::Ready(Some(Err(error))) => Some(Err(error)),
            Poll::Ready(Some(Ok(piece))) => Some(self.piece(&piece).map(|()| piece)),
        };
        if matches!(outcome, Some(Err(_))) {
            self.check = Check::Done;
        }
        Poll::Ready(outcome)
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream")
            .field("descriptor", &self.descriptor)
            .field("seen", &self.seen)
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
