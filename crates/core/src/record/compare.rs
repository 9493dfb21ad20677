//! Two records held against each other, field by field.
//!
//! What may differ without meaning anything is left out: the place where the image stood, the texts that explain codes, from
//! when somebody looked back, and what was made after the moment that is judged (rule T2). Lists are compared without their
//! order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Record, RecordedObject};
use crate::verify::Reason;

/// Something in which a decision differs from the one that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where, as a path of names: `verdict.basis`, `evidence`.
    pub field: String,
    /// What was recorded, as JSON; none where it was not there.
    pub recorded: Option<String>,
    /// What came out now, as JSON; none where it is not there.
    pub found: Option<String>,
}

impl Record {
    /// In what another decision over the same image differs from this one; empty where it came out the same.
    pub fn differences(&self, again: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        compare("", &self.comparable(again), &again.comparable(self), &mut differences);
        differences
    }

    /// What is compared, beside another record.
    fn comparable(&self, other: &Self) -> Value {
        let mut whole = serde_json::to_value(self).unwrap_or_default();
        let later = later(&self.verdict);
        let both = |object: &RecordedObject| !later.contains(object) || other.evidence.contains(object);
        let evidence: Vec<_> = self.evidence.iter().filter(|object| both(object)).collect();
        if let Value::Object(members) = &mut whole {
            members.insert("evidence".to_owned(), serde_json::to_value(evidence).unwrap_or_default());
            // The place may be another one: what it is called there says nothing.
            if let Some(Value::Object(image)) = members.get_mut("image") {
                image.remove("name");
            }
            if let Some(Value::Object(verdict)) = members.get_mut("verdict") {
                verdict.remove("subject");
                verdict.remove("lookingBackFrom");
            }
        }
        without_words(&mut whole);
        whole
    }
}

/// The objects that hold what was made after the moment that is judged.
fn later(verdict: &Value) -> BTreeSet<RecordedObject> {
    let findings = verdict.get("findings").and_then(Value::as_array).into_iter().flatten();
    findings.filter(|finding| is_later(finding)).filter_map(place).collect()
}

fn is_later(finding: &Value) -> bool {
    finding.get("code").and_then(Value::as_str) == Some(Reason::LaterMaterial.code())
}

fn place(finding: &Value) -> Option<RecordedObject> {
    let digest = |name: &str| finding.get(name).and_then(Value::as_str)?.parse().ok();
    Some(RecordedObject {
        store: finding.get("store")?.as_str()?.to_owned(),
        beside: digest("beside")?,
        manifest: digest("manifest"),
        blob: digest("blob"),
    })
}

/// Takes away the texts that explain codes, and findings about what was made later.
fn without_words(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("code") {
                members.remove("message");
            }
            members.values_mut().for_each(without_words);
        }
        Value::Array(items) => {
            items.retain(|item| !is_later(item));
            items.iter_mut().for_each(without_words);
        }
        _ => {}
    }
}

fn compare(field: &str, recorded: &Value, found: &Value, differences: &mut Vec<Difference>) {
    match (recorded, found) {
        (Value::Object(before), Value::Object(now)) => members(field, before, now, differences),
        (Value::Array(before), Value::Array(now)) => items(field, before, now, differences),
        (before, now) if before != now => differences.push(Difference {
            field: field.to_owned(),
            recorded: Some(before.to_string()),
            found: Some(now.to_string()),
        }),
        _ => {}
    }
}

fn members(
    field: &str,
    before: &Map<String, Value>,
    now: &Map<String, Value>,
    differences: &mut Vec<Difference>,
) {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    for name in names {
        let inner = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
        match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) => compare(&inner, before, now, differences),
            (before, now) => differences.push(Difference {
                field: inner,
                recorded: before.map(Value::to_string),
                found: now.map(Value::to_string),
            }),
        }
    }
}

/// Lists without their order: what is in one and not in the other, as often.
fn items(field: &str, before: &[Value], now: &[Value], differences: &mut Vec<Difference>) {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for item in before {
        let count = counts.entry(item.to_string()).or_default();
        *count = count.saturating_add(1);
    }
    for item in now {
        let count = counts.entry(item.to_string()).or_default();
        *count = count.saturating_sub(1);
    }
    for (item, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
        let (recorded, found) = if count > 0 { (Some(item), None) } else { (None, Some(item)) };
        differences.push(Difference { field: field.to_owned(), recorded, found });
    }
}
