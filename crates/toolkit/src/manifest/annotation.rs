//! Setting an annotation on workloads and on their pod templates.
//!
//! For each place there are several ways to write the annotation, the best first: where it stands already, into the
//! annotations that are there, into the metadata, or over an alias. A way is taken only if every place that would
//! change with it is one that is to change: an anchored mapping that a Service uses too is never edited.

use std::collections::HashMap;

use granit_parser::ScalarStyle;

use super::data::Value;
use super::edit::{self, Edit};
use super::layout::{after_colon, end_of_line, is_clearly_text, line_before, line_end, scalar};
use super::lookup::{Found, Ways};
use super::source::Manifest;
use super::tree::{Entry, Id, Kind, Tree};
use super::workload::{Place, Step, Workload};
use super::{AnnotationName, ManifestError};

/// The fields that lead to annotations.
const FIELDS: [&str; 2] = ["metadata", "annotations"];
/// Spaces that a level is indented by where the text does not show it.
const INDENT: usize = 2;
/// Most spaces that are taken over as the indentation of a level.
const WIDEST: usize = 8;

/// The value that one workload is to have.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct AnnotationChange<'a> {
    /// A workload of the same manifest.
    pub workload: &'a Workload,
    /// The value.
    pub value: &'a str,
}

impl Manifest {
    /// The text with an annotation set on workloads and on their pod templates; every other byte is as it was. Where
    /// all have their value already that is the text itself.
    pub fn annotate(
        &self,
        name: &AnnotationName,
        changes: &[AnnotationChange<'_>],
    ) -> Result<String, ManifestError> {
        let mut meant = Value::documents(&self.tree)?;
        let mut places = Vec::new();
        for AnnotationChange { workload, value } in changes {
            let own_template = workload.template.path != workload.object.path;
            let template = Some(&workload.template).filter(|_| own_template);
            for place in [Some(&workload.object), template].into_iter().flatten() {
                let keys = FIELDS.into_iter().chain([name.as_str()]);
                let way: Vec<_> = keys.map(|key| Step::Key(key.to_owned())).collect();
                if let Some(document) = meant.get_mut(place.document) {
                    document.set(place.path.iter().chain(&way), value);
                }
                places.push(Spot::find(&self.tree, place, name, value)?);
            }
        }
        let writer = Writer { text: self.text(), tree: &self.tree, json: self.json };
        let mut edits = Vec::new();
        for (way, value) in chosen(&self.tree, places)? {
            edits.push(writer.edit(&way, value)?);
        }
        edit::apply(self, edits, &meant)
    }
}

/// A way to write the annotation, and the node that is touched by it.
#[derive(Clone, Debug)]
enum Way<'a> {
    /// In place of a scalar or of an alias that leads to one.
    Replace(Id),
    /// Into a mapping, with the keys that lead from it to the value.
    Into(Id, Vec<&'a str>),
    /// In place of a null.
    Fill(Entry, Vec<&'a str>),
    /// In place of an alias: a mapping that merges what it named.
    Over(Id, Vec<&'a str>),
}

impl Way<'_> {
    const fn touched(&self) -> Id {
        match self {
            Self::Replace(id) | Self::Into(id, _) | Self::Over(id, _) => *id,
            Self::Fill(entry, _) => entry.value,
        }
    }
}

/// A place that is to have a value, and the ways to write it.
struct Spot<'a> {
    ways: Vec<Way<'a>>,
    value: &'a str,
    /// The value is there.
    done: bool,
    line: usize,
}

impl<'a> Spot<'a> {
    fn find(
        tree: &Tree,
        place: &Place,
        name: &'a AnnotationName,
        value: &'a str,
    ) -> Result<Self, ManifestError> {
        let names = [FIELDS[0], FIELDS[1], name.as_str()];
        let mut mapping = tree.resolve(place.node);
        let mut alias = None;
        for (depth, field) in names.iter().enumerate() {
            let rest: Vec<_> = names.iter().skip(depth).copied().collect();
            let below: Vec<_> = names.iter().skip(depth.saturating_add(1)).copied().collect();
            let into = |mapping, names: &Vec<&'a str>| {
                let over = alias.map(|alias| Way::Over(alias, names.clone()));
                core::iter::once(Way::Into(mapping, names.clone())).chain(over).collect::<Vec<_>>()
            };
            let spot = |ways, done, line| Ok(Self { ways, value, done, line });
            let Some(Found { entry, written_in }) = tree.get(mapping, field)? else {
                return spot(into(mapping, &rest), false, tree.node(mapping).line);
            };
            let line = tree.node(entry.key).line;
            if tree.is_null(entry.value) {
                let mut ways = vec![Way::Fill(entry, below)];
                if written_in != mapping {
                    ways.extend(into(mapping, &rest));
                }
                return spot(ways, false, line);
            }
            let is_alias = matches!(tree.node(entry.value).kind, Kind::Alias { .. });
            if below.is_empty() {
                let Kind::Scalar { text, style } = &tree.node(tree.resolve(entry.value)).kind else {
                    let field = (*field).to_owned();
                    return Err(ManifestError::Shape { line, field, expected: "a text" });
                };
                let mut ways = vec![Way::Replace(tree.resolve(entry.value))];
                if is_alias && written_in == mapping {
                    ways.push(Way::Replace(entry.value));
                }
                // A key of its own wins over one that is merged in.
                ways.extend(into(mapping, &rest).into_iter().skip(usize::from(written_in == mapping)));
                let done = text == value && (*style != ScalarStyle::Plain || is_clearly_text(text));
                return spot(ways, done, line);
            }
            if tree.entries(entry.value).is_none() {
                let field = (*field).to_owned();
                return Err(ManifestError::Shape { line, field, expected: "an object" });
            }
            alias = Some(entry.value).filter(|_| is_alias);
            mapping = tree.resolve(entry.value);
        }
        // The last name has returned.
        Err(ManifestError::NotAsMeant { why: "no place found".to_owned() })
    }
}

