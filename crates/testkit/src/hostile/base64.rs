//! Base64 in other spellings than the one that counts (RFC 4648, section 3).

use super::Mutation;

/// Other spellings of standard, padded base64. Lenient decoders read the marked ones as the same bytes; a strict
/// one refuses all of them.
pub fn base64_oddities(text: &str) -> Vec<Mutation> {
    let (front, back) = text.split_at(text.len() / 2);
    let unpadded = text.trim_end_matches('=');
    let mut all = vec![
        Mutation::same("without padding", unpadded),
        Mutation::same("URL alphabet", text.replace('+', "-").replace('/', "_")),
        Mutation::same("line end behind", format!("{text}\n")),
        Mutation::same("carriage return and line end behind", format!("{text}\r\n")),
        Mutation::same("line end inside", format!("{front}\n{back}")),
        Mutation::same("blank inside", format!("{front} {back}")),
        Mutation::same("blank in front", format!(" {text}")),
        Mutation::same("more padding", format!("{text}=")),
        Mutation::same("much more padding", format!("{text}====")),
        Mutation::changed("padding in front", format!("={text}")),
        Mutation::changed("padding inside", format!("{front}={back}")),
        Mutation::changed("a NUL behind", format!("{text}\0")),
        Mutation::changed("a NUL inside", format!("{front}\0{back}")),
        Mutation::changed("a character of neither alphabet", format!("{front}*{back}")),
        Mutation::changed("a letter beyond ASCII", format!("{front}\u{e9}{back}")),
        Mutation::changed("a full-width letter", format!("{front}\u{ff21}{back}")),
        Mutation::changed("a character more", format!("{text}A")),
        Mutation::changed("a character less", text.get(..text.len().max(1) - 1).unwrap_or_default()),
        Mutation::changed("twice", format!("{text}{text}")),
        Mutation::changed("a data URL", format!("data:;base64,{text}")),
    ];
    if unpadded.len() != text.len()
        && let Some(other) = with_set_trailing_bits(unpadded)
    {
        let padding = &text[unpadded.len()..];
        all.push(Mutation::same("set bits behind the last byte", format!("{other}{padding}")));
    }
    all.retain(|variant| variant.bytes != text.as_bytes());
    all
}

/// The last character of a padded group has two or four bits that no byte owns; this sets the lowest.
fn with_set_trailing_bits(unpadded: &str) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = unpadded.chars().next_back()?;
    let next = ALPHABET.chars().nth(ALPHABET.find(last)? | 1)?;
    Some(format!("{}{next}", &unpadded[..unpadded.len() - 1]))
}

#[cfg(test)]
mod tests {
    use waxseal_core::encoding::{base64_decode, base64_encode};

    use super::*;

    #[test]
    fn no_oddity_is_the_one_spelling() {
        for bytes in [&b"\xfb\xff\xfe signature"[..], b"\xfb\xff\xfe signature1", b"\xfb\xff\xfe signature12"]
        {
            let text = base64_encode(bytes);
            let oddities = base64_oddities(&text);
            assert!(oddities.len() >= 17);
            for oddity in oddities {
                let decoded = core::str::from_utf8(&oddity.bytes).map(base64_decode);
                // Twice an unpadded text is a text of its own: of other bytes.
                let refused = !matches!(decoded, Ok(Ok(decoded)) if decoded == bytes);
                assert!(refused, "{} of {text}", oddity.name);
            }
        }
    }
}
