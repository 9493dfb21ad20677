//! One document of all that was read of Xray about one image.
//!
//! The answers stand in it as they came, byte for byte, beside what was asked and when, so that a reader can take each
//! for itself and nothing is lost by putting them together. Its schema is [`SCHEMA`]; the members are the fields of
//! [`Document`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use waxseal_core::Digest;

use super::error::{Error, ErrorKind};
use super::place::Place;
use super::status::Status;
use super::summary::Summary;
use super::violations::Violations;
use super::{Version, Xray, json};

/// About what stands around the answers, in bytes.
const FRAME_BYTES: usize = 4 << 10;
/// The schema of the document.
pub const SCHEMA: &str = "waxseal/xray-report/v1";

/// What was read, and of what.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: String,
    /// The image that was resolved.
    pub image: DocumentImage,
    /// The server that was asked.
    pub xray: DocumentServer,
    /// Where the image stands in Artifactory. Null: it was asked for by its checksum.
    pub artifact: Option<DocumentArtifact>,
    /// The project that was asked in.
    pub project: Option<String>,
    /// When the last answer was read, as RFC 3339.
    pub read_on: String,
    /// The answer of the status API, as it came. Null: Xray was not asked, or answered 404.
    pub status: Option<Box<RawValue>>,
    /// The summary.
    pub summary: DocumentSummary,
    /// The violations of all pages. Null: they were not asked for.
    pub violations: Option<DocumentViolations>,
}

/// The image that was resolved.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DocumentImage {
    /// Registry and repository.
    pub name: String,
    /// The tag, if the image was named by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest of its manifest, which is also the checksum in the summary.
    pub digest: String,
}

/// The server that was asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DocumentServer {
    /// Its address.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Its revision, if it tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A file in Artifactory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DocumentArtifact {
    /// The key of the repository.
    pub repository: String,
    /// The path in it.
    pub path: String,
}

/// A summary.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DocumentSummary {
    /// The version of the API: 1 or 2.
    pub version: u8,
    /// The answer, as it came.
    pub answer: Box<RawValue>,
}

/// Violations.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DocumentViolations {
    /// How many there are.
    pub total: usize,
    /// Each, as it came.
    pub entries: Vec<Box<RawValue>>,
}

/// What is put together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts<'a> {
    /// Registry and repository of the image.
    pub name: &'a str,
    /// The tag, if the image was named by one.
    pub tag: Option<&'a str>,
    /// The digest of its manifest.
    pub digest: &'a Digest,
    /// Where it stands in Artifactory.
    pub place: Option<&'a Place>,
    /// The server's version.
    pub version: &'a Version,
    /// How far the scan was.
    pub status: Option<&'a Status>,
    /// The summary.
    pub summary: Summary,
    /// The violations, if they were asked for.
    pub violations: Option<Violations>,
    /// When the last answer was read.
    pub read_on: Timestamp,
}

impl<'a> Parts<'a> {
    /// The least that makes a report: an image, its summary, the server, and when.
    pub fn new(
        name: &'a str,
        digest: &'a Digest,
        version: &'a Version,
        summary: Summary,
        read_on: Timestamp,
    ) -> Self {
        Self {
            name,
            tag: None,
            digest,
            place: None,
            version,
            status: None,
            summary,
            violations: None,
            read_on,
        }
    }
}

impl Document {
    /// Puts together what was read of a server.
    pub fn new(xray: &Xray, parts: Parts<'_>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            image: DocumentImage {
                name: parts.name.to_owned(),
                tag: parts.tag.map(ToOwned::to_owned),
                digest: parts.digest.to_string(),
            },
            xray: DocumentServer {
                url: xray.platform().to_string(),
                version: parts.version.version.clone(),
                revision: parts.version.revision.clone(),
            },
            artifact: parts.place.map(|place| DocumentArtifact {
                repository: place.repository().to_owned(),
                path: place.path().to_owned(),
            }),
            project: xray.project().map(ToOwned::to_owned),
            read_on: parts.read_on.to_string(),
            status: parts.status.and_then(|status| status.answer.clone()),
            summary: DocumentSummary { version: parts.summary.version, answer: parts.summary.answer },
            violations: parts.violations.map(|violations| DocumentViolations {
                total: violations.entries.len(),
                entries: violations.entries,
            }),
        }
    }

    /// Reads a document back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let document: Self = json::parse(bytes, "the report of Xray")?;
        let wrong = |why: &str| Err(Error::new(ErrorKind::Protocol, format!("the report of Xray: {why}")));
        if document.schema != SCHEMA {
            return wrong("another schema than waxseal/xray-report/v1");
        }
        match &document.violations {
            Some(violations) if violations.total != violations.entries.len() => {
                wrong("the number of its violations is not the one that it says")
            }
            _ => Ok(document),
        }
    }

    /// The document as JSON on one line.
    pub fn to_json(&self) -> Result<String, Error> {
        let entries = self.violations.iter().flat_map(|violations| &violations.entries);
        let answers = entries.map(|entry| entry.get().len().saturating_add(1));
        let size = answers.fold(self.summary.answer.get().len(), usize::saturating_add);
        // Doubling as it grows would take the largest report's room twice.
        let mut text = Vec::with_capacity(size.saturating_add(FRAME_BYTES));
        let unwritten = || Error::new(ErrorKind::Protocol, "the report of Xray cannot be written");
        serde_json::to_writer(&mut text, self).map_err(|error| unwritten().caused_by(error))?;
        String::from_utf8(text).map_err(|error| unwritten().caused_by(error))
    }
}
