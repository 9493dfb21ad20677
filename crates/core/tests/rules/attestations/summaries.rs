//! Y6: verification summaries. Each field of the rules is checked, and the newest of each verifier is judged.

use jiff::SignedDuration;
use waxseal_core::policy::{
    AttestationRequirement, Oldest, PolicyError, SignedFor, VERIFICATION_SUMMARY, VsaRules,
};
use waxseal_core::{Digest, Format, Policy, Reason};

use super::make::{about, ago, attested, wanted};
use crate::make::{Case, admitted, image, key, pair, refused};

const VERIFIER: &str = "https://verifier.example.com/gate";

/// A summary, with what differs from a good one.
struct Summary {
    verifier: &'static str,
    result: &'static str,
    policy: String,
    resource: &'static str,
    levels: &'static str,
    age: i64,
}

fn good() -> Summary {
    Summary {
        verifier: VERIFIER,
        result: "PASSED",
        policy: Digest::of(b"policy").hex(),
        resource: "registry.example.com/app:1.0",
        levels: r#"["SLSA_BUILD_LEVEL_2","WAXSEAL_SCAN"]"#,
        age: 100,
    }
}

impl Summary {
    fn statement(&self) -> String {
        let time = ago(self.age);
        let predicate = format!(
            r#"{{"verifier":{{"id":"{}"}},"timeVerified":"{time}","resourceUri":"{}","policy":{{"uri":"p","digest":{{"sha256":"{}"}}}},"verificationResult":"{}","verifiedLevels":{}}}"#,
            self.verifier, self.resource, self.policy, self.result, self.levels
        );
        about(image(), VERIFICATION_SUMMARY, &predicate)
    }
}

fn rules() -> VsaRules {
    VsaRules::by(vec![VERIFIER.to_owned()])
}

fn with(change: impl FnOnce(&mut VsaRules)) -> VsaRules {
    let mut rules = rules();
    change(&mut rules);
    rules
}

fn requirement(rules: VsaRules) -> AttestationRequirement {
    wanted(VERIFICATION_SUMMARY, &["release"])
        .summary(rules, Oldest::Age(SignedDuration::from_hours(1)))
        .unwrap()
}

fn judged(rules: &VsaRules, summaries: &[Summary]) -> Case {
    let release = key("release");
    let candidates = summaries.iter().map(|one| attested(Format::Bundle, &release, &one.statement()));
    Case::new(&Policy::requiring(requirement(rules.clone())), candidates)
}

#[test]
pub(crate) fn y6_a_summary_must_have_passed() {
    let bad = Summary { result: "FAILED", ..good() };
    pair("result", &judged(&rules(), &[good()]), &judged(&rules(), &[bad]), Reason::VerificationFailed);
    for result in ["passed", "PASSED ", ""] {
        let bad = Summary { result, ..good() };
        refused(result, &judged(&rules(), &[bad]).verdict(), Reason::VerificationFailed);
    }
}

#[test]
pub(crate) fn y6_the_verifier_is_compared() {
    let bad = Summary { verifier: "https://verifier.example.com/other", ..good() };
    pair("verifier", &judged(&rules(), &[good()]), &judged(&rules(), &[bad]), Reason::OtherVerifier);
    // Another verifier's word takes nothing back.
    let later =
        Summary { verifier: "https://verifier.example.com/other", result: "FAILED", age: 10, ..good() };
    admitted("another verifier", &judged(&rules(), &[good(), later]).verdict());
    let later = Summary { result: "FAILED", age: 10, ..good() };
    pair(
        "the same verifier",
        &judged(&rules(), &[Summary { result: "FAILED", age: 200, ..good() }, good()]),
        &judged(&rules(), &[good(), later]),
        Reason::VerificationFailed,
    );
}

#[test]
pub(crate) fn y6_the_policy_is_compared() {
    let rules = with(|rules| rules.policy_digests = vec![Digest::of(b"policy"), Digest::of(b"next")]);
    let bad = Summary { policy: Digest::of(b"other").hex(), ..good() };
    pair("policy", &judged(&rules, &[good()]), &judged(&rules, &[bad]), Reason::OtherPolicy);
    // A digest that cannot be read is none.
    let bad = Summary { policy: Digest::of(b"policy").hex().to_uppercase(), ..good() };
    refused("upper case", &judged(&rules, &[bad]).verdict(), Reason::OtherPolicy);
}

