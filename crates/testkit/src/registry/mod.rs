//! A registry in this process, on loopback, in memory.
//!
//! It is strict: it refuses what the distribution specification lets a registry refuse, so that a client that
//! works here works elsewhere. Switches make it another kind of registry, [rules](Registry::rule) make it lie.
//! Every request is kept in a log. It runs on a thread of its own with its own runtime, so that tests with and
//! without a runtime can use it, and stops when it is dropped. It never asks anybody anything.

mod access;
mod blobs;
mod listing;
mod lying;
mod manifests;
mod route;
mod server;
mod settings;
mod store;
mod uploads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use waxseal_core::Digest;

pub use access::TokenRequest;
pub use settings::{Access, Settings};
pub use store::StoredManifest;

pub use crate::serving::log::{Request, round_trips};
pub use crate::serving::rule::{Behaviour, Match};

use server::{State, router};

use crate::serving::rule::Rule;
use crate::serving::server::Server;
use crate::serving::tls::Pki;

/// A running registry. Switches are set as it is started, or later by [`Registry::change`]:
///
/// ```
/// use waxseal_testkit::{Behaviour, Match, Registry};
/// let registry = Registry::start().without_referrers_api().with_basic("robot", "example");
/// registry.rule(Match::get("/manifests/").times(2), Behaviour::status(503));
/// assert!(registry.url("/v2/").starts_with("http://127.0.0.1:"));
/// ```
#[derive(Debug)]
pub struct Registry {
    state: Arc<State>,
    pki: Option<Pki>,
    server: Server,
}

impl Registry {
    /// A registry by plain http.
    pub fn start() -> Self {
        let state = Arc::new(State::new("http"));
        let server = Server::start(router(Arc::clone(&state)), None);
        Self { state, pki: None, server }
    }

    /// A registry by https, for `localhost` and `127.0.0.1`, with HTTP/1.1 and HTTP/2; its authority is [`Registry::ca_pem`].
    pub fn start_tls() -> Self {
        Self::tls(false)
    }

    /// A registry by https that asks for a client certificate, which is [`Registry::client_pem`].
    pub fn start_mutual_tls() -> Self {
        Self::tls(true)
    }

    fn tls(mutual: bool) -> Self {
        let pki = Pki::new();
        let state = Arc::new(State::new("https"));
        let server = Server::start(router(Arc::clone(&state)), Some(pki.acceptor(mutual)));
        Self { state, pki: Some(pki), server }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// `127.0.0.1` and the port: what stands before the first slash of an image name.
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.state.scheme, self.address())
    }

    /// The name of an image here, as in `127.0.0.1:4321/app:1.0`.
    pub fn image(&self, repository: &str, reference: &str) -> String {
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{}/{repository}{separator}{reference}", self.host())
    }

    /// The certificate authority of a registry by https, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.pki.as_ref().expect("only a registry by https has an authority").authority
    }

    /// A client certificate and its private key, in PEM, that the authority made.
    pub fn client_pem(&self) -> (&str, &str) {
        let pki = self.pki.as_ref().expect("only a registry by https has an authority");
        (&pki.client, &pki.client_key)
    }
}

/// Switches.
impl Registry {
    /// Changes switches while it runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.settings.lock().unwrap());
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.change(change);
        self
    }

    /// Answers 404 to the referrers API, as docker-registry 2.8.2 does.
    #[must_use]
    pub fn without_referrers_api(self) -> Self {
        self.with(|settings| settings.referrers_api = false)
    }

    /// Answers 404 to the catalogue, as registries of many tenants do.
    #[must_use]
    pub fn without_catalog(self) -> Self {
        self.with(|settings| settings.catalog = false)
    }

    /// Takes manifests whose blobs or children are missing.
    #[must_use]
    pub fn accept_missing_blobs(self) -> Self {
        self.with(|settings| settings.missing_blobs = true)
    }

    /// Answers 202 to a POST with digest and body.
    #[must_use]
    pub fn without_single_post(self) -> Self {
        self.with(|settings| settings.single_post = false)
    }

    /// Answers 202 to a mount.
    #[must_use]
    pub fn without_mounts(self) -> Self {
        self.with(|settings| settings.mounts = false)
    }

    /// Answers 405 to DELETE.
    #[must_use]
    pub fn without_deletes(self) -> Self {
        self.with(|settings| settings.deletes = false)
    }

    /// Manifests have an `ETag`; `If-Match` and `If-None-Match` are obeyed.
    #[must_use]
    pub fn with_etags(self) -> Self {
        self.with(|settings| settings.etags = true)
    }

    /// At most so many entries on a page of tags or referrers.
    #[must_use]
    pub fn with_page_size(self, entries: usize) -> Self {
        self.with(|settings| settings.page_size = Some(entries))
    }

    /// Refuses to move a tag, with this status.
    #[must_use]
    pub fn with_immutable_tags(self, status: u16) -> Self {
        self.with(|settings| settings.immutable_tags = Some(status))
    }

    /// Waits before every answer.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        self.with(|settings| settings.delay = delay)
    }

    /// Asks for `Basic` credentials.
    #[must_use]
    pub fn with_basic(self, user: &str, password: &str) -> Self {
        let access = Access::Basic { user: user.to_owned(), password: password.to_owned() };
        self.with(|settings| settings.access = access)
    }

    /// Asks for a `Bearer` token, which its own `/token` gives for these credentials.
    #[must_use]
    pub fn with_bearer(self, user: &str, password: &str) -> Self {
        let access = Access::Bearer { user: user.to_owned(), password: password.to_owned() };
        self.with(|settings| settings.access = access)
    }

    /// The token endpoint takes this refresh token as well.
    #[must_use]
    pub fn with_refresh_token(self, token: &str) -> Self {
        self.with(|settings| settings.refresh_token = Some(token.to_owned()))
    }

    /// Names another token realm than its own.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        let realm = realm.into();
        self.with(|settings| settings.realm = Some(realm))
    }

    /// Takes the tokens that another registry's token endpoint gives, beside its own.
    #[must_use]
    pub fn with_tokens_of(self, other: &Self) -> Self {
        *self.state.foreign_tokens.lock().unwrap() = Some(Arc::clone(&other.state.tokens));
        self
    }

    /// Lets everybody pull.
    #[must_use]
    pub fn with_anonymous_pull(self) -> Self {
        self.with(|settings| settings.anonymous_pull = true)
    }

    /// Answers every request with a challenge, whatever credentials it has.
    #[must_use]
    pub fn challenge_always(self) -> Self {
        self.with(|settings| settings.challenge_always = true)
    }

    /// Forgets every token that was given.
    pub fn expire_tokens(&self) {
        self.state.tokens.lock().unwrap().forget();
    }

    /// What the token endpoint was asked for.
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        self.state.tokens.lock().unwrap().requests()
    }
}

