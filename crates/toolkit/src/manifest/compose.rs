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

/// What a Compose file may have at its top, besides what begins with `x-`.
const TOP: [&str; 9] =
    ["version", "name", "include", SERVICES, "networks", "volumes", "configs", "secrets", "models"];

/// What is said of a Compose file that is only a part.
pub(crate) const INCLUDES: &str = "include names other files, whose services run too";

/// Whether a file has a name that Compose files have: `compose.yaml`, `docker-compose.prod.yml`.
pub(crate) fn is_compose_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix("docker-compose").or_else(|| name.strip_prefix("compose"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
}

impl Manifest {
    /// The images of a document that is of no kind, if it is a Compose file.
    pub(super) fn compose(&self, document: &Way, found: &mut ManifestImages) -> Result<(), ManifestError> {
        let finder = Finder { tree: &self.tree };
        let services = finder.value(document.node, SERVICES)?;
        let top = self.tree.members(document.node)?;
        let is_compose = services.is_some_and(|services| self.tree.entries(services).is_some())
            || top.iter().all(|key| TOP.contains(&key.as_str()) || key.starts_with("x-"));
        if let Some(include) = finder.value(document.node, "include")? {
            if is_compose {
                return Err(self.unrendered(include, INCLUDES));
            }
            // By its name it may be a Compose file all the same, which is not known here.
            let node = self.tree.node(include);
            found.notes.push(Note {
                code: NoteCode::OtherFiles,
                place: Place::of(Source::Compose).at(node.line, node.column.saturating_add(1)),
                message: "it includes other files, which are not judged (`docker compose config` prints a Compose file whole)"
                    .to_owned(),
            });
        }
        let Some(services) = services.filter(|_| is_compose) else { return Ok(()) };
        if self.tree.entries(services).is_none() {
            return Err(finder.shape(services, SERVICES, "a mapping of services"));
        }
        let services = document.key(SERVICES, services);
        for name in self.tree.members(services.node)? {
            let Some(service) = self.tree.get(services.node, &name)? else { continue };
            let service = services.key(&name, service.entry.value);
            if self.tree.is_null(service.node) {
                continue;
            }
            // Whatever is said here is joined with what is said there, volumes that are images too.
            if let Some(extends) = finder.value(service.node, "extends")?
                && self.tree.entries(extends).is_some()
                && finder.value(extends, "file")?.is_some()
            {
                return Err(self.unrendered(extends, "a part of this service stands in another file"));
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
