//! A finding: one vulnerability in one package.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Severity;
use super::list::{at_most, time};
use crate::limits::SCAN_LIST;

/// One vulnerability in one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct ScanFinding {
    /// The vulnerability: its CVE where it has one, else the scanner's own id. Empty where the scanner gives none:
    /// such a finding counts as a vulnerability of its own, and no rule can name it.
    pub id: String,
    /// Other ids of the same vulnerability.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(deserialize_with = "severity")]
    severity: Severity,
    /// How bad the scanner's own researchers say it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub research_severity: Option<Severity>,
    /// CVSS ratings.
    #[serde(default, skip_serializing_if = "Cvss::is_empty")]
    pub cvss: Cvss,
    /// The package.
    pub package: Package,
    /// The versions that have a fix, as the scanner writes them: plain, or as ranges. Compared with nothing; the
    /// finding has a fix if there is one.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub fixed_versions: Vec<String>,
    /// When the vulnerability became public.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub published_on: Option<Timestamp>,
    /// Since when there is a fix.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub fix_available_on: Option<Timestamp>,
    /// The digests of the layers that hold the package, as the scanner writes them.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// Whether what is vulnerable can be reached; none where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<Applicability>,
    /// Weaknesses: `CWE-79`.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub cwe: Vec<String>,
    /// Whether the package itself is malicious.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub malicious: bool,
}

impl ScanFinding {
    /// A finding with nothing but its id, severity and package. See [`ScanFinding::severity`].
    pub fn new(id: impl Into<String>, severity: Severity, package: Package) -> Self {
        Self {
            id: id.into(),
            aliases: Vec::new(),
            severity: something(severity),
            research_severity: None,
            cvss: Cvss::default(),
            package,
            fixed_versions: Vec::new(),
            published_on: None,
            fix_available_on: None,
            layers: Vec::new(),
            applicability: None,
            cwe: Vec::new(),
            malicious: false,
        }
    }

    /// How bad the scanner says it is. Never [`Severity::None`]: what was found is something, and a scanner's "none"
    /// is read as [`Severity::Information`].
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Whether there is a version with a fix.
    pub fn is_fixable(&self) -> bool {
        !self.fixed_versions.is_empty()
    }

    /// Whether a rule that names this id means this finding: its id or one of its aliases, in any case.
    pub fn is_called(&self, id: &str) -> bool {
        !id.is_empty()
            && (self.id.eq_ignore_ascii_case(id)
                || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id)))
    }
}

const fn something(severity: Severity) -> Severity {
    match severity {
        Severity::None => Severity::Information,
        other => other,
    }
}

fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
    Severity::deserialize(deserializer).map(something)
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    at_most::<D, String, SCAN_LIST>(deserializer)
}

/// A package, as the scanner names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Package {
    /// Its kind, empty if the report does not say: `deb`, `npm`, `maven`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version, empty if the report does not say.
    #[serde(default)]
    pub version: String,
    /// Its package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
}

impl Package {
    /// A package without a package URL.
    pub fn new(kind: impl Into<String>, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), version: version.into(), purl: None }
    }
}

/// CVSS ratings, by version of the standard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cvss {
    /// CVSS 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2: Option<CvssRating>,
    /// CVSS 3.0 or 3.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v3: Option<CvssRating>,
    /// CVSS 4.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<CvssRating>,
}

impl Cvss {
    /// Whether there is no rating.
    pub const fn is_empty(&self) -> bool {
        self.v2.is_none() && self.v3.is_none() && self.v4.is_none()
    }
}

/// One CVSS rating.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CvssRating {
    /// The score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<CvssScore>,
    /// The vector, as the scanner writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
}

impl CvssRating {
    /// A rating; none if neither is there.
    pub fn new(score: Option<CvssScore>, vector: Option<String>) -> Option<Self> {
        (score.is_some() || vector.is_some()).then_some(Self { score, vector })
    }
}

/// A CVSS score, in tenths: 0.0 to 10.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CvssScore(u8);

impl CvssScore {
    /// A score between 0 and 10, rounded up to tenths; none for any other number.
    pub fn new(score: f64) -> Option<Self> {
        if !(0.0..=10.0).contains(&score) {
            return None;
        }
        // 9.8 is not a binary fraction: what is within a thousandth of a tenth is that tenth.
        (0..=100).map(Self).find(|tenths| score <= f64::from(tenths.0) / 10.0 + 0.001)
    }

    /// Reads a decimal number.
    pub fn parse(text: &str) -> Option<Self> {
        Self::new(text.trim().parse().ok()?)
    }

    /// The score in tenths: 0 to 100.
    pub const fn tenths(self) -> u8 {
        self.0
    }

