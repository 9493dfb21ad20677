//! From words to a tree: the grammar of CEL, with names resolved and everything refused that is not listed.
//!
//! The depth of the text, of the tree and of its loops is bounded while it is read, so that neither reading nor evaluating
//! it can use up the stack, whatever was written.

use regex::RegexBuilder;

use super::token::{Token, Trouble, Word, tokens};
use super::tree::{Arithmetic, Expression, Function, Loop, Order, Root};
use crate::limits::{CONDITION_DEPTH, CONDITION_LOOPS, CONDITION_PATTERN_BYTES};

/// What CEL keeps for itself.
const RESERVED: [&str; 20] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
];

pub(super) fn parse(text: &str) -> Result<Expression, Trouble> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, next: 0, end: text.len(), open: 0, variables: Vec::new() };
    let built = parser.expression()?;
    match parser.peek() {
        None => Ok(built.tree),
        Some(more) => Err(Trouble::new(more.at, "an operator was expected")),
    }
}

/// A tree and how deep it is.
struct Built {
    tree: Expression,
    depth: usize,
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// The length of the text.
    end: usize,
    /// Expressions that are being read, one inside the other.
    open: usize,
    /// The variables of the loops that are being read, outermost first.
    variables: Vec<String>,
}

/// A tree over these parts, if it is not too deep.
fn over<const N: usize>(
    at: usize,
    parts: [Built; N],
    make: impl FnOnce([Expression; N]) -> Expression,
) -> Result<Built, Trouble> {
    let depth = parts.iter().map(|part| part.depth).max().unwrap_or_default().saturating_add(1);
    if depth > CONDITION_DEPTH {
        return Err(too_deep(at));
    }
    Ok(Built { tree: make(parts.map(|part| part.tree)), depth })
}

/// The same for any number of parts.
fn list(
    at: usize,
    parts: Vec<Built>,
    make: impl FnOnce(Vec<Expression>) -> Expression,
) -> Result<Built, Trouble> {
    let depth = parts.iter().map(|part| part.depth).max().unwrap_or_default().saturating_add(1);
    if depth > CONDITION_DEPTH {
        return Err(too_deep(at));
    }
    Ok(Built { tree: make(parts.into_iter().map(|part| part.tree).collect()), depth })
}

fn too_deep(at: usize) -> Trouble {
    Trouble::new(at, format!("it nests deeper than {CONDITION_DEPTH} levels"))
}

