//! One verdict over an image by a whole policy file: each group of rules judged alone, then put together (rules V1, V2, Y1).

use super::{
    Admission, Basis, Finding, Reason, Report, Subject, SubjectError, Verdict, Verified, Verifier, proof_of,
};
use crate::manifest::Manifest;
use crate::policy::{Applied, Mode, RulePlatforms, Unmatched};
use crate::reference::PinnedRef;

impl Verifier {
    /// The verdict over an image that is no index, for rules which ask for the images of one (rule P4): it is the one image
    /// that there is. `manifest` are its bytes, `own` is the verdict over it.
    pub fn single(
        &self,
        subject: &Subject,
        manifest: &[u8],
        media_type: Option<&str>,
        own: Verdict,
        platforms: &RulePlatforms,
    ) -> Result<Verdict, SubjectError> {
        let found = crate::Digest::of_with(subject.pinned().digest().algorithm(), manifest);
        if found != *subject.pinned().digest() {
            return Err(SubjectError::Digest { expected: *subject.pinned().digest(), found });
        }
        match Manifest::parse(manifest, media_type).map_err(SubjectError::Manifest)? {
            Manifest::Image(_) => {}
            Manifest::Index(_) => return Err(SubjectError::AnIndex),
        }
        let mut own = own;
        if own.report().digest == found {
            own.report_mut().scope = platforms.clone();
        }
        Ok(own)
    }

    /// Puts together what each group of `applied` has said of the image: `judged` are their verdicts, in the order of
    /// [`Applied::groups`].
    ///
    /// An image is verified when every enforcing group admits it, refused when one refuses it, and else undecided. What a
    /// group that only warns has said is reported, and admits only where nothing is enforced.
    pub fn decide(&self, subject: &Subject, applied: &Applied<'_>, judged: &[Verdict]) -> Verdict {
        let mut report = self.nothing_asked(subject, applied);
        if applied.digest != *subject.pinned().digest() {
            report.findings.push(not_judged("rules that were selected for another image"));
            return Verdict::Undecided(Box::new(report));
        }
        if let Some(exemption) = applied.exemption() {
            let basis = Basis::Exempt { reason: exemption.reason().to_owned(), expires: exemption.expires() };
            return admit(basis, Vec::new(), Vec::new(), report);
        }
        if applied.groups().is_empty() {
            let name =
                applied.name().map_or_else(|| "an image without a name".to_owned(), ToString::to_string);
            let unmatched = Finding::new(Reason::Unmatched).compared("a rule for the image", name);
            return match applied.unmatched() {
                Unmatched::Refuse => {
                    report.findings.push(unmatched);
                    Verdict::Refuse(Box::new(report))
                }
                Unmatched::Warn => {
                    report.findings.push(unmatched);
                    admit(Basis::Unmatched, Vec::new(), Vec::new(), report)
                }
                Unmatched::Admit => admit(Basis::Unmatched, Vec::new(), Vec::new(), report),
            };
        }
        together(subject, applied, judged, report)
    }

    /// A report that says whose policy and which image, and nothing of what was found.
    fn nothing_asked(&self, subject: &Subject, applied: &Applied<'_>) -> Report {
        let expired = applied.expired().iter().map(|exemption| {
            Finding::new(Reason::ExemptionExpired).compared(
                format!("an exemption at {}", applied.now),
                format!("{}, until {}", exemption.reason(), exemption.expires()),
            )
        });
        Report {
            subject: subject.pinned().to_string(),
            digest: *subject.pinned().digest(),
            policy: applied.set.name().to_owned(),
            policy_digest: applied.set.digest(),
            at: applied.now,
            requirements: Vec::new(),
            findings: expired.collect(),
            evidence: Vec::new(),
            unchecked: Vec::new(),
            looking_back_from: self.present,
            warnings: Vec::new(),
            scope: RulePlatforms::Index,
            signed: None,
        }
    }
}

