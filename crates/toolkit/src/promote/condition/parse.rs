//! Conditions as they are typed.

use core::str::FromStr;

use waxseal_core::policy::LicenseRules;

use super::{Asks, CONDITION_BYTES, CONDITION_VALUES, Comparison, Condition, Group, TextTest, Which};

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// Longer than [`CONDITION_BYTES`].
    #[error("a condition of {found} bytes: at most {CONDITION_BYTES}")]
    TooLong {
        /// Its size in bytes.
        found: usize,
    },
    /// It begins with no word that can be asked for.
    #[error(
        "{found:?} cannot be asked for: expected tag, component, license, or a number of vulnerabilities: all, critical, \
         major, minor, high, medium, low"
    )]
    Subject {
        /// What stands there.
        found: String,
    },
    /// Its operator is none, or none for what is asked.
    #[error("{found:?} is no operator for {subject}: expected one of {expected}")]
    Operator {
        /// What is asked for.
        subject: &'static str,
        /// What stands there.
        found: String,
        /// The operators.
        expected: &'static str,
    },
    /// There is nothing to compare with, or nothing that can be.
    #[error("{found:?} is nothing that {subject} could be compared with: expected {expected}")]
    Value {
        /// What is asked for.
        subject: &'static str,
        /// What stands there.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A word of quantity stands where it has no meaning.
    #[error("{found:?} says nothing of {subject}")]
    Quantity {
        /// What is asked for.
        subject: &'static str,
        /// The word.
        found: &'static str,
    },
}

impl ConditionError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "condition-too-long",
            Self::Subject { .. } => "condition-subject",
            Self::Operator { .. } => "condition-operator",
            Self::Value { .. } => "condition-value",
            Self::Quantity { .. } => "condition-quantity",
        }
    }
}

const TEXTS: &str = "equals, starts-with, ends-with, contains, one-of, not-one-of";
const LISTS: &str = "one-of, not-one-of";
const NUMBERS: &str = ">=, >, =, !=, <=, <";
const MOST_VALUES: &str = "1 to 256 values with commas between them";

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        if text.len() > CONDITION_BYTES {
            return Err(ConditionError::TooLong { found: text.len() });
        }
        let text = text.trim();
        let (first, behind) = word(text);
        let (quantity, subject, rest) = match Quantity::of(first) {
            Some(quantity) if !matches!(word(behind).0, "" | "=" | "!=") && operator_of(behind).is_none() => {
                let (subject, rest) = word(behind);
                (Some(quantity), subject, rest)
            }
            _ => (None, first, behind),
        };
        let asks = match subject.to_ascii_lowercase().as_str() {
            "tag" => {
                no_quantity("a tag", quantity)?;
                Asks::Tag(text_test("tag", rest)?)
            }
            "component" | "components" => component(quantity, rest)?,
            "license" | "licence" | "licenses" | "licences" => license(quantity, rest)?,
            _ => vulnerabilities(quantity, subject, rest)?,
        };
        Ok(Self { text: text.to_owned(), asks })
    }
}

/// A word of quantity before what is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Any,
    All,
    No,
    Known,
}

impl Quantity {
    fn of(word: &str) -> Option<Self> {
        [Self::Any, Self::All, Self::No, Self::Known].into_iter().find(|one| one.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::No => "no",
            Self::Known => "known",
        }
    }
}

fn no_quantity(subject: &'static str, quantity: Option<Quantity>) -> Result<(), ConditionError> {
    match quantity {
        None => Ok(()),
        Some(quantity) => Err(ConditionError::Quantity { subject, found: quantity.word() }),
    }
}

fn component(quantity: Option<Quantity>, rest: &str) -> Result<Asks, ConditionError> {
    let subject = "a component";
    let test = text_test("component", rest)?;
    let which = match (quantity, &test) {
        (Some(Quantity::Known), _) => {
            return Err(ConditionError::Quantity { subject, found: Quantity::Known.word() });
        }
        (Some(Quantity::No), _) => Which::No,
        // That one component is none of a list says nothing of an image: all must be.
        (Some(Quantity::All), _) | (None, TextTest::NotOneOf(_)) => Which::All,
        (Some(Quantity::Any) | None, _) => Which::Any,
    };
    Ok(Asks::Component(which, test))
}

