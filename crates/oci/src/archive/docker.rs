//! Archives of `docker save`, of both forms that there are.
//!
//! Since version 25 Docker writes an OCI layout with a `manifest.json` beside it; that is an OCI archive, if both say the
//! same: else one program would verify what another does not load. Before, and in other programs until today, there is
//! `manifest.json` alone, with configurations and layers but without a manifest that has a digest. Such an image is
//! converted: its bytes stay, and a manifest is made that follows from them. Nothing is unpacked, and names lead to
//! entries of the archive only (T-61).

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use waxseal_core::limits::{
    COPY_MANIFESTS, DOCKER_IMAGES, DOCKER_LIST_BYTES, INDEX_DEPTH, MANIFEST_BYTES, MANIFEST_DESCRIPTORS, TAGS,
};
use waxseal_core::manifest::Manifest;
use waxseal_core::{Descriptor, Digest, ImageRef, json, media_type};

use super::medium::Medium;
use super::table::{COMPRESSED, Links, Span, Table};
use super::writer::Identity;
use super::{Tape, View, header, name, open_file, small};
use crate::error::{Error, ErrorKind};
use crate::layout::contents::{Contents as _, manifest};
use crate::layout::index::{CONTAINERD_NAME, Entry, Index};
use crate::layout::{INDEX, MARKER};
use crate::object::Which;

/// The file that lists the images.
const LIST: &str = "manifest.json";
/// Media type of a layer that is not compressed (image specification, "Image Layer Filesystem Changeset").
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Names that an error lists.
const SHOWN_NAMES: usize = 10;

/// An image that [`LIST`] names.
#[derive(Debug)]
struct Image {
    config: String,
    names: Vec<ImageRef>,
    layers: Vec<String>,
}

/// An archive whose entries were listed.
struct Opened {
    path: PathBuf,
    shown: String,
    file: Arc<Medium>,
    metadata: Metadata,
    table: Table,
}

/// Opens an archive that holds an OCI layout. One that does not is an error of the kind `Unsupported`.
pub(super) fn layout(path: &Path) -> Result<Tape, Error> {
    let opened = Opened::read(path)?;
    if opened.is_layout() {
        return opened.into_layout();
    }
    opened.list()?;
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "{} holds no OCI layout, so its images have no digest that anything could be said about: copy the image into \
             a registry, a layout or an OCI archive first, and go on with that",
            opened.shown
        ),
    ))
}

/// Opens an archive of either form. One without an OCI layout shows one image, as it is after its conversion: the one
/// of `reference`, or the only one.
pub(super) fn converted(path: &Path, reference: Option<&ImageRef>) -> Result<Tape, Error> {
    let opened = Opened::read(path)?;
    if opened.is_layout() { opened.into_layout() } else { opened.convert(reference) }
}

/// The digest that goes by `reference` in an archive with an OCI layout, and whether that is its full name there.
pub(super) fn by_reference(tape: &Tape, reference: &ImageRef) -> Result<(Digest, bool), Error> {
    let index = tape.index()?;
    let mut found: Vec<(Digest, bool)> = Vec::new();
    for entry in index.entries() {
        let digest = entry.descriptor.digest;
        if known_as(entry).contains(&key(reference)) && !found.iter().any(|(known, _)| *known == digest) {
            found.push((digest, !entry.full_names().is_empty()));
        }
    }
    match found.as_slice() {
        [found] => Ok(*found),
        [] => {
            let names = index.entries().iter().flat_map(|entry| {
                let full = entry.full_names();
                if full.is_empty() {
                    vec![entry.shown()]
                } else {
                    full.iter().map(ToString::to_string).collect()
                }
            });
            Err(Error::new(
                ErrorKind::NotFound,
                format!("{reference} is not in {}; it has {}", tape.shown, listed(names)),
            ))
        }
        _ => Err(Error::new(
            ErrorKind::InvalidLayout,
            format!("{} lists {reference} at several digests", tape.shown),
        )),
    }
}

