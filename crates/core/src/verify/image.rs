//! Signatures of images held against a requirement, candidate by candidate.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::scan::Judgement;
use super::{Attestation, Finding, ImageSignature, Proof, Reason, Subject, Verified, Verifier};
use crate::candidate::{Candidate, Evidence, Format, Signed};
use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::key::{KeyId, Prehashed, Scheme};
use crate::limits::SIGNATURE_CHECKS;
use crate::media_type::IN_TOTO;
use crate::policy::{Policy, RepositoryGlob, SignatureRequirement, SignedFor, Terms, TrustedKey};
use crate::reference::{ImageRef, Repository};
use crate::simple_signing::{self, SimpleSigning};
use crate::statement::{COSIGN_SIGN, Statement, StatementError};

/// Judges one image. Signatures are checked once, whatever number of requirements asks for them.
pub(super) struct Judge<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) about: About<'a>,
    pub(super) evidence: &'a Evidence,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    checked: HashMap<(usize, usize, KeyId), Option<Scheme>>,
    checks: usize,
    pub(super) left_out: bool,
    /// Scans that were judged: by the requirement, the digest and the predicate.
    pub(super) scans: RefCell<HashMap<(usize, Digest, Digest), Rc<Judgement>>>,
    /// Conditions that were evaluated.
    pub(super) conditions: RefCell<HashMap<Asked, Result<bool, String>>>,
}

/// A condition by its text, the statement, and the place of the subject in it.
type Asked = (String, Digest, usize);

/// What is judged, by the digests that it has.
pub(super) struct About<'a> {
    /// Its own digests: of a blob, by several algorithms.
    pub(super) own: Vec<&'a Digest>,
    /// Those and the digests of the indexes through which it was reached.
    pub(super) covered: Vec<&'a Digest>,
    /// The name that it goes by, if it has one.
    pub(super) repository: Option<&'a Repository>,
    /// Whether it is a blob: no image signature is about one (rule S3).
    pub(super) blob: bool,
}

impl<'a> From<&'a Subject> for About<'a> {
    fn from(subject: &'a Subject) -> Self {
        Self {
            own: vec![subject.pinned().digest()],
            covered: subject.covered_by(),
            repository: subject.name(),
            blob: false,
        }
    }
}

/// Who made a signature.
enum SignedBy<'k> {
    /// This key, by this scheme.
    Key(&'k TrustedKey, Scheme),
    /// None of the trusted keys.
    Nobody,
    /// None of those that could still be tried: the number of checks is spent.
    Unknown,
}

/// A signature that a trusted key made.
pub(super) struct Signer<'a, 'k> {
    pub(super) trusted: &'k TrustedKey,
    pub(super) scheme: Scheme,
    pub(super) signature: &'a [u8],
}

/// What a candidate's signatures are over, hashed once for all of them and all keys: a bundle may be large, and have
/// many signatures. It is made when a key is tried for the first time: a candidate that was judged before, or whose
/// turn comes when the checks are spent, costs nothing.
struct Message<'a> {
    signed: &'a Signed,
    keys: &'a [TrustedKey],
    made: OnceCell<(Cow<'a, [u8]>, Prehashed)>,
}

impl<'a> Message<'a> {
    const fn new(signed: &'a Signed, keys: &'a [TrustedKey]) -> Self {
        Self { signed, keys, made: OnceCell::new() }
    }

    /// How many checks one signature by this key counts as: one for each scheme, and for pure Ed25519, which reads
    /// the whole message again, one more for each MiB.
    fn cost(&self, key: &TrustedKey) -> usize {
        let schemes = Scheme::accepted_for(key.key().algorithm());
        let pure = schemes.iter().any(|scheme| scheme.hash().is_none());
        let bytes = match self.signed {
            Signed::Legacy { payload, .. } => payload.len(),
            Signed::Envelope { envelope, .. } => envelope.payload().len(),
        };
        let again = if pure { bytes >> 20 } else { 0 };
        schemes.len().saturating_add(again)
    }

    fn verify(&self, key: &TrustedKey, signature: &[u8]) -> Option<Scheme> {
        let (bytes, hashes) = self.made.get_or_init(|| self.make());
        let schemes = Scheme::accepted_for(key.key().algorithm());
        let (pure, hashed): (Vec<_>, Vec<_>) =
            schemes.iter().copied().partition(|scheme| scheme.hash().is_none());
        let verify_pure = || key.key().verify(bytes, signature, &pure);
        key.key().verify_prehashed(hashes, signature, &hashed).or_else(verify_pure)
    }

