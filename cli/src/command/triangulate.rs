//! `waxseal triangulate`.

use waxseal_oci::{Attached, Store};

use crate::args::triangulate::{TriangulateArgs, TriangulateType};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::Session;

/// Prints the name of the tag at which something attached stands, as cosign spells it.
pub(crate) async fn run(args: &TriangulateArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let image = session.image(&args.image).await?;
    let kind = match args.kind {
        TriangulateType::Digest => {
            output::data(&escape(&image.pinned().to_string()))?;
            return Ok(Exit::Done);
        }
        TriangulateType::Signature => Attached::Signatures,
        TriangulateType::Attestation => Attached::Attestations,
        TriangulateType::Sbom => Attached::Sbom,
    };
    let tag = kind.tag(image.digest()).ok_or_else(|| {
        Fault::usage(format!("{} has no tag of this kind: its digest is too long for one", image.pinned()))
            .hint("what is attached to it are referrers: `waxseal tree` lists them")
    })?;
    let place = match &image.evidence {
        Store::Registry(registry) => registry.repository().docker_reference(),
        local => local.shown(),
    };
    output::data(&escape(&format!("{place}:{tag}")))?;
    Ok(Exit::Done)
}
