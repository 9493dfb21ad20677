//! `waxseal pack diff`.

use serde_json::json;
use waxseal::Image;
use waxseal::pack::Contents;

use super::have;
use crate::args::pack::PackOutput;
use crate::args::pack::diff::PackDiffArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, counted, escape};
use crate::session::{Session, location};

/// Shows what the other side lacks.
pub(super) async fn run(args: &PackDiffArgs, offline: bool) -> Result<Exit, Fault> {
    let have = have(&args.have)?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &args.images)?;
    let mut images = Vec::new();
    for name in &args.images {
        images.push(Image::find(&session.client, &location(name)?, &session.finding).await?);
    }
    let contents = Contents::of(&images, Some(&have)).await?;
    let saved = contents.omitted.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    if args.output == PackOutput::Json {
        let images: Vec<_> = contents
            .images
            .iter()
            .map(|packed| {
                json!({
                    "name": packed.image.name.to_string(),
                    "digest": packed.image.digest,
                    "manifests": packed.manifests,
                    "newManifests": packed.new_manifests,
                    "attached": packed.attached,
                })
            })
            .collect();
        let record = json!({
            "schema": "waxseal/pack-diff/v1",
            "images": images,
            "blobs": { "new": contents.blobs.count, "bytes": contents.blobs.bytes },
            "omitted": contents.omitted,
            "omittedBytes": saved,
        });
        output::data(&record.to_string())?;
        return Ok(Exit::Done);
    }
    for packed in &contents.images {
        let (name, digest) = (escape(&packed.image.name.to_string()), packed.image.digest);
        output::data(&format!(
            "{name}@{digest}: {} of {} new",
            packed.new_manifests.len(),
            counted(packed.manifests, "manifest")
        ))?;
    }
    output::data(&format!(
        "{} to be sent ({} bytes), {} there already ({saved} bytes)",
        counted(contents.blobs.count, "blob"),
        contents.blobs.bytes,
        contents.omitted.len()
    ))?;
    Ok(Exit::Done)
}
