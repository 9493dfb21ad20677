//! Where keys are named, and how they are read: files, `env://VAR`, `https://` for public keys, `-` for stdin; `pkcs11:` for
//! keys that stay in their token and are not read at all.
//!
//! The text of a key is never a name: whoever pastes a key where its file's name belongs is told so, without an
//! echo. What a person types for a password is asked by the caller; nothing here opens a terminal.

use core::fmt;
use core::str::FromStr;
use std::io::Read as _;
use std::path::PathBuf;

use waxseal_core::key::{KeyAlgorithm, KeyError, KeyFile, LocalSigner, Password, PrivateKey, example};
use waxseal_core::limits::KEY_FILE_BYTES;
use waxseal_core::{PublicKey, Scheme};
use waxseal_oci::Client;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

mod signer;
mod token;

pub use signer::KeySigner;
pub use token::{keys_in_tokens, token_public_key, token_signer, tokens};
pub use waxseal_kms::{
    KeyDescription, ObjectType, Pin, Pkcs11Error, Pkcs11Uri, TokenDescription, TokenSigner,
};

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyName {
    /// In a file.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
    /// At an address, for public keys only.
    Https(String),
    /// On standard input.
    Stdin,
    /// In a PKCS#11 token. Shown without its module and its PIN.
    Pkcs11(Box<Pkcs11Uri>),
}

/// Schemes of keys that live elsewhere, and what to do until they are supported.
const ELSEWHERE: [(&str, &str); 8] = [
    ("awskms://", "a key in AWS KMS"),
    ("gcpkms://", "a key in Google Cloud KMS"),
    ("azurekms://", "a key in Azure Key Vault"),
    ("hashivault://", "a key in HashiCorp Vault"),
    ("openbao://", "a key in OpenBao"),
    ("k8s://", "a key in a Kubernetes secret"),
    ("gitlab://", "a key in a GitLab variable"),
    ("github://", "a key in a GitHub secret"),
];

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // Nothing of a key's text may reach a terminal or a log.
        if text.contains("-----BEGIN") || text.contains("PRIVATE KEY") || text.contains('\n') {
            return Err(Error::new(
                ErrorKind::Usage,
                "this is the text of a key, not where it is: put it into a file or a variable and name that \
                 (FILE or env://VAR)",
            ));
        }
        if text.starts_with("pkcs11:") {
            let uri = text.parse::<Pkcs11Uri>().map_err(|error| {
                Error::new(ErrorKind::Usage, format!("the name of the key is no pkcs11: URI: {error}"))
            })?;
            return Ok(Self::Pkcs11(Box::new(uri)));
        }
        if let Some((_, what)) = ELSEWHERE.iter().find(|(scheme, _)| text.starts_with(scheme)) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{what} is not supported: export the public key to a file to verify with it"),
            ));
        }
        if let Some(name) = text.strip_prefix("env://") {
            let valid =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return if valid {
                Ok(Self::Env(name.to_owned()))
            } else {
                Err(Error::new(ErrorKind::Usage, format!("{text:?} names no environment variable")))
            };
        }
        if text.starts_with("https://") {
            return Ok(Self::Https(text.to_owned()));
        }
        if text.contains("://") {
            return Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "{text:?} is no place for a key: expected a file, env://VAR, https://..., pkcs11:... or -"
                ),
            ));
        }
        match text {
            "" => Err(Error::new(ErrorKind::Usage, "the name of a key is empty")),
            "-" => Ok(Self::Stdin),
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "env://{name}"),
            Self::Https(address) => f.write_str(address),
            Self::Stdin => f.write_str("-"),
            Self::Pkcs11(uri) => uri.without_query().fmt(f),
        }
    }
}

/// What keys are read from besides files.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct KeyPlaces<'a> {
    /// The environment.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// The client that fetches `https://` keys, by the system's certificate authorities: nothing that it was told about
    /// registries holds there.
    pub client: &'a Client,
}

