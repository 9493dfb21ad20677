//! Evaluates the conditions of policies over verified statements (rule Y5).
//!
//! Each evaluation has a budget of steps, and each loop a greatest number of turns that is looked at before the first one:
//! what could run long ends as an error, and nothing can make an error true. Whether something is text, number or list is
//! never guessed. What an expression means is what CEL says; the tests hold it to another implementation.

mod calls;
mod value;

use std::cell::Cell;

use serde_json::Value as Json;

use self::value::{List, Value};
use crate::limits::{CONDITION_STEPS, CONDITION_TURNS};
use crate::policy::{Arithmetic, Condition, Expression, Loop, Root};

/// What a condition is about: a statement whose signature was verified, and the subject of it that matched.
pub(super) struct Facts {
    pub(super) predicate: Json,
    pub(super) predicate_type: String,
    pub(super) subject: Json,
    pub(super) annotations: Json,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// Something does not fit: what stands beside it in an `&&` or `||` may still decide.
    Error(String),
    /// The budget is spent: nothing can decide any more.
    Spent(String),
}

fn error<T>(why: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Error(why.into()))
}

/// Whether the condition holds; why not, if it has no value or one that is neither true nor false.
pub(super) fn holds(condition: &Condition, facts: &Facts) -> Result<bool, String> {
    let evaluation = Evaluation { facts, steps: Cell::new(0) };
    match evaluation.value(condition.expression(), &mut Vec::new(), 1) {
        Ok(Value::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("it is {}, neither true nor false", other.kind())),
        Err(Trouble::Error(why) | Trouble::Spent(why)) => Err(why),
    }
}

struct Evaluation<'a> {
    facts: &'a Facts,
    steps: Cell<u64>,
}

/// The variables of the loops that run, outermost first.
type Variables<'a> = Vec<Value<'a>>;

impl<'a> Evaluation<'a> {
    /// Takes a step, and those for so many bytes of text.
    fn step(&self, bytes: usize) -> Result<(), Trouble> {
        let more = (bytes as u64 / 16).saturating_add(1);
        let steps = self.steps.get().saturating_add(more);
        self.steps.set(steps);
        if steps > CONDITION_STEPS {
            return Err(Trouble::Spent(format!("it takes more than {CONDITION_STEPS} steps")));
        }
        Ok(())
    }

