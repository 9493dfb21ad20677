//! A registry, spoken to by the OCI distribution protocol.
//!
//! [`Client`] holds what is shared between registries: connections, tokens, and what was learned about each
//! registry. [`Registry`] is one repository seen through it. Both are cheap to clone. Neither knows what the
//! objects mean that it moves.
//!
//! **What it withstands.** Every body is read up to a limit and hashed before it is handed out. Credentials go to
//! the registry's own origin and to a token service that rule C1 allows, and nowhere else. Redirects are followed
//! by hand, at most three, never from https to http and never to an address of the inner network. Foreign layers
//! (`urls`) are never followed. A manifest, a listing or a token has to come within the deadline; a transfer of a
//! blob may take any time as long as it moves.
//!
//! **Which scheme is spoken** (rule C2). Loopback literals and `localhost`: http, or https where certificate
//! authorities, a client certificate or a server name are set. Hosts of [`PlainHttp::Named`]: http. All others:
//! https, with certificates verified unless [`ClientOptions::allow_insecure`] is set. Under [`PlainHttp::Every`],
//! and for loopback under `allow_insecure`, https is tried first and http follows only if nobody listens there or
//! the answer is not TLS; a certificate that does not hold is an error. What was found is kept for the registry.
//!
//! **How it logs in.** Without asking first: a registry that wants credentials says so (401), and the way it names
//! is then kept. Tokens are kept for each repository and kind of access until they end; a second 401 is an error.

mod address;
mod auth;
mod blob;
mod catalog;
mod challenge;
mod download;
mod listing;
mod login;
mod manifest;
mod options;
mod probe;
mod realm;
mod referrers;
mod request;
mod retry;
mod status;
mod tag;
mod token;
mod transport;
mod upload;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;
use waxseal_core::Repository;

use self::address::Origin;
use self::auth::Grants;
use self::challenge::Challenge;
use self::transport::Transport;
use crate::error::{Error, ErrorKind};

pub use catalog::Catalog;
pub use login::LoginCheck;
pub use manifest::PutManifest;
pub use options::{AbsentStatus, ClientIdentity, ClientOptions, Login, PlainHttp, Retries};
pub use probe::{Challenged, Greeting, ManifestProbe, Observed, UploadProbe};
pub use referrers::PutReferrer;
pub(crate) use tag::Known;
pub use tag::{TagChange, TagUpdate};

/// How long a repository is remembered not to have the referrers API.
const UNSUPPORTED: Duration = Duration::from_mins(10);
/// Most repositories of a registry of which that is remembered.
const WITHOUT_REFERRERS: usize = 1_024;
/// Most registries that are remembered; a webhook sees hosts without end.
const HOSTS: usize = 1_024;

/// What is shared between registries. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// One repository of a registry. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    host: Arc<HostState>,
    repository: Repository,
}

struct Shared {
    options: ClientOptions,
    transport: Transport,
    grants: Grants,
    hosts: Mutex<HashMap<String, Arc<HostState>>>,
}

/// What was learned about a registry.
struct HostState {
    secure: AtomicBool,
    may_fall_back: AtomicBool,
    challenge: Mutex<Option<Challenge>>,
    /// Repositories without the referrers API, by path, and until when that is believed. A proxy of several registries
    /// has it in some and not in others.
    no_referrers: Mutex<HashMap<String, Instant>>,
    no_single_post: AtomicBool,
}

