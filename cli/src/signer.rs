//! The private key that signs: what can be typed about it, and how it is opened.

use waxseal::keys::KeyName;
use waxseal_core::key::{LocalSigner, Password, PrivateKey};

use crate::fault::Fault;
use crate::password::{PasswordArgs, Stdin};
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
    /// A signer with the key of that name: in a file, in a variable or on standard input. `stdin` says whether a
    /// password may be piped in, see [`crate::input::standard_input`].
    pub(crate) fn open(&self, session: &Session, name: &str, stdin: Stdin) -> Result<LocalSigner, Fault> {
        let key = private_key(session, name, || self.password.existing(name, stdin))?;
        Ok(waxseal::keys::signer(key, name, self.signing_algorithm.as_deref(), self.allow_example_keys)?)
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
