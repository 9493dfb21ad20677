//! What an inventory says of one image.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use waxseal_core::scan::Severity;
use waxseal_core::verify::{Finding, Outcome};
use waxseal_core::{Digest, KeyId, Verdict};

use super::source::Workload;

/// An image, who signed it, what its scans say, and what runs it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InventoryImage {
    /// The image by its digest; as it is named, where it could not be resolved.
    pub image: String,
    /// The repository, layout or archive; none where the name is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The digest; none where the name could not be resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Every name that it goes by here, as it is written.
    pub names: BTreeSet<String>,
    /// What it is; none where its manifest could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ImageKind>,
    /// The type of an artifact, by its own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The images of an index. What a build left beside them (`attestation-manifest`) is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<PlatformImage>,
    /// Who signed it.
    pub signature: SignerState,
    /// What its scans say.
    pub scan: ScanState,
    /// What a policy file decides about it, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<ImageVerdict>,
    /// What hangs on it, by its own word, where no key was given. Nobody has verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<AttachedClaims>,
    /// What runs it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Workload>,
    /// A node says that it runs this very digest.
    pub running: bool,
    /// A node runs an image of this name and does not say which digest: the one here is what the name means now.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub running_digest_unknown: bool,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
}

impl InventoryImage {
    /// Whether everything about it could be read.
    pub fn is_complete(&self) -> bool {
        self.troubles.is_empty() && !self.is_unknown() && !self.is_undecided()
    }

    /// Whether it could not be read far enough to say who signed it, or what its scans say.
    pub const fn is_unknown(&self) -> bool {
        matches!(self.signature, SignerState::Unknown { .. })
            || matches!(self.scan, ScanState::Unknown { .. })
    }

    /// Whether the policy refuses it.
    pub fn is_refused(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::Refuse.name())
    }

    /// Whether the policy cannot decide about it.
    fn is_undecided(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::Undecided.name())
    }
}

/// What a policy file decides about an image: of several namespaces that it runs in, where it comes out worst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageVerdict {
    /// `admit`, `refuse` or `undecided`.
    pub outcome: &'static str,
    /// On what ground it is admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<&'static str>,
    /// The namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What came nearest, if it is not admitted.
    #[serde(flatten)]
    pub why: Option<Why>,
}

impl ImageVerdict {
    /// What a verdict says.
    pub(super) fn of(verdict: &Verdict, namespace: Option<&str>) -> Self {
        let basis = match verdict {
            Verdict::Admit(admission) => Some(admission.basis.name()),
            _ => None,
        };
        Self {
            outcome: verdict.outcome().name(),
            basis,
            namespace: namespace.map(ToOwned::to_owned),
            why: verdict.nearest_miss().map(Why::from),
        }
    }

    /// Nothing could be decided.
    pub(super) fn undecided(why: Why) -> Self {
        Self { outcome: Outcome::Undecided.name(), basis: None, namespace: None, why: Some(why) }
    }
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageKind {
    /// An image of one platform.
    Image,
    /// An index of images.
    Index,
    /// Something else that a registry holds: a chart, a scanner's database.
    Artifact,
    /// A signature or an attestation: it is about an image, and is none.
    Evidence,
}

impl ImageKind {
    /// The name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Artifact => "artifact",
            Self::Evidence => "evidence",
        }
    }
}

/// An image of an index.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlatformImage {
    /// Its digest.
    pub digest: Digest,
    /// The platform that the index names it for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What its own scans say, where there is none about the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanState>,
}

/// Who signed an image.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignerState {
    /// These keys did.
    Signed {
        /// Every key whose signature counts.
        signers: Vec<Signer>,
    },
    /// None of the keys did.
    Unsigned {
        /// What came nearest.
        #[serde(flatten)]
        why: Why,
    },
    /// Something could not be read.
    Unknown {
        /// What.
        #[serde(flatten)]
        why: Why,
    },
    /// No key was given: nothing is known.
    NotVerified,
}