impl<'a> KeyPlaces<'a> {
    /// The environment, and the client that fetches keys.
    pub const fn new(environment: &'a (dyn Fn(&str) -> Option<String> + Sync), client: &'a Client) -> Self {
        Self { environment, client }
    }
}

impl fmt::Debug for KeyPlaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPlaces").finish_non_exhaustive()
    }
}

/// Reads a public key to verify with. A private key's file will do too where it needs no password: its public half is taken.
/// Nobody logs in to a token for it: a name in a policy must not spend the PIN that is meant for another token.
pub async fn public_key(name: &KeyName, places: KeyPlaces<'_>) -> Result<PublicKey, Error> {
    if let KeyName::Pkcs11(uri) = name {
        return token::shown_public_key(uri, places);
    }
    public_half(name, places, || Err(unusable(name, &KeyError::PrivateKeyGiven))).await
}

/// Reads a public key, or takes the public half of a private one; `password` is asked only if the file is encrypted.
pub async fn public_half(
    name: &KeyName,
    places: KeyPlaces<'_>,
    password: impl FnOnce() -> Result<Password, Error>,
) -> Result<PublicKey, Error> {
    let bytes = match name {
        KeyName::Pkcs11(uri) => return token_public_key(uri, places, &|_| Ok(None)),
        KeyName::Https(address) => {
            Zeroizing::new(places.client.download(address, KEY_FILE_BYTES).await?.to_vec())
        }
        _ => read(name, places)?,
    };
    match PublicKey::from_pem(&bytes) {
        Err(KeyError::PrivateKeyGiven) => {
            let file = KeyFile::parse(&bytes).map_err(|error| unusable(name, &error))?;
            let password = match name {
                // Nobody's password belongs to what a network brings.
                KeyName::Https(_) if file.is_encrypted() => {
                    return Err(unusable(name, &KeyError::PrivateKeyGiven));
                }
                _ if file.is_encrypted() => Some(password()?),
                _ => None,
            };
            let key = file.open(password.as_ref()).map_err(|error| unusable(name, &error))?;
            Ok(key.public_key().clone())
        }
        result => result.map_err(|error| unusable(name, &error)),
    }
}

/// Reads a private key; `password` is asked only if the file is encrypted.
pub fn private_key(
    name: &KeyName,
    places: KeyPlaces<'_>,
    password: impl FnOnce() -> Result<Password, Error>,
) -> Result<PrivateKey, Error> {
    if let KeyName::Https(address) = name {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{address}: a private key is not fetched from a network"),
        ));
    }
    if matches!(name, KeyName::Pkcs11(_)) {
        return Err(Error::new(ErrorKind::Usage, format!("{name}: a private key does not leave its token")));
    }
    let bytes = read(name, places)?;
    let file = KeyFile::parse(&bytes).map_err(|error| unusable(name, &error))?;
    let password = if file.is_encrypted() { Some(password()?) } else { None };
    file.open(password.as_ref()).map_err(|error| unusable(name, &error))
}

/// A signer with a private key that was just opened. `name` is how a person named the key, `algorithm` the algorithm of
/// the signature by cosign's name or ours; without one it is the key's default.
///
/// A key that is published for trials signs only where that is allowed: its signature proves nothing.
pub fn signer(
    key: PrivateKey,
    name: &str,
    algorithm: Option<&str>,
    allow_example_keys: bool,
) -> Result<LocalSigner, Error> {
    no_example(key.public_key(), name, allow_example_keys)?;
    let kind = key.algorithm();
    let signer = LocalSigner::new(key);
    let Some(text) = algorithm else { return Ok(signer) };
    let scheme = Scheme::parse_for(text, kind).map_err(|error| unfit(text, kind, &error))?;
    signer.with_scheme(scheme).map_err(|error| unfit(text, kind, &error))
}

fn no_example(key: &PublicKey, name: &str, allowed: bool) -> Result<(), Error> {
    if allowed || !example::is_example(&key.id()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ExampleKey,
        format!("{name} is one of waxseal's example keys: everybody has it, so its signature proves nothing"),
    ))
}

fn unfit(text: &str, kind: KeyAlgorithm, error: &dyn fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, format!("the algorithm {text} with a key of kind {kind}: {error}"))
}

