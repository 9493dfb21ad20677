//! Listings: the base endpoint, the catalogue, tags, and referrers.

use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_core::media_type::OCI_INDEX;

use super::route::{percent_encode, query};
use super::server::{Call, not_found};
use super::settings::Settings;
use super::store::Store;
use crate::serving::answer::Answer;

pub(super) fn base(call: &Call) -> Answer {
    if call.is_read() {
        Answer::json(200, "application/json", &json!({}))
    } else {
        Answer::error(405, "UNSUPPORTED", "the base is only read")
    }
}

pub(super) fn catalog(store: &Store, settings: &Settings, call: &Call) -> Answer {
    if !settings.catalog {
        return not_found();
    }
    if !call.is_read() {
        return Answer::error(405, "UNSUPPORTED", "the catalogue is only read");
    }
    let members = query(&call.query);
    let last = members.get("last").map_or("", String::as_str);
    let all: Vec<String> = store.names().into_iter().filter(|name| name.as_str() > last).collect();
    let asked = members.get("n").and_then(|n| n.parse::<usize>().ok());
    let size = asked.into_iter().chain(settings.page_size).min().unwrap_or(usize::MAX);
    let page = &all[..size.min(all.len())];
    let answer = Answer::json(200, "application/json", &json!({ "repositories": page }));
    match page.last() {
        Some(last) if page.len() < all.len() => {
            let last = percent_encode(last);
            answer.header("Link", format!(r#"</v2/_catalog?n={size}&last={last}>; rel="next""#))
        }
        _ => answer,
    }
}

pub(super) fn tags(store: &Store, settings: &Settings, call: &Call, repository: &str) -> Answer {
    if !call.is_read() {
        return Answer::error(405, "UNSUPPORTED", "tags are only listed");
    }
    let Some(contents) = store.known(repository) else {
        return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let members = query(&call.query);
    let asked = match members.get("n").map(|n| n.parse::<usize>()) {
        None => None,
        Some(Ok(n)) => Some(n),
        Some(Err(_)) => return Answer::error(400, "PAGINATION_NUMBER_INVALID", "n is no number"),
    };
    let last = members.get("last").map_or("", String::as_str);
    let all: Vec<&String> = contents.tags.keys().filter(|tag| tag.as_str() > last).collect();
    let size = asked.into_iter().chain(settings.page_size).min().unwrap_or(usize::MAX);
    let page = &all[..size.min(all.len())];
    let answer = Answer::json(200, "application/json", &json!({ "name": repository, "tags": page }));
    match page.last() {
        Some(last) if page.len() < all.len() => {
            let last = percent_encode(last);
            answer.header("Link", format!(r#"</v2/{repository}/tags/list?n={size}&last={last}>; rel="next""#))
        }
        _ => answer,
    }
}

pub(super) fn referrers(
    store: &Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
    digest: &str,
) -> Answer {
    if !settings.referrers_api {
        return not_found();
    }
    if !call.is_read() {
        return Answer::error(405, "UNSUPPORTED", "referrers are only listed");
    }
    let Ok(digest) = digest.parse::<Digest>() else {
        return Answer::error(400, "DIGEST_INVALID", "not a digest");
    };
    let members = query(&call.query);
    let wanted = members.get("artifactType");
    let last = members.get("last").and_then(|last| last.parse::<Digest>().ok());
    let all: Vec<Value> = store
        .referrers(repository, &digest)
        .iter()
        .filter(|manifest| last.is_none_or(|last| manifest.digest > last))
        .map(super::store::StoredManifest::referrer_descriptor)
        .filter(|entry| wanted.is_none_or(|wanted| entry["artifactType"] == Value::String(wanted.clone())))
        .collect();
    let page = &all[..settings.page_size.unwrap_or(usize::MAX).min(all.len())];
    let mut answer = Answer::json(200, OCI_INDEX, &index(page));
    if wanted.is_some() {
        answer.set("OCI-Filters-Applied", "artifactType");
    }
    if let Some(last) = page.last().filter(|_| page.len() < all.len()) {
        let last = percent_encode(last["digest"].as_str().unwrap_or_default());
        let filter = wanted.map(|wanted| format!("&artifactType={}", percent_encode(wanted)));
        let filter = filter.unwrap_or_default();
        let next = format!(r#"</v2/{repository}/referrers/{digest}?last={last}{filter}>; rel="next""#);
        answer.set("Link", next);
    }
    answer
}

/// An image index of these entries: what a referrers listing is.
pub(super) fn index(entries: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries })
}
