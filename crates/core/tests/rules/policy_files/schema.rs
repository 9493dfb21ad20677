//! The published schema is the table that is read by.

use serde_json::Value;
use waxseal_core::policy::file::json_schema;

#[test]
fn the_published_schema_is_current() {
    let text = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    let published = include_str!("../../../../../docs/policy.schema.json");
    assert!(published == text, "`waxseal policy schema > docs/policy.schema.json` writes it");
}

#[test]
fn every_object_is_closed_and_every_field_explained() {
    fn walk(value: &Value) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            assert_eq!(value["additionalProperties"], false, "{value}");
            for (name, field) in properties {
                let word = name.chars().next().is_some_and(char::is_lowercase);
                assert!(
                    !word
                        || field["description"].as_str().is_some_and(|text| text.ends_with('.')
                            || text.ends_with(',')
                            || text.contains("...")),
                    "{name}: {field}"
                );
            }
        }
        match value {
            Value::Object(members) => members.values().for_each(walk),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&json_schema());
}