    fn make(&self) -> (Cow<'a, [u8]>, Prehashed) {
        let schemes: Vec<_> =
            self.keys.iter().flat_map(|key| Scheme::accepted_for(key.key().algorithm())).copied().collect();
        let bytes = match self.signed {
            Signed::Legacy { payload, .. } => Cow::Borrowed(payload.as_slice()),
            Signed::Envelope { envelope, .. } => Cow::Owned(envelope.signed_bytes()),
        };
        let hashes = Prehashed::of(&schemes, &bytes);
        (bytes, hashes)
    }
}

/// A requirement, judged.
pub(super) struct Judged {
    pub(super) met: bool,
    pub(super) counted: usize,
    pub(super) signatures: Vec<Verified<ImageSignature>>,
    pub(super) attestations: Vec<Verified<Attestation>>,
    pub(super) findings: Vec<Finding>,
    /// Whether something that could not be read, or not be checked any more, might have met it.
    pub(super) open: bool,
}

/// The signed content of a candidate, read after its signature was verified.
struct Content {
    kind: String,
    digest: Digest,
    name: Option<String>,
    annotations: BTreeMap<String, Value>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        verifier: &'a Verifier,
        about: About<'a>,
        evidence: &'a Evidence,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            verifier,
            about,
            evidence,
            policy,
            now,
            checked: HashMap::new(),
            checks: 0,
            left_out: false,
            scans: RefCell::default(),
            conditions: RefCell::default(),
        }
    }

    /// A finding if a signature was left out because the checks for one image were spent (rule L5).
    pub(super) fn budget_finding(&self) -> Option<Finding> {
        let limit = format!("at most {SIGNATURE_CHECKS} signature checks for one image");
        self.left_out
            .then(|| Finding::new(Reason::Unreadable).compared(limit, "more candidates than can be checked"))
    }

    pub(super) fn signatures(&mut self, requirement: usize, wanted: &SignatureRequirement) -> Judged {
        let evidence = self.evidence;
        let mut accepted = Vec::new();
        let mut findings = Vec::new();
        let mut left_out = false;
        let relevant =
            || evidence.candidates.iter().enumerate().filter(|(_, candidate)| candidate.could_sign());
        for (at, candidate) in relevant() {
            for mut finding in self.candidate(at, candidate, wanted, &mut accepted, &mut left_out) {
                finding.requirement = Some(requirement);
                finding.origin = Some(candidate.origin().clone());
                findings.push(finding);
            }
        }
        // Rule S2: distinct keys, never signatures.
        let counted = accepted.iter().map(|signature| signature.key).collect::<BTreeSet<_>>().len();
        let met = counted >= wanted.wanted();
        // Something that could not be read might have met the requirement: then nobody may say that nothing is there.
        let missed = evidence.unreadable.iter().any(|unreadable| unreadable.could_sign(wanted.formats()));
        if !met {
            if counted > 0 {
                let mut finding = Finding::new(Reason::ThresholdNotMet).compared(
                    format!("{} distinct keys", wanted.wanted()),
                    format!("{counted} of {} keys", wanted.keys().len()),
                );
                finding.requirement = Some(requirement);
                findings.push(finding);
            } else if relevant().next().is_none() && !missed {
                let mut finding = Finding::new(Reason::NoSignature).compared(wanted_words(wanted), "nothing");
                finding.requirement = Some(requirement);
                findings.push(finding);
            }
        }
        self.left_out |= left_out;
        Judged {
            met,
            counted,
            signatures: accepted,
            attestations: Vec::new(),
            findings,
            open: left_out || missed,
        }
    }

    /// Holds one candidate against the whole requirement (rule S1). One finding for each of its signatures.
    fn candidate(
        &mut self,
        at: usize,
        candidate: &'a Candidate,
        wanted: &SignatureRequirement,
        accepted: &mut Vec<Verified<ImageSignature>>,
        left_out: &mut bool,
    ) -> Vec<Finding> {
        let signers = self.signers(at, candidate, wanted.terms(), left_out);
        let judged = signers.into_iter().map(|signer| {
            let signer = signer?;
            let signature =
                self.accept(candidate, &signer, wanted).map_err(|finding| finding.by(signer.trusted))?;
            accepted.push(signature);
            Ok(Finding::new(Reason::Accepted).by(signer.trusted))
        });
        judged.map(|judged: Result<Finding, Finding>| judged.unwrap_or_else(|finding| finding)).collect()
    }

    /// Who made each of a candidate's signatures, or why it does not come to that. Those for which no check is left are
    /// not among them.
    pub(super) fn signers<'k>(
        &mut self,
        at: usize,
        candidate: &'a Candidate,
        terms: &'k Terms,
        left_out: &mut bool,
    ) -> Vec<Result<Signer<'a, 'k>, Finding>> {
        if let Some(rejection) = candidate.rejection() {
            return vec![Err(Finding::new(rejection.reason).found(rejection.found.clone()))];
        }
        let format = candidate.format();
        if !terms.formats.contains(&format) {
            return vec![Err(format_excluded(&terms.formats, format))];
        }
        let Some(signed) = candidate.signed() else { return Vec::new() };
        let (signatures, hint) = match signed {
            Signed::Legacy { signature, .. } => (vec![signature.as_slice()], None),
            Signed::Envelope { envelope, hint, .. } => {
                let all = envelope.signatures().iter().map(|signature| signature.signature.as_slice());
                (all.collect(), hint.as_deref())
            }
        };
        let message = Message::new(signed, &terms.keys);
        let mut signers = Vec::new();
        for (nth, signature) in signatures.into_iter().enumerate() {
            match self.signer((at, nth), &message, signature, &terms.keys) {
                SignedBy::Key(trusted, scheme) if trusted.allows(scheme) => {
                    signers.push(Ok(Signer { trusted, scheme, signature }));
                }
                SignedBy::Key(trusted, scheme) => {
                    let finding = Finding::new(Reason::AlgorithmNotAllowed).found(scheme.code());
                    signers.push(Err(finding.by(trusted)));
                }
                SignedBy::Nobody => signers.push(Err(unknown_signer(hint, &terms.keys))),
                SignedBy::Unknown => *left_out = true,
            }
        }
        signers
    }

    /// The trusted key that made a signature, and by which scheme. The envelope's own hints choose nothing.
    fn signer<'k>(
        &mut self,
        which: (usize, usize),
        message: &Message<'_>,
        signature: &[u8],
        keys: &'k [TrustedKey],
    ) -> SignedBy<'k> {
        let mut nobody = SignedBy::Nobody;
        for trusted in keys {
            let id = trusted.key().id();
            let known = self.checked.get(&(which.0, which.1, id)).copied();
            let scheme = match known {
                Some(scheme) => scheme,
                // A key that comes later may have been tried for another requirement.
                None if self.checks >= SIGNATURE_CHECKS => {
                    nobody = SignedBy::Unknown;
                    continue;
                }
                None => {
                    self.checks = self.checks.saturating_add(message.cost(trusted));
                    let scheme = message.verify(trusted, signature);
                    self.checked.insert((which.0, which.1, id), scheme);
                    scheme
                }
            };
            if let Some(scheme) = scheme {
                return SignedBy::Key(trusted, scheme);
            }
        }
        nobody
    }

    /// Everything that must hold beside the signature itself.
    fn accept(
        &self,
        candidate: &Candidate,
        signer: &Signer<'_, '_>,
        wanted: &SignatureRequirement,
    ) -> Result<Verified<ImageSignature>, Finding> {
        if self.about.blob {
            return Err(Finding::new(Reason::NotASignature).found("what is signed beside a blob"));
        }
        let (content, payload) = self.content(candidate)?;
        annotations(&content.annotations, wanted.wanted_annotations())?;
        self.name(content.name.as_deref(), wanted.wanted_name())?;
        self.verifier.key_counts(signer.trusted, self.now)?;
        let signature = ImageSignature {
            format: candidate.format(),
            origin: candidate.origin().clone(),
            digest: content.digest,
            name: content.name,
            kind: content.kind,
            annotations: content.annotations,
            key_name: signer.trusted.name().to_owned(),
            key: signer.trusted.key().id(),
            scheme: signer.scheme,
            payload,
            signature: signer.signature.to_vec(),
        };
        let proof = Proof { keys: vec![signature.key], policy: self.policy.digest(), at: self.now };
        Ok(Verified::assertion(signature, proof))
    }

    /// Reads what was signed, and holds its type and subject against the image (rule S3).
    fn content(&self, candidate: &Candidate) -> Result<(Content, Vec<u8>), Finding> {
        match candidate.signed() {
            None => Err(Finding::new(Reason::NoSignature)),
            Some(Signed::Legacy { payload, .. }) => {
                let read = SimpleSigning::parse(payload).map_err(|error| {
                    let reason = Reason::of_json(&error, Reason::MalformedPayload);
                    Finding::new(reason).found(error.to_string())
                })?;
                if read.kind != simple_signing::TYPE {
                    return Err(
                        Finding::new(Reason::PayloadTypeMismatch).compared(simple_signing::TYPE, read.kind)
                    );
                }
                if !self.about.covered.contains(&&read.digest) {
                    return Err(other_subject(&self.about.covered, &[read.digest]));
                }
                let content = Content {
                    kind: read.kind,
                    digest: read.digest,
                    name: read.docker_reference,
                    annotations: read.optional,
                };
                Ok((content, payload.clone()))
            }
            Some(Signed::Envelope { envelope, .. }) => {
                let statement = statement(envelope)?;
                if statement.predicate_type != COSIGN_SIGN {
                    return Err(Finding::new(Reason::PredicateTypeMismatch)
                        .compared(COSIGN_SIGN, statement.predicate_type));
                }
                let Some((subject, digest)) = statement.subject_with(&self.about.covered) else {
                    return Err(other_subject(&self.about.covered, &statement.digests()));
                };
                let content = Content {
                    kind: statement.predicate_type.clone(),
                    digest,
                    name: subject.name.clone(),
                    annotations: subject.annotations.clone(),
                };
                Ok((content, envelope.payload().to_vec()))
            }
        }
    }

    /// Rule S9: the name binds only where asked, and a signature without a name matches only `any`.
    pub(super) fn name(&self, name: Option<&str>, wanted: &SignedFor) -> Result<(), Finding> {
        let signed =
            name.and_then(|name| name.parse::<ImageRef>().ok()).map(|name| name.repository().clone());
        let (holds, expected) = match wanted {
            SignedFor::Any => return Ok(()),
            SignedFor::Same => {
                let own = self.about.repository;
                let expected = own
                    .map_or_else(|| "the name of the image, which has none".to_owned(), ToString::to_string);
                (own.is_some() && own == signed.as_ref(), expected)
            }
            SignedFor::Globs(globs) => {
                let expected = globs.iter().map(RepositoryGlob::as_str).collect::<Vec<_>>().join(" or ");
                (signed.as_ref().is_some_and(|name| globs.iter().any(|glob| glob.matches(name))), expected)
            }
        };
        if holds {
            Ok(())
        } else {
            let found = name.unwrap_or("no name");
            Err(Finding::new(Reason::SignedForMismatch).compared(expected, found))
        }
    }
}

