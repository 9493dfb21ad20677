//! A request with everything around it: credentials, redirects, retries and bounds.
//!
//! Credentials are attached only while a request is at the registry's own origin. Once a redirect has left it they
//! stay off, whatever the next answers say (T-50).

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Body, Method, Response, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;
use waxseal_core::limits::{HEADER_BYTES, REDIRECTS, TOKEN_BYTES};

use super::address::Origin;
use super::auth::{Access, Grant};
use super::retry::{self, Repeat};
use super::transport::{self, Failure};
use super::{Registry, address, challenge, status};
use crate::error::{Error, ErrorKind};

/// A request to a registry.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) access: Access,
    pub(crate) repeat: Repeat,
    /// Most bytes of a body that is read as a whole, of answers that are no errors.
    pub(crate) limit: u64,
}

/// The body of a request.
pub(crate) enum Payload {
    /// None.
    Empty,
    /// Bytes, which can be sent again.
    Bytes(Bytes),
    /// A stream, which can be sent once.
    Stream(Option<Body>),
}

impl Call {
    pub(crate) fn new(method: Method, url: Url, access: Access) -> Self {
        let repeat = Repeat::Idempotent;
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            access,
            repeat,
            limit: TOKEN_BYTES,
        }
    }

    pub(crate) fn accept(self, types: &'static str) -> Self {
        self.with(ACCEPT, HeaderValue::from_static(types))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    pub(crate) const fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    pub(crate) const fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    fn body(&mut self) -> Result<Option<Body>, Error> {
        match &mut self.payload {
            Payload::Empty => Ok(None),
            Payload::Bytes(bytes) => Ok(Some(bytes.clone().into())),
            Payload::Stream(body) => match body.take() {
                Some(body) => Ok(Some(body)),
                None => Err(Error::new(
                    ErrorKind::Transport,
                    "the body can be sent only once, and the registry asked for it again",
                )),
            },
        }
    }

    const fn is_repeatable(&self) -> bool {
        !matches!(self.payload, Payload::Stream(_))
    }
}

/// An answer whose body was read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The token service that did not get the credentials.
    pub(crate) withheld: Option<String>,
    /// No credentials were sent.
    pub(crate) anonymous: bool,
    grant: Option<std::sync::Arc<Grant>>,
}

impl Answer {
    /// A header as text; none too if it is not plain ASCII.
    pub(crate) fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the registry says about an error. A registry that repeats a credential is not quoted (T-58).
    pub(crate) fn problem(&self) -> Option<status::Problem> {
        let leaks = |text: &str| self.grant.as_ref().is_some_and(|grant| grant.is_part_of(text));
        status::problem(&self.body).filter(|problem| !leaks(&problem.message) && !leaks(&problem.code))
    }

    /// The answer if its status is one of these.
    pub(crate) fn expect(
        self,
        statuses: &[StatusCode],
        what: impl FnOnce() -> String,
    ) -> Result<Self, Error> {
        if statuses.contains(&self.status) { Ok(self) } else { Err(status::error(&self, &what())) }
    }
}

/// The head of an answer, and how it was reached.
pub(crate) struct Reached {
    pub(crate) response: Response,
    left: bool,
    grant: Option<std::sync::Arc<Grant>>,
}

