//! Each lie, told and not told.

use std::time::Duration;

use bytes::Bytes;
use waxseal_core::Digest;
use waxseal_core::media_type::OCI_INDEX;
use waxseal_testkit::{Behaviour, ImageBuilder, Match, Registry};

use crate::{client, code, get, header, json, request, status};

const PATH: &str = "/v2/app/manifests/1.0";

fn registry() -> (Registry, Digest) {
    let registry = Registry::start();
    let digest = ImageBuilder::new().build().push_to(&registry, "app", "1.0");
    (registry, digest)
}

#[tokio::test]
async fn a_rule_counts_its_requests() {
    let (registry, _) = registry();
    registry.rule(Match::get("/manifests/").after(1).times(2), Behaviour::status(503));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(get(&registry, PATH).await.status().as_u16());
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    assert_eq!(registry.count("GET", "/manifests/"), 4);
    assert_eq!(registry.requests()[1].status, 503);

    registry.rule(Match::get("/manifests/"), Behaviour::StatusTimes { code: 500, times: 1 });
    assert_eq!(get(&registry, PATH).await.status(), 500);
    assert_eq!(status(request(&registry, "HEAD", PATH)).await, 200);
    assert_eq!(get(&registry, PATH).await.status(), 200);
}

#[tokio::test]
async fn statuses_redirects_and_retry_after() {
    let (registry, _) = registry();
    registry.rule(Match::get(PATH).times(1), Behaviour::retry_after(429, 7));
    let later = get(&registry, PATH).await;
    assert_eq!((later.status().as_u16(), header(&later, "retry-after")), (429, "7".to_owned()));
    registry.rule(Match::get(PATH).times(1), Behaviour::redirect("https://elsewhere.example/x"));
    let away = get(&registry, PATH).await;
    assert_eq!(
        (away.status().as_u16(), header(&away, "location")),
        (307, "https://elsewhere.example/x".to_owned())
    );
    registry.rule(Match::get(PATH), Behaviour::RedirectLoop);
    let again = get(&registry, &format!("{PATH}?a=b")).await;
    assert_eq!((again.status().as_u16(), header(&again, "location")), (307, format!("{PATH}?a=b")));
    registry.clear_rules();
    assert_eq!(get(&registry, PATH).await.status(), 200);
}

#[tokio::test]
async fn headers_that_lie() {
    let (registry, digest) = registry();
    assert_eq!(header(&get(&registry, PATH).await, "docker-content-digest"), digest.to_string());
    registry.rule(Match::get(PATH), Behaviour::WrongDigestHeader);
    registry.rule(Match::get(PATH), Behaviour::WrongContentType("text/html".to_owned()));
    registry.rule(Match::get(PATH), Behaviour::Header("X-Extra".to_owned(), "1".to_owned()));
    let lied = get(&registry, PATH).await;
    assert_ne!(header(&lied, "docker-content-digest"), digest.to_string());
    assert_eq!(header(&lied, "content-type"), "text/html");
    assert_eq!(header(&lied, "x-extra"), "1");
    registry.rule(Match::get(PATH), Behaviour::WithoutHeader("docker-content-digest".to_owned()));
    assert_eq!(header(&get(&registry, PATH).await, "docker-content-digest"), "");
}

#[tokio::test]
async fn another_body_under_the_digest_that_was_asked_for() {
    let (registry, digest) = registry();
    registry.rule(Match::get("/manifests/"), Behaviour::OtherBody(Bytes::from_static(b"{}")));
    let lied = get(&registry, &format!("/v2/app/manifests/{digest}")).await;
    assert_eq!(header(&lied, "docker-content-digest"), digest.to_string());
    assert_eq!(lied.bytes().await.unwrap(), "{}");
    assert_eq!(get(&registry, "/v2/app/manifests/none").await.status(), 404);
    registry.clear_rules();
    registry.corrupt("app", &digest, "rotten");
    assert_eq!(get(&registry, PATH).await.bytes().await.unwrap(), "rotten");
}

