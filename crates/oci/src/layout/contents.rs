//! What a layout says, wherever its files stand: the same questions for a directory and for an archive.
//!
//! Everything here blocks; [`Local`] moves it off the threads that serve sockets. A blob is handed out only after
//! its size and its digest were compared.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use waxseal_core::digest::Hasher;
use waxseal_core::limits::{
    LAYOUT_BLOBS, LAYOUT_SCAN_BYTES, MANIFEST_BYTES, REFERRERS_BYTES, REFERRERS_ENTRIES, TAGS,
};
use waxseal_core::manifest::Manifest;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, PinnedRef, Repository, media_type};

use super::index::{Entry, Index};
use crate::attached::{Entries, fallback_tag};
use crate::blob::{BlobStream, Check, size_mismatch, too_large};
use crate::error::{Error, ErrorKind};
use crate::location::LocalName;
use crate::object::{Fetched, Look, Referrers, ReferrersSource, Which};

/// Bytes that are read from a file at once.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that are read ahead of whoever takes them.
const PIECES_AHEAD: usize = 4;
/// Media type of an object that is no manifest.
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// Names that an error lists.
const SHOWN_NAMES: usize = 10;

/// The files of a layout.
pub(crate) trait Contents: fmt::Debug + Send + Sync + 'static {
    /// How a person named it: `oci:DIR`.
    fn shown(&self) -> &str;
    /// The index, as it is now.
    fn index(&self) -> Result<Index, Error>;
    /// The file of a blob with its size, or none.
    fn open(&self, digest: &Digest) -> Result<Option<OpenBlob>, Error>;
    /// The digests of all blobs, in a fixed order, at most `limit`; more are an error.
    fn digests(&self, limit: usize) -> Result<Vec<Digest>, Error>;
}

/// A blob that was opened, and not yet hashed.
pub(crate) struct OpenBlob {
    pub(crate) file: Box<dyn Read + Send>,
    pub(crate) size: u64,
}

/// Which thread hashes a blob that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// The one that receives: where one blob is written after the other, so that hashing and writing overlap.
    Receiver,
    /// The one that writes: where several blobs are written at once, so that receiving is all that one thread does.
    Writer,
}

/// A blob on its way to a file.
pub(crate) struct Pieces {
    received: mpsc::Receiver<Option<Bytes>>,
    /// What the blob is still held against.
    check: Option<Check>,
    shown: String,
}

impl Pieces {
    /// Pieces that were held against their descriptor before they were sent.
    pub(crate) fn received(received: mpsc::Receiver<Option<Bytes>>, shown: String) -> Self {
        Self { received, check: None, shown }
    }

    /// The next piece; none when the blob has ended and is whole; an error when it broke off.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self
            .received
            .blocking_recv()
            .ok_or_else(|| Error::new(ErrorKind::Io, format!("the blob {} broke off", self.shown)))?;
        match (&mut self.check, &piece) {
            (Some(check), Some(piece)) => check.piece(piece)?,
            (Some(check), None) => check.end()?,
            (None, _) => {}
        }
        Ok(piece)
    }
}

/// Which manifests refer to which.
type Subjects = HashMap<Digest, Vec<Descriptor>>;

/// The contents of a layout with what was found in them so far.
#[derive(Debug)]
pub(crate) struct Local<C> {
    pub(crate) contents: Arc<C>,
    subjects: Arc<Mutex<Option<Arc<Subjects>>>>,
}

impl<C> Clone for Local<C> {
    fn clone(&self) -> Self {
        Self { contents: Arc::clone(&self.contents), subjects: Arc::clone(&self.subjects) }
    }
}

impl<C: Contents> Local<C> {
    pub(crate) fn new(contents: C) -> Self {
        Self { contents: Arc::new(contents), subjects: Arc::default() }
    }

