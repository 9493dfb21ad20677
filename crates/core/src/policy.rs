//! What must hold before an image is admitted.
//!
//! A [`Policy`] has at least one requirement, and a requirement is met by one signature that meets all of it,
//! never by parts of several (rule S1). There is no default policy: whoever decides says what is wanted.

use core::num::NonZeroUsize;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::candidate::Format;
use crate::digest::Digest;
use crate::key::{KeyId, PublicKey, Scheme};
use crate::reference::Repository;

/// What must hold.
///
/// ```compile_fail,E0277
/// fn default<T: Default>() {}
/// default::<waxseal_core::Policy>(); // nobody trusts by default
/// ```
///
/// ```compile_fail,E0061
/// let everything = waxseal_core::Policy::requiring(); // an empty policy cannot be built
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    requirements: Vec<Requirement>,
}

impl Policy {
    /// A policy with one requirement.
    pub fn requiring(requirement: impl Into<Requirement>) -> Self {
        Self { name: "command line".to_owned(), requirements: vec![requirement.into()] }
    }

    /// The same policy with one requirement more: all of them must be met.
    #[must_use]
    pub fn and(mut self, requirement: impl Into<Requirement>) -> Self {
        self.requirements.push(requirement.into());
        self
    }

    /// The same policy under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The name, for output.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The requirements, at least one.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// The digest of the resolved policy: key ids instead of files, defaults written out (rule Y3). The name is
    /// not part of it.
    pub fn digest(&self) -> Digest {
        let resolved: Vec<_> = self.requirements.iter().map(Requirement::resolved).collect();
        Digest::of(serde_json::to_vec(&resolved).unwrap_or_default())
    }
}

/// One thing that must hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Requirement {
    /// Signatures of the image.
    Signature(SignatureRequirement),
}

impl From<SignatureRequirement> for Requirement {
    fn from(requirement: SignatureRequirement) -> Self {
        Self::Signature(requirement)
    }
}

impl Requirement {
    fn resolved(&self) -> Resolved<'_> {
        match self {
            Self::Signature(requirement) => requirement.resolved(),
        }
    }

    /// The requirement in a few words, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Signature(requirement) => requirement.describe(),
        }
    }
}

/// Signatures of the image by some keys.
#[derive(Clone, Debug)]
pub struct SignatureRequirement {
    keys: Vec<TrustedKey>,
    threshold: NonZeroUsize,
    annotations: BTreeMap<String, String>,
    signed_for: SignedFor,
    formats: Vec<Format>,
}

impl SignatureRequirement {
    /// A signature by any one of `keys`.
    pub fn by(keys: Vec<TrustedKey>) -> Result<Self, PolicyError> {
        if keys.is_empty() {
            return Err(PolicyError::NoKey);
        }
        for (at, key) in keys.iter().enumerate() {
            if let Some(first) = keys.iter().take(at).find(|first| first.key.id() == key.key.id()) {
                return Err(PolicyError::SameKeyTwice {
                    first: first.name.clone(),
                    second: key.name.clone(),
                    id: key.key.id(),
                });
            }
        }
        Ok(Self {
            keys,
            threshold: NonZeroUsize::MIN,
            annotations: BTreeMap::new(),
            signed_for: SignedFor::Any,
            formats: vec![Format::Legacy, Format::Bundle],
        })
    }

    /// Signatures by at least this many distinct keys (rule S2).
    pub fn threshold(mut self, threshold: usize) -> Result<Self, PolicyError> {
        let keys = self.keys.len();
        match NonZeroUsize::new(threshold) {
            Some(wanted) if threshold <= keys => {
                self.threshold = wanted;
                Ok(self)
            }
            _ => Err(PolicyError::Threshold { threshold, keys }),
        }
    }