/// Reads the statement in an envelope whose signature was verified.
pub(super) fn statement(envelope: &Envelope) -> Result<Statement, Finding> {
    if envelope.payload_type() != IN_TOTO {
        return Err(Finding::new(Reason::PayloadTypeMismatch).compared(IN_TOTO, envelope.payload_type()));
    }
    Statement::parse(envelope.payload()).map_err(|error| {
        let reason = match &error {
            StatementError::Json(json) => Reason::of_json(json, Reason::MalformedPayload),
            _ => Reason::MalformedPayload,
        };
        Finding::new(reason).found(error.to_string())
    })
}

/// What was signed is about `signed`, and not about any of `expected`.
pub(super) fn other_subject(expected: &[&Digest], signed: &[Digest]) -> Finding {
    /// Digests that a finding shows at most.
    const SHOWN: usize = 4;
    let mut found: Vec<_> = signed.iter().take(SHOWN).map(Digest::to_string).collect();
    if signed.len() > SHOWN {
        found.push(format!("and {} more", signed.len().saturating_sub(SHOWN)));
    }
    if found.is_empty() {
        found.push("no SHA-256 or SHA-512 digest".to_owned());
    }
    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    Finding::new(Reason::SubjectMismatch).compared(expected.join(" or "), found.join(", "))
}

