//! Sigstore bundles with key material: one JSON document with a signature and what it needs to be verified.
//!
//! Versions 0.1 to 0.3 are read, 0.3 is written (protobuf-specs `sigstore_bundle.proto`). With a key nothing in
//! the verification material is needed, so log entries and timestamps are counted against their limits and not
//! read; the output says that no log was checked (rule S10).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dsse::{self, Envelope, EnvelopeError};
use crate::encoding::{base64_decode, base64_encode};
use crate::json::{self, JsonError, Names, Path};
use crate::key::KeyId;
use crate::limits::{BUNDLE_BYTES, CERTIFICATES, LOG_ENTRIES, TIMESTAMPS};
use crate::media_type::{BUNDLE_V01, BUNDLE_V02, BUNDLE_V03, BUNDLE_V03_PARAMETER};
use crate::verify::Reason;

/// A bundle, unverified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bundle {
    /// Which form it has.
    pub version: BundleVersion,
    /// What the signature is to be verified with, by the bundle's own word.
    pub material: Material,
    /// What was signed.
    pub content: Content,
    /// How many transparency log entries came with it. They are not checked (rule S10).
    pub log_entries: usize,
    /// How many signed timestamps came with it. They are not checked.
    pub timestamps: usize,
}

/// The forms of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleVersion {
    /// Version 0.1.
    V01,
    /// Version 0.2.
    V02,
    /// Version 0.3.
    V03,
}

/// What a bundle says that its signature is to be verified with. A hint: the operator's key decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Material {
    /// A public key, by a hint that may name it.
    Key {
        /// The hint: for cosign and for us the base64 of the SHA-256 of the public key.
        hint: Option<String>,
    },
    /// A certificate or a chain.
    Certificate,
}

/// What a bundle's signature is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// A DSSE envelope.
    Envelope(Envelope),
    /// A blob that stands elsewhere.
    Message {
        /// The signature.
        signature: Vec<u8>,
        /// The digest of the blob, where the bundle names one: algorithm and bytes.
        digest: Option<(MessageDigest, Vec<u8>)>,
    },
}

/// The hash of a message digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageDigest {
    /// `SHA2_256`.
    Sha256,
    /// `SHA2_384`.
    Sha384,
    /// `SHA2_512`.
    Sha512,
}

impl MessageDigest {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }
}

impl Bundle {
    /// Reads a bundle; `limit` is the number of bytes that it may have, [`BUNDLE_BYTES`] if nobody raised it.
    pub fn parse(bytes: &[u8], limit: u64) -> Result<Self, BundleError> {
        if bytes.len() as u64 > limit {
            return Err(BundleError::TooLarge { limit });
        }
        json::check(bytes, interpreted).map_err(BundleError::Json)?;
        let shape = |error: serde_json::Error| BundleError::Json(JsonError::Shape { why: error.to_string() });
        // The version first: an unknown one may have another shape, and should be named as what it is.
        let Version { media_type } = serde_json::from_slice(bytes).map_err(shape)?;
        let version = match media_type.as_str() {
            BUNDLE_V01 => BundleVersion::V01,
            BUNDLE_V02 => BundleVersion::V02,
            BUNDLE_V03 | BUNDLE_V03_PARAMETER => BundleVersion::V03,
            _ => return Err(BundleError::Version { found: media_type }),
        };
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(shape)?;
        let material = wire.verification_material;
        let log_entries = bound(material.tlog_entries.as_deref(), LOG_ENTRIES, "log entries")?;
        let stamps = material.timestamp_verification_data.and_then(|data| data.rfc3161_timestamps);
        let timestamps = bound(stamps.as_deref(), TIMESTAMPS, "timestamps")?;
        let chain = material.x509_certificate_chain.map(|chain| chain.certificates.unwrap_or_default());
        bound(chain.as_deref(), CERTIFICATES, "certificates")?;
        let material = match (material.public_key, material.certificate.is_some() || chain.is_some()) {
            (Some(key), false) => Material::Key { hint: key.hint.filter(|hint| !hint.is_empty()) },
            (None, true) => Material::Certificate,
            (Some(_), true) | (None, false) => return Err(BundleError::Material),
        };
        let content = match (wire.dsse_envelope, wire.message_signature) {
            (Some(envelope), None) => {
                Content::Envelope(Envelope::from_wire(envelope).map_err(BundleError::Envelope)?)
            }
            (None, Some(message)) => message.read()?,
            (None, None) => return Err(BundleError::NoContent),
            (Some(_), Some(_)) => return Err(BundleError::TwoContents),
        };
        Ok(Self { version, material, content, log_entries, timestamps })
    }

