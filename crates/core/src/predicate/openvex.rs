//! OpenVEX documents: what their author says about the vulnerabilities of an image (OpenVEX specification 0.2.0, and
//! documents of version 0.0 as cosign's users have them).
//!
//! Read after the signature over it was verified, and only to take findings away: what cannot be read takes nothing
//! away. Nothing here decides whose word counts.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::digest::Digest;
use crate::json::{self, Names, Path};
use crate::limits::VEX_STATEMENTS;
use crate::scan::ScanFinding;

/// A document.
#[derive(Clone, Debug)]
pub(crate) struct OpenVex {
    statements: Vec<Statement>,
    /// The statements about an id, in lower case.
    by_id: HashMap<String, Vec<usize>>,
}

/// What is said about a vulnerability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VexStatus {
    /// It does not affect the image, for this reason.
    NotAffected { justification: String },
    /// It was mended in the image.
    Fixed,
    /// Anything else: it is affected, or nobody knows yet.
    Counts,
}

#[derive(Clone, Debug)]
struct Statement {
    products: Vec<Product>,
    status: VexStatus,
    at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Product {
    names: Vec<String>,
    /// The parts that are meant: those alone, if any were named, however they were named.
    subcomponents: Option<Vec<String>>,
}

impl OpenVex {
    /// Reads a document. Statements without a time have the document's.
    pub(crate) fn parse(predicate: &RawValue) -> Option<Self> {
        // Rule S7: a reader that folds case would read other statements.
        json::check(predicate.get().as_bytes(), names).ok()?;
        let wire: Wire = serde_json::from_str(predicate.get()).ok()?;
        if wire.statements.len() > VEX_STATEMENTS {
            return None;
        }
        let whole = wire.timestamp;
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        let statements = wire.statements.into_iter().enumerate().map(|(at, statement)| {
            for id in statement.vulnerability.ids() {
                by_id.entry(id.to_ascii_lowercase()).or_default().push(at);
            }
            let status = match (statement.status.as_str(), statement.justification) {
                ("not_affected", Some(justification)) => VexStatus::NotAffected { justification },
                ("fixed", _) => VexStatus::Fixed,
                _ => VexStatus::Counts,
            };
            let mut products: Vec<_> = statement.products.into_iter().map(WireProduct::read).collect();
            // In version 0.0 they stand beside the products, and mean each of them.
            if let Some(parts) = statement.subcomponents {
                let parts: Vec<_> = parts.into_iter().flat_map(|part| part.read().names).collect();
                for product in &mut products {
                    product.subcomponents.get_or_insert_default().extend(parts.iter().cloned());
                }
                if products.is_empty() {
                    products.push(Product { names: Vec::new(), subcomponents: Some(parts) });
                }
            }
            Statement {
                products,
                status,
                at: time(statement.last_updated.or(statement.timestamp).or_else(|| whole.clone())),
            }
        });
        let statements = statements.collect();
        Some(Self { statements, by_id })
    }

    /// What the document says last about a finding of the image with this digest; none where it says nothing. Where
    /// several statements are the last, or their order is not known, one that takes nothing away wins.
    pub(crate) fn about(&self, finding: &ScanFinding, image: &Digest) -> Option<&VexStatus> {
        let ids = core::iter::once(&finding.id).chain(&finding.aliases).filter(|id| !id.is_empty());
        let about: Vec<_> = ids
            .filter_map(|id| self.by_id.get(&id.to_ascii_lowercase()))
            .flatten()
            .filter_map(|at| self.statements.get(*at))
            .filter(|statement| statement.means(finding, image))
            .collect();
        let meant = || about.iter().copied();
        if meant().any(|statement| statement.at.is_none()) {
            return meant()
                .find(|one| one.status == VexStatus::Counts)
                .or_else(|| meant().next())
                .map(|one| &one.status);
        }
        let last = meant().map(|statement| statement.at).max()?;
        let tied = || meant().filter(|statement| statement.at == last);
        tied().find(|one| one.status == VexStatus::Counts).or_else(|| tied().next()).map(|one| &one.status)
    }
}

impl Statement {
    fn means(&self, finding: &ScanFinding, image: &Digest) -> bool {
        // Without products it is about what the attestation is about (openvex/spec, ATTESTING.md).
        let product = |product: &Product| {
            let hex = image.hex();
            (product.names.is_empty() || product.names.iter().any(|name| name.contains(&hex)))
                && product.subcomponents.as_ref().is_none_or(|parts| {
                    finding.package.purl.as_ref().is_some_and(|purl| parts.contains(purl))
                })
        };
        self.products.is_empty() || self.products.iter().any(product)
    }
}

/// The levels whose members are read by name.
fn names(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["timestamp", "last_updated", "statements"]),
        [statements, item] if statements == "statements" && item.is_empty() => Names::Known(&[
            "vulnerability",
            "products",
            "subcomponents",
            "status",
            "justification",
            "timestamp",
            "last_updated",
        ]),
        [_, _, vulnerability] if vulnerability == "vulnerability" => {
            Names::Known(&["@id", "name", "aliases"])
        }
        [_, _, products, ..] if products == "products" || products == "subcomponents" => {
            Names::Known(&["@id", "identifiers", "hashes", "subcomponents"])
        }
        _ => Names::Exact,
    }
}

