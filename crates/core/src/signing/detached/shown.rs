//! Whether a person who is shown a statement is shown all of it but the predicate, of which the digest is shown (rule G5).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{DetachedError, PayloadKind};
use crate::json::JsonError;
use crate::limits::REQUEST_SUBJECTS;

/// The algorithms of digests that are shown.
const ALGORITHMS: [&str; 2] = ["sha256", "sha512"];
/// The members of a statement that are shown.
const STATEMENT: [&str; 4] = ["_type", "subject", "predicateType", "predicate"];
/// The members of a subject that are shown.
const SUBJECT: [&str; 3] = ["name", "digest", "annotations"];

#[derive(Deserialize)]
struct Subjects {
    subject: Vec<BTreeMap<String, Value>>,
}

/// Refuses a statement with members, digests or subjects that nobody would see. `statement` was read as one before.
pub(super) fn whole(kind: PayloadKind, statement: &[u8]) -> Result<(), DetachedError> {
    let shape = |error: serde_json::Error| DetachedError::Json(JsonError::Shape { why: error.to_string() });
    let hidden = |what: String| Err(DetachedError::NotShown { kind, what });
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(statement).map_err(shape)?;
    if let Some(name) = members.keys().find(|name| !STATEMENT.contains(&name.as_str())) {
        return hidden(format!("the statement has the member {name:?}"));
    }
    let Subjects { subject: subjects } = serde_json::from_slice(statement).map_err(shape)?;
    if subjects.len() > REQUEST_SUBJECTS {
        return Err(DetachedError::Subjects { kind, found: subjects.len() });
    }
    for subject in subjects {
        if let Some(name) = subject.keys().find(|name| !SUBJECT.contains(&name.as_str())) {
            return hidden(format!("a subject has the member {name:?}"));
        }
        let digests = subject.get("digest").and_then(Value::as_object);
        let mut names = digests.into_iter().flat_map(serde_json::Map::keys);
        if let Some(name) = names.find(|name| !ALGORITHMS.contains(&name.as_str())) {
            return hidden(format!("a subject has a digest of the algorithm {name:?}"));
        }
    }
    Ok(())
}
