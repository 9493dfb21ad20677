//! How tags are called at the destination: a template with the source's tag and parts of the date, as Docker Trusted
//! Registry has them.

use core::fmt;
use core::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use waxseal_core::reference::Tag;
use waxseal_oci::attached::is_attached_tag;

/// Longest template, in bytes.
pub const TAG_TEMPLATE_BYTES: usize = 256;

/// A template for tags: `%n` is the source's tag, and `%Y %y %m %B %b %d %j %A %a %w %H %I %p %M %S` are parts of the date
/// and the time, in UTC.
///
/// ```
/// use waxseal::promote::TagTemplate;
/// let template: TagTemplate = "%n-%Y%m%d".parse()?;
/// let tag = template.tag(Some(&"1.0".parse()?), "2026-11-22T12:00:00Z".parse()?)?;
/// assert_eq!(tag.as_str(), "1.0-20261122");
/// assert!("%n %Y".parse::<TagTemplate>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Source,
    /// One of the letters of `strftime`.
    Date(char),
}

/// Why a template is none, or gives no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagTemplateError {
    /// Nothing, or longer than [`TAG_TEMPLATE_BYTES`].
    #[error("a tag template of {found} bytes: expected 1 to {TAG_TEMPLATE_BYTES}")]
    Length {
        /// Its size in bytes.
        found: usize,
    },
    /// A percent sign with something behind it that means nothing.
    #[error(
        "%{found} is no part of a tag template: expected %n or one of %Y %y %m %B %b %d %j %A %a %w %H %I %p %M %S"
    )]
    Part {
        /// What stands behind the percent sign.
        found: String,
    },
    /// A character that no tag has.
    #[error("a tag has no {found:?}: letters, digits, '_', '.' and '-' may stand in it")]
    Character {
        /// The character.
        found: char,
    },
    /// `%n` is asked for, and the source was named without a tag.
    #[error("%n is the source's tag, and the source was named without one")]
    NoTag,
    /// What comes of it is no tag.
    #[error("{found:?} is no tag: at most 128 characters, the first of them a letter, a digit or '_'")]
    Tag {
        /// What came of it.
        found: String,
    },
    /// What comes of it is a tag that names what is attached to an image.
    #[error("{found} is the tag of something attached to an image, and names no image")]
    Attached {
        /// What came of it.
        found: String,
    },
}

const LETTERS: &str = "YymBbdjAawHIpMS";

impl TagTemplate {
    /// The tag for a source with this tag, at this time.
    pub fn tag(&self, source: Option<&Tag>, now: Timestamp) -> Result<Tag, TagTemplateError> {
        let zoned = now.to_zoned(TimeZone::UTC);
        let mut made = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => made.push_str(text),
                Part::Source => made.push_str(source.ok_or(TagTemplateError::NoTag)?.as_str()),
                Part::Date(letter) => made.push_str(&zoned.strftime(&format!("%{letter}")).to_string()),
            }
        }
        let tag: Tag = made.parse().map_err(|_| TagTemplateError::Tag { found: made.clone() })?;
        if is_attached_tag(tag.as_str()) { Err(TagTemplateError::Attached { found: made }) } else { Ok(tag) }
    }
}

impl FromStr for TagTemplate {
    type Err = TagTemplateError;

    fn from_str(text: &str) -> Result<Self, TagTemplateError> {
        if text.is_empty() || text.len() > TAG_TEMPLATE_BYTES {
            return Err(TagTemplateError::Length { found: text.len() });
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let part = match character {
                '%' => match characters.next() {
                    Some('n') => Part::Source,
                    Some(letter) if LETTERS.contains(letter) => Part::Date(letter),
                    other => {
                        let found = other.map(String::from).unwrap_or_default();
                        return Err(TagTemplateError::Part { found });
                    }
                },
                other if other.is_ascii_alphanumeric() || "_.-".contains(other) => {
                    plain.push(other);
                    continue;
                }
                found => return Err(TagTemplateError::Character { found }),
            };
            if !plain.is_empty() {
                parts.push(Part::Text(core::mem::take(&mut plain)));
            }
            parts.push(part);
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(template: &str, source: &str) -> String {
        let template: TagTemplate = template.parse().unwrap();
        let now = "2026-03-05T16:07:08Z".parse().unwrap();
        template
            .tag(Some(&source.parse().unwrap()), now)
            .map_or_else(|error| error.to_string(), |tag| tag.to_string())
    }

    #[test]
    fn every_part_is_what_strftime_makes_of_it() {
        for (template, tag) in [
            ("%n", "1.0"),
            ("%n-%Y%m%d", "1.0-20260305"),
            ("nightly", "nightly"),
            ("%Y%y%m%B%b%d%j", "20262603MarchMar05064"),
            ("%A_%a_%w", "Thursday_Thu_4"),
            ("%H.%I.%p.%M.%S", "16.04.PM.07.08"),
        ] {
            assert_eq!(made(template, "1.0"), tag, "{template}");
        }
    }

    #[test]
    fn nothing_that_is_no_tag_comes_out() {
        for text in ["", "%n %Y", "%n/%Y", "%q", "%", "%%", "a:b", "ä", &"x".repeat(257)] {
            assert!(text.parse::<TagTemplate>().is_err(), "{text:?}");
        }
        let long = "x".repeat(128);
        assert_eq!(made("%n", &long), long);
        assert!(made("%n-", &long).contains("is no tag"));
        assert!(made(".%n", "1.0").contains("is no tag"));
        let hex = "0".repeat(64);
        assert!(made("sha256-%n", &hex).contains("attached to an image"));
        assert!(made("%n.sig", &format!("sha256-{hex}")).contains("attached to an image"));
        let template: TagTemplate = "%n".parse().unwrap();
        assert_eq!(template.tag(None, Timestamp::UNIX_EPOCH), Err(TagTemplateError::NoTag));
    }
}
