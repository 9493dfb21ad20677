//! The name of an annotation.

use core::fmt;
use core::str::FromStr;

/// Most characters of the part before the slash.
const PREFIX: usize = 253;
/// Most characters of the part behind it.
const NAME: usize = 63;

/// The name of an annotation as Kubernetes takes it: `[prefix/]name`, the prefix a DNS name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationName(String);

impl AnnotationName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnnotationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AnnotationName {
    type Err = AnnotationNameError;

    fn from_str(text: &str) -> Result<Self, AnnotationNameError> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        let label = |label: &str, inner: fn(u8) -> bool| {
            let ends = [label.bytes().next(), label.bytes().next_back()];
            ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || inner(byte))
        };
        let prefix_is_one = prefix.is_none_or(|prefix| {
            prefix.len() <= PREFIX
                && !prefix.bytes().any(|byte| byte.is_ascii_uppercase())
                && prefix.split('.').all(|part| label(part, |byte| byte == b'-'))
        });
        if prefix_is_one && name.len() <= NAME && label(name, |byte| matches!(byte, b'-' | b'_' | b'.')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AnnotationNameError)
        }
    }
}

/// A text is not the name of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected [PREFIX/]NAME: a DNS name in lower case of at most {PREFIX} characters, and at most {NAME} letters, \
     digits, '-', '_' and '.' that begin and end with a letter or digit"
)]
#[non_exhaustive]
pub struct AnnotationNameError;
