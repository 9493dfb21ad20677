//! The stages of a build, and the images that they use.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::error::shown;
use super::instruction::Instruction;
use super::words::{self, Value};
use super::{
    BuildArguments, DOCKERFILE_IMAGES, Dockerfile, DockerfileError, DockerfileErrorKind, DockerfileImage,
    DockerfileImages,
};
use crate::mention::{Note, NoteCode, Place, Role, Source};

/// The name of nothing to start from.
const SCRATCH: &str = "scratch";

/// What a builder sets by itself, most of it by the platforms of a build.
const OF_BUILDER: [&str; 9] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETSTAGE",
];

/// A build, up to the instruction that is read.
pub(super) struct Build<'a> {
    file: &'a Dockerfile,
    arguments: &'a BuildArguments,
    /// Arguments from before the first `FROM`.
    global: BTreeMap<String, Value>,
    stages: Vec<Stage>,
    /// The last stage of each name, in lower case.
    names: HashMap<String, usize>,
    found: DockerfileImages,
}

/// A stage.
struct Stage {
    name: Option<String>,
    /// The image that it is based on, through other stages too.
    base: Option<usize>,
}

impl<'a> Build<'a> {
    pub(super) fn new(file: &'a Dockerfile, arguments: &'a BuildArguments) -> Self {
        Self {
            file,
            arguments,
            global: BTreeMap::new(),
            stages: Vec::new(),
            names: HashMap::new(),
            found: DockerfileImages::default(),
        }
    }

    pub(super) fn images(mut self) -> Result<DockerfileImages, DockerfileError> {
        if let Some((image, line)) = &self.file.syntax {
            self.found.notes.push(Note {
                code: NoteCode::Syntax,
                place: Place::of(Source::Dockerfile).at(*line, 1),
                message: format!("{image} reads this file for the builder, and is not judged"),
            });
        }
        for line in &self.file.lines {
            let wrong = |kind| DockerfileError::new(line.number, kind);
            let instruction = Instruction::read(line, self.file.escape).map_err(wrong)?;
            let Some(instruction) = instruction else { continue };
            self.take(&instruction).map_err(wrong)?;
        }
        let Some(last) = self.stages.last() else {
            let line = self.file.lines.last().map_or(1, |line| line.number);
            let kind = DockerfileErrorKind::NoFrom { before: "the end of the file".to_owned() };
            return Err(DockerfileError::new(line, kind));
        };
        self.found.base = last.base;
        Ok(self.found)
    }

    fn take(&mut self, instruction: &Instruction<'_>) -> Result<(), DockerfileErrorKind> {
        match (instruction.name.as_str(), self.stages.is_empty()) {
            ("FROM", _) => self.from(instruction),
            ("ARG", true) if !instruction.on_build => self.argument(instruction),
            (_, true) => Err(DockerfileErrorKind::NoFrom { before: instruction.name.clone() }),
            ("COPY", _) => self.copy(instruction),
            ("RUN", _) => self.mounts(instruction),
            _ => Ok(()),
        }
    }

    fn from(&mut self, instruction: &Instruction<'_>) -> Result<(), DockerfileErrorKind> {
        let named = match instruction.arguments.as_slice() {
            [_] => None,
            [_, word, _] if word.text(&instruction.line.text).eq_ignore_ascii_case("AS") => {
                Some(instruction.argument(2).to_ascii_lowercase())
            }
            _ => {
                return Err(DockerfileErrorKind::Instruction {
                    instruction: "FROM",
                    expected: "an image, and perhaps AS and a name",
                });
            }
        };
        let name = self.expand(instruction.argument(0))?;
        if name.is_empty() {
            return Err(DockerfileErrorKind::Instruction {
                instruction: "FROM",
                expected: "the name of an image",
            });
        }
        let span = instruction.arguments.first().map(|word| word.span.clone()).unwrap_or_default();
        let base = if let Some(stage) = self.names.get(&name.to_ascii_lowercase()) {
            self.stages.get(*stage).and_then(|stage| stage.base)
        } else if name == SCRATCH {
            let place = self.place(instruction, &span, Role::Base, named.as_deref());
            self.found.notes.push(Note {
                code: NoteCode::Scratch,
                place,
                message: "it starts from nothing, so that nothing is judged".to_owned(),
            });
            None
        } else {
            Some(self.add(instruction, name, &span, Role::Base, named.as_deref())?)
        };
        if let Some(name) = &named {
            self.names.insert(name.clone(), self.stages.len());
        }
        self.stages.push(Stage { name: named, base });
        Ok(())
    }

