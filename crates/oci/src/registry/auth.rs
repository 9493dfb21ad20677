//! What is sent as `Authorization`, and who may share it.
//!
//! Nothing is asked before a registry asks: the first 401 names the way, which is then remembered for the registry,
//! so that the next repository brings its token along. A token belongs to one repository and one kind of access;
//! requests that need the same one at the same time wait for a single answer of the token service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::time::Instant;
use waxseal_core::{Repository, encoding};
use zeroize::Zeroizing;

use super::Registry;
use super::challenge::Challenge;
use super::realm::{self, Trust};
use super::token;
use crate::credential::{Credential, Secret};
use crate::error::{Error, ErrorKind};

/// How long a user and password of a file or a helper are used before they are looked up again.
const BASIC: Duration = Duration::from_mins(5);
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(10);
/// Most tokens that are kept; a webhook sees repositories without end.
const KEPT: usize = 1_024;
/// Most scopes of a challenge that are passed on.
const CHALLENGE_SCOPES: usize = 4;

/// What a request does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Reads.
    Pull,
    /// Writes, and reads what it wrote.
    Push,
    /// Deletes.
    Delete,
    /// Asks for nothing but whether the credentials hold.
    Login,
    /// Reads the names of all repositories.
    Catalog,
    /// Writes, and reads from another repository of the registry.
    Mount {
        /// The path of the other repository.
        from: String,
    },
}

impl Access {
    fn actions(&self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::Push | Self::Mount { .. } => &["pull", "push"],
            Self::Delete => &["pull", "delete"],
            Self::Login => &[],
            Self::Catalog => &["*"],
        }
    }

    /// The scopes of a token (distribution, "Token Scope Documentation").
    fn scopes(&self, repository: &str, challenge: &[String]) -> Vec<String> {
        let mut scopes = match self {
            Self::Login => Vec::new(),
            // What a registry asks beyond it could be all of a repository.
            Self::Catalog => return vec!["registry:catalog:*".to_owned()],
            _ => vec![format!("repository:{repository}:{}", self.actions().join(","))],
        };
        if let Self::Mount { from } = self {
            scopes.push(format!("repository:{from}:pull"));
        }
        // A registry may know a repository under another name; what it asks beyond the need is not passed on.
        let modest = |scope: &&String| {
            scope
                .rsplit_once(':')
                .is_some_and(|(_, actions)| actions.split(',').all(|action| self.actions().contains(&action)))
        };
        let theirs = challenge.iter().filter(modest).take(CHALLENGE_SCOPES);
        for scope in theirs {
            let (name, _) = scope.rsplit_once(':').unwrap_or_default();
            if !scopes.iter().any(|own| own.rsplit_once(':').is_some_and(|(own, _)| own == name)) {
                scopes.push(scope.clone());
            }
        }
        scopes
    }
}

/// Leave to send requests: a header and how long it holds.
pub(crate) struct Grant {
    header: HeaderValue,
    secret: Secret,
    until: Instant,
    anonymous: bool,
    withheld: Option<String>,
}

impl Grant {
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The token service that did not get the credentials.
    pub(crate) fn withheld(&self) -> Option<&str> {
        self.withheld.as_deref()
    }

    /// Whether no credentials stand behind it.
    pub(crate) const fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Whether a text repeats the credential.
    pub(crate) fn is_part_of(&self, text: &str) -> bool {
        let header = self.header.to_str().unwrap_or_default();
        let sent = header.split_once(' ').map_or(header, |(_, sent)| sent);
        [sent, self.secret.expose()].iter().any(|secret| !secret.is_empty() && text.contains(secret))
    }

    fn holds(&self) -> bool {
        Instant::now() < self.until
    }

    pub(super) fn basic(user: &str, password: &Secret) -> Result<Self, Error> {
        let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
        let text = Zeroizing::new(format!("Basic {}", encoding::base64_encode(pair.as_bytes())));
        Self::of(&text, password.clone(), BASIC)
    }

    pub(super) fn bearer(token: &Secret, time: Duration) -> Result<Self, Error> {
        let text = Zeroizing::new(format!("Bearer {}", token.expose()));
        Self::of(&text, token.clone(), time)
    }

    fn of(text: &str, secret: Secret, time: Duration) -> Result<Self, Error> {
        let mut header = HeaderValue::from_str(text).map_err(|_| {
            Error::new(ErrorKind::Credentials, "a token or a password cannot be sent in a header")
        })?;
        header.set_sensitive(true);
        let margin = MARGIN.min(time.checked_div(2).unwrap_or_default());
        let now = Instant::now();
        let until = now.checked_add(time.saturating_sub(margin)).unwrap_or(now);
        Ok(Self { header, secret, until, anonymous: false, withheld: None })
    }
}

/// The grants of a client.
#[derive(Default)]
pub(crate) struct Grants {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    repository: Repository,
    access: Access,
}

type Slot = tokio::sync::Mutex<Option<Arc<Grant>>>;

