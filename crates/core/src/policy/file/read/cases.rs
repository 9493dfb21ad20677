//! Cases that a policy is held against.

use super::super::cases::{CaseSubject, PolicyCase, PolicyCases};
use super::super::check;
use super::super::problem::{Problem, ProblemCode};
use super::super::tree::Tree;
use super::{Field, Reader};
use crate::reference::Repository;
use crate::verify::Outcome;

/// The cases of a tree, as far as they can be understood, and what is wrong with them.
pub(in super::super) fn cases(tree: &Tree) -> (PolicyCases, Vec<Problem>) {
    let mut reader = Reader { tree, keys: Vec::new(), problems: Vec::new() };
    let root = Field { id: tree.root(), path: String::new() };
    let policy = reader.member_text(&root, "policy").map(ToOwned::to_owned);
    let items = reader.items(&root, "cases");
    let cases = items.iter().filter_map(|item| reader.case(item)).collect();
    (PolicyCases { policy, cases }, reader.problems)
}

impl Reader<'_> {
    fn case(&mut self, at: &Field) -> Option<PolicyCase> {
        let text = |reader: &Self, name| reader.member_text(at, name).map(ToOwned::to_owned);
        let identity = self.member_parsed(at, "as", ProblemCode::Repository, |text| {
            text.parse::<Repository>().map_err(|error| format!("{:?}: {error}", check::shown(text)))
        });
        let time = self.member_parsed(at, "at", ProblemCode::Time, |text| {
            let expected = "expected a time as 2026-12-31T00:00:00Z";
            text.parse().map_err(|_| expected.to_owned())
        });
        let image = text(self, "image").map(CaseSubject::Image);
        let judged = image.or_else(|| text(self, "manifest").map(CaseSubject::Manifest))?;
        let expect = match self.member_text(at, "expect")? {
            "admit" => Outcome::Admit,
            "refuse" => Outcome::Refuse,
            _ => Outcome::Undecided,
        };
        Some(PolicyCase {
            name: text(self, "name"),
            judged,
            identity,
            namespace: text(self, "namespace"),
            at: time,
            expect,
            basis: text(self, "basis"),
            reason: text(self, "reason"),
            position: self.tree.at(at.id),
        })
    }
}