impl Registry {
    /// When an operation that begins now has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.shared().options.deadline).unwrap_or(now)
    }

    /// Sends a request, repeats it where that may help, and reads the answer as a whole.
    pub(crate) async fn call(&self, mut call: Call, until: Instant) -> Result<Answer, Error> {
        let mut count = 0;
        loop {
            let Ok(outcome) = timeout_at(until, self.answer(&mut call, until)).await else {
                return Err(self.late(&call));
            };
            let wait = match &outcome {
                Ok(answer) if call.repeat.after_status(answer.status) => {
                    self.pause(count, Some(&answer.headers), until)
                }
                Err(failure) if failure.transient && call.repeat.after_failure(failure.connected) => {
                    self.pause(count, None, until)
                }
                _ => None,
            };
            match wait {
                Some(wait) => sleep(wait).await,
                None => return outcome.map_err(|failure| failure.error),
            }
            count = count.saturating_add(1);
        }
    }

    /// Sends a request and hands the answer out unread if its status is one of `good`. The head has to come by
    /// `until`; the body has the time it takes.
    pub(crate) async fn open(
        &self,
        mut call: Call,
        good: &[StatusCode],
        until: Instant,
        what: &str,
    ) -> Result<Response, Error> {
        let mut count = 0;
        loop {
            let Ok(outcome) = timeout_at(until, self.reach(&mut call, Some(until))).await else {
                return Err(self.late(&call));
            };
            let (error, wait) = match outcome {
                Ok(reached) if good.contains(&reached.response.status()) => return Ok(reached.response),
                Ok(reached) => {
                    let answer = read_error(reached, until).await;
                    let again = call.repeat.after_status(answer.status);
                    let wait = again.then(|| self.pause(count, Some(&answer.headers), until)).flatten();
                    (status::error(&answer, what), wait)
                }
                Err(failure) => {
                    let again = failure.transient && call.repeat.after_failure(failure.connected);
                    (failure.error, again.then(|| self.pause(count, None, until)).flatten())
                }
            };
            match wait {
                Some(wait) => sleep(wait).await,
                None => return Err(error),
            }
            count = count.saturating_add(1);
        }
    }

    /// Sends a request once, with a body that may take any time; the answer is read as a whole.
    pub(crate) async fn pour(&self, mut call: Call) -> Result<Answer, Error> {
        let reached = self.reach(&mut call, None).await.map_err(|failure| failure.error)?;
        read(reached, call.limit, self.deadline()).await.map_err(|failure| failure.error)
    }

    /// Sends a request once, without credentials, whatever is known of them.
    pub(super) async fn unasked(&self, call: &mut Call, until: Instant) -> Result<Answer, Error> {
        let limit = call.limit;
        let asked = async {
            loop {
                match self.follow(call, None, Some(until)).await {
                    Err(failure)
                        if failure.speaks_no_tls
                            && call.url.scheme() == "https"
                            && self.fall_back_to_http() =>
                    {
                        call.url = self.origin()?.rebase(&call.url)?;
                    }
                    other => break other,
                }
            }
        };
        let (response, left) = asked.await.map_err(|failure: Failure| failure.error)?;
        read(Reached { response, left, grant: None }, limit, until).await.map_err(|failure| failure.error)
    }

    async fn answer(&self, call: &mut Call, until: Instant) -> Result<Answer, Failure> {
        let limit = call.limit;
        let reached = self.reach(call, Some(until)).await?;
        read(reached, limit, until).await
    }

    fn late(&self, call: &Call) -> Error {
        Error::new(
            ErrorKind::Timeout,
            format!("{} {} did not come to an end in time", call.method, self.repository()),
        )
    }

    pub(super) fn pause(
        &self,
        count: u32,
        headers: Option<&HeaderMap>,
        until: Instant,
    ) -> Option<std::time::Duration> {
        let retries = &self.shared().options.retries;
        let pause = retry::pause(retries, count, headers);
        let in_time = Instant::now().checked_add(pause).is_some_and(|then| then < until);
        (count < retries.most && in_time).then_some(pause)
    }

    /// Sends a request with the credentials that are known to be wanted, and once more after a 401.
    async fn reach(&self, call: &mut Call, until: Option<Instant>) -> Result<Reached, Failure> {
        let mut grant = self.known_grant(&call.access).await?;
        let mut renewed = false;
        loop {
            let reached = match self.follow(call, grant.as_deref(), until).await {
                Err(failure)
                    if failure.speaks_no_tls && call.url.scheme() == "https" && self.fall_back_to_http() =>
                {
                    call.url = self.origin()?.rebase(&call.url)?;
                    continue;
                }
                other => other?,
            };
            let (response, left) = reached;
            if response.status() != StatusCode::UNAUTHORIZED || left || renewed || !call.is_repeatable() {
                return Ok(Reached { response, left, grant });
            }
            let challenge = challenge::read(response.headers())?;
            match self.renewed_grant(&call.access, challenge, grant.as_ref()).await? {
                Some(fresh) => grant = Some(fresh),
                None => return Ok(Reached { response, left, grant }),
            }
            renewed = true;
        }
    }

    /// Sends a request and follows redirects. The second part of the outcome says whether one left the registry.
    async fn follow(
        &self,
        call: &mut Call,
        grant: Option<&Grant>,
        until: Option<Instant>,
    ) -> Result<(Response, bool), Failure> {
        let registry = self.origin()?;
        let plain = &self.shared().options.plain_http;
        let mut url = call.url.clone();
        let mut left = Origin::of(&url).as_ref() != Some(&registry);
        for _ in 0..=REDIRECTS {
            let mut headers = call.headers.clone();
            if let Some(grant) = grant.filter(|_| !left) {
                headers.insert(AUTHORIZATION, grant.header().clone());
            }
            let body = call.body()?;
            let response = self
                .shared()
                .transport
                .send(Some(&registry), call.method.clone(), &url, headers, body, until)
                .await?;
            if registry.is_secure() && !left {
                self.spoke_tls();
            }
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, left));
            }
            let next = location(&response, &url)?;
            let origin = address::check(&url, &next, &registry, plain)?;
            left = left || origin != registry;
            let reads = matches!(call.method, Method::GET | Method::HEAD);
            let repeats = matches!(status.as_u16(), 307 | 308) && !left && call.is_repeatable();
            if !reads && !repeats {
                let context = format!(
                    "{} at {registry} is led to {origin}: only reading requests go there",
                    call.method
                );
                return Err(Error::new(ErrorKind::RefusedAddress, context).into());
            }
            url = next;
        }
        Err(Error::new(ErrorKind::LimitExceeded, format!("{registry}: more than {REDIRECTS} redirects"))
            .into())
    }
}

