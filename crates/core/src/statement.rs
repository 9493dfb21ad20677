//! In-toto statements: what is claimed about which digests.
//!
//! Statement v0.1 and v1 are read (in-toto attestation framework, `spec/v1/statement.md`). The predicate stays
//! the raw JSON that was signed, numbers untouched. A statement from outside becomes readable only after a
//! signature over it was verified; its predicate type is compared inside the signed payload and nowhere else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::digest::{Algorithm, Digest};
use crate::json::{self, JsonError, Names, Path};
use crate::limits::{STATEMENT_SUBJECTS, SUBJECT_DIGESTS};
use crate::predicate::{PredicateType, SPDX};
use crate::simple_signing::quote;

/// `_type` of a statement, version 1: what is written in bundles.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// `_type` of a statement, version 0.1: what cosign writes, and the legacy format.
pub const STATEMENT_V01: &str = "https://in-toto.io/Statement/v0.1";
/// The predicate type of an image signature in a bundle (rule S3).
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// The content of a verified statement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Statement {
    /// The subjects, in order.
    pub subjects: Vec<StatementSubject>,
    /// The predicate type.
    pub predicate_type: String,
    /// The predicate as it was signed; none where the member is absent.
    pub predicate: Option<Box<RawValue>>,
}

/// One subject of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementSubject {
    /// The subject's name, if it is not empty. Shown; it binds only where asked (rule S9).
    pub name: Option<String>,
    /// The digests of algorithms that we know.
    pub digests: Vec<Digest>,
    /// The annotations of the subject (rule S4).
    pub annotations: BTreeMap<String, Value>,
}

