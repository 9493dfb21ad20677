//! `waxseal import-key-pair`.

use super::generate_key_pair::seal;
use crate::args::import_key_pair::ImportKeyPairArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::KeyPair;
use crate::input::standard_input;
use crate::session::Session;
use crate::signer::private_key;

/// Reads a key in whatever form it has and writes it as a new pair.
pub(crate) fn run(args: &ImportKeyPairArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::without_registry(offline)?;
    let stdin = standard_input([("the key", args.key == "-")])?;
    let pair = KeyPair::new(&args.output_key_prefix, args.overwrite)?;
    let key = private_key(&session, &args.key, || args.import_password.existing(&args.key, stdin))?;
    let password = args.password.new_key(&pair.private.display().to_string(), stdin)?;
    seal(&key, &password, &pair, args.output)?;
    Ok(Exit::Done)
}
