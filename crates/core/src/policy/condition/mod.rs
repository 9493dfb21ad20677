//! Conditions on what a statement says, in CEL (the Common Expression Language).
//!
//! What is accepted here means what CEL says it means; what could run long, or mean different things to different people,
//! is refused when the policy is read, with the place in the text. A condition has no clock, no network and no functions
//! but the listed ones. It is read here and evaluated by [`crate::verify`] over the verified statement, on a budget
//! (rule Y5, docs/adr/0009-conditions-on-a-budget.md).

mod parse;
mod token;
mod tree;

use std::sync::Arc;

pub(crate) use tree::{Arithmetic, Expression, Function, Loop, Order, Root};

use super::PolicyError;
use crate::limits::CONDITION_BYTES;

/// A condition, read: an expression over `predicate`, `predicateType`, `subject` and `annotations` that must be true.
///
/// Two are equal if their texts are.
///
/// ```
/// use waxseal_core::policy::Condition;
/// let condition = Condition::parse(r#"predicate.buildDefinition.buildType.startsWith("https://")"#)?;
/// assert!(condition.as_str().starts_with("predicate."));
/// assert!(Condition::parse("predicate.result = 'PASSED'").is_err());
/// assert!(Condition::parse("predcate.result == 'PASSED'").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Condition {
    text: String,
    expression: Arc<Expression>,
}

impl Condition {
    /// Reads a condition of at most [`CONDITION_BYTES`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > CONDITION_BYTES {
            return Err(PolicyError::Condition {
                at: 0,
                why: format!("it has {} bytes, the limit is {CONDITION_BYTES}", text.len()),
            });
        }
        let expression = parse::parse(text).map_err(|error| PolicyError::Condition {
            at: error.at,
            why: format!("{}{}", error.why, near(text, error.at)),
        })?;
        Ok(Self { text: text.to_owned(), expression: Arc::new(expression) })
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn expression(&self) -> &Expression {
        &self.expression
    }
}

/// The place in words: a policy file knows the line, a command line has none.
fn near(text: &str, at: usize) -> String {
    /// Characters that are shown.
    const SHOWN: usize = 24;
    let rest: String = text.get(at..).unwrap_or_default().chars().take(SHOWN).collect();
    if rest.is_empty() { " (at its end)".to_owned() } else { format!(" (at {rest:?})") }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl core::fmt::Debug for Condition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl core::str::FromStr for Condition {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text)
    }
}