    /// Runs `work` where it may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&C) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let contents = Arc::clone(&self.contents);
        blocking(move || work(&contents)).await
    }

    /// Forgets what was found, because something was written.
    pub(crate) fn forget(&self) {
        *self.subjects.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) async fn manifest(&self, which: &Which) -> Look<Fetched> {
        let which = which.clone();
        look(self.run(move |contents| manifest(contents, &which)).await)
    }

    pub(crate) async fn resolve(
        &self,
        name: &LocalName,
        identity: Option<&Repository>,
    ) -> Result<(PinnedRef, Fetched), Error> {
        let (name, identity) = (name.clone(), identity.cloned());
        self.run(move |contents| resolve(contents, &name, identity)).await
    }

    pub(crate) async fn referrers(&self, subject: &Digest) -> Look<Referrers> {
        let subject = *subject;
        let cache = Arc::clone(&self.subjects);
        let found = self.run(move |contents| {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            let subjects = match &*cache {
                Some(subjects) => Arc::clone(subjects),
                None => Arc::clone(cache.insert(Arc::new(subjects(contents)?))),
            };
            drop(cache);
            referrers(contents, &subjects, &subject)
        });
        look(found.await.map(Some))
    }

    pub(crate) async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        if descriptor.size > limit {
            return Err(too_large(descriptor, limit));
        }
        let descriptor = descriptor.clone();
        self.run(move |contents| {
            read(contents, &descriptor.digest, Some(&descriptor), descriptor.size)?
                .ok_or_else(|| missing(contents, &descriptor.digest))
        })
        .await
    }

    pub(crate) async fn blob_stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        let wanted = descriptor.clone();
        let mut file = self
            .run(move |contents| {
                let OpenBlob { file, size } =
                    contents.open(&wanted.digest)?.ok_or_else(|| missing(contents, &wanted.digest))?;
                if size == wanted.size { Ok(file) } else { Err(size_mismatch(&wanted, size)) }
            })
            .await?;
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let shown = format!("{} of {}", descriptor.digest, self.contents.shown());
        // Ends when the file does, or when nobody takes the pieces any more.
        tokio::task::spawn_blocking(move || {
            loop {
                let piece = next_piece(&mut file).map_err(|error| {
                    Error::new(ErrorKind::Io, format!("cannot read {shown}")).caused_by(error)
                });
                let last = !matches!(&piece, Ok(piece) if !piece.is_empty());
                if (!last || piece.is_err()) && pieces.blocking_send(piece).is_err() {
                    return;
                }
                if last {
                    return;
                }
            }
        });
        let pieces =
            stream::unfold(received, |mut received| async { Some((received.recv().await?, received)) });
        Ok(BlobStream::new(descriptor.clone(), pieces))
    }

    /// Hands the pieces of `blob` to `write`, which runs where it may block. It gives what was written its name only
    /// after [`Pieces::next`] has said that there are no more: then size and digest were right.
    pub(crate) async fn write(
        &self,
        blob: BlobStream,
        hashing: Hashing,
        write: impl FnOnce(&C, &mut Pieces) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let shown = blob.descriptor().digest.to_string();
        let (mut blob, check) = match hashing {
            Hashing::Receiver => (blob.boxed(), None),
            Hashing::Writer => {
                let (pieces, check) = blob.unchecked();
                (pieces.boxed(), Some(check))
            }
        };
        let mut received = Pieces { received, check, shown };
        let written = self.run(move |contents| write(contents, &mut received));
        let sent = async move {
            while let Some(piece) = blob.next().await {
                // A writer that is gone says itself why.
                if pieces.send(Some(piece?)).await.is_err() {
                    return Ok(());
                }
            }
            let _ = pieces.send(None).await;
            Ok(())
        };
        let (sent, written) = futures_util::future::join(sent, written).await;
        sent.and(written)
    }

    /// Whether the blob is there and whole. It is hashed: a damaged one counts as missing, so that a copy mends it.
    pub(crate) async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        let descriptor = descriptor.clone();
        self.run(move |contents| {
            let Some(OpenBlob { mut file, size }) = contents.open(&descriptor.digest)? else {
                return Ok(false);
            };
            if size != descriptor.size {
                return Ok(false);
            }
            let mut hasher = Hasher::new(descriptor.digest.algorithm());
            loop {
                let piece =
                    next_piece(&mut file).map_err(|error| unreadable(contents, &descriptor.digest, error))?;
                if piece.is_empty() {
                    return Ok(hasher.finish() == descriptor.digest);
                }
                hasher.update(&piece);
            }
        })
        .await
    }

    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.run(|contents| {
            let tags = contents.index()?.tags();
            if tags.len() > TAGS {
                let shown = contents.shown();
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{shown} has more than {TAGS} tags"),
                ));
            }
            Ok(tags)
        })
        .await
    }
}

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::new(ErrorKind::Io, "reading or writing files broke off").caused_by(error)),
    }
}