impl Opened {
    fn read(path: &Path) -> Result<Self, Error> {
        let shown = format!("docker-archive:{}", path.display());
        let (file, metadata) = open_file(path)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("the archive {} is not there", path.display()))
        })?;
        let file = Arc::new(Medium::of(file));
        let table = Table::read(&mut file.cursor(), metadata.len(), Links::Noted, &shown)?;
        Ok(Self { path: path.to_owned(), shown, file, metadata, table })
    }

    fn is_layout(&self) -> bool {
        self.table.span(MARKER).is_some() || self.table.span(INDEX).is_some()
    }

    fn into_layout(mut self) -> Result<Tape, Error> {
        if self.table.has_links() {
            return Err(self.refuse(format!("has an entry that {}", header::SYMBOLIC_LINK)));
        }
        let images = if self.table.span(LIST).is_some() { self.images()? } else { Vec::new() };
        let mut configs = Vec::new();
        for image in &images {
            configs.push(Digest::of(self.config(image)?));
        }
        let view = View::layout(self.file, Some(Identity::of(&self.metadata)), self.table, &self.shown)?;
        let tape = Tape::new(self.path, self.shown, view);
        agree(&tape, &images, &configs)?;
        Ok(tape)
    }

    /// The images, or why the archive is none of Docker's.
    fn list(&self) -> Result<Span, Error> {
        self.table.span(LIST).ok_or_else(|| {
            self.refuse(format!("has neither an OCI layout nor {LIST}: nothing says which images it holds"))
        })
    }

    fn images(&mut self) -> Result<Vec<Image>, Error> {
        let span = self.list()?;
        let bytes = small(&self.file, Some(span), DOCKER_LIST_BYTES, &self.shown)?.unwrap_or_default();
        parse(&bytes).map_err(|why| self.refuse(why))
    }

    fn config(&mut self, image: &Image) -> Result<Vec<u8>, Error> {
        let span = self.entry(&image.config, "configuration")?;
        Ok(small(&self.file, Some(span), MANIFEST_BYTES, &self.shown)?.unwrap_or_default())
    }

    /// Where an entry stands that [`LIST`] names.
    fn entry(&self, name: &str, what: &str) -> Result<Span, Error> {
        let refuse = |why: String| self.refuse(format!("names the {what} {name:?}, which {why}"));
        let checked = header::checked_name(name.as_bytes()).map_err(&refuse)?;
        self.table.follow(&checked).map_err(&refuse)?.ok_or_else(|| refuse("is not in it".to_owned()))
    }

    /// One image as an OCI archive: configuration and layers where they stand, and the manifest that follows from them.
    /// Size and digest of the layers are those of the configuration's `diff_ids`; whoever reads one compares them.
    fn convert(mut self, reference: Option<&ImageRef>) -> Result<Tape, Error> {
        let images = self.images()?;
        let image = pick(&images, reference, &self.shown)?;
        let span = self.entry(&image.config, "configuration")?;
        let bytes = self.config(image)?;
        let digest = Digest::of(&bytes);
        if let Some(stated) = stated_digest(&image.config).filter(|stated| *stated != digest) {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                format!(
                    "the configuration {} of {} has the digest {digest}, not {stated}",
                    image.config, self.shown
                ),
            ));
        }
        let diff_ids =
            diff_ids(&bytes).map_err(|why| self.refuse(format!("has a configuration that {why}")))?;
        if diff_ids.len() != image.layers.len() {
            return Err(self.refuse(format!(
                "names {} layers for a configuration with {}",
                image.layers.len(),
                diff_ids.len()
            )));
        }
        let mut table = Table::default();
        table.add(&name(&digest), span);
        let mut layers = Vec::new();
        for (layer, diff_id) in image.layers.iter().zip(diff_ids) {
            let span = self.entry(layer, "layer")?;
            self.refuse_compressed(layer, span)?;
            if table.span(&name(&diff_id)).is_some_and(|known| known.size != span.size) {
                return Err(self.refuse(format!("has two layers {diff_id} of different sizes")));
            }
            table.add(&name(&diff_id), span);
            layers.push(json!({ "mediaType": LAYER, "digest": diff_id, "size": span.size }));
        }
        let made = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": { "mediaType": media_type::OCI_CONFIG, "digest": digest, "size": span.size },
            "layers": layers,
        });
        let made = Bytes::from(made.to_string());
        let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, &made);
        let known_as = match (reference, image.names.as_slice()) {
            (Some(reference), _) | (None, [reference]) => Some(reference),
            (None, _) => None,
        };
        if let Some(known_as) = known_as {
            descriptor.annotations.insert(CONTAINERD_NAME.to_owned(), known_as.to_string());
        }
        let mut index = Index::empty()?;
        index.list(&descriptor)?;
        let file = Some(self.file);
        let made = HashMap::from([(descriptor.digest, made)]);
        Ok(Tape::new(
            self.path,
            self.shown,
            View { file, table, index, before: None, uncommitted: false, made, sealed: false },
        ))
    }

    fn refuse_compressed(&mut self, layer: &str, span: Span) -> Result<(), Error> {
        let mut first = Vec::new();
        let read = self.file.slice(span.start, span.size.min(8)).read_to_end(&mut first);
        read.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot read {}", self.shown)).caused_by(error)
        })?;
        match COMPRESSED.iter().find(|(magic, _)| first.starts_with(magic)) {
            Some((_, how)) => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the layer {layer} of {} is compressed ({how}), so that it cannot be compared with the configuration: \
                     write the archive with uncompressed layers, or as an OCI layout",
                    self.shown
                ),
            )),
            None => Ok(()),
        }
    }

    fn refuse(&self, why: impl core::fmt::Display) -> Error {
        Error::new(ErrorKind::InvalidLayout, format!("{} {why}", self.shown))
    }
}

