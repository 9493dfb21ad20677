//! Manifests by tag and by digest: GET, HEAD, PUT, DELETE.

use serde_json::Value;
use waxseal_core::Digest;
use waxseal_core::limits::MANIFEST_BYTES;

use super::route::is_tag;
use super::server::Call;
use super::settings::Settings;
use super::store::{Contents, Store, StoredManifest};
use crate::serving::answer::Answer;

pub(super) fn answer(
    store: &mut Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
    reference: &str,
) -> Answer {
    let named = reference.parse::<Digest>().ok();
    if named.is_none() && !is_tag(reference) {
        return if reference.contains(':') {
            Answer::error(400, "DIGEST_INVALID", "not a digest")
        } else {
            Answer::error(400, "TAG_INVALID", "not a tag")
        };
    }
    match call.method.as_str() {
        "GET" | "HEAD" => read(store, settings, call, repository, reference),
        "PUT" => write(store, settings, call, repository, reference, named),
        "DELETE" => delete(store, settings, repository, reference, named),
        _ => Answer::error(405, "UNSUPPORTED", "not a method for manifests"),
    }
}

fn read(store: &Store, settings: &Settings, call: &Call, repository: &str, reference: &str) -> Answer {
    if store.known(repository).is_none() {
        return Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    }
    let Some(manifest) = store.manifest(repository, reference) else {
        return Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    };
    if !accepts(call, &manifest.media_type) {
        let message = format!("the manifest is {}, which Accept does not name", manifest.media_type);
        return Answer::error(404, "MANIFEST_UNKNOWN", &message);
    }
    let answer = Answer::new(200)
        .body(&manifest.media_type, manifest.bytes)
        .header("Docker-Content-Digest", manifest.digest);
    if !settings.etags {
        return answer;
    }
    let tag = etag(&manifest.digest);
    if call.header("if-none-match").is_some_and(|seen| lists(seen, &tag)) {
        return Answer::new(304).header("ETag", tag);
    }
    answer.header("ETag", tag)
}

fn write(
    store: &mut Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
    reference: &str,
    named: Option<Digest>,
) -> Answer {
    if call.body.len() as u64 > MANIFEST_BYTES {
        return Answer::error(413, "SIZE_INVALID", "larger than 4 MiB");
    }
    let Some(media_type) = call.header("content-type") else {
        return Answer::error(400, "MANIFEST_INVALID", "a manifest comes with a Content-Type");
    };
    let json: Value = match serde_json::from_slice(&call.body) {
        Ok(json @ Value::Object(_)) => json,
        _ => return Answer::error(400, "MANIFEST_INVALID", "not a JSON object"),
    };
    if json.get("mediaType").and_then(Value::as_str).is_some_and(|written| written != media_type) {
        return Answer::error(400, "MANIFEST_INVALID", "Content-Type is not the mediaType");
    }
    if named.is_some_and(|named| Digest::of_with(named.algorithm(), &call.body) != named) {
        return Answer::error(400, "DIGEST_INVALID", "the bytes have another digest");
    }
    if let Err(refusal) = children(store.repository(repository), settings, &json) {
        return refusal;
    }
    let digest = named.unwrap_or_else(|| Digest::of(&call.body));
    let before = store.repository(repository).tags.get(reference).copied();
    if let Some(refusal) = precondition(settings, call, before) {
        return refusal;
    }
    if let (Some(status), Some(before)) = (settings.immutable_tags, before)
        && before != digest
    {
        return Answer::error(status, "DENIED", "the tag exists and may not be moved");
    }
    store.put_manifest(repository, reference, media_type, call.body.clone());
    let answer = Answer::new(201)
        .header("Location", format!("/v2/{repository}/manifests/{digest}"))
        .header("Docker-Content-Digest", digest);
    let stored = StoredManifest { digest, media_type: media_type.to_owned(), bytes: call.body.clone() };
    match stored.subject() {
        Some(subject) if settings.referrers_api => answer.header("OCI-Subject", subject),
        _ => answer,
    }
}

fn delete(
    store: &mut Store,
    settings: &Settings,
    repository: &str,
    reference: &str,
    named: Option<Digest>,
) -> Answer {
    if !settings.deletes {
        return Answer::error(405, "UNSUPPORTED", "this registry deletes nothing");
    }
    let there = match named {
        Some(digest) => store.remove_manifest(repository, &digest),
        None => store.repository(repository).tags.remove(reference).is_some(),
    };
    if there { Answer::new(202) } else { Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown") }
}

/// Whether everything that the manifest names is there. Foreign layers need not be, and a subject never.
fn children(contents: &Contents, settings: &Settings, json: &Value) -> Result<(), Answer> {
    let list = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
    let blobs = json.get("config").into_iter().chain(list("layers")).map(|child| (child, true));
    let manifests = list("manifests").map(|child| (child, false));
    for (child, is_blob) in blobs.chain(manifests) {
        let digest = child.get("digest").and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok());
        let Some(digest) = digest else {
            return Err(Answer::error(400, "MANIFEST_INVALID", "a descriptor without a digest"));
        };
        let foreign = child.get("urls").and_then(Value::as_array).is_some_and(|urls| !urls.is_empty());
        let there = if is_blob {
            contents.blobs.contains_key(&digest)
        } else {
            contents.manifests.contains_key(&digest)
        };
        if !there && !foreign && !settings.missing_blobs {
            let message = format!("{digest} is named and not there");
            return Err(Answer::error(400, "MANIFEST_BLOB_UNKNOWN", &message));
        }
    }
    Ok(())
}

fn precondition(settings: &Settings, call: &Call, before: Option<Digest>) -> Option<Answer> {
    if !settings.etags {
        return None;
    }
    let before = before.map(|digest| etag(&digest));
    let holds = |list: &str| before.as_ref().is_some_and(|before| lists(list, before));
    let failed = call.header("if-match").is_some_and(|list| !holds(list))
        || call.header("if-none-match").is_some_and(holds);
    failed.then(|| Answer::error(412, "DENIED", "the tag is not at the version that was named"))
}

fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

fn lists(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|known| known == tag || known == "*")
}

/// Registries turn away a client that does not name the type that they hold; one without `Accept` takes all.
fn accepts(call: &Call, media_type: &str) -> bool {
    let mut named = call.headers.get_all("accept").iter().filter_map(|value| value.to_str().ok()).peekable();
    if named.peek().is_none() {
        return true;
    }
    named
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range == "*/*" || range == "application/*" || range == media_type)
}