    /// An argument before the first `FROM`: only these fill in names of images.
    fn argument(&mut self, instruction: &Instruction<'_>) -> Result<(), DockerfileErrorKind> {
        for word in &instruction.arguments {
            let text = word.text(&instruction.line.text);
            let (name, default) = match text.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (text, None),
            };
            if !words::is_name(name) {
                return Err(DockerfileErrorKind::Instruction {
                    instruction: "ARG",
                    expected: "a name of letters, digits and _",
                });
            }
            let given = self.arguments.given.get(name).cloned();
            let value = match (given, default) {
                (Some(given), _) => Value::Set(given),
                // A default that nothing is known of matters only where the argument is used.
                (None, Some(default)) => match self.expand(default) {
                    Ok(value) => Value::Set(value),
                    Err(DockerfileErrorKind::Argument { .. }) => Value::Unknown,
                    Err(error) => return Err(error),
                },
                (None, None) => {
                    let of_builder = OF_BUILDER.contains(&name);
                    let nothing = if of_builder { Value::Unknown } else { Value::Declared };
                    let own = self.arguments.platform.get(name).filter(|_| of_builder);
                    own.or_else(|| self.arguments.fallback.get(name)).cloned().map_or(nothing, Value::Set)
                }
            };
            self.global.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn copy(&mut self, instruction: &Instruction<'_>) -> Result<(), DockerfileErrorKind> {
        for flag in instruction.flags.iter().filter(|flag| flag.name == "from") {
            let Some(span) = &flag.value else { continue };
            let name = literal(instruction.text(span), self.file.escape)?;
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
                let known = name.parse().is_ok_and(|number: usize| number < self.stages.len());
                if !known {
                    return Err(DockerfileErrorKind::NoStage { number: name });
                }
                continue;
            }
            self.other(instruction, name, span, Role::Copy)?;
        }
        Ok(())
    }

    fn mounts(&mut self, instruction: &Instruction<'_>) -> Result<(), DockerfileErrorKind> {
        for flag in instruction.flags.iter().filter(|flag| flag.name == "mount") {
            let Some(span) = &flag.value else { continue };
            let mut at = span.start;
            for field in instruction.text(span).split(',') {
                let end = at.saturating_add(field.len());
                mount_field(field).map_err(|because| DockerfileErrorKind::Flag {
                    instruction: instruction.name.clone(),
                    flag: shown(field),
                    because,
                })?;
                let key = field.split_once('=').map(|(key, _)| key);
                if let Some(key) = key.filter(|key| key.eq_ignore_ascii_case("from")) {
                    let value = at.saturating_add(key.len()).saturating_add(1)..end;
                    let name = literal(instruction.text(&value), self.file.escape)?;
                    self.other(instruction, name, &value, Role::Mount)?;
                }
                at = end.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Takes what may be a stage that stands before, or an image.
    fn other(
        &mut self,
        instruction: &Instruction<'_>,
        name: String,
        span: &Range<usize>,
        role: Role,
    ) -> Result<(), DockerfileErrorKind> {
        let is_stage = self.names.contains_key(&name.to_ascii_lowercase());
        if !is_stage && name != SCRATCH {
            let stage = self.stages.last().and_then(|stage| stage.name.clone());
            self.add(instruction, name, span, role, stage.as_deref())?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        instruction: &Instruction<'_>,
        name: String,
        span: &Range<usize>,
        role: Role,
        stage: Option<&str>,
    ) -> Result<usize, DockerfileErrorKind> {
        if self.found.images.len() >= DOCKERFILE_IMAGES {
            return Err(DockerfileErrorKind::TooManyImages);
        }
        let place = self.place(instruction, span, role, stage);
        let line = instruction.line;
        let last = line.offset(span.end.saturating_sub(1));
        let span = line.offset(span.start)..last.saturating_add(1);
        self.found.images.push(DockerfileImage { name, place, span });
        Ok(self.found.images.len().saturating_sub(1))
    }

    fn place(
        &self,
        instruction: &Instruction<'_>,
        span: &Range<usize>,
        role: Role,
        stage: Option<&str>,
    ) -> Place {
        let before = self.file.text.get(..instruction.line.offset(span.start)).unwrap_or_default();
        let number = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        let mut place = Place::of(Source::Dockerfile).at(number, column);
        place.role = Some(role);
        place.kind = stage.map(|_| "stage".to_owned());
        place.name = stage.map(ToOwned::to_owned);
        place
    }

    fn expand(&self, word: &str) -> Result<String, DockerfileErrorKind> {
        words::expand(word, self.file.escape, &|name| {
            if let Some(value) = self.global.get(name) {
                return value.clone();
            }
            let BuildArguments { given, platform, fallback } = self.arguments;
            let of_builder = OF_BUILDER.contains(&name);
            let value =
                if of_builder { given.get(name).or_else(|| platform.get(name)) } else { fallback.get(name) };
            match value {
                Some(value) => Value::Set(value.clone()),
                None if of_builder => Value::Unknown,
                None => Value::Unset,
            }
        })
    }
}

/// Whether a field of `--mount` is read here as every builder reads it; if not, why. Builders take the quotes away before
/// they part the fields.
fn mount_field(field: &str) -> Result<(), &'static str> {
    let key = field.split('=').next().unwrap_or_default();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
        return Err("the key is not plain");
    }
    let quotes = |quote: char| field.matches(quote).count();
    if quotes('"') % 2 != 0 || quotes('\'') % 2 != 0 || (quotes('"') > 0 && quotes('\'') > 0) {
        return Err("quotes begin and end in the same field, and none holds another");
    }
    Ok(())
}

/// A name in which no argument is filled in by the builder either.
fn literal(word: &str, escape: char) -> Result<String, DockerfileErrorKind> {
    let wrong = || DockerfileErrorKind::Substitution { text: word.to_owned() };
    if word.contains('$') { Err(wrong()) } else { words::expand(word, escape, &|_| Value::Unknown) }
}
