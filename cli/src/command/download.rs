//! `waxseal download`.

use std::fmt::Write as _;

use waxseal::Image;
use waxseal_core::{Format, Platform};

use super::verify_attestation::predicate_type;
use crate::args::download::{
    DownloadArgs, DownloadAttestationArgs, DownloadSbomArgs, DownloadSignatureArgs, DownloadWhat,
};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, counted};
use crate::session::Session;

/// Prints what is attached to an image.
pub(crate) async fn run(args: &DownloadArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        DownloadWhat::Signature(args) => signature(args, offline).await,
        DownloadWhat::Attestation(args) => attestation(args, offline).await,
        DownloadWhat::Sbom(args) => sbom(args, offline).await,
    }
}

async fn signature(args: &DownloadSignatureArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let image = image(&session, &args.image, args.platform.as_deref()).await?;
    let all = waxseal::download::signatures(&image, &args.format.formats()).await?;
    let count = |format| all.iter().filter(|one| one.format == format).count();
    let mut text = format!(
        "{}: {}, {}",
        output::escape(&image.pinned().to_string()),
        counted(count(Format::Legacy), "legacy signature"),
        counted(count(Format::Bundle), "bundle")
    );
    let others = all.iter().filter(|one| one.claims_otherwise).count();
    if others > 0 {
        let _ = write!(text, " ({others} of them by their own word no image signature)");
    }
    text.push_str("; nothing is verified");
    output::talk(&text);
    for one in &all {
        output::raw(format!("{}\n", one.line).as_bytes())?;
    }
    Ok(Exit::Done)
}

async fn attestation(args: &DownloadAttestationArgs, offline: bool) -> Result<Exit, Fault> {
    let wanted = args.predicate_type.as_deref().map(predicate_type).transpose()?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let image = image(&session, &args.image, args.platform.as_deref()).await?;
    let all = waxseal::download::attestations(&image, &args.format.formats(), wanted.as_ref()).await?;
    output::talk(&format!(
        "{}: {}; nothing is verified",
        output::escape(&image.pinned().to_string()),
        counted(all.len(), "attestation"),
    ));
    for one in &all {
        output::raw(format!("{}\n", one.envelope).as_bytes())?;
    }
    Ok(Exit::Done)
}

async fn sbom(args: &DownloadSbomArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let image = image(&session, &args.image, args.platform.as_deref()).await?;
    let sbom = waxseal::download::sbom(&image).await?;
    output::talk(&format!("Found SBOM of media type: {}", output::escape(&sbom.media_type)));
    output::talk("nothing is verified, and nobody has signed it: see `waxseal attest`");
    output::raw(&sbom.bytes)?;
    Ok(Exit::Done)
}

/// The image, or that of one platform. One that is not there has nothing attached either, but that is another answer.
async fn image(session: &Session, name: &str, platform: Option<&str>) -> Result<Image, Fault> {
    let platform = platform
        .map(|text| {
            text.parse::<Platform>().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))
        })
        .transpose()?;
    let mut image = session.image(name).await?;
    if let Some(platform) = &platform {
        return Ok(image.for_platform(platform).await?);
    }
    image.manifest().await?;
    Ok(image)
}
