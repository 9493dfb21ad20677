//! Reading a request: every payload is read before anybody signs it, and refused where it says more than is shown of it or
//! where two payloads say different things (rule G5).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::error::expect_schema;
use super::{DetachedError, DetachedRequest, PayloadKind, REQUEST_SCHEMA};
use crate::candidate::Format;
use crate::digest::Digest;
use crate::json::{self, JsonError, Names, Path};
use crate::limits::SIGNING_REQUEST_BYTES;
use crate::signing::{AttestationRequest, SigningRequest};
use crate::simple_signing::{self, SimpleSigning};
use crate::statement::{
    COSIGN_SIGN, STATEMENT_V01, STATEMENT_V1, Statement, StatementError, StatementSubject,
};

impl DetachedRequest {
    /// Reads a request. Its summary is not looked at (rule G5).
    pub fn parse(bytes: &[u8]) -> Result<Self, DetachedError> {
        if bytes.len() as u64 > SIGNING_REQUEST_BYTES {
            return Err(DetachedError::TooLarge { bytes: bytes.len(), limit: SIGNING_REQUEST_BYTES });
        }
        json::check(bytes, interpreted).map_err(DetachedError::Json)?;
        let shape =
            |error: serde_json::Error| DetachedError::Json(JsonError::Shape { why: error.to_string() });
        let version: Version = serde_json::from_slice(bytes).map_err(shape)?;
        expect_schema(version.schema.as_deref(), REQUEST_SCHEMA)?;
        let wire: Wire = serde_json::from_slice(bytes).map_err(shape)?;
        let mut payloads = BTreeMap::new();
        for (name, text) in wire.payloads {
            let kind: PayloadKind = name.parse()?;
            payloads.insert(kind, kind.decode(&text)?);
        }
        Self::of_payloads(&payloads)
    }

    fn of_payloads(payloads: &BTreeMap<PayloadKind, Vec<u8>>) -> Result<Self, DetachedError> {
        let [simple, legacy, dsse] = [PayloadKind::SimpleSigning, PayloadKind::DsseLegacy, PayloadKind::Dsse]
            .map(|kind| payloads.get(&kind).map(|payload| (kind, payload.as_slice())));
        let statement = dsse.map(|(kind, payload)| statement(kind, payload)).transpose()?;
        match (simple, legacy) {
            (Some(_), Some(_)) => Err(disagree("type", "an image's signature", "an attestation")),
            (Some(_), None) => Self::of_signature(payloads, simple, statement.as_ref()),
            (None, None) => match &statement {
                None => Err(DetachedError::Empty),
                Some(read) if read.predicate_type == COSIGN_SIGN => {
                    Self::of_signature(payloads, None, statement.as_ref())
                }
                Some(read) => Self::of_attestation(payloads, None, Some(read)),
            },
            (None, Some((kind, payload))) => {
                Self::of_attestation(payloads, Some(&self::statement(kind, payload)?), statement.as_ref())
            }
        }
    }

    /// Both payloads say the same, and nothing but what is shown of them: they are exactly the bytes that are made of it.
    fn of_signature(
        payloads: &BTreeMap<PayloadKind, Vec<u8>>,
        simple: Option<(PayloadKind, &[u8])>,
        statement: Option<&Statement>,
    ) -> Result<Self, DetachedError> {
        let simple = simple.map(|(kind, payload)| Content::of_payload(kind, payload)).transpose()?;
        let statement = statement.map(Content::of_statement).transpose()?;
        if let (Some(one), Some(other)) = (&simple, &statement) {
            one.agrees(other)?;
        }
        let Some(content) = simple.or(statement) else { return Err(DetachedError::Empty) };
        let formats: Vec<_> = payloads.keys().map(|kind| kind.format()).collect();
        let request = SigningRequest::image(content.digest, content.name, content.annotations, &formats)
            .map_err(DetachedError::Signing)?;
        let request = Self::signature(request);
        for (kind, payload) in request.payloads() {
            if payloads.get(&kind).map(Vec::as_slice) != Some(payload) {
                return Err(DetachedError::NotCanonical { kind });
            }
        }
        Ok(request)
    }

    /// Both statements say the same, byte for byte but for the version.
    fn of_attestation(
        payloads: &BTreeMap<PayloadKind, Vec<u8>>,
        legacy: Option<&Statement>,
        bundle: Option<&Statement>,
    ) -> Result<Self, DetachedError> {
        if let (Some(one), Some(other)) = (legacy, bundle) {
            same_statement(one, other)?;
            let tails = [PayloadKind::DsseLegacy, PayloadKind::Dsse]
                .map(|kind| payloads.get(&kind).map(|payload| behind_version(payload)));
            if let [Some(one), Some(other)] = tails
                && one != other
            {
                let shown = |tail: &[u8]| Digest::of(tail).to_string();
                return Err(disagree("bytes behind the version", &shown(one), &shown(other)));
            }
        }
        let formats: Vec<_> = payloads.keys().map(|kind| kind.format()).collect();
        let payload = |format: Format| {
            let kind = if format == Format::Legacy { PayloadKind::DsseLegacy } else { PayloadKind::Dsse };
            Ok(payloads.get(&kind).cloned().unwrap_or_default())
        };
        Self::attestation(AttestationRequest::of(payload, &formats).map_err(DetachedError::Signing)?)
    }
}

