//! What Xray is shown, and how: a token as `Bearer`, or user and password (or token) as `Basic`.

use core::fmt;

use reqwest::header::HeaderValue;
use waxseal_core::encoding;
use zeroize::Zeroizing;

use super::error::{Error, ErrorKind};

/// A password or a token. It is wiped when it is dropped, and neither `Debug` nor an error shows it (T-58).
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Who asks.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Credential {
    /// Nobody.
    #[default]
    Anonymous,
    /// An access token, an identity token or a reference token: all three are sent as `Bearer`.
    Token(Secret),
    /// A user with a password, or with a token in its place.
    Basic {
        /// The user.
        user: String,
        /// The password or the token.
        password: Secret,
    },
}

impl Credential {
    /// A user with a password, or with a token in its place.
    pub fn basic(user: impl Into<String>, password: Secret) -> Self {
        Self::Basic { user: user.into(), password }
    }
}

/// The `Authorization` header, and the texts that must not be repeated by anybody.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    secrets: Vec<Zeroizing<String>>,
}

/// Bytes of a secret by which a text that repeats it is known.
const BEGINNING: usize = 8;

impl Authorization {
    /// None for nobody. A credential that no header can carry is an error now, not with the first request.
    pub(super) fn new(credential: &Credential) -> Result<Option<Self>, Error> {
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, what.to_owned());
        let (scheme, sent, secret) = match credential {
            Credential::Anonymous => return Ok(None),
            Credential::Token(token) => ("Bearer", Zeroizing::new(token.0.to_string()), &token.0),
            Credential::Basic { user, password } => {
                if user.contains(':') {
                    return Err(wrong("the user for Xray has a colon in it, which Basic cannot carry"));
                }
                let pair = Zeroizing::new(format!("{user}:{}", *password.0));
                ("Basic", Zeroizing::new(encoding::base64_encode(pair.as_bytes())), &password.0)
            }
        };
        if secret.is_empty() {
            return Err(wrong("the token or the password for Xray is empty"));
        }
        let text = Zeroizing::new(format!("{scheme} {}", *sent));
        let mut header = HeaderValue::from_str(&text)
            .map_err(|_| wrong("the token or the password for Xray cannot be sent in a header"))?;
        header.set_sensitive(true);
        Ok(Some(Self { header, secrets: vec![sent, secret.clone()] }))
    }

    /// Whether a text repeats the credential, as it is or as quoted text is printed. Its beginning is enough: what is
    /// quoted may have been cut behind it.
    pub(super) fn is_part_of(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| {
            let beginning = secret.get(..secret.floor_char_boundary(BEGINNING)).unwrap_or_default();
            let printed = Zeroizing::new(beginning.escape_debug().to_string());
            text.contains(beginning) || text.contains(printed.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_bearers_and_users_are_basic() {
        let token = Authorization::new(&Credential::Token(Secret::new("t0ken"))).unwrap().unwrap();
        assert_eq!(token.header.to_str().unwrap(), "Bearer t0ken");
        let basic = Credential::Basic { user: "robot".to_owned(), password: Secret::new("pw") };
        let basic = Authorization::new(&basic).unwrap().unwrap();
        assert_eq!(basic.header.to_str().unwrap(), "Basic cm9ib3Q6cHc=");
        assert!(Authorization::new(&Credential::Anonymous).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_sent_is_refused_at_once() {
        for bad in ["", "a\nb", "\u{1}"] {
            let error = Authorization::new(&Credential::Token(Secret::new(bad))).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{bad:?}");
        }
        let colon = Credential::Basic { user: "a:b".to_owned(), password: Secret::new("pw") };
        assert!(Authorization::new(&colon).is_err());
    }

    #[test]
    fn shows_no_secret() {
        let credential = Credential::Basic { user: "robot".to_owned(), password: Secret::new("hunter2") };
        assert!(!format!("{credential:?}").contains("hunter2"));
        let sent = Authorization::new(&credential).unwrap().unwrap();
        assert!(!format!("{:?}", sent.header).contains("Basic"));
        assert!(sent.is_part_of("you sent hunter2!") && !sent.is_part_of("you sent nothing"));
        assert!(sent.is_part_of("you sent cm9ib3Q6aHVudGVyMg=="));
    }
}
