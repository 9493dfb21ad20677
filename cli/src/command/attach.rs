//! `waxseal attach`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use waxseal::attach::{
    Attached, AttachedAttestation, Attaching, AttachingAttestations, AttestationsAttached, Material,
    is_bundle,
};
use waxseal_core::encoding::base64_decode;
use waxseal_core::limits::{BUNDLE_BYTES, KEY_FILE_BYTES, SIMPLE_SIGNING_BYTES};
use waxseal_core::verify::ImageSignature;
use waxseal_core::{PinnedRef, Verifier};

use crate::args::attach::{AttachArgs, AttachAttestationArgs, AttachOutput, AttachSignatureArgs, AttachWhat};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, read, standard_input};
use crate::output::{self, escape};
use crate::session::{Session, location};

/// Attaches what was signed elsewhere.
pub(crate) async fn run(args: &AttachArgs, offline: bool) -> Result<Exit, Fault> {
    match &args.what {
        AttachWhat::Signature(args) => signature(args, offline).await,
        AttachWhat::Attestation(args) => attestation(args, offline).await,
        AttachWhat::Response(args) => super::attach_response::run(args, offline).await,
        AttachWhat::Sbom(_) => Err(Fault::usage("a list of components is not attached unsigned: anybody could put another in its place")
            .hint("sign it: `waxseal attest --key KEY --type spdxjson --predicate sbom.json IMAGE` (or cyclonedx; spdx for tag-value text)")),
    }
}

async fn signature(args: &AttachSignatureArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    if args.key.is_empty() {
        return Err(Fault::usage("a signature is verified before it is attached, and no key was named")
            .hint("give --key FILE, the public key of whoever signed"));
    }
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let signature = ("the signature", args.signature.as_deref() == Some("-"));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    standard_input(keys.chain([signature, password]))?;
    let keys = key_files(&args.key);
    let typed = args.signature.as_deref().map(Path::new);
    let material_files = args.payload.iter().chain(&args.bundle).map(PathBuf::as_path).chain(typed);
    file::fits([], keys.iter().map(PathBuf::as_path).chain(material_files))?;
    let material = material(args)?;
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let mut job = Attaching::new(session.trusted(&args.key).await?, Timestamp::now());
    if args.allow_example_keys {
        job.verifier = Verifier::new().allow_example_keys();
    }
    let image = session.image(&args.image).await?;
    match Box::pin(job.attach(image, &material)).await? {
        Attached::Done { image, signature, already } => {
            let what = if already { "already attached" } else { "attached" };
            output::talk(&format!(
                "{}: {what}, signed by {} ({})",
                escape(&image.to_string()),
                signature.key.short(),
                signature.format.name()
            ));
            if args.output == AttachOutput::Json {
                output::data(&record(&image, &signature, already))?;
            }
            Ok(Exit::Done)
        }
        Attached::Refused(verdict) => {
            let miss = verdict.nearest_miss();
            output::talk(&format!(
                "error: {}: the signature does not verify and was not attached [{}]",
                escape(&args.image),
                miss.map_or("refused", |miss| miss.reason.code())
            ));
            if let Some(miss) = miss {
                output::talk(&format!("  because: {}", output::verdict::finding(miss)));
            }
            let telling = match args.output {
                AttachOutput::Json => output::data(&verdict.to_json()).map_err(Fault::from),
                AttachOutput::Text => Ok(()),
            };
            Ok(output::told(Exit::from(verdict.outcome()), telling))
        }
        _ => Err(Fault::internal("an outcome that nobody knows")),
    }
}

