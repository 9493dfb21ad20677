//! Attestations held against a requirement: which of them count, which is the newest, and what else it must say.
//!
//! Selection comes first: a key, its signature, the type and the subject. What fails it is ignored, so that nobody
//! without a key can block anything. Where a later statement takes an earlier one back, the newest of each maker is
//! judged, and it alone, on a complete view (rules N1 to N4). Every type is compared inside the signed payload (rule S3).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serde_json::value::RawValue;

use super::condition::{self, Facts};
use super::image::{Judge, Judged, Signer, annotations, formats, other_subject, statement};
use super::scan::{self, Judgement, Scanned};
use super::{Finding, Proof, Reason, Verified, summary};
use crate::candidate::{Candidate, EvidenceStore, Format, Origin, Signed};
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::key::{KeyId, Scheme};
use crate::limits::AHEAD_SECONDS;
use crate::policy::{AttestationRequirement, VexRule, age_words};
use crate::predicate::openvex::OpenVex;
use crate::predicate::summary::Summary;
use crate::predicate::{Claims, PredicateType};
use crate::scan::{SCAN_PREDICATE, Scanner};
use crate::statement::{COSIGN_SIGN, StatementSubject};

/// The content of an attestation that was verified, once for each key that signed it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attestation {
    /// How it is stored.
    pub format: Format,
    /// Where it was found.
    pub origin: Origin,
    /// The digest that it is about: the one that was matched, whatever other subjects there are.
    pub digest: Digest,
    /// The name of that subject, if it has one (rule S9).
    pub name: Option<String>,
    /// The annotations of that subject (rule S4).
    pub annotations: BTreeMap<String, Value>,
    /// The predicate type, of the signed statement.
    pub predicate_type: PredicateType,
    /// The predicate as it was signed, numbers untouched; none where the member is absent.
    pub predicate: Option<Box<RawValue>>,
    /// The time that the predicate says it was finished, if its type is known to say one.
    pub finished: Option<Timestamp>,
    /// How the policy names the key.
    pub key_name: String,
    /// The key.
    pub key: KeyId,
    /// The algorithm.
    pub scheme: Scheme,
    /// The signature of that key.
    pub signature: Vec<u8>,
    envelope: Envelope,
}

impl Attestation {
    /// The statement, as it was signed.
    pub fn statement(&self) -> &[u8] {
        self.envelope.payload()
    }

    /// The DSSE envelope, with every signature that it has, those by other keys too.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether another one claims the same: the same of the same subject, whatever the format and the version of the
    /// statement around it, and whoever signed it.
    pub fn claims_as(&self, other: &Self) -> bool {
        self.digest == other.digest
            && self.name == other.name
            && self.annotations == other.annotations
            && self.predicate_type == other.predicate_type
            && self.predicate.as_deref().map(RawValue::get) == other.predicate.as_deref().map(RawValue::get)
    }
}

/// What an authorised key attested: the signed content of a candidate, of a wanted type, about what is judged.
struct Attested {
    predicate_type: PredicateType,
    predicate: Option<Box<RawValue>>,
    /// Every subject that matches, with the digest that matched.
    subjects: Vec<(StatementSubject, Digest)>,
    finished: Option<Timestamp>,
    maker: String,
    /// The verification summary, where the requirement has rules on it.
    summary: Option<Result<Summary, String>>,
}

/// An attestation that was selected: by a trusted key that counts, of a wanted type, about what is judged.
#[derive(Clone)]
struct Selected<'a, 'k> {
    candidate: &'a Candidate,
    envelope: &'a Envelope,
    attested: Rc<Attested>,
    signer: Rc<Signer<'a, 'k>>,
}

impl Selected<'_, '_> {
    fn about(&self, finding: Finding) -> Finding {
        finding.by(self.signer.trusted).at(self.candidate.origin().clone())
    }
}

