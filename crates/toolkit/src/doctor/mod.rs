//! The job of finding out what a registry can do, and what that means for signatures.
//!
//! Reading probes ask for what is not there. Writing probes ([`Doctor::write`]) put small objects into a repository that
//! a person named, and take them away again where the registry lets that be done. What a registry cannot do is a
//! finding and no error; that it cannot be reached, or refuses the credentials, is an error.

mod advice;
mod writes;

use serde::Serialize;
use waxseal_core::reference::Tag;
use waxseal_core::{Digest, Repository};
use waxseal_oci::registry::{Challenged, Greeting, LoginCheck};
use waxseal_oci::{Client, Error as StoreError, ErrorKind as StoreKind, Registry, RegistryName, Which};

pub use advice::{Advice, FormatAdvice, ListingAdvice};

use crate::error::{Error, ErrorKind};

/// Version of the JSON form.
pub const DOCTOR_SCHEMA: &str = "waxseal/doctor/v1";
/// How the tags begin that are asked for, and written.
const TAG_PREFIX: &str = "waxseal-doctor-";

/// An examination.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Doctor {
    /// The registry.
    pub registry: RegistryName,
    /// The repository that is asked about, and written to.
    pub repository: Option<Repository>,
    /// A tag there whose manifest is read.
    pub tag: Option<Tag>,
    /// Whether small objects are written to the repository.
    pub write: bool,
    /// Another repository of the registry, into which a blob is taken over.
    pub second: Option<Repository>,
}

/// What was found out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// [`DOCTOR_SCHEMA`].
    pub schema: &'static str,
    /// The registry.
    pub registry: String,
    /// The repository, if one was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What was asked, one after the other.
    pub checks: Vec<Check>,
    /// What this means for signatures.
    pub advice: Advice,
    /// What was written and could not be taken away.
    pub left: Vec<String>,
}

/// One thing that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Check {
    /// The stable name.
    pub name: CheckName,
    /// The answer.
    pub outcome: Outcome,
    /// The same in words; text from the registry is bounded.
    pub detail: String,
}

/// The things that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckName {
    /// Whether it speaks https.
    Https,
    /// Whether it wants credentials.
    Authentication,
    /// Whether the credentials that are known were taken.
    Credentials,
    /// Whether a missing tag is answered with 404.
    MissingTag,
    /// Whether there is a referrers API.
    ReferrersApi,
    /// Whether `Docker-Content-Digest` names the digest of the bytes.
    DigestHeader,
    /// Whether manifests have an entity tag.
    Etag,
    /// Whether the repository can be written to.
    Write,
    /// Whether a blob can be sent in one request.
    SinglePost,
    /// Whether a blob can be sent in pieces.
    ChunkedUpload,
    /// Whether a tag can be moved.
    OverwriteTag,
    /// Whether a manifest with a subject is listed by the registry.
    SubjectHeader,
    /// Whether a blob can be taken over from another repository.
    Mount,
    /// Whether a tag can be deleted.
    DeleteTag,
    /// Whether a manifest can be deleted.
    DeleteManifest,
    /// Whether a blob can be deleted.
    DeleteBlob,
}

impl CheckName {
    /// What is asked, in words.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Https => "speaks https",
            Self::Authentication => "asks for credentials",
            Self::Credentials => "takes the credentials in use",
            Self::MissingTag => "answers 404 for a missing tag",
            Self::ReferrersApi => "has the referrers API",
            Self::DigestHeader => "names the digest that it serves",
            Self::Etag => "gives entity tags",
            Self::Write => "can be written to",
            Self::SinglePost => "takes a blob in one request",
            Self::ChunkedUpload => "takes a blob in pieces",
            Self::OverwriteTag => "lets a tag be moved",
            Self::SubjectHeader => "lists a manifest with a subject",
            Self::Mount => "takes a blob over from another repository",
            Self::DeleteTag => "deletes tags",
            Self::DeleteManifest => "deletes manifests",
            Self::DeleteBlob => "deletes blobs",
        }
    }
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The registry's answer says neither.
    Unclear,
    /// It was not asked.
    NotTested,
}

