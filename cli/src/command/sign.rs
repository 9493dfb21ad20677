//! `waxseal sign`.

use jiff::Timestamp;
use serde_json::json;
use std::path::PathBuf;
use waxseal::{Signed, Signing};
use waxseal_core::key::LocalSigner;
use waxseal_core::{Format, Scheme, Signer};

use super::verify::annotations;
use crate::args::FormatArg;
use crate::args::sign::{SignArgs, SignOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Signs each image with each key.
pub(crate) async fn run(args: &SignArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let stdin = standard_input(keys.chain([password]))?;
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &args.images)?;
    let mut job = Signing::new(Timestamp::now());
    job.formats = args.format.formats();
    job.annotations = annotations(&args.annotations)?;
    job.identity.clone_from(&args.sign_container_identity);
    job.recursive = args.recursive;
    job.upload = args.upload;
    one_file(args)?;
    let (inputs, outputs) =
        (key_files(&args.key), [&args.output_signature, &args.output_payload, &args.bundle]);
    file::fits(
        outputs.into_iter().flatten().map(PathBuf::as_path),
        inputs.iter().chain(&args.signer.password.password_file).map(PathBuf::as_path),
    )?;
    job.expect = match &args.expect_digest {
        Some(text) => Some(text.parse().map_err(|error| Fault::usage(format!("--expect-digest: {error}")))?),
        None => None,
    };
    // Every name is read before a password is asked for: a typing mistake costs nothing.
    for name in &args.images {
        location(name)?;
    }
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
            output::talk(&format!("{}: signing {}", escape(name), image.digest()));
        }
        let signed = job.sign(image, &borrowed).await?;
        for one in &signed {
            if args.upload {
                tell(one);
            }
            write(args, one)?;
        }
        done.extend(signed);
    }
    if args.upload && done.iter().any(|one| one.signatures.iter().any(|written| !written.already)) {
        advice(&job.formats, &signers);
    }
    if args.output == SignOutput::Json {
        output::data(&record(&done))?;
    }
    Ok(Exit::Done)
}

/// A file takes one signature: several images, keys or formats would overwrite one another in it.
fn one_file(args: &SignArgs) -> Result<(), Fault> {
    let files = [&args.output_signature, &args.output_payload, &args.bundle].into_iter().flatten().count();
    let several = args.images.len() > 1 || args.key.len() > 1 || args.recursive;
    if files > 0 && several {
        return Err(Fault::usage("--output-signature, --output-payload and --bundle take one signature")
            .hint("run the command for each image and each key, without --recursive"));
    }
    let formats = args.format.formats();
    if (args.output_signature.is_some() || args.output_payload.is_some())
        && !formats.contains(&Format::Legacy)
    {
        return Err(Fault::usage("--output-signature and --output-payload are of the legacy format"));
    }
    if args.bundle.is_some() && !formats.contains(&Format::Bundle) {
        return Err(Fault::usage("--bundle is of the bundle format"));
    }
    Ok(())
}

/// Writes the files that were named and, where nothing is written beside the image, the signature to stdout as
/// cosign does.
fn write(args: &SignArgs, signed: &Signed) -> Result<(), Fault> {
    for written in &signed.signatures {
        if let Some(legacy) = &written.signed.legacy {
            if let Some(path) = &args.output_signature {
                file::write(path, legacy.signature.as_bytes())?;
            }
            if let Some(path) = &args.output_payload {
                file::write(path, &legacy.payload)?;
            }
            if !args.upload && args.output_signature.is_none() {
                output::data(&legacy.signature)?;
            }
        }
        if let Some(bundle) = &written.signed.bundle {
            if let Some(path) = &args.bundle {
                file::write(path, bundle)?;
            } else if !args.upload && args.format == FormatArg::Bundle {
                output::raw(bundle)?;
                output::data("")?;
            }
        }
    }
    Ok(())
}

fn tell(signed: &Signed) {
    for written in &signed.signatures {
        let what = if written.already { "already signed" } else { "signed" };
        output::talk(&format!(
            "{}: {what} by {} ({})",
            escape(&signed.image.to_string()),
            written.key.short(),
            written.format.name()
        ));
    }
}

/// What a verifier elsewhere needs (measured; see the table of `sign --help`).
fn advice(formats: &[Format], signers: &[LocalSigner]) {
    output::talk(
        "no transparency log was used: cosign verifies with --insecure-ignore-tlog, Kyverno with rekor.ignoreTlog: true",
    );
    if formats.contains(&Format::Bundle) && formats.contains(&Format::Legacy) {
        output::talk(
            "cosign 2.6 also wants --trusted-root once a bundle stands beside a legacy signature (see sign --help)",
        );
    }
    for signer in signers {
        let digest = match signer.scheme() {
            Scheme::EcdsaP384Sha384 => "sha384",
            Scheme::EcdsaP521Sha512 => "sha512",
            _ => continue,
        };
        output::talk(&format!(
            "cosign verifies this key's signature with --signature-digest-algorithm {digest}"
        ));
    }
}

fn record(done: &[Signed]) -> String {
    let images: Vec<_> = done
        .iter()
        .map(|one| {
            let signatures: Vec<_> = one
                .signatures
                .iter()
                .map(|written| {
                    json!({
                        "key": written.key,
                        "format": written.format.name(),
                        "already": written.already,
                    })
                })
                .collect();
            json!({ "image": one.image.to_string(), "digest": one.image.digest(), "signatures": signatures })
        })
        .collect();
    json!({ "schema": "waxseal/sign/v1", "images": images }).to_string()
}