    /// A version 0.3 bundle around an envelope that a key signed.
    pub fn write_envelope(key: &KeyId, envelope: &Envelope) -> String {
        let head = head(key);
        format!(r#"{head},"dsseEnvelope":{}}}"#, envelope.to_json())
    }

    /// A version 0.3 bundle around the signature of a blob. The digest identifies the blob; sigstore-go takes no
    /// bundle without one, so that a pure Ed25519 signature names one too.
    pub fn write_message(key: &KeyId, signature: &[u8], digest: Option<(MessageDigest, &[u8])>) -> String {
        let digest = digest.map(|(algorithm, bytes)| {
            format!(
                r#""messageDigest":{{"algorithm":"{}","digest":"{}"}},"#,
                algorithm.name(),
                base64_encode(bytes)
            )
        });
        let digest = digest.unwrap_or_default();
        let signature = base64_encode(signature);
        format!(r#"{},"messageSignature":{{{digest}"signature":"{signature}"}}}}"#, head(key))
    }
}

fn head(key: &KeyId) -> String {
    let hint = key.hint();
    format!(r#"{{"mediaType":"{BUNDLE_V03}","verificationMaterial":{{"publicKey":{{"hint":"{hint}"}}}}"#)
}

fn bound<T>(items: Option<&[T]>, limit: usize, what: &'static str) -> Result<usize, BundleError> {
    let found = items.map_or(0, <[T]>::len);
    if found > limit { Err(BundleError::TooMany { what, found, limit }) } else { Ok(found) }
}

/// Every level of a bundle is read by name, but for what is counted and left alone.
fn interpreted(path: Path<'_>) -> Names {
    let Some((first, rest)) = path.split_first() else {
        return Names::Known(&["mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature"]);
    };
    match (first.as_str(), rest) {
        ("dsseEnvelope", rest) => dsse::interpreted(rest),
        ("verificationMaterial", []) => Names::Known(&[
            "publicKey",
            "certificate",
            "x509CertificateChain",
            "tlogEntries",
            "timestampVerificationData",
        ]),
        ("verificationMaterial", [part]) => match part.as_str() {
            "publicKey" => Names::Known(&["hint"]),
            "x509CertificateChain" => Names::Known(&["certificates"]),
            "timestampVerificationData" => Names::Known(&["rfc3161Timestamps"]),
            _ => Names::Folded,
        },
        ("messageSignature", []) => Names::Known(&["messageDigest", "signature"]),
        ("messageSignature", [digest]) if digest == "messageDigest" => Names::Known(&["algorithm", "digest"]),
        _ => Names::Exact,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    media_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    verification_material: WireMaterial<'a>,
    dsse_envelope: Option<dsse::Wire>,
    message_signature: Option<WireMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMaterial<'a> {
    public_key: Option<WireKey>,
    #[serde(borrow)]
    certificate: Option<&'a RawValue>,
    #[serde(borrow, rename = "x509CertificateChain")]
    x509_certificate_chain: Option<WireChain<'a>>,
    #[serde(borrow)]
    tlog_entries: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    timestamp_verification_data: Option<WireTimestamps<'a>>,
}

#[derive(Deserialize)]
struct WireKey {
    hint: Option<String>,
}

#[derive(Deserialize)]
struct WireChain<'a> {
    #[serde(borrow)]
    certificates: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct WireTimestamps<'a> {
    #[serde(borrow, rename = "rfc3161Timestamps")]
    rfc3161_timestamps: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMessage {
    message_digest: Option<WireDigest>,
    signature: String,
}

#[derive(Deserialize)]
struct WireDigest {
    algorithm: Option<String>,
    digest: Option<String>,
}

impl WireMessage {
    fn read(self) -> Result<Content, BundleError> {
        let signature = base64_decode(&self.signature).map_err(|_| BundleError::SignatureEncoding)?;
        let digest = match self.message_digest {
            None | Some(WireDigest { algorithm: None, digest: None }) => None,
            Some(WireDigest { algorithm: Some(algorithm), digest: Some(digest) }) => {
                let algorithm = match algorithm.as_str() {
                    "SHA2_256" => MessageDigest::Sha256,
                    "SHA2_384" => MessageDigest::Sha384,
                    "SHA2_512" => MessageDigest::Sha512,
                    _ => return Err(BundleError::MessageDigest),
                };
                let digest = base64_decode(&digest).map_err(|_| BundleError::MessageDigest)?;
                Some((algorithm, digest))
            }
            Some(_) => return Err(BundleError::MessageDigest),
        };
        Ok(Content::Message { signature, digest })
    }
}

/// Why bytes are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Larger than the limit in force, [`BUNDLE_BYTES`] unless a flag raised it.
    #[error("larger than {limit} bytes (default limit {BUNDLE_BYTES})")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Not the JSON that a bundle is.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// A version that we do not know.
    #[error("the media type {found:?} is no bundle of version 0.1 to 0.3")]
    Version {
        /// The media type found.
        found: String,
    },
    /// The verification material has neither a key nor a certificate, or both.
    #[error("the verification material names neither a key nor a certificate, or both")]
    Material,
    /// The envelope is none.
    #[error("the envelope: {0}")]
    Envelope(#[source] EnvelopeError),
    /// There is neither an envelope nor a signature.
    #[error("the bundle has no content")]
    NoContent,
    /// There are an envelope and a signature.
    #[error("the bundle has an envelope and a message signature")]
    TwoContents,
    /// The signature is not base64.
    #[error("the signature is not standard base64")]
    SignatureEncoding,
    /// The digest of the message is not one.
    #[error("the message digest is none of SHA2_256, SHA2_384 and SHA2_512 in base64")]
    MessageDigest,
    /// Too many of something.
    #[error("{found} {what}, the limit is {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
}

impl BundleError {
    /// The finding that this becomes.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => Reason::LimitExceeded,
            Self::Json(error) => Reason::of_json(error, Reason::MalformedBundle),
            Self::Version { .. } => Reason::UnknownVersion,
            Self::Material | Self::TwoContents | Self::MessageDigest => Reason::MalformedBundle,
            Self::Envelope(error) => error.reason(),
            Self::NoContent => Reason::NoContent,
            Self::SignatureEncoding => Reason::MalformedSignature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let envelope = r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"AQID"}]}"#;
        format!(
            r#"{{"mediaType":"{BUNDLE_V03}","verificationMaterial":{{"publicKey":{{"hint":"aA=="}}}},"dsseEnvelope":{envelope}}}"#
        )
    }

