//! Several images of one index, judged together (rule P4).

use std::collections::BTreeSet;

use super::{
    Admission, Basis, Finding, Reason, Report, RequirementReport, Subject, Verdict, Verified, Verifier, proof,
};
use crate::candidate::Origin;
use crate::descriptor::{Descriptor, Platform};
use crate::digest::Digest;
use crate::policy::{Policy, RulePlatforms};
use crate::reference::PinnedRef;

/// The verdict over one image of an index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlatformVerdict {
    /// The image's digest.
    pub digest: Digest,
    /// What was decided.
    pub verdict: Verdict,
}

impl PlatformVerdict {
    /// A verdict over the image with this digest.
    pub const fn new(digest: Digest, verdict: Verdict) -> Self {
        Self { digest, verdict }
    }
}

impl Verifier {
    /// Combines the verdict over an index with the verdicts over its images: the index is admitted when each of
    /// its descriptors is, duplicates included.
    ///
    /// `own` is the verdict over the index itself, `index` its bytes. All verdicts must be by `policy`. A descriptor
    /// without a verdict refuses, but for a build attestation: `unknown/unknown` as platform, in an index that is
    /// itself admitted, or whose signatures are what the policy asks for. Where a descriptor has several verdicts, each of them must admit it.
    pub fn combine(
        &self,
        subject: &Subject,
        index: &[u8],
        media_type: Option<&str>,
        own: &Verdict,
        images: &[PlatformVerdict],
        policy: &Policy,
    ) -> Result<Verdict, super::SubjectError> {
        self.combine_for(subject, (index, media_type), own, images, policy, &RulePlatforms::All)
    }

    /// The same for some of its images: with a list of platforms each descriptor for one of them is judged, at least one.
    /// `index` are its bytes, and the media type that it was named by.
    pub fn combine_for(
        &self,
        subject: &Subject,
        index: (&[u8], Option<&str>),
        own: &Verdict,
        images: &[PlatformVerdict],
        policy: &Policy,
        platforms: &RulePlatforms,
    ) -> Result<Verdict, super::SubjectError> {
        let index = subject.index(index.0, index.1)?;
        let policy_digest = policy.digest();
        let admits = |verdict: &Verdict, pinned: &PinnedRef| {
            verdict
                .verified()
                .is_some_and(|verified| **verified == *pinned && verified.proof().policy == policy_digest)
        };
        let index_admitted = admits(own, subject.pinned());
        // Rule P4: signatures on the index vouch for what it lists, whatever is attested about it.
        let index_signed = own
            .report()
            .signed
            .as_ref()
            .is_some_and(|(pinned, policy)| pinned == subject.pinned() && *policy == policy_digest);
        let index_undecided =
            matches!(own, Verdict::Undecided(_)) && own.report().policy_digest == policy_digest;
        let mut findings = own.report().findings.clone();
        let mut signatures = own.signatures().to_vec();
        let mut attestations = own.attestations().to_vec();
        let (mut refused, mut undecided) = (false, false);
        let mut worst = Worst::default();
        let mut passed_over = 0_usize;
        let mut seen = BTreeSet::new();
        let taken = |descriptor: &&Descriptor| platforms.take(descriptor.platform.as_ref());
        let listed: Vec<_> = index.manifests.iter().filter(taken).collect();
        for descriptor in listed.iter().copied() {
            let build_attestation = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
            if build_attestation && index_admitted {
                worst.take(Some(own));
                passed_over = passed_over.saturating_add(1);
                continue;
            }
            if build_attestation && index_signed {
                passed_over = passed_over.saturating_add(1);
                continue;
            }
            let child = subject.listed(&index, &descriptor.digest)?;
            let verdicts: Vec<_> = images
                .iter()
                .filter(|image| image.digest == descriptor.digest)
                .map(|image| &image.verdict)
                .collect();
            let first_time = seen.insert(descriptor.digest);
            if first_time {
                findings.extend(verdicts.iter().flat_map(|verdict| verdict.report().findings.clone()));
            }
            if verdicts.is_empty() {
                worst.take(None);
            }
            for verdict in verdicts.iter().copied() {
                worst.take(Some(verdict).filter(|verdict| verdict.report().policy_digest == policy_digest));
                if admits(verdict, child.pinned()) {
                    if first_time {
                        signatures.extend(verdict.signatures().iter().cloned());
                        attestations.extend(verdict.attestations().iter().cloned());
                    }
                    continue;
                }
                findings.push(not_admitted(descriptor, verdict));
                // The index could still turn out to be admitted, and this descriptor to be skipped.
                if matches!(verdict, Verdict::Undecided(_)) || (build_attestation && index_undecided) {
                    undecided = true;
                } else {
                    refused = true;
                }
            }
            if verdicts.is_empty() {
                findings.push(missing(format!("{}: not judged", named(descriptor))));
                if build_attestation && index_undecided {
                    undecided = true;
                } else {
                    refused = true;
                }
            }
        }
        // Nothing was judged but the index itself: it has to hold alone.
        let alone = listed.len() == passed_over;
        let none_listed = listed.is_empty() && !index.manifests.is_empty();
        if alone && (!index_admitted || none_listed) {
            findings.push(nothing_there(none_listed.then_some(platforms)));
            if index_undecided && !none_listed {
                undecided = true;
            } else {
                refused = true;
            }
        }
        if alone {
            worst.take(Some(own));
        }
        let scope = platforms.clone();
        let (requirements, evidence) = (worst.over(own.report()), all_evidence(own, images));
        let report = Report { requirements, findings, evidence, scope, ..own.report().clone() };
        Ok(if refused {
            Verdict::Refuse(Box::new(report))
        } else if undecided {
            Verdict::Undecided(Box::new(report))
        } else {
            let proof = proof(&signatures, &attestations, policy, report.at);
            let basis = Basis::Verified(Verified::assertion(subject.pinned().clone(), proof));
            Verdict::Admit(Box::new(Admission { basis, signatures, attestations, report }))
        })
    }
}

