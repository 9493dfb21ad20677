//! Summaries, bound to the bytes of the image.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use waxseal_core::Digest;
use waxseal_scan::xray::{Document, ErrorKind, Parts, SCHEMA};
use waxseal_testkit::xray::Xray as Server;
use waxseal_testkit::{Behaviour, Match};

use super::{artifact, client, digest, place, refused, server};

#[tokio::test]
async fn is_read_by_place_or_by_checksum() {
    let server = server(artifact().vulnerability("CVE-2026-0001", "High"));
    let xray = client(&server);
    for place in [Some(place()), None] {
        let summary = xray.summary(&digest(), place.as_ref()).await.unwrap();
        assert_eq!(
            (summary.version, summary.components.as_slice()),
            (2, &["docker://app:1.0".to_owned()][..])
        );
        let answer: Value = serde_json::from_str(summary.answer.get()).unwrap();
        assert_eq!(answer["artifacts"][0]["issues"][0]["cves"][0]["cve"], "CVE-2026-0001");
    }
    let asked: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| serde_json::from_str(request.json.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(
        asked,
        [
            json!({ "paths": ["default/docker-local/app/1.0/manifest.json"] }),
            json!({ "checksums": [digest().hex()] })
        ]
    );
}

#[tokio::test]
async fn an_old_xray_has_the_first_version_only() {
    let server = server(artifact()).old();
    let summary = client(&server).summary(&digest(), Some(&place())).await.unwrap();
    assert_eq!(summary.version, 1);
    assert_eq!(server.lines(), ["POST /xray/api/v2/summary/artifact", "POST /xray/api/v1/summary/artifact"]);
}

#[tokio::test]
async fn other_bytes_than_those_of_the_image_are_refused() {
    let server = server(artifact());
    let xray = client(&server);
    xray.summary(&digest(), Some(&place())).await.unwrap();
    server.change(|settings| settings.wrong_sha256 = Some(Digest::of("another manifest").hex()));
    let why = refused(xray.summary(&digest(), Some(&place())).await, ErrorKind::OtherImage);
    assert!(why.contains(&Digest::of("another manifest").hex()) && why.contains(&digest().hex()), "{why}");
    for none in ["", "sha1"] {
        server.change(|settings| settings.wrong_sha256 = Some(none.to_owned()));
        refused(xray.summary(&digest(), None).await, ErrorKind::OtherImage);
    }
    let body = Bytes::from_static(br#"{"artifacts":[{"issues":[]}]}"#);
    server.rule(Match::path("summary"), Behaviour::OtherBody(body));
    let why = refused(xray.summary(&digest(), None).await, ErrorKind::OtherImage);
    assert!(why.contains("no checksum"), "{why}");
    // SHA-1 knows nothing here, and neither does SHA-512.
    let sha512 = Digest::of_with(waxseal_core::digest::Algorithm::Sha512, b"a manifest");
    refused(xray.summary(&sha512, None).await, ErrorKind::NotSupported);
}

#[tokio::test]
async fn success_with_errors_is_an_error() {
    // The artifact is not known: status 200, and the errors tell.
    let why = refused(client(&Server::start()).summary(&digest(), Some(&place())).await, ErrorKind::Reported);
    assert!(why.contains("not indexed"), "{why}");
    // One artifact and one error are not a whole answer either.
    let server = server(artifact());
    let body = format!(
        r#"{{"artifacts":[{{"general":{{"sha256":"{}"}}}}],"errors":[{{"identifier":"x","error":"timed out"}}]}}"#,
        digest().hex()
    );
    server.rule(Match::path("summary"), Behaviour::OtherBody(body.into()));
    let why = refused(client(&server).summary(&digest(), Some(&place())).await, ErrorKind::Reported);
    assert!(why.contains("x: timed out"), "{why}");
}

#[tokio::test]
async fn an_answer_about_nothing_is_not_clean() {
    let server = Server::start();
    let why = refused(client(&server).summary(&digest(), None).await, ErrorKind::NotScanned);
    assert!(why.contains(&digest().hex()), "{why}");
    for (body, kind) in [
        ("{}", ErrorKind::NotScanned),
        (r#"{"artifacts":null,"errors":null}"#, ErrorKind::NotScanned),
        (r#"{"artifacts":[]}"#, ErrorKind::NotScanned),
        (r#"{"artifacts":{}}"#, ErrorKind::Protocol),
        (r#"{"artifacts":[],"artifacts":[]}"#, ErrorKind::Protocol),
        ("null", ErrorKind::Protocol),
        ("", ErrorKind::Protocol),
    ] {
        server.rule(Match::path("summary"), Behaviour::OtherBody(Bytes::from_static(body.as_bytes())));
        refused(client(&server).summary(&digest(), None).await, kind);
        server.clear_rules();
    }
}

#[tokio::test]
async fn the_document_holds_the_answers_as_they_came() {
    let server = server(artifact().vulnerability("CVE-2026-0001", "High").violations(30));
    let xray = client(&server);
    let digest = digest();
    // A number that no double can hold, and spaces that nobody needs.
    let odd = format!(
        r#"{{ "artifacts" : [ {{"general":{{"sha256":"{}","n":9007199254740993}}}} ] }}"#,
        digest.hex()
    );
    server.rule(Match::path("summary"), Behaviour::OtherBody(odd.clone().into()));
    let version = xray.version().await.unwrap();
    let status = xray.status(&place(), &digest).await.unwrap();
    let summary = xray.summary(&digest, Some(&place())).await.unwrap();
    let place = place();
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut parts = Parts::new("registry.example.com/app", &digest, &version, summary, now);
    parts.tag = Some("1.0");
    parts.place = Some(&place);
    parts.status = Some(&status);
    parts.violations = Some(xray.violations(&place).await.unwrap());
    let text = Document::new(&xray, parts).to_json().unwrap();
    assert!(text.contains(&odd), "{text}");

    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], SCHEMA);
    assert_eq!(
        value["image"],
        json!({ "name": "registry.example.com/app", "tag": "1.0", "digest": digest.to_string() })
    );
    assert_eq!(
        value["xray"],
        json!({ "url": format!("{}/xray", server.url()), "version": "3.111.9", "revision": "a1b2c3d" })
    );
    assert_eq!(value["readOn"], "2026-11-22T10:00:00Z");
    assert_eq!(value["status"]["overall"]["status"], "DONE");
    assert_eq!(value["violations"]["total"], 30);
    assert_eq!(value["violations"]["entries"].as_array().unwrap().len(), 30);

    let back = Document::parse(text.as_bytes()).unwrap();
    assert_eq!(back.to_json().unwrap(), text);
    for (from, to) in [
        ("xray-report/v1", "xray-report/v2"),
        (r#""total":30"#, r#""total":29"#),
        ("\"image\":", "\"schema\":1,\"image\":"),
    ] {
        refused(Document::parse(text.replacen(from, to, 1).as_bytes()), ErrorKind::Protocol);
    }
}
