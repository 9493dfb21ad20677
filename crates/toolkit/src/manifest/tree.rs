//! The nodes of a file with the places where they stand, as the parser gives them, aliases kept apart.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag};

use super::{MANIFEST_DEPTH, MANIFEST_DOCUMENTS, MANIFEST_NODES, ManifestError};

/// A node by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(usize);

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Sequence { flow: bool, items: Vec<Id> },
    Mapping { flow: bool, entries: Vec<Entry> },
    Alias { target: Id },
}

/// One entry of a mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Id,
    pub(super) value: Id,
}

/// A node and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Bytes in the text: a scalar or an alias with its quotes and marks, a flow collection with its brackets. What a
    /// block collection spans ends where the next node begins, and is not used.
    pub(super) span: Range<usize>,
    /// From 1.
    pub(super) line: usize,
    /// Characters before it on its line.
    pub(super) column: usize,
    pub(super) tag: Option<String>,
    pub(super) anchored: bool,
    /// The collection that it stands in, whether as a key or a value.
    pub(super) parent: Option<Id>,
    /// The aliases that lead here.
    pub(super) aliases: Vec<Id>,
    /// Nodes in it, itself included, aliases followed.
    expanded: usize,
    /// Levels in it, itself included, aliases followed.
    height: usize,
}

/// A file's nodes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    documents: Vec<Id>,
    /// Nodes of the documents that are whole, aliases followed.
    expanded: usize,
}

