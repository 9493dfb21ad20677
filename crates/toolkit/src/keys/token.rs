//! Keys in PKCS#11 tokens: opened by their names, with what the environment adds.

use waxseal_core::{PublicKey, Scheme, Signer as _};
use waxseal_kms::{Access, KeyDescription, Pin, Pkcs11Error, Pkcs11Uri, TokenDescription, TokenSigner};

use super::{KeyPlaces, no_example, unfit};
use crate::error::{Error, ErrorKind};

/// Signs with the key in a token: opens it, logs in and keeps the session. `ask` asks a person for the PIN of the token of
/// that name, where neither the name of the key nor the environment has it; nothing where there is nobody to ask. A PIN is
/// tried once. For `algorithm` and `allow_example_keys` see [`signer`](super::signer()).
pub fn token_signer(
    uri: &Pkcs11Uri,
    places: KeyPlaces<'_>,
    algorithm: Option<&str>,
    allow_example_keys: bool,
    ask: &dyn Fn(&str) -> Result<Option<Pin>, String>,
) -> Result<TokenSigner, Error> {
    let access = Access::new(places.environment, ask);
    let signer = TokenSigner::open(uri, &access).map_err(|error| in_token(uri, error))?;
    no_example(signer.public_key(), &uri.without_query().to_string(), allow_example_keys)?;
    let Some(text) = algorithm else { return Ok(signer) };
    let kind = signer.public_key().algorithm();
    let scheme = Scheme::parse_for(text, kind).map_err(|error| unfit(text, kind, &error))?;
    signer.with_scheme(scheme).map_err(|error| in_token(uri, error))
}

/// The public half of a key in a token. The PIN is needed only where the token hides public keys without it; for `ask` see
/// [`token_signer`].
pub fn token_public_key(
    uri: &Pkcs11Uri,
    places: KeyPlaces<'_>,
    ask: &dyn Fn(&str) -> Result<Option<Pin>, String>,
) -> Result<PublicKey, Error> {
    let access = Access::new(places.environment, ask);
    waxseal_kms::public_key(uri, &access).map_err(|error| in_token(uri, error))
}

/// The public half of a key in a token, as the token shows it to anybody. No PIN is used.
pub(super) fn shown_public_key(uri: &Pkcs11Uri, places: KeyPlaces<'_>) -> Result<PublicKey, Error> {
    let access = Access::new(places.environment, &|_| Ok(None));
    waxseal_kms::shown_public_key(uri, &access).map_err(|error| match error {
        hidden @ (Pkcs11Error::NoKey { .. } | Pkcs11Error::NoPublicKey { .. }) => Error::new(
            ErrorKind::Key,
            format!(
                "the key {} cannot be used: {hidden} (nobody logs in to a token to verify: where it hides its public key, \
                 write that to a file with `waxseal public-key` and name the file)",
                uri.without_query()
            ),
        )
        .caused_by(hidden),
        other => in_token(uri, other),
    })
}

/// The tokens that a URI matches. No PIN is used.
pub fn tokens(uri: &Pkcs11Uri, places: KeyPlaces<'_>) -> Result<Vec<TokenDescription>, Error> {
    let access = Access::new(places.environment, &|_| Ok(None));
    waxseal_kms::tokens(uri, &access).map_err(about_tokens)
}

/// The keys in the tokens that a URI matches: private ones, and public ones where there is no PIN; for `ask` see
/// [`token_signer`].
pub fn keys_in_tokens(
    uri: &Pkcs11Uri,
    places: KeyPlaces<'_>,
    ask: &dyn Fn(&str) -> Result<Option<Pin>, String>,
) -> Result<Vec<KeyDescription>, Error> {
    waxseal_kms::keys(uri, &Access::new(places.environment, ask)).map_err(about_tokens)
}

fn about_tokens(error: Pkcs11Error) -> Error {
    Error::new(ErrorKind::Key, error.to_string()).caused_by(error)
}

/// What is wrong with a key in a token: a mistyped name, or something about the token.
fn in_token(uri: &Pkcs11Uri, error: Pkcs11Error) -> Error {
    let kind = match error {
        Pkcs11Error::ObjectType { .. } | Pkcs11Error::SchemeMismatch { .. } => ErrorKind::Usage,
        _ => ErrorKind::Key,
    };
    Error::new(kind, format!("the key {} cannot be used: {error}", uri.without_query())).caused_by(error)
}