/// Whether index.json has every image that [`LIST`] names, under the same names: some programs read the one, some the
/// other.
fn agree(tape: &Tape, images: &[Image], configs: &[Digest]) -> Result<(), Error> {
    let index = tape.index()?;
    let mut by_name: HashMap<String, Vec<Digest>> = HashMap::new();
    let mut all = Vec::new();
    for entry in index.entries() {
        for name in known_as(entry) {
            by_name.entry(name).or_default().push(entry.descriptor.digest);
        }
        all.push(entry.descriptor.digest);
    }
    if images.is_empty() {
        return Ok(());
    }
    let mut read = 0;
    let mut held: HashMap<Digest, HashSet<Digest>> = HashMap::new();
    for digest in &all {
        if !held.contains_key(digest) {
            let mut configs = HashSet::new();
            configurations(tape, digest, 0, &mut configs, &mut read)?;
            held.insert(*digest, configs);
        }
    }
    let holds = |digests: &[Digest], config: &Digest| {
        digests.iter().any(|digest| held.get(digest).is_some_and(|held| held.contains(config)))
    };
    for (image, config) in images.iter().zip(configs) {
        let refuse = |name: String| {
            Err(Error::new(
                ErrorKind::InvalidLayout,
                format!(
                    "{} has another image for {name} in {LIST} than in {INDEX}: programs would not agree which one it holds",
                    tape.shown
                ),
            ))
        };
        if image.names.is_empty() && !holds(&all, config) {
            return refuse(image.config.clone());
        }
        for reference in &image.names {
            let bare = reference.tag().map(|tag| bare_key(tag.as_str())).unwrap_or_default();
            let digests = by_name.get(&key(reference)).or_else(|| by_name.get(&bare));
            if !digests.is_some_and(|digests| holds(digests, config)) {
                return refuse(reference.to_string());
            }
        }
    }
    Ok(())
}

/// Adds the configurations of an image, or of all images of an index. What is not in the archive has none.
fn configurations(
    tape: &Tape,
    digest: &Digest,
    depth: usize,
    found: &mut HashSet<Digest>,
    read: &mut usize,
) -> Result<(), Error> {
    *read = read.saturating_add(1);
    if *read > COPY_MANIFESTS {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("{} has more than {COPY_MANIFESTS} manifests", tape.shown),
        ));
    }
    let Some(fetched) = manifest(tape, &Which::Digest(*digest))? else { return Ok(()) };
    match Manifest::parse(&fetched.bytes, Some(&fetched.descriptor.media_type)) {
        Ok(Manifest::Image(image)) => {
            found.insert(image.config.digest);
        }
        Ok(Manifest::Index(index)) if depth < INDEX_DEPTH => {
            for child in &index.manifests {
                if media_type::is_manifest(&child.media_type) || media_type::is_index(&child.media_type) {
                    let present = tape.open(&child.digest)?.is_some();
                    if present {
                        configurations(tape, &child.digest, depth.saturating_add(1), found, read)?;
                    }
                }
            }
        }
        // Whatever else it is, nobody loads it as an image.
        _ => {}
    }
    Ok(())
}

/// The names that an entry of the index can be asked for by: its full names or, where it has none, its tags.
fn known_as(entry: &Entry) -> Vec<String> {
    let full = entry.full_names();
    if full.is_empty() {
        return entry.tags().iter().map(|tag| bare_key(tag.as_str())).collect();
    }
    full.iter().map(key).collect()
}

