//! What of a scan is shown, however it is shown: packages with what they can be upgraded to, and findings in order.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use waxseal_core::scan::{Scan, ScanFinding, Severity};

/// A version of a package, and what is wrong with it.
pub(super) struct PackageRow<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) worst: Severity,
    /// How many vulnerabilities, each id once.
    pub(super) vulnerabilities: usize,
    /// Of how many of them there is a fix.
    pub(super) fixable: usize,
    /// The versions that fix one or another of them, as the scanner writes them, in its order. They are not compared:
    /// some are ranges, and each kind of package counts versions in its own way.
    pub(super) fixed_versions: Vec<&'a str>,
}

impl PackageRow<'_> {
    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "type": self.kind,
            "name": self.name,
            "version": self.version,
            "worst": self.worst.as_str(),
            "vulnerabilities": self.vulnerabilities,
            "fixable": self.fixable,
            "fixedVersions": self.fixed_versions,
        })
    }
}

/// The packages with findings, the worst first.
pub(super) fn packages(scan: &Scan) -> Vec<PackageRow<'_>> {
    let mut rows: BTreeMap<(&str, &str, &str), Vec<&ScanFinding>> = BTreeMap::new();
    for finding in &scan.findings {
        let package = &finding.package;
        rows.entry((&package.name, &package.version, &package.kind)).or_default().push(finding);
    }
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|((name, version, kind), findings)| {
            let ids = |findings: &mut dyn Iterator<Item = &&ScanFinding>| {
                let (mut ids, mut unnamed) = (BTreeSet::new(), 0_usize);
                for finding in findings {
                    if finding.id.is_empty() {
                        unnamed = unnamed.saturating_add(1);
                    } else {
                        ids.insert(finding.id.as_str());
                    }
                }
                ids.len().saturating_add(unnamed)
            };
            let mut seen = BTreeSet::new();
            PackageRow {
                kind,
                name,
                version,
                worst: findings.iter().map(|finding| finding.severity()).max().unwrap_or(Severity::None),
                vulnerabilities: ids(&mut findings.iter()),
                fixable: ids(&mut findings.iter().filter(|finding| finding.is_fixable())),
                fixed_versions: findings
                    .iter()
                    .flat_map(|finding| &finding.fixed_versions)
                    .map(String::as_str)
                    .filter(|version| seen.insert(*version))
                    .collect(),
            }
        })
        .collect();
    rows.sort_by_key(|row| (Reverse(row.worst), Reverse(row.vulnerabilities)));
    rows
}

/// The findings: the worst first, then by package, then by id. Those that read alike are one, with their number.
pub(super) fn findings(scan: &Scan) -> Vec<(&ScanFinding, usize)> {
    let mut findings: Vec<_> = scan.findings.iter().collect();
    findings.sort_by(|one, two| {
        two.severity()
            .cmp(&one.severity())
            .then_with(|| one.package.cmp(&two.package))
            .then_with(|| called(one).cmp(called(two)))
            .then_with(|| one.fixed_versions.cmp(&two.fixed_versions))
    });
    let mut rows: Vec<(&ScanFinding, usize)> = Vec::new();
    for finding in findings {
        match rows.last_mut() {
            Some((last, count)) if reads_alike(last, finding) => *count = count.saturating_add(1),
            _ => rows.push((finding, 1)),
        }
    }
    rows
}

fn reads_alike(one: &ScanFinding, two: &ScanFinding) -> bool {
    !called(one).is_empty()
        && called(one) == called(two)
        && one.severity() == two.severity()
        && one.package == two.package
        && one.fixed_versions == two.fixed_versions
        && one.cvss == two.cvss
        && remarks(one) == remarks(two)
}

/// What else is said about a finding, in words of our own.
pub(super) fn remarks(finding: &ScanFinding) -> Vec<String> {
    let mut remarks = Vec::new();
    if finding.malicious {
        remarks.push("malicious".to_owned());
    }
    if finding.applicability.is_some_and(|word| !word.counts()) {
        remarks.push("not applicable".to_owned());
    }
    if let Some(severity) = finding.research_severity {
        remarks.push(format!("research: {severity}"));
    }
    remarks
}

/// A number of things, in words.
pub(super) fn many(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// What a finding is called: its id, or the scanner's other name for it.
pub(super) fn called(finding: &ScanFinding) -> &str {
    if finding.id.is_empty() { finding.aliases.first().map_or("", String::as_str) } else { &finding.id }
}

/// Where a vulnerability is described, for the kinds of ids whose pages are known.
pub(super) fn advisory(id: &str) -> Option<String> {
    let upper = id.to_ascii_uppercase();
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if let Some(number) = upper.strip_prefix("CVE-")
        && number.split('-').count() == 2
        && number
            .split('-')
            .all(|part| (4..=10).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Some(format!("https://nvd.nist.gov/vuln/detail/{upper}"));
    }
    if upper.starts_with("GHSA-") && plain(id) && id.len() == 19 {
        return Some(format!("https://github.com/advisories/GHSA-{}", id.get(5..)?.to_ascii_lowercase()));
    }
    let at_osv = ["DSA-", "DLA-", "USN-", "ALPINE-", "GO-", "RUSTSEC-", "PYSEC-", "RHSA-", "ELSA-"];
    (at_osv.iter().any(|start| upper.starts_with(start)) && plain(id) && id.len() <= 40)
        .then(|| format!("https://osv.dev/vulnerability/{id}"))
}
