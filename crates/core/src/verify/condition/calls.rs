//! The functions of conditions.

use jiff::Timestamp;

use super::value::Value;
use super::{Evaluation, Trouble, error};
use crate::policy::Function;

/// The first doubles that no `i64` reaches.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

impl<'a> Evaluation<'a> {
    /// Calls a function. The parser has counted the arguments.
    pub(super) fn call(&self, function: Function, arguments: &[Value<'a>]) -> Result<Value<'a>, Trouble> {
        self.step(arguments.iter().map(Value::text_bytes).max().unwrap_or_default())?;
        match (function, arguments) {
            (Function::Size, [of]) => size(of),
            (Function::Contains, [Value::Text(whole), Value::Text(part)]) => {
                Ok(Value::Bool(whole.as_str().contains(part.as_str())))
            }
            (Function::StartsWith, [Value::Text(whole), Value::Text(part)]) => {
                Ok(Value::Bool(whole.as_str().starts_with(part.as_str())))
            }
            (Function::EndsWith, [Value::Text(whole), Value::Text(part)]) => {
                Ok(Value::Bool(whole.as_str().ends_with(part.as_str())))
            }
            (Function::Int, [of]) => int(of),
            (Function::Double, [of]) => double(of),
            (Function::Text, [of]) => text(of),
            (Function::Timestamp, [of]) => timestamp(of),
            (function, arguments) => {
                let kinds: Vec<_> = arguments.iter().map(Value::kind).collect();
                error(format!("{} of {}", name(function), kinds.join(" and ")))
            }
        }
    }
}

const fn name(function: Function) -> &'static str {
    match function {
        Function::Size => "size",
        Function::Contains => "contains",
        Function::StartsWith => "startsWith",
        Function::EndsWith => "endsWith",
        Function::Int => "int",
        Function::Double => "double",
        Function::Text => "string",
        Function::Timestamp => "timestamp",
    }
}

/// Characters of a text, items of a list, fields of an object.
fn size<'a>(of: &Value<'_>) -> Result<Value<'a>, Trouble> {
    let size = match of {
        Value::Text(text) => text.as_str().chars().count(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => return error(format!("size of {}", other.kind())),
    };
    i64::try_from(size).map(Value::Int).map_err(|_| Trouble::Error("a size that is too large".to_owned()))
}

fn int<'a>(of: &Value<'_>) -> Result<Value<'a>, Trouble> {
    match of {
        Value::Int(whole) => Ok(Value::Int(*whole)),
        Value::Double(double) if *double > -BEYOND && *double < BEYOND => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "its range was looked at; CEL rounds towards zero"
            )]
            let whole = *double as i64;
            Ok(Value::Int(whole))
        }
        Value::Text(text) => match text.as_str().parse() {
            Ok(whole) => Ok(Value::Int(whole)),
            Err(_) => error("int of a text that is no whole number"),
        },
        Value::Time(time) => Ok(Value::Int(time.as_second())),
        other => error(format!("int of {}", other.kind())),
    }
}

fn double<'a>(of: &Value<'_>) -> Result<Value<'a>, Trouble> {
    match of {
        #[expect(clippy::cast_precision_loss, reason = "CEL rounds to the nearest double")]
        Value::Int(whole) => Ok(Value::Double(*whole as f64)),
        Value::Double(double) => Ok(Value::Double(*double)),
        Value::Text(text) => match text.as_str().parse::<f64>() {
            Ok(double) => Ok(Value::Double(double)),
            Err(_) => error("double of a text that is no number"),
        },
        other => error(format!("double of {}", other.kind())),
    }
}

fn text<'a>(of: &Value<'a>) -> Result<Value<'a>, Trouble> {
    match of {
        Value::Text(text) => Ok(Value::Text(text.clone())),
        Value::Int(whole) => Ok(Value::Text(whole.to_string().into())),
        Value::Bool(value) => Ok(Value::Text(if *value { "true" } else { "false" }.into())),
        Value::Time(time) => Ok(Value::Text(time.to_string().into())),
        other => error(format!("string of {}", other.kind())),
    }
}

fn timestamp<'a>(of: &Value<'_>) -> Result<Value<'a>, Trouble> {
    match of {
        Value::Time(time) => Ok(Value::Time(*time)),
        Value::Text(text) => match text.as_str().parse::<Timestamp>() {
            Ok(time) => Ok(Value::Time(time)),
            Err(_) => error("timestamp of a text that is no time, as 2026-01-31T12:00:00Z"),
        },
        other => error(format!("timestamp of {}", other.kind())),
    }
}
