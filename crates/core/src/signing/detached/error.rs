//! Why a request or a response is not taken.

use super::{PayloadKind, REQUEST_SCHEMA, RESPONSE_SCHEMA};
use crate::json::JsonError;
use crate::limits::REQUEST_SUBJECTS;
use crate::signing::SigningError;

/// Why a request is not signed, or a response not attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetachedError {
    /// The file is larger than such files are read.
    #[error("{bytes} bytes, and no more than {limit} are read")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not the JSON that it has to be.
    #[error("{0}")]
    Json(#[source] JsonError),
    /// The file is of another kind, or of a version that is not known.
    #[error("expected the schema {expected}, found {found}")]
    Schema {
        /// What was expected: [`REQUEST_SCHEMA`] or [`RESPONSE_SCHEMA`].
        expected: &'static str,
        /// What the file says.
        found: String,
    },
    /// There is nothing in it.
    #[error("it holds no payload and no signature")]
    Empty,
    /// A payload or a signature of a kind that is not known.
    #[error("{found:?} is no kind of payload: expected {}", PayloadKind::names())]
    UnknownKind {
        /// The kind as it stands there.
        found: String,
    },
    /// A payload or a signature is not base64.
    #[error("{kind}: not standard base64")]
    Encoding {
        /// Which one.
        kind: PayloadKind,
    },
    /// A hash in the place of what was hashed: nobody could see what is signed.
    #[error("{kind}: this is a hash, not what was hashed; what is signed has to be seen")]
    Prehashed {
        /// Which payload.
        kind: PayloadKind,
    },
    /// A payload does not read as what its kind is.
    #[error("{kind}: {why}")]
    Malformed {
        /// Which payload.
        kind: PayloadKind,
        /// What is wrong.
        why: String,
    },
    /// A payload is of a type that is not signed here.
    #[error("{kind}: expected the type {expected}, found {found}")]
    Type {
        /// Which payload.
        kind: PayloadKind,
        /// The types that are signed.
        expected: &'static str,
        /// The type as it stands there.
        found: String,
    },
    /// A payload holds more, or holds it otherwise, than what is shown of it.
    #[error("{kind}: not written as such payloads are written, so that not all of it would be shown")]
    NotCanonical {
        /// Which payload.
        kind: PayloadKind,
    },
    /// A statement holds something that nobody is shown.
    #[error("{kind}: {what}, which is not shown")]
    NotShown {
        /// Which payload.
        kind: PayloadKind,
        /// What it holds.
        what: String,
    },
    /// A statement is about more than what a person is shown.
    #[error("{kind}: {found} subjects, and no more than {REQUEST_SUBJECTS} are shown")]
    Subjects {
        /// Which payload.
        kind: PayloadKind,
        /// How many there are.
        found: usize,
    },
    /// Two payloads of one request say different things.
    #[error("the payloads disagree about the {about}: {one} and {other}")]
    Disagree {
        /// What they disagree about.
        about: &'static str,
        /// What the legacy one says.
        one: String,
        /// What the other one says.
        other: String,
    },
    /// A payload that nobody would read after it was signed.
    #[error("{0}")]
    Signing(#[source] SigningError),
    /// The response is to another request.
    #[error("the response is to the request {found}, and this one is {expected}")]
    OtherRequest {
        /// The request that was kept, by its digest.
        expected: String,
        /// The one that the response names.
        found: String,
    },
    /// The response says that another key has signed.
    #[error("signed by the key {found}, and the key that was named is {expected}")]
    OtherKey {
        /// The key that was named, by its identity.
        expected: String,
        /// The one that the response names.
        found: String,
    },
    /// There is no signature for a payload that one is wanted for.
    #[error("there is no signature of the payload {kind}")]
    MissingSignature {
        /// Which payload.
        kind: PayloadKind,
    },
    /// A signature of a payload that the request does not have.
    #[error("there is a signature of the payload {kind}, and the request has no such payload")]
    SuperfluousSignature {
        /// Which payload.
        kind: PayloadKind,
    },
    /// A signature does not verify.
    #[error("the signature of the payload {kind} does not verify with the key")]
    DoesNotVerify {
        /// Which payload.
        kind: PayloadKind,
    },
    /// A bare signature is of none of the payloads.
    #[error("signature {nth} is of none of the payloads, with the key that was named")]
    OfNoPayload {
        /// Which signature, counted from 1.
        nth: usize,
    },
}

impl DetachedError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "detached-too-large",
            Self::Json(JsonError::DuplicateMember { .. }) => "duplicate-member",
            Self::Json(_) => "detached-malformed",
            Self::Schema { .. } => "detached-schema",
            Self::Empty => "detached-empty",
            Self::UnknownKind { .. } => "unknown-payload-kind",
            Self::Encoding { .. } => "detached-encoding",
            Self::Prehashed { .. } => "prehashed-payload",
            Self::Malformed { .. } => "malformed-payload",
            Self::Type { .. } => "payload-type-mismatch",
            Self::NotCanonical { .. } => "payload-not-canonical",
            Self::NotShown { .. } => "payload-not-shown",
            Self::Subjects { .. } => "too-many-subjects",
            Self::Disagree { .. } => "payloads-disagree",
            Self::Signing(error) => error.code(),
            Self::OtherRequest { .. } => "other-request",
            Self::OtherKey { .. } => "untrusted-key",
            Self::MissingSignature { .. } => "missing-signature",
            Self::SuperfluousSignature { .. } => "superfluous-signature",
            Self::DoesNotVerify { .. } | Self::OfNoPayload { .. } => "signature-mismatch",
        }
    }

    /// Every code of this module's own, for the table in the documentation.
    pub const CODES: &'static [&'static str] = &[
        "detached-too-large",
        "detached-malformed",
        "detached-schema",
        "detached-empty",
        "unknown-payload-kind",
        "detached-encoding",
        "prehashed-payload",
        "payload-not-canonical",
        "payload-not-shown",
        "too-many-subjects",
        "payloads-disagree",
        "other-request",
        "superfluous-signature",
    ];
}

/// The schema of a file, as it is told to whoever brings another one.
pub(super) fn expect_schema(found: Option<&str>, expected: &'static str) -> Result<(), DetachedError> {
    debug_assert!([REQUEST_SCHEMA, RESPONSE_SCHEMA].contains(&expected), "one of the two");
    match found {
        Some(found) if found == expected => Ok(()),
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"));
            Err(DetachedError::Schema { expected, found })
        }
    }
}
