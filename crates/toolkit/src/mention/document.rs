//! Documents that name images: read once, and rewritten with digests.

use std::fmt::Write as _;

use waxseal_core::{Digest, ImageRef};
use waxseal_oci::Location;

use super::error::{DocumentError, DocumentErrorKind};
use super::list::{self, Entry};
use super::{Mention, Note, NoteCode, Place, Source};
use crate::dockerfile::{BuildArguments, Dockerfile, DockerfileImage, DockerfileImages};
use crate::manifest::{
    INCLUDES, ImagePath, ImageText, Manifest, ManifestError, ManifestImage, ManifestImages, is_compose_name,
};

/// Files that manifests are made from, and what makes them.
const SOURCES: &[(&[&str], &str, &str)] = &[
    (
        &["kustomization.yaml", "kustomization.yml", "Kustomization"],
        "this is what manifests are made from, and may change the images in them",
        "render it first, and gate what comes out: `kustomize build DIR`, `kubectl kustomize DIR`",
    ),
    (
        &["Chart.yaml"],
        "this is a chart, from which manifests are made",
        "render it first, and gate what comes out: `helm template CHART`",
    ),
];

/// A document that names images.
#[derive(Debug)]
pub struct Document {
    file: String,
    form: Form,
    mentions: Vec<Mention>,
    notes: Vec<Note>,
    used: Vec<bool>,
}

/// What kind of document it is, with what is needed to rewrite each mention, in their order.
#[derive(Debug)]
enum Form {
    Manifest(Manifest, Vec<ImageText>),
    Dockerfile(Dockerfile, BuildArguments, Vec<DockerfileImage>),
    List(String, Vec<Entry>),
}

impl Document {
    /// Reads Kubernetes manifests or a Compose file. `namespace` is that of objects that name none; `paths` say where
    /// objects of unknown kinds name images.
    pub fn manifest(
        file: &str,
        bytes: Vec<u8>,
        paths: &[ImagePath],
        namespace: Option<&str>,
    ) -> Result<Self, DocumentError> {
        let failed =
            |error| DocumentError { file: file.to_owned(), kind: DocumentErrorKind::Manifest(error) };
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        if let Some((_, why, hint)) = SOURCES.iter().find(|(names, ..)| names.contains(&name)) {
            return Err(failed(ManifestError::UnrenderedSource { line: 1, why: (*why).to_owned(), hint }));
        }
        let manifest = Manifest::read(bytes).map_err(failed)?;
        let ManifestImages { images, notes, used } = manifest.images(paths).map_err(failed)?;
        let other = notes.iter().find(|note| note.code == NoteCode::OtherFiles);
        if let Some(Note { place, .. }) = other.filter(|_| is_compose_name(name)) {
            let (line, why) = (place.line.unwrap_or(1), INCLUDES.to_owned());
            return Err(failed(ManifestError::UnrenderedCompose { line, why }));
        }
        let place = |mut place: Place| {
            if place.source == Source::Kubernetes && place.namespace.is_none() {
                place.namespace = namespace.map(ToOwned::to_owned);
            }
            place
        };
        let (mut texts, mut mentions) = (Vec::new(), Vec::new());
        for ManifestImage { image, place: at } in images {
            mentions.push(mention(file, &image.text, place(at))?);
            texts.push(image);
        }
        let notes = notes.into_iter().map(|note| Note { place: place(note.place), ..note }).collect();
        Ok(Self::new(file, Form::Manifest(manifest, texts), mentions, notes, used))
    }

