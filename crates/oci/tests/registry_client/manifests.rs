//! Manifests: hashed, bounded, and the four outcomes of a look (T-24, T-31, rule L2).

use std::time::Duration;

use bytes::Bytes;
use waxseal_core::digest::Algorithm;
use waxseal_core::limits::MANIFEST_BYTES;
use waxseal_core::reference::Tag;
use waxseal_core::{Digest, media_type};
use waxseal_oci::registry::AbsentStatus;
use waxseal_oci::{ErrorKind, Look, Which};

use crate::stub::{Body, INDEX, MANIFEST, Stub, digest, found, reply, unreadable};

const BYTES: &[u8] = br#"{"schemaVersion":2}"#;

fn tag(text: &str) -> Which {
    Which::Tag(text.parse::<Tag>().unwrap())
}

#[tokio::test]
async fn reads_by_tag_in_one_request_and_hashes() {
    let stub = Stub::start(|_| reply(200).typed(MANIFEST).body(BYTES)).await;
    let manifest = found(stub.registry().manifest(&tag("v1")).await);
    assert_eq!(manifest.descriptor.digest, digest(BYTES));
    assert_eq!(manifest.descriptor.media_type, MANIFEST);
    assert_eq!(manifest.bytes, BYTES);
    assert_eq!(stub.lines(), ["GET /v2/team/app/manifests/v1"]);
    let request = &stub.requests()[0];
    assert_eq!(request.header("accept"), Some(media_type::ACCEPT_MANIFEST));
    assert!(request.header("user-agent").unwrap().starts_with("waxseal/"));
    for absent in ["authorization", "cookie", "referer", "accept-encoding"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_digest_is_that_of_the_bytes() {
    let good = Stub::start(|_| reply(200).typed(MANIFEST).body(BYTES)).await;
    let wanted = Which::Digest(digest(BYTES));
    assert_eq!(found(good.registry().manifest(&wanted).await).descriptor.digest, digest(BYTES));
    // Other bytes, with a header that lies for them.
    let header = digest(BYTES).to_string();
    let lying = Stub::start(move |_| {
        reply(200).typed(MANIFEST).header("Docker-Content-Digest", header.clone()).body(&b"{}"[..])
    })
    .await;
    assert_eq!(unreadable(lying.registry().manifest(&wanted).await), ErrorKind::DigestMismatch);
    assert_eq!(unreadable(lying.registry().manifest(&tag("v1")).await), ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn a_header_that_is_no_digest_is_refused() {
    for (header, expected) in [
        (digest(BYTES).to_string(), None),
        ("sha256:00".to_owned(), Some(ErrorKind::Protocol)),
        (digest(b"other").to_string(), Some(ErrorKind::DigestMismatch)),
    ] {
        let stub =
            Stub::start(move |_| reply(200).header("Docker-Content-Digest", header.clone()).body(BYTES))
                .await;
        let look = stub.registry().manifest(&tag("v1")).await;
        match expected {
            None => drop(found(look)),
            Some(kind) => assert_eq!(unreadable(look), kind),
        }
    }
}

#[tokio::test]
async fn sha512_is_believed_only_if_it_holds() {
    let right = Digest::of_with(Algorithm::Sha512, BYTES);
    let stub =
        Stub::start(move |_| reply(200).header("Docker-Content-Digest", right.to_string()).body(BYTES)).await;
    assert_eq!(found(stub.registry().manifest(&tag("v1")).await).descriptor.digest, right);
    assert_eq!(found(stub.registry().manifest(&right.into()).await).descriptor.digest, right);
    let wrong = Digest::of_with(Algorithm::Sha512, b"other");
    let stub =
        Stub::start(move |_| reply(200).header("Docker-Content-Digest", wrong.to_string()).body(BYTES)).await;
    assert_eq!(unreadable(stub.registry().manifest(&tag("v1")).await), ErrorKind::DigestMismatch);
}

#[tokio::test]
async fn names_the_media_type_of_the_registry_or_of_the_body() {
    let typed = br#"{"mediaType":"application/vnd.oci.image.index.v1+json"}"#;
    for (header, body, expected) in [
        (Some(MANIFEST), BYTES, MANIFEST),
        (Some("Application/vnd.oci.image.manifest.v1+JSON; charset=utf-8"), BYTES, MANIFEST),
        // A contradiction is left for whoever parses the body.
        (Some(MANIFEST), typed, MANIFEST),
        (Some("text/plain"), typed, INDEX),
        (None, typed, INDEX),
        (Some("text/plain"), b"junk", "text/plain"),
        (None, b"junk", ""),
    ] {
        let stub = Stub::start(move |_| {
            let reply = reply(200).body(body);
            match header {
                Some(header) => reply.typed(header),
                None => reply,
            }
        })
        .await;
        assert_eq!(found(stub.registry().manifest(&tag("v1")).await).descriptor.media_type, expected);
    }
}

#[tokio::test]
async fn bounds_what_it_reads() {
    let limit = usize::try_from(MANIFEST_BYTES).unwrap();
    let full = Stub::start(move |_| reply(200).body(vec![b' '; limit])).await;
    assert_eq!(found(full.registry().manifest(&tag("v1")).await).bytes.len(), limit);
    let over = Stub::start(move |_| reply(200).body(vec![b' '; limit + 1])).await;
    assert_eq!(unreadable(over.registry().manifest(&tag("v1")).await), ErrorKind::LimitExceeded);
    let huge = Stub::start(|_| reply(200).with(Body::Announced(100 << 20, Vec::new()))).await;
    assert_eq!(unreadable(huge.registry().manifest(&tag("v1")).await), ErrorKind::LimitExceeded);
    let endless = Stub::start(|_| reply(200).with(Body::Endless)).await;
    assert_eq!(unreadable(endless.registry().manifest(&tag("v1")).await), ErrorKind::LimitExceeded);
    assert_eq!((over.lines().len(), endless.lines().len()), (1, 1), "a limit is not retried");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_trickles_is_unreadable() {
    let truncated = Stub::start(|_| reply(200).with(Body::Announced(100, BYTES.to_vec()))).await;
    assert_eq!(unreadable(truncated.registry().manifest(&tag("v1")).await), ErrorKind::Transport);
    assert_eq!(truncated.lines().len(), 3, "it was tried again");
    let slow = Stub::start(|_| reply(200).with(Body::Stalled(100, BYTES.to_vec()))).await;
    let registry = slow.registry_with(|options| options.deadline = Duration::from_millis(300));
    assert_eq!(unreadable(registry.manifest(&tag("v1")).await), ErrorKind::Timeout);
    let silent = Stub::start(|_| reply(200).with(Body::Hangup)).await;
    assert_eq!(unreadable(silent.registry().manifest(&tag("v1")).await), ErrorKind::Transport);
}

#[tokio::test]
async fn rule_l2_absent_is_404_and_nothing_else() {
    for (status, expected) in [
        (404, None),
        (400, Some(ErrorKind::Protocol)),
        (403, Some(ErrorKind::Forbidden)),
        (405, Some(ErrorKind::Unsupported)),
        (204, Some(ErrorKind::Protocol)),
        (206, Some(ErrorKind::Protocol)),
        (304, Some(ErrorKind::Protocol)),
        (418, Some(ErrorKind::Protocol)),
        (429, Some(ErrorKind::TooManyRequests)),
        (500, Some(ErrorKind::ServerTrouble)),
        (501, Some(ErrorKind::Unsupported)),
        (503, Some(ErrorKind::ServerTrouble)),
    ] {
        let stub = Stub::start(move |_| reply(status).body(BYTES)).await;
        match (stub.registry().manifest(&tag("v1")).await, expected) {
            (Look::Absent, None) => {}
            (Look::Unreadable(error), Some(kind)) => assert_eq!(error.kind(), kind, "{status}"),
            (other, _) => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn rule_l2_absent_status_of_one_registry() {
    let stub = Stub::start(|_| reply(403)).await;
    let host = stub.host();
    let own = stub.registry_with(|options| options.absent_statuses.push(AbsentStatus::new(Some(host), 403)));
    assert!(matches!(own.manifest(&tag("v1")).await, Look::Absent));
    let every = stub.registry_with(|options| options.absent_statuses.push(AbsentStatus::new(None, 403)));
    assert!(matches!(every.manifest(&tag("v1")).await, Look::Absent));
    let other = stub.registry_with(|options| {
        options.absent_statuses.push(AbsentStatus::new(Some("r.example".to_owned()), 403));
    });
    assert_eq!(unreadable(other.manifest(&tag("v1")).await), ErrorKind::Forbidden);
}

#[tokio::test]
async fn head_tells_what_the_registry_says() {
    let named = digest(BYTES).to_string();
    let stub = Stub::start(move |_| {
        reply(200)
            .typed(MANIFEST)
            .header("Docker-Content-Digest", named.clone())
            .header("Content-Length", "19")
    })
    .await;
    let registry = stub.registry();
    let descriptor = found(registry.head_manifest(&tag("v1")).await);
    assert_eq!((descriptor.digest, descriptor.size), (digest(BYTES), 19));
    assert_eq!(unreadable(registry.head_manifest(&digest(b"other").into()).await), ErrorKind::DigestMismatch);
    let silent = Stub::start(|_| reply(200).header("Content-Length", "19")).await;
    assert_eq!(unreadable(silent.registry().head_manifest(&tag("v1")).await), ErrorKind::Protocol);
    assert_eq!(found(silent.registry().head_manifest(&digest(BYTES).into()).await).size, 19);
    let gone = Stub::start(|_| reply(404)).await;
    assert!(matches!(gone.registry().head_manifest(&tag("v1")).await, Look::Absent));
}

#[tokio::test]
async fn writes_what_it_was_given() {
    let stub = Stub::start(|_| reply(201)).await;
    let registry = stub.registry();
    let bytes = Bytes::from_static(BYTES);
    let put = registry.put_manifest(bytes.clone(), MANIFEST, &tag("v1")).await.unwrap();
    assert_eq!((put.digest, put.subject), (digest(BYTES), None));
    let sha512 = Digest::of_with(Algorithm::Sha512, BYTES);
    assert_eq!(registry.put_manifest(bytes.clone(), MANIFEST, &sha512.into()).await.unwrap().digest, sha512);
    let requests = stub.requests();
    assert_eq!(requests[0].header("content-type"), Some(MANIFEST));
    assert_eq!(requests[0].body, BYTES);
    assert!(requests[1].target.ends_with(&sha512.to_string()));
    // Bytes of another digest never leave.
    let wrong = registry.put_manifest(bytes, MANIFEST, &digest(b"other").into()).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::DigestMismatch);
    let large = Bytes::from(vec![b' '; usize::try_from(MANIFEST_BYTES).unwrap() + 1]);
    assert_eq!(
        registry.put_manifest(large, MANIFEST, &tag("v1")).await.unwrap_err().kind(),
        ErrorKind::LimitExceeded
    );
    assert_eq!(stub.lines().len(), 2);
}

#[tokio::test]
async fn a_registry_that_stores_something_else_is_an_error() {
    for (status, header, expected) in [
        (201, digest(BYTES), None),
        (201, digest(b"other"), Some(ErrorKind::DigestMismatch)),
        (202, digest(BYTES), Some(ErrorKind::Protocol)),
        (400, digest(BYTES), Some(ErrorKind::Protocol)),
        (403, digest(BYTES), Some(ErrorKind::Forbidden)),
    ] {
        let stub =
            Stub::start(move |_| reply(status).header("Docker-Content-Digest", header.to_string())).await;
        let put = stub.registry().put_manifest(Bytes::from_static(BYTES), MANIFEST, &tag("v1")).await;
        assert_eq!(put.err().map(|error| error.kind()), expected, "{status}");
    }
}

#[tokio::test]
async fn deletes() {
    let stub = Stub::start(|request| reply(if request.target.ends_with("v1") { 202 } else { 404 })).await;
    stub.registry().delete_manifest(&tag("v1")).await.unwrap();
    let missing = stub.registry().delete_manifest(&digest(BYTES).into()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn quotes_an_error_in_bounds() {
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"\u001b[31m{}"}}]}}"#, "x".repeat(10_000));
    let stub = Stub::start(move |_| reply(403).body(body.clone())).await;
    let error = stub.registry().manifest(&tag("v1")).await.required(String::new).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("DENIED") && text.contains("403"), "{text}");
    assert!(text.len() < 500 && !text.contains('\u{1b}'), "{text}");
    let endless = Stub::start(|_| reply(403).with(Body::Endless)).await;
    assert_eq!(unreadable(endless.registry().manifest(&tag("v1")).await), ErrorKind::Forbidden);
}