    /// Annotations that each counting signature must have signed, all of them (rule S4).
    #[must_use]
    pub fn annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        self.annotations = annotations;
        self
    }

    /// The names under which the image may have been signed (rule S9).
    #[must_use]
    pub fn signed_for(mut self, signed_for: SignedFor) -> Self {
        self.signed_for = signed_for;
        self
    }

    /// Only this format counts. For a person at a command line: a policy file has no such word (rule L4).
    #[must_use]
    pub fn only(mut self, format: Format) -> Self {
        self.formats = vec![format];
        self
    }

    /// The keys, at least one, each once.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// How many distinct keys must have signed.
    pub fn wanted(&self) -> usize {
        self.threshold.get()
    }

    /// The annotations that must have been signed.
    pub fn wanted_annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The names under which the image may have been signed.
    pub fn wanted_name(&self) -> &SignedFor {
        &self.signed_for
    }

    /// The formats that count.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let mut text = match (self.keys.len(), self.threshold.get()) {
            (1, _) => format!("a signature by {}", keys.join("")),
            (_, 1) => format!("a signature by any one of {}", keys.join(", ")),
            (_, wanted) => format!("signatures by {wanted} of {}", keys.join(", ")),
        };
        for (name, value) in &self.annotations {
            text = format!("{text}, with {name}={value}");
        }
        match &self.signed_for {
            SignedFor::Any => {}
            SignedFor::Same => text.push_str(", signed under the image's own name"),
            SignedFor::Globs(globs) => {
                let globs: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
                text = format!("{text}, signed for {}", globs.join(" or "));
            }
        }
        text
    }

    fn resolved(&self) -> Resolved<'_> {
        let mut keys: Vec<_> = self.keys.iter().map(TrustedKey::resolved).collect();
        keys.sort_by_key(|key| key.id);
        Resolved {
            kind: "signature",
            keys,
            threshold: self.threshold.get(),
            annotations: &self.annotations,
            signed_for: match &self.signed_for {
                SignedFor::Any => vec!["any"],
                SignedFor::Same => vec!["same"],
                SignedFor::Globs(globs) => globs.iter().map(RepositoryGlob::as_str).collect(),
            },
            formats: self.formats.iter().map(|format| format.name()).collect(),
        }
    }
}

/// A key that somebody trusts, and when.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    name: String,
    key: PublicKey,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    schemes: Option<Vec<Scheme>>,
}

impl TrustedKey {
    /// A key that is valid at any time and not revoked; `name` is how output speaks of it.
    pub fn new(name: impl Into<String>, key: PublicKey) -> Self {
        Self { name: name.into(), key, valid_from: None, valid_until: None, revoked_at: None, schemes: None }
    }

    /// The key counts from `from` on (inclusive) and until `until` (inclusive).
    #[must_use]
    pub fn valid(mut self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.valid_from = from;
        self.valid_until = until;
        self
    }

    /// The key no longer counts from `at` on (inclusive).
    #[must_use]
    pub fn revoked(mut self, at: Timestamp) -> Self {
        self.revoked_at = Some(at);
        self
    }

    /// Only these of the key's schemes count (rule S5).
    #[must_use]
    pub fn schemes(mut self, schemes: Vec<Scheme>) -> Self {
        self.schemes = Some(schemes);
        self
    }

    /// How output speaks of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first and the last moment at which it counts.
    pub fn validity(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.valid_from, self.valid_until)
    }

    /// When it was revoked.
    pub fn revocation(&self) -> Option<Timestamp> {
        self.revoked_at
    }

    /// Whether the policy lets this scheme count.
    pub fn allows(&self, scheme: Scheme) -> bool {
        self.schemes.as_ref().is_none_or(|schemes| schemes.contains(&scheme))
    }

    fn resolved(&self) -> ResolvedKey {
        ResolvedKey {
            id: self.key.id(),
            valid_from: self.valid_from.map(|at| at.to_string()),
            valid_until: self.valid_until.map(|at| at.to_string()),
            revoked_at: self.revoked_at.map(|at| at.to_string()),
            algorithms: self
                .schemes
                .as_ref()
                .map(|schemes| schemes.iter().map(|scheme| scheme.code()).collect()),
        }
    }
}

