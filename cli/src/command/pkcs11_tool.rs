//! `waxseal pkcs11-tool`.

use serde_json::json;
use waxseal::keys::{KeyDescription, Pkcs11Uri, TokenDescription};

use crate::args::pkcs11_tool::{
    ListKeysUrisArgs, ListTokensArgs, Pkcs11ToolArgs, Pkcs11What, TokenOutput, TokenPlaceArgs,
};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::Session;
use crate::signer::asking;

/// Lists tokens or keys.
pub(crate) fn run(args: &Pkcs11ToolArgs, offline: bool) -> Result<Exit, Fault> {
    let session = Session::without_registry(offline)?;
    match &args.what {
        Pkcs11What::ListTokens(args) => list_tokens(args, &session),
        Pkcs11What::ListKeysUris(args) => list_keys(args, &session),
    }
}

fn list_tokens(args: &ListTokensArgs, session: &Session) -> Result<Exit, Fault> {
    let uri = uri(&args.place)?;
    let tokens = waxseal::keys::tokens(&uri, session.places())?;
    if tokens.is_empty() {
        output::talk("the module shows no token that matches");
    }
    match args.output {
        TokenOutput::Text => tokens.iter().try_for_each(|token| output::data(&token_text(token)))?,
        TokenOutput::Json => {
            let tokens: Vec<_> = tokens.iter().map(token_json).collect();
            output::data(&json!({ "schema": "waxseal/pkcs11-tokens/v1", "tokens": tokens }).to_string())?;
        }
    }
    Ok(Exit::Done)
}

fn list_keys(args: &ListKeysUrisArgs, session: &Session) -> Result<Exit, Fault> {
    let mut uri = uri(&args.place)?;
    if let Some(slot) = args.slot_id {
        if uri.slot_id.is_some_and(|there| there != slot) {
            return Err(Fault::usage("--slot-id and the slot-id of the URI differ"));
        }
        uri.slot_id = Some(slot);
    }
    if waxseal::keys::tokens(&uri, session.places())?.len() > 1 {
        output::talk(
            "several tokens match: the PIN of the URI or of the environment is tried with none of them; name one (token=, serial=)",
        );
    }
    let keys = asking(|ask| waxseal::keys::keys_in_tokens(&uri, session.places(), ask))?;
    if keys.is_empty() {
        output::talk("no token has a key that matches");
    }
    match args.output {
        TokenOutput::Text => keys.iter().try_for_each(|key| output::data(&key_text(key)))?,
        TokenOutput::Json => {
            let keys: Vec<_> = keys
                .iter()
                .map(|key| json!({ "uri": key.uri.to_string(), "kind": key.kind, "type": kind(key) }))
                .collect();
            output::data(&json!({ "schema": "waxseal/pkcs11-keys/v1", "keys": keys }).to_string())?;
        }
    }
    Ok(Exit::Done)
}

fn uri(place: &TokenPlaceArgs) -> Result<Pkcs11Uri, Fault> {
    let mut uri: Pkcs11Uri =
        place.uri.parse().map_err(|error| Fault::usage(format!("this is no pkcs11: URI: {error}")))?;
    if let Some(path) = &place.module_path {
        if !path.is_absolute() {
            return Err(Fault::usage(format!("--module-path {}: expected an absolute path", path.display())));
        }
        uri.module_path = Some(path.clone());
    }
    Ok(uri)
}

fn token_text(token: &TokenDescription) -> String {
    format!(
        "{}\n  label:    {}\n  serial:   {}\n  model:    {}\n  maker:    {}\n  slot-id:  {}\n  PIN:      {}",
        token.uri,
        escape(&token.label),
        escape(&token.serial),
        escape(&token.model),
        escape(&token.manufacturer),
        token.slot,
        token.tries
    )
}

fn token_json(token: &TokenDescription) -> serde_json::Value {
    json!({
        "uri": token.uri.to_string(),
        "label": token.label,
        "serial": token.serial,
        "model": token.model,
        "manufacturer": token.manufacturer,
        "slotId": token.slot,
        "module": token.module.display().to_string(),
        "pin": { "tries": token.tries.word() },
    })
}

fn key_text(key: &KeyDescription) -> String {
    format!("{}\n  kind:     {}, {}", key.uri, escape(&key.kind), kind(key))
}

/// Whether it is a private or a public key.
fn kind(key: &KeyDescription) -> &'static str {
    key.uri.kind.map_or("", waxseal::keys::ObjectType::word)
}
