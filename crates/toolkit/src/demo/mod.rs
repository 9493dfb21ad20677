//! The stage of the demonstration: keys, an image, and what an attacker would do with them.
//!
//! Everything stands in one directory, as layouts and files, and is made without a network and without any other
//! program. Signing and verifying is not done here: that is what the real commands are shown for.

mod image;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use getrandom::SysRng;
use getrandom::rand_core::TryRng as _;
use serde_json::Value;
use waxseal_core::encoding::base64_encode;
use waxseal_core::key::{KeyAlgorithm, Password, PrivateKey};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::manifest::Manifest;
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::{Attached, Fetched, Layout, Store, Which};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// The layout with the image.
pub const IMAGE: &str = "demo";
/// The layout with the same image, before it was signed.
pub const UNSIGNED: &str = "unsigned";
/// The layout in which the tag names a changed image.
pub const TAMPERED: &str = "tampered";
/// The layout of another image, with the first one's signatures beside it.
pub const MOVED: &str = "moved";
/// The private key.
pub const KEY: &str = "demo.key";
/// Its public half.
pub const PUBLIC_KEY: &str = "demo.pub";
/// The file with its password.
pub const PASSWORD: &str = "demo.password";
/// The public half of a key that signed nothing.
pub const OTHER_PUBLIC_KEY: &str = "other.pub";

/// Bytes of the password, before they are written in base64.
const PASSWORD_BYTES: usize = 18;

/// A directory with the layouts and files of the demonstration.
#[derive(Clone, Debug)]
pub struct Stage {
    directory: PathBuf,
    tag: Tag,
}

impl Stage {
    /// Takes an empty directory and writes the keys: one to sign with, sealed with a new password, and the public half
    /// of another. Images go by `tag`.
    pub fn new(directory: &Path, tag: Tag) -> Result<Self, Error> {
        let stage = Self { directory: directory.to_owned(), tag };
        let mut random = Zeroizing::new([0; PASSWORD_BYTES]);
        SysRng.try_fill_bytes(random.as_mut_slice()).map_err(|error| {
            Error::new(ErrorKind::Key, "the system gives no random numbers").caused_by(error)
        })?;
        let password = Zeroizing::new(base64_encode(*random));
        let key = PrivateKey::generate(KeyAlgorithm::P256, &mut SysRng)?;
        let sealed = key.seal(&Password::new(password.as_bytes().to_vec()), &mut SysRng)?;
        let other = PrivateKey::generate(KeyAlgorithm::P256, &mut SysRng)?;
        stage.write(KEY, sealed.as_bytes())?;
        stage.write(PASSWORD, password.as_bytes())?;
        stage.write(PUBLIC_KEY, key.public_key().to_pem().as_bytes())?;
        stage.write(OTHER_PUBLIC_KEY, other.public_key().to_pem().as_bytes())?;
        Ok(stage)
    }

    /// Writes a small image of its own into the layout [`IMAGE`].
    pub async fn image(&self) -> Result<Digest, Error> {
        let store = self.create(IMAGE).await?;
        image::small("hello from waxseal\n")?.put(&store, &self.tag).await
    }

    /// Before the image is signed: keeps it as it is, as [`UNSIGNED`].
    pub async fn keep_unsigned(&self) -> Result<(), Error> {
        self.duplicate(UNSIGNED).await
    }

    /// After the image was signed: the tag of [`TAMPERED`] names a changed manifest; the signatures of the first one
    /// still stand there. Says the digest of the changed one.
    pub async fn tamper(&self) -> Result<Digest, Error> {
        self.duplicate(TAMPERED).await?;
        let store = self.open(TAMPERED).await?;
        let original = self.tagged(&store).await?;
        let mut document: Value = serde_json::from_slice(&original.bytes)
            .map_err(|error| broken("a manifest that is no JSON").caused_by(error))?;
        let annotations = document
            .as_object_mut()
            .ok_or_else(|| broken("a manifest that is no object"))?
            .entry("annotations")
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        match annotations {
            Value::Object(annotations) => annotations.insert("com.example.changed".to_owned(), "yes".into()),
            other => {
                *other = serde_json::json!({ "com.example.changed": "yes" });
                None
            }
        };
        let changed = manifest(&original.descriptor.media_type, document.to_string());
        store.put_image(&changed, Some(&self.tag)).await?;
        Ok(changed.descriptor.digest)
    }

