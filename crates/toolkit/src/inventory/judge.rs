//! Whose signatures and whose scans stand beside an image, by what was found there in one look.
//!
//! Everything comes out of the core's verdicts, one for each key: nothing is read here that was not verified before.

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use waxseal_core::candidate::{Candidate, Evidence};
use waxseal_core::policy::{AttestationRequirement, Oldest, PolicyError, PolicySet, Requirement, ScanRules};
use waxseal_core::scan::foreign::SCAN_TYPES;
use waxseal_core::scan::{Scan, Severity};
use waxseal_core::verify::Attestation;
use waxseal_core::{Policy, Reason, SignatureRequirement, Subject, TrustedKey, Verdict, Verified, Verifier};

use super::InventoryKey;
use super::image::{AttachedClaims, ImageScan, ScanState, ScannerScore, Signer, SignerState, Why};
use crate::error::{Error, ErrorKind};

/// The readers of scanners' own reports.
static REPORTS: waxseal_scan::Reports = waxseal_scan::Reports::new();

/// Whose word counts for what.
#[derive(Debug)]
pub(super) struct Keys {
    signers: Vec<TrustedKey>,
    scanners: Vec<TrustedKey>,
}

impl Keys {
    /// These keys for everything.
    pub(super) fn all(keys: &[TrustedKey]) -> Self {
        Self { signers: keys.to_vec(), scanners: keys.to_vec() }
    }

    /// The keys that a policy names, each for what it is asked for somewhere in it.
    pub(super) fn of(policy: &PolicySet) -> Self {
        let (mut signers, mut scanners) = (Vec::new(), Vec::new());
        for requirement in policy.rules().iter().flat_map(|rule| rule.policy().requirements()) {
            match requirement {
                Requirement::Signature(wanted) => add(&mut signers, wanted.keys()),
                Requirement::Attestation(wanted)
                    if wanted.types().iter().any(|one| SCAN_TYPES.contains(&one.as_str())) =>
                {
                    add(&mut scanners, wanted.keys());
                }
                _ => {}
            }
        }
        Self { signers, scanners }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.signers.is_empty() && self.scanners.is_empty()
    }

    /// All of them by name, each once.
    pub(super) fn named(&self) -> Vec<InventoryKey> {
        let mut all = self.signers.clone();
        add(&mut all, &self.scanners);
        all.iter().map(|key| InventoryKey { name: key.name().to_owned(), id: key.key().id() }).collect()
    }
}

/// Adds keys that are not there yet.
fn add(all: &mut Vec<TrustedKey>, keys: &[TrustedKey]) {
    for key in keys {
        if !all.iter().any(|known| known.key().id() == key.key().id()) {
            all.push(key.clone());
        }
    }
}

/// What is asked of each key.
#[derive(Debug)]
pub(super) struct Judge {
    verifier: Verifier,
    now: Timestamp,
    /// A signature by any of the signers; none where nobody is asked for one.
    any: Option<Policy>,
    /// A signature by each of them.
    each: Vec<(TrustedKey, Policy)>,
    /// A scan, whatever it says; none where nobody is asked for one.
    scans: Option<Policy>,
}

impl Judge {
    pub(super) fn new(
        keys: &Keys,
        verifier: &Verifier,
        max_age: Option<SignedDuration>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let signed = |keys: Vec<TrustedKey>| -> Result<Policy, PolicyError> {
            Ok(Policy::requiring(SignatureRequirement::by(keys)?))
        };
        let any = if keys.signers.is_empty() { None } else { Some(signed(keys.signers.clone())?) };
        let each = keys.signers.iter().map(|key| Ok((key.clone(), signed(vec![key.clone()])?)));
        let each = each.collect::<Result<Vec<_>, PolicyError>>()?;
        let scans = if keys.scanners.is_empty() { None } else { Some(scans(&keys.scanners, max_age)?) };
        Ok(Self { verifier: verifier.clone().reading(&REPORTS), now, any, each, scans })
    }