const fn leaf(tree: Expression) -> Built {
    Built { tree, depth: 1 }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |token| token.at)
    }

    /// Takes the mark if it is the next word.
    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { word: Word::Mark(next), .. }) if *next == mark);
        self.next = self.next.saturating_add(usize::from(found));
        found
    }

    /// Takes the first of these marks that is the next word.
    fn takes_one<T: Copy>(&mut self, marks: &[(&str, T)]) -> Option<T> {
        marks.iter().find(|(mark, _)| self.takes(mark)).map(|(_, meaning)| *meaning)
    }

    fn expects(&mut self, mark: &str) -> Result<(), Trouble> {
        if self.takes(mark) { Ok(()) } else { Err(Trouble::new(self.at(), format!("{mark:?} was expected"))) }
    }

    fn expression(&mut self) -> Result<Built, Trouble> {
        let at = self.at();
        if self.open >= CONDITION_DEPTH {
            return Err(too_deep(at));
        }
        self.open = self.open.saturating_add(1);
        let mut built = self.any()?;
        if self.takes("?") {
            let then = self.any()?;
            self.expects(":")?;
            let otherwise = self.expression()?;
            built = over(at, [built, then, otherwise], |[condition, then, otherwise]| {
                Expression::If(Box::new((condition, then, otherwise)))
            })?;
        }
        self.open = self.open.saturating_sub(1);
        Ok(built)
    }

    fn any(&mut self) -> Result<Built, Trouble> {
        let at = self.at();
        let mut parts = vec![self.all()?];
        while self.takes("||") {
            parts.push(self.all()?);
        }
        single_or(at, parts, Expression::Or)
    }

    fn all(&mut self) -> Result<Built, Trouble> {
        let at = self.at();
        let mut parts = vec![self.relation()?];
        while self.takes("&&") {
            parts.push(self.relation()?);
        }
        single_or(at, parts, Expression::And)
    }

    fn relation(&mut self) -> Result<Built, Trouble> {
        #[derive(Clone, Copy)]
        enum Relation {
            Equal(bool),
            Compare(Order),
        }
        let at = self.at();
        let mut left = self.sum()?;
        loop {
            let relation = self.takes_one(&[
                ("==", Relation::Equal(true)),
                ("!=", Relation::Equal(false)),
                ("<=", Relation::Compare(Order::LessOrEqual)),
                (">=", Relation::Compare(Order::GreaterOrEqual)),
                ("<", Relation::Compare(Order::Less)),
                (">", Relation::Compare(Order::Greater)),
            ]);
            let inside = relation.is_none() && self.takes_name("in");
            if relation.is_none() && !inside {
                return Ok(left);
            }
            let right = self.sum()?;
            left = over(at, [left, right], |[left, right]| {
                let both = Box::new((left, right));
                match relation {
                    Some(Relation::Equal(same)) => Expression::Equal(both, same),
                    Some(Relation::Compare(order)) => Expression::Compare(both, order),
                    None => Expression::In(both),
                }
            })?;
        }
    }

    fn sum(&mut self) -> Result<Built, Trouble> {
        let at = self.at();
        let mut left = self.product()?;
        while let Some(how) = self.takes_one(&[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)]) {
            let right = self.product()?;
            left =
                over(at, [left, right], |[left, right]| Expression::Compute(Box::new((left, right)), how))?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Built, Trouble> {
        const MARKS: [(&str, Arithmetic); 3] =
            [("*", Arithmetic::Multiply), ("/", Arithmetic::Divide), ("%", Arithmetic::Remainder)];
        let at = self.at();
        let mut left = self.unary()?;
        while let Some(how) = self.takes_one(&MARKS) {
            let right = self.unary()?;
            left =
                over(at, [left, right], |[left, right]| Expression::Compute(Box::new((left, right)), how))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Built, Trouble> {
        let at = self.at();
        let (mut nots, mut minuses) = (0_usize, 0_usize);
        while self.takes("!") {
            nots = nots.saturating_add(1);
        }
        if nots == 0 {
            while self.takes("-") {
                minuses = minuses.saturating_add(1);
            }
        }
        // The smallest number has no positive counterpart: its sign belongs to it.
        if minuses == 1
            && let Some(Token { word: Word::Int(digits), .. }) = self.peek()
        {
            let number =
                format!("-{digits}").parse().map_err(|_| Trouble::new(at, "a number that is too large"))?;
            self.next = self.next.saturating_add(1);
            return self.behind(leaf(Expression::Int(number)));
        }
        let mut built = self.member()?;
        for _ in 0..nots {
            built = over(at, [built], |[of]| Expression::Not(Box::new(of)))?;
        }
        for _ in 0..minuses {
            built = over(at, [built], |[of]| Expression::Negative(Box::new(of)))?;
        }
        Ok(built)
    }

    fn member(&mut self) -> Result<Built, Trouble> {
        let first = self.primary()?;
        self.behind(first)
    }

    /// What stands behind a value: fields, places, and calls on it.
    fn behind(&mut self, first: Built) -> Result<Built, Trouble> {
        let mut built = first;
        loop {
            let at = self.at();
            if self.takes("[") {
                let place = self.expression()?;
                self.expects("]")?;
                built = over(at, [built, place], |[of, at]| Expression::Index(Box::new(of), Box::new(at)))?;
            } else if self.takes(".") {
                let at = self.at();
                let name = self.field()?;
                built = if self.takes("(") {
                    self.call_on(at, built, &name)?
                } else {
                    over(at, [built], |[of]| Expression::Select(Box::new(of), name))?
                };
            } else {
                return Ok(built);
            }
        }
    }

    /// The name of a field or of a function: what the language keeps for itself is none, unless it is but reserved.
    fn field(&mut self) -> Result<String, Trouble> {
        let at = self.at();
        match self.peek() {
            Some(Token { word: Word::Name(name), .. })
                if !["in", "true", "false", "null"].contains(&name.as_str()) =>
            {
                let name = name.clone();
                self.next = self.next.saturating_add(1);
                Ok(name)
            }
            _ => Err(Trouble::new(at, "a name was expected; write [\"name\"] for one that is none in CEL")),
        }
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { word: Word::Name(next), .. }) if next == name);
        self.next = self.next.saturating_add(usize::from(found));
        found
    }

    fn primary(&mut self) -> Result<Built, Trouble> {
        let Some(Token { at, word }) = self.peek().cloned() else {
            return Err(Trouble::new(self.end, "it ends where a value was expected"));
        };
        self.next = self.next.saturating_add(1);
        match word {
            Word::Int(digits) => {
                let number = digits.parse().map_err(|_| Trouble::new(at, "a number that is too large"))?;
                Ok(leaf(Expression::Int(number)))
            }
            Word::Double(number) => Ok(leaf(Expression::Double(number))),
            Word::Text(text) => Ok(leaf(Expression::Text(text))),
            Word::Mark("(") => {
                let built = self.expression()?;
                self.expects(")")?;
                Ok(built)
            }
            Word::Mark("[") => {
                let items = self.items("]")?;
                list(at, items, Expression::List)
            }
            Word::Mark("{") => {
                Err(Trouble::new(at, "maps cannot be written here; a list can: [\"a\", \"b\"]"))
            }
            Word::Mark(_) => Err(Trouble::new(at, "a value was expected")),
            Word::Name(name) => self.name(at, &name),
        }
    }

    /// Expressions up to a closing bracket; a comma may stand behind the last.
    fn items(&mut self, close: &str) -> Result<Vec<Built>, Trouble> {
        let mut items = Vec::new();
        while !self.takes(close) {
            items.push(self.expression()?);
            if !self.takes(",") {
                self.expects(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn name(&mut self, at: usize, name: &str) -> Result<Built, Trouble> {
        match name {
            "true" => return Ok(leaf(Expression::Bool(true))),
            "false" => return Ok(leaf(Expression::Bool(false))),
            "null" => return Ok(leaf(Expression::Null)),
            _ => {}
        }
        if self.takes("(") {
            return self.call(at, name);
        }
        if let Some(nth) = self.variables.iter().rposition(|variable| variable == name) {
            return Ok(leaf(Expression::Variable(nth)));
        }
        if let Some((_, root)) = Root::NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(leaf(Expression::Root(*root)));
        }
        let known: Vec<_> = Root::NAMES.iter().map(|(known, _)| *known).collect();
        Err(Trouble::new(
            at,
            format!("{name:?} is nothing that a condition knows: expected {}", known.join(", ")),
        ))
    }

    /// `name(..)`, behind the bracket.
    fn call(&mut self, at: usize, name: &str) -> Result<Built, Trouble> {
        let mut arguments = self.items(")")?;
        if name == "has" {
            return match (arguments.pop(), arguments.is_empty()) {
                (Some(Built { tree: Expression::Select(of, field), depth }), true) => {
                    Ok(Built { tree: Expression::Has(of, field), depth })
                }
                _ => Err(Trouble::new(at, "has() takes one field of something: has(predicate.field)")),
            };
        }
        function(at, name, false, arguments)
    }

    /// `target.name(..)`, behind the bracket.
    fn call_on(&mut self, at: usize, target: Built, name: &str) -> Result<Built, Trouble> {
        if ["all", "exists", "exists_one", "filter", "map"].contains(&name) {
            return self.looping(at, target, name);
        }
        let mut arguments = vec![target];
        arguments.extend(self.items(")")?);
        function(at, name, true, arguments)
    }

    /// A macro, behind its bracket.
    fn looping(&mut self, at: usize, range: Built, name: &str) -> Result<Built, Trouble> {
        let place = self.at();
        let variable = self.field()?;
        let taken = RESERVED.contains(&variable.as_str())
            || self.variables.contains(&variable)
            || Root::NAMES.iter().any(|(root, _)| *root == variable);
        if taken {
            return Err(Trouble::new(
                place,
                format!("{variable:?} is taken: give the variable another name"),
            ));
        }
        self.expects(",")?;
        // Rule Y5.
        if self.variables.len() >= CONDITION_LOOPS {
            return Err(Trouble::new(
                at,
                format!("{name} inside of {CONDITION_LOOPS} others: at most {CONDITION_LOOPS} nest"),
            ));
        }
        self.variables.push(variable);
        let first = self.expression()?;
        let second = if self.takes(",") { Some(self.expression()?) } else { None };
        self.expects(")")?;
        self.variables.pop();
        let looping = |looping| Expression::Loop(Box::new(looping));
        match (name, second) {
            ("all", None) => over(at, [range, first], |[over, body]| looping(Loop::All { over, body })),
            ("exists", None) => over(at, [range, first], |[over, body]| looping(Loop::Exists { over, body })),
            ("exists_one", None) => {
                over(at, [range, first], |[over, body]| looping(Loop::ExistsOne { over, body }))
            }
            ("filter", None) => over(at, [range, first], |[over, only]| {
                looping(Loop::Collect { over, only: Some(only), body: None })
            }),
            ("map", None) => over(at, [range, first], |[over, body]| {
                looping(Loop::Collect { over, only: None, body: Some(body) })
            }),
            ("map", Some(second)) => over(at, [range, first, second], |[over, only, body]| {
                looping(Loop::Collect { over, only: Some(only), body: Some(body) })
            }),
            _ => Err(Trouble::new(at, format!("{name} takes a variable and one expression"))),
        }
    }
}

/// A call of a function by its name.
fn function(at: usize, name: &str, member: bool, arguments: Vec<Built>) -> Result<Built, Trouble> {
    if name == "matches" {
        return matches(at, arguments);
    }
    match Function::named(name, member, arguments.len()) {
        Some(function) => list(at, arguments, |arguments| Expression::Call(function, arguments)),
        None => Err(Trouble::new(
            at,
            format!(
                "{name:?} with {} arguments is no function here: expected {}",
                arguments.len(),
                Function::KNOWN
            ),
        )),
    }
}

fn single_or(
    at: usize,
    parts: Vec<Built>,
    make: fn(Vec<Expression>) -> Expression,
) -> Result<Built, Trouble> {
    match <[Built; 1]>::try_from(parts) {
        Ok([one]) => Ok(one),
        Err(several) => list(at, several, make),
    }
}

/// `text.matches("pattern")`: the pattern is compiled here, once, to a bounded size; matching takes time proportional to
/// the text.
fn matches(at: usize, arguments: Vec<Built>) -> Result<Built, Trouble> {
    let Ok([text, pattern]) = <[Built; 2]>::try_from(arguments) else {
        return Err(Trouble::new(at, "matches takes a text and a pattern"));
    };
    let Expression::Text(pattern) = pattern.tree else {
        return Err(Trouble::new(at, "the pattern of matches must stand there as it is, not be computed"));
    };
    let compiled = RegexBuilder::new(&pattern)
        .size_limit(CONDITION_PATTERN_BYTES)
        .dfa_size_limit(CONDITION_PATTERN_BYTES)
        .nest_limit(32)
        .build()
        .map_err(|error| {
            let why = error.to_string();
            let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Trouble::new(at, format!("the pattern {pattern:?} cannot be used: {last}"))
        })?;
    over(at, [text], |[text]| Expression::Matches(Box::new(text), compiled))
}
