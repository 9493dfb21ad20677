//! Names under which an image may have been signed, and patterns over them.

use super::PolicyError;
use crate::reference::Repository;

/// The names under which an image may have been signed (rule S9).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedFor {
    /// Under any name, or none: the default, as with cosign.
    Any,
    /// Under the name of the repository in which it is verified.
    Same,
    /// Under a name that one of the patterns matches.
    Globs(Vec<RepositoryGlob>),
}

impl SignedFor {
    /// As the digest of a policy covers it.
    pub(super) fn resolved(&self) -> Vec<&str> {
        match self {
            Self::Any => vec!["any"],
            Self::Same => vec!["same"],
            Self::Globs(globs) => globs.iter().map(RepositoryGlob::as_str).collect(),
        }
    }
}

/// A pattern over repository names: `*` within one path segment, `**` across any number of them, none included
/// unless it ends the pattern; the registry is part of it, and any of Docker's names for its own one is the same.
///
/// Matching takes time proportional to pattern times name at most, whatever the pattern.
///
/// ```
/// use waxseal_core::policy::RepositoryGlob;
/// let glob: RepositoryGlob = "registry.example.com/*/**".parse()?;
/// assert!(glob.matches(&"registry.example.com/prod/team/app".parse()?));
/// assert!(!glob.matches(&"registry.example.com/app".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryGlob {
    text: String,
    /// The pattern with its registry normalised as in the names that it is held against.
    normalised: String,
}

impl RepositoryGlob {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments of the pattern, its registry normalised.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.normalised.split('/')
    }

    /// Whether it matches every name that `other` matches. No where that cannot be seen segment by segment.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let mine: Vec<_> = self.segments().collect();
        let theirs: Vec<_> = other.segments().collect();
        let one = |(mine, theirs): (&&str, &&str)| mine == theirs || (*mine == "*" && *theirs != "**");
        match mine.split_last() {
            Some((&"**", before)) => theirs.len() >= mine.len() && before.iter().zip(&theirs).all(one),
            _ => mine.len() == theirs.len() && mine.iter().zip(&theirs).all(one),
        }
    }

    /// Whether the pattern matches the whole normalised name.
    pub fn matches(&self, repository: &Repository) -> bool {
        let name = repository.to_string();
        let mut pattern: Vec<_> = self.normalised.split('/').collect();
        // At the end it means what is inside, so at least one segment; elsewhere none may stand there too.
        if pattern.last() == Some(&"**") {
            pattern.push("*");
        }
        let name: Vec<_> = name.split('/').collect();
        wild(&pattern, &name, |part| *part == "**", |part, segment| segment_matches(part, segment))
    }
}

impl core::str::FromStr for RepositoryGlob {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let invalid = |why| PolicyError::Glob { text: text.to_owned(), why };
        if text.is_empty() || text.len() > crate::limits::REPOSITORY_BYTES {
            return Err(invalid("it is empty or too long"));
        }
        if text.contains('@')
            || text.rsplit('/').next().is_some_and(|last| last.contains(':')) && text.contains('/')
        {
            return Err(invalid("tags and digests cannot be matched: they move, repositories do not"));
        }
        let mut segments = text.split('/');
        if segments.next().is_none_or(|registry| registry == "**" || registry.is_empty()) {
            return Err(invalid("the registry is part of the pattern, as in registry.example.com/**"));
        }
        let known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-*:[]".contains(&byte);
        for segment in text.split('/') {
            if segment.is_empty()
                || !segment.bytes().all(known)
                || (segment.contains("**") && segment != "**")
            {
                return Err(invalid(
                    "expected lower-case names, '*' within a segment, '**' as a whole segment",
                ));
            }
        }
        let Some((registry, path)) = text.split_once('/') else {
            return Err(invalid("expected a registry and a repository, as in registry.example.com/team/*"));
        };
        let normalised = if registry.contains('*') {
            text.to_owned()
        } else {
            // Docker's registry has several names, of which cosign signs another one than people write.
            let known = Repository::new(registry, "path").map_err(|_| invalid("its registry is none"))?;
            format!("{}/{path}", known.registry())
        };
        Ok(Self { text: text.to_owned(), normalised })
    }
}

