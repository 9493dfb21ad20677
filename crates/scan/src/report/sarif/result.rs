//! One result, with its rule.

use std::collections::HashMap;

use serde::Deserialize;
use waxseal_core::scan::{Applicability, CvssScore, Package, ScanFinding, Severity};

use super::tool::Kind;
use super::{Message, Rule};
use crate::report::ReportSubject;
use crate::report::issue::{Cve, Hit, Issue, filled};
use crate::report::package::{kind_of_purl, layer_of_path, named};
use crate::report::shape::{list, object, text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    #[serde(default, deserialize_with = "text")]
    rule_id: String,
    rule_index: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    level: String,
    #[serde(default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "object")]
    message: Message,
    #[serde(default, deserialize_with = "list")]
    locations: Vec<Location>,
    #[serde(default, deserialize_with = "object")]
    pub(super) properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    #[serde(default, deserialize_with = "text")]
    applicability: String,
    #[serde(default, deserialize_with = "text")]
    fixed_version: String,
    #[serde(default, deserialize_with = "text")]
    token_validation: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) watch: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) policies: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    pub(super) kind: String,
    #[serde(rename = "security-severity", default, deserialize_with = "text")]
    security_severity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(default, deserialize_with = "object")]
    physical_location: Physical,
    #[serde(default, deserialize_with = "list")]
    logical_locations: Vec<Logical>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    #[serde(default, deserialize_with = "object")]
    artifact_location: ArtifactLocation,
}

#[derive(Default, Deserialize)]
struct ArtifactLocation {
    #[serde(default, deserialize_with = "text")]
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    fully_qualified_name: String,
}

impl Found {
    /// The rule: by id, else by place. A place of -1 is none.
    pub(super) fn rule<'a>(&self, list: &'a [Rule], rules: &HashMap<&str, &'a Rule>) -> Option<&'a Rule> {
        let by_place = || list.get(usize::try_from(self.rule_index?).ok()?);
        rules.get(self.rule_id.as_str()).copied().or_else(by_place)
    }
}

/// A result and its rule.
pub(super) struct Finding<'a> {
    pub(super) found: &'a Found,
    pub(super) rule: &'a Rule,
}

