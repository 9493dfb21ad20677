//! `index.json`: which manifests a layout lists, and under which names.
//!
//! Entries are kept as the text that they came as, so that members which this program does not know survive an
//! edit. What is looked up is read strictly: an entry that is no descriptor makes the index unreadable.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use waxseal_core::limits::LAYOUT_INDEX_BYTES;
use waxseal_core::media_type::{self, DOCKER_CONFIG, OCI_CONFIG, OCI_INDEX};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest, ImageRef, Repository, json, manifest};

use crate::attached::{Attached, is_attached_tag};
use crate::error::{Error, ErrorKind};
use crate::members::Members;

/// Name of an entry (image specification, "Pre-Defined Annotation Keys").
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Full name of an entry, as containerd and Docker write it.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// What an entry is, for cosign.
const KIND: &str = "kind";
const KIND_IMAGE: &str = "dev.cosignproject.cosign/image";
const KIND_INDEX: &str = "dev.cosignproject.cosign/imageIndex";
const KIND_SIGNATURES: &str = "dev.cosignproject.cosign/sigs";
const KIND_ATTESTATIONS: &str = "dev.cosignproject.cosign/atts";

/// The index of a layout or an archive.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    members: Vec<(String, Box<RawValue>)>,
    entries: Vec<Entry>,
}

/// One manifest that the index lists.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    raw: Box<RawValue>,
    pub(crate) descriptor: Descriptor,
}

impl Index {
    /// An index that lists nothing.
    pub(crate) fn empty() -> Result<Self, Error> {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
        Self::parse(text.as_bytes(), "index.json")
    }

    /// Reads an index; `shown` names it in errors.
    pub(crate) fn parse(bytes: &[u8], shown: &str) -> Result<Self, Error> {
        let invalid = |why: String| Error::new(ErrorKind::InvalidLayout, format!("{shown} {why}"));
        let members: Members = json::parse(bytes, manifest::interpreted)
            .map_err(|error| invalid("is no image index".to_owned()).caused_by(error))?;
        let mut entries = Vec::new();
        let mut version = None;
        for (name, value) in &members.0 {
            match name.as_str() {
                "schemaVersion" => version = Some(value.get()),
                "mediaType" if value.get() != format!("\"{OCI_INDEX}\"") => {
                    return Err(invalid(format!("is not of the type {OCI_INDEX}")));
                }
                "manifests" => {
                    let raw: Option<Vec<Box<RawValue>>> = serde_json::from_str(value.get())
                        .map_err(|error| invalid("has no list of manifests".to_owned()).caused_by(error))?;
                    for raw in raw.unwrap_or_default() {
                        entries.push(Entry::parse(raw).map_err(|error| {
                            invalid("lists an entry that is no descriptor".to_owned()).caused_by(error)
                        })?);
                    }
                }
                _ => {}
            }
        }
        if version != Some("2") {
            return Err(invalid("has not schemaVersion 2".to_owned()));
        }
        Ok(Self { members: members.0, entries })
    }

