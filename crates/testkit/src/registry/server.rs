//! The thread that serves, and the way of one request through it: log, delay, access, lies, protocol, lies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::access::{self, Tokens};
use super::answer::{Answer, Delivery};
use super::connection::{Connection, Doors};
use super::log::{Log, Request};
use super::route::Route;
use super::rule::Rule;
use super::settings::Settings;
use super::store::Store;
use super::{blobs, listing, lying, manifests, uploads};

/// The largest body that is taken, in bytes: more than any test sends.
const BODY_BYTES: usize = 512 << 20;

/// What the requests share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) scheme: &'static str,
    pub(super) settings: Mutex<Settings>,
    pub(super) store: Mutex<Store>,
    pub(super) log: Mutex<Log>,
    pub(super) rules: Mutex<Vec<Rule>>,
    pub(super) tokens: Arc<Mutex<Tokens>>,
    pub(super) foreign_tokens: Mutex<Option<Arc<Mutex<Tokens>>>>,
}

impl State {
    pub(super) fn new(scheme: &'static str) -> Self {
        Self {
            scheme,
            settings: Mutex::default(),
            store: Mutex::default(),
            log: Mutex::default(),
            rules: Mutex::default(),
            tokens: Arc::default(),
            foreign_tokens: Mutex::default(),
        }
    }
}

/// The thread. It ends, and every connection with it, when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(state: Arc<State>, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = Router::new().fallback(serve).with_state(state);
                let service = router.into_make_service_with_connect_info::<Connection>();
                tokio::select! {
                    ended = axum::serve(Doors::open(listener, tls), service) => ended.unwrap(),
                    _ = stopped => (),
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request, read whole.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) route: Route,
    /// Scheme and host by which the client came here.
    pub(super) origin: String,
}

impl Call {
    fn new(parts: &Parts, body: Bytes, scheme: &str) -> Self {
        let host = parts
            .uri
            .authority()
            .map(ToString::to_string)
            .or_else(|| Some(parts.headers.get("host")?.to_str().ok()?.to_owned()))
            .unwrap_or_default();
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            body,
            route: Route::parse(parts.uri.path()),
            origin: format!("{scheme}://{host}"),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    pub(super) fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

/// Notes the end of a request, also of one that its client gave up.
struct Noted<'a> {
    state: &'a State,
    number: usize,
    status: u16,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.state.log.lock().unwrap().end(self.number, self.status);
    }
}

async fn serve(
    Extract(state): Extract<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let number = state.log.lock().unwrap().begin(Request::new(&parts));
    let mut noted = Noted { state: &state, number, status: 0 };
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        noted.status = 400;
        let answer = Answer::error(400, "SIZE_INVALID", "the body is too large, or ended early");
        return send(answer, &parts.method, &connection);
    };
    let form = parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    state.log.lock().unwrap().body(number, &body, form);
    let call = Call::new(&parts, body, state.scheme);
    let delay = state.settings.lock().unwrap().delay;
    pause(delay).await;
    let answer = match access::check(&state, &call) {
        Some(challenge) => challenge,
        None => lying::answer(&state, &call).await,
    };
    noted.status = if matches!(answer.delivery, Delivery::Reset) { 0 } else { answer.status };
    drop(noted);
    send(answer, &parts.method, &connection)
}

/// The honest answer.
pub(super) fn honest(state: &State, call: &Call) -> Answer {
    let settings = state.settings.lock().unwrap().clone();
    let mut store = state.store.lock().unwrap();
    let answer = match &call.route {
        Route::Base => listing::base(call),
        Route::Token => access::token(state, &settings, call),
        Route::Manifest { repository, reference } => {
            manifests::answer(&mut store, &settings, call, repository, reference)
        }
        Route::Blob { repository, digest } => blobs::answer(&mut store, &settings, call, repository, digest),
        Route::Uploads { repository } => uploads::begin(state, &mut store, &settings, call, repository),
        Route::Upload { repository, id } => uploads::go_on(&mut store, &settings, call, repository, id),
        Route::Tags { repository } => listing::tags(&store, &settings, call, repository),
        Route::Referrers { repository, digest } => {
            listing::referrers(&store, &settings, call, repository, digest)
        }
        Route::BadName => Answer::error(400, "NAME_INVALID", "not a repository name"),
        Route::Unknown => not_found(),
    };
    answer.header("Docker-Distribution-API-Version", "registry/2.0")
}

/// What a server says to a path that it does not know.
pub(super) fn not_found() -> Answer {
    Answer::new(404).body("text/plain; charset=utf-8", "404 page not found\n")
}

pub(super) async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn send(mut answer: Answer, method: &axum::http::Method, connection: &Connection) -> Response<Body> {
    let delivery = core::mem::replace(&mut answer.delivery, Delivery::Whole);
    match &delivery {
        Delivery::Raw(bytes) => connection.raw(bytes.clone()),
        Delivery::LengthLie(length) => {
            answer.set("Content-Length", length);
            connection.raw(raw(&answer, method));
        }
        Delivery::Reset => connection.reset(),
        _ => {}
    }
    let whole = answer.body.clone();
    let body = match delivery {
        // What HTTP makes of this is thrown away: the connection writes something else, and ends.
        Delivery::Raw(_) | Delivery::LengthLie(_) | Delivery::Reset => {
            answer.remove("Content-Length");
            answer.set("Connection", "close");
            Body::empty()
        }
        Delivery::Endless if method != axum::http::Method::HEAD => Body::from_stream(endless(whole)),
        delivery => {
            if answer.get("Content-Length").is_none() && answer.status != 204 {
                answer.set("Content-Length", whole.len());
            }
            match delivery {
                _ if method == axum::http::Method::HEAD => Body::empty(),
                Delivery::TruncateAt(at) => Body::from_stream(truncated(whole.slice(..at.min(whole.len())))),
                Delivery::Slow(interval) => Body::from_stream(slow(whole, interval)),
                _ => Body::from(whole),
            }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status of three digits");
    for (name, value) in &answer.headers {
        let name: HeaderName = name.parse().expect("the name of a header");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("the value of a header");
        response.headers_mut().append(name, value);
    }
    response
}

fn raw(answer: &Answer, method: &axum::http::Method) -> Bytes {
    let mut head = format!("HTTP/1.1 {} As asked for\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("Connection: close\r\n\r\n");
    let body: &[u8] = if method == axum::http::Method::HEAD { b"" } else { &answer.body };
    [head.as_bytes(), body].concat().into()
}

fn truncated(part: Bytes) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(part), |part| async move {
        if let Some(part) = part {
            return Some((Ok(part), None));
        }
        // The pause lets what was written so far leave before the error ends the connection.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Err(std::io::ErrorKind::UnexpectedEof.into()), None))
    })
}

fn endless(first: Bytes) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(first), |first| async move {
        let part = first.unwrap_or_else(|| Bytes::from_static(&[b' '; 8192]));
        Some((Ok(part), None))
    })
}

fn slow(bytes: Bytes, interval: Duration) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(bytes, move |mut bytes| async move {
        if bytes.is_empty() {
            return None;
        }
        tokio::time::sleep(interval).await;
        let byte = bytes.split_to(1);
        Some((Ok(byte), bytes))
    })
}
