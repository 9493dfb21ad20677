//! OCI archives: a layout in one uncompressed tar file, read and written without unpacking it.
//!
//! One pass over the headers says what stands where; blobs are then read in place and hashed. Archives that two
//! readers could read in two ways are refused (T-61). What is put into an archive is gathered in a temporary file
//! beside it, and [`Archive::commit`] replaces the archive by that: until then nothing has changed.

mod docker;
mod frames;
mod header;
mod medium;
pub mod sealed;
mod table;
mod writer;

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags};
use tokio::sync::Mutex as Turn;
use waxseal_core::limits::LAYOUT_INDEX_BYTES;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, ImageRef, PinnedRef, Repository};

use self::medium::Medium;
use self::table::{Links, Span, Table};
use self::writer::{Identity, Writer};
use crate::blob::BlobStream;
use crate::error::{Error, ErrorKind};
use crate::layout::contents::{self, Contents, Hashing, Local, OpenBlob, Pieces, blocking};
use crate::layout::index::Index;
use crate::layout::{BLOBS, INDEX, MARKER, MARKER_TEXT, check_marker};
use crate::location::LocalName;
use crate::object::{Fetched, Look, Referrers, Which};

const MARKER_BYTES: u64 = 4 << 10;

/// An OCI archive. Clones read and write the same one.
#[derive(Clone, Debug)]
pub struct Archive {
    local: Local<Tape>,
    /// Held by whoever writes: a tar file has one end.
    writer: Arc<Turn<Option<Writer>>>,
}

#[derive(Debug)]
struct Tape {
    path: PathBuf,
    shown: String,
    view: Mutex<View>,
}

/// What reading sees: the archive, or the temporary file once something was put into it.
#[derive(Debug)]
struct View {
    file: Option<Arc<Medium>>,
    table: Table,
    index: Index,
    before: Option<Identity>,
    /// A commit failed: what was put in stands in a temporary file that has lost its name, and nowhere else.
    uncommitted: bool,
    /// Manifests that were made by a conversion and stand in no file. Where there are any, nothing can be written.
    made: HashMap<Digest, Bytes>,
    /// Whether nothing can be written, for another reason.
    sealed: bool,
}

