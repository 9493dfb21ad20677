//! `waxseal pack`.

mod diff;
pub(super) mod receiving;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use waxseal::pack::{Early, Have, Packed, Packing, Picked};
use waxseal_core::Signer;
use waxseal_oci::Location;

use self::receiving::decision;
use crate::args::pack::{PackArgs, PackOutput, PackWhat};
use crate::command::judging;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, read, standard_input};
use crate::output::progress::Bar;
use crate::output::{self, counted, escape};
use crate::session::{Session, location};

/// Largest inventory that is read, in bytes (256 MiB).
const INVENTORY_BYTES: u64 = 256 << 20;

/// Packs images, or does something else with packs.
pub(crate) async fn run(args: &PackArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        Some(PackWhat::Verify(args)) => verify::run(args, offline).await,
        Some(PackWhat::Diff(args)) => diff::run(args, offline).await,
        None => pack(args, offline).await,
    }
}

async fn pack(args: &PackArgs, offline: bool) -> Result<Exit, Fault> {
    let Some(out) = &args.out else { return Err(Fault::usage("--out FILE is missing")) };
    let claims = args.key.iter().chain(&args.policy.image_key).map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let stdin = standard_input(claims.chain([password]))?;
    let inputs: Vec<PathBuf> = key_files(&args.key)
        .into_iter()
        .chain(key_files(&args.policy.image_key))
        .chain(args.signer.password.password_file.clone())
        .chain(args.have.clone())
        .chain(args.policy.file())
        .chain(args.images.iter().filter_map(|name| archive(name)))
        .collect();
    file::fits([out.as_path()], inputs.iter().map(PathBuf::as_path))?;
    let locations = args.images.iter().map(|name| location(name)).collect::<Result<Vec<_>, _>>()?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &args.images)?;
    let verifier = judging::verifier(args.signer.allow_example_keys);
    let Some((decision, text)) = decision(&args.policy, &session, &verifier).await? else {
        return Err(Fault::usage("images are packed only after they were verified")
            .hint("say what must hold of them: --policy FILE, or --image-key KEY"));
    };
    let mut job = Packing::new(decision, name(args, out)?);
    job.policy_text = text.map(Into::into);
    job.serial = args.serial;
    job.arrives_by = args.arrives_by.map(|moment| moment.0);
    job.have = args.have.as_deref().map(have).transpose()?;
    job.options.compress = args.zstd;
    job.options.split = args.split.map(|size| size.0);
    let mut signers = Vec::new();
    for name in &args.key {
        signers.push(args.signer.open(&session, name, stdin)?);
    }
    let signers: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect();
    let picked = job.pick(&session.client, &locations, &session.finding).await?;
    if let Some(exit) = refused(&picked, args.output)? {
        return Ok(exit);
    }
    let early = job.early(&picked).await?;
    let contents = job.contents(&picked).await?;
    let bar = Arc::new(Bar::new("packing"));
    job.options.progress = Arc::clone(&bar) as Arc<dyn waxseal_oci::transfer::Progress>;
    let packed = job.write(contents, out, &signers).await;
    bar.clear();
    let packed = packed.map_err(|error| explained(error, out))?;
    tell(&packed, &early, signers.len());
    match args.output {
        PackOutput::Text => {
            for path in &packed.written.files {
                output::data(&escape(&path.display().to_string()))?;
            }
        }
        PackOutput::Json => output::data(&record(&packed, &early))?,
    }
    Ok(Exit::Done)
}

/// Says of each image that is not verified why; the worst outcome, if there is one.
fn refused(picked: &[Picked], form: PackOutput) -> Result<Option<Exit>, Fault> {
    let mut exit = None;
    for Picked { image, verdict, .. } in picked {
        if verdict.verified().is_some() {
            continue;
        }
        let name = image.location.to_string();
        output::talk(output::verdict::text(&name, verdict).trim_end());
        if form == PackOutput::Json {
            output::data(&verdict.to_json())?;
        }
        let own = match Exit::from(verdict.outcome()) {
            // Admitted on another ground than evidence (rule V2).
            Exit::Done => Exit::Refused,
            own => own,
        };
        exit = Some(exit.map_or(own, |worst: Exit| worst.worst(own)));
    }
    if exit.is_some() {
        output::talk("hint: only what is verified is packed; nothing was written");
    }
    Ok(exit)
}

