//! `waxseal verify-blob-attestation`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::blob::{self, BlobSubject};
use waxseal_core::digest::Algorithm;
use waxseal_core::verify::{Outcome, Unseen};
use waxseal_core::{Digest, Policy, Verdict};
use waxseal_scan::evidence::Evidence;

use super::judging::verifier;
use super::sign_blob::source;
use super::verify_attestation::{envelopes, requirement};
use crate::args::verify_blob_attestation::{BlobAttestationOutput, VerifyBlobAttestationArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output;
use crate::session::Session;

/// Verifies one blob by the attestations in files.
pub(crate) async fn run(args: &VerifyBlobAttestationArgs, offline: bool) -> Result<Exit, Fault> {
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    standard_input(keys.chain([("the file", args.blob.as_deref() == Some("-"))]))?;
    let (subject, name) = subject(args)?;
    let digest = if let BlobSubject::Digest(digest) = &subject { Some(*digest) } else { None };
    let keys = key_files(&args.key);
    let read = keys.iter().chain(&args.signature).chain(&args.bundle).map(PathBuf::as_path);
    file::fits([], read.chain(args.blob.as_deref().map(Path::new)))?;
    let session = Session::without_registry(offline)?;
    let keys = session.trusted(&args.key).await?;
    let policy =
        Policy::requiring(requirement(keys, &args.types, args.threshold, args.max_age, &args.conditions)?);
    let now = Timestamp::now();
    let judged = judge(args, subject, &name, &policy, now);
    if let (Err(fault), Some(BlobAttestationOutput::Verdict)) = (&judged, args.output) {
        output::data(&Unseen::new(&name, fault.code(), fault.message(), &policy, now).to_json())?;
    }
    let verdict = judged?;
    if args.key.len() > 1 && args.threshold == 1 {
        output::talk("several keys without --threshold: an attestation by any one of them is enough");
    }
    Ok(output::told(verdict.outcome().into(), show(args, &name, &verdict, digest)))
}

fn judge(
    args: &VerifyBlobAttestationArgs,
    subject: BlobSubject,
    name: &str,
    policy: &Policy,
    now: Timestamp,
) -> Result<Verdict<Digest>, Fault> {
    let files = args.signature.iter().chain(&args.bundle).map(|path| blob::read_signature(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    if files.iter().any(|bytes| matches!(Evidence::read(bytes), Ok(Evidence::Listing(_)))) {
        output::talk(
            "hint: a listing of Artifactory's evidence holds none: download what stands at its downloadPath, and verify \
             that",
        );
    }
    let verifier = verifier(args.allow_example_keys);
    Ok(blob::verify_blob_attestation(subject, name, &files, policy, &verifier, now)?)
}

/// What is to be attested, and how output speaks of it.
fn subject(args: &VerifyBlobAttestationArgs) -> Result<(BlobSubject, String), Fault> {
    if let Some(text) = &args.digest {
        let digest = if text.contains(':') {
            text.parse::<Digest>().map_err(|error| Fault::usage(format!("--digest {text}: {error}")))?
        } else {
            let algorithm = match args.digest_algorithm.as_str() {
                "sha256" => Algorithm::Sha256,
                "sha512" => Algorithm::Sha512,
                other => {
                    return Err(Fault::usage(format!("--digestAlg {other}: expected sha256 or sha512")));
                }
            };
            Digest::from_hex(algorithm, text)
                .map_err(|error| Fault::usage(format!("--digest {text}: {error}")))?
        };
        return Ok((BlobSubject::Digest(digest), digest.to_string()));
    }
    let Some(blob) = &args.blob else { return Err(Fault::usage("name a file, or its --digest")) };
    let path = Path::new(blob);
    let subject = match blob.parse::<Digest>().ok().filter(|_| !path.exists()) {
        Some(digest) => BlobSubject::Digest(digest),
        None => BlobSubject::Blob(source(path)),
    };
    Ok((subject, blob.clone()))
}

fn show(
    args: &VerifyBlobAttestationArgs,
    name: &str,
    verdict: &Verdict<Digest>,
    digest: Option<Digest>,
) -> Result<(), Fault> {
    let form = args.output.unwrap_or(if output::stdout_is_terminal() {
        BlobAttestationOutput::Text
    } else {
        BlobAttestationOutput::Json
    });
    let words = output::verdict::text(name, verdict);
    if form != BlobAttestationOutput::Text && form != BlobAttestationOutput::Verdict {
        output::talk(words.trim_end());
    }
    if digest.is_some() {
        output::talk("digest: taken from the command line, and not compared with a file");
    }
    if verdict.outcome() == Outcome::Admit {
        output::talk("Verified OK");
    }
    match form {
        BlobAttestationOutput::Text => output::data(words.trim_end())?,
        BlobAttestationOutput::Verdict => output::data(&verdict.to_json())?,
        BlobAttestationOutput::Envelope => {
            for line in envelopes(verdict.attestations()) {
                output::data(&line)?;
            }
        }
        BlobAttestationOutput::Json => {}
    }
    Ok(())
}
