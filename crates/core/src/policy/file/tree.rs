//! The values of a policy's text, YAML or JSON, with the place of each.
//!
//! JSON is read as the part of YAML that it is. What two readers could read differently is refused: a member twice, tags,
//! merge keys, names that are no text, several documents. Aliases are few, and what they stand for is counted each time,
//! before anything is made of it.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::problem::{Position, Problem, ProblemCode, too_deep, too_large, too_many_aliases, too_many_nodes};
use crate::limits::{POLICY_ALIASES, POLICY_BYTES, POLICY_DEPTH, POLICY_NODES};

/// So many bytes of a text weigh as much as a value, so that aliases do not multiply texts either.
const TEXT: usize = 64;

/// A value by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// What a value is.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    /// `plain` if it stands there without quotes, so that it could be something else than text.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Id>),
    Map(Vec<Entry>),
}

/// A member of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) value: Id,
}

#[derive(Debug)]
struct Node {
    value: Value,
    at: Position,
    /// Values in it, itself included, aliases followed; a text counts once more for each [`TEXT`] bytes.
    expanded: usize,
    /// Levels of collections in it, itself included, aliases followed.
    height: usize,
}

/// The values of one document.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: Id,
}

impl Tree {
    /// Reads a text.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let whole = |code, message: String| Problem::new(code, Position::START, "", message);
        if bytes.len() as u64 > POLICY_BYTES {
            return Err(whole(ProblemCode::TooLarge, too_large(bytes.len())));
        }
        let text = core::str::from_utf8(bytes).map_err(|error| {
            whole(ProblemCode::NotUtf8, format!("not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let mut options = granit_parser::options! {
            flow_nesting_limit: POLICY_DEPTH,
            block_nesting_limit: POLICY_DEPTH,
        };
        options.set_emit_comments(false);
        let mut reading = Reading::default();
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| {
                let marker = error.marker();
                let at = Position { line: marker.line().max(1), column: marker.col().saturating_add(1) };
                Problem::new(ProblemCode::Syntax, at, "", format!("neither YAML nor JSON: {}", error.info()))
            })?;
            reading.take(event, &span)?;
        }
        match reading.root {
            Some(root) => Ok(Self { nodes: reading.nodes, root }),
            None => Err(whole(ProblemCode::Documents, "the file is empty".to_owned())),
        }
    }

    pub(super) const fn root(&self) -> Id {
        self.root
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are given out by this tree alone, and values are never removed"
    )]
    fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0]
    }

    pub(super) fn value(&self, id: Id) -> &Value {
        &self.node(id).value
    }

    pub(super) fn at(&self, id: Id) -> Position {
        self.node(id).at
    }
}

/// A collection that is not at its end yet.
struct Open {
    id: Id,
    /// The name that waits for its value.
    name: Option<(String, Position)>,
    names: HashSet<String>,
}

#[derive(Default)]
struct Reading {
    nodes: Vec<Node>,
    root: Option<Id>,
    open: Vec<Open>,
    anchors: HashMap<usize, Id>,
    aliases: usize,
}

impl Reading {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        let at = Position { line: span.start.line().max(1), column: span.start.col().saturating_add(1) };
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Problem::new(ProblemCode::Documents, at, "", "a second document in the same file"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                untagged(tag.as_deref(), at)?;
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Text { text: text.into_owned(), plain } };
                let id = self.add(value, anchor, at)?;
                self.place(id, at)
            }
            Event::Alias(anchor) => {
                self.aliases = self.aliases.saturating_add(1);
                if self.aliases > POLICY_ALIASES {
                    return Err(Problem::new(ProblemCode::Alias, at, "", too_many_aliases()));
                }
                match self.anchors.get(&anchor).copied() {
                    Some(target) if !self.open.iter().any(|open| open.id == target) => self.place(target, at),
                    _ => {
                        let why = "an alias stands inside of what it names, or names nothing";
                        Err(Problem::new(ProblemCode::Alias, at, "", why))
                    }
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Value::List(Vec::new()), anchor, tag.as_deref(), at)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Value::Map(Vec::new()), anchor, tag.as_deref(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.place(open.id, at),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, tag: Option<&Tag>, at: Position) -> Result<(), Problem> {
        untagged(tag, at)?;
        if self.open.len() >= POLICY_DEPTH {
            return Err(Problem::new(ProblemCode::TooDeep, at, "", too_deep()));
        }
        let id = self.add(value, anchor, at)?;
        self.open.push(Open { id, name: None, names: HashSet::new() });
        Ok(())
    }

    fn add(&mut self, value: Value, anchor: usize, at: Position) -> Result<Id, Problem> {
        if self.nodes.len() >= POLICY_NODES {
            return Err(Problem::new(ProblemCode::TooManyNodes, at, "", too_many_nodes()));
        }
        let id = Id(self.nodes.len());
        let text = if let Value::Text { text, .. } = &value { text.len() } else { 0 };
        let expanded = text.checked_div(TEXT).map_or(1, |more| more.saturating_add(1));
        let height = usize::from(matches!(value, Value::List(_) | Value::Map(_)));
        self.nodes.push(Node { value, at, expanded, height });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are given out by this reader alone, and values are never removed"
    )]
    fn node(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0]
    }

    /// Puts a value that is whole into the collection that is open, or makes it the document.
    fn place(&mut self, id: Id, at: Position) -> Result<(), Problem> {
        let Some(mut parent) = self.open.pop() else {
            self.root = Some(id);
            return Ok(());
        };
        if matches!(self.node(parent.id).value, Value::Map(_)) && parent.name.is_none() {
            let name = match &self.node(id).value {
                Value::Text { text, plain: true } if text == "<<" => {
                    return Err(Problem::new(ProblemCode::MergeKey, at, "", "a merge key, <<"));
                }
                Value::Text { text, .. } => text.clone(),
                _ => {
                    return Err(Problem::new(
                        ProblemCode::FieldName,
                        at,
                        "",
                        "the name of a member is no text",
                    ));
                }
            };
            if !parent.names.insert(name.clone()) {
                let what = format!("{name:?} stands twice in one mapping");
                return Err(Problem::new(ProblemCode::DuplicateField, at, "", what));
            }
            parent.name = Some((name, at));
            self.open.push(parent);
            return Ok(());
        }
        let (expanded, height) = (self.node(id).expanded, self.node(id).height);
        let node = self.node(parent.id);
        match (&mut node.value, parent.name.take()) {
            (Value::Map(entries), Some((name, at))) => entries.push(Entry { name, at, value: id }),
            (Value::List(items), _) => items.push(id),
            // Nothing else is ever open.
            _ => {}
        }
        node.expanded = node.expanded.saturating_add(expanded);
        node.height = node.height.max(height.saturating_add(1));
        let (expanded, height) = (node.expanded, node.height);
        self.open.push(parent);
        if expanded > POLICY_NODES {
            return Err(Problem::new(ProblemCode::TooManyNodes, at, "", too_many_nodes()));
        }
        if height > POLICY_DEPTH {
            return Err(Problem::new(ProblemCode::TooDeep, at, "", too_deep()));
        }
        Ok(())
    }
}

fn untagged(tag: Option<&Tag>, at: Position) -> Result<(), Problem> {
    match tag {
        None => Ok(()),
        Some(tag) => {
            let what = format!("the tag {}{}", tag.handle(), tag.suffix());
            Err(Problem::new(ProblemCode::Tag, at, "", what))
        }
    }
}