fn time(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}

#[derive(Deserialize)]
struct Wire {
    timestamp: Option<String>,
    #[serde(default)]
    statements: Vec<WireStatement>,
}

#[derive(Deserialize)]
struct WireStatement {
    vulnerability: WireVulnerability,
    #[serde(default)]
    products: Vec<WireProduct>,
    subcomponents: Option<Vec<WireProduct>>,
    status: String,
    justification: Option<String>,
    timestamp: Option<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireVulnerability {
    Id(String),
    Named {
        #[serde(rename = "@id")]
        uri: Option<String>,
        name: Option<String>,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

impl WireVulnerability {
    fn ids(self) -> Vec<String> {
        match self {
            Self::Id(id) => vec![id],
            // The identifier may be a page about it: its last part is its name.
            Self::Named { uri, name, aliases } => {
                let uri = uri.map(|uri| uri.rsplit('/').next().unwrap_or_default().to_owned());
                uri.into_iter().chain(name).chain(aliases).collect()
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireProduct {
    Id(String),
    Component {
        #[serde(rename = "@id")]
        id: Option<String>,
        #[serde(default)]
        identifiers: std::collections::BTreeMap<String, String>,
        #[serde(default)]
        hashes: std::collections::BTreeMap<String, String>,
        subcomponents: Option<Vec<Self>>,
    },
}

impl WireProduct {
    fn read(self) -> Product {
        match self {
            Self::Id(id) => Product { names: vec![id], subcomponents: None },
            Self::Component { id, identifiers, hashes, subcomponents } => Product {
                names: id.into_iter().chain(identifiers.into_values()).chain(hashes.into_values()).collect(),
                subcomponents: subcomponents
                    .filter(|parts| !parts.is_empty())
                    .map(|parts| parts.into_iter().flat_map(|one| one.read().names).collect()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Package, Severity};

    fn about(statements: &str) -> Option<VexStatus> {
        let text = format!(r#"{{"timestamp":"2026-01-01T00:00:00Z","statements":[{statements}]}}"#);
        let raw = RawValue::from_string(text).unwrap();
        let mut finding = ScanFinding::new("CVE-1", Severity::High, Package::new("deb", "a", "1"));
        finding.package.purl = Some("pkg:deb/a@1".to_owned());
        OpenVex::parse(&raw)?.about(&finding, &Digest::of("image")).cloned()
    }

    fn not_affected() -> VexStatus {
        VexStatus::NotAffected { justification: "j".to_owned() }
    }

    #[test]
    fn a_statement_is_about_an_id_and_a_product() {
        let hex = Digest::of("image").hex();
        let other = Digest::of("other").hex();
        let statement = |vulnerability: &str, products: &str| {
            format!(
                r#"{{"vulnerability":{vulnerability},"products":[{products}],"status":"not_affected","justification":"j"}}"#
            )
        };
        for (vulnerability, products, meant) in [
            (r#""CVE-1""#, String::new(), true),
            (r#"{"name":"cve-1"}"#, String::new(), true),
            (r#"{"@id":"https://nvd.nist.gov/vuln/detail/CVE-1"}"#, String::new(), true),
            (r#"{"name":"GHSA-1","aliases":["CVE-1"]}"#, String::new(), true),
            (r#""CVE-2""#, String::new(), false),
            (r#""CVE-1""#, format!(r#"{{"@id":"pkg:oci/app@sha256%3A{hex}"}}"#), true),
            (r#""CVE-1""#, format!(r#""pkg:oci/app@sha256:{hex}""#), true),
            (r#""CVE-1""#, format!(r#"{{"@id":"app","hashes":{{"sha-256":"{hex}"}}}}"#), true),
            (r#""CVE-1""#, format!(r#"{{"@id":"pkg:oci/app@sha256%3A{other}"}}"#), false),
            (r#""CVE-1""#, r#"{"@id":"pkg:deb/a@1"}"#.to_owned(), false),
            (r#""CVE-1""#, format!(r#"{{"@id":"{hex}","subcomponents":[{{"@id":"pkg:deb/a@1"}}]}}"#), true),
            (r#""CVE-1""#, format!(r#"{{"@id":"{hex}","subcomponents":[{{"@id":"pkg:deb/b@1"}}]}}"#), false),
        ] {
            let expected = meant.then(not_affected);
            assert_eq!(about(&statement(vulnerability, &products)), expected, "{vulnerability} {products}");
        }
    }

    #[test]
    fn what_is_said_of_one_part_is_said_of_no_other() {
        let hex = Digest::of("image").hex();
        let said = |more: &str| {
            about(&format!(
                r#"{{"vulnerability":"CVE-1","status":"not_affected","justification":"j"{more}}}"#
            ))
        };
        let product = |more: &str| said(&format!(r#","products":[{{"@id":"{hex}"{more}}}]"#));
        assert_eq!(product(""), Some(not_affected()));
        assert_eq!(product(r#","subcomponents":[]"#), Some(not_affected()));
        assert_eq!(product(r#","subcomponents":[{"@id":"pkg:deb/a@1"}]"#), Some(not_affected()));
        assert_eq!(product(r#","subcomponents":[{"name":"a"}]"#), None, "named so that nobody knows it");
        // Version 0.0.
        let old = |part: &str| said(&format!(r#","products":["{hex}"],"subcomponents":["{part}"]"#));
        assert_eq!(old("pkg:deb/a@1"), Some(not_affected()));
        assert_eq!(old("pkg:deb/b@1"), None);
        // A member in another case is read by others.
        assert_eq!(said(r#","Products":["other"]"#), None);
        assert_eq!(said(r#","Status":"affected""#), None);
    }

    #[test]
    fn a_statement_without_a_time_has_the_one_at_which_the_document_was_made() {
        let text = r#"{"timestamp":"2026-01-01T00:00:00Z","last_updated":"2026-03-01T00:00:00Z","statements":[
            {"vulnerability":"CVE-1","status":"not_affected","justification":"j"},
            {"vulnerability":"CVE-1","status":"affected","timestamp":"2026-02-01T00:00:00Z"}]}"#;
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        let finding = ScanFinding::new("CVE-1", Severity::High, Package::default());
        let document = OpenVex::parse(&raw).unwrap();
        assert_eq!(document.about(&finding, &Digest::of("image")), Some(&VexStatus::Counts));
    }

    #[test]
    fn the_last_word_counts_and_doubt_takes_nothing_away() {
        let said = |status: &str, time: &str| {
            format!(
                r#"{{"vulnerability":"CVE-1","status":"{status}","justification":"j","timestamp":"{time}"}}"#
            )
        };
        let both = |first: &str, second: &str| about(&format!("{first},{second}"));
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        assert_eq!(both(&said("affected", early), &said("not_affected", late)), Some(not_affected()));
        assert_eq!(both(&said("not_affected", early), &said("affected", late)), Some(VexStatus::Counts));
        assert_eq!(both(&said("not_affected", late), &said("affected", late)), Some(VexStatus::Counts));
        assert_eq!(both(&said("not_affected", late), &said("affected", "soon")), Some(VexStatus::Counts));
        assert_eq!(about(&said("fixed", early)), Some(VexStatus::Fixed));
        assert_eq!(about(&said("under_investigation", early)), Some(VexStatus::Counts));
        assert_eq!(about(r#"{"vulnerability":"CVE-1","status":"not_affected"}"#), Some(VexStatus::Counts));
        assert_eq!(about(r#"{"vulnerability":7,"status":"not_affected"}"#), None);
    }
}
