//! Properties of the judge that hold for any material: what was signed is admitted, what was changed is not, and
//! neither order, repetition nor a further requirement ever helps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests end at the line that found something"
)]

#[path = "rules/make.rs"]
#[expect(dead_code, reason = "the pairs of the rules use the rest")]
mod make;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use make::{
    BOTH, Case, REPOSITORY, annotated, annotations, by, by_release, image, key, key_with, layer, legacy_over,
    origin, other_image, payload, signed, signed_as, statement, trusted, unreadable, with_signature,
};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use waxseal_core::candidate::Unreadable;
use waxseal_core::dsse::pae;
use waxseal_core::key::{KeyAlgorithm, KeyError, KeyFile, LocalSigner, Password};
use waxseal_core::limits::BUNDLE_BYTES;
use waxseal_core::manifest::Manifest;
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::SignedFor;
use waxseal_core::signing::SigningRequest;
use waxseal_core::verify::{BlobSignature, Outcome};
use waxseal_core::{
    Candidate, Descriptor, Digest, Format, Policy, PublicKey, Reason, Repository, Scheme,
    SignatureRequirement, Signer as _, Subject, TrustedKey, Verdict, Verifier,
};
use waxseal_testkit::fixtures::{self, Kind};
use waxseal_testkit::hostile::{Mutation, bit_flips, dsse_payload, json_mutations, rewrap_dsse, truncations};
use waxseal_testkit::layout::Layout;
use waxseal_testkit::rng::now;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A signer for each scheme that is accepted.
fn signer(scheme: Scheme) -> LocalSigner {
    match scheme {
        Scheme::EcdsaP256Sha256 => key("release"),
        Scheme::EcdsaP384Sha384 | Scheme::EcdsaP384Sha256 => key_with(KeyAlgorithm::P384, "release", scheme),
        Scheme::EcdsaP521Sha512 | Scheme::EcdsaP521Sha256 => key_with(KeyAlgorithm::P521, "release", scheme),
        Scheme::Ed25519 | Scheme::Ed25519ph => key_with(KeyAlgorithm::Ed25519, "release", scheme),
        Scheme::RsaPkcs1Sha256 => {
            let file = fixtures::plain_private_key_pem("rsa2048");
            LocalSigner::new(KeyFile::parse(file.as_bytes()).unwrap().open(None::<&Password>).unwrap())
        }
        other => panic!("{other} has no signer"),
    }
}

fn schemes() -> impl Strategy<Value = Scheme> {
    let rsa = cfg!(feature = "aws-lc");
    select(
        Scheme::ALL
            .iter()
            .copied()
            .filter(|scheme| rsa || *scheme != Scheme::RsaPkcs1Sha256)
            .collect::<Vec<_>>(),
    )
}

fn formats() -> impl Strategy<Value = Format> {
    select(BOTH.to_vec())
}

fn by_key(key: &PublicKey) -> SignatureRequirement {
    SignatureRequirement::by(vec![TrustedKey::new("release", key.clone())]).unwrap()
}

/// What is signed about the image in either format.
fn message(format: Format) -> Vec<u8> {
    if format == Format::Legacy { payload(&[]).into_bytes() } else { pae(IN_TOTO, statement(&[]).as_bytes()) }
}

