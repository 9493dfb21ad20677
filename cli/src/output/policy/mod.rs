//! Policy files: what is wrong with one, and what it asks of an image.

mod cases;
mod new;

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use waxseal::policy::Loaded;
use waxseal_core::policy::file::Problem;
use waxseal_core::policy::{Exemption, PolicySet, Requirement, Rule};
use waxseal_core::{ImageRef, Repository};

pub(crate) use cases::{CaseOutcome, Found, cases_json, cases_text};
pub(crate) use new::{Carried, Result, new_text};

use super::escape;

/// The name and version of the JSON form of a check.
const CHECK_SCHEMA: &str = "waxseal/policy-check/v1";
/// The name and version of the JSON form of an explanation.
const EXPLANATION_SCHEMA: &str = "waxseal/policy-explanation/v1";
/// Characters of a line that are shown before and behind a mistake.
const LINE: usize = 100;

/// What a check found, each with its line.
pub(crate) fn check_text(path: &Path, source: &str, loaded: Option<&Loaded>, problems: &[Problem]) -> String {
    let path = escape(&path.display().to_string());
    let mut text = String::new();
    for problem in problems {
        let word = if problem.is_error() { "error" } else { "warning" };
        let field =
            if problem.field.is_empty() { String::new() } else { format!("{}: ", escape(&problem.field)) };
        let (at, code) = (problem.position, problem.code.code());
        let _ = writeln!(text, "{path}:{at}: {word}: {field}{} [{code}]", escape(&problem.message));
        caret(&mut text, source, problem);
        let _ = writeln!(text, "      = {}", escape(&problem.hint));
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len().saturating_sub(errors);
    let _ = match loaded {
        Some(Loaded { set, keys, .. }) => writeln!(
            text,
            "{path}: {}: {} key(s), {} rule(s), {} exemption(s), {warnings} warning(s), digest {}",
            escape(set.name()),
            keys.len(),
            set.rules().len(),
            set.exemptions().len(),
            set.digest(),
        ),
        None => writeln!(text, "{path}: {errors} error(s), {warnings} warning(s)"),
    };
    text
}

/// The line of a problem with a caret under its place.
fn caret(text: &mut String, source: &str, problem: &Problem) {
    let Some(line) = source.lines().nth(problem.position.line.saturating_sub(1)) else { return };
    let column = problem.position.column.saturating_sub(1);
    let from = column.saturating_sub(LINE);
    let shown: String = line.chars().skip(from).take(LINE.saturating_mul(2)).collect();
    // A tab would move the caret, and what is not shown as it is takes more than a column.
    let before: String = line.chars().skip(from).take(column.saturating_sub(from)).collect();
    let indent = escape(&before.replace('\t', " ")).chars().count();
    let number = problem.position.line;
    let _ = writeln!(text, "{number:5} | {}", escape(&shown.replace('\t', " ")).trim_end());
    let _ = writeln!(text, "      | {}^", " ".repeat(indent));
}

/// What a check found, for other programs.
pub(crate) fn check_json(path: &Path, loaded: Option<&Loaded>, problems: &[Problem]) -> Value {
    let problems: Vec<_> = problems
        .iter()
        .map(|problem| {
            json!({
                "code": problem.code.code(),
                "severity": if problem.is_error() { "error" } else { "warning" },
                "line": problem.position.line,
                "column": problem.position.column,
                "field": problem.field,
                "message": problem.message,
                "hint": problem.hint,
            })
        })
        .collect();
    let mut document = json!({
        "schema": CHECK_SCHEMA,
        "file": path.display().to_string(),
        "valid": problems.iter().all(|problem| problem["severity"] != "error"),
        "problems": problems,
    });
    if let (Some(Loaded { set, keys, .. }), Some(members)) = (loaded, document.as_object_mut()) {
        let keys: Vec<_> = keys
            .iter()
            .map(|(name, key)| json!({ "name": name, "id": key.id().to_string(), "algorithm": key.algorithm().to_string() }))
            .collect();
        members.insert(
            "policy".to_owned(),
            json!({
                "name": set.name(),
                "serial": set.serial(),
                "digest": set.digest().to_string(),
                "keys": keys,
                "rules": set.rules().len(),
                "exemptions": set.exemptions().len(),
            }),
        );
    }
    document
}

/// What a policy asks of one image.
pub(crate) struct Explanation<'a> {
    set: &'a PolicySet,
    image: &'a ImageRef,
    namespace: Option<&'a str>,
    known: Repository,
    now: Timestamp,
}

