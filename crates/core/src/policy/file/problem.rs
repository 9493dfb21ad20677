//! What is wrong with a policy file: where, what was expected and found, and one thing to do.

use core::fmt;

use serde::Serialize;

use crate::limits::{
    POLICY_ALIASES, POLICY_BYTES, POLICY_DEPTH, POLICY_LIST, POLICY_NODES, POLICY_PROBLEMS, POLICY_TEXT_BYTES,
};

/// A place in a policy file, counted from 1: a line, and the character on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character on the line.
    pub column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something that is wrong with a policy file, or that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of trouble it is.
    pub code: ProblemCode,
    /// Where it stands.
    pub position: Position,
    /// The field, as `rules[0].require[1].attestation.maxAge`; empty for the file as a whole.
    pub field: String,
    /// What was expected and what was found, without a full stop.
    pub message: String,
    /// One thing to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn new(
        code: ProblemCode,
        position: Position,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            position,
            field: field.into(),
            message: message.into(),
            hint: code.what_to_do().to_owned(),
        }
    }

    /// The same with something better to do than what goes for all of its kind.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Whether the policy cannot be used.
    pub const fn is_error(&self) -> bool {
        self.code.is_error()
    }
}

/// `3:7: rules[0].images: ... [code]`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.position)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{} [{}]", self.message, self.code.code())
    }
}

/// A policy file that cannot be used, and all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFileError {
    problems: Vec<Problem>,
}

impl PolicyFileError {
    /// From what was found, of which at least one is an error: none if there is no error.
    pub(super) fn of(mut problems: Vec<Problem>) -> Option<Self> {
        problems.retain(Problem::is_error);
        problems.sort_by_key(|problem| problem.position);
        problems.dedup();
        (!problems.is_empty()).then_some(Self { problems })
    }

    pub(super) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }

    /// What is wrong, in the order of the file, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().take(POLICY_PROBLEMS).enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        match self.problems.len().saturating_sub(POLICY_PROBLEMS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for PolicyFileError {}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $level:ident $code:literal, $todo:literal;)+) => {
        /// What kind of trouble it is. The codes are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)+
        }

        impl ProblemCode {
            /// Every code, errors first.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Whether a policy with this cannot be used.
            pub const fn is_error(self) -> bool {
                matches!(match self { $(Self::$name => Level::$level,)+ }, Level::Error)
            }

            /// What to do, for all problems of the kind.
            pub const fn what_to_do(self) -> &'static str {
                match self { $(Self::$name => $todo,)+ }
            }
        }
    };
}

enum Level {
    Error,
    Warning,
}