impl SignerState {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Signed { .. } => "signed",
            Self::Unsigned { .. } => "unsigned",
            Self::Unknown { .. } => "unknown",
            Self::NotVerified => "not-verified",
        }
    }
}

/// A key that has signed an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Signer {
    /// How the key was named.
    pub name: String,
    /// The key.
    pub key: KeyId,
    /// The names under which it signed the image, where it wrote one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub signed_for: BTreeSet<String>,
    /// How the signatures are stored.
    pub formats: BTreeSet<&'static str>,
}

/// What the scans of an image say.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScanState {
    /// The newest scan of each scanner, by the word of a key.
    Scanned(ImageScan),
    /// No key says that it was scanned.
    Unscanned {
        /// What came nearest.
        #[serde(flatten)]
        why: Why,
    },
    /// Something could not be read.
    Unknown {
        /// What.
        #[serde(flatten)]
        why: Why,
    },
    /// No key was given: nothing is known.
    NotVerified,
}

impl ScanState {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Scanned(_) => "scanned",
            Self::Unscanned { .. } => "unscanned",
            Self::Unknown { .. } => "unknown",
            Self::NotVerified => "not-verified",
        }
    }
}

/// The newest scans of an image, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageScan {
    /// The worst score of all scanners and platforms.
    pub score: Severity,
    /// Whether all of them are complete; else the score may be worse.
    pub complete: bool,
    /// When the oldest of them was finished, by the signed time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// How long ago that was, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
    /// Whether they are about the images of an index, and not about the index.
    pub by_platform: bool,
    /// What each scanner says, of each platform where they differ.
    pub scanners: Vec<ScannerScore>,
}

/// What one scanner says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ScannerScore {
    /// The scanner, by its own word.
    pub scanner: String,
    /// The digest that was scanned.
    pub digest: Digest,
    /// How the key is named that says so.
    pub key_name: String,
    /// The worst severity.
    pub score: Severity,
    /// Whether nothing was left out.
    pub complete: bool,
    /// When it was finished, by the signed time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// How many vulnerabilities of each severity, each id once.
    pub vulnerabilities: BTreeMap<&'static str, u64>,
    /// How many of them have a fix.
    pub fixable: u64,
}

/// Why something is not as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Why {
    /// The stable code: that of a finding or of an error.
    pub code: String,
    /// The same in words. It may come from outside.
    pub reason: String,
}

impl Why {
    /// A code and words.
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into() }
    }
}

impl From<&Finding> for Why {
    fn from(finding: &Finding) -> Self {
        let mut reason = finding.reason.meaning().to_owned();
        if let Some(key) = &finding.key {
            reason = format!("{reason}; key {key}");
        }
        if let Some(expected) = &finding.expected {
            reason = format!("{reason}; expected {expected}");
        }
        if let Some(found) = &finding.found {
            reason = format!("{reason}; found {found}");
        }
        Self::new(finding.reason.code(), reason)
    }
}

/// What hangs on an image by its own word. Anybody who may push could have put it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AttachedClaims {
    /// How many look like signatures.
    pub signatures: usize,
    /// How many look like attestations, by the type that they claim.
    pub attestations: BTreeMap<String, usize>,
    /// How many cannot be read as either.
    pub rejected: usize,
}

impl AttachedClaims {
    /// Whether nothing is there at all.
    pub fn is_empty(&self) -> bool {
        self.signatures == 0 && self.attestations.is_empty() && self.rejected == 0
    }
}

/// Something that could not be read: what stands there, nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// What was to be read.
    pub what: String,
    /// The stable code.
    pub code: String,
    /// The same in words. It may come from outside.
    pub message: String,
}

impl Trouble {
    /// What an error says of this.
    pub(super) fn of(what: impl Into<String>, error: &crate::error::Error) -> Self {
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            message = format!("{message}: {source}");
        }
        Self { what: what.into(), code: error.code().to_owned(), message }
    }
}