/// A name without its digest.
fn key(reference: &ImageRef) -> String {
    let tag = reference.tag().map(|tag| bare_key(tag.as_str())).unwrap_or_default();
    format!("{}{tag}", reference.repository())
}

fn bare_key(tag: &str) -> String {
    format!(":{tag}")
}

fn pick<'a>(images: &'a [Image], reference: Option<&ImageRef>, shown: &str) -> Result<&'a Image, Error> {
    let names = || {
        listed(
            images
                .iter()
                .map(|image| image.names.first().map_or_else(|| image.config.clone(), ToString::to_string)),
        )
    };
    let Some(reference) = reference else {
        return match images {
            [image] => Ok(image),
            [] => Err(Error::new(ErrorKind::NotFound, format!("{shown} has no image"))),
            images => Err(Error::new(
                ErrorKind::InvalidName,
                format!("{shown} has {} images, name one: {}", images.len(), names()),
            )),
        };
    };
    if reference.digest().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidName,
            format!(
                "{shown} holds no OCI layout, so its images have names and no digests; it has {}",
                names()
            ),
        ));
    }
    let mut found = images.iter().filter(|image| image.names.iter().any(|name| key(name) == key(reference)));
    match (found.next(), found.next()) {
        (Some(image), None) => Ok(image),
        (None, _) => {
            Err(Error::new(ErrorKind::NotFound, format!("{reference} is not in {shown}; it has {}", names())))
        }
        (Some(_), Some(_)) => {
            Err(Error::new(ErrorKind::InvalidLayout, format!("{shown} lists several images as {reference}")))
        }
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(SHOWN_NAMES);
    let shown = names.iter().take(SHOWN_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), more) {
        (true, _) => "no image".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown} and {more} more"),
    }
}

/// Reads [`LIST`]; the error ends a sentence that begins with the archive.
fn parse(bytes: &[u8]) -> Result<Vec<Image>, String> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "Config")]
        config: String,
        #[serde(rename = "RepoTags", default)]
        names: Option<Vec<String>>,
        #[serde(rename = "Layers", default)]
        layers: Option<Vec<String>>,
    }

    // Docker reads the members of an image by names whose case it folds.
    let names = |path: json::Path<'_>| match path {
        [_] => json::Names::Known(&["Config", "RepoTags", "Layers"]),
        _ => json::Names::Exact,
    };
    let raw: Vec<Raw> =
        json::parse(bytes, names).map_err(|error| format!("has a {LIST} that does not parse: {error}"))?;
    if raw.len() > DOCKER_IMAGES {
        return Err(format!("has {} images, the limit is {DOCKER_IMAGES}", raw.len()));
    }
    let mut images = Vec::new();
    let mut count = 0_usize;
    for raw in raw {
        let mut names = Vec::new();
        for text in raw.names.unwrap_or_default() {
            let name: ImageRef =
                text.parse().map_err(|error| format!("has an image named {text:?}: {error}"))?;
            names.push(name);
        }
        count = count.saturating_add(names.len());
        let layers = raw.layers.unwrap_or_default();
        if count > TAGS || layers.len() > MANIFEST_DESCRIPTORS {
            return Err(format!("has more than {TAGS} names or {MANIFEST_DESCRIPTORS} layers"));
        }
        images.push(Image { config: raw.config, names, layers });
    }
    Ok(images)
}

/// The digest that the name of a configuration's file states.
fn stated_digest(name: &str) -> Option<Digest> {
    let name = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let name = name.strip_suffix(".json").unwrap_or(name);
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    format!("sha256:{hex}").parse().ok()
}

fn diff_ids(config: &[u8]) -> Result<Vec<Digest>, String> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: Rootfs,
    }

    #[derive(Deserialize)]
    struct Rootfs {
        #[serde(default)]
        diff_ids: Option<Vec<Digest>>,
    }

    let names = |path: json::Path<'_>| match path {
        [] => json::Names::Known(&["rootfs"]),
        [rootfs] if rootfs == "rootfs" => json::Names::Known(&["diff_ids"]),
        _ => json::Names::Exact,
    };
    let config: Config = json::parse(config, names).map_err(|error| format!("does not parse: {error}"))?;
    Ok(config.rootfs.diff_ids.unwrap_or_default())
}