    /// The score's band (CVSS 3.1, section 5): 9.0 and above critical, 7.0 high, 4.0 medium, above 0 low, else none.
    pub const fn severity(self) -> Severity {
        match self.0 {
            90.. => Severity::Critical,
            70.. => Severity::High,
            40.. => Severity::Medium,
            1.. => Severity::Low,
            0 => Severity::None,
        }
    }
}

impl fmt::Display for CvssScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", f64::from(self.0) / 10.0)
    }
}

impl Serialize for CvssScore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 10.0)
    }
}

impl<'de> Deserialize<'de> for CvssScore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let score = f64::deserialize(deserializer)?;
        Self::new(score).ok_or_else(|| D::Error::custom(format_args!("a CVSS score is 0 to 10, not {score}")))
    }
}

/// Whether what is vulnerable can be reached in this image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Applicability {
    /// It can.
    Applicable,
    /// It cannot: the only word that may take a finding away.
    NotApplicable,
    /// The scanner could not tell.
    Undetermined,
    /// The scanner has no check for this vulnerability.
    NotCovered,
    /// The scanner would have to know more.
    MissingContext,
    /// It was not looked at.
    NotScanned,
    /// The scanner cannot look into this kind of package.
    TechnologyUnsupported,
    /// It has to be scanned again.
    RescanRequired,
    /// The scanner is too old.
    UpgradeRequired,
    /// A word that we do not know.
    Unknown,
}

impl Applicability {
    /// Reads a scanner's word: in any case, with blanks or underscores.
    pub fn parse(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
            "applicable" => Self::Applicable,
            "not_applicable" => Self::NotApplicable,
            "undetermined" => Self::Undetermined,
            "not_covered" => Self::NotCovered,
            "missing_context" => Self::MissingContext,
            "not_scanned" => Self::NotScanned,
            "technology_unsupported" => Self::TechnologyUnsupported,
            "rescan_required" => Self::RescanRequired,
            "upgrade_required" => Self::UpgradeRequired,
            _ => Self::Unknown,
        }
    }

    /// Whether a finding with this word counts where only what can be reached counts: all but
    /// [`Applicability::NotApplicable`].
    pub const fn counts(self) -> bool {
        !matches!(self, Self::NotApplicable)
    }
}

impl<'de> Deserialize<'de> for Applicability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_tenths_and_never_rounded_down() {
        for (text, tenths) in
            [("0", 0), ("0.0", 0), ("9.8", 98), ("10", 100), ("8.9", 89), ("8.91", 90), ("0.01", 1)]
        {
            assert_eq!(CvssScore::parse(text).map(CvssScore::tenths), Some(tenths), "{text}");
        }
        for text in ["", "-0.1", "10.1", "1e9999", "NaN", "inf", "nine"] {
            assert_eq!(CvssScore::parse(text), None, "{text}");
        }
        for tenths in 0..=100 {
            let score = CvssScore(tenths);
            assert_eq!(CvssScore::parse(&score.to_string()), Some(score));
            assert_eq!(
                serde_json::from_str::<CvssScore>(&serde_json::to_string(&score).unwrap()).unwrap(),
                score
            );
        }
        let bands = [(0, Severity::None), (1, Severity::Low), (39, Severity::Low), (40, Severity::Medium)];
        for (tenths, severity) in bands {
            assert_eq!(CvssScore(tenths).severity(), severity);
        }
        assert_eq!(CvssScore(69).severity(), Severity::Medium);
        assert_eq!(CvssScore(70).severity(), Severity::High);
        assert_eq!(CvssScore(90).severity(), Severity::Critical);
    }

    #[test]
    fn only_one_word_takes_a_finding_away() {
        for word in ["Not Applicable", "not_applicable", "NOT APPLICABLE"] {
            assert!(!Applicability::parse(word).counts(), "{word}");
        }
        for word in [
            "Applicable",
            "Undetermined",
            "Not Covered",
            "Missing Context",
            "not_scanned",
            "",
            "notapplicable",
        ] {
            assert!(Applicability::parse(word).counts(), "{word}");
        }
    }

    #[test]
    fn what_was_found_is_something() {
        let finding = ScanFinding::new("CVE-1", Severity::None, Package::new("deb", "a", "1"));
        assert_eq!(finding.severity(), Severity::Information);
        let text = serde_json::to_string(&finding).unwrap().replace("Information", "None");
        assert_eq!(serde_json::from_str::<ScanFinding>(&text).unwrap().severity(), Severity::Information);
    }

    #[test]
    fn a_finding_without_an_id_cannot_be_named() {
        let mut finding = ScanFinding::new("", Severity::High, Package::default());
        assert!(!finding.is_called(""));
        finding.aliases.push("XRAY-1".to_owned());
        assert!(finding.is_called("xray-1"));
        assert!(!finding.is_called("XRAY-11"));
    }
}
