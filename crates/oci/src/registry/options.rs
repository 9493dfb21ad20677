//! The settings of a client, as values: nothing here reads the environment or a file.

use std::time::Duration;

use waxseal_core::limits::{STALL_SECONDS, VERIFY_SECONDS};

use crate::credential::{Credential, CredentialSources, Secret};

/// The settings of a [`Client`](super::Client). The default speaks https to everything but loopback, verifies
/// certificates against the system's roots, and goes without credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Where plain http may be spoken besides loopback (`--allow-http-registry`; rule C2).
    pub plain_http: PlainHttp,
    /// Accept any TLS certificate of a registry, at its own host and port (`--allow-insecure-registry`). Token services,
    /// servers that it leads to and downloads are not meant.
    pub allow_insecure: bool,
    /// The only certificate authorities that are trusted for a registry, its token service and the servers that it leads
    /// to, each a PEM text of one or more certificates (`--registry-cacert`). Empty: those of the system, which downloads
    /// always go by.
    pub ca_certificates: Vec<Vec<u8>>,
    /// The certificate that the client shows to a registry, at its own host and port (`--registry-client-cert`,
    /// `--registry-client-key`).
    pub client_identity: Option<ClientIdentity>,
    /// The name that a registry's certificate must carry in place of its host (`--registry-server-name`). The certificates
    /// of token services and of servers that it leads to carry their own.
    pub server_name: Option<String>,
    /// Credentials that were given directly; they win over files.
    pub login: Option<Login>,
    /// Where credential files are.
    pub credentials: CredentialSources,
    /// Token services, as `host` or `host:port`, that may get the credentials of a registry elsewhere
    /// (`--auth-realm`; rule C1).
    pub auth_realms: Vec<String>,
    /// Registries that answer 403 for what is not there (`--absent-status 403`; rule L2).
    pub absent_statuses: Vec<AbsentStatus>,
    /// Open no connection at all (`--offline`).
    pub offline: bool,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// How often a request is repeated.
    pub retries: Retries,
    /// Time for one operation with all its retries, redirects and token requests. Transfers of blobs have none.
    pub deadline: Duration,
    /// Time that a transfer may stand still.
    pub stall: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            plain_http: PlainHttp::Loopback,
            allow_insecure: false,
            ca_certificates: Vec::new(),
            client_identity: None,
            server_name: None,
            login: None,
            credentials: CredentialSources::default(),
            auth_realms: Vec::new(),
            absent_statuses: Vec::new(),
            offline: false,
            user_agent: concat!("waxseal/", env!("CARGO_PKG_VERSION")).to_owned(),
            retries: Retries::default(),
            deadline: Duration::from_secs(VERIFY_SECONDS),
            stall: Duration::from_secs(STALL_SECONDS),
        }
    }
}

/// Where plain http may be spoken (rule C2, T-57).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlainHttp {
    /// To loopback address literals and `localhost` only.
    #[default]
    Loopback,
    /// To these registries too, each as `host` or `host:port`.
    Named(Vec<String>),
    /// To any registry that does not speak TLS. TLS is tried first; a certificate that does not hold is an error,
    /// never a reason to go on in the clear.
    Every,
}

impl PlainHttp {
    /// Whether plain http may be spoken to this `host[:port]`, loopback aside.
    pub(super) fn allows(&self, registry: &str) -> bool {
        match self {
            Self::Loopback => false,
            Self::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(registry)),
            Self::Every => true,
        }
    }
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The certificate and, behind it, those that lead to a root.
    pub certificates: Vec<u8>,
    /// The key, not encrypted: PKCS#8, PKCS#1 or SEC1.
    pub key: Secret,
}

impl ClientIdentity {
    /// A certificate and its key.
    pub fn new(certificates: impl Into<Vec<u8>>, key: Secret) -> Self {
        Self { certificates: certificates.into(), key }
    }
}

/// Credentials that were given directly.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The one registry that they are for, as `host[:port]`. (cosign sends them to every registry that it reaches.)
    pub registry: String,
    /// The credentials.
    pub credential: Credential,
}

impl Login {
    /// Credentials for a registry.
    pub fn new(registry: impl Into<String>, credential: Credential) -> Self {
        Self { registry: registry.into(), credential }
    }
}

/// A status that means "not there" (rule L2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbsentStatus {
    /// The registry, as `host[:port]`. None: every registry.
    pub registry: Option<String>,
    /// The status: 403 is the only one.
    pub status: u16,
}

impl AbsentStatus {
    /// A status of one registry, or of all.
    pub const fn new(registry: Option<String>, status: u16) -> Self {
        Self { registry, status }
    }
}

/// How often a request is repeated after 429, 5xx or a broken connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// Most repetitions of one request.
    pub most: u32,
    /// Pause before the first repetition; it doubles from there, with jitter. A longer `Retry-After` is kept to.
    pub pause: Duration,
}

impl Retries {
    /// That many repetitions, the first after this pause.
    pub const fn new(most: u32, pause: Duration) -> Self {
        Self { most, pause }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { most: 4, pause: Duration::from_millis(250) }
    }
}
