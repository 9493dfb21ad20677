//! See [`crate::report::figures`].
#![allow(
    clippy::wildcard_imports,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests of what stands beside it"
)]

use serde_json::{Value, json};

use super::*;
use crate::report::figures::{distinct, folded, tally};

pub(in crate::report) fn of(bytes: &[u8]) -> Value {
    let text: Value = serde_json::from_slice(bytes).unwrap();
    let report = Report::read(bytes, None).unwrap();
    // A build scan holds the same lists.
    let graphs: Vec<Graph> = if text.is_array() {
        serde_json::from_slice(bytes).unwrap()
    } else {
        vec![serde_json::from_slice(bytes).unwrap()]
    };
    let statuses: Vec<_> =
        graphs.iter().map(|graph| Some(&graph.status).filter(|status| !status.is_empty())).collect();
    let found = || graphs.iter().filter_map(|graph| graph.vulnerabilities.as_ref()).flat_map(|list| &list.0);
    let violations = || graphs.iter().flat_map(|graph| &graph.violations);
    let hits: Vec<_> = found()
        .flat_map(|vulnerability| vulnerability.components.values().map(|_| folded(&vulnerability.severity)))
        .collect();
    let ids = found().flat_map(|vulnerability| vulnerability.cves.iter().map(|cve| &cve.cve));
    if violations().count() == 0 {
        let listed: usize = found()
            .map(|wire| distinct(wire.cves.iter().map(|cve| &cve.cve)).max(1) * wire.components.len().max(1))
            .sum();
        assert_eq!(report.scan.findings.len(), listed);
    }
    let research = found()
        .map(|vulnerability| &vulnerability.extended_information.jfrog_research_severity)
        .filter(|word| !word.is_empty());
    let mut watches: Vec<_> = violations().map(|violation| &violation.watch_name).collect();
    watches.sort();
    watches.dedup();
    let fixable = |wire: &&Vulnerability| wire.components.values().any(|hit| !hit.fixed_versions.is_empty());
    let mut figures = json!({
        "top_level": if text.is_array() { "array" } else { "object" },
        "scans": graphs.len(),
        "status": statuses,
        "vulnerabilities": found().count(),
        "vulnerabilities_by_severity": tally(found().map(|vulnerability| folded(&vulnerability.severity))),
        "component_hits": hits.len(),
        "component_hits_by_severity": tally(hits),
        "fixable_vulnerabilities": found().filter(fixable).count(),
        "distinct_cves": distinct(ids),
        "research_severity": tally(research.map(|word| folded(word))),
        "violations": violations().count(),
        "violations_by_severity": tally(violations().map(|violation| folded(&violation.severity))),
        "violations_by_type": tally(violations().map(|violation| violation.kind.clone())),
        "watches": watches,
        "licenses": graphs.iter().map(|graph| graph.licenses.len()).sum::<usize>(),
    });
    if let Some(graph) = text.as_object() {
        figures["top_vuln_severity"] = graph.get("top_vuln_severity").cloned().unwrap_or_default();
    }
    figures
}
