//! Instructions by their words: which one it is, its flags, and what comes behind them.

use std::ops::Range;

use super::DockerfileErrorKind;
use super::error::shown;
use super::lines::Line;
use super::words::{self, Word};

/// An instruction, in words.
pub(super) struct Instruction<'a> {
    pub(super) line: &'a Line,
    /// In upper case.
    pub(super) name: String,
    /// Behind `ONBUILD`.
    pub(super) on_build: bool,
    /// `--name=value` before the arguments.
    pub(super) flags: Vec<Flag>,
    pub(super) arguments: Vec<Word>,
}

/// A flag of an instruction.
pub(super) struct Flag {
    pub(super) name: String,
    /// The bytes of the value on the line, if it has one.
    pub(super) value: Option<Range<usize>>,
}

/// What a file may hold.
const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What `ONBUILD` is not about.
const NOT_ON_BUILD: [&str; 3] = ["FROM", "MAINTAINER", "ONBUILD"];

/// The flags of an instruction, where one of them may name an image or hide one that does.
fn flags_of(instruction: &str) -> Option<&'static [&'static str]> {
    match instruction {
        "ADD" => Some(&["checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"]),
        "ARG" => Some(&[]),
        "COPY" => Some(&["chmod", "chown", "exclude", "from", "link", "parents"]),
        "FROM" => Some(&["platform"]),
        "RUN" => Some(&["device", "mount", "network", "security"]),
        _ => None,
    }
}

impl<'a> Instruction<'a> {
    /// Reads an instruction. What follows `ONBUILD` is the instruction that it is about.
    pub(super) fn read(line: &'a Line, escape: char) -> Result<Option<Self>, DockerfileErrorKind> {
        let mut words = words::split(&line.text, escape).into_iter().peekable();
        let mut name_of = || words.next().map(|word| word.text(&line.text).to_ascii_uppercase());
        let Some(mut name) = name_of() else { return Ok(None) };
        let on_build = name == "ONBUILD";
        if on_build {
            name = name_of().unwrap_or_default();
        }
        if !INSTRUCTIONS.contains(&name.as_str()) || (on_build && NOT_ON_BUILD.contains(&name.as_str())) {
            return Err(DockerfileErrorKind::UnknownInstruction { name: shown(&name) });
        }
        let known = flags_of(&name);
        let mut flags = Vec::new();
        while let Some(word) = words.next_if(|word| word.text(&line.text).starts_with("--")) {
            let text = word.text(&line.text);
            if text == "--" {
                break;
            }
            if let Some(known) = known {
                plain(text, known, escape).map_err(|because| DockerfileErrorKind::Flag {
                    instruction: name.clone(),
                    flag: shown(text),
                    because,
                })?;
            }
            let start = word.span.start;
            let (name, value) = match text.find('=') {
                Some(at) => {
                    (text.get(2..at), Some(start.saturating_add(at).saturating_add(1)..word.span.end))
                }
                None => (text.get(2..), None),
            };
            flags.push(Flag { name: name.unwrap_or_default().to_owned(), value });
        }
        // A builder takes some bytes of other characters for blanks, and other blanks for none.
        let end = words.peek().map_or(line.text.len(), |word| word.span.start);
        if known.is_some() && !line.text.get(..end).is_some_and(str::is_ascii) {
            let because = "a character before the arguments is not ASCII";
            let flag = shown(&line.text);
            return Err(DockerfileErrorKind::Flag { instruction: name, flag, because });
        }
        Ok(Some(Self { line, name, on_build, flags, arguments: words.collect() }))
    }

    /// The text of an argument, as it is written.
    pub(super) fn argument(&self, at: usize) -> &'a str {
        self.arguments.get(at).map_or("", |word| word.text(&self.line.text))
    }

    /// The text of some bytes of the line.
    pub(super) fn text(&self, span: &Range<usize>) -> &'a str {
        self.line.text.get(span.clone()).unwrap_or_default()
    }
}

/// Whether every builder reads a flag as it stands; if not, why. In flags a backslash escapes, even between single quotes
/// and whatever the file says, so that none is read here.
fn plain(flag: &str, known: &[&str], escape: char) -> Result<(), &'static str> {
    let (name, value) = match flag.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    };
    let name = name.strip_prefix("--").unwrap_or(name);
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
        return Err("its name is not plain");
    }
    if !known.contains(&name) {
        return Err("the instruction has no such flag");
    }
    if value.is_none() && matches!(name, "from" | "mount") {
        return Err("it needs a value, behind =");
    }
    if flag.contains(['\\', escape]) {
        return Err("there is an escape character in it");
    }
    Ok(())
}
