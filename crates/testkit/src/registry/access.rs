//! Who may do what: challenges, and the token endpoint (distribution's "Token Authentication Specification").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::route::{Route, query, query_all};
use super::server::{Call, State};
use super::settings::{Access, Settings};
use crate::serving::answer::Answer;

/// The name that the registry gives itself in a challenge.
const SERVICE: &str = "waxseal-testkit";

/// What the token endpoint was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// GET, or POST for OAuth 2.
    pub method: String,
    /// The `service` member.
    pub service: String,
    /// The scopes, one each, in the order in which they were asked for.
    pub scopes: Vec<String>,
    /// The name that the credentials gave; none if there were no credentials, or a refresh token.
    pub user: Option<String>,
    /// Whether a token was given.
    pub granted: bool,
}

/// The tokens that were given.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    given: BTreeMap<String, Vec<String>>,
    count: u64,
    requests: Vec<TokenRequest>,
}

impl Tokens {
    pub(super) fn forget(&mut self) {
        self.given.clear();
    }

    pub(super) fn requests(&self) -> Vec<TokenRequest> {
        self.requests.clone()
    }

    fn scopes(&self, token: &str) -> Option<Vec<String>> {
        self.given.get(token).cloned()
    }
}

/// The challenge that answers a request in place of the registry, or nothing if it may go on.
pub(super) fn check(state: &State, call: &Call) -> Option<Answer> {
    let settings = state.settings.lock().unwrap().clone();
    if call.route == Route::Token {
        return None;
    }
    let pull = call.is_read() && call.route != Route::Base;
    match &settings.access {
        Access::Open => None,
        Access::Basic { user, password } => {
            let given = basic(call) == Some((user.clone(), password.clone()));
            let open = settings.anonymous_pull && pull;
            let allowed = (given || open) && !settings.challenge_always;
            (!allowed).then(|| challenge(r#"Basic realm="waxseal-testkit""#))
        }
        Access::Bearer { .. } => {
            let wanted = scope(call);
            let token = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            let scopes = token.and_then(|token| scopes(state, token));
            let error = match (token, scopes) {
                (None, _) => "",
                (Some(_), None) => r#",error="invalid_token""#,
                (Some(_), Some(scopes)) => {
                    let allowed = wanted.as_ref().is_none_or(|wanted| covers(&scopes, wanted));
                    if allowed && !settings.challenge_always {
                        return None;
                    }
                    r#",error="insufficient_scope""#
                }
            };
            let realm = settings.realm.clone().unwrap_or_else(|| format!("{}/token", call.origin));
            let scope = wanted.map(|wanted| format!(r#",scope="{wanted}""#)).unwrap_or_default();
            Some(challenge(&format!(r#"Bearer realm="{realm}",service="{SERVICE}"{scope}{error}"#)))
        }
    }
}

/// Whether the caller may pull from `repository`: what a mount from there needs.
pub(super) fn may_pull(state: &State, settings: &Settings, call: &Call, repository: &str) -> bool {
    let Access::Bearer { .. } = settings.access else { return true };
    call.header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| scopes(state, token))
        .is_some_and(|scopes| covers(&scopes, &format!("repository:{repository}:pull")))
}

/// The token endpoint.
pub(super) fn token(state: &State, settings: &Settings, call: &Call) -> Answer {
    let Access::Bearer { user, password } = &settings.access else { return super::server::not_found() };
    let form = String::from_utf8_lossy(&call.body).into_owned();
    let asked = match call.method.as_str() {
        "GET" => &call.query,
        "POST" if settings.token_post => &form,
        _ => return Answer::error(405, "UNSUPPORTED", "the token endpoint knows no such method"),
    };
    let members = query(asked);
    let member = |name: &str| members.get(name).cloned().unwrap_or_default();
    let scopes: Vec<String> = query_all(asked, "scope")
        .iter()
        .flat_map(|scopes| scopes.split(' '))
        .filter(|scope| !scope.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let credentials = match (call.method.as_str(), member("grant_type").as_str()) {
        ("GET", _) => basic(call),
        (_, "password") => Some((member("username"), member("password"))),
        _ => None,
    };
    let known = credentials.as_ref() == Some(&(user.clone(), password.clone()))
        || (member("grant_type") == "refresh_token"
            && settings.refresh_token == Some(member("refresh_token")));
    let anonymous = credentials.is_none() && call.method == "GET" && settings.anonymous_pull;
    let granted = known || anonymous;
    let mut tokens = state.tokens.lock().unwrap();
    tokens.requests.push(TokenRequest {
        method: call.method.clone(),
        service: member("service"),
        scopes: scopes.clone(),
        user: credentials.map(|(user, _)| user),
        granted,
    });
    if !granted {
        return challenge(r#"Basic realm="waxseal-testkit""#);
    }
    tokens.count += 1;
    let token = format!("token-{}-of-{SERVICE}", tokens.count);
    let scopes = if known { scopes } else { scopes.iter().map(|scope| only_pull(scope)).collect() };
    tokens.given.insert(token.clone(), scopes);
    let body = if call.method == "GET" {
        serde_json::json!({ "token": token, "expires_in": settings.token_lifetime })
    } else {
        serde_json::json!({ "access_token": token, "expires_in": settings.token_lifetime })
    };
    Answer::json(200, "application/json", &body)
}

fn challenge(header: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", header)
}

fn basic(call: &Call) -> Option<(String, String)> {
    let encoded = call.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn scope(call: &Call) -> Option<String> {
    if call.route == Route::Catalog {
        return Some("registry:catalog:*".to_owned());
    }
    let actions = match call.method.as_str() {
        "GET" | "HEAD" if !matches!(call.route, Route::Upload { .. }) => "pull",
        "DELETE" if !matches!(call.route, Route::Upload { .. }) => "delete",
        _ => "pull,push",
    };
    Some(format!("repository:{}:{actions}", call.route.repository()?))
}

fn scopes(state: &State, token: &str) -> Option<Vec<String>> {
    let own = state.tokens.lock().unwrap().scopes(token);
    own.or_else(|| {
        let foreign = state.foreign_tokens.lock().unwrap().clone()?;
        let foreign = foreign.lock().unwrap();
        foreign.scopes(token)
    })
}

fn covers(given: &[String], wanted: &str) -> bool {
    let Some((place, actions)) = wanted.rsplit_once(':') else { return false };
    actions.split(',').all(|action| {
        given
            .iter()
            .filter_map(|scope| scope.rsplit_once(':'))
            .any(|(known, actions)| known == place && actions.split(',').any(|known| known == action))
    })
}

fn only_pull(scope: &str) -> String {
    match scope.rsplit_once(':') {
        Some((place, actions)) if actions.split(',').any(|action| action == "pull") => {
            format!("{place}:pull")
        }
        Some((place, _)) => format!("{place}:"),
        None => String::new(),
    }
}
