//! Decision records: what was decided over an image, by which policy, on what evidence, and when.
//!
//! A record holds the verdict as it was, the ids of the policy's keys and the digest of every object that was looked at,
//! those that counted and those that did not. Whoever has the evidence can decide again and compare. A record is for
//! people and auditors: it never feeds a verdict (rule Y6), and nothing here makes anything trusted.

mod compare;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use compare::Difference;

use crate::candidate::Origin;
use crate::digest::Digest;
use crate::json::{self, Names};
use crate::limits::DOCUMENT_BYTES;
use crate::policy::PolicySet;
use crate::verify::{Unseen, Verdict};

/// The name and version of the JSON form.
pub const RECORD_SCHEMA: &str = "waxseal/record/v1";

/// What was decided over one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Record {
    schema: String,
    /// The image, and how it was judged.
    pub image: RecordedImage,
    /// The time at which it was judged, in RFC 3339.
    pub time: String,
    /// The policy by which it was judged.
    pub policy: RecordedPolicy,
    /// Every object that was looked at, whether it counted or not, sorted.
    pub evidence: Vec<RecordedObject>,
    /// The verdict, of the schema [`VERDICT_SCHEMA`](crate::verify::VERDICT_SCHEMA).
    pub verdict: Value,
}

/// The image of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedImage {
    /// The name, as it was typed.
    pub name: String,
    /// The repository in which it stood, or that it went by in a layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The digest that was judged; none where the image could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The index that the name resolves to, where the image of a platform was chosen from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// The namespace that it was to run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The platform whose image of an index was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Whether every image of the index was judged, whatever the rules say.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub all_platforms: bool,
    /// Whether exemptions were left out (rule V2).
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub without_exemptions: bool,
}

impl RecordedImage {
    /// An image by the name that was typed, judged as the policy says.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The policy of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedPolicy {
    /// The name.
    pub name: String,
    /// The digest of the resolved policy (rule Y3).
    pub digest: Digest,
    /// The serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// Its keys, sorted.
    pub keys: Vec<RecordedKey>,
}

/// A key of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedKey {
    /// Its name in the policy.
    pub name: String,
    /// Its id: the SHA-256 of its public half (rule S2).
    pub id: String,
}

/// An object that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedObject {
    /// The kind of place, by its name.
    pub store: String,
    /// The image beside which it was found.
    pub beside: Digest,
    /// The manifest that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The blob that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
}

impl From<&Origin> for RecordedObject {
    fn from(origin: &Origin) -> Self {
        Self {
            store: origin.store.name().to_owned(),
            beside: origin.beside,
            manifest: origin.manifest,
            blob: origin.blob,
        }
    }
}

impl From<&PolicySet> for RecordedPolicy {
    fn from(set: &PolicySet) -> Self {
        let requirements = set.rules().iter().flat_map(|rule| rule.policy().requirements());
        let keys = requirements.flat_map(crate::policy::Requirement::keys);
        let mut keys: Vec<_> = keys
            .map(|key| RecordedKey { name: key.name().to_owned(), id: key.key().id().to_string() })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Self { name: set.name().to_owned(), digest: set.digest(), serial: set.serial(), keys }
    }
}

impl Record {
    /// What was decided over an image. `image` says how it was judged; its digest is taken from the verdict.
    pub fn of(verdict: &Verdict, policy: &PolicySet, image: RecordedImage) -> Self {
        let report = verdict.report();
        let mut evidence: Vec<_> = report.evidence.iter().map(RecordedObject::from).collect();
        evidence.sort_unstable();
        evidence.dedup();
        Self {
            schema: RECORD_SCHEMA.to_owned(),
            image: RecordedImage { digest: Some(report.digest), ..image },
            time: report.at.to_string(),
            policy: policy.into(),
            evidence,
            verdict: serde_json::from_str(&verdict.to_json()).unwrap_or_default(),
        }
    }

    /// What is recorded of an image that could not be looked at: nothing was decided.
    pub fn unseen(unseen: &Unseen, policy: &PolicySet, image: RecordedImage) -> Self {
        Self {
            schema: RECORD_SCHEMA.to_owned(),
            image: RecordedImage { digest: None, ..image },
            time: unseen.at.to_string(),
            policy: policy.into(),
            evidence: Vec::new(),
            verdict: serde_json::from_str(&unseen.to_json()).unwrap_or_default(),
        }
    }

    /// Reads a record. That it is one says nothing of who wrote it.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() as u64 > DOCUMENT_BYTES {
            return Err(RecordError::TooLarge { found: bytes.len() });
        }
        json::check(bytes, |_| Names::Exact).map_err(RecordError::Json)?;
        let record: Self = serde_json::from_slice(bytes)
            .map_err(|error| RecordError::Json(json::JsonError::Shape { why: error.to_string() }))?;
        if record.schema != RECORD_SCHEMA {
            return Err(RecordError::Schema { found: record.schema });
        }
        Ok(record)
    }

    /// The record as one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was decided, by its stable name.
    pub fn outcome(&self) -> &str {
        self.verdict.get("verdict").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Larger than [`DOCUMENT_BYTES`].
    #[error("a record of {found} bytes, the limit is {DOCUMENT_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not the JSON that a record is.
    #[error("{0}")]
    Json(#[source] json::JsonError),
    /// Another document, or another version.
    #[error("expected the schema {RECORD_SCHEMA}, found {found:?}")]
    Schema {
        /// The schema that it names.
        found: String,
    },
}
