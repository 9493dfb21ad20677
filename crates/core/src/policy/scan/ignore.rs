//! Vulnerabilities that do not count, for a reason and for a time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::{PolicyError, RepositoryGlob, day};
use crate::reference::Repository;
use crate::scan::ScanFinding;

/// A vulnerability that does not count until a day: everything that the rule names must fit.
#[derive(Clone, Debug)]
pub struct IgnoreRule {
    id: String,
    reason: String,
    expires: Timestamp,
    package: Option<String>,
    image: Option<RepositoryGlob>,
    layer: Option<String>,
}

impl IgnoreRule {
    /// Ignores the vulnerability with this id or alias before `expires`. The reason must not be empty.
    pub fn new(
        id: impl Into<String>,
        reason: impl Into<String>,
        expires: Timestamp,
    ) -> Result<Self, PolicyError> {
        let (id, reason) = (id.into(), reason.into());
        let no = |why| Err(PolicyError::ScanRule { field: "ignore", why });
        if id.trim().is_empty() {
            return no("a rule without an id");
        }
        if reason.trim().is_empty() {
            return no("a rule without a reason");
        }
        Ok(Self { id, reason, expires, package: None, image: None, layer: None })
    }

    /// Reads when a rule expires: a time as RFC 3339 has it, or a day (`2026-12-31`), to whose end in UTC it applies.
    pub fn expiry(text: &str) -> Result<Timestamp, PolicyError> {
        let no =
            PolicyError::ScanRule { field: "ignore", why: "expected an expiry as 2026-12-31 or in RFC 3339" };
        if let Ok(time) = text.parse() {
            return Ok(time);
        }
        let next = day(text).and_then(|day| day.tomorrow().ok());
        let end = next.and_then(|day: Date| day.to_zoned(TimeZone::UTC).ok());
        end.map(|end| end.timestamp()).ok_or(no)
    }

    /// Only in this package: its name, `name@version`, or its package URL.
    #[must_use]
    pub fn package(mut self, package: impl Into<String>) -> Self {
        self.package = Some(package.into());
        self
    }

    /// Only in images of these repositories. An image without a name fits no pattern.
    #[must_use]
    pub fn image(mut self, image: RepositoryGlob) -> Self {
        self.image = Some(image);
        self
    }

    /// Only where this layer, by its digest, is the only one that holds the package.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// The id that it names.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Why the vulnerability does not count.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// From when on it counts again.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether the rule no longer applies.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Whether the rule names this finding in this image, whatever the time.
    pub fn names(&self, finding: &ScanFinding, repository: Option<&Repository>) -> bool {
        let package = &finding.package;
        let versioned = || format!("{}@{}", package.name, package.version);
        finding.is_called(&self.id)
            && self.package.as_deref().is_none_or(|wanted| {
                wanted == package.name || wanted == versioned() || package.purl.as_deref() == Some(wanted)
            })
            && self
                .image
                .as_ref()
                .is_none_or(|glob| repository.is_some_and(|repository| glob.matches(repository)))
            && self.layer.as_deref().is_none_or(|wanted| {
                !finding.layers.is_empty() && finding.layers.iter().all(|layer| layer == wanted)
            })
    }

    pub(super) fn resolved(&self) -> ResolvedIgnore<'_> {
        ResolvedIgnore {
            id: &self.id,
            reason: &self.reason,
            expires: self.expires.to_string(),
            package: self.package.as_deref(),
            image: self.image.as_ref().map(RepositoryGlob::as_str),
            layer: self.layer.as_deref(),
        }
    }
}

/// The rule as the digest of a policy covers it.
#[derive(Serialize)]
pub(super) struct ResolvedIgnore<'a> {
    id: &'a str,
    reason: &'a str,
    expires: String,
    package: Option<&'a str>,
    image: Option<&'a str>,
    layer: Option<&'a str>,
}
