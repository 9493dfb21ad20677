//! Makes a document of a tree whose types were checked: what the texts say, and what does not fit together.
//!
//! Whatever is missing or of the wrong type has been told by then, and is passed over here, so that one run tells all that is
//! wrong. Nothing is made of a document in which anything was.

mod attestation;
mod cases;
mod rule;
mod scan;
mod text;

use std::collections::BTreeMap;

use self::text::{day_begins, day_ends};
use super::document::{At, Document, Exemption, Key};
use super::problem::{Problem, ProblemCode};
use super::tree::{Id, Tree, Value};
use super::{KeySource, check};
use crate::digest::Digest;
use crate::key::Scheme;
use crate::policy::{Mirror, PolicyError, RepositoryGlob, Unmatched};

pub(super) use self::cases::cases;
pub(super) use self::text::age;

/// A document, as far as it can be understood, and what is wrong with it.
pub(super) fn document(tree: &Tree) -> (Document, Vec<Problem>) {
    let mut reader = Reader { tree, keys: Vec::new(), problems: Vec::new() };
    let root = Field { id: tree.root(), path: String::new() };
    let document = reader.document(&root);
    (document, reader.problems)
}

/// A value, and the field that it stands in.
#[derive(Clone)]
struct Field {
    id: Id,
    path: String,
}

