//! How far Xray is with an image.
//!
//! `POST api/v1/artifact/status` (Xray 3.80.9 and later) or, where that is not there, `POST
//! api/v1/scan/status/artifact` (3.34.1 and later). A word that is not documented is an error and never taken for an
//! end.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use waxseal_core::Digest;

use super::error::{Error, ErrorKind};
use super::place::{Place, sha256};
use super::{Xray, json, problem};

/// Largest answer, in bytes (1 MiB).
const STATUS_BYTES: u64 = 1 << 20;

const WHAT: &str = "the status of the scan";

/// How far a scan, or a part of one, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It is over, and whole.
    Done,
    /// It waits to be begun.
    Pending,
    /// It runs.
    Scanning,
    /// It is over, for a part of the image only.
    Partial,
    /// It is over, and failed.
    Failed,
    /// There was none.
    NotScanned,
    /// Xray does not scan such artifacts.
    NotSupported,
}

impl State {
    /// The word of `artifact/status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::Pending => "PENDING",
            Self::Scanning => "SCANNING",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
            Self::NotScanned => "NOT_SCANNED",
            Self::NotSupported => "NOT_SUPPORTED",
        }
    }

    /// Whether waiting can change it.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Scanning)
    }

    fn read(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "DONE" | "scanned" => Self::Done,
            "PENDING" => Self::Pending,
            "SCANNING" | "in progress" => Self::Scanning,
            "PARTIAL" => Self::Partial,
            "FAILED" | "failed" => Self::Failed,
            "NOT_SCANNED" | "not scanned" => Self::NotScanned,
            "NOT_SUPPORTED" | "not supported" => Self::NotSupported,
            other => {
                let context =
                    format!("{WHAT}: Xray says {:?}, which is not known here", problem::plain(other));
                return Err(Error::new(ErrorKind::Protocol, context));
            }
        })
    }
}

/// What Xray says of its work on one artifact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The whole, as Xray sums it up.
    pub overall: State,
    /// When that was, if Xray says so.
    pub time: Option<Timestamp>,
    /// The search for vulnerable components. None: not told of.
    pub sca: Option<State>,
    /// The search for what can be reached. None: not told of.
    pub contextual_analysis: Option<State>,
    /// The search for secrets. None: not told of.
    pub secrets: Option<State>,
    /// The comparison with watches and policies, which can fail where all else is done. None: not told of.
    pub violations: Option<State>,
    /// The answer, as it came; none where Xray said 404.
    pub answer: Option<Box<RawValue>>,
}

impl Status {
    fn absent() -> Self {
        Self {
            overall: State::NotScanned,
            time: None,
            sca: None,
            contextual_analysis: None,
            secrets: None,
            violations: None,
            answer: None,
        }
    }

    /// The state that counts: the whole may be called done where the search for vulnerable components is not.
    pub fn state(&self) -> State {
        match (self.overall, self.sca) {
            (State::Done, Some(sca)) => sca,
            (overall, _) => overall,
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    overall: WirePart,
    #[serde(default)]
    details: WireDetails,
}

#[derive(Deserialize)]
struct WirePart {
    status: String,
    #[serde(default)]
    time: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireDetails {
    sca: Option<WirePart>,
    contextual_analysis: Option<WirePart>,
    exposures: Option<WireExposures>,
    violations: Option<WirePart>,
}

#[derive(Deserialize)]
struct WireExposures {
    categories: Option<WireCategories>,
}

#[derive(Deserialize)]
struct WireCategories {
    secrets: Option<WirePart>,
}

#[derive(Deserialize)]
struct OldWire {
    status: String,
}

impl Xray {
    /// Asks how far the scan of the artifact at `place` is. What Xray does not know is [`State::NotScanned`].
    pub async fn status(&self, place: &Place, digest: &Digest) -> Result<Status, Error> {
        self.transport().told(self.status_said(place, digest).await, WHAT)
    }

    async fn status_said(&self, place: &Place, digest: &Digest) -> Result<Status, Error> {
        let asked = serde_json::json!({ "repo": place.repository(), "path": place.path() });
        let url = self.scoped("api/v1/artifact/status");
        let request = self.request(Method::POST, url, Some(asked), STATUS_BYTES, WHAT);
        let answer = self.transport().call(&request).await?;
        if !answer.is_absent() {
            return read(&answer.ok()?, request.what);
        }
        self.old_status(place, digest).await
    }

    /// The same of an Xray before 3.80.9. A newer one answers 404 to both for what it does not know.
    async fn old_status(&self, place: &Place, digest: &Digest) -> Result<Status, Error> {
        let asked = serde_json::json!({
            "repository_pkg_type": "Docker",
            "path": place.to_string(),
            "sha256": sha256(digest)?,
        });
        let url = self.scoped("api/v1/scan/status/artifact");
        let request = self.request(Method::POST, url, Some(asked), STATUS_BYTES, WHAT);
        let answer = self.transport().call(&request).await?;
        if answer.is_absent() {
            return Ok(Status::absent());
        }
        let body = answer.ok()?;
        let raw: Box<RawValue> = json::parse(&body, request.what)?;
        let wire: OldWire = json::parse(&body, request.what)?;
        Ok(Status { overall: State::read(&wire.status)?, answer: Some(raw), ..Status::absent() })
    }
}

fn read(body: &[u8], what: &str) -> Result<Status, Error> {
    let raw: Box<RawValue> = json::parse(body, what)?;
    let wire: Wire = json::parse(body, what)?;
    let part = |part: &Option<WirePart>| part.as_ref().map(|part| State::read(&part.status)).transpose();
    let secrets = wire.details.exposures.as_ref().and_then(|exposures| exposures.categories.as_ref());
    Ok(Status {
        overall: State::read(&wire.overall.status)?,
        time: wire.overall.time.as_deref().and_then(|time| time.parse().ok()),
        sca: part(&wire.details.sca)?,
        contextual_analysis: part(&wire.details.contextual_analysis)?,
        secrets: match secrets {
            Some(categories) => part(&categories.secrets)?,
            None => None,
        },
        violations: part(&wire.details.violations)?,
        answer: Some(raw),
    })
}
