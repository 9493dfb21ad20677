//! Where a scan comes from: the scanner, how it was called, and its own report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::list::{at_most, time};
use crate::digest::{Algorithm, Digest};
use crate::limits::SCAN_LIST;

/// A scanner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Scanner {
    /// Its name, for people: `JFrog Xray`.
    pub name: String,
    /// Its package URL, empty if it has none: `pkg:github/aquasecurity/trivy`.
    #[serde(default)]
    pub uri: String,
    /// Its version, empty if the report does not say.
    #[serde(default)]
    pub version: String,
    /// The host of the server that scanned, empty if there is none or the report does not say.
    #[serde(default)]
    pub instance: String,
    /// Its database of vulnerabilities, as far as the report says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db: Option<ScannerDatabase>,
}

impl Scanner {
    /// A scanner with nothing but its name and package URL.
    pub fn new(name: impl Into<String>, uri: impl Into<String>) -> Self {
        Self { name: name.into(), uri: uri.into(), ..Self::default() }
    }

    /// What tells one scanner from another, whatever its version (rule N4): the package URL without version,
    /// qualifiers and subpath, else the name; both in lower case.
    pub fn identity(&self) -> String {
        let uri = self.uri.split(['@', '?', '#']).next().unwrap_or_default().trim();
        if uri.is_empty() { self.name.trim().to_lowercase() } else { uri.to_lowercase() }
    }
}

/// A scanner's database of vulnerabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct ScannerDatabase {
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was last brought up to date.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub last_update: Option<Timestamp>,
}

/// How a scanner was called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// The program that was run, empty if nobody said: `jf docker scan`.
    #[serde(default)]
    pub tool: String,
    /// Its version, empty if nobody said.
    #[serde(default)]
    pub tool_version: String,
    /// The format of the report: a name of `--report-format`.
    #[serde(default)]
    pub format: String,
    /// Its arguments, as far as they are known.
    #[serde(default, deserialize_with = "parameters")]
    pub parameters: Vec<String>,
    /// The pipeline's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_uri: Option<String>,
    /// The pipeline's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

fn parameters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    at_most::<D, String, SCAN_LIST>(deserializer)
}

/// The scanner's own report, as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct RawReport {
    /// Its media type.
    pub media_type: String,
    /// The digest of its bytes.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The report itself, on request: the JSON value, not necessarily the bytes of the digest, whose blanks JSON may
    /// have outside the value.
    #[serde(default)]
    pub embedded: Option<Box<RawValue>>,
    /// Where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl RawReport {
    /// The report of these bytes, by digest and size, not embedded.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.into(),
            digest: Digest::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            embedded: None,
            uri: None,
        }
    }
}

impl PartialEq for RawReport {
    fn eq(&self, other: &Self) -> bool {
        let text = |report: &Self| report.embedded.as_ref().map(|value| value.get().to_owned());
        (&self.media_type, &self.digest, self.size, &self.uri)
            == (&other.media_type, &other.digest, other.size, &other.uri)
            && text(self) == text(other)
    }
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(&digest.algorithm().to_string(), &digest.hex())?;
    map.end()
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let named = BTreeMap::<String, String>::deserialize(deserializer)?;
    let hex = named.get("sha256").ok_or_else(|| D::Error::custom("the report's digest has no sha256"))?;
    Digest::from_hex(Algorithm::Sha256, hex)
        .map_err(|_| D::Error::custom("the report's sha256 is not 64 lower-case hexadecimal digits"))
}
