//! Findings: what was looked at, and why it counted or did not.

use serde::Serialize;

use super::Reason;
use crate::candidate::{Origin, Unreadable};
use crate::limits::FINDING_TEXT_BYTES;
use crate::policy::TrustedKey;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Why it counted or did not.
    pub reason: Reason,
    /// Which requirement of the policy it was held against, counted from zero; none where it concerns all.
    pub requirement: Option<usize>,
    /// Where it was found; none where it concerns the whole.
    pub origin: Option<Origin>,
    /// The key, as the policy names it.
    pub key: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found instead. It may come from outside: escape it before a terminal shows it. What is longer than
    /// [`FINDING_TEXT_BYTES`] is shown in part.
    pub found: Option<String>,
}

impl Finding {
    /// A finding with nothing but its reason.
    pub const fn new(reason: Reason) -> Self {
        Self { reason, requirement: None, origin: None, key: None, expected: None, found: None }
    }

    /// The same finding about this place.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The same finding with what was expected and what was found.
    #[must_use]
    pub fn compared(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found(found)
    }

    /// The same finding with what was found.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(shown(found.into()));
        self
    }

    /// The same finding about what this key signed.
    #[must_use]
    pub(super) fn by(mut self, key: &TrustedKey) -> Self {
        self.key = Some(key.name().to_owned());
        self
    }

    pub(super) fn unreadable(unreadable: &Unreadable) -> Self {
        Self::new(Reason::Unreadable)
            .at(unreadable.origin.clone())
            .found(format!("{}: {}", unreadable.code, unreadable.message))
    }
}

/// A text as it is shown: a hostile bundle must not fill a log.
fn shown(mut text: String) -> String {
    let bytes = text.len();
    if bytes > FINDING_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(FINDING_TEXT_BYTES));
        text = format!("{text}... ({bytes} bytes)");
    }
    text
}

/// A finding in the JSON form of a verdict.
#[derive(Serialize)]
pub(super) struct FindingJson<'a> {
    code: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirement: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        let origin = finding.origin.as_ref();
        Self {
            code: finding.reason.code(),
            message: finding.reason.meaning(),
            requirement: finding.requirement,
            store: origin.map(|origin| origin.store.name()),
            beside: origin.map(|origin| origin.beside.to_string()),
            manifest: origin.and_then(|origin| origin.manifest).map(|digest| digest.to_string()),
            blob: origin.and_then(|origin| origin.blob).map(|digest| digest.to_string()),
            key: finding.key.as_deref(),
            expected: finding.expected.as_deref(),
            found: finding.found.as_deref(),
        }
    }
}
