//! Documents with digests in them, once every image was admitted.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use waxseal::GateResult;
use waxseal::mention::Document;
use waxseal_core::verify::Outcome;
use waxseal_oci::Location;

use super::Documents;
use crate::args::gate::GateArgs;
use crate::fault::Fault;
use crate::file;
use crate::output;

/// What does not fit into one stream is said before anything is judged.
pub(super) fn fits(args: &GateArgs, named: &[Location], documents: &Documents) -> Result<(), Fault> {
    if !args.pin || args.in_place {
        return Ok(());
    }
    let manifests = documents.all.iter().filter(|(_, document)| document.is_manifest()).count();
    let others = documents.all.len().saturating_sub(manifests).saturating_add(usize::from(!named.is_empty()));
    if others > 1 || (others == 1 && manifests > 0) {
        return Err(Fault::usage("documents of several kinds do not fit into one stream")
            .hint("write them in place with --in-place, or pin one after the other"));
    }
    Ok(())
}

/// Rewrites the documents. Every text is made before the first is written; where an image was not admitted none is.
pub(super) fn pin(
    args: &GateArgs,
    named: &[Location],
    documents: &Documents,
    result: &GateResult,
) -> Result<(), Fault> {
    if result.outcome() != Outcome::Admit {
        output::talk("nothing is pinned: not every image was admitted");
        return Ok(());
    }
    let digests: HashMap<_, _> =
        result.images.iter().filter_map(|image| Some((&image.location, image.digest()?))).collect();
    let digest = |image: &Location| digests.get(image).copied();
    let mut texts: Vec<(&Path, &Document, String)> = Vec::new();
    for (path, document) in &documents.all {
        texts.push((path, document, document.pinned(digest).map_err(|error| Fault::document(&error))?));
    }
    if args.in_place {
        for (path, document, text) in &texts {
            if document.text() != text {
                file::replace(path, text.as_bytes())?;
            }
        }
        return Ok(());
    }
    let mut stream = String::new();
    for image in named {
        let free = matches!(image, Location::Registry(_)) && image.digest().is_none();
        let _ = match digest(image).filter(|_| free) {
            Some(digest) => writeln!(stream, "{image}@{digest}"),
            None => writeln!(stream, "{image}"),
        };
    }
    stream.push_str(&output::manifests(texts.iter().map(|(.., text)| text.as_str())));
    output::raw(stream.as_bytes())?;
    Ok(())
}
