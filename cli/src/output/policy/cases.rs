//! Cases that a policy was held against.

use serde_json::{Value, json};
use std::fmt::Write as _;
use waxseal_core::policy::PolicySet;
use waxseal_core::policy::file::{CaseSubject, PolicyCase};
use waxseal_core::verify::Outcome;

use super::escape;

/// The name and version of the JSON form.
const SCHEMA: &str = "waxseal/policy-test/v1";

/// What came of a case.
pub(crate) struct Found {
    pub(crate) outcome: Outcome,
    pub(crate) basis: Option<String>,
    pub(crate) reason: Option<String>,
}

/// A case, and what came of it.
pub(crate) struct CaseOutcome {
    name: String,
    line: usize,
    expected: String,
    found: Found,
    pub(crate) as_expected: bool,
}

impl CaseOutcome {
    /// Compares; `number` is the place of the case in its file, from 0.
    pub(crate) fn new(number: usize, case: &PolicyCase, found: Found) -> Self {
        let subject = match &case.judged {
            CaseSubject::Image(name) | CaseSubject::Manifest(name) => name.clone(),
            _ => String::new(),
        };
        let name = case.name.clone().unwrap_or_else(|| format!("{}: {subject}", number.saturating_add(1)));
        let met = |expected: &Option<String>, found: &Option<String>| expected.is_none() || expected == found;
        let as_expected = case.expect == found.outcome
            && met(&case.basis, &found.basis)
            && met(&case.reason, &found.reason);
        let expected = words(case.expect, case.basis.as_deref().or(case.reason.as_deref()));
        Self { name, line: case.position.line, expected, found, as_expected }
    }

    fn found(&self) -> String {
        words(self.found.outcome, self.found.basis.as_deref().or(self.found.reason.as_deref()))
    }
}

fn words(outcome: Outcome, more: Option<&str>) -> String {
    match more {
        Some(more) => format!("{} ({more})", outcome.name()),
        None => outcome.name().to_owned(),
    }
}

/// A table of all cases, and how many have another verdict.
pub(crate) fn cases_text(outcomes: &[CaseOutcome]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["", "CASE", "EXPECTED", "FOUND"]);
    for outcome in outcomes {
        let mark = if outcome.as_expected { "ok" } else { "FAILED" };
        table.add_row([
            mark.to_owned(),
            escape(&outcome.name),
            escape(&outcome.expected),
            escape(&outcome.found()),
        ]);
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.as_expected).count();
    let lines = table.to_string();
    let mut text: String = lines.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim_end());
        text
    });
    let _ = writeln!(text, "{} case(s), {failed} failed", outcomes.len());
    text
}

/// The same for other programs.
pub(crate) fn cases_json(set: &PolicySet, outcomes: &[CaseOutcome]) -> Value {
    let cases: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "name": outcome.name,
                "line": outcome.line,
                "asExpected": outcome.as_expected,
                "expected": outcome.expected,
                "verdict": outcome.found.outcome.name(),
                "basis": outcome.found.basis,
                "reason": outcome.found.reason,
            })
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "policy": { "name": set.name(), "digest": set.digest().to_string() },
        "cases": cases,
        "failed": outcomes.iter().filter(|outcome| !outcome.as_expected).count(),
    })
}
