//! Lists of images: one name a line; empty lines and what follows a `#` are passed over.

use super::error::DocumentErrorKind;

/// Largest list of images, in bytes (16 MiB).
pub const LIST_BYTES: usize = 16 << 20;

/// Most images of a list.
pub const LIST_IMAGES: usize = 100_000;

/// A name in a list, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// From 1.
    pub(super) line: usize,
    /// From 1.
    pub(super) column: usize,
    /// Where it ends in the text, in bytes.
    pub(super) end: usize,
}

/// The names of a list.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, DocumentErrorKind> {
    if text.len() > LIST_BYTES {
        return Err(DocumentErrorKind::TooLong);
    }
    let mut entries = Vec::new();
    let mut at = 0_usize;
    for (number, line) in (1..).zip(text.split('\n')) {
        // A mark of the encoding is none of the first name.
        let content = line.trim_start_matches('\u{feff}').trim_start();
        let before = line.len().saturating_sub(content.len());
        let name = match content.split_whitespace().next() {
            Some(word) if !word.starts_with('#') => word,
            _ => "",
        };
        let rest = content.get(name.len()..).unwrap_or_default().trim();
        if !name.is_empty() {
            if !rest.is_empty() && !rest.starts_with('#') {
                let (name, why) = (content.trim().to_owned(), "expected one name a line".to_owned());
                return Err(DocumentErrorKind::Name { line: number, name, why });
            }
            if entries.len() >= LIST_IMAGES {
                return Err(DocumentErrorKind::TooLong);
            }
            let indent = line.get(..before).unwrap_or_default();
            entries.push(Entry {
                name: name.to_owned(),
                line: number,
                column: indent.chars().count().saturating_add(1),
                end: at.saturating_add(before).saturating_add(name.len()),
            });
        }
        at = at.saturating_add(line.len()).saturating_add(1);
    }
    Ok(entries)
}
