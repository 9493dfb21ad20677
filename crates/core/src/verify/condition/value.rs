//! The values of conditions: what JSON has, borrowed from the statement where it can be, and moments.

use core::cmp::Ordering;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::{Trouble, error};
use crate::policy::{Arithmetic, Order};

/// A value. Copies of it are cheap.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// A whole number, as JSON writes it without a point.
    Int(i64),
    Double(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(&'a Map<String, Json>),
    Time(Timestamp),
}

#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    There(&'a str),
    Made(Rc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::There(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::There(text)
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Self {
        Self::There(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

#[derive(Clone, Debug)]
pub(super) enum List<'a> {
    There(&'a [Json]),
    Made(Rc<[Value<'a>]>),
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::There(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::There(items) => items.get(at).map(Value::from),
            Self::Made(items) => items.get(at).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

impl<'a> From<Vec<Value<'a>>> for List<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Self::Made(items.into())
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Int(whole),
                (None, Some(double)) => Self::Double(double),
                (None, None) => Self::Null,
            },
            Json::String(text) => Self::Text(text.into()),
            Json::Array(items) => Self::List(List::There(items)),
            Json::Object(map) => Self::Map(map),
        }
    }
}

/// The first double that no `i64` reaches.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// Compares exactly: a double is not rounded to a whole number, nor the other way round.
fn whole_and_double(whole: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND {
        return Some(Ordering::Less);
    }
    if double < -BEYOND {
        return Some(Ordering::Greater);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is within the range of i64, and its fraction is looked at next"
    )]
    let below = double.floor() as i64;
    let fraction = double.fract() != 0.0;
    Some(whole.cmp(&below).then(if fraction { Ordering::Less } else { Ordering::Equal }))
}

impl Value<'_> {
    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    /// What it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Double(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
            Self::Time(_) => "a time",
        }
    }

    /// How long it is if it is text.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.as_str().len(),
            _ => 0,
        }
    }

    /// A field; none where it is not there.
    pub(super) fn field(&self, name: &str) -> Result<Option<Self>, Trouble> {
        match self {
            Self::Map(map) => Ok(map.get(name).map(Self::from)),
            other => error(format!("{name:?} of {}, which has no fields", other.kind())),
        }
    }

    pub(super) fn at(&self, place: &Self) -> Result<Self, Trouble> {
        match (self, place) {
            (Self::List(list), Self::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| list.get(at));
                found.ok_or_else(|| Trouble::Error(format!("there is no item {at} of {}", list.len())))
            }
            (Self::Map(map), Self::Text(name)) => {
                let name = name.as_str();
                map.get(name).map(Self::from).ok_or_else(|| Trouble::Error(format!("there is no {name:?}")))
            }
            (of, place) => error(format!("{} of {}", place.kind(), of.kind())),
        }
    }

    /// Whether two values that are neither texts, lists nor maps are equal.
    pub(super) fn same_scalar(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Time(left), Self::Time(right)) => left == right,
            _ => self.numbers(other) == Some(Ordering::Equal),
        }
    }

    /// How two numbers compare: not at all where one is NaN, or no number.
    fn numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Double(left), Self::Double(right)) => left.partial_cmp(right),
            (Self::Int(left), Self::Double(right)) => whole_and_double(*left, *right),
            (Self::Double(left), Self::Int(right)) => whole_and_double(*right, *left).map(Ordering::reverse),
            _ => None,
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Double(_))
    }

    pub(super) fn compare(&self, other: &Self, order: Order) -> Result<bool, Trouble> {
        let found = match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.as_str().cmp(right.as_str())),
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(right)),
            _ if self.is_number() && other.is_number() => self.numbers(other),
            _ => return error(format!("{} and {} have no order", self.kind(), other.kind())),
        };
        Ok(found.is_some_and(|found| match order {
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        }))
    }

    pub(super) fn negative(&self) -> Result<Self, Trouble> {
        match self {
            Self::Int(value) => value.checked_neg().map(Self::Int).ok_or_else(too_large),
            Self::Double(value) => Ok(Self::Double(-value)),
            other => error(format!("the negative of {}", other.kind())),
        }
    }

    /// Numbers of one kind: whole ones never overflow, and nothing is converted.
    pub(super) fn compute(&self, other: &Self, how: Arithmetic) -> Result<Self, Trouble> {
        match (self, other) {
            (Self::Int(_), Self::Int(0)) if matches!(how, Arithmetic::Divide | Arithmetic::Remainder) => {
                error("a division by zero")
            }
            (Self::Int(left), Self::Int(right)) => {
                let made = match how {
                    Arithmetic::Add => left.checked_add(*right),
                    Arithmetic::Subtract => left.checked_sub(*right),
                    Arithmetic::Multiply => left.checked_mul(*right),
                    Arithmetic::Divide => left.checked_div(*right),
                    Arithmetic::Remainder => left.checked_rem(*right),
                };
                made.map(Self::Int).ok_or_else(too_large)
            }
            (Self::Double(left), Self::Double(right)) if how != Arithmetic::Remainder => {
                Ok(Self::Double(match how {
                    Arithmetic::Add => left + right,
                    Arithmetic::Subtract => left - right,
                    Arithmetic::Multiply => left * right,
                    _ => left / right,
                }))
            }
            (left, right) => error(format!(
                "arithmetic of {} and {}; int() and double() convert",
                left.kind(),
                right.kind()
            )),
        }
    }
}

fn too_large() -> Trouble {
    Trouble::Error("a number that is too large".to_owned())
}
