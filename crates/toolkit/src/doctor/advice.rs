//! What the findings mean for signatures: which settings fit this registry, and what will not work there.

use serde::Serialize;
use waxseal_oci::RegistryName;
use waxseal_oci::registry::{Challenged, Greeting};

use super::{CheckName, Findings, Outcome};

/// What would be used, and what has to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Advice {
    /// The value of `--format` that fits.
    pub format: FormatAdvice,
    /// Where bundles are listed.
    pub listing: ListingAdvice,
    /// The value of `--absent-status` that is needed, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_status: Option<String>,
    /// The value of `--auth-realm` that is needed for the credentials to be sent, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_realm: Option<String>,
    /// What will not work, or works in another way, one sentence each.
    pub remarks: Vec<String>,
}

/// A format of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FormatAdvice {
    /// Both.
    Both,
    /// Bundles alone.
    Bundle,
}

/// A place where bundles are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ListingAdvice {
    /// By the referrers API.
    ReferrersApi,
    /// By the index at the fallback tag.
    FallbackTag,
    /// Nothing was found out.
    Unknown,
}

impl FormatAdvice {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Bundle => "bundle",
        }
    }
}

pub(super) fn of(registry: &RegistryName, greeting: &Greeting, findings: &Findings) -> Advice {
    let outcome = |name| findings.outcome(name);
    let mut remarks = Vec::new();
    let api = match (outcome(CheckName::SubjectHeader), outcome(CheckName::ReferrersApi)) {
        (Outcome::Yes, _) | (Outcome::NotTested, Outcome::Yes) => ListingAdvice::ReferrersApi,
        (Outcome::No, _) | (_, Outcome::No) => ListingAdvice::FallbackTag,
        _ => ListingAdvice::Unknown,
    };
    let fixed = outcome(CheckName::OverwriteTag) == Outcome::No;
    let format = match (fixed, api) {
        (true, ListingAdvice::ReferrersApi) => {
            remarks.push(
                "a tag cannot be moved, so a second signature in the legacy format cannot be added: \
                 bundles alone need no tag"
                    .to_owned(),
            );
            FormatAdvice::Bundle
        }
        (true, _) => {
            remarks.push(
                "a tag cannot be moved and bundles are listed at a tag: an image can be signed once, by all keys \
                 in one command; set COSIGN_REPOSITORY to a repository whose tags can be moved"
                    .to_owned(),
            );
            FormatAdvice::Both
        }
        _ => FormatAdvice::Both,
    };
    let absent_status = (outcome(CheckName::MissingTag) == Outcome::No).then(|| {
        remarks.push(
            "403 for a missing tag may also mean that the credentials do not suffice: --absent-status takes it for \
             \"not there\""
                .to_owned(),
        );
        format!("{registry}=403")
    });
    let auth_realm = match &greeting.challenge {
        Challenged::Bearer { realm, trusted: false } => Some(realm.clone()),
        _ => None,
    };
    if outcome(CheckName::DigestHeader) == Outcome::No && outcome(CheckName::Write) != Outcome::No {
        remarks.push(
            "digests are always computed from the bytes; what the registry says of them is not used"
                .to_owned(),
        );
    }
    if outcome(CheckName::Authentication) == Outcome::Yes
        && outcome(CheckName::Credentials) == Outcome::NotTested
        && outcome(CheckName::MissingTag) == Outcome::Unclear
    {
        remarks.push("the repository wants credentials: log in, and ask again".to_owned());
    }
    let deletes = [CheckName::DeleteManifest, CheckName::DeleteTag].map(outcome);
    if deletes == [Outcome::No, Outcome::No] {
        remarks.push("nothing can be deleted, so `waxseal clean` takes nothing away".to_owned());
    }
    Advice { format, listing: api, absent_status, auth_realm, remarks }
}
