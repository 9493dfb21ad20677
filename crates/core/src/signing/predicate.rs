//! A predicate as it is going to be signed: its type and its JSON.
//!
//! The JSON of a file goes into the statement as it stands, numbers, blanks and the order of members untouched: cosign
//! reads numbers as floats, so that 2^53 + 1 becomes another number. What two readers could read differently is refused
//! (rule S7).

use core::str::FromStr as _;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::json::{self, JsonError};
use crate::limits::BUNDLE_BYTES;
use crate::predicate::{CUSTOM, Claims, PredicateType, PredicateTypeError, ShortName};
use crate::simple_signing::quote;

/// A predicate to be signed.
///
/// ```
/// use waxseal_core::signing::Predicate;
/// let predicate = Predicate::of_file("https://example.com/review/v1", br#"{ "builds": 9007199254740993 }"#, jiff::Timestamp::UNIX_EPOCH)?;
/// assert_eq!(predicate.json(), r#"{ "builds": 9007199254740993 }"#);
/// # Ok::<(), waxseal_core::signing::PredicateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    kind: PredicateType,
    json: String,
}

impl Predicate {
    /// What a file holds, made a predicate as cosign does it for the type as it was typed, a short name or a URI: the
    /// text in `{"Data": ..., "Timestamp": ...}` for `custom`, a JSON string for `spdx` (tag-value text), the JSON
    /// object as it stands for every other type. `now` is the timestamp, in whole seconds.
    pub fn of_file(typed: &str, content: &[u8], now: Timestamp) -> Result<Self, PredicateError> {
        let kind = PredicateType::from_str(typed).map_err(PredicateError::Type)?;
        if kind.as_str() == CUSTOM {
            let time =
                jiff::fmt::temporal::DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&now);
            let json = format!(r#"{{"Data":{},"Timestamp":"{time}"}}"#, quote(text(content)?));
            return Ok(Self { kind, json });
        }
        if typed.parse() == Ok(ShortName::Spdx) {
            return Ok(Self { kind, json: quote(text(content)?) });
        }
        Self::object(kind, content)
    }

    /// A JSON object, as it stands.
    pub fn object(kind: PredicateType, json: &[u8]) -> Result<Self, PredicateError> {
        let json = text(json)?;
        json::check(json.as_bytes(), json::exact).map_err(PredicateError::Json)?;
        let json = json.trim_ascii();
        if json.starts_with('{') {
            Ok(Self { kind, json: json.to_owned() })
        } else {
            Err(PredicateError::NotAnObject { kind })
        }
    }

    /// Whether it lacks what counts for its type: of scans, VEX documents and verification summaries the newest is judged,
    /// and one that does not say when it was finished never passes (rule N2).
    pub fn lacks_its_time(&self) -> bool {
        let claims = Claims::of(&self.kind);
        let predicate: Option<&RawValue> = serde_json::from_str(&self.json).ok();
        claims.can_be_taken_back() && claims.finished(predicate).is_none()
    }

    /// Its type.
    pub const fn kind(&self) -> &PredicateType {
        &self.kind
    }

    /// Its JSON, as it is signed.
    pub fn json(&self) -> &str {
        &self.json
    }
}

fn text(bytes: &[u8]) -> Result<&str, PredicateError> {
    if bytes.len() as u64 > BUNDLE_BYTES {
        return Err(PredicateError::TooLarge { bytes: bytes.len() });
    }
    core::str::from_utf8(bytes).map_err(|_| PredicateError::NotUtf8)
}

