//! What an author should know of a policy that can be used.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::document::{At, Document, Exemption, Key, Requirement, Rule};
use super::problem::{Position, Problem, ProblemCode};
use super::tree::{Id, Tree, Value};
use crate::key::{PublicKey, example};
use crate::policy::{Mode, Oldest, RepositoryGlob, SignedFor, Unmatched};

/// Docker's registry, whose repositories have two segments at least: `busybox` is `library/busybox`.
const DOCKER: &str = "docker.io";

pub(super) fn warnings(document: &Document, now: Timestamp) -> Vec<Problem> {
    let mut found = Vec::new();
    keys(document, now, &mut found);
    for exemption in &document.exempt {
        exempt(exemption, now, &mut found);
    }
    for rule in &document.rules {
        reach(document, rule, now, &mut found);
        asked(document, rule, now, &mut found);
    }
    if !document.rules.is_empty() && document.rules.iter().all(|rule| rule.value.mode == Mode::Warn) {
        let at = document.rules.first().map_or(Position::START, |rule| rule.position);
        found.push(Problem::new(ProblemCode::NothingEnforced, at, "rules", "every rule only warns"));
    }
    if let Some(unmatched) = &document.unmatched
        && unmatched.value != Unmatched::Refuse
    {
        let message = "an image that no rule matches is admitted";
        found.push(Problem::new(ProblemCode::UnmatchedAdmitted, unmatched.position, "unmatched", message));
    }
    found
}

pub(super) fn example_keys(document: &Document, keys: &BTreeMap<String, PublicKey>) -> Vec<Problem> {
    let known =
        |key: &&At<Key>| keys.get(&key.value.name).is_some_and(|public| example::is_example(&public.id()));
    let example = document.keys.iter().filter(known);
    example.map(|key| at(key, ProblemCode::ExampleKey, "one of waxseal's published example keys")).collect()
}

/// Rules that stand twice, whatever they are called.
pub(super) fn repeated(tree: &Tree) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (number, rule) in rules(tree).iter().enumerate() {
        if !seen.insert(canonical(tree, *rule, true)) {
            let field = format!("rules[{number}]");
            let message = "the same rule stands above";
            found.push(Problem::new(ProblemCode::RepeatedRule, tree.at(*rule), field, message));
        }
    }
    found
}

fn at<T>(place: &At<T>, code: ProblemCode, message: impl Into<String>) -> Problem {
    Problem::new(code, place.position, place.field.clone(), message)
}

fn keys(document: &Document, now: Timestamp, found: &mut Vec<Problem>) {
    for key in &document.keys {
        let Key { name, valid_from, valid_until, revoked_at, .. } = &key.value;
        if !requirements(document).any(|wanted| names(wanted).any(|used| used == name)) {
            found.push(at(key, ProblemCode::UnusedKey, format!("no requirement names {name}")));
        }
        if let Some(revoked) = revoked_at.filter(|revoked| now >= *revoked) {
            found.push(at(key, ProblemCode::KeyRevoked, format!("{name} was revoked at {revoked}")));
        } else if let Some(until) = valid_until.filter(|until| now > *until) {
            found.push(at(key, ProblemCode::KeyExpired, format!("{name} was valid until {until}")));
        } else if let Some(from) = valid_from.filter(|from| now < *from) {
            found.push(at(key, ProblemCode::KeyNotYetValid, format!("{name} is valid from {from}")));
        }
    }
}

fn requirements(document: &Document) -> impl Iterator<Item = &Requirement> {
    document.rules.iter().flat_map(|rule| &rule.value.require).map(|requirement| &requirement.value)
}

/// The names of the keys of a requirement, those of VEX documents too.
fn names(requirement: &Requirement) -> impl Iterator<Item = &String> {
    let scan = requirement.attestation.as_ref().and_then(|wanted| wanted.scan.as_ref());
    let vex = scan.into_iter().flat_map(|scan| &scan.value.vex).flat_map(|vex| &vex.value.by);
    requirement.by.iter().chain(vex)
}

fn counts(document: &Document, name: &str, now: Timestamp) -> bool {
    document.keys.iter().map(|key| &key.value).any(|key| {
        key.name == name
            && key.revoked_at.is_none_or(|at| now < at)
            && key.valid_from.is_none_or(|from| now >= from)
            && key.valid_until.is_none_or(|until| now <= until)
    })
}

fn exempt(exemption: &At<Exemption>, now: Timestamp, found: &mut Vec<Problem>) {
    let Exemption { digest, expires, .. } = &exemption.value;
    if now >= *expires {
        found.push(at(exemption, ProblemCode::ExemptionExpired, format!("expired at {expires}")));
    } else if digest.is_none() {
        let message = "whatever is in these repositories is admitted without being judged";
        found.push(at(exemption, ProblemCode::ExemptionWithoutDigest, message));
    }
}

