//! What an SBOM lists: components by their names, with their licences.
//!
//! CycloneDX in JSON, nested components included, and SPDX 2 in JSON, as predicates of attestations. Nothing here says
//! that anything was looked for in them: that is a scan's to say.

use serde::Deserialize;
use waxseal_core::json;
use waxseal_core::limits::{JSON_DEPTH, REPORT_BYTES, REPORT_ENTRIES};

use crate::report::shape::{list, object, parse, text};
use crate::report::{ReportError, ReportFormat};

/// A component that an SBOM lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Component {
    /// Its names: its own and, where it has a group, `group/name` and `group:name` too.
    pub names: Vec<String>,
    /// Its licences, as the SBOM writes them: names and SPDX expressions. Empty where it says none.
    pub licenses: Vec<String>,
    /// Whether it is a package, of which a licence is expected, and not a file, a system or the image itself.
    pub package: bool,
}

/// The components of a predicate: none for a type that is no SBOM. At most [`REPORT_ENTRIES`] components.
pub fn components(predicate_type: &str, predicate: &str) -> Option<Result<Vec<Component>, ReportError>> {
    let of = |base: &str| {
        let rest = predicate_type.strip_prefix(base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
    };
    let read = if of("https://cyclonedx.org/bom") {
        cyclonedx
    } else if of("https://spdx.dev/Document") {
        spdx
    } else {
        return None;
    };
    if predicate.len() > REPORT_BYTES {
        return Some(Err(ReportError::TooLarge { found: predicate.len() }));
    }
    let checked = json::check(predicate.as_bytes(), json::exact).map_err(ReportError::Json);
    Some(checked.and_then(|()| read(predicate.as_bytes())))
}

#[derive(Deserialize)]
struct Bom {
    #[serde(rename = "bomFormat")]
    format: String,
    #[serde(default, deserialize_with = "list")]
    components: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type", default, deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "text")]
    group: String,
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "list")]
    licenses: Vec<LicenseChoice>,
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

fn cyclonedx(bytes: &[u8]) -> Result<Vec<Component>, ReportError> {
    let bom: Bom = parse(ReportFormat::CycloneDx, bytes)?;
    if bom.format != "CycloneDX" {
        let why = format!("bomFormat is {:?}", bom.format);
        return Err(ReportError::Shape { format: ReportFormat::CycloneDx, why });
    }
    let mut components = Vec::new();
    flatten(bom.components, &mut components, 0)?;
    Ok(components)
}

fn flatten(listed: Vec<Listed>, into: &mut Vec<Component>, depth: usize) -> Result<(), ReportError> {
    // The JSON cannot nest deeper, and was checked.
    if depth > JSON_DEPTH || into.len().saturating_add(listed.len()) > REPORT_ENTRIES {
        let why = format!("more than {REPORT_ENTRIES} components");
        return Err(ReportError::Shape { format: ReportFormat::CycloneDx, why });
    }
    for one in listed {
        let names = if one.group.is_empty() {
            vec![one.name]
        } else {
            vec![format!("{}/{}", one.group, one.name), format!("{}:{}", one.group, one.name), one.name]
        };
        let licenses = one.licenses.into_iter().filter_map(|choice| {
            [choice.expression, choice.license.id, choice.license.name]
                .into_iter()
                .find(|text| !text.is_empty())
        });
        let package = matches!(one.kind.as_str(), "library" | "framework" | "");
        into.push(Component { names, licenses: licenses.collect(), package });
        flatten(one.components, into, depth.saturating_add(1))?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    #[serde(default, deserialize_with = "list")]
    packages: Vec<SpdxPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(default, deserialize_with = "text")]
    name: String,
    #[serde(default, deserialize_with = "text")]
    license_concluded: String,
    #[serde(default, deserialize_with = "text")]
    license_declared: String,
    #[serde(default, deserialize_with = "text")]
    primary_package_purpose: String,
    #[serde(default, deserialize_with = "list")]
    external_refs: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    #[serde(default, deserialize_with = "text")]
    reference_locator: String,
}