fn look<T>(found: Result<Option<T>, Error>) -> Look<T> {
    match found {
        Ok(Some(found)) => Look::Found(found),
        Ok(None) => Look::Absent,
        Err(error) => Look::Unreadable(error),
    }
}

/// A manifest by tag or digest.
pub(crate) fn manifest(contents: &impl Contents, which: &Which) -> Result<Option<Fetched>, Error> {
    let index = contents.index()?;
    match which {
        Which::Tag(tag) => match index.by_tag(tag)? {
            Some(entry) => listed(contents, entry).map(Some),
            None => Ok(None),
        },
        Which::Digest(digest) => match index.by_digest(digest) {
            Some(entry) => listed(contents, entry).map(Some),
            None => unlisted(contents, digest),
        },
    }
}

/// The manifest of an entry. An entry whose blob is missing is unreadable, not absent: the index says it is there.
fn listed(contents: &impl Contents, entry: &Entry) -> Result<Fetched, Error> {
    let descriptor = &entry.descriptor;
    let bytes = read(contents, &descriptor.digest, Some(descriptor), MANIFEST_BYTES)?.ok_or_else(|| {
        let (shown, digest) = (contents.shown(), &descriptor.digest);
        Error::new(ErrorKind::InvalidLayout, format!("{shown} lists {digest}, but has no such blob"))
    })?;
    Ok(Fetched::hashed(descriptor.media_type.clone(), descriptor.digest, bytes))
}

fn unlisted(contents: &impl Contents, digest: &Digest) -> Result<Option<Fetched>, Error> {
    let Some(bytes) = read(contents, digest, None, MANIFEST_BYTES)? else { return Ok(None) };
    let media_type = Manifest::parse(&bytes, None)
        .map_or_else(|_| UNKNOWN_TYPE.to_owned(), |manifest| manifest.media_type().to_owned());
    Ok(Some(Fetched::hashed(media_type, *digest, bytes)))
}

fn resolve(
    contents: &impl Contents,
    name: &LocalName,
    identity: Option<Repository>,
) -> Result<(PinnedRef, Fetched), Error> {
    let index = contents.index()?;
    let absent = || {
        let shown = contents.shown();
        Error::new(
            ErrorKind::NotFound,
            format!("{shown}{name} is not there; it has {}", names(index.entries())),
        )
    };
    let (entry, fetched) = match name {
        LocalName::Tag(tag) => {
            let entry = index.by_tag(tag)?.ok_or_else(absent)?;
            (Some(entry), listed(contents, entry)?)
        }
        LocalName::Digest(digest) => match index.by_digest(digest) {
            Some(entry) => (Some(entry), listed(contents, entry)?),
            None => (None, unlisted(contents, digest)?.ok_or_else(absent)?),
        },
        LocalName::Only => {
            let entry = only_image(contents, &index)?;
            (Some(entry), listed(contents, entry)?)
        }
    };
    let identity = identity.or_else(|| entry.and_then(Entry::identity));
    Ok((PinnedRef::local(contents.shown(), identity, fetched.descriptor.digest), fetched))
}

