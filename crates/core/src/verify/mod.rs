//! The verifier: evidence, a policy and a time in, a verdict out.
//!
//! Pure: equal input gives an equal verdict, and the order of candidates or keys changes nothing but the order
//! of findings. Each check has its rule's number beside it (docs/verification.md explains them). Nothing here
//! reads a payload before a signature over its original bytes was verified.

mod attestation;
mod blob;
mod blob_attestation;
mod condition;
mod decide;
mod document;
mod finding;
mod image;
mod pack;
mod platforms;
mod reason;
mod scan;
mod standing;
mod summary;
mod unseen;
mod verdict;
mod verified;

use jiff::Timestamp;
use serde_json::value::RawValue;

pub use attestation::Attestation;
pub use blob::{Blob, BlobSignature, BlobSignatureError};
pub use blob_attestation::attestation_file;
pub use finding::Finding;
pub use platforms::PlatformVerdict;
pub use reason::Reason;
pub use standing::{StandingStatement, Succession, TooManyChecks, statements_by};
pub use unseen::Unseen;
pub use verdict::{Admission, Basis, Outcome, Report, RequirementReport, VERDICT_SCHEMA, Verdict};
pub use verified::{ImageSignature, Proof, Verified};

use self::image::{About, Judge};
use crate::candidate::{Evidence, Origin};
use crate::digest::Digest;
use crate::key::example;
use crate::manifest::{ImageIndex, Manifest, ManifestError};
use crate::policy::{Policy, Requirement, RulePlatforms, SignedFor, TrustedKey};
use crate::predicate::PredicateType;
use crate::reference::{PinnedRef, Repository};
use crate::scan::Scan;
use crate::scan::foreign::{NoReports, ReportReader};

/// Judges evidence. Choices that hold for a whole deployment are made here; what must hold for an image is the
/// policy's.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    allow_example_keys: bool,
    reports: Option<Reports>,
    /// Now, if a past moment is judged.
    present: Option<Timestamp>,
}

/// What reads scanners' own reports, which this crate does not know.
#[derive(Clone, Copy)]
struct Reports(&'static (dyn ReportReader + Send + Sync));

impl core::fmt::Debug for Reports {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reports")
    }
}

impl Verifier {
    /// A verifier that refuses waxseal's published example keys.
    pub const fn new() -> Self {
        Self { allow_example_keys: false, reports: None, present: None }
    }

    /// Reads the reports of scanners in the predicates of other tools by `reports`. Without this, a scan that needs one is
    /// refused as unreadable.
    #[must_use]
    pub fn reading(mut self, reports: &'static (dyn ReportReader + Send + Sync)) -> Self {
        self.reports = Some(Reports(reports));
        self
    }

    /// Judges past moments: what is passed in as `now` is one of them, and `present` is now (rule T2). Windows of keys and
    /// ages are judged at the past moment, and a statement that was made after it is ignored. A revocation is not moved: what
    /// was revoked since does not count. Verdicts say from when they look back.
    ///
    /// Signatures by keys have no time of their own: one that was added since the past moment counts as if it had stood there.
    #[must_use]
    pub const fn looking_back_from(mut self, present: Timestamp) -> Self {
        self.present = Some(present);
        self
    }

    /// The scan in a signed predicate.
    fn read_scan(
        &self,
        predicate_type: &PredicateType,
        predicate: Option<&RawValue>,
    ) -> Result<Scan, String> {
        let predicate = predicate.ok_or("no predicate")?.get();
        let none = NoReports::new();
        let reports = self.reports.map_or(&none as &dyn ReportReader, |reports| reports.0);
        match Scan::read(predicate_type.as_str(), predicate, reports) {
            Some(read) => read.map_err(|error| error.to_string()),
            None => Err(format!("{predicate_type}: nothing reads it as a scan")),
        }
    }

    /// Lets the published example keys count, for trials and tests.
    #[must_use]
    pub const fn allow_example_keys(mut self) -> Self {
        self.allow_example_keys = true;
        self
    }

    /// Judges an image by what was found beside it, and beside the indexes through which it was reached.
    pub fn verify(&self, subject: &Subject, evidence: &Evidence, policy: &Policy, now: Timestamp) -> Verdict {
        let whole = self.judge(About::from(subject), evidence, policy, now);
        let signed = whole.signed.then(|| (subject.pinned.clone(), policy.digest()));
        let (name, digest) = (subject.pinned.to_string(), subject.pinned.digest());
        let mut verdict = whole.verdict(subject.pinned.clone(), name, digest, policy, now);
        verdict.report_mut().signed = signed;
        verdict
    }