/// For each spot the first way that touches nothing else; spots that share a place are written once.
fn chosen<'a>(tree: &Tree, spots: Vec<Spot<'a>>) -> Result<Vec<(Way<'a>, &'a str)>, ManifestError> {
    let mut ways_to = Ways::new(tree);
    let mut chosen = Vec::new();
    let mut waiting = spots;
    let mut rank = 0;
    while !waiting.is_empty() {
        let mut groups: HashMap<Id, usize> = HashMap::new();
        for spot in &waiting {
            let Some(way) = spot.ways.get(rank) else {
                return Err(ManifestError::Shared { line: spot.line });
            };
            let count = groups.entry(way.touched()).or_default();
            *count = count.saturating_add(1);
        }
        let mut written: HashMap<Id, &'a str> = HashMap::new();
        let mut left = Vec::new();
        for spot in waiting {
            let Some(way) = spot.ways.get(rank) else { continue };
            let touched = way.touched();
            if groups.get(&touched).copied() != Some(ways_to.to(touched)) {
                // It need not be written at all where the value is there.
                if !spot.done {
                    left.push(spot);
                }
                continue;
            }
            match written.insert(touched, spot.value) {
                Some(first) if first != spot.value => {
                    let (first, second) = (first.to_owned(), spot.value.to_owned());
                    return Err(ManifestError::Conflict { line: spot.line, first, second });
                }
                Some(_) => {}
                None if spot.done => {}
                None => chosen.push((way.clone(), spot.value)),
            }
        }
        waiting = left;
        rank = rank.saturating_add(1);
    }
    Ok(chosen)
}

/// Writes into a text.
struct Writer<'a> {
    text: &'a str,
    tree: &'a Tree,
    json: bool,
}