impl Tree {
    /// Reads every document of a text.
    pub(crate) fn read(text: &str) -> Result<Self, ManifestError> {
        let mut options = granit_parser::options! {
            emit_anchor_events: true,
            flow_nesting_limit: MANIFEST_DEPTH,
            block_nesting_limit: MANIFEST_DEPTH,
        };
        options.set_emit_comments(false);
        let mut reading = Reading { tree: Self::default(), open: Vec::new(), anchors: HashMap::new() };
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next
                .map_err(|error| ManifestError::Syntax { line: error.marker().line(), why: error.info() })?;
            reading.take(event, &span)?;
        }
        Ok(reading.tree)
    }

    /// The root of each document.
    pub(super) fn documents(&self) -> &[Id] {
        &self.documents
    }

    /// A node by its number.
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are given out by this tree alone, and nodes are never removed"
    )]
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0]
    }

    #[expect(clippy::indexing_slicing, reason = "as above")]
    fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0]
    }

    /// What a node is once an alias is followed. An alias never leads to an alias.
    pub(super) fn resolve(&self, id: Id) -> Id {
        match self.node(id).kind {
            Kind::Alias { target } => target,
            _ => id,
        }
    }

    /// The text of a scalar, an alias followed, where it is text and not null.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if self.is_null(id) {
            return None;
        }
        match &self.node(self.resolve(id)).kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether a node is null: nothing at all, `~` or the word.
    pub(super) fn is_null(&self, id: Id) -> bool {
        let node = self.node(self.resolve(id));
        match &node.kind {
            Kind::Scalar { text, style: ScalarStyle::Plain } if node.tag.is_none() => {
                node.span.is_empty() || matches!(text.as_str(), "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// The entries of a mapping, an alias followed.
    pub(super) fn entries(&self, id: Id) -> Option<&[Entry]> {
        match &self.node(self.resolve(id)).kind {
            Kind::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The items of a sequence, an alias followed.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match &self.node(self.resolve(id)).kind {
            Kind::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Whether a key is the one that merges another mapping in.
    pub(super) fn is_merge(&self, key: Id) -> bool {
        let node = self.node(key);
        node.tag.is_none()
            && matches!(&node.kind, Kind::Scalar { text, style: ScalarStyle::Plain } if text == "<<")
    }
}

/// A collection that is not at its end yet.
struct Open {
    id: Id,
    /// The key that waits for its value.
    key: Option<Id>,
    /// The keys that a mapping has.
    keys: HashSet<String>,
}

struct Reading {
    tree: Tree,
    open: Vec<Open>,
    anchors: HashMap<usize, Id>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), ManifestError> {
        match event {
            Event::DocumentStart(..) if self.tree.documents.len() >= MANIFEST_DOCUMENTS => {
                Err(ManifestError::TooManyDocuments)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar { text: text.into_owned(), style };
                self.leaf(kind, anchor, tag.as_deref(), span)
            }
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor).copied() else {
                    return Err(ManifestError::Syntax {
                        line: span.start.line(),
                        why: "unknown anchor".to_owned(),
                    });
                };
                if self.open.iter().any(|open| open.id == target) {
                    return Err(ManifestError::Ambiguous {
                        line: span.start.line(),
                        why: "an alias stands inside of what it names".to_owned(),
                    });
                }
                self.leaf(Kind::Alias { target }, 0, None, span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let kind = Kind::Sequence { flow: style == StructureStyle::Flow, items: Vec::new() };
                self.begin(kind, anchor, tag.as_deref(), span)
            }
            Event::MappingStart(style, anchor, tag) => {
                let kind = Kind::Mapping { flow: style == StructureStyle::Flow, entries: Vec::new() };
                self.begin(kind, anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            _ => Ok(()),
        }
    }

    fn leaf(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<(), ManifestError> {
        let id = self.add(kind, anchor, tag, span)?;
        self.place(id)
    }

    fn begin(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<(), ManifestError> {
        if self.open.len() >= MANIFEST_DEPTH {
            return Err(ManifestError::TooDeep { line: span.start.line() });
        }
        let id = self.add(kind, anchor, tag, span)?;
        self.open.push(Open { id, key: None, keys: HashSet::new() });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), ManifestError> {
        let Some(Open { id, .. }) = self.open.pop() else { return Ok(()) };
        if let Some(range) = span.byte_range() {
            let node = self.tree.node_mut(id);
            node.span.end = range.end.max(node.span.start);
        }
        self.place(id)
    }

    fn add(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Id, ManifestError> {
        let line = span.start.line();
        if self.tree.nodes.len() >= MANIFEST_NODES {
            return Err(ManifestError::TooMany { line });
        }
        let id = Id(self.tree.nodes.len());
        let (expanded, height) = match kind {
            Kind::Alias { target } => {
                self.tree.node_mut(target).aliases.push(id);
                let target = self.tree.node(target);
                (target.expanded, target.height)
            }
            _ => (1, 1),
        };
        self.tree.nodes.push(Node {
            kind,
            span: span.byte_range().unwrap_or_default(),
            line,
            column: span.start.col(),
            tag: tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix())),
            anchored: anchor != 0,
            parent: self.open.last().map(|open| open.id),
            aliases: Vec::new(),
            expanded,
            height,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    /// Puts a node that is whole into the collection that is open, or makes it a document.
    fn place(&mut self, id: Id) -> Result<(), ManifestError> {
        let node = self.tree.node(id);
        let (line, expanded, height) = (node.line, node.expanded, node.height);
        let Some(parent) = self.open.last_mut() else {
            self.tree.documents.push(id);
            self.tree.expanded = self.tree.expanded.saturating_add(expanded);
            return if self.tree.expanded > MANIFEST_NODES {
                Err(ManifestError::TooMany { line })
            } else {
                Ok(())
            };
        };
        let parent_id = parent.id;
        if matches!(self.tree.node(parent_id).kind, Kind::Mapping { .. }) && parent.key.is_none() {
            let Some(name) = self.tree.text(id) else {
                return Err(ManifestError::Ambiguous {
                    line,
                    why: "a key that is no text: was a template left as it is?".to_owned(),
                });
            };
            if !parent.keys.insert(name.to_owned()) {
                return Err(ManifestError::Ambiguous {
                    line,
                    why: format!("the key {name:?} stands twice in one mapping"),
                });
            }
            parent.key = Some(id);
        } else {
            let key = parent.key.take();
            match (&mut self.tree.node_mut(parent_id).kind, key) {
                (Kind::Mapping { entries, .. }, Some(key)) => entries.push(Entry { key, value: id }),
                (Kind::Sequence { items, .. }, _) => items.push(id),
                // Nothing else is ever open.
                _ => {}
            }
        }
        let parent = self.tree.node_mut(parent_id);
        parent.expanded = parent.expanded.saturating_add(expanded);
        parent.height = parent.height.max(height.saturating_add(1));
        if parent.expanded > MANIFEST_NODES {
            return Err(ManifestError::TooMany { line });
        }
        if parent.height > MANIFEST_DEPTH {
            return Err(ManifestError::TooDeep { line });
        }
        Ok(())
    }
}
