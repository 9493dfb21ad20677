//! An answer before it is sent, so that rules can still change it.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;

/// Status, headers, body, and how the body gets to the client.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) delivery: Delivery,
}

/// How the body gets to the client.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Whole,
    TruncateAt(usize),
    Endless,
    Slow(Duration),
    LengthLie(u64),
    Raw(Bytes),
    Reset,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delivery: Delivery::Whole }
    }

    /// An error in the form of the distribution specification.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(status).body("application/json", error_body(code, message))
    }

    pub(crate) fn json(status: u16, content_type: &str, json: &serde_json::Value) -> Self {
        Self::new(status).body(content_type, json.to_string().into_bytes())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// Sets a header, or replaces it.
    pub(crate) fn header(mut self, name: &str, value: impl Display) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Display) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// The body of an error (distribution specification, "Error Codes").
pub(crate) fn error_body(code: &str, message: &str) -> Bytes {
    serde_json::json!({ "errors": [{ "code": code, "message": message, "detail": null }] }).to_string().into()
}