/// The names under which an image may have been signed (rule S9).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedFor {
    /// Under any name, or none: the default, as with cosign.
    Any,
    /// Under the name of the repository in which it is verified.
    Same,
    /// Under a name that one of the patterns matches.
    Globs(Vec<RepositoryGlob>),
}

/// A pattern over repository names: `*` within one path segment, `**` across any number of them, none included
/// unless it ends the pattern; the registry is part of it, and any of Docker's names for its own one is the same.
///
/// Matching takes time proportional to pattern times name at most, whatever the pattern.
///
/// ```
/// use waxseal_core::policy::RepositoryGlob;
/// let glob: RepositoryGlob = "registry.example.com/*/**".parse()?;
/// assert!(glob.matches(&"registry.example.com/prod/team/app".parse()?));
/// assert!(!glob.matches(&"registry.example.com/app".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryGlob {
    text: String,
    /// The pattern with its registry normalised as in the names that it is held against.
    normalised: String,
}

impl RepositoryGlob {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the whole normalised name.
    pub fn matches(&self, repository: &Repository) -> bool {
        let name = repository.to_string();
        let mut pattern: Vec<_> = self.normalised.split('/').collect();
        // At the end it means what is inside, so at least one segment; elsewhere none may stand there too.
        if pattern.last() == Some(&"**") {
            pattern.push("*");
        }
        let name: Vec<_> = name.split('/').collect();
        wild(&pattern, &name, |part| *part == "**", |part, segment| segment_matches(part, segment))
    }
}

impl core::str::FromStr for RepositoryGlob {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let invalid = |why| PolicyError::Glob { text: text.to_owned(), why };
        if text.is_empty() || text.len() > crate::limits::REPOSITORY_BYTES {
            return Err(invalid("it is empty or too long"));
        }
        if text.contains('@')
            || text.rsplit('/').next().is_some_and(|last| last.contains(':')) && text.contains('/')
        {
            return Err(invalid("tags and digests cannot be matched: they move, repositories do not"));
        }
        let mut segments = text.split('/');
        if segments.next().is_none_or(|registry| registry == "**" || registry.is_empty()) {
            return Err(invalid("the registry is part of the pattern, as in registry.example.com/**"));
        }
        let known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-*:[]".contains(&byte);
        for segment in text.split('/') {
            if segment.is_empty()
                || !segment.bytes().all(known)
                || (segment.contains("**") && segment != "**")
            {
                return Err(invalid(
                    "expected lower-case names, '*' within a segment, '**' as a whole segment",
                ));
            }
        }
        let Some((registry, path)) = text.split_once('/') else {
            return Err(invalid("expected a registry and a repository, as in registry.example.com/team/*"));
        };
        let normalised = if registry.contains('*') {
            text.to_owned()
        } else {
            // Docker's registry has several names, of which cosign signs another one than people write.
            let known = Repository::new(registry, "path").map_err(|_| invalid("its registry is none"))?;
            format!("{}/{path}", known.registry())
        };
        Ok(Self { text: text.to_owned(), normalised })
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    wild(pattern.as_bytes(), segment.as_bytes(), |part| *part == b'*', |part, byte| part == byte)
}