impl Writer<'_> {
    fn edit(&self, way: &Way<'_>, value: &str) -> Result<Edit, ManifestError> {
        match way {
            Way::Replace(id) => self.replace(*id, value),
            Way::Into(mapping, names) => self.entry(*mapping, names, value),
            Way::Fill(entry, names) => self.fill(*entry, names, value),
            Way::Over(alias, names) => {
                let range = self.tree.node(*alias).span.clone();
                let named = self.text.get(range.clone()).unwrap_or_default();
                Ok(Edit { range, text: format!("{{<<: {named}, {}}}", self.flow(names, value)) })
            }
        }
    }

    /// A new value in the quotes of the old one.
    fn replace(&self, id: Id, value: &str) -> Result<Edit, ManifestError> {
        let node = self.tree.node(id);
        let text = match &node.kind {
            Kind::Scalar { style: ScalarStyle::SingleQuoted, .. } => {
                format!("'{}'", value.replace('\'', "''"))
            }
            Kind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => scalar(value, true),
            Kind::Scalar { style: ScalarStyle::Plain, .. } | Kind::Alias { .. } => scalar(value, self.json),
            _ => return Err(self.unusual(id, "the value is a block of text (| or >), which is not edited")),
        };
        Ok(Edit { range: node.span.clone(), text })
    }

    /// A mapping in the place of a null.
    fn fill(&self, entry: Entry, names: &[&str], value: &str) -> Result<Edit, ManifestError> {
        let node = self.tree.node(entry.value);
        let flow = if names.is_empty() {
            scalar(value, self.json)
        } else {
            format!("{{{}}}", self.flow(names, value))
        };
        if !node.span.is_empty() {
            return Ok(Edit { range: node.span.clone(), text: flow });
        }
        let colon = after_colon(self.text, self.tree.node(entry.key).span.end);
        let (Some(colon), None, false) = (colon, &node.tag, node.anchored) else {
            return Err(self.unusual(entry.key, "a key without a value is written in an unusual way"));
        };
        let mapping = node.parent.filter(|parent| !self.is_flow(*parent) && !names.is_empty());
        let (Some(mapping), Some(end)) = (mapping, end_of_line(self.text, colon)) else {
            return Ok(Edit::insert(colon, format!(" {flow}")));
        };
        let step = self.indent(mapping);
        let column = self.tree.node(mapping).column.saturating_add(step);
        let line_end = line_end(self.text, end);
        let block = block(names, value, column, step, line_end, self.json);
        Ok(Edit::insert(end, format!("{line_end}{}{block}", " ".repeat(column))))
    }

    /// A new entry of a mapping.
    fn entry(&self, id: Id, names: &[&str], value: &str) -> Result<Edit, ManifestError> {
        let node = self.tree.node(id);
        let Kind::Mapping { flow, entries } = &node.kind else {
            return Err(self.unusual(id, "not a mapping"));
        };
        if *flow {
            return Ok(self.entry_in_flow(id, entries, names, value));
        }
        let step = self.indent(id);
        // `metadata` comes before `spec`, everything else behind what is there.
        let last = entries.last().filter(|_| names.first() != Some(&FIELDS[0]));
        if let Some(end) = last.and_then(|last| self.end(*last)).and_then(|end| end_of_line(self.text, end)) {
            let line_end = line_end(self.text, end);
            let block = block(names, value, node.column, step, line_end, self.json);
            return Ok(Edit::insert(end, format!("{line_end}{}{block}", " ".repeat(node.column))));
        }
        let at = node.span.start;
        let before = line_before(self.text, at).trim_start_matches('\u{feff}');
        let merges = entries.iter().any(|entry| self.tree.is_merge(entry.key));
        if merges || !before.bytes().all(|byte| matches!(byte, b' ' | b'-')) {
            return Err(self.unusual(id, "no place was found for a new key in this mapping"));
        }
        let line_end = line_end(self.text, at);
        let block = block(names, value, node.column, step, line_end, self.json);
        Ok(Edit::insert(at, format!("{block}{line_end}{}", " ".repeat(node.column))))
    }

    fn entry_in_flow(&self, id: Id, entries: &[Entry], names: &[&str], value: &str) -> Edit {
        let node = self.tree.node(id);
        let flow = self.flow(names, value);
        let opened = node.span.start.saturating_add(1);
        let Some(last) = entries.last() else { return Edit::insert(opened, flow) };
        let key = self.tree.node(last.key).span.start;
        let before = line_before(self.text, key);
        // One key a line stays one key a line.
        let lead = if before.bytes().all(|byte| matches!(byte, b' ' | b'\t')) {
            format!("{}{before}", line_end(self.text, key))
        } else {
            " ".to_owned()
        };
        match self.end(*last) {
            Some(end) => Edit::insert(end, format!(",{lead}{flow}")),
            None => Edit::insert(opened, format!("{flow}, ")),
        }
    }

    /// Where an entry ends, unless that is hard to say: behind a block of text, or a key without a value.
    fn end(&self, entry: Entry) -> Option<usize> {
        let node = self.tree.node(entry.value);
        match &node.kind {
            Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => None,
            Kind::Scalar { .. } if node.span.is_empty() => {
                let plain = node.tag.is_none() && !node.anchored;
                after_colon(self.text, self.tree.node(entry.key).span.end).filter(|_| plain)
            }
            Kind::Sequence { flow: false, items } => self.end_of(*items.last()?),
            Kind::Mapping { flow: false, entries } => self.end(*entries.last()?),
            _ => Some(node.span.end),
        }
    }

    fn end_of(&self, item: Id) -> Option<usize> {
        let node = self.tree.node(item);
        match &node.kind {
            Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => None,
            Kind::Scalar { .. } if node.span.is_empty() => None,
            Kind::Sequence { flow: false, items } => self.end_of(*items.last()?),
            Kind::Mapping { flow: false, entries } => self.end(*entries.last()?),
            _ => Some(node.span.end),
        }
    }

    /// By how much a level below this mapping is indented: as much as this one is.
    fn indent(&self, mapping: Id) -> usize {
        let node = self.tree.node(mapping);
        let outer = node
            .parent
            .map(|parent| self.tree.node(parent))
            .filter(|parent| matches!(parent.kind, Kind::Mapping { flow: false, .. }));
        let step = outer.and_then(|outer| node.column.checked_sub(outer.column)).unwrap_or(INDENT);
        if (1..=WIDEST).contains(&step) { step } else { INDENT }
    }

    fn is_flow(&self, id: Id) -> bool {
        matches!(
            self.tree.node(id).kind,
            Kind::Mapping { flow: true, .. } | Kind::Sequence { flow: true, .. }
        )
    }

    /// The inside of a flow mapping: `a: {b: value}`.
    fn flow(&self, names: &[&str], value: &str) -> String {
        let mut text = scalar(value, self.json);
        for (depth, name) in names.iter().rev().enumerate() {
            let inner = if depth == 0 { text } else { format!("{{{text}}}") };
            text = format!("{}: {inner}", scalar(name, self.json));
        }
        text
    }

    fn unusual(&self, id: Id, why: &'static str) -> ManifestError {
        ManifestError::Unusual { line: self.tree.node(id).line, why }
    }
}

/// Keys one below another and the value, the first without its indentation.
fn block(names: &[&str], value: &str, column: usize, step: usize, line_end: &str, json: bool) -> String {
    let mut text = String::new();
    let mut column = column;
    for (depth, name) in names.iter().enumerate() {
        if depth > 0 {
            column = column.saturating_add(step);
            text.push_str(line_end);
            text.push_str(&" ".repeat(column));
        }
        text.push_str(&scalar(name, json));
        text.push(':');
    }
    text.push(' ');
    text.push_str(&scalar(value, json));
    text
}
