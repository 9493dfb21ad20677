//! The licences that packages may have: names, and SPDX expressions over them.
//!
//! An expression (SPDX 2.3, annex D) is read as far as its operators: `AND`, `OR`, parentheses. What is between them is
//! a name, exception included. What cannot be read so is one name.

use serde::Serialize;

use super::super::PolicyError;

/// Parentheses in an expression nest at most so deep; deeper ones make it a licence that nobody knows.
const EXPRESSION_DEPTH: usize = 32;

/// Which licences packages may have: those of one list, or all but those of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LicenseRules {
    /// Only these.
    pub allow: Vec<String>,
    /// Any but these.
    pub deny: Vec<String>,
    /// A licence that the scanner does not know may stand too.
    pub allow_unknown: bool,
    /// Of licences to choose from (`A OR B`) one is enough. Without this all of them must be good.
    pub any_of: bool,
}

impl LicenseRules {
    /// Only these licences.
    pub const fn allow(licenses: Vec<String>) -> Self {
        Self { allow: licenses, deny: Vec::new(), allow_unknown: false, any_of: false }
    }

    /// Any licence but these.
    pub const fn deny(licenses: Vec<String>) -> Self {
        Self { allow: Vec::new(), deny: licenses, allow_unknown: false, any_of: false }
    }

    /// Whether a licence, as a scanner names it, may stand.
    pub fn allows(&self, license: &str) -> bool {
        if Self::lists(&self.allow, license) {
            return true;
        }
        let tokens = tokens(license);
        let mut parser = Parser { rules: self, tokens: &tokens, at: 0 };
        match parser.either(0) {
            Some(good) if parser.at == tokens.len() => good,
            // What looks like an expression and is none is one name, and no way around a denied one.
            _ => {
                let denied = |token: &Token| matches!(token, Token::Name(name) if !self.name(name));
                self.name(license) && !(self.allow.is_empty() && tokens.iter().any(denied))
            }
        }
    }

    /// One name.
    fn name(&self, name: &str) -> bool {
        if is_unknown(name) {
            return self.allow_unknown;
        }
        if self.allow.is_empty() {
            // An exception makes a licence milder, and is no other licence.
            let base = name.split(" WITH ").next().unwrap_or(name);
            !Self::lists(&self.deny, name) && !Self::lists(&self.deny, base)
        } else {
            Self::lists(&self.allow, name)
        }
    }

    fn lists(list: &[String], name: &str) -> bool {
        list.iter().any(|listed| listed.trim().eq_ignore_ascii_case(name.trim()))
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let why = match (self.allow.is_empty(), self.deny.is_empty()) {
            (true, true) => "neither allow nor deny names a licence",
            (false, false) => "either allow or deny, not both",
            _ if self.allow.iter().chain(&self.deny).any(|name| name.trim().is_empty()) => "an empty name",
            _ => return Ok(()),
        };
        Err(PolicyError::ScanRule { field: "licenses", why })
    }

    pub(super) fn describe(&self) -> String {
        if self.allow.is_empty() {
            format!("no licence of {}", self.deny.join(", "))
        } else {
            format!("only licences of {}", self.allow.join(", "))
        }
    }
}

/// Whether a scanner says that it does not know.
fn is_unknown(name: &str) -> bool {
    let name = name.trim();
    ["", "unknown", "noassertion", "none", "n/a"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Name(String),
}

/// Words that no operator parts belong to one name: `Apache License 2.0`, `GPL-2.0-only WITH Classpath-exception-2.0`.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    for word in spaced.split_whitespace() {
        let token = match word {
            "(" => Token::Open,
            ")" => Token::Close,
            "AND" | "and" => Token::And,
            "OR" | "or" => Token::Or,
            word => match tokens.last_mut() {
                Some(Token::Name(name)) => {
                    *name = format!("{name} {word}");
                    continue;
                }
                _ => Token::Name(word.to_owned()),
            },
        };
        tokens.push(token);
    }
    tokens
}

/// Reads an expression and says whether it is good; none where it is none.
struct Parser<'a> {
    rules: &'a LicenseRules,
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn either(&mut self, depth: usize) -> Option<bool> {
        let mut good = self.both(depth)?;
        while self.take(&Token::Or) {
            let other = self.both(depth)?;
            good = if self.rules.any_of { good || other } else { good && other };
        }
        Some(good)
    }

    fn both(&mut self, depth: usize) -> Option<bool> {
        let mut good = self.one(depth)?;
        while self.take(&Token::And) {
            good &= self.one(depth)?;
        }
        Some(good)
    }

    fn one(&mut self, depth: usize) -> Option<bool> {
        if self.take(&Token::Open) {
            if depth >= EXPRESSION_DEPTH {
                return None;
            }
            let good = self.either(depth.saturating_add(1))?;
            return self.take(&Token::Close).then_some(good);
        }
        let Some(Token::Name(name)) = self.tokens.get(self.at) else { return None };
        self.at = self.at.saturating_add(1);
        Some(self.rules.name(name))
    }

    fn take(&mut self, token: &Token) -> bool {
        let there = self.tokens.get(self.at) == Some(token);
        if there {
            self.at = self.at.saturating_add(1);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn lists_hold_for_names_and_expressions() {
        let allow = LicenseRules::allow(names(&["MIT", "Apache-2.0", "Apache License 2.0"]));
        let deny = LicenseRules::deny(names(&["GPL-2.0-only", "AGPL-3.0"]));
        for (license, allowed, denied) in [
            ("MIT", true, true),
            ("mit", true, true),
            ("Apache License 2.0", true, true),
            ("GPL-2.0-only", false, false),
            ("BSD-3-Clause", false, true),
            ("MIT AND Apache-2.0", true, true),
            ("MIT AND GPL-2.0-only", false, false),
            ("MIT OR GPL-2.0-only", false, false),
            ("(MIT OR Apache-2.0) AND MIT", true, true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false, false),
            // Nothing that looks like an expression and is none becomes good by being misread.
            ("MIT OR", false, true),
            ("(MIT", false, true),
            ("(GPL-2.0-only", false, false),
            ("GPL-2.0-only OR", false, false),
            ("Unknown", false, false),
            ("NOASSERTION", false, false),
            ("", false, false),
        ] {
            assert_eq!(allow.allows(license), allowed, "allow {license:?}");
            assert_eq!(deny.allows(license), denied, "deny {license:?}");
        }
    }

    #[test]
    fn one_of_several_is_enough_only_where_the_rules_say_so() {
        let mut rules = LicenseRules::deny(names(&["GPL-2.0-only"]));
        assert!(!rules.allows("MIT OR GPL-2.0-only"));
        rules.any_of = true;
        assert!(rules.allows("MIT OR GPL-2.0-only"));
        assert!(!rules.allows("MIT AND GPL-2.0-only"));
        assert!(!rules.allows("MIT AND (GPL-2.0-only OR GPL-2.0-only)"));
    }

    #[test]
    fn an_unknown_licence_is_refused_unless_the_rules_say_otherwise() {
        let mut rules = LicenseRules::allow(names(&["MIT"]));
        assert!(!rules.allows("MIT AND Unknown"));
        rules.allow_unknown = true;
        assert!(rules.allows("MIT AND Unknown"));
        assert!(!rules.allows("ISC"), "unknown to the scanner, not to the rules");
    }

    #[test]
    fn deep_parentheses_end() {
        let deep = format!("{}MIT{}", "(".repeat(50_000), ")".repeat(50_000));
        assert!(!LicenseRules::allow(names(&["MIT"])).allows(&deep));
    }
}
