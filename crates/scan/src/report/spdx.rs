//! SPDX 2.2 and 2.3, JSON: an SBOM. It lists packages and licences and never says that vulnerabilities were looked for,
//! whatever its references of category SECURITY name.

use std::collections::BTreeMap;

use serde::Deserialize;
use waxseal_core::scan::{License, Scan, ScanStatus, Scanner};

use super::shape::{list, object, parse, text, time};
use super::{Note, Report, ReportError, ReportFormat};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "object")]
    creation_info: Creation,
    #[serde(default, deserialize_with = "list")]
    packages: Vec<SpdxPackage>,
}

#[derive(Default, Deserialize)]
struct Creation {
    #[serde(default, deserialize_with = "text")]
    created: String,
    #[serde(default, deserialize_with = "list")]
    creators: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(default, deserialize_with = "text")]
    license_concluded: String,
    #[serde(default, deserialize_with = "text")]
    license_declared: String,
    #[serde(default, deserialize_with = "list")]
    external_refs: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default, deserialize_with = "text")]
    reference_type: String,
    #[serde(default, deserialize_with = "text")]
    reference_locator: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let document: Document = parse(ReportFormat::Spdx, bytes)?;
    if !document.spdx_version.starts_with("SPDX-2.") {
        let why = format!("the version is {:?}, expected SPDX-2.x", document.spdx_version);
        return Err(ReportError::Shape { format: ReportFormat::Spdx, why });
    }
    let tool = document.creation_info.creators.iter().find_map(|creator| creator.strip_prefix("Tool: "));
    let mut report = Report::new(ReportFormat::Spdx, Scan::new(Scanner::new(tool.unwrap_or("SPDX"), "")));
    report.scan.run.status = ScanStatus::Complete;
    report.scan.run.finished_on = time(&document.creation_info.created);
    report.scan.run.components = u64::try_from(document.packages.len()).ok();
    report.notes.push(Note::NoVulnerabilityScan);
    report.subject.name(&document.name);
    let mut licenses: BTreeMap<String, u64> = BTreeMap::new();
    for package in document.packages {
        for reference in package.external_refs.iter().filter(|reference| reference.reference_type == "purl") {
            report.subject.purl(&reference.reference_locator);
        }
        let told = [package.license_concluded, package.license_declared];
        if let Some(name) =
            told.into_iter().find(|name| !["", "NOASSERTION", "NONE"].contains(&name.as_str()))
        {
            let packages = licenses.entry(name).or_default();
            *packages = packages.saturating_add(1);
        }
    }
    report.scan.run.coverage.licenses = (!licenses.is_empty()).then_some(true);
    report.scan.licenses = licenses.into_iter().map(|(id, packages)| License::new(id, packages)).collect();
    Ok(report)
}

#[cfg(test)]
pub(super) mod figures;
