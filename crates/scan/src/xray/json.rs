//! Answers as JSON: read so that no two readers can disagree, and errors that say which answer it was.

use serde::de::DeserializeOwned;
use waxseal_core::json;

use super::error::{Error, ErrorKind};

/// Reads an answer. A member twice, nesting without end and whatever else two readers could take in two ways is
/// refused.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Error> {
    json::parse(body, json::exact).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("{what}: the answer cannot be read")).caused_by(error)
    })
}