impl Grants {
    fn slot(&self, repository: &Repository, access: &Access) -> Arc<Slot> {
        let key = Key { repository: repository.clone(), access: access.clone() };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT && !slots.contains_key(&key) {
            // Slots in use live on in those who wait for them.
            slots.retain(|_, slot| {
                slot.try_lock().map_or(true, |grant| grant.as_ref().is_some_and(|grant| grant.holds()))
            });
            if slots.len() >= KEPT {
                slots.clear();
            }
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// A grant that was already given and also covers reading. One that was refused is forgotten.
    fn wider(
        &self,
        repository: &Repository,
        access: &Access,
        stale: Option<&Arc<Grant>>,
    ) -> Option<Arc<Grant>> {
        if *access != Access::Pull {
            return None;
        }
        let key = Key { repository: repository.clone(), access: Access::Push };
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()?;
        let mut held = slot.try_lock().ok()?;
        if held.as_ref().is_some_and(|held| stale.is_some_and(|stale| Arc::ptr_eq(stale, held))) {
            *held = None;
        }
        held.clone().filter(|grant| grant.holds())
    }
}

impl Registry {
    /// The grant for a request, if the registry has already said that it wants one.
    pub(crate) async fn known_grant(&self, access: &Access) -> Result<Option<Arc<Grant>>, Error> {
        let challenge = self.host().challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match challenge {
            Some(challenge) => self.grant(access, &challenge, None).await,
            None => Ok(None),
        }
    }

    /// A grant after a 401. `stale` is the one that was refused. None: there is nothing to send.
    pub(crate) async fn renewed_grant(
        &self,
        access: &Access,
        challenge: Challenge,
        stale: Option<&Arc<Grant>>,
    ) -> Result<Option<Arc<Grant>>, Error> {
        let grant = self.grant(access, &challenge, stale).await?;
        let remembered = match challenge {
            // The scopes are those of one repository.
            Challenge::Bearer { realm, service, .. } => {
                Challenge::Bearer { realm, service, scopes: Vec::new() }
            }
            Challenge::Basic => Challenge::Basic,
        };
        *self.host().challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
        Ok(grant)
    }

    async fn grant(
        &self,
        access: &Access,
        challenge: &Challenge,
        stale: Option<&Arc<Grant>>,
    ) -> Result<Option<Arc<Grant>>, Error> {
        let fresh =
            |grant: &Arc<Grant>| grant.holds() && stale.is_none_or(|stale| !Arc::ptr_eq(stale, grant));
        let grants = &self.shared().grants;
        if let Some(grant) = grants.wider(self.repository(), access, stale) {
            return Ok(Some(grant));
        }
        let slot = grants.slot(self.repository(), access);
        let mut held = slot.lock().await;
        if let Some(grant) = held.as_ref().filter(|grant| fresh(grant)) {
            return Ok(Some(Arc::clone(grant)));
        }
        *held = None;
        let grant = self.ask(access, challenge).await?.map(Arc::new);
        held.clone_from(&grant);
        Ok(grant)
    }

    /// The credentials for the repository: those that were given, else those of files and helpers.
    pub(super) async fn credential(&self) -> Result<Credential, Error> {
        let options = &self.shared().options;
        let given = options
            .login
            .as_ref()
            .filter(|login| login.registry.eq_ignore_ascii_case(self.repository().registry()));
        match given {
            Some(login) => Ok(login.credential.clone()),
            None => options.credentials.lookup(self.repository()).await,
        }
    }

    async fn ask(&self, access: &Access, challenge: &Challenge) -> Result<Option<Grant>, Error> {
        let options = &self.shared().options;
        let credential = self.credential().await?;
        if let Credential::RegistryToken(token) = &credential {
            return Grant::bearer(token, BASIC).map(Some);
        }
        match (challenge, &credential) {
            (Challenge::Basic, Credential::Basic { user, password }) => {
                Grant::basic(user, password).map(Some)
            }
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { realm, service, scopes }, _) => {
                let origin = self.origin()?;
                let trust = realm::decide(realm, &origin, &options.auth_realms, &options.plain_http)?;
                let (sent, withheld) = match trust {
                    Trust::QuestionOnly(host) if !credential.is_anonymous() => {
                        (&Credential::Anonymous, Some(host))
                    }
                    Trust::QuestionOnly(_) | Trust::Credentials => (&credential, None),
                };
                let question = token::Question {
                    realm,
                    service: service.as_deref(),
                    scopes: &access.scopes(self.repository().path(), scopes),
                    withheld: withheld.as_deref(),
                };
                let mut grant = self.token(&question, sent).await?;
                grant.anonymous = sent.is_anonymous();
                grant.withheld = withheld;
                Ok(Some(grant))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_it_needs_only() {
        let theirs = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect::<Vec<_>>();
        let pull = Access::Pull.scopes(
            "a/b",
            &theirs(&["repository:a/b:pull,push", "repository:local/a/b:pull", "registry:catalog:*"]),
        );
        assert_eq!(pull, ["repository:a/b:pull", "repository:local/a/b:pull"]);
        assert_eq!(
            Access::Push.scopes("a", &theirs(&["repository:a:pull,push"])),
            ["repository:a:pull,push"]
        );
        assert_eq!(Access::Delete.scopes("a", &[]), ["repository:a:pull,delete"]);
        assert!(Access::Login.scopes("a", &theirs(&["repository:a:pull", "registry:catalog:*"])).is_empty());
        let all = Access::Catalog.scopes("a", &theirs(&["repository:a:*", "registry:catalog:*"]));
        assert_eq!(all, ["registry:catalog:*"]);
        let mount = Access::Mount { from: "b".to_owned() };
        assert_eq!(mount.scopes("a", &[]), ["repository:a:pull,push", "repository:b:pull"]);
        let many: Vec<String> = (0..100).map(|number| format!("repository:r{number}:pull")).collect();
        assert_eq!(Access::Pull.scopes("a", &many).len(), 1 + CHALLENGE_SCOPES);
    }

    #[test]
    fn shows_no_secret() {
        let grant = Grant::basic("user", &Secret::new("hunter2")).unwrap();
        assert!(!format!("{:?}", grant.header()).contains("Basic"));
        assert!(grant.is_part_of("you sent hunter2!"));
        assert!(grant.is_part_of("you sent dXNlcjpodW50ZXIy!"));
        assert!(!grant.is_part_of("you sent nothing"));
        assert_eq!(Grant::bearer(&Secret::new("a\nb"), BASIC).err().unwrap().kind(), ErrorKind::Credentials);
    }
}
