//! Puts keys in place of their names.

use std::collections::BTreeMap;

use super::document::{At, Document, Exemption as Exempt, Requirement as Wanted, Rule as Written, Scan, Vex};
use super::problem::{PolicyFileError, Problem, ProblemCode};
use crate::key::{PublicKey, Scheme};
use crate::policy::{
    AttestationRequirement, Exemption, Oldest, Policy, PolicyError, PolicySet, Requirement, Rule, ScanRules,
    SignatureRequirement, SignedFor, TrustedKey, VexRule,
};

/// The policy, with these keys.
pub(super) fn resolve(
    document: &Document,
    keys: &BTreeMap<String, PublicKey>,
) -> Result<PolicySet, PolicyFileError> {
    let trusted = trusted(document, keys)?;
    let mut set = PolicySet::new(&document.name);
    if let Some(serial) = document.serial {
        set = set.serial(serial);
    }
    if let Some(unmatched) = &document.unmatched {
        set = set.unmatched(unmatched.value);
    }
    for mirror in &document.mirrors {
        set = set.mirror(mirror.value.clone());
    }
    for exempt in &document.exempt {
        set = set.exempt(exemption(exempt)?);
    }
    for written in &document.rules {
        set = set.rule(rule(document, written, &trusted)?);
    }
    set.build().map_err(|error| {
        let code = ProblemCode::Invalid;
        PolicyFileError::one(Problem::new(code, super::Position::START, "", error.to_string()))
    })
}

/// Why something that was read cannot be built, where it stands.
fn refused<T>(at: &At<T>) -> impl Fn(PolicyError) -> PolicyFileError {
    let (position, field) = (at.position, at.field.clone());
    move |error| {
        let code = match error {
            PolicyError::Threshold { .. } => ProblemCode::Threshold,
            PolicyError::SameKeyTwice { .. } => ProblemCode::SameKeyTwice,
            PolicyError::ScanRule { .. } => ProblemCode::ScanRule,
            PolicyError::Timeless { .. } => ProblemCode::Timeless,
            PolicyError::NoScan { .. } | PolicyError::NoSummary { .. } => ProblemCode::ContentMismatch,
            PolicyError::ResultUnread { .. } => ProblemCode::ResultWithoutRule,
            _ => ProblemCode::Invalid,
        };
        PolicyFileError::one(Problem::new(code, position, field.clone(), error.to_string()))
    }
}

/// The keys by their names, each key id once (rule S2).
fn trusted(
    document: &Document,
    keys: &BTreeMap<String, PublicKey>,
) -> Result<BTreeMap<String, TrustedKey>, PolicyFileError> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<_, &str> = BTreeMap::new();
    let mut trusted = BTreeMap::new();
    for at in &document.keys {
        let written = &at.value;
        let mut problem =
            |code, message: String| problems.push(Problem::new(code, at.position, at.field.clone(), message));
        let Some(key) = keys.get(&written.name) else {
            problem(ProblemCode::KeyUnusable, "the key was not loaded".to_owned());
            continue;
        };
        if let Some(first) = seen.insert(key.id(), &written.name) {
            let message = format!("{first} and {} are the same key, {}", written.name, key.id());
            problem(ProblemCode::SameKeyTwice, message);
            continue;
        }
        let mut one =
            TrustedKey::new(&written.name, key.clone()).valid(written.valid_from, written.valid_until);
        if let Some(revoked) = written.revoked_at {
            one = one.revoked(revoked);
        }
        if let Some(algorithms) = &written.algorithms {
            one = one.schemes(algorithms.iter().map(|scheme| scheme.value).collect());
            for scheme in algorithms.iter().filter(|scheme| !scheme.value.fits(key.algorithm())) {
                let accepted = Scheme::accepted_for(key.algorithm()).iter().map(|one| one.code());
                let accepted = accepted.collect::<Vec<_>>().join(", ");
                let message =
                    format!("{} is a key of kind {}, which has {accepted}", written.name, key.algorithm());
                problems.push(Problem::new(
                    ProblemCode::Algorithm,
                    scheme.position,
                    scheme.field.clone(),
                    message,
                ));
            }
        }
        trusted.insert(written.name.clone(), one);
    }
    PolicyFileError::of(problems).map_or(Ok(trusted), Err)
}

