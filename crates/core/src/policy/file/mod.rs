//! Policy files: the text of a policy, YAML or JSON, strictly read.
//!
//! This module reads bytes and never files: it says which keys are named, whoever calls loads them (rule Y3), and
//! [`PolicyFile::resolve`] makes a [`PolicySet`] of both. What is not understood is an error with its place
//! and never passed over; everything that is wrong is told at once. The fields stand in one table (`schema`), from which the
//! published JSON schema is made too.
//!
//! ```
//! use waxseal_core::policy::file::PolicyFile;
//! let text = r#"
//! apiVersion: waxseal/v1
//! kind: Policy
//! name: production
//! keys:
//!   release: { file: release.pub }
//! rules:
//!   - images: ["registry.example.com/prod/**"]
//!     require:
//!       - signature: { by: [release], signedFor: same }
//! "#;
//! let file = PolicyFile::parse(text.as_bytes())?;
//! assert_eq!(file.name(), "production");
//! assert_eq!(file.key_references()[0].name, "release");
//!
//! let error = PolicyFile::parse(text.replace("release, s", "releas, s").as_bytes());
//! # let text = text.replace("[release]", "[releas]");
//! # let error = PolicyFile::parse(text.as_bytes()).unwrap_err();
//! assert_eq!(error.problems()[0].code.code(), "unknown-key");
//! assert_eq!(error.problems()[0].position.line, 10);
//! # Ok::<(), waxseal_core::policy::file::PolicyFileError>(())
//! ```

mod cases;
mod check;
mod document;
mod problem;
mod read;
mod resolve;
mod schema;
mod tree;
mod warning;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use cases::{CaseSubject, PolicyCase, PolicyCases};
pub use problem::{PolicyFileError, Position, Problem, ProblemCode};
pub use schema::json_schema;

use self::document::Document;
use self::tree::Tree;
use super::PolicySet;
use crate::key::PublicKey;

/// A policy file that was read, keys still by their names.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    document: Document,
    /// Warnings that the text alone gives.
    repeated: Vec<Problem>,
}

/// A key that a policy file names, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReference {
    /// Its name in the file.
    pub name: String,
    /// Where it is.
    pub source: KeySource,
    /// Where it stands in the file.
    pub position: Position,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// In a file, by its path, relative to the policy file.
    File(String),
    /// As on the command line: a file, relative to the policy file, or another place.
    Named(String),
    /// In the policy: PEM.
    Pem(String),
}

impl PolicyFile {
    /// Reads a policy file: at most [`POLICY_BYTES`](crate::limits::POLICY_BYTES) bytes of YAML or JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyFileError> {
        let tree = Tree::read(bytes).map_err(PolicyFileError::one)?;
        let mut problems = check::check(&tree, &schema::POLICY);
        let (document, more) = read::document(&tree);
        problems.extend(more);
        match PolicyFileError::of(problems) {
            Some(error) => Err(error),
            None => Ok(Self { document, repeated: warning::repeated(&tree) }),
        }
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// The number of this edition, if it has one.
    pub const fn serial(&self) -> Option<u64> {
        self.document.serial
    }

    /// The keys that the file names, in its order.
    pub fn key_references(&self) -> Vec<KeyReference> {
        let keys = self.document.keys.iter();
        keys.map(|key| KeyReference {
            name: key.value.name.clone(),
            source: key.value.source.clone(),
            position: key.position,
        })
        .collect()
    }

    /// That a key cannot be read or used, as a problem of this file; `why` is a sentence without a full stop.
    pub fn unusable_key(&self, name: &str, why: impl Into<String>) -> Problem {
        let key = self.document.keys.iter().find(|key| key.value.name == name);
        let (position, field) =
            key.map_or((Position::START, String::new()), |key| (key.position, key.field.clone()));
        Problem::new(ProblemCode::KeyUnusable, position, field, why)
    }

    /// The policy, with these keys in place of their names: every name of [`PolicyFile::key_references`] must be there.
    pub fn resolve(&self, keys: &BTreeMap<String, PublicKey>) -> Result<PolicySet, PolicyFileError> {
        resolve::resolve(&self.document, keys)
    }

    /// What its author should know at `now`: what has expired, what is never used, what lets more in than it seems to.
    pub fn warnings(&self, now: Timestamp) -> Vec<Problem> {
        let mut found = warning::warnings(&self.document, now);
        found.extend(self.repeated.iter().cloned());
        found.sort_by_key(|problem| problem.position);
        found
    }

    /// That keys are published for trials.
    pub fn example_keys(&self, keys: &BTreeMap<String, PublicKey>) -> Vec<Problem> {
        warning::example_keys(&self.document, keys)
    }
}

impl PolicyFileError {
    /// An error of these problems, as of keys that could not be read; none if none of them is an error.
    pub fn from_problems(problems: Vec<Problem>) -> Option<Self> {
        Self::of(problems)
    }
}