impl Finding<'_> {
    /// Whether the tool says that the rule is kept.
    pub(super) fn is_pass(&self) -> bool {
        self.found.kind == "pass"
    }

    /// Whether the result is about a known vulnerability. A scanner of vulnerabilities may write other results too,
    /// with rules that say so.
    pub(super) fn is_vulnerability(&self, kind: Kind) -> bool {
        let other =
            ["Misconfiguration", "Secret", "License"].iter().any(|word| self.rule.name.starts_with(word));
        let looks =
            is_id(self.raw_id()) || !self.rule.properties.purls.is_empty() || !self.aliases().is_empty();
        !other && (kind == Kind::Vulnerabilities || looks)
    }

    pub(super) fn says_applicability(&self) -> bool {
        !self.found.properties.applicability.is_empty()
    }

    pub(super) fn token_status(&self) -> &str {
        &self.found.properties.token_validation
    }

    #[cfg(test)]
    pub(super) fn rule_id(&self) -> &str {
        &self.found.rule_id
    }

    #[cfg(test)]
    pub(super) fn level(&self) -> &str {
        &self.found.level
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> &str {
        &self.found.kind
    }

    #[cfg(test)]
    pub(super) fn applicability(&self) -> &str {
        &self.found.properties.applicability
    }

    pub(super) fn severity(&self) -> Severity {
        let told = [&self.found.properties.security_severity, &self.rule.properties.security_severity];
        let score = told.into_iter().filter_map(|text| CvssScore::parse(text)).map(CvssScore::severity).max();
        let level = [&self.found.level, &self.rule.default_configuration.level];
        let level = level.into_iter().find(|level| !level.is_empty()).map_or("", String::as_str);
        match (score.filter(|score| *score != Severity::None), self.rule.properties.tagged(), level) {
            // A score of one vendor beside the severity that the scanner chose: the worse of the two.
            (Some(score), tagged, _) => tagged.map_or(score, |tagged| tagged.max(score)),
            (None, Some(tagged), _) => tagged,
            // Trivy writes 0.0 where a vulnerability has no score of CVSS 3, so the level tells.
            (None, None, "error") => Severity::Critical,
            (None, None, "warning") => Severity::Medium,
            // JFrog writes 0.0 for what it calls informational and for what nobody rated.
            (None, None, "info") => Severity::Information,
            _ if score.is_some() => Severity::Unknown,
            (None, None, "note") => Severity::Low,
            _ => Severity::Unknown,
        }
    }

    /// The vulnerability: what the rule's id begins with, where scanners add the package to it.
    pub(super) fn id(&self) -> String {
        let id = self.raw_id();
        if let Some((vulnerability, _, _)) = parts(id) {
            return vulnerability.to_owned();
        }
        if let Some((vulnerability, _)) = self.described() {
            return vulnerability.to_owned();
        }
        cve_at_start(id).unwrap_or(id).to_owned()
    }

    pub(super) fn issue(&self) -> Issue {
        let mut issue = Issue::new(String::new(), self.severity());
        let word = &self.found.properties.applicability;
        let mut cve = Cve { id: self.id(), aliases: self.aliases(), ..Cve::default() };
        cve.applicability = (!word.is_empty()).then(|| Applicability::parse(word));
        issue.cves.push(cve);
        let (package, fixed) = self.package();
        let mut layers: Vec<_> = self.found.locations.iter().flat_map(Location::layers).collect();
        layers.sort();
        layers.dedup();
        issue.hits.push(Hit { package, fixed: filled(fixed), layers });
        issue
    }

    pub(super) fn malicious(&self) -> ScanFinding {
        let uri =
            self.found.locations.first().map_or("", |place| &place.physical_location.artifact_location.uri);
        let package = Package::new("file", uri.strip_prefix("file://").unwrap_or(uri), "");
        let mut finding = ScanFinding::new(self.raw_id(), Severity::Critical, package);
        finding.malicious = true;
        finding
    }

    /// Names of the image in places: `NAME@sha256:HEX@sha256:LAYER:/path` of Grype, `NAME@sha256_HEX` of Snyk.
    pub(super) fn subject(&self, subject: &mut ReportSubject) {
        for place in &self.found.locations {
            let uri = &place.physical_location.artifact_location.uri;
            if let Some((name, hex)) = uri.split_once("@sha256_") {
                subject.name(&format!("{name}@sha256:{hex}"));
            }
            for name in place.logical_locations.iter().map(|logical| &logical.fully_qualified_name) {
                let Some((name, rest)) = name.split_once("@sha256:") else { continue };
                if let Some(hex) =
                    rest.get(..64).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
                {
                    subject.name(&format!("{name}@sha256:{hex}"));
                }
            }
        }
    }

    fn raw_id(&self) -> &str {
        if self.found.rule_id.is_empty() { &self.rule.id } else { &self.found.rule_id }
    }

    /// `CVE-1 low vulnerability for NAME package`, as Grype describes its rules.
    fn described(&self) -> Option<(&str, &str)> {
        let (head, tail) = self.rule.short_description.text.split_once(" vulnerability for ")?;
        Some((head.split(' ').next()?, tail.strip_suffix(" package")?))
    }

    /// `(CVE-1, CVE-2) NAME@VERSION`, as Snyk describes its rules.
    fn aliases(&self) -> Vec<String> {
        let text = &self.rule.full_description.text;
        let Some((ids, _)) = text.strip_prefix('(').and_then(|text| text.split_once(')')) else {
            return Vec::new();
        };
        ids.split(',').map(str::trim).filter(|id| is_id(id)).map(ToOwned::to_owned).collect()
    }

    /// The package and the versions with a fix, from where each scanner writes them.
    fn package(&self) -> (Package, Vec<String>) {
        let property = &self.found.properties.fixed_version;
        let of_property = if property == "No fix available" { Vec::new() } else { vec![property.clone()] };
        if let Some((_, name, version)) = parts(self.raw_id()) {
            let kind = if name.starts_with("debian:") || name.starts_with("ubuntu:") { "deb" } else { "" };
            return (named(kind, name, version), of_property);
        }
        let message = &self.found.message.text;
        let line = |mark: &str| message.lines().find_map(|line| line.strip_prefix(mark)).map(str::trim);
        if let Some(name) = line("Package: ") {
            let fixed = line("Fixed Version:").unwrap_or_default();
            let fixed = fixed.split(',').map(|version| version.trim().to_owned()).collect();
            return (Package::new("", name, line("Installed Version:").unwrap_or_default()), fixed);
        }
        if let Some((_, name)) = self.described() {
            let marks = [" at version ", ", version "];
            let version = marks.iter().find_map(|mark| message.split_once(mark)).map(|(_, rest)| rest);
            let version = version.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
            let fixes = self.rule.full_description.text.split_once(" fix in versions ").map(|(_, list)| list);
            let fixed =
                fixes.unwrap_or_default().split(',').map(|version| version.trim().to_owned()).collect();
            let mut package = Package::new("", name, version);
            if let Some(purl) = self.rule.properties.purls.first() {
                kind_of_purl(purl).unwrap_or_default().clone_into(&mut package.kind);
                package.purl = Some(purl.clone());
            }
            return (package, fixed);
        }
        let described = self.rule.full_description.text.rsplit_once(") ").map_or("", |(_, package)| package);
        let (name, version) = described.rsplit_once('@').unwrap_or((described, ""));
        (Package::new("", name, version), of_property)
    }
}

impl Location {
    fn layers(&self) -> Vec<String> {
        let of_logical = self.logical_locations.iter().filter(|logical| logical.kind == "layer");
        let mut layers: Vec<_> = of_logical.map(|logical| format!("sha256:{}", logical.name)).collect();
        layers.extend(layer_of_path(&self.physical_location.artifact_location.uri.replace("file://", "")));
        layers
    }
}

/// `CVE_PACKAGE_VERSION`, as JFrog names its rules. Neither CVEs nor versions hold an underscore as a rule; a package may.
fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (vulnerability, rest) = id.split_once('_')?;
    let (package, version) = rest.rsplit_once('_')?;
    (is_id(vulnerability) || vulnerability.starts_with("XRAY-")).then_some((vulnerability, package, version))
}

/// `CVE-2024-1` of `CVE-2024-1-package`.
fn cve_at_start(id: &str) -> Option<&str> {
    let rest = id.strip_prefix("CVE-")?;
    let (year, rest) = rest.split_once('-')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let length = "CVE-".len().checked_add(year.len())?.checked_add(1)?.checked_add(digits)?;
    (digits > 0 && year.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.get(..length))?
}

/// Whether it is the id of a vulnerability in a public list.
fn is_id(id: &str) -> bool {
    let prefixes = [
        "CVE-", "GHSA-", "SNYK-", "DSA-", "DLA-", "RHSA-", "ELSA-", "ALAS", "USN-", "PRISMA-", "OSV-", "GO-",
        "TEMP-",
    ];
    prefixes.iter().any(|prefix| id.starts_with(prefix))
}
