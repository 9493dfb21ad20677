//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let log: Log = parse(ReportFormat::Sarif, bytes).unwrap();
    let mut ids = Vec::new();
    let (mut bands, mut levels, mut kinds, mut words) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in &log.runs {
        let rules: HashMap<&str, &Rule> =
            run.tool.driver.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
        let none = Rule::default();
        for found in run.results.as_ref().map(|list| &list.0).unwrap() {
            let rule = found.rule(&run.tool.driver.rules, &rules).unwrap_or(&none);
            let finding = Finding { found, rule };
            bands.push(band(&finding));
            ids.push(finding.rule_id().to_owned());
            let absent = |word: &str| if word.is_empty() { "(absent)".to_owned() } else { word.to_owned() };
            levels.push(absent(finding.level()));
            kinds.push(absent(finding.kind()));
            words.extend(Some(finding.applicability().to_owned()).filter(|word| !word.is_empty()));
        }
    }
    let rules = || log.runs.iter().flat_map(|run| &run.tool.driver.rules);
    let of_rules: Vec<_> = text["runs"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|run| run["tool"]["driver"]["rules"].as_array().unwrap())
        .filter_map(|rule| rule["properties"]["applicability"].as_str())
        .collect();
    let mut figures = json!({
        "runs": log.runs.len(),
        "tools": log.runs.iter().map(|run| &run.tool.driver.name).collect::<Vec<_>>(),
        "results": ids.len(),
        "distinct_ruleIds": distinct(&ids),
        "rules": rules().count(),
        "results_by_kind": tally(kinds),
        "results_by_level": tally(levels),
        "results_by_security_severity_band": tally(bands),
    });
    if !words.is_empty() {
        figures["applicability"] = tally(words);
    }
    if !of_rules.is_empty() {
        figures["rule_applicability"] = tally(of_rules);
    }
    figures
}

/// The band of the rule's `security-severity`, and that ours is not below it.
fn band(finding: &Finding<'_>) -> &'static str {
    let text = finding.rule.properties.security_severity.as_str();
    let Some(score) = waxseal_core::scan::CvssScore::parse(text) else { return "no security-severity" };
    assert!(finding.severity() >= score.severity());
    match score.severity() {
        Severity::None => "Zero",
        other => other.as_str(),
    }
}
