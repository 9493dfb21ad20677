//! One request and the head of its answer: connection pools, TLS, and what a failure means.
//!
//! TLS and the system's roots are set up when the first https connection is made. Redirects, credentials and
//! retries are not known here; cookies, compression and `Referer` are off. The proxies of the environment
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) are used, but never for loopback, and not together with a
//! server name of one's own.
//!
//! What a person set for a registry holds for that registry alone ([`Peer`]): a token service, a server that it leads
//! to, or the address of a key is another party, and whoever stands there must not gain from `--allow-insecure-registry`.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io::ErrorKind as IoKind;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use reqwest::{Body, Certificate, Identity, Method, Response, redirect};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls;
use url::Url;
use zeroize::Zeroizing;

use super::address::{Origin, is_loopback};
use super::options::ClientOptions;
use crate::error::{Error, ErrorKind};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The connections of a client.
pub(crate) struct Transport {
    tls: Tls,
    offline: bool,
    user_agent: String,
    connect: Duration,
    pools: Mutex<HashMap<Pool, reqwest::Client>>,
}

/// What a person set about TLS.
struct Tls {
    roots: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    any_certificate: bool,
    server_name: Option<String>,
}

/// Who is spoken to, and so which settings hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Peer {
    /// The registry that a person named, at its own host and port: every setting.
    Registry,
    /// Whoever that registry names, as a token service or by a redirect: its certificate authorities, nothing else.
    Named,
    /// A server that has nothing to do with a registry: none.
    Other,
}

/// Connections that share a set-up.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Pool {
    peer: Peer,
    secure: bool,
    loopback: bool,
    /// The host that is connected to under another name.
    aimed: Option<String>,
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Another try may help.
    pub(crate) transient: bool,
    /// The request may have left.
    pub(crate) connected: bool,
    /// Nobody speaks TLS there.
    pub(crate) speaks_no_tls: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, transient: false, connected: true, speaks_no_tls: false }
    }
}

impl Transport {
    /// Takes the settings; TLS material that does not hold is an error now, not at the first connection.
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(ErrorKind::Configuration, what.to_owned());
        let mut roots = Vec::new();
        for pem in &options.ca_certificates {
            let found = Certificate::from_pem_bundle(pem).map_err(|error| {
                wrong("the certificate authorities are not PEM").caused_by(error.without_url())
            })?;
            if found.is_empty() {
                return Err(wrong("the PEM of the certificate authorities holds no certificate"));
            }
            roots.extend(found);
        }
        let identity = options.client_identity.as_ref().map(|identity| {
            let mut pem = Zeroizing::new(identity.certificates.clone());
            pem.push(b'\n');
            pem.extend_from_slice(identity.key.expose().as_bytes());
            Identity::from_pem(&pem).map_err(|_| {
                wrong("the client certificate and key are not a PEM certificate and an unencrypted PEM key")
            })
        });
        let server_name = options.server_name.clone();
        if let Some(name) = &server_name
            && !Origin::new(true, name)
                .is_ok_and(|origin| origin.authority() == *name && !name.contains(['[', ':']))
        {
            return Err(wrong("the server name of the registry is not a host name"));
        }
        let tls = Tls {
            roots: (!roots.is_empty()).then_some(roots),
            identity: identity.transpose()?,
            any_certificate: options.allow_insecure,
            server_name,
        };
        let connect = CONNECT.min(options.deadline);
        let transport = Self {
            tls,
            offline: options.offline,
            user_agent: options.user_agent.clone(),
            connect,
            pools: Mutex::default(),
        };
        if transport.tls.roots.is_some() || transport.tls.identity.is_some() {
            let mut trial =
                reqwest::Client::builder().tls_certs_only(transport.tls.roots.clone().unwrap_or_default());
            if let Some(identity) = &transport.tls.identity {
                trial = trial.identity(identity.clone());
            }
            trial.build().map_err(|error| {
                wrong("the TLS certificates or the client key do not hold").caused_by(error.without_url())
            })?;
        }
        HeaderValue::from_str(&options.user_agent).map_err(|_| wrong("the user agent is no header value"))?;
        Ok(transport)
    }

    /// Sends one request and waits for the head of the answer. `registry` is the one on whose behalf it is sent; none
    /// for an address that a person named. `until` is none where a body of any size is sent.
    pub(crate) async fn send(
        &self,
        registry: Option<&Origin>,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Option<Body>,
        until: Option<Instant>,
    ) -> Result<Response, Failure> {
        let origin = Origin::of(url).ok_or_else(|| {
            Error::new(ErrorKind::RefusedAddress, "an address that is neither https nor http")
        })?;
        if self.offline {
            return Err(Error::new(
                ErrorKind::Offline,
                format!("{origin} was not asked: the network is switched off"),
            )
            .into());
        }
        let peer = match registry {
            Some(registry) if *registry == origin => Peer::Registry,
            Some(_) => Peer::Named,
            None => Peer::Other,
        };
        let mut target = url.clone();
        let aimed = self
            .tls
            .server_name
            .as_ref()
            .filter(|name| peer == Peer::Registry && origin.is_secure() && *name != origin.host());
        if let Some(name) = aimed {
            let host = HeaderValue::from_str(&origin.authority()).map_err(|error| {
                Error::new(ErrorKind::InvalidName, "a host that is no header value").caused_by(error)
            })?;
            headers.insert(HOST, host);
            target.set_host(Some(name)).map_err(|error| {
                Error::new(ErrorKind::Configuration, "the server name is no host").caused_by(error)
            })?;
        }
        let pool = Pool {
            peer,
            secure: origin.is_secure(),
            loopback: is_loopback(origin.host()),
            aimed: aimed.map(|_| origin.host().to_owned()),
        };
        let client = self.client(pool)?;
        let mut request = reqwest::Request::new(method.clone(), target);
        *request.headers_mut() = headers;
        *request.body_mut() = body;
        let sent = match until {
            Some(until) => timeout_at(until, client.execute(request)).await.map_err(|_| late(&origin))?,
            None => client.execute(request).await,
        };
        let response = sent.map_err(|error| failure(&origin, error))?;
        tracing::debug!(%method, %origin, path = url.path(), status = response.status().as_u16(), "request");
        Ok(response)
    }

    fn client(&self, pool: Pool) -> Result<reqwest::Client, Error> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = pools.get(&pool) {
            return Ok(client.clone());
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect);
        if pool.secure {
            let own = pool.peer == Peer::Registry;
            builder = builder.tls_danger_accept_invalid_certs(own && self.tls.any_certificate);
            if let Some(roots) = self.tls.roots.as_ref().filter(|_| pool.peer != Peer::Other) {
                builder = builder.tls_certs_only(roots.clone());
            }
            if let Some(identity) = self.tls.identity.as_ref().filter(|_| own) {
                builder = builder.identity(identity.clone());
            }
        } else {
            // No certificate is ever looked at here, so none is loaded.
            builder = builder.tls_certs_only([]);
        }
        if pool.loopback || pool.aimed.is_some() {
            builder = builder.no_proxy();
        }
        if let Some(host) = &pool.aimed {
            // Over HTTP/2 the name in the address would be the one that the registry sees.
            builder = builder.http1_only().dns_resolver(Aim { host: host.clone() });
        }
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Tls, "TLS cannot be set up").caused_by(error.without_url())
        })?;
        pools.insert(pool, client.clone());
        Ok(client)
    }
}

