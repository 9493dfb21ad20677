//! What a text says, without how it says it: to compare an edited text with what was meant.

use std::collections::BTreeMap;

use granit_parser::ScalarStyle;

use super::ManifestError;
use super::layout::is_clearly_text;
use super::tree::{Id, Kind, Tree};
use super::workload::Step;

/// A value with aliases and merges followed. The order of keys, comments, quotes and line ends are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A plain scalar that may be something else than text: a number, a boolean, null.
    Plain(String),
    Tagged(String, String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Value {
    /// The documents of a text.
    pub(crate) fn documents(tree: &Tree) -> Result<Vec<Self>, ManifestError> {
        tree.documents().iter().map(|document| Self::of(tree, *document)).collect()
    }

    fn of(tree: &Tree, id: Id) -> Result<Self, ManifestError> {
        let node = tree.node(tree.resolve(id));
        Ok(match &node.kind {
            Kind::Scalar { text, style } => match &node.tag {
                Some(tag) if tag == "tag:yaml.org,2002:str" || tag == "!" => Self::Text(text.clone()),
                Some(tag) => Self::Tagged(tag.clone(), text.clone()),
                None if *style == ScalarStyle::Plain && !is_clearly_text(text) => Self::Plain(text.clone()),
                None => Self::Text(text.clone()),
            },
            Kind::Sequence { items, .. } => {
                Self::List(items.iter().map(|item| Self::of(tree, *item)).collect::<Result<_, _>>()?)
            }
            Kind::Mapping { entries, .. } => {
                let mut map = BTreeMap::new();
                for entry in entries.iter().filter(|entry| tree.is_merge(entry.key)) {
                    // The first source counts: it is put in last.
                    for source in tree.merge_sources(entry.value)?.into_iter().rev() {
                        if let Self::Map(merged) = Self::of(tree, source)? {
                            map.extend(merged);
                        }
                    }
                }
                for entry in entries.iter().filter(|entry| !tree.is_merge(entry.key)) {
                    let key = tree.text(entry.key).unwrap_or_default().to_owned();
                    map.insert(key, Self::of(tree, entry.value)?);
                }
                Self::Map(map)
            }
            // Resolved above.
            Kind::Alias { .. } => Self::Plain(String::new()),
        })
    }

    /// The value as JSON. What YAML leaves to its reader to guess, such as a number, is a text: whoever wants a name gets
    /// it as it is written.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => {
                serde_json::Value::Null
            }
            Self::Text(text) | Self::Plain(text) | Self::Tagged(_, text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }

    /// Puts a text at the end of a way; the maps on the way are made where there are none, or null.
    pub(super) fn set<'a>(&mut self, mut way: impl Iterator<Item = &'a Step>, text: &str) {
        let Some(step) = way.next() else {
            *self = Self::Text(text.to_owned());
            return;
        };
        match (step, &mut *self) {
            (Step::Item(at), Self::List(items)) => {
                if let Some(item) = items.get_mut(*at) {
                    item.set(way, text);
                }
            }
            (Step::Key(key), Self::Map(map)) => {
                map.entry(key.clone()).or_insert_with(|| Self::Map(BTreeMap::new())).set(way, text);
            }
            (Step::Key(key), _) => {
                let mut below = Self::Map(BTreeMap::new());
                below.set(way, text);
                *self = Self::Map(BTreeMap::from([(key.clone(), below)]));
            }
            (Step::Item(_), _) => {}
        }
    }

    /// Puts more text behind the text at the end of a way. How a reader takes the whole is judged again.
    pub(super) fn append<'a>(&mut self, mut way: impl Iterator<Item = &'a Step>, more: &str) {
        match (way.next(), &mut *self) {
            (None, Self::Text(text) | Self::Tagged(_, text)) => text.push_str(more),
            (None, Self::Plain(text)) => {
                let text = format!("{text}{more}");
                *self = if is_clearly_text(&text) { Self::Text(text) } else { Self::Plain(text) };
            }
            (Some(Step::Item(at)), Self::List(items)) => {
                if let Some(item) = items.get_mut(*at) {
                    item.append(way, more);
                }
            }
            (Some(Step::Key(key)), Self::Map(map)) => {
                if let Some(value) = map.get_mut(key) {
                    value.append(way, more);
                }
            }
            _ => {}
        }
    }

    /// Where two values differ first, as a way in words.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Map(one), Self::Map(two)) => {
                if let Some(key) = one.keys().find(|key| !two.contains_key(*key)) {
                    return Some(format!("{key} is missing"));
                }
                if let Some(key) = two.keys().find(|key| !one.contains_key(*key)) {
                    return Some(format!("{key} is there too"));
                }
                one.iter()
                    .zip(two.values())
                    .find_map(|((key, one), two)| one.difference(two).map(|below| format!("{key}: {below}")))
            }
            (Self::List(one), Self::List(two)) if one.len() == two.len() => one
                .iter()
                .zip(two)
                .enumerate()
                .find_map(|(at, (one, two))| one.difference(two).map(|below| format!("{at}: {below}"))),
            _ if self == other => None,
            _ => Some("another value".to_owned()),
        }
    }
}