codes! {
    /// The file is larger than [`POLICY_BYTES`].
    TooLarge = Error "too-large", "split it: one policy for each place where it decides";
    /// The file is not UTF-8.
    NotUtf8 = Error "not-utf8", "save it as UTF-8";
    /// The text is neither YAML nor JSON.
    Syntax = Error "syntax", "mend the text at this place";
    /// The file holds several documents, or none.
    Documents = Error "documents", "write one policy a file";
    /// More nodes than [`POLICY_NODES`], aliases followed.
    TooManyNodes = Error "too-many-nodes", "write fewer rules with wider patterns";
    /// Nested deeper than [`POLICY_DEPTH`].
    TooDeep = Error "too-deep", "a policy nests seven levels deep at most: look for a bracket too many";
    /// More aliases than [`POLICY_ALIASES`], or one inside of what it names.
    Alias = Error "alias", "write the value out instead of an alias";
    /// A YAML tag.
    Tag = Error "tag", "leave the tag out: every field has one type";
    /// A YAML merge key, `<<`.
    MergeKey = Error "merge-key", "write the members out: two readers could merge them differently";
    /// A key that is no text.
    FieldName = Error "field-name", "fields have plain names";
    /// A key twice in one mapping.
    DuplicateField = Error "duplicate-field", "keep one of the two";
    /// A field that does not exist.
    UnknownField = Error "unknown-field", "correct its name, or leave it out: what is not understood is never passed over";
    /// A field that must be there is not.
    MissingField = Error "missing-field", "add the field";
    /// A value of another type than the field has.
    WrongType = Error "wrong-type", "write a value of the type that the field has";
    /// A word that the field does not have.
    UnknownWord = Error "unknown-word", "choose one of the words";
    /// A number out of its range.
    OutOfRange = Error "out-of-range", "write a number in this range";
    /// A list without items, or a mapping without members, where that says nothing.
    Empty = Error "empty", "name at least one, or leave the field out";
    /// More items than [`POLICY_LIST`].
    TooManyItems = Error "too-many-items", "use patterns, or split the list over several rules";
    /// A text that is longer than [`POLICY_TEXT_BYTES`], holds control characters, or says nothing.
    Text = Error "text", "write a shorter, printable text";
    /// Of several fields exactly one must be there.
    OneOf = Error "one-of", "keep exactly one of these fields";
    /// Another `apiVersion` than this program reads.
    ApiVersion = Error "api-version", "write `apiVersion: waxseal/v1`, or use the release that the file was written for";
    /// Another `kind` of document.
    Kind = Error "kind", "write `kind: Policy`, or `kind: PolicyTest` in a file of cases";
    /// A time that is none.
    Time = Error "time", "write a day as 2026-12-31, or a time as 2026-12-31T00:00:00Z";
    /// An age that is none.
    Age = Error "age", "write an age as 12h, 7d or 2w";
    /// A digest that is none.
    Digest = Error "digest", "write sha256: and 64 lower-case hex digits";
    /// A platform that is none.
    Platform = Error "platform", "write it as linux/amd64 or linux/arm/v7";
    /// A repository that is none.
    Repository = Error "repository", "write registry and repository, without a tag";
    /// A pattern that is none; tags cannot be matched (rule Y2).
    Pattern = Error "pattern", "write registry.example.com/team/*, with * within one segment and ** across; no tags, they move";
    /// A pattern over namespaces that is none.
    Namespace = Error "namespace", "write lower-case letters, digits and -, with * for any of them";
    /// A mirror that cannot be meant (rule Y4).
    Mirror = Error "mirror", "write two prefixes without patterns, as registry.site.local/prod";
    /// A name of a key's place that cannot be used.
    KeyReference = Error "key-reference", "name a file beside the policy, env://VAR, https://..., or put the public key under `pem`";
    /// A key that cannot be read or used.
    KeyUnusable = Error "key-unusable", "name the file of a public key in PEM";
    /// A requirement names a key that is not under `keys`.
    UnknownKey = Error "unknown-key", "name it under `keys`, or correct the name";
    /// A requirement names one key twice.
    KeyNamedTwice = Error "key-named-twice", "name each key once: it counts once (rule S2)";
    /// Two names stand for one key (rule S2).
    SameKeyTwice = Error "same-key-twice", "keep one of the two names: one key never counts as two";
    /// A key's validity ends before it begins.
    KeyWindow = Error "key-window", "correct validFrom or validUntil";
    /// An algorithm that nobody knows, or that is not the key's.
    Algorithm = Error "algorithm", "name one that the key has, or leave `algorithms` out";
    /// A threshold of zero, or above the number of keys (rule S2).
    Threshold = Error "threshold", "ask for one key at least and for no more than `by` names";
    /// A predicate type that is none.
    PredicateType = Error "predicate-type", "write a short name as cyclonedx, or the URI of the type";
    /// A scan or a verification summary without a greatest age (rules N5, Y6).
    WithoutMaxAge = Error "without-max-age", "say how old it may be: `maxAge: 7d`, or `maxAge: unlimited`";
    /// A type that carries a result, without a rule on it (rule Y6).
    ResultWithoutRule = Error "result-without-rule", "say what it must say: under `scan`, `vsa` or `where`";
    /// Rules on a content that the type does not have.
    ContentMismatch = Error "content-mismatch", "ask it of a type that has this content";
    /// An age or a newest one is asked of a type whose statements say no time.
    Timeless = Error "timeless", "leave `maxAge` out for this type";
    /// A rule on the content of a scan that cannot be meant.
    ScanRule = Error "scan-rule", "correct the rule";
    /// A condition that cannot be read, or might not end (rule Y5).
    Condition = Error "condition", "write a CEL expression that gives true or false (docs/policy.md)";
    /// Anything else that a policy cannot be built with.
    Invalid = Error "invalid", "correct this place";

    /// A key that no requirement names.
    UnusedKey = Warning "unused-key", "name it in `by`, or remove it";
    /// A key's validity is over.
    KeyExpired = Warning "key-expired", "nothing it signed counts any more: renew it, or remove it";
    /// A key's validity has not begun.
    KeyNotYetValid = Warning "key-not-yet-valid", "nothing it signed counts before then";
    /// A key was revoked.
    KeyRevoked = Warning "key-revoked", "nothing it signed counts any more: remove it from `by` when its successor is there";
    /// Fewer keys count today than a threshold asks for: nothing can meet the requirement.
    ThresholdOutOfReach = Warning "threshold-out-of-reach", "name a key that is valid, or lower the threshold";
    /// An exemption has expired and no longer applies.
    ExemptionExpired = Warning "exemption-expired", "remove it, or renew it with a reason";
    /// An exemption without a digest: it lets everything in these repositories in.
    ExemptionWithoutDigest = Warning "exemption-without-digest", "name the digest that is exempt: without one, whatever is pushed there is admitted";
    /// An ignore rule has expired and takes nothing away any more.
    IgnoreExpired = Warning "ignore-expired", "remove it, or renew it with a reason";
    /// A signature counts under any name: one signed image can stand in for another (rule S9).
    SignedForAny = Warning "signed-for-any", "write `signedFor: same` or patterns; `signedFor: any` says that this is meant";
    /// A rule that no image can match.
    UnreachableRule = Warning "unreachable-rule", "correct its patterns, or remove the rule";
    /// A pattern that another one of the same list covers.
    CoveredPattern = Warning "covered-pattern", "remove the narrower one";
    /// A rule that stands twice.
    RepeatedRule = Warning "repeated-rule", "remove one of the two";
    /// No rule refuses anything.
    NothingEnforced = Warning "nothing-enforced", "write `mode: enforce` where the trial is over";
    /// Images without a rule are admitted.
    UnmatchedAdmitted = Warning "unmatched-admitted", "write `unmatched: refuse` when every image has a rule";
    /// A scan of any age counts.
    AnyAge = Warning "any-age", "write a `maxAge`: a scan says nothing of what was found since";
    /// The key is one of waxseal's published example keys.
    ExampleKey = Warning "example-key", "replace it: everybody has the private key, and it counts only with --allow-example-keys";
}

/// The limits in words, for messages.
pub(super) fn too_large(found: usize) -> String {
    format!("{found} bytes, the limit is {POLICY_BYTES}")
}

pub(super) fn too_many_nodes() -> String {
    format!("more than {POLICY_NODES} values, aliases followed")
}

pub(super) fn too_deep() -> String {
    format!("nested deeper than {POLICY_DEPTH} levels, aliases followed")
}

pub(super) fn too_many_aliases() -> String {
    format!("more than {POLICY_ALIASES} aliases")
}

pub(super) fn too_many_items(found: usize) -> String {
    format!("{found} items, the limit is {POLICY_LIST}")
}

pub(super) fn too_long(found: usize) -> String {
    format!("a text of {found} bytes, the limit is {POLICY_TEXT_BYTES}")
}
