//! Why a job could not be done.
//!
//! A refusal is never an error: it is a [`Verdict`](waxseal_core::Verdict). An error says what kind of trouble it
//! is, about what, and what stood behind it; it holds no secret and no prose for a terminal.

use core::fmt;

/// A job could not be done.
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
    /// Bytes could not be moved: the store's own kind says why.
    Store(waxseal_oci::ErrorKind),
    /// Xray could not be asked, or gave no result that holds: its own kind says why.
    Xray(waxseal_scan::xray::ErrorKind),
    /// A key cannot be read, opened or used.
    Key,
    /// The key is published for trials, and nobody allowed it.
    ExampleKey,
    /// A policy cannot be built.
    Policy,
    /// A policy is not signed as it has to be, or an older one than was seen (rule Y7).
    PolicyNotSigned,
    /// A decision record cannot be read.
    Record,
    /// A decision record is not signed by the key that was named.
    RecordNotSigned,
    /// What was asked for does not fit together.
    Usage,
    /// The image is not of the kind that the job needs.
    InvalidImage,
    /// The tag has moved since its digest was noted (rule G4).
    TagMoved,
    /// The image has no name to be signed under (rule G4).
    NoName,
    /// One of two formats was written, the other was not (rule G3).
    PartlyWritten,
    /// The blob could pass for what an image signature is over (rule G2).
    AmbiguousBlob,
    /// The blob is too large for what was asked for (rule G6).
    BlobTooLarge,
    /// Nothing of what was asked for is attached to the image.
    NothingAttached,
    /// A manifest cannot be read, or not be changed as asked.
    Manifest,
    /// No workload of the manifests runs the image that it is about.
    NoWorkload,
    /// A report is of another image than the one at hand.
    OtherImage,
    /// A report names no digest, so that nothing shows which image it is of.
    UnboundReport,
    /// A scan has not come to its end, or leaves things out.
    IncompleteScan,
    /// A scan does not say when it was finished (rule N2).
    ScanWithoutTime,
    /// An image was to be packed or promoted that no policy has verified (rule V2).
    NotVerified,
    /// A pack left something out that the destination lacks.
    PackIncomplete,
    /// The list of packs that were received cannot be read or written (rule K1).
    PackState,
    /// Another pack of the name was received since this one was checked, and this one is not taken any more (rule K1).
    PackOvertaken,
    /// Reading or writing a file failed.
    Io,
}

impl ErrorKind {
    /// The stable code of the kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Store(kind) => kind.code(),
            Self::Xray(kind) => kind.code(),
            Self::Key => "key",
            Self::ExampleKey => "example-key",
            Self::Policy => "policy",
            Self::PolicyNotSigned => "policy-not-signed",
            Self::Record => "record",
            Self::RecordNotSigned => "record-not-signed",
            Self::Usage => "usage",
            Self::InvalidImage => "invalid-image",
            Self::TagMoved => "tag-moved",
            Self::NoName => "image-without-name",
            Self::PartlyWritten => "partly-written",
            Self::AmbiguousBlob => "ambiguous-blob",
            Self::BlobTooLarge => "blob-too-large",
            Self::NothingAttached => "nothing-attached",
            Self::Manifest => "manifest",
            Self::NoWorkload => "no-workload",
            Self::OtherImage => "other-image",
            Self::UnboundReport => "report-without-digest",
            Self::IncompleteScan => "incomplete-scan",
            Self::ScanWithoutTime => "scan-without-time",
            Self::NotVerified => "not-verified",
            Self::PackIncomplete => "pack-incomplete",
            Self::PackState => "pack-state",
            Self::PackOvertaken => "pack-overtaken",
            Self::Io => "io",
        }
    }

    /// Every kind of this crate's own, for the table in the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Key,
        Self::ExampleKey,
        Self::Policy,
        Self::PolicyNotSigned,
        Self::Record,
        Self::RecordNotSigned,
        Self::Usage,
        Self::InvalidImage,
        Self::TagMoved,
        Self::NoName,
        Self::PartlyWritten,
        Self::AmbiguousBlob,
        Self::BlobTooLarge,
        Self::NothingAttached,
        Self::Manifest,
        Self::NoWorkload,
        Self::OtherImage,
        Self::UnboundReport,
        Self::IncompleteScan,
        Self::ScanWithoutTime,
        Self::NotVerified,
        Self::PackIncomplete,
        Self::PackState,
        Self::PackOvertaken,
        Self::Io,
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

impl From<waxseal_oci::Error> for Error {
    fn from(error: waxseal_oci::Error) -> Self {
        Self::of(ErrorKind::Store(error.kind()), error)
    }
}

impl From<waxseal_scan::xray::Error> for Error {
    fn from(error: waxseal_scan::xray::Error) -> Self {
        Self::of(ErrorKind::Xray(error.kind()), error)
    }
}

impl Error {
    /// The error of a lower room. Its own words are the context, so that a chain does not say them twice.
    fn of(kind: ErrorKind, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let context = error.to_string();
        match error.source() {
            Some(_) => Self { kind, context, source: Some(Box::new(Cause(error))) },
            None => Self { kind, context, source: None },
        }
    }
}

/// What stood behind an error of a lower room.
#[derive(Debug)]
struct Cause<E>(E);

impl<E: std::error::Error> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => fmt::Display::fmt(source, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Cause<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source().and_then(std::error::Error::source)
    }
}

impl From<waxseal_core::policy::PolicyError> for Error {
    fn from(error: waxseal_core::policy::PolicyError) -> Self {
        Self::new(ErrorKind::Policy, error.to_string())
    }
}

impl From<waxseal_core::key::KeyError> for Error {
    fn from(error: waxseal_core::key::KeyError) -> Self {
        Self::new(ErrorKind::Key, error.to_string())
    }
}
