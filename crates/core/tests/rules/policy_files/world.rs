//! Images with evidence of every kind, judged by the text of a policy file.

use std::collections::BTreeMap;

use waxseal_core::key::{KeyAlgorithm, LocalSigner};
use waxseal_core::policy::file::{KeySource, PolicyFile, PolicyFileError};
use waxseal_core::policy::{PolicySet, RulePlatforms, Selector, VERIFICATION_SUMMARY};
use waxseal_core::predicate::{CYCLONE_DX, OPEN_VEX, SCAN};
use waxseal_core::scan::{
    Applicability, License, Package, Scan, ScanStatus, Secrets, Severity, Violation, ViolationKind,
};
use waxseal_core::statement::STATEMENT_V1;
use waxseal_core::verify::PlatformVerdict;
use waxseal_core::{
    Digest, Evidence, Format, PinnedRef, PublicKey, Repository, Signer as _, Subject, Verdict, Verifier,
};
use waxseal_testkit::rng::now;
use waxseal_testkit::{BuiltImage, IndexBuilder};

use crate::attestations::make::{about, ago, beside};
use crate::make::{REPOSITORY, key, key_of, signed_as};
use crate::scans::make::{days, finding, scan};

/// Where the images stand: rules see it as [`REPOSITORY`].
pub(crate) const PLACE: &str = "registry.site.local/prod/app";
/// Where evidence stands that rules look for elsewhere.
const ELSEWHERE: &str = "registry.example.com/signatures";
/// The digest of the policy in the verification summary.
pub(crate) const POLICY_DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The key of this name: `bob` has two schemes, all others have one.
pub(crate) fn signer(name: &str) -> LocalSigner {
    if name == "bob" { key_of(KeyAlgorithm::P384, name) } else { key(name) }
}

/// An index of two images, and what hangs on it.
pub(crate) struct World {
    index: BuiltImage,
    /// What stands beside the images.
    beside: Evidence,
    /// What stands in [`ELSEWHERE`].
    elsewhere: Evidence,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// The first image of the index.
    Image,
    /// The index.
    Index,
}

