//! A rule: for which images, and what must hold for them.

use serde::Serialize;

use super::super::{Policy, PolicyError, RepositoryGlob};
use super::NamespaceGlob;
use crate::descriptor::Platform;
use crate::reference::Repository;

/// What must hold for the images of some repositories.
#[derive(Clone, Debug)]
pub struct Rule {
    name: Option<String>,
    /// None: every image, also one without a name.
    images: Option<Vec<RepositoryGlob>>,
    namespaces: Vec<NamespaceGlob>,
    mode: Mode,
    platforms: RulePlatforms,
    signature_repository: Option<Repository>,
    policy: Policy,
}

/// What becomes of an image that a rule refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is said.
    Warn,
}

impl Mode {
    /// The word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }
}

/// Which images of an index a rule judges (rule P4).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RulePlatforms {
    /// The digest that the name resolves to, index or not.
    #[default]
    Index,
    /// Every image that the index lists, nested ones too.
    All,
    /// Those for these platforms. There must be one at least.
    Listed(Vec<Platform>),
}

impl RulePlatforms {
    /// Whether an image for this platform is judged. One that says no platform is.
    pub fn take(&self, platform: Option<&Platform>) -> bool {
        match (self, platform) {
            (Self::Listed(listed), Some(offered)) => listed.iter().any(|wanted| wanted.accepts(offered)),
            _ => true,
        }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Index => vec!["index".to_owned()],
            Self::All => vec!["all".to_owned()],
            Self::Listed(platforms) => {
                let mut words: Vec<_> = platforms.iter().map(ToString::to_string).collect();
                words.sort_unstable();
                words.dedup();
                words
            }
        }
    }
}

impl core::fmt::Display for RulePlatforms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

impl Rule {
    /// A rule for the images of the repositories that one of the patterns matches: it enforces, and judges the digest that
    /// a name resolves to.
    pub fn new(images: Vec<RepositoryGlob>, policy: Policy) -> Result<Self, PolicyError> {
        if images.is_empty() {
            return Err(PolicyError::NoImage);
        }
        Ok(Self { images: Some(images), ..Self::everywhere(policy) })
    }

    pub(super) const fn everywhere(policy: Policy) -> Self {
        Self {
            name: None,
            images: None,
            namespaces: Vec::new(),
            mode: Mode::Enforce,
            platforms: RulePlatforms::Index,
            signature_repository: None,
            policy,
        }
    }

    /// The same rule under a name, for output.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same rule, only in the namespaces that one of the patterns matches (rule Y1).
    #[must_use]
    pub fn namespaces(mut self, namespaces: Vec<NamespaceGlob>) -> Self {
        self.namespaces = namespaces;
        self
    }

    /// The same rule with another mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same rule for other images of an index.
    #[must_use]
    pub fn platforms(mut self, platforms: RulePlatforms) -> Self {
        self.platforms = platforms;
        self
    }

    /// The same rule, with evidence read from this repository and not from beside the image (rule L7).
    #[must_use]
    pub fn signature_repository(mut self, repository: Repository) -> Self {
        self.signature_repository = Some(repository);
        self
    }

    /// The name, if it has one; else its patterns.
    pub fn name(&self) -> String {
        match (&self.name, &self.images) {
            (Some(name), _) => name.clone(),
            (None, Some(images)) => images.iter().map(RepositoryGlob::as_str).collect::<Vec<_>>().join(", "),
            (None, None) => "every image".to_owned(),
        }
    }

    /// The patterns over repositories; none for a rule that is for every image.
    pub fn images(&self) -> Option<&[RepositoryGlob]> {
        self.images.as_deref()
    }

    /// The patterns over namespaces; none for a rule that is for all.
    pub fn namespaces_of(&self) -> &[NamespaceGlob] {
        &self.namespaces
    }

    /// What becomes of an image that it refuses.
    pub const fn mode_of(&self) -> Mode {
        self.mode
    }

    /// Which images of an index it judges.
    pub const fn platforms_of(&self) -> &RulePlatforms {
        &self.platforms
    }

    /// Where evidence is read, if not beside the image.
    pub const fn signature_repository_of(&self) -> Option<&Repository> {
        self.signature_repository.as_ref()
    }

    /// What must hold.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether it is for every image.
    pub(super) const fn is_everywhere(&self) -> bool {
        self.images.is_none()
    }

    /// Whether it applies to an image of this name. Where no namespace is known, a rule that is narrowed to some enforces
    /// all the same, and one that only warns does not speak: it would admit what it was not written for.
    pub fn applies(&self, repository: Option<&Repository>, namespace: Option<&str>) -> bool {
        let named = match &self.images {
            None => true,
            Some(globs) => repository.is_some_and(|name| globs.iter().any(|glob| glob.matches(name))),
        };
        let here = match namespace {
            _ if self.namespaces.is_empty() => true,
            Some(namespace) => self.namespaces.iter().any(|glob| glob.matches(namespace)),
            None => self.mode == Mode::Enforce,
        };
        named && here
    }

    pub(super) fn resolved(&self) -> impl Serialize {
        let texts = |mut texts: Vec<String>| {
            texts.sort_unstable();
            texts
        };
        let images = self.images.as_ref();
        ResolvedRule {
            images: images.map(|globs| texts(globs.iter().map(|glob| glob.as_str().to_owned()).collect())),
            namespaces: texts(self.namespaces.iter().map(|glob| glob.as_str().to_owned()).collect()),
            mode: self.mode.as_str(),
            platforms: self.platforms.words(),
            signature_repository: self.signature_repository.as_ref().map(ToString::to_string),
            requirements: self.policy.digest().to_string(),
        }
    }
}

/// A rule as the digest of a set covers it.
#[derive(Serialize)]
struct ResolvedRule {
    images: Option<Vec<String>>,
    namespaces: Vec<String>,
    mode: &'static str,
    platforms: Vec<String>,
    signature_repository: Option<String>,
    requirements: String,
}