    /// The text of the index. Larger than it may be read is an error.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let entries: Vec<&str> = self.entries.iter().map(|entry| entry.raw.get()).collect();
        let entries = format!("[{}]", entries.join(","));
        let mut written = false;
        let mut members = Vec::new();
        for (name, value) in &self.members {
            let name_text = serde_json::to_string(name).map_err(unwritable)?;
            written |= name == "manifests";
            let value = if name == "manifests" { entries.as_str() } else { value.get() };
            members.push(format!("{name_text}:{value}"));
        }
        if !written {
            members.push(format!("\"manifests\":{entries}"));
        }
        let text = format!("{{{}}}", members.join(","));
        if text.len() as u64 > LAYOUT_INDEX_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("index.json would have more than {LAYOUT_INDEX_BYTES} bytes"),
            ));
        }
        Ok(text.into_bytes())
    }

    /// The entries, in order.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The names of all entries that can be asked for as tags, each once.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.entries.iter().flat_map(Entry::tags).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// The entry of a tag: the one of exactly this name, else the one whose full name ends in it, else, for what is
    /// attached to the only image, the one whose kind says so without a name (as `cosign save` writes it). Names
    /// that stand at several digests are an error.
    pub(crate) fn by_tag(&self, tag: &Tag) -> Result<Option<&Entry>, Error> {
        let exact = |entry: &&Entry| entry.annotation(REF_NAME) == Some(tag.as_str());
        if let Some(entry) = one(self.entries.iter().filter(exact), tag)? {
            return Ok(Some(entry));
        }
        let ending = |entry: &&Entry| entry.tags().contains(tag);
        if let Some(entry) = one(self.entries.iter().filter(ending), tag)? {
            return Ok(Some(entry));
        }
        self.by_kind(tag)
    }

    fn by_kind(&self, tag: &Tag) -> Result<Option<&Entry>, Error> {
        let image = match one(self.entries.iter().filter(|entry| entry.is_cosign_image()), tag) {
            Ok(Some(image)) => &image.descriptor.digest,
            // Several images: an entry without a name belongs to nobody knows which.
            Ok(None) | Err(_) => return Ok(None),
        };
        let kind = match Attached::ALL.iter().find(|kind| kind.tag(image).as_ref() == Some(tag)) {
            Some(Attached::Signatures) => KIND_SIGNATURES,
            Some(Attached::Attestations) => KIND_ATTESTATIONS,
            _ => return Ok(None),
        };
        let nameless =
            |entry: &&Entry| entry.annotation(KIND) == Some(kind) && entry.annotation(REF_NAME).is_none();
        one(self.entries.iter().filter(nameless), tag)
    }

    /// The entry of a digest, if it is listed.
    pub(crate) fn by_digest(&self, digest: &Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.descriptor.digest == *digest)
    }

    /// Lists `descriptor` under `tag`. The entry that had the tag before goes, unless it has another name; so does one
    /// of the same digest that has none.
    pub(crate) fn set_tag(&mut self, tag: &Tag, descriptor: &Descriptor) -> Result<(), Error> {
        let digest = descriptor.digest;
        if self.by_tag(tag)?.is_some_and(|entry| entry.descriptor.digest == digest) {
            return Ok(());
        }
        let replaced = self.by_kind(tag)?.map(|entry| entry.descriptor.digest);
        let mut kept = Vec::new();
        for mut entry in self.entries.iter().cloned() {
            let stays = match (entry.annotation(REF_NAME), entry.annotation(CONTAINERD_NAME)) {
                (Some(name), _) if name == tag.as_str() => entry.lose(tag)?,
                (Some(_), _) | (None, Some(_)) => true,
                (None, None) => {
                    entry.descriptor.digest != digest && Some(entry.descriptor.digest) != replaced
                }
            };
            if stays {
                kept.push(entry);
            }
        }
        self.entries = kept;
        let mut annotations = descriptor.annotations.clone();
        annotations.insert(REF_NAME.to_owned(), tag.as_str().to_owned());
        self.push(descriptor, annotations)?;
        self.mark_image(|image| Attached::ALL.iter().any(|kind| kind.tag(image).as_ref() == Some(tag)))?;
        self.mark_attached()
    }

    /// Lists `descriptor` under `tag` if that names `expected` now; whether it did.
    pub(crate) fn replace_tag(
        &mut self,
        tag: &Tag,
        descriptor: &Descriptor,
        expected: Option<Digest>,
    ) -> Result<bool, Error> {
        if self.by_tag(tag)?.map(|entry| entry.descriptor.digest) != expected {
            return Ok(false);
        }
        self.set_tag(tag, descriptor).map(|()| true)
    }

    /// Lists `descriptor` without a name, unless its digest is listed already.
    pub(crate) fn list(&mut self, descriptor: &Descriptor) -> Result<(), Error> {
        if self.by_digest(&descriptor.digest).is_none() {
            self.push(descriptor, descriptor.annotations.clone())?;
        }
        Ok(())
    }

    /// Lists `descriptor`, which refers to `subject`, without a name.
    pub(crate) fn list_referrer(&mut self, subject: &Digest, descriptor: &Descriptor) -> Result<(), Error> {
        self.list(descriptor)?;
        self.mark_image(|image| image == subject)?;
        self.mark_attached()
    }

    /// Lists `descriptor` as an image, with the kind that cosign looks for.
    pub(crate) fn set_image(&mut self, tag: Option<&Tag>, descriptor: &Descriptor) -> Result<(), Error> {
        let kind = kind_of_image(descriptor);
        self.name_attached()?;
        match tag {
            Some(tag) => self.set_tag(tag, descriptor)?,
            None => self.list(descriptor)?,
        }
        for entry in &mut self.entries {
            if entry.descriptor.digest == descriptor.digest && !entry.is_cosign_image() {
                entry.annotate(KIND, Some(kind))?;
            }
        }
        self.mark_attached()
    }

    /// Lists `descriptor` as an image under a tag and under its full name, by which containerd knows it. Where another
    /// image has the tag already, and another full name, it is listed under its full name alone.
    pub(crate) fn set_named_image(
        &mut self,
        descriptor: &Descriptor,
        tag: Option<&Tag>,
        name: Option<&str>,
    ) -> Result<(), Error> {
        let (Some(tag), Some(name)) = (tag, name) else { return self.set_image(tag, descriptor) };
        let digest = descriptor.digest;
        let taken = self.entries.iter().any(|entry| {
            entry.annotation(REF_NAME) == Some(tag.as_str())
                && entry.descriptor.digest != digest
                && entry.annotation(CONTAINERD_NAME) != Some(name)
        });
        if !taken {
            self.set_image(Some(tag), descriptor)?;
            for entry in &mut self.entries {
                if entry.annotation(REF_NAME) == Some(tag.as_str()) && entry.descriptor.digest == digest {
                    entry.annotate(CONTAINERD_NAME, Some(name))?;
                }
            }
            return Ok(());
        }
        self.name_attached()?;
        self.entries.retain(|entry| entry.annotation(REF_NAME) != Some(name));
        let mut annotations = descriptor.annotations.clone();
        for (key, value) in [(REF_NAME, name), (CONTAINERD_NAME, name), (KIND, kind_of_image(descriptor))] {
            annotations.insert(key.to_owned(), value.to_owned());
        }
        self.push(descriptor, annotations)?;
        self.mark_attached()
    }

    /// Removes every entry of `digest`; whether there was one.
    pub(crate) fn remove(&mut self, digest: &Digest) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.descriptor.digest != *digest);
        before != self.entries.len()
    }

    /// Gives the image that something was attached to the kind that cosign looks for. Other tools write layouts
    /// without it. A layout has one image for cosign, so the first one that got the kind keeps it.
    fn mark_image(&mut self, is_it: impl Fn(&Digest) -> bool) -> Result<(), Error> {
        if self.entries.iter().any(Entry::is_cosign_image) {
            return Ok(());
        }
        for entry in &mut self.entries {
            if entry.seems_an_image() && is_it(&entry.descriptor.digest) {
                entry.annotate(KIND, Some(kind_of_image(&entry.descriptor)))?;
            }
        }
        Ok(())
    }

    /// Takes a tag away from what it names: an entry that has another name loses this one, one that has none goes.
    /// Whether the digest is still listed, and the digest, are the outcome: none if the tag names nothing.
    pub(crate) fn untag(&mut self, tag: &Tag) -> Result<Option<(Digest, bool)>, Error> {
        let Some(digest) = self.by_tag(tag)?.map(|entry| entry.descriptor.digest) else { return Ok(None) };
        let mut kept = Vec::new();
        for mut entry in self.entries.iter().cloned() {
            if entry.descriptor.digest != digest || entry.lose(tag)? {
                kept.push(entry);
            }
        }
        self.entries = kept;
        Ok(Some((digest, self.by_digest(&digest).is_some())))
    }

    /// Names what is attached to the only image and has only a kind, before a second image makes it nobody's.
    fn name_attached(&mut self) -> Result<(), Error> {
        let mut images = self.entries.iter().filter(|entry| entry.is_cosign_image());
        let Some(image) = images.next().map(|entry| entry.descriptor.digest) else { return Ok(()) };
        if images.any(|other| other.descriptor.digest != image) {
            return Ok(());
        }
        for entry in &mut self.entries {
            let attached = match entry.annotation(KIND) {
                Some(KIND_SIGNATURES) => Attached::Signatures,
                Some(KIND_ATTESTATIONS) => Attached::Attestations,
                _ => continue,
            };
            if entry.annotation(REF_NAME).is_none()
                && let Some(tag) = attached.tag(&image)
            {
                entry.annotate(REF_NAME, Some(tag.as_str()))?;
            }
        }
        Ok(())
    }

    /// Gives the objects attached to a listed image by tag the kind that cosign looks for, and takes it from those whose
    /// image is not listed any more. Those attached to the images of an index have none: cosign takes the first entry of
    /// a kind, whichever image it belongs to.
    fn mark_attached(&mut self) -> Result<(), Error> {
        let mut kinds = BTreeMap::new();
        for image in self.entries.iter().filter(|entry| entry.is_cosign_image()) {
            let digest = &image.descriptor.digest;
            for (attached, kind) in
                [(Attached::Signatures, KIND_SIGNATURES), (Attached::Attestations, KIND_ATTESTATIONS)]
            {
                if let Some(tag) = attached.tag(digest) {
                    kinds.insert(tag, kind);
                }
            }
        }
        for entry in &mut self.entries {
            let Some(tag) = entry.annotation(REF_NAME).and_then(|name| name.parse::<Tag>().ok()) else {
                continue;
            };
            let (kind, standing) = (kinds.get(&tag).copied(), entry.annotation(KIND));
            let left = is_attached_tag(tag.as_str())
                && matches!(standing, Some(KIND_SIGNATURES | KIND_ATTESTATIONS));
            if standing != kind && (kind.is_some() || left) {
                entry.annotate(KIND, kind)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, descriptor: &Descriptor, annotations: BTreeMap<String, String>) -> Result<(), Error> {
        let mut descriptor = descriptor.clone();
        descriptor.annotations = annotations;
        self.entries.push(Entry::of(descriptor)?);
        Ok(())
    }
}

impl Entry {
    fn parse(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let descriptor = serde_json::from_str(raw.get())?;
        Ok(Self { raw, descriptor })
    }

    fn of(descriptor: Descriptor) -> Result<Self, Error> {
        let raw = serde_json::value::to_raw_value(&descriptor).map_err(unwritable)?;
        Ok(Self { raw, descriptor })
    }

    /// Whether the entry says itself that it is attached to an image, and none. Only its manifest says whether
    /// it refers to one.
    pub(crate) fn is_attached(&self) -> bool {
        let kind = self.annotation(KIND);
        matches!(kind, Some(KIND_SIGNATURES | KIND_ATTESTATIONS))
            || self.tags().iter().any(|tag| is_attached_tag(tag.as_str()))
    }

    /// Whether cosign would take the entry for the image.
    pub(crate) fn is_cosign_image(&self) -> bool {
        matches!(self.annotation(KIND), Some(KIND_IMAGE | KIND_INDEX))
    }

    /// Whether the entry looks like an image, and not like a referrer that something was attached to. Some tools
    /// write the type of the configuration as artifact type, of every image.
    fn seems_an_image(&self) -> bool {
        let artifact_type = self.descriptor.artifact_type.as_deref();
        !self.is_attached() && matches!(artifact_type, None | Some(OCI_CONFIG | DOCKER_CONFIG))
    }

    /// The names that the entry can be asked for by.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let names = [REF_NAME, CONTAINERD_NAME].into_iter().filter_map(|key| self.annotation(key));
        names.filter_map(|name| split_name(name).1).collect()
    }

    /// Takes a tag out of the names; whether another name is left.
    fn lose(&mut self, tag: &Tag) -> Result<bool, Error> {
        let names = [REF_NAME, CONTAINERD_NAME];
        for key in names {
            if self.annotation(key).is_some_and(|name| split_name(name).1.as_ref() == Some(tag)) {
                self.annotate(key, None)?;
            }
        }
        Ok(names.iter().any(|key| self.annotation(key).is_some()))
    }

    /// The repository that a full name of the entry gives it (rule G4).
    pub(crate) fn identity(&self) -> Option<Repository> {
        let mut names = [REF_NAME, CONTAINERD_NAME].into_iter().filter_map(|key| self.annotation(key));
        names.find_map(|name| split_name(name).0)
    }

    /// The full names of the entry, without those that are none.
    pub(crate) fn full_names(&self) -> Vec<ImageRef> {
        let names = [REF_NAME, CONTAINERD_NAME].into_iter().filter_map(|key| self.annotation(key));
        names.filter(|name| name.contains('/')).filter_map(|name| name.parse().ok()).collect()
    }

    /// How the entry is named to a person: its tag, else its digest.
    pub(crate) fn shown(&self) -> String {
        self.tags().first().map_or_else(|| format!("@{}", self.descriptor.digest), |tag| format!(":{tag}"))
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.descriptor.annotations.get(key).map(String::as_str)
    }

    /// Sets or removes one annotation and leaves every other member as it came.
    fn annotate(&mut self, key: &str, value: Option<&str>) -> Result<(), Error> {
        match value {
            Some(value) => self.descriptor.annotations.insert(key.to_owned(), value.to_owned()),
            None => self.descriptor.annotations.remove(key),
        };
        let mut members: Members = serde_json::from_str(self.raw.get()).map_err(unwritable)?;
        let annotations =
            serde_json::value::to_raw_value(&self.descriptor.annotations).map_err(unwritable)?;
        members.0.retain(|(name, _)| name != "annotations");
        members.0.push(("annotations".to_owned(), annotations));
        let texts: Result<Vec<String>, _> = members
            .0
            .iter()
            .map(|(name, value)| Ok(format!("{}:{}", serde_json::to_string(name)?, value.get())))
            .collect();
        let text = format!("{{{}}}", texts.map_err(unwritable)?.join(","));
        self.raw = RawValue::from_string(text).map_err(unwritable)?;
        Ok(())
    }
}

