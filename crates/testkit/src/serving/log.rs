//! What was asked of a server: the requests in the order in which they began.

use std::collections::BTreeMap;

use axum::http::request::Parts;

/// One request, and the status that it was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, in upper case.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// What stood behind the question mark, or nothing.
    pub query: String,
    /// The status of the answer; 0 while there is none, or where the connection was cut instead.
    pub status: u16,
    /// Whether there was an `Authorization` header.
    pub had_authorization: bool,
    /// The `Authorization` header. The credentials of tests are no secrets.
    pub authorization: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// All headers, names in lower case; of a header sent twice, both values behind each other with `, ` between.
    pub headers: BTreeMap<String, String>,
    /// The body, where it was a form; of others the length alone is kept.
    pub form: Option<String>,
    /// The body, where it was `application/json`.
    pub json: Option<String>,
    /// Number of bytes of the body.
    pub body_len: usize,
    /// When the request began and when its answer was ready, on a clock that counts such events.
    pub span: (u64, u64),
}

impl Request {
    pub(crate) fn new(parts: &Parts) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &parts.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|all| *all = format!("{all}, {value}"))
                .or_insert(value);
        }
        let authorization = headers.get("authorization").cloned();
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            status: 0,
            had_authorization: authorization.is_some(),
            authorization,
            range: headers.get("range").cloned(),
            headers,
            form: None,
            json: None,
            body_len: 0,
            span: (0, 0),
        }
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Method and path, as in `GET /v2/`: what most tests compare.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The log, with the clock of its events.
#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: Vec<Request>,
    first: usize,
    clock: u64,
    in_flight: usize,
    max_in_flight: usize,
}

impl Log {
    /// Notes that a request began; the number is for [`Log::end`].
    pub(crate) fn begin(&mut self, mut request: Request) -> usize {
        self.clock += 1;
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        request.span = (self.clock, u64::MAX);
        self.requests.push(request);
        self.first + self.requests.len() - 1
    }

    pub(crate) fn body(&mut self, number: usize, body: &[u8], form: bool) {
        if let Some(request) = self.at(number) {
            request.body_len = body.len();
            request.form = form.then(|| String::from_utf8_lossy(body).into_owned());
        }
    }

    /// Keeps the body of a request that was JSON.
    pub(crate) fn json(&mut self, number: usize, body: &[u8]) {
        if let Some(request) = self.at(number) {
            request.json = Some(String::from_utf8_lossy(body).into_owned());
        }
    }

    pub(crate) fn end(&mut self, number: usize, status: u16) {
        self.clock += 1;
        self.in_flight -= 1;
        let clock = self.clock;
        if let Some(request) = self.at(number) {
            request.status = status;
            request.span.1 = clock;
        }
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.requests.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.requests.len();
        self.requests.clear();
        self.max_in_flight = self.in_flight;
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    fn at(&mut self, number: usize) -> Option<&mut Request> {
        self.requests.get_mut(number.checked_sub(self.first)?)
    }
}

/// The length of the longest chain of requests of which each began after the answer of the one before: the round
/// trips that no parallelism takes away. Meaningful with a delay for every answer.
pub fn round_trips(requests: &[Request]) -> usize {
    let mut spans: Vec<_> = requests.iter().map(|request| request.span).collect();
    spans.sort_by_key(|span| span.1);
    let mut chain = 0;
    let mut free_from = 0;
    for (begin, end) in spans {
        if begin > free_from {
            chain += 1;
            free_from = end;
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::new(&axum::http::Request::new(()).into_parts().0)
    }

    #[test]
    fn what_ran_beside_each_other_is_one_round_trip() {
        let mut log = Log::default();
        let (first, second) = (log.begin(request()), log.begin(request()));
        log.end(second, 200);
        log.end(first, 404);
        assert_eq!((round_trips(&log.all()), log.max_in_flight()), (1, 2));
        let third = log.begin(request());
        log.end(third, 200);
        assert_eq!(round_trips(&log.all()), 2);
        assert_eq!(log.all()[0].status, 404);
    }

    #[test]
    fn a_log_that_is_cleared_forgets_what_is_under_way() {
        let mut log = Log::default();
        let early = log.begin(request());
        log.clear();
        let late = log.begin(request());
        log.end(early, 500);
        log.end(late, 200);
        assert_eq!(log.all().iter().map(|request| request.status).collect::<Vec<_>>(), [200]);
        assert_eq!(round_trips(&[]), 0);
    }
}