/// The only entry that is an image: neither attached to one by its name or kind, nor one that refers to another.
fn only_image<'a>(contents: &impl Contents, index: &'a Index) -> Result<&'a Entry, Error> {
    let mut images: Vec<&Entry> = Vec::new();
    for entry in index.entries() {
        let known = images.iter().any(|image| image.descriptor.digest == entry.descriptor.digest);
        if !known && (entry.is_cosign_image() || !(entry.is_attached() || refers(contents, entry))) {
            images.push(entry);
        }
    }
    match images.as_slice() {
        [image] => Ok(image),
        [] => Err(Error::new(ErrorKind::NotFound, format!("{} has no image", contents.shown()))),
        images => {
            let (shown, count) = (contents.shown(), images.len());
            let names = names(images.iter().copied());
            Err(Error::new(ErrorKind::InvalidName, format!("{shown} has {count} images, name one: {names}")))
        }
    }
}

/// Whether the manifest of an entry names a subject. What cannot be read might be the image that was meant.
fn refers(contents: &impl Contents, entry: &Entry) -> bool {
    listed(contents, entry).is_ok_and(|fetched| {
        Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type))
            .is_ok_and(|manifest| manifest.subject().is_some())
    })
}

fn names<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut names: Vec<String> =
        entries.into_iter().filter(|entry| !entry.is_attached()).map(Entry::shown).collect();
    let more = names.len().saturating_sub(SHOWN_NAMES);
    names.truncate(SHOWN_NAMES);
    match (names.is_empty(), more) {
        (true, _) => "no image".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// Reads every small blob that looks like JSON and notes those that are manifests with a subject: `cosign save`
/// lists its referrers nowhere. A blob that does not have its digest makes the whole answer unreadable, because it
/// may have been a referrer.
fn subjects(contents: &impl Contents) -> Result<Subjects, Error> {
    let mut subjects = Subjects::new();
    let mut left = LAYOUT_SCAN_BYTES;
    for digest in contents.digests(LAYOUT_BLOBS)? {
        let Some(OpenBlob { mut file, size }) = contents.open(&digest)? else { continue };
        if size > MANIFEST_BYTES {
            continue;
        }
        let mut first = [0_u8; 1];
        let read_failed = |error| unreadable(contents, &digest, error);
        let begun = file.read(&mut first).map_err(read_failed)?;
        // An empty file is what a crash leaves; it is read as damage below unless the blob is the empty one.
        if begun != 0 && !matches!(first, [b'{' | b' ' | b'\t' | b'\r' | b'\n']) {
            continue;
        }
        left = left.checked_sub(size).ok_or_else(|| {
            let shown = contents.shown();
            Error::new(
                ErrorKind::LimitExceeded,
                format!("{shown} has more than {LAYOUT_SCAN_BYTES} bytes to look for referrers in"),
            )
        })?;
        let mut bytes = first.get(..begun).unwrap_or_default().to_vec();
        file.take(size).read_to_end(&mut bytes).map_err(read_failed)?;
        let bytes = checked(contents, &digest, bytes)?;
        if let Some((subject, descriptor)) = referrer(&digest, &bytes) {
            subjects.entry(subject).or_default().push(descriptor);
        }
    }
    Ok(subjects)
}

/// The subject of a manifest, and the manifest's descriptor as a registry would list it.
fn referrer(digest: &Digest, bytes: &[u8]) -> Option<(Digest, Descriptor)> {
    let manifest = Manifest::parse(bytes, None).ok()?;
    let subject = manifest.subject()?.digest;
    let mut descriptor = Descriptor::new(manifest.media_type(), *digest, bytes.len() as u64);
    (descriptor.artifact_type, descriptor.annotations) = match manifest {
        Manifest::Image(image) => {
            (Some(image.artifact_type.unwrap_or(image.config.media_type)), image.annotations)
        }
        Manifest::Index(index) => (index.artifact_type, index.annotations),
        _ => (None, std::collections::BTreeMap::new()),
    };
    Some((subject, descriptor))
}

/// The subject of a referrer, and its entry in an index. A manifest without a subject is an error.
pub(crate) fn listed_referrer(manifest: &Fetched) -> Result<(Digest, Descriptor), Error> {
    let descriptor = &manifest.descriptor;
    match referrer(&descriptor.digest, &manifest.bytes) {
        Some((subject, listed)) if listed.media_type == descriptor.media_type => Ok((subject, listed)),
        _ => Err(Error::new(
            ErrorKind::Malformed,
            format!("{} is no {} with a subject", descriptor.digest, descriptor.media_type),
        )),
    }
}

/// Refuses to write a manifest that would not be read.
pub(crate) fn check_size(manifest: &Fetched) -> Result<(), Error> {
    if manifest.bytes.len() as u64 > MANIFEST_BYTES {
        return Err(too_large(&manifest.descriptor, MANIFEST_BYTES));
    }
    Ok(())
}

/// What refers to `subject`: what the index lists first, then what it does not, then what only the index of the
/// fallback tag names.
fn referrers(contents: &impl Contents, subjects: &Subjects, subject: &Digest) -> Result<Referrers, Error> {
    let index = contents.index()?;
    for entry in index.entries() {
        let (media_type, digest) = (&entry.descriptor.media_type, &entry.descriptor.digest);
        let manifest = media_type::is_manifest(media_type) || media_type::is_index(media_type);
        if manifest && contents.open(digest)?.is_none() {
            listed(contents, entry)?;
        }
    }
    let mut found = subjects.get(subject).cloned().unwrap_or_default();
    let order = |descriptor: &Descriptor| {
        index.entries().iter().position(|entry| entry.descriptor.digest == descriptor.digest)
    };
    found.sort_by_key(|descriptor| (order(descriptor).unwrap_or(usize::MAX), descriptor.digest));
    if let Some(entry) = index.by_tag(&fallback_tag(subject)?)? {
        for descriptor in fallback(contents, entry)? {
            if !found.iter().any(|known| known.digest == descriptor.digest) {
                found.push(descriptor);
            }
        }
    }
    if found.len() > REFERRERS_ENTRIES {
        let shown = contents.shown();
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{shown} has {} referrers of {subject}, the limit is {REFERRERS_ENTRIES}", found.len()),
        ));
    }
    Ok(Referrers::new(found, ReferrersSource::Layout))
}