/// Rule S4: only what is signed, only strings, all of them.
pub(super) fn annotations(
    signed: &BTreeMap<String, Value>,
    wanted: &BTreeMap<String, String>,
) -> Result<(), Finding> {
    for (name, value) in wanted {
        let expected = format!("{name}={value}");
        match signed.get(name) {
            None => {
                return Err(Finding::new(Reason::AnnotationMissing).compared(expected, "no such annotation"));
            }
            Some(Value::String(signed)) if signed == value => {}
            Some(signed) => {
                let shown = signed.as_str().map_or_else(|| signed.to_string(), ToOwned::to_owned);
                let found = format!("{name}={shown}");
                return Err(Finding::new(Reason::AnnotationMismatch).compared(expected, found));
            }
        }
    }
    Ok(())
}

fn wanted_words(wanted: &SignatureRequirement) -> String {
    format!("a signature ({})", formats(wanted.formats()))
}

pub(super) fn format_excluded(wanted: &[Format], found: Format) -> Finding {
    Finding::new(Reason::FormatExcluded).compared(formats(wanted), found.name())
}

pub(super) fn formats(wanted: &[Format]) -> String {
    wanted.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or ")
}

/// No trusted key made the signature. A bundle's hint says whether another key claims to have made it: that
/// changes the words of the refusal and nothing else.
pub(super) fn unknown_signer(hint: Option<&str>, keys: &[TrustedKey]) -> Finding {
    /// Keys that a finding shows at most.
    const SHOWN: usize = 4;
    let shown: Vec<_> =
        keys.iter().take(SHOWN).map(|key| format!("{} ({})", key.name(), key.key().id().short())).collect();
    let expected = shown.join(" or ");
    match hint {
        Some(hint) if !keys.iter().any(|key| key.key().id().hint() == hint) => {
            Finding::new(Reason::UntrustedKey).compared(expected, format!("key hint {hint}"))
        }
        _ => Finding::new(Reason::SignatureMismatch).compared(expected, "a signature that none of them made"),
    }
}
