//! CycloneDX, JSON: an SBOM, with or without vulnerabilities.
//!
//! An SBOM is not a clean scan (rule N4): only one that lists components *and* vulnerabilities states that they were
//! looked for. An empty list of vulnerabilities stands in many SBOMs that nobody scanned. What `analysis` says is the
//! author's word: only Xray's own contextual analysis is taken as one.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use waxseal_core::scan::{
    Applicability, CvssRating, CvssScore, License, Package, Scan, ScanStatus, Scanner, Severity,
};

use super::issue::{Cve, Hit, Issue, filled};
use super::package::{kind_of_purl, of_component_id};
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat, grype, trivy, xray};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    #[serde(rename = "bomFormat")]
    format: String,
    #[serde(default, deserialize_with = "text")]
    spec_version: String,
    #[serde(default, deserialize_with = "object")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "list")]
    components: Vec<Component>,
    #[serde(default, deserialize_with = "list")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "text")]
    timestamp: String,
    component: Option<Component>,
    tools: Option<Tools>,
}

/// A list, or since 1.5 an object of components.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tools {
    List(Vec<Tool>),
    Object {
        #[serde(default)]
        components: Vec<Tool>,
    },
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default, deserialize_with = "text")]
    vendor: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default, deserialize_with = "text")]
    bom_ref: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    group: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    purl: String,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<LicenseChoice>,
    #[serde(default, deserialize_with = "list")]
    properties: Vec<Property>,
    #[serde(default, deserialize_with = "list")]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct LicenseChoice {
    #[serde(default, deserialize_with = "object")]
    license: LicenseName,
    #[serde(default, deserialize_with = "text")]
    expression: String,
}

#[derive(Default, Deserialize)]
struct LicenseName {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    value: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "list")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "list")]
    ratings: Vec<Rating>,
    #[serde(default, deserialize_with = "list")]
    cwes: Vec<u64>,
    #[serde(default, deserialize_with = "text")]
    published: String,
    #[serde(default, deserialize_with = "text")]
    recommendation: String,
    #[serde(default, deserialize_with = "object")]
    analysis: Analysis,
    #[serde(default, deserialize_with = "list")]
    affects: Vec<Affected>,
    #[serde(default, deserialize_with = "list")]
    properties: Vec<Property>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "text")]
    id: String,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(default, deserialize_with = "text")]
    severity: String,
    score: Option<f64>,
    #[serde(default, deserialize_with = "text")]
    method: String,
    #[serde(default, deserialize_with = "text")]
    vector: String,
}

#[derive(Default, Deserialize)]
struct Analysis {
    #[serde(default, deserialize_with = "text")]
    state: String,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref", default, deserialize_with = "text")]
    component: String,
    #[serde(default, deserialize_with = "list")]
    versions: Vec<AffectedVersion>,
}

#[derive(Deserialize)]
struct AffectedVersion {
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    range: String,
    #[serde(default, deserialize_with = "text")]
    status: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let bom: Bom = parse(ReportFormat::CycloneDx, bytes)?;
    if bom.format != "CycloneDX" || !bom.spec_version.starts_with("1.") {
        let why = format!("{} {}, expected CycloneDX 1.x", bom.format, bom.spec_version);
        return Err(ReportError::Shape { format: ReportFormat::CycloneDx, why });
    }
    let scanner = scanner(bom.metadata.tools);
    let by_xray = scanner.uri == xray::URI;
    let mut report = Report::new(ReportFormat::CycloneDx, Scan::new(scanner));
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.finished_on = time(&bom.metadata.timestamp);
    let mut components = HashMap::new();
    let mut licenses = BTreeMap::new();
    if let Some(component) = &bom.metadata.component {
        subject(&mut report, component);
        component.note(&mut components, &mut licenses);
    }
    let about = components.len();
    bom.components.iter().for_each(|component| component.note(&mut components, &mut licenses));
    let counted = u64::try_from(components.len().saturating_sub(about)).unwrap_or(u64::MAX);
    report.scan.run.components = Some(counted);
    report.scan.run.coverage.vulnerabilities = counted > 0 && !bom.vulnerabilities.is_empty();
    if !report.scan.run.coverage.vulnerabilities {
        report.notes.push(Note::NoVulnerabilityScan);
    }
    for vulnerability in bom.vulnerabilities {
        if by_xray && !vulnerability.analysis.state.is_empty() {
            report.scan.run.coverage.applicability = Some(true);
        }
        vulnerability.issue(&components, by_xray).spread(&mut report.scan.findings)?;
    }
    report.scan.run.coverage.licenses = (!licenses.is_empty()).then_some(true);
    report.scan.licenses = licenses.into_iter().map(|(id, packages)| License::new(id, packages)).collect();
    Ok(report)
}

fn scanner(tools: Option<Tools>) -> Scanner {
    let tools = match tools {
        Some(Tools::List(tools) | Tools::Object { components: tools }) => tools,
        None => Vec::new(),
    };
    let known = |tool: &Tool| {
        let word = format!("{} {}", tool.vendor, tool.name).to_lowercase();
        let known = [("trivy", "Trivy", trivy::URI), ("grype", "Grype", grype::URI)];
        let found = known.iter().find(|(mark, ..)| word.contains(mark));
        let xray = (word.contains("jfrog") || word.contains("xray")).then_some(("JFrog Xray", xray::URI));
        found.map(|(_, name, uri)| (*name, *uri)).or(xray)
    };
    let found = tools.iter().find_map(|tool| known(tool).map(|(name, uri)| (tool, name, uri)));
    let (mut scanner, tool) = match (found, tools.first()) {
        (Some((tool, name, uri)), _) => (Scanner::new(name, uri), Some(tool)),
        (None, Some(tool)) if !tool.name.trim().is_empty() => {
            (Scanner::new(tool.name.clone(), ""), Some(tool))
        }
        _ => (Scanner::new("CycloneDX", ""), None),
    };
    if let Some(tool) = tool.filter(|tool| !tool.version.starts_with('[')) {
        scanner.version.clone_from(&tool.version);
    }
    scanner
}