impl World {
    /// Everything that is asked for hangs on the first image; on the index a bill of materials, on the second image nothing.
    pub(crate) fn new() -> Self {
        let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
        let image = index.children[0].0.digest;
        let all = [("stage", "release")];
        let sign = |name: &str, all: &[(&str, &str)]| {
            signed_as(Format::Bundle, &signer(name), image, REPOSITORY, all)
        };
        let attest = |name: &str, statement: &str| beside(image, &signer(name), statement);
        let mut near = Evidence::new();
        near.candidates.extend([
            sign("release", &all),
            sign("alice", &[]),
            sign("bob", &[]),
            attest("security", &about(image, SCAN, &full_scan().to_predicate().unwrap())),
            attest("vexer", &about(image, OPEN_VEX, &vex())),
            attest("verifier", &about(image, VERIFICATION_SUMMARY, &summary())),
            attest(
                "builder",
                &staged(image, "https://example.com/build/v1", r#"{"builder":{"id":"https://ci"}}"#),
            ),
            attest(
                "second",
                &staged(image, "https://example.com/build/v1", r#"{"builder":{"id":"https://ci"}}"#),
            ),
            beside(
                index.digest(),
                &signer("release"),
                &about(index.digest(), CYCLONE_DX, r#"{"bomFormat":"CycloneDX"}"#),
            ),
        ]);
        let mut elsewhere = Evidence::new();
        elsewhere.candidates.push(sign("remote", &[]));
        Self { index, beside: near, elsewhere }
    }

    pub(crate) fn image(&self) -> Digest {
        self.index.children[0].0.digest
    }

    /// The verdict of a policy's text.
    pub(crate) fn judge(&self, text: &str, of: Of) -> Result<Verdict, PolicyFileError> {
        Ok(self.verdict(&load(text)?, of))
    }

    /// The verdict in a word: the outcome and its basis, or the code of the first error.
    pub(crate) fn word(&self, text: &str, of: Of) -> String {
        match self.judge(text, of) {
            Ok(verdict) => {
                let basis = verdict.basis().map_or("", waxseal_core::verify::Basis::name);
                format!("{} {basis}", verdict.outcome().name()).trim().to_owned()
            }
            Err(error) => format!("error {}", error.problems()[0].code.code()),
        }
    }

    pub(crate) fn verdict(&self, set: &PolicySet, of: Of) -> Verdict {
        let place: Repository = PLACE.parse().unwrap();
        let index = Subject::new(place.pin(self.index.digest()));
        let bytes = &self.index.manifest.1;
        let subject = match of {
            Of::Index => index,
            Of::Image => index.child(bytes, None, &self.image()).unwrap(),
        };
        let pinned: PinnedRef = subject.pinned().clone();
        let applied = set.select(&Selector::new(&pinned, now()).namespace(Some("prod-1")));
        let subject = subject.known_as(applied.name().cloned());
        let verifier = Verifier::new();
        let judged: Vec<_> = applied
            .groups()
            .iter()
            .map(|group| {
                let place = group.signature_repository.as_ref().map(ToString::to_string);
                let evidence = match place.as_deref() {
                    None => self.beside.clone(),
                    Some(ELSEWHERE) => self.elsewhere.clone(),
                    Some(_) => Evidence::new(),
                };
                let own = verifier.verify(&subject, &evidence, &group.policy, now());
                match (&group.platforms, of) {
                    (RulePlatforms::Index, _) => own,
                    (platforms, Of::Image) => {
                        let bytes = &self.index.children[0].1;
                        verifier.single(&subject, bytes, None, own, platforms).unwrap()
                    }
                    (platforms, Of::Index) => {
                        let images: Vec<_> = self
                            .index
                            .children
                            .iter()
                            .map(|(descriptor, _)| {
                                let child = subject.child(bytes, None, &descriptor.digest).unwrap();
                                let verdict = verifier.verify(&child, &evidence, &group.policy, now());
                                PlatformVerdict::new(descriptor.digest, verdict)
                            })
                            .collect();
                        verifier
                            .combine_for(&subject, (bytes, None), &own, &images, &group.policy, platforms)
                            .unwrap()
                    }
                }
            })
            .collect();
        verifier.decide(&subject, &applied, &judged)
    }
}

/// The policy of a text. A key is the one that its place names: `release.pub`, `env://RELEASE` and the text
/// `release` of a `pem` are all the key `release`.
pub(crate) fn load(text: &str) -> Result<PolicySet, PolicyFileError> {
    let file = PolicyFile::parse(text.as_bytes())?;
    let keys: BTreeMap<String, PublicKey> = file
        .key_references()
        .into_iter()
        .map(|reference| {
            let (KeySource::File(place) | KeySource::Named(place) | KeySource::Pem(place)) = reference.source
            else {
                panic!("{reference:?}")
            };
            let name = place.trim_end_matches(".pub").trim_start_matches("env://").to_lowercase();
            (reference.name, signer(&name).public_key().clone())
        })
        .collect();
    file.resolve(&keys)
}

/// A scan that holds for the policy of the fields only because each of them stands there.
fn full_scan() -> Scan {
    let mut scan = scan();
    scan.run.status = ScanStatus::Partial;
    scan.run.coverage.fixes = Some(true);
    let high = |id: &str, name: &str| {
        let mut finding = finding(id, Severity::High);
        finding.package = Package::new("deb", name, "1.0");
        finding
    };
    let mut unfixed = high("CVE-UNFIXED", "a");
    unfixed.fixed_versions.clear();
    let mut elsewhere = high("CVE-NOT-APPLICABLE", "b");
    elsewhere.applicability = Some(Applicability::parse("not_applicable"));
    let mut ignored = high("CVE-IGNORED", "c");
    ignored.layers = vec!["sha256:a".to_owned()];
    let mut young = high("CVE-YOUNG", "d");
    young.published_on = Some(days(-3));
    let mut researched = high("CVE-RESEARCHED", "e");
    researched.research_severity = Some(Severity::Low);
    let mut malicious = finding("CVE-MALICIOUS", Severity::Low);
    malicious.malicious = true;
    scan.findings = vec![
        unfixed,
        elsewhere,
        ignored,
        young,
        researched,
        malicious,
        high("CVE-VEX", "f"),
        finding("CVE-UNKNOWN", Severity::Unknown),
        finding("CVE-MEDIUM", Severity::Medium),
    ];
    scan.licenses = vec![License::new("MIT OR GPL-2.0-only", 1), License::new("Unknown", 1)];
    scan.secrets = Some(Secrets::new(2, 1));
    let violation = |watch: &str, fails| {
        let mut violation = Violation::new(ViolationKind::Security, Severity::High, "XRAY-1");
        watch.clone_into(&mut violation.watch);
        violation.fail_build = fails;
        violation
    };
    scan.violations = vec![violation("prod", false), violation("other", true)];
    scan
}

fn vex() -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","timestamp":"{}","statements":[{{"vulnerability":{{"name":"CVE-VEX"}},"status":"not_affected","justification":"component_not_present"}}]}}"#,
        ago(60)
    )
}

fn summary() -> String {
    format!(
        r#"{{"verifier":{{"id":"https://verifier"}},"timeVerified":"{}","resourceUri":"{REPOSITORY}","policy":{{"uri":"p","digest":{{"sha256":"{POLICY_DIGEST}"}}}},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2"]}}"#,
        ago(60)
    )
}

/// A statement whose subject has an annotation.
fn staged(digest: Digest, kind: &str, predicate: &str) -> String {
    format!(
        r#"{{"_type":"{STATEMENT_V1}","subject":[{{"name":"{REPOSITORY}","digest":{{"sha256":"{}"}},"annotations":{{"stage":"release"}}}}],"predicateType":"{kind}","predicate":{predicate}}}"#,
        digest.hex()
    )
}