impl<'a> Judge<'a> {
    pub(super) fn attestations(&mut self, requirement: usize, wanted: &AttestationRequirement) -> Judged {
        let evidence = self.evidence;
        let newest = wanted.newest_counts();
        let mut findings = Vec::new();
        let mut selected = Vec::new();
        let (mut left_out, mut unread, mut nothing) = (false, false, true);
        for (at, candidate) in evidence.candidates.iter().enumerate() {
            if !candidate.could_attest() {
                continue;
            }
            nothing = false;
            // Rule N3: what is over a limit was not read, and could be newer.
            if newest
                && self.near(candidate.origin(), wanted)
                && candidate.rejection().is_some_and(|rejection| rejection.reason == Reason::LimitExceeded)
            {
                unread = true;
            }
            let (found, refused) = self.select(at, candidate, wanted, (&mut left_out, &mut unread));
            selected.extend(found);
            findings.extend(refused);
        }
        self.left_out |= left_out;
        let unreadable = evidence.unreadable.iter().any(|unreadable| {
            unreadable.could_attest(wanted.formats()) && self.near(&unreadable.origin, wanted)
        });
        let mut open = left_out || unread || unreadable;
        if nothing && !unreadable {
            let expected = format!("{} ({})", wanted.describe_types(), formats(wanted.formats()));
            findings.push(Finding::new(Reason::NoAttestation).compared(expected, "nothing"));
        }
        let mut met = true;
        if newest {
            // Rule N3: something newer may stand where nobody could read.
            met = !open;
            if let Some(without) = self.without_time(&selected) {
                // Rule N2: nothing that is still to be read makes up for it.
                findings.extend(without);
                (met, open) = (false, false);
                selected.clear();
            }
            selected = only_newest(selected, &mut findings);
        }
        let vex = self.vex(requirement, wanted);
        let makers: BTreeSet<_> = selected.iter().map(|one| one.attested.maker.clone()).collect();
        let mut counting: BTreeMap<(String, &[u8]), Vec<Verified<Attestation>>> = BTreeMap::new();
        for one in &selected {
            let judged = self.holds(one, wanted).and_then(|attestation| {
                let (notes, summary) = self.says(requirement, one, wanted, &attestation.digest, &vex)?;
                Ok((attestation, notes, summary))
            });
            match judged {
                Ok((attestation, notes, summary)) => {
                    findings.extend(notes.into_iter().map(|note| one.about(note)));
                    let finding = Finding::new(Reason::Accepted);
                    findings.push(one.about(match summary {
                        Some(summary) => finding.found(summary),
                        None => finding,
                    }));
                    // Rule S2: together over byte-identical payloads only.
                    let maker = if newest { one.attested.maker.clone() } else { String::new() };
                    counting.entry((maker, one.envelope.payload())).or_default().push(attestation);
                }
                Err(refused) => {
                    findings.extend(refused.into_iter().map(|finding| one.about(finding)));
                    // Rules N1, N2: each of the newest must pass, those that tie too.
                    met &= !newest;
                }
            }
        }
        let keys = |of: &[Verified<Attestation>]| of.iter().map(|one| one.key).collect::<BTreeSet<_>>().len();
        let most = |maker: &str| {
            let groups = counting.iter().filter(|((of, _), _)| of == maker).map(|(_, group)| keys(group));
            groups.max().unwrap_or_default()
        };
        let counted = if newest {
            // Rule N4: each scanner's.
            makers.iter().map(|maker| most(maker)).min().unwrap_or_default()
        } else {
            most("")
        };
        met &= counted >= wanted.wanted();
        if counted > 0 && counted < wanted.wanted() {
            findings.push(Finding::new(Reason::ThresholdNotMet).compared(
                format!("{} distinct keys over one and the same statement", wanted.wanted()),
                format!("{counted} of {} keys", wanted.keys().len()),
            ));
        }
        for finding in &mut findings {
            finding.requirement = Some(requirement);
        }
        let enough = counting.into_values().filter(|group| keys(group) >= wanted.wanted());
        Judged {
            met,
            counted,
            signatures: Vec::new(),
            attestations: enough.flatten().collect(),
            findings,
            open,
        }
    }

