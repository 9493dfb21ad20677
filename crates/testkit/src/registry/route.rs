//! Paths and queries of the distribution specification, and the names in them.

use std::collections::BTreeMap;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Catalog,
    Token,
    Manifest {
        repository: String,
        reference: String,
    },
    Blob {
        repository: String,
        digest: String,
    },
    Uploads {
        repository: String,
    },
    Upload {
        repository: String,
        id: String,
    },
    Tags {
        repository: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    /// A path of the API with a repository name that is none.
    BadName,
    Unknown,
}

impl Route {
    pub(super) fn parse(path: &str) -> Self {
        let Some(path) = percent_decode(path) else { return Self::Unknown };
        if path == "/token" {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix("/v2") else { return Self::Unknown };
        if rest.is_empty() || rest == "/" {
            return Self::Base;
        }
        if rest == "/_catalog" {
            return Self::Catalog;
        }
        let segments: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
        let owned = |segments: &[&str]| segments.join("/");
        let route = match segments.as_slice() {
            [name @ .., "tags", "list"] => Self::Tags { repository: owned(name) },
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Self::Uploads { repository: owned(name) }
            }
            [name @ .., "blobs", "uploads", id] => {
                Self::Upload { repository: owned(name), id: (*id).to_owned() }
            }
            [name @ .., "blobs", digest] => {
                Self::Blob { repository: owned(name), digest: (*digest).to_owned() }
            }
            [name @ .., "manifests", reference] => {
                Self::Manifest { repository: owned(name), reference: (*reference).to_owned() }
            }
            [name @ .., "referrers", digest] => {
                Self::Referrers { repository: owned(name), digest: (*digest).to_owned() }
            }
            _ => Self::Unknown,
        };
        match route.repository() {
            Some(name) if !is_repository(name) => Self::BadName,
            _ => route,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
            Self::Base | Self::Catalog | Self::Token | Self::BadName | Self::Unknown => None,
        }
    }
}

/// The members of a query or a form; of one that comes twice, the last.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
        .collect()
}

/// Every value of a member that may come more than once.
pub(super) fn query_all(text: &str, wanted: &str) -> Vec<String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| form_decode(name).as_deref() == Some(wanted))
        .filter_map(|(_, value)| form_decode(value))
        .collect()
}

/// What keeps a value whole inside a query.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(format!("%{byte:02X}").chars());
        }
    }
    encoded
}

/// A tag (distribution specification, "Pulling manifests").
pub(super) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// A repository name (the same section).
fn is_repository(text: &str) -> bool {
    text.len() <= 255 && text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text.split(|symbol: char| symbol.is_ascii_lowercase() || symbol.is_ascii_digit());
    text.bytes().next().is_some_and(alphanumeric)
        && text.bytes().next_back().is_some_and(alphanumeric)
        && separators.filter(|separator| !separator.is_empty()).all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn form_decode(text: &str) -> Option<String> {
    percent_decode(&text.replace('+', " "))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(core::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_the_words_of_the_protocol() {
        let parsed = Route::parse("/v2/blobs/tags/manifests/1.0");
        assert_eq!(
            parsed,
            Route::Manifest { repository: "blobs/tags".to_owned(), reference: "1.0".to_owned() }
        );
        let digest = format!("sha256%3A{}", "a".repeat(64));
        assert!(matches!(Route::parse(&format!("/v2/a/blobs/{digest}")), Route::Blob { .. }));
        assert_eq!(Route::parse("/v2/manifests/1.0"), Route::BadName);
        assert_eq!(Route::parse("/v2/A/manifests/1.0"), Route::BadName);
        assert_eq!(Route::parse("/v2/a//b/manifests/1.0"), Route::BadName);
        assert_eq!(Route::parse("/v1/a/manifests/1.0"), Route::Unknown);
    }

    #[test]
    fn repository_names_are_those_of_the_specification() {
        for good in ["a", "a/b", "a-b", "a--b", "a__b", "a.b", "0/1"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in ["", "A", "a..b", "a___b", "-a", "a-", "a/", "/a", "a.-b", "a/../b"] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let read = query("n=3&last=a%2Bb+c&empty");
        assert_eq!(read["last"], "a+b c");
        assert_eq!(read["empty"], "");
        assert_eq!(query_all("scope=a%3Ab&scope=c", "scope"), ["a:b", "c"]);
        assert_eq!(percent_encode("a:b/c"), "a%3Ab%2Fc");
    }
}
