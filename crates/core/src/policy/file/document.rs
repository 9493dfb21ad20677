//! A policy file as it was understood, keys still by their names.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::KeySource;
use super::problem::Position;
use crate::digest::Digest;
use crate::key::Scheme;
use crate::policy::{
    Condition, Mirror, Mode, NamespaceGlob, Oldest, RepositoryGlob, RulePlatforms, ScanRules, SignedFor,
    Unmatched, VsaRules,
};
use crate::predicate::PredicateType;
use crate::reference::Repository;

/// Something, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) position: Position,
    /// The field, for messages.
    pub(super) field: String,
}

#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) serial: Option<u64>,
    pub(super) keys: Vec<At<Key>>,
    pub(super) mirrors: Vec<At<Mirror>>,
    pub(super) rules: Vec<At<Rule>>,
    pub(super) exempt: Vec<At<Exemption>>,
    pub(super) unmatched: Option<At<Unmatched>>,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) source: KeySource,
    pub(super) valid_from: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) algorithms: Option<Vec<At<Scheme>>>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    pub(super) images: Vec<At<RepositoryGlob>>,
    pub(super) namespaces: Vec<NamespaceGlob>,
    pub(super) mode: Mode,
    pub(super) platforms: RulePlatforms,
    pub(super) signature_repository: Option<Repository>,
    pub(super) require: Vec<At<Requirement>>,
}

#[derive(Clone, Debug)]
pub(super) struct Exemption {
    pub(super) images: Vec<At<RepositoryGlob>>,
    pub(super) digest: Option<Digest>,
    pub(super) reason: String,
    pub(super) expires: Timestamp,
}

/// A requirement: a signature, or the attestation that stands in it.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    /// The names of keys, each once, each with one under `keys`.
    pub(super) by: Vec<String>,
    pub(super) threshold: Option<usize>,
    pub(super) annotations: BTreeMap<String, String>,
    /// None where nothing is written.
    pub(super) signed_for: Option<SignedFor>,
    pub(super) attestation: Option<Box<Attestation>>,
}

#[derive(Clone, Debug)]
pub(super) struct Attestation {
    pub(super) types: Vec<PredicateType>,
    pub(super) inherit: bool,
    pub(super) max_age: Option<At<Oldest>>,
    pub(super) condition: Option<Condition>,
    pub(super) scan: Option<At<Scan>>,
    pub(super) vsa: Option<At<VsaRules>>,
}

/// Rules on a scan, those on VEX documents apart: they name keys.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) rules: ScanRules,
    pub(super) ignore: Vec<Position>,
    pub(super) vex: Vec<At<Vex>>,
}

#[derive(Clone, Debug)]
pub(super) struct Vex {
    pub(super) by: Vec<String>,
    pub(super) justifications: Vec<String>,
}
