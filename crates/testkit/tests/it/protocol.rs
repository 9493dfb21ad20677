//! The distribution specification, and the switches that make the registry another kind.

use waxseal_core::Digest;
use waxseal_core::digest::Algorithm;
use waxseal_core::media_type::{OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};
use waxseal_testkit::{ImageBuilder, IndexBuilder, Registry};

use crate::{code, get, header, json, request, status};

#[test]
fn it_needs_no_runtime_of_its_user_and_ends_with_its_owner() {
    let registry = Registry::start();
    let address = registry.address();
    assert!(std::net::TcpStream::connect(address).is_ok());
    drop(registry);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn an_image_is_pushed_and_pulled_by_the_protocol_alone() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("hello", "world").build();
    let put = |bytes: &bytes::Bytes| {
        let url = format!("/v2/team/app/manifests/{}", "1.0");
        request(&registry, "PUT", &url).header("content-type", OCI_MANIFEST).body(bytes.clone())
    };
    let early = put(&image.manifest.1).send().await.unwrap();
    assert_eq!(code(early).await, (400, "MANIFEST_BLOB_UNKNOWN".to_owned()));

    for (descriptor, bytes) in &image.blobs {
        let begun = request(&registry, "POST", "/v2/team/app/blobs/uploads/").send().await.unwrap();
        assert_eq!(begun.status(), 202);
        let location = header(&begun, "location");
        assert!(location.starts_with("/v2/team/app/blobs/uploads/"), "{location}");
        let end = format!("{location}&digest={}", descriptor.digest);
        let done = request(&registry, "PUT", &end).body(bytes.clone()).send().await.unwrap();
        assert_eq!(done.status(), 201);
        assert_eq!(header(&done, "docker-content-digest"), descriptor.digest.to_string());
    }
    assert_eq!(registry.open_uploads(), 0);

    let done = put(&image.manifest.1).send().await.unwrap();
    assert_eq!(done.status(), 201);
    assert_eq!(header(&done, "location"), format!("/v2/team/app/manifests/{}", image.digest()));

    for reference in ["1.0".to_owned(), image.digest().to_string()] {
        let read = get(&registry, &format!("/v2/team/app/manifests/{reference}")).await;
        assert_eq!(header(&read, "content-type"), OCI_MANIFEST);
        assert_eq!(header(&read, "docker-content-digest"), image.digest().to_string());
        assert_eq!(read.bytes().await.unwrap(), image.manifest.1);
    }
    let (layer, bytes) = &image.blobs[1];
    let read = get(&registry, &format!("/v2/team/app/blobs/{}", layer.digest)).await;
    assert_eq!(read.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn head_says_what_get_gives() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("hello", "world").build();
    image.push_to(&registry, "app", "1.0");
    let layer = &image.blobs[1].0;
    for (path, size) in [
        ("/v2/app/manifests/1.0".to_owned(), image.manifest.1.len() as u64),
        (format!("/v2/app/blobs/{}", layer.digest), layer.size),
    ] {
        let head = request(&registry, "HEAD", &path).send().await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(header(&head, "content-length"), size.to_string());
        assert!(!header(&head, "docker-content-digest").is_empty());
    }
    assert_eq!(status(request(&registry, "HEAD", "/v2/app/manifests/2.0")).await, 404);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let registry = Registry::start();
    let body = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
    let put = |reference: &str, content_type: &str, body: &str| {
        let path = format!("/v2/app/manifests/{reference}");
        request(&registry, "PUT", &path).header("content-type", content_type).body(body.to_owned())
    };
    let digest = Digest::of(&body).to_string();
    let long = Digest::of_with(Algorithm::Sha512, &body).to_string();
    for reference in ["1.0", &digest, &long] {
        assert_eq!(status(put(reference, OCI_INDEX, &body)).await, 201, "{reference}");
    }
    let other = Digest::of("other").to_string();
    for (reference, content_type, body, expected) in [
        (other.as_str(), OCI_INDEX, body.as_str(), "DIGEST_INVALID"),
        ("sha256:abc", OCI_INDEX, &body, "DIGEST_INVALID"),
        (".tag", OCI_INDEX, &body, "TAG_INVALID"),
        ("1.0", OCI_MANIFEST, &body, "MANIFEST_INVALID"),
        ("1.0", OCI_INDEX, "[]", "MANIFEST_INVALID"),
        ("1.0", OCI_INDEX, "{", "MANIFEST_INVALID"),
    ] {
        let refused = put(reference, content_type, body).send().await.unwrap();
        assert_eq!(code(refused).await, (400, expected.to_owned()), "{reference} {body}");
    }
    let large = format!("{body}{}", " ".repeat(4 << 20));
    assert_eq!(status(put("1.0", OCI_INDEX, &large)).await, 413);
    let bad = request(&registry, "PUT", "/v2/App/manifests/1.0").body(body).send().await.unwrap();
    assert_eq!(code(bad).await, (400, "NAME_INVALID".to_owned()));
}

#[tokio::test]
async fn an_index_needs_its_children_unless_the_switch_says_otherwise() {
    let index = IndexBuilder::of_platforms(&["linux/amd64", "linux/arm64"]).build();
    for (registry, expected) in [(Registry::start(), 400), (Registry::start().accept_missing_blobs(), 201)] {
        let put = request(&registry, "PUT", "/v2/app/manifests/1.0").header("content-type", OCI_INDEX);
        assert_eq!(status(put.body(index.manifest.1.clone())).await, expected);
    }
}

#[tokio::test]
async fn a_client_that_does_not_name_the_type_does_not_get_it() {
    let registry = Registry::start();
    ImageBuilder::new().build().push_to(&registry, "app", "1.0");
    let accepting =
        |types: &str| request(&registry, "GET", "/v2/app/manifests/1.0").header("accept", types.to_owned());
    assert_eq!(status(accepting(&format!("{OCI_INDEX}, {OCI_MANIFEST};q=0.5"))).await, 200);
    assert_eq!(status(accepting("*/*")).await, 200);
    assert_eq!(status(accepting(OCI_INDEX)).await, 404);
}

#[tokio::test]
async fn blobs_have_ranges() {
    let registry = Registry::start();
    let digest = registry.put_blob("app", "0123456789");
    let path = format!("/v2/app/blobs/{digest}");
    let read = |range: &'static str| request(&registry, "GET", &path).header("range", range).send();
    let part = read("bytes=2-4").await.unwrap();
    assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, "bytes 2-4/10".to_owned()));
    assert_eq!(part.bytes().await.unwrap(), "234");
    assert_eq!(read("bytes=8-").await.unwrap().bytes().await.unwrap(), "89");
    assert_eq!(read("bytes=10-").await.unwrap().status(), 416);
    assert_eq!(registry.requests()[0].range.as_deref(), Some("bytes=2-4"));
}

