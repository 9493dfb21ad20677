//! OCI layout directories (image specification, "OCI Image Layout Specification").
//!
//! Blobs are files named by their digest, `index.json` lists manifests. A path is made of a parsed digest and of
//! nothing else, opened without following links, and hashed while it is read (T-60). What is written becomes
//! visible when it is whole: blobs first, the index last, under a lock that other writers wait for.

pub(crate) mod contents;
mod directory;
pub(crate) mod index;

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use waxseal_core::digest::Algorithm;
use waxseal_core::json::Names;
use waxseal_core::limits::LAYOUT_INDEX_BYTES;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, ImageRef, PinnedRef, Repository, json};

use self::contents::{Contents, Hashing, Local, OpenBlob, Pieces, blocking};
use self::directory::{Directory, io_error, is_temporary};
use self::index::Index;
use crate::blob::BlobStream;
use crate::error::{Error, ErrorKind};
use crate::location::LocalName;
use crate::object::{Fetched, Look, Referrers, Which};

/// The file that says that a directory is a layout.
pub(crate) const MARKER: &str = "oci-layout";
/// Its text.
pub(crate) const MARKER_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The file that lists the manifests.
pub(crate) const INDEX: &str = "index.json";
/// The directory of the blobs.
pub(crate) const BLOBS: &str = "blobs";
const MARKER_BYTES: u64 = 4 << 10;
/// Names in the directory of a layout among which files are looked for that a killed program left.
const ROOT_NAMES: usize = 1_000;

/// An OCI layout directory. Clones read and write the same directory.
#[derive(Clone, Debug)]
pub struct Layout {
    local: Local<Files>,
}

#[derive(Debug)]
struct Files {
    directory: Directory,
    shown: String,
}