/// Everything that was looked at, for the index and for its images.
fn all_evidence(own: &Verdict, images: &[PlatformVerdict]) -> Vec<Origin> {
    let reports = core::iter::once(own).chain(images.iter().map(|image| &image.verdict)).map(Verdict::report);
    reports.flat_map(|report| report.evidence.iter().cloned()).collect()
}

/// How the requirements came out where they came out worst: what holds for an index holds for each of its images.
#[derive(Default)]
struct Worst {
    /// For each requirement whether it is met everywhere, and by how many keys at least; none before the first image.
    seen: Option<Vec<(bool, usize)>>,
    /// Whether an image was not judged at all.
    unjudged: bool,
}

impl Worst {
    /// Takes the verdict that an image has, or that it has none by this policy.
    fn take(&mut self, verdict: Option<&Verdict>) {
        let Some(verdict) = verdict else {
            self.unjudged = true;
            return;
        };
        let here = verdict.report().requirements.iter().map(|one| (one.met, one.counted));
        self.seen = Some(match self.seen.take() {
            None => here.collect(),
            Some(seen) => seen.into_iter().zip(here).map(|(a, b)| (a.0 && b.0, a.1.min(b.1))).collect(),
        });
    }

    fn over(self, own: &Report) -> Vec<RequirementReport> {
        let mut requirements = own.requirements.clone();
        let mut seen = self.seen.unwrap_or_default().into_iter();
        for requirement in &mut requirements {
            let (met, counted) = seen.next().unwrap_or_default();
            requirement.met = met && !self.unjudged;
            requirement.counted = if self.unjudged { 0 } else { counted };
        }
        requirements
    }
}

fn not_admitted(descriptor: &Descriptor, verdict: &Verdict) -> Finding {
    let outcome = match verdict {
        Verdict::Admit(_) => "admitted by another policy, or as another image",
        Verdict::Refuse(_) => "refused",
        Verdict::Undecided(_) => "undecided",
    };
    missing(format!("{}: {outcome}", named(descriptor)))
}

fn named(descriptor: &Descriptor) -> String {
    let platform = descriptor.platform.as_ref().map_or_else(|| "no platform".to_owned(), ToString::to_string);
    format!("{platform} ({})", descriptor.digest)
}

/// Nothing of the index could be judged; `wanted` are the platforms of which it lists none.
fn nothing_there(wanted: Option<&RulePlatforms>) -> Finding {
    missing(wanted.map_or_else(
        || "an index without images".to_owned(),
        |platforms| format!("no image for {platforms}"),
    ))
}

fn missing(found: impl Into<String>) -> Finding {
    Finding::new(Reason::PlatformNotAdmitted).compared("every image of the index admitted", found)
}
