//! Images that are admitted without being looked at, for a reason and for a time (rule V3).

use jiff::Timestamp;
use serde::Serialize;

use super::super::{PolicyError, RepositoryGlob};
use super::has_expired;
use crate::digest::Digest;
use crate::reference::Repository;

/// Images that are admitted whatever hangs on them, until a day. What is admitted so is never *verified*: it is not
/// promoted, packed or counter-signed (rule V2).
#[derive(Clone, Debug)]
pub struct Exemption {
    images: Vec<RepositoryGlob>,
    digest: Option<Digest>,
    reason: String,
    expires: Timestamp,
}

impl Exemption {
    /// Images of these repositories, for a reason, before `expires`.
    pub fn new(
        images: Vec<RepositoryGlob>,
        reason: impl Into<String>,
        expires: Timestamp,
    ) -> Result<Self, PolicyError> {
        let reason = reason.into();
        if images.is_empty() {
            return Err(PolicyError::Exemption { why: "no image is named" });
        }
        if reason.trim().is_empty() {
            return Err(PolicyError::Exemption { why: "no reason is given" });
        }
        Ok(Self { images, digest: None, reason, expires })
    }

    /// Only the image with this digest.
    #[must_use]
    pub const fn digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The repositories.
    pub fn images(&self) -> &[RepositoryGlob] {
        &self.images
    }

    /// The one image, if there is only one.
    pub const fn only(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// From when on it no longer applies.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether it no longer applies.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        has_expired(self.expires, now)
    }

    /// Whether it names this image, whatever the time.
    pub fn names(&self, repository: &Repository, digest: &Digest) -> bool {
        self.images.iter().any(|glob| glob.matches(repository))
            && self.digest.as_ref().is_none_or(|only| only == digest)
    }

    pub(super) fn resolved(&self) -> impl Serialize + '_ {
        let mut images: Vec<_> = self.images.iter().map(RepositoryGlob::as_str).collect();
        images.sort_unstable();
        (images, self.digest.as_ref(), self.reason.as_str(), self.expires.to_string())
    }
}
