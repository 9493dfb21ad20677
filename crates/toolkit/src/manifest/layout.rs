//! How YAML is written: quotes, line ends, and where on a line something can be put.

/// Words that are something else than text when they stand plain, to one version of YAML or another.
const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Whether a plain scalar is text to every reader. Numbers, dates and signs begin otherwise.
pub(super) fn is_clearly_text(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A text as it can be written anywhere: plain where it can be, else in double quotes, which JSON takes too.
pub(super) fn scalar(text: &str, json: bool) -> String {
    let plain = is_clearly_text(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'_' | b'-'));
    if plain && !json { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Where the text of the line ends that `at` stands on, if nothing but blanks and a comment comes behind `at`.
pub(super) fn end_of_line(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let line = rest.split(['\n', '\r']).next()?;
    let content = line.trim_start_matches([' ', '\t']);
    let comment = content.starts_with('#') && content.len() < line.len();
    (content.is_empty() || comment).then(|| at.saturating_add(line.len()))
}

/// Behind the colon of a key that ends at `at`, if it follows on the same line.
pub(super) fn after_colon(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let blanks = rest.len().saturating_sub(rest.trim_start_matches([' ', '\t']).len());
    let at = at.saturating_add(blanks);
    text.get(at..)?.starts_with(':').then(|| at.saturating_add(1))
}

/// The line end that is used at `at`, or else in the text.
pub(super) fn line_end(text: &str, at: usize) -> &'static str {
    let first =
        |text: &str| text.find('\n').map(|at| text.get(..at).is_some_and(|line| line.ends_with('\r')));
    let windows = text.get(at..).and_then(first).or_else(|| first(text)).unwrap_or(false);
    if windows { "\r\n" } else { "\n" }
}

/// What stands on its line before `at`.
pub(super) fn line_before(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    before.rsplit(['\n', '\r']).next().unwrap_or_default()
}