    fn verdict(&self, subject: &Subject, evidence: &Evidence, policy: &Policy) -> Verdict {
        self.verifier.verify(subject, evidence, policy, self.now)
    }

    /// Which of the keys have signed the image.
    pub(super) fn signers(&self, subject: &Subject, evidence: &Evidence) -> SignerState {
        let Some(any) = &self.any else { return SignerState::NotVerified };
        let verdict = self.verdict(subject, evidence, any);
        match &verdict {
            Verdict::Admit(_) => {}
            Verdict::Undecided(_) => return SignerState::Unknown { why: nearest(&verdict) },
            _ => return SignerState::Unsigned { why: nearest(&verdict) },
        }
        let signers = self.each.iter().filter_map(|(key, policy)| {
            let verdict = self.verdict(subject, evidence, policy);
            verdict.verified()?;
            let signatures = verdict.signatures();
            Some(Signer {
                name: key.name().to_owned(),
                key: key.key().id(),
                signed_for: signatures.iter().filter_map(|one| one.name.clone()).collect(),
                formats: signatures.iter().map(|one| one.format.name()).collect(),
            })
        });
        SignerState::Signed { signers: signers.collect() }
    }

    /// What the newest scans say, by the word of any of the keys.
    pub(super) fn scan(&self, subject: &Subject, evidence: &Evidence) -> ScanState {
        let Some(scans) = &self.scans else { return ScanState::NotVerified };
        let verdict = self.verdict(subject, evidence, scans);
        match &verdict {
            Verdict::Admit(_) => {}
            Verdict::Undecided(_) => return ScanState::Unknown { why: nearest(&verdict) },
            _ => return ScanState::Unscanned { why: missing_scan(&verdict) },
        }
        // One claim that stands there in both formats, or was signed by several keys, is one.
        let mut claims: Vec<&Verified<Attestation>> = Vec::new();
        for one in verdict.attestations() {
            if !claims.iter().any(|known| known.claims_as(one)) {
                claims.push(one);
            }
        }
        let mut scanners = Vec::new();
        for claim in claims {
            let predicate = claim.predicate.as_deref().map(RawValue::get).unwrap_or_default();
            match Scan::read(claim.predicate_type.as_str(), predicate, &REPORTS) {
                Some(Ok(scan)) => scanners.push((score(claim, &scan), claim.finished)),
                // The verdict has read it before.
                Some(Err(error)) => {
                    return ScanState::Unscanned {
                        why: Why::new(Reason::MalformedScan.code(), error.to_string()),
                    };
                }
                None => {}
            }
        }
        self.scanned(scanners, false)
    }

    fn scanned(&self, scanners: Vec<(ScannerScore, Option<Timestamp>)>, by_platform: bool) -> ScanState {
        let oldest = scanners.iter().filter_map(|(_, finished)| *finished).min();
        let scanners: Vec<_> = scanners.into_iter().map(|(score, _)| score).collect();
        if scanners.is_empty() {
            return ScanState::Unscanned { why: no_scan() };
        }
        ScanState::Scanned(ImageScan {
            score: scanners.iter().map(|one| one.score).max().unwrap_or(Severity::Unknown),
            complete: scanners.iter().all(|one| one.complete),
            oldest: oldest.map(|time| time.to_string()),
            age_seconds: oldest.map(|time| self.now.duration_since(time).as_secs().max(0)),
            by_platform,
            scanners,
        })
    }

