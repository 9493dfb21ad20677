//! Compose files: which images their services run.
//!
//! What only `docker compose` can put together is refused and not guessed at: variables may be set in a file that is not
//! read here, and `include` and `extends` lead to other files.

use super::images::{ManifestImage, ManifestImages};
use super::source::Manifest;
use super::tree::Id;
use super::workload::{Finder, Place as Way};
use super::{ImageText, ManifestError};
use crate::mention::{Note, NoteCode, Place, Role, Source};

/// Where a Compose file names its services.
const SERVICES: &str = "services";

impl Manifest {
    /// The images of a document that is of no kind, if it is a Compose file.
    pub(super) fn compose(&self, document: &Way, found: &mut ManifestImages) -> Result<(), ManifestError> {
        let finder = Finder { tree: &self.tree };
        let services = self.tree.get(document.node, SERVICES)?.map(|found| found.entry.value);
        let services = services.filter(|services| self.tree.entries(*services).is_some());
        if let Some(include) = self.tree.get(document.node, "include")?.map(|found| found.entry.value)
            && !self.tree.is_null(include)
            && services.is_some()
        {
            return Err(self.unrendered(include, "include names other files, whose services run too"));
        }
        let Some(services) = services else { return Ok(()) };
        let services = document.key(SERVICES, services);
        for name in self.tree.members(services.node)? {
            let Some(service) = self.tree.get(services.node, &name)? else { continue };
            let service = services.key(&name, service.entry.value);
            if self.tree.is_null(service.node) {
                continue;
            }
            let mut place = Place::of(Source::Compose);
            (place.role, place.container) = (Some(Role::Service), Some(name.clone()));
            // With this policy what stands in a registry under the name is never pulled.
            let is_built = finder.value(service.node, "build")?.is_some()
                && finder.word(service.node, "pull_policy")?.as_deref() == Some("build");
            match finder.value(service.node, "image")? {
                Some(image) if !is_built => {
                    let image = finder.image(&service.key("image", image), "image")?;
                    found.images.push(Self::plain(image, place.clone())?);
                }
                _ => found.notes.push(self.without_image(&finder, &service, place.clone())?),
            }
            self.volumes(&finder, &service, &name, found)?;
        }
        Ok(())
    }

    /// Volumes that are images (`type: image`).
    fn volumes(
        &self,
        finder: &Finder<'_>,
        service: &Way,
        name: &str,
        found: &mut ManifestImages,
    ) -> Result<(), ManifestError> {
        for volume in finder.places(service, "volumes")? {
            // The short form is a text, and never an image.
            if self.tree.entries(volume.node).is_none()
                || finder.word(volume.node, "type")?.as_deref() != Some("image")
            {
                continue;
            }
            let Some(source) = finder.value(volume.node, "source")? else { continue };
            let image = finder.image(&volume.key("source", source), "source")?;
            let mut place = Place::of(Source::Compose);
            (place.role, place.container) = (Some(Role::Volume), Some(name.to_owned()));
            found.images.push(Self::plain(image, place)?);
        }
        Ok(())
    }

    /// What is said of a service without an image.
    fn without_image(&self, finder: &Finder<'_>, service: &Way, place: Place) -> Result<Note, ManifestError> {
        let node = self.tree.node(self.tree.resolve(service.node));
        let place = place.at(node.line, node.column.saturating_add(1));
        if let Some(extends) = finder.value(service.node, "extends")? {
            // A service of this file is judged where it stands.
            let file = self.tree.entries(extends).is_some()
                && finder.value(extends, "file").is_ok_and(|file| file.is_some());
            if file {
                return Err(self.unrendered(extends, "the image of this service stands in another file"));
            }
        }
        let (code, message) = if finder.value(service.node, "build")?.is_some() {
            (NoteCode::BuiltHere, "it is built here and pulled from nowhere, so that nothing is judged")
        } else {
            (NoteCode::NoImage, "it names no image, so that nothing is judged")
        };
        Ok(Note { code, place, message: message.to_owned() })
    }

    /// A name without variables.
    fn plain(image: ImageText, place: Place) -> Result<ManifestImage, ManifestError> {
        if image.text.contains('$') {
            let why = format!("{:?} has a variable in it, whose value may stand in another file", image.text);
            return Err(ManifestError::UnrenderedCompose { line: image.line, why });
        }
        let place = place.at(image.line, image.column);
        Ok(ManifestImage { image, place })
    }

    fn unrendered(&self, node: Id, why: &str) -> ManifestError {
        ManifestError::UnrenderedCompose { line: self.tree.node(node).line, why: why.to_owned() }
    }
}
