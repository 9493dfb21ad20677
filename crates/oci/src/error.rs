//! Why bytes could not be moved.
//!
//! An [`Error`] says what kind of trouble it is, about which object or address, and what stood behind it. It
//! never holds a credential, and text that came from a registry is kept short; whoever shows it escapes it.

use core::fmt;

/// The program could not read or write an object.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

/// What kind of trouble it is. The code of a kind is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name, an address or a file name is not one.
    InvalidName,
    /// The object is not there.
    NotFound,
    /// The registry wants credentials, or refuses those it got (401).
    Unauthorized,
    /// The credentials do not allow this (403).
    Forbidden,
    /// The registry wants the credentials sent to a token service that nobody named (rule C1).
    ForeignRealm,
    /// The registry asks to slow down, and still does after all retries (429).
    TooManyRequests,
    /// The registry has trouble of its own (5xx) after all retries.
    ServerTrouble,
    /// The registry answered what its protocol does not know.
    Protocol,
    /// The registry or the store cannot do what was asked.
    Unsupported,
    /// No connection, or it broke off, after all retries.
    Transport,
    /// TLS failed: certificate, name or protocol.
    Tls,
    /// Time ran out.
    Timeout,
    /// The bytes are not those of the digest.
    DigestMismatch,
    /// The bytes are fewer or more than the descriptor says.
    SizeMismatch,
    /// A limit was passed.
    LimitExceeded,
    /// A redirect or an upload address leads where no request may go (T-50 to T-52).
    RefusedAddress,
    /// Network is switched off (`--offline`).
    Offline,
    /// Plain http is not allowed for this registry (rule C2).
    PlainHttp,
    /// A credential file or helper does not work.
    Credentials,
    /// A layout or an archive is not one, or holds what it may not (T-60, T-61).
    InvalidLayout,
    /// The object does not parse.
    Malformed,
    /// The destination holds something that would be lost.
    Conflict,
    /// Somebody else wrote at the same time and what was written is lost (rule G1).
    LostUpdate,
    /// Reading or writing a file failed.
    Io,
    /// A setting of the client is wrong.
    Configuration,
}

impl ErrorKind {
    /// The stable code of the kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidName => "invalid-name",
            Self::NotFound => "not-found",
            Self::Unauthorized => "registry-unauthorized",
            Self::Forbidden => "registry-forbidden",
            Self::ForeignRealm => "foreign-realm",
            Self::TooManyRequests => "too-many-requests",
            Self::ServerTrouble => "registry-trouble",
            Self::Protocol => "registry-protocol",
            Self::Unsupported => "unsupported",
            Self::Transport => "transport",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::DigestMismatch => "digest-mismatch",
            Self::SizeMismatch => "size-mismatch",
            Self::LimitExceeded => "limit-exceeded",
            Self::RefusedAddress => "refused-address",
            Self::Offline => "offline",
            Self::PlainHttp => "plain-http",
            Self::Credentials => "credentials",
            Self::InvalidLayout => "invalid-layout",
            Self::Malformed => "malformed",
            Self::Conflict => "conflict",
            Self::LostUpdate => "lost-update",
            Self::Io => "io",
            Self::Configuration => "configuration",
        }
    }

    /// Every kind, for the table in the documentation.
    pub const ALL: &'static [Self] = &[
        Self::InvalidName,
        Self::NotFound,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ForeignRealm,
        Self::TooManyRequests,
        Self::ServerTrouble,
        Self::Protocol,
        Self::Unsupported,
        Self::Transport,
        Self::Tls,
        Self::Timeout,
        Self::DigestMismatch,
        Self::SizeMismatch,
        Self::LimitExceeded,
        Self::RefusedAddress,
        Self::Offline,
        Self::PlainHttp,
        Self::Credentials,
        Self::InvalidLayout,
        Self::Malformed,
        Self::Conflict,
        Self::LostUpdate,
        Self::Io,
        Self::Configuration,
    ];
}

impl Error {
    /// An error of this kind; `context` is a sentence without a full stop that names the object or the address.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with what stood behind it.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of trouble it is.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of its kind.
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
