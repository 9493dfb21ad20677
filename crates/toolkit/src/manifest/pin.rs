//! Putting digests behind the names of images: `app:1.0` becomes `app:1.0@sha256:...`, in the quotes that it has.

use std::collections::BTreeMap;

use granit_parser::ScalarStyle;
use waxseal_core::Digest;

use super::data::Value;
use super::edit::{self, Edit};
use super::source::Manifest;
use super::tree::Kind;
use super::workload::Step;
use super::{ImageText, ManifestError};

impl Manifest {
    /// The text with a digest behind each of these names; every other byte is as it was. A name that has a digest already
    /// must not be among them.
    ///
    /// The names are of this manifest. One name that several objects share by an alias is written once, and only if all
    /// of them are among the pins and agree.
    pub fn pin<'a>(
        &self,
        pins: impl IntoIterator<Item = (&'a ImageText, &'a Digest)>,
    ) -> Result<String, ManifestError> {
        let mut meant = Value::documents(&self.tree)?;
        let mut edits: BTreeMap<usize, Edit> = BTreeMap::new();
        for (image, digest) in pins {
            let more = format!("@{digest}");
            if let Some(document) = meant.get_mut(image.at.document) {
                document.append(image.at.path.iter(), &more);
            }
            let end = match &self.tree.node(image.at.node).kind {
                Kind::Scalar { style: ScalarStyle::Plain, .. } => image.span.end,
                // Before the quote.
                Kind::Scalar { style: ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, .. } => {
                    image.span.end.saturating_sub(1)
                }
                _ => {
                    let why = "the name of the image is a block of text (| or >), which is not edited";
                    return Err(ManifestError::Unusual { line: image.line, why });
                }
            };
            match edits.get(&end) {
                Some(first) if first.text != more => {
                    let (first, second) = (first.text.clone(), more);
                    return Err(ManifestError::Conflict { line: image.line, first, second });
                }
                Some(_) => {}
                None => {
                    // What begins with `x-` is there for others to use, and is nothing of its own (Compose).
                    let at_home = self.tree.way_to(image.at.node);
                    let home = matches!(at_home.first(), Some(Step::Key(key)) if key.starts_with("x-"));
                    if let Some(document) = meant.get_mut(image.at.document).filter(|_| home) {
                        document.append(at_home.iter(), &more);
                    }
                    edits.insert(end, Edit::insert(end, more));
                }
            }
        }
        edit::apply(self, edits.into_values().collect(), &meant)
    }
}
