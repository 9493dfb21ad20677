//! The response: signatures, the request that they are of, and the key that made them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::error::expect_schema;
use super::reading::Version;
use super::{DetachedError, DetachedRequest, PayloadKind, RESPONSE_SCHEMA};
use crate::digest::Digest;
use crate::json::{self, JsonError, Names, Path};
use crate::key::{KeyId, PublicKey, Scheme, Signature};
use crate::limits::SIGNING_RESPONSE_BYTES;

/// The signatures that came back. Nothing in it proves anything: see [`DetachedRequest::assemble`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedResponse {
    request: Digest,
    key: KeyId,
    signatures: BTreeMap<PayloadKind, Signature>,
}

impl DetachedResponse {
    pub(super) const fn new(
        request: Digest,
        key: KeyId,
        signatures: BTreeMap<PayloadKind, Signature>,
    ) -> Self {
        Self { request, key, signatures }
    }

    /// Reads a response.
    pub fn parse(bytes: &[u8]) -> Result<Self, DetachedError> {
        if bytes.len() as u64 > SIGNING_RESPONSE_BYTES {
            return Err(DetachedError::TooLarge { bytes: bytes.len(), limit: SIGNING_RESPONSE_BYTES });
        }
        json::check(bytes, interpreted).map_err(DetachedError::Json)?;
        let shape = |why: String| DetachedError::Json(JsonError::Shape { why });
        let version: Version = serde_json::from_slice(bytes).map_err(|error| shape(error.to_string()))?;
        expect_schema(version.schema.as_deref(), RESPONSE_SCHEMA)?;
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| shape(error.to_string()))?;
        let mut signatures = BTreeMap::new();
        for (name, text) in wire.signatures {
            let kind: PayloadKind = name.parse()?;
            let signature = Signature::from_base64(&text).map_err(|_| DetachedError::Encoding { kind })?;
            signatures.insert(kind, signature);
        }
        if signatures.is_empty() {
            return Err(DetachedError::Empty);
        }
        let key = wire.key.parse().map_err(|error| shape(format!("the member \"key\": {error}")))?;
        Ok(Self { request: wire.request, key, signatures })
    }

    /// Makes a response of bare signatures, as openssl, tokens and key services write them (see
    /// [`Signature::candidates`]): each is tried on every payload, by the key that the caller names. One that is of none
    /// of them is an error; whether each payload has one is seen when it is put together.
    pub fn of_bare(
        request: &DetachedRequest,
        key: &PublicKey,
        files: &[Vec<u8>],
    ) -> Result<Self, DetachedError> {
        let schemes = Scheme::accepted_for(key.algorithm());
        let mut signatures = BTreeMap::new();
        for (at, bytes) in files.iter().enumerate() {
            let candidates = Signature::candidates(bytes, key.algorithm());
            let found = request.messages().find_map(|(kind, message)| {
                let holds = |one: &&Signature| key.verify(message, one.as_bytes(), schemes).is_some();
                candidates.iter().find(holds).map(|signature| (kind, signature.clone()))
            });
            let (kind, signature) = found.ok_or(DetachedError::OfNoPayload { nth: at.saturating_add(1) })?;
            signatures.insert(kind, signature);
        }
        Ok(Self { request: *request.id(), key: key.id(), signatures })
    }

    /// The request that it says it is to.
    pub const fn request(&self) -> &Digest {
        &self.request
    }

    /// The key that it says has signed.
    pub const fn key(&self) -> &KeyId {
        &self.key
    }

    /// The signatures, by the payloads that they are said to be of.
    pub const fn signatures(&self) -> &BTreeMap<PayloadKind, Signature> {
        &self.signatures
    }

    /// The response as JSON.
    pub fn to_json(&self) -> String {
        let entry = |(kind, signature): (&PayloadKind, &Signature)| {
            (kind.name().to_owned(), Value::String(signature.to_base64()))
        };
        let signatures = Value::Object(self.signatures.iter().map(entry).collect());
        json!({
            "schema": RESPONSE_SCHEMA,
            "request": self.request,
            "key": self.key,
            "signatures": signatures,
        })
        .to_string()
    }
}

/// The levels whose members are read by name.
fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["schema", "request", "key", "signatures"]),
        [signatures] if signatures == "signatures" => Names::Folded,
        _ => Names::Exact,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    request: Digest,
    key: String,
    signatures: BTreeMap<String, String>,
}
