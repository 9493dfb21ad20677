//! The token service (distribution, "Token Authentication Specification" and "`OAuth2` Token Authentication").

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use url::Url;
use waxseal_core::json;
use waxseal_core::limits::{REDIRECTS, TOKEN_BYTES};
use zeroize::Zeroizing;

use super::address::Origin;
use super::auth::Grant;
use super::request::location;
use super::retry::{self, Repeat};
use super::transport::{self, Failure};
use super::{Registry, realm, status};
use crate::credential::{Credential, Secret};
use crate::error::{Error, ErrorKind};

/// How the program calls itself towards a token service.
const CLIENT_ID: &str = "waxseal";
/// How long a token holds whose answer does not say so.
const DEFAULT_TIME: Duration = Duration::from_mins(1);
/// Longest time that a token is believed to hold.
const LONGEST_TIME: Duration = Duration::from_hours(24);

/// What is asked, and whom.
pub(super) struct Question<'a> {
    pub(super) realm: &'a Url,
    pub(super) service: Option<&'a str>,
    pub(super) scopes: &'a [String],
    /// The name of the service if there are credentials that it does not get.
    pub(super) withheld: Option<&'a str>,
}

impl Registry {
    /// Asks for a token, with these credentials.
    pub(super) async fn token(
        &self,
        question: &Question<'_>,
        credential: &Credential,
    ) -> Result<Grant, Error> {
        let until = self.deadline();
        let mut count = 0;
        loop {
            let outcome = self.ask_token(question, credential, until).await;
            let headers = match &outcome {
                Ok((status, headers, _)) if Repeat::Idempotent.after_status(*status) => Some(headers),
                Err(failure) if failure.transient => None,
                _ => return self.granted(question, outcome.map_err(|failure| failure.error)?),
            };
            match self.pause(count, headers, until) {
                Some(wait) => sleep(wait).await,
                None => return self.granted(question, outcome.map_err(|failure| failure.error)?),
            }
            count = count.saturating_add(1);
        }
    }

    fn granted(&self, question: &Question<'_>, answered: Answered) -> Result<Grant, Error> {
        let (status, _, body) = answered;
        let service = question.realm.host_str().unwrap_or_default();
        let what = match question.scopes {
            // A login asks for no repository.
            [] => format!("log in to {}", self.repository().registry()),
            _ => format!("a token for {}", self.repository()),
        };
        if status == StatusCode::OK {
            let malformed =
                |why: &str| Error::new(ErrorKind::Protocol, format!("{what}: the answer of {service} {why}"));
            let answer: Answer = json::parse(&body, json::exact).map_err(|_| malformed("does not parse"))?;
            let token = [answer.token, answer.access_token]
                .into_iter()
                .flatten()
                .find(|token| !token.expose().is_empty());
            let token = token.ok_or_else(|| malformed("holds no token"))?;
            let time =
                answer.expires_in.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIME, Duration::from_secs);
            return Grant::bearer(&token, time.min(LONGEST_TIME));
        }
        if let Some(realm) =
            question.withheld.filter(|_| status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS)
        {
            return Err(status::foreign_realm(&what, realm));
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
            StatusCode::FORBIDDEN => ErrorKind::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooManyRequests,
            status if retry::is_trouble(status) => ErrorKind::ServerTrouble,
            _ => ErrorKind::Protocol,
        };
        Err(Error::new(kind, format!("{what}: the token service {service} answered {}", status.as_u16())))
    }

    async fn ask_token(
        &self,
        question: &Question<'_>,
        credential: &Credential,
        until: Instant,
    ) -> Result<Answered, Failure> {
        let mut response = match credential {
            Credential::IdentityToken(token) => self.exchange(question, token, until).await?,
            Credential::Basic { user, password } => {
                self.fetch(question, Some((user, password)), until).await?
            }
            Credential::Anonymous | Credential::RegistryToken(_) => self.fetch(question, None, until).await?,
        };
        let status = response.status();
        let body = transport::body(&mut response, TOKEN_BYTES, until).await;
        let body = if status.is_success() { body? } else { body.unwrap_or_default() };
        Ok((status, core::mem::take(response.headers_mut()), Zeroizing::new(body.to_vec())))
    }

    /// Asks by GET. Redirects are judged one by one, and the password goes to the first origin only.
    async fn fetch(
        &self,
        question: &Question<'_>,
        login: Option<(&String, &Secret)>,
        until: Instant,
    ) -> Result<Response, Failure> {
        let options = &self.shared().options;
        let registry = self.origin()?;
        let mut url = question.realm.clone();
        url.query_pairs_mut()
            .extend_pairs(question.service.map(|service| ("service", service)))
            .extend_pairs(question.scopes.iter().map(|scope| ("scope", scope)));
        let first = Origin::of(&url);
        let mut left = false;
        for _ in 0..=REDIRECTS {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            if let Some((user, password)) = login.filter(|_| !left) {
                headers.insert(AUTHORIZATION, Grant::basic(user, password)?.header().clone());
            }
            let response = self
                .shared()
                .transport
                .send(Some(&registry), Method::GET, &url, headers, None, Some(until))
                .await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let next = location(&response, &url)?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(
                    Error::new(ErrorKind::RefusedAddress, "a token service led from https to http").into()
                );
            }
            realm::decide(&next, &registry, &options.auth_realms, &options.plain_http)?;
            left = left || Origin::of(&next) != first;
            url = next;
        }
        Err(Error::new(ErrorKind::LimitExceeded, format!("a token service: more than {REDIRECTS} redirects"))
            .into())
    }

    /// Exchanges a refresh token. Its redirects are not followed: the token is in the body.
    async fn exchange(
        &self,
        question: &Question<'_>,
        token: &Secret,
        until: Instant,
    ) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let registry = self.origin()?;
        let body = Some(form(question, token).into());
        let response = self
            .shared()
            .transport
            .send(Some(&registry), Method::POST, question.realm, headers, body, Some(until))
            .await?;
        if response.status().is_redirection() {
            return Err(Error::new(
                ErrorKind::RefusedAddress,
                "a token service redirects the exchange of a token",
            )
            .into());
        }
        Ok(response)
    }
}

fn form(question: &Question<'_>, token: &Secret) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT_ID);
    if let Some(service) = question.service {
        form.append_pair("service", service);
    }
    form.append_pair("scope", &question.scopes.join(" ")).append_pair("refresh_token", token.expose());
    form.finish()
}

type Answered = (StatusCode, HeaderMap, Zeroizing<Vec<u8>>);

#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<u64>,
}
