//! What came of a gate: one verdict an image, with the places that name it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use waxseal_core::verify::{Basis, Finding, Outcome, RequirementReport, Unseen};
use waxseal_core::{Digest, PinnedRef, Verdict};
use waxseal_oci::Location;

use crate::error::Error;
use crate::mention::{Note, Place};

/// The name and version of the JSON form.
pub const GATE_SCHEMA: &str = "waxseal/gate/v1";

/// What came of a gate. Its JSON form has the schema [`GATE_SCHEMA`].
#[derive(Clone, Debug)]
#[must_use = "a result that nobody reads decides nothing"]
#[non_exhaustive]
pub struct GateResult {
    /// The name of the policy.
    pub policy: String,
    /// The digest of the resolved policy.
    pub policy_digest: Digest,
    /// The time at which it was judged.
    pub at: Timestamp,
    /// The images, in the order in which they are named first.
    pub images: Vec<GatedImage>,
    /// What is not judged and should be known.
    pub notes: Vec<Note>,
}

/// An image and what was decided about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatedImage {
    /// Its name in full, as it was judged.
    pub name: String,
    /// The same, as what was resolved.
    pub location: Location,
    /// What the name resolves to, an index as it is; none where it could not be looked at.
    pub resolved: Option<PinnedRef>,
    /// The namespace that it was judged for, where rules ask for namespaces.
    pub namespace: Option<String>,
    /// Everywhere it is named, in the order of the texts; never empty.
    pub places: Vec<Place>,
    /// What was decided.
    pub judged: Judged,
}

/// What was decided about an image of a gate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Judged {
    /// There is a verdict. Several names of one digest share it.
    Decided(Arc<Verdict>),
    /// It could not be looked at: undecided, and nothing else.
    Unseen {
        /// What is said of it.
        unseen: Box<Unseen>,
        /// What stood in the way.
        error: Arc<Error>,
    },
}

/// How many images ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutcomeCounts {
    /// Images.
    pub images: usize,
    /// Images that were admitted.
    pub admitted: usize,
    /// Images that were refused.
    pub refused: usize,
    /// Images that nothing could be decided about.
    pub undecided: usize,
    /// Places that name them.
    pub places: usize,
}

impl GateResult {
    /// The worst outcome (rule V4): refused, undecided, admitted. Without any image that is admitted: whether an empty
    /// gate is one, the caller says.
    pub fn outcome(&self) -> Outcome {
        let counts = self.counts();
        match (counts.refused, counts.undecided) {
            (0, 0) => Outcome::Admit,
            (0, _) => Outcome::Undecided,
            _ => Outcome::Refuse,
        }
    }

    /// How many images ended in which way.
    pub fn counts(&self) -> OutcomeCounts {
        let mut counts = OutcomeCounts { images: self.images.len(), ..OutcomeCounts::default() };
        for image in &self.images {
            let count = match image.outcome() {
                Outcome::Admit => &mut counts.admitted,
                Outcome::Undecided => &mut counts.undecided,
                // Whatever is not known here is not admitted.
                _ => &mut counts.refused,
            };
            *count = count.saturating_add(1);
            counts.places = counts.places.saturating_add(image.places.len());
        }
        counts
    }

    /// One JSON document of the schema [`GATE_SCHEMA`].
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl GatedImage {
    /// Which of the three it is.
    pub fn outcome(&self) -> Outcome {
        self.verdict().map_or(Outcome::Undecided, Verdict::outcome)
    }

    /// The verdict, if the image could be looked at.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.judged {
            Judged::Decided(verdict) => Some(verdict),
            Judged::Unseen { .. } => None,
        }
    }

    /// On what ground it was admitted, by its stable name, if it was.
    pub fn basis(&self) -> Option<&'static str> {
        self.verdict()?.basis().map(Basis::name)
    }

    /// What stood in the way, if it could not be looked at.
    pub fn error(&self) -> Option<&Error> {
        match &self.judged {
            Judged::Decided(_) => None,
            Judged::Unseen { error, .. } => Some(error),
        }
    }

    /// The digest that was judged; none where the name could not be resolved.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.judged {
            Judged::Decided(verdict) => Some(&verdict.report().digest),
            Judged::Unseen { .. } => self.location.digest(),
        }
    }

    /// Each requirement in words, and whether it is met.
    pub fn requirements(&self) -> &[RequirementReport] {
        match &self.judged {
            Judged::Decided(verdict) => &verdict.report().requirements,
            Judged::Unseen { unseen, .. } => &unseen.requirements,
        }
    }

    /// The finding that came closest to what was asked for, if it was not admitted.
    pub fn nearest_miss(&self) -> Option<&Finding> {
        match &self.judged {
            Judged::Decided(verdict) => verdict.nearest_miss(),
            Judged::Unseen { unseen, .. } => Some(&unseen.finding),
        }
    }

    /// What was decided as JSON of the schema of verdicts.
    pub fn verdict_json(&self) -> String {
        match &self.judged {
            Judged::Decided(verdict) => verdict.to_json(),
            Judged::Unseen { unseen, .. } => unseen.to_json(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultJson<'a> {
    schema: &'static str,
    outcome: &'static str,
    policy: PolicyJson<'a>,
    time: String,
    counts: OutcomeCounts,
    images: &'a [GatedImage],
    notes: &'a [Note],
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    name: &'a str,
    digest: &'a Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageJson<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'static str>,
    places: &'a [Place],
    verdict: Box<RawValue>,
}

impl Serialize for GateResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ResultJson {
            schema: GATE_SCHEMA,
            outcome: self.outcome().name(),
            policy: PolicyJson { name: &self.policy, digest: &self.policy_digest },
            time: self.at.to_string(),
            counts: self.counts(),
            images: &self.images,
            notes: &self.notes,
        }
        .serialize(serializer)
    }
}

impl Serialize for GatedImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let verdict = RawValue::from_string(self.verdict_json()).map_err(serde::ser::Error::custom)?;
        ImageJson {
            image: &self.name,
            digest: self.digest(),
            namespace: self.namespace.as_deref(),
            outcome: self.outcome().name(),
            basis: self.basis(),
            places: &self.places,
            verdict,
        }
        .serialize(serializer)
    }
}