impl Statement {
    /// The bytes of an image signature's statement: one subject, the signature's predicate type, an empty predicate.
    pub fn write_signature(
        name: Option<&str>,
        digest: &Digest,
        annotations: &BTreeMap<String, String>,
    ) -> Vec<u8> {
        let name = name.map(|name| format!(r#""name":{},"#, quote(name))).unwrap_or_default();
        let annotations: Vec<_> =
            annotations.iter().map(|(name, value)| format!("{}:{}", quote(name), quote(value))).collect();
        let annotations = if annotations.is_empty() {
            String::new()
        } else {
            format!(r#","annotations":{{{}}}"#, annotations.join(","))
        };
        format!(
            r#"{{"_type":"{STATEMENT_V1}","subject":[{{{name}"digest":{{"{}":"{}"}}{annotations}}}],"predicateType":"{COSIGN_SIGN}","predicate":{{}}}}"#,
            digest.algorithm(),
            digest.hex(),
        )
        .into_bytes()
    }

    /// The bytes of a statement of this version about these subjects, each with its name if it has one. `predicate` is
    /// JSON and goes into it as it stands.
    pub(crate) fn write(
        version: &str,
        subjects: &[(Option<&str>, Digest)],
        predicate_type: &PredicateType,
        predicate: &str,
    ) -> Vec<u8> {
        let subjects: Vec<_> = subjects
            .iter()
            .map(|(name, digest)| {
                let name = name.map(|name| format!(r#""name":{},"#, quote(name))).unwrap_or_default();
                format!(r#"{{{name}"digest":{{"{}":"{}"}}}}"#, digest.algorithm(), digest.hex())
            })
            .collect();
        format!(
            r#"{{"_type":"{version}","subject":[{}],"predicateType":{},"predicate":{predicate}}}"#,
            subjects.join(","),
            quote(predicate_type.as_str()),
        )
        .into_bytes()
    }

    /// Reads a statement whose signature was verified.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire<'_> = {
            json::check(bytes, interpreted).map_err(StatementError::Json)?;
            serde_json::from_slice(bytes)
                .map_err(|error| StatementError::Json(JsonError::Shape { why: error.to_string() }))?
        };
        if ![STATEMENT_V1, STATEMENT_V01].contains(&wire.kind.as_str()) {
            return Err(StatementError::Type { found: wire.kind });
        }
        if wire.subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        if wire.subject.len() > STATEMENT_SUBJECTS {
            return Err(StatementError::TooManySubjects { found: wire.subject.len() });
        }
        let subjects = wire.subject.into_iter().map(subject).collect::<Result<_, _>>()?;
        if let Some(predicate) = wire.predicate {
            let text = predicate.get();
            // SPDX tag-value text is the one predicate that may be a string, as cosign writes it.
            let fits = text.starts_with('{') || (text.starts_with('"') && wire.predicate_type == SPDX);
            if !fits {
                return Err(StatementError::Predicate);
            }
        }
        Ok(Self {
            subjects,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate.map(ToOwned::to_owned),
        })
    }

    /// The digests of all subjects.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.subjects.iter().flat_map(|subject| subject.digests.iter().copied()).collect()
    }

    /// Every subject that has one of `digests`, with the digest that matched.
    pub(crate) fn subjects_with<'a>(
        &'a self,
        digests: &[&Digest],
    ) -> impl Iterator<Item = (&'a StatementSubject, Digest)> {
        self.subjects.iter().filter_map(|subject| {
            let matched = subject.digests.iter().find(|digest| digests.contains(digest))?;
            Some((subject, *matched))
        })
    }

    /// The first subject that has one of `digests`, with the digest that matched.
    pub fn subject_with<'a>(&'a self, digests: &[&Digest]) -> Option<(&'a StatementSubject, Digest)> {
        self.subjects_with(digests).next()
    }
}

fn subject(wire: WireSubject) -> Result<StatementSubject, StatementError> {
    let named = wire.digest.filter(|digests| !digests.is_empty()).ok_or(StatementError::NoDigest)?;
    if named.len() > SUBJECT_DIGESTS {
        return Err(StatementError::TooManyDigests { found: named.len() });
    }
    let mut digests = Vec::new();
    for (name, hex) in named {
        let algorithm = match name.as_str() {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => continue,
        };
        digests.push(Digest::from_hex(algorithm, &hex).map_err(|_| StatementError::Digest)?);
    }
    Ok(StatementSubject {
        name: wire.name.filter(|name| !name.is_empty()),
        digests,
        annotations: wire.annotations.unwrap_or_default(),
    })
}

/// The levels whose members are read by name: the statement, and each subject.
fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["_type", "subject", "predicateType", "predicate"]),
        [subject, item] if subject == "subject" && item.is_empty() => {
            Names::Known(&["name", "digest", "annotations"])
        }
        _ => Names::Exact,
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<WireSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(borrow)]
    predicate: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireSubject {
    name: Option<String>,
    digest: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, Value>>,
}

