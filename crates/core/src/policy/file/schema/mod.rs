//! The fields of a policy file, in one table: what is read, what is refused, the published JSON schema and the reference
//! in the book all come from it.

mod json;
mod table;

pub use json::json_schema;
pub(super) use table::{CASES, POLICY};

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A text.
    Text(Text),
    /// `true` or `false`.
    Flag,
    /// A whole number from `least` to `most`.
    Number { least: u64, most: u64 },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of at least `least` items.
    List { item: &'static Self, least: usize },
    /// Members with names that the author chooses, at least `least`.
    Names { of: &'static Self, least: usize },
    /// Members with these names, of which each has at most one value.
    Words { names: &'static [&'static str], of: &'static Self },
    /// An object with fields of its own.
    Object(&'static Object),
    /// Either of two, told apart by whether it is a text.
    TextOr { text: &'static Self, other: &'static Self },
}

/// What a text is: which reader it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// A name or words for people.
    Words,
    /// The text of a public key in PEM.
    Pem,
    /// A path, relative to the policy file.
    Path,
    /// The place of a key, as on the command line.
    Key,
    /// The name of a key under `keys`.
    KeyName,
    /// A day or a time.
    Time,
    /// An age.
    Age,
    /// An age, or `unlimited`.
    MaxAge,
    /// A pattern over repositories.
    Repositories,
    /// A pattern over namespaces.
    Namespaces,
    /// A repository.
    Repository,
    /// The beginning of repositories' names.
    Prefix,
    /// A digest.
    Digest,
    /// A platform.
    Platform,
    /// A predicate type.
    PredicateType,
    /// A condition in CEL.
    Condition,
}

/// An object with fields of its own.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
    /// Sets of fields of which exactly one must be there.
    pub(super) one_of: &'static [&'static [&'static str]],
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// What holds where it is left out, as it would be written.
    pub(super) default: Option<&'static str>,
}

impl Shape {
    /// What is expected, in words.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text(text) => text.expected().to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number { least, most: u64::MAX } => format!("a whole number from {least} on"),
            Self::Number { least, most } => format!("a whole number from {least} to {most}"),
            Self::Word(words) => words.join(", "),
            Self::List { .. } => "a list".to_owned(),
            Self::Names { .. } | Self::Words { .. } => "a mapping of names".to_owned(),
            Self::Object(object) => format!("a mapping with {}", names(object.fields)),
            Self::TextOr { text, other } => format!("{}, or {}", text.expected(), other.expected()),
        }
    }
}

/// The names of fields, for messages.
pub(super) fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

impl Text {
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Words => "a text",
            Self::Pem => "a public key in PEM",
            Self::Path => "the path of a file",
            Self::Key => "a file, env://VAR or https://...",
            Self::KeyName => "the name of a key",
            Self::Time => "a day as 2026-12-31, or a time as 2026-12-31T00:00:00Z",
            Self::Age => "an age as 12h, 7d or 2w",
            Self::MaxAge => "an age as 12h or 7d, or unlimited",
            Self::Repositories => "a pattern over repositories as registry.example.com/team/**",
            Self::Namespaces => "a pattern over namespaces as team-*",
            Self::Repository => "a repository as registry.example.com/signatures",
            Self::Prefix => "the beginning of names as registry.example.com/prod",
            Self::Digest => "a digest as sha256:...",
            Self::Platform => "a platform as linux/amd64",
            Self::PredicateType => "a predicate type: a short name as cyclonedx, or a URI",
            Self::Condition => "a condition in CEL",
        }
    }
}
