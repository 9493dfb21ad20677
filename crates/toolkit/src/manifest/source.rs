//! A file with manifests: its text, its nodes, and what no two readers may take differently.

use super::data::Value;
use super::tree::Tree;
use super::{MANIFEST_FILE_BYTES, ManifestError};

/// A file with manifests of Kubernetes, in YAML (one document or several) or JSON.
#[derive(Debug)]
pub struct Manifest {
    pub(super) text: String,
    pub(super) tree: Tree,
    /// The text is JSON, and has to stay it.
    pub(super) json: bool,
}

impl Manifest {
    /// Reads a file of at most [`MANIFEST_FILE_BYTES`] bytes.
    pub fn read(bytes: Vec<u8>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_FILE_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let text = String::from_utf8(bytes).map_err(|_| ManifestError::NotUtf8)?;
        one_way_to_read(&text)?;
        let tree = Tree::read(&text)?;
        let json = is_json(&text);
        Ok(Self { text, tree, json })
    }

    /// The documents as JSON, aliases and merges followed. What YAML leaves to its reader to guess, such as a number, is
    /// a text.
    pub(crate) fn documents_as_json(&self) -> Result<Vec<serde_json::Value>, ManifestError> {
        Ok(Value::documents(&self.tree)?.iter().map(Value::to_json).collect())
    }

    /// The text, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether a text is one JSON document.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Refuses what `kubectl` reads in another way than the parser here.
fn one_way_to_read(text: &str) -> Result<(), ManifestError> {
    for (number, line) in (1_usize..).zip(text.split('\n')) {
        let ambiguous = |why: &str| Err(ManifestError::Ambiguous { line: number, why: why.to_owned() });
        if line.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
            return ambiguous("a line end that only YAML 1.1 knows (U+0085, U+2028 or U+2029)");
        }
        // Files are cut at these lines before anything is parsed, and what else is on them is dropped.
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim_end_matches('\r');
            let content = rest.trim_start_matches([' ', '\t']);
            let comment = content.starts_with('#') && content.len() < rest.len();
            if !content.is_empty() && !comment {
                return ambiguous("something stands on the line of `---`, where kubectl does not read it");
            }
        }
    }
    Ok(())
}