/// What a payload of an image's signature says.
struct Content {
    digest: Digest,
    name: Option<String>,
    annotations: BTreeMap<String, String>,
}

impl Content {
    fn of_payload(kind: PayloadKind, payload: &[u8]) -> Result<Self, DetachedError> {
        let read = SimpleSigning::parse(payload)
            .map_err(|error| DetachedError::Malformed { kind, why: error.to_string() })?;
        if read.kind != simple_signing::TYPE {
            return Err(DetachedError::Type { kind, expected: simple_signing::TYPE, found: read.kind });
        }
        Ok(Self {
            digest: read.digest,
            name: read.docker_reference,
            annotations: texts(kind, read.optional)?,
        })
    }

    fn of_statement(statement: &Statement) -> Result<Self, DetachedError> {
        let kind = PayloadKind::Dsse;
        if statement.predicate_type != COSIGN_SIGN {
            return Err(disagree("type", COSIGN_SIGN, &statement.predicate_type));
        }
        let [subject] = statement.subjects.as_slice() else {
            return Err(DetachedError::NotCanonical { kind });
        };
        let [digest] = subject.digests.as_slice() else { return Err(DetachedError::NotCanonical { kind }) };
        let annotations = texts(kind, subject.annotations.clone())?;
        Ok(Self { digest: *digest, name: subject.name.clone(), annotations })
    }

    fn agrees(&self, other: &Self) -> Result<(), DetachedError> {
        let name = |content: &Self| content.name.clone().unwrap_or_else(|| "no name".to_owned());
        if self.digest != other.digest {
            return Err(disagree("digest", &self.digest.to_string(), &other.digest.to_string()));
        }
        if self.name != other.name {
            return Err(disagree("repository", &name(self), &name(other)));
        }
        if self.annotations != other.annotations {
            let shown = |content: &Self| json!(content.annotations).to_string();
            return Err(disagree("annotations", &shown(self), &shown(other)));
        }
        Ok(())
    }
}

/// Annotations of an image's signature, which are texts.
fn texts(
    kind: PayloadKind,
    annotations: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, String>, DetachedError> {
    annotations
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(DetachedError::NotCanonical { kind }),
        })
        .collect()
}

fn statement(kind: PayloadKind, payload: &[u8]) -> Result<Statement, DetachedError> {
    Statement::parse(payload).map_err(|error| match error {
        StatementError::Type { found } => DetachedError::Type { kind, expected: STATEMENT_V1, found },
        error => DetachedError::Malformed { kind, why: error.to_string() },
    })
}

/// One thing that a statement says of a subject.
type Part = fn(&StatementSubject) -> String;

/// Two statements of one request say the same.
fn same_statement(one: &Statement, other: &Statement) -> Result<(), DetachedError> {
    if one.predicate_type != other.predicate_type {
        return Err(disagree("type", &one.predicate_type, &other.predicate_type));
    }
    let of = |statement: &Statement, part: Part| {
        statement.subjects.iter().map(part).collect::<Vec<_>>().join("; ")
    };
    let parts: [(&'static str, Part); 3] = [
        ("digest", |subject| subject.digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("repository", |subject| subject.name.clone().unwrap_or_else(|| "no name".to_owned())),
        ("annotations", |subject| json!(subject.annotations).to_string()),
    ];
    for (about, part) in parts {
        let (one, other) = (of(one, part), of(other, part));
        if one != other {
            return Err(disagree(about, &one, &other));
        }
    }
    let predicate = |statement: &Statement| {
        statement.predicate.as_deref().map(|predicate| Digest::of(predicate.get()).to_string())
    };
    match (predicate(one), predicate(other)) {
        (one, other) if one == other => Ok(()),
        (one, other) => {
            let shown = |digest: Option<String>| digest.unwrap_or_else(|| "none".to_owned());
            Err(disagree("predicate", &shown(one), &shown(other)))
        }
    }
}

/// A statement behind its version: that is all in which the two formats differ.
fn behind_version(statement: &[u8]) -> &[u8] {
    [STATEMENT_V1, STATEMENT_V01]
        .iter()
        .find_map(|version| statement.strip_prefix(format!("{{\"_type\":\"{version}\",").as_bytes()))
        .unwrap_or(statement)
}

fn disagree(about: &'static str, one: &str, other: &str) -> DetachedError {
    DetachedError::Disagree { about, one: one.to_owned(), other: other.to_owned() }
}

/// The levels whose members are read by name.
fn interpreted(path: Path<'_>) -> Names {
    match path {
        [] => Names::Known(&["schema", "payloads", "summary"]),
        [payloads] if payloads == "payloads" => Names::Folded,
        _ => Names::Exact,
    }
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) schema: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    payloads: BTreeMap<String, String>,
    #[serde(rename = "summary")]
    _summary: Option<IgnoredAny>,
}