impl Archive {
    /// Opens an archive.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || {
            let view = View::open(&path)?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("the archive {} is not there", path.display()))
            })?;
            Ok(Self::with(Tape::layout(path, view)))
        })
        .await
    }

    /// Opens an archive of `docker save` that holds an OCI layout. Its `manifest.json`, which other programs read, must
    /// name the same images; one without a layout is an error of the kind `Unsupported`.
    pub async fn open_docker(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || docker::layout(&path).map(Self::with)).await
    }

    /// Opens an archive of `docker save` of either form, to copy from it. Without an OCI layout in it, the image of
    /// `reference`, or the only one, is converted: configuration and layers are those of the archive, byte for byte, and
    /// equal archives give an equal digest. Nothing can be written to a converted one.
    pub async fn convert_docker(path: impl AsRef<Path>, reference: Option<&ImageRef>) -> Result<Self, Error> {
        let (path, reference) = (path.as_ref().to_owned(), reference.cloned());
        blocking(move || docker::converted(&path, reference.as_ref()).map(Self::with)).await
    }

    /// The image of a name in an archive of `docker save`; without a name, the only one.
    pub async fn resolve_docker(
        &self,
        reference: Option<&ImageRef>,
        identity: Option<&Repository>,
    ) -> Result<(PinnedRef, Fetched), Error> {
        let Some(reference) = reference else { return self.resolve(&LocalName::Only, identity).await };
        if let Some(digest) = reference.digest() {
            return self.resolve(&LocalName::Digest(*digest), identity).await;
        }
        let wanted = reference.clone();
        let (digest, full) = self.local.run(move |tape| docker::by_reference(tape, &wanted)).await?;
        let identity = identity.or_else(|| full.then(|| reference.repository()));
        self.resolve(&LocalName::Digest(digest), identity).await
    }

    /// Opens an archive, or begins one where there is nothing. [`Archive::commit`] writes it.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || {
            writer::standing(&path)?;
            let view = match View::open(&path)? {
                Some(view) => view,
                None => View {
                    file: None,
                    table: Table::default(),
                    index: Index::empty()?,
                    before: None,
                    uncommitted: false,
                    made: HashMap::new(),
                    sealed: false,
                },
            };
            Ok(Self::with(Tape::layout(path, view)))
        })
        .await
    }

    /// How a person named it, without the image: `oci-archive:FILE`.
    pub fn shown(&self) -> String {
        self.local.contents.shown.clone()
    }

    /// The image of a name; as for a layout.
    pub async fn resolve(
        &self,
        name: &LocalName,
        identity: Option<&Repository>,
    ) -> Result<(PinnedRef, Fetched), Error> {
        self.local.resolve(name, identity).await
    }

    /// A manifest by tag or digest.
    pub async fn manifest(&self, which: &Which) -> Look<Fetched> {
        self.local.manifest(which).await
    }

    /// What refers to `subject`; as for a layout.
    pub async fn referrers(&self, subject: &Digest) -> Look<Referrers> {
        self.local.referrers(subject).await
    }

    /// A blob of at most `limit` bytes.
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        self.local.blob(descriptor, limit).await
    }

    /// A blob, piece by piece.
    pub async fn blob_stream(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        self.local.blob_stream(descriptor).await
    }

    /// Whether the blob is there and has its digest.
    pub async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        self.local.has_blob(descriptor).await
    }

    /// The tags that the index lists, those of attached objects included.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.local.tags().await
    }

    /// Puts a blob in.
    pub async fn put_blob(&self, descriptor: &Descriptor, bytes: Bytes) -> Result<(), Error> {
        self.put_blob_stream(BlobStream::of(descriptor.clone(), bytes)).await
    }

    /// Puts a blob in, piece by piece. One that is there already stays; a damaged one cannot be mended in place.
    pub async fn put_blob_stream(&self, blob: BlobStream) -> Result<(), Error> {
        let descriptor = blob.descriptor().clone();
        let mut turn = Arc::clone(&self.writer).lock_owned().await;
        if self.local.contents.view().table.span(&name(&descriptor.digest)).is_some() {
            return if self.local.has_blob(&descriptor).await? {
                Ok(())
            } else {
                Err(Error::new(
                    ErrorKind::DigestMismatch,
                    format!("{} holds {} damaged: write a new one", self.shown(), descriptor.digest),
                ))
            };
        }
        let write = move |tape: &Tape, pieces: &mut Pieces| {
            let writer = tape.stage(&mut turn)?;
            let name = name(&descriptor.digest);
            let span = writer.begin_file(&name, descriptor.size)?;
            let mut content = writer.content(span);
            while let Some(piece) = pieces.next()? {
                content.write(&piece)?;
            }
            content.end()?;
            writer.end_file(span)?;
            tape.view().table.add(&name, span);
            Ok(())
        };
        self.local.write(blob, Hashing::Receiver, write).await
    }

    /// Puts a manifest in, and lists it where it has a tag. Without one it is found by digest.
    pub async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let Some(tag) = tag.cloned() else { return Ok(()) };
        let descriptor = manifest.descriptor.clone();
        self.edit(move |index| index.set_tag(&tag, &descriptor)).await
    }

    /// Puts a manifest in under a tag if that still names `expected`, or nothing where nothing is expected; whether
    /// it did (rule G1).
    pub async fn replace_tag(
        &self,
        manifest: &Fetched,
        tag: &Tag,
        expected: Option<Digest>,
    ) -> Result<bool, Error> {
        self.put_object(manifest).await?;
        let (tag, descriptor) = (tag.clone(), manifest.descriptor.clone());
        self.edit(move |index| index.replace_tag(&tag, &descriptor, expected)).await
    }

    /// Puts the manifest of an image in and lists it; as for a layout.
    pub async fn put_image(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let (tag, descriptor) = (tag.cloned(), manifest.descriptor.clone());
        self.edit(move |index| index.set_image(tag.as_ref(), &descriptor)).await
    }

    /// The same under a tag and a full name; as for a layout.
    pub async fn put_named_image(&self, manifest: &Fetched, tag: &Tag, name: &ImageRef) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let (tag, name, descriptor) = (tag.clone(), name.to_string(), manifest.descriptor.clone());
        self.edit(move |index| index.set_named_image(&descriptor, Some(&tag), Some(&name))).await
    }

    /// Puts a manifest that refers to another one in, and lists it.
    pub async fn put_referrer(&self, manifest: &Fetched) -> Result<(), Error> {
        let (subject, listed) = contents::listed_referrer(manifest)?;
        self.put_object(manifest).await?;
        self.edit(move |index| index.list_referrer(&subject, &listed)).await
    }

    /// Removes a manifest. What it refers to stays.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<(), Error> {
        let digest = *digest;
        let mut turn = Arc::clone(&self.writer).lock_owned().await;
        let removed = self.local.run(move |tape| {
            // An archive has no holes: everything else is copied.
            tape.stage_without(&mut turn, Some(&name(&digest)))?;
            tape.view().index.remove(&digest);
            Ok(())
        });
        let removed = removed.await;
        self.local.forget();
        removed
    }

    /// Takes a tag away, and the blob of its manifest where no other name is left for it; whether there was one.
    pub async fn remove_tag(&self, tag: &Tag) -> Result<bool, Error> {
        let tag = tag.clone();
        let mut turn = Arc::clone(&self.writer).lock_owned().await;
        let removed = self.local.run(move |tape| {
            let Some((digest, named)) = tape.view().index.clone().untag(&tag)? else { return Ok(false) };
            if named {
                tape.stage(&mut turn)?;
            } else {
                tape.stage_without(&mut turn, Some(&name(&digest)))?;
            }
            tape.view().index.untag(&tag).map(|untagged| untagged.is_some())
        });
        let removed = removed.await;
        self.local.forget();
        removed
    }

    /// Writes the archive, if anything was put in, and puts it in the place of the old one. Whoever else replaced it
    /// since it was opened has won: that is an error of the kind `LostUpdate`. After an error, another call tries again.
    pub async fn commit(&self) -> Result<(), Error> {
        let mut turn = Arc::clone(&self.writer).lock_owned().await;
        let committed = self.local.run(move |tape| {
            if tape.view().uncommitted {
                // The file that could not take the archive's place is still open for reading.
                tape.stage(&mut turn)?;
            }
            let Some(mut writer) = turn.take() else { return Ok(()) };
            let mut view = tape.view();
            view.uncommitted = true;
            let bytes = view.index.to_bytes()?;
            let span = writer.file(INDEX, &bytes)?;
            view.before = Some(writer.finish(view.before)?);
            view.table.add(INDEX, span);
            view.uncommitted = false;
            Ok(())
        });
        committed.await
    }

    fn with(tape: Tape) -> Self {
        Self { local: Local::new(tape), writer: Arc::default() }
    }

    async fn put_object(&self, manifest: &Fetched) -> Result<(), Error> {
        contents::check_size(manifest)?;
        self.put_blob(&manifest.descriptor, manifest.bytes.clone()).await?;
        self.local.forget();
        Ok(())
    }

    async fn edit<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mut turn = Arc::clone(&self.writer).lock_owned().await;
        let edited = self.local.run(move |tape| {
            tape.stage(&mut turn)?;
            change(&mut tape.view().index)
        });
        let edited = edited.await;
        self.local.forget();
        edited
    }
}

