//! The images of an archive that is to be written: what its index lists, and which blobs it needs.
//!
//! It is the layout that [`Archive`](crate::Archive) would write, known before anything is written. An image of a tag is
//! listed under that tag and under its full name, by which containerd imports it; where two images have the same tag,
//! the later ones are listed under their full names alone.

use std::collections::BTreeMap;

use bytes::Bytes;
use waxseal_core::{Descriptor, Digest, ImageRef};

use super::super::name;
use super::{Content, Entry, File};
use crate::error::{Error, ErrorKind};
use crate::layout::index::Index;
use crate::layout::{INDEX, MARKER, MARKER_TEXT, contents};
use crate::transfer::Gathered;

/// The images, and everything that hangs on them.
#[derive(Debug)]
pub struct Images {
    index: Index,
    blobs: BTreeMap<Digest, File>,
}

impl Images {
    /// No image yet.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { index: Index::empty()?, blobs: BTreeMap::new() })
    }

    /// Adds an image with everything that was gathered. `name` is the name that it had.
    pub fn add(&mut self, image: &Gathered, name: Option<&ImageRef>) -> Result<(), Error> {
        for manifest in image.manifests() {
            contents::check_size(manifest)?;
            self.blob(&manifest.descriptor, Content::Bytes(manifest.bytes.clone()))?;
        }
        for (descriptor, from) in image.blobs() {
            self.blob(
                descriptor,
                Content::Blob { from: Box::new(from.clone()), descriptor: Box::new(descriptor.clone()) },
            )?;
        }
        for (tag, manifest) in image.tagged() {
            let digest = manifest.descriptor.digest;
            if self.index.by_tag(tag)?.is_some_and(|entry| entry.descriptor.digest != digest) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{tag} is something else in two places: one of both would be lost"),
                ));
            }
            self.index.set_tag(tag, &manifest.descriptor)?;
        }
        for manifest in image.referrers() {
            let (subject, listed) = contents::listed_referrer(manifest)?;
            self.index.list_referrer(&subject, &listed)?;
        }
        let tag = name.and_then(ImageRef::tag);
        let full = name.zip(tag).map(|(name, tag)| format!("{}:{tag}", name.repository()));
        self.index.set_named_image(&image.root().descriptor, tag, full.as_deref())
    }

    /// Leaves a blob out, if there is such a one that is no manifest; its size.
    pub fn leave_out(&mut self, digest: &Digest) -> Option<u64> {
        let blob = self.blobs.get(digest)?;
        if !matches!(blob.content, Content::Blob { .. }) {
            return None;
        }
        self.blobs.remove(digest).map(|blob| blob.entry.size)
    }

    /// The marker and the index, as the files that begin a layout.
    pub fn heads(&self) -> Result<[File; 2], Error> {
        let marker = File::of(MARKER, Bytes::from_static(MARKER_TEXT.as_bytes()));
        Ok([marker, File::of(INDEX, self.index.to_bytes()?)])
    }

    /// The blobs, in the order of their digests.
    pub fn into_blobs(self) -> Vec<File> {
        self.blobs.into_values().collect()
    }

    fn blob(&mut self, descriptor: &Descriptor, content: Content) -> Result<(), Error> {
        let entry = Entry::new(name(&descriptor.digest), descriptor.size, descriptor.digest);
        match self.blobs.entry(descriptor.digest) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(File { entry, content });
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(mut there) => {
                if there.get().entry != entry {
                    return Err(crate::blob::size_mismatch(descriptor, there.get().entry.size));
                }
                // What is a manifest for one image may be a mere blob for another.
                if matches!(content, Content::Bytes(_)) {
                    there.get_mut().content = content;
                }
                Ok(())
            }
        }
    }
}