fn read(name: &KeyName, places: KeyPlaces<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let trouble = |error: std::io::Error| {
        Error::new(ErrorKind::Key, format!("the key {name} cannot be read")).caused_by(error)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = KEY_FILE_BYTES.saturating_add(1);
    match name {
        KeyName::File(path) => {
            let file = std::fs::File::open(path).map_err(trouble)?;
            file.take(limit).read_to_end(&mut bytes).map_err(trouble)?;
        }
        KeyName::Stdin => {
            std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(trouble)?;
        }
        KeyName::Env(variable) => match (places.environment)(variable) {
            Some(text) => bytes.extend_from_slice(text.as_bytes()),
            None => {
                return Err(Error::new(
                    ErrorKind::Key,
                    format!("the environment has no variable {variable}"),
                ));
            }
        },
        KeyName::Https(_) | KeyName::Pkcs11(_) => {}
    }
    if bytes.len() as u64 > KEY_FILE_BYTES {
        return Err(Error::new(
            ErrorKind::Key,
            format!("the key {name} is larger than {KEY_FILE_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

fn unusable(name: &KeyName, error: &KeyError) -> Error {
    Error::new(ErrorKind::Key, format!("the key {name} cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use waxseal_core::Signer as _;

    use super::*;

    #[test]
    fn names_are_places_and_never_keys() {
        let parse = |text: &str| text.parse::<KeyName>();
        assert_eq!(parse("keys/release.pub").unwrap(), KeyName::File(PathBuf::from("keys/release.pub")));
        assert_eq!(parse("env://KEY").unwrap(), KeyName::Env("KEY".to_owned()));
        assert_eq!(parse("-").unwrap(), KeyName::Stdin);
        assert!(matches!(parse("https://example.com/cosign.pub").unwrap(), KeyName::Https(_)));
        for text in [
            "",
            "env://",
            "env://a b",
            "http://example.com/k",
            "awskms://alias/x",
            "pkcs11:tokens=a",
            "k8s://a/b",
        ] {
            assert_eq!(parse(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn an_algorithm_signs_with_keys_of_its_kind_alone() {
        let p384 = || PrivateKey::generate(KeyAlgorithm::P384, &mut getrandom::SysRng).unwrap();
        let made = |algorithm| signer(p384(), "key", algorithm, false).map(|signer| signer.scheme());
        assert_eq!(made(None).unwrap(), Scheme::EcdsaP384Sha384);
        assert_eq!(made(Some("ecdsa-sha2-256-nistp384")).unwrap(), Scheme::EcdsaP384Sha256);
        assert_eq!(made(Some("ecdsa-sha2-256-nistp256")).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(made(Some("ecdsa")).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn an_example_key_signs_only_where_it_is_allowed() {
        let bytes = include_bytes!("../../../keys-example/release.key");
        let open = || KeyFile::parse(bytes).unwrap().open(Some(&Password::new("waxseal-example"))).unwrap();
        assert_eq!(signer(open(), "key", None, false).unwrap_err().kind(), ErrorKind::ExampleKey);
        assert!(signer(open(), "key", None, true).is_ok());
    }

    #[test]
    fn the_name_of_a_key_in_a_token_is_shown_without_its_pin() {
        let name: KeyName = "pkcs11:token=a;object=k?pin-value=31337".parse().unwrap();
        assert_eq!(name.to_string(), "pkcs11:token=a;object=k");
        assert!(!format!("{name:?}").contains("31337"));
        let error = "pkcs11:?pin-value=31337&pin-value=31337".parse::<KeyName>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("31337"), "{error}");
        let client = Client::new(waxseal_oci::ClientOptions::default()).unwrap();
        let error = private_key(&name, KeyPlaces::new(&|_| None, &client), || unreachable!()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(!format!("{error} {error:?}").contains("31337"), "{error}");
    }

    #[test]
    fn the_text_of_a_key_is_not_echoed() {
        let text = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n-----END";
        let error = text.parse::<KeyName>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
    }
}