impl Tape {
    fn layout(path: PathBuf, view: View) -> Self {
        let shown = format!("oci-archive:{}", path.display());
        Self::new(path, shown, view)
    }

    fn new(path: PathBuf, shown: String, view: View) -> Self {
        Self { path, shown, view: Mutex::new(view) }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer, with everything that the archive holds copied into it first.
    fn stage<'a>(&self, turn: &'a mut Option<Writer>) -> Result<&'a mut Writer, Error> {
        if turn.is_none() {
            self.stage_without(turn, None)?;
        }
        turn.as_mut().ok_or_else(|| Error::new(ErrorKind::Io, format!("{} has no writer", self.shown)))
    }

    fn stage_without(&self, turn: &mut Option<Writer>, without: Option<&str>) -> Result<(), Error> {
        let (file, table) = {
            let view = self.view();
            if view.sealed || !view.made.is_empty() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("{} is only read: copy the image elsewhere, and write there", self.shown),
                ));
            }
            (view.file.clone(), view.table.clone())
        };
        let mut writer = Writer::begin(&self.path)?;
        let marker = writer.file(MARKER, MARKER_TEXT.as_bytes())?;
        let mut copied = match file {
            Some(file) => {
                let keep = |name: &str| !matches!(name, MARKER | INDEX) && Some(name) != without;
                writer::copy_all(&mut writer, &file, &table, keep)?
            }
            None => Table::default(),
        };
        copied.add(MARKER, marker);
        let reader = Arc::new(Medium::of(writer.reader()?));
        let mut view = self.view();
        view.file = Some(reader);
        view.table = copied;
        *turn = Some(writer);
        Ok(())
    }
}

impl Contents for Tape {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn index(&self) -> Result<Index, Error> {
        Ok(self.view().index.clone())
    }

