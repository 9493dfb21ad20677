//! Where a request may go: redirects, upload addresses, next pages and token services (T-50 to T-52, T-56, T-57).
//!
//! What is judged is the address as it is written. A name that resolves to a private address is not caught here:
//! that would need a resolver of its own, and a registry's operator may well mean it.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};
use waxseal_core::limits::HEADER_BYTES;

use super::options::PlainHttp;
use crate::error::{Error, ErrorKind};

/// Scheme, host and port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a registry from its `host[:port]`.
    pub(crate) fn new(secure: bool, registry: &str) -> Result<Self, Error> {
        let scheme = if secure { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{registry}/"))
            .ok()
            .as_ref()
            .and_then(Self::of)
            .ok_or_else(|| Error::new(ErrorKind::InvalidName, format!("{registry:?} is no registry")))
    }

    /// The origin of a URL; none if it is not http or https.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        Some(Self { secure, host, port: url.port_or_known_default()? })
    }

    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Host, and port where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Whether `host[:port]`, as a person typed it, names this origin.
    pub(crate) fn is_named(&self, typed: &str) -> bool {
        Self::new(self.secure, typed).is_ok_and(|named| named == *self)
    }

    /// The same place on the other side of a switch from https to http.
    pub(crate) fn rebase(&self, url: &Url) -> Result<Url, Error> {
        self.url(&format!(
            "{}{}",
            url.path(),
            url.query().map(|query| format!("?{query}")).unwrap_or_default()
        ))
    }

    /// The URL of a path with its query.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Error> {
        let text = format!("{self}{path}");
        Url::parse(&text).map_err(|error| Error::new(ErrorKind::InvalidName, "no address").caused_by(error))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a request may follow an address that the registry, or a server it led to, gave: no credentials in it,
/// no step from https to http, no address of the inner network unless the registry has that very host.
pub(crate) fn check(from: &Url, to: &Url, registry: &Origin, plain: &PlainHttp) -> Result<Origin, Error> {
    let refused = |why: &str| {
        let host = to.host_str().unwrap_or("no host");
        Err(Error::new(ErrorKind::RefusedAddress, format!("{registry} led to {host:?}: {why}")))
    };
    let Some(origin) = Origin::of(to) else { return refused("neither https nor http") };
    if !to.username().is_empty() || to.password().is_some() {
        return refused("the address carries credentials");
    }
    let own_host = origin.host == registry.host;
    if !own_host && to.host().is_some_and(|host| is_inner(&host)) {
        return refused("an address of the inner network that is not the registry's own");
    }
    if !origin.secure {
        if from.scheme() == "https" || registry.secure {
            return refused("from https to http");
        }
        if !own_host && !plain.allows(&origin.authority()) {
            return refused("plain http is not allowed for this host");
        }
    }
    Ok(origin)
}

/// An address that must stay at the registry: an upload (T-52) or a next page (T-56). A registry behind a proxy
/// that ends TLS often writes `http://` and its own host; the path is then taken and https kept.
pub(crate) fn stay(base: &Url, text: &str, registry: &Origin, what: &str) -> Result<Url, Error> {
    let refused =
        |why: String| Err(Error::new(ErrorKind::RefusedAddress, format!("{registry}: {what}: {why}")));
    if text.len() > HEADER_BYTES {
        return refused(format!("longer than {HEADER_BYTES} bytes"));
    }
    let Ok(url) = base.join(text) else { return refused("not an address".to_owned()) };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("the address carries credentials".to_owned());
    }
    let Some(origin) = Origin::of(&url) else { return refused("neither https nor http".to_owned()) };
    if origin == *registry {
        return Ok(url);
    }
    if registry.secure && !origin.secure && origin.host == registry.host && url.port().is_none() {
        return registry.rebase(&url);
    }
    refused(format!("it leads to {origin}, which is another origin"))
}

/// Whether a host is an address that is not of the open internet, or a name for one.
pub(crate) fn is_inner(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => is_inner_v4(*address),
        Host::Ipv6(address) => is_inner_v6(*address),
    }
}

/// Whether a registry's host is a loopback literal or `localhost`.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// IANA's special-purpose addresses (RFC 6890) and multicast.
const fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224
}

