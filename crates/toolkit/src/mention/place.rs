//! Where a text names an image.

use core::fmt;

use serde::Serialize;

/// What kind of text names an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Source {
    /// The command line, or whoever else handed the name in.
    Argument,
    /// A list of names, one a line.
    List,
    /// A manifest of Kubernetes.
    Kubernetes,
    /// A Compose file.
    Compose,
    /// A Dockerfile.
    Dockerfile,
}

/// What the image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// A container (`containers`).
    Container,
    /// A container that runs before the others (`initContainers`).
    Init,
    /// A container that is put into a running pod (`ephemeralContainers`).
    Ephemeral,
    /// A volume that is an image.
    Volume,
    /// A place that was named by a path, in an object of any kind.
    Path,
    /// A service of a Compose file.
    Service,
    /// What a stage of a build is based on (`FROM`).
    Base,
    /// What a build copies files from (`COPY --from`).
    Copy,
    /// What a build mounts (`RUN --mount=from=`).
    Mount,
}

impl Role {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Init => "init container",
            Self::Ephemeral => "ephemeral container",
            Self::Volume => "volume",
            Self::Path => "path",
            Self::Service => "service",
            Self::Base => "FROM",
            Self::Copy => "COPY --from",
            Self::Mount => "RUN --mount",
        }
    }
}

/// Where an image is named. Every text in it may come from outside: escape it before a terminal shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Place {
    /// What kind of text it is.
    pub source: Source,
    /// The file, as it was named; `-` is standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The kind of the object: `Deployment`, `stage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The namespace of the object: the manifest's, or else the one that was handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What the image is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The name of the container, the volume or the service; of a path the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl Place {
    /// A place of which nothing more is known.
    pub const fn of(source: Source) -> Self {
        Self {
            source,
            file: None,
            line: None,
            column: None,
            kind: None,
            name: None,
            namespace: None,
            role: None,
            container: None,
        }
    }

    /// The same in this file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same at this line and column, both from 1.
    #[must_use]
    pub const fn at(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }
}

/// `app.yaml:12:16: Deployment prod/web, container app`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => write!(f, "{file}:{line}:{column}")?,
            (Some(file), Some(line), None) => write!(f, "{file}:{line}")?,
            (Some(file), ..) => write!(f, "{file}")?,
            (None, Some(line), Some(column)) => write!(f, "{line}:{column}")?,
            (None, ..) => f.write_str("argument")?,
        }
        let mut separator = ": ";
        if let Some(kind) = &self.kind {
            write!(f, "{separator}{kind}")?;
            if let Some(name) = &self.name {
                f.write_str(" ")?;
                if let Some(namespace) = &self.namespace {
                    write!(f, "{namespace}/")?;
                }
                f.write_str(name)?;
            }
            separator = ", ";
        }
        if let Some(role) = self.role {
            write!(f, "{separator}{}", role.word())?;
            if let Some(container) = &self.container {
                write!(f, " {container}")?;
            }
        }
        Ok(())
    }
}
