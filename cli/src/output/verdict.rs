//! Verdicts, for people and in cosign's JSON shape.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use waxseal_core::verify::{Attestation, Basis, Finding, ImageSignature, Outcome, Reason, RequirementReport};
use waxseal_core::{Verdict, Verified};

use super::escape;

/// Findings that are shown on a refusal; the rest is counted.
const SHOWN: usize = 8;

/// The verdict in words: what was decided, by which signatures, what was checked and what was not; on a refusal
/// the nearest miss first.
pub(crate) fn text<T>(named: &str, verdict: &Verdict<T>) -> String {
    let report = verdict.report();
    let mut text = String::new();
    let word = match verdict.outcome() {
        Outcome::Admit => "admitted",
        Outcome::Undecided => "undecided",
        _ => "refused",
    };
    let _ = writeln!(text, "{}: {word}", escape(named));
    let _ = writeln!(text, "  digest:   {}", report.digest);
    if let Some(present) = report.looking_back_from {
        let _ = writeln!(text, "  as of:    {} (revocations as of {present})", report.at);
    }
    ground(&mut text, verdict);
    requirements(&mut text, &report.requirements);
    for of_rule in &report.warnings {
        warning(&mut text, of_rule);
    }
    for signature in verdict.signatures() {
        let _ = writeln!(text, "  signed:   {}", signed(signature));
    }
    for attestation in verdict.attestations() {
        let _ = writeln!(text, "  attested: {}", attested(attestation));
    }
    if let Some(miss) = verdict.nearest_miss() {
        let _ = writeln!(text, "  reason:   {}", finding(miss));
    }
    if verdict.outcome() != Outcome::Admit {
        others(&mut text, report.findings.iter().filter(|found| Some(*found) != verdict.nearest_miss()));
    }
    for code in &report.unchecked {
        let _ = writeln!(text, "  {}", unchecked(code));
    }
    text
}

/// On what ground it was admitted, where that is not what was verified.
pub(super) fn ground<T>(text: &mut String, verdict: &Verdict<T>) {
    match verdict.basis() {
        Some(Basis::Exempt { reason, expires }) => {
            let _ = writeln!(text, "  exempt:   until {expires}: {} (not verified)", escape(reason));
        }
        Some(Basis::Warned) => text.push_str("  warned:   no rule is enforced (not verified)\n"),
        Some(Basis::Unmatched) => text.push_str("  matched:  by no rule of the policy (not verified)\n"),
        _ => {}
    }
}

pub(super) fn requirements(text: &mut String, requirements: &[RequirementReport]) {
    for requirement in requirements {
        let mark = if requirement.met { "met" } else { "NOT met" };
        let rule = requirement.rule.as_ref().map(|rule| format!(", rule {}", escape(rule)));
        let rule = rule.unwrap_or_default();
        let _ = writeln!(text, "  required: {} ({mark}{rule})", escape(&requirement.wanted));
    }
}

/// What rules that only warn have asked for, and what they miss.
pub(super) fn warning(text: &mut String, warning: &Verdict) {
    for requirement in &warning.report().requirements {
        let mark = if requirement.met { "met" } else { "not met" };
        let rule = requirement.rule.as_ref().map(|rule| format!("rule {}", escape(rule)));
        let rule = rule.unwrap_or_else(|| "its rule".to_owned());
        let _ = writeln!(text, "  wanted:   {} ({mark}, {rule} only warns)", escape(&requirement.wanted));
    }
    if let Some(miss) = warning.nearest_miss() {
        let _ = writeln!(text, "  warning:  {}", finding(miss));
    }
}

pub(super) fn others<'a>(text: &mut String, findings: impl Iterator<Item = &'a Finding>) {
    let rest: Vec<_> = findings.filter(|found| found.reason != Reason::Accepted).collect();
    for found in rest.iter().take(SHOWN) {
        let _ = writeln!(text, "  also:     {}", finding(found));
    }
    if rest.len() > SHOWN {
        let _ = writeln!(text, "  also:     {} more (see -o verdict)", rest.len().saturating_sub(SHOWN));
    }
}

/// What was not checked, in words.
pub(super) fn unchecked(code: &'static str) -> &'static str {
    match code {
        "transparency-log" => "log: not checked (verified with a key)",
        "signed-name" => "name: not checked (one signed image could stand in for another; see --signed-for)",
        "attested-result" => {
            "result: not judged (a scan that found much is attested as one that found nothing)"
        }
        other => other,
    }
}

fn signed(signature: &ImageSignature) -> String {
    let mut text = format!(
        "by {} ({}), {}, {}",
        escape(&signature.key_name),
        signature.key.short(),
        signature.scheme.code(),
        signature.format.name(),
    );
    more(&mut text, signature.name.as_deref(), &signature.annotations);
    text
}

/// The signed name and the signed annotations.
fn more(text: &mut String, name: Option<&str>, annotations: &BTreeMap<String, serde_json::Value>) {
    if let Some(name) = name {
        let _ = write!(text, ", as {}", escape(name));
    }
    for (name, value) in annotations {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let _ = write!(text, ", {}={}", escape(name), escape(&value));
    }
}

fn attested(attestation: &Attestation) -> String {
    let kind = &attestation.predicate_type;
    let kind = kind.short_name().map_or_else(|| escape(kind.as_str()), |name| name.to_string());
    let mut text = format!(
        "{kind} by {} ({}), {}, {}",
        escape(&attestation.key_name),
        attestation.key.short(),
        attestation.scheme.code(),
        attestation.format.name(),
    );
    if let Some(finished) = attestation.finished {
        let _ = write!(text, ", of {finished}");
    }
    more(&mut text, attestation.name.as_deref(), &attestation.annotations);
    text
}

/// A finding in one line: the code, what it means, what was expected and found, and where.
pub(crate) fn finding(finding: &Finding) -> String {
    let mut text = format!("{}: {}", finding.reason.code(), finding.reason.meaning());
    if let Some(key) = &finding.key {
        let _ = write!(text, "; key {}", escape(key));
    }
    match (&finding.expected, &finding.found) {
        (Some(expected), Some(found)) => {
            let _ = write!(text, "; expected {}, found {}", escape(expected), escape(found));
        }
        (None, Some(found)) => {
            let _ = write!(text, "; found {}", escape(found));
        }
        (Some(expected), None) => {
            let _ = write!(text, "; expected {}", escape(expected));
        }
        (None, None) => {}
    }
    if let Some(origin) = &finding.origin {
        let _ = write!(text, "; in {}", origin.store.name());
        if let Some(digest) = origin.blob.or(origin.manifest) {
            let _ = write!(text, " {}", digest.short());
        }
    }
    text
}

/// The signatures that counted, in the shape that cosign prints.
pub(crate) fn cosign(signatures: &[Verified<ImageSignature>]) -> String {
    let all: Vec<_> = signatures
        .iter()
        .map(|signature| {
            let optional = if signature.annotations.is_empty() {
                serde_json::Value::Null
            } else {
                json!(signature.annotations)
            };
            json!({
                "critical": {
                    "identity": { "docker-reference": signature.name.as_deref().unwrap_or_default() },
                    "image": { "docker-manifest-digest": signature.digest },
                    "type": signature.kind,
                },
                "optional": optional,
            })
        })
        .collect();
    serde_json::Value::from(all).to_string()
}