#[tokio::test]
async fn an_upload_in_parts_keeps_its_order() {
    let registry = Registry::start();
    let begun = request(&registry, "POST", "/v2/app/blobs/uploads/").send().await.unwrap();
    let first = header(&begun, "location");
    let patch = |location: &str, range: &str, body: &'static str| {
        request(&registry, "PATCH", location).header("content-range", range.to_owned()).body(body).send()
    };
    let part = patch(&first, "0-4", "01234").await.unwrap();
    assert_eq!((part.status().as_u16(), header(&part, "range")), (202, "0-4".to_owned()));
    let second = header(&part, "location");
    assert_eq!(code(patch(&first, "5-9", "56789").await.unwrap()).await.1, "BLOB_UPLOAD_INVALID");
    assert_eq!(patch(&second, "6-10", "56789").await.unwrap().status(), 416);
    let asked = get(&registry, &second).await;
    assert_eq!((asked.status().as_u16(), header(&asked, "range")), (204, "0-4".to_owned()));
    let part = patch(&second, "5-9", "56789").await.unwrap();
    let third = header(&part, "location");
    let wrong =
        request(&registry, "PUT", &format!("{third}&digest={}", Digest::of("x"))).send().await.unwrap();
    assert_eq!(code(wrong).await, (400, "DIGEST_INVALID".to_owned()));
    let digest = Digest::of("0123456789");
    let done = request(&registry, "PUT", &format!("{third}&digest={digest}")).send().await.unwrap();
    assert_eq!(done.status(), 201);
    assert_eq!(registry.blob("app", &digest).unwrap(), "0123456789");
    assert_eq!(get(&registry, &third).await.status(), 404);
}

#[tokio::test]
async fn one_post_makes_a_blob_or_opens_an_upload() {
    let digest = Digest::of("blob");
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    let registry = Registry::start();
    assert_eq!(status(request(&registry, "POST", &path).body("blob")).await, 201);
    assert_eq!(status(request(&registry, "POST", &path).body("other")).await, 400);
    let registry = Registry::start().without_single_post();
    assert_eq!(status(request(&registry, "POST", &path).body("blob")).await, 202);
    assert_eq!(registry.open_uploads(), 1);
    assert!(registry.blobs("app").is_empty());
}