impl Outcome {
    /// The name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unclear => "unclear",
            Self::NotTested => "not tested",
        }
    }

    const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// The findings of one examination, as they come.
#[derive(Debug, Default)]
struct Findings {
    checks: Vec<Check>,
    left: Vec<String>,
}

impl Findings {
    fn note(&mut self, name: CheckName, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check { name, outcome, detail: detail.into() });
    }

    fn outcome(&self, name: CheckName) -> Outcome {
        self.checks.iter().find(|check| check.name == name).map_or(Outcome::NotTested, |check| check.outcome)
    }
}

impl Doctor {
    /// An examination of a registry, that reads alone.
    pub const fn new(registry: RegistryName) -> Self {
        Self { registry, repository: None, tag: None, write: false, second: None }
    }

    /// An examination of a registry by one of its repositories.
    pub fn of_repository(repository: Repository) -> Self {
        let registry = RegistryName::from(&repository);
        Self { registry, repository: Some(repository), tag: None, write: false, second: None }
    }

    /// Examines.
    pub async fn examine(&self, client: &Client) -> Result<Report, Error> {
        let usage = |why: &str| Err(Error::new(ErrorKind::Usage, why));
        if self.write && self.repository.is_none() {
            return usage("writing needs a repository to write to: name one that nobody else uses");
        }
        if let Some(second) = &self.second
            && (RegistryName::from(second).as_str() != self.registry.as_str()
                || Some(second) == self.repository.as_ref())
        {
            return usage("the second repository has to be another one of the same registry");
        }
        let mut findings = Findings::default();
        let greeting = client.greet(&self.registry).await?;
        greet(&mut findings, &greeting);
        self.credentials(client, &greeting, &mut findings).await?;
        if let Some(repository) = &self.repository {
            let registry = client.repository(repository);
            let mark = mark()?;
            self.read(&registry, &mark, &mut findings).await?;
            if self.write {
                let second = self.second.as_ref().map(|second| client.repository(second));
                writes::probe(&registry, second.as_ref(), &mark, &mut findings).await?;
            }
        }
        let advice = advice::of(&self.registry, &greeting, &findings);
        Ok(Report {
            schema: DOCTOR_SCHEMA,
            registry: self.registry.to_string(),
            repository: self.repository.as_ref().map(ToString::to_string),
            checks: findings.checks,
            advice,
            left: findings.left,
        })
    }

    async fn credentials(
        &self,
        client: &Client,
        greeting: &Greeting,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let name = CheckName::Credentials;
        if !client.has_credentials(&self.registry).await? {
            findings.note(name, Outcome::NotTested, "none are known");
            return Ok(());
        }
        if let Challenged::Bearer { realm, trusted: false } = &greeting.challenge {
            findings.note(name, Outcome::NotTested, format!("they are not sent to {realm}"));
            return Ok(());
        }
        match client.check_login(&self.registry).await? {
            LoginCheck::Accepted => findings.note(name, Outcome::Yes, ""),
            _ => findings.note(name, Outcome::NotTested, "nobody is asked for any at the door"),
        }
        Ok(())
    }

    async fn read(&self, registry: &Registry, mark: &str, findings: &mut Findings) -> Result<(), Error> {
        let missing = Which::Tag(tag(&format!("{TAG_PREFIX}{mark}-missing"))?);
        let seen = registry.observe_manifest(&missing).await.map(|seen| (seen.status, answered(&seen)));
        let (outcome, detail) = match foreseen(seen)? {
            Ok((404, _)) => (Outcome::Yes, String::new()),
            Ok((403, detail)) => (Outcome::No, detail),
            Ok((_, detail)) | Err(detail) => (Outcome::Unclear, detail),
        };
        findings.note(CheckName::MissingTag, outcome, detail);
        let nobody = Digest::of(mark);
        let seen = registry.observe_referrers(&nobody).await;
        let (outcome, detail) = match foreseen(seen)? {
            Ok((_, true)) => (Outcome::Yes, String::new()),
            Ok((seen, false)) if seen.code.as_deref() == Some("NAME_UNKNOWN") => {
                (Outcome::Unclear, "the repository is not there".to_owned())
            }
            Ok((seen, false)) if matches!(seen.status, 200 | 400 | 404 | 405 | 406 | 501) => {
                (Outcome::No, answered(&seen))
            }
            Ok((seen, false)) => (Outcome::Unclear, answered(&seen)),
            Err(detail) => (Outcome::Unclear, detail),
        };
        findings.note(CheckName::ReferrersApi, outcome, detail);
        if self.write {
            // What was written there is asked about instead.
            return Ok(());
        }
        let Some(tag) = &self.tag else { return Ok(()) };
        let seen = registry.probe_manifest(&Which::Tag(tag.clone())).await;
        headers(findings, &format!("by the tag {tag}"), foreseen(seen)?);
        Ok(())
    }
}

