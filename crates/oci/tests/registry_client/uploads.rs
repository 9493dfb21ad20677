//! Uploads: one request where it suffices, addresses that stay at the registry, nothing wrong ever completed (T-52).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use waxseal_core::{Descriptor, Digest, Repository};
use waxseal_oci::ErrorKind;

use crate::stub::{Body, Reply, Request, Stub, digest, reply};

const TYPE: &str = "application/octet-stream";

fn blob(size: usize) -> (Bytes, Descriptor) {
    let bytes = Bytes::from((0..size).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>());
    let descriptor = Descriptor::of(TYPE, &bytes);
    (bytes, descriptor)
}

/// Pieces of a body, as a source gives them.
fn source(
    bytes: &Bytes,
    piece: usize,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

/// Takes uploads by session and puts together what came.
#[derive(Clone, Default)]
struct Sessions {
    taken: Arc<Mutex<Vec<u8>>>,
    single: bool,
    minimum: Option<u64>,
}

impl Sessions {
    fn answer(&self, request: &Request) -> Reply {
        let session = || reply(202).header("Location", "/v2/team/app/blobs/uploads/1?_state=a%3Db");
        let digest_of = |target: &str| target.rsplit_once("digest=").map(|(_, digest)| digest.to_owned());
        match request.method.as_str() {
            "POST" if self.single && request.target.contains("digest=") => {
                self.taken.lock().unwrap().clone_from(&request.body);
                reply(201)
            }
            "POST" => match self.minimum {
                Some(minimum) => session().header("OCI-Chunk-Min-Length", minimum.to_string()),
                None => session(),
            },
            "PATCH" => {
                let mut taken = self.taken.lock().unwrap();
                let expected = format!("{}-{}", taken.len(), taken.len() + request.body.len() - 1);
                if request.header("content-range") != Some(&expected) {
                    return reply(416);
                }
                taken.extend_from_slice(&request.body);
                session()
            }
            "PUT" => {
                let mut taken = self.taken.lock().unwrap();
                taken.extend_from_slice(&request.body);
                let found = digest(&*taken).to_string();
                assert!(request.target.contains("_state=a%3Db&"), "the query stays as it was");
                reply(if digest_of(&request.target) == Some(found) { 201 } else { 400 })
            }
            _ => reply(204),
        }
    }

    async fn stub(&self) -> Stub {
        let sessions = self.clone();
        Stub::start(move |request| sessions.answer(request)).await
    }

    fn taken(&self) -> Vec<u8> {
        self.taken.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_small_blob_goes_in_one_request() {
    let sessions = Sessions { single: true, ..Sessions::default() };
    let stub = sessions.stub().await;
    let (bytes, descriptor) = blob(64 << 10);
    stub.registry().put_blob(&descriptor, bytes.clone()).await.unwrap();
    assert_eq!(stub.lines(), [format!("POST /v2/team/app/blobs/uploads/?digest={}", descriptor.digest)]);
    assert_eq!(sessions.taken(), bytes);
    // A larger one is not tried that way.
    let (bytes, descriptor) = blob((64 << 10) + 1);
    let stub = sessions.stub().await;
    *sessions.taken.lock().unwrap() = Vec::new();
    stub.registry().put_blob(&descriptor, bytes.clone()).await.unwrap();
    assert_eq!(stub.lines()[0], "POST /v2/team/app/blobs/uploads/");
    assert_eq!(stub.lines().len(), 2);
    assert_eq!(sessions.taken(), bytes);
}

#[tokio::test]
async fn a_registry_that_starts_a_session_gets_the_body_there() {
    let sessions = Sessions::default();
    let stub = sessions.stub().await;
    let registry = stub.registry();
    let (bytes, descriptor) = blob(100);
    registry.put_blob(&descriptor, bytes.clone()).await.unwrap();
    assert_eq!(sessions.taken(), bytes);
    assert_eq!((stub.count("POST", "digest="), stub.count("PUT", "digest=")), (1, 1));
    *sessions.taken.lock().unwrap() = Vec::new();
    registry.put_blob(&descriptor, bytes).await.unwrap();
    assert_eq!(stub.count("POST", "digest="), 1, "it is tried once");
    assert_eq!(stub.lines().len(), 4);
}

#[tokio::test]
async fn a_registry_that_refuses_one_request_gets_two() {
    for status in [400, 404, 405, 411, 415] {
        let sessions = Sessions::default();
        let inner = sessions.clone();
        let stub = Stub::start(move |request| match request.is("POST", "digest=") {
            true => reply(status),
            false => inner.answer(request),
        })
        .await;
        let (bytes, descriptor) = blob(100);
        let registry = stub.registry();
        registry.put_blob(&descriptor, bytes.clone()).await.unwrap();
        assert_eq!(sessions.taken(), bytes, "{status}");
        *sessions.taken.lock().unwrap() = Vec::new();
        registry.put_blob(&descriptor, bytes).await.unwrap();
        assert_eq!(stub.count("POST", "digest="), 1);
    }
    let denied = Stub::start(|_| reply(403)).await;
    let (bytes, descriptor) = blob(100);
    assert_eq!(
        denied.registry().put_blob(&descriptor, bytes).await.unwrap_err().kind(),
        ErrorKind::Forbidden
    );
    assert_eq!(denied.lines().len(), 1);
}

#[tokio::test]
async fn wrong_bytes_are_not_sent() {
    let stub = Stub::start(|_| reply(201)).await;
    let (bytes, descriptor) = blob(100);
    let registry = stub.registry();
    let longer = Descriptor::new(TYPE, descriptor.digest, 101);
    assert_eq!(registry.put_blob(&longer, bytes.clone()).await.unwrap_err().kind(), ErrorKind::SizeMismatch);
    let other = Descriptor::new(TYPE, digest(b"other"), 100);
    assert_eq!(registry.put_blob(&other, bytes).await.unwrap_err().kind(), ErrorKind::DigestMismatch);
    assert_eq!(stub.lines().len(), 0);
}

#[tokio::test]
async fn an_upload_stays_at_the_registry() {
    let other = Stub::start(|_| reply(201)).await;
    let locations = [
        ("/v2/team/app/blobs/uploads/1?_state=a%3Db".to_owned(), None),
        (format!("http://{}/v2/x", other.host()), Some(ErrorKind::RefusedAddress)),
        ("http://169.254.169.254/x".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("http://localhost/x".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("https://r.example/x".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("//r.example/x".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("http://user:pass@127.0.0.1/x".to_owned(), Some(ErrorKind::RefusedAddress)),
        (String::new(), Some(ErrorKind::Protocol)),
    ];
    for (location, expected) in locations {
        let shown = location.clone();
        let sessions = Sessions::default();
        let stub = Stub::start(move |request| match (request.method.as_str(), location.is_empty()) {
            ("POST", false) => reply(202).header("Location", location.clone()),
            ("POST", true) => reply(202),
            _ => sessions.answer(request),
        })
        .await;
        let (bytes, descriptor) = blob(100);
        let outcome = stub.registry().put_blob(&descriptor, bytes.clone()).await;
        assert_eq!(outcome.err().map(|error| error.kind()), expected, "{shown}");
        if expected.is_some() {
            let streamed = stub.registry().put_blob_stream(&descriptor, source(&bytes, 10), None).await;
            assert_eq!(streamed.err().map(|error| error.kind()), expected, "{shown}");
        }
    }
    assert_eq!(other.lines().len(), 0);
}

#[tokio::test]
async fn an_upload_is_not_redirected() {
    let other = Stub::start(|_| reply(201)).await;
    let host = other.host();
    let stub = Stub::start(move |_| reply(307).header("Location", format!("http://{host}/x"))).await;
    let (bytes, descriptor) = blob(100);
    assert_eq!(
        stub.registry().put_blob(&descriptor, bytes).await.unwrap_err().kind(),
        ErrorKind::RefusedAddress
    );
    assert_eq!(other.lines().len(), 0);
}

#[tokio::test]
async fn streams_in_one_request_of_known_length() {
    let sessions = Sessions::default();
    let stub = sessions.stub().await;
    let (bytes, descriptor) = blob(500_000);
    stub.registry().put_blob_stream(&descriptor, source(&bytes, 7_000), None).await.unwrap();
    assert_eq!(sessions.taken(), bytes);
    assert_eq!(stub.lines().len(), 2);
    assert_eq!(stub.requests()[1].header("content-length"), Some("500000"));
    assert_eq!(stub.requests()[1].header("transfer-encoding"), None);
}

#[tokio::test]
async fn streams_in_pieces_no_smaller_than_the_registry_asks() {
    for (asked, minimum, pieces) in
        [(100, None, 10), (100, Some(400), 3), (1_000, None, 1), (999, None, 2), (5_000, None, 1)]
    {
        let sessions = Sessions { minimum, ..Sessions::default() };
        let stub = sessions.stub().await;
        let (bytes, descriptor) = blob(1_000);
        stub.registry().put_blob_stream(&descriptor, source(&bytes, 33), Some(asked)).await.unwrap();
        assert_eq!(sessions.taken(), bytes);
        assert_eq!(stub.count("PATCH", ""), pieces, "{asked} {minimum:?}");
        assert_eq!(stub.count("PUT", "digest="), 1);
    }
    let sessions = Sessions { minimum: Some(1 << 40), ..Sessions::default() };
    let stub = sessions.stub().await;
    let (bytes, descriptor) = blob(1_000);
    let error = stub.registry().put_blob_stream(&descriptor, source(&bytes, 33), Some(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[tokio::test]
async fn a_stream_that_is_another_blob_is_never_completed() {
    let (bytes, descriptor) = blob(10_000);
    let cases = [
        (Descriptor::new(TYPE, digest(b"other"), 10_000), ErrorKind::DigestMismatch),
        (Descriptor::new(TYPE, descriptor.digest, 9_999), ErrorKind::SizeMismatch),
        (Descriptor::new(TYPE, descriptor.digest, 10_001), ErrorKind::SizeMismatch),
    ];
    for (wrong, kind) in cases {
        for chunk in [None, Some(1_000)] {
            let sessions = Sessions::default();
            let stub = sessions.stub().await;
            let error =
                stub.registry().put_blob_stream(&wrong, source(&bytes, 100), chunk).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{chunk:?}");
            assert_eq!(stub.count("PUT", ""), 0, "no complete request came");
            assert!(sessions.taken().len() < 10_000);
            assert_eq!(stub.count("DELETE", "/uploads/1"), 1, "the upload was ended");
        }
    }
}

#[tokio::test]
async fn a_source_that_fails_is_an_error() {
    let (bytes, descriptor) = blob(1_000);
    let stub = Sessions::default().stub().await;
    let failing = stream::iter([Ok(bytes.slice(..500)), Err(std::io::Error::other("gone"))]);
    let error = stub.registry().put_blob_stream(&descriptor, failing, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn an_upload_that_stands_still_is_an_error() {
    let (bytes, descriptor) = blob(100);
    let stub = Stub::start(|request| match request.method.as_str() {
        "POST" => reply(202).header("Location", "/u/1"),
        "PUT" => reply(201).with(Body::Stalled(10, Vec::new())),
        _ => reply(204),
    })
    .await;
    let registry = stub.registry_with(|options| {
        options.stall = Duration::from_millis(100);
        options.deadline = Duration::from_millis(500);
    });
    let error = registry.put_blob_stream(&descriptor, source(&bytes, 10), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_broken_upload_is_begun_again() {
    let sessions = Sessions::default();
    let failures = Arc::new(Mutex::new(2));
    let stub = Stub::start({
        let sessions = sessions.clone();
        move |request| {
            let mut left = failures.lock().unwrap();
            if request.method == "PUT" && *left > 0 {
                *left -= 1;
                return if *left == 0 { reply(503) } else { reply(201).with(Body::Hangup) };
            }
            sessions.answer(request)
        }
    })
    .await;
    let (bytes, descriptor) = blob(100_000);
    stub.registry().put_blob(&descriptor, bytes.clone()).await.unwrap();
    assert_eq!(sessions.taken(), bytes);
    assert_eq!((stub.count("POST", ""), stub.count("PUT", "")), (3, 3));
    let always = Stub::start(|request| match request.method.as_str() {
        "POST" => reply(202).header("Location", "/u/1"),
        _ => reply(503),
    })
    .await;
    assert_eq!(
        always.registry().put_blob(&descriptor, bytes).await.unwrap_err().kind(),
        ErrorKind::ServerTrouble
    );
    assert_eq!(always.count("PUT", ""), 3);
}

#[tokio::test]
async fn mounts_or_says_that_it_could_not() {
    let wanted: Digest = digest(b"blob");
    for (status, expected) in [
        (201, Ok(true)),
        (202, Ok(false)),
        (404, Ok(false)),
        (405, Ok(false)),
        (403, Ok(false)),
        (500, Err(ErrorKind::ServerTrouble)),
        (429, Err(ErrorKind::TooManyRequests)),
        (200, Err(ErrorKind::Protocol)),
    ] {
        let stub = Stub::start(move |request| match request.method.as_str() {
            "POST" => reply(status).header("Location", "/u/1"),
            _ => reply(204),
        })
        .await;
        let from: Repository = format!("{}/other/app", stub.host()).parse().unwrap();
        let outcome = stub.registry().mount_blob(&wanted, &from).await.map_err(|error| error.kind());
        assert_eq!(outcome, expected, "{status}");
        assert_eq!(
            stub.lines()[0],
            format!("POST /v2/team/app/blobs/uploads/?mount={wanted}&from=other/app")
        );
        assert_eq!(stub.count("DELETE", "/u/1"), usize::from(status == 202));
    }
    let stub = Stub::start(|_| reply(201)).await;
    let elsewhere: Repository = "r.example/other/app".parse().unwrap();
    let error = stub.registry().mount_blob(&wanted, &elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(stub.lines().len(), 0);
}