#[tokio::test]
async fn a_blob_is_mounted_where_it_can_be() {
    let mount = |digest: Digest, from: &str| format!("/v2/app/blobs/uploads/?mount={digest}&from={from}");
    let registry = Registry::start();
    let digest = registry.put_blob("base", "blob");
    assert_eq!(status(request(&registry, "POST", &mount(digest, "nowhere"))).await, 202);
    assert_eq!(status(request(&registry, "POST", &mount(digest, "base"))).await, 201);
    assert_eq!(registry.blob("app", &digest).unwrap(), "blob");
    let registry = Registry::start().without_mounts();
    let digest = registry.put_blob("base", "blob");
    assert_eq!(status(request(&registry, "POST", &mount(digest, "base"))).await, 202);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let registry = Registry::start();
    for tag in ["b", "a", "c+", "d"] {
        let tag = tag.replace('+', "_");
        ImageBuilder::new().build().push_to(&registry, "app", &tag);
    }
    assert_eq!(
        json(get(&registry, "/v2/app/tags/list").await).await["tags"],
        serde_json::json!(["a", "b", "c_", "d"])
    );
    let first = get(&registry, "/v2/app/tags/list?n=3").await;
    assert_eq!(header(&first, "link"), r#"</v2/app/tags/list?n=3&last=c_>; rel="next""#);
    let last = get(&registry, "/v2/app/tags/list?n=3&last=c_").await;
    assert_eq!(header(&last, "link"), "");
    assert_eq!(json(last).await["tags"], serde_json::json!(["d"]));
    registry.change(|settings| settings.page_size = Some(2));
    assert!(header(&get(&registry, "/v2/app/tags/list").await, "link").contains("n=2&last=b"));
    assert_eq!(get(&registry, "/v2/nothing/tags/list").await.status(), 404);
    assert_eq!(get(&registry, "/v2/app/tags/list?n=x").await.status(), 400);
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_paged() {
    let registry = Registry::start();
    let image = ImageBuilder::new().build();
    image.push_to(&registry, "app", "1.0");
    let path = format!("/v2/app/referrers/{}", image.digest());
    let empty = get(&registry, &path).await;
    assert_eq!(header(&empty, "content-type"), OCI_INDEX);
    assert_eq!(json(empty).await["manifests"], serde_json::json!([]));

    registry.put_blob("app", "{}");
    for number in 0..5 {
        let referrer = ImageBuilder::new()
            .artifact(if number == 4 { "text/other" } else { "text/one" })
            .subject(image.descriptor())
            .annotation("number", &number.to_string())
            .build();
        let put = request(&registry, "PUT", &format!("/v2/app/manifests/{}", referrer.digest()))
            .header("content-type", OCI_MANIFEST)
            .body(referrer.manifest.1);
        let put = put.send().await.unwrap();
        assert_eq!(put.status(), 201);
        assert_eq!(header(&put, "oci-subject"), image.digest().to_string());
    }
    let all = json(get(&registry, &path).await).await;
    assert_eq!(all["manifests"].as_array().unwrap().len(), 5);
    assert!(all["manifests"][0]["annotations"]["number"].is_string());
    let some = get(&registry, &format!("{path}?artifactType=text%2Fother")).await;
    assert_eq!(header(&some, "oci-filters-applied"), "artifactType");
    assert_eq!(json(some).await["manifests"].as_array().unwrap().len(), 1);

    registry.change(|settings| settings.page_size = Some(2));
    let mut found = Vec::new();
    let mut next = format!("{path}?artifactType=text%2Fone");
    for _ in 0..10 {
        let page = get(&registry, &next).await;
        let link = header(&page, "link");
        found.extend(json(page).await["manifests"].as_array().unwrap().clone());
        let Some(link) = link.strip_prefix('<') else { break };
        next = link.split('>').next().unwrap().to_owned();
    }
    assert_eq!(found.len(), 4);
    assert_eq!(get(&registry, "/v2/nothing/referrers/sha256:1").await.status(), 400);
    let unknown = get(&registry, &format!("/v2/nothing/referrers/{}", Digest::of("x"))).await;
    assert_eq!(unknown.status(), 200);
}

#[tokio::test]
async fn without_a_referrers_api_there_is_no_such_page_and_no_subject() {
    let registry = Registry::start().without_referrers_api();
    let image = ImageBuilder::new().build();
    image.push_to(&registry, "app", "1.0");
    let missing = get(&registry, &format!("/v2/app/referrers/{}", image.digest())).await;
    assert_eq!(missing.status(), 404);
    assert_eq!(header(&missing, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(missing.text().await.unwrap(), "404 page not found\n");
    let referrer = ImageBuilder::new().artifact("text/one").subject(image.descriptor()).build();
    registry.put_blob("app", "{}");
    let put = request(&registry, "PUT", &format!("/v2/app/manifests/{}", referrer.digest()))
        .header("content-type", OCI_MANIFEST)
        .body(referrer.manifest.1.clone());
    let put = put.send().await.unwrap();
    assert_eq!((put.status().as_u16(), header(&put, "oci-subject")), (201, String::new()));
    assert_eq!(referrer.blobs[0].0.media_type, OCI_EMPTY);
}

#[tokio::test]
async fn deletes_take_tags_manifests_and_blobs_away() {
    let registry = Registry::start();
    let image = ImageBuilder::new().file("a", "b").build();
    image.push_to(&registry, "app", "1.0");
    image.push_to(&registry, "app", "1.1");
    assert_eq!(status(request(&registry, "DELETE", "/v2/app/manifests/1.0")).await, 202);
    assert_eq!(registry.tags("app"), ["1.1"]);
    let by_digest = format!("/v2/app/manifests/{}", image.digest());
    assert_eq!(status(request(&registry, "DELETE", &by_digest)).await, 202);
    assert_eq!(status(request(&registry, "DELETE", &by_digest)).await, 404);
    assert!(registry.tags("app").is_empty());
    let blob = format!("/v2/app/blobs/{}", image.blobs[0].0.digest);
    assert_eq!(status(request(&registry, "DELETE", &blob)).await, 202);
    let registry = Registry::start().without_deletes();
    image.push_to(&registry, "app", "1.0");
    assert_eq!(status(request(&registry, "DELETE", &by_digest)).await, 405);
}

#[tokio::test]
async fn entity_tags_guard_a_tag() {
    let body = |n: u8| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[],"annotations":{{"n":"{n}"}}}}"#
        )
    };
    let registry = Registry::start().with_etags();
    let put = |name: &'static str, value: String, n: u8| {
        let put = request(&registry, "PUT", "/v2/app/manifests/1.0").header("content-type", OCI_INDEX);
        status(put.header(name, value).body(body(n)))
    };
    assert_eq!(put("if-match", "\"x\"".to_owned(), 1).await, 412);
    assert_eq!(put("if-none-match", "*".to_owned(), 1).await, 201);
    assert_eq!(put("if-none-match", "*".to_owned(), 2).await, 412);
    let read = get(&registry, "/v2/app/manifests/1.0").await;
    let etag = header(&read, "etag");
    assert_eq!(put("if-match", etag.clone(), 2).await, 201);
    assert_eq!(put("if-match", etag.clone(), 3).await, 412);
    let newer = registry.manifest("app", "1.0").unwrap().digest;
    let again =
        request(&registry, "GET", "/v2/app/manifests/1.0").header("if-none-match", format!("\"{newer}\""));
    assert_eq!(status(again).await, 304);
    registry.change(|settings| settings.etags = false);
    assert_eq!(put("if-match", etag, 3).await, 201);
    assert_eq!(header(&get(&registry, "/v2/app/manifests/1.0").await, "etag"), "");
}

#[tokio::test]
async fn immutable_tags_do_not_move() {
    let registry = Registry::start().with_immutable_tags(409);
    let put = |annotation: &str| {
        let body = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"a":"{annotation}"}}}}"#);
        request(&registry, "PUT", "/v2/app/manifests/1.0").header("content-type", OCI_INDEX).body(body).send()
    };
    assert_eq!(put("x").await.unwrap().status(), 201);
    assert_eq!(put("x").await.unwrap().status(), 201);
    assert_eq!(code(put("y").await.unwrap()).await, (409, "DENIED".to_owned()));
}

#[tokio::test]
async fn the_log_keeps_every_request() {
    let registry = Registry::start().with_delay(std::time::Duration::from_millis(1));
    for _ in 0..2 {
        let answer = request(&registry, "GET", "/v2/?x=1").header("x-name", "value").send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(registry.lines(), ["GET /v2/", "GET /v2/"]);
    let first = &registry.requests()[0];
    assert_eq!((first.query.as_str(), first.status, first.header("x-name")), ("x=1", 200, Some("value")));
    assert_eq!((registry.round_trips(), registry.max_in_flight()), (2, 1));
    registry.clear_requests();
    assert_eq!(registry.count("", ""), 0);
}