fn explained(error: waxseal::Error, out: &Path) -> Fault {
    let fault = Fault::from(error);
    match fault.code() {
        "io" => fault.hint(format!(
            "what is written stands in {}.partial: make room, and run the same command again",
            out.display()
        )),
        "conflict" => fault.hint("wait for the other run, or name another file"),
        _ => fault,
    }
}

/// The file of an archive among the names of images: it must not be the one that is written.
fn archive(name: &str) -> Option<PathBuf> {
    match name.parse() {
        Ok(Location::Archive { path, .. } | Location::DockerArchive { path, .. }) => Some(path),
        _ => None,
    }
}

/// The name of the line of packs.
fn name(args: &PackArgs, out: &Path) -> Result<String, Fault> {
    let name = args.name.clone().unwrap_or_else(|| {
        let file = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.split('.').next().unwrap_or_default().to_owned()
    });
    if waxseal_core::pack::is_name(&name) {
        return Ok(name);
    }
    Err(Fault::usage(format!(
        "{name:?} is no name of a pack: expected letters, digits, and -_. between them"
    ))
    .hint("give one with --name"))
}

/// Reads an inventory of the other side.
pub(super) fn have(path: &Path) -> Result<Have, Fault> {
    let bytes = read(path, INVENTORY_BYTES)?;
    Ok(Have::parse(&bytes, &path.display().to_string())?)
}

fn tell(packed: &Packed, early: &[Early], signatures: usize) {
    let manifest = &packed.manifest;
    for image in &packed.images {
        output::talk(&format!(
            "{}@{}: packed, {}, {} attached",
            escape(&image.image.name.to_string()),
            image.image.digest,
            counted(image.manifests, "manifest"),
            image.attached
        ));
        for rejected in &image.rejected {
            output::talk(&format!(
                "  warning: {} was not packed, it is not what it is listed as: {}",
                rejected.descriptor.digest,
                escape(&rejected.why)
            ));
        }
    }
    let signed =
        if signatures == 0 { "not signed (no --key)".to_owned() } else { counted(signatures, "signature") };
    output::talk(&format!(
        "pack {}, serial {}: {} bytes, {signed}; {} left out, {} bytes stood there already",
        escape(&manifest.name),
        manifest.serial,
        packed.written.stored,
        counted(manifest.omitted.len(), "blob"),
        packed.written.kept
    ));
    for early in early {
        output::talk(&format!(
            "warning: {} will not be admitted any more when it arrives",
            escape(&early.name)
        ));
        let text = output::verdict::text(&early.name, &early.verdict);
        for line in text.lines().filter(|line| line.contains("reason:")) {
            output::talk(line);
        }
    }
}

fn record(packed: &Packed, early: &[Early]) -> String {
    let manifest = &packed.manifest;
    let images: Vec<_> = packed
        .images
        .iter()
        .map(|image| {
            let rejected: Vec<_> = image
                .rejected
                .iter()
                .map(|rejected| json!({ "digest": rejected.descriptor.digest, "why": rejected.why }))
                .collect();
            json!({
                "name": image.image.name.to_string(),
                "digest": image.image.digest,
                "manifests": image.manifests,
                "attached": image.attached,
                "rejected": rejected,
            })
        })
        .collect();
    let early: Vec<_> = early
        .iter()
        .map(|early| {
            let verdict: serde_json::Value =
                serde_json::from_str(&early.verdict.to_json()).unwrap_or_default();
            json!({ "name": early.name, "verdict": verdict })
        })
        .collect();
    let files: Vec<_> = packed.written.files.iter().map(|path| path.display().to_string()).collect();
    json!({
        "schema": "waxseal/packed/v1",
        "name": manifest.name,
        "serial": manifest.serial,
        "created": manifest.created.to_string(),
        "policy": manifest.policy,
        "files": files,
        "bytes": packed.written.stored,
        "bytesKept": packed.written.kept,
        "entries": manifest.entries.len(),
        "omitted": manifest.omitted,
        "images": images,
        "notAdmittedOnArrival": early,
    })
    .to_string()
}
