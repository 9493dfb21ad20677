//! Where each value of a JSON text stands, so that one can be changed and every other byte left alone.

use std::ops::Range;

/// A value and its surroundings.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The JSON pointer (RFC 6901).
    pub(super) pointer: String,
    pub(super) kind: Kind,
    /// The value.
    pub(super) value: Range<usize>,
    /// The member with its name, or the element: what has a comma before or behind it. The value for the document.
    pub(super) item: Range<usize>,
    /// The name of the member, in quotes. None for elements and for the document.
    pub(super) name: Option<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Literal,
}

/// All values, each before those inside it.
pub(super) fn spans(text: &str) -> Vec<Span> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).expect("what is mutated is valid JSON");
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, found: Vec::new() };
    scanner.value("", None);
    scanner.found
}

/// Reads text that is known to be valid, so that it need not check.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    found: Vec<Span>,
}

impl Scanner<'_> {
    fn value(&mut self, pointer: &str, name: Option<Range<usize>>) {
        self.blanks();
        let start = self.at;
        let number = self.found.len();
        self.found.push(Span {
            pointer: pointer.to_owned(),
            kind: Kind::Literal,
            value: start..start,
            item: name.as_ref().map_or(start, |name| name.start)..start,
            name,
        });
        let kind = match self.bytes[start] {
            b'{' => {
                self.members(pointer);
                Kind::Object
            }
            b'[' => {
                self.elements(pointer);
                Kind::Array
            }
            b'"' => {
                self.string();
                Kind::String
            }
            first => {
                while self.bytes.get(self.at).is_some_and(|byte| !b",]} \t\r\n".contains(byte)) {
                    self.at += 1;
                }
                if first == b'-' || first.is_ascii_digit() { Kind::Number } else { Kind::Literal }
            }
        };
        let end = self.at;
        let span = &mut self.found[number];
        span.kind = kind;
        span.value.end = end;
        span.item.end = end;
    }

    fn members(&mut self, pointer: &str) {
        self.at += 1;
        while self.more(b'}') {
            let name = self.at..self.string();
            let text: String = serde_json::from_slice(&self.bytes[name.clone()]).expect("a name");
            let text = text.replace('~', "~0").replace('/', "~1");
            self.blanks();
            self.at += 1;
            self.value(&format!("{pointer}/{text}"), Some(name));
        }
    }

    fn elements(&mut self, pointer: &str) {
        self.at += 1;
        let mut number = 0;
        while self.more(b']') {
            self.value(&format!("{pointer}/{number}"), None);
            number += 1;
        }
    }

    /// Steps over blanks and one comma to the next item; false, and behind the bracket, where there is none.
    fn more(&mut self, close: u8) -> bool {
        self.blanks();
        if self.bytes[self.at] == b',' {
            self.at += 1;
            self.blanks();
        }
        if self.bytes[self.at] == close {
            self.at += 1;
            return false;
        }
        true
    }

    fn string(&mut self) -> usize {
        self.at += 1;
        while self.bytes[self.at] != b'"' {
            self.at += if self.bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        self.at
    }

    fn blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_where_it_stands() {
        let text = r#" { "a" : [1, {"b/c":"x\"]"}], "d":null } "#;
        let found: Vec<(String, &str, &str)> = spans(text)
            .iter()
            .map(|span| (span.pointer.clone(), &text[span.value.clone()], &text[span.item.clone()]))
            .collect();
        assert_eq!(found[1], ("/a".to_owned(), r#"[1, {"b/c":"x\"]"}]"#, r#""a" : [1, {"b/c":"x\"]"}]"#));
        assert_eq!(found[2], ("/a/0".to_owned(), "1", "1"));
        assert_eq!(found[4], ("/a/1/b~1c".to_owned(), r#""x\"]""#, r#""b/c":"x\"]""#));
        assert_eq!(found[5], ("/d".to_owned(), "null", r#""d":null"#));
        assert_eq!(found.len(), 6);
    }
}