pub(super) fn segment_matches(pattern: &str, segment: &str) -> bool {
    wild(pattern.as_bytes(), segment.as_bytes(), |part| *part == b'*', |part, byte| part == byte)
}

/// Matches with one kind of star that stands for any run, by going back to the last star only: no pattern can
/// make it take more than pattern times text.
fn wild<P, T>(pattern: &[P], text: &[T], star: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut in_text) = (0_usize, 0_usize);
    let mut back: Option<(usize, usize)> = None;
    while let Some(item) = text.get(in_text) {
        match pattern.get(at) {
            Some(part) if star(part) => {
                back = Some((at, in_text));
                at = at.saturating_add(1);
            }
            Some(part) if same(part, item) => {
                at = at.saturating_add(1);
                in_text = in_text.saturating_add(1);
            }
            _ => match back {
                Some((star_at, from)) => {
                    let from = from.saturating_add(1);
                    back = Some((star_at, from));
                    at = star_at.saturating_add(1);
                    in_text = from;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        let cases = [
            ("registry.example.com/prod/**", "registry.example.com/prod/team/app", true),
            ("registry.example.com/prod/**", "registry.example.com/prod", false),
            ("registry.example.com/prod/**", "registry.example.com/prod/app", true),
            ("registry.example.com/prod/*", "registry.example.com/prod/team/app", false),
            ("registry.example.com/prod/*", "registry.example.com/prod/app", true),
            ("registry.example.com/**/app", "registry.example.com/a/b/app", true),
            ("registry.example.com/**/app", "registry.example.com/app", true),
            ("registry.example.com/*/**", "registry.example.com.evil/a/b", false),
            ("*.example.com/app", "registry.example.com/app", true),
            ("*.example.com/app", "example.com/app", false),
            ("docker.io/library/*", "busybox", true),
            ("index.docker.io/library/*", "busybox", true),
            ("registry-1.docker.io/library/*", "index.docker.io/library/busybox", true),
            ("index.docker.io:443/library/*", "busybox", false),
            ("localhost:5000/**", "localhost:5000/app", true),
            ("registry.example.com/app-*-x", "registry.example.com/app-1-2-x", true),
        ];
        for (glob, name, expected) in cases {
            let repository = name.parse::<Repository>().unwrap();
            assert_eq!(
                glob.parse::<RepositoryGlob>().unwrap().matches(&repository),
                expected,
                "{glob} {name}"
            );
        }
    }

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow, expected) in [
            ("a.b/**", "a.b/x", true),
            ("a.b/**", "a.b/x/**", true),
            ("a.b/**", "a.b/**", true),
            ("a.b/*", "a.b/x", true),
            ("a.b/*", "a.b/**", false),
            ("a.b/x/**", "a.b/**", false),
            ("a.b/x/**", "a.b/x", false),
            ("a.b/x/**", "a.b/y/z", false),
            ("docker.io/**", "index.docker.io/library/*", true),
        ] {
            let glob = |text: &str| text.parse::<RepositoryGlob>().unwrap();
            assert_eq!(glob(wide).covers(&glob(narrow)), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn refuses_patterns_that_mean_nothing_or_too_much() {
        for text in [
            "",
            "**",
            "**/app",
            "registry.example.com",
            "registry.example.com/app:1.0",
            "a/b@sha256:00",
            "a//b",
            "a/",
            "Registry.example.com/app",
            "a/b**",
            "a/***",
            "a/{b,c}",
            "a/b c",
            "host:port/app",
            "-a/b",
        ] {
            assert!(matches!(text.parse::<RepositoryGlob>(), Err(PolicyError::Glob { .. })), "{text:?}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let glob: RepositoryGlob = format!("a/{}b", "*a".repeat(60)).parse().unwrap();
        let name = format!("localhost/{}", "a".repeat(120)).parse().unwrap();
        assert!(!glob.matches(&name));
    }
}
