//! A request to the platform, with everything around it: credentials, redirects, retries and bounds.
//!
//! Every address is made from the platform's own; a redirect is followed by hand, at most three times, and only to
//! the same scheme, host and port, so that the credentials never meet another server. A POST is repeated behind 307
//! and 308 alone. Cookies, compression and `Referer` are off, and no body is read beyond its limit.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Method, Response, StatusCode, redirect};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;
use waxseal_core::limits::{HEADER_BYTES, REDIRECTS, TOKEN_BYTES};

use super::address::Platform;
use super::credential::Authorization;
use super::error::{Error, ErrorKind};
use super::options::XrayOptions;
use super::problem;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest pause that doubling leads to.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Longest `Retry-After` that is kept to; a server that asks for more is not asked again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// The connections to one platform.
pub(super) struct Transport {
    platform: Platform,
    authorization: Option<Authorization>,
    client: reqwest::Client,
    offline: bool,
    retries: u32,
    pause: Duration,
}

/// One request. All of Xray's that are sent here may be sent twice.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) json: Option<String>,
    pub(super) accept: &'static str,
    /// Most bytes of the body of a successful answer.
    pub(super) limit: u64,
    /// Time for it with all repetitions.
    pub(super) deadline: Duration,
    /// What it is, for errors: `the summary of the image`.
    pub(super) what: &'static str,
}

/// An answer whose body was read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    retry_after: Option<Duration>,
    /// The error of this status, for whoever did not expect it.
    error: Option<Error>,
}

impl Answer {
    /// The body of an answer by 200; of any other status the error.
    pub(super) fn ok(self) -> Result<Bytes, Error> {
        match self.error {
            None => Ok(self.body),
            Some(error) => Err(error),
        }
    }

    /// Whether there is nothing at this address.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
    }
}

/// A try that came to nothing.
struct Failure {
    error: Error,
    transient: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, transient: false }
    }
}

