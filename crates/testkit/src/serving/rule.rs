//! Lies: for which requests, and which ones.

use std::time::Duration;

use bytes::Bytes;
use waxseal_core::Digest;

/// Which requests a rule is for.
#[derive(Clone, Debug, Default)]
pub struct Match {
    method: Option<String>,
    contains: String,
    skip: u32,
    times: Option<u32>,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests by `method` whose path holds `contains`.
    pub fn new(method: &str, contains: impl Into<String>) -> Self {
        Self { method: Some(method.to_owned()), contains: contains.into(), ..Self::default() }
    }

    /// Requests by any method whose path holds `contains`.
    pub fn path(contains: impl Into<String>) -> Self {
        Self { contains: contains.into(), ..Self::default() }
    }

    /// GET requests whose path holds `contains`.
    pub fn get(contains: impl Into<String>) -> Self {
        Self::new("GET", contains)
    }

    /// HEAD requests whose path holds `contains`.
    pub fn head(contains: impl Into<String>) -> Self {
        Self::new("HEAD", contains)
    }

    /// PUT requests whose path holds `contains`.
    pub fn put(contains: impl Into<String>) -> Self {
        Self::new("PUT", contains)
    }

    /// POST requests whose path holds `contains`.
    pub fn post(contains: impl Into<String>) -> Self {
        Self::new("POST", contains)
    }

    /// Only the first `count` of them (behind those that [`Match::after`] leaves out).
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    /// Not the first `count` of them.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }
}

/// What the registry does instead of, or to, the honest answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers with a status, headers and a body, and does nothing else.
    Status {
        /// The status.
        code: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Answers with a status the first times, then honestly.
    StatusTimes {
        /// The status.
        code: u16,
        /// How often.
        times: u32,
    },
    /// Answers with a status and a `Retry-After` header.
    RetryAfter {
        /// The status, 429 or 503 as a rule.
        code: u16,
        /// Seconds or a date.
        value: String,
    },
    /// The honest body, but `Docker-Content-Digest` names another.
    WrongDigestHeader,
    /// A successful answer's body is another, and `Docker-Content-Digest` still says what was asked for.
    OtherBody(Bytes),
    /// The connection is cut after so many bytes of the body; `Content-Length` promised all of them.
    TruncateAt(usize),
    /// The body, in chunks, goes on with blanks and never ends.
    Endless,
    /// The body comes byte by byte, one in each interval.
    Slow(Duration),
    /// `Content-Length` says this, whatever is sent; the whole body follows and the connection is closed. HTTP/1.1.
    ContentLengthLie(u64),
    /// `Content-Type` says this.
    WrongContentType(String),
    /// A header is set, or replaced.
    Header(String, String),
    /// A header is left out.
    WithoutHeader(String),
    /// A redirect.
    Redirect {
        /// The status: 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// A redirect to the same place again, without end.
    RedirectLoop,
    /// The connection is reset without an answer.
    ResetConnection,
    /// These bytes are the answer, status line included, and the connection is closed. HTTP/1.1.
    Raw(Bytes),
    /// The first matching read of a tag gives the first manifest, every later one the second.
    TagFlips(Digest, Digest),
    /// 403 where the honest answer is 404.
    ForbiddenForMissing,
    /// Each page of a referrers listing has one entry and the link to another page.
    ReferrersWithoutEnd,
    /// The honest page of a referrers listing, with a link to itself.
    ReferrersLoop,
    /// One page of a referrers listing with so many made-up entries.
    ReferrersMany(usize),
    /// The honest page of a referrers listing, but each entry has this artifact type.
    ReferrersWrongType(String),
    /// The honest answer after a while.
    Delay(Duration),
    /// The `Location` of an upload is this. `{path}` in it stands for the honest path and query.
    UploadLocation(String),
    /// Once, behind the request: somebody else writes this manifest under the same tag.
    LoseUpdate {
        /// Its media type.
        media_type: String,
        /// Its bytes.
        bytes: Bytes,
    },
}

impl Behaviour {
    /// A status with an error body of the distribution specification.
    pub fn status(code: u16) -> Self {
        let body = super::answer::error_body("UNKNOWN", "as the test asked for");
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Status { code, headers, body }
    }

    /// A redirect by 307.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::Redirect { status: 307, location: location.into() }
    }

    /// `Retry-After` with a number of seconds.
    pub fn retry_after(code: u16, seconds: u32) -> Self {
        Self::RetryAfter { code, value: seconds.to_string() }
    }
}

/// A rule and how often its requests have come.
#[derive(Debug)]
pub(crate) struct Rule {
    matches: Match,
    behaviour: Behaviour,
    seen: u32,
}

impl Rule {
    pub(crate) fn new(matches: Match, behaviour: Behaviour) -> Self {
        Self { matches, behaviour, seen: 0 }
    }

    /// What the rule does to this request, with how often it has done it before.
    pub(crate) fn apply(&mut self, method: &str, path: &str) -> Option<(Behaviour, u32)> {
        let of_method = self.matches.method.as_deref().is_none_or(|wanted| wanted == method);
        if !of_method || !path.contains(&self.matches.contains) {
            return None;
        }
        let before = self.seen.checked_sub(self.matches.skip);
        self.seen += 1;
        let before = before?;
        let own = match &self.behaviour {
            Behaviour::StatusTimes { times, .. } => Some(*times),
            Behaviour::LoseUpdate { .. } => Some(1),
            _ => None,
        };
        let most = self.matches.times.into_iter().chain(own).min();
        most.is_none_or(|most| before < most).then(|| (self.behaviour.clone(), before))
    }
}
