//! `waxseal generate-key-pair`.

use getrandom::SysRng;
use serde_json::json;
use waxseal_core::PublicKey;
use waxseal_core::key::{KeyAlgorithm, Password, PrivateKey};

use crate::args::KeyOutput;
use crate::args::generate_key_pair::GenerateKeyPairArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file::KeyPair;
use crate::output::{self, escape};
use crate::password::Stdin;

/// Makes a key and writes both its files, or none.
pub(crate) fn run(args: &GenerateKeyPairArgs) -> Result<Exit, Fault> {
    if args.kms.is_some() || args.place.is_some() {
        return Err(Fault::usage("keys are made in files only")
            .hint("make the key where it is to live with the tools of that place, or leave the place out"));
    }
    let algorithm: KeyAlgorithm = args
        .algorithm
        .parse()
        .map_err(|error| Fault::usage(format!("--algorithm {}: {error}", args.algorithm)))?;
    // The files come before the password: what cannot be written costs nobody a new password.
    let pair = KeyPair::new(&args.output_key_prefix, args.overwrite)?;
    let password = args.password.new_key(&pair.private.display().to_string(), Stdin::Free)?;
    let key = PrivateKey::generate(algorithm, &mut SysRng).map_err(waxseal::Error::from)?;
    seal(&key, &password, &pair, args.output)?;
    Ok(Exit::Done)
}

/// Writes a key under its new password, and says what was written.
pub(super) fn seal(
    key: &PrivateKey,
    password: &Password,
    pair: &KeyPair,
    output: KeyOutput,
) -> Result<(), Fault> {
    let sealed = key.seal(password, &mut SysRng).map_err(waxseal::Error::from)?;
    let public = key.public_key();
    pair.write(&sealed, &public.to_pem())?;
    let (private_file, public_file) = (pair.private.display().to_string(), pair.public.display().to_string());
    output::talk(&format!(
        "wrote {} and {}: {}, id {}",
        escape(&private_file),
        escape(&public_file),
        public.algorithm(),
        public.id()
    ));
    if output == KeyOutput::Json {
        let mut record = record(public);
        if let Some(members) = record.as_object_mut() {
            members.insert("files".to_owned(), json!({ "private": private_file, "public": public_file }));
        }
        output::data(&record.to_string())?;
    }
    Ok(())
}

/// A public key as JSON.
pub(super) fn record(key: &PublicKey) -> serde_json::Value {
    json!({
        "schema": "waxseal/key/v1",
        "algorithm": key.algorithm().to_string(),
        "id": key.id(),
        "pem": key.to_pem(),
    })
}