    /// Selects by key, signature, type and subject (rule N1): what was selected, and why the rest was not.
    fn select<'k>(
        &mut self,
        at: usize,
        candidate: &'a Candidate,
        wanted: &'k AttestationRequirement,
        (left_out, unread): (&mut bool, &mut bool),
    ) -> (Vec<Selected<'a, 'k>>, Vec<Finding>) {
        let newest = wanted.newest_counts();
        let origin = candidate.origin();
        let (mut selected, mut findings) = (Vec::new(), Vec::new());
        // Read once, when the first signature was found to hold.
        let mut read: Option<Result<Rc<Attested>, Finding>> = None;
        for signer in self.signers(at, candidate, wanted.terms(), left_out) {
            let signer = match signer {
                Ok(signer) => signer,
                Err(mut finding) => {
                    finding.reason = match finding.reason {
                        Reason::NotASignature => Reason::NotAnAttestation,
                        Reason::LimitExceeded if newest => Reason::Unreadable,
                        reason => reason,
                    };
                    findings.push(finding.at(origin.clone()));
                    continue;
                }
            };
            let Some(Signed::Envelope { envelope, .. }) = candidate.signed() else { continue };
            let attested = read
                .get_or_insert_with(|| self.attested(candidate.origin(), envelope, wanted).map(Rc::new))
                .clone();
            let attested = attested.and_then(|read| self.was_made(read.finished).map(|()| read));
            match attested.and_then(|read| self.verifier.key_counts(signer.trusted, self.now).map(|()| read))
            {
                Ok(attested) => {
                    selected.push(Selected { candidate, envelope, attested, signer: Rc::new(signer) });
                }
                Err(mut finding) => {
                    // Rule N3 (docs/adr/0008): what a trusted key signed and nobody can read may be newer than all others.
                    let malformed =
                        matches!(finding.reason, Reason::MalformedPayload | Reason::DuplicateMember);
                    if newest
                        && malformed
                        && self.near(origin, wanted)
                        && self.verifier.key_counts(signer.trusted, self.now).is_ok()
                    {
                        *unread = true;
                        finding.reason = Reason::Unreadable;
                    }
                    findings.push(finding.by(signer.trusted).at(origin.clone()));
                }
            }
        }
        (selected, findings)
    }

    /// Reads what was signed, and holds its type and its subjects against what is wanted (rules S3, P3).
    fn attested(
        &self,
        origin: &Origin,
        envelope: &Envelope,
        wanted: &AttestationRequirement,
    ) -> Result<Attested, Finding> {
        let statement = statement(envelope)?;
        if statement.predicate_type == COSIGN_SIGN {
            return Err(Finding::new(Reason::ImageSignature).compared(wanted.describe_types(), COSIGN_SIGN));
        }
        let known = wanted.types().iter().find(|wanted| wanted.as_str() == statement.predicate_type);
        let Some(predicate_type) = known else {
            let expected: Vec<_> = wanted.types().iter().map(PredicateType::as_str).collect();
            return Err(Finding::new(Reason::PredicateTypeMismatch)
                .compared(expected.join(" or "), statement.predicate_type));
        };
        let claims = Claims::of(predicate_type);
        let predicate = statement.predicate.as_deref();
        let scanner = match wanted.scan_rules() {
            None => None,
            Some(_) if predicate_type.as_str() == SCAN_PREDICATE => Some(Claims::scanner(predicate)),
            // Other tools' predicates are read whole: some name their scanner in the report only.
            Some(_) => self.verifier.read_scan(predicate_type, predicate).ok().map(|scan| scan.scanner),
        };
        wanted_scanner(scanner.as_ref(), wanted)?;
        let summary = wanted.summary_rules().map(|rules| (rules, Summary::parse(predicate)));
        // One that does not say whose it is, or for what, is judged: it may be the one that was asked for.
        if let Some((rules, Ok(read))) = &summary {
            summary::wanted(read, rules, self.about.repository)?;
        }
        let digests = if wanted.inherits() { &self.about.covered } else { &self.about.own };
        let subjects: Vec<_> =
            statement.subjects_with(digests).map(|(subject, digest)| (subject.clone(), digest)).collect();
        if subjects.is_empty() {
            let mut finding = other_subject(digests, &statement.digests());
            if statement.subject_with(&self.about.covered).is_some() {
                finding.reason = Reason::NotInherited;
            }
            return Err(finding);
        }
        if !self.near(origin, wanted) {
            let expected = format!(
                "an attestation beside {}",
                self.about.own.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
            );
            let found = format!("one beside {}", origin.beside);
            return Err(Finding::new(Reason::NotInherited).compared(expected, found));
        }
        // Rule N4, and P3: one scanner's word about an index takes nothing back that it said about the image itself.
        let maker = match (&scanner, &summary) {
            (Some(scanner), _) => scanner.identity(),
            (None, Some((rules, Ok(read)))) => summary::maker(read, rules),
            (None, _) => claims.maker(statement.predicate.as_deref()),
        };
        let own = subjects.iter().find(|(_, digest)| self.about.own.contains(&digest));
        let about = own.or(subjects.first()).map(|(_, digest)| digest.to_string()).unwrap_or_default();
        Ok(Attested {
            finished: claims.finished(statement.predicate.as_deref()),
            maker: format!("{maker} of {about}"),
            summary: summary.map(|(_, read)| read),
            predicate_type: predicate_type.clone(),
            predicate: statement.predicate,
            subjects,
        })
    }

    /// Whether what stands in this place is looked at for the requirement: what stands beside an index is only if the
    /// requirement inherits (rule P3), whichever way the image was reached.
    fn near(&self, origin: &Origin, wanted: &AttestationRequirement) -> bool {
        wanted.inherits()
            || origin.store == EvidenceStore::File
            || self.about.own.iter().any(|own| **own == origin.beside)
    }

    /// Rule N2: an authorised statement whose time is not known, or still to come, fails the requirement.
    fn without_time(&self, selected: &[Selected<'_, '_>]) -> Option<Vec<Finding>> {
        let findings: Vec<_> = selected
            .iter()
            .filter_map(|one| self.time(one.attested.finished).err().map(|finding| one.about(finding)))
            .collect();
        (!findings.is_empty()).then_some(findings)
    }

    /// Rule T2: what was made after the past moment that is judged did not stand there then.
    fn was_made(&self, finished: Option<Timestamp>) -> Result<(), Finding> {
        let later = finished.filter(|finished| self.verifier.present.is_some() && *finished > self.now);
        later.map_or(Ok(()), |finished| {
            let expected = format!("a statement of {} or before", self.now);
            Err(Finding::new(Reason::LaterMaterial).compared(expected, finished.to_string()))
        })
    }

    /// The signed time, if there is one and it is not still to come.
    fn time(&self, finished: Option<Timestamp>) -> Result<Timestamp, Finding> {
        let Some(finished) = finished else {
            return Err(Finding::new(Reason::TimeMissing).found("no time, or one that cannot be read"));
        };
        if finished.duration_since(self.now) > SignedDuration::from_secs(AHEAD_SECONDS) {
            let expected = format!("at most {AHEAD_SECONDS} s after {}", self.now);
            return Err(Finding::new(Reason::TimeAhead).compared(expected, finished.to_string()));
        }
        Ok(finished)
    }

    /// The VEX documents that the rules trust. One that cannot be read makes its rule take nothing away.
    fn vex<'k>(
        &mut self,
        requirement: usize,
        wanted: &'k AttestationRequirement,
    ) -> Vec<(&'k VexRule, OpenVex)> {
        let mut documents = Vec::new();
        for rule in wanted.scan_rules().map(|rules| rules.vex.as_slice()).unwrap_or_default() {
            let judged = self.attestations(requirement, rule.requirement());
            if !judged.met {
                continue;
            }
            let read = judged.attestations.iter().map(|one| OpenVex::parse(one.predicate.as_deref()?));
            if let Some(read) = read.collect::<Option<Vec<_>>>() {
                documents.extend(read.into_iter().map(|document| (rule, document)));
            }
        }
        documents
    }

    /// What a selected attestation says: nothing that the rules on its content object to. What there is to note, and the
    /// content in a few words. The same predicate in another envelope is read once.
    fn says(
        &self,
        requirement: usize,
        one: &Selected<'_, '_>,
        wanted: &AttestationRequirement,
        digest: &Digest,
        vex: &[(&VexRule, OpenVex)],
    ) -> Result<(Vec<Finding>, Option<String>), Vec<Finding>> {
        let attested = &one.attested;
        if let (Some(rules), Some(read)) = (wanted.summary_rules(), &attested.summary) {
            let objections = match read {
                Ok(read) => summary::objections(read, rules),
                Err(error) => vec![Finding::new(Reason::MalformedSummary).found(error.clone())],
            };
            return if objections.is_empty() { Ok((Vec::new(), None)) } else { Err(objections) };
        }
        let Some(rules) = wanted.scan_rules() else { return Ok((Vec::new(), None)) };
        let text = attested.predicate.as_deref().map(RawValue::get).unwrap_or_default();
        let key = (requirement, *digest, Digest::of(text));
        let known = self.scans.borrow().get(&key).cloned();
        let judgement = known.unwrap_or_else(|| {
            let read = self.verifier.read_scan(&attested.predicate_type, attested.predicate.as_deref());
            let about = Scanned { repository: self.about.repository, digest, now: self.now, vex };
            let judgement = Rc::new(match read {
                Ok(read) => scan::judge(&read, rules, &about),
                Err(error) => Judgement {
                    objections: vec![Finding::new(Reason::MalformedScan).found(error)],
                    notes: Vec::new(),
                    summary: String::new(),
                },
            });
            self.scans.borrow_mut().insert(key, Rc::clone(&judgement));
            judgement
        });
        if judgement.objections.is_empty() {
            Ok((judgement.notes.clone(), Some(judgement.summary.clone())))
        } else {
            Err(judgement.notes.iter().chain(&judgement.objections).cloned().collect())
        }
    }

    /// What a selected attestation must say beside its type and its subject.
    fn holds(
        &self,
        one: &Selected<'_, '_>,
        wanted: &AttestationRequirement,
    ) -> Result<Verified<Attestation>, Vec<Finding>> {
        let attested = &one.attested;
        // A subject may stand there more than once: one of them must meet all of it (rule S1).
        let mut first = None;
        let mut fitting = None;
        for (nth, (subject, digest)) in attested.subjects.iter().enumerate() {
            let fits = annotations(&subject.annotations, wanted.wanted_annotations())
                .and_then(|()| self.name(subject.name.as_deref(), wanted.wanted_name()))
                .and_then(|()| self.conditions(one, (nth, subject), wanted));
            match fits {
                Ok(()) => {
                    fitting = Some((subject, digest));
                    break;
                }
                Err(finding) => first = first.or(Some(finding)),
            }
        }
        let Some((subject, digest)) = fitting else {
            return Err(vec![first.unwrap_or_else(|| Finding::new(Reason::SubjectMismatch))]);
        };
        if let Some(oldest) = wanted.oldest() {
            let finished = self.time(attested.finished).map_err(|finding| vec![finding])?;
            if self.now.duration_since(finished) > oldest {
                let expected = format!("at most {} before {}", age_words(oldest), self.now);
                return Err(vec![Finding::new(Reason::TooOld).compared(expected, finished.to_string())]);
            }
        }
        let key = one.signer.trusted.key().id();
        let attestation = Attestation {
            format: one.candidate.format(),
            origin: one.candidate.origin().clone(),
            digest: *digest,
            name: subject.name.clone(),
            annotations: subject.annotations.clone(),
            predicate_type: attested.predicate_type.clone(),
            predicate: attested.predicate.clone(),
            finished: attested.finished,
            key_name: one.signer.trusted.name().to_owned(),
            key,
            scheme: one.signer.scheme,
            signature: one.signer.signature.to_vec(),
            envelope: one.envelope.clone(),
        };
        let proof = Proof { keys: vec![key], policy: self.policy.digest(), at: self.now };
        Ok(Verified::assertion(attestation, proof))
    }

    /// Each condition is true of the statement and this subject (rule Y5). The same statement in another envelope is looked at
    /// once.
    fn conditions(
        &self,
        one: &Selected<'_, '_>,
        (nth, subject): (usize, &StatementSubject),
        wanted: &AttestationRequirement,
    ) -> Result<(), Finding> {
        if wanted.conditions().is_empty() {
            return Ok(());
        }
        let statement = Digest::of(one.envelope.payload());
        let mut facts = None;
        for condition in wanted.conditions() {
            let key = (condition.as_str().to_owned(), statement, nth);
            let known = self.conditions.borrow().get(&key).cloned();
            let held = known.unwrap_or_else(|| {
                let held = match facts.get_or_insert_with(|| Facts::of(&one.attested, subject)) {
                    Ok(facts) => condition::holds(condition, facts),
                    Err(error) => Err(error.clone()),
                };
                self.conditions.borrow_mut().insert(key, held.clone());
                held
            });
            let (reason, found) = match held {
                Ok(true) => continue,
                Ok(false) => (Reason::ConditionNotMet, "it is false".to_owned()),
                Err(why) => (Reason::ConditionError, why),
            };
            return Err(Finding::new(reason).compared(condition.as_str(), found));
        }
        Ok(())
    }
}