/// What the headers of a manifest say.
fn headers(findings: &mut Findings, what: &str, seen: Result<waxseal_oci::registry::ManifestProbe, String>) {
    let seen = seen.and_then(|seen| match seen.status {
        200 => Ok(seen),
        status => Err(format!("{status} for the manifest {what}")),
    });
    let (digest, etag) = match seen {
        Ok(seen) => {
            let digest = match seen.digest_is_true {
                Some(true) => (Outcome::Yes, String::new()),
                Some(false) => (Outcome::No, "it names another one".to_owned()),
                None => (Outcome::No, "it names none".to_owned()),
            };
            (digest, (Outcome::of(seen.has_etag), String::new()))
        }
        Err(detail) => ((Outcome::NotTested, detail.clone()), (Outcome::NotTested, detail)),
    };
    findings.note(CheckName::DigestHeader, digest.0, digest.1);
    findings.note(CheckName::Etag, etag.0, etag.1);
}

fn greet(findings: &mut Findings, greeting: &Greeting) {
    findings.note(CheckName::Https, Outcome::of(greeting.secure), greeting.origin.clone());
    let (outcome, detail) = match (&greeting.challenge, greeting.status) {
        (Challenged::Basic, _) => (Outcome::Yes, "user and password, with each request".to_owned()),
        (Challenged::Bearer { realm, trusted: true }, _) => {
            (Outcome::Yes, format!("tokens of {realm}, which gets the credentials"))
        }
        (Challenged::Bearer { realm, .. }, _) => (
            Outcome::Yes,
            format!(
                "tokens of {realm}, which gets no credentials: it is not known to belong to the registry"
            ),
        ),
        (Challenged::Unknown { why }, _) => (Outcome::Unclear, why.clone()),
        (_, 200) => (Outcome::No, "not at the door; repositories may".to_owned()),
        (_, status) => (Outcome::Unclear, format!("it answered {status} at /v2/")),
    };
    findings.note(CheckName::Authentication, outcome, detail);
}

/// How an answer is shown.
fn answered(seen: &waxseal_oci::registry::Observed) -> String {
    match &seen.code {
        Some(code) => format!("it answered {} ({code})", seen.status),
        None => format!("it answered {}", seen.status),
    }
}

/// A refusal is a finding, told in words; everything else that went wrong ends the examination.
fn foreseen<T>(outcome: Result<T, StoreError>) -> Result<Result<T, String>, Error> {
    match outcome {
        Ok(found) => Ok(Ok(found)),
        Err(error) if is_finding(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn is_finding(error: &StoreError) -> bool {
    !matches!(
        error.kind(),
        StoreKind::Transport
            | StoreKind::Timeout
            | StoreKind::Tls
            | StoreKind::Offline
            | StoreKind::PlainHttp
            | StoreKind::Credentials
            | StoreKind::Configuration
            | StoreKind::Io
    )
}

fn tag(text: &str) -> Result<Tag, Error> {
    text.parse().map_err(|error: waxseal_core::reference::ReferenceError| {
        Error::new(ErrorKind::Usage, "a tag").caused_by(error)
    })
}

/// What tells this examination from every other one.
fn mark() -> Result<String, Error> {
    getrandom::u64()
        .map(|number| format!("{number:016x}"))
        .map_err(|error| Error::new(ErrorKind::Io, format!("no random numbers: {error}")))
}