struct Reader<'t> {
    tree: &'t Tree,
    /// The names under `keys`.
    keys: Vec<String>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn problem(&mut self, code: ProblemCode, at: &Field, message: impl Into<String>) {
        let problem = Problem::new(code, self.tree.at(at.id), at.path.clone(), message);
        self.problems.push(problem);
    }

    fn placed<T>(&self, at: &Field, value: T) -> At<T> {
        At { value, position: self.tree.at(at.id), field: at.path.clone() }
    }

    /// A member of an object.
    fn member(&self, of: &Field, name: &str) -> Option<Field> {
        let Value::Map(entries) = self.tree.value(of.id) else { return None };
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some(Field { id: entry.value, path: check::member(&of.path, name) })
    }

    /// The members of a mapping of names.
    fn members(&self, of: &Field) -> Vec<(&'t str, Field)> {
        let Value::Map(entries) = self.tree.value(of.id) else { return Vec::new() };
        let field = |entry: &'t super::tree::Entry| {
            (entry.name.as_str(), Field { id: entry.value, path: check::member(&of.path, &entry.name) })
        };
        entries.iter().map(field).collect()
    }

    /// The items of a list that is a member; none where it is left out.
    fn items(&self, of: &Field, name: &str) -> Vec<Field> {
        self.member(of, name).map(|list| self.list(&list)).unwrap_or_default()
    }

    fn list(&self, list: &Field) -> Vec<Field> {
        let Value::List(items) = self.tree.value(list.id) else { return Vec::new() };
        let field = |(number, id): (usize, &Id)| Field { id: *id, path: format!("{}[{number}]", list.path) };
        items.iter().enumerate().map(field).collect()
    }

    fn text(&self, at: &Field) -> Option<&'t str> {
        match self.tree.value(at.id) {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    fn member_text(&self, of: &Field, name: &str) -> Option<&'t str> {
        self.text(&self.member(of, name)?)
    }

    fn owned(&self, of: &Field, name: &str) -> String {
        self.member_text(of, name).unwrap_or_default().to_owned()
    }

    fn texts(&self, of: &Field, name: &str) -> Vec<String> {
        let items = self.items(of, name);
        items.iter().filter_map(|item| self.text(item)).map(ToOwned::to_owned).collect()
    }

    fn flag(&self, of: &Field, name: &str, default: bool) -> bool {
        self.member_text(of, name).map_or(default, |text| text == "true")
    }

    fn number(&self, of: &Field, name: &str) -> Option<u64> {
        self.member_text(of, name)?.parse().ok()
    }

    /// What a text says, or a problem.
    fn parsed<T>(
        &mut self,
        at: &Field,
        code: ProblemCode,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(at)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problem(code, at, why);
                None
            }
        }
    }

    fn member_parsed<T>(
        &mut self,
        of: &Field,
        name: &str,
        code: ProblemCode,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let at = self.member(of, name)?;
        self.parsed(&at, code, read)
    }

    fn document(&mut self, root: &Field) -> Document {
        let keys = self.member(root, "keys").map(|keys| self.keys(&keys)).unwrap_or_default();
        self.keys = keys.iter().map(|key| key.value.name.clone()).collect();
        Document {
            name: self.owned(root, "name"),
            serial: self.number(root, "serial"),
            keys,
            mirrors: self.mirrors(root),
            rules: self.items(root, "rules").iter().map(|item| self.rule(item)).collect(),
            exempt: self.items(root, "exempt").iter().filter_map(|item| self.exemption(item)).collect(),
            unmatched: self.member(root, "unmatched").and_then(|at| {
                let word = match self.text(&at)? {
                    "warn" => Unmatched::Warn,
                    "admit" => Unmatched::Admit,
                    _ => Unmatched::Refuse,
                };
                Some(self.placed(&at, word))
            }),
        }
    }

    fn keys(&mut self, keys: &Field) -> Vec<At<Key>> {
        let members = self.members(keys);
        members.into_iter().filter_map(|(name, at)| self.key(name, &at)).collect()
    }

    fn key(&mut self, name: &str, at: &Field) -> Option<At<Key>> {
        let source = if let Some(text) = self.text(at) {
            KeySource::Named(text.to_owned())
        } else {
            let text = |name| self.member_text(at, name).map(ToOwned::to_owned);
            let file = text("file").map(KeySource::File);
            file.or_else(|| text("key").map(KeySource::Named)).or_else(|| text("pem").map(KeySource::Pem))?
        };
        if let KeySource::File(path) = &source
            && path.contains("://")
        {
            let message = format!("{:?} is no path of a file", check::shown(path));
            let problem =
                Problem::new(ProblemCode::KeyReference, self.tree.at(at.id), at.path.clone(), message);
            self.problems.push(problem.hint("name it under `key` instead of `file`"));
        }
        if let KeySource::Named(name) = &source
            && name == "-"
        {
            self.problem(ProblemCode::KeyReference, at, "standard input is no place for a key of a policy");
        }
        let mut time = |field, read: fn(&str) -> Option<_>| {
            let expected = "expected a day as 2026-12-31, or a time as 2026-12-31T00:00:00Z";
            self.member_parsed(at, field, ProblemCode::Time, |text| {
                read(text).ok_or_else(|| expected.to_owned())
            })
        };
        let valid_from = time("validFrom", day_begins);
        let valid_until = time("validUntil", day_ends);
        let revoked_at = time("revokedAt", day_begins);
        if let (Some(from), Some(until)) = (valid_from, valid_until)
            && from > until
        {
            self.problem(ProblemCode::KeyWindow, at, format!("valid from {from} until {until}: at no time"));
        }
        let algorithms = self.member(at, "algorithms").map(|list| self.algorithms(&list));
        let name = name.to_owned();
        Some(self.placed(at, Key { name, source, valid_from, valid_until, revoked_at, algorithms }))
    }

    fn algorithms(&mut self, list: &Field) -> Vec<At<Scheme>> {
        let mut schemes = Vec::new();
        for at in self.list(list) {
            let read = |text: &str| text.parse::<Scheme>().map_err(|error| error.to_string());
            if let Some(scheme) = self.parsed(&at, ProblemCode::Algorithm, read) {
                schemes.push(self.placed(&at, scheme));
            }
        }
        schemes
    }

    fn mirrors(&mut self, root: &Field) -> Vec<At<Mirror>> {
        let mut mirrors: Vec<At<Mirror>> = Vec::new();
        for at in self.items(root, "mirrors") {
            let (Some(from), Some(to)) = (self.member_text(&at, "from"), self.member_text(&at, "to")) else {
                continue;
            };
            match Mirror::new(from, to) {
                Ok(mirror) if mirrors.iter().any(|before| before.value.from() == mirror.from()) => {
                    self.problem(
                        ProblemCode::Mirror,
                        &at,
                        format!("{from} stands here twice: a place has one name"),
                    );
                }
                Ok(mirror) => mirrors.push(self.placed(&at, mirror)),
                Err(error) => self.problem(ProblemCode::Mirror, &at, reason(&error)),
            }
        }
        mirrors
    }

    fn exemption(&mut self, at: &Field) -> Option<At<Exemption>> {
        let images = self.patterns(at, "images");
        let digest = self.member(at, "digest").and_then(|field| self.digest(&field));
        let expires = self.expiry(at)?;
        Some(self.placed(at, Exemption { images, digest, reason: self.owned(at, "reason"), expires }))
    }

    fn digest(&mut self, at: &Field) -> Option<Digest> {
        self.parsed(at, ProblemCode::Digest, |text| text.parse::<Digest>().map_err(|error| error.to_string()))
    }

    /// The end of something that lasts to a day or a time.
    fn expiry(&mut self, of: &Field) -> Option<jiff::Timestamp> {
        let read = |text: &str| {
            // A day is whole: it ends when the next one begins.
            crate::policy::IgnoreRule::expiry(text)
                .map_err(|_| "expected a day as 2026-12-31, or a time as 2026-12-31T00:00:00Z".to_owned())
        };
        self.member_parsed(of, "expires", ProblemCode::Time, read)
    }

    /// Patterns over repositories.
    fn patterns(&mut self, of: &Field, name: &str) -> Vec<At<RepositoryGlob>> {
        let items = self.items(of, name);
        items.iter().filter_map(|item| self.pattern(item)).collect()
    }

    fn pattern(&mut self, at: &Field) -> Option<At<RepositoryGlob>> {
        let read = |text: &str| text.parse::<RepositoryGlob>().map_err(|error| reason(&error));
        let glob = self.parsed(at, ProblemCode::Pattern, read)?;
        Some(self.placed(at, glob))
    }

    /// Names of keys, each of which must stand under `keys`, and each once.
    fn by(&mut self, of: &Field) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for at in self.items(of, "by") {
            let Some(name) = self.text(&at) else { continue };
            if names.iter().any(|known| known == name) {
                self.problem(
                    ProblemCode::KeyNamedTwice,
                    &at,
                    format!("{:?} stands here twice", check::shown(name)),
                );
            } else if self.keys.iter().any(|known| known == name) {
                names.push(name.to_owned());
            } else {
                let known = check::shown(&self.keys.join(", "));
                let message = format!("no key is called {:?}, there are: {known}", check::shown(name));
                self.problem(ProblemCode::UnknownKey, &at, message);
            }
        }
        names
    }

    fn annotations(&self, of: &Field) -> BTreeMap<String, String> {
        let Some(at) = self.member(of, "annotations") else { return BTreeMap::new() };
        let members = self.members(&at);
        let text = |(name, at): (&str, Field)| Some((name.to_owned(), self.text(&at)?.to_owned()));
        members.into_iter().filter_map(text).collect()
    }
}

/// Why a policy cannot be built, without more of a text than fits a line.
fn reason(error: &PolicyError) -> String {
    match error {
        PolicyError::Glob { text, why } | PolicyError::Mirror { text, why } => {
            format!("{:?}: {why}", check::shown(text))
        }
        error => check::shown(&error.to_string()),
    }
}
