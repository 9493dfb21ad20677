//! `waxseal unpack`.

use std::sync::Arc;

use serde_json::json;
use waxseal::pack::{Destination, Mapping, PackVerdict, Unpacked, Unpacking};
use waxseal_core::Signer;
use waxseal_core::verify::Outcome;
use waxseal_oci::transfer::{Conflict, Progress};

use super::pack::receiving::{hint, receiving, text};
use crate::args::unpack::{UnpackArgs, UnpackOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::standard_input;
use crate::output::progress::Bar;
use crate::output::{self, counted, escape};
use crate::session::Session;

/// Unpacks a pack.
pub(crate) async fn run(args: &UnpackArgs, offline: bool) -> Result<Exit, Fault> {
    let to: Destination = args.to.parse()?;
    let maps = args.map.iter().map(|map| map.parse()).collect::<Result<Vec<Mapping>, waxseal::Error>>()?;
    let keys = args.receiving.key.iter().chain(&args.receiving.policy.image_key).chain(&args.site_key);
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let stdin = standard_input(keys.map(|key| ("a key", key == "-")).chain([password]))?;
    let policy = &args.receiving.policy;
    if !args.site_key.is_empty() && policy.image_key.is_empty() && policy.file().is_none() {
        return Err(Fault::usage("--site-key signs only what your own policy has verified")
            .hint("say what must hold of images: --policy FILE, or --image-key KEY"));
    }
    if !args.site_key.is_empty() && args.receiving.key.is_empty() {
        return Err(Fault::usage(
            "--site-key signs names, and nobody vouches for those of a pack without --key",
        )
        .hint("name the key of who packed it with --key; it has to be signed for that"));
    }
    let registry = match &to {
        // Some name of the registry: credentials from flags are for it.
        Destination::Registry { host, .. } => Some(format!("{host}/unpack")),
        _ => None,
    };
    let session = Session::new(&args.registry, offline, None, registry)?;
    let bar = Arc::new(Bar::new("verifying"));
    let receiving = receiving(&args.receiving, &session, args.signer.allow_example_keys, &bar).await?;
    let mut signers = Vec::new();
    for name in &args.site_key {
        signers.push(args.signer.open(&session, name, stdin)?);
    }
    let signers: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect();
    let verdict = receiving.check(&args.pack).await;
    bar.clear();
    let verdict = verdict?;
    let pack = match &verdict {
        PackVerdict::Admit(pack) => pack,
        refused => {
            let exit = match refused.outcome() {
                Outcome::Undecided => Exit::Undecided,
                _ => Exit::Refused,
            };
            output::talk(&text(refused));
            let told = match args.output {
                UnpackOutput::Json => output::data(&refused.to_json().to_string()),
                UnpackOutput::Text => Ok(()),
            };
            if let Some(hint) = hint(refused) {
                output::talk(&format!("hint: {hint}"));
            }
            return Ok(output::told(exit, told.map_err(Fault::from)));
        }
    };
    output::talk(&text(&verdict));
    let bar = Arc::new(Bar::new("unpacking"));
    let mut job = Unpacking::new(to);
    job.maps = maps;
    job.conflict = if args.force { Conflict::Replace } else { Conflict::Refuse };
    job.dry_run = args.dry_run;
    job.progress = Arc::clone(&bar) as Arc<dyn Progress>;
    let unpacked = job.unpack(pack, &session.client, &session.finding, &signers).await;
    bar.clear();
    let unpacked = unpacked.map_err(explained)?;
    tell(&unpacked, args);
    match args.output {
        UnpackOutput::Text => {
            for image in &unpacked.images {
                output::data(&escape(&image.destination.to_string()))?;
            }
        }
        UnpackOutput::Json => output::data(&record(&unpacked, pack.manifest(), args))?,
    }
    Ok(Exit::Done)
}

fn explained(error: waxseal::Error) -> Fault {
    let fault = Fault::from(error);
    match fault.code() {
        "conflict" => {
            fault.hint("look at both with `waxseal tree`; --force replaces what stands at the destination")
        }
        "io" | "transport" | "timeout" => fault.hint(
            "the same command completes it, and sends only what is missing; tags of images are written last",
        ),
        _ => fault,
    }
}

fn tell(unpacked: &Unpacked, args: &UnpackArgs) {
    let done = if args.dry_run { "would go to" } else { "unpacked to" };
    for image in &unpacked.images {
        let tag = image.tag.as_ref().map(|tag| format!(", tag {tag}")).unwrap_or_default();
        output::talk(&format!(
            "{}: {done} {}{tag}",
            escape(&image.image.name.to_string()),
            escape(&image.destination.to_string())
        ));
        if let Some(copied) = &image.copied {
            output::talk(&format!(
                "  {}, {} of them attached; {} sent ({} bytes), {} there already",
                counted(copied.manifests, "manifest"),
                copied.attached,
                counted(copied.blobs, "blob"),
                copied.bytes,
                copied.blobs_there,
            ));
        }
        for signed in &image.signed {
            output::talk(&format!("  signed by the site: {}", signed.image.digest()));
        }
    }
}

fn record(unpacked: &Unpacked, manifest: &waxseal_core::pack::PackManifest, args: &UnpackArgs) -> String {
    let images: Vec<_> = unpacked
        .images
        .iter()
        .map(|image| {
            let copied = image.copied.as_ref().map(|copied| {
                json!({
                    "manifests": copied.manifests,
                    "attached": copied.attached,
                    "blobs": { "sent": copied.blobs, "there": copied.blobs_there, "bytesSent": copied.bytes },
                })
            });
            json!({
                "name": image.image.name.to_string(),
                "digest": image.image.digest,
                "destination": image.destination.to_string(),
                "tag": image.tag.as_ref().map(ToString::to_string),
                "copied": copied,
                "signed": !image.signed.is_empty(),
            })
        })
        .collect();
    json!({
        "schema": "waxseal/unpack/v1",
        "pack": args.pack.display().to_string(),
        "name": manifest.name,
        "serial": manifest.serial,
        "dryRun": args.dry_run,
        "serialNoted": unpacked.noted,
        "images": images,
    })
    .to_string()
}
