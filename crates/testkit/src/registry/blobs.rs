//! Blobs: GET with ranges, HEAD, DELETE.

use bytes::Bytes;
use waxseal_core::Digest;

use super::server::Call;
use super::settings::Settings;
use super::store::Store;
use crate::serving::answer::Answer;

pub(super) fn answer(
    store: &mut Store,
    settings: &Settings,
    call: &Call,
    repository: &str,
    digest: &str,
) -> Answer {
    let Ok(digest) = digest.parse::<Digest>() else {
        return Answer::error(400, "DIGEST_INVALID", "not a digest");
    };
    let Some(blob) = store.known(repository).and_then(|contents| contents.blobs.get(&digest)).cloned() else {
        return Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    match call.method.as_str() {
        "GET" | "HEAD" => read(call, &digest, &blob),
        "DELETE" if settings.deletes => {
            store.repository(repository).blobs.remove(&digest);
            Answer::new(202)
        }
        _ => Answer::error(405, "UNSUPPORTED", "not a method for blobs here"),
    }
}

fn read(call: &Call, digest: &Digest, blob: &Bytes) -> Answer {
    let whole = Answer::new(200)
        .body("application/octet-stream", blob.clone())
        .header("Docker-Content-Digest", digest)
        .header("Accept-Ranges", "bytes");
    let Some(range) = call.header("range").filter(|_| call.method == "GET") else { return whole };
    match parse(range, blob.len()) {
        None => whole,
        Some(Err(())) => Answer::error(416, "SIZE_INVALID", "no such range")
            .header("Content-Range", format!("bytes */{}", blob.len())),
        Some(Ok((first, last))) => Answer::new(206)
            .body("application/octet-stream", blob.slice(first..=last))
            .header("Docker-Content-Digest", digest)
            .header("Accept-Ranges", "bytes")
            .header("Content-Range", format!("bytes {first}-{last}/{}", blob.len())),
    }
}

/// One range of RFC 9110, 14.1.2. None for what is no range (it is ignored), an error for one beyond the bytes.
fn parse(range: &str, len: usize) -> Option<Result<(usize, usize), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = len.checked_sub(1);
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some(match end {
            Some(end) if count > 0 => Ok((len.saturating_sub(count), end)),
            _ => Err(()),
        });
    }
    let first: usize = first.parse().ok()?;
    let last: usize = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    Some(match end {
        Some(end) if first <= end => Ok((first, last.min(end))),
        _ => Err(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (range, expected) in [
            ("bytes=0-0", Some(Ok((0, 0)))),
            ("bytes=2-", Some(Ok((2, 9)))),
            ("bytes=2-100", Some(Ok((2, 9)))),
            ("bytes=-3", Some(Ok((7, 9)))),
            ("bytes=10-", Some(Err(()))),
            ("bytes=3-2", None),
            ("items=1-2", None),
            ("bytes=a-b", None),
        ] {
            assert_eq!(parse(range, 10), expected, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Some(Err(())));
    }
}