impl Layout {
    /// Opens a layout. A directory that is none is an error of the kind `InvalidLayout`.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || {
            let directory = Directory::open(&path)?;
            let marker = directory.read(&[MARKER], MARKER_BYTES)?;
            check_marker(&directory.shown(&[MARKER]), marker.as_deref())?;
            Files::checked(directory, &path)
        })
        .await
    }

    /// Opens a layout, after making one where there is nothing or an empty directory. What a program left there that was
    /// killed while it wrote is removed.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking(move || {
            let directory = Directory::create(&path)?;
            directory.clean(ROOT_NAMES)?;
            let marker = directory.read(&[MARKER], MARKER_BYTES)?;
            if marker.is_none() && !is_begun(&directory)? {
                return Err(Error::new(
                    ErrorKind::InvalidLayout,
                    format!("{} is neither a layout nor empty", path.display()),
                ));
            }
            if marker.is_none() {
                let mut index = directory.temporary()?;
                write(&mut index, &Index::empty()?.to_bytes()?, INDEX)?;
                index.place(&[INDEX])?;
                let mut marker = directory.temporary()?;
                write(&mut marker, MARKER_TEXT.as_bytes(), MARKER)?;
                marker.place(&[MARKER])?;
            }
            let marker = directory.read(&[MARKER], MARKER_BYTES)?;
            check_marker(&directory.shown(&[MARKER]), marker.as_deref())?;
            Files::checked(directory, &path)
        })
        .await
    }

    /// How a person named it, without the image: `oci:DIR`.
    pub fn shown(&self) -> String {
        self.local.contents.shown.clone()
    }

    /// The image of a name. Without a tag or a digest it is the only image that the index lists; several are an
    /// error that names them. `identity` is the repository that the image goes by; without one it is that of a
    /// full name in the index, if it has one (rule G4).
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

    /// What refers to `subject`: manifests that the index lists, those that it does not list, and those that only
    /// the index of the fallback tag names. Found and empty when there are none.
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

    /// Writes a blob.
    pub async fn put_blob(&self, descriptor: &Descriptor, bytes: Bytes) -> Result<(), Error> {
        self.put_blob_stream(BlobStream::of(descriptor.clone(), bytes)).await
    }

    /// Writes a blob piece by piece. It gets its name when the stream has ended without an error.
    pub async fn put_blob_stream(&self, blob: BlobStream) -> Result<(), Error> {
        let Descriptor { digest, size, .. } = *blob.descriptor();
        let write = move |files: &Files, pieces: &mut Pieces| {
            let file = files.directory.temporary()?;
            let failed = |error| io_error("write", "a blob", error);
            let mut writer = file.writer(size);
            while let Some(piece) = pieces.next()? {
                writer.write(&piece).map_err(failed)?;
            }
            writer.end().map_err(failed)?;
            let (algorithm, hex) = names(&digest);
            file.place(&[BLOBS, algorithm, &hex])
        };
        self.local.write(blob, Hashing::Writer, write).await
    }

    /// Writes a manifest, and lists it where it has a tag. Without one it is found by digest.
    pub async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let Some(tag) = tag.cloned() else { return Ok(()) };
        let descriptor = manifest.descriptor.clone();
        self.edit(move |index| index.set_tag(&tag, &descriptor).map(|()| true)).await.map(|_| ())
    }

    /// Writes a manifest under a tag if that still names `expected`, or nothing where nothing is expected; whether
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

    /// Writes the manifest of an image and lists it, with or without a tag, and with the kind by which
    /// `cosign verify --local-image` finds it.
    pub async fn put_image(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let (tag, descriptor) = (tag.cloned(), manifest.descriptor.clone());
        self.edit(move |index| index.set_image(tag.as_ref(), &descriptor).map(|()| true)).await.map(|_| ())
    }

    /// The same under a tag and a full name, by which containerd knows it. Where another image has the tag, it is listed
    /// under its full name alone.
    pub async fn put_named_image(&self, manifest: &Fetched, tag: &Tag, name: &ImageRef) -> Result<(), Error> {
        self.put_object(manifest).await?;
        let (tag, name, descriptor) = (tag.clone(), name.to_string(), manifest.descriptor.clone());
        let edit = move |index: &mut Index| {
            index.set_named_image(&descriptor, Some(&tag), Some(&name)).map(|()| true)
        };
        self.edit(edit).await.map(|_| ())
    }

    /// Writes a manifest that refers to another one and lists it, so that every reader of layouts finds it.
    pub async fn put_referrer(&self, manifest: &Fetched) -> Result<(), Error> {
        let (subject, listed) = contents::listed_referrer(manifest)?;
        self.put_object(manifest).await?;
        self.edit(move |index| index.list_referrer(&subject, &listed).map(|()| true)).await.map(|_| ())
    }

    /// Removes a manifest from the index, and its blob. What it refers to stays.
    pub async fn delete_manifest(&self, digest: &Digest) -> Result<(), Error> {
        let digest = *digest;
        self.edit(move |index| Ok(index.remove(&digest))).await?;
        self.local
            .run(move |files| {
                let (algorithm, hex) = names(&digest);
                files.directory.remove(&[BLOBS, algorithm, &hex])
            })
            .await
    }

    /// Takes a tag away, and the blob of its manifest where no other name is left for it; whether there was one.
    pub async fn remove_tag(&self, tag: &Tag) -> Result<bool, Error> {
        let fetched = match self.manifest(&Which::Tag(tag.clone())).await {
            Look::Found(fetched) => fetched,
            Look::Unreadable(error) => return Err(error),
            Look::Absent | Look::Unsupported => return Ok(false),
        };
        let (digest, tag) = (fetched.descriptor.digest, tag.clone());
        let removed = self.edit(move |index| index.untag(&tag).map(|untagged| untagged.is_some())).await?;
        self.local
            .run(move |files| {
                if files.index()?.by_digest(&digest).is_some() {
                    return Ok(());
                }
                let (algorithm, hex) = names(&digest);
                files.directory.remove(&[BLOBS, algorithm, &hex])
            })
            .await?;
        self.local.forget();
        Ok(removed)
    }

    async fn put_object(&self, manifest: &Fetched) -> Result<(), Error> {
        contents::check_size(manifest)?;
        self.put_blob(&manifest.descriptor, manifest.bytes.clone()).await?;
        self.local.forget();
        Ok(())
    }

    /// Reads the index, changes it and, if it was changed, replaces it, while no other writer does. Whether it was.
    async fn edit(
        &self,
        change: impl FnOnce(&mut Index) -> Result<bool, Error> + Send + 'static,
    ) -> Result<bool, Error> {
        let edited = self.local.run(move |files| {
            let _lock = files.directory.lock(MARKER)?;
            let mut index = files.index()?;
            if !change(&mut index)? {
                return Ok(false);
            }
            let mut file = files.directory.temporary()?;
            write(&mut file, &index.to_bytes()?, INDEX)?;
            // What the index lists is there before it lists it, also when the power fails.
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                files.directory.sync(&[BLOBS, algorithm.name()])?;
            }
            file.place(&[INDEX])?;
            files.directory.sync(&[]).map(|()| true)
        });
        let edited = edited.await;
        self.local.forget();
        edited
    }
}

