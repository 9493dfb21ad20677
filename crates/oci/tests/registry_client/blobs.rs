//! Blobs: size and digest hold, and memory does not depend on what a registry sends (T-24, T-25, T-32).

use std::time::Duration;

use futures_util::TryStreamExt as _;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::{Error, ErrorKind, Registry};

use crate::stub::{Body, Stub, digest, reply};

const TYPE: &str = "application/octet-stream";

fn blob(size: usize) -> (Vec<u8>, Descriptor) {
    let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let descriptor = Descriptor::of(TYPE, &bytes);
    (bytes, descriptor)
}

async fn drain(registry: &Registry, descriptor: &Descriptor) -> (Vec<u8>, Result<(), Error>) {
    let mut all = Vec::new();
    let mut stream = match registry.blob_stream(descriptor).await {
        Ok(stream) => stream,
        Err(error) => return (all, Err(error)),
    };
    loop {
        match stream.try_next().await {
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => return (all, Ok(())),
            Err(error) => {
                assert!(stream.try_next().await.unwrap().is_none(), "nothing follows an error");
                return (all, Err(error));
            }
        }
    }
}

#[tokio::test]
async fn reads_whole_and_in_pieces() {
    for size in [0, 1, 300_000] {
        let (bytes, descriptor) = blob(size);
        let served = bytes.clone();
        let stub = Stub::start(move |_| reply(200).body(served.clone())).await;
        let registry = stub.registry();
        assert_eq!(registry.blob(&descriptor, 1 << 20).await.unwrap(), bytes);
        let (streamed, outcome) = drain(&registry, &descriptor).await;
        outcome.unwrap();
        assert_eq!(streamed, bytes);
        assert_eq!(stub.lines()[0], format!("GET /v2/team/app/blobs/{}", descriptor.digest));
    }
}

