//! What a status means where it is not the one that was hoped for.

use reqwest::StatusCode;
use serde::Deserialize;

use super::request::Answer;
use super::retry::is_trouble;
use crate::error::{Error, ErrorKind};

/// Longest code of an error answer that is quoted, in characters.
const CODE_CHARACTERS: usize = 40;
/// Longest message of an error answer that is quoted, in characters.
const MESSAGE_CHARACTERS: usize = 200;

/// The error of an answer; `what` names the request and its object.
pub(crate) fn error(answer: &Answer, what: &str) -> Error {
    let status = answer.status;
    let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if denied && let Some(realm) = &answer.withheld {
        return foreign_realm(what, realm);
    }
    let kind = match status {
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
        StatusCode::FORBIDDEN => ErrorKind::Forbidden,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooManyRequests,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        status if is_trouble(status) => ErrorKind::ServerTrouble,
        _ => ErrorKind::Protocol,
    };
    let quoted = answer.problem().map(|problem| format!(" ({problem})")).unwrap_or_default();
    let anonymous = if status == StatusCode::UNAUTHORIZED && answer.anonymous {
        ", and no credentials are known"
    } else {
        ""
    };
    Error::new(kind, format!("{what}: the registry answered {}{quoted}{anonymous}", status.as_u16()))
}

/// The error where credentials were kept back (rule C1); it names what would let them go.
pub(crate) fn foreign_realm(what: &str, realm: &str) -> Error {
    Error::new(
        ErrorKind::ForeignRealm,
        format!(
            "{what}: the registry wants its credentials sent to the token service {realm}, which has another host and is \
             not known to belong to it; they were not sent (to allow it: --auth-realm {realm})"
        ),
    )
}

/// The first error of an error body (distribution specification, "Error Codes"), in bounded, printable words.
pub(crate) fn problem(body: &[u8]) -> Option<Problem> {
    let wire: Wire = serde_json::from_slice(body).ok()?;
    let first = wire.errors.into_iter().next()?;
    Some(Problem {
        code: plain(&first.code, CODE_CHARACTERS),
        message: plain(&first.message, MESSAGE_CHARACTERS),
    })
}

/// An error as a registry tells it.
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.code)?;
        if !self.code.is_empty() && !self.message.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

fn plain(text: &str, limit: usize) -> String {
    let mut plain: String = text.chars().take(limit).flat_map(char::escape_debug).collect();
    if text.chars().nth(limit).is_some() {
        plain.push_str("...");
    }
    plain
}

#[derive(Deserialize)]
struct Wire {
    errors: Vec<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_errors_in_bounds() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no","detail":{"x":1}},{"code":"SECOND"}]}"#;
        assert_eq!(problem(body).unwrap().to_string(), "DENIED: no");
        assert_eq!(problem(br#"{"errors":[{"code":"DENIED"}]}"#).unwrap().to_string(), "DENIED");
        let hostile = format!(r#"{{"errors":[{{"code":"A\u001b[2J","message":"{}"}}]}}"#, "x".repeat(5_000));
        let shown = problem(hostile.as_bytes()).unwrap().to_string();
        assert!(shown.len() < 300 && shown.chars().all(|c| !c.is_control()), "{shown}");
        for junk in [&b""[..], b"<html>", b"{}", br#"{"errors":[]}"#, br#"{"errors":"x"}"#] {
            assert!(problem(junk).is_none());
        }
    }
}
