//! Settings of the client.

use std::time::Duration;

use super::address::Platform;
use super::credential::Credential;

/// Time for one request with its repetitions, in seconds.
pub const REQUEST_SECONDS: u64 = 60;
/// Time for an export, which Xray writes while it is waited for, in seconds.
pub const EXPORT_SECONDS: u64 = 300;

/// Settings of an [`Xray`](super::Xray). Nothing is read from the environment, but for the proxies that the HTTP
/// library finds there (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), which are used, though never for loopback.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct XrayOptions {
    /// Where the platform stands.
    pub platform: Platform,
    /// Who asks. It goes to the platform's own origin and nowhere else.
    pub credential: Credential,
    /// The project whose scope is asked in (`--project`).
    pub project: Option<String>,
    /// The only certificate authorities that are trusted, each a PEM text of one or more certificates. Empty: those
    /// of the system.
    pub ca_certificates: Vec<Vec<u8>>,
    /// Open no connection at all (`--offline`).
    pub offline: bool,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Most repetitions of one request after 429, 5xx or a broken connection.
    pub retries: u32,
    /// Pause before the first repetition; it doubles from there, with jitter.
    pub pause: Duration,
    /// Time for one request with its repetitions.
    pub deadline: Duration,
    /// Time for an export.
    pub export_deadline: Duration,
}

impl XrayOptions {
    /// The usual settings for a platform, without credentials.
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            credential: Credential::Anonymous,
            project: None,
            ca_certificates: Vec::new(),
            offline: false,
            user_agent: concat!("waxseal/", env!("CARGO_PKG_VERSION")).to_owned(),
            retries: 4,
            pause: Duration::from_millis(250),
            deadline: Duration::from_secs(REQUEST_SECONDS),
            export_deadline: Duration::from_secs(EXPORT_SECONDS),
        }
    }
}
