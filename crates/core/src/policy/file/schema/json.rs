//! The table as a JSON schema (draft 2020-12), for editors and other tools.

use serde_json::{Map, Value, json};

use super::{Field, Object, POLICY, Shape, Text};
use crate::limits::{POLICY_LIST, POLICY_TEXT_BYTES};

/// The JSON schema of policy files, draft 2020-12. What stands in it is read; more is refused than a schema can say.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let mut root = object(&POLICY, &mut definitions);
    if let Value::Object(root) = &mut root {
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        whole.insert("$id".to_owned(), json!("urn:waxseal:schema:policy:v1"));
        whole.append(root);
        definitions.sort_keys();
        whole.insert("$defs".to_owned(), Value::Object(definitions));
        *root = whole;
    }
    root
}

fn object(object: &Object, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in object.fields {
        properties.insert(field.name.to_owned(), described(field, definitions));
    }
    let required: Vec<_> =
        object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(object.name));
    schema.insert("description".to_owned(), json!(object.about));
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.insert("required".to_owned(), json!(required));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if let [names] = object.one_of {
        let one = names.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>();
        schema.insert("oneOf".to_owned(), Value::Array(one));
    }
    Value::Object(schema)
}

fn described(field: &Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = shape(&field.shape, definitions);
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), json!(field.about));
        if let Some(default) = field.default {
            let default = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
            members.insert("default".to_owned(), default);
        }
    }
    schema
}

fn shape(of: &Shape, definitions: &mut Map<String, Value>) -> Value {
    match of {
        Shape::Text(kind) => text(*kind),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Number { least, most: u64::MAX } => json!({ "type": "integer", "minimum": least }),
        Shape::Number { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::List { item, least } => {
            json!({ "type": "array", "minItems": least, "maxItems": POLICY_LIST, "items": shape(item, definitions) })
        }
        Shape::Names { of, least } => {
            json!({ "type": "object", "minProperties": least, "maxProperties": POLICY_LIST, "additionalProperties": shape(of, definitions) })
        }
        Shape::Words { names, of } => {
            let each = names.iter().map(|name| ((*name).to_owned(), shape(of, definitions)));
            let properties: Map<_, _> = each.collect();
            json!({ "type": "object", "minProperties": 1, "additionalProperties": false, "properties": properties })
        }
        Shape::Object(of) => {
            if !definitions.contains_key(of.name) {
                definitions.insert(of.name.to_owned(), Value::Null);
                let schema = object(of, definitions);
                definitions.insert(of.name.to_owned(), schema);
            }
            json!({ "$ref": format!("#/$defs/{}", of.name) })
        }
        Shape::TextOr { text, other } => {
            json!({ "oneOf": [shape(text, definitions), shape(other, definitions)] })
        }
    }
}

fn text(kind: Text) -> Value {
    let pattern = match kind {
        Text::Age => r"^([0-9]+(w|d|h|m|s))+$",
        Text::MaxAge => r"^(unlimited|([0-9]+(w|d|h|m|s))+)$",
        Text::Time => r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$",
        Text::Digest => r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        Text::Repositories => r"^[^/@]+/[^:@]+$",
        Text::Prefix => r"^[^*@]+$",
        _ => return json!({ "type": "string", "minLength": 1, "maxLength": POLICY_TEXT_BYTES }),
    };
    json!({ "type": "string", "maxLength": POLICY_TEXT_BYTES, "pattern": pattern })
}
