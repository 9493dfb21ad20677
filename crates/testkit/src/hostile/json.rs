//! JSON texts, wrong in one place each; every other byte stays what it was.

use super::Mutation;
use super::span::{Kind, Span, spans};

/// Brackets of the deepest nesting that is tried.
const DEEP: usize = 100_000;

/// Every mutation: of each member and element, and of the text as a whole.
pub fn json_mutations(json: &[u8]) -> Vec<Mutation> {
    let mut all = member_mutations(json);
    all.extend(document_mutations(json));
    all
}

/// Each member and element, at any depth: left out, doubled, renamed, null, of another type, changed a little.
pub fn member_mutations(json: &[u8]) -> Vec<Mutation> {
    let text = core::str::from_utf8(json).expect("what is mutated is UTF-8");
    let mut all = Vec::new();
    for span in spans(text) {
        let at = if span.pointer.is_empty() { "/" } else { &span.pointer };
        for (how, value) in other_values(&text[span.value.clone()], span.kind) {
            all.push(Mutation::changed(format!("{at}: {how}"), splice(text, span.value.clone(), &value)));
        }
        if !span.pointer.is_empty() {
            all.push(Mutation::changed(format!("{at}: left out"), without(text, &span)));
        }
        if span.name.is_some() {
            all.extend(doubled(text, &span));
        }
        if span.kind == Kind::String {
            all.extend(respelled(text, &span));
        }
    }
    all
}