async fn attestation(args: &AttachAttestationArgs, offline: bool) -> Result<Exit, Fault> {
    location(&args.image)?;
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    let files = args.attestation.iter().map(|file| ("an attestation", file == Path::new("-")));
    let password = ("the registry's password", args.registry.registry_password_stdin);
    standard_input(keys.chain(files).chain([password]))?;
    let keys = key_files(&args.key);
    file::fits([], keys.iter().chain(&args.attestation).map(PathBuf::as_path))?;
    let mut contents = Vec::new();
    for path in &args.attestation {
        contents.push(read(path, BUNDLE_BYTES)?);
    }
    let session = Session::new(&args.registry, offline, None, [&args.image])?;
    let mut job = AttachingAttestations::new(session.trusted(&args.key).await?, Timestamp::now());
    if args.allow_example_keys {
        job.verifier = Verifier::new().allow_example_keys();
    }
    let image = session.image(&args.image).await?;
    match Box::pin(job.attach(image, &contents)).await? {
        AttestationsAttached::Done { image, attestations } => {
            for one in &attestations {
                let what = if one.already { "already attached" } else { "attached" };
                let by = match &one.key {
                    Some(key) => format!("signed by {}", key.short()),
                    None => "verified by nobody (no --key was named)".to_owned(),
                };
                output::talk(&format!(
                    "{}: {what} ({}): {}, {by}",
                    escape(&image.to_string()),
                    one.format.name(),
                    escape(&one.predicate_type.to_string())
                ));
            }
            if args.output == AttachOutput::Json {
                output::data(&attestations_record(&image, &attestations))?;
            }
            Ok(Exit::Done)
        }
        AttestationsAttached::Refused(refused) => {
            output::talk(&format!(
                "error: {}: attestation {} does not hold and nothing was attached [{}]",
                escape(&args.image),
                refused.nth,
                refused.reason.code()
            ));
            match refused.verdict.as_ref().and_then(|verdict| verdict.nearest_miss()) {
                Some(miss) => output::talk(&format!("  because: {}", output::verdict::finding(miss))),
                None => output::talk(&format!("  found: {}", escape(&refused.found))),
            }
            let telling = match (args.output, &refused.verdict) {
                (AttachOutput::Json, Some(verdict)) => output::data(&verdict.to_json()).map_err(Fault::from),
                _ => Ok(()),
            };
            Ok(output::told(Exit::Refused, telling))
        }
        _ => Err(Fault::internal("an outcome that nobody knows")),
    }
}

fn attestations_record(image: &PinnedRef, attestations: &[AttachedAttestation]) -> String {
    let attestations: Vec<_> = attestations
        .iter()
        .map(|one| {
            json!({
                "predicateType": one.predicate_type.as_str(),
                "format": one.format.name(),
                "key": one.key,
                "already": one.already,
            })
        })
        .collect();
    json!({
        "schema": "waxseal/attach-attestation/v1",
        "image": image.to_string(),
        "digest": image.digest(),
        "attestations": attestations,
    })
    .to_string()
}

fn record(image: &PinnedRef, signature: &ImageSignature, already: bool) -> String {
    json!({
        "schema": "waxseal/attach/v1",
        "image": image.to_string(),
        "digest": image.digest(),
        "key": signature.key,
        "format": signature.format.name(),
        "already": already,
        "name": signature.name,
        "annotations": signature.annotations,
    })
    .to_string()
}

fn material(args: &AttachSignatureArgs) -> Result<Material, Fault> {
    if let Some(path) = &args.bundle {
        return read(path, BUNDLE_BYTES).map(Material::Bundle);
    }
    let Some(path) = &args.payload else {
        return Err(
            Fault::usage("there is nothing to attach").hint("give --payload and --signature, or --bundle")
        );
    };
    let Some(signature) = &args.signature else {
        let bytes = read(path, BUNDLE_BYTES)?;
        // cosign takes a bundle under this name too.
        return if is_bundle(&bytes) {
            Ok(Material::Bundle(bytes))
        } else {
            Err(Fault::usage("--payload needs --signature: the payload alone says nothing"))
        };
    };
    let payload = read(path, SIMPLE_SIGNING_BYTES)?;
    Ok(Material::Legacy { payload, signature: signature_bytes(signature)? })
}

/// A signature from a file, from standard input, or as it was typed: in base64, or as it is.
fn signature_bytes(typed: &str) -> Result<Vec<u8>, Fault> {
    let bytes = match typed {
        "-" => read(Path::new("-"), KEY_FILE_BYTES)?,
        path if Path::new(path).exists() => read(Path::new(path), KEY_FILE_BYTES)?,
        text if base64_decode(text).is_ok_and(|bytes| !bytes.is_empty()) => text.as_bytes().to_vec(),
        path => {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Fault::file(Path::new(path), "read", &missing));
        }
    };
    if bytes.is_empty() {
        return Err(Fault::usage("the signature is empty"));
    }
    // Programs break base64 into lines; others write a signature as it is. Whatever is taken for it is verified.
    let joined: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let decoded = core::str::from_utf8(&joined).ok().and_then(|text| base64_decode(text).ok());
    Ok(decoded.unwrap_or(bytes))
}
