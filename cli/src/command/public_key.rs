//! `waxseal public-key`.

use std::path::PathBuf;

use waxseal::keys::KeyName;

use super::generate_key_pair::record;
use crate::args::KeyOutput;
use crate::args::public_key::PublicKeyArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::input::{key_files, standard_input};
use crate::output::{self, escape};
use crate::session::Session;
use crate::signer::{kept, token_public_key};

/// Prints the public half of a key.
pub(crate) async fn run(args: &PublicKeyArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::without_registry(offline)?;
    let place: KeyName = args.key.parse()?;
    let stdin = standard_input([("the key", args.key == "-")])?;
    let keys = key_files([&args.key]);
    let inputs = keys.iter().chain(&args.password.password_file).map(PathBuf::as_path);
    file::fits(args.outfile.as_deref(), inputs)?;
    let key = if let KeyName::Pkcs11(uri) = &place {
        args.password.none_for_tokens()?;
        token_public_key(&session, uri)?
    } else {
        let mut trouble = None;
        let read = waxseal::keys::public_half(&place, session.places(), || {
            kept(&mut trouble, args.password.existing(&args.key, stdin))
        })
        .await;
        read.map_err(|error| trouble.unwrap_or_else(|| error.into()))?
    };
    if let Some(path) = &args.outfile {
        file::write(path, key.to_pem().as_bytes())?;
        output::talk(&format!("wrote {}", escape(&path.display().to_string())));
    }
    match args.output {
        KeyOutput::Json => output::data(&record(&key).to_string())?,
        KeyOutput::Text if args.outfile.is_none() => output::data(key.to_pem().trim_end())?,
        KeyOutput::Text => {}
    }
    Ok(Exit::Done)
}
