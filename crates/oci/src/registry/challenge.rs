//! The `WWW-Authenticate` header of a 401 (RFC 9110, section 11.6.1), read strictly and within bounds (T-39).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;
use waxseal_core::limits::HEADER_BYTES;

use crate::error::{Error, ErrorKind};

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// The token service.
        realm: Url,
        /// What the token service calls the registry.
        service: Option<String>,
        /// The scopes that the registry asks for.
        scopes: Vec<String>,
    },
}

/// Reads the challenges of an answer and chooses: `Bearer` before `Basic`.
pub(crate) fn read(headers: &HeaderMap) -> Result<Challenge, Error> {
    let mut basic = false;
    let mut bearer = None;
    let mut total: usize = 0;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        total = total.saturating_add(value.len());
        if total > HEADER_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the WWW-Authenticate header is larger than {HEADER_BYTES} bytes"),
            ));
        }
        let text = value.to_str().map_err(|_| malformed("it holds bytes that no header may hold"))?;
        for challenge in (Reader { rest: text }).challenges()? {
            match challenge.scheme.as_str() {
                "basic" => basic = true,
                "bearer" if bearer.is_none() => bearer = Some(challenge),
                _ => {}
            }
        }
    }
    match bearer {
        Some(bearer) => bearer.into_bearer(),
        None if basic => Ok(Challenge::Basic),
        None => {
            Err(Error::new(ErrorKind::Unauthorized, "the registry names no way to log in that is known here"))
        }
    }
}

fn malformed(why: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the WWW-Authenticate header does not parse: {why}"))
}

struct Raw {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Raw {
    fn into_bearer(self) -> Result<Challenge, Error> {
        let take = |name: &str| -> Result<Option<String>, Error> {
            let mut found = self.parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
            match (found.next(), found.next()) {
                (value, None) => Ok(value.cloned()),
                (_, Some(_)) => Err(malformed("a parameter stands twice")),
            }
        };
        let realm = take("realm")?.ok_or_else(|| malformed("Bearer without a realm"))?;
        let realm = Url::parse(&realm).map_err(|_| malformed("the realm is no address"))?;
        let scopes = take("scope")?
            .unwrap_or_default()
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(Challenge::Bearer { realm, service: take("service")?, scopes })
    }
}

/// Reads a list of challenges, where a comma may part two parameters or two challenges.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn challenges(mut self) -> Result<Vec<Raw>, Error> {
        let mut all: Vec<Raw> = Vec::new();
        loop {
            self.blanks_and_commas();
            if self.rest.is_empty() {
                return Ok(all);
            }
            let word = self.token()?;
            let spaced = self.rest.starts_with([' ', '\t']);
            self.blanks();
            if self.rest.starts_with('=') && !all.is_empty() {
                let value = self.value()?;
                if let Some(last) = all.last_mut() {
                    last.parameters.push((word.to_ascii_lowercase(), value));
                }
            } else if self.rest.is_empty() || self.rest.starts_with(',') || spaced {
                all.push(Raw { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            } else {
                return Err(malformed("no scheme at its beginning"));
            }
        }
    }

    fn value(&mut self) -> Result<String, Error> {
        self.rest = self.rest.strip_prefix('=').unwrap_or(self.rest);
        self.blanks();
        let Some(quoted) = self.rest.strip_prefix('"') else { return self.token() };
        let mut value = String::new();
        let mut characters = quoted.chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => {
                    value.push(characters.next().ok_or_else(|| malformed("a string does not end"))?);
                }
                Some(other) => value.push(other),
                None => return Err(malformed("a string does not end")),
            }
        }
        self.rest = characters.as_str();
        self.blanks();
        if self.rest.is_empty() || self.rest.starts_with(',') {
            Ok(value)
        } else {
            Err(malformed("no comma behind a string"))
        }
    }

    fn token(&mut self) -> Result<String, Error> {
        let end = self.rest.find(|c: char| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        if token.is_empty() { Err(malformed("a name or a value is missing")) } else { Ok(token.to_owned()) }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn blanks_and_commas(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn parse(values: &[&str]) -> Result<Challenge, Error> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scopes: &[&str]) -> Challenge {
        Challenge::Bearer {
            realm: Url::parse(realm).unwrap(),
            service: service.map(str::to_owned),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        }
    }

    #[test]
    fn reads_what_registries_send() {
        let full = r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push""#;
        let expected = bearer("https://auth.example/token", Some("r.example"), &["repository:a/b:pull,push"]);
        assert_eq!(parse(&[full]).unwrap(), expected);
        assert_eq!(
            parse(&[&full.replace(',', " , ").replace("pull , push", "pull,push")]).unwrap(),
            expected
        );
        assert_eq!(parse(&["Basic realm=\"x\"", full]).unwrap(), expected);
        assert_eq!(parse(&[&format!("Basic realm=\"a, \\\"b\", {full}")]).unwrap(), expected);
        assert_eq!(parse(&[&format!("Negotiate, {full}, Digest nonce=x")]).unwrap(), expected);
        assert_eq!(
            parse(&["bearer REALM=\"https://r.example/t\""]).unwrap(),
            bearer("https://r.example/t", None, &[])
        );
        assert_eq!(parse(&["Basic"]).unwrap(), Challenge::Basic);
        assert_eq!(parse(&["BASIC realm=\"Registry Realm\", charset=\"UTF-8\""]).unwrap(), Challenge::Basic);
    }

    #[test]
    fn refuses_what_does_not_parse() {
        for value in [
            "Bearer",
            "Bearer service=\"x\"",
            "Bearer realm=\"/token\"",
            "Bearer realm=\"https://a.example/",
            "Bearer realm=\"https://a.example/\\",
            "Bearer realm=\"https://a.example/\"x",
            "Bearer realm=\"https://a.example/\",realm=\"https://b.example/\"",
            "Bearer realm=",
            "=x",
            "\"Bearer\"",
            "Bearer/x realm=\"https://a.example/\"",
        ] {
            let error = parse(&[value]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{value}: {error}");
        }
        assert_eq!(parse(&[]).unwrap_err().kind(), ErrorKind::Unauthorized);
        assert_eq!(parse(&["Negotiate"]).unwrap_err().kind(), ErrorKind::Unauthorized);
    }

    #[test]
    fn bounds_the_header() {
        let long = format!("Bearer realm=\"https://a.example/{}\"", "x".repeat(HEADER_BYTES));
        assert_eq!(parse(&[&long]).unwrap_err().kind(), ErrorKind::LimitExceeded);
        let half = format!("X y=\"{}\"", "x".repeat(HEADER_BYTES / 2));
        assert_eq!(parse(&[&half]).unwrap_err().kind(), ErrorKind::Unauthorized);
        assert_eq!(parse(&[&half, &half]).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
