//! The private key that signs: what can be typed about it, and how it is opened.

use std::cell::RefCell;

use waxseal::keys::{KeyName, KeySigner, Pin, Pkcs11Uri};
use waxseal_core::PublicKey;
use waxseal_core::key::{Password, PrivateKey};

use crate::fault::Fault;
use crate::output::{self, escape};
use crate::password::{self, PasswordArgs, Stdin};
use crate::session::Session;

/// What every command takes that signs with a private key, besides the key's name.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SignerArgs {
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
    /// Algorithm of the signature, by cosign's name or ours (default: the key's own digest, pure Ed25519)
    #[arg(long, value_name = "NAME", help_heading = "Key options")]
    pub(crate) signing_algorithm: Option<String>,
    /// Sign with waxseal's published example keys, which prove nothing
    #[arg(long, help_heading = "Key options")]
    pub(crate) allow_example_keys: bool,
}

impl SignerArgs {
    /// A signer with the key of that name: in a file, in a variable, on standard input or in a token. `stdin` says whether
    /// a password may be piped in, see [`crate::input::standard_input`].
    pub(crate) fn open(&self, session: &Session, name: &str, stdin: Stdin) -> Result<KeySigner, Fault> {
        let algorithm = self.signing_algorithm.as_deref();
        if let KeyName::Pkcs11(uri) = name.parse()? {
            self.password.none_for_tokens()?;
            tell_about(&uri);
            let signer = asking(|ask| {
                waxseal::keys::token_signer(&uri, session.places(), algorithm, self.allow_example_keys, ask)
            })?;
            return Ok(signer.into());
        }
        let key = private_key(session, name, || self.password.existing(name, stdin))?;
        Ok(waxseal::keys::signer(key, name, algorithm, self.allow_example_keys)?.into())
    }
}

/// The public half of a key in a token, for a command that is about that key: a PIN is asked for where it is needed.
pub(crate) fn token_public_key(session: &Session, uri: &Pkcs11Uri) -> Result<PublicKey, Fault> {
    tell_about(uri);
    asking(|ask| waxseal::keys::token_public_key(uri, session.places(), ask))
}

/// Runs what may ask for a PIN, and keeps what went wrong while asking, with its hint.
pub(crate) fn asking<T>(
    run: impl FnOnce(&dyn Fn(&str) -> Result<Option<Pin>, String>) -> Result<T, waxseal::Error>,
) -> Result<T, Fault> {
    let trouble = RefCell::new(None);
    let done = run(&|token| {
        password::pin(token).map_err(|fault| {
            let message = fault.message().to_owned();
            trouble.replace(Some(fault));
            message
        })
    });
    done.map_err(|error| trouble.into_inner().unwrap_or_else(|| error.into()))
}

/// What a person should know about the name that was typed.
fn tell_about(uri: &Pkcs11Uri) {
    if uri.has_pin_value() {
        output::talk(
            "pin-value: a PIN on the command line is seen by other processes; pin-source=FILE is not",
        );
    }
    for name in uri.ignored() {
        output::talk(&format!(
            "{}: the attribute {name} is not known and was passed over",
            escape(&uri.without_query().to_string())
        ));
    }
}

/// Opens a private key; the password is asked for only where the file is encrypted.
pub(crate) fn private_key(
    session: &Session,
    name: &str,
    password: impl FnOnce() -> Result<Password, Fault>,
) -> Result<PrivateKey, Fault> {
    let place: KeyName = name.parse()?;
    let mut trouble = None;
    let opened = waxseal::keys::private_key(&place, session.places(), || kept(&mut trouble, password()));
    opened.map_err(|error| trouble.unwrap_or_else(|| error.into()))
}

/// Hands a password on to the toolkit, and keeps what went wrong with its hint.
pub(crate) fn kept(
    trouble: &mut Option<Fault>,
    password: Result<Password, Fault>,
) -> Result<Password, waxseal::Error> {
    password.map_err(|fault| {
        let error = waxseal::Error::new(waxseal::ErrorKind::Key, fault.message());
        *trouble = Some(fault);
        error
    })
}
