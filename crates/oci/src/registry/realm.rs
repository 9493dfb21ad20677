//! Rule C1: which token service may see the credentials of a registry.
//!
//! A registry names its token service in an answer that anyone on the way, or the registry itself, may have
//! chosen. So the credentials go there only if the service has the registry's own host and port, stands in the
//! table below, or was named by a person. Another service is asked without them.

use url::Url;

use super::address::{self, Origin};
use super::options::PlainHttp;
use crate::error::{Error, ErrorKind};

/// Registries whose token service is known to stand elsewhere.
const KNOWN: [(&str, &str); 4] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("nvcr.io", "authn.nvidia.com"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
];

/// What may be sent to a token service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The credentials.
    Credentials,
    /// The question alone; the name is what `--auth-realm` would have to say.
    QuestionOnly(String),
}

/// Judges a token service. `named` are those of `--auth-realm`. An address where no request may go at all is an
/// error: http below an https registry, an address of the inner network, credentials in the address.
pub(crate) fn decide(
    realm: &Url,
    registry: &Origin,
    named: &[String],
    plain: &PlainHttp,
) -> Result<Trust, Error> {
    let start = registry.url("/v2/")?;
    let origin = address::check(&start, realm, registry, plain).map_err(|error| {
        Error::new(ErrorKind::RefusedAddress, format!("the token service that {registry} names"))
            .caused_by(error)
    })?;
    let known = KNOWN.iter().any(|(host, service)| {
        registry.is_secure() && origin.is_secure() && registry.is_named(host) && origin.is_named(service)
    });
    if origin == *registry || known || named.iter().any(|name| origin.is_named(name)) {
        Ok(Trust::Credentials)
    } else {
        Ok(Trust::QuestionOnly(origin.authority()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(registry: &str, realm: &str, named: &[&str]) -> Option<bool> {
        let registry = Origin::of(&Url::parse(registry).unwrap()).unwrap();
        let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
        match decide(&Url::parse(realm).unwrap(), &registry, &named, &PlainHttp::Loopback) {
            Ok(Trust::Credentials) => Some(true),
            Ok(Trust::QuestionOnly(_)) => Some(false),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::RefusedAddress);
                None
            }
        }
    }

    #[test]
    fn rule_c1() {
        let (credentials, question, refused) = (Some(true), Some(false), None);
        let cases: &[(&str, &str, &[&str], Option<bool>)] = &[
            // The registry's own host and port.
            ("https://r.example", "https://r.example/token", &[], credentials),
            ("https://r.example:5000", "https://r.example:5000/token", &[], credentials),
            ("https://r.example:5000", "https://r.example/token", &[], question),
            ("https://r.example", "https://r.example:8443/token", &[], question),
            ("https://r.example", "https://auth.r.example/token", &[], question),
            ("https://r.example", "https://r.example.evil.example/token", &[], question),
            ("https://r.example", "https://evil.example/r.example", &[], question),
            // The table, exactly.
            ("https://registry-1.docker.io", "https://auth.docker.io/token", &[], credentials),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", &[], credentials),
            ("https://nvcr.io", "https://authn.nvidia.com/token", &[], credentials),
            (
                "https://registry.digitalocean.com",
                "https://api.digitalocean.com/v2/registry/auth",
                &[],
                credentials,
            ),
            ("https://registry-1.docker.io", "https://auth.docker.io:8443/token", &[], question),
            ("https://registry-1.docker.io", "https://auth.docker.io.evil.example/token", &[], question),
            ("https://registry-1.docker.io", "https://gitlab.com/jwt/auth", &[], question),
            ("https://evil.example", "https://auth.docker.io/token", &[], question),
            ("https://registry-1.docker.io:5000", "https://auth.docker.io/token", &[], question),
            // Named by a person.
            ("https://r.example", "https://auth.example/token", &["auth.example"], credentials),
            ("https://r.example", "https://auth.example:8443/token", &["auth.example:8443"], credentials),
            ("https://r.example", "https://auth.example:8443/token", &["auth.example"], question),
            ("https://r.example", "https://xauth.example/token", &["auth.example"], question),
            ("https://r.example", "https://auth.example/token", &["example"], question),
            // No http below https, named or not.
            ("https://r.example", "http://r.example/token", &[], refused),
            ("https://r.example", "http://auth.example/token", &["auth.example"], refused),
            ("https://registry-1.docker.io", "http://auth.docker.io/token", &[], refused),
            // No inner addresses, in any spelling, unless the registry is there.
            ("https://r.example", "https://127.0.0.1/token", &[], refused),
            ("https://r.example", "https://127.0.0.1/token", &["127.0.0.1"], refused),
            ("https://r.example", "https://169.254.169.254/token", &[], refused),
            ("https://r.example", "https://10.0.0.1/token", &[], refused),
            ("https://r.example", "https://0.0.0.0/token", &[], refused),
            ("https://r.example", "https://2130706433/token", &[], refused),
            ("https://r.example", "https://[::1]/token", &[], refused),
            ("https://r.example", "https://[fe80::1]/token", &[], refused),
            ("https://r.example", "https://[::ffff:169.254.169.254]/token", &[], refused),
            ("https://r.example", "https://localhost/token", &[], refused),
            ("https://10.0.0.1", "https://10.0.0.1/token", &[], credentials),
            ("https://10.0.0.1:5000", "https://10.0.0.1/token", &[], question),
            ("https://10.0.0.1:5000", "https://10.0.0.1/token", &["10.0.0.1"], credentials),
            ("https://10.0.0.1", "https://10.0.0.2/token", &[], refused),
            // A registry on plain http.
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token", &[], credentials),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", &[], question),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", &["127.0.0.1:5001"], credentials),
            ("http://127.0.0.1:5000", "http://auth.example/token", &[], refused),
            ("http://127.0.0.1:5000", "https://auth.example/token", &[], question),
            ("http://127.0.0.1:5000", "https://127.0.0.1:5000/token", &[], question),
            // Other schemes and credentials in the address.
            ("https://r.example", "file:///etc/passwd", &[], refused),
            ("https://r.example", "https://user:pass@r.example/token", &[], refused),
        ];
        for (registry, realm, named, expected) in cases {
            assert_eq!(judge(registry, realm, named), *expected, "{registry} {realm} {named:?}");
        }
    }

    #[test]
    fn names_what_the_flag_would_have_to_say() {
        let registry = Origin::new(true, "r.example").unwrap();
        let realm = Url::parse("https://auth.example:8443/token").unwrap();
        let trust = decide(&realm, &registry, &[], &PlainHttp::Loopback).unwrap();
        assert_eq!(trust, Trust::QuestionOnly("auth.example:8443".to_owned()));
    }
}
