//! The formats that are read, their names, and how they are told apart.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Report, ReportError, clair, cyclonedx, grype, jf, openvex, sarif, spdx, trivy, xray};

/// A format of reports. Its names are those of `--report-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReportFormat {
    /// `POST /xray/api/v1/summary/artifact`, and v2.
    XraySummary,
    /// `POST /xray/api/v1/violations`.
    XrayViolations,
    /// `GET /xray/api/v1/scan/graph/ID`.
    XrayGraph,
    /// `GET /xray/api/v2/ci/build/NAME/NUMBER`.
    XrayBuild,
    /// `POST /xray/api/v1/scanBuild`, before Xray 3.
    XrayBuildV1,
    /// A vulnerabilities report: `POST /xray/api/v1/reports/vulnerabilities/ID`.
    XrayReport,
    /// A licences report.
    XrayLicensesReport,
    /// A violations report.
    XrayViolationsReport,
    /// What the pages of Xray export.
    XrayUiExport,
    /// `POST /xray/api/v1/artifact/status`, and the older `scan/status/artifact`.
    XrayStatus,
    /// All that was read of Xray about one image ([`crate::xray::Document`]).
    XrayDocument,
    /// `jf ... --format json`: a list of scan graphs.
    JfJson,
    /// `jf ... --format simple-json`.
    JfSimpleJson,
    /// SARIF 2.1.0 of any tool.
    Sarif,
    /// CycloneDX 1.4 and later, JSON, with or without vulnerabilities.
    CycloneDx,
    /// SPDX 2.2 and 2.3, JSON: an SBOM, without findings.
    Spdx,
    /// OpenVEX: statements, not a scan.
    OpenVex,
    /// `trivy ... --format json`.
    Trivy,
    /// A `VulnerabilityReport` of the Trivy operator.
    TrivyOperator,
    /// `grype ... -o json`.
    Grype,
    /// Clair 4: a vulnerability report.
    Clair,
}

/// What reads a format.
pub(super) type Reader = fn(&[u8]) -> Result<Report, ReportError>;

impl ReportFormat {
    /// All formats.
    pub const ALL: [Self; 21] = [
        Self::XraySummary,
        Self::XrayViolations,
        Self::XrayGraph,
        Self::XrayBuild,
        Self::XrayBuildV1,
        Self::XrayReport,
        Self::XrayLicensesReport,
        Self::XrayViolationsReport,
        Self::XrayUiExport,
        Self::XrayStatus,
        Self::XrayDocument,
        Self::JfJson,
        Self::JfSimpleJson,
        Self::Sarif,
        Self::CycloneDx,
        Self::Spdx,
        Self::OpenVex,
        Self::Trivy,
        Self::TrivyOperator,
        Self::Grype,
        Self::Clair,
    ];

    /// The name in `--report-format`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XraySummary => "xray-summary",
            Self::XrayViolations => "xray-violations",
            Self::XrayGraph => "xray-graph",
            Self::XrayBuild => "xray-build",
            Self::XrayBuildV1 => "xray-build-v1",
            Self::XrayReport => "xray-report",
            Self::XrayLicensesReport => "xray-licenses-report",
            Self::XrayViolationsReport => "xray-violations-report",
            Self::XrayUiExport => "xray-ui-export",
            Self::XrayStatus => "xray-status",
            Self::XrayDocument => "xray-document",
            Self::JfJson => "jf-json",
            Self::JfSimpleJson => "jf-simple-json",
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::OpenVex => "openvex",
            Self::Trivy => "trivy",
            Self::TrivyOperator => "trivy-operator",
            Self::Grype => "grype",
            Self::Clair => "clair",
        }
    }

    /// The media type of a report of this format.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Sarif => "application/sarif+json",
            Self::CycloneDx => "application/vnd.cyclonedx+json",
            Self::Spdx => "application/spdx+json",
            _ => "application/json",
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    pub(super) fn reader(self) -> Reader {
        match self {
            Self::XraySummary => xray::summary::read,
            Self::XrayViolations => xray::violations::read,
            Self::XrayGraph => xray::graph::read,
            Self::XrayBuild => xray::build::read,
            Self::XrayBuildV1 => xray::build_v1::read,
            Self::XrayReport => xray::rows::read_vulnerabilities,
            Self::XrayLicensesReport => xray::rows::read_licenses,
            Self::XrayViolationsReport => xray::rows::read_violations,
            Self::XrayUiExport => xray::ui_export::read,
            Self::XrayStatus => xray::status::read,
            Self::XrayDocument => xray::document::read,
            Self::JfJson => xray::graph::read_list,
            Self::JfSimpleJson => jf::read,
            Self::Sarif => sarif::read,
            Self::CycloneDx => cyclonedx::read,
            Self::Spdx => spdx::read,
            Self::OpenVex => openvex::read,
            Self::Trivy => trivy::read,
            Self::TrivyOperator => trivy::operator::read,
            Self::Grype => grype::read,
            Self::Clair => clair::read,
        }
    }

    /// Tells the format of a report by the members at its top.
    pub fn detect(bytes: &[u8]) -> Result<Self, ReportError> {
        let top: Top = serde_json::from_slice(bytes).map_err(|_| ReportError::Unknown {
            found: "neither an object nor a list of objects".to_owned(),
        })?;
        if top.is_list {
            return if top.names.is_empty() || top.has("scan_id") || top.has("vulnerabilities") {
                Ok(Self::JfJson)
            } else {
                Err(top.unknown())
            };
        }
        for (format, members) in MARKS {
            if members.iter().all(|member| top.has(member)) {
                return Ok(*format);
            }
        }
        if matches!(top.names.as_slice(), [one] if one == "info" || one == "status") {
            return Ok(Self::XrayStatus);
        }
        if top.has("total_rows") && top.has("rows") {
            return Self::detect_rows(bytes, &top);
        }
        Err(top.unknown())
    }

    fn detect_rows(bytes: &[u8], top: &Top) -> Result<Self, ReportError> {
        let rows: Rows = serde_json::from_slice(bytes).map_err(|_| top.unknown())?;
        let row = rows.rows;
        if row.names.is_empty() {
            let candidates = [Self::XrayReport, Self::XrayLicensesReport, Self::XrayViolationsReport];
            return Err(ReportError::Ambiguous { candidates: candidates.map(Self::as_str).join(", ") });
        }
        if row.has("watch_name") || row.has("policies") || row.has("violation_id") {
            Ok(Self::XrayViolationsReport)
        } else if row.has("license") {
            Ok(Self::XrayLicensesReport)
        } else if row.has("cves") || row.has("vulnerable_component") {
            Ok(Self::XrayReport)
        } else {
            Err(row.unknown())
        }
    }
}

