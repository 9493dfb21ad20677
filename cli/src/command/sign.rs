//! `waxseal sign`.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use waxseal::keys::KeySigner;
use waxseal::{Signed, Signing, Written};
use waxseal_core::encoding::base64_encode;
use waxseal_core::{Format, Scheme, Signer};

use super::judging::annotations;
use crate::args::FormatArg;
use crate::args::sign::{SignArgs, SignOutput};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::image_file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Signs each image with each key.
pub(crate) async fn run(args: &SignArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    let files = args.image_file.iter().map(|path| ("images", path.as_path() == Path::new("-")));
    let stdin = standard_input(keys.chain([password]).chain(files))?;
    let mut images = args.images.clone();
    for path in &args.image_file {
        images.extend(image_file::read(path)?);
    }
    let session = Session::new(&args.registry, offline, args.identity.as_deref(), &images)?;
    let mut job = Signing::new(Timestamp::now());
    job.formats = args.format.formats();
    job.annotations = annotations(&args.annotations)?;
    job.identity.clone_from(&args.sign_container_identity);
    job.recursive = args.recursive;
    job.upload = args.upload;
    one_file(args, images.len())?;
    let (inputs, outputs) =
        (key_files(&args.key), [&args.output_signature, &args.output_payload, &args.bundle]);
    file::fits(
        outputs.into_iter().flatten().map(PathBuf::as_path),
        inputs
            .iter()
            .chain(&args.signer.password.password_file)
            .chain(&args.image_file)
            .map(PathBuf::as_path),
    )?;
    job.expect = match &args.expect_digest {
        Some(text) => Some(text.parse().map_err(|error| Fault::usage(format!("--expect-digest: {error}")))?),
        None => None,
    };
    // Every name is read before a password is asked for: a typing mistake costs nothing.
    for name in &images {
        location(name)?;
    }
    let mut signers = Vec::new();
    for name in &args.key {
        signers.push(args.signer.open(&session, name, stdin)?);
    }
    let borrowed: Vec<&(dyn Signer + Sync)> =
        signers.iter().map(|signer| signer as &(dyn Signer + Sync)).collect();
    let mut done = Vec::new();
    for name in &images {
        let image = session.image(name).await?;
        if image.tag().is_some() && args.expect_digest.is_none() {
            output::talk(&format!("{}: signing {}", escape(name), image.digest()));
        }
        if !job.formats_for(image.digest()).contains(&Format::Legacy) {
            no_legacy(args)?;
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
        output::data(&record(&done, args.upload))?;
    }
    Ok(Exit::Done)
}

/// A file takes one signature: several images, keys or formats would overwrite one another in it.
fn one_file(args: &SignArgs, images: usize) -> Result<(), Fault> {
    let files = [&args.output_signature, &args.output_payload, &args.bundle].into_iter().flatten().count();
    let several = images > 1 || args.key.len() > 1 || args.recursive;
    if files > 0 && several {
        return Err(Fault::usage("--output-signature, --output-payload and --bundle take one signature")
            .hint("run the command for each image and each key, without --recursive"));
    }
    let formats = args.format.formats();
    if !formats.contains(&Format::Legacy) {
        no_legacy(args)?;
    }
    if args.bundle.is_some() && !formats.contains(&Format::Bundle) {
        return Err(Fault::usage("--bundle is of the bundle format"));
    }
    Ok(())
}

/// What is only in a legacy signature cannot be written where none is made: with `--format bundle`, and with both
/// formats for an image by another digest than SHA-256 (rule G7).
fn no_legacy(args: &SignArgs) -> Result<(), Fault> {
    if args.output_signature.is_none() && args.output_payload.is_none() {
        return Ok(());
    }
    Err(Fault::usage(
        "--output-signature and --output-payload are of the legacy format, which is not written here: it is left out \
         with --format bundle, and is for SHA-256 digests only",
    )
    .hint("give --bundle FILE for the bundle"))
}

/// Writes the files that were named and, where nothing is written beside the image, the signature to stdout as
/// cosign does.
fn write(args: &SignArgs, signed: &Signed) -> Result<(), Fault> {
    let print = !args.upload && args.output == SignOutput::Text;
    let legacy = signed.signatures.iter().any(|written| written.signed.legacy.is_some());
    for written in &signed.signatures {
        if let Some(legacy) = &written.signed.legacy {
            if let Some(path) = &args.output_signature {
                file::write(path, legacy.signature.as_bytes())?;
            }
            if let Some(path) = &args.output_payload {
                file::write(path, &legacy.payload)?;
            }
            if print && args.output_signature.is_none() {
                output::data(&legacy.signature)?;
            }
        }
        if let Some(bundle) = &written.signed.bundle {
            if let Some(path) = &args.bundle {
                file::write(path, bundle)?;
            } else if print && !legacy {
                output::raw(bundle)?;
                output::data("")?;
            }
        }
    }
    if print && legacy && args.bundle.is_none() && args.format == FormatArg::Both {
        output::talk(
            "the bundle is not shown beside the legacy signature: give --bundle FILE, --format bundle or -o json",
        );
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
fn advice(formats: &[Format], signers: &[KeySigner]) {
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

/// What was done; where nothing was written beside the image, with what was made.
fn record(done: &[Signed], upload: bool) -> String {
    let images: Vec<_> = done
        .iter()
        .map(|one| {
            let signatures: Vec<_> = one.signatures.iter().map(|written| entry(written, upload)).collect();
            json!({ "image": one.image.to_string(), "digest": one.image.digest(), "signatures": signatures })
        })
        .collect();
    json!({ "schema": "waxseal/sign/v1", "images": images }).to_string()
}

fn entry(written: &Written, upload: bool) -> Value {
    let mut entry =
        json!({ "key": written.key, "format": written.format.name(), "already": written.already });
    let Some(members) = entry.as_object_mut().filter(|_| !upload) else { return entry };
    if let Some(legacy) = &written.signed.legacy {
        members.insert("signature".to_owned(), json!(legacy.signature));
        members.insert("payload".to_owned(), json!(base64_encode(&legacy.payload)));
    }
    if let Some(bundle) = &written.signed.bundle {
        members.insert("bundle".to_owned(), serde_json::from_slice(bundle).unwrap_or_default());
    }
    entry
}
