//! Holds what was written against the table of fields: names, types, ranges. What the texts say is read afterwards.

use super::problem::{Problem, ProblemCode, too_long, too_many_items};
use super::schema::{Object, Shape, Text, names};
use super::tree::{Entry, Id, Tree, Value};
use crate::limits::{POLICY_LIST, POLICY_TEXT_BYTES};

/// What is wrong with the types of a tree.
pub(super) fn check(tree: &Tree, object: &'static Object) -> Vec<Problem> {
    let mut checking = Checking { tree, problems: Vec::new() };
    checking.object(tree.root(), object, "");
    checking.problems
}

struct Checking<'t> {
    tree: &'t Tree,
    problems: Vec<Problem>,
}

impl Checking<'_> {
    fn found(&mut self, code: ProblemCode, at: Id, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(code, self.tree.at(at), path, message));
    }

    fn wrong(&mut self, at: Id, path: &str, shape: &Shape) {
        let found = found(self.tree.value(at));
        let mut problem = Problem::new(
            ProblemCode::WrongType,
            self.tree.at(at),
            path,
            format!("expected {}, found {found}", shape.expected()),
        );
        if let (Shape::Text(_), Value::Text { .. }) = (shape, self.tree.value(at)) {
            problem = problem.hint("write it in quotes: without them it is no text");
        }
        self.problems.push(problem);
    }

    fn object(&mut self, at: Id, object: &'static Object, path: &str) {
        let tree = self.tree;
        let Value::Map(entries) = tree.value(at) else {
            return self.wrong(at, path, &Shape::Object(object));
        };
        for entry in entries {
            let inner = member(path, &entry.name);
            match object.fields.iter().find(|field| field.name == entry.name) {
                Some(field) => self.shape(entry.value, &field.shape, &inner),
                None => self.unknown(entry, object, path),
            }
        }
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        for field in object.fields.iter().filter(|field| field.required && !has(field.name)) {
            let message = format!("{} is missing: {}", field.name, field.shape.expected());
            self.found(ProblemCode::MissingField, at, path, message);
        }
        for set in object.one_of {
            let there = set.iter().filter(|name| has(name)).count();
            if there != 1 {
                let message = format!("expected exactly one of {}, found {there}", set.join(", "));
                self.found(ProblemCode::OneOf, at, path, message);
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, object: &'static Object, path: &str) {
        let name: String = entry.name.chars().take(64).collect();
        let mut problem = Problem::new(
            ProblemCode::UnknownField,
            entry.at,
            path,
            format!("{name:?} is no field here, expected {}", names(object.fields)),
        );
        if let Some(near) = object.fields.iter().find(|field| near(field.name, &entry.name)) {
            problem = problem.hint(format!("did you mean {}?", near.name));
        }
        self.problems.push(problem);
    }

    fn shape(&mut self, at: Id, shape: &'static Shape, path: &str) {
        let tree = self.tree;
        match (shape, tree.value(at)) {
            (Shape::Text(kind), Value::Text { text, plain }) => {
                if *plain && is_no_text(text) {
                    self.wrong(at, path, shape);
                } else if let Some(why) = unfit(*kind, text) {
                    self.found(ProblemCode::Text, at, path, why);
                }
            }
            (Shape::Flag, Value::Text { text, plain: true }) if text == "true" || text == "false" => {}
            (Shape::Number { least, most }, Value::Text { text, plain: true }) if is_digits(text) => {
                if !text.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number)) {
                    let message = format!("expected {}, found {}", shape.expected(), shown(text));
                    self.found(ProblemCode::OutOfRange, at, path, message);
                }
            }
            (Shape::Word(words), Value::Text { text, .. }) => {
                if !words.contains(&text.as_str()) {
                    let code = match path {
                        "apiVersion" => ProblemCode::ApiVersion,
                        "kind" => ProblemCode::Kind,
                        _ => ProblemCode::UnknownWord,
                    };
                    self.found(
                        code,
                        at,
                        path,
                        format!("expected {}, found {:?}", words.join(", "), shown(text)),
                    );
                }
            }
            (Shape::List { item, least }, Value::List(items)) => {
                self.size(at, path, items.len(), *least);
                for (number, id) in items.iter().enumerate() {
                    self.shape(*id, item, &format!("{path}[{number}]"));
                }
            }
            (Shape::Names { of, least }, Value::Map(entries)) => {
                self.size(at, path, entries.len(), *least);
                for entry in entries {
                    if let Some(why) = unfit(Text::Words, &entry.name) {
                        self.problems.push(Problem::new(ProblemCode::Text, entry.at, path, why));
                    }
                    self.shape(entry.value, of, &member(path, &entry.name));
                }
            }
            (Shape::Words { names, of }, Value::Map(entries)) => {
                self.size(at, path, entries.len(), 1);
                for entry in entries {
                    if !names.contains(&entry.name.as_str()) {
                        let message =
                            format!("expected {}, found {:?}", names.join(", "), shown(&entry.name));
                        self.problems.push(Problem::new(ProblemCode::UnknownWord, entry.at, path, message));
                    }
                    self.shape(entry.value, of, &member(path, &entry.name));
                }
            }
            (Shape::Object(object), Value::Map(_)) => self.object(at, object, path),
            (Shape::TextOr { text, .. }, Value::Text { .. }) => self.shape(at, text, path),
            (Shape::TextOr { other, .. }, Value::List(_) | Value::Map(_)) => self.shape(at, other, path),
            _ => self.wrong(at, path, shape),
        }
    }

    fn size(&mut self, at: Id, path: &str, found: usize, least: usize) {
        if found < least {
            self.found(ProblemCode::Empty, at, path, "nothing stands here");
        } else if found > POLICY_LIST {
            self.found(ProblemCode::TooManyItems, at, path, too_many_items(found));
        }
    }
}

/// The path of a member.
pub(super) fn member(path: &str, name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// What stands there, in words.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Text { text, plain: true } if text == "true" || text == "false" => format!("the word {text}"),
        Value::Text { text, plain: true } if is_number(text) => format!("the number {}", shown(text)),
        Value::Text { text, .. } => format!("the text {:?}", shown(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// The beginning of a text, for messages.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS: usize = 80;
    match text.char_indices().nth(CHARACTERS) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Why a text is none of this kind.
fn unfit(kind: Text, text: &str) -> Option<String> {
    if text.len() > POLICY_TEXT_BYTES {
        return Some(too_long(text.len()));
    }
    if text.trim().is_empty() {
        return Some("a text that says nothing".to_owned());
    }
    let lines = matches!(kind, Text::Pem | Text::Condition);
    let control = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
    text.chars().any(control).then(|| "a text with control characters".to_owned())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    let starts = text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    starts && text.parse::<f64>().is_ok()
}

/// Whether a plain scalar is something else than text for readers of YAML 1.2: a number or a truth value.
fn is_no_text(text: &str) -> bool {
    let radix = |prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    matches!(
        text,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | ".nan" | ".NaN" | ".inf" | "-.inf"
    ) || is_number(text)
        || radix("0x")
        || radix("0o")
}

/// Whether a name could be meant by another: the same letters in another case, or with one of them wrong.
fn near(known: &str, typed: &str) -> bool {
    if known.eq_ignore_ascii_case(typed) {
        return true;
    }
    let plain = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let (known, typed) = (plain(known), plain(typed));
    known == typed || (typed.len() > 2 && known == format!("{typed}s")) || typed == format!("{known}s")
}
