//! What became of a promotion, with its evidence.

use serde::Serialize;
use serde_json::value::RawValue;
use waxseal_core::reference::Tag;
use waxseal_core::{Digest, PinnedRef, Verdict};
use waxseal_oci::transfer::Copied;

use super::condition::Answer;
use crate::attest::Attested;

/// The name and version of the JSON form.
pub const PROMOTION_SCHEMA: &str = "waxseal/promotion/v1";

/// What became of one image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Promotion {
    /// What the source's name resolved to.
    pub source: PinnedRef,
    /// The image at the destination by its digest, whether it stands there yet or not.
    pub image: PinnedRef,
    /// The destination with its tag, as a person would type it.
    pub destination: String,
    /// The tag there.
    pub tag: Tag,
    /// What the tag named before.
    pub before: Option<Digest>,
    /// What came of it.
    pub outcome: PromotionOutcome,
    /// Why it was not promoted, if it was not.
    pub refusal: Option<Refusal>,
    /// The conditions, as far as they were looked at.
    pub conditions: Vec<Answer>,
    /// The verdict over the source.
    pub verdict: Option<Verdict>,
    /// The verdict over the image at the destination, before the tag was written.
    pub at_destination: Option<Verdict>,
    /// What was moved.
    pub copied: Option<Copied>,
    /// The evidence that went along, or would.
    pub evidence: Option<TakenEvidence>,
    /// The summary beside the image at the destination.
    pub summary: Option<Attested>,
}

/// What came of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum PromotionOutcome {
    /// The image stands at the destination under its tag.
    Promoted,
    /// It stood there, with everything.
    Unchanged,
    /// It would be promoted: nothing was written.
    Planned,
    /// It is not one that is meant: a condition says so.
    Skipped,
    /// It may not be promoted.
    Refused,
    /// Something could not be read.
    Undecided,
}

impl PromotionOutcome {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
        }
    }
}

/// Why an image was not promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The stable code.
    pub code: &'static str,
    /// What was found. It may come from outside: escape it before a terminal shows it.
    pub message: String,
    /// One thing to try.
    pub hint: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

/// The evidence that went along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TakenEvidence {
    /// The referrers and the layers of lists that went along.
    pub taken: Vec<Digest>,
    /// How many stayed behind, because no key of the policy signed them.
    pub left: usize,
}

impl Promotion {
    /// The promotion as JSON of the schema [`PROMOTION_SCHEMA`].
    pub fn to_json(&self) -> String {
        let raw = |verdict: &Option<Verdict>| {
            verdict.as_ref().and_then(|verdict| RawValue::from_string(verdict.to_json()).ok())
        };
        let summary = self.summary.as_ref().map(|summary| {
            let first = summary.attestations.first();
            SummaryJson {
                predicate_type: super::SUMMARY_PREDICATE,
                key: first.map(|one| one.key.to_string()),
                written: summary.attestations.iter().filter(|one| !one.already).count(),
            }
        });
        let json = Json {
            schema: PROMOTION_SCHEMA,
            outcome: self.outcome,
            source: self.source.to_string(),
            destination: &self.destination,
            digest: self.source.digest(),
            tag: self.tag.as_str(),
            before: self.before.as_ref(),
            refusal: self.refusal.as_ref(),
            conditions: &self.conditions,
            evidence: self.evidence.as_ref(),
            copied: self.copied.as_ref().map(|copied| CopiedJson {
                manifests: copied.manifests,
                manifests_written: copied.written,
                blobs_sent: copied.blobs,
                blobs_there: copied.blobs_there,
                blobs_mounted: copied.mounted,
                bytes_sent: copied.bytes,
            }),
            summary,
            verdict: raw(&self.verdict),
            at_destination: raw(&self.at_destination),
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    schema: &'static str,
    outcome: PromotionOutcome,
    source: String,
    destination: &'a str,
    digest: &'a Digest,
    tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a Refusal>,
    conditions: &'a [Answer],
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a TakenEvidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copied: Option<CopiedJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<SummaryJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_destination: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CopiedJson {
    manifests: usize,
    manifests_written: usize,
    blobs_sent: usize,
    blobs_there: usize,
    blobs_mounted: usize,
    bytes_sent: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryJson {
    predicate_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    written: usize,
}
