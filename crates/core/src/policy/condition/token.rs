//! The words of a condition.

/// A word and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) word: Word,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name, or a word of the language.
    Name(String),
    Int(String),
    Double(f64),
    Text(String),
    /// An operator or a bracket.
    Mark(&'static str),
}

/// Why a text is no condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) at: usize,
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

/// The longer ones first.
const MARKS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Trouble> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (word, length) = if let Some(blank) = blank(rest) {
            (None, blank)
        } else if let Some((word, length)) = text_literal(rest, at)? {
            (Some(word), length)
        } else if rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            let length = length_of(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
            (Some(Word::Name(part(rest, length).to_owned())), length)
        } else if rest.starts_with(|first: char| first.is_ascii_digit()) {
            let (word, length) = number(rest, at)?;
            (Some(word), length)
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            (Some(Word::Mark(mark)), mark.len())
        } else {
            let why = if rest.starts_with('=') { "one = where two are meant" } else { "no word of CEL" };
            return Err(Trouble::new(at, why));
        };
        tokens.extend(word.map(|word| Token { at, word }));
        at = at.saturating_add(length);
    }
    Ok(tokens)
}

/// White space, or a comment to the end of its line.
fn blank(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with([' ', '\t', '\n', '\r', '\u{c}']).then_some(1)
}

fn length_of(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len())
}

fn part(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or_default()
}

fn number(rest: &str, at: usize) -> Result<(Word, usize), Trouble> {
    let digits = |from: usize| {
        from.saturating_add(length_of(rest.get(from..).unwrap_or_default(), |b| b.is_ascii_digit()))
    };
    let byte = |at: usize| rest.as_bytes().get(at).copied();
    let (mut end, mut double) = (digits(0), false);
    if rest.starts_with("0x") || rest.starts_with("0X") {
        return Err(Trouble::new(at, "write numbers in decimal"));
    }
    if byte(end) == Some(b'.') && byte(end.saturating_add(1)).is_some_and(|next| next.is_ascii_digit()) {
        (end, double) = (digits(end.saturating_add(1)), true);
    }
    if matches!(byte(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(byte(end.saturating_add(1)), Some(b'+' | b'-')));
        let from = end.saturating_add(1).saturating_add(signed);
        let exponent = digits(from);
        if exponent == from {
            return Err(Trouble::new(at, "a number without its exponent"));
        }
        (end, double) = (exponent, true);
    }
    if byte(end).is_some_and(|next| next.is_ascii_alphanumeric() || next == b'_') {
        let why = "a number with letters behind it; unsigned numbers (1u) are not supported, write 1";
        return Err(Trouble::new(at, why));
    }
    let written = part(rest, end);
    let word = if double {
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => Word::Double(number),
            _ => return Err(Trouble::new(at, "a number that is too large")),
        }
    } else {
        Word::Int(written.to_owned())
    };
    Ok((word, end))
}

/// A string in one or three quotes of either kind, raw or not.
fn text_literal(rest: &str, at: usize) -> Result<Option<(Word, usize)>, Trouble> {
    let prefix = length_of(rest, |byte| matches!(byte, b'r' | b'R' | b'b' | b'B'));
    let quoted = rest.get(prefix..).unwrap_or_default();
    let Some(quote) = quoted.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return Ok(None);
    };
    let raw = match part(rest, prefix) {
        "" => false,
        "r" | "R" => true,
        _ => return Err(Trouble::new(at, "bytes are not supported: write text without the b")),
    };
    let triple = quote.to_string().repeat(3);
    let close = if quoted.starts_with(&triple) { triple } else { quote.to_string() };
    let mut text = String::new();
    let mut inside = close.len();
    loop {
        let left = quoted.get(inside..).unwrap_or_default();
        if left.starts_with(&close) {
            let length = prefix.saturating_add(inside).saturating_add(close.len());
            return Ok(Some((Word::Text(text), length)));
        }
        let (found, length) = match left.chars().next() {
            None => return Err(Trouble::new(at, "a text without its closing quote")),
            Some('\n' | '\r') if close.len() == 1 => {
                return Err(Trouble::new(at, "a text without its closing quote on the same line"));
            }
            Some('\\') if !raw => {
                let place = at.saturating_add(prefix).saturating_add(inside);
                escape(left).ok_or_else(|| Trouble::new(place, "an escape that CEL does not know"))?
            }
            Some(other) => (other, other.len_utf8()),
        };
        text.push(found);
        inside = inside.saturating_add(length);
    }
}

/// An escape, and how many bytes it takes.
fn escape(text: &str) -> Option<(char, usize)> {
    let of = |digits: usize, radix: u32, from: usize| {
        let end = from.saturating_add(digits);
        let written = text.get(from..end)?;
        if !written.chars().all(|digit| digit.is_digit(radix)) {
            return None;
        }
        Some((char::from_u32(u32::from_str_radix(written, radix).ok()?)?, end))
    };
    let simple = |found: char| Some((found, 2));
    match text.chars().nth(1)? {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        same @ ('\\' | '?' | '"' | '\'' | '`') => simple(same),
        'x' | 'X' => of(2, 16, 2),
        'u' => of(4, 16, 2),
        'U' => of(8, 16, 2),
        '0'..='3' => of(3, 8, 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        tokens(text).unwrap().into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn texts_are_read_as_cel_writes_them() {
        for (written, text) in [
            (r#""a""#, "a"),
            ("'a'", "a"),
            (r#"'"'"#, "\""),
            (r#""\"\\\n\x41\u00e9\U0001F600\101""#, "\"\\\nAé😀A"),
            (r"r'\d+'", r"\d+"),
            (r#"R"""a"b""""#, "a\"b"),
            ("'''a\nb'''", "a\nb"),
            ("''", ""),
        ] {
            assert_eq!(words(written), [Word::Text(text.to_owned())], "{written}");
        }
        for text in ["'a", "'a\n'", r"'\q'", r"'\xg0'", r"'\ud800'", r"'\+12'", "b'a'", "'''a''", r"'\"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_marks_are_told_apart() {
        assert_eq!(words("1.5e3"), [Word::Double(1500.0)]);
        assert_eq!(
            words("1 // two\n<=2"),
            [Word::Int("1".to_owned()), Word::Mark("<="), Word::Int("2".to_owned())]
        );
        assert_eq!(words("a.b"), [Word::Name("a".to_owned()), Word::Mark("."), Word::Name("b".to_owned())]);
        for text in ["1u", "0x1F", "1e", "1e999", "1a", "a = b", "a & b", "#", "é", "\u{0}"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }
}
