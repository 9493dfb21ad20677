//! `waxseal copy`.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use waxseal::copy::{CopiedImage, Copying};
use waxseal_core::Platform;
use waxseal_oci::transfer::{Conflict, Options, Platforms, Progress};

use crate::args::copy::{CopyArgs, CopyOutput, OnlyKind};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::progress::Bar;
use crate::output::{self, counted, escape};
use crate::session::{Session, location};

/// Copies an image with everything that hangs on it.
pub(crate) async fn run(args: &CopyArgs, offline: bool) -> Result<Exit, Fault> {
    let (from, to) = (location(&args.source)?, location(&args.destination)?);
    check(args)?;
    let session = Session::new(&args.registry, offline, None, [&args.source, &args.destination])?;
    let bar = Arc::new(Bar::new("copying"));
    let mut job = Copying::default();
    job.keep_tag = !args.only.is_empty();
    job.options = options(args.platform.as_deref(), args.force, &bar)?;
    let copied = job.copy(&session.client, &from, &to, &session.finding).await;
    bar.clear();
    let copied = copied.map_err(|error| explained(error, args.platform.is_some()))?;
    report(&copied, "copied", args.output)?;
    Ok(Exit::Done)
}

/// How everything that copies does it.
pub(super) fn options(platform: Option<&str>, force: bool, bar: &Arc<Bar>) -> Result<Options, Fault> {
    let mut options = Options::default();
    options.platforms = match platform {
        Some(text) => Platforms::Only(
            text.parse::<Platform>().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))?,
        ),
        None => Platforms::All,
    };
    options.conflict = if force { Conflict::Replace } else { Conflict::Refuse };
    Ok(options.with_progress(Arc::clone(bar) as Arc<dyn Progress>))
}

/// What went wrong, with what can be tried here.
pub(super) fn explained(error: waxseal::Error, one_platform: bool) -> Fault {
    let fault = Fault::from(error);
    match fault.code() {
        "conflict" => {
            fault.hint("look at both with `waxseal tree`; --force replaces what stands at the destination")
        }
        "not-found" if one_platform => {
            fault.hint("name one of the platforms that there are, or copy all without --platform")
        }
        _ => fault,
    }
}

/// Tells what was done, and prints the image at the destination or the record of the copy.
pub(super) fn report(copied: &CopiedImage, done: &str, output: CopyOutput) -> Result<(), Fault> {
    tell(copied, done);
    match output {
        CopyOutput::Text => output::data(&escape(&copied.destination.to_string()))?,
        CopyOutput::Json => output::data(&record(copied))?,
    }
    Ok(())
}

fn check(args: &CopyArgs) -> Result<(), Fault> {
    let missing = OnlyKind::ALL.iter().any(|kind| !args.only.contains(kind));
    if !args.only.is_empty() && missing {
        return Err(Fault::usage(
            "--only with a part of sig,att,sbom is not supported: in bundles a signature and an attestation look \
             alike, and a part of the evidence can turn a verdict around",
        )
        .hint("leave --only out: what is at the destination already is not sent again"));
    }
    Ok(())
}

fn tell(image: &CopiedImage, done: &str) {
    let copied = &image.copied;
    let mut text = format!(
        "{}: {done} to {}",
        escape(&image.source.to_string()),
        escape(&image.destination.to_string())
    );
    if let Some(tag) = &image.tag {
        let _ = write!(text, ", tag {tag}");
    }
    output::talk(&text);
    output::talk(&format!(
        "  {}, {} of them attached; {} sent ({} bytes), {} there already",
        counted(copied.manifests, "manifest"),
        copied.attached,
        counted(copied.blobs, "blob"),
        copied.bytes,
        copied.blobs_there,
    ));
    for tag in &copied.kept {
        output::talk(&format!("  {tag}: everything stood there already, nothing was changed"));
    }
    for rejected in &copied.rejected {
        output::talk(&format!(
            "  warning: {} was not copied, it is not what it is listed as: {}",
            rejected.descriptor.digest,
            escape(&rejected.why)
        ));
    }
}

fn record(image: &CopiedImage) -> String {
    let copied = &image.copied;
    let rejected: Vec<_> = copied
        .rejected
        .iter()
        .map(|rejected| json!({ "digest": rejected.descriptor.digest, "why": rejected.why }))
        .collect();
    json!({
        "schema": "waxseal/copy/v1",
        "source": image.source.to_string(),
        "destination": image.destination.to_string(),
        "digest": copied.root.digest,
        "tag": image.tag.as_ref().map(ToString::to_string),
        "manifests": copied.manifests,
        "attached": copied.attached,
        "blobs": { "sent": copied.blobs, "there": copied.blobs_there, "bytesSent": copied.bytes },
        "kept": copied.kept.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rejected": rejected,
    })
    .to_string()
}
