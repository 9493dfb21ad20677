//! JSON from outside, read so that no two readers can disagree about it.
//!
//! [`check`] walks the bytes once, without recursion and without building anything, and refuses what parsers are
//! known to read in different ways: a member twice (rule S7), nesting beyond [`JSON_DEPTH`], a byte-order mark,
//! invalid UTF-8, lone surrogates, control characters in strings, anything behind the value. Typed parsing with
//! `serde_json` comes after it. Values are never written back: bytes that were signed stay as they came.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use crate::limits::JSON_DEPTH;

/// Where in a document an object stands: the members that lead to it, array items as an empty name.
pub type Path<'a> = &'a [String];

/// How the names of an object's members are compared.
///
/// Other readers, Go's among them, fold case: of `digest` and `Digest` they take the last, and `Digest` alone they take
/// for `digest`. Where members are read by name, neither may stand there (rule S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// As they are: nobody reads them by name.
    Exact,
    /// Two may not differ in case only.
    Folded,
    /// Two may not differ in case only, and none may differ in case only from one of these, which are ASCII.
    Known(&'static [&'static str]),
}

impl From<bool> for Names {
    fn from(folded: bool) -> Self {
        if folded { Self::Folded } else { Self::Exact }
    }
}

/// Checks `bytes` and parses them. `names` says of each object how its members are compared: by what the caller reads of
/// them.
pub fn parse<T: DeserializeOwned, N: Into<Names>>(
    bytes: &[u8],
    names: fn(Path<'_>) -> N,
) -> Result<T, JsonError> {
    check(bytes, names)?;
    serde_json::from_slice(bytes).map_err(|error| JsonError::Shape { why: shape(&error) })
}

/// Checks that `bytes` are one JSON value that every reader reads alike. See [`parse`] for `names`.
pub fn check<N: Into<Names>>(bytes: &[u8], names: fn(Path<'_>) -> N) -> Result<(), JsonError> {
    let text = core::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::Syntax { at: 0 });
    }
    let names = |path: Path<'_>| names(path).into();
    Walk { bytes, at: 0, open: Vec::new(), path: Vec::new(), names: &names }.document()
}

/// No object's members are compared without case.
pub fn exact(_: Path<'_>) -> Names {
    Names::Exact
}

/// Why JSON from outside is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The bytes are not one JSON value.
    #[error("not JSON (byte {at})")]
    Syntax {
        /// Offset of the first byte that cannot stand there.
        at: usize,
    },
    /// Objects and arrays nest too deep.
    #[error("nested deeper than {JSON_DEPTH} levels")]
    TooDeep,
    /// An object has a member twice, or two that differ in case only where that matters.
    #[error("the member {name:?} stands twice in one object")]
    DuplicateMember {
        /// The member's name, as it stands the second time.
        name: String,
    },
    /// An object has a member that differs in case only from one that is read by name.
    #[error("the member {name:?} could be taken for {known:?}, which readers that fold case do")]
    Case {
        /// The member's name, as it stands there.
        name: String,
        /// The name that is read.
        known: &'static str,
    },
    /// It is JSON, but not of the shape that is wanted.
    #[error("{why}")]
    Shape {
        /// What was expected and found, with the line and column.
        why: String,
    },
}

fn shape(error: &serde_json::Error) -> String {
    error.to_string()
}

/// A name without its case, as the readers that fold case do it: they take the long s for an s and the Kelvin sign for
/// a k, which neither lower nor upper case alone does.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    path: Vec<String>,
    names: &'a dyn Fn(Path<'_>) -> Names,
}

enum Open {
    Object { seen: HashSet<String>, names: Names },
    Array,
}

