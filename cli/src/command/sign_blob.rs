//! `waxseal sign-blob`.

use std::path::{Path, PathBuf};

use waxseal::blob::{self, BlobSource};
use waxseal::keys::KeyName;

use crate::args::sign_blob::SignBlobArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::standard_input;
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
    let key = args.key.parse::<KeyName>()?;
    // A signature that takes the place of what it is for, of its key, or of the other one.
    for (at, target) in targets.iter().enumerate() {
        let mut others: Vec<&PathBuf> =
            args.blobs.iter().chain(targets.iter().skip(at).skip(1).copied()).collect();
        if let KeyName::File(path) = &key {
            others.push(path);
        }
        if let Some(other) = others.into_iter().find(|other| is_same(target, other)) {
            return Err(Fault::usage(format!("{} would be overwritten by a signature", other.display())));
        }
    }
    Ok(())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(one) == real(other) && !one.starts_with("/dev")
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