impl<'a> Explanation<'a> {
    pub(crate) fn new(
        set: &'a PolicySet,
        image: &'a ImageRef,
        namespace: Option<&'a str>,
        now: Timestamp,
    ) -> Self {
        Self { set, image, namespace, known: set.known_as(image.repository()), now }
    }

    /// The rules that apply.
    fn rules(&self) -> impl Iterator<Item = &'a Rule> {
        self.set.rules().iter().filter(|rule| rule.applies(Some(&self.known), self.namespace))
    }

    /// The exemptions that could apply: where no digest is named, those for one digest too.
    fn exemptions(&self) -> impl Iterator<Item = &'a Exemption> {
        self.set.exemptions().iter().filter(|exemption| {
            exemption.images().iter().any(|glob| glob.matches(&self.known))
                && match (exemption.only(), self.image.digest()) {
                    (Some(only), Some(digest)) => only == digest,
                    _ => true,
                }
        })
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.image.repository());
        if self.known != *self.image.repository() {
            let _ = writeln!(text, "  known as: {}", self.known);
        }
        for exemption in self.exemptions() {
            let over = if exemption.has_expired(self.now) { "expired at" } else { "until" };
            let whole =
                exemption.only().map_or_else(|| "whatever its digest".to_owned(), ToString::to_string);
            let reason = escape(exemption.reason());
            let _ = writeln!(text, "  exempt:   {whole}, {over} {}: {reason}", exemption.expires());
        }
        let mut rules = 0_usize;
        for rule in self.rules() {
            rules = rules.saturating_add(1);
            let _ = writeln!(text, "  rule:     {} ({})", escape(&rule.name()), rule.mode_of().as_str());
            let _ = writeln!(text, "    judged:   {}", rule.platforms_of());
            if let Some(repository) = rule.signature_repository_of() {
                let _ = writeln!(text, "    evidence: {repository}");
            }
            for requirement in rule.policy().requirements() {
                let _ = writeln!(text, "    required: {}", escape(&requirement.describe()));
            }
        }
        if rules == 0 {
            let _ = writeln!(text, "  rule:     none (unmatched: {})", self.set.unmatched().as_str());
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let rules: Vec<_> = self.rules().map(rule).collect();
        let exemptions: Vec<_> = self
            .exemptions()
            .map(|exemption| {
                json!({
                    "digest": exemption.only().map(ToString::to_string),
                    "reason": exemption.reason(),
                    "expires": exemption.expires().to_string(),
                    "expired": exemption.has_expired(self.now),
                })
            })
            .collect();
        json!({
            "schema": EXPLANATION_SCHEMA,
            "policy": { "name": self.set.name(), "digest": self.set.digest().to_string() },
            "image": self.image.repository().to_string(),
            "knownAs": self.known.to_string(),
            "namespace": self.namespace,
            "exempt": exemptions,
            "rules": rules,
            "unmatched": self.set.unmatched().as_str(),
        })
    }
}

fn rule(rule: &Rule) -> Value {
    let requirements: Vec<_> = rule.policy().requirements().iter().map(Requirement::describe).collect();
    json!({
        "name": rule.name(),
        "mode": rule.mode_of().as_str(),
        "platforms": rule.platforms_of().to_string(),
        "signatureRepository": rule.signature_repository_of().map(ToString::to_string),
        "requirements": requirements,
    })
}
