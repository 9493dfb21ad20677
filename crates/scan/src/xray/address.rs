//! The address of a JFrog platform, and those of its services below it.
//!
//! What a person names is either the platform (`https://acme.jfrog.io`, as `JF_URL` has it) or its Xray
//! (`https://acme.jfrog.io/xray`): an address whose last part is not `xray` is the platform's. A base path in front of
//! it, as reverse proxies have, is kept.

use core::fmt;
use core::net::IpAddr;

use url::Url;

use super::error::{Error, ErrorKind};

/// Longest address that is read, in bytes.
const ADDRESS_BYTES: usize = 2_048;

/// Where a platform stands: https, or http on a loopback literal.
#[derive(Clone, PartialEq, Eq)]
pub struct Platform {
    /// Ends with a slash.
    base: Url,
}

impl Platform {
    /// Reads an address. No credentials, no query and no fragment may stand in it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::new(ErrorKind::Configuration, format!("the address of Xray {why}"));
        if text.len() > ADDRESS_BYTES {
            return Err(wrong("is too long"));
        }
        // The text is not repeated: what does not parse may hold a password.
        let mut base = Url::parse(text.trim())
            .map_err(|error| wrong("is none: expected https://HOST[/PATH]").caused_by(error))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("carries credentials: give the token in a file or in JF_ACCESS_TOKEN"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("carries a query or a fragment: expected https://HOST[/PATH]"));
        }
        let host = base.host_str().unwrap_or_default().to_owned();
        match base.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => {
                return Err(Error::new(
                    ErrorKind::PlainHttp,
                    format!("http://{host} would send the token in the clear: expected https"),
                ));
            }
            _ => return Err(wrong("is none: expected https://HOST[/PATH]")),
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/xray").unwrap_or(path).trim_end_matches('/').to_owned();
        base.set_path(&format!("{path}/"));
        Ok(Self { base })
    }

    /// The address of a part of Xray: `api/v1/system/version`.
    pub(super) fn xray(&self, part: &str) -> Url {
        self.below("xray", part)
    }

    /// The address of a part of Artifactory: `api/search/checksum`.
    pub(super) fn artifactory(&self, part: &str) -> Url {
        self.below("artifactory", part)
    }

    fn below(&self, service: &str, part: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{service}/{part}", self.base.path()));
        url
    }

    /// Whether no network but this machine's own loopback is behind it.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(self.base.host_str().unwrap_or_default())
    }

    /// Whether TLS is spoken.
    pub(super) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Whether another address has the same scheme, host and port.
    pub(super) fn has_origin_of(&self, other: &Url) -> bool {
        self.base.origin() == other.origin()
    }

    /// Host, and port where it is not the scheme's own.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// The address of Xray, as `https://acme.jfrog.io/xray`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}xray", self.origin(), self.base.path())
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a host is a loopback literal or `localhost`. A name that happens to lead there is none.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_and_its_xray_are_the_same_place() {
        for (text, xray) in [
            ("https://acme.jfrog.io", "https://acme.jfrog.io/xray"),
            ("https://acme.jfrog.io/", "https://acme.jfrog.io/xray"),
            ("https://acme.jfrog.io/xray", "https://acme.jfrog.io/xray"),
            ("https://acme.jfrog.io/xray/", "https://acme.jfrog.io/xray"),
            ("https://proxy.example.com:8443/jfrog/xray", "https://proxy.example.com:8443/jfrog/xray"),
            ("https://proxy.example.com/jfrog", "https://proxy.example.com/jfrog/xray"),
            ("https://xray", "https://xray/xray"),
            ("http://127.0.0.1:8082", "http://127.0.0.1:8082/xray"),
            ("http://[::1]:8082", "http://[::1]:8082/xray"),
        ] {
            let platform = Platform::parse(text).unwrap();
            assert_eq!(platform.to_string(), xray, "{text}");
            assert_eq!(platform.xray("api/v1/x").as_str(), format!("{xray}/api/v1/x"));
        }
        let platform = Platform::parse("https://proxy.example.com/jfrog/xray").unwrap();
        assert_eq!(
            platform.artifactory("api/x").as_str(),
            "https://proxy.example.com/jfrog/artifactory/api/x"
        );
    }

    #[test]
    fn tokens_do_not_travel_in_the_clear() {
        for text in ["http://acme.jfrog.io", "http://10.0.0.1", "http://localhost.example.com"] {
            assert_eq!(Platform::parse(text).unwrap_err().kind(), ErrorKind::PlainHttp, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "acme.jfrog.io",
            "ftp://acme.jfrog.io",
            "https://user:hunter2@acme.jfrog.io",
            "https://acme.jfrog.io/?token=hunter2",
            "https://acme.jfrog.io/#hunter2",
            "https://user:hunter2@",
        ] {
            let error = Platform::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
    }
}