#[tokio::test]
async fn bodies_that_end_early() {
    let (registry, _) = registry();
    let digest = registry.put_blob("app", vec![b'x'; 100_000]);
    let path = format!("/v2/app/blobs/{digest}");
    for at in [0, 1, 99_999] {
        registry.clear_rules();
        registry.rule(Match::get("/blobs/"), Behaviour::TruncateAt(at));
        let mut cut = get(&registry, &path).await;
        assert_eq!(header(&cut, "content-length"), "100000");
        let mut read = 0;
        let end = loop {
            match cut.chunk().await {
                Ok(Some(chunk)) => read += chunk.len(),
                end => break end,
            }
        };
        assert!(end.is_err(), "{at}");
        assert_eq!(read, at);
    }
    registry.clear_rules();
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn bodies_that_go_on() {
    let (registry, _) = registry();
    registry.rule(Match::get(PATH), Behaviour::Endless);
    let mut endless = get(&registry, PATH).await;
    assert_eq!(header(&endless, "content-length"), "");
    let mut read = 0;
    while read < 5_000_000 {
        read += endless.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn bodies_that_drip() {
    let (registry, _) = registry();
    let digest = registry.put_blob("app", "0123");
    let path = format!("/v2/app/blobs/{digest}");
    registry.rule(Match::get("/blobs/").times(1), Behaviour::Slow(Duration::from_millis(1)));
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap(), "0123");
    registry.rule(Match::get("/blobs/"), Behaviour::Slow(Duration::from_hours(1)));
    let mut stalled = get(&registry, &path).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), stalled.chunk()).await.is_err());
}

#[tokio::test]
async fn lengths_that_lie() {
    let (registry, _) = registry();
    let digest = registry.put_blob("app", "0123456789");
    let path = format!("/v2/app/blobs/{digest}");
    registry.rule(Match::get("/blobs/").times(1), Behaviour::ContentLengthLie(4));
    let short = get(&registry, &path).await;
    assert_eq!(header(&short, "content-length"), "4");
    assert_eq!(short.bytes().await.unwrap(), "0123");
    registry.rule(Match::get("/blobs/").times(1), Behaviour::ContentLengthLie(10 << 30));
    let long = get(&registry, &path).await;
    assert_eq!(header(&long, "content-length"), (10_u64 << 30).to_string());
    assert!(long.bytes().await.is_err());
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn connections_that_break() {
    let (registry, _) = registry();
    registry.rule(Match::get(PATH).times(1), Behaviour::ResetConnection);
    assert!(client().get(registry.url(PATH)).send().await.is_err());
    assert_eq!(registry.requests()[0].status, 0);
    registry.rule(Match::head(PATH).times(1), Behaviour::ResetConnection);
    assert!(client().head(registry.url(PATH)).send().await.is_err());
    registry.rule(Match::get(PATH).times(1), Behaviour::Raw(Bytes::from_static(b"HTTP/1.1 2oo OK\r\n\r\n")));
    assert!(client().get(registry.url(PATH)).send().await.is_err());
    let teapot = b"HTTP/1.1 418 Tea\r\nContent-Length: 0\r\n\r\n";
    registry.rule(Match::get(PATH).times(1), Behaviour::Raw(Bytes::from_static(teapot)));
    assert_eq!(get(&registry, PATH).await.status(), 418);
    assert_eq!(get(&registry, PATH).await.status(), 200);
}

#[tokio::test]
async fn a_tag_that_flips() {
    let (registry, first) = registry();
    let second = ImageBuilder::new().file("other", "image").build().push_to(&registry, "app", "2.0");
    registry.rule(Match::get(PATH), Behaviour::TagFlips(first, second));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(header(&get(&registry, PATH).await, "docker-content-digest"));
    }
    assert_eq!(seen, [first.to_string(), second.to_string(), second.to_string()]);
}