/// Matches with one kind of star that stands for any run, by going back to the last star only: no pattern can
/// make it take more than pattern times text.
fn wild<P, T>(pattern: &[P], text: &[T], star: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut in_text) = (0_usize, 0_usize);
    let mut back: Option<(usize, usize)> = None;
    while let Some(item) = text.get(in_text) {
        match pattern.get(at) {
            Some(part) if star(part) => {
                back = Some((at, in_text));
                at = at.saturating_add(1);
            }
            Some(part) if same(part, item) => {
                at = at.saturating_add(1);
                in_text = in_text.saturating_add(1);
            }
            _ => match back {
                Some((star_at, from)) => {
                    let from = from.saturating_add(1);
                    back = Some((star_at, from));
                    at = star_at.saturating_add(1);
                    in_text = from;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(star)
}

#[derive(Serialize)]
struct Resolved<'a> {
    kind: &'static str,
    keys: Vec<ResolvedKey>,
    threshold: usize,
    annotations: &'a BTreeMap<String, String>,
    signed_for: Vec<&'a str>,
    formats: Vec<&'static str>,
}

#[derive(Serialize)]
struct ResolvedKey {
    id: KeyId,
    valid_from: Option<String>,
    valid_until: Option<String>,
    revoked_at: Option<String>,
    algorithms: Option<Vec<&'static str>>,
}

/// Why a policy cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A requirement has no key.
    #[error("a signature requirement needs at least one key")]
    NoKey,
    /// Two names stand for one key, which would count twice (rule S2).
    #[error("{first} and {second} are the same key, {id}: a key counts once")]
    SameKeyTwice {
        /// The first name.
        first: String,
        /// The second name.
        second: String,
        /// The key.
        id: KeyId,
    },
    /// The threshold is zero or above the number of keys.
    #[error("a threshold of {threshold} with {keys} key(s): expected 1 to {keys}")]
    Threshold {
        /// What was asked for.
        threshold: usize,
        /// How many keys there are.
        keys: usize,
    },
    /// A pattern over repository names is none.
    #[error("{text:?} is no pattern for repositories: {why}")]
    Glob {
        /// The pattern.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl PolicyError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "policy-without-key",
            Self::SameKeyTwice { .. } => "policy-same-key-twice",
            Self::Threshold { .. } => "policy-threshold",
            Self::Glob { .. } => "policy-pattern",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        let cases = [
            ("registry.example.com/prod/**", "registry.example.com/prod/team/app", true),
            ("registry.example.com/prod/**", "registry.example.com/prod", false),
            ("registry.example.com/prod/**", "registry.example.com/prod/app", true),
            ("registry.example.com/prod/*", "registry.example.com/prod/team/app", false),
            ("registry.example.com/prod/*", "registry.example.com/prod/app", true),
            ("registry.example.com/**/app", "registry.example.com/a/b/app", true),
            ("registry.example.com/**/app", "registry.example.com/app", true),
            ("registry.example.com/*/**", "registry.example.com.evil/a/b", false),
            ("*.example.com/app", "registry.example.com/app", true),
            ("*.example.com/app", "example.com/app", false),
            ("docker.io/library/*", "busybox", true),
            ("index.docker.io/library/*", "busybox", true),
            ("registry-1.docker.io/library/*", "index.docker.io/library/busybox", true),
            ("index.docker.io:443/library/*", "busybox", false),
            ("localhost:5000/**", "localhost:5000/app", true),
            ("registry.example.com/app-*-x", "registry.example.com/app-1-2-x", true),
        ];
        for (glob, name, expected) in cases {
            let repository = name.parse::<Repository>().unwrap();
            assert_eq!(
                glob.parse::<RepositoryGlob>().unwrap().matches(&repository),
                expected,
                "{glob} {name}"
            );
        }
    }

    #[test]
    fn refuses_patterns_that_mean_nothing_or_too_much() {
        for text in [
            "",
            "**",
            "**/app",
            "registry.example.com",
            "registry.example.com/app:1.0",
            "a/b@sha256:00",
            "a//b",
            "a/",
            "Registry.example.com/app",
            "a/b**",
            "a/***",
            "a/{b,c}",
            "a/b c",
            "host:port/app",
            "-a/b",
        ] {
            assert!(matches!(text.parse::<RepositoryGlob>(), Err(PolicyError::Glob { .. })), "{text:?}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let glob: RepositoryGlob = format!("a/{}b", "*a".repeat(60)).parse().unwrap();
        let name = format!("localhost/{}", "a".repeat(120)).parse().unwrap();
        assert!(!glob.matches(&name));
    }
}
