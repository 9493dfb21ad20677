//! A condition as a tree: names are resolved, macros are loops, patterns are compiled.

use regex::Regex;

/// An expression.
#[derive(Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Self>),
    /// A part of the statement.
    Root(Root),
    /// The variable of a loop, counted from the outermost.
    Variable(usize),
    /// `of.field`.
    Select(Box<Self>, String),
    /// `has(of.field)`.
    Has(Box<Self>, String),
    /// `of[at]`.
    Index(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    /// All of them; an error beside a false one does not matter.
    And(Vec<Self>),
    /// Any of them; an error beside a true one does not matter.
    Or(Vec<Self>),
    /// `of ? then : otherwise`.
    If(Box<(Self, Self, Self)>),
    /// `left == right`, or `!=` if the last is false.
    Equal(Box<(Self, Self)>, bool),
    Compare(Box<(Self, Self)>, Order),
    Compute(Box<(Self, Self)>, Arithmetic),
    /// `item in whole`.
    In(Box<(Self, Self)>),
    Call(Function, Vec<Self>),
    /// `text.matches(pattern)`: the pattern stands in the policy, and was compiled with it.
    Matches(Box<Self>, Regex),
    /// A macro over a list, or over the names of a map.
    Loop(Box<Loop>),
}

/// What a condition can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Predicate,
    PredicateType,
    Subject,
    Annotations,
}

impl Root {
    pub(super) const NAMES: [(&'static str, Self); 4] = [
        ("predicate", Self::Predicate),
        ("predicateType", Self::PredicateType),
        ("subject", Self::Subject),
        ("annotations", Self::Annotations),
    ];
}

/// `over.all(variable, body)` and its kin.
#[derive(Debug)]
pub(crate) enum Loop {
    All {
        over: Expression,
        body: Expression,
    },
    Exists {
        over: Expression,
        body: Expression,
    },
    ExistsOne {
        over: Expression,
        body: Expression,
    },
    /// `filter` keeps the item, `map` computes another.
    Collect {
        over: Expression,
        only: Option<Expression>,
        body: Option<Expression>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// The functions that a condition may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Double,
    Text,
    Timestamp,
}

impl Function {
    /// A function by its name, as it is called: `name(..)`, or `target.name(..)`, with so many arguments, the target among
    /// them.
    pub(super) fn named(name: &str, member: bool, arguments: usize) -> Option<Self> {
        Some(match (name, member, arguments) {
            ("size", _, 1) => Self::Size,
            ("contains", true, 2) => Self::Contains,
            ("startsWith", true, 2) => Self::StartsWith,
            ("endsWith", true, 2) => Self::EndsWith,
            ("int", false, 1) => Self::Int,
            ("double", false, 1) => Self::Double,
            ("string", false, 1) => Self::Text,
            ("timestamp", false, 1) => Self::Timestamp,
            _ => return None,
        })
    }

    /// Everything that can be called, for an error.
    pub(super) const KNOWN: &'static str = "has(a.b), size, contains, startsWith, endsWith, matches, int, double, string, \
        timestamp, all, exists, exists_one, filter, map";
}