    /// Reads a Dockerfile: every image that the build uses, or only the one that its last stage is based on.
    pub fn dockerfile(
        file: &str,
        bytes: Vec<u8>,
        arguments: BuildArguments,
        base_only: bool,
    ) -> Result<Self, DocumentError> {
        let failed =
            |error| DocumentError { file: file.to_owned(), kind: DocumentErrorKind::Dockerfile(error) };
        let dockerfile = Dockerfile::read(bytes).map_err(failed)?;
        let DockerfileImages { mut images, notes, base } = dockerfile.images(&arguments).map_err(failed)?;
        if base_only {
            images = base.and_then(|base| images.get(base).cloned()).into_iter().collect();
        }
        let mentions = images
            .iter()
            .map(|image| mention(file, &image.name, image.place.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(file, Form::Dockerfile(dockerfile, arguments, images), mentions, notes, Vec::new()))
    }

    /// Reads a list of images, one a line. Unlike in other documents a name may be of a layout or an archive.
    pub fn list(file: &str, bytes: Vec<u8>) -> Result<Self, DocumentError> {
        let failed = |kind| DocumentError { file: file.to_owned(), kind };
        let text = String::from_utf8(bytes).map_err(|_| failed(DocumentErrorKind::NotUtf8))?;
        let entries = list::entries(&text).map_err(failed)?;
        let mentions = entries
            .iter()
            .map(|entry| {
                let image = entry.name.parse().map_err(|error: waxseal_oci::Error| {
                    let (line, name) = (entry.line, entry.name.clone());
                    failed(DocumentErrorKind::Name { line, name, why: error.to_string() })
                })?;
                let place = Place::of(Source::List).at(entry.line, entry.column);
                Ok(Mention::new(image, place))
            })
            .collect::<Result<_, DocumentError>>()?;
        Ok(Self::new(file, Form::List(text, entries), mentions, Vec::new(), Vec::new()))
    }

    fn new(file: &str, form: Form, mentions: Vec<Mention>, notes: Vec<Note>, used: Vec<bool>) -> Self {
        let place = |place: Place| place.in_file(file);
        Self {
            file: file.to_owned(),
            form,
            mentions: mentions
                .into_iter()
                .map(|mention| Mention { place: place(mention.place), ..mention })
                .collect(),
            notes: notes.into_iter().map(|note| Note { place: place(note.place), ..note }).collect(),
            used,
        }
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The images that it names, in its order.
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    /// What names no image that is judged, and should be known.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The text, as it was read.
    pub fn text(&self) -> &str {
        match &self.form {
            Form::Manifest(manifest, _) => manifest.text(),
            Form::Dockerfile(dockerfile, ..) => dockerfile.text(),
            Form::List(text, _) => text,
        }
    }

    /// Whether it can stand behind others in one stream.
    pub const fn is_manifest(&self) -> bool {
        matches!(self.form, Form::Manifest(..))
    }

    /// The text with a digest behind each name that has none: `app:1.0@sha256:...`. Tags, comments and every other byte
    /// stay. What `digest` has none for stays as it is, and so does what is of a layout or an archive.
    pub fn pinned<'a>(
        &self,
        digest: impl Fn(&Location) -> Option<&'a Digest>,
    ) -> Result<String, DocumentError> {
        let failed = |kind| DocumentError { file: self.file.clone(), kind };
        let wanted = |at: usize| {
            let image = &self.mentions.get(at)?.image;
            let free = matches!(image, Location::Registry(_)) && image.digest().is_none();
            if free { digest(image) } else { None }
        };
        match &self.form {
            Form::Manifest(manifest, texts) => {
                let pins = texts.iter().enumerate().filter_map(|(at, text)| Some((text, wanted(at)?)));
                manifest.pin(pins).map_err(|error| failed(DocumentErrorKind::Manifest(error)))
            }
            Form::Dockerfile(dockerfile, arguments, images) => {
                let pins = images.iter().enumerate().filter_map(|(at, image)| Some((image, wanted(at)?)));
                dockerfile.pin(arguments, pins).map_err(|error| failed(DocumentErrorKind::Dockerfile(error)))
            }
            Form::List(text, entries) => {
                let mut pinned = String::with_capacity(text.len());
                let mut done = 0;
                for (at, entry) in entries.iter().enumerate() {
                    let Some(digest) = wanted(at) else { continue };
                    pinned.push_str(text.get(done..entry.end).unwrap_or_default());
                    let _ = write!(pinned, "@{digest}");
                    done = entry.end;
                }
                pinned.push_str(text.get(done..).unwrap_or_default());
                Ok(pinned)
            }
        }
    }
}

/// An image of a registry, whatever its name begins with.
fn mention(file: &str, name: &str, place: Place) -> Result<Mention, DocumentError> {
    match name.parse::<ImageRef>() {
        Ok(image) => Ok(Mention::new(Location::Registry(image), place)),
        Err(error) => {
            let (line, name) = (place.line.unwrap_or(1), name.to_owned());
            let kind = DocumentErrorKind::Name { line, name, why: error.to_string() };
            Err(DocumentError { file: file.to_owned(), kind })
        }
    }
}

/// What is said of paths that led to no image in any of the documents: they may be mistyped.
pub fn unused_paths<'a>(paths: &[ImagePath], documents: impl IntoIterator<Item = &'a Document>) -> Vec<Note> {
    let mut unused: Vec<_> = paths.iter().map(Some).collect();
    for document in documents {
        for (path, used) in unused.iter_mut().zip(&document.used) {
            if *used {
                *path = None;
            }
        }
    }
    unused
        .into_iter()
        .flatten()
        .map(|path| Note {
            code: NoteCode::UnusedPath,
            place: Place::of(Source::Argument),
            message: format!("the path {path} leads to no image in any document"),
        })
        .collect()
}