    fn parse(text: &str) -> Result<Bundle, BundleError> {
        Bundle::parse(text.as_bytes(), BUNDLE_BYTES)
    }

    #[test]
    fn reads_every_version_that_we_know() {
        for (media_type, version) in [
            (BUNDLE_V01, BundleVersion::V01),
            (BUNDLE_V02, BundleVersion::V02),
            (BUNDLE_V03, BundleVersion::V03),
            (BUNDLE_V03_PARAMETER, BundleVersion::V03),
        ] {
            assert_eq!(parse(&text().replace(BUNDLE_V03, media_type)).unwrap().version, version);
        }
        for other in ["application/vnd.dev.sigstore.bundle.v0.4+json", "application/json", ""] {
            let error = parse(&text().replace(BUNDLE_V03, other)).unwrap_err();
            assert_eq!(error.reason(), Reason::UnknownVersion, "{other}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for (from, to, reason) in [
            ("\"mediaType\"", "\"mediaType\":\"x\",\"mediaType\"", Reason::DuplicateMember),
            ("\"dsseEnvelope\"", "\"DsseEnvelope\":{},\"dsseEnvelope\"", Reason::DuplicateMember),
            ("\"payload\"", "\"PAYLOAD\":\"\",\"payload\"", Reason::DuplicateMember),
            ("\"sig\"", "\"Sig\":\"\",\"sig\"", Reason::DuplicateMember),
            ("\"hint\"", "\"Hint\":\"\",\"hint\"", Reason::DuplicateMember),
            // Alone, in another case: a reader that folds case sees what we do not.
            ("\"mediaType\"", "\"MediaType\"", Reason::DuplicateMember),
            ("\"publicKey\"", "\"Certificate\":{},\"publicKey\"", Reason::DuplicateMember),
            ("\"publicKey\"", "\"TlogEntries\":[],\"publicKey\"", Reason::DuplicateMember),
            ("\"hint\"", "\"Hint\"", Reason::DuplicateMember),
            (
                "\"dsseEnvelope\"",
                "\"MessageSignature\":{\"signature\":\"AQID\"},\"dsseEnvelope\"",
                Reason::DuplicateMember,
            ),
            ("\"payloadType\"", "\"PayloadType\"", Reason::DuplicateMember),
            ("\"signatures\"", "\"Signatures\"", Reason::DuplicateMember),
            ("\"publicKey\"", "\"certificate\":{},\"publicKey\"", Reason::MalformedBundle),
            ("\"publicKey\"", "\"other\"", Reason::MalformedBundle),
            ("\"verificationMaterial\"", "\"material\"", Reason::MalformedBundle),
            ("\"dsseEnvelope\"", "\"envelope\"", Reason::NoContent),
            (
                "\"dsseEnvelope\"",
                "\"messageSignature\":{\"signature\":\"AQID\"},\"dsseEnvelope\"",
                Reason::MalformedBundle,
            ),
            ("\"hint\":\"aA==\"", "\"hint\":7", Reason::MalformedBundle),
            ("AQID", "AQI", Reason::MalformedSignature),
        ] {
            let changed = text().replacen(from, to, 1);
            assert_ne!(changed, text());
            assert_eq!(parse(&changed).unwrap_err().reason(), reason, "{changed}");
        }
    }

    #[test]
    fn counts_before_it_reads() {
        let with = |member: &str, count: usize| {
            let items = vec!["{}"; count].join(",");
            text().replacen("\"publicKey\"", &member.replace("ITEMS", &items), 1)
        };
        for (member, limit) in [
            ("\"tlogEntries\":[ITEMS],\"publicKey\"", LOG_ENTRIES),
            ("\"timestampVerificationData\":{\"rfc3161Timestamps\":[ITEMS]},\"publicKey\"", TIMESTAMPS),
            ("\"x509CertificateChain\":{\"certificates\":[ITEMS]},\"x\"", CERTIFICATES),
        ] {
            assert!(parse(&with(member, limit)).is_ok(), "{member}");
            assert_eq!(
                parse(&with(member, limit + 1)).unwrap_err().reason(),
                Reason::LimitExceeded,
                "{member}"
            );
        }
        assert_eq!(Bundle::parse(text().as_bytes(), 10).unwrap_err().reason(), Reason::LimitExceeded);
    }

    #[test]
    fn reads_the_messages_that_it_writes() {
        let key: KeyId = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let written = Bundle::write_message(&key, &[1, 2, 3], Some((MessageDigest::Sha384, &[7; 48])));
        let Content::Message { signature, digest } = parse(&written).unwrap().content else { panic!() };
        assert_eq!((signature, digest), (vec![1, 2, 3], Some((MessageDigest::Sha384, vec![7; 48]))));
        let written = Bundle::write_message(&key, &[1, 2, 3], None);
        assert!(matches!(parse(&written).unwrap().content, Content::Message { digest: None, .. }));
        for (from, to) in [("SHA2_384", "SHA2_224"), ("\"algorithm\":\"SHA2_384\",", ""), ("BwcH", "Bwc-")] {
            let written = Bundle::write_message(&key, &[1], Some((MessageDigest::Sha384, &[7; 48])));
            let error = parse(&written.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.reason(), Reason::MalformedBundle, "{from}");
        }
    }
}
