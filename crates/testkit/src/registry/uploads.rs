//! Uploads of blobs: in one POST, in one PUT, in parts, and by a mount from another repository.

use bytes::Bytes;
use waxseal_core::Digest;

use super::access;
use super::route::query;
use super::server::{Call, State};
use super::settings::Settings;
use super::store::Store;
use crate::serving::answer::Answer;

/// POST to `blobs/uploads/`.
pub(super) fn begin(
    state: &State,
    store: &mut Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
) -> Answer {
    if call.method != "POST" {
        return Answer::error(405, "UNSUPPORTED", "an upload begins with POST");
    }
    let members = query(&call.query);
    if let Some(wanted) = members.get("mount") {
        let Ok(digest) = wanted.parse::<Digest>() else {
            return Answer::error(400, "DIGEST_INVALID", "not a digest to mount");
        };
        let from = members.get("from").filter(|from| access::may_pull(state, settings, call, from));
        let blob =
            from.filter(|_| settings.mounts).and_then(|from| store.known(from)?.blobs.get(&digest).cloned());
        if let Some(blob) = blob {
            return created(store, repository, digest, blob);
        }
    } else if let Some(wanted) = members.get("digest")
        && settings.single_post
    {
        let Ok(digest) = wanted.parse::<Digest>() else {
            return Answer::error(400, "DIGEST_INVALID", "not a digest");
        };
        if Digest::of_with(digest.algorithm(), &call.body) != digest {
            return Answer::error(400, "DIGEST_INVALID", "the bytes have another digest");
        }
        return created(store, repository, digest, call.body.clone());
    }
    let (id, version) = store.begin_upload(repository);
    under_way(202, settings, call, repository, &id, version, 0)
}

/// What follows at the upload's location.
pub(super) fn go_on(
    store: &mut Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
    id: &str,
) -> Answer {
    let Some(upload) = store.uploads.get_mut(id).filter(|upload| upload.repository == repository) else {
        return Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    let members = query(&call.query);
    let len = upload.bytes.len();
    match call.method.as_str() {
        "GET" => return under_way(204, settings, call, repository, id, upload.state, len),
        "DELETE" => {
            store.uploads.remove(id);
            return Answer::new(204);
        }
        "PATCH" | "PUT" => {}
        _ => return Answer::error(405, "UNSUPPORTED", "not a method for uploads"),
    }
    // The location of the last answer is the only one that counts, query and all.
    if members.get("_state") != Some(&upload.state.to_string()) {
        return Answer::error(400, "BLOB_UPLOAD_INVALID", "not the location of the last answer");
    }
    if let Some(range) = call.header("content-range")
        && !follows(range, len, call.body.len())
    {
        return under_way(416, settings, call, repository, id, upload.state, len);
    }
    if call.method == "PATCH" {
        upload.bytes.extend_from_slice(&call.body);
        upload.state += 1;
        let (version, len) = (upload.state, upload.bytes.len());
        return under_way(202, settings, call, repository, id, version, len);
    }
    let Some(Ok(digest)) = members.get("digest").map(|text| text.parse::<Digest>()) else {
        return Answer::error(400, "DIGEST_INVALID", "an upload ends with a digest");
    };
    let bytes: Bytes = [&upload.bytes[..], &call.body].concat().into();
    if Digest::of_with(digest.algorithm(), &bytes) != digest {
        return Answer::error(400, "DIGEST_INVALID", "the bytes have another digest");
    }
    store.uploads.remove(id);
    created(store, repository, digest, bytes)
}

fn created(store: &mut Store, repository: &str, digest: Digest, bytes: Bytes) -> Answer {
    store.repository(repository).blobs.insert(digest, bytes);
    Answer::new(201)
        .header("Location", format!("/v2/{repository}/blobs/{digest}"))
        .header("Docker-Content-Digest", digest)
}

fn under_way(
    status: u16,
    settings: &Settings,
    call: &Call,
    repository: &str,
    id: &str,
    version: u64,
    len: usize,
) -> Answer {
    let origin = if settings.absolute_locations { call.origin.as_str() } else { "" };
    Answer::new(status)
        .header("Location", format!("{origin}/v2/{repository}/blobs/uploads/{id}?_state={version}"))
        .header("Docker-Upload-UUID", id)
        .header("Range", format!("0-{}", len.saturating_sub(1)))
}

/// Whether `Content-Range` (here without a unit, distribution specification) begins where the upload stands.
fn follows(range: &str, len: usize, part: usize) -> bool {
    let Some((first, last)) = range.split_once('-') else { return false };
    let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { return false };
    first == len && last.checked_sub(first).is_some_and(|span| span + 1 == part)
}
