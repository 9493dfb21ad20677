//! `waxseal policy sign`.

use std::path::PathBuf;

use waxseal::ErrorKind;
use waxseal::policy::signature;

use crate::args::policy::sign::PolicySignArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output;
use crate::session::Session;

/// Signs a policy.
pub(crate) async fn run(args: &PolicySignArgs, offline: bool) -> Result<Exit, Fault> {
    let stdin = standard_input([("the key", args.key == "-")])?;
    let out = args.out.clone().unwrap_or_else(|| signature::beside(&args.file));
    let inputs: Vec<_> = key_files([&args.key]).into_iter().chain([args.file.clone()]).collect();
    file::fits(Some(out.as_path()), inputs.iter().map(PathBuf::as_path))?;
    let session = Session::without_registry(offline)?;
    let loaded = session.loaded_policy(&args.file).await?;
    let signer = args.signer.open(&session, &args.key, stdin)?;
    let signed = signature::sign(&loaded, &signer).map_err(|error| match error.kind() {
        ErrorKind::PolicyNotSigned => {
            Fault::from(error).hint("write `serial: 1` into the policy, and a higher one with each change")
        }
        _ => error.into(),
    })?;
    file::write(&out, &signed)?;
    let serial = loaded.set.serial().unwrap_or_default();
    output::talk(&format!("signed {}, serial {serial}, in {}", loaded.set.name(), out.display()));
    Ok(Exit::Done)
}