impl Client {
    /// A client with these settings. A setting that does not hold is an error here, not a default (TLS material
    /// that does not parse, a realm that is no host, a status other than 403 for absence).
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let wrong = |why: String| Err(Error::new(ErrorKind::Configuration, why));
        for name in named(&options) {
            let valid = Origin::new(true, name).is_ok() && !name.contains(['/', '@', '?', '#', '\\', ' ']);
            if !valid {
                return wrong(format!("{name:?} is not host or host:port"));
            }
        }
        if let Some(status) = options.absent_statuses.iter().find(|absent| absent.status != 403) {
            return wrong(format!("{} cannot mean that an object is absent: only 403 can", status.status));
        }
        let transport = Transport::new(&options)?;
        let shared = Shared { options, transport, grants: Grants::default(), hosts: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A repository, seen through this client. No connection is made yet.
    pub fn repository(&self, repository: &Repository) -> Registry {
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS {
            hosts.clear();
        }
        let host = hosts
            .entry(repository.api_host().to_owned())
            .or_insert_with(|| Arc::new(HostState::new(&self.shared.options, repository)));
        Registry { shared: Arc::clone(&self.shared), host: Arc::clone(host), repository: repository.clone() }
    }
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Registry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Registry").field("repository", &self.repository).finish_non_exhaustive()
    }
}

impl Registry {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn origin(&self) -> Result<Origin, Error> {
        Origin::new(self.host.secure.load(Ordering::Acquire), self.repository.api_host())
    }

    /// The address of a part of the repository: `manifests/latest`.
    fn url(&self, part: &str) -> Result<Url, Error> {
        self.origin()?.url(&format!("/v2/{}/{part}", self.repository.path()))
    }

    /// Goes on in plain http where that is allowed and nobody has spoken TLS there yet.
    fn fall_back_to_http(&self) -> bool {
        let may = self.host.may_fall_back.load(Ordering::Acquire);
        if may {
            self.host.secure.store(false, Ordering::Release);
        }
        may
    }

    /// Notes that the registry speaks TLS: from now on it has to.
    fn spoke_tls(&self) {
        self.host.may_fall_back.store(false, Ordering::Release);
    }

    /// Whether an answer means that the object is not there (rule L2). It counts too behind a redirect: a registry
    /// that lets another one answer for it also lets it say no.
    fn is_absent(&self, answer: &request::Answer) -> bool {
        let named = |absent: &AbsentStatus| {
            absent.status == answer.status.as_u16()
                && absent
                    .registry
                    .as_ref()
                    .is_none_or(|registry| registry.eq_ignore_ascii_case(self.repository.registry()))
        };
        match answer.status.as_u16() {
            404 => true,
            403 if answer.withheld.is_none() => self.shared.options.absent_statuses.iter().any(named),
            _ => false,
        }
    }
}

impl HostState {
    fn new(options: &ClientOptions, repository: &Repository) -> Self {
        let has_tls = !options.ca_certificates.is_empty()
            || options.client_identity.is_some()
            || options.server_name.is_some();
        let (secure, may_fall_back) = match &options.plain_http {
            _ if repository.is_loopback() => {
                (has_tls || options.allow_insecure, options.allow_insecure && !has_tls)
            }
            PlainHttp::Named(_) if options.plain_http.allows(repository.registry()) => (false, false),
            PlainHttp::Every => (true, true),
            PlainHttp::Named(_) | PlainHttp::Loopback => (true, false),
        };
        Self {
            secure: AtomicBool::new(secure),
            may_fall_back: AtomicBool::new(may_fall_back),
            challenge: Mutex::default(),
            no_referrers: Mutex::default(),
            no_single_post: AtomicBool::new(false),
        }
    }

    fn has_no_referrers(&self, path: &str) -> bool {
        let known = self.no_referrers.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).is_some_and(|until| Instant::now() < *until)
    }

    fn note_no_referrers(&self, path: &str) {
        let Some(until) = Instant::now().checked_add(UNSUPPORTED) else { return };
        let mut known = self.no_referrers.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= WITHOUT_REFERRERS {
            known.clear();
        }
        known.insert(path.to_owned(), until);
    }
}

fn named(options: &ClientOptions) -> impl Iterator<Item = &String> {
    let plain = match &options.plain_http {
        PlainHttp::Named(names) => names.as_slice(),
        PlainHttp::Loopback | PlainHttp::Every => &[],
    };
    let login = options.login.iter().map(|login| &login.registry);
    let absent = options.absent_statuses.iter().filter_map(|absent| absent.registry.as_ref());
    options.auth_realms.iter().chain(plain).chain(login).chain(absent)
}
