//! Conditions: what must be so of an image beside the policy, in the words of Docker Trusted Registry's promotion policies.
//!
//! A condition asks for the tag of the source, or for what verified statements say: components, licences, how many
//! vulnerabilities there are. It reads nothing itself ([`super::facts`] does), and it never makes up for a policy: a
//! condition that holds promotes nothing that did not verify. What nobody has looked at meets no condition, not even that
//! there be none.
//!
//! ```
//! use waxseal::promote::Condition;
//! for text in ["tag starts-with v", "critical = 0", "no component contains log4j", "license one-of MIT,Apache-2.0"] {
//!     assert_eq!(text.parse::<Condition>()?.to_string(), text);
//! }
//! # Ok::<(), waxseal::promote::ConditionError>(())
//! ```

mod parse;
mod test;

use core::fmt;

use waxseal_core::policy::LicenseRules;
use waxseal_core::scan::{Severity, Summary};

pub use self::parse::ConditionError;
pub use self::test::{Answer, AnswerOutcome};

/// Longest condition, in bytes.
pub const CONDITION_BYTES: usize = 1_024;
/// Most conditions of one promotion.
pub const CONDITIONS: usize = 64;
/// Most values of one list in a condition.
pub const CONDITION_VALUES: usize = 256;

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    text: String,
    asks: Asks,
}

/// What a condition asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asks {
    /// The source's tag.
    Tag(TextTest),
    /// The names of components.
    Component(Which, TextTest),
    /// The licences of components.
    License {
        rules: Box<LicenseRules>,
        /// One component with such a licence is enough.
        any: bool,
        /// Components whose licence nobody knows are left out.
        known: bool,
    },
    /// How many vulnerabilities.
    Vulnerabilities(Group, Comparison, u64),
}

/// Which of several things a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Any,
    All,
    No,
}

/// The six operators on texts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TextTest {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    OneOf(Vec<String>),
    NotOneOf(Vec<String>),
}

/// The six operators on numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    Above,
    Equal,
    NotEqual,
    AtMost,
    Below,
}

/// Which vulnerabilities are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    All,
    /// Critical, by the scanner's word.
    Critical,
    /// Docker's word for what lies between: high and medium, and what nobody rated.
    Major,
    /// Docker's word for the rest: low and remarks.
    Minor,
    High,
    Medium,
    Low,
}

impl Condition {
    /// Whether it is about the source's tag: it says which images are meant, where the others say which may pass.
    pub const fn is_about_the_tag(&self) -> bool {
        matches!(self.asks, Asks::Tag(_))
    }

    /// Whether verified scans are needed to answer it.
    pub(super) const fn needs_scans(&self) -> bool {
        matches!(self.asks, Asks::Vulnerabilities(..))
    }

    /// Whether verified lists of components are needed to answer it.
    pub(super) const fn needs_components(&self) -> bool {
        matches!(self.asks, Asks::Component(..) | Asks::License { .. })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Comparison {
    const fn holds(self, found: u64, wanted: u64) -> bool {
        match self {
            Self::AtLeast => found >= wanted,
            Self::Above => found > wanted,
            Self::Equal => found == wanted,
            Self::NotEqual => found != wanted,
            Self::AtMost => found <= wanted,
            Self::Below => found < wanted,
        }
    }
}

impl Group {
    /// Docker's three groups leave nothing out; what a scanner could not rate counts as high (rule N6).
    const fn has(self, severity: Severity) -> bool {
        match self {
            Self::All => true,
            Self::Critical => matches!(severity, Severity::Critical),
            Self::Major => matches!(severity, Severity::High | Severity::Unknown | Severity::Medium),
            Self::Minor => matches!(severity, Severity::Low | Severity::Information | Severity::None),
            Self::High => matches!(severity, Severity::High | Severity::Unknown),
            Self::Medium => matches!(severity, Severity::Medium),
            Self::Low => matches!(severity, Severity::Low),
        }
    }

    fn count(self, summary: &Summary) -> u64 {
        let counted = summary.by_severity.iter().filter(|(severity, _)| self.has(*severity));
        counted.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    const fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Critical => "critical ",
            Self::Major => "major ",
            Self::Minor => "minor ",
            Self::High => "high ",
            Self::Medium => "medium ",
            Self::Low => "low ",
        }
    }
}

impl TextTest {
    /// Whether a text meets it, in the case that `fold` makes of both sides.
    fn holds(&self, text: &str, fold: impl Fn(&str) -> String) -> bool {
        let text = fold(text);
        let among = |list: &[String]| list.iter().any(|one| fold(one) == text);
        match self {
            Self::Equals(wanted) => text == fold(wanted),
            Self::StartsWith(wanted) => text.starts_with(&fold(wanted)),
            Self::EndsWith(wanted) => text.ends_with(&fold(wanted)),
            Self::Contains(wanted) => text.contains(&fold(wanted)),
            Self::OneOf(list) => among(list),
            Self::NotOneOf(list) => !among(list),
        }
    }
}
