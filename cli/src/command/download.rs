//! `waxseal download`.

use std::fmt::Write as _;

use waxseal_core::{Format, Platform};

use crate::args::download::{DownloadArgs, DownloadSignatureArgs, DownloadWhat};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::session::Session;

/// Prints what is attached to an image.
pub(crate) async fn run(args: &DownloadArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        DownloadWhat::Signature(args) => signature(args, offline).await,
    }
}

async fn signature(args: &DownloadSignatureArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let platform = args
        .platform
        .as_ref()
        .map(|text| {
            text.parse::<Platform>().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))
        })
        .transpose()?;
    let mut image = session.image(&args.image).await?;
    if let Some(platform) = &platform {
        image = image.for_platform(platform).await?;
    } else {
        // An image that is not there has no signatures either, but that is another answer.
        image.manifest().await?;
    }
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

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