/// Lies.
impl Registry {
    /// Lies from now on. All rules that match a request apply, in the order in which they were made; of those
    /// that answer in place of the registry, the first. What is answered with a challenge is not lied about.
    pub fn rule(&self, matches: Match, behaviour: Behaviour) {
        self.state.rules.lock().unwrap().push(Rule::new(matches, behaviour));
    }

    /// Lies from the beginning: as [`Registry::rule`].
    #[must_use]
    pub fn with_rule(self, matches: Match, behaviour: Behaviour) -> Self {
        self.rule(matches, behaviour);
        self
    }

    /// Is honest again.
    pub fn clear_rules(&self) {
        self.state.rules.lock().unwrap().clear();
    }
}

/// The log.
impl Registry {
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

    /// How many requests by `method` had `contains` in their path. An empty method is any.
    pub fn count(&self, method: &str, contains: &str) -> usize {
        let counts = |request: &&Request| {
            (method.is_empty() || request.method == method) && request.path.contains(contains)
        };
        self.requests().iter().filter(counts).count()
    }

    /// The most requests that were answered at one time.
    pub fn max_in_flight(&self) -> usize {
        self.state.log.lock().unwrap().max_in_flight()
    }

    /// [`round_trips`] of the log.
    pub fn round_trips(&self) -> usize {
        round_trips(&self.requests())
    }
}

/// What is stored. These go round the protocol: no credentials, no rules, no log.
impl Registry {
    /// Stores a blob and says its digest, by SHA-256.
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.state.store.lock().unwrap().repository(repository).blobs.insert(digest, bytes);
        digest
    }

    /// Stores a manifest under a tag, or under its digest, and says the digest. What it names need not be there.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        self.state.store.lock().unwrap().put_manifest(repository, reference, media_type, bytes.into())
    }

    /// Puts a tag on a manifest that is there, or moves it.
    pub fn tag(&self, repository: &str, tag: &str, digest: &Digest) {
        self.state.store.lock().unwrap().tag(repository, tag, digest);
    }

    /// Takes a tag away; whether there was one.
    pub fn remove_tag(&self, repository: &str, tag: &str) -> bool {
        self.state.store.lock().unwrap().repository(repository).tags.remove(tag).is_some()
    }

    /// Takes a manifest and its tags away; whether there was one.
    pub fn remove_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.state.store.lock().unwrap().remove_manifest(repository, digest)
    }

    /// Takes a blob away; whether there was one.
    pub fn remove_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.state.store.lock().unwrap().repository(repository).blobs.remove(digest).is_some()
    }

    /// Puts other bytes in the place of a manifest or blob, under the old digest: a store that has rotted.
    pub fn corrupt(&self, repository: &str, digest: &Digest, bytes: impl Into<Bytes>) {
        self.state.store.lock().unwrap().corrupt(repository, digest, &bytes.into());
    }

    /// A manifest by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<StoredManifest> {
        self.state.store.lock().unwrap().manifest(repository, reference)
    }

    /// A blob.
    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Bytes> {
        self.state.store.lock().unwrap().repository(repository).blobs.get(digest).cloned()
    }

    /// The tags of a repository, in order.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.state.store.lock().unwrap().repository(repository).tags.keys().cloned().collect()
    }

    /// The digests of the manifests of a repository, in order.
    pub fn manifests(&self, repository: &str) -> Vec<Digest> {
        self.state.store.lock().unwrap().repository(repository).manifests.keys().copied().collect()
    }

    /// The digests of the blobs of a repository, in order.
    pub fn blobs(&self, repository: &str) -> Vec<Digest> {
        self.state.store.lock().unwrap().repository(repository).blobs.keys().copied().collect()
    }

    /// The manifests whose subject is `digest`, whether or not there is an API to list them.
    pub fn referrers(&self, repository: &str, digest: &Digest) -> Vec<StoredManifest> {
        self.state.store.lock().unwrap().referrers(repository, digest)
    }

    /// The repositories that hold something, in order.
    pub fn repositories(&self) -> Vec<String> {
        self.state.store.lock().unwrap().names()
    }

    /// Uploads that were begun and not ended.
    pub fn open_uploads(&self) -> usize {
        self.state.store.lock().unwrap().uploads.len()
    }
}
