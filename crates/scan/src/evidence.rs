//! JFrog evidence: the envelopes and bundles in it, and the listings that say where they are.
//!
//! An evidence file is what was uploaded: a DSSE envelope or a Sigstore bundle. Its signed content alone says what it is
//! about. Everything that Artifactory says beside it, `verified`, `predicateType` and the subject's checksum among it, is a
//! hint for finding it: this module hands out bytes to be verified, and verifies nothing.

use serde::Deserialize;
use serde_json::value::RawValue;
use waxseal_core::json::{self, JsonError};
use waxseal_core::limits::{BUNDLE_BYTES, CANDIDATES_PER_STORE};

/// What a file of JFrog evidence is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// A DSSE envelope, as it was uploaded.
    Envelope(Vec<u8>),
    /// A Sigstore bundle, as it was uploaded.
    Bundle(Vec<u8>),
    /// A listing: `jf evd get`, or an answer of One Model. It holds no envelope.
    Listing(Listing),
}

/// Evidence that Artifactory lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The records, in order.
    pub records: Vec<Record>,
    /// How many there are by the listing's own word, if it says: more than the records where a page is missing.
    pub total: Option<u64>,
}

impl Listing {
    /// Whether every record is there. A listing that does not say how many there are is taken as it is.
    pub fn is_whole(&self) -> bool {
        self.total.is_none_or(|total| u64::try_from(self.records.len()) == Ok(total))
    }
}

/// One piece of evidence that Artifactory lists. All of it is Artifactory's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// The path of the evidence file, with its repository.
    pub download_path: String,
    /// The predicate type, if it was asked for.
    pub predicate_type: Option<String>,
    /// A short name of the predicate type.
    pub predicate_slug: Option<String>,
    /// When it was made, as it stands.
    pub created_at: Option<String>,
    /// What it is about.
    pub subject: RecordSubject,
}

/// What a piece of evidence is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct RecordSubject {
    /// The SHA-256 of the subject's file, in hexadecimal: of an image, its manifest's.
    pub sha256: String,
}

/// Why a file is no JFrog evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Larger than [`BUNDLE_BYTES`].
    #[error("{found} bytes, the limit of an evidence file is {BUNDLE_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not the JSON that it should be.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// Neither an envelope, a bundle, nor a listing.
    #[error(
        "neither a DSSE envelope, a Sigstore bundle, the output of `jf evd get` nor an answer to searchEvidence"
    )]
    Unknown,
    /// The server answered with errors.
    #[error("the server answered with errors: {0}")]
    Server(String),
    /// More than [`CANDIDATES_PER_STORE`].
    #[error("{found} records, the limit is {CANDIDATES_PER_STORE}")]
    TooMany {
        /// How many.
        found: usize,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Top<'a> {
    #[serde(rename = "payloadType", borrow)]
    payload_type: Option<&'a RawValue>,
    #[serde(rename = "mediaType", borrow)]
    media_type: Option<&'a RawValue>,
    #[serde(rename = "schemaVersion", borrow)]
    schema_version: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Output {
    evidence: Vec<Record>,
}

#[derive(Deserialize)]
struct Data {
    evidence: Search,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    search_evidence: Edges,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edges {
    total_count: Option<u64>,
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    node: Record,
}

impl Evidence {
    /// Tells what a file is, and takes it apart where it is a listing.
    pub fn read(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if u64::try_from(bytes.len()).is_ok_and(|size| size > BUNDLE_BYTES) {
            return Err(EvidenceError::TooLarge { found: bytes.len() });
        }
        json::check(bytes, json::exact).map_err(EvidenceError::Json)?;
        let top: Top<'_> = parse(bytes)?;
        if let Some(errors) = top.errors.map(RawValue::get).filter(|errors| !["null", "[]"].contains(errors))
        {
            return Err(EvidenceError::Server(errors.chars().take(500).collect()));
        }
        if top.payload_type.is_some() {
            return Ok(Self::Envelope(bytes.to_vec()));
        }
        if top.media_type.is_some() {
            return Ok(Self::Bundle(bytes.to_vec()));
        }
        let listing = match (top.schema_version, top.result, top.data) {
            (Some(_), Some(result), None) => {
                let output: Output = parse(result.get().as_bytes())?;
                Listing { records: output.evidence, total: None }
            }
            (None, None, Some(data)) => {
                let data: Data = parse(data.get().as_bytes())?;
                let found = data.evidence.search_evidence;
                let records = found.edges.into_iter().map(|edge| edge.node).collect();
                Listing { records, total: found.total_count }
            }
            _ => return Err(EvidenceError::Unknown),
        };
        if listing.records.len() > CANDIDATES_PER_STORE {
            return Err(EvidenceError::TooMany { found: listing.records.len() });
        }
        Ok(Self::Listing(listing))
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, EvidenceError> {
    serde_json::from_slice(bytes)
        .map_err(|error| EvidenceError::Json(JsonError::Shape { why: error.to_string() }))
}
