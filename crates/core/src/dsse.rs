//! DSSE envelopes: a payload, its type, and signatures over both.
//!
//! What is signed is the pre-authentication encoding of type and payload (DSSE `protocol.md`, version 1), so a
//! payload cannot be read as another type. The key id of a signature is a hint that nobody signed: it never
//! chooses a key or an algorithm.

use serde::Deserialize;

use crate::encoding::{base64_decode, base64_encode};
use crate::json::{self, Names, Path};
use crate::limits::ENVELOPE_SIGNATURES;
use crate::simple_signing::quote;
use crate::verify::Reason;

/// An envelope, unverified: its payload can be verified and sized, but not read.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvelopeSignature {
    /// The signature's bytes.
    pub signature: Vec<u8>,
    /// The key id as it stands there. A hint that nobody signed.
    pub key_id: Option<String>,
}

impl Envelope {
    /// An envelope around a payload that was just signed.
    pub fn new(payload_type: impl Into<String>, payload: Vec<u8>, signatures: Vec<Vec<u8>>) -> Self {
        let signatures =
            signatures.into_iter().map(|signature| EnvelopeSignature { signature, key_id: None }).collect();
        Self { payload, payload_type: payload_type.into(), signatures }
    }

    /// Reads an envelope. An envelope without signatures is one; it just proves nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        json::check(bytes, interpreted).map_err(EnvelopeError::Json)?;
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| EnvelopeError::Json(json::JsonError::Shape { why: error.to_string() }))?;
        Self::from_wire(wire)
    }

    pub(crate) fn from_wire(wire: Wire) -> Result<Self, EnvelopeError> {
        let payload = base64_decode(&wire.payload).map_err(|_| EnvelopeError::PayloadEncoding)?;
        let signatures = wire.signatures.unwrap_or_default();
        if signatures.len() > ENVELOPE_SIGNATURES {
            return Err(EnvelopeError::TooManySignatures { found: signatures.len() });
        }
        let signatures = signatures
            .into_iter()
            .map(|signature| {
                let bytes = base64_decode(&signature.sig).map_err(|_| EnvelopeError::SignatureEncoding)?;
                let key_id = signature.keyid.filter(|id| !id.is_empty());
                Ok(EnvelopeSignature { signature: bytes, key_id })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { payload, payload_type: wire.payload_type, signatures })
    }

    /// The envelope as JSON, in the member order of the DSSE specification.
    pub fn to_json(&self) -> String {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|signature| {
                let key_id = signature.key_id.as_deref().map(|id| format!(r#""keyid":{},"#, quote(id)));
                format!(
                    r#"{{{}"sig":"{}"}}"#,
                    key_id.unwrap_or_default(),
                    base64_encode(&signature.signature)
                )
            })
            .collect();
        format!(
            r#"{{"payload":"{}","payloadType":{},"signatures":[{}]}}"#,
            base64_encode(&self.payload),
            quote(&self.payload_type),
            signatures.join(",")
        )
    }

    /// The bytes that each signature is over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// The payload type. It is signed, but says nothing before a signature was verified.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signatures.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// The payload, for the one place that has verified a signature over it.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl core::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Envelope")
            .field("payload_type", &self.payload_type)
            .field("payload_bytes", &self.payload.len())
            .field("signatures", &self.signatures.len())
            .finish()
    }
}

/// The pre-authentication encoding: `"DSSEv1" SP len(type) SP type SP len(body) SP body`, lengths in bytes.
///
/// ```
/// let encoded = waxseal_core::dsse::pae("http://example.com/HelloWorld", b"hello world");
/// assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The levels of an envelope whose members are read by name: the envelope, and each signature.
pub(crate) fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["payload", "payloadType", "signatures"]),
        // `keyid` is a hint that nothing follows: some write it in another case.
        [signatures, item] if signatures == "signatures" && item.is_empty() => Names::Known(&["sig"]),
        _ => Names::Exact,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire {
    payload: String,
    payload_type: String,
    signatures: Option<Vec<WireSignature>>,
}

#[derive(Deserialize)]
struct WireSignature {
    sig: String,
    keyid: Option<String>,
}

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not the JSON that an envelope is.
    #[error("{0}")]
    Json(#[source] json::JsonError),
    /// The payload is not base64.
    #[error("the payload is not standard base64")]
    PayloadEncoding,
    /// A signature is not base64.
    #[error("a signature is not standard base64")]
    SignatureEncoding,
    /// More than [`ENVELOPE_SIGNATURES`].
    #[error("{found} signatures, the limit is {ENVELOPE_SIGNATURES}")]
    TooManySignatures {
        /// Number of signatures.
        found: usize,
    },
}

impl EnvelopeError {
    /// The finding that this becomes.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Json(error) => Reason::of_json(error, Reason::MalformedEnvelope),
            Self::PayloadEncoding => Reason::MalformedEnvelope,
            Self::SignatureEncoding => Reason::MalformedSignature,
            Self::TooManySignatures { .. } => Reason::LimitExceeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope::new("application/vnd.in-toto+json", b"{}".to_vec(), vec![vec![1, 2, 3]])
    }

    #[test]
    fn counts_bytes_and_not_characters() {
        assert_eq!(pae("é", "ü".as_bytes()), "DSSEv1 2 é 2 ü".as_bytes());
        assert_ne!(pae("a 1", b"b"), pae("a", b"1 b"));
    }

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(Envelope::parse(envelope().to_json().as_bytes()), Ok(envelope()));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let text = envelope().to_json();
        for (from, to, reason) in [
            ("{\"payload\"", "{\"payload\":\"\",\"payload\"", Reason::DuplicateMember),
            ("{\"payload\"", "{\"Payload\":\"\",\"payload\"", Reason::DuplicateMember),
            ("{\"sig\"", "{\"sig\":\"\",\"sig\"", Reason::DuplicateMember),
            ("{\"sig\"", "{\"SIG\":\"\",\"sig\"", Reason::DuplicateMember),
            ("e30=", "e30", Reason::MalformedEnvelope),
            ("e30=", "e31=", Reason::MalformedEnvelope),
            ("AQID", "AQI-", Reason::MalformedSignature),
            ("AQID", "AQ\\nID", Reason::MalformedSignature),
            ("\"payloadType\"", "\"type\"", Reason::MalformedEnvelope),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(Envelope::parse(changed.as_bytes()).unwrap_err().reason(), reason, "{changed}");
        }
    }

    #[test]
    fn the_number_of_signatures_is_bounded() {
        let with = |count| Envelope::new("t", Vec::new(), vec![vec![0]; count]).to_json();
        assert!(Envelope::parse(with(ENVELOPE_SIGNATURES).as_bytes()).is_ok());
        let found = ENVELOPE_SIGNATURES + 1;
        assert_eq!(Envelope::parse(with(found).as_bytes()), Err(EnvelopeError::TooManySignatures { found }));
        assert!(Envelope::parse(with(0).as_bytes()).unwrap().signatures().is_empty());
    }
}