fn exemption(at: &At<Exempt>) -> Result<Exemption, PolicyFileError> {
    let images = at.value.images.iter().map(|glob| glob.value.clone()).collect();
    let exemption = Exemption::new(images, at.value.reason.clone(), at.value.expires).map_err(refused(at))?;
    Ok(match at.value.digest {
        Some(digest) => exemption.digest(digest),
        None => exemption,
    })
}

fn rule(
    document: &Document,
    at: &At<Written>,
    keys: &BTreeMap<String, TrustedKey>,
) -> Result<Rule, PolicyFileError> {
    let written = &at.value;
    let mut requirements = Vec::new();
    for wanted in &written.require {
        requirements.push(requirement(wanted, keys)?);
    }
    let mut requirements = requirements.into_iter();
    let Some(first) = requirements.next() else {
        let message = "nothing is required";
        return Err(PolicyFileError::one(Problem::new(
            ProblemCode::Empty,
            at.position,
            at.field.clone(),
            message,
        )));
    };
    let policy = requirements.fold(Policy::requiring(first), Policy::and).named(&document.name);
    let images = written.images.iter().map(|glob| glob.value.clone()).collect();
    let mut rule = Rule::new(images, policy)
        .map_err(refused(at))?
        .namespaces(written.namespaces.clone())
        .mode(written.mode)
        .platforms(written.platforms.clone());
    if let Some(name) = &written.name {
        rule = rule.named(name);
    }
    if let Some(repository) = &written.signature_repository {
        rule = rule.signature_repository(repository.clone());
    }
    Ok(rule)
}

/// The keys of these names. Each stands under `keys`: the file would not have been read otherwise.
fn named(names: &[String], keys: &BTreeMap<String, TrustedKey>) -> Vec<TrustedKey> {
    names.iter().filter_map(|name| keys.get(name).cloned()).collect()
}

fn requirement(at: &At<Wanted>, keys: &BTreeMap<String, TrustedKey>) -> Result<Requirement, PolicyFileError> {
    let wanted = &at.value;
    let by = named(&wanted.by, keys);
    let threshold = wanted.threshold.unwrap_or(1);
    let signed_for = wanted.signed_for.clone().unwrap_or(SignedFor::Any);
    let Some(attestation) = &wanted.attestation else {
        let signature =
            SignatureRequirement::by(by).and_then(|one| one.threshold(threshold)).map_err(refused(at))?;
        return Ok(signature.annotations(wanted.annotations.clone()).signed_for(signed_for).into());
    };
    let mut requirement = AttestationRequirement::by(attestation.types.clone(), by)
        .and_then(|one| one.threshold(threshold))
        .map_err(refused(at))?
        .annotations(wanted.annotations.clone())
        .signed_for(signed_for)
        .inherit(attestation.inherit);
    let oldest = attestation.max_age.as_ref().map(|oldest| oldest.value);
    if let Some(scan) = &attestation.scan {
        // Rule N5: a file without an age was not read.
        let oldest = oldest.unwrap_or(Oldest::Unlimited);
        requirement = requirement.scan(scan_rules(scan, keys)?, oldest).map_err(refused(scan))?;
    } else if let Some(vsa) = &attestation.vsa {
        let oldest = oldest.unwrap_or(Oldest::Unlimited);
        requirement = requirement.summary(vsa.value.clone(), oldest).map_err(refused(vsa))?;
    } else if let Some(Oldest::Age(age)) = oldest {
        requirement = requirement.max_age(age).map_err(refused(at))?;
    }
    if let Some(condition) = &attestation.condition {
        requirement = requirement.condition(condition.clone());
    }
    requirement.reads_results().map_err(refused(at))?;
    Ok(requirement.into())
}

fn scan_rules(at: &At<Scan>, keys: &BTreeMap<String, TrustedKey>) -> Result<ScanRules, PolicyFileError> {
    let mut rules = at.value.rules.clone();
    for vex in &at.value.vex {
        let Vex { by, justifications } = &vex.value;
        rules.vex.push(VexRule::by(named(by, keys), justifications.clone()).map_err(refused(vex))?);
    }
    Ok(rules)
}