#[test]
pub(crate) fn y6_the_resource_is_compared() {
    let globs = SignedFor::Globs(vec!["registry.example.com/**".parse().unwrap()]);
    for resource in [globs, SignedFor::Same] {
        let rules = with(|rules| rules.resource = resource);
        let own = crate::make::REPOSITORY;
        let good = || Summary { resource: own, ..good() };
        let bad = Summary { resource: "registry.example.net/app:1.0", ..good() };
        pair("resource", &judged(&rules, &[good()]), &judged(&rules, &[bad]), Reason::OtherResource);
        // What was verified for another place takes nothing back here.
        let later = Summary { resource: "registry.example.net/app", result: "FAILED", age: 10, ..good() };
        admitted("another place", &judged(&rules, &[good(), later]).verdict());
        for resource in ["git+https://example.com/repo", ""] {
            refused(
                resource,
                &judged(&rules, &[Summary { resource, ..good() }]).verdict(),
                Reason::OtherResource,
            );
        }
    }
}

#[test]
pub(crate) fn y6_the_levels_are_compared() {
    for (wanted, holds) in [
        ("SLSA_BUILD_LEVEL_2", true),
        ("SLSA_BUILD_LEVEL_1", true),
        ("SLSA_BUILD_LEVEL_3", false),
        ("SLSA_SOURCE_LEVEL_1", false),
        ("WAXSEAL_SCAN", true),
        ("WAXSEAL_SCAN_2", false),
    ] {
        let rules = with(|rules| rules.levels = vec![wanted.to_owned()]);
        let verdict = judged(&rules, &[good()]).verdict();
        if holds {
            admitted(wanted, &verdict);
        } else {
            refused(wanted, &verdict, Reason::LevelNotMet);
        }
    }
    let rules = with(|rules| rules.levels = vec!["SLSA_BUILD_LEVEL_2".to_owned()]);
    let bad = Summary { levels: "[]", ..good() };
    pair("levels", &judged(&rules, &[good()]), &judged(&rules, &[bad]), Reason::LevelNotMet);
}

#[test]
fn n5_a_summary_has_a_greatest_age() {
    let bad = Summary { age: 3601, ..good() };
    let good = Summary { age: 3600, ..good() };
    pair("age", &judged(&rules(), &[good]), &judged(&rules(), &[bad]), Reason::TooOld);
}

/// One that cannot be read may be the one that was asked for: it refuses.
#[test]
pub(crate) fn y6_a_summary_that_cannot_be_read_refuses() {
    let release = key("release");
    let policy = Policy::requiring(requirement(rules()));
    let case = |statement: String| Case::new(&policy, [attested(Format::Bundle, &release, &statement)]);
    let whole = good().statement();
    for (from, to) in [
        ("\"verifier\":{\"id\"", "\"verifier\":{\"ID\""),
        ("\"resourceUri\"", "\"resource\""),
        ("\"policy\":{\"uri\"", "\"x\":{\"uri\""),
        ("\"verificationResult\"", "\"verification_result\""),
    ] {
        let bad = case(crate::make::changed(&whole, from, to));
        pair(to, &case(whole.clone()), &bad, Reason::MalformedSummary);
    }
}

#[test]
fn y6_rules_that_cannot_be_meant_are_no_policy() {
    let made = |rules: VsaRules| wanted(VERIFICATION_SUMMARY, &["release"]).summary(rules, Oldest::Unlimited);
    assert!(made(rules()).is_ok());
    for bad in [
        VsaRules::by(Vec::new()),
        VsaRules::by(vec![" ".to_owned()]),
        with(|rules| rules.levels = vec![String::new()]),
        with(|rules| rules.resource = SignedFor::Globs(Vec::new())),
    ] {
        assert!(matches!(made(bad), Err(PolicyError::SummaryRule { .. })));
    }
    let other = wanted("vuln", &["release"]).summary(rules(), Oldest::Unlimited);
    assert!(matches!(other, Err(PolicyError::NoSummary { .. })));
}

/// The rules are part of the digest of the policy.
#[test]
fn y3_the_digest_of_a_policy_covers_its_rules_on_summaries() {
    let digest = |rules: VsaRules| Policy::requiring(requirement(rules)).digest();
    let changes = [
        VsaRules::by(vec!["x".to_owned()]),
        with(|rules| rules.policy_digests = vec![image()]),
        with(|rules| rules.resource = SignedFor::Same),
        with(|rules| rules.levels = vec!["x".to_owned()]),
    ];
    for changed in changes {
        assert_ne!(digest(changed), digest(rules()));
    }
}