fn license(quantity: Option<Quantity>, rest: &str) -> Result<Asks, ConditionError> {
    let subject = "a license";
    let rules = match text_test("license", rest)? {
        TextTest::OneOf(list) => {
            let mut rules = LicenseRules::allow(list);
            rules.allow_unknown = rules.allow.iter().any(|one| one.eq_ignore_ascii_case("unknown"));
            rules
        }
        TextTest::NotOneOf(list) => LicenseRules::deny(list),
        _ => {
            let found = operator_of(rest).map_or(rest, |(operator, _)| operator).to_owned();
            return Err(ConditionError::Operator { subject, found, expected: LISTS });
        }
    };
    match quantity {
        Some(Quantity::No) => Err(ConditionError::Quantity { subject, found: "no" }),
        _ => Ok(Asks::License {
            rules: Box::new(rules),
            any: quantity == Some(Quantity::Any),
            known: quantity == Some(Quantity::Known),
        }),
    }
}

fn vulnerabilities(quantity: Option<Quantity>, subject: &str, rest: &str) -> Result<Asks, ConditionError> {
    let group = match subject.to_ascii_lowercase().as_str() {
        "all" | "vulnerabilities" => Group::All,
        "critical" => Group::Critical,
        "major" => Group::Major,
        "minor" => Group::Minor,
        "high" => Group::High,
        "medium" => Group::Medium,
        "low" => Group::Low,
        _ => return Err(ConditionError::Subject { found: shown(subject) }),
    };
    let what = "a number of vulnerabilities";
    no_quantity(what, quantity.filter(|quantity| *quantity != Quantity::All))?;
    // `critical vulnerabilities = 0` reads as well.
    let rest = match word(rest) {
        ("vulnerabilities", behind) => behind,
        _ => rest,
    };
    let split = rest.find(|c: char| c.is_ascii_digit() || c.is_ascii_whitespace()).unwrap_or(rest.len());
    let (operator, number) = rest.split_at(split);
    let comparison = match operator {
        ">=" | "≥" => Comparison::AtLeast,
        ">" => Comparison::Above,
        "=" | "==" => Comparison::Equal,
        "!=" | "≠" => Comparison::NotEqual,
        "<=" | "≤" => Comparison::AtMost,
        "<" => Comparison::Below,
        _ => {
            let found = shown(operator);
            return Err(ConditionError::Operator { subject: what, found, expected: NUMBERS });
        }
    };
    let number = number.trim();
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let wanted = number.parse().ok().filter(|_| plain).ok_or_else(|| ConditionError::Value {
        subject: what,
        found: shown(number),
        expected: "a whole number",
    })?;
    Ok(Asks::Vulnerabilities(group, comparison, wanted))
}

/// An operator on texts with what stands behind it. Docker's words (`is one of`, `starts with`) are known too.
fn operator_of(text: &str) -> Option<(&str, &str)> {
    const WORDS: [&str; 14] = [
        "is not one of",
        "is one of",
        "not one of",
        "one of",
        "starts with",
        "ends with",
        "not-one-of",
        "one-of",
        "starts-with",
        "ends-with",
        "equals",
        "contains",
        "is",
        "=",
    ];
    let text = text.trim_start();
    WORDS.into_iter().find_map(|operator| {
        let rest = text.strip_prefix(operator)?;
        let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_whitespace());
        ends.then(|| (text.get(..operator.len()).unwrap_or_default(), rest.trim()))
    })
}

fn text_test(subject: &'static str, rest: &str) -> Result<TextTest, ConditionError> {
    let Some((operator, value)) = operator_of(rest) else {
        return Err(ConditionError::Operator { subject, found: shown(word(rest).0), expected: TEXTS });
    };
    let one = || {
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if value.is_empty() {
            Err(ConditionError::Value { subject, found: String::new(), expected: "a text" })
        } else {
            Ok(value.to_owned())
        }
    };
    let list = || {
        let values: Vec<String> = value.split(',').map(|one| one.trim().to_owned()).collect();
        if values.len() > CONDITION_VALUES || values.iter().any(String::is_empty) {
            Err(ConditionError::Value { subject, found: shown(value), expected: MOST_VALUES })
        } else {
            Ok(values)
        }
    };
    Ok(match operator {
        "equals" | "is" | "=" => TextTest::Equals(one()?),
        "starts-with" | "starts with" => TextTest::StartsWith(one()?),
        "ends-with" | "ends with" => TextTest::EndsWith(one()?),
        "contains" => TextTest::Contains(one()?),
        "one-of" | "one of" | "is one of" => TextTest::OneOf(list()?),
        _ => TextTest::NotOneOf(list()?),
    })
}

/// The first word, and what stands behind it. A comparison needs no blank before it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '<' | '>' | '=' | '!' | '≥' | '≤' | '≠');
    let end = text.find(ends).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

