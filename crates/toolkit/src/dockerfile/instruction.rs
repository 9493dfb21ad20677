//! Instructions by their words: which one it is, its flags, and what comes behind them.

use std::ops::Range;

use super::lines::Line;
use super::words::{self, Word};

/// An instruction, in words.
pub(super) struct Instruction<'a> {
    pub(super) line: &'a Line,
    /// In upper case.
    pub(super) name: String,
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

impl<'a> Instruction<'a> {
    /// Reads an instruction. What follows `ONBUILD` is the instruction that it is about.
    pub(super) fn read(line: &'a Line, escape: char) -> Option<Self> {
        let mut words = words::split(&line.text, escape).into_iter().peekable();
        let mut name = words.next()?.text(&line.text).to_ascii_uppercase();
        if name == "ONBUILD" {
            name = words.next()?.text(&line.text).to_ascii_uppercase();
        }
        let mut flags = Vec::new();
        while let Some(word) = words.next_if(|word| word.text(&line.text).starts_with("--")) {
            let text = word.text(&line.text);
            if text == "--" {
                break;
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
        Some(Self { line, name, flags, arguments: words.collect() })
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
