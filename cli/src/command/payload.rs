//! `waxseal payload`, and what it shares with the other two steps: the files of `--raw`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::Requesting;
use waxseal::detached::Wanted;
use waxseal_core::signing::detached::{DetachedRequest, PayloadKind};
use waxseal_core::{Digest, Platform};

use super::judging::annotations;
use crate::args::attest::ClaimArgs;
use crate::args::payload::PayloadArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::standard_input;
use crate::output::{self, escape, qr, request};
use crate::session::{Session, location};

/// Writes a request.
pub(crate) async fn run(args: &PayloadArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    let claim = ClaimArgs {
        predicate: args.predicate.clone(),
        statement: args.statement.clone(),
        predicate_type: args.predicate_type.clone(),
    };
    let password = ("the registry's password", args.registry.registry_password_stdin);
    standard_input([password, claim.on_stdin()])?;
    let attested = claim.files().next().is_some();
    if args.predicate_type.is_some() && !attested {
        return Err(Fault::usage("--type is the type of an attestation, and there is nothing to attest")
            .hint("give --predicate FILE, or leave --type out for an image's signature"));
    }
    let targets = args.out.iter().cloned().chain(args.raw.iter().flat_map(|folder| raw_files(folder)));
    let targets: Vec<_> = targets.collect();
    file::fits(targets.iter().map(PathBuf::as_path), claim.files().map(PathBuf::as_path))?;
    let now = Timestamp::now();
    let wanted = if attested {
        Wanted::Attestation(claim.read(now)?)
    } else {
        let identity = args.sign_container_identity.clone();
        Wanted::Signature { annotations: annotations(&args.annotations)?, identity }
    };
    let mut job = Requesting::new(wanted);
    job.formats = args.format.formats();
    job.expect = expected(args.expect_digest.as_deref())?;
    let platform = platform(args.platform.as_deref())?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), [&args.image])?;
    let mut image = session.image(&args.image).await?;
    if image.tag().is_some() && args.expect_digest.is_none() {
        output::talk(&format!("{}: asking for {}", escape(&args.image), image.digest()));
    }
    if let Some(platform) = &platform {
        image = Box::pin(image.for_platform(platform)).await?;
    }
    let requested = Box::pin(job.request(image)).await?;
    let code = if args.qr { Some(qr::code(requested.request.to_compact_json().as_bytes())?) } else { None };
    if let Some(folder) = &args.raw {
        write_raw(folder, &requested.request)?;
    }
    output::talk(request::text(&requested.request).trim_end());
    let json = requested.request.to_json(now);
    match &args.out {
        Some(path) => {
            file::write(path, json.as_bytes())?;
            output::talk(&format!(
                "wrote {}: keep it, what comes back is held against it",
                escape(&path.display().to_string())
            ));
        }
        None => output::data(&json)?,
    }
    if let Some(code) = code {
        output::data(&code)?;
    }
    Ok(Exit::Done)
}

/// The digest of `--expect-digest`.
pub(super) fn expected(typed: Option<&str>) -> Result<Option<Digest>, Fault> {
    let read = |text: &str| text.parse().map_err(|error| Fault::usage(format!("--expect-digest: {error}")));
    typed.map(read).transpose()
}

/// The platform of `--platform`.
pub(super) fn platform(typed: Option<&str>) -> Result<Option<Platform>, Fault> {
    let read = |text: &str| text.parse().map_err(|error| Fault::usage(format!("--platform {text}: {error}")));
    typed.map(read).transpose()
}

/// Every file that `--raw` could write.
pub(super) fn raw_files(folder: &Path) -> Vec<PathBuf> {
    let names = PayloadKind::ALL.iter().map(|kind| kind.file_name());
    names.flat_map(|name| [folder.join(name), folder.join(format!("{name}.sha256"))]).collect()
}

/// Writes the bytes that are signed, each beside its digest as `sha256sum --check` reads it.
pub(super) fn write_raw(folder: &Path, request: &DetachedRequest) -> Result<(), Fault> {
    std::fs::create_dir_all(folder).map_err(|error| Fault::file(folder, "made", &error))?;
    for (kind, message) in request.messages() {
        let name = kind.file_name();
        file::write(&folder.join(name), message)?;
        let line = format!("{}  {name}\n", Digest::of(message).hex());
        file::write(&folder.join(format!("{name}.sha256")), line.as_bytes())?;
    }
    Ok(())
}
