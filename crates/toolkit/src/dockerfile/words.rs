//! The words of an instruction, and the arguments in them.

use std::ops::Range;

use super::{DockerfileErrorKind, IMAGE_NAME_BYTES};

/// Deepest nesting of substitutions: `${A:-${B:-c}}` has two levels.
const NESTING: usize = 8;

/// A word, by the bytes that it is written with.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) span: Range<usize>,
}

impl Word {
    pub(super) fn text<'a>(&self, line: &'a str) -> &'a str {
        line.get(self.span.clone()).unwrap_or_default()
    }
}

/// The words of a line: parted by blanks that no quote holds.
pub(super) fn split(line: &str, escape: char) -> Vec<Word> {
    split_quoted(line, escape).0
}

/// The words of a line, and whether every quote in it has its end.
pub(super) fn split_quoted(line: &str, escape: char) -> (Vec<Word>, bool) {
    let mut words = Vec::new();
    let (mut start, mut quote, mut escaped) = (None, None, false);
    for (at, character) in line.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match quote {
            Some(open) if character == open => quote = None,
            Some('"') | None if character == escape => {
                start.get_or_insert(at);
                escaped = true;
            }
            Some(_) => {}
            None if character.is_whitespace() => {
                words.extend(start.take().map(|start| Word { span: start..at }));
            }
            None => {
                start.get_or_insert(at);
                quote = Some(character).filter(|character| matches!(character, '"' | '\''));
            }
        }
    }
    words.extend(start.map(|start| Word { span: start..line.len() }));
    (words, quote.is_none())
}

/// Whether every version of a builder reads the substitutions of a line: `$NAME`, `${NAME}`, and `${NAME:-text}` with `-`,
/// `+` or `?` and plain text. Those between single quotes and behind a backslash are none.
pub(super) fn plain_substitutions(line: &str) -> bool {
    let (mut quote, mut characters) = (None, line.chars());
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                characters.next();
            }
            (None, '"' | '\'') => quote = Some(character),
            (_, '$') => {
                if let Some(rest) = characters.as_str().strip_prefix('{') {
                    let Some((inner, rest)) = rest.split_once('}') else { return false };
                    if !plain_substitution(inner) {
                        return false;
                    }
                    characters = rest.chars();
                }
            }
            _ => {}
        }
    }
    true
}

/// Whether this is plain between `${` and `}`.
fn plain_substitution(inner: &str) -> bool {
    let end = inner.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let (name, rest) = inner.split_at(end.unwrap_or(inner.len()));
    let text = rest.strip_prefix(':').unwrap_or(rest).strip_prefix(['-', '+', '?']);
    let plain =
        |character: char| !character.is_whitespace() && !matches!(character, '"' | '\'' | '\\' | '$' | '{');
    is_name(name) && (rest.is_empty() || text.is_some_and(|text| text.chars().all(plain)))
}

/// Whether this is the name of an argument as every builder reads it.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|character: char| character.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What an argument is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Set(String),
    /// Nothing: as if it were empty where there is a default.
    Unset,
    /// Declared without a value: whether that is set or not depends on the builder.
    Declared,
    /// The build knows it, and nobody here.
    Unknown,
}

/// Fills in arguments and takes quotes and escapes away.
pub(super) fn expand(
    word: &str,
    escape: char,
    value: &dyn Fn(&str) -> Value,
) -> Result<String, DockerfileErrorKind> {
    let mut out = String::new();
    let mut reader = Reader { text: word, escape, value };
    reader.until(None, &mut out, 0)?;
    Ok(out)
}

struct Reader<'a> {
    text: &'a str,
    escape: char,
    value: &'a dyn Fn(&str) -> Value,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.text.chars();
        let next = characters.next()?;
        self.text = characters.as_str();
        Some(next)
    }

    /// Reads up to a sign, or the end; whether the sign was there.
    fn until(
        &mut self,
        end: Option<char>,
        out: &mut String,
        depth: usize,
    ) -> Result<bool, DockerfileErrorKind> {
        let mut quote = None;
        loop {
            if out.len() > IMAGE_NAME_BYTES {
                return Err(DockerfileErrorKind::NameTooLong);
            }
            let Some(character) = self.next() else { return Ok(end.is_none() && quote.is_none()) };
            match (quote, character) {
                (None, character) if Some(character) == end => return Ok(true),
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), character) if character == open => quote = None,
                (Some('\''), character) => out.push(character),
                (_, '$') => self.argument(out, depth)?,
                (quote, character) if character == self.escape => {
                    let next = self.next();
                    // Between double quotes an escape is kept before what needs none.
                    if quote.is_some()
                        && next.is_some_and(|next| next != '"' && next != '$' && next != self.escape)
                    {
                        out.push(character);
                    }
                    out.extend(next);
                }
                (_, character) => out.push(character),
            }
        }
    }

    fn argument(&mut self, out: &mut String, depth: usize) -> Result<(), DockerfileErrorKind> {
        let whole = self.text;
        let wrong = |rest: &str| {
            let end = whole.len().saturating_sub(rest.len());
            let text = format!("${}", whole.get(..end).unwrap_or(whole));
            Err(DockerfileErrorKind::Substitution { text })
        };
        let braces = self.text.starts_with('{');
        if braces {
            self.next();
        }
        let name = self.name();
        // Other letters may belong to the name, and a digit or a sign may be one: what it stands for is empty there.
        let special = |next: char| next.is_ascii_digit() || "@*#?-$!".contains(next);
        if self.text.starts_with(|next: char| !next.is_ascii() || (name.is_empty() && special(next))) {
            return wrong(self.text);
        }
        if name.is_empty() {
            if braces {
                return wrong(self.text);
            }
            // A dollar alone is one.
            out.push('$');
            return Ok(());
        }
        let value = (self.value)(&name);
        if !braces {
            return Self::put(&name, value, out);
        }
        let colon = self.text.starts_with(':');
        if colon {
            self.next();
        }
        match self.next() {
            Some('}') if !colon => Self::put(&name, value, out),
            Some(sign @ ('-' | '+' | '?')) => {
                let mut other = String::new();
                if depth >= NESTING || !self.until(Some('}'), &mut other, depth.saturating_add(1))? {
                    return wrong(self.text);
                }
                let value = match value {
                    Value::Unknown => return Err(DockerfileErrorKind::Argument { name }),
                    Value::Declared if !colon => return Err(DockerfileErrorKind::Argument { name }),
                    Value::Set(value) if value.is_empty() && colon => None,
                    Value::Set(value) => Some(value),
                    Value::Unset | Value::Declared => None,
                };
                match (sign, value) {
                    ('-', None) | ('+', Some(_)) => out.push_str(&other),
                    ('+', None) => {}
                    ('?', None) => return Err(DockerfileErrorKind::Argument { name }),
                    (_, Some(value)) => out.push_str(&value),
                    _ => return wrong(self.text),
                }
                Ok(())
            }
            _ => wrong(self.text),
        }
    }

    fn put(name: &str, value: Value, out: &mut String) -> Result<(), DockerfileErrorKind> {
        match value {
            Value::Set(value) => out.push_str(&value),
            Value::Unset | Value::Declared | Value::Unknown => {
                return Err(DockerfileErrorKind::Argument { name: name.to_owned() });
            }
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        let end = self.text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let (name, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        if name.starts_with(|character: char| character.is_ascii_digit()) {
            return String::new();
        }
        self.text = rest;
        name.to_owned()
    }
}