/// The same for IPv6, and IPv4 addresses in every wrapping: mapped, compatible, translated (RFC 6052) and 6to4.
fn is_inner_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    let segments = address.segments();
    let wrapped = match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    };
    let [first, second, third, ..] = segments;
    address.is_loopback()
        || address.is_unspecified()
        || first & 0xfe00 == 0xfc00
        || first & 0xff80 == 0xfe80
        || first & 0xff00 == 0xff00
        || (first == 0x64 && second == 0xff9b && third == 1)
        || wrapped.is_some_and(is_inner_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn origin(text: &str) -> Origin {
        Origin::of(&url(text)).unwrap()
    }

    #[test]
    fn knows_inner_addresses_in_every_spelling() {
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/",
            "http://0.0.0.0/",
            "http://100.64.0.1/",
            "http://192.0.0.1/",
            "http://198.18.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[ff02::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://localhost/",
            "http://localhost./",
            "http://LOCALHOST/",
            "http://x.localhost/",
        ] {
            assert!(is_inner(&url(text).host().unwrap()), "{text}");
        }
        for text in [
            "http://1.1.1.1/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "http://[2606:4700::1111]/",
            "http://[2002:101:101::]/",
            "http://registry.local/",
            "http://localhost.example.com/",
        ] {
            assert!(!is_inner(&url(text).host().unwrap()), "{text}");
        }
    }

    #[test]
    fn follows_only_where_a_request_may_go() {
        let named = PlainHttp::Named(vec!["cdn.lan".to_owned(), "cdn.lan:81".to_owned()]);
        let cases = [
            ("https://r.example/", "https://cdn.example/x", true),
            ("https://r.example/", "https://r.example:8443/x", true),
            ("https://r.example/", "http://r.example/x", false),
            ("https://r.example/", "http://cdn.lan/x", false),
            ("https://r.example/", "https://10.0.0.1/x", false),
            ("https://r.example/", "https://[::ffff:10.0.0.1]/x", false),
            ("https://r.example/", "https://3232235777/x", false),
            ("https://r.example/", "https://user@cdn.example/x", false),
            ("https://r.example/", "https://:pass@cdn.example/x", false),
            ("https://r.example/", "ftp://cdn.example/x", false),
            ("https://10.0.0.1/", "https://10.0.0.1:9000/x", true),
            ("https://10.0.0.1/", "https://10.0.0.2/x", false),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:6000/x", true),
            ("http://127.0.0.1:5000/", "http://localhost:5000/x", false),
            ("http://127.0.0.1:5000/", "http://cdn.example/x", false),
            ("http://127.0.0.1:5000/", "http://cdn.lan/x", true),
            ("http://127.0.0.1:5000/", "http://cdn.lan:81/x", true),
            ("http://127.0.0.1:5000/", "http://cdn.lan:82/x", false),
            ("http://127.0.0.1:5000/", "https://cdn.example/x", true),
        ];
        for (registry, to, allowed) in cases {
            let judged = check(&url(registry), &url(to), &origin(registry), &named);
            assert_eq!(judged.is_ok(), allowed, "{registry} -> {to}: {judged:?}");
            if let Err(error) = judged {
                assert_eq!(error.kind(), ErrorKind::RefusedAddress);
            }
        }
        // The step from https to http counts wherever it is taken.
        let registry = origin("http://127.0.0.1:5000/");
        assert!(check(&url("https://cdn.example/"), &url("http://cdn.lan/x"), &registry, &named).is_err());
    }

    #[test]
    fn stays_at_the_registry() {
        let base = url("https://r.example/v2/a/blobs/uploads/");
        let registry = origin("https://r.example/");
        let cases = [
            ("/v2/a/blobs/uploads/1?_state=x%3D", Some("https://r.example/v2/a/blobs/uploads/1?_state=x%3D")),
            ("1", Some("https://r.example/v2/a/blobs/uploads/1")),
            ("https://r.example:443/x", Some("https://r.example/x")),
            ("http://r.example/x?y", Some("https://r.example/x?y")),
            ("http://r.example:80/x", Some("https://r.example/x")),
            ("http://r.example:8080/x", None),
            ("https://r.example:8443/x", None),
            ("https://other.example/x", None),
            ("//other.example/x", None),
            ("https://r.example@other.example/x", None),
            ("https://user@r.example/x", None),
            ("https://10.0.0.1/x", None),
            ("ftp://r.example/x", None),
            ("https://[/", None),
        ];
        for (text, expected) in cases {
            let found = stay(&base, text, &registry, "upload");
            assert_eq!(found.as_ref().ok().map(Url::as_str), expected, "{text}: {found:?}");
        }
        assert!(stay(&base, &format!("/{}", "x".repeat(HEADER_BYTES)), &registry, "upload").is_err());
        // From plain http nothing is rewritten.
        let plain = origin("http://127.0.0.1:5000/");
        assert!(stay(&url("http://127.0.0.1:5000/"), "https://127.0.0.1:5000/x", &plain, "upload").is_err());
    }

    #[test]
    fn compares_what_a_person_typed() {
        assert!(origin("https://auth.example/").is_named("auth.example"));
        assert!(origin("https://auth.example/").is_named("AUTH.example:443"));
        assert!(origin("https://auth.example:8443/").is_named("auth.example:8443"));
        for typed in ["auth.example", "example", "auth.example:443", "xauth.example:8443", "", "*"] {
            assert!(!origin("https://auth.example:8443/").is_named(typed), "{typed}");
        }
    }
}
