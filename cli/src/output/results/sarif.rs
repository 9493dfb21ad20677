//! SARIF 2.1.0 (OASIS standard, 27 March 2020), as code scanning reads it: one result for each place of an image that was not
//! simply admitted, one rule for each reason code.

use std::fmt::Write as _;

use serde_json::{Value, json};
use waxseal::mention::Place;

use super::{EXPLAINED, Entry, Results, State, file};
use crate::output::escape;

/// Most results of a run that GitHub takes.
const RESULTS: usize = 25_000;
/// How SARIF calls the root of the sources.
const ROOT: &str = "%SRCROOT%";

/// The document.
pub(super) fn sarif(results: &Results) -> String {
    let mut found = Vec::new();
    let mut rules: Vec<&Entry> = Vec::new();
    let mut left_out = 0_usize;
    for entry in results.entries.iter().filter(|entry| entry.state != State::Admitted) {
        let rule = rules.iter().position(|known| known.code() == entry.code()).unwrap_or_else(|| {
            rules.push(entry);
            rules.len().saturating_sub(1)
        });
        for place in &entry.places {
            if found.len() >= RESULTS {
                left_out = left_out.saturating_add(1);
                continue;
            }
            found.push(result(entry, rule, place));
        }
    }
    let mut told: Vec<_> = results
        .notes
        .iter()
        .map(|(place, note)| json!({ "level": "note", "message": { "text": text(&format!("{place}: {note}")) } }))
        .collect();
    if left_out > 0 {
        let words =
            format!("{left_out} results more than the {RESULTS} that a report may have were left out");
        told.push(json!({ "level": "error", "message": { "text": words } }));
    }
    let successful = results.count(State::Undecided) == 0 && left_out == 0;
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "waxseal",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": successful,
                "endTimeUtc": results.time,
                "toolExecutionNotifications": told,
            }],
            "originalUriBaseIds": { ROOT: { "description": { "text": "The root of the sources" } } },
            "columnKind": "unicodeCodePoints",
            "properties": { "policy": escape(&results.policy), "policyDigest": results.policy_digest },
            "results": found,
        }],
    })
    .to_string()
}

fn rule(entry: &Entry) -> Value {
    let meaning = match &entry.miss {
        Some(miss) => miss.reason.meaning(),
        None => "the policy exempts the image, for a reason and for a time",
    };
    let hint = entry.miss.as_ref().map_or("nothing, until the exemption ends", |miss| miss.hint.as_str());
    json!({
        "id": entry.code(),
        "name": pascal(entry.code()),
        "shortDescription": { "text": text(meaning) },
        "fullDescription": { "text": text(meaning) },
        "help": { "text": text(&format!("{meaning}. Try: {hint}")) },
        "helpUri": EXPLAINED,
        "defaultConfiguration": { "level": level(entry.state) },
        "properties": { "tags": ["security", "supply-chain"] },
    })
}

fn result(entry: &Entry, rule: usize, place: &Place) -> Value {
    json!({
        "ruleId": entry.code(),
        "ruleIndex": rule,
        "kind": "fail",
        "level": level(entry.state),
        "message": { "text": text(&entry.message()) },
        "locations": [location(entry, place)],
        "partialFingerprints": { "waxsealImage/v1": entry.fingerprint(place) },
        "properties": {
            "image": escape(&entry.name),
            "digest": entry.digest,
            "verdict": entry.state.word(),
        },
    })
}

/// Where the image is named; where no file names it, the image stands for itself.
fn location(entry: &Entry, place: &Place) -> Value {
    let physical = match file(place) {
        Some(path) if path.starts_with('/') => json!({
            "artifactLocation": { "uri": format!("file://{}", encoded(path)) },
            "region": region(place),
        }),
        Some(path) => json!({
            "artifactLocation": { "uri": encoded(path.trim_start_matches("./")), "uriBaseId": ROOT },
            "region": region(place),
        }),
        None => json!({
            "artifactLocation": { "uri": encoded(&entry.name), "uriBaseId": ROOT },
            "region": { "startLine": 1 },
        }),
    };
    json!({
        "physicalLocation": physical,
        "logicalLocations": [{ "fullyQualifiedName": escape(&place.to_string()), "kind": "resource" }],
    })
}

fn region(place: &Place) -> Value {
    let line = place.line.unwrap_or(1).max(1);
    match place.column {
        Some(column) => json!({ "startLine": line, "startColumn": column.max(1) }),
        None => json!({ "startLine": line }),
    }
}

const fn level(state: State) -> &'static str {
    match state {
        State::Refused | State::Undecided => "error",
        State::Warned => "warning",
        State::Exempt | State::Admitted => "note",
    }
}

/// A message string: braces are placeholders and brackets links where nobody escapes them (sections 3.11.5 and 3.11.6).
fn text(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for character in escape(words).chars() {
        match character {
            '{' => safe.push_str("{{"),
            '}' => safe.push_str("}}"),
            '[' | ']' | '\\' => {
                safe.push('\\');
                safe.push(character);
            }
            other => safe.push(other),
        }
    }
    safe
}

/// A path as a reference (RFC 3986): a first segment with a colon would be a scheme.
fn encoded(path: &str) -> String {
    let mut reference = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            reference.push(char::from(byte));
        } else {
            let _ = write!(reference, "%{byte:02X}");
        }
    }
    reference
}

/// A code as a rule's name: `too-old` is `TooOld`.
fn pascal(code: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    code.split('-').map(word).collect()
}
