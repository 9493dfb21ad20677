//! Text from outside, made safe to show.

use core::fmt::Write as _;

/// The text with everything escaped that a terminal, or the eye, could take for something else: control
/// characters (line ends too), the C1 range, and the characters that reorder or hide text (T-72).
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(escape("a\u{1b}[2J\nb\u{9b}c\u{202e}d"), "a\\u{1b}[2J\\u{a}b\\u{9b}c\\u{202e}d");
        assert_eq!(escape("registry.example.com/app: grüße, 日本"), "registry.example.com/app: grüße, 日本");
    }
}
