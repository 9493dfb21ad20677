//! Many promotions at once: from a list, or the tags of a repository.

use waxseal_core::reference::Tag;
use waxseal_oci::attached::is_attached_tag;
use waxseal_oci::{Client, Location};

use super::{Condition, TagTemplate};
use crate::error::{Error, ErrorKind};
use crate::image::open;
use crate::manifest::{ManifestError, Tree, Value};

/// Most promotions of one list or one repository.
pub const PROMOTIONS: usize = 10_000;
/// Largest list, in bytes (16 MiB).
const LIST_BYTES: usize = 16 << 20;

/// One promotion of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The source.
    pub from: String,
    /// The destination.
    pub to: String,
    /// Conditions beside those that hold for all.
    pub when: Vec<Condition>,
    /// The template for the tag, in place of the one that holds for all.
    pub template: Option<TagTemplate>,
}

/// Why a list is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Larger than it may be.
    #[error("{found} bytes: a list of promotions has at most {LIST_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// More than [`PROMOTIONS`].
    #[error("more than {PROMOTIONS} promotions")]
    TooMany,
    /// No text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Nothing is listed.
    #[error("it lists nothing: expected lines of SOURCE DESTINATION, or YAML with from and to")]
    Empty,
    /// A line, or an item.
    #[error("line {line}: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It looks like YAML and cannot be read as that.
    #[error("{0}")]
    Yaml(#[source] ManifestError),
    /// An item of the YAML.
    #[error("item {item}: {why}")]
    Item {
        /// The item, from 1.
        item: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Listed {
    /// A promotion from one name to another.
    pub const fn new(from: String, to: String) -> Self {
        Self { from, to, when: Vec::new(), template: None }
    }

    /// Reads a list: lines of `SOURCE DESTINATION` with `#` before remarks, or YAML (and so JSON), a list of objects with
    /// `from`, `to` and, if need be, `when` and `tagTemplate`.
    pub fn read(bytes: &[u8]) -> Result<Vec<Self>, ListError> {
        if bytes.len() > LIST_BYTES {
            return Err(ListError::TooLarge { found: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| ListError::NotUtf8)?;
        let significant = |line: &&str| {
            !line.trim().is_empty() && !line.trim_start().starts_with('#') && line.trim() != "---"
        };
        let yaml = text.lines().find(significant).is_some_and(|first| {
            first.trim_start().starts_with(['-', '[', '{']) || first.trim_end().ends_with(':')
        });
        let listed = if yaml { of_yaml(text)? } else { of_lines(text)? };
        if listed.is_empty() { Err(ListError::Empty) } else { Ok(listed) }
    }
}

fn of_lines(text: &str) -> Result<Vec<Listed>, ListError> {
    let mut listed = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split_once(" #").map_or(line, |(before, _)| before).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = at.saturating_add(1);
        let mut words = line.split_whitespace();
        let (Some(from), Some(to), None) = (words.next(), words.next(), words.next()) else {
            let why = "expected SOURCE DESTINATION with a blank between them".to_owned();
            return Err(ListError::Line { line: number, why });
        };
        add(&mut listed, Listed::new(from.to_owned(), to.to_owned()))?;
    }
    Ok(listed)
}

fn add(listed: &mut Vec<Listed>, one: Listed) -> Result<(), ListError> {
    if listed.len() >= PROMOTIONS {
        return Err(ListError::TooMany);
    }
    listed.push(one);
    Ok(())
}

fn of_yaml(text: &str) -> Result<Vec<Listed>, ListError> {
    let tree = Tree::read(text).map_err(ListError::Yaml)?;
    let documents = Value::documents(&tree).map_err(ListError::Yaml)?;
    let mut listed = Vec::new();
    for document in documents {
        let items = match document {
            Value::List(items) => items,
            Value::Map(mut members) if members.len() == 1 => match members.remove("promotions") {
                Some(Value::List(items)) => items,
                _ => return Err(shape(0, "expected a list, or promotions: with a list")),
            },
            Value::Plain(text) if text.is_empty() => continue,
            _ => return Err(shape(0, "expected a list, or promotions: with a list")),
        };
        for (at, item) in items.into_iter().enumerate() {
            add(&mut listed, of_item(at.saturating_add(1), item)?)?;
        }
    }
    Ok(listed)
}

fn shape(item: usize, why: impl Into<String>) -> ListError {
    ListError::Item { item, why: why.into() }
}

fn of_item(item: usize, value: Value) -> Result<Listed, ListError> {
    let Value::Map(members) = value else {
        return Err(shape(item, "expected an object with from and to"));
    };
    let (mut from, mut to, mut when, mut template) = (None, None, Vec::new(), None);
    for (name, value) in members {
        match (name.as_str(), value) {
            ("from", value) => from = Some(text(item, "from", value)?),
            ("to", value) => to = Some(text(item, "to", value)?),
            ("when", Value::List(conditions)) => {
                for condition in conditions {
                    when.push(text(item, "when", condition)?);
                }
            }
            ("when", value) => when.push(text(item, "when", value)?),
            ("tagTemplate", value) => template = Some(text(item, "tagTemplate", value)?),
            (other, _) => {
                let why = format!("{other:?} is not known: expected from, to, when, tagTemplate");
                return Err(shape(item, why));
            }
        }
    }
    let wrong = |error: &dyn core::fmt::Display| shape(item, error.to_string());
    let when: Result<Vec<Condition>, _> = when.iter().map(|text| text.parse()).collect();
    let template: Option<Result<TagTemplate, _>> = template.map(|text| text.parse());
    Ok(Listed {
        from: from.ok_or_else(|| shape(item, "from is missing"))?,
        to: to.ok_or_else(|| shape(item, "to is missing"))?,
        when: when.map_err(|error| wrong(&error))?,
        template: template.transpose().map_err(|error| wrong(&error))?,
    })
}

fn text(item: usize, name: &str, value: Value) -> Result<String, ListError> {
    match value {
        Value::Text(text) | Value::Plain(text) if !text.is_empty() => Ok(text),
        _ => Err(shape(item, format!("{name}: expected a text"))),
    }
}

/// A pattern over tags: `*` for any run of characters, everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagGlob(Vec<String>);

impl TagGlob {
    /// Whether the pattern matches the whole tag.
    pub fn matches(&self, tag: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|only| only == tag);
        };
        let Some(mut rest) =
            tag.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for part in middle {
            let Some((_, behind)) = rest.split_once(part.as_str()) else { return false };
            rest = behind;
        }
        true
    }
}

impl core::str::FromStr for TagGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = |c: char| c.is_ascii_alphanumeric() || "_.-*".contains(c);
        if text.is_empty() || text.len() > waxseal_core::limits::TAG_BYTES || !text.chars().all(known) {
            return Err("expected a pattern over tags, as v1.* or *-rc*".to_owned());
        }
        Ok(Self(text.split('*').map(ToOwned::to_owned).collect()))
    }
}

