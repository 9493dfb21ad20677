//! `grype ... -o json`.
//!
//! Grype does not list what it looked at: the packages with matches count, and the distribution that it recognised.
//! Matches that its ignore rules put aside are listed and counted, but for its own rule about kernel headers, which
//! are not the kernel.

use std::collections::BTreeSet;

use serde::Deserialize;
use waxseal_core::scan::{
    CvssRating, CvssScore, Package, Scan, ScanStatus, Scanner, ScannerDatabase, Severity,
};

use super::issue::{Cve, Hit, Issue, filled};
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat};

/// Grype's package URL.
pub(super) const URI: &str = "pkg:github/anchore/grype";

#[derive(Deserialize)]
struct GrypeReport {
    #[serde(deserialize_with = "list")]
    matches: Vec<Match>,
    #[serde(rename = "ignoredMatches", default, deserialize_with = "list")]
    ignored: Vec<Match>,
    #[serde(default, deserialize_with = "object")]
    source: Source,
    #[serde(default, deserialize_with = "object")]
    distro: Distro,
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Vulnerability,
    #[serde(rename = "relatedVulnerabilities", default, deserialize_with = "list")]
    related: Vec<Related>,
    artifact: Artifact,
    #[serde(rename = "appliedIgnoreRules", default, deserialize_with = "list")]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    severity: String,
    #[serde(default, deserialize_with = "list")]
    cvss: Vec<MatchCvss>,
    #[serde(default, deserialize_with = "object")]
    fix: Fix,
    #[serde(default, deserialize_with = "list")]
    cwes: Vec<Cwe>,
}

#[derive(Deserialize)]
struct Cwe {
    #[serde(default, deserialize_with = "text")]
    cwe: String,
}

#[derive(Deserialize)]
struct MatchCvss {
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    vector: String,
    #[serde(default, deserialize_with = "object")]
    metrics: Metrics,
}

#[derive(Default, Deserialize)]
struct Metrics {
    #[serde(rename = "baseScore")]
    base_score: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Fix {
    #[serde(default, deserialize_with = "list")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    available: Vec<Available>,
}

#[derive(Deserialize)]
struct Available {
    #[serde(default, deserialize_with = "text")]
    date: String,
}

#[derive(Deserialize)]
struct Related {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "list")]
    cvss: Vec<MatchCvss>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    purl: String,
    #[serde(default, deserialize_with = "list")]
    locations: Vec<Location>,
}

#[derive(Deserialize)]
struct Location {
    #[serde(rename = "layerID", default, deserialize_with = "text")]
    layer: String,
}

/// An ignore rule, of the configuration or of a match.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Rule {
    #[serde(default, deserialize_with = "text")]
    vulnerability: String,
    #[serde(default, deserialize_with = "text")]
    namespace: String,
    #[serde(default, deserialize_with = "text")]
    fix_state: String,
    #[serde(default, deserialize_with = "text")]
    vex_status: String,
    #[serde(default, deserialize_with = "text")]
    match_type: String,
    #[serde(default, deserialize_with = "object")]
    package: RulePackage,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RulePackage {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    upstream_name: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    language: String,
    #[serde(default, deserialize_with = "text")]
    location: String,
}

/// The rules that Grype has built in (`ignoreLinuxKernelHeaders`), as package, its source, and type: the second one is
/// that of older versions.
const KERNEL_HEADERS: [(&str, &str, &str); 5] = [
    ("kernel-headers", "kernel", "rpm"),
    ("linux-headers-.*", "linux", "deb"),
    ("linux(-.*)?-headers-.*", "linux.*", "deb"),
    ("linux-libc-dev", "linux", "deb"),
    ("linux-kbuild-.*", "linux.*", "deb"),
];

#[derive(Default, Deserialize)]
struct Source {
    target: Option<SourceTarget>,
}