pub(crate) fn location(response: &Response, base: &Url) -> Result<Url, Error> {
    let wrong = |why: &str| Error::new(ErrorKind::Protocol, format!("a redirect {why}"));
    let value = response.headers().get(LOCATION).ok_or_else(|| wrong("without a Location"))?;
    if value.len() > HEADER_BYTES {
        return Err(wrong(&format!("whose Location is longer than {HEADER_BYTES} bytes")));
    }
    let text = value.to_str().map_err(|_| wrong("whose Location is not ASCII"))?;
    base.join(text).map_err(|_| wrong("whose Location is no address"))
}

/// Reads an answer whole. Of an error only as much as an error may have; a broken error body is no error of its own.
async fn read(reached: Reached, limit: u64, until: Instant) -> Result<Answer, Failure> {
    if !reached.response.status().is_success() {
        return Ok(read_error(reached, until).await);
    }
    let mut reached = reached;
    let body = transport::body(&mut reached.response, limit, until).await?;
    Ok(whole(reached, body))
}

async fn read_error(mut reached: Reached, until: Instant) -> Answer {
    let body = transport::body(&mut reached.response, TOKEN_BYTES, until).await.unwrap_or_default();
    whole(reached, body)
}

fn whole(reached: Reached, body: Bytes) -> Answer {
    let Reached { mut response, left, grant } = reached;
    let status = response.status();
    let withheld = grant.as_ref().and_then(|grant| grant.withheld().map(str::to_owned));
    let anonymous = !left && grant.as_ref().is_none_or(|grant| grant.is_anonymous());
    let headers = core::mem::take(response.headers_mut());
    Answer { status, headers, body, withheld, anonymous, grant }
}
