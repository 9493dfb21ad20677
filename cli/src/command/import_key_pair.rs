//! `waxseal import-key-pair`.

use waxseal::keys::KeyName;

use super::generate_key_pair::seal;
use super::sign::kept;
use crate::args::import_key_pair::ImportKeyPairArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::KeyPair;
use crate::password::Stdin;
use crate::session::Session;

/// Reads a key in whatever form it has and writes it as a new pair.
pub(crate) fn run(args: &ImportKeyPairArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::without_registry(offline)?;
    let place: KeyName = args.key.parse()?;
    let stdin = if place == KeyName::Stdin { Stdin::Taken } else { Stdin::Free };
    let pair = KeyPair::new(&args.output_key_prefix, args.overwrite)?;
    let mut trouble = None;
    let opened = waxseal::keys::private_key(&place, session.places(), || {
        kept(&mut trouble, args.import_password.existing(&args.key, stdin))
    });
    let key = opened.map_err(|error| trouble.unwrap_or_else(|| error.into()))?;
    let password = args.password.new_key(&pair.private.display().to_string(), stdin)?;
    seal(&key, &password, &pair, args.output)?;
    Ok(Exit::Done)
}