#[tokio::test]
async fn missing_is_forbidden() {
    let (registry, _) = registry();
    registry.rule(Match::any(), Behaviour::ForbiddenForMissing);
    let missing = get(&registry, "/v2/app/manifests/none").await;
    assert_eq!(code(missing).await, (403, "DENIED".to_owned()));
    assert_eq!(get(&registry, PATH).await.status(), 200);
}

#[tokio::test]
async fn referrers_that_do_not_end() {
    let (registry, digest) = registry();
    let path = format!("/v2/app/referrers/{digest}");
    registry.rule(Match::get("/referrers/"), Behaviour::ReferrersWithoutEnd);
    let mut next = path.clone();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = get(&registry, &next).await;
        next = header(&page, "link")[1..].split('>').next().unwrap().to_owned();
        seen.push(json(page).await["manifests"][0]["digest"].clone());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);

    registry.clear_rules();
    registry.rule(Match::get("/referrers/"), Behaviour::ReferrersLoop);
    assert_eq!(header(&get(&registry, &path).await, "link"), format!(r#"<{path}>; rel="next""#));

    registry.clear_rules();
    registry.rule(Match::get("/referrers/"), Behaviour::ReferrersMany(100_000));
    let many = json(get(&registry, &path).await).await;
    assert_eq!(many["manifests"].as_array().unwrap().len(), 100_000);
}

#[tokio::test]
async fn referrers_of_a_type_that_they_are_not() {
    let (registry, digest) = registry();
    let image = registry.manifest("app", "1.0").unwrap();
    let subject = waxseal_core::Descriptor::of(image.media_type, image.bytes);
    ImageBuilder::new().artifact("text/one").subject(subject).build().push_untagged(&registry, "app");
    let path = format!("/v2/app/referrers/{digest}");
    let types = || async { json(get(&registry, &path).await).await["manifests"][0]["artifactType"].clone() };
    assert_eq!(types().await, "text/one");
    registry.rule(Match::get("/referrers/"), Behaviour::ReferrersWrongType("text/two".to_owned()));
    assert_eq!(types().await, "text/two");
}

#[tokio::test]
async fn an_upload_that_is_sent_elsewhere() {
    let (registry, _) = registry();
    let elsewhere = "https://elsewhere.example{path}".to_owned();
    registry.rule(Match::post("/uploads/"), Behaviour::UploadLocation(elsewhere));
    let begun = request(&registry, "POST", "/v2/app/blobs/uploads/").send().await.unwrap();
    assert!(header(&begun, "location").starts_with("https://elsewhere.example/v2/app/blobs/uploads/"));
    registry.clear_rules();
    registry.change(|settings| settings.absolute_locations = true);
    let begun = request(&registry, "POST", "/v2/app/blobs/uploads/").send().await.unwrap();
    assert!(header(&begun, "location").starts_with(&registry.url("/v2/app/blobs/uploads/")));
}

#[tokio::test]
async fn an_update_that_is_lost_once() {
    let (registry, _) = registry();
    let body =
        |name: &str| format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"by":"{name}"}}}}"#);
    let theirs = Behaviour::LoseUpdate { media_type: OCI_INDEX.to_owned(), bytes: body("them").into() };
    registry.rule(Match::put("/manifests/list"), theirs);
    let put = || {
        let put = request(&registry, "PUT", "/v2/app/manifests/list").header("content-type", OCI_INDEX);
        status(put.body(body("us")))
    };
    let stored = || registry.manifest("app", "list").unwrap().bytes;
    assert_eq!(put().await, 201);
    assert_eq!(stored(), body("them"));
    assert_eq!(put().await, 201);
    assert_eq!(stored(), body("us"));
}

#[tokio::test]
async fn answers_wait() {
    let (registry, _) = registry();
    registry.rule(Match::get("/manifests/"), Behaviour::Delay(Duration::from_hours(1)));
    let waiting = tokio::time::timeout(Duration::from_millis(50), get(&registry, PATH)).await;
    assert!(waiting.is_err());
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
}