fn flipped(bytes: &[u8], at: Index) -> Vec<u8> {
    let bit = at.index(bytes.len() * 8);
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// Candidates of all kinds: good ones, foreign ones, of another image, under another name, and junk.
fn candidates() -> Vec<Candidate> {
    static ALL: OnceLock<Vec<Candidate>> = OnceLock::new();
    ALL.get_or_init(make_candidates).clone()
}

fn make_candidates() -> Vec<Candidate> {
    let mut all = vec![Candidate::rejected(origin(Format::Bundle), Reason::MalformedManifest, "junk")];
    for format in BOTH {
        for name in ["a", "b", "c", "other"] {
            all.push(signed(format, &key(name)));
        }
        all.push(annotated(format, &key("a"), &[("stage", "prod")]));
        all.push(annotated(format, &key("b"), &[("stage", "test")]));
        all.push(signed_as(format, &key("c"), image(), "registry.example.com/other", &[("stage", "prod")]));
        all.push(signed_as(format, &key("a"), other_image(), REPOSITORY, &[]));
        all.push(with_signature(format, &key("a"), b"junk"));
    }
    all
}

/// Requirements of all kinds over three keys, one of them no longer valid.
fn requirements() -> impl Strategy<Value = SignatureRequirement> {
    let keys = subsequence(vec!["a", "b", "c"], 1..=3).prop_shuffle();
    let names = select(vec![SignedFor::Any, SignedFor::Same]);
    let formats = proptest::option::of(formats());
    (keys, any::<Index>(), any::<bool>(), names, formats, any::<bool>()).prop_map(
        |(names, threshold, staged, name, format, expired)| {
            let keys = names.iter().map(|name| match *name {
                "c" if expired => trusted("c").valid(None, Some(now() - jiff::SignedDuration::from_secs(1))),
                name => trusted(name),
            });
            let count = names.len();
            let mut wanted = SignatureRequirement::by(keys.collect()).unwrap();
            wanted = wanted.threshold(threshold.index(count) + 1).unwrap().signed_for(name);
            if staged {
                wanted = wanted.annotations(annotations(&[("stage", "prod")]));
            }
            match format {
                Some(format) => wanted.only(format),
                None => wanted,
            }
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<SignatureRequirement>> {
    proptest::collection::vec(requirements(), 1..4)
}

fn policy(requirements: &[SignatureRequirement]) -> Policy {
    let (first, rest) = requirements.split_first().unwrap();
    rest.iter().cloned().fold(Policy::requiring(first.clone()), Policy::and)
}

/// A list, and the same list in another order.
fn and_shuffled<T: Clone + core::fmt::Debug>(
    all: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    all.prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
}

fn unread() -> impl Strategy<Value = Vec<Unreadable>> {
    let places = [None, Some(Format::Legacy), Some(Format::Bundle)].map(unreadable);
    subsequence(places.to_vec(), 0..=1)
}

fn judge(requirements: &[SignatureRequirement], candidates: &[Candidate], unread: &[Unreadable]) -> Verdict {
    let mut case = Case::new(&policy(requirements), candidates.to_vec());
    case.evidence.unreadable.extend(unread.iter().cloned());
    case.verdict()
}

/// How far a verdict is from an admission.
fn badness<T>(verdict: &Verdict<T>) -> u8 {
    match verdict.outcome() {
        Outcome::Admit => 0,
        Outcome::Undecided => 1,
        _ => 2,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_signed_is_admitted(
        scheme in schemes(),
        format in formats(),
        bytes in any::<[u8; 8]>(),
        path in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,3}",
        all in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let (digest, signer) = (Digest::of(bytes), signer(scheme));
        let repository = Repository::new("registry.example.com", &path).unwrap();
        let name = Some(repository.docker_reference());
        let request = SigningRequest::image(digest, name, all.clone(), &[format]).unwrap();
        let made = request.sign(&signer).unwrap();
        let candidate = match (made.legacy, made.bundle) {
            (Some(legacy), None) => {
                let layer = layer(&legacy.payload, &legacy.signature);
                Candidate::legacy(origin(format), &layer, legacy.payload)
            }
            (None, Some(bytes)) => Candidate::bundle(origin(format), &bytes, BUNDLE_BYTES),
            other => panic!("{other:?}"),
        };
        let wanted = by_key(signer.public_key()).annotations(all).signed_for(SignedFor::Same);
        let case = Case::new(&Policy::requiring(wanted), [candidate]);
        let verdict = case.about(Subject::new(repository.pin(digest))).verdict();
        prop_assert_eq!(verdict.outcome(), Outcome::Admit);
        prop_assert_eq!(verdict.signatures()[0].scheme, scheme);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&verdict.to_json()).is_ok());
    }

    #[test]
    fn one_bit_of_the_signature(scheme in schemes(), format in formats(), at in any::<Index>()) {
        let signer = signer(scheme);
        let honest = signer.sign(&message(format)).unwrap().into_bytes();
        let policy = Policy::requiring(by_key(signer.public_key()));
        let good = Case::new(&policy, [with_signature(format, &signer, &honest)]).verdict();
        let bad = Case::new(&policy, [with_signature(format, &signer, &flipped(&honest, at))]).verdict();
        prop_assert_eq!(good.outcome(), Outcome::Admit);
        prop_assert_eq!(bad.outcome(), Outcome::Refuse);
        prop_assert_eq!(bad.nearest_miss().unwrap().reason, Reason::SignatureMismatch);
    }

    #[test]
    fn one_bit_of_the_payload(scheme in schemes(), at in any::<Index>()) {
        let signer = signer(scheme);
        let policy = Policy::requiring(by_key(signer.public_key()));
        let honest = payload(&[]).into_bytes();
        let signature = signer.sign(&honest).unwrap().to_base64();
        let changed = flipped(&honest, at);
        let bad = Candidate::legacy(origin(Format::Legacy), &layer(&changed, &signature), changed);
        prop_assert_eq!(Case::new(&policy, [bad]).verdict().outcome(), Outcome::Refuse);
        let honest = make::bundle_bytes(&[&signer], IN_TOTO, statement(&[]).as_bytes());
        let changed = rewrap_dsse(&honest, &flipped(&dsse_payload(&honest), at));
        prop_assert_eq!(Case::new(&policy, [make::bundle(&changed)]).verdict().outcome(), Outcome::Refuse);
    }

    #[test]
    fn one_bit_of_the_digest(format in formats(), at in any::<Index>()) {
        let bytes = flipped(image().as_bytes(), at);
        let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let other: Digest = format!("sha256:{hex}").parse().unwrap();
        let case = Case::new(&by_release(), [signed(format, &key("release"))]);
        prop_assert_eq!(case.verdict().outcome(), Outcome::Admit);
        let bad = case.about(make::subject(other)).verdict();
        prop_assert_eq!(bad.outcome(), Outcome::Refuse);
        prop_assert_eq!(bad.nearest_miss().unwrap().reason, Reason::SubjectMismatch);
    }

    /// Another key is none at all, or one that did not sign.
    #[test]
    fn one_bit_of_the_key(scheme in schemes(), format in formats(), at in any::<Index>()) {
        let signer = signer(scheme);
        if let Ok(other) = PublicKey::from_der(&flipped(signer.public_key().to_der(), at)) {
            let case = Case::new(&Policy::requiring(by_key(&other)), [signed(format, &signer)]);
            prop_assert_eq!(case.verdict().outcome(), Outcome::Refuse);
        }
    }

    /// Any one bit of a whole bundle: if it is admitted, what was signed is what it was.
    #[test]
    fn one_bit_of_a_bundle(at in any::<Index>()) {
        let release = key("release");
        let honest = make::bundle_bytes(&[&release], IN_TOTO, statement(&[]).as_bytes());
        let verdict = Case::new(&by_release(), [make::bundle(&flipped(&honest, at))]).verdict();
        prop_assert_ne!(verdict.outcome(), Outcome::Undecided);
        for signature in verdict.signatures() {
            let signed = statement(&[]);
            prop_assert_eq!(&signature.payload, signed.as_bytes());
        }
    }

    #[test]
    fn one_more_requirement_never_helps(
        requirements in policies(),
        more in requirements(),
        candidates in subsequence(candidates(), 0..6),
        unread in unread(),
    ) {
        let before = judge(&requirements, &candidates, &unread);
        let all = [&requirements[..], &[more]].concat();
        let after = judge(&all, &candidates, &unread);
        prop_assert!(badness(&after) >= badness(&before), "{:?} {:?}", before.outcome(), after.outcome());
    }

    #[test]
    fn order_and_repetition_change_nothing(
        (requirements, other_requirements) in and_shuffled(policies()),
        (found, other_found) in subsequence(candidates(), 0..6).prop_flat_map(|all| {
            let twice = [&all[..], &all[..]].concat();
            (Just(all), Just(twice).prop_shuffle())
        }),
        unread in unread(),
    ) {
        let first = judge(&requirements, &found, &unread);
        let second = judge(&other_requirements, &other_found, &unread);
        prop_assert_eq!(first.outcome(), second.outcome());
        let reason = |verdict: &Verdict| verdict.nearest_miss().map(|finding| finding.reason);
        prop_assert_eq!(reason(&first), reason(&second));
        let counted = |verdict: &Verdict| {
            let all = verdict.report().requirements.iter();
            let mut all: Vec<_> = all.map(|one| (one.wanted.clone(), one.counted, one.met)).collect();
            all.sort();
            all
        };
        prop_assert_eq!(counted(&first), counted(&second));
    }

    /// Keys in another order: the same outcome, and the same policy by its digest.
    #[test]
    fn the_order_of_keys_changes_nothing(
        (names, turned) in and_shuffled(subsequence(vec!["a", "b", "c"], 1..=3)),
        threshold in any::<Index>(),
        candidates in subsequence(candidates(), 0..6),
    ) {
        let threshold = threshold.index(names.len()) + 1;
        let [first, second] = [names, turned].map(|names| by(&names).threshold(threshold).unwrap());
        let (first, second) = ([first], [second]);
        prop_assert_eq!(policy(&first).digest(), policy(&second).digest());
        let outcome = |wanted: &[_]| judge(wanted, &candidates, &[]).outcome();
        prop_assert_eq!(outcome(&first), outcome(&second));
    }

    /// Whatever is found besides does not undo an admission (rule V1), and what cannot be read never makes one.
    #[test]
    fn more_evidence_never_hurts_and_less_never_helps(
        requirements in policies(),
        found in subsequence(candidates(), 0..6),
        more in subsequence(candidates(), 0..6),
        unread in unread(),
    ) {
        let before = judge(&requirements, &found, &unread);
        let after = judge(&requirements, &[&found[..], &more[..]].concat(), &unread);
        prop_assert!(badness(&after) <= badness(&before));
        let readable = judge(&requirements, &found, &[]);
        prop_assert_eq!(readable.outcome() == Outcome::Admit, before.outcome() == Outcome::Admit);
        if before.outcome() == Outcome::Refuse {
            prop_assert_eq!(readable.outcome(), Outcome::Refuse);
        }
    }

    /// The names of keys that counted are distinct keys, as many as the threshold asks for.
    #[test]
    fn a_threshold_is_met_by_distinct_keys(
        threshold in 1_usize..=3,
        found in proptest::collection::vec(select(candidates()), 0..8),
    ) {
        let verdict = judge(&[by(&["a", "b", "c"]).threshold(threshold).unwrap()], &found, &[]);
        let keys: std::collections::BTreeSet<_> = verdict.signatures().iter().map(|one| one.key).collect();
        let counted = verdict.report().requirements[0].counted;
        prop_assert_eq!(verdict.outcome() == Outcome::Admit, counted >= threshold);
        if verdict.outcome() == Outcome::Admit {
            prop_assert!(keys.len() >= threshold);
            prop_assert_eq!(verdict.verified().unwrap().proof().keys.len(), keys.len());
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let case = Case::new(&by_release(), [
            make::bundle(&bytes),
            legacy_over(&key("release"), &bytes),
            make::bundle_over(&key("release"), &bytes),
        ]);
        prop_assert_eq!(case.verdict().outcome(), Outcome::Refuse);
        let mut blob = case.verifier.blob("blob", BlobSignature::parse(&bytes), &case.policy, now());
        blob.update(&bytes);
        prop_assert_eq!(blob.finish().outcome(), Outcome::Refuse);
        prop_assert!(Manifest::parse(&bytes, None).is_err());
    }
}

/// A signature that cosign wrote: the case's own words, and its bytes.
struct Real {
    name: String,
    digest: Digest,
    policy: Policy,
    layer: Option<Descriptor>,
    bytes: Vec<u8>,
}

impl Real {
    fn candidate(&self, bytes: &[u8]) -> Candidate {
        match &self.layer {
            Some(layer) => Candidate::legacy(origin(Format::Legacy), layer, bytes.to_vec()),
            None => Candidate::bundle(origin(Format::Bundle), bytes, BUNDLE_BYTES),
        }
    }

    fn verdict(&self, bytes: &[u8]) -> Verdict {
        Case::new(&self.policy, [self.candidate(bytes)]).about(make::subject(self.digest)).verdict()
    }
}

/// A key of testdata; none where this build cannot read it.
fn public_key(name: &str) -> Option<PublicKey> {
    match PublicKey::from_pem(fixtures::public_key_pem(name).as_bytes()) {
        Err(KeyError::RsaUnavailable) => None,
        read => Some(read.unwrap()),
    }
}

/// Signatures of images in testdata that are to be admitted, one of each key, format and annotations.
fn real_signatures() -> Vec<Real> {
    let mut all = Vec::new();
    for case in fixtures::cases() {
        if case.kind != Kind::Signature || case.expect != fixtures::Expect::Admit {
            continue;
        }
        let Some(key) = public_key(&case.key) else { continue };
        let wanted: BTreeMap<_, _> = case.wanted_annotations().into_iter().collect();
        let policy = Policy::requiring(by_key(&key).annotations(wanted));
        let layout = Layout::read(&case.layout());
        for (_, bytes) in layout.objects() {
            let (name, policy) = (case.id.clone(), policy.clone());
            if bytes.starts_with(b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle") {
                all.push(Real { name, digest: case.digest, policy, layer: None, bytes: bytes.to_vec() });
            } else if let Ok(Manifest::Image(manifest)) = Manifest::parse(&bytes, None) {
                for layer in manifest.layers {
                    if layer.media_type == waxseal_core::media_type::SIMPLE_SIGNING {
                        let bytes = layout.blob(&layer.digest).to_vec();
                        let (name, policy) = (name.clone(), policy.clone());
                        all.push(Real { name, digest: case.digest, policy, layer: Some(layer), bytes });
                    }
                }
            }
        }
    }
    all.retain(|real| real.verdict(&real.bytes).outcome() == Outcome::Admit);
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|real| seen.insert((real.policy.digest(), real.layer.is_some())));
    assert!(all.len() >= 10, "{}", all.len());
    all
}

fn mutations(bytes: &[u8]) -> Vec<Mutation> {
    let mut all = json_mutations(bytes);
    all.extend(bit_flips(bytes, 64, 1));
    all.extend(truncations(bytes, 32));
    all
}

/// T-07, T-34, T-41: what cosign wrote, changed in every place. Around the signed bytes a change may be admitted, as an
/// unknown member is, but then payload and signature are those of cosign; the signed bytes themselves may not change.
#[test]
fn real_signatures_changed_in_every_place() {
    let (mut refused, mut admitted) = (0_usize, 0_usize);
    for real in real_signatures() {
        let honest = real.verdict(&real.bytes);
        let honest = &honest.signatures()[0];
        for mutation in mutations(&real.bytes) {
            let verdict = real.verdict(&mutation.bytes);
            let name = format!("{}: {}", real.name, mutation.name);
            match verdict.outcome() {
                Outcome::Refuse => refused += 1,
                Outcome::Admit => {
                    assert!(real.layer.is_none(), "{name}: the payload was changed");
                    let found = &verdict.signatures()[0];
                    assert_eq!(
                        (&found.payload, &found.signature),
                        (&honest.payload, &honest.signature),
                        "{name}"
                    );
                    admitted += 1;
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        if real.layer.is_none() {
            for mutation in mutations(&dsse_payload(&real.bytes)) {
                let verdict = real.verdict(&rewrap_dsse(&real.bytes, &mutation.bytes));
                assert_eq!(verdict.outcome(), Outcome::Refuse, "{}: {}", real.name, mutation.name);
                refused += 1;
            }
        }
    }
    assert!(refused > 4_000 && admitted > 100, "{refused} {admitted}");
}

/// The same changes, signed as validly as before: whatever still counts is a signature of this image.
#[test]
fn signed_texts_changed_in_every_place() {
    let release = key("release");
    for (format, text) in
        [(Format::Legacy, payload(&[("stage", "prod")])), (Format::Bundle, statement(&[("stage", "prod")]))]
    {
        let (mut refused, mut admitted) = (0, 0);
        for mutation in json_mutations(text.as_bytes()) {
            let candidate = match format {
                Format::Legacy => legacy_over(&release, &mutation.bytes),
                _ => make::bundle_over(&release, &mutation.bytes),
            };
            let wanted =
                by(&["release"]).annotations(annotations(&[("stage", "prod")])).signed_for(SignedFor::Same);
            let verdict = Case::new(&Policy::requiring(wanted), [candidate]).verdict();
            if verdict.outcome() == Outcome::Admit {
                let value: serde_json::Value = serde_json::from_slice(&mutation.bytes).unwrap();
                assert!(value.to_string().contains(&image().hex()), "{}", mutation.name);
                admitted += 1;
            } else {
                assert_eq!(verdict.outcome(), Outcome::Refuse, "{}", mutation.name);
                assert!(!mutation.same_value, "{} says the same", mutation.name);
                refused += 1;
            }
        }
        assert!(refused > 150 && admitted > 5, "{refused} {admitted}");
    }
}

/// The signature files of blobs, changed in every place.
#[test]
fn signatures_of_blobs_changed_in_every_place() {
    for case in fixtures::blobs() {
        let bytes = case.signature();
        if case.attestation_type.is_some() || !bytes.starts_with(b"{") {
            continue;
        }
        let Some(key) = public_key(&case.key) else { continue };
        let policy = Policy::requiring(by_key(&key));
        let verifier = Verifier::new();
        let judge = |file: &[u8]| {
            let mut blob = verifier.blob("blob", BlobSignature::parse(file), &policy, now());
            blob.update(&case.bytes());
            blob.finish()
        };
        let honest = judge(&bytes);
        assert_eq!(
            honest.outcome() == Outcome::Admit,
            case.expect == fixtures::Expect::Admit,
            "{}",
            case.file
        );
        for mutation in mutations(&bytes) {
            let verdict = judge(&mutation.bytes);
            for signature in verdict.signatures() {
                let same = honest.signatures().first().map(|honest| &honest.signature);
                assert_eq!(Some(&signature.signature), same, "{}: {}", case.file, mutation.name);
            }
        }
    }
}
