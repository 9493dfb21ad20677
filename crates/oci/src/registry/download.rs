//! Fetching one small file from an address that a person named: a public key at `https://`.
//!
//! No credentials, no redirect to anywhere else, TLS always, by the system's certificate authorities: whoever can change
//! the answer chooses the key. Nothing that was set for a registry holds here, its certificate authorities included: a
//! registry must not be able to vouch for the key that its images are verified with.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use url::Url;

use super::{Client, transport};
use crate::error::{Error, ErrorKind};

impl Client {
    /// The body of an `https://` address, of at most `limit` bytes. Any status but 200 is an error, so that an error
    /// page is never taken for the file (cosign PR 4877).
    pub async fn download(&self, address: &str, limit: u64) -> Result<Bytes, Error> {
        let invalid = || Error::new(ErrorKind::InvalidName, format!("{address:?} is no https:// address"));
        let url = Url::parse(address).map_err(|error| invalid().caused_by(error))?;
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Err(invalid());
        }
        let shared = &self.shared;
        let until = Instant::now()
            .checked_add(shared.options.deadline)
            .ok_or_else(|| Error::new(ErrorKind::Configuration, "the deadline is too far ahead"))?;
        let sent = shared.transport.send(None, Method::GET, &url, HeaderMap::new(), None, Some(until)).await;
        let mut response = sent.map_err(|failure| failure.error)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Error::new(
                ErrorKind::RefusedAddress,
                format!("{address} leads elsewhere ({status}): name the address itself"),
            ));
        }
        if status.as_u16() != 200 {
            return Err(Error::new(ErrorKind::NotFound, format!("{address} answered {status}")));
        }
        transport::body(&mut response, limit, until).await.map_err(|failure| failure.error)
    }
}
