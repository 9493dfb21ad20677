//! Why Xray gave no result.
//!
//! Each way in which a scan can be absent is a kind of its own: not scanned, pending, partial, failed and not
//! supported are five answers, and none of them is a clean one. An [`Error`] holds no credential, also where the server
//! repeats it; text that came from the server is kept short and printable.

use core::fmt;

/// Xray could not be asked, or gave no result that holds.
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
    /// A setting of the client is wrong: an address, a certificate, a credential that no header can carry.
    Configuration,
    /// Plain http was asked for, and the host is no loopback literal.
    PlainHttp,
    /// Network is switched off (`--offline`).
    Offline,
    /// No connection, or it broke off, after all retries.
    Transport,
    /// TLS failed: certificate, name or protocol.
    Tls,
    /// Time ran out for one request.
    Timeout,
    /// The answer is larger, longer or deeper than any that is read.
    LimitExceeded,
    /// A redirect leads to another origin, or a POST would become a GET.
    RefusedAddress,
    /// The server wants credentials, or refuses those it got (401).
    Unauthorized,
    /// The credentials do not allow this (403).
    Forbidden,
    /// There is nothing at this address (404).
    NotFound,
    /// The server asks to slow down, and still does after all retries (429).
    TooManyRequests,
    /// The server has trouble of its own (5xx) after all retries.
    ServerTrouble,
    /// The server answered what its documentation does not know.
    Protocol,
    /// The server answered 200, and told of errors in the answer.
    Reported,
    /// Xray does not know the image, or has not scanned it.
    NotScanned,
    /// The scan was not over in time.
    Pending,
    /// Only a part of the image was scanned.
    Partial,
    /// The scan failed.
    Failed,
    /// Xray does not scan artifacts of this kind.
    NotSupported,
    /// The answer is about other bytes than those of the image, or does not say about which.
    OtherImage,
    /// Several places in Artifactory hold the image, and which one is meant is not known.
    Ambiguous,
    /// A list has fewer or more entries than it says.
    Incomplete,
    /// The archive of an export is none, or holds what it may not.
    UnsafeArchive,
}

impl ErrorKind {
    /// The stable code of the kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Configuration => "xray-configuration",
            Self::PlainHttp => "xray-plain-http",
            Self::Offline => "xray-offline",
            Self::Transport => "xray-transport",
            Self::Tls => "xray-tls",
            Self::Timeout => "xray-timeout",
            Self::LimitExceeded => "xray-limit-exceeded",
            Self::RefusedAddress => "xray-refused-address",
            Self::Unauthorized => "xray-unauthorized",
            Self::Forbidden => "xray-forbidden",
            Self::NotFound => "xray-not-found",
            Self::TooManyRequests => "xray-too-many-requests",
            Self::ServerTrouble => "xray-trouble",
            Self::Protocol => "xray-protocol",
            Self::Reported => "xray-reported",
            Self::NotScanned => "xray-not-scanned",
            Self::Pending => "xray-pending",
            Self::Partial => "xray-partial",
            Self::Failed => "xray-failed",
            Self::NotSupported => "xray-not-supported",
            Self::OtherImage => "xray-other-image",
            Self::Ambiguous => "xray-ambiguous",
            Self::Incomplete => "xray-incomplete",
            Self::UnsafeArchive => "xray-unsafe-archive",
        }
    }

    /// Every kind, for the table in the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Configuration,
        Self::PlainHttp,
        Self::Offline,
        Self::Transport,
        Self::Tls,
        Self::Timeout,
        Self::LimitExceeded,
        Self::RefusedAddress,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::TooManyRequests,
        Self::ServerTrouble,
        Self::Protocol,
        Self::Reported,
        Self::NotScanned,
        Self::Pending,
        Self::Partial,
        Self::Failed,
        Self::NotSupported,
        Self::OtherImage,
        Self::Ambiguous,
        Self::Incomplete,
        Self::UnsafeArchive,
    ];
}

impl Error {
    /// An error of this kind; `context` is a sentence without a full stop that names what it is about.
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

    /// Whether any of its words, or of what stood behind it, are such.
    pub(super) fn says(&self, such: impl Fn(&str) -> bool) -> bool {
        let chain = core::iter::successors(std::error::Error::source(self), |error| error.source());
        such(&self.context) || chain.into_iter().any(|error| such(&error.to_string()))
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
