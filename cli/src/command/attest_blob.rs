//! `waxseal attest-blob`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use waxseal::attest::{BlobAbout, attest_blob};
use waxseal_core::digest::Algorithm;
use waxseal_core::encoding::base64_encode;
use waxseal_core::{Digest, Format};

use super::sign_blob::source;
use crate::args::attest_blob::AttestBlobArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::Session;

/// Attests a blob.
pub(crate) fn run(args: &AttestBlobArgs, offline: bool) -> Result<Exit, Fault> {
    let from_pipe = args.hash.is_none() && args.blob.as_deref() == Some(Path::new("-"));
    let claims = [("the file", from_pipe), ("the key", args.key == "-"), args.claim.on_stdin()];
    let stdin = standard_input(claims)?;
    fits(args)?;
    let about = about(args)?;
    let session = Session::without_registry(offline)?;
    let claim = args.claim.read(Timestamp::now())?;
    let signer = args.signer.open(&session, &args.key, stdin)?;
    let mut formats = vec![Format::Legacy];
    if args.bundle.is_some() && !args.old_bundle {
        formats.push(Format::Bundle);
    }
    let made = attest_blob(about, &claim, &signer, &formats)?;
    let envelope = made.signed.envelope.unwrap_or_default();
    let write = |target: &Path, bytes: &[u8]| -> Result<(), Fault> {
        file::write(target, bytes)?;
        output::talk(&format!("wrote {}", escape(&target.display().to_string())));
        Ok(())
    };
    if let Some(target) = &args.bundle {
        if let Some(bundle) = &made.signed.bundle {
            write(target, bundle)?;
        } else {
            let old = json!({ "base64Signature": base64_encode(&envelope) }).to_string();
            write(target, old.as_bytes())?;
        }
    }
    if let (Some(target), Some(statement)) = (&args.output_attestation, &made.statement) {
        write(target, statement)?;
    }
    match &args.output_signature {
        Some(target) => write(target, &envelope)?,
        None if args.bundle.is_none() || args.old_bundle => {
            output::raw(&envelope)?;
            output::data("")?;
        }
        None => {}
    }
    Ok(Exit::Done)
}

fn about(args: &AttestBlobArgs) -> Result<BlobAbout, Fault> {
    let Some(path) = &args.blob else { return Ok(BlobAbout::Statement) };
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    match &args.hash {
        None => Ok(BlobAbout::Blob(source(path), name)),
        Some(hex) => Digest::from_hex(Algorithm::Sha256, hex)
            .map(|digest| BlobAbout::Digest(digest, name))
            .map_err(|error| {
                Fault::usage(format!("--hash: {error}"))
                    .hint("as `sha256sum FILE` prints it: 64 digits, lower case")
            }),
    }
}

/// What cannot be done is said before a password is asked for.
fn fits(args: &AttestBlobArgs) -> Result<(), Fault> {
    let targets = [&args.bundle, &args.output_signature, &args.output_attestation];
    let targets: Vec<&Path> = targets.into_iter().flatten().map(PathBuf::as_path).collect();
    let mut inputs = key_files([&args.key]);
    inputs.extend(args.claim.files().chain(&args.blob).chain(&args.signer.password.password_file).cloned());
    file::fits(targets, inputs.iter().map(PathBuf::as_path))
}
