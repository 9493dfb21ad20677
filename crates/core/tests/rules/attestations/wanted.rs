//! What can be asked for, and what the digest of a policy covers.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use waxseal_core::policy::{AttestationRequirement, PolicyError, SignedFor};
use waxseal_core::{Format, Policy, PredicateType};

use super::make::wanted;
use crate::make::{annotations, by, trusted};

fn types(names: &[&str]) -> Vec<PredicateType> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn of(names: &[&str]) -> Result<AttestationRequirement, PolicyError> {
    AttestationRequirement::by(types(names), vec![trusted("release")])
}

#[test]
fn what_means_nothing_is_a_policy_error() {
    let code = |result: Result<AttestationRequirement, PolicyError>| result.unwrap_err().code();
    assert_eq!(code(of(&[])), "policy-without-type");
    assert_eq!(code(AttestationRequirement::by(types(&["vuln"]), Vec::new())), "policy-without-key");
    assert_eq!(
        code(AttestationRequirement::by(types(&["vuln"]), vec![trusted("a"), trusted("a")])),
        "policy-same-key-twice"
    );
    assert_eq!(code(of(&["vuln"]).unwrap().threshold(2)), "policy-threshold");
    // Nobody could tell which of the two is newer.
    assert_eq!(code(of(&["vuln", "link"])), "policy-timeless-type");
    assert!(of(&["vuln", "cyclonedx"]).unwrap().newest_counts());
    assert!(of(&["cyclonedx", "link"]).is_ok_and(|wanted| !wanted.newest_counts()));
    let age = SignedDuration::from_secs(1);
    assert_eq!(code(of(&["link"]).unwrap().max_age(age)), "policy-timeless-type");
    assert_eq!(code(of(&["vuln"]).unwrap().max_age(-age)), "policy-max-age");
    assert!(of(&["vuln"]).unwrap().max_age(SignedDuration::ZERO).is_ok());
    assert_eq!(of(&["spdx", "spdxjson"]).unwrap().types().len(), 1);
}

/// Y3, T-18: every choice is part of the digest, and the order in which types are written is not.
#[test]
fn y3_the_digest_of_a_policy_covers_what_is_attested() {
    let base = || wanted("vuln", &["a", "b"]);
    let age = SignedDuration::from_secs(60);
    let all = [
        base(),
        wanted("scan", &["a", "b"]),
        wanted("vuln", &["a"]),
        base().threshold(2).unwrap(),
        base().annotations(annotations(&[("a", "b")])),
        base().signed_for(SignedFor::Same),
        base().only(Format::Bundle),
        base().inherit(true),
        base().max_age(age).unwrap(),
        base().max_age(age + SignedDuration::from_nanos(1)).unwrap(),
    ];
    let count = all.len() + 1;
    let digests: BTreeSet<_> = all
        .into_iter()
        .map(|one| Policy::requiring(one).digest())
        .chain([Policy::requiring(by(&["a", "b"])).digest()])
        .collect();
    assert_eq!(digests.len(), count);
    let digest = |names: &[&str]| Policy::requiring(of(names).unwrap()).digest();
    assert_eq!(digest(&["vuln", "scan"]), digest(&["scan", "vuln", "scan"]));
    let words = Policy::requiring(base().max_age(age).unwrap().inherit(true)).requirements()[0].describe();
    assert_eq!(
        words,
        "an attestation (vuln) by any one of a, b, at most 1m old, of the image or of the index that lists it"
    );
    for (hours, words) in [(24 * 7, "7d"), (25, "25h")] {
        let aged = base().max_age(SignedDuration::from_hours(hours)).unwrap();
        let described = Policy::requiring(aged).requirements()[0].describe();
        assert!(described.ends_with(&format!("at most {words} old")), "{described}");
    }
}
