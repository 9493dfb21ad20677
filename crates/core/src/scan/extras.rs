//! What scanners say beside vulnerabilities: licences, violations, secrets, operational risk.

use serde::{Deserialize, Deserializer, Serialize};

use super::Severity;
use super::finding::Package;

/// A licence that packages of the image have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct License {
    /// The licence as the scanner names it: an SPDX identifier where it knows one, `Unknown` where it does not.
    pub id: String,
    /// Its full name, if the scanner gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many packages have it.
    #[serde(default)]
    pub packages: u64,
}

impl License {
    /// A licence of so many packages.
    pub fn new(id: impl Into<String>, packages: u64) -> Self {
        Self { id: id.into(), name: None, packages }
    }
}

/// A violation of one of the scanner's own policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// What kind of policy.
    #[serde(rename = "type")]
    pub kind: ViolationKind,
    /// The watch that saw it, empty if the report does not say.
    #[serde(default)]
    pub watch: String,
    /// The policy, empty if the report does not say.
    #[serde(default)]
    pub policy: String,
    /// The policy's rule, empty if the report does not say.
    #[serde(default)]
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// The vulnerability, the licence, or the scanner's own id of the issue.
    #[serde(default)]
    pub id: String,
    /// Whether the rule fails a build.
    #[serde(default)]
    pub fail_build: bool,
    /// Whether an ignore rule of the scanner covers it.
    #[serde(default)]
    pub ignored: bool,
}

impl Violation {
    /// A violation with nothing but its kind, severity and id.
    pub fn new(kind: ViolationKind, severity: Severity, id: impl Into<String>) -> Self {
        Self {
            kind,
            watch: String::new(),
            policy: String::new(),
            rule: String::new(),
            severity,
            id: id.into(),
            fail_build: false,
            ignored: false,
        }
    }
}

/// What kind of policy is violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// Known vulnerabilities and malicious packages.
    Security,
    /// Licences.
    License,
    /// Packages that are risky to depend on.
    OperationalRisk,
    /// Secrets, static analysis, infrastructure, services and applications.
    Exposure,
    /// A kind that we do not know.
    Other,
}

impl ViolationKind {
    /// Reads a scanner's word, in any case.
    pub fn parse(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "security" | "vulnerability" | "malicious" => Self::Security,
            "license" | "licenses" => Self::License,
            "operational_risk" | "operational risk" => Self::OperationalRisk,
            "exposure" | "exposures" | "secrets" | "secret" | "sast" | "iac" | "services"
            | "applications" => Self::Exposure,
            _ => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for ViolationKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

/// Secrets in the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// How many.
    pub total: u64,
    /// How many the scanner found to work. One whose status it does not say counts as working.
    pub active: u64,
}

impl Secrets {
    /// So many secrets, so many of them working.
    pub const fn new(total: u64, active: u64) -> Self {
        Self { total, active }
    }
}

/// A package that is risky to depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct OperationalRisk {
    /// The package.
    pub package: Package,
    /// How risky.
    pub severity: Severity,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it has come to the end of its life; none where the scanner does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<bool>,
    /// Its latest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<String>,
}

impl OperationalRisk {
    /// A risky package.
    pub fn new(package: Package, severity: Severity) -> Self {
        Self { package, severity, reason: None, end_of_life: None, latest_version: None }
    }
}