/// Finds the registry's addresses where the address of the request carries another name.
struct Aim {
    host: String,
}

impl Resolve for Aim {
    fn resolve(&self, _: Name) -> Resolving {
        let host = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// Reads a body up to `limit` bytes.
pub(crate) async fn body(response: &mut Response, limit: u64, until: Instant) -> Result<Bytes, Failure> {
    let origin = Origin::of(response.url());
    let shown = || origin.as_ref().map(Origin::to_string).unwrap_or_default();
    let too_large = || {
        let context = format!("the answer of {} is larger than {limit} bytes", shown());
        Failure::from(Error::new(ErrorKind::LimitExceeded, context))
    };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut all: Vec<u8> = Vec::new();
    loop {
        let chunk = match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(all.into()),
            Ok(Err(error)) => return Err(broken(&shown(), error)),
            Err(_) => {
                let context = format!("the answer of {} did not end in time", shown());
                return Err(Error::new(ErrorKind::Timeout, context).into());
            }
        };
        if (all.len() as u64).saturating_add(chunk.len() as u64) > limit {
            return Err(too_large());
        }
        all.extend_from_slice(&chunk);
    }
}

/// A body that broke off.
pub(crate) fn broken(origin: &str, error: reqwest::Error) -> Failure {
    let error = Error::new(ErrorKind::Transport, format!("the answer of {origin} broke off"))
        .caused_by(error.without_url());
    Failure { error, transient: true, connected: true, speaks_no_tls: false }
}

fn late(origin: &Origin) -> Failure {
    Error::new(ErrorKind::Timeout, format!("{origin} did not answer in time")).into()
}

fn failure(origin: &Origin, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let connect = error.is_connect();
    let timeout = error.is_timeout();
    let tls = tls_error(&error);
    let not_tls = matches!(tls, Some(rustls::Error::InvalidMessage(_)));
    let closed = io_errors(&error).any(|io| {
        matches!(io.kind(), IoKind::ConnectionRefused | IoKind::ConnectionReset | IoKind::UnexpectedEof)
    });
    let is_tls = tls.is_some();
    let (kind, what) = match (is_tls, timeout, connect) {
        (true, ..) => (ErrorKind::Tls, "TLS failed"),
        (_, true, _) => (ErrorKind::Timeout, "no connection in time"),
        (_, _, true) => (ErrorKind::Transport, "no connection"),
        _ => (ErrorKind::Transport, "the connection broke"),
    };
    Failure {
        error: Error::new(kind, format!("{origin}: {what}")).caused_by(error),
        transient: !is_tls,
        connected: !connect,
        speaks_no_tls: connect && (not_tls || closed),
    }
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

/// Those of input and output. One that wraps another does not name it as its source.
fn io_errors<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a std::io::Error> {
    sources(error).filter_map(|error| error.downcast_ref()).flat_map(|io| {
        std::iter::successors(Some(io), |io: &&'a std::io::Error| io.get_ref()?.downcast_ref())
    })
}

fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    sources(error).find_map(|error| error.downcast_ref())
}
