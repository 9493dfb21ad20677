//! OpenVEX: statements on single vulnerabilities. It is not a scan: what it does not mention was not looked at.
//!
//! Vulnerabilities that it calls affected, or that are still looked into, become findings of unknown severity; those
//! that it calls not affected or fixed are left to rules that trust its author.

use serde::Deserialize;
use waxseal_core::scan::{Package, Scan, ScanStatus, Scanner, Severity};

use super::issue::{Cve, Hit, Issue};
use super::package::kind_of_purl;
use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    #[serde(default, deserialize_with = "text")]
    author: String,
    #[serde(default, deserialize_with = "text")]
    timestamp: String,
    #[serde(deserialize_with = "list")]
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: Name,
    #[serde(default, deserialize_with = "list")]
    products: Vec<Product>,
    status: String,
}

/// A name, or since 0.2.0 an object with aliases.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Plain(String),
    Object {
        #[serde(rename = "@id", default, deserialize_with = "text")]
        id: String,
        #[serde(default, deserialize_with = "text")]
        name: String,
        #[serde(default, deserialize_with = "list")]
        aliases: Vec<String>,
    },
}

impl Name {
    /// The name, else the last part of the IRI.
    fn id(&self) -> &str {
        match self {
            Self::Object { id, name, .. } if name.is_empty() => id.rsplit('/').next().unwrap_or_default(),
            Self::Plain(name) | Self::Object { name, .. } => name,
        }
    }
}

/// A package URL, or since 0.2.0 an object with identifiers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Plain(String),
    Object {
        #[serde(rename = "@id", default, deserialize_with = "text")]
        id: String,
        #[serde(default, deserialize_with = "object")]
        identifiers: Identifiers,
        #[serde(default, deserialize_with = "list")]
        subcomponents: Vec<Self>,
    },
}

#[derive(Default, Deserialize)]
struct Identifiers {
    #[serde(default, deserialize_with = "text")]
    purl: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let document: Document = parse(ReportFormat::OpenVex, bytes)?;
    if !document.context.starts_with("https://openvex.dev/ns") {
        let why = format!("the context is {:?}, expected https://openvex.dev/ns", document.context);
        return Err(ReportError::Shape { format: ReportFormat::OpenVex, why });
    }
    let author = if document.author.trim().is_empty() { "OpenVEX" } else { &document.author };
    let mut report = Report::new(ReportFormat::OpenVex, Scan::new(Scanner::new(author, "")));
    report.scan.run.finished_on = time(&document.timestamp);
    report.notes.push(Note::NoVulnerabilityScan);
    for statement in document.statements {
        let mut issue = Issue::new(String::new(), Severity::Unknown);
        let id = statement.vulnerability.id().to_owned();
        let aliases = match statement.vulnerability {
            Name::Plain(_) => Vec::new(),
            Name::Object { aliases, .. } => aliases,
        };
        issue.cves.push(Cve { id, aliases, ..Cve::default() });
        for product in &statement.products {
            report.subject.purl(product.purl());
            issue.hits.extend(product.parts().into_iter().map(|package| Hit { package, ..Hit::default() }));
        }
        match statement.status.as_str() {
            "affected" | "under_investigation" => issue.spread(&mut report.scan.findings)?,
            "not_affected" | "fixed" => {}
            other => {
                let why = format!("the status {other:?} is none of OpenVEX's");
                return Err(ReportError::Shape { format: ReportFormat::OpenVex, why });
            }
        }
    }
    report.scan.run.status = ScanStatus::NotScanned;
    Ok(report)
}

impl Product {
    fn purl(&self) -> &str {
        match self {
            Self::Plain(id) => id,
            Self::Object { id, identifiers, .. } if identifiers.purl.is_empty() => id,
            Self::Object { identifiers, .. } => &identifiers.purl,
        }
    }

    /// The product's parts that the statement is about, or the product itself.
    fn parts(&self) -> Vec<Package> {
        match self {
            Self::Object { subcomponents, .. } if !subcomponents.is_empty() => {
                subcomponents.iter().map(|part| package(part.purl())).collect()
            }
            _ => vec![package(self.purl())],
        }
    }
}

fn package(purl: &str) -> Package {
    let Some(kind) = kind_of_purl(purl) else { return Package::new("", purl, "") };
    let path = purl.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once('/').map_or(path, |(_, rest)| rest);
    let (name, version) = path.rsplit_once('@').unwrap_or((path, ""));
    let mut package = Package::new(kind, name, version);
    package.purl = Some(purl.to_owned());
    package
}

#[cfg(test)]
pub(super) mod figures;