/// Why something is no predicate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PredicateError {
    /// The type is none.
    #[error("{0}")]
    Type(#[source] PredicateTypeError),
    /// The content is no text.
    #[error("the predicate is not UTF-8")]
    NotUtf8,
    /// The content is not the JSON that every reader reads alike.
    #[error("the predicate: {0}")]
    Json(#[source] JsonError),
    /// The content is JSON, and no object.
    #[error("a predicate of the type {kind} is a JSON object")]
    NotAnObject {
        /// The type.
        kind: PredicateType,
    },
    /// More than [`BUNDLE_BYTES`].
    #[error("a predicate of {bytes} bytes, and no more than {BUNDLE_BYTES} are read")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
}

impl PredicateError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Type(_) => "predicate-type",
            Self::NotUtf8 => "predicate-not-utf8",
            Self::Json(JsonError::DuplicateMember { .. }) => "duplicate-member",
            Self::Json(_) => "predicate-not-json",
            Self::NotAnObject { .. } => "predicate-not-an-object",
            Self::TooLarge { .. } => "predicate-too-large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::JSON_DEPTH;

    fn of_file(typed: &str, content: impl AsRef<[u8]>) -> Result<Predicate, PredicateError> {
        Predicate::of_file(typed, content.as_ref(), "2026-01-02T03:04:05.678Z".parse().unwrap())
    }

    #[test]
    fn an_object_stays_as_it_stands() {
        let content =
            "\n{ \"b\": 9007199254740993,\r\n\t\"a\": 1.0, \"c\": 1e400, \"e\": \"<\\u003c\u{e9}\" }\n";
        for typed in ["cyclonedx", "spdxjson", "vuln", "openvex", "link", "slsaprovenance1", "urn:a:b"] {
            let predicate = of_file(typed, content).unwrap();
            assert_eq!(predicate.json(), content.trim());
            assert_eq!(predicate.kind(), &typed.parse().unwrap());
        }
    }

    #[test]
    fn custom_and_spdx_hold_any_text() {
        let text = "no JSON: \"\u{e9}\"\n<&>\u{0}";
        let quoted = r#""no JSON: \"\u00e9\"\n\u003c\u0026\u003e\u0000""#.replace("\\u00e9", "\u{e9}");
        for typed in ["custom", "https://cosign.sigstore.dev/attestation/v1"] {
            let json = of_file(typed, text).unwrap().json().to_owned();
            assert_eq!(json, format!(r#"{{"Data":{quoted},"Timestamp":"2026-01-02T03:04:05Z"}}"#));
        }
        let spdx = of_file("spdx", text).unwrap();
        assert_eq!((spdx.json(), spdx.kind().as_str()), (quoted.as_str(), "https://spdx.dev/Document"));
        // By its URI it is JSON, as with cosign.
        assert_eq!(of_file("https://spdx.dev/Document", text).unwrap_err().code(), "predicate-not-json");
        assert_eq!(of_file("spdx", b"\xff").unwrap_err(), PredicateError::NotUtf8);
        assert_eq!(of_file("custom", b"\xff").unwrap_err(), PredicateError::NotUtf8);
    }

    #[test]
    fn n2_a_scan_without_its_time_is_told() {
        let lacks = |typed: &str, content: &str| of_file(typed, content).unwrap().lacks_its_time();
        let scan = |time: &str| format!(r#"{{"metadata":{{"scanFinishedOn":{time}}}}}"#);
        assert!(!lacks("vuln", &scan("\"2026-01-01T00:00:00Z\"")));
        for time in ["\"yesterday\"", "\"0001-01-01T00:00:00Z\"", "null", "7"] {
            assert!(lacks("vuln", &scan(time)), "{time}");
        }
        assert!(lacks("vuln", "{}") && lacks("openvex", "{}"));
        // Of these any one counts.
        assert!(!lacks("cyclonedx", "{}") && !lacks("urn:a:b", "{}") && !lacks("custom", ""));
    }

    #[test]
    fn what_is_no_predicate_is_refused_with_its_code() {
        let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(of_file("vuln", deep(JSON_DEPTH)).is_ok());
        for (content, code) in [
            (r#"{"a":1,"a":1}"#.to_owned(), "duplicate-member"),
            (r#"{"b":{"a":1,"\u0061":1}}"#.to_owned(), "duplicate-member"),
            ("[]".to_owned(), "predicate-not-an-object"),
            ("\"text\"".to_owned(), "predicate-not-an-object"),
            ("null".to_owned(), "predicate-not-an-object"),
            ("7".to_owned(), "predicate-not-an-object"),
            (String::new(), "predicate-not-json"),
            ("{".to_owned(), "predicate-not-json"),
            ("{} {}".to_owned(), "predicate-not-json"),
            ("\u{feff}{}".to_owned(), "predicate-not-json"),
            (deep(JSON_DEPTH + 1), "predicate-not-json"),
        ] {
            assert_eq!(of_file("vuln", &content).unwrap_err().code(), code, "{content}");
        }
        // Two names that differ in case only are the predicate's own.
        assert!(of_file("vuln", r#"{"a":1,"A":1}"#).is_ok());
        assert_eq!(of_file("review", "{}").unwrap_err().code(), "predicate-type");
        // An attestation must not become an image signature (rule S3).
        assert_eq!(of_file(crate::statement::COSIGN_SIGN, "{}").unwrap_err().code(), "predicate-type");
        let large = vec![b' '; usize::try_from(BUNDLE_BYTES).unwrap() + 1];
        assert_eq!(of_file("custom", large).unwrap_err().code(), "predicate-too-large");
    }
}