#[tokio::test]
async fn a_limit_comes_before_the_request() {
    let (bytes, descriptor) = blob(100);
    let stub = Stub::start(move |_| reply(200).body(bytes.clone())).await;
    let registry = stub.registry();
    registry.blob(&descriptor, 100).await.unwrap();
    assert_eq!(registry.blob(&descriptor, 99).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    let huge = Descriptor::new(TYPE, descriptor.digest, 10 << 30);
    assert_eq!(registry.blob(&huge, 32 << 20).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(stub.lines().len(), 1);
}

#[tokio::test]
async fn other_bytes_are_refused_before_the_last_of_them() {
    let (mut bytes, descriptor) = blob(200_000);
    bytes[0] ^= 1;
    let stub = Stub::start(move |_| reply(200).body(bytes.clone())).await;
    assert_eq!(
        stub.registry().blob(&descriptor, 1 << 20).await.unwrap_err().kind(),
        ErrorKind::DigestMismatch
    );
    let (read, outcome) = drain(&stub.registry(), &descriptor).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::DigestMismatch);
    assert!(read.len() < 200_000, "the last piece was held back");
}

#[tokio::test]
async fn an_empty_blob_has_a_digest_too() {
    let wrong = Descriptor::new(TYPE, digest(b"x"), 0);
    let stub = Stub::start(|_| reply(200)).await;
    assert_eq!(stub.registry().blob(&wrong, 10).await.unwrap_err().kind(), ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn sizes_that_lie_are_refused() {
    let (bytes, descriptor) = blob(1_000);
    let longer = [bytes.clone(), vec![0]].concat();
    let shorter = bytes[..999].to_vec();
    for body in [longer, shorter] {
        let stub = Stub::start(move |_| reply(200).body(body.clone())).await;
        assert_eq!(
            stub.registry().blob(&descriptor, 10_000).await.unwrap_err().kind(),
            ErrorKind::SizeMismatch
        );
    }
    let endless = Stub::start(|_| reply(200).with(Body::Endless)).await;
    assert_eq!(
        endless.registry().blob(&descriptor, 10_000).await.unwrap_err().kind(),
        ErrorKind::SizeMismatch
    );
    let (read, outcome) = drain(&endless.registry(), &descriptor).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::SizeMismatch);
    assert!(read.is_empty());
}

#[tokio::test]
async fn compressed_bytes_are_not_unpacked() {
    let (bytes, descriptor) = blob(1_000);
    let stub = Stub::start(move |_| reply(200).header("Content-Encoding", "gzip").body(bytes.clone())).await;
    assert_eq!(stub.registry().blob(&descriptor, 10_000).await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn statuses_of_blobs() {
    let (bytes, descriptor) = blob(10);
    for (status, expected) in [
        (200, None),
        (404, Some(ErrorKind::NotFound)),
        (403, Some(ErrorKind::Forbidden)),
        (206, Some(ErrorKind::Protocol)),
        (204, Some(ErrorKind::Protocol)),
        (500, Some(ErrorKind::ServerTrouble)),
    ] {
        let bytes = bytes.clone();
        let stub = Stub::start(move |_| reply(status).body(bytes.clone())).await;
        let outcome = stub.registry().blob(&descriptor, 100).await;
        assert_eq!(outcome.err().map(|error| error.kind()), expected, "{status}");
    }
}

#[tokio::test]
async fn goes_on_where_a_connection_broke() {
    let (bytes, descriptor) = blob(100_000);
    for ranges in [true, false] {
        let served = bytes.clone();
        let stub = Stub::start(move |request| match request.header("range") {
            None => reply(200).with(Body::Announced(100_000, served[..40_000].to_vec())),
            Some(range) if ranges => {
                let from: usize =
                    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
                reply(206)
                    .header("Content-Range", format!("bytes {from}-99999/100000"))
                    .body(served[from..].to_vec())
            }
            Some(_) => reply(200).body(served.clone()),
        })
        .await;
        let (read, outcome) = drain(&stub.registry(), &descriptor).await;
        outcome.unwrap();
        assert_eq!(read, bytes, "ranges: {ranges}");
        assert_eq!(stub.lines().len(), 2);
    }
}

#[tokio::test]
async fn a_range_that_lies_is_refused() {
    let (bytes, descriptor) = blob(1_000);
    for (range, expected) in [
        ("bytes 0-999/1000", ErrorKind::Protocol),
        ("", ErrorKind::Protocol),
        ("bytes 400-999/1000", ErrorKind::DigestMismatch),
    ] {
        let served = bytes.clone();
        let stub = Stub::start(move |request| match request.header("range") {
            None => reply(200).with(Body::Announced(1_000, served[..400].to_vec())),
            // The right number of bytes, but those of the beginning.
            Some(_) => reply(206).header("Content-Range", range).body(served[..600].to_vec()),
        })
        .await;
        assert_eq!(
            stub.registry().blob(&descriptor, 10_000).await.unwrap_err().kind(),
            expected,
            "{range:?}"
        );
    }
}

#[tokio::test]
async fn breaking_off_again_and_again_is_an_error() {
    let (bytes, descriptor) = blob(1_000);
    let stub = Stub::start(move |_| reply(200).with(Body::Announced(1_000, bytes[..10].to_vec()))).await;
    assert_eq!(stub.registry().blob(&descriptor, 10_000).await.unwrap_err().kind(), ErrorKind::Transport);
    assert_eq!(stub.lines().len(), 3);
}

#[tokio::test]
async fn standing_still_is_an_error() {
    let (bytes, descriptor) = blob(1_000);
    let stub = Stub::start(move |_| reply(200).with(Body::Stalled(1_000, bytes[..10].to_vec()))).await;
    let registry = stub.registry_with(|options| options.stall = Duration::from_millis(100));
    assert_eq!(registry.blob(&descriptor, 10_000).await.unwrap_err().kind(), ErrorKind::Timeout);
    // What is read whole has to come within the deadline, however long a stall may be.
    let registry = stub.registry_with(|options| options.deadline = Duration::from_millis(200));
    assert_eq!(registry.blob(&descriptor, 10_000).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn asks_whether_a_blob_is_there_and_deletes_it() {
    let stub = Stub::start(|request| match request.target.ends_with(&digest(b"here").to_string()) {
        true => reply(if request.method == "DELETE" { 202 } else { 200 }),
        false => reply(404),
    })
    .await;
    let registry = stub.registry();
    let (here, gone): (Digest, Digest) = (digest(b"here"), digest(b"gone"));
    assert!(registry.has_blob(&here).await.unwrap());
    assert!(!registry.has_blob(&gone).await.unwrap());
    registry.delete_blob(&here).await.unwrap();
    assert_eq!(registry.delete_blob(&gone).await.unwrap_err().kind(), ErrorKind::NotFound);
    let trouble = Stub::start(|_| reply(403)).await;
    assert_eq!(trouble.registry().has_blob(&here).await.unwrap_err().kind(), ErrorKind::Forbidden);
}
