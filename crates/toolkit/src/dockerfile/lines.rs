//! From a file to its instructions: directives, comments, continued lines, here-documents.

use super::error::shown;
use super::words;
use super::{DOCKERFILE_INSTRUCTIONS, DockerfileError, DockerfileErrorKind};

/// An instruction on one line, and where each of its bytes stands in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) text: String,
    /// For each byte of the text, its place in the file.
    offsets: Vec<usize>,
    /// The line that it begins on, from 1.
    pub(super) number: usize,
}

impl Line {
    fn push(&mut self, text: &str, at: usize) {
        self.text.push_str(text);
        self.offsets.extend((at..).take(text.len()));
    }

    /// Where a byte stands in the file; behind the last, behind that.
    pub(super) fn offset(&self, at: usize) -> usize {
        self.offsets
            .get(at)
            .copied()
            .or_else(|| self.offsets.last().map(|last| last.saturating_add(1)))
            .unwrap_or_default()
    }
}

/// What a file was read as.
pub(super) struct Read {
    pub(super) lines: Vec<Line>,
    /// The image of `# syntax=`, and its line.
    pub(super) syntax: Option<(String, usize)>,
    pub(super) escape: char,
}

/// The lines of a text without their ends, each with its number and its place.
struct Source<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Iterator for Source<'a> {
    type Item = (usize, usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split('\n').next()?;
        let at = self.at;
        self.at = at.saturating_add(line.len()).saturating_add(1);
        self.number = self.number.saturating_add(1);
        Some((self.number, at, line.trim_end_matches('\r')))
    }
}

/// Reads the instructions of a file.
pub(super) fn read(text: &str) -> Result<Read, DockerfileError> {
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut read = Read { lines: Vec::new(), syntax: None, escape: '\\' };
    let mut source = Source { text, at: mark, number: 0 };
    let mut directives = Some(Vec::new());
    let shebang = text.get(mark..).is_some_and(|text| text.starts_with("#!"));
    while let Some((number, at, line)) = source.next() {
        // Behind a first line for the kernel a builder looks for `syntax`, and for nothing else.
        if shebang && number == 1 {
            continue;
        }
        if let Some(known) = &mut directives
            && !directive((number, line), shebang, known, &mut read)?
        {
            directives = None;
        }
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut whole = Line { number, ..Line::default() };
        let skipped = line.len().saturating_sub(trimmed.len());
        let (mut part, mut goes_on) = continued(trimmed, read.escape);
        whole.push(part, at.saturating_add(skipped));
        while goes_on {
            let Some((_, at, line)) = source.next() else { break };
            let trimmed = line.trim_start();
            // Comments and empty lines inside of an instruction are passed over.
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            (part, goes_on) = continued(line, read.escape);
            whole.push(part, at);
        }
        let documents = here_documents(&whole.text, read.escape);
        for document in documents.map_err(|kind| DockerfileError::new(number, kind))? {
            let end = source.by_ref().find(|(_, _, line)| document.ends(line));
            if end.is_none() {
                let kind = DockerfileErrorKind::HereDocument { name: document.name };
                return Err(DockerfileError::new(number, kind));
            }
        }
        if read.lines.len() >= DOCKERFILE_INSTRUCTIONS {
            return Err(DockerfileError::new(number, DockerfileErrorKind::TooMany));
        }
        read.lines.push(whole);
    }
    Ok(read)
}

/// Takes a line as a parser directive; whether it is one.
fn directive(
    (number, line): (usize, &str),
    only_syntax: bool,
    known: &mut Vec<&'static str>,
    read: &mut Read,
) -> Result<bool, DockerfileError> {
    let Some((name, value)) = line.trim_start().strip_prefix('#').and_then(|rest| rest.split_once('='))
    else {
        return Ok(false);
    };
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let Some(name) = ["syntax", "escape", "check"].into_iter().find(|known| *known == name) else {
        return Ok(false);
    };
    let wrong = || {
        let kind = DockerfileErrorKind::Directive { name: name.to_owned(), value: value.to_owned() };
        DockerfileError::new(number, kind)
    };
    if known.contains(&name) || value.is_empty() {
        return Err(wrong());
    }
    known.push(name);
    match (name, value) {
        ("escape", _) if only_syntax => {}
        ("escape", "\\") => read.escape = '\\',
        ("escape", "`") => read.escape = '`',
        ("escape", _) => return Err(wrong()),
        ("syntax", _) => read.syntax = Some((value.to_owned(), number)),
        _ => {}
    }
    Ok(true)
}

/// The part of a line before the sign that it goes on, and whether it does. Two such signs are none.
fn continued(line: &str, escape: char) -> (&str, bool) {
    let content = line.trim_end_matches([' ', '\t']);
    match content.strip_suffix(escape) {
        Some(part) if !part.ends_with(escape) => (part, true),
        _ => (line, false),
    }
}

/// A here-document that an instruction begins.
struct HereDocument {
    name: String,
    /// Tabs before the end do not count (`<<-`).
    tabs: bool,
}

impl HereDocument {
    fn ends(&self, line: &str) -> bool {
        let line = if self.tabs { line.trim_start_matches('\t') } else { line };
        line == self.name
    }
}

/// The here-documents of an instruction, which only some have. An error where builders, or versions of one, differ.
fn here_documents(line: &str, escape: char) -> Result<Vec<HereDocument>, DockerfileErrorKind> {
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    let (words, balanced) = words::split_quoted(line, escape);
    let mut words = words.into_iter().map(|word| word.text(line));
    let first = words.next().unwrap_or_default();
    let has = |word: &str| ["RUN", "COPY", "ADD"].iter().any(|name| is(word, name));
    let takes = has(first) || (is(first, "ONBUILD") && words.next().is_some_and(has));
    if !takes || !may_begin(line) {
        return Ok(Vec::new());
    }
    let unclear = |because| Err(DockerfileErrorKind::MaybeHereDocument { text: shown(line), because });
    if escape != '\\' {
        return unclear("builders take a backslash for the escape character here, whatever the file says");
    }
    if !balanced {
        return unclear("a quote has no end");
    }
    if !words::plain_substitutions(line) {
        return unclear("a substitution in it is not plain");
    }
    let mut documents = Vec::new();
    for word in words.filter(|word| begins(&word.replace('\\', ""))) {
        if word.contains(['\\', '$']) || (word.contains('"') && word.contains('\'')) {
            return unclear("its name is not plain");
        }
        let rest = word.split_once("<<").map_or("", |(_, rest)| rest);
        let (tabs, name) = rest.strip_prefix('-').map_or((false, rest), |name| (true, name));
        let name: String = name.chars().filter(|character| !matches!(character, '"' | '\'')).collect();
        if !name.is_empty() && !name.contains('<') {
            documents.push(HereDocument { name, tabs });
        }
    }
    Ok(documents)
}

/// Whether a word begins as a here-document does: perhaps a number, then `<<`.
fn begins(word: &str) -> bool {
    word.trim_start_matches(|character: char| character.is_ascii_digit()).starts_with("<<")
}

/// Whether any way to read quotes and escapes finds a word that begins a here-document. `<<<` begins none.
fn may_begin(line: &str) -> bool {
    line.match_indices("<<").any(|(at, sign)| {
        let (before, from) = line.split_at_checked(at).unwrap_or_default();
        let number = |character: char| character.is_ascii_digit() || character == '\\';
        !from.strip_prefix(sign).is_some_and(|rest| rest.starts_with('<'))
            && before.trim_end_matches(number).ends_with(char::is_whitespace)
    })
}
