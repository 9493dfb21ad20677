//! Listings of referrers and tags, and keeping the fallback tag (rule L2, rule G1, T-30, T-56).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use waxseal_core::digest::Algorithm;
use waxseal_core::limits::{LISTING_PAGES, MANIFEST_BYTES, REFERRERS_ENTRIES, TAGS};
use waxseal_core::reference::Tag;
use waxseal_core::{Descriptor, Digest};
use waxseal_oci::attached::fallback_tag;
use waxseal_oci::object::ReferrersSource;
use waxseal_oci::registry::{AbsentStatus, TagChange};
use waxseal_oci::{ErrorKind, Fetched, Look, Which};

use crate::stub::{Body, INDEX, MANIFEST, Reply, Request, Stub, client, digest, found, reply, unreadable};

fn entry(number: usize) -> Value {
    json!({"mediaType": MANIFEST, "digest": digest(number.to_string()).to_string(), "size": 7})
}

fn index(entries: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})).unwrap()
}

fn subject() -> Digest {
    digest(b"subject")
}

fn listing(entries: &[Value]) -> Reply {
    reply(200).typed(INDEX).body(index(entries))
}

#[tokio::test]
async fn reads_all_pages_once_each() {
    let stub = Stub::start(|request| {
        if request.target.contains("page=3") {
            listing(&[entry(4)])
        } else if request.target.contains("page=2") {
            listing(&[entry(3), entry(1)]).header("Link", "<?page=3>; rel=\"next\"")
        } else {
            let next = format!("</v2/team/app/referrers/{}?page=2>; rel=\"next\"", subject());
            listing(&[entry(1), entry(2)]).header("Link", next)
        }
    })
    .await;
    let referrers = found(stub.registry().referrers(&subject()).await);
    assert_eq!(referrers.source, ReferrersSource::Api);
    let digests: Vec<Digest> = referrers.descriptors.iter().map(|descriptor| descriptor.digest).collect();
    assert_eq!(digests, [1, 2, 3, 4].map(|number: usize| digest(number.to_string())));
    assert_eq!(stub.lines().len(), 3);
}

#[tokio::test]
async fn an_empty_listing_is_found_and_empty() {
    for body in [index(&[]), br#"{"schemaVersion":2,"manifests":null}"#.to_vec()] {
        let stub = Stub::start(move |_| reply(200).typed(INDEX).body(body.clone())).await;
        let referrers = found(stub.registry().referrers(&subject()).await);
        assert!(referrers.descriptors.is_empty());
        assert_eq!(stub.lines().len(), 1);
    }
}

#[tokio::test]
async fn rule_l2_unsupported_leads_to_the_fallback_tag() {
    for status in [404, 400, 405, 406, 501, 200] {
        let stub = Stub::start(move |request| match request.target.contains("/referrers/") {
            true => reply(status).typed("text/html").body("hello"),
            false => listing(&[entry(1)]),
        })
        .await;
        let registry = stub.registry();
        // What says that there is no such endpoint is remembered; what may be about one request is not.
        let remembered = matches!(status, 404 | 405 | 501);
        for round in 0..2 {
            let referrers = found(registry.referrers(&subject()).await);
            assert_eq!(referrers.source, ReferrersSource::FallbackTag, "{status}");
            assert_eq!(referrers.descriptors.len(), 1);
            let asked = if remembered { 1 } else { round + 1 };
            assert_eq!(stub.count("GET", "/referrers/"), asked, "{status} round {round}");
        }
        let tag = format!("/manifests/sha256-{}", subject().hex());
        assert_eq!(stub.count("GET", &tag), 2);
    }
}