impl Transport {
    /// Takes the settings; what does not hold is an error now, not with the first request.
    pub(super) fn new(options: &XrayOptions) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, what.to_owned());
        let authorization = Authorization::new(&options.credential)?;
        let mut roots = Vec::new();
        for pem in &options.ca_certificates {
            let found = Certificate::from_pem_bundle(pem).map_err(|error| {
                wrong("the certificate authorities for Xray are not PEM").caused_by(error)
            })?;
            if found.is_empty() {
                return Err(wrong("the PEM of the certificate authorities for Xray holds no certificate"));
            }
            roots.extend(found);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT.min(options.deadline));
        if !options.platform.is_secure() || !roots.is_empty() {
            // Where no TLS is spoken, no certificate is looked at, so none is loaded.
            builder = builder.tls_certs_only(roots);
        }
        if options.platform.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            wrong("TLS or the user agent for Xray cannot be set up").caused_by(error.without_url())
        })?;
        Ok(Self {
            platform: options.platform.clone(),
            authorization,
            client,
            offline: options.offline,
            retries: options.retries,
            pause: options.pause,
        })
    }

    /// Sends a request, repeats it where that may help, and reads the answer as a whole.
    pub(super) async fn call(&self, request: &Request) -> Result<Answer, Error> {
        let now = Instant::now();
        let until = now.checked_add(request.deadline).unwrap_or(now);
        let mut count = 0;
        loop {
            let Ok(outcome) = timeout_at(until, self.once(request)).await else {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{}: {} did not answer in time", request.what, self.platform.host()),
                ));
            };
            let (outcome, asked) = match outcome {
                Ok(answer) if is_passing(answer.status) => {
                    let asked = answer.retry_after.unwrap_or_default();
                    (Ok(answer), asked)
                }
                Err(failure) if failure.transient => (Err(failure.error), Duration::ZERO),
                Ok(answer) => return Ok(answer),
                Err(failure) => return Err(failure.error),
            };
            let pause = self.doubled(count).max(asked);
            let in_time = Instant::now().checked_add(pause).is_some_and(|then| then < until);
            if count >= self.retries || asked > LONGEST_RETRY_AFTER || !in_time {
                return outcome;
            }
            sleep(pause).await;
            count = count.saturating_add(1);
        }
    }

    /// The pause before repetition `count` (from 0): half of it fixed, half by chance, so that many clients part.
    fn doubled(&self, count: u32) -> Duration {
        let doubled =
            self.pause.saturating_mul(1_u32.checked_shl(count).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
        let half = doubled.checked_div(2).unwrap_or_default();
        // Without entropy all clients wait alike, which is no reason to fail.
        let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        half.saturating_add(half.mul_f64(chance))
    }

    async fn once(&self, request: &Request) -> Result<Answer, Failure> {
        let mut response = self.follow(request).await?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        if status == StatusCode::OK {
            let body = self.body(&mut response, request.limit, request.what).await?;
            return Ok(Answer { status, body, retry_after, error: None });
        }
        // A broken error body is no error of its own.
        let body = self.body(&mut response, TOKEN_BYTES, request.what).await.unwrap_or_default();
        let error = Some(self.refusal(status, &body, request.what));
        Ok(Answer { status, body, retry_after, error })
    }

    /// Sends a request and follows redirects that stay at the platform.
    async fn follow(&self, request: &Request) -> Result<Response, Failure> {
        let what = request.what;
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send(request, &url).await?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let refused = |why: &str| Error::new(ErrorKind::RefusedAddress, format!("{what}: {why}"));
            let next = response
                .headers()
                .get(LOCATION)
                .filter(|value| value.len() <= HEADER_BYTES)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| url.join(value).ok())
                .ok_or_else(|| refused("a redirect without an address"))?;
            if !next.username().is_empty() || next.password().is_some() || !self.platform.has_origin_of(&next)
            {
                let host = next.host_str().unwrap_or("no host");
                return Err(refused(&format!(
                    "{} led to {}://{host:?}, which is another place; credentials go to the address that was \
                     named and nowhere else",
                    self.platform.origin(),
                    next.scheme()
                ))
                .into());
            }
            if request.method != Method::GET && !matches!(status.as_u16(), 307 | 308) {
                return Err(refused(&format!(
                    "a redirect ({}) that would drop what is asked",
                    status.as_u16()
                ))
                .into());
            }
            url = next;
        }
        let context = format!("{what}: more than {REDIRECTS} redirects");
        Err(Error::new(ErrorKind::LimitExceeded, context).into())
    }

    async fn send(&self, request: &Request, url: &Url) -> Result<Response, Failure> {
        if self.offline {
            let context = format!(
                "{}: {} was not asked: the network is switched off",
                request.what,
                self.platform.host()
            );
            return Err(Error::new(ErrorKind::Offline, context).into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(request.accept));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.header.clone());
        }
        let mut sent = self.client.request(request.method.clone(), url.clone());
        if let Some(json) = &request.json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            sent = sent.body(json.clone());
        }
        let response =
            sent.headers(headers).send().await.map_err(|error| self.failure(error, request.what))?;
        let status = response.status().as_u16();
        tracing::debug!(method = %request.method, origin = %self.platform.origin(), path = url.path(), status, "request");
        Ok(response)
    }

    /// Reads a body up to `limit` bytes.
    async fn body(&self, response: &mut Response, limit: u64, what: &str) -> Result<Bytes, Failure> {
        let too_large = || {
            let context = format!("{what}: the answer is larger than {limit} bytes");
            Failure::from(Error::new(ErrorKind::LimitExceeded, context))
        };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        // What is promised is within the limit, and memory that is never written costs nothing.
        let promised = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut all: Vec<u8> = Vec::with_capacity(promised.unwrap_or_default());
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if (all.len() as u64).saturating_add(chunk.len() as u64) > limit {
                        return Err(too_large());
                    }
                    all.extend_from_slice(&chunk);
                }
                Ok(None) => return Ok(all.into()),
                Err(error) => {
                    let error = Error::new(ErrorKind::Transport, format!("{what}: the answer broke off"))
                        .caused_by(error.without_url());
                    return Err(Failure { error, transient: true });
                }
            }
        }
    }

    /// The same outcome, unless it is an error whose words repeat the credential: it keeps its kind and loses its words
    /// (T-58). Every outcome that leaves this room goes through here, so that whoever quotes the platform, or a reader that
    /// quotes what it stumbled over, need not think of it.
    pub(super) fn told<T>(&self, outcome: Result<T, Error>, what: &str) -> Result<T, Error> {
        let Some(sent) = &self.authorization else { return outcome };
        outcome.map_err(|error| {
            if error.says(|text| sent.is_part_of(text)) {
                let host = self.platform.host();
                Error::new(
                    error.kind(),
                    format!("{what}: {host} repeats the credential, so its words are not shown"),
                )
            } else {
                error
            }
        })
    }

    /// The error of a status.
    fn refusal(&self, status: StatusCode, body: &[u8], what: &str) -> Error {
        let kind = match status {
            StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
            StatusCode::FORBIDDEN => ErrorKind::Forbidden,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => ErrorKind::NotFound,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooManyRequests,
            status if is_passing(status) => ErrorKind::ServerTrouble,
            _ => ErrorKind::Protocol,
        };
        let quoted = problem::of_body(body).map(|text| format!(" ({text})")).unwrap_or_default();
        let anonymous = if status == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            ", and no credentials were given"
        } else {
            ""
        };
        Error::new(
            kind,
            format!("{what}: {} answered {}{quoted}{anonymous}", self.platform.host(), status.as_u16()),
        )
    }

    fn failure(&self, error: reqwest::Error, what: &str) -> Failure {
        let error = error.without_url();
        let is_tls = sources(&error).any(<dyn StdError>::is::<tokio_rustls::rustls::Error>);
        let (kind, said) = match (is_tls, error.is_timeout(), error.is_connect()) {
            (true, ..) => (ErrorKind::Tls, "TLS failed"),
            (_, true, _) => (ErrorKind::Timeout, "no connection in time"),
            (_, _, true) => (ErrorKind::Transport, "no connection"),
            _ => (ErrorKind::Transport, "the connection broke"),
        };
        let context = format!("{what}: {}: {said}", self.platform.origin());
        Failure { error: Error::new(kind, context).caused_by(error), transient: !is_tls }
    }
}

/// Whether a status may be another one soon.
fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// `Retry-After` in seconds. The form with a date is not read: it needs a clock that both sides agree on.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// An error and everything behind it. An I/O error that wraps another one names that one's source, not itself, so
/// its inside is asked for first.
fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}