fn kind_of_image(descriptor: &Descriptor) -> &'static str {
    if media_type::is_index(&descriptor.media_type) { KIND_INDEX } else { KIND_IMAGE }
}

/// The only entry, or several of one digest; several digests are an error.
fn one<'a>(entries: impl Iterator<Item = &'a Entry>, tag: &Tag) -> Result<Option<&'a Entry>, Error> {
    let mut found: Option<&Entry> = None;
    for entry in entries {
        if found.is_some_and(|found| found.descriptor.digest != entry.descriptor.digest) {
            return Err(Error::new(
                ErrorKind::InvalidLayout,
                format!("index.json lists {tag:?} at several digests"),
            ));
        }
        found.get_or_insert(entry);
    }
    Ok(found)
}

/// The repository of a full name, and the tag of any name.
fn split_name(name: &str) -> (Option<Repository>, Option<Tag>) {
    let Some((first, _)) = name.split_once('/') else { return (None, name.parse().ok()) };
    let (repository, tag) = match name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((repository, tag)) => (repository, tag.parse().ok()),
        None => (name, None),
    };
    let qualified = first.contains(['.', ':']) || first == "localhost";
    (qualified.then(|| repository.parse().ok()).flatten(), tag)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Malformed, "index.json cannot be written").caused_by(error)
}