#[tokio::test]
async fn a_missing_repository_or_manifest_says_nothing_about_the_endpoint() {
    for (code, asked) in [("NAME_UNKNOWN", 2), ("MANIFEST_UNKNOWN", 2), ("NOT_FOUND", 1)] {
        let stub = Stub::start(move |request| match request.target.contains("/referrers/") {
            true => reply(404).body(format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#)),
            false => reply(404),
        })
        .await;
        let registry = stub.registry();
        for _ in 0..2 {
            assert!(matches!(registry.referrers(&subject()).await, Look::Absent));
        }
        assert_eq!(stub.count("GET", "/referrers/"), asked, "{code}");
    }
}

#[tokio::test]
async fn one_repository_without_the_endpoint_says_nothing_about_another() {
    let stub = Stub::start(|request| match request.target.as_str() {
        target if target.contains("/old/referrers/") => reply(404),
        target if target.contains("/referrers/") => listing(&[entry(1)]),
        _ => reply(404),
    })
    .await;
    let client = client(|_| {});
    let of = |path: &str| client.repository(&format!("{}/{path}", stub.host()).parse().unwrap());
    for _ in 0..2 {
        assert!(matches!(of("old").referrers(&subject()).await, Look::Absent));
        assert_eq!(found(of("new").referrers(&subject()).await).source, ReferrersSource::Api);
    }
    assert_eq!((stub.count("GET", "/old/referrers/"), stub.count("GET", "/new/referrers/")), (1, 2));
}

#[tokio::test]
async fn rule_l2_everything_else_is_unreadable() {
    for (status, kind) in [
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Forbidden),
        (429, ErrorKind::TooManyRequests),
        (500, ErrorKind::ServerTrouble),
        (502, ErrorKind::ServerTrouble),
        (418, ErrorKind::Protocol),
    ] {
        for part in ["/referrers/", "/manifests/"] {
            let stub =
                Stub::start(move |request| reply(if request.target.contains(part) { status } else { 404 }))
                    .await;
            assert_eq!(unreadable(stub.registry().referrers(&subject()).await), kind, "{status} {part}");
        }
    }
    let both = Stub::start(|_| reply(404)).await;
    assert!(matches!(both.registry().referrers(&subject()).await, Look::Absent));
}

