//! `waxseal verify-blob`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use waxseal::blob;
use waxseal_core::encoding::base64_decode;
use waxseal_core::verify::{Outcome, Unseen};
use waxseal_core::{Digest, Policy, SignatureRequirement, Verdict};

use super::judging::verifier;
use super::sign_blob::source;
use crate::args::verify_blob::{BlobOutput, VerifyBlobArgs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output;
use crate::session::Session;

/// Fewest bytes that a text on the command line must decode to, to be taken for a signature and not for the name of
/// a file that is missing. The shortest signature, Ed25519's, has 64.
const SIGNATURE_BYTES: usize = 64;

/// Verifies one blob by one signature.
pub(crate) async fn run(args: &VerifyBlobArgs, offline: bool) -> Result<Exit, Fault> {
    if args.threshold != 1 {
        return Err(Fault::usage("a signature file holds one signature: --threshold can be nothing but 1")
            .hint("verify each signature with a command of its own"));
    }
    let keys = args.key.iter().map(|key| ("a key", key == "-"));
    standard_input(keys.chain([("the file", args.blob == "-")]))?;
    let keys = key_files(&args.key);
    let named = [Some(args.blob.as_str()), args.signature.as_deref()].into_iter().flatten().map(Path::new);
    file::fits([], keys.iter().chain(&args.bundle).map(PathBuf::as_path).chain(named))?;
    let session = Session::without_registry(offline)?;
    let requirement =
        SignatureRequirement::by(session.trusted(&args.key).await?).map_err(waxseal::Error::from)?;
    let policy = Policy::requiring(requirement);
    let now = Timestamp::now();
    let judged = judge(args, &policy, now);
    if let (Err(fault), Some(BlobOutput::Verdict)) = (&judged, args.output) {
        let unseen = Unseen::new(&args.blob, fault.code(), fault.message(), &policy, now);
        output::data(&unseen.to_json())?;
    }
    let (verdict, digest) = judged?;
    if args.key.len() > 1 {
        output::talk("several keys: a signature by any one of them is enough");
    }
    Ok(output::told(verdict.outcome().into(), show(args, &verdict, digest)))
}

/// The verdict, and the digest that was named in place of the file.
fn judge(
    args: &VerifyBlobArgs,
    policy: &Policy,
    now: Timestamp,
) -> Result<(Verdict<Digest>, Option<Digest>), Fault> {
    let signature = signature(args)?;
    let verifier = verifier(args.allow_example_keys);
    let path = Path::new(&args.blob);
    let digest = args.blob.parse::<Digest>().ok().filter(|_| !path.exists());
    let verdict = match digest {
        Some(digest) => blob::verify_blob_digest(digest, &signature, policy, &verifier, now)?,
        None => blob::verify_blob(source(path), &args.blob, &signature, policy, &verifier, now)?,
    };
    Ok((verdict, digest))
}

/// The bytes of the signature; a file that stands there is preferred to the same text taken as base64.
fn signature(args: &VerifyBlobArgs) -> Result<Vec<u8>, Fault> {
    let text = match (&args.signature, &args.bundle) {
        (Some(text), _) => text,
        (None, Some(path)) => return Ok(blob::read_signature(path)?),
        (None, None) => return Err(Fault::usage("give --signature or --bundle")),
    };
    let path = Path::new(text);
    if !path.exists()
        && base64_decode(text.trim_end()).is_ok_and(|signature| signature.len() >= SIGNATURE_BYTES)
    {
        return Ok(text.as_bytes().to_vec());
    }
    Ok(blob::read_signature(path)?)
}

fn show(args: &VerifyBlobArgs, verdict: &Verdict<Digest>, digest: Option<Digest>) -> Result<(), Fault> {
    let form =
        args.output.unwrap_or(if output::stdout_is_terminal() { BlobOutput::Text } else { BlobOutput::Json });
    let admitted = verdict.outcome() == Outcome::Admit;
    let words = output::verdict::text(&args.blob, verdict);
    if form == BlobOutput::Json {
        output::talk(words.trim_end());
    }
    if let Some(digest) = digest {
        output::talk(&format!(
            "digest: taken from the command line; signatures over anything but its {} are not seen",
            digest.algorithm().name()
        ));
    }
    if admitted {
        output::talk("Verified OK");
    }
    match form {
        BlobOutput::Text => output::data(words.trim_end())?,
        BlobOutput::Verdict => output::data(&verdict.to_json())?,
        BlobOutput::Json => {}
    }
    Ok(())
}