fn subject(report: &mut Report, component: &Component) {
    if component.version.starts_with("sha256:") {
        report.subject.digest(&component.version);
        report.subject.name(&component.name);
    } else {
        let colon = if component.version.is_empty() { "" } else { ":" };
        report.subject.name(&format!("{}{colon}{}", component.name, component.version));
    }
    report.subject.purl(&component.purl);
    for property in &component.properties {
        match property.name.as_str() {
            "aquasecurity:trivy:RepoDigest" | "aquasecurity:trivy:RepoTag" => {
                report.subject.name(&property.value);
            }
            "aquasecurity:trivy:ImageID" => report.subject.image_id(&property.value),
            _ => {}
        }
    }
}

impl Component {
    fn note(&self, known: &mut HashMap<String, Package>, licenses: &mut BTreeMap<String, u64>) {
        let name =
            if self.group.is_empty() { self.name.clone() } else { format!("{}/{}", self.group, self.name) };
        let kind = kind_of_purl(&self.purl).unwrap_or(&self.kind);
        let mut package = Package::new(kind, name, self.version.clone());
        package.purl = Some(self.purl.clone()).filter(|purl| !purl.is_empty());
        // A component without a reference counts too, under a name that no reference can have.
        let reference =
            if self.bom_ref.is_empty() { format!("#{}", known.len()) } else { self.bom_ref.clone() };
        known.insert(reference, package);
        for choice in &self.licenses {
            let names = [&choice.license.id, &choice.license.name, &choice.expression];
            if let Some(name) = names.into_iter().find(|name| !name.is_empty()) {
                let packages = licenses.entry(name.clone()).or_default();
                *packages = packages.saturating_add(1);
            }
        }
        self.components.iter().for_each(|component| component.note(known, licenses));
    }
}

impl Vulnerability {
    fn issue(self, components: &HashMap<String, Package>, by_xray: bool) -> Issue {
        let mut issue = Issue::new(String::new(), self.severity());
        issue.published = time(&self.published);
        let mut cve = Cve { id: self.id, ..Cve::default() };
        cve.aliases = self.references.into_iter().map(|reference| reference.id).collect();
        cve.cwe = self.cwes.iter().map(|number| format!("CWE-{number}")).collect();
        for rating in self.ratings {
            let place = match rating.method.as_str() {
                "CVSSv2" => &mut cve.cvss.v2,
                "CVSSv3" | "CVSSv31" => &mut cve.cvss.v3,
                "CVSSv4" => &mut cve.cvss.v4,
                _ => continue,
            };
            let score = rating.score.and_then(CvssScore::new);
            if place.is_none() || score > place.as_ref().and_then(|known| known.score) {
                let vector = Some(rating.vector).filter(|vector| !vector.is_empty());
                *place = CvssRating::new(score, vector);
            }
        }
        if by_xray {
            cve.applicability = match self.analysis.state.as_str() {
                "exploitable" => Some(Applicability::Applicable),
                "not_affected" => Some(Applicability::NotApplicable),
                "" => None,
                _ => Some(Applicability::Undetermined),
            };
        }
        issue.cves.push(cve);
        let general = fixes(&self.properties, &self.recommendation);
        for affected in self.affects {
            // A reference into another BOM ends in the component's own.
            let own = affected.component.rsplit('#').next().unwrap_or_default();
            let found = components.get(&affected.component).or_else(|| components.get(own));
            let package = found.cloned().unwrap_or_else(|| of_component_id(&affected.component));
            let unaffected = affected.versions.into_iter().filter(|version| version.status == "unaffected");
            let mut fixed: Vec<_> = unaffected
                .map(|version| if version.version.is_empty() { version.range } else { version.version })
                .collect();
            fixed.extend(general.iter().cloned());
            issue.hits.push(Hit { package, fixed: filled(fixed), layers: Vec::new() });
        }
        issue
    }

    /// The highest rating: of a word, else of a CVSS score's band.
    fn severity(&self) -> Severity {
        let of = |rating: &Rating| match rating.score.and_then(CvssScore::new) {
            Some(score) if rating.severity.is_empty() && rating.method.starts_with("CVSS") => {
                score.severity()
            }
            _ => Severity::parse(&rating.severity),
        };
        self.ratings.iter().map(of).max().unwrap_or(Severity::Unknown)
    }
}

/// Versions with a fix, from where Grype and Trivy put them.
fn fixes(properties: &[Property], recommendation: &str) -> Vec<String> {
    let named = |property: &&Property| {
        let name = property.name.to_lowercase();
        name.ends_with("fixed_versions") || name.ends_with("fixedversion") || name.ends_with("fixedversions")
    };
    let mut found: Vec<_> = properties.iter().filter(named).map(|property| property.value.clone()).collect();
    if let Some((_, versions)) = recommendation.rsplit_once(" to version ") {
        found.extend(versions.trim_end_matches('.').split(',').map(|version| version.trim().to_owned()));
    }
    filled(found)
}

#[cfg(test)]
pub(super) mod figures;