/// The tags of a repository or layout that name images, as far as the pattern matches, in order.
pub async fn tagged(client: &Client, place: &Location, glob: Option<&TagGlob>) -> Result<Vec<Tag>, Error> {
    if place.typed_tag().is_some() || place.digest().is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{place}: all tags of a repository are asked for, and one is named"),
        ));
    }
    let mut tags = open(client, place).await?.tags().await?;
    tags.retain(|tag| !is_attached_tag(tag.as_str()) && glob.is_none_or(|glob| glob.matches(tag.as_str())));
    tags.sort();
    tags.dedup();
    if tags.len() > PROMOTIONS {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{place} has {} such tags: at most {PROMOTIONS} are promoted at once", tags.len()),
        ));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Listed::read(text.as_bytes()).unwrap().into_iter().map(|one| (one.from, one.to)).collect()
    }

    #[test]
    fn lines_and_yaml_say_the_same() {
        let both =
            [("a.b/dev/x:1".to_owned(), "a.b/qa/x".to_owned()), ("a.b/y".to_owned(), "a.b/z:2".to_owned())];
        for text in [
            "# release\na.b/dev/x:1 a.b/qa/x\n\n  a.b/y\ta.b/z:2  # remark\n",
            "- {from: a.b/dev/x:1, to: a.b/qa/x}\n- from: a.b/y\n  to: a.b/z:2\n",
            "promotions:\n  - from: a.b/dev/x:1\n    to: a.b/qa/x\n  - {from: a.b/y, to: 'a.b/z:2'}\n",
            r#"[{"from": "a.b/dev/x:1", "to": "a.b/qa/x"}, {"from": "a.b/y", "to": "a.b/z:2"}]"#,
        ] {
            assert_eq!(pairs(text), both, "{text}");
        }
        let text = "- {from: a, to: b, when: [critical = 0, tag starts-with v], tagTemplate: '%n-%Y'}\n- {from: a, to: b, when: critical = 0}";
        let listed = Listed::read(text.as_bytes()).unwrap();
        assert_eq!((listed[0].when.len(), listed[1].when.len()), (2, 1));
        assert_eq!(listed[0].template.as_ref().unwrap().to_string(), "%n-%Y");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, words) in [
            ("", "lists nothing"),
            ("# nothing\n", "lists nothing"),
            ("a b\nc\n", "line 2"),
            ("a b c\n", "line 1"),
            ("- {from: a}\n", "item 1: to is missing"),
            ("- {from: a, to: b}\n- {from: a, to: b, tag: c}\n", "item 2: \"tag\" is not known"),
            ("- {from: a, to: b, when: [x]}\n", "item 1"),
            ("- {from: a, to: b, tagTemplate: '%'}\n", "item 1"),
            ("- {from: [a], to: b}\n", "from: expected a text"),
            ("- a\n", "expected an object"),
            ("other:\n  - {from: a, to: b}\n", "promotions"),
            ("- {from: a, from: c, to: b}\n", "from"),
        ] {
            let error = Listed::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
        assert!(Listed::read(&[0xff]).is_err());
        let many = "a b\n".repeat(PROMOTIONS + 1);
        assert!(matches!(Listed::read(many.as_bytes()), Err(ListError::TooMany)));
    }

    #[test]
    fn patterns_match_whole_tags() {
        for (glob, tag, expected) in [
            ("v1.*", "v1.2", true),
            ("v1.*", "v1.", true),
            ("v1.*", "xv1.2", false),
            ("*-rc*", "1.0-rc1", true),
            ("*-rc*", "1.0", false),
            ("1.0", "1.0", true),
            ("1.0", "1.0.1", false),
            ("*", "anything", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*a", "axbya", true),
            ("a*b*a", "abba", true),
            ("a*b*b*a", "aba", false),
        ] {
            assert_eq!(glob.parse::<TagGlob>().unwrap().matches(tag), expected, "{glob} {tag}");
        }
        for text in ["", "a/b", "a?", "ä"] {
            assert!(text.parse::<TagGlob>().is_err(), "{text}");
        }
    }
}