    fn open(&self, digest: &Digest) -> Result<Option<OpenBlob>, Error> {
        let view = self.view();
        if let Some(made) = view.made.get(digest) {
            let file = Box::new(io::Cursor::new(made.clone()));
            return Ok(Some(OpenBlob { file, size: made.len() as u64 }));
        }
        let (Some(file), Some(span)) = (&view.file, view.table.span(&name(digest))) else { return Ok(None) };
        Ok(Some(OpenBlob { file: Box::new(file.slice(span.start, span.size)), size: span.size }))
    }

    fn digests(&self, limit: usize) -> Result<Vec<Digest>, Error> {
        let view = self.view();
        let names = view.table.files().filter_map(|(name, _)| {
            let (algorithm, hex) = name.strip_prefix(BLOBS)?.strip_prefix('/')?.split_once('/')?;
            format!("{algorithm}:{hex}").parse().ok()
        });
        let mut digests: Vec<Digest> = names.take(limit.saturating_add(1)).collect();
        if digests.len() > limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("{} has more than {limit} blobs", self.shown),
            ));
        }
        digests.sort();
        Ok(digests)
    }
}

impl View {
    /// Reads the archive at `path`, or nothing where nothing is. A link there is followed: a person named it.
    fn open(path: &Path) -> Result<Option<Self>, Error> {
        let Some((file, metadata)) = open_file(path)? else { return Ok(None) };
        let shown = path.display().to_string();
        let file = Arc::new(Medium::of(file));
        let table = Table::read(&mut file.cursor(), metadata.len(), Links::Refused, &shown)?;
        Self::layout(file, Some(Identity::of(&metadata)), table, &shown).map(Some)
    }

    /// The view of an archive whose entries are known to be those of a layout.
    fn layout(file: Arc<Medium>, before: Option<Identity>, table: Table, shown: &str) -> Result<Self, Error> {
        let heads = Heads::read(&file, &table, shown)?;
        Self::with(file, before, table, &heads, shown)
    }

    /// The same with its marker and index, which were read already.
    fn with(
        file: Arc<Medium>,
        before: Option<Identity>,
        table: Table,
        heads: &Heads,
        shown: &str,
    ) -> Result<Self, Error> {
        let index = Index::parse(&heads.index, &format!("{INDEX} of {shown}"))?;
        let (file, made) = (Some(file), HashMap::new());
        Ok(Self { file, table, index, before, uncommitted: false, made, sealed: false })
    }
}

/// The files that make entries a layout.
#[derive(Debug)]
struct Heads {
    marker: Vec<u8>,
    index: Vec<u8>,
}

impl Heads {
    fn read(file: &Arc<Medium>, table: &Table, shown: &str) -> Result<Self, Error> {
        let marker = small(file, table.span(MARKER), MARKER_BYTES, shown)?;
        check_marker(&format!("{MARKER} of {shown}"), marker.as_deref())?;
        let index = small(file, table.span(INDEX), LAYOUT_INDEX_BYTES, shown)?
            .ok_or_else(|| Error::new(ErrorKind::InvalidLayout, format!("{INDEX} is missing in {shown}")))?;
        Ok(Self { marker: marker.unwrap_or_default(), index })
    }

    /// Their names, and the bytes that were read.
    fn files(&self) -> [(&'static str, &[u8]); 2] {
        [(MARKER, &self.marker), (INDEX, &self.index)]
    }
}

/// The regular file at `path` or nothing. A link there is followed: a person named it.
fn open_file(path: &Path) -> Result<Option<(File, Metadata)>, Error> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Io, format!("cannot read {}", path.display())).caused_by(error)
    };
    // Without waiting, so that a pipe is told from a file instead of being waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(handle) => File::from(handle),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidLayout, format!("{} is no regular file", path.display())));
    }
    Ok(Some((file, metadata)))
}

/// The content of a file of at most `limit` bytes.
fn small(file: &Arc<Medium>, span: Option<Span>, limit: u64, shown: &str) -> Result<Option<Vec<u8>>, Error> {
    let Some(span) = span else { return Ok(None) };
    if span.size > limit {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("a file of {shown} has {} bytes, the limit is {limit}", span.size),
        ));
    }
    let mut bytes = Vec::new();
    let read = file.slice(span.start, span.size).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(shown, error))?;
    Ok(Some(bytes))
}

/// Bytes that end too early, or that a decoder does not take, are no trouble of the medium.
fn unreadable(shown: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => ErrorKind::InvalidLayout,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot read {shown}")).caused_by(error)
}

/// The name of the file of a blob.
fn name(digest: &Digest) -> String {
    format!("{BLOBS}/{}/{}", digest.algorithm(), digest.hex())
}