fn spdx(bytes: &[u8]) -> Result<Vec<Component>, ReportError> {
    let document: Document = parse(ReportFormat::Spdx, bytes)?;
    if !document.spdx_version.starts_with("SPDX-2.") {
        let why = format!("the version is {:?}, expected SPDX-2.x", document.spdx_version);
        return Err(ReportError::Shape { format: ReportFormat::Spdx, why });
    }
    let component = |package: SpdxPackage| {
        let told = [package.license_concluded, package.license_declared];
        let license = told.into_iter().find(|name| !["", "NOASSERTION", "NONE"].contains(&name.as_str()));
        let image =
            package.external_refs.iter().any(|reference| reference.reference_locator.starts_with("pkg:oci/"));
        let purpose = package.primary_package_purpose.as_str();
        Component {
            names: vec![package.name],
            licenses: license.into_iter().collect(),
            package: !image && !matches!(purpose, "CONTAINER" | "OPERATING-SYSTEM" | "FILE"),
        }
    };
    Ok(document.packages.into_iter().map(component).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CYCLONEDX: &str = "https://cyclonedx.org/bom";
    const SPDX: &str = "https://spdx.dev/Document";

    fn read(kind: &str, text: &str) -> Vec<Component> {
        components(kind, text).unwrap().unwrap()
    }

    #[test]
    fn nested_components_are_listed_with_every_name_and_licence() {
        let text = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
            {"type":"library","group":"org.apache","name":"log4j","licenses":[{"license":{"id":"Apache-2.0"}},{"expression":"MIT OR ISC"}],
             "components":[{"type":"library","name":"inner","licenses":[{"license":{"name":"Own"}}]}]},
            {"type":"operating-system","name":"debian"}]}"#;
        let found = read(CYCLONEDX, text);
        assert_eq!(found[0].names, ["org.apache/log4j", "org.apache:log4j", "log4j"]);
        assert_eq!(found[0].licenses, ["Apache-2.0", "MIT OR ISC"]);
        assert_eq!(
            (found[1].names.as_slice(), found[1].licenses.as_slice()),
            (&["inner".to_owned()][..], &["Own".to_owned()][..])
        );
        assert_eq!(found.iter().map(|one| one.package).collect::<Vec<_>>(), [true, true, false]);
        // The version is part of the type where somebody writes it.
        assert_eq!(read("https://cyclonedx.org/bom/v1.5", text).len(), 3);
    }

    #[test]
    fn an_spdx_package_has_the_licence_that_somebody_asserts() {
        let text = r#"{"spdxVersion":"SPDX-2.3","packages":[
            {"name":"app","primaryPackagePurpose":"CONTAINER"},
            {"name":"zlib","licenseConcluded":"NOASSERTION","licenseDeclared":"Zlib"},
            {"name":"bare","licenseConcluded":"NONE"}]}"#;
        let found = read(SPDX, text);
        assert_eq!(found.iter().map(|one| one.package).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!((found[1].licenses.as_slice(), found[2].licenses.len()), (&["Zlib".to_owned()][..], 0));
    }

    #[test]
    fn what_is_no_sbom_is_told_apart_from_what_cannot_be_read() {
        assert!(components("https://example.com/review/v1", "{}").is_none());
        for (kind, text) in [
            (CYCLONEDX, "{}"),
            (CYCLONEDX, r#"{"bomFormat":"SPDX"}"#),
            (SPDX, r#""SPDXVersion: SPDX-2.3""#),
            (SPDX, r#"{"spdxVersion":"SPDX-3.0"}"#),
            (SPDX, r#"{"spdxVersion":"SPDX-2.3","packages":[],"packages":[]}"#),
        ] {
            assert!(components(kind, text).unwrap().is_err(), "{text}");
        }
    }
}
