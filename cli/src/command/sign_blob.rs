//! `waxseal sign-blob`.

use std::path::{Path, PathBuf};

use waxseal::blob::{self, BlobSource};
use waxseal::keys::KeyName;

use crate::args::sign_blob::SignBlobArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::Session;

/// Signs each blob.
pub(crate) fn run(args: &SignBlobArgs, offline: bool) -> Result<Exit, Fault> {
    fits(args)?;
    let blobs = args.blobs.iter().map(|blob| ("a file", is_stdin(blob)));
    let stdin = standard_input(blobs.chain([("the key", args.key == "-")]))?;
    let session = Session::without_registry(offline)?;
    let signer = args.signer.open(&session, &args.key, stdin)?;
    for path in &args.blobs {
        let made = blob::sign_blob(source(path), &signer)?;
        if let Some(target) = &args.bundle {
            let old = serde_json::json!({ "base64Signature": made.signature.to_base64() }).to_string();
            let bundle = if args.old_bundle { &old } else { &made.bundle };
            file::write(target, bundle.as_bytes())?;
            output::talk(&format!("wrote {}", escape(&target.display().to_string())));
        }
        match (&args.output_signature, args.b64) {
            (Some(target), b64) => {
                let base64 = made.signature.to_base64();
                let bytes = if b64 { base64.as_bytes() } else { made.signature.as_bytes() };
                file::write(target, bytes)?;
                output::talk(&format!("wrote {}", escape(&target.display().to_string())));
            }
            (None, true) => output::data(&made.signature.to_base64())?,
            (None, false) => output::raw(made.signature.as_bytes())?,
        }
    }
    Ok(Exit::Done)
}

/// What cannot be done is said before a password is asked for.
fn fits(args: &SignBlobArgs) -> Result<(), Fault> {
    let targets: Vec<_> = [&args.bundle, &args.output_signature].into_iter().flatten().collect();
    if args.blobs.len() > 1 && !targets.is_empty() {
        return Err(Fault::usage("--bundle and --output-signature take the signature of one file")
            .hint("leave them out for a line each, or run the command for each file"));
    }
    if args.blobs.len() > 1 && !args.b64 {
        return Err(Fault::usage("--b64=false writes the signature of one file"));
    }
    args.key.parse::<KeyName>()?;
    // A signature that takes the place of what it is for, of its key, or of the other one.
    let keys = key_files([&args.key]);
    let inputs = args.blobs.iter().chain(&keys).chain(&args.signer.password.password_file);
    file::fits(targets.into_iter().map(PathBuf::as_path), inputs.map(PathBuf::as_path))
}

/// Whether `-` is meant, standard input.
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file, or standard input.
pub(super) fn source(path: &Path) -> BlobSource {
    if is_stdin(path) {
        BlobSource::Pipe(Box::new(std::io::stdin().lock()))
    } else {
        BlobSource::File(path.to_owned())
    }
}