/// Why a verified payload is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not the JSON that a statement is.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// `_type` is neither of the two that we read.
    #[error("_type is {found:?}, expected {STATEMENT_V1} or {STATEMENT_V01}")]
    Type {
        /// What stands there.
        found: String,
    },
    /// There is no subject.
    #[error("the statement has no subject")]
    NoSubject,
    /// More than [`STATEMENT_SUBJECTS`].
    #[error("{found} subjects, the limit is {STATEMENT_SUBJECTS}")]
    TooManySubjects {
        /// Number of subjects.
        found: usize,
    },
    /// A subject has no digest.
    #[error("a subject has no digest")]
    NoDigest,
    /// More than [`SUBJECT_DIGESTS`].
    #[error("{found} digests of one subject, the limit is {SUBJECT_DIGESTS}")]
    TooManyDigests {
        /// Number of digests.
        found: usize,
    },
    /// A SHA-256 or SHA-512 digest is not lower-case hexadecimal of its length.
    #[error("a subject's digest is not lower-case hexadecimal of its algorithm's length")]
    Digest,
    /// The predicate is not an object.
    #[error("the predicate is not an object")]
    Predicate,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let annotations = [("stage".to_owned(), "release".to_owned())].into();
        let bytes =
            Statement::write_signature(Some("registry.example.com/app"), &Digest::of("x"), &annotations);
        String::from_utf8(bytes).unwrap()
    }

    fn parse(text: &str) -> Result<Statement, StatementError> {
        Statement::parse(text.as_bytes())
    }

    #[test]
    fn reads_what_it_writes_and_both_versions() {
        for text in [text(), text().replace("Statement/v1", "Statement/v0.1")] {
            let statement = parse(&text).unwrap();
            assert_eq!(statement.predicate_type, COSIGN_SIGN);
            let (subject, digest) = statement.subject_with(&[&Digest::of("x")]).unwrap();
            assert_eq!(digest, Digest::of("x"));
            assert_eq!(subject.name.as_deref(), Some("registry.example.com/app"));
            assert_eq!(subject.annotations.get("stage"), Some(&Value::from("release")));
        }
        let absent = text().replace(",\"predicate\":{}", "");
        assert!(parse(&absent).unwrap().predicate.is_none());
    }

    #[test]
    fn the_predicate_keeps_its_numbers() {
        let text =
            text().replace("\"predicate\":{}", "\"predicate\":{ \"n\": 9007199254740993, \"f\": 1.0 }");
        let predicate = parse(&text).unwrap().predicate.unwrap();
        assert_eq!(predicate.get(), "{ \"n\": 9007199254740993, \"f\": 1.0 }");
    }

    #[test]
    fn a_later_subject_matches() {
        let other = Digest::of("other").hex();
        let text =
            text().replace("[{\"name\"", &format!("[{{\"digest\":{{\"sha256\":\"{other}\"}}}},{{\"name\""));
        let statement = parse(&text).unwrap();
        assert_eq!(statement.subject_with(&[&Digest::of("x")]).unwrap().1, Digest::of("x"));
        assert!(statement.subject_with(&[&Digest::of("y")]).is_none());
    }

    #[test]
    fn refuses_subjects_that_name_nothing() {
        let hex = Digest::of("x").hex();
        let other = Digest::of("other").hex();
        let digest = format!("{{\"sha256\":\"{hex}\"}}");
        for (to, error) in [
            ("{}".to_owned(), StatementError::NoDigest),
            ("null".to_owned(), StatementError::NoDigest),
            (format!("{{\"sha256\":\"{}\"}}", hex.to_uppercase()), StatementError::Digest),
            (format!("{{\"sha256\":\"{}\"}}", &hex[..62]), StatementError::Digest),
            (format!("{{\"sha256\":\"{other}\",\"sha512\":\"{hex}\"}}"), StatementError::Digest),
        ] {
            assert_eq!(parse(&text().replace(&digest, &to)).unwrap_err(), error, "{to}");
        }
        // Another image's SHA-256 beside our SHA-512 is another image's.
        let sha512 = Digest::of_with(Algorithm::Sha512, "x").hex();
        let both = text().replace(&digest, &format!("{{\"sha256\":\"{other}\",\"sha512\":\"{sha512}\"}}"));
        assert!(parse(&both).unwrap().subject_with(&[&Digest::of("x")]).is_none());
    }

    #[test]
    fn refuses_what_is_no_statement() {
        for (from, to) in [
            ("Statement/v1", "Statement/v2"),
            ("\"subject\":[", "\"subject\":[],\"x\":["),
            ("\"predicate\":{}", "\"predicate\":\"\""),
            ("\"predicate\":{}", "\"predicate\":[]"),
            ("\"predicateType\"", "\"type\""),
            ("\"subject\"", "\"subject\":[],\"subject\""),
            ("\"subject\"", "\"Subject\":[],\"subject\""),
            ("\"digest\"", "\"Digest\":{},\"digest\""),
            ("\"predicate\":", "\"Predicate\":"),
            ("\"name\"", "\"Name\""),
            ("\"annotations\"", "\"Annotations\""),
            ("\"predicate\":{}", "\"predicate\":{\"a\":1,\"a\":2}"),
        ] {
            let changed = text().replacen(from, to, 1);
            assert!(parse(&changed).is_err(), "{changed}");
        }
        assert!(parse(&text()[..40]).is_err());
        let cased = text().replace("\"predicate\":{}", "\"predicate\":{\"a\":1,\"A\":2}");
        assert!(parse(&cased).is_ok(), "a predicate's own names are not ours to fold");
    }
}
