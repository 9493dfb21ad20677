//! An issue of a scanner, spread into findings: one for each vulnerability in each package.

use jiff::Timestamp;
use waxseal_core::limits::SCAN_FINDINGS;
use waxseal_core::scan::{
    Applicability, Cvss, CvssRating, CvssScore, Package, ScanError, ScanFinding, Severity,
};

use super::ReportError;

/// Something that a scanner reports once, for any number of CVEs and packages.
#[derive(Debug)]
pub(super) struct Issue {
    /// The scanner's own id, empty if there is none.
    pub(super) id: String,
    pub(super) severity: Severity,
    pub(super) research: Option<Severity>,
    pub(super) cves: Vec<Cve>,
    pub(super) hits: Vec<Hit>,
    pub(super) published: Option<Timestamp>,
    pub(super) fix_available: Option<Timestamp>,
    pub(super) malicious: bool,
}

impl Issue {
    pub(super) const fn new(id: String, severity: Severity) -> Self {
        Self {
            id,
            severity,
            research: None,
            cves: Vec::new(),
            hits: Vec::new(),
            published: None,
            fix_available: None,
            malicious: false,
        }
    }

    /// Adds the issue's findings. An issue that names no package has one finding each, of no package; an entry without
    /// a CVE counts only where no other has one.
    pub(super) fn spread(mut self, findings: &mut Vec<ScanFinding>) -> Result<(), ReportError> {
        if self.hits.is_empty() {
            self.hits.push(Hit::default());
        }
        let mut named: Vec<Cve> = Vec::new();
        let mut unnamed = None;
        for cve in std::mem::take(&mut self.cves) {
            if cve.id.is_empty() {
                unnamed = unnamed.or(Some(cve));
            } else if !named.iter().any(|known| known.id == cve.id) {
                named.push(cve);
            }
        }
        if named.is_empty() {
            named.push(Cve { id: self.id.clone(), ..unnamed.unwrap_or_default() });
        }
        let more = named.len().saturating_mul(self.hits.len());
        let found = findings.len().saturating_add(more);
        if found > SCAN_FINDINGS {
            let limit = SCAN_FINDINGS;
            return Err(ReportError::Scan(ScanError::TooMany { what: "findings", found, limit }));
        }
        for cve in &named {
            for hit in &self.hits {
                findings.push(self.finding(cve, hit));
            }
        }
        Ok(())
    }

    fn finding(&self, cve: &Cve, hit: &Hit) -> ScanFinding {
        let mut finding = ScanFinding::new(cve.id.clone(), self.severity, hit.package.clone());
        if !self.id.is_empty() && self.id != cve.id {
            finding.aliases.push(self.id.clone());
        }
        for alias in cve.aliases.iter().filter(|alias| !alias.is_empty() && **alias != cve.id) {
            if !finding.aliases.contains(alias) {
                finding.aliases.push(alias.clone());
            }
        }
        finding.research_severity = self.research;
        finding.cvss.clone_from(&cve.cvss);
        finding.cwe.clone_from(&cve.cwe);
        finding.applicability = cve.applicability;
        finding.published_on = self.published;
        finding.fix_available_on = self.fix_available;
        finding.malicious = self.malicious;
        finding.fixed_versions.clone_from(&hit.fixed);
        finding.layers.clone_from(&hit.layers);
        finding
    }
}

/// A vulnerability of an issue.
#[derive(Debug, Default)]
pub(super) struct Cve {
    /// Its id, empty if there is none.
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    pub(super) cvss: Cvss,
    pub(super) cwe: Vec<String>,
    pub(super) applicability: Option<Applicability>,
}

/// A package that an issue is in.
#[derive(Debug, Default)]
pub(super) struct Hit {
    pub(super) package: Package,
    pub(super) fixed: Vec<String>,
    pub(super) layers: Vec<String>,
}

/// A rating of a score and a vector, either of which may be empty. What is no score is no score: the severity word
/// stands on its own.
pub(super) fn rating(score: &str, vector: &str) -> Option<CvssRating> {
    let vector = vector.trim();
    CvssRating::new(CvssScore::parse(score), (!vector.is_empty()).then(|| vector.to_owned()))
}

/// A rating written `7.2/CVSS:3.1/AV:N`, or a bare `5.9`, or a bare vector.
pub(super) fn joint_rating(text: &str) -> Option<CvssRating> {
    match text.split_once('/') {
        Some((score, vector)) if CvssScore::parse(score).is_some() => rating(score, vector),
        _ if CvssScore::parse(text).is_some() => rating(text, ""),
        _ => rating("", text),
    }
}

/// Texts without empty ones.
pub(super) fn filled(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().filter(|text| !text.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_one_finding_for_each_vulnerability_in_each_package() {
        let mut issue = Issue::new("XRAY-1".to_owned(), Severity::High);
        for id in ["CVE-1", "", "CVE-2", "CVE-1"] {
            issue.cves.push(Cve { id: id.to_owned(), ..Cve::default() });
        }
        for name in ["a", "b"] {
            issue.hits.push(Hit { package: Package::new("npm", name, "1"), ..Hit::default() });
        }
        let mut findings = Vec::new();
        issue.spread(&mut findings).unwrap();
        let ids: Vec<_> = findings.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, ["CVE-1", "CVE-1", "CVE-2", "CVE-2"]);
        assert!(findings.iter().all(|finding| finding.aliases == ["XRAY-1"]));
    }

    #[test]
    fn an_issue_without_anything_is_still_a_finding() {
        let mut findings = Vec::new();
        Issue::new(String::new(), Severity::Unknown).spread(&mut findings).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].id, "");
    }

    #[test]
    fn too_many_findings_are_an_error_before_they_are_made() {
        let mut issue = Issue::new(String::new(), Severity::Low);
        for number in 0..1_000 {
            issue.cves.push(Cve { id: number.to_string(), ..Cve::default() });
            issue.hits.push(Hit::default());
        }
        let error = issue.spread(&mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), "report-limit");
    }

    #[test]
    fn reads_ratings_in_every_spelling() {
        let both = joint_rating("7.2/CVSS:3.1/AV:N").unwrap();
        assert_eq!(both.score, CvssScore::parse("7.2"));
        assert_eq!(both.vector.as_deref(), Some("CVSS:3.1/AV:N"));
        assert_eq!(joint_rating("5.9").unwrap().vector, None);
        assert_eq!(joint_rating("CVSS:3.1/AV:N").unwrap().score, None);
        assert_eq!(joint_rating(""), None);
        assert_eq!(rating("99", ""), None);
    }
}
