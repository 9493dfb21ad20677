//! What the platform says of an error, in bounded, printable words.
//!
//! Three shapes are in use: `{"error": "..."}` (Xray), `{"errors": [{"status", "message"}]}` (Artifactory and the
//! platform's door) and `{"errors": [{"identifier", "error"}]}`, which a summary also carries under status 200.

use serde::Deserialize;

/// Longest text that is quoted, in characters.
const QUOTED: usize = 200;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    errors: Vec<Reported>,
}

/// One error of a list of errors.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Reported {
    #[serde(default)]
    identifier: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl core::fmt::Display for Reported {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let said = self.error.as_deref().or(self.message.as_deref()).unwrap_or("without a word");
        match &self.identifier {
            Some(identifier) => write!(f, "{}: {}", plain(identifier), plain(said)),
            None => f.write_str(&plain(said)),
        }
    }
}

/// The first error of an error body.
pub(super) fn of_body(body: &[u8]) -> Option<String> {
    let wire: Wire = serde_json::from_slice(body).ok()?;
    match wire.error {
        Some(error) => Some(plain(&error)),
        None => wire.errors.first().map(ToString::to_string),
    }
}

/// A text of the server, cut and without control characters.
pub(super) fn plain(text: &str) -> String {
    let mut plain: String = text.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED).is_some() {
        plain.push_str("...");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_the_three_shapes_in_bounds() {
        for (body, expected) in [
            (r#"{"error":"no such watch"}"#, "no such watch"),
            (r#"{"errors":[{"status":404,"message":"File not found."}]}"#, "File not found."),
            (r#"{"errors":[{"identifier":"default/a","error":"not indexed"}]}"#, "default/a: not indexed"),
        ] {
            assert_eq!(of_body(body.as_bytes()).unwrap(), expected);
        }
        let hostile = format!(r#"{{"error":"\u001b[2J{}"}}"#, "x".repeat(5_000));
        let shown = of_body(hostile.as_bytes()).unwrap();
        assert!(shown.len() < 300 && shown.chars().all(|c| !c.is_control()), "{shown}");
        for junk in [&b""[..], b"<html>", b"{}", br#"{"errors":[]}"#, br#"{"errors":"x"}"#] {
            assert!(of_body(junk).is_none());
        }
    }
}
