//! Edits of a text, and the proof that the edited text says what was meant.

use std::ops::Range;

use super::ManifestError;
use super::data::Value;
use super::source::Manifest;

/// Puts a text in the place of some bytes; where there are none, it is put between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Edit {
    pub(super) fn insert(at: usize, text: String) -> Self {
        Self { range: at..at, text }
    }
}

/// Applies edits, and hands the new text out only if it is read as `meant`.
pub(super) fn apply(
    manifest: &Manifest,
    mut edits: Vec<Edit>,
    meant: &[Value],
) -> Result<String, ManifestError> {
    let differs = |why: String| ManifestError::NotAsMeant { why };
    edits.sort_by_key(|edit| edit.range.start);
    let mut text = String::with_capacity(manifest.text().len());
    let mut done = 0_usize;
    let mut last = None;
    for edit in &edits {
        let kept = manifest.text().get(done..edit.range.start).filter(|_| last != Some(edit.range.start));
        let Some(kept) = kept else { return Err(differs("two changes meet in one place".to_owned())) };
        text.push_str(kept);
        text.push_str(&edit.text);
        (done, last) = (edit.range.end, Some(edit.range.start));
    }
    text.push_str(manifest.text().get(done..).unwrap_or_default());
    let edited = Manifest::read(text.into_bytes()).map_err(|error| differs(error.to_string()))?;
    if manifest.json && !edited.json {
        return Err(differs("it would not be JSON any more".to_owned()));
    }
    let says = Value::documents(&edited.tree)?;
    if says.len() != meant.len() {
        return Err(differs("another number of documents".to_owned()));
    }
    if let Some((at, where_)) =
        meant.iter().zip(&says).enumerate().find_map(|(at, (meant, says))| {
            meant.difference(says).map(|where_| (at.saturating_add(1), where_))
        })
    {
        return Err(differs(format!("document {at}: {where_}")));
    }
    Ok(edited.text)
}
