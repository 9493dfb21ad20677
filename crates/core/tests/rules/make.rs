//! What is judged in these tests: images, keys, and candidates with any content under a valid signature.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use waxseal_core::bundle::Bundle;
use waxseal_core::candidate::{EvidenceStore, Origin, SIGNATURE_ANNOTATION, Unreadable};
use waxseal_core::dsse::{Envelope, pae};
use waxseal_core::encoding::base64_encode;
use waxseal_core::key::{KeyAlgorithm, LocalSigner, Scheme};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::media_type::{IN_TOTO, SIMPLE_SIGNING};
use waxseal_core::signing::SigningRequest;
use waxseal_core::simple_signing::SimpleSigning;
use waxseal_core::statement::Statement;
use waxseal_core::verify::Outcome;
use waxseal_core::{
    Candidate, Descriptor, Digest, Evidence, Format, Policy, PrivateKey, Reason, Repository,
    SignatureRequirement, Signer, Subject, TrustedKey, Verdict, Verifier,
};
use waxseal_testkit::rng::{Seeded, now};

/// Where the image stands.
pub(crate) const REPOSITORY: &str = "registry.example.com/prod/app";

/// Both formats.
pub(crate) const BOTH: [Format; 2] = [Format::Legacy, Format::Bundle];

/// The image that most tests are about.
pub(crate) fn image() -> Digest {
    waxseal_testkit::ImageBuilder::new().file("hello", "world").build().digest()
}

/// Another image, of the same repository.
pub(crate) fn other_image() -> Digest {
    waxseal_testkit::ImageBuilder::new().file("hello", "again").build().digest()
}

/// An image of [`REPOSITORY`] as what is judged.
pub(crate) fn subject(digest: Digest) -> Subject {
    Subject::new(REPOSITORY.parse::<Repository>().unwrap().pin(digest))
}

/// The key of this name: P-256, the same in every run.
pub(crate) fn key(name: &str) -> LocalSigner {
    key_of(KeyAlgorithm::P256, name)
}

/// The key of this kind and name, the same in every run.
pub(crate) fn key_of(algorithm: KeyAlgorithm, name: &str) -> LocalSigner {
    LocalSigner::new(PrivateKey::generate(algorithm, &mut Seeded::named(name)).unwrap())
}

/// A key with a scheme of its kind that is not the default.
pub(crate) fn key_with(algorithm: KeyAlgorithm, name: &str, scheme: Scheme) -> LocalSigner {
    key_of(algorithm, name).with_scheme(scheme).unwrap()
}

/// The key of this name as a policy trusts it.
pub(crate) fn trusted(name: &str) -> TrustedKey {
    TrustedKey::new(name, key(name).public_key().clone())
}

/// A signature by any one of the keys of these names.
pub(crate) fn by(names: &[&str]) -> SignatureRequirement {
    SignatureRequirement::by(names.iter().map(|name| trusted(name)).collect()).unwrap()
}

/// A policy that wants a signature by the key `release`.
pub(crate) fn by_release() -> Policy {
    Policy::requiring(by(&["release"]))
}

/// Annotations from names and values.
pub(crate) fn annotations(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Where a candidate of this format is found beside the image.
pub(crate) fn origin(format: Format) -> Origin {
    let store = if format == Format::Legacy { EvidenceStore::SignatureTag } else { EvidenceStore::Referrer };
    Origin::new(store, image())
}

/// A place beside the image that could not be read.
pub(crate) fn unreadable(format: Option<Format>) -> Unreadable {
    let place = origin(format.unwrap_or(Format::Bundle));
    Unreadable::new(place, format, "unavailable", "the registry answered 503")
}

/// An honest signature of the image: made, checked and assembled as `sign` does it.
pub(crate) fn signed(format: Format, signer: &LocalSigner) -> Candidate {
    signed_as(format, signer, image(), REPOSITORY, &[])
}

/// An honest signature with annotations.
pub(crate) fn annotated(format: Format, signer: &LocalSigner, all: &[(&str, &str)]) -> Candidate {
    signed_as(format, signer, image(), REPOSITORY, all)
}

/// An honest signature of any digest, under any name.
pub(crate) fn signed_as(
    format: Format,
    signer: &LocalSigner,
    digest: Digest,
    name: &str,
    all: &[(&str, &str)],
) -> Candidate {
    let request = SigningRequest::image(digest, Some(name.to_owned()), annotations(all), &[format]).unwrap();
    let signed = request.sign(signer).unwrap();
    if let Some(legacy) = signed.legacy {
        return Candidate::legacy(origin(format), &layer(&legacy.payload, &legacy.signature), legacy.payload);
    }
    bundle(&signed.bundle.unwrap())
}

/// The descriptor of a `.sig` layer.
pub(crate) fn layer(payload: &[u8], signature: &str) -> Descriptor {
    let mut layer = Descriptor::of(SIMPLE_SIGNING, payload);
    layer.annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signature.to_owned());
    layer
}

/// The bytes of a bundle as a candidate.
pub(crate) fn bundle(bytes: &[u8]) -> Candidate {
    Candidate::bundle(origin(Format::Bundle), bytes, BUNDLE_BYTES)
}

/// A `.sig` layer of any bytes, validly signed.
pub(crate) fn legacy_over(signer: &LocalSigner, payload: &[u8]) -> Candidate {
    let signature = signer.sign(payload).unwrap().to_base64();
    Candidate::legacy(origin(Format::Legacy), &layer(payload, &signature), payload.to_vec())
}