    /// Holds the evidence against every requirement of the policy.
    fn judge(&self, about: About<'_>, evidence: &Evidence, policy: &Policy, now: Timestamp) -> Whole {
        let mut judge = Judge::new(self, about, evidence, policy, now);
        let mut findings: Vec<Finding> = Vec::new();
        let mut requirements = Vec::new();
        let (mut signatures, mut attestations) = (Vec::new(), Vec::new());
        let mut undecidable = true;
        for (at, requirement) in policy.requirements().iter().enumerate() {
            let result = match requirement {
                Requirement::Signature(wanted) => judge.signatures(at, wanted),
                Requirement::Attestation(wanted) => judge.attestations(at, wanted),
            };
            requirements.push(RequirementReport {
                rule: policy.rule_of(at).map(ToOwned::to_owned),
                wanted: requirement.describe(),
                met: result.met,
                counted: result.counted,
                threshold: requirement.terms().wanted(),
            });
            // Rule V1: what is unreadable does not undo a met requirement, but could have met an unmet one.
            // One that nothing unreadable could meet is enough to refuse, whatever becomes of the others.
            undecidable &= result.met || result.open;
            findings.extend(result.findings);
            signatures.extend(result.signatures);
            attestations.extend(result.attestations);
        }
        findings.extend(evidence.unreadable.iter().map(Finding::unreadable));
        findings.extend(judge.budget_finding());
        let outcome = if requirements.iter().all(|requirement| requirement.met) {
            Outcome::Admit
        } else if undecidable {
            Outcome::Undecided
        } else {
            Outcome::Refuse
        };
        let mut of_signatures = policy
            .requirements()
            .iter()
            .zip(&requirements)
            .filter(|(requirement, _)| matches!(requirement, Requirement::Signature(_)))
            .peekable();
        let signed = of_signatures.peek().is_some() && of_signatures.all(|(_, report)| report.met);
        let present = self.present;
        let candidates = evidence.candidates.iter().map(|candidate| candidate.origin().clone());
        let unread = evidence.unreadable.iter().map(|unreadable| unreadable.origin.clone());
        let evidence = candidates.chain(unread).collect();
        Whole { outcome, requirements, findings, signatures, attestations, signed, present, evidence }
    }

    /// Whether the key counts at `now`, by its validity, its revocation and the example keys' exception.
    fn key_counts(&self, trusted: &TrustedKey, now: Timestamp) -> Result<(), Finding> {
        if !self.allow_example_keys && example::is_example(&trusted.key().id()) {
            return Err(Finding::new(Reason::ExampleKey).compared("a key of your own", trusted.name()));
        }
        // Revocation first: it holds whatever the window says. It is judged at the time that was passed in, as the window
        // is (rule T1), and where that is past, at the present (rule T2).
        let latest = self.present.map_or(now, |present| present.max(now));
        if let Some(revoked) = trusted.revocation().filter(|revoked| latest >= *revoked) {
            let expected = format!("a key that was not revoked by {latest}");
            return Err(Finding::new(Reason::KeyRevoked).compared(expected, format!("revoked at {revoked}")));
        }
        let (from, until) = trusted.validity();
        if let Some(from) = from.filter(|from| now < *from) {
            let expected = format!("a key that is valid at {now}");
            return Err(Finding::new(Reason::KeyNotYetValid).compared(expected, format!("valid from {from}")));
        }
        if let Some(until) = until.filter(|until| now > *until) {
            let expected = format!("a key that is valid at {now}");
            return Err(Finding::new(Reason::KeyExpired).compared(expected, format!("valid until {until}")));
        }
        Ok(())
    }
}

/// All requirements of a policy, judged.
struct Whole {
    outcome: Outcome,
    requirements: Vec<RequirementReport>,
    findings: Vec<Finding>,
    signatures: Vec<Verified<ImageSignature>>,
    attestations: Vec<Verified<Attestation>>,
    /// Whether signatures are asked for, and every such requirement is met.
    signed: bool,
    /// Now, if a past moment was judged.
    present: Option<Timestamp>,
    /// Where everything was found that was looked at.
    evidence: Vec<Origin>,
}

impl Whole {
    fn verdict<T>(
        self,
        judged: T,
        subject: String,
        digest: &Digest,
        policy: &Policy,
        now: Timestamp,
    ) -> Verdict<T> {
        let report = Report {
            subject,
            digest: *digest,
            policy: policy.name().to_owned(),
            policy_digest: policy.digest(),
            at: now,
            looking_back_from: self.present,
            requirements: self.requirements,
            findings: self.findings,
            evidence: self.evidence,
            unchecked: unchecked(policy),
            warnings: Vec::new(),
            scope: RulePlatforms::Index,
            signed: None,
        };
        match self.outcome {
            Outcome::Admit => {
                let proof = proof(&self.signatures, &self.attestations, policy, now);
                let basis = Basis::Verified(Verified::assertion(judged, proof));
                let (signatures, attestations) = (self.signatures, self.attestations);
                Verdict::Admit(Box::new(Admission { basis, signatures, attestations, report }))
            }
            Outcome::Undecided => Verdict::Undecided(Box::new(report)),
            Outcome::Refuse => Verdict::Refuse(Box::new(report)),
        }
    }
}

