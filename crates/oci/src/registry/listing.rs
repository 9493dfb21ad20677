//! Listings in pages: the tags of a repository, and the repositories of a registry.
//!
//! The address of the next page stays at the registry, is asked once, and the number of pages is bounded (T-56).

use std::collections::HashSet;

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use waxseal_core::json;
use waxseal_core::limits::{HEADER_BYTES, LISTING_PAGES, TAG_LISTING_BYTES, TAGS};
use waxseal_core::reference::Tag;

use super::auth::Access;
use super::request::{Answer, Call};
use super::{Registry, address};
use crate::error::{Error, ErrorKind};

/// How many tags a page is asked to have.
const TAGS_PER_PAGE: usize = 1_000;

/// A listing that is read page by page.
pub(super) struct Pages<'a> {
    registry: &'a Registry,
    what: &'static str,
    accept: &'static str,
    access: Access,
    limit: u64,
    next: Option<Url>,
    seen: HashSet<Url>,
    until: Instant,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        registry: &'a Registry,
        what: &'static str,
        accept: &'static str,
        limit: u64,
        first: Url,
    ) -> Self {
        let until = registry.deadline();
        let (access, next) = (Access::Pull, Some(first));
        Self { registry, what, accept, access, limit, next, seen: HashSet::new(), until }
    }

    /// The same for a listing of the whole registry.
    pub(super) fn of_registry(mut self) -> Self {
        self.access = Access::Catalog;
        self
    }

    /// Whether the page that comes next is the first.
    pub(super) fn is_at_start(&self) -> bool {
        self.seen.is_empty()
    }

    /// The next page, whatever its status; none behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if self.seen.len() >= LISTING_PAGES {
            return Err(self.error(ErrorKind::LimitExceeded, &format!("more than {LISTING_PAGES} pages")));
        }
        if !self.seen.insert(url.clone()) {
            return Err(self.error(ErrorKind::Protocol, "a page leads back to an earlier one"));
        }
        let call = Call::new(Method::GET, url.clone(), self.access.clone());
        let call = call.accept(self.accept).limit(self.limit);
        let answer = self.registry.call(call, self.until).await?;
        if answer.status == StatusCode::OK
            && let Some(link) =
                next_link(&answer.headers).map_err(|why| self.error(ErrorKind::Protocol, why))?
        {
            // The address may have changed its scheme since the first page (see `PlainHttp::Every`).
            let origin = self.registry.origin()?;
            self.next = Some(address::stay(&origin.rebase(&url)?, &link, &origin, "the next page")?);
        }
        Ok(Some(answer))
    }

    pub(super) fn error(&self, kind: ErrorKind, why: &str) -> Error {
        let repository = self.registry.repository();
        match self.access {
            Access::Catalog => Error::new(kind, format!("{} of {}: {why}", self.what, repository.registry())),
            _ => Error::new(kind, format!("{} of {repository}: {why}", self.what)),
        }
    }
}

impl Registry {
    /// All tags of the repository, in the registry's order. A repository that is not there is an error (`NotFound`).
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        #[derive(Deserialize)]
        struct Wire {
            tags: Option<Vec<String>>,
        }
        const WHAT: &str = "the tags";
        let first = self.url(&format!("tags/list?n={TAGS_PER_PAGE}"))?;
        let mut pages = Pages::new(self, WHAT, "application/json", TAG_LISTING_BYTES, first);
        let mut tags = Vec::new();
        while let Some(answer) = pages.next().await? {
            let answer = answer.expect(&[StatusCode::OK], || format!("{WHAT} of {}", self.repository()))?;
            let wire: Wire = json::parse(&answer.body, json::exact).map_err(|error| {
                pages.error(ErrorKind::Malformed, "a page does not parse").caused_by(error)
            })?;
            for text in wire.tags.unwrap_or_default() {
                if tags.len() >= TAGS {
                    return Err(pages.error(ErrorKind::LimitExceeded, &format!("more than {TAGS}")));
                }
                let tag: Tag = text.parse().map_err(|error| {
                    pages.error(ErrorKind::Malformed, "one of them is no tag").caused_by(error)
                })?;
                tags.push(tag);
            }
        }
        Ok(tags)
    }
}

/// The address with the relation `next` (RFC 8288).
fn next_link(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let mut next = None;
    for value in headers.get_all(LINK) {
        if value.len() > HEADER_BYTES {
            return Err("the Link header is too long");
        }
        let mut rest = value.to_str().map_err(|_| "the Link header is not ASCII")?;
        while let Some((_, behind)) = rest.split_once('<') {
            let (target, behind) = behind.split_once('>').ok_or("the Link header does not parse")?;
            let (parameters, behind) = behind.split_once(',').unwrap_or((behind, ""));
            let is_next = parameters.split(';').any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or_default();
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            });
            if is_next && next.replace(target.to_owned()).is_some() {
                return Err("the Link header names two next pages");
            }
            rest = behind;
        }
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn link(values: &[&str]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, HeaderValue::from_str(value).unwrap());
        }
        next_link(&headers)
    }

    #[test]
    fn finds_the_next_page() {
        let found = Ok(Some("/v2/a/tags/list?last=b&n=1".to_owned()));
        for value in [
            "</v2/a/tags/list?last=b&n=1>; rel=\"next\"",
            "</v2/a/tags/list?last=b&n=1>;rel=next",
            "</v2/a/tags/list?last=b&n=1> ; title=x ; REL=\"Next\"",
            "</x>; rel=\"prev\", </v2/a/tags/list?last=b&n=1>; rel=\"next\"",
        ] {
            assert_eq!(link(&[value]), found, "{value}");
        }
        assert_eq!(link(&["</x>; rel=first", "</v2/a/tags/list?last=b&n=1>; rel=next"]), found);
        assert_eq!(link(&[]), Ok(None));
        assert_eq!(link(&["</x>; rel=\"prev\""]), Ok(None));
        assert_eq!(link(&["</x>"]), Ok(None));
    }

    #[test]
    fn refuses_what_has_two_meanings() {
        assert!(link(&["</x; rel=next"]).is_err());
        assert!(link(&["</x>; rel=next, </y>; rel=next"]).is_err());
        assert!(link(&["</x>; rel=next", "</y>; rel=next"]).is_err());
        assert!(link(&[&format!("</{}>; rel=next", "x".repeat(HEADER_BYTES))]).is_err());
    }
}