/// The bytes of a bundle around any payload of any type, validly signed by each of the signers; the hint is the
/// first one's.
pub(crate) fn bundle_bytes(signers: &[&LocalSigner], payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let message = pae(payload_type, payload);
    let signatures = signers.iter().map(|signer| signer.sign(&message).unwrap().into_bytes()).collect();
    let envelope = Envelope::new(payload_type, payload.to_vec(), signatures);
    Bundle::write_envelope(&signers[0].public_key().id(), &envelope).into_bytes()
}

/// A bundle around any statement, validly signed.
pub(crate) fn bundle_over(signer: &LocalSigner, statement: &[u8]) -> Candidate {
    bundle(&bundle_bytes(&[signer], IN_TOTO, statement))
}

/// The payload of a legacy signature of the image.
pub(crate) fn payload(all: &[(&str, &str)]) -> String {
    String::from_utf8(SimpleSigning::write(REPOSITORY, &image(), &annotations(all))).unwrap()
}

/// The statement of a bundle signature of the image.
pub(crate) fn statement(all: &[(&str, &str)]) -> String {
    String::from_utf8(Statement::write_signature(Some(REPOSITORY), &image(), &annotations(all))).unwrap()
}

/// Any signed text as a candidate of either format, validly signed.
pub(crate) fn over(format: Format, signer: &LocalSigner, text: &str) -> Candidate {
    match format {
        Format::Legacy => legacy_over(signer, text.as_bytes()),
        _ => bundle_over(signer, text.as_bytes()),
    }
}

/// What is signed about the image in either format, without annotations.
pub(crate) fn text(format: Format) -> String {
    if format == Format::Legacy { payload(&[]) } else { statement(&[]) }
}

/// The text with one place changed, which must be there.
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from:?} does not stand in {text}");
    changed
}

/// Everything that goes into one verdict.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) verifier: Verifier,
    pub(crate) subject: Subject,
    pub(crate) evidence: Evidence,
    pub(crate) policy: Policy,
    pub(crate) now: jiff::Timestamp,
}

impl Case {
    /// The image, these candidates, this policy.
    pub(crate) fn new(policy: &Policy, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let mut evidence = Evidence::new();
        evidence.candidates.extend(candidates);
        Self {
            verifier: Verifier::new(),
            subject: subject(image()),
            evidence,
            policy: policy.clone(),
            now: now(),
        }
    }

    /// The same with a place that could not be read.
    pub(crate) fn unreadable(mut self, format: Option<Format>) -> Self {
        self.evidence.unreadable.push(unreadable(format));
        self
    }

    /// The same at another time.
    pub(crate) fn at(mut self, now: jiff::Timestamp) -> Self {
        self.now = now;
        self
    }

    /// The same with a reader of scanners' reports.
    pub(crate) fn reading(
        mut self,
        reports: &'static (dyn waxseal_core::scan::foreign::ReportReader + Send + Sync),
    ) -> Self {
        self.verifier = self.verifier.reading(reports);
        self
    }

    /// The same about another subject.
    pub(crate) fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verifier.verify(&self.subject, &self.evidence, &self.policy, self.now)
    }
}

thread_local! {
    static REFUSED: RefCell<BTreeSet<Reason>> = const { RefCell::new(BTreeSet::new()) };
}

/// The reasons for which a test sees something refused.
pub(crate) fn reasons_of(test: fn()) -> BTreeSet<Reason> {
    REFUSED.take();
    test();
    REFUSED.take()
}

/// `good` is admitted on verified evidence.
pub(crate) fn admitted<T: core::fmt::Debug>(name: &str, good: &Verdict<T>) {
    assert_eq!(good.outcome(), Outcome::Admit, "{name}: {:#?}", good.report());
    assert!(good.verified().is_some_and(|verified| !verified.proof().keys.is_empty()), "{name}");
    assert!(good.nearest_miss().is_none(), "{name}");
}

/// `bad` is refused, and comes nearest to being admitted where `reason` says.
pub(crate) fn refused<T: core::fmt::Debug>(name: &str, bad: &Verdict<T>, reason: Reason) {
    assert_eq!(bad.outcome(), Outcome::Refuse, "{name}: {:#?}", bad.report());
    assert_eq!(bad.nearest_miss().map(|finding| finding.reason), Some(reason), "{name}: {:#?}", bad.report());
    assert!(bad.verified().is_none() && bad.signatures().is_empty(), "{name}");
    REFUSED.with_borrow_mut(|seen| seen.insert(reason));
}

/// `bad` could not be decided.
pub(crate) fn undecided(name: &str, bad: &Verdict) {
    assert_eq!(bad.outcome(), Outcome::Undecided, "{name}: {:#?}", bad.report());
    assert_eq!(bad.nearest_miss().map(|finding| finding.reason), Some(Reason::Unreadable), "{name}");
    assert!(bad.verified().is_none() && bad.signatures().is_empty(), "{name}");
}

/// `good` is admitted; `bad`, which differs in one thing, is refused for exactly `reason`.
pub(crate) fn pair(name: &str, good: &Case, bad: &Case, reason: Reason) {
    admitted(name, &good.verdict());
    refused(name, &bad.verdict(), reason);
}

/// What is honestly signed in either format under any signature; a bundle's hint names the key of `signer`.
pub(crate) fn with_signature(format: Format, signer: &LocalSigner, signature: &[u8]) -> Candidate {
    let text = text(format);
    if format == Format::Legacy {
        let payload = text.into_bytes();
        return Candidate::legacy(origin(format), &layer(&payload, &base64_encode(signature)), payload);
    }
    let envelope = Envelope::new(IN_TOTO, text.into_bytes(), vec![signature.to_vec()]);
    bundle(Bundle::write_envelope(&signer.public_key().id(), &envelope).as_bytes())
}
