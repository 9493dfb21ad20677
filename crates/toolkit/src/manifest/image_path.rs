//! Paths that say where objects of unknown kinds name images: a small part of `JSONPath`.

use core::fmt;
use core::str::FromStr;

use super::tree::Tree;
use super::workload::Place;
use super::{IMAGE_PATH_BYTES, IMAGE_PATH_STEPS, MANIFEST_IMAGES, ManifestError};

/// A path to names of images, for objects of every kind or of one: `$.spec.images[*].ref`,
/// `Task:$.spec.steps[*].image`.
///
/// Members (`.name`, `['a name']`), items (`[0]`) and all of them (`[*]`, `.*`); nothing else of `JSONPath`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePath {
    text: String,
    kind: Option<String>,
    steps: Vec<PathStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathStep {
    Member(String),
    Item(usize),
    All,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImagePathError {
    /// It is longer than any such path.
    #[error("longer than {IMAGE_PATH_BYTES} bytes, or of more than {IMAGE_PATH_STEPS} steps")]
    TooLong,
    /// It does not begin with `$`, behind a kind or not.
    #[error("expected a path as $.spec.images[*].ref, or one for a kind as Task:$.spec.steps[*].image")]
    NoRoot,
    /// It leads nowhere.
    #[error("the path has no steps: $ is the whole object")]
    Empty,
    /// Something in it is not understood.
    #[error("{rest:?} is not understood: expected .name, ['name'], [0], [*] or .*")]
    Step {
        /// The path from there on.
        rest: String,
    },
}

impl ImagePath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is for objects of this kind.
    pub(super) fn is_for(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
    }

    /// The places in an object that it leads to. What is null or not there is left out.
    pub(super) fn places(&self, tree: &Tree, object: &Place) -> Result<Vec<Place>, ManifestError> {
        let mut places = vec![object.clone()];
        for step in &self.steps {
            let mut next = Vec::new();
            for place in &places {
                match step {
                    PathStep::Member(name) => {
                        let found = tree.get(place.node, name)?;
                        next.extend(found.map(|found| place.key(name, found.entry.value)));
                    }
                    PathStep::Item(at) => {
                        let item = tree.items(place.node).and_then(|items| items.get(*at));
                        next.extend(item.map(|item| place.item(*at, *item)));
                    }
                    PathStep::All => {
                        if let Some(items) = tree.items(place.node) {
                            next.extend(items.iter().enumerate().map(|(at, item)| place.item(at, *item)));
                        } else {
                            for name in tree.members(place.node)? {
                                let found = tree.get(place.node, &name)?;
                                next.extend(found.map(|found| place.key(&name, found.entry.value)));
                            }
                        }
                    }
                }
                if next.len() > MANIFEST_IMAGES {
                    return Err(ManifestError::TooManyImages { line: tree.node(place.node).line });
                }
            }
            places = next;
        }
        places.retain(|place| !tree.is_null(place.node));
        Ok(places)
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ImagePath {
    type Err = ImagePathError;

    fn from_str(text: &str) -> Result<Self, ImagePathError> {
        if text.len() > IMAGE_PATH_BYTES {
            return Err(ImagePathError::TooLong);
        }
        let (kind, path) = match text.split_once('$') {
            Some(("", path)) => (None, path),
            Some((kind, path)) => {
                let kind = kind.strip_suffix(':').filter(|kind| !kind.is_empty());
                (Some(kind.ok_or(ImagePathError::NoRoot)?.to_owned()), path)
            }
            None => return Err(ImagePathError::NoRoot),
        };
        let mut steps = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            if steps.len() >= IMAGE_PATH_STEPS {
                return Err(ImagePathError::TooLong);
            }
            let (step, behind) = step(rest).ok_or_else(|| ImagePathError::Step { rest: rest.to_owned() })?;
            steps.push(step);
            rest = behind;
        }
        if steps.is_empty() {
            return Err(ImagePathError::Empty);
        }
        Ok(Self { text: text.to_owned(), kind, steps })
    }
}

/// The first step of a path, and what comes behind it.
fn step(path: &str) -> Option<(PathStep, &str)> {
    if let Some(rest) = path.strip_prefix('.') {
        if let Some(rest) = rest.strip_prefix('*') {
            return Some((PathStep::All, rest));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/');
        return (!name.is_empty() && name.bytes().all(plain))
            .then(|| (PathStep::Member(name.to_owned()), rest));
    }
    let rest = path.strip_prefix('[')?;
    if let Some(rest) = rest.strip_prefix("*]") {
        return Some((PathStep::All, rest));
    }
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            // An escaped quote would be read in two ways.
            let name = Some(name).filter(|name| !name.is_empty() && !name.contains('\\'))?;
            return Some((PathStep::Member(name.to_owned()), rest.strip_prefix(']')?));
        }
    }
    let (number, rest) = rest.split_once(']')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((PathStep::Item(Some(number).filter(|_| digits)?.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_whole_or_not_at_all() {
        for text in [
            "$.spec.image",
            "$.spec.images[*].ref",
            "Task:$.spec.steps[*].image",
            "$['a.b'][0].*",
            "$.metadata.annotations[\"example.com/image\"]",
        ] {
            assert_eq!(text.parse::<ImagePath>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "spec.image",
            "$",
            "$spec",
            "$..image",
            "$.",
            "$.a[",
            "$.a[]",
            "$.a[-1]",
            "$.a[1:2]",
            "$.a[?(@.b)]",
            "$.a['b",
            "$.a['b\\'c']",
            "Task$.a",
            ":$.a",
            "$.a b",
        ] {
            assert!(text.parse::<ImagePath>().is_err(), "{text}");
        }
        assert_eq!(format!("${}", ".a".repeat(65)).parse::<ImagePath>(), Err(ImagePathError::TooLong));
    }
}