    /// What the scans of an index's images say together: every image must have one.
    pub(super) fn together(&self, platforms: &[(String, ScanState)]) -> ScanState {
        let mut scanners = Vec::new();
        let mut missing = None;
        for (platform, state) in platforms {
            match state {
                ScanState::Scanned(scan) => scanners.extend(scan.scanners.iter().cloned().map(|one| {
                    let finished = one.finished.as_deref().and_then(|time| time.parse().ok());
                    (one, finished)
                })),
                ScanState::Unknown { why } => {
                    let why = Why::new(why.code.clone(), format!("{platform}: {}", why.reason));
                    return ScanState::Unknown { why };
                }
                ScanState::Unscanned { why } => {
                    missing = missing
                        .or_else(|| Some(Why::new(why.code.clone(), format!("{platform}: {}", why.reason))));
                }
                ScanState::NotVerified => return ScanState::NotVerified,
            }
        }
        match missing {
            Some(why) => ScanState::Unscanned { why },
            None => self.scanned(scanners, true),
        }
    }
}

/// A scan by any of the keys, of the types that are scans by themselves.
fn scans(keys: &[TrustedKey], max_age: Option<SignedDuration>) -> Result<Policy, Error> {
    let types = SCAN_TYPES
        .iter()
        .map(|name| name.parse().map_err(|error| Error::new(ErrorKind::Policy, format!("{name}: {error}"))));
    // What a scan found is shown, and refused by nobody here.
    let mut rules = ScanRules::new();
    rules.require_complete = false;
    rules.min_components = 0;
    rules.deny_malicious = false;
    let wanted = AttestationRequirement::by(types.collect::<Result<Vec<_>, _>>()?, keys.to_vec())?
        .scan(rules, max_age.map_or(Oldest::Unlimited, Oldest::Age))?;
    Ok(Policy::requiring(wanted))
}

fn score(claim: &Verified<Attestation>, scan: &Scan) -> ScannerScore {
    let summary = scan.summary();
    let named =
        if scan.scanner.name.is_empty() { scan.scanner.identity() } else { scan.scanner.name.clone() };
    ScannerScore {
        scanner: named,
        digest: claim.digest,
        key_name: claim.key_name.clone(),
        score: scan.score(),
        complete: scan.is_complete(),
        finished: claim.finished.map(|time| time.to_string()),
        vulnerabilities: summary
            .by_severity
            .iter()
            .map(|(severity, count)| (severity.as_str(), count))
            .collect(),
        fixable: summary.fixable_by_severity.total(),
    }
}

fn nearest(verdict: &Verdict) -> Why {
    match verdict.nearest_miss() {
        Some(finding) => Why::from(finding),
        None => Why::new(Reason::NoSignature.code(), Reason::NoSignature.meaning()),
    }
}

/// Why an image counts as not scanned. A signature, or an attestation of something else, is no scan that came near.
fn missing_scan(verdict: &Verdict) -> Why {
    let other = [Reason::ImageSignature, Reason::PredicateTypeMismatch, Reason::NotAnAttestation];
    match verdict.nearest_miss() {
        Some(miss) if !other.contains(&miss.reason) => Why::from(miss),
        _ => no_scan(),
    }
}

fn no_scan() -> Why {
    Why::new(Reason::NoAttestation.code(), "no scan by one of the keys is attached")
}

/// What stands beside an image by its own word.
pub(super) fn claims(evidence: &Evidence) -> AttachedClaims {
    let mut claims = AttachedClaims::default();
    for candidate in &evidence.candidates {
        match (candidate.rejection(), candidate.claimed()) {
            (Some(_), _) => claims.rejected = claims.rejected.saturating_add(1),
            (None, Some(claimed)) => {
                let name = claimed
                    .predicate_type
                    .short_name()
                    .map_or_else(|| claimed.predicate_type.to_string(), |name| name.as_str().to_owned());
                let count = claims.attestations.entry(name).or_default();
                *count = count.saturating_add(1);
            }
            (None, None) if is_attestation(candidate) => {
                claims.rejected = claims.rejected.saturating_add(1);
            }
            (None, None) => claims.signatures = claims.signatures.saturating_add(1),
        }
    }
    claims
}

/// Whether it stands where attestations stand: one that claims nothing there is no signature either.
fn is_attestation(candidate: &Candidate) -> bool {
    candidate.origin().store == waxseal_core::candidate::EvidenceStore::AttestationTag
}
