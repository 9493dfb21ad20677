//! Asking a registry what it can do: what it answers, as it answers it, for `doctor` to judge.
//!
//! Everywhere else an answer becomes an outcome or an error; here the status itself is what is wanted.

use bytes::Bytes;
use reqwest::header::{ETAG, LOCATION};
use reqwest::{Method, StatusCode};
use waxseal_core::limits::{MANIFEST_BYTES, REFERRERS_BYTES};
use waxseal_core::media_type::{self, OCI_INDEX};
use waxseal_core::{Descriptor, Digest};

use super::auth::Access;
use super::manifest::CONTENT_DIGEST;
use super::realm::{self, Trust};
use super::request::{Answer, Call, Payload};
use super::retry::Repeat;
use super::upload::CHUNK_MINIMUM;
use super::{Challenge, Client, Registry, challenge};
use crate::error::Error;
use crate::object::Which;
use crate::registry_name::RegistryName;

/// What a registry answers to somebody that it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Greeting {
    /// Scheme, host and port that were spoken to.
    pub origin: String,
    /// Whether that was https.
    pub secure: bool,
    /// The status.
    pub status: u16,
    /// What it wants.
    pub challenge: Challenged,
}

/// What a registry wants before it lets anybody in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenged {
    /// Nothing, for the base endpoint.
    Nothing,
    /// User and password with each request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// Host and port of the token service.
        realm: String,
        /// Whether credentials would be sent there (rule C1).
        trusted: bool,
    },
    /// Something that is not known here, or an address where no request may go.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The answer to a request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// The status.
    pub status: u16,
    /// The code of its error, in bounded, printable words.
    pub code: Option<String>,
}

/// What a registry says of a manifest that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestProbe {
    /// The status.
    pub status: u16,
    /// Whether the header `Docker-Content-Digest` names the digest of the bytes; none where there is no such header.
    pub digest_is_true: Option<bool>,
    /// Whether there is an entity tag, by which a write can be made conditional.
    pub has_etag: bool,
}

/// The beginning of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadProbe {
    /// The answer.
    pub observed: Observed,
    /// The smallest piece that the registry takes, in bytes, if it says so.
    pub chunk_minimum: Option<u64>,
}

impl Observed {
    fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            code: answer.problem().map(|problem| problem.code).filter(|code| !code.is_empty()),
        }
    }
}

impl Client {
    /// Asks the base endpoint without credentials.
    pub async fn greet(&self, registry: &RegistryName) -> Result<Greeting, Error> {
        let registry = self.repository(registry.repository());
        let url = registry.origin()?.url("/v2/")?;
        let mut call = Call::new(Method::GET, url, Access::Login);
        let answer = registry.unasked(&mut call, registry.deadline()).await?;
        let origin = registry.origin()?;
        let challenge = match answer.status {
            StatusCode::UNAUTHORIZED => match challenge::read(&answer.headers) {
                Ok(Challenge::Basic) => Challenged::Basic,
                Ok(Challenge::Bearer { realm, .. }) => {
                    let options = &registry.shared().options;
                    match realm::decide(&realm, &origin, &options.auth_realms, &options.plain_http) {
                        Ok(Trust::Credentials) => Challenged::Bearer { realm: shown(&realm), trusted: true },
                        Ok(Trust::QuestionOnly(name)) => Challenged::Bearer { realm: name, trusted: false },
                        Err(error) => Challenged::Unknown { why: chain(&error) },
                    }
                }
                Err(error) => Challenged::Unknown { why: chain(&error) },
            },
            _ => Challenged::Nothing,
        };
        Ok(Greeting {
            origin: origin.to_string(),
            secure: origin.is_secure(),
            status: answer.status.as_u16(),
            challenge,
        })
    }
}

impl Registry {
    /// Asks for a manifest, and says no more than how that was answered.
    pub async fn observe_manifest(&self, which: &Which) -> Result<Observed, Error> {
        self.read_only(&format!("manifests/{which}"), media_type::ACCEPT_MANIFEST).await.map(|(seen, _)| seen)
    }

    /// Asks the referrers API; whether the answer is a listing.
    pub async fn observe_referrers(&self, subject: &Digest) -> Result<(Observed, bool), Error> {
        let (observed, answer) = self.read_only(&format!("referrers/{subject}"), OCI_INDEX).await?;
        let type_of = answer.header(reqwest::header::CONTENT_TYPE).map(media_type::essence);
        let is_listing = observed.status == 200 && type_of.is_some_and(|name| media_type::is_index(&name));
        Ok((observed, is_listing))
    }

    /// Reads a manifest and compares what its headers say.
    pub async fn probe_manifest(&self, which: &Which) -> Result<ManifestProbe, Error> {
        let (observed, answer) =
            self.read_only(&format!("manifests/{which}"), media_type::ACCEPT_MANIFEST).await?;
        let claimed = answer.header(CONTENT_DIGEST).map(str::trim);
        let digest_is_true = claimed.map(|claimed| {
            claimed
                .parse::<Digest>()
                .is_ok_and(|claimed| Digest::of_with(claimed.algorithm(), &answer.body) == claimed)
        });
        let has_etag = answer.headers.get(ETAG).is_some_and(|etag| etag.as_bytes().starts_with(b"\""));
        Ok(ManifestProbe { status: observed.status, digest_is_true, has_etag })
    }

    /// Sends a blob in one request; 201 says that this is enough, 202 that an upload was begun instead, which is ended.
    pub async fn probe_single_post(&self, descriptor: &Descriptor, bytes: Bytes) -> Result<Observed, Error> {
        let part = format!("blobs/uploads/?digest={}", descriptor.digest);
        self.begin(&part, bytes).await.map(|(seen, _)| seen)
    }

    /// Begins an upload and ends it.
    pub async fn probe_upload(&self) -> Result<UploadProbe, Error> {
        let (observed, answer) = self.begin("blobs/uploads/", Bytes::new()).await?;
        let chunk_minimum = answer.header(CHUNK_MINIMUM).and_then(|minimum| minimum.trim().parse().ok());
        Ok(UploadProbe { observed, chunk_minimum })
    }

    async fn begin(&self, part: &str, bytes: Bytes) -> Result<(Observed, Answer), Error> {
        let url = self.url(part)?;
        let call = Call::new(Method::POST, url.clone(), Access::Push)
            .repeat(Repeat::Start)
            .payload(Payload::Bytes(bytes));
        let answer = self.call(call, self.deadline()).await?;
        if answer.status == StatusCode::ACCEPTED && answer.headers.contains_key(LOCATION) {
            let session = self.session(&url, &answer)?;
            self.cancel(&session).await;
        }
        Ok((Observed::of(&answer), answer))
    }

    async fn read_only(&self, part: &str, accept: &'static str) -> Result<(Observed, Answer), Error> {
        let limit = MANIFEST_BYTES.max(REFERRERS_BYTES);
        let call = Call::new(Method::GET, self.url(part)?, Access::Pull).accept(accept).limit(limit);
        let answer = self.call(call, self.deadline()).await?;
        Ok((Observed::of(&answer), answer))
    }
}

fn shown(realm: &url::Url) -> String {
    super::Origin::of(realm).map(|origin| origin.authority()).unwrap_or_default()
}

fn chain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
