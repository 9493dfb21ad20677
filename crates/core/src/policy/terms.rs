//! What signatures of images and attestations have in common: whose they are, how many, and what they must have signed.

use core::num::NonZeroUsize;
use std::collections::BTreeMap;

use serde::Serialize;

use super::key::ResolvedKey;
use super::{PolicyError, RepositoryGlob, SignedFor, TrustedKey};
use crate::candidate::Format;

/// Everything that each counting signature must meet alone (rule S1), and how many keys there must be (rule S2).
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) keys: Vec<TrustedKey>,
    threshold: NonZeroUsize,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) signed_for: SignedFor,
    pub(crate) formats: Vec<Format>,
}

impl Terms {
    /// Any one of `keys`, at least one, each once.
    pub(super) fn by(keys: Vec<TrustedKey>) -> Result<Self, PolicyError> {
        if keys.is_empty() {
            return Err(PolicyError::NoKey);
        }
        for (at, key) in keys.iter().enumerate() {
            if let Some(first) = keys.iter().take(at).find(|first| first.key().id() == key.key().id()) {
                return Err(PolicyError::SameKeyTwice {
                    first: first.name().to_owned(),
                    second: key.name().to_owned(),
                    id: key.key().id(),
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

    pub(super) fn threshold(mut self, threshold: usize) -> Result<Self, PolicyError> {
        let keys = self.keys.len();
        match NonZeroUsize::new(threshold) {
            Some(wanted) if threshold <= keys => {
                self.threshold = wanted;
                Ok(self)
            }
            _ => Err(PolicyError::Threshold { threshold, keys }),
        }
    }

    /// How many distinct keys must have signed.
    pub(crate) const fn wanted(&self) -> usize {
        self.threshold.get()
    }

    /// In words; `one` and `several` are what the keys make.
    pub(super) fn describe(&self, one: &str, several: &str) -> String {
        let keys: Vec<_> = self.keys.iter().map(TrustedKey::name).collect();
        let mut text = match (self.keys.len(), self.threshold.get()) {
            (1, _) => format!("{one} by {}", keys.join("")),
            (_, 1) => format!("{one} by any one of {}", keys.join(", ")),
            (_, wanted) => format!("{several} by {wanted} of {}", keys.join(", ")),
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

    pub(super) fn resolved(&self) -> ResolvedTerms<'_> {
        let mut keys: Vec<_> = self.keys.iter().map(TrustedKey::resolved).collect();
        keys.sort_by_key(|key| key.id);
        ResolvedTerms {
            keys,
            threshold: self.threshold.get(),
            annotations: &self.annotations,
            signed_for: self.signed_for.resolved(),
            formats: self.formats.iter().map(|format| format.name()).collect(),
        }
    }
}

/// The terms as the digest of a policy covers them.
#[derive(Serialize)]
pub(super) struct ResolvedTerms<'a> {
    keys: Vec<ResolvedKey>,
    threshold: usize,
    annotations: &'a BTreeMap<String, String>,
    signed_for: Vec<&'a str>,
    formats: Vec<&'static str>,
}