/// Text from outside, short enough for an error.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Asks {
        text.parse::<Condition>().unwrap_or_else(|error| panic!("{text}: {error}")).asks
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&one| one.to_owned()).collect()
    }

    #[test]
    fn every_operator_on_texts_is_read_in_both_spellings() {
        let v = || "v1".to_owned();
        let list = || texts(&["a", "b"]);
        for (written, test) in [
            ("equals v1", TextTest::Equals(v())),
            ("= v1", TextTest::Equals(v())),
            ("starts-with v1", TextTest::StartsWith(v())),
            ("starts with v1", TextTest::StartsWith(v())),
            ("ends-with v1", TextTest::EndsWith(v())),
            ("ends with \"v1\"", TextTest::EndsWith(v())),
            ("contains v1", TextTest::Contains(v())),
            ("one-of a,b", TextTest::OneOf(list())),
            ("is one of a, b", TextTest::OneOf(list())),
            ("not-one-of a,b", TextTest::NotOneOf(list())),
            ("is not one of a , b", TextTest::NotOneOf(list())),
        ] {
            assert_eq!(asks(&format!("tag {written}")), Asks::Tag(test.clone()), "{written}");
            let which = if matches!(test, TextTest::NotOneOf(_)) { Which::All } else { Which::Any };
            assert_eq!(asks(&format!("component {written}")), Asks::Component(which, test), "{written}");
        }
        assert_eq!(
            asks("no component contains log4j"),
            Asks::Component(Which::No, TextTest::Contains("log4j".to_owned()))
        );
    }

    #[test]
    fn every_comparison_and_every_group_is_read() {
        for (written, comparison) in [
            (">=", Comparison::AtLeast),
            ("≥", Comparison::AtLeast),
            (">", Comparison::Above),
            ("=", Comparison::Equal),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("≠", Comparison::NotEqual),
            ("<=", Comparison::AtMost),
            ("≤", Comparison::AtMost),
            ("<", Comparison::Below),
        ] {
            for text in [format!("critical {written} 3"), format!("critical{written}3")] {
                assert_eq!(asks(&text), Asks::Vulnerabilities(Group::Critical, comparison, 3), "{text}");
            }
        }
        for (written, group) in [
            ("all", Group::All),
            ("vulnerabilities", Group::All),
            ("all vulnerabilities", Group::All),
            ("critical vulnerabilities", Group::Critical),
            ("major", Group::Major),
            ("minor", Group::Minor),
            ("high", Group::High),
            ("medium", Group::Medium),
            ("low", Group::Low),
        ] {
            let text = format!("{written} = 0");
            assert_eq!(asks(&text), Asks::Vulnerabilities(group, Comparison::Equal, 0), "{text}");
        }
    }

    #[test]
    fn licenses_are_lists() {
        let Asks::License { rules, any, known } = asks("license one-of MIT, Apache-2.0") else { panic!() };
        assert_eq!((rules.allow.len(), rules.allow_unknown, any, known), (2, false, false, false));
        let Asks::License { rules, .. } = asks("licence one-of MIT,unknown") else { panic!() };
        assert!(rules.allow_unknown);
        let Asks::License { rules, known, .. } = asks("known license not-one-of GPL-3.0-only") else {
            panic!()
        };
        assert_eq!((rules.deny.len(), known), (1, true));
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_was_expected() {
        for (text, code) in [
            ("", "condition-subject"),
            ("digest = sha256:00", "condition-subject"),
            ("tags contains x", "condition-subject"),
            ("tag", "condition-operator"),
            ("tag matches v.*", "condition-operator"),
            ("tag >= 1", "condition-operator"),
            ("license equals MIT", "condition-operator"),
            ("critical is 0", "condition-operator"),
            ("critical", "condition-operator"),
            ("tag equals", "condition-value"),
            ("tag one-of a,,b", "condition-value"),
            ("critical = -1", "condition-value"),
            ("critical = 1.5", "condition-value"),
            ("critical = 0 or so", "condition-value"),
            ("critical = 99999999999999999999", "condition-value"),
            ("no tag equals x", "condition-quantity"),
            ("known component equals x", "condition-quantity"),
            ("no critical = 0", "condition-quantity"),
            ("no license one-of MIT", "condition-quantity"),
        ] {
            assert_eq!(text.parse::<Condition>().unwrap_err().code(), code, "{text:?}");
        }
        let many = format!("tag one-of {}", texts(&["a"; 257]).join(","));
        assert_eq!(many.parse::<Condition>().unwrap_err().code(), "condition-value");
        assert!(format!("tag one-of {}", texts(&["a"; 256]).join(",")).parse::<Condition>().is_ok());
        let long = format!("tag equals {}", "x".repeat(CONDITION_BYTES));
        assert_eq!(long.parse::<Condition>().unwrap_err().code(), "condition-too-long");
    }
}
