//! PKCS#11 tokens, through their modules.

mod connection;
mod module;
mod object;
mod public;
mod signer;
mod token;

use waxseal_core::PublicKey;

pub use signer::TokenSigner;

use crate::error::Pkcs11Error;
use crate::uri::{ObjectType, Pkcs11Uri};
use crate::{Access, KeyDescription, PIN_VARIABLES, TokenDescription};
use connection::{Connection, failed};
use object::Class;
use token::Token;

/// Reads the public half of the key that a URI names. A PIN is taken only where the token hides the public key from those
/// who have not logged in.
pub fn public_key(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<PublicKey, Pkcs11Error> {
    let class = class_of_public(uri)?;
    let mut connection = Connection::open(Token::find(uri, access)?)?;
    match public::named(&connection, uri, class) {
        Err(error @ (Pkcs11Error::NoKey { .. } | Pkcs11Error::NoPublicKey { .. })) => {
            // Perhaps it is only hidden.
            match connection.log_in(uri, access) {
                Ok(()) => public::named_or_beside_private(&connection, uri, class),
                // Whoever looks for a public key is not asked for a PIN that is not at hand.
                Err(Pkcs11Error::PinNeeded { .. }) => Err(error),
                Err(other) => Err(other),
            }
        }
        found => found,
    }
}

/// Reads the public half of the key that a URI names, as the token shows it to anybody: no PIN is used, whatever the URI and
/// the environment hold.
pub fn shown_public_key(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<PublicKey, Pkcs11Error> {
    let class = class_of_public(uri)?;
    public::named(&Connection::open(Token::find(uri, access)?)?, uri, class)
}

fn class_of_public(uri: &Pkcs11Uri) -> Result<Class, Pkcs11Error> {
    match uri.kind {
        None | Some(ObjectType::Public | ObjectType::Private) => Ok(Class::Public),
        Some(ObjectType::Certificate) => Ok(Class::Certificate),
        Some(other) => Err(Pkcs11Error::ObjectType { expected: "public key", found: other.word() }),
    }
}

/// The tokens that a URI matches, in the order of their slots. No PIN is used.
pub fn tokens(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Vec<TokenDescription>, Pkcs11Error> {
    let tokens = Token::all(uri, access)?;
    Ok(tokens.iter().filter(|token| token.matches(uri)).map(Token::description).collect())
}

/// The keys in the tokens that a URI matches. A token's PIN is used only to see what it hides from those who have not
/// logged in: private keys. Where no PIN is at hand, its public keys are listed. The PIN of the URI or of the environment is
/// one token's: where several match it is tried with none of them.
pub fn keys(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Vec<KeyDescription>, Pkcs11Error> {
    let mut keys = Vec::new();
    let tokens: Vec<_> = Token::all(uri, access)?.into_iter().filter(|token| token.matches(uri)).collect();
    let without_pin =
        |name: &str| if PIN_VARIABLES.contains(&name) { None } else { (access.environment)(name) };
    let (typed, nameless) = (Access::new(&without_pin, access.ask), Pkcs11Uri { pin: None, ..uri.clone() });
    let (pin_of, access) = if tokens.len() == 1 { (uri, access) } else { (&nameless, &typed) };
    for token in tokens {
        let mut connection = Connection::open(token)?;
        let class = match connection.log_in(pin_of, access) {
            Ok(()) => Class::Private,
            Err(Pkcs11Error::PinNeeded { .. }) => Class::Public,
            Err(error) => return Err(error),
        };
        for object in connection.objects(class, uri)? {
            keys.push(connection.key_description(&object, class)?);
        }
    }
    Ok(keys)
}
