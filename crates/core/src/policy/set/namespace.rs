//! Patterns over the namespaces of a cluster.

use super::super::PolicyError;
use super::super::name::segment_matches;

/// A pattern over namespaces: `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceGlob(String);

impl NamespaceGlob {
    /// Longest pattern, in bytes: that of a namespace (RFC 1123 label).
    const BYTES: usize = 63;

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern matches the whole name.
    pub fn matches(&self, namespace: &str) -> bool {
        segment_matches(&self.0, namespace)
    }
}

impl core::str::FromStr for NamespaceGlob {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*".contains(&byte);
        if text.is_empty() || text.len() > Self::BYTES || !text.bytes().all(known) {
            return Err(PolicyError::Namespace { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        for (glob, name, expected) in [
            ("prod", "prod", true),
            ("prod", "prod-2", false),
            ("prod-*", "prod-2", true),
            ("*", "any", true),
        ] {
            assert_eq!(glob.parse::<NamespaceGlob>().unwrap().matches(name), expected, "{glob} {name}");
        }
        for text in ["", "Prod", "a.b", "a/b", &"a".repeat(64)] {
            assert!(text.parse::<NamespaceGlob>().is_err(), "{text:?}");
        }
    }
}