/// Patterns of a rule that say nothing.
fn reach(document: &Document, rule: &At<Rule>, now: Timestamp, found: &mut Vec<Problem>) {
    let images = &rule.value.images;
    for (number, pattern) in images.iter().enumerate() {
        if let Some(why) = unreachable(document, &pattern.value, now) {
            let message = format!("{:?} matches no image: {why}", pattern.value.as_str());
            found.push(at(pattern, ProblemCode::UnreachableRule, message));
            continue;
        }
        let wider = images.iter().enumerate().find(|(other, wider)| {
            // Of two equal ones the second is told.
            *other != number
                && wider.value.covers(&pattern.value)
                && (*other < number || !pattern.value.covers(&wider.value))
        });
        if let Some((_, wider)) = wider {
            let message = format!("{:?} is covered by {:?}", pattern.value.as_str(), wider.value.as_str());
            found.push(at(pattern, ProblemCode::CoveredPattern, message));
        }
    }
}

/// Why no name that rules see can match.
fn unreachable(document: &Document, pattern: &RepositoryGlob, now: Timestamp) -> Option<String> {
    let segments: Vec<_> = pattern.segments().collect();
    if let [registry, only] = segments.as_slice()
        && *registry == DOCKER
        && *only != "**"
    {
        return Some(format!("{DOCKER}/{only} is called {DOCKER}/library/{only}"));
    }
    // Rule Y4: names below `from` are never seen, unless another mirror leads to them.
    let literal: Vec<_> = segments.iter().take_while(|segment| !segment.contains('*')).copied().collect();
    let begins = |name: &[&str], with: &str| name.starts_with(&with.split('/').collect::<Vec<_>>());
    let hidden = document.mirrors.iter().find(|mirror| begins(&literal, mirror.value.from()));
    if let Some(mirror) = hidden {
        let shown = |to: &str| begins(&literal, to) || to.split('/').zip(&literal).all(|(a, b)| a == *b);
        if !document.mirrors.iter().any(|other| shown(other.value.to())) {
            return Some(format!("rules see {} as {}", mirror.value.from(), mirror.value.to()));
        }
    }
    let exempt = document.exempt.iter().map(|exemption| &exemption.value);
    let mut whole = exempt.filter(|exemption| exemption.digest.is_none() && now < exemption.expires);
    whole
        .any(|exemption| exemption.images.iter().any(|wider| wider.value.covers(pattern)))
        .then(|| "everything that it matches is exempt".to_owned())
}

/// What a rule asks for that lets more in than it seems to, or nothing at all.
fn asked(document: &Document, rule: &At<Rule>, now: Timestamp, found: &mut Vec<Problem>) {
    let any = |wanted: &At<Requirement>| matches!(wanted.value.signed_for, None | Some(SignedFor::Any));
    if !rule.value.require.is_empty() && rule.value.require.iter().all(any) {
        let message =
            "signatures count under any name: one signed image can stand in for another of the same key";
        found.push(at(rule, ProblemCode::SignedForAny, message));
    }
    for requirement in &rule.value.require {
        let wanted = requirement.value.threshold.unwrap_or(1);
        let there = requirement.value.by.iter().filter(|name| counts(document, name, now)).count();
        if there < wanted {
            let message = format!("{there} of its keys count today, {wanted} must have signed");
            found.push(at(requirement, ProblemCode::ThresholdOutOfReach, message));
        }
        let Some(attestation) = &requirement.value.attestation else { continue };
        if let Some(oldest) = &attestation.max_age
            && matches!(oldest.value, Oldest::Unlimited)
        {
            found.push(at(oldest, ProblemCode::AnyAge, "a scan of any age counts"));
        }
        let Some(scan) = &attestation.scan else { continue };
        for (rule, position) in scan.value.rules.ignore.iter().zip(&scan.value.ignore) {
            if rule.has_expired(now) {
                let message = format!("the rule for {} expired at {}", rule.id(), rule.expires());
                let field = format!("{}.ignore", scan.field);
                found.push(Problem::new(ProblemCode::IgnoreExpired, *position, field, message));
            }
        }
    }
}

fn rules(tree: &Tree) -> &[Id] {
    let Value::Map(entries) = tree.value(tree.root()) else { return &[] };
    let rules = entries.iter().find(|entry| entry.name == "rules");
    match rules.map(|entry| tree.value(entry.value)) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// A value as a text that equal values share, whatever the order of their members; `rule` leaves a rule's name out.
fn canonical(tree: &Tree, id: Id, rule: bool) -> String {
    match tree.value(id) {
        Value::Null => "null".to_owned(),
        Value::Text { text, .. } => format!("{text:?}"),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| canonical(tree, *item, false)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let mut members: Vec<_> = entries
                .iter()
                .filter(|entry| !(rule && entry.name == "name"))
                .map(|entry| format!("{:?}:{}", entry.name, canonical(tree, entry.value, false)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
    }
}