/// What no requirement of the policy looks at.
fn unchecked(policy: &Policy) -> Vec<&'static str> {
    let names = policy.requirements().iter().all(|wanted| wanted.terms().signed_for != SignedFor::Any);
    let mut unchecked = vec!["transparency-log"];
    if !names {
        unchecked.push("signed-name");
    }
    // A statement with a result says "failed" under the same type and key as one that says "passed" (rule Y6).
    let unread = policy.requirements().iter().any(|requirement| match requirement {
        Requirement::Attestation(wanted) => {
            (wanted.newest_counts() || wanted.reads_results().is_err()) && !wanted.reads_content()
        }
        Requirement::Signature(_) => false,
    });
    if unread {
        unchecked.push("attested-result");
    }
    unchecked
}

fn proof(
    signatures: &[Verified<ImageSignature>],
    attestations: &[Verified<Attestation>],
    policy: &Policy,
    at: Timestamp,
) -> Proof {
    proof_of(signatures, attestations, policy.digest(), at)
}

fn proof_of(
    signatures: &[Verified<ImageSignature>],
    attestations: &[Verified<Attestation>],
    policy: Digest,
    at: Timestamp,
) -> Proof {
    let mut keys: Vec<_> = signatures.iter().map(|signature| signature.key).collect();
    keys.extend(attestations.iter().map(|attestation| attestation.key));
    keys.sort_unstable();
    keys.dedup();
    Proof { keys, policy, at }
}

/// What is judged: an image by its digest, and the indexes through which a person reached it (rule P2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pinned: PinnedRef,
    via: Vec<Digest>,
    known_as: Option<Repository>,
}

impl Subject {
    /// The image that a name resolves to.
    pub const fn new(pinned: PinnedRef) -> Self {
        Self { pinned, via: Vec::new(), known_as: None }
    }

    /// The same image under the name that rules see for its place (rule Y4): signed names and ignore rules are held against
    /// that one.
    #[must_use]
    pub fn known_as(mut self, name: Option<Repository>) -> Self {
        self.known_as = name;
        self
    }

    /// The name that rules see: that of its place, unless it goes by another one.
    pub fn name(&self) -> Option<&Repository> {
        self.known_as.as_ref().or_else(|| self.pinned.repository())
    }

    /// An image that `index`, by its hash-checked bytes, lists: a signature on the index covers it.
    ///
    /// `index` are the bytes of the manifest that this subject names, `media_type` is what it was named by, and
    /// `child` is one of its descriptors.
    pub fn child(
        &self,
        index: &[u8],
        media_type: Option<&str>,
        child: &Digest,
    ) -> Result<Self, SubjectError> {
        let index = self.index(index, media_type)?;
        self.listed(&index, child)
    }

    /// Reads the bytes of the index that this subject names.
    fn index(&self, bytes: &[u8], media_type: Option<&str>) -> Result<Box<ImageIndex>, SubjectError> {
        let found = Digest::of_with(self.pinned.digest().algorithm(), bytes);
        if found != *self.pinned.digest() {
            return Err(SubjectError::Digest { expected: *self.pinned.digest(), found });
        }
        match Manifest::parse(bytes, media_type).map_err(SubjectError::Manifest)? {
            Manifest::Index(index) => Ok(index),
            Manifest::Image(_) => Err(SubjectError::NotAnIndex),
        }
    }

    fn listed(&self, index: &ImageIndex, child: &Digest) -> Result<Self, SubjectError> {
        if !index.manifests.iter().any(|descriptor| descriptor.digest == *child) {
            return Err(SubjectError::NotListed { child: *child });
        }
        let mut via = self.via.clone();
        via.push(*self.pinned.digest());
        Ok(Self { pinned: self.pinned.with_digest(*child), via, known_as: self.known_as.clone() })
    }

    /// The image.
    pub const fn pinned(&self) -> &PinnedRef {
        &self.pinned
    }

    /// The indexes through which it was reached, outermost first.
    pub fn via(&self) -> &[Digest] {
        &self.via
    }

    /// Every digest whose signature covers the image: its own, and those of the indexes.
    pub fn covered_by(&self) -> Vec<&Digest> {
        core::iter::once(self.pinned.digest()).chain(self.via.iter().rev()).collect()
    }
}

/// Why an image is not one of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The bytes are not those of the index.
    #[error("the index has the digest {found}, expected {expected}")]
    Digest {
        /// The digest of the index.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The bytes do not parse.
    #[error("the index cannot be read: {0}")]
    Manifest(#[source] ManifestError),
    /// It is an image.
    #[error("it is an image of one platform, not an index")]
    NotAnIndex,
    /// It is an index.
    #[error("it is an index, not an image of one platform")]
    AnIndex,
    /// The index does not list the image.
    #[error("the index does not list {child}")]
    NotListed {
        /// The image.
        child: Digest,
    },
}