fn fallback(contents: &impl Contents, entry: &Entry) -> Result<Vec<Descriptor>, Error> {
    let descriptor = &entry.descriptor;
    let Some(bytes) = read(contents, &descriptor.digest, Some(descriptor), REFERRERS_BYTES)? else {
        return listed(contents, entry).map(|_| Vec::new());
    };
    Entries::parse(&bytes).map(Entries::once).map_err(|error| {
        let (shown, digest) = (contents.shown(), &descriptor.digest);
        Error::new(error.kind(), format!("the referrers at {digest} of {shown}")).caused_by(error)
    })
}

/// The bytes of a blob, compared with its digest and, where one is given, with the size of `descriptor`.
fn read(
    contents: &impl Contents,
    digest: &Digest,
    descriptor: Option<&Descriptor>,
    limit: u64,
) -> Result<Option<Bytes>, Error> {
    let Some(OpenBlob { file, size }) = contents.open(digest)? else { return Ok(None) };
    if let Some(descriptor) = descriptor
        && descriptor.size != size
    {
        return Err(size_mismatch(descriptor, size));
    }
    if size > limit {
        return Err(too_large(&Descriptor::new(UNKNOWN_TYPE, *digest, size), limit));
    }
    let mut bytes = Vec::new();
    file.take(size.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(contents, digest, error))?;
    checked(contents, digest, bytes).map(Some)
}

fn checked(contents: &impl Contents, digest: &Digest, bytes: Vec<u8>) -> Result<Bytes, Error> {
    let found = Digest::of_with(digest.algorithm(), &bytes);
    if found == *digest {
        return Ok(Bytes::from(bytes));
    }
    let shown = contents.shown();
    Err(Error::new(ErrorKind::DigestMismatch, format!("the blob {digest} of {shown} has the digest {found}")))
}

fn next_piece(file: &mut impl Read) -> io::Result<Bytes> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut filled = 0;
    while let Some(free) = piece.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(Bytes::from(piece))
}

fn missing(contents: &impl Contents, digest: &Digest) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} has no blob {digest}", contents.shown()))
}

fn unreadable(contents: &impl Contents, digest: &Digest, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot read {digest} of {}", contents.shown())).caused_by(error)
}