/// What the groups have said, together.
fn together(subject: &Subject, applied: &Applied<'_>, judged: &[Verdict], mut report: Report) -> Verdict {
    let (mut refused, mut undecided, mut enforced) = (false, false, false);
    let (mut signatures, mut attestations) = (Vec::new(), Vec::new());
    let mut unchecked = Vec::new();
    let mut signed = Signed::default();
    for (at, group) in applied.groups().iter().enumerate() {
        enforced |= group.mode == Mode::Enforce;
        // A verdict by other requirements, over another image or over less than the rules ask for is none.
        let verdict = judged.get(at).filter(|verdict| {
            let report = verdict.report();
            report.policy_digest == group.policy.digest()
                && report.scope == group.platforms
                && report.digest == applied.digest
                && report.at == applied.now
        });
        let Some(verdict) = verdict else {
            report.findings.push(not_judged("a rule that the image was not judged by"));
            undecided |= group.mode == Mode::Enforce;
            continue;
        };
        if group.mode == Mode::Enforce && group.policy.wants_signatures() {
            signed.take(subject, verdict.report());
        }
        let admitted = verdict.verified().is_some_and(|verified| **verified == *subject.pinned());
        unchecked.extend(verdict.report().unchecked.iter().copied());
        if admitted {
            signatures.extend(verdict.signatures().iter().cloned());
            attestations.extend(verdict.attestations().iter().cloned());
            report.take(verdict.report());
            continue;
        }
        match group.mode {
            Mode::Enforce => {
                if matches!(verdict, Verdict::Undecided(_)) {
                    undecided = true;
                } else {
                    refused = true;
                }
                report.take(verdict.report());
            }
            Mode::Warn => {
                report.evidence.extend(verdict.report().evidence.iter().cloned());
                report.warnings.push(verdict.clone());
            }
        }
    }
    unchecked.sort_unstable();
    unchecked.dedup();
    report.unchecked = unchecked;
    report.signed = signed.all().then(|| (subject.pinned().clone(), report.policy_digest));
    if refused {
        Verdict::Refuse(Box::new(report))
    } else if undecided {
        Verdict::Undecided(Box::new(report))
    } else if !enforced && !report.warnings.is_empty() {
        admit(Basis::Warned, Vec::new(), Vec::new(), report)
    } else {
        let proof = proof_of(&signatures, &attestations, report.policy_digest, report.at);
        let verified = Verified::assertion(subject.pinned().clone(), proof);
        admit(Basis::Verified(verified), signatures, attestations, report)
    }
}

/// Whether each enforced group that asks for signatures has found them on the image itself (rule P4).
#[derive(Default)]
struct Signed {
    found: bool,
    missing: bool,
}

impl Signed {
    fn take(&mut self, subject: &Subject, report: &Report) {
        let own = report
            .signed
            .as_ref()
            .is_some_and(|(pinned, policy)| pinned == subject.pinned() && *policy == report.policy_digest);
        self.found |= own;
        self.missing |= !own;
    }

    const fn all(&self) -> bool {
        self.found && !self.missing
    }
}

impl Report {
    /// Takes up what another group of rules has said.
    fn take(&mut self, other: &Self) {
        let before = self.requirements.len();
        self.evidence.extend(other.evidence.iter().cloned());
        self.requirements.extend(other.requirements.iter().cloned());
        self.findings.extend(other.findings.iter().cloned().map(|mut finding| {
            finding.requirement = finding.requirement.map(|at| at.saturating_add(before));
            finding
        }));
    }
}

fn admit(
    basis: Basis<PinnedRef>,
    signatures: Vec<Verified<super::ImageSignature>>,
    attestations: Vec<Verified<super::Attestation>>,
    report: Report,
) -> Verdict {
    Verdict::Admit(Box::new(Admission { basis, signatures, attestations, report }))
}

fn not_judged(found: &str) -> Finding {
    Finding::new(Reason::Unreadable).compared("a verdict by each rule that applies", found)
}
