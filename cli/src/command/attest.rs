//! `waxseal attest`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use waxseal::{Attested, Attesting};
use waxseal_core::{Platform, Signer};

use crate::args::FormatArg;
use crate::args::attest::{AttestArgs, AttestOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Attests each image with each key.
pub(crate) async fn run(args: &AttestArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let stdin = standard_input(keys.chain([password, args.claim.on_stdin()]))?;
    one_file(args)?;
    // Every name and every file is read before a password is asked for: a typing mistake costs nothing.
    for name in &args.images {
        location(name)?;
    }
    let mut job = Attesting::new(Timestamp::now());
    job.replace = args.replace;
    job.recursive = args.recursive;
    job.upload = args.upload;
    job.formats = args.format.formats();
    for text in &args.platform {
        let platform: Platform =
            text.parse().map_err(|error| Fault::usage(format!("--platform {text}: {error}")))?;
        job.platforms.push(platform);
    }
    job.expect = match &args.expect_digest {
        Some(text) => Some(text.parse().map_err(|error| Fault::usage(format!("--expect-digest: {error}")))?),
        None => None,
    };
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &args.images)?;
    let claim = args.claim.read(job.now)?;
    let mut signers = Vec::new();
    for name in &args.key {
        signers.push(args.signer.open(&session, name, stdin)?);
    }
    let borrowed: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect();
    let mut done = Vec::new();
    for name in &args.images {
        let image = session.image(name).await?;
        if image.tag().is_some() && args.expect_digest.is_none() {
            output::talk(&format!("{}: attesting {}", escape(name), image.digest()));
        }
        let attested = Box::pin(job.attest(image, &claim, &borrowed)).await?;
        for one in &attested {
            if args.upload {
                tell(one);
            }
            write(args, one)?;
        }
        done.extend(attested);
    }
    let new = done.iter().any(|one| one.attestations.iter().any(|written| !written.already));
    if args.upload && new {
        output::talk(
            "no transparency log was used: cosign verifies with verify-attestation --insecure-ignore-tlog",
        );
    }
    if args.output == AttestOutput::Json {
        output::data(&record(&done))?;
    }
    Ok(Exit::Done)
}

/// A file takes one attestation.
fn one_file(args: &AttestArgs) -> Result<(), Fault> {
    let Some(target) = &args.bundle else { return Ok(()) };
    let several = args.images.len() > 1 || args.key.len() > 1 || args.recursive || args.platform.len() > 1;
    if several {
        return Err(Fault::usage("--bundle takes one attestation")
            .hint("run the command for each image and each key, without --recursive"));
    }
    if args.format == FormatArg::Legacy {
        return Err(Fault::usage("--bundle is of the bundle format"));
    }
    let mut inputs = key_files(&args.key);
    inputs.extend(args.claim.files().chain(&args.signer.password.password_file).cloned());
    file::fits([target.as_path()], inputs.iter().map(PathBuf::as_path))
}

/// Writes the file that was named and, where nothing is written beside the image, one document a key to stdout: the
/// envelope, or the bundle where no envelope was made.
fn write(args: &AttestArgs, attested: &Attested) -> Result<(), Fault> {
    let print = !args.upload && args.output == AttestOutput::Text;
    let enveloped = attested.attestations.iter().any(|written| written.signed.envelope.is_some());
    for written in &attested.attestations {
        if let Some(envelope) = written.signed.envelope.as_ref().filter(|_| print) {
            output::raw(envelope)?;
            output::data("")?;
        }
        if let Some(bundle) = &written.signed.bundle {
            if let Some(path) = &args.bundle {
                file::write(path, bundle)?;
            } else if print && !enveloped {
                output::raw(bundle)?;
                output::data("")?;
            }
        }
    }
    Ok(())
}

/// Tells what became of one image.
pub(crate) fn tell(attested: &Attested) {
    for written in &attested.attestations {
        let what = if written.already { "already attested" } else { "attested" };
        let replaced = match written.replaced {
            0 => String::new(),
            1 => ", in the place of an earlier one".to_owned(),
            more => format!(", in the place of {more} earlier ones"),
        };
        output::talk(&format!(
            "{}: {what} by {} ({}): {}{replaced}",
            escape(&attested.image.to_string()),
            written.key.short(),
            written.format.name(),
            written.signed.predicate_type
        ));
    }
}

/// What was done, as a document.
pub(crate) fn record(done: &[Attested]) -> String {
    let images: Vec<_> = done
        .iter()
        .map(|one| {
            let attestations: Vec<_> = one
                .attestations
                .iter()
                .map(|written| {
                    json!({
                        "key": written.key,
                        "format": written.format.name(),
                        "predicateType": written.signed.predicate_type.as_str(),
                        "already": written.already,
                        "replaced": written.replaced,
                    })
                })
                .collect();
            json!({
                "image": one.image.to_string(),
                "digest": one.image.digest(),
                "attestations": attestations,
            })
        })
        .collect();
    json!({ "schema": "waxseal/attest/v1", "images": images }).to_string()
}
