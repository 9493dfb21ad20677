//! `waxseal sign-payload`.

use std::path::{Path, PathBuf};

use waxseal_core::limits::SIGNING_REQUEST_BYTES;
use waxseal_core::signing::detached::DetachedRequest;

use super::payload::{expected, raw_files, write_raw};
use crate::args::sign_payload::SignPayloadArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, pasted, read, standard_input};
use crate::output::{self, escape, qr, request};
use crate::session::Session;

/// Shows what a request asks for, and signs it. No socket is opened, whatever was typed.
pub(crate) fn run(args: &SignPayloadArgs) -> Result<Exit, Fault> {
    let on_stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
    let stdin = standard_input([
        ("the request", on_stdin(&args.request) || on_stdin(&args.from_text)),
        ("the key", args.key.as_deref() == Some("-")),
    ])?;
    let keys = key_files(&args.key);
    let inputs =
        args.request.iter().chain(&args.from_text).chain(&keys).chain(&args.signer.password.password_file);
    let targets = args.out.iter().cloned().chain(args.raw.iter().flat_map(|folder| raw_files(folder)));
    let targets: Vec<_> = targets.collect();
    file::fits(targets.iter().map(PathBuf::as_path), inputs.map(PathBuf::as_path))?;
    let wanted = expected(args.expect_digest.as_deref())?;
    let (request, shown) = opened(args.request.as_deref(), args.from_text.as_deref())?;
    output::talk(request::text(&request).trim_end());
    if let Some(wanted) = &wanted
        && !request.to_be_signed().is_only_about(wanted)
    {
        return Err(Fault::other_digest(&format!("{shown} is not about {wanted} alone")));
    }
    if let Some(folder) = &args.raw {
        write_raw(folder, &request)?;
    }
    let Some(key) = &args.key else {
        output::talk("nothing was signed: no --key was named");
        return Ok(Exit::Done);
    };
    let session = Session::without_registry(true)?;
    let signer = args.signer.open(&session, key, stdin)?;
    let response = request.sign(&signer).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let failed =
            waxseal::Error::new(waxseal::ErrorKind::Key, format!("{shown} cannot be signed: {error}"));
        Fault::from(match cause {
            Some(cause) => failed.caused_by(cause),
            None => failed,
        })
    })?;
    output::talk(&format!("signed by {}", response.key()));
    let json = response.to_json();
    // What was signed is kept first: a code may not fit the terminal.
    if let Some(path) = &args.out {
        file::write(path, json.as_bytes())?;
        output::talk(&format!("wrote {}", escape(&path.display().to_string())));
    }
    if args.qr {
        output::data(&qr::code(json.as_bytes())?)?;
    } else if args.out.is_none() {
        output::data(&json)?;
    }
    Ok(Exit::Done)
}

/// Reads a request from a file, or from pasted text; the request, and how to speak of it.
pub(super) fn opened(file: Option<&Path>, text: Option<&Path>) -> Result<(DetachedRequest, String), Fault> {
    let (path, bytes) = match (file, text) {
        (_, Some(path)) => (path, pasted(path, SIGNING_REQUEST_BYTES)?),
        (Some(path), None) => (path, read(path, SIGNING_REQUEST_BYTES)?),
        (None, None) => return Err(Fault::usage("no request was named")),
    };
    let shown = if path == Path::new("-") { "the request".to_owned() } else { path.display().to_string() };
    let request = DetachedRequest::parse(&bytes).map_err(|error| Fault::detached(&shown, &error))?;
    Ok((request, shown))
}
