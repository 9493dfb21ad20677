//! The way of one request: log, delay, access, lies, protocol, lies.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;

use super::access::{self, Tokens};
use super::route::Route;
use super::settings::Settings;
use super::store::Store;
use super::{blobs, listing, lying, manifests, uploads};
use crate::serving::answer::{Answer, Delivery};
use crate::serving::connection::Connection;
use crate::serving::log::{Log, Request};
use crate::serving::rule::Rule;
use crate::serving::server::{BODY_BYTES, pause, send};

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

/// What answers the requests.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(serve).with_state(state)
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
        Route::Catalog => listing::catalog(&store, &settings, call),
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