impl Walk<'_> {
    fn document(mut self) -> Result<(), JsonError> {
        self.value()?;
        loop {
            self.blanks();
            match (self.open.last(), self.peek()) {
                (None, None) => return Ok(()),
                (Some(_), Some(b',')) => {
                    self.step();
                    self.path.pop();
                    self.blanks();
                    self.next_element()?;
                }
                (Some(Open::Object { .. }), Some(b'}')) | (Some(Open::Array), Some(b']')) => {
                    self.step();
                    self.path.pop();
                    self.open.pop();
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Reads a scalar whole, or opens objects and arrays until a scalar or an empty one was read.
    fn value(&mut self) -> Result<(), JsonError> {
        loop {
            self.blanks();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.step();
                    if self.open.len() >= JSON_DEPTH {
                        return Err(JsonError::TooDeep);
                    }
                    self.blanks();
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.step();
                        return Ok(());
                    }
                    if open == b'{' {
                        let names = (self.names)(&self.path);
                        self.open.push(Open::Object { seen: HashSet::new(), names });
                        self.member()?;
                    } else {
                        self.open.push(Open::Array);
                        self.path.push(String::new());
                    }
                }
                Some(b'"') => return self.string().map(|_| ()),
                Some(b't') => return self.word(b"true"),
                Some(b'f') => return self.word(b"false"),
                Some(b'n') => return self.word(b"null"),
                Some(b'-' | b'0'..=b'9') => return self.number(),
                _ => return Err(self.syntax()),
            }
        }
    }

    fn next_element(&mut self) -> Result<(), JsonError> {
        if matches!(self.open.last(), Some(Open::Object { .. })) {
            self.member()?;
        } else {
            self.path.push(String::new());
        }
        self.value()
    }

    /// Reads `"name" :` and notes the name.
    fn member(&mut self) -> Result<(), JsonError> {
        let name = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.step();
        if let Some(Open::Object { seen, names }) = self.open.last_mut() {
            let key = if *names == Names::Exact { name.clone() } else { folded(&name) };
            let known: &[&'static str] = if let Names::Known(known) = names { known } else { &[] };
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(&key) && **known != name);
            if !seen.insert(key) {
                return Err(JsonError::DuplicateMember { name });
            }
            if let Some(known) = known {
                return Err(JsonError::Case { name, known });
            }
        }
        self.path.push(name);
        Ok(())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        self.step();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    break;
                }
                Some(b'\\') => {
                    self.step();
                    self.step();
                }
                Some(0x20..) => self.step(),
                _ => return Err(self.syntax()),
            }
        }
        // serde_json decodes the escapes and refuses lone surrogates.
        let quoted = self.bytes.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(quoted).map_err(|_| JsonError::Syntax { at: start })
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.step();
        }
        match self.peek() {
            Some(b'0') => self.step(),
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.syntax());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        for expected in word {
            if self.peek() != Some(*expected) {
                return Err(self.syntax());
            }
            self.step();
        }
        Ok(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { at: self.at.min(self.bytes.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(path: Path<'_>) -> bool {
        path.is_empty()
    }

    #[test]
    fn accepts_json() {
        for text in [
            "0",
            "-0.5e+10",
            r#""a\u00e9\n""#,
            "[]",
            "{}",
            " [ 1 , [ ] , { } ] ",
            r#"{"a":{"b":[{"c":null}]},"B":true,"c":false}"#,
            r#"[{"a":1},{"a":2}]"#,
            "[123456789012345678901234567890, 1e9999]",
        ] {
            assert_eq!(check(text.as_bytes(), exact), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            " ",
            "01",
            "1.",
            "+1",
            "1e",
            "tru",
            "nul",
            "[1,]",
            "[,1]",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r"{a:1}",
            "[1 2]",
            "[}",
            "{]",
            "]",
            "[",
            "{",
            r#"{"a":"#,
            "1 1",
            "{} {}",
            "\"\n\"",
            r#""\x""#,
            r#""\ud800""#,
            "\u{feff}{}",
            "\"",
            "\"\\",
            "NaN",
            "'a'",
            "/**/1",
        ] {
            assert!(matches!(check(text.as_bytes(), exact), Err(JsonError::Syntax { .. })), "{text:?}");
        }
        assert_eq!(check(b"\"\xff\"", exact), Err(JsonError::NotUtf8));
    }

    #[test]
    fn refuses_a_member_twice() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"[{"x":{"a":1,"b":2,"a":1}}]"#] {
            assert!(
                matches!(check(text.as_bytes(), exact), Err(JsonError::DuplicateMember { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn folds_case_only_where_asked() {
        let text = br#"{"a":{"b":1,"B":2}}"#;
        assert_eq!(check(text, top), Ok(()));
        assert!(matches!(check(br#"{"a":1,"A":2}"#, top), Err(JsonError::DuplicateMember { .. })));
        assert_eq!(check(br#"{"a":1,"A":2}"#, exact), Ok(()));
        let known = |path: Path<'_>| match path {
            [] => Names::Known(&["ask", "b"]),
            _ => Names::Exact,
        };
        assert_eq!(check(br#"{"ask":1,"x":{"ASK":2},"X-b":3}"#, known), Ok(()));
        for name in ["Ask", "ASK", "a\u{17f}k", "as\u{212a}"] {
            let text = format!(r#"{{"x":{{}},"{name}":1}}"#);
            let cased = check(text.as_bytes(), known);
            assert_eq!(cased, Err(JsonError::Case { name: name.to_owned(), known: "ask" }));
            let text = format!(r#"{{"ask":{{}},"{name}":1}}"#);
            let twice = check(text.as_bytes(), known);
            assert_eq!(twice, Err(JsonError::DuplicateMember { name: name.to_owned() }));
        }
        for other in ["subject\u{212a}", "\u{17f}ubjectk", "\\u017fubjectK"] {
            let text = format!(r#"{{"subjectk":1,"{other}":2}}"#);
            let twice = check(text.as_bytes(), top);
            assert!(matches!(twice, Err(JsonError::DuplicateMember { .. })), "{text}");
            assert_eq!(check(text.as_bytes(), exact), Ok(()));
        }
    }

    #[test]
    fn bounds_the_depth_without_recursion() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(JSON_DEPTH).as_bytes(), exact), Ok(()));
        assert_eq!(check(nested(100_000).as_bytes(), exact), Err(JsonError::TooDeep));
        assert_eq!(check("[".repeat(100_000).as_bytes(), exact), Err(JsonError::TooDeep));
    }
}