    fn value(
        &self,
        expression: &'a Expression,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<Value<'a>, Trouble> {
        self.step(0)?;
        match expression {
            Expression::Null => Ok(Value::Null),
            Expression::Bool(value) => Ok(Value::Bool(*value)),
            Expression::Int(value) => Ok(Value::Int(*value)),
            Expression::Double(value) => Ok(Value::Double(*value)),
            Expression::Text(text) => Ok(Value::Text(text.into())),
            Expression::List(items) => {
                let items = items.iter().map(|item| self.value(item, variables, turns));
                Ok(Value::list(items.collect::<Result<_, _>>()?))
            }
            Expression::Root(root) => Ok(self.root(*root)),
            Expression::Variable(nth) => match variables.get(*nth) {
                Some(value) => Ok(value.clone()),
                None => error("a variable outside of its loop"),
            },
            Expression::Select(of, field) => {
                let of = self.value(of, variables, turns)?;
                of.field(field)?.ok_or_else(|| Trouble::Error(format!("there is no {field:?}")))
            }
            Expression::Has(of, field) => {
                Ok(Value::Bool(self.value(of, variables, turns)?.field(field)?.is_some()))
            }
            Expression::Index(of, at) => {
                let of = self.value(of, variables, turns)?;
                of.at(&self.value(at, variables, turns)?)
            }
            Expression::Not(of) => Ok(Value::Bool(!self.boolean(of, variables, turns)?)),
            Expression::Negative(of) => self.value(of, variables, turns)?.negative(),
            Expression::And(parts) => self.decided(parts.iter(), false, variables, turns).map(Value::Bool),
            Expression::Or(parts) => self.decided(parts.iter(), true, variables, turns).map(Value::Bool),
            Expression::If(parts) => {
                let (condition, then, otherwise) = &**parts;
                let chosen = if self.boolean(condition, variables, turns)? { then } else { otherwise };
                self.value(chosen, variables, turns)
            }
            Expression::Equal(both, same) => {
                let (left, right) = self.both(both, variables, turns)?;
                Ok(Value::Bool(self.equal(&left, &right)? == *same))
            }
            Expression::Compare(both, order) => {
                let (left, right) = self.both(both, variables, turns)?;
                self.step(left.text_bytes().min(right.text_bytes()))?;
                left.compare(&right, *order).map(Value::Bool)
            }
            Expression::Compute(both, how) => {
                let (left, right) = self.both(both, variables, turns)?;
                self.compute(left, right, *how)
            }
            Expression::In(both) => {
                let (item, whole) = self.both(both, variables, turns)?;
                self.is_in(&item, &whole).map(Value::Bool)
            }
            Expression::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.value(argument, variables, turns));
                self.call(*function, &arguments.collect::<Result<Vec<_>, _>>()?)
            }
            Expression::Matches(text, pattern) => match self.value(text, variables, turns)? {
                Value::Text(text) => {
                    // A pattern is slower than a comparison.
                    self.step(text.as_str().len().saturating_mul(8))?;
                    Ok(Value::Bool(pattern.is_match(text.as_str())))
                }
                other => error(format!("matches on {}", other.kind())),
            },
            Expression::Loop(looping) => self.looping(looping, variables, turns),
        }
    }

    fn root(&self, root: Root) -> Value<'a> {
        match root {
            Root::Predicate => Value::from(&self.facts.predicate),
            Root::PredicateType => Value::Text(self.facts.predicate_type.as_str().into()),
            Root::Subject => Value::from(&self.facts.subject),
            Root::Annotations => Value::from(&self.facts.annotations),
        }
    }

    fn boolean(
        &self,
        expression: &'a Expression,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<bool, Trouble> {
        match self.value(expression, variables, turns)? {
            Value::Bool(value) => Ok(value),
            other => error(format!("{} where true or false was expected", other.kind())),
        }
    }

    fn both(
        &self,
        both: &'a (Expression, Expression),
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<(Value<'a>, Value<'a>), Trouble> {
        Ok((self.value(&both.0, variables, turns)?, self.value(&both.1, variables, turns)?))
    }

    /// `&&` is decided by a false one, `||` by a true one, whatever error stands beside it.
    fn decided(
        &self,
        parts: impl Iterator<Item = &'a Expression>,
        by: bool,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<bool, Trouble> {
        let mut trouble = None;
        for part in parts {
            match self.boolean(part, variables, turns) {
                Ok(value) if value == by => return Ok(by),
                Ok(_) => {}
                Err(spent @ Trouble::Spent(_)) => return Err(spent),
                Err(other) => trouble = Some(other),
            }
        }
        trouble.map_or(Ok(!by), Err)
    }

    /// What a loop runs over, if it is not too much.
    fn range(
        &self,
        over: &'a Expression,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<(List<'a>, usize), Trouble> {
        let range = match self.value(over, variables, turns)? {
            Value::List(list) => list,
            Value::Map(map) => {
                self.step(map.len().saturating_mul(16))?;
                List::from(map.keys().map(|key| Value::Text(key.as_str().into())).collect::<Vec<_>>())
            }
            other => return error(format!("a loop over {}", other.kind())),
        };
        // Rule Y5: before the first turn.
        let turns = turns.saturating_mul(range.len());
        if turns > CONDITION_TURNS {
            let why = format!("its loops have {turns} turns, the limit is {CONDITION_TURNS}");
            return Err(Trouble::Spent(why));
        }
        Ok((range, turns.max(1)))
    }

    fn looping(
        &self,
        looping: &'a Loop,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<Value<'a>, Trouble> {
        match looping {
            Loop::All { over, body } => self.each(over, body, false, variables, turns),
            Loop::Exists { over, body } => self.each(over, body, true, variables, turns),
            Loop::ExistsOne { over, body } => {
                let (range, turns) = self.range(over, variables, turns)?;
                let mut found = 0_usize;
                for item in range.iter() {
                    let holds = with(variables, item, |variables| self.boolean(body, variables, turns))?;
                    found = found.saturating_add(usize::from(holds));
                }
                Ok(Value::Bool(found == 1))
            }
            Loop::Collect { over, only, body } => {
                let (range, turns) = self.range(over, variables, turns)?;
                let mut made = Vec::new();
                for item in range.iter() {
                    let one = with(variables, item.clone(), |variables| {
                        if let Some(only) = only
                            && !self.boolean(only, variables, turns)?
                        {
                            return Ok(None);
                        }
                        body.as_ref().map_or(Ok(item), |body| self.value(body, variables, turns)).map(Some)
                    })?;
                    made.extend(one);
                }
                Ok(Value::list(made))
            }
        }
    }

    /// `all` and `exists`: decided by the first that is false, or true; errors of others do not matter then.
    fn each(
        &self,
        over: &'a Expression,
        body: &'a Expression,
        by: bool,
        variables: &mut Variables<'a>,
        turns: usize,
    ) -> Result<Value<'a>, Trouble> {
        let (range, turns) = self.range(over, variables, turns)?;
        let mut trouble = None;
        for item in range.iter() {
            match with(variables, item, |variables| self.boolean(body, variables, turns)) {
                Ok(value) if value == by => return Ok(Value::Bool(by)),
                Ok(_) => {}
                Err(spent @ Trouble::Spent(_)) => return Err(spent),
                Err(other) => trouble = Some(other),
            }
        }
        trouble.map_or(Ok(Value::Bool(!by)), Err)
    }

    fn is_in(&self, item: &Value<'a>, whole: &Value<'a>) -> Result<bool, Trouble> {
        match (item, whole) {
            (_, Value::List(list)) => {
                for one in list.iter() {
                    if self.equal(item, &one)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::Text(name), Value::Map(map)) => Ok(map.contains_key(name.as_str())),
            (_, Value::Map(_)) => Ok(false),
            (_, other) => error(format!("in {}, which has no items", other.kind())),
        }
    }

    /// Values of different kinds are not equal; numbers are by their value.
    fn equal(&self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Trouble> {
        self.step(0)?;
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                if left.len() == right.len() {
                    self.step(left.len())?;
                }
                Ok(left == right)
            }
            (Value::List(left), Value::List(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right.iter()) {
                    if !self.equal(&left, &right)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Map(left), Value::Map(right)) => {
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (name, left) in *left {
                    let Some(right) = right.get(name) else { return Ok(false) };
                    if !self.equal(&left.into(), &right.into())? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Ok(left.same_scalar(right)),
        }
    }

    fn compute(&self, left: Value<'a>, right: Value<'a>, how: Arithmetic) -> Result<Value<'a>, Trouble> {
        match (left, right, how) {
            (Value::Text(left), Value::Text(right), Arithmetic::Add) => {
                let (left, right) = (left.as_str(), right.as_str());
                self.step(left.len().saturating_add(right.len()))?;
                Ok(Value::Text([left, right].concat().into()))
            }
            (Value::List(left), Value::List(right), Arithmetic::Add) => {
                self.step(left.len().saturating_add(right.len()).saturating_mul(16))?;
                Ok(Value::list(left.iter().chain(right.iter()).collect()))
            }
            (left, right, how) => left.compute(&right, how),
        }
    }
}

/// Runs a turn of a loop with its variable.
fn with<'a, T>(
    variables: &mut Variables<'a>,
    item: Value<'a>,
    turn: impl FnOnce(&mut Variables<'a>) -> T,
) -> T {
    variables.push(item);
    let result = turn(variables);
    variables.pop();
    result
}

#[cfg(test)]
mod tests;