    /// After the image was signed: another image in [`MOVED`], and beside it the signatures of the first one, as far as
    /// an attacker can make them fit: the tag is renamed, and the referrer names the other image.
    pub async fn move_signatures(&self) -> Result<Digest, Error> {
        let (from, to) = (self.open(IMAGE).await?, self.create(MOVED).await?);
        let signed = self.tagged(&from).await?.descriptor.digest;
        let other = image::small("another image\n")?.put(&to, &self.tag).await?;
        if let (Some(old), Some(new)) = (Attached::Signatures.tag(&signed), Attached::Signatures.tag(&other))
        {
            let signatures =
                from.manifest(&Which::Tag(old)).await.required(|| "the signatures".to_owned())?;
            copy_blobs(&from, &to, &signatures).await?;
            to.put_manifest(&signatures, Some(&new)).await?;
        }
        let target = self.tagged(&to).await?.descriptor;
        let referrers = from.referrers(&signed).await.required(|| "the referrers".to_owned())?;
        for descriptor in referrers.descriptors {
            let look = from.manifest(&Which::Digest(descriptor.digest)).await;
            let referrer = look.required(|| descriptor.digest.to_string())?;
            let mut document: Value = serde_json::from_slice(&referrer.bytes)
                .map_err(|error| broken("a referrer that is no JSON").caused_by(error))?;
            let subject = Descriptor::new(target.media_type.clone(), target.digest, target.size);
            if let Some(members) = document.as_object_mut() {
                members.insert("subject".to_owned(), serde_json::json!(subject));
            }
            copy_blobs(&from, &to, &referrer).await?;
            to.put_referrer(&manifest(&referrer.descriptor.media_type, document.to_string())).await?;
        }
        Ok(other)
    }

    async fn tagged(&self, store: &Store) -> Result<Fetched, Error> {
        let look = store.manifest(&Which::Tag(self.tag.clone())).await;
        Ok(look.required(|| format!("{}:{}", store.shown(), self.tag))?)
    }

    async fn open(&self, layout: &str) -> Result<Store, Error> {
        Ok(Store::Layout(Layout::open(self.directory.join(layout)).await?))
    }

    async fn create(&self, layout: &str) -> Result<Store, Error> {
        Ok(Store::Layout(Layout::create(self.directory.join(layout)).await?))
    }

    /// Writes a file that only its owner reads.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.directory.join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).and_then(|mut file| file.write_all(bytes)).map_err(|error| {
            Error::new(ErrorKind::Io, format!("{} cannot be written", path.display())).caused_by(error)
        })
    }

    /// The layout [`IMAGE`] as it is now, under another name. Objects never change, so they are linked where the file
    /// system can do that: an image of any size stands here once.
    async fn duplicate(&self, name: &str) -> Result<(), Error> {
        let (from, to) = (self.directory.join(IMAGE), self.directory.join(name));
        let shown = to.display().to_string();
        let work = tokio::task::spawn_blocking(move || duplicate(&from, &to));
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Io, format!("{shown} cannot be written")).caused_by(error)
        };
        match work.await {
            Ok(done) => done.map_err(|error| failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The index and the marker are files of each layout's own.
fn duplicate(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            link(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            link(&source, &target)?;
        } else if fs::hard_link(&source, &target).is_err() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

async fn copy_blobs(from: &Store, to: &Store, fetched: &Fetched) -> Result<(), Error> {
    let manifest = Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type))
        .map_err(|error| broken("a signature that is no manifest").caused_by(error))?;
    for blob in manifest.children() {
        let bytes = from.blob(blob, BUNDLE_BYTES).await?;
        to.put_blob(blob, bytes).await?;
    }
    Ok(())
}

fn manifest(media_type: &str, text: String) -> Fetched {
    let bytes = Bytes::from(text);
    Fetched::of(media_type, bytes)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidImage, format!("the demonstration found {what}"))
}