/// The text as a whole: what stands before, behind and around it, its encoding, its depth, what it is cut to.
pub fn document_mutations(json: &[u8]) -> Vec<Mutation> {
    let text = core::str::from_utf8(json).expect("what is mutated is UTF-8");
    let around = |before: &[u8], behind: &[u8]| [before, json, behind].concat();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut all = vec![
        Mutation::same("blanks around", around(b" \n", b"\r\n\t ")),
        Mutation::changed("empty", ""),
        Mutation::changed("blanks alone", " \n"),
        Mutation::changed("byte order mark", around(b"\xef\xbb\xbf", b"")),
        Mutation::changed("trailing letter", around(b"", b"x")),
        Mutation::changed("trailing NUL", around(b"", b"\0")),
        Mutation::changed("trailing comma", around(b"", b",")),
        Mutation::changed("trailing object", around(b"", b"{}")),
        Mutation::changed("twice", around(b"", json)),
        Mutation::changed("comment in front", around(b"/* */", b"")),
        Mutation::changed("comment behind", around(b"", b"// x")),
        Mutation::changed("vertical tab in front", around(b"\x0b", b"")),
        Mutation::changed("no-break space behind", around(b"", "\u{a0}".as_bytes())),
        Mutation::changed("inside an array", around(b"[", b"]")),
        Mutation::changed("as a string", serde_json::to_vec(text).expect("a string")),
        Mutation::changed("UTF-16", utf16(text)),
        Mutation::changed("UTF-16 with mark", utf16(&format!("\u{feff}{text}"))),
        Mutation::changed("deep arrays", ["[".repeat(DEEP), "]".repeat(DEEP)].concat()),
        Mutation::changed("deep arrays left open", "[".repeat(DEEP)),
        Mutation::changed("deep objects", [r#"{"a":"#.repeat(DEEP), "}".repeat(DEEP)].concat()),
    ];
    let root = &spans(text)[0];
    if root.kind == Kind::Object {
        let open = root.value.start + 1;
        let comma = if text[open..].trim_start().starts_with('}') { "" } else { "," };
        let deep = format!(r#""deep":{}{}{comma}"#, "[".repeat(DEEP), "]".repeat(DEEP));
        let front = |member: &str| splice(text, open..open, member);
        all.push(Mutation::changed("a deep member", front(&deep)));
        all.push(Mutation::changed("an unknown member", front(&format!(r#""waxsealTestkit":1{comma}"#))));
        all.push(Mutation::changed("a member without a name", front(&format!(r#""":1{comma}"#))));
        all.push(Mutation::changed("a name without quotes", front(&format!("name:1{comma}"))));
        all.push(Mutation::changed("a comma in front", front(",")));
        let close = root.value.end - 1;
        all.push(Mutation::changed("a comma at the end", splice(text, close..close, ",")));
        all.push(Mutation::changed("not closed", &json[..close]));
    }
    all
}

/// Other values in the place of one.
fn other_values(value: &str, kind: Kind) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = [
        ("null", "null"),
        ("true", "true"),
        ("a number", "7"),
        ("a string", r#""x""#),
        ("an empty array", "[]"),
        ("an empty object", "{}"),
        ("nothing", ""),
        ("NaN", "NaN"),
    ]
    .map(|(how, other)| (how, other.to_owned()))
    .into();
    all.push(("inside an array", format!("[{value}]")));
    let inside = &value[1.min(value.len())..value.len().max(2) - 1];
    match kind {
        Kind::String => {
            all.push(("an empty string", r#""""#.to_owned()));
            all.push(("a character more", format!(r#""{inside}x""#)));
            all.push(("a blank behind", format!(r#""{inside} ""#)));
            all.push(("a blank in front", format!(r#"" {inside}""#)));
            all.push(("a NUL behind", format!("\"{inside}\\u0000\"")));
            all.push(("a raw NUL behind", format!("\"{inside}\0\"")));
            all.push(("half a surrogate behind", format!("\"{inside}\\ud800\"")));
            all.push(("doubled", format!(r#""{inside}{inside}""#)));
            for (how, at) in [("first", 0), ("middle", inside.len() / 2), ("last", inside.len().max(1) - 1)] {
                if let Some(changed) = one_character(inside, at) {
                    let how = match how {
                        "first" => "first character changed",
                        "middle" => "middle character changed",
                        _ => "last character changed",
                    };
                    all.push((how, format!(r#""{changed}""#)));
                }
            }
            all.push(("upper case", format!(r#""{}""#, upper_case(inside))));
        }
        Kind::Number => {
            if let Ok(number) = value.parse::<i64>() {
                all.push(("one more", number.saturating_add(1).to_string()));
                all.push(("one less", number.saturating_sub(1).to_string()));
                all.push(("negative", (-1 - number.saturating_abs()).to_string()));
            }
            all.push(("a fraction", format!("{value}.5")));
            all.push(("with a leading zero", format!("0{value}")));
            all.push(("2 to the power of 64", "18446744073709551616".to_owned()));
            all.push(("beyond a double", "1e999".to_owned()));
            all.push(("as a string", format!(r#""{value}""#)));
        }
        Kind::Literal => all.push(("the other", if value == "true" { "false" } else { "true" }.to_owned())),
        Kind::Array if !inside.trim().is_empty() => {
            all.push(("doubled", format!("[{inside},{inside}]")));
            all.push(("with a null behind", format!("[{inside},null]")));
        }
        Kind::Object if !inside.trim().is_empty() => {
            all.push(("with an unknown member", format!(r#"{{"waxsealTestkit":1,{inside}}}"#)));
        }
        Kind::Array | Kind::Object => {}
    }
    all.retain(|(_, other)| other != value);
    all
}

/// A member twice: with the same value and with another, in both orders, and under a name of other case.
fn doubled(text: &str, span: &Span) -> Vec<Mutation> {
    let at = &span.pointer;
    let name = &text[span.name.clone().expect("a member")];
    let item = &text[span.item.clone()];
    let replaced = |other: String| splice(text, span.item.clone(), &other);
    let mut all = vec![
        Mutation::changed(format!("{at}: twice"), replaced(format!("{item},{item}"))),
        Mutation::changed(format!("{at}: twice, null behind"), replaced(format!("{item},{name}:null"))),
        Mutation::changed(format!("{at}: twice, null in front"), replaced(format!("{name}:null,{item}"))),
        Mutation::changed(format!("{at}: twice, a string behind"), replaced(format!(r#"{item},{name}:"x""#))),
    ];
    let value = &text[span.value.clone()];
    let inside = &name[1..name.len() - 1];
    let folded = upper_case(inside);
    if folded != inside {
        all.push(Mutation::changed(format!("{at}: other case"), replaced(format!(r#""{folded}":{value}"#))));
        let both = format!(r#"{item},"{folded}":{value}"#);
        all.push(Mutation::changed(format!("{at}: twice, other case behind"), replaced(both)));
        let both = format!(r#""{folded}":{value},{item}"#);
        all.push(Mutation::changed(format!("{at}: twice, other case in front"), replaced(both)));
    }
    if let Some(escaped) = escape_first(inside) {
        let both = format!(r#"{item},"{escaped}":{value}"#);
        all.push(Mutation::changed(format!("{at}: twice, escaped behind"), replaced(both)));
        all.push(Mutation::same(format!("{at}: name escaped"), replaced(format!(r#""{escaped}":{value}"#))));
    }
    all
}

/// The same string in other bytes, and bytes that are no string.
fn respelled(text: &str, span: &Span) -> Vec<Mutation> {
    let at = &span.pointer;
    let inside = &text[span.value.start + 1..span.value.end - 1];
    let mut invalid = text.as_bytes().to_vec();
    invalid.insert(span.value.start + 1, 0xff);
    let mut overlong = text.as_bytes().to_vec();
    let start = span.value.start + 1;
    overlong.splice(start..start, [0xc0, 0xaf]);
    let mut all = vec![
        Mutation::changed(format!("{at}: not UTF-8"), invalid),
        Mutation::changed(format!("{at}: overlong UTF-8"), overlong),
    ];
    if let Some(escaped) = escape_first(inside) {
        let value = format!(r#""{escaped}""#);
        let bytes = splice(text, span.value.clone(), &value);
        all.push(Mutation::same(format!("{at}: escaped"), bytes));
    }
    all
}

fn splice(text: &str, range: std::ops::Range<usize>, other: &str) -> Vec<u8> {
    [&text[..range.start], other, &text[range.end..]].concat().into_bytes()
}

/// The text without an item and without the comma that goes with it.
fn without(text: &str, span: &Span) -> Vec<u8> {
    let behind = &text[span.item.end..];
    if let Some(rest) = behind.trim_start().strip_prefix(',') {
        return [&text[..span.item.start], rest].concat().into_bytes();
    }
    let before = text[..span.item.start].trim_end();
    [before.strip_suffix(',').unwrap_or(before), behind].concat().into_bytes()
}

/// The inside of a string with one character changed to another of its kind; none where that is not plain ASCII.
fn one_character(inside: &str, at: usize) -> Option<String> {
    if inside.contains('\\') || !inside.is_ascii() {
        return None;
    }
    let mut bytes = inside.as_bytes().to_vec();
    let byte = bytes.get_mut(at)?;
    *byte = match *byte {
        b'a'..=b'y' | b'A'..=b'Y' | b'0'..=b'8' => *byte + 1,
        b'z' => b'a',
        b'Z' => b'A',
        b'9' => b'0',
        b'.' => b'-',
        _ => b'.',
    };
    String::from_utf8(bytes).ok()
}

/// Upper case, escapes left alone.
fn upper_case(inside: &str) -> String {
    if inside.contains('\\') { inside.to_owned() } else { inside.to_uppercase() }
}

fn escape_first(inside: &str) -> Option<String> {
    let first = inside.chars().next().filter(char::is_ascii_alphanumeric)?;
    Some(format!("\\u{:04x}{}", u32::from(first), &inside[1..]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const TEXT: &str = r#"{"critical":{"type":"cosign", "size":12},"optional":null,"list":[true,"x"]}"#;

    fn named(name: &str) -> Mutation {
        json_mutations(TEXT.as_bytes()).into_iter().find(|mutation| mutation.name == name).expect(name)
    }

    fn text(name: &str) -> String {
        String::from_utf8(named(name).bytes).unwrap()
    }

    #[test]
    fn names_are_unique_and_nothing_is_left_as_it_was() {
        let all = json_mutations(TEXT.as_bytes());
        let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() > 150, "{}", all.len());
        assert!(all.iter().all(|mutation| mutation.bytes != TEXT.as_bytes()));
    }

    #[test]
    fn what_says_the_same_says_the_same_and_nothing_else_does() {
        let value: Value = serde_json::from_str(TEXT).unwrap();
        for mutation in json_mutations(TEXT.as_bytes()) {
            // The reader here lets the last of two members win, which is why doubled ones are mutations.
            let again: Option<Value> = serde_json::from_slice(&mutation.bytes).ok();
            let equal = again.as_ref() == Some(&value);
            if mutation.same_value || !mutation.name.contains("twice") {
                assert_eq!(equal, mutation.same_value, "{}", mutation.name);
            }
        }
    }

    #[test]
    fn one_place_is_changed_and_every_other_byte_stays() {
        let other = |from: &str, to: &str| TEXT.replacen(from, to, 1);
        assert_eq!(text("/critical/size: one more"), other("12", "13"));
        assert_eq!(text("/critical/type: last character changed"), other("cosign", "cosigo"));
        assert_eq!(text("/critical/type: left out"), other(r#""type":"cosign","#, ""));
        assert_eq!(text("/critical/size: left out"), other(r#", "size":12"#, ""));
        assert_eq!(text("/list/1: left out"), other(r#"true,"x""#, "true"));
        assert_eq!(text("/list: doubled"), other(r#"[true,"x"]"#, r#"[true,"x",true,"x"]"#));
        assert_eq!(
            text("/optional: twice, other case behind"),
            other(r#""optional":null"#, r#""optional":null,"OPTIONAL":null"#)
        );
        assert_eq!(text("/optional: name escaped"), other("\"optional", "\"\\u006fptional"));
    }
}
