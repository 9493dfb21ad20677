//! Pages: files that need no other, for people without a terminal.
//!
//! Everything from outside is escaped. A page says which style and which script are its own, by their digests, and
//! forbids the browser everything else: what slipped through would not run, load or send anything.

use std::fmt::Write as _;

use waxseal_core::{Digest, encoding};

const STYLE: &str = include_str!("page.css");
/// Searches, sorts and filters the list of a page.
pub(super) const LIST_SCRIPT: &str = include_str!("list.js");

/// The beginning of a page, up to its body.
pub(super) fn begin(title: &str, script: &str) -> String {
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; \
         script-src '{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        source(STYLE),
        source(script),
        text(title)
    );
    page
}

/// The end of a page; `word` is a sentence of ours about what it is worth.
pub(super) fn end(page: &mut String, word: &str, script: &str) {
    let _ = write!(
        page,
        "<footer>Shown by waxseal {}. {word}</footer>\n<script>{script}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
}

/// The digest of an inline text, as a page's policy names it.
fn source(inline: &str) -> String {
    format!("sha256-{}", encoding::base64_encode(Digest::of(inline).as_bytes()))
}

/// Text from outside, as it can stand in a page, in an attribute too.
pub(super) fn text(outside: &str) -> String {
    let mut safe = String::with_capacity(outside.len());
    for character in super::escape(outside).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A word that rows of a list can have, for the controls over it.
pub(super) struct Choice<'a> {
    /// What it says of a row: `data-<group>`.
    pub(super) group: &'a str,
    /// What a person calls that.
    pub(super) label: &'a str,
    /// The word, as it stands in a row.
    pub(super) word: &'a str,
    /// The class that it is shown in.
    pub(super) class: &'a str,
    /// How many rows have it.
    pub(super) count: usize,
}

/// The controls over a list: a search, and a box for each word, one line a group. Words that no row has are left out.
pub(super) fn controls(page: &mut String, hint: &str, words: &[Choice<'_>]) {
    let _ = write!(
        page,
        "<div id=\"controls\" class=\"controls\" hidden><input id=\"search\" type=\"search\" \
         placeholder=\"{hint}\" aria-label=\"Search\">"
    );
    page.push_str("<output id=\"shown\"></output>");
    let mut open = "";
    for Choice { group, label, word, class, .. } in words.iter().filter(|word| word.count > 0) {
        if *group != open {
            let _ = write!(page, "<span class=\"break\"></span><span class=\"group\">{label}</span>");
            open = group;
        }
        let _ = write!(
            page,
            "<label class=\"{class}\"><input type=\"checkbox\" data-group=\"{group}\" data-word=\"{word}\" checked> \
             {word}</label>"
        );
    }
    page.push_str("</div>\n");
}