impl Files {
    fn checked(directory: Directory, path: &Path) -> Result<Layout, Error> {
        let files = Self { directory, shown: format!("oci:{}", path.display()) };
        files.index()?;
        Ok(Layout { local: Local::new(files) })
    }
}

impl Contents for Files {
    fn shown(&self) -> &str {
        &self.shown
    }

    fn index(&self) -> Result<Index, Error> {
        let shown = self.directory.shown(&[INDEX]);
        let bytes = self
            .directory
            .read(&[INDEX], LAYOUT_INDEX_BYTES)?
            .ok_or_else(|| Error::new(ErrorKind::InvalidLayout, format!("{shown} is missing")))?;
        Index::parse(&bytes, &shown)
    }

    fn open(&self, digest: &Digest) -> Result<Option<OpenBlob>, Error> {
        let (algorithm, hex) = names(digest);
        let file = self.directory.file(&[BLOBS, algorithm, &hex])?;
        Ok(file.map(|(file, size)| OpenBlob { file: Box::new(file), size }))
    }

    fn digests(&self, limit: usize) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let left = limit.saturating_sub(digests.len());
            let names = self.directory.names(&[BLOBS, algorithm.name()], left)?;
            // Other names are nothing that a digest leads to.
            digests.extend(names.iter().filter_map(|name| Digest::from_hex(algorithm, name).ok()));
        }
        digests.sort();
        Ok(digests)
    }
}

/// Whether a directory without a marker file is empty, or was about to become a layout when the program was killed.
fn is_begun(directory: &Directory) -> Result<bool, Error> {
    let names = match directory.names(&[], ROOT_NAMES) {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => return Ok(false),
        names => names?,
    };
    let others = || names.iter().filter(|name| !is_temporary(name)).map(String::as_str);
    if others().all(|name| name == INDEX) && others().count() == 1 {
        let index = directory.read(&[INDEX], LAYOUT_INDEX_BYTES)?.unwrap_or_default();
        return Ok(index == Index::empty()?.to_bytes()?);
    }
    Ok(others().count() == 0)
}

/// The names of the file of a blob, below [`BLOBS`].
fn names(digest: &Digest) -> (&'static str, String) {
    (digest.algorithm().name(), digest.hex())
}

/// Checks the text of the marker file: there, and of version 1.0.0.
pub(crate) fn check_marker(shown: &str, text: Option<&[u8]>) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Marker {
        #[serde(rename = "imageLayoutVersion")]
        version: String,
    }

    let invalid = |why: &str| Error::new(ErrorKind::InvalidLayout, format!("{shown} {why}"));
    let text = text.ok_or_else(|| invalid("is missing, so this is no OCI layout"))?;
    let marker: Marker = json::parse(text, |_| Names::Known(&["imageLayoutVersion"]))
        .map_err(|error| invalid("does not parse").caused_by(error))?;
    if marker.version == "1.0.0" { Ok(()) } else { Err(invalid("names another version than 1.0.0")) }
}

fn write(file: &mut impl Write, bytes: &[u8], what: &str) -> Result<(), Error> {
    file.write_all(bytes).map_err(|error| io_error("write", what, error))
}
