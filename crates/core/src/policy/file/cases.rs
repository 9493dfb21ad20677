//! Cases that a policy is held against: images whose verdicts are known. Read as strictly as a policy.

use jiff::Timestamp;

use super::check;
use super::problem::{PolicyFileError, Position};
use super::read;
use super::schema::CASES;
use super::tree::Tree;
use crate::reference::Repository;
use crate::verify::Outcome;

/// A file of cases.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyCases {
    /// The policy, by its path relative to the file of cases, if one is named.
    pub policy: Option<String>,
    /// The cases, at least one.
    pub cases: Vec<PolicyCase>,
}

/// A case: what is judged, and what must come of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyCase {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is judged.
    pub judged: CaseSubject,
    /// The repository that an image in a layout goes by.
    pub identity: Option<Repository>,
    /// The namespace that it is to run in.
    pub namespace: Option<String>,
    /// The moment as of which it is judged; none for now.
    pub at: Option<Timestamp>,
    /// The outcome that it must have.
    pub expect: Outcome,
    /// The basis of the admission that it must have.
    pub basis: Option<String>,
    /// The code of the nearest miss that it must have.
    pub reason: Option<String>,
    /// Where it stands.
    pub position: Position,
}

/// What a case judges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaseSubject {
    /// An image, by its name.
    Image(String),
    /// Every image of a file with manifests, by its path relative to the file of cases: the worst outcome counts.
    Manifest(String),
}

impl PolicyCases {
    /// Reads a file of cases, YAML or JSON, within the limits of a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyFileError> {
        let tree = Tree::read(bytes).map_err(PolicyFileError::one)?;
        let mut problems = check::check(&tree, &CASES);
        let (cases, more) = read::cases(&tree);
        problems.extend(more);
        PolicyFileError::of(problems).map_or(Ok(cases), Err)
    }
}
