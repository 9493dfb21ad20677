//! The value of a key, through aliases and merges.

use std::collections::{HashMap, HashSet};

use super::ManifestError;
use super::tree::{Entry, Id, Kind, Tree};
use super::workload::Step;

/// A value and how it was come by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The entry that holds it.
    pub(super) entry: Entry,
    /// The mapping that the entry is written in: not the one that was asked where the value was merged in.
    pub(super) written_in: Id,
}

impl Tree {
    /// The value of `key` in a mapping, its own before a merged one. Where some readers let the merge win, and it says
    /// something else, that is an error.
    pub(super) fn get(&self, mapping: Id, key: &str) -> Result<Option<Found>, ManifestError> {
        let mapping = self.resolve(mapping);
        let Some(entries) = self.entries(mapping) else { return Ok(None) };
        let own =
            entries.iter().position(|entry| !self.is_merge(entry.key) && self.text(entry.key) == Some(key));
        let merge = entries.iter().position(|entry| self.is_merge(entry.key));
        let merged = match merge.and_then(|at| entries.get(at)) {
            Some(entry) => self.merged(entry.value, key)?,
            None => None,
        };
        let Some(entry) = own.and_then(|at| entries.get(at)).copied() else { return Ok(merged) };
        if let (Some(merged), true) = (merged, own < merge)
            && self.resolve(merged.entry.value) != self.resolve(entry.value)
        {
            return Err(ManifestError::Ambiguous {
                line: self.node(entry.key).line,
                why: format!(
                    "{key:?} stands before a merge (<<) that has it too: readers differ about which counts"
                ),
            });
        }
        Ok(Some(Found { entry, written_in: mapping }))
    }

    /// The names of a mapping's members, those that are merged in too, each once.
    pub(super) fn members(&self, mapping: Id) -> Result<Vec<String>, ManifestError> {
        let mut names = Vec::new();
        let mut known = HashSet::new();
        let mut waiting = vec![self.resolve(mapping)];
        while let Some(mapping) = waiting.pop() {
            for entry in self.entries(mapping).unwrap_or_default() {
                if self.is_merge(entry.key) {
                    waiting.extend(self.merge_sources(entry.value)?.into_iter().map(|id| self.resolve(id)));
                } else if let Some(name) = self.text(entry.key)
                    && known.insert(name.to_owned())
                {
                    names.push(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    /// Looks in what a merge names: a mapping, or a list of mappings of which the first counts.
    fn merged(&self, value: Id, key: &str) -> Result<Option<Found>, ManifestError> {
        for source in self.merge_sources(value)? {
            if let Some(found) = self.get(source, key)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The way to a node from the beginning of its document, on which no alias is followed.
    pub(super) fn way_to(&self, id: Id) -> Vec<Step> {
        let mut way = Vec::new();
        let mut below = id;
        while let Some(above) = self.node(below).parent {
            let step = match &self.node(above).kind {
                Kind::Mapping { entries, .. } => entries
                    .iter()
                    .find(|entry| entry.value == below)
                    .and_then(|entry| self.text(entry.key))
                    .map(|key| Step::Key(key.to_owned())),
                Kind::Sequence { items, .. } => items.iter().position(|item| *item == below).map(Step::Item),
                _ => None,
            };
            way.extend(step);
            below = above;
        }
        way.reverse();
        way
    }

    /// The mappings that a merge names.
    pub(super) fn merge_sources(&self, value: Id) -> Result<Vec<Id>, ManifestError> {
        let target = self.resolve(value);
        let sources = match &self.node(target).kind {
            Kind::Mapping { .. } => vec![target],
            Kind::Sequence { items, .. } => items.clone(),
            _ => Vec::new(),
        };
        if sources.is_empty() || sources.iter().any(|source| self.entries(*source).is_none()) {
            return Err(ManifestError::Shape {
                line: self.node(value).line,
                field: "<<".to_owned(),
                expected: "a mapping or a list of mappings",
            });
        }
        Ok(sources)
    }
}

/// On how many ways nodes are reached from the beginning of their document.
#[derive(Debug)]
pub(super) struct Ways<'a> {
    tree: &'a Tree,
    known: HashMap<Id, usize>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, known: HashMap::new() }
    }

    /// The ways to one node. No chain of parents and aliases is longer than documents are deep.
    pub(super) fn to(&mut self, id: Id) -> usize {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let node = self.tree.node(id);
        let own = node.parent.map_or(1, |parent| self.to(parent));
        let ways = node.aliases.iter().fold(own, |ways, alias| ways.saturating_add(self.to(*alias)));
        self.known.insert(id, ways);
        ways
    }
}