/// An image is an object; a folder, or nothing, is a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum SourceTarget {
    Image(Box<Image>),
    Path(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    #[serde(default, deserialize_with = "text")]
    user_input: String,
    #[serde(rename = "imageID", default, deserialize_with = "text")]
    id: String,
    #[serde(default, deserialize_with = "text")]
    manifest_digest: String,
    #[serde(default, deserialize_with = "list")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    repo_digests: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Distro {
    #[serde(default, deserialize_with = "text")]
    name: String,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    version: String,
    #[serde(default, deserialize_with = "text")]
    timestamp: String,
    #[serde(default, deserialize_with = "object")]
    configuration: Configuration,
    #[serde(default, deserialize_with = "object")]
    db: Database,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Configuration {
    only_fixed: Option<bool>,
    only_notfixed: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    ignore_wontfix: String,
    #[serde(default, deserialize_with = "list")]
    ignore: Vec<Rule>,
    #[serde(default, deserialize_with = "list")]
    exclude: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Database {
    #[serde(default, deserialize_with = "text")]
    built: String,
    #[serde(default, deserialize_with = "object")]
    status: DatabaseStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseStatus {
    #[serde(default, deserialize_with = "text")]
    built: String,
    #[serde(default, deserialize_with = "text")]
    schema_version: String,
    #[serde(default, deserialize_with = "text")]
    from: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let wire: GrypeReport = parse(ReportFormat::Grype, bytes)?;
    if wire.descriptor.name != "grype" {
        let why = format!("the descriptor names {:?}, expected grype", wire.descriptor.name);
        return Err(ReportError::Shape { format: ReportFormat::Grype, why });
    }
    let mut report = Report::new(ReportFormat::Grype, Scan::new(scanner(&wire.descriptor)));
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.finished_on = time(&wire.descriptor.timestamp);
    report.scan.run.coverage.vulnerabilities = true;
    match wire.source.target {
        Some(SourceTarget::Image(image)) => {
            for name in [&image.user_input].into_iter().chain(&image.tags).chain(&image.repo_digests) {
                report.subject.name(name);
            }
            report.subject.digest(&image.manifest_digest);
            report.subject.image_id(&image.id);
        }
        Some(SourceTarget::Path(path)) => report.subject.name(&path),
        None => {}
    }
    filters(&mut report, &wire.descriptor.configuration, wire.ignored.is_empty());
    let mut packages = BTreeSet::new();
    for found in wire.matches {
        packages.insert((found.artifact.name.clone(), found.artifact.version.clone()));
        found.issue().spread(&mut report.scan.findings)?;
    }
    let mut put_aside: u64 = 0;
    for found in wire.ignored {
        if found.rules.is_empty() || !found.rules.iter().all(Rule::is_about_kernel_headers) {
            put_aside = put_aside.saturating_add(1);
            packages.insert((found.artifact.name.clone(), found.artifact.version.clone()));
            found.issue().spread(&mut report.scan.findings)?;
        }
    }
    if put_aside > 0 {
        report.notes.push(Note::PutAsideCounted(put_aside));
    }
    let counted = u64::try_from(packages.len()).unwrap_or(u64::MAX);
    let counted = counted.saturating_add(u64::from(!wire.distro.name.is_empty()));
    report.scan.run.components = Some(counted).filter(|counted| *counted > 0);
    Ok(report)
}

fn scanner(descriptor: &Descriptor) -> Scanner {
    let mut scanner = Scanner::new("Grype", URI);
    if !descriptor.version.starts_with('[') {
        scanner.version.clone_from(&descriptor.version);
    }
    let status = &descriptor.db.status;
    let built = time(&descriptor.db.built).or_else(|| time(&status.built));
    if built.is_some() {
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut db = ScannerDatabase::default();
        db.last_update = built;
        db.version = told(&status.schema_version);
        db.uri = told(&status.from);
        scanner.db = Some(db);
    }
    scanner
}

/// What the configuration leaves out. What its rules put aside is listed and counted; where nothing is listed, nothing
/// says that nothing was put aside.
fn filters(report: &mut Report, configuration: &Configuration, nothing_listed: bool) {
    let mut left_out = Vec::new();
    if nothing_listed {
        let options =
            [("only-fixed", configuration.only_fixed), ("only-notfixed", configuration.only_notfixed)];
        left_out
            .extend(options.iter().filter(|(_, on)| *on == Some(true)).map(|(name, _)| (*name).to_owned()));
        if !configuration.ignore_wontfix.is_empty() {
            left_out.push("ignore-wontfix".to_owned());
        }
        if configuration.ignore.iter().any(|rule| !rule.is_about_kernel_headers()) {
            left_out.push("ignore".to_owned());
        }
    }
    if !configuration.exclude.is_empty() {
        left_out.push("exclude".to_owned());
    }
    for option in left_out {
        report.scan.run.filtered = true;
        report.notes.push(Note::Option(option));
    }
}

impl Rule {
    /// One of Grype's own rules: the headers of a kernel do not have the kernel's vulnerabilities. Any other rule, be
    /// it about such packages too, is one that somebody wrote.
    fn is_about_kernel_headers(&self) -> bool {
        let package = &self.package;
        let others = [&self.vulnerability, &self.namespace, &self.fix_state, &self.vex_status]
            .into_iter()
            .chain([&package.version, &package.language, &package.location]);
        let names = (package.name.as_str(), package.upstream_name.as_str(), package.kind.as_str());
        others.into_iter().all(String::is_empty)
            && self.match_type == "exact-indirect-match"
            && KERNEL_HEADERS.contains(&names)
    }
}

impl Match {
    fn issue(self) -> Issue {
        let wire = self.vulnerability;
        let mut issue = Issue::new(String::new(), Severity::parse(&wire.severity));
        let mut cve = Cve { id: wire.id, ..Cve::default() };
        cve.aliases = self.related.iter().map(|related| related.id.clone()).collect();
        cve.cwe = filled(wire.cwes.into_iter().map(|cwe| cwe.cwe).collect());
        for rating in wire.cvss.iter().chain(self.related.iter().flat_map(|related| &related.cvss)) {
            let score = rating.metrics.base_score.and_then(CvssScore::new);
            let vector = Some(rating.vector.clone()).filter(|vector| !vector.is_empty());
            let place = match rating.version.split('.').next() {
                Some("2") => &mut cve.cvss.v2,
                Some("3") => &mut cve.cvss.v3,
                Some("4") => &mut cve.cvss.v4,
                _ => continue,
            };
            let known = place.as_ref().and_then(|known| known.score);
            if place.is_none() || score > known {
                *place = CvssRating::new(score, vector);
            }
        }
        issue.cves.push(cve);
        let artifact = self.artifact;
        let mut package = Package::new(artifact.kind, artifact.name, artifact.version);
        package.purl = Some(artifact.purl).filter(|purl| !purl.is_empty());
        let mut layers: Vec<_> = artifact.locations.into_iter().map(|location| location.layer).collect();
        layers.sort();
        layers.dedup();
        issue.fix_available = wire.fix.available.iter().filter_map(|available| time(&available.date)).min();
        issue.hits.push(Hit { package, fixed: filled(wire.fix.versions), layers: filled(layers) });
        issue
    }
}

#[cfg(test)]
pub(super) mod figures;
