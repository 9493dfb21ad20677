//! A session with a token, and logging in: once, with one PIN, never again by itself.

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::types::AuthPin;

use super::token::{Token, tries};
use crate::error::{Pkcs11Error, Tries};
use crate::pin::Pin;
use crate::uri::Pkcs11Uri;
use crate::{Access, PIN_VARIABLES};

/// A session with a token. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) token: Token,
    pub(super) session: Session,
}

/// Where a PIN came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// A file, a variable or the URI: nobody looked at it.
    Stored,
    /// A person typed it.
    Typed,
}

impl Connection {
    /// Opens a session that only reads.
    pub(super) fn open(token: Token) -> Result<Self, Pkcs11Error> {
        let session = token
            .module
            .context
            .open_ro_session(token.slot)
            .map_err(failed("opening a session with the token"))?;
        Ok(Self { token, session })
    }

    /// Logs in where the token wants that and nobody has.
    pub(super) fn log_in(&mut self, uri: &Pkcs11Uri, access: &Access<'_>) -> Result<(), Pkcs11Error> {
        let info = self.token.now()?;
        if !info.login_required() || self.is_logged_in()? {
            return Ok(());
        }
        let pin = self.pin(uri, access)?;
        match self.session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, Function::Login)) => Ok(()),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Says the PIN again for one signature: what some keys want each time (`CKA_ALWAYS_AUTHENTICATE`).
    pub(super) fn log_in_for_one(&self, pin: Option<&AuthPin>) -> Result<(), Pkcs11Error> {
        self.session.login(UserType::ContextSpecific, pin).map_err(|error| self.refused(&error))
    }

    /// The PIN, ready to be tried: nothing where the token has a keypad of its own.
    pub(super) fn pin(&self, uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Option<AuthPin>, Pkcs11Error> {
        let info = self.token.now()?;
        let token = self.token.name();
        let left = tries(&info);
        if left == Tries::Locked {
            return Err(Pkcs11Error::PinLocked { token });
        }
        let (pin, given) = match stored(uri, access)? {
            Some(pin) => (pin, Given::Stored),
            None if info.protected_authentication_path() => return Ok(None),
            None => match (access.ask)(&token).map_err(|why| Pkcs11Error::PinPrompt { why })? {
                Some(pin) => (pin, Given::Typed),
                None => return Err(Pkcs11Error::PinNeeded { token }),
            },
        };
        worth_a_try(&pin, given, left, info.min_pin_length()..=info.max_pin_length(), token)?;
        Ok(Some(AuthPin::new(pin.as_str().into())))
    }

    fn is_logged_in(&self) -> Result<bool, Pkcs11Error> {
        let info = self.session.get_session_info().map_err(failed("reading about the session"))?;
        Ok(matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
    }

    fn refused(&self, error: &Error) -> Pkcs11Error {
        let token = self.token.name();
        let Error::Pkcs11(code, _) = error else {
            return Pkcs11Error::Token { what: "logging in to the token", why: said(error) };
        };
        match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                let tries = self.token.now().map_or(Tries::Untold, |info| tries(&info));
                Pkcs11Error::WrongPin { token, tries }
            }
            RvError::PinLocked => Pkcs11Error::PinLocked { token },
            RvError::PinExpired | RvError::UserPinNotInitialized => Pkcs11Error::PinNotSet { token },
            _ => Pkcs11Error::Token { what: "logging in to the token", why: said(error) },
        }
    }
}

/// The PIN of the URI, else that of the environment.
fn stored(uri: &Pkcs11Uri, access: &Access<'_>) -> Result<Option<Pin>, Pkcs11Error> {
    match &uri.pin {
        Some(source) => source.read().map(Some),
        None => Ok(access.variable(&PIN_VARIABLES).map(Pin::new)),
    }
}

/// A PIN that cannot be right is not tried, and the last try is a person's.
fn worth_a_try(
    pin: &Pin,
    given: Given,
    left: Tries,
    lengths: core::ops::RangeInclusive<usize>,
    token: String,
) -> Result<(), Pkcs11Error> {
    let (least, most) = (*lengths.start(), *lengths.end());
    // Some tokens do not say what they take.
    if most > 0 && !lengths.contains(&pin.as_str().len()) {
        return Err(Pkcs11Error::PinLength { token, least, most });
    }
    if left == Tries::Last && given == Given::Stored {
        return Err(Pkcs11Error::LastTry { token });
    }
    Ok(())
}

/// What a token or its module says, in an error.
pub(super) fn failed(what: &'static str) -> impl Fn(Error) -> Pkcs11Error {
    move |error| Pkcs11Error::Token { what, why: said(&error) }
}

/// An error of PKCS#11 by the names that its manuals use: `C_Sign: CKR_DEVICE_ERROR`.
pub(super) fn said(error: &Error) -> String {
    let Error::Pkcs11(code, function) = error else { return error.to_string() };
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    format!("C_{function:?}: CKR{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_try_is_a_persons() {
        let judged = |pin: &str, given, left| {
            worth_a_try(&Pin::new(pin), given, left, 4..=8, "token \"t\"".to_owned())
                .map_err(|error| error.code())
        };
        assert_eq!(judged("1234", Given::Stored, Tries::Untold), Ok(()));
        assert_eq!(judged("1234", Given::Stored, Tries::Low), Ok(()));
        assert_eq!(judged("1234", Given::Stored, Tries::Last), Err("pkcs11-last-try"));
        assert_eq!(judged("1234", Given::Typed, Tries::Last), Ok(()));
        assert_eq!(judged("123", Given::Typed, Tries::Untold), Err("pkcs11-pin-length"));
        assert_eq!(judged("123456789", Given::Stored, Tries::Untold), Err("pkcs11-pin-length"));
        // A token that does not say what it takes.
        let any = worth_a_try(&Pin::new("1"), Given::Stored, Tries::Untold, 0..=0, String::new());
        assert_eq!(any, Ok(()));
    }

    #[test]
    fn what_a_token_says_has_the_names_of_the_manuals() {
        let text = said(&Error::Pkcs11(RvError::DeviceError, Function::Sign));
        assert_eq!(text, "C_Sign: CKR_DEVICE_ERROR");
    }

    #[test]
    fn the_uri_comes_before_the_environment() {
        let environment = |name: &str| match name {
            "WAXSEAL_PKCS11_PIN" => Some("ours".to_owned()),
            "COSIGN_PKCS11_PIN" => Some("cosigns".to_owned()),
            _ => None,
        };
        let (none, empty) = (
            |_: &str| None,
            |name: &str| if name.starts_with("WAX") { Some(String::new()) } else { environment(name) },
        );
        let ask = |_: &str| Ok(None);
        let given = |uri: &str, environment: &dyn Fn(&str) -> Option<String>| {
            stored(&uri.parse().unwrap(), &Access::new(environment, &ask)).unwrap()
        };
        assert_eq!(given("pkcs11:?pin-value=uris", &environment), Some(Pin::new("uris")));
        assert_eq!(given("pkcs11:", &environment), Some(Pin::new("ours")));
        assert_eq!(given("pkcs11:", &empty), Some(Pin::new("cosigns")));
        assert_eq!(given("pkcs11:", &none), None);
    }
}