/// The members that mark a format, the more telling ones first.
const MARKS: &[(ReportFormat, &[&str])] = &[
    (ReportFormat::XrayDocument, &["schema", "xray", "summary"]),
    (ReportFormat::CycloneDx, &["bomFormat"]),
    (ReportFormat::Spdx, &["spdxVersion"]),
    (ReportFormat::Sarif, &["runs"]),
    (ReportFormat::OpenVex, &["@context", "statements"]),
    (ReportFormat::TrivyOperator, &["apiVersion", "kind", "report"]),
    (ReportFormat::Trivy, &["SchemaVersion"]),
    (ReportFormat::Trivy, &["Results", "ArtifactName"]),
    (ReportFormat::Clair, &["manifest_hash"]),
    (ReportFormat::Grype, &["matches", "descriptor"]),
    (ReportFormat::JfSimpleJson, &["scansStatus"]),
    (ReportFormat::JfSimpleJson, &["vulnerabilities", "securityViolations"]),
    (ReportFormat::XraySummary, &["artifacts"]),
    (ReportFormat::XrayViolations, &["total_violations"]),
    (ReportFormat::XrayBuild, &["build_name"]),
    (ReportFormat::XrayBuildV1, &["alerts"]),
    (ReportFormat::XrayGraph, &["scan_id"]),
    (ReportFormat::XrayGraph, &["package_type", "vulnerabilities"]),
    (ReportFormat::XrayUiExport, &["total_count", "data"]),
    (ReportFormat::XrayStatus, &["overall"]),
];

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat { found: name.to_owned() })
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{found:?} is no report format: expected one of {}", ReportFormat::names())]
pub struct UnknownFormat {
    /// The name.
    pub found: String,
}

/// The names of the members at the top: of the object, or of the first object of the list.
#[derive(Default)]
struct Top {
    is_list: bool,
    names: Vec<String>,
}

/// Most names that are noted to tell a format: no format has that many.
const NAMES: usize = 64;

impl Top {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|found| found == name)
    }

    fn unknown(&self) -> ReportError {
        let shown: Vec<_> =
            self.names.iter().take(8).map(|name| name.chars().take(40).collect::<String>()).collect();
        let kind = if self.is_list { "a list of objects" } else { "an object" };
        ReportError::Unknown { found: format!("{kind} with the members {shown:?}") }
    }
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
                let mut top = Top::default();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if top.names.len() < NAMES {
                        top.names.push(name);
                    }
                }
                Ok(top)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Top, A::Error> {
                let first = items.next_element::<Top>()?.unwrap_or_default();
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Top { is_list: true, ..first })
            }

            fn visit_unit<E>(self) -> Result<Top, E> {
                Ok(Top { is_list: true, names: Vec::new() })
            }
        }
        deserializer.deserialize_any(Names)
    }
}

/// The rows of a report, of which the first tells what they are.
#[derive(serde::Deserialize)]
struct Rows {
    rows: Top,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_that_reads_back() {
        for format in ReportFormat::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        let error = "Trivy".parse::<ReportFormat>().unwrap_err();
        assert!(error.to_string().contains("trivy-operator"), "{error}");
    }

    #[test]
    fn what_is_no_report_is_said_to_be_none() {
        for text in ["{}", r#"{"a":1}"#, "[1]", r#"[{"a":1}]"#, "1", r#""x""#, r#"{"rows":[],"total":1}"#] {
            let error = ReportFormat::detect(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "report-unknown", "{text}: {error}");
        }
        let nothing = ReportFormat::detect(br#"{"total_rows":0,"rows":[]}"#).unwrap_err();
        assert_eq!(nothing.code(), "report-ambiguous");
    }
}