#[tokio::test]
async fn a_registry_whose_403_means_absent() {
    let stub = Stub::start(|_| reply(403)).await;
    let absent = stub.registry_with(|options| options.absent_statuses.push(AbsentStatus::new(None, 403)));
    assert!(matches!(absent.referrers(&subject()).await, Look::Absent));
    assert_eq!(unreadable(stub.registry().referrers(&subject()).await), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_listing_that_does_not_parse_is_unreadable() {
    let twice = String::from_utf8(index(&[entry(1)])).unwrap().replace("\"size\":7", "\"size\":7,\"size\":8");
    let case = String::from_utf8(index(&[entry(1)])).unwrap().replace("\"size\":7", "\"size\":7,\"Size\":8");
    let bodies = [
        case.into_bytes(),
        br#"{"manifests":[],"Manifests":[]}"#.to_vec(),
        br#"{"manifests":[],"Layers":[]}"#.to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        br#"{"manifests":{}}"#.to_vec(),
        br#"{"manifests":[{}]}"#.to_vec(),
        br#"{"manifests":[],"layers":[]}"#.to_vec(),
        index(&[json!({"mediaType": MANIFEST, "digest": "sha256:00", "size": 1})]),
        index(&[json!({"mediaType": MANIFEST, "digest": subject().to_string(), "size": -1})]),
        twice.into_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let api = Stub::start({
            let body = body.clone();
            move |_| reply(200).typed(INDEX).body(body.clone())
        })
        .await;
        assert_eq!(unreadable(api.registry().referrers(&subject()).await), ErrorKind::Malformed, "{shown}");
        let fallback = Stub::start(move |request| match request.target.contains("/referrers/") {
            true => reply(404),
            false => reply(200).typed(INDEX).body(body.clone()),
        })
        .await;
        assert_eq!(
            unreadable(fallback.registry().referrers(&subject()).await),
            ErrorKind::Malformed,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn bounds_the_entries_over_all_pages() {
    let full: Vec<Value> = (0..REFERRERS_ENTRIES).map(entry).collect();
    let body = index(&full);
    let stub = Stub::start(move |_| reply(200).typed(INDEX).body(body.clone())).await;
    assert_eq!(found(stub.registry().referrers(&subject()).await).descriptors.len(), REFERRERS_ENTRIES);
    let body = index(&full);
    let stub = Stub::start(move |request| match request.target.contains("more") {
        true => listing(&[entry(REFERRERS_ENTRIES)]),
        false => reply(200).typed(INDEX).header("Link", "<?more>; rel=next").body(body.clone()),
    })
    .await;
    assert_eq!(unreadable(stub.registry().referrers(&subject()).await), ErrorKind::LimitExceeded);
    let body = index(&(0..=REFERRERS_ENTRIES).map(entry).collect::<Vec<_>>());
    let stub = Stub::start(move |request| match request.target.contains("/referrers/") {
        true => reply(404),
        false => reply(200).typed(INDEX).body(body.clone()),
    })
    .await;
    assert_eq!(unreadable(stub.registry().referrers(&subject()).await), ErrorKind::LimitExceeded);
}

#[tokio::test]
async fn a_hundred_thousand_referrers_end_at_a_limit() {
    let large = index(&(0..100_000).map(entry).collect::<Vec<_>>());
    let small = format!(r#"{{"manifests":[{}{{}}]}}"#, "{},".repeat(100_000)).into_bytes();
    for body in [large, small] {
        let stub = Stub::start(move |_| reply(200).typed(INDEX).body(body.clone())).await;
        assert_eq!(unreadable(stub.registry().referrers(&subject()).await), ErrorKind::LimitExceeded);
        assert_eq!(stub.lines().len(), 1);
    }
    let endless = Stub::start(|_| reply(200).typed(INDEX).with(Body::Endless)).await;
    assert_eq!(unreadable(endless.registry().referrers(&subject()).await), ErrorKind::LimitExceeded);
}

#[tokio::test]
async fn pages_stay_at_the_registry_and_do_not_turn_round() {
    let other = Stub::start(|_| listing(&[])).await;
    let own = "<?page=2>; rel=next".to_owned();
    let cases = [
        (own, None),
        (
            format!("<http://{}/v2/team/app/referrers/x>; rel=next", other.host()),
            Some(ErrorKind::RefusedAddress),
        ),
        ("<http://169.254.169.254/x>; rel=next".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("<//r.example/x>; rel=next".to_owned(), Some(ErrorKind::RefusedAddress)),
        ("<file:///etc/passwd>; rel=next".to_owned(), Some(ErrorKind::RefusedAddress)),
        (format!("</v2/team/app/referrers/{}>; rel=next", subject()), Some(ErrorKind::Protocol)),
        ("</x>; rel=next, </y>; rel=next".to_owned(), Some(ErrorKind::Protocol)),
    ];
    for (link, expected) in cases {
        let shown = link.clone();
        let stub = Stub::start(move |request| match request.target.contains("page=2") {
            true => listing(&[entry(2)]),
            false => listing(&[entry(1)]).header("Link", link.clone()),
        })
        .await;
        let look = stub.registry().referrers(&subject()).await;
        match expected {
            None => assert_eq!(found(look).descriptors.len(), 2),
            Some(kind) => assert_eq!(unreadable(look), kind, "{shown}"),
        }
    }
    assert_eq!(other.lines().len(), 0);
}

#[tokio::test]
async fn empty_pages_without_end_are_bounded() {
    let count = Arc::new(Mutex::new(0));
    let stub = Stub::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        listing(&[]).header("Link", format!("<?page={count}>; rel=next"))
    })
    .await;
    let registry = stub.registry_with(|options| options.deadline = std::time::Duration::from_mins(2));
    assert_eq!(unreadable(registry.referrers(&subject()).await), ErrorKind::LimitExceeded);
    assert_eq!(stub.lines().len(), LISTING_PAGES);
}

#[tokio::test]
async fn a_later_page_that_fails_spoils_the_listing() {
    for (status, kind) in
        [(404, ErrorKind::NotFound), (500, ErrorKind::ServerTrouble), (405, ErrorKind::Unsupported)]
    {
        let stub = Stub::start(move |request| match request.target.contains("page=2") {
            true => reply(status),
            false => listing(&[entry(1)]).header("Link", "<?page=2>; rel=next"),
        })
        .await;
        assert_eq!(unreadable(stub.registry().referrers(&subject()).await), kind);
    }
}

#[test]
fn rule_g7_the_fallback_tag_is_cut() {
    assert_eq!(fallback_tag(&subject()).unwrap().as_str(), format!("sha256-{}", subject().hex()));
    let long = Digest::of_with(Algorithm::Sha512, b"subject");
    assert_eq!(fallback_tag(&long).unwrap().as_str(), format!("sha512-{}", &long.hex()[..64]));
}

/// A registry without the referrers API that keeps one tag.
#[derive(Clone, Default)]
struct OneTag {
    index: Arc<Mutex<Option<Vec<u8>>>>,
    /// Entries that somebody else writes over ours, one after each write.
    rivals: Arc<Mutex<Vec<Vec<u8>>>>,
    etags: bool,
}

impl OneTag {
    fn answer(&self, request: &Request) -> Reply {
        let mut index = self.index.lock().unwrap();
        let etag = |bytes: &[u8]| format!("\"{}\"", digest(bytes));
        if !request.target.contains("/manifests/sha256-") {
            return reply(if request.method == "PUT" { 201 } else { 404 });
        }
        if request.method == "GET" {
            return match &*index {
                Some(bytes) if self.etags => {
                    reply(200).typed(INDEX).header("ETag", etag(bytes)).body(bytes.clone())
                }
                Some(bytes) => reply(200).typed(INDEX).body(bytes.clone()),
                None => reply(404),
            };
        }
        let rival = self.rivals.lock().unwrap().pop();
        if let Some(wanted) = request.header("if-match") {
            if let Some(rival) = rival {
                *index = Some(rival);
            }
            if index.as_deref().map(etag).as_deref() != Some(wanted) {
                return reply(412);
            }
            *index = Some(request.body.clone());
        } else {
            *index = Some(rival.unwrap_or_else(|| request.body.clone()));
        }
        reply(201)
    }

    fn value(&self) -> Value {
        serde_json::from_slice(self.index.lock().unwrap().as_ref().unwrap()).unwrap()
    }

    async fn stub(&self) -> Stub {
        let registry = self.clone();
        Stub::start(move |request| registry.answer(request)).await
    }
}

fn referrer(number: usize) -> (Bytes, Descriptor) {
    let bytes = Bytes::from(format!("{{\"number\":{number}}}"));
    let mut descriptor = Descriptor::of(MANIFEST, &bytes);
    descriptor.artifact_type = Some("application/x".to_owned());
    descriptor.annotations.insert("a".to_owned(), "b".to_owned());
    (bytes, descriptor)
}

#[tokio::test]
async fn a_registry_that_lists_it_gets_no_fallback_tag() {
    let stub = Stub::start(|_| reply(201).header("OCI-Subject", subject().to_string())).await;
    let (bytes, descriptor) = referrer(1);
    let put = stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap();
    assert_eq!((put.digest, put.listed), (descriptor.digest, ReferrersSource::Api));
    assert_eq!(stub.lines(), [format!("PUT /v2/team/app/manifests/{}", descriptor.digest)]);
}

#[tokio::test]
async fn another_subject_in_the_answer_is_no_listing() {
    let state = OneTag::default();
    let registry = state.clone();
    let stub = Stub::start(move |request| {
        registry.answer(request).header("OCI-Subject", digest(b"other").to_string())
    })
    .await;
    let (bytes, descriptor) = referrer(1);
    let put = stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap();
    assert_eq!(put.listed, ReferrersSource::FallbackTag);
    assert_eq!(state.value()["manifests"][0]["artifactType"], "application/x");
}

#[tokio::test]
async fn keeps_the_fallback_tag() {
    let state = OneTag::default();
    let stub = state.stub().await;
    let registry = stub.registry();
    for number in [1, 2, 3, 2] {
        let (bytes, descriptor) = referrer(number);
        let put = registry.put_referrer(bytes, &descriptor, &subject()).await.unwrap();
        assert_eq!(put.listed, ReferrersSource::FallbackTag);
    }
    let value = state.value();
    assert_eq!((&value["schemaVersion"], &value["mediaType"]), (&json!(2), &json!(INDEX)));
    let listed: Vec<&str> = value["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap())
        .collect();
    assert_eq!(listed.len(), 3, "each once");
    assert!(listed.is_sorted());
    assert_eq!(value["manifests"][0]["annotations"]["a"], "b");
    assert_eq!(found(registry.referrers(&subject()).await).descriptors.len(), 3);
}

#[tokio::test]
async fn keeps_what_it_does_not_know() {
    let state = OneTag::default();
    let known = entry(1).to_string();
    let foreign =
        format!("{},\"x-unknown\":{{\"z\":1,\"a\":[1.0,1e400]}}}}", known.strip_suffix('}').unwrap());
    let old = format!(
        r#"{{"schemaVersion":2,"annotations":{{"k":"v"}},"x-more":1e400,"manifests":[{foreign},{foreign}]}}"#
    );
    *state.index.lock().unwrap() = Some(old.into_bytes());
    let stub = state.stub().await;
    let (bytes, descriptor) = referrer(1);
    stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap();
    let text = String::from_utf8(state.index.lock().unwrap().clone().unwrap()).unwrap();
    for kept in [&foreign, r#""annotations":{"k":"v"}"#, r#""x-more":1e400"#] {
        assert_eq!(text.matches(kept).count(), 1, "{kept} in {text}");
    }
    assert_eq!(found(stub.registry().referrers(&subject()).await).descriptors.len(), 2);
}

#[tokio::test]
async fn does_not_write_over_what_is_no_index() {
    let full = index(&(0..REFERRERS_ENTRIES).map(entry).collect::<Vec<_>>());
    let cases = [
        (br#"{"schemaVersion":2,"config":{},"layers":[]}"#.to_vec(), ErrorKind::Malformed),
        (b"junk".to_vec(), ErrorKind::Malformed),
        (full, ErrorKind::LimitExceeded),
    ];
    for (old, kind) in cases {
        let state = OneTag::default();
        *state.index.lock().unwrap() = Some(old.clone());
        let stub = state.stub().await;
        let (bytes, descriptor) = referrer(1);
        let error = stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(*state.index.lock().unwrap(), Some(old));
    }
}

#[tokio::test]
async fn a_lost_entry_is_written_again() {
    for etags in [false, true] {
        let state = OneTag { etags, ..OneTag::default() };
        *state.index.lock().unwrap() = Some(index(&[entry(9)]));
        state.rivals.lock().unwrap().extend([index(&[entry(1), entry(9)]), index(&[entry(5), entry(9)])]);
        let stub = state.stub().await;
        let (bytes, descriptor) = referrer(1);
        stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap();
        let listed = found(stub.registry().referrers(&subject()).await).descriptors;
        assert_eq!(listed.len(), 3, "both entries of the others and ours");
        assert!(listed.iter().any(|listed| listed.digest == descriptor.digest));
        assert_eq!(stub.count("PUT", "/manifests/sha256-"), 3);
        assert_eq!(stub.requests().iter().any(|request| request.header("if-match").is_some()), etags);
    }
}

#[tokio::test]
async fn an_entry_that_is_always_lost_is_an_error() {
    let state = OneTag::default();
    state.rivals.lock().unwrap().extend(vec![index(&[entry(9)]); 100]);
    let stub = state.stub().await;
    let (bytes, descriptor) = referrer(1);
    let error = stub.registry().put_referrer(bytes, &descriptor, &subject()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LostUpdate);
    assert!(stub.count("PUT", "/manifests/sha256-") < 20);
}

#[tokio::test]
async fn two_writers_at_once_lose_nothing() {
    let state = OneTag { etags: true, ..OneTag::default() };
    *state.index.lock().unwrap() = Some(index(&[]));
    let stub = state.stub().await;
    let registry = stub.registry_with(|options| options.retries.pause = std::time::Duration::from_millis(20));
    let puts = (0..4).map(|number| {
        let registry = registry.clone();
        async move {
            let (bytes, descriptor) = referrer(number);
            registry.put_referrer(bytes, &descriptor, &subject()).await.unwrap();
        }
    });
    futures_util::future::join_all(puts).await;
    assert_eq!(state.value()["manifests"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_tag_that_is_kept_is_not_written() {
    let state = OneTag::default();
    *state.index.lock().unwrap() = Some(index(&[]));
    let stub = state.stub().await;
    let tag: Tag = fallback_tag(&subject()).unwrap();
    let update =
        stub.registry().update_tag(&tag, |_| async { Ok(TagChange::Keep) }, |_| false).await.unwrap();
    assert_eq!((update.written, update.digest), (false, Some(digest(index(&[])))));
    assert_eq!(stub.count("PUT", ""), 0);
}

#[tokio::test]
async fn what_the_caller_has_read_is_not_written_over_once_it_has_changed() {
    for etags in [true, false] {
        let state = OneTag { etags, ..OneTag::default() };
        *state.index.lock().unwrap() = Some(index(&[entry(1)]));
        let stub = state.stub().await;
        let registry = stub.registry();
        let tag: Tag = fallback_tag(&subject()).unwrap();
        let known = found(registry.manifest(&Which::Tag(tag.clone())).await);
        // Somebody else writes before the caller does.
        let meanwhile = index(&[entry(1), entry(2)]);
        *state.index.lock().unwrap() = Some(meanwhile.clone());
        let mut seen = Vec::new();
        let change = |standing: Option<Fetched>| {
            seen.push(standing.unwrap().descriptor.digest);
            let bytes = Bytes::from(index(&[entry(1), entry(3)]));
            core::future::ready(Ok(TagChange::Write { bytes, media_type: INDEX.to_owned() }))
        };
        registry.update_tag_from(&tag, Some(known), change, |_| true).await.unwrap();
        let first = digest(index(&[entry(1)]));
        assert_eq!(seen, if etags { vec![first, digest(meanwhile)] } else { vec![first] });
        let puts = stub.requests().into_iter().filter(|request| request.method == "PUT");
        assert!(puts.into_iter().all(|put| put.header("if-match").is_some() == etags));
    }
}

#[tokio::test]
async fn a_tag_gets_nothing_that_would_not_be_read_back() {
    let tag: Tag = fallback_tag(&subject()).unwrap();
    let most = usize::try_from(MANIFEST_BYTES).unwrap();
    for (size, outcome) in [(most, Ok(())), (most + 1, Err(ErrorKind::LimitExceeded))] {
        let state = OneTag::default();
        let old = index(&[entry(1)]);
        *state.index.lock().unwrap() = Some(old.clone());
        let stub = state.stub().await;
        let change = |_| {
            let bytes = Bytes::from(vec![b' '; size]);
            core::future::ready(Ok(TagChange::Write { bytes, media_type: MANIFEST.to_owned() }))
        };
        let updated = stub.registry().update_tag(&tag, change, |_| true).await;
        assert_eq!(updated.map(|_| ()).map_err(|error| error.kind()), outcome);
        assert_eq!(stub.count("PUT", ""), usize::from(outcome.is_ok()));
        assert_eq!(*state.index.lock().unwrap() == Some(old), outcome.is_err());
    }
}

#[tokio::test]
async fn a_descriptor_of_other_bytes_is_not_written() {
    let stub = Stub::start(|_| reply(201)).await;
    let (bytes, descriptor) = referrer(1);
    let mut longer = descriptor.clone();
    longer.size += 1;
    let error = stub.registry().put_referrer(bytes, &longer, &subject()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    let error = stub.registry().put_referrer(referrer(2).0, &descriptor, &subject()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DigestMismatch);
    assert_eq!(stub.lines().len(), 0);
}

#[tokio::test]
async fn lists_tags_over_pages() {
    let stub = Stub::start(|request| match request.target.contains("last=b") {
        true => reply(200).body(r#"{"name":"team/app","tags":["c"]}"#),
        false => reply(200)
            .header("Link", "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\"")
            .body(r#"{"name":"team/app","tags":["a","b"]}"#),
    })
    .await;
    let tags = stub.registry().tags().await.unwrap();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    let none = Stub::start(|_| reply(200).body(r#"{"name":"team/app","tags":null}"#)).await;
    assert!(none.registry().tags().await.unwrap().is_empty());
}

#[tokio::test]
async fn refuses_listings_of_tags_that_lie() {
    let many = |count: usize| format!(r#"{{"tags":[{}"a"]}}"#, "\"a\",".repeat(count - 1));
    for (status, body, expected) in [
        (200, many(TAGS), None),
        (200, many(TAGS + 1), Some(ErrorKind::LimitExceeded)),
        (200, r#"{"tags":["../x"]}"#.to_owned(), Some(ErrorKind::Malformed)),
        (200, r#"{"tags":"a"}"#.to_owned(), Some(ErrorKind::Malformed)),
        (200, "{".to_owned(), Some(ErrorKind::Malformed)),
        (404, "{}".to_owned(), Some(ErrorKind::NotFound)),
        (403, "{}".to_owned(), Some(ErrorKind::Forbidden)),
    ] {
        let stub = Stub::start(move |_| reply(status).body(body.clone())).await;
        assert_eq!(stub.registry().tags().await.err().map(|error| error.kind()), expected);
    }
    let elsewhere = Stub::start(|_| {
        reply(200).header("Link", "<https://r.example/x>; rel=next").body(r#"{"tags":["a"]}"#)
    })
    .await;
    assert_eq!(elsewhere.registry().tags().await.unwrap_err().kind(), ErrorKind::RefusedAddress);
}
