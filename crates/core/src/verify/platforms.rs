//! Several images of one index, judged together (rule P4).

use std::collections::BTreeSet;

use super::{Admission, Basis, Finding, Reason, Report, Subject, Verdict, Verified, Verifier, proof};
use crate::descriptor::{Descriptor, Platform};
use crate::digest::Digest;
use crate::policy::Policy;
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
    /// itself admitted. Where a descriptor has several verdicts, each of them must admit it.
    pub fn combine(
        &self,
        subject: &Subject,
        index: &[u8],
        media_type: Option<&str>,
        own: &Verdict,
        images: &[PlatformVerdict],
        policy: &Policy,
    ) -> Result<Verdict, super::SubjectError> {
        let index = subject.index(index, media_type)?;
        let policy_digest = policy.digest();
        let admits = |verdict: &Verdict, pinned: &PinnedRef| {
            verdict
                .verified()
                .is_some_and(|verified| **verified == *pinned && verified.proof().policy == policy_digest)
        };
        let index_admitted = admits(own, subject.pinned());
        let index_undecided =
            matches!(own, Verdict::Undecided(_)) && own.report().policy_digest == policy_digest;
        let mut findings = own.report().findings.clone();
        let mut signatures = own.signatures().to_vec();
        let (mut refused, mut undecided) = (false, false);
        let mut seen = BTreeSet::new();
        for descriptor in &index.manifests {
            let build_attestation = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
            if build_attestation && index_admitted {
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
            for verdict in &verdicts {
                if admits(verdict, child.pinned()) {
                    if first_time {
                        signatures.extend(verdict.signatures().iter().cloned());
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
        if index.manifests.is_empty() && !index_admitted {
            findings.push(missing("an index without images"));
            if index_undecided {
                undecided = true;
            } else {
                refused = true;
            }
        }
        let mut report = Report { findings, ..own.report().clone() };
        Ok(if refused {
            Verdict::Refuse(Box::new(report))
        } else if undecided {
            Verdict::Undecided(Box::new(report))
        } else {
            for requirement in &mut report.requirements {
                requirement.met = true;
            }
            let proof = proof(&signatures, policy, report.at);
            let basis = Basis::Verified(Verified::assertion(subject.pinned().clone(), proof));
            Verdict::Admit(Box::new(Admission { basis, signatures, report }))
        })
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

fn missing(found: impl Into<String>) -> Finding {
    Finding::new(Reason::PlatformNotAdmitted).compared("every image of the index admitted", found)
}
