//! A JFrog platform in this process: as much of Xray's REST API as a client of one image needs, and the checksum
//! search of its Artifactory.
//!
//! It follows the documented behaviour, with what makes clients fail: 200 with errors, an answer about nothing, scans
//! that take their time, pages of 25. [Rules](Xray::rule) make it lie, as a [registry](crate::registry) does; every
//! request is kept in a log. It shares no code with the client that it tests.

mod answers;
mod artifact;
mod settings;
mod zip;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::Response;

pub use artifact::Artifact;
pub use settings::Settings;
pub use zip::zip;

use crate::serving::answer::{Answer, Delivery};
use crate::serving::connection::Connection;
use crate::serving::lies;
use crate::serving::log::{Log, Request};
use crate::serving::rule::{Behaviour, Match, Rule};
use crate::serving::server::{BODY_BYTES, Server, pause, send};
use crate::serving::tls::Pki;

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever shows this token as `Bearer`.
    Token(String),
    /// Whoever shows this user and password, or token, as `Basic`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

/// A running platform.
///
/// ```
/// use waxseal_core::Digest;
/// use waxseal_testkit::xray::{Artifact, Xray};
/// let xray = Xray::start().with_token("t0ken");
/// xray.add(Artifact::new("docker-local", "app/1.0/manifest.json", &Digest::of("a manifest")));
/// assert!(xray.url().starts_with("http://127.0.0.1:"));
/// ```
#[derive(Debug)]
pub struct Xray {
    state: Arc<State>,
    pki: Option<Pki>,
    server: Server,
}

#[derive(Debug)]
struct State {
    scheme: &'static str,
    settings: Mutex<Settings>,
    artifacts: Mutex<Vec<Artifact>>,
    log: Mutex<Log>,
    rules: Mutex<Vec<Rule>>,
}

impl Xray {
    /// A platform by plain http.
    pub fn start() -> Self {
        Self::run("http", None)
    }

    /// A platform by https, for `localhost` and `127.0.0.1`; its authority is [`Xray::ca_pem`].
    pub fn start_tls() -> Self {
        Self::run("https", Some(Pki::new()))
    }

    fn run(scheme: &'static str, pki: Option<Pki>) -> Self {
        let state = Arc::new(State {
            scheme,
            settings: Mutex::default(),
            artifacts: Mutex::default(),
            log: Mutex::default(),
            rules: Mutex::default(),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&state));
        let server = Server::start(router, pki.as_ref().map(|pki| pki.acceptor(false)));
        Self { state, pki, server }
    }

    /// The address of the platform, as `JF_URL` has it.
    pub fn url(&self) -> String {
        let base = self.state.settings.lock().unwrap().base.clone();
        format!("{}://{}{base}", self.state.scheme, self.server.address)
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.server.address.to_string()
    }

    /// The certificate authority of a platform by https, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.pki.as_ref().expect("only a platform by https has an authority").authority
    }

    /// Changes switches while it runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.settings.lock().unwrap());
    }

    /// Lets in whoever shows this token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.change(|settings| settings.access = Access::Token(token.to_owned()));
        self
    }

    /// Lets in whoever shows this user and password.
    #[must_use]
    pub fn with_basic(self, user: &str, password: &str) -> Self {
        let access = Access::Basic { user: user.to_owned(), password: password.to_owned() };
        self.change(|settings| settings.access = access);
        self
    }

    /// Stands below a path, as behind a reverse proxy: `/jfrog`.
    #[must_use]
    pub fn with_base(self, base: &str) -> Self {
        self.change(|settings| base.clone_into(&mut settings.base));
        self
    }

    /// Is as old as 3.34: no `artifact/status`, and first versions only.
    #[must_use]
    pub fn old(self) -> Self {
        self.change(|settings| {
            "3.34.1".clone_into(&mut settings.version);
            settings.artifact_status = false;
            settings.second_versions = false;
        });
        self
    }

    /// Makes an artifact known; one at the same place goes.
    pub fn add(&self, artifact: Artifact) {
        let mut artifacts = self.state.artifacts.lock().unwrap();
        artifacts.retain(|known| (&known.repository, &known.path) != (&artifact.repository, &artifact.path));
        artifacts.push(artifact);
    }

    /// Lies from now on: as [`crate::Registry::rule`].
    pub fn rule(&self, matches: Match, behaviour: Behaviour) {
        self.state.rules.lock().unwrap().push(Rule::new(matches, behaviour));
    }

    /// Is honest again.
    pub fn clear_rules(&self) {
        self.state.rules.lock().unwrap().clear();
    }

    /// Every request, in the order in which they began.
    pub fn requests(&self) -> Vec<Request> {
        self.state.log.lock().unwrap().all()
    }

    /// Method and path of every request.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    /// Forgets the requests until now.
    pub fn clear_requests(&self) {
        self.state.log.lock().unwrap().clear();
    }

    /// How many requests had `contains` in their path.
    pub fn count(&self, contains: &str) -> usize {
        self.requests().iter().filter(|request| request.path.contains(contains)).count()
    }
}

async fn serve(
    Extract(state): Extract<Arc<State>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let number = state.log.lock().unwrap().begin(Request::new(&parts));
    let body = to_bytes(body, BODY_BYTES).await.unwrap_or_default();
    {
        let mut log = state.log.lock().unwrap();
        log.body(number, &body, false);
        log.json(number, &body);
    }
    let call = answers::Call::new(&parts, body, state.scheme);
    let told: Vec<(Behaviour, u32)> = state
        .rules
        .lock()
        .unwrap()
        .iter_mut()
        .filter_map(|rule| rule.apply(&call.method, &call.path))
        .collect();
    pause(lies::delay(&told)).await;
    let instead = told.iter().find_map(|(lie, _)| lies::instead(lie, &call.path));
    let mut answer = instead.unwrap_or_else(|| answers::honest(&state, &call));
    for (lie, _) in &told {
        lies::change(lie, &mut answer);
    }
    let status = if matches!(answer.delivery, Delivery::Reset) { 0 } else { answer.status };
    state.log.lock().unwrap().end(number, status);
    send(answer, &parts.method, &connection)
}

/// An error in Artifactory's form.
fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        "application/json",
        &serde_json::json!({ "errors": [{ "status": status, "message": message }] }),
    )
}