impl Facts {
    /// What a condition can speak of.
    fn of(attested: &Attested, subject: &StatementSubject) -> Result<Self, String> {
        let predicate = attested.predicate.as_deref().map_or("null", RawValue::get);
        let digests: serde_json::Map<_, _> = subject
            .digests
            .iter()
            .map(|digest| (digest.algorithm().to_string(), Value::from(digest.hex())))
            .collect();
        let annotations: serde_json::Map<_, _> = subject.annotations.clone().into_iter().collect();
        let mut about = serde_json::Map::new();
        about.extend(subject.name.clone().map(|name| ("name".to_owned(), Value::from(name))));
        about.insert("digest".to_owned(), digests.into());
        about.insert("annotations".to_owned(), annotations.clone().into());
        Ok(Self {
            predicate: serde_json::from_str(predicate).map_err(|error| error.to_string())?,
            predicate_type: attested.predicate_type.to_string(),
            subject: about.into(),
            annotations: annotations.into(),
        })
    }
}

/// Rule N4: scans by other scanners than those that the rules name are not judged. A scan that does not say whose it is
/// may be by one of them.
fn wanted_scanner(scanner: Option<&Scanner>, wanted: &AttestationRequirement) -> Result<(), Finding> {
    let named = wanted.scan_rules().map(|rules| rules.scanners.as_slice()).unwrap_or_default();
    let names = scanner.map(|scanner| [scanner.name.clone(), scanner.identity()]).unwrap_or_default();
    let silent = names.iter().all(String::is_empty);
    if named.is_empty() || silent || named.iter().any(|rule| scan::is_named(rule, &names)) {
        return Ok(());
    }
    let expected: Vec<_> = named.iter().map(|rule| rule.name.as_str()).collect();
    Err(Finding::new(Reason::OtherScanner).compared(expected.join(" or "), names.join(", ")))
}

/// The newest of each maker, all that tie for it (rules N1, N2).
fn only_newest<'a, 'k>(
    selected: Vec<Selected<'a, 'k>>,
    findings: &mut Vec<Finding>,
) -> Vec<Selected<'a, 'k>> {
    let mut newest: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
    for one in &selected {
        let time = newest.entry(one.attested.maker.clone()).or_default();
        *time = (*time).max(one.attested.finished);
    }
    let (kept, older): (Vec<_>, Vec<_>) = selected.into_iter().partition(|one| {
        newest.get(&one.attested.maker).is_some_and(|newest| *newest == one.attested.finished)
    });
    for one in older {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let newer = time(newest.get(&one.attested.maker).copied().flatten());
        findings.push(
            one.about(
                Finding::new(Reason::Superseded)
                    .compared(format!("the one of {newer}"), time(one.attested.finished)),
            ),
        );
    }
    kept
}
